//! The text of a receipt: a checkpoint with the proof of an entry in it (C2SP tlog-proof).

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::{CheckpointError, InclusionProof, NodeHash, NotIncluded, SIZE_MAX, SignedCheckpoint};
use crate::id::AuthorityId;
use crate::keys::VerifyingKey;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof that stands on its own: whoever knows the leaf and the log's key needs no more.
///
/// Parsed, it has a form; only [`Self::verify`] tells whether it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    extra: Vec<u8>,
    index: u64,
    inclusion: InclusionProof,
    checkpoint: String,
}

impl TlogProof {
    /// The most extra bytes that are read.
    pub const EXTRA_BYTES_MAX: usize = 64 * 1024;

    /// Joins the proof of entry `index` to the checkpoint that it was made for.
    ///
    /// `extra` is for the reader's use (at most [`Self::EXTRA_BYTES_MAX`] bytes, more is not read back); the proof
    /// does not authenticate it.
    #[must_use]
    pub fn new(
        extra: Vec<u8>,
        index: u64,
        inclusion: InclusionProof,
        checkpoint: &SignedCheckpoint,
    ) -> Self {
        Self {
            extra,
            index,
            inclusion,
            checkpoint: checkpoint.as_text().to_owned(),
        }
    }

    /// Reads a proof. What is read prints the same.
    ///
    /// # Errors
    ///
    /// Says which part is malformed or too long. The checkpoint is left to [`Self::verify`].
    pub fn parse(text: &str) -> Result<Self, MalformedProof> {
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(MalformedProof("empty line before the checkpoint"))?;
        if checkpoint.len() > SignedCheckpoint::BYTES_MAX {
            return Err(MalformedProof("checkpoint"));
        }
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(MalformedProof("first line"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => parse_extra(line).ok_or(MalformedProof("extra line"))?,
            None => Vec::new(),
        };
        let index = lines
            .next()
            .and_then(parse_index)
            .ok_or(MalformedProof("index line"))?;
        // One line more than a proof can have is read, and refused.
        let hashes = lines
            .take(InclusionProof::HASHES_MAX + 1)
            .map(parse_hash)
            .collect::<Option<Vec<_>>>()
            .filter(|hashes| hashes.len() <= InclusionProof::HASHES_MAX)
            .ok_or(MalformedProof("inclusion proof"))?;
        Ok(Self {
            extra,
            index,
            inclusion: InclusionProof::from_hashes(hashes),
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that the log of `authority`, whose key is `key`, has `leaf` at the index stated.
    ///
    /// Returns the checkpoint, which the caller compares with the last one seen. Where it is `known`, letter for letter, its
    /// signature was verified before: a page of proofs has one checkpoint.
    ///
    /// # Errors
    ///
    /// Says whether the checkpoint or the inclusion is wrong.
    pub fn verify(
        &self,
        leaf: NodeHash,
        authority: AuthorityId,
        key: &VerifyingKey,
        known: Option<&SignedCheckpoint>,
    ) -> Result<SignedCheckpoint, ProofError> {
        let known = known.filter(|known| {
            known.as_text() == self.checkpoint && known.checkpoint().authority == authority
        });
        let signed = match known {
            Some(known) => known.clone(),
            None => SignedCheckpoint::parse(&self.checkpoint, authority, key)?,
        };
        let head = signed.checkpoint();
        self.inclusion
            .verify(leaf, self.index, head.size, head.root)?;
        Ok(signed)
    }

    /// Returns the extra bytes, which nothing authenticates.
    #[must_use]
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }

    /// Returns the entry's place in the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns the inclusion proof.
    #[must_use]
    pub fn inclusion(&self) -> &InclusionProof {
        &self.inclusion
    }
}

/// Shows the text that [`TlogProof::parse`] reads.
impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", BASE64_STANDARD.encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in self.inclusion.hashes() {
            writeln!(f, "{}", BASE64_STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// A text that is no proof, with the part that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed proof: {0}")]
pub struct MalformedProof(&'static str);

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The checkpoint is not the authority's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not in the log where the proof says.
    #[error(transparent)]
    NotIncluded(#[from] NotIncluded),
}

/// An empty line is refused, since it prints as none.
fn parse_extra(line: &str) -> Option<Vec<u8>> {
    let text = line.strip_prefix("extra ")?;
    if text.is_empty() || text.len() > TlogProof::EXTRA_BYTES_MAX.div_ceil(3) * 4 {
        return None;
    }
    let bytes = BASE64_STANDARD.decode(text).ok()?;
    (bytes.len() <= TlogProof::EXTRA_BYTES_MAX).then_some(bytes)
}

fn parse_index(line: &str) -> Option<u64> {
    let text = line.strip_prefix("index ")?;
    let index = text.parse().ok().filter(|index| *index < SIZE_MAX)?;
    // `parse` takes a plus sign and leading zeros; an index has one text.
    (u64::to_string(&index) == text).then_some(index)
}

fn parse_hash(line: &str) -> Option<NodeHash> {
    let text = (line.len() == NodeHash::BYTES.div_ceil(3) * 4).then_some(line)?;
    let bytes = BASE64_STANDARD.decode(text).ok()?;
    bytes.try_into().ok().map(NodeHash::from_bytes)
}

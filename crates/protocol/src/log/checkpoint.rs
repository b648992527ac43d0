//! Checkpoints: a size and a root under the authority's name, signed (C2SP tlog-checkpoint, signed-note).

use signed_note::{Note, NoteError, Verifier, VerifierList};

use super::{NodeHash, SIZE_MAX};
use crate::id::AuthorityId;
use crate::keys::{Signature, SigningKey, VerifyingKey};

/// The head of an authority's log.
///
/// ```text
/// strongroom/authority/0505050505050505050505050505050505050505050505050505050505050505
/// 4
/// l5nzB1F+9RfCIF35tndivzR1ayAJn7ffzOdrzr0nOy4=
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log it is; the origin line is made of it.
    pub authority: AuthorityId,
    /// The number of entries.
    pub size: u64,
    /// The root of the tree of all entries.
    pub root: NodeHash,
}

impl Checkpoint {
    /// Signs the checkpoint with the log's key.
    ///
    /// An authority signs no checkpoint that is inconsistent with one that it signed before.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "an origin is a key name, and a signature line is text"
    )]
    pub fn sign(&self, key: &SigningKey) -> SignedCheckpoint {
        let origin = origin(self.authority);
        let note = self.to_note();
        let signature = key.sign_bytes(note.as_bytes());
        let line = signed_note::Signature::new(
            origin.clone(),
            key_id(&origin, &key.verifying_key()),
            signature.to_vec(),
        )
        .expect("an origin has no space and no plus");
        let line = String::from_utf8(line.to_bytes()).expect("a signature line is text");
        SignedCheckpoint {
            checkpoint: *self,
            text: format!("{note}\n{line}"),
        }
    }

    /// Returns the text that is signed.
    fn to_note(self) -> String {
        format!(
            "{}\n{}\n{}\n",
            origin(self.authority),
            self.size,
            tlog_tiles::Hash::from(self.root)
        )
    }
}

/// A checkpoint whose signature by its authority was made or verified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    // Invariant: a signed note of `checkpoint`, with a signature by its authority.
    text: String,
}

impl SignedCheckpoint {
    /// The longest checkpoint that is read: room for 16 signatures of witnesses, post-quantum ones too.
    pub const BYTES_MAX: usize = 128 * 1024;

    /// Reads a checkpoint of `authority` and verifies its signature by `key`.
    ///
    /// Signatures by others, as witnesses add them, are kept in the text and otherwise ignored.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it. Extension lines are refused: no authority writes any.
    pub fn parse(
        text: &str,
        authority: AuthorityId,
        key: &VerifyingKey,
    ) -> Result<Self, CheckpointError> {
        if text.len() > Self::BYTES_MAX {
            return Err(CheckpointError::TooLong);
        }
        let note = Note::from_bytes(text.as_bytes()).map_err(|_| CheckpointError::Malformed)?;
        let head = tlog_tiles::Checkpoint::from_bytes(note.text())
            .map_err(|_| CheckpointError::Malformed)?;
        if head.origin() != origin(authority) {
            return Err(CheckpointError::WrongOrigin);
        }
        verify(&note, authority, key)?;
        let checkpoint = Checkpoint {
            authority,
            size: head.size(),
            root: (*head.hash()).into(),
        };
        // Whatever else the parsers let pass, extension lines too, is refused here.
        if checkpoint.to_note().as_bytes() != note.text() || checkpoint.size > SIZE_MAX {
            return Err(CheckpointError::Malformed);
        }
        Ok(Self {
            checkpoint,
            text: text.to_owned(),
        })
    }

    /// Returns what was signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns the signed note.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }
}

/// Why a text is no checkpoint of the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not a signed note, or not the text of a checkpoint.
    #[error("the checkpoint is malformed")]
    Malformed,
    /// No signature by the authority's key is on it.
    #[error("the checkpoint is not signed by the authority's log key")]
    NotSigned,
    /// Longer than any checkpoint is read.
    #[error("the checkpoint is too long")]
    TooLong,
    /// Another log's.
    #[error("the checkpoint is of another log than this authority's")]
    WrongOrigin,
    /// A signature in the name of the authority's key does not verify.
    #[error("the signature on the checkpoint is wrong")]
    WrongSignature,
}

fn origin(authority: AuthorityId) -> String {
    format!("strongroom/authority/{authority}")
}

/// Returns the key id of signed-note, for its type 1: Ed25519.
fn key_id(name: &str, key: &VerifyingKey) -> u32 {
    signed_note::key_id(name, &[&[1], &key.as_bytes()[..]].concat())
}

fn verify(note: &Note, authority: AuthorityId, key: &VerifyingKey) -> Result<(), CheckpointError> {
    let name = origin(authority);
    let log = LogKey {
        id: key_id(&name, key),
        name,
        key: *key,
    };
    match note.verify(&VerifierList::new(vec![Box::new(log)])) {
        Ok(_) => Ok(()),
        Err(NoteError::InvalidSignature { .. }) => Err(CheckpointError::WrongSignature),
        Err(_) => Err(CheckpointError::NotSigned),
    }
}

/// The log's key under its name, as `signed_note` asks for it.
struct LogKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl Verifier for LogKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        <&[u8; Signature::BYTES]>::try_from(signature)
            .is_ok_and(|signature| self.key.verify_bytes(text, signature))
    }
}

//! The release statement: up to 256 session keys, sealed to the key that a request named (spec/recovery.md#release).

use crate::encoding::{Malformed, Reader, Writer};
use crate::id::{AuthorityId, Digest, OwnerId, Serial, StatementId};
use crate::wrap::Encapsulation;

use super::body::Body;
use super::sealed::{Batch, SealedKey, all_differ};

/// Session keys released on a decision, signed by the authority's log key.
///
/// A request's deposits are released in pages of up to 256, one after another, in the log's order.
#[derive(Clone, Debug)]
pub struct Release {
    request: Digest,
    decision: Digest,
    page: u64,
    withheld: Vec<Serial>,
    batch: Option<Batch>,
    authority: AuthorityId,
    owner: OwnerId,
}

impl Release {
    /// The most deposits one page answers for.
    pub const KEYS_MAX: usize = Batch::KEYS_MAX;

    /// Makes the page of what a custodian re-wrapped for the request's key.
    ///
    /// `withheld` are the serials of the page whose deposits did not open to what they were labelled as.
    ///
    /// # Errors
    ///
    /// Says so when there are more keys than a page holds, or one of another owner's, or one serial twice.
    pub fn new(
        origin: ReleaseOrigin,
        page: u64,
        sealed: Option<(Encapsulation, Vec<SealedKey>)>,
        withheld: Vec<Serial>,
    ) -> Result<Self, WrongRelease> {
        let batch = sealed.map(|(encapsulation, keys)| Batch {
            authority: origin.authority,
            owner: origin.owner,
            encapsulation,
            keys,
        });
        let keys = batch.as_ref().map_or(&[][..], |batch| &batch.keys);
        let ours = keys
            .iter()
            .all(|key| key.label.authority == origin.authority && key.label.owner == origin.owner);
        let empty_batch = batch.as_ref().is_some_and(|batch| batch.keys.is_empty());
        let release = Self {
            request: origin.request,
            decision: origin.decision,
            page,
            withheld,
            batch,
            authority: origin.authority,
            owner: origin.owner,
        };
        if ours && !empty_batch && release.is_a_page() {
            Ok(release)
        } else {
            Err(WrongRelease)
        }
    }

    /// Tells whether it answers for at most as many deposits as a page has, and for each once.
    fn is_a_page(&self) -> bool {
        let released = self.keys().iter().map(|key| key.label.serial);
        self.keys().len() + self.withheld.len() <= Self::KEYS_MAX
            && all_differ(released.chain(self.withheld.iter().copied()))
    }

    /// Returns the authority that releases.
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        self.authority
    }

    /// Returns whose keys these are.
    #[must_use]
    pub fn owner(&self) -> OwnerId {
        self.owner
    }

    /// Returns H(Q) of the request answered.
    #[must_use]
    pub fn request(&self) -> Digest {
        self.request
    }

    /// Returns the digest of the decision it rests on.
    #[must_use]
    pub fn decision(&self) -> Digest {
        self.decision
    }

    /// Returns which page of the request's deposits this is, from 0.
    #[must_use]
    pub fn page(&self) -> u64 {
        self.page
    }

    /// Returns the serials whose deposits did not open.
    #[must_use]
    pub fn withheld(&self) -> &[Serial] {
        &self.withheld
    }

    /// Returns what the keys are encapsulated in, if there is any key.
    #[must_use]
    pub fn encapsulation(&self) -> Option<&Encapsulation> {
        self.batch.as_ref().map(|batch| &batch.encapsulation)
    }

    /// Returns the keys, sealed to the request's key.
    #[must_use]
    pub fn keys(&self) -> &[SealedKey] {
        self.batch.as_ref().map_or(&[], |batch| &batch.keys)
    }
}

impl Body for Release {
    fn addressee(&self, _: StatementId) -> AuthorityId {
        self.authority()
    }

    /// `E(authority, owner, H(Q), H(decision), page, [withheld..])`, then `H(enc), [..]` where there are keys.
    fn signed(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(if self.batch.is_some() { 8 } else { 6 });
        writer.item(&self.authority).item(&self.owner);
        writer
            .item(&self.request)
            .item(&self.decision)
            .uint(self.page);
        writer.items(&self.withheld);
        if let Some(batch) = &self.batch {
            batch.write_signed(&mut writer);
        }
        writer.into_bytes()
    }

    fn carried(&self) -> Vec<u8> {
        self.batch.as_ref().map(Batch::carried).unwrap_or_default()
    }

    fn read(signed: &[u8], carried: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(signed);
        let has_keys = match reader.count("release")? {
            6 => false,
            8 => true,
            _ => return Err(reader.malformed("release")),
        };
        let authority = reader.item()?;
        let owner = reader.item()?;
        let request = reader.item()?;
        let decision = reader.item()?;
        let page = reader.item()?;
        let withheld = reader.items(Self::KEYS_MAX as u64, "withheld serials")?;
        let batch = has_keys
            .then(|| {
                // Whatever was deposited, what is released is its key.
                let bytes_max = |_| Batch::KEY_BYTES_MAX;
                Batch::read(&mut reader, carried, authority, owner, bytes_max)
            })
            .transpose()?;
        let release = Self {
            request,
            decision,
            page,
            withheld,
            batch,
            authority,
            owner,
        };
        if release.signed() != signed || release.carried() != carried {
            return Err(reader.malformed("release (not deterministic)"));
        }
        if !release.is_a_page() {
            return Err(reader.malformed("release (too much, or one serial twice)"));
        }
        Ok(release)
    }
}

/// What every page of a release is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseOrigin {
    /// The authority that releases.
    pub authority: AuthorityId,
    /// Whose keys.
    pub owner: OwnerId,
    /// H(Q) of the request answered.
    pub request: Digest,
    /// Digest of the decision it rests on.
    pub decision: Digest,
}

/// More keys than a page holds, one of another owner's, or one serial twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a release page takes up to {} keys of one owner, each serial once",
    Release::KEYS_MAX
)]
pub struct WrongRelease;

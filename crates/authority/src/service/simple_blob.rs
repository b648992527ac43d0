//! Whose SIMPLEBLOBs are (spec/simple-blob.md#claim), and which blob a file has for its owner. Not what is inside one:
//! that is custody's.

use std::collections::BTreeMap;

use strongroom_protocol::Refusal;
use strongroom_protocol::id::Digest;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{OwnBlob, SealedKey, SignedStatement};

use super::Service;
use crate::index;
use crate::log::Entry;
use crate::store::{BlobClaimRow, Damage, Snapshot, StoreError, Writing};

/// What a deposit claims, and where the index has who proved that first.
struct Claim<'k> {
    /// The deposit's place among those that are asked about.
    number: usize,
    key: &'k SealedKey,
    digest: Digest,
    place: u64,
}

impl Service {
    /// Tells of each deposit whether another owner has proved the SIMPLEBLOB that it claims. The index says by which
    /// deposit; what that is, the log says, and where the two disagree there is the damage.
    pub(super) fn foreign_blobs<'k>(
        &self,
        store: &Snapshot<'_>,
        keys: impl Iterator<Item = &'k SealedKey>,
    ) -> Result<Vec<Result<bool, Damage>>, StoreError> {
        let claimed: Vec<_> = (0..)
            .zip(keys)
            .map(|(number, key)| (number, key, index::claimed(key)))
            .collect();
        let mut foreign: Vec<_> = claimed.iter().map(|_| Ok(false)).collect();
        // By entries, each of which is read once: what claims say is anybody's, and entries may be long.
        let mut claims: BTreeMap<u64, Vec<Claim<'k>>> = BTreeMap::new();
        let digests: Vec<Digest> = claimed.iter().filter_map(|(.., digest)| *digest).collect();
        let mut rows = store.blob_claims(&digests)?.into_iter();
        for (number, key, digest) in claimed {
            let Some(digest) = digest else { continue };
            if let Some(Some(BlobClaimRow { entry, place })) = rows.next() {
                let claims = claims.entry(entry).or_default();
                claims.push(Claim {
                    number,
                    key,
                    digest,
                    place,
                });
            }
        }
        for (index, claims) in claims {
            let entry = match self.log.entry(store, index) {
                Ok(entry) => Ok(entry),
                Err(StoreError::Damaged(damage)) => Err(damage),
                Err(error) => return Err(error),
            };
            for claim in claims {
                if let Some(foreign) = foreign.get_mut(claim.number) {
                    *foreign = entry
                        .as_ref()
                        .map_err(|damage| *damage)
                        .and_then(|entry| claim.is_by_another(entry));
                }
            }
        }
        Ok(foreign)
    }

    /// Any device of the owner's may say which blob the file of a deposit has now.
    pub(super) fn check_own_blob(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        own: &OwnBlob,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        if !self.is_device_of(store, own.owner, statement.author())? {
            return Ok(Err(Refusal::Author));
        }
        Ok(match store.deposit(own.owner, own.serial)? {
            Some(_) => Ok(Outcome::Recorded),
            None => Err(Refusal::Holdings {
                missing: Some(own.serial),
            }),
        })
    }
}

impl Claim<'_> {
    /// Tells whether it is another owner who proved this in an entry.
    fn is_by_another(&self, entry: &Entry) -> Result<bool, Damage> {
        let wrong = || Damage::of_entry(entry.index(), "it proves no such blob as its index says");
        let place = usize::try_from(self.place).map_err(|_| wrong())?;
        let state = entry.states().get(place).ok_or_else(wrong)?;
        let (_, proof) = entry.key(self.place).ok_or_else(wrong)?;
        if index::proved(proof, *state) != Some(self.digest) {
            return Err(wrong());
        }
        Ok(proof.label.owner != self.key.label.owner)
    }
}

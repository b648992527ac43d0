//! Whose SIMPLEBLOBs are (spec/simple-blob.md#claim), and which blob a file has for its owner. Not what is inside one:
//! that is custody's.

use strongroom_protocol::Deposited;
use strongroom_protocol::Refusal;
use strongroom_protocol::id::{Digest, OwnerId};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Content, OwnBlob, SealedKey, SignedStatement, Statement};

use super::Service;
use crate::index;
use crate::store::{Damage, Snapshot, StoreError, Writing};

impl Service {
    /// Tells whether another owner has proved the SIMPLEBLOB that a deposit claims.
    pub(super) fn is_foreign_blob(
        &self,
        store: &Snapshot<'_>,
        key: &SealedKey,
    ) -> Result<bool, StoreError> {
        let claim = match key.label.content {
            Content::SessionKey => None,
            Content::SimpleBlob { .. } => key.particulars.blob(),
        };
        Ok(match claim {
            Some(claim) => self
                .owner_of_blob(store, claim)?
                .is_some_and(|owner| owner != key.label.owner),
            None => false,
        })
    }

    /// The same, to release it: where an index says what the log does not, it may be.
    pub(super) fn may_be_foreign_blob(
        &self,
        store: &Snapshot<'_>,
        key: &SealedKey,
    ) -> Result<bool, StoreError> {
        match self.is_foreign_blob(store, key) {
            Err(StoreError::Damaged(_)) => Ok(true),
            told => told,
        }
    }

    /// Returns who proved a SIMPLEBLOB first. The index says by which deposit; what that is, the log says.
    fn owner_of_blob(
        &self,
        store: &Snapshot<'_>,
        claim: Digest,
    ) -> Result<Option<OwnerId>, StoreError> {
        let Some(row) = store.blob_claim(claim)? else {
            return Ok(None);
        };
        let wrong = || Damage::of_entry(row.entry, "it proves no such blob as its index says");
        let entry = self.log.entry(store, row.entry)?;
        let place = usize::try_from(row.place).map_err(|_| wrong())?;
        let state = entry.states().get(place).ok_or_else(wrong)?;
        let (_, key) = entry.key(row.place).ok_or_else(wrong)?;
        if index::proved(key, *state) != Some(claim) {
            return Err(wrong().into());
        }
        Ok(Some(key.label.owner))
    }

    /// Any device of the owner's may say which blob the file of a deposit has now.
    pub(super) fn check_own_blob(
        store: &Writing<'_>,
        statement: &SignedStatement,
        own: &OwnBlob,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        if !store.has_device(own.owner, statement.author())? {
            return Ok(Err(Refusal::Author));
        }
        Ok(match store.deposit(own.owner, own.serial)? {
            Some(_) => Ok(Outcome::Recorded),
            None => Err(Refusal::Holdings),
        })
    }

    /// Returns which blobs a deposit's file had for its owner, the newest first. What can't be read is left out.
    pub(super) fn own_blobs(
        &self,
        store: &Snapshot<'_>,
        deposited: &Deposited,
    ) -> Result<Vec<Digest>, StoreError> {
        let (owner, serial) = (deposited.label.owner, deposited.label.serial);
        let mut digests = Vec::new();
        for index in store.own_blobs(owner, serial, Deposited::OWN_BLOBS_MAX as u64)? {
            let entry = match self.log.entry(store, index) {
                Ok(entry) => entry,
                Err(StoreError::Damaged(_)) => continue,
                Err(error) => return Err(error),
            };
            if let Statement::OwnBlob(own) = entry.statement().statement()
                && (own.owner, own.serial) == (owner, serial)
            {
                digests.push(own.digest);
            }
        }
        digests.extend(deposited.particulars.own_blob());
        digests.truncate(Deposited::OWN_BLOBS_MAX);
        Ok(digests)
    }
}

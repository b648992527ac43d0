//! The authority's RSA key (spec/simple-blob.md#rsa-key): made when its operator asks for one, and once.
//!
//! In this order: the private half into the key file, the public one into the log. A crash between the two leaves a key
//! that nobody knows, and the next call puts that one into the log.

use strongroom_capi::{KeySpec, PrivateKey};
use strongroom_protocol::statement::{Content, Deposit, RsaKey, SignedStatement, Statement};
use strongroom_protocol::{Recorded, Unavailable};

use super::Service;
use super::commit::{Act, Answer};
use crate::custody::key_file::KeyFile;
use crate::custody::{KeyFileError, RsaKeyPair};
use crate::log::{Entry, Receipts};
use crate::store::{Damage, Snapshot, StoreError};

impl Service {
    /// The lengths in bits that an RSA key can have; the first will do.
    pub const RSA_KEY_BITS: [usize; 3] = [2048, 3072, 4096];

    /// Returns the statement of the authority's RSA key, if it has one.
    ///
    /// # Errors
    ///
    /// Says so when the store can't be read.
    pub fn rsa_key(&self) -> Result<Option<SignedStatement>, StoreError> {
        let logged = self.store.read(|store| self.logged_rsa_key(store))?;
        Ok(logged.map(Entry::into_statement))
    }

    /// Makes an RSA key of so many bits, that SIMPLEBLOBs can be wrapped to the authority, and logs its public half.
    /// Where there is one already, that is the key, whatever its length.
    ///
    /// # Errors
    ///
    /// Says so when no key of that length is made, custody is sealed, or the key file or the store can't be written.
    pub fn make_rsa_key(&self, bits: usize) -> Result<SignedStatement, RsaKeyError> {
        if let Some(made) = self.rsa_key()? {
            return Ok(made);
        }
        if !Self::RSA_KEY_BITS.contains(&bits) {
            return Err(RsaKeyError::Bits { bits });
        }
        let statement = self.log.sign(RsaKey {
            authority: self.authority(),
            public_key: self.keep_rsa_key(bits)?.public().to_blob(),
            time: self.clock.now(),
        });
        let Answer::Given(_) = self.commit(Act::Own(Box::new(statement)))? else {
            return Err(StoreError::from(Damage::of("the RSA key was not recorded")).into());
        };
        // Another process may have been first.
        self.rsa_key()?
            .ok_or_else(|| StoreError::from(Damage::of("the RSA key was not recorded")).into())
    }

    /// Puts a new private key into the key file, and returns the one that is there: it may be an older one.
    fn keep_rsa_key(&self, bits: usize) -> Result<PrivateKey, RsaKeyError> {
        let made = PrivateKey::generate(bits, KeySpec::Exchange, &mut self.slow_rng())
            .map_err(|_| RsaKeyError::Bits { bits })?;
        let blob = made.to_blob().expect("a key that is made has equal primes");
        let sealed = self.custodian.seal_rsa(&blob, &mut *self.rng());
        let sealed = sealed.ok_or(RsaKeyError::Sealed)?;
        self.custodian.place().replace(|keys| {
            let rsa_key = keys.rsa_key.or(Some(sealed));
            Ok::<_, KeyFileError>(KeyFile { rsa_key, ..keys })
        })?;
        let kept = self.custodian.place().read()?.rsa_key;
        kept.and_then(|sealed| self.custodian.open_rsa(&sealed).ok())
            .and_then(|private_key| PrivateKey::from_blob(&private_key).ok())
            .ok_or(RsaKeyError::Keys(KeyFileError::Malformed))
    }

    /// Sees that the RSA key is at hand for a deposit that needs it, if there is one.
    pub(super) fn find_rsa_key_for(
        &self,
        store: &Snapshot<'_>,
        deposit: &Deposit,
    ) -> Result<(), StoreError> {
        let mut keys = deposit.keys().iter();
        if keys.any(|key| key.label.content != Content::SessionKey) {
            self.find_rsa_key(store)?;
        }
        Ok(())
    }

    /// Sees that the RSA key is at hand, if there is one: it may have been made since the authority was opened here.
    ///
    /// One that does not open, or is not the log's, is as good as none; so is one whose entry is damaged, which costs
    /// itself and no session key beside it.
    pub(super) fn find_rsa_key(&self, store: &Snapshot<'_>) -> Result<(), StoreError> {
        if self.custodian.has_rsa() || self.is_sealed() {
            return Ok(());
        }
        let logged = match self.logged_rsa_key(store) {
            Ok(Some(logged)) => logged,
            Ok(None) | Err(StoreError::Damaged(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let Statement::RsaKey(logged) = logged.statement().statement() else {
            return Ok(());
        };
        let keys = self.custodian.place().read();
        let sealed = keys
            .map_err(|error| StoreError::Failed(error.into()))?
            .rsa_key;
        let rsa = sealed
            .and_then(|sealed| self.custodian.open_rsa(&sealed).ok())
            .and_then(|private_key| RsaKeyPair::new(&private_key, &logged.public_key));
        if let Some(rsa) = rsa {
            self.custodian.take_rsa(rsa);
        }
        Ok(())
    }

    /// Returns the statement of the RSA key with its receipt. One that is damaged is as good as none: nothing can be wrapped
    /// to it, and all else goes on.
    pub(super) fn recorded_rsa_key(
        &self,
        store: &Snapshot<'_>,
        receipts: &Receipts<'_>,
    ) -> Result<Option<Recorded>, StoreError> {
        match self.logged_rsa_key(store) {
            Ok(logged) => logged.map(|entry| receipts.recorded(&entry)).transpose(),
            Err(StoreError::Damaged(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn logged_rsa_key(&self, store: &Snapshot<'_>) -> Result<Option<Entry>, StoreError> {
        let Some(index) = store.rsa_key()? else {
            return Ok(None);
        };
        let entry = self.log.entry(store, index)?;
        let is_ours = matches!(entry.statement().statement(), Statement::RsaKey(_))
            && *entry.statement().author() == self.log.verifying_key();
        if !is_ours {
            return Err(Damage::of_entry(index, "it is not the authority's RSA key").into());
        }
        Ok(Some(entry))
    }
}

/// Why there is no RSA key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RsaKeyError {
    /// None of that length is made.
    #[error("an authority's RSA key has 2048, 3072 or 4096 bits, not {bits}")]
    Bits {
        /// The length that was asked for.
        bits: usize,
    },
    /// The key file can't be read or written, or the RSA key in it does not open.
    #[error("can't use the authority's key file")]
    Keys(#[from] KeyFileError),
    /// Custody is sealed, and was not unlocked: the RSA key would be sealed with a key that is not at hand.
    #[error("the key that opens deposits is sealed under the recovery code")]
    Sealed,
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be logged. The next call logs it.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

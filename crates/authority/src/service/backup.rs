//! Backups of an authority, and its restoring from one (spec/authority.md#backup). Not how clients find out: they hold
//! the log against what they saw of it.

use std::path::Path;
use std::sync::Arc;

use rand_core::CryptoRng;
use strongroom_protocol::id::Clock;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{Checkpoint, LeafSalt};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::Restored;

use super::{Service, audit, read_founding};
use crate::folder::{self, BackupError, RestoreError};
use crate::index;
use crate::log::Log;

/// Whether a backup has the authority's keys in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It opens every deposit, like the authority's folder.
    Included,
    /// It opens nothing, and is worth nothing if the keys are lost too.
    Omitted,
}

impl Service {
    /// Copies the authority into the folder `to`, which does not exist or is empty; it may be used meanwhile.
    ///
    /// Returns the checkpoint of the copy. All of it is there, or nothing.
    ///
    /// # Errors
    ///
    /// Says what can't be read or written.
    pub fn backup(&self, to: &Path, keys: Keys) -> Result<Checkpoint, BackupError> {
        folder::back_up(&self.folder, to, keys == Keys::Included, |copy| {
            copy.read(|store| Ok(*self.log.checkpoint(store)?.checkpoint()))
        })
    }

    /// Makes an authority in `folder`, which does not exist or is empty, from a backup: its folder, or its store with
    /// a key file beside it. Returns it with the checkpoint of the backup.
    ///
    /// The whole log is proved first, and the indexes are made anew. That it was restored is its next entry.
    ///
    /// # Errors
    ///
    /// Says what is missing, or where the backup does not hold; then there is nothing in `folder`.
    pub fn restore(
        from: &Path,
        keys: Option<&Path>,
        folder: &Path,
        clock: Arc<dyn Clock>,
        mut rng: impl CryptoRng + Send + 'static,
    ) -> Result<(Self, Checkpoint), RestoreError> {
        let held = folder::restore(from, keys, folder, |store, keys| {
            let about = store.read(read_founding)?;
            if !keys.are_of(&about) {
                return Err(RestoreError::OtherKeys);
            }
            let log_key = SigningKey::from_seed(keys.log_key.expose_seed());
            let log = Log::new(about.authority(), log_key);
            let held = store.write(|store| {
                let held = audit::verify(&log, store)?;
                audit::rebuild(&log, store)?;
                let time = clock.now();
                let restored = log.sign(Restored {
                    authority: held.authority,
                    size: held.size,
                    root: held.root,
                    time,
                });
                let mut growth = log.grow(store)?;
                let salt = LeafSalt::generate(&mut rng);
                let entry = growth.append(restored, Outcome::Recorded, time, salt)?;
                index::add(store, &entry)?;
                growth.seal()?;
                Ok(held)
            })?;
            Ok(held)
        })?;
        let service = Self::open(folder, clock, rng)
            .map_err(|error| RestoreError::Unopened(Box::new(error)))?;
        Ok((service, held))
    }
}

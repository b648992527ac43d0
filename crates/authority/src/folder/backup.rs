//! Backups of an authority in a folder, and its restoring from one (spec/authority.md#backup). Not how clients find out:
//! they hold the log against what they saw of it.

use std::path::Path;
use std::sync::Arc;

use rand_core::CryptoRng;
use strongroom_protocol::id::Clock;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{Checkpoint, LeafSalt};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::Restored;

use super::{BackupError, KEYS, PlaceError, RestoreError, STORE, draft, sync};
use crate::Service;
use crate::custody::key_file::KeyFile;
use crate::index;
use crate::log::Log;
use crate::service::{read_founding, rebuild, verify};
use crate::store::{Sqlite, Store, StoreError};

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
    /// Says what can't be read or written, or that the authority is in no folder itself.
    pub fn backup(&self, to: &Path, keys: Keys) -> Result<Checkpoint, BackupError> {
        let key_file = self.custodian().place().file();
        let (Some(from), Some(key_file)) = (self.store().file(), key_file) else {
            return Err(BackupError::NoFolder);
        };
        draft::fill(to, "backup", |draft| {
            let path = draft.join(STORE);
            Sqlite::copy(from, &path)?;
            let copy = Sqlite::open(&path)?;
            let copied = (&copy as &dyn Store).read(|store| self.log().checkpoint(store))?;
            drop(copy);
            let failed = |source| PlaceError::io(to, source);
            sync(&path).map_err(failed)?;
            if keys == Keys::Included {
                let keys = KeyFile::read(key_file).map_err(|source| BackupError::Keys {
                    path: key_file.to_owned(),
                    source,
                })?;
                keys.create(&draft.join(KEYS)).map_err(failed)?;
            }
            Ok(*copied.checkpoint())
        })
    }

    /// Makes an authority in `folder`, which does not exist or is empty, from a backup: its folder, or its store with
    /// a key file beside it. Returns it with the checkpoint of the backup.
    ///
    /// The whole log is proved first, and the map is made anew. That it was restored is its next entry.
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
        let (source, keys) = parts(from, keys)?;
        let held = draft::fill(folder, "restoring", |draft| {
            let failed = |source| PlaceError::io(folder, source);
            let path = draft.join(STORE);
            Sqlite::copy(&source, &path)?;
            let store = Sqlite::open(&path)?;
            store.begin_journal()?;
            let held = prove(&store, &keys, &*clock, &mut rng)?;
            // Closed, it is one file again.
            drop(store);
            sync(&path).map_err(failed)?;
            keys.create(&draft.join(KEYS)).map_err(failed)?;
            Ok::<_, RestoreError>(held)
        })?;
        let service = Self::open(folder, clock, rng)
            .map_err(|error| RestoreError::Unopened(Box::new(error)))?;
        Ok((service, held))
    }
}

/// Returns the store of a backup, and the keys: those that are named, or those in it.
fn parts(from: &Path, keys: Option<&Path>) -> Result<(std::path::PathBuf, KeyFile), RestoreError> {
    let (source, kept) = if from.is_dir() {
        (from.join(STORE), Some(from.join(KEYS)))
    } else {
        (from.to_owned(), None)
    };
    if !source.is_file() {
        return Err(RestoreError::NotFound {
            from: from.to_owned(),
        });
    }
    let keys = keys
        .map(Path::to_owned)
        .or(kept.filter(|path| path.exists()));
    let path = keys.ok_or(RestoreError::KeysMissing {
        from: from.to_owned(),
    })?;
    let keys = KeyFile::read(&path).map_err(|source| RestoreError::Keys { path, source })?;
    Ok((source, keys))
}

/// Proves the log of a copy, makes its map anew, and records that it was restored, all in one transaction.
fn prove(
    store: &Sqlite,
    keys: &KeyFile,
    clock: &dyn Clock,
    rng: &mut impl CryptoRng,
) -> Result<Checkpoint, RestoreError> {
    let about = (store as &dyn Store).read(read_founding)?;
    if !keys.are_of(&about) {
        return Err(RestoreError::OtherKeys);
    }
    let log_key = SigningKey::from_seed(keys.log_key.expose_seed());
    let log = Log::new(about.authority(), log_key);
    let held = (store as &dyn Store).write(|store| {
        let held = verify(&log, store)?;
        rebuild(&log, store)?;
        let mut growth = log.grow(store)?;
        let time = growth.time(clock.now())?;
        let restored = log.sign(Restored {
            authority: held.authority,
            size: held.size,
            root: held.root,
            time,
        });
        let salt = LeafSalt::generate(rng);
        let entry = growth.append(restored, Outcome::Recorded, time, salt)?;
        index::add(store, &entry)?;
        growth.seal()?;
        Ok::<_, StoreError>(held)
    })?;
    Ok(held)
}

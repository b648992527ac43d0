//! The folder of an embedded authority: founded whole or not at all, opened only when it is whole. Not what an authority
//! does: that is the service's, which knows of no folder.
//!
//! It holds the store (`store.db`, with SQLite's `-wal` and `-shm` beside it while it is open) and the key file
//! (`keys.txt`). The folder is 0700, the key file 0600.

mod backup;
mod draft;
mod error;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rand_core::CryptoRng;
use strongroom_protocol::id::Clock;
use strongroom_protocol::policy::Policy;

use crate::Service;
use crate::custody::KeyPlace;
use crate::service::{NewAuthority, NoService};
use crate::store::Sqlite;

pub use backup::Keys;
pub use draft::PlaceError;
pub use error::{BackupError, FoundError, OpenError, RestoreError};

const STORE: &str = "store.db";
const KEYS: &str = "keys.txt";

impl Service {
    /// Founds an authority in `folder`, which does not exist or is empty: its keys, its store, its founding entry.
    ///
    /// All of it, or nothing. The folder it lies in must exist.
    ///
    /// # Errors
    ///
    /// Says so when something is there already, or the folder can't be made.
    pub fn found(
        folder: &Path,
        policy: Policy,
        clock: Arc<dyn Clock>,
        mut rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, FoundError> {
        let founding = NewAuthority::new(policy, clock.now(), &mut rng);
        draft::fill(folder, "founding", |draft| {
            let store_error = |source| FoundError::Store {
                folder: folder.to_owned(),
                source,
            };
            let failed = |source| PlaceError::io(folder, source);
            let store = draft.join(STORE);
            founding.keys().create(&draft.join(KEYS)).map_err(failed)?;
            Sqlite::create(&store).map_err(store_error)?;
            Sqlite::open(&store)
                .and_then(|store| founding.record(&store))
                .map_err(store_error)?;
            Ok::<_, FoundError>(sync(&store).map_err(failed)?)
        })?;
        Self::open(folder, clock, rng).map_err(|error| FoundError::Unopened {
            folder: folder.to_owned(),
            source: Box::new(error),
        })
    }

    /// Opens the authority in `folder`.
    ///
    /// # Errors
    ///
    /// Says what is missing, damaged or too new.
    pub fn open(
        folder: &Path,
        clock: Arc<dyn Clock>,
        rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, OpenError> {
        check_whole(folder)?;
        let keys = KeyPlace::File(folder.join(KEYS));
        let store_error = |source| OpenError::Store {
            path: folder.to_owned(),
            source,
        };
        let path = folder.join(STORE);
        let store = Sqlite::open(&path).map_err(|source| OpenError::Store { path, source })?;
        Self::over(Box::new(store), keys, clock, rng).map_err(|error| match error {
            NoService::Keys(source) => OpenError::Keys {
                path: folder.join(KEYS),
                source,
            },
            NoService::OtherKeys => OpenError::OtherKeys {
                folder: folder.to_owned(),
            },
            NoService::Store(source) => store_error(source),
        })
    }
}

/// Sees that there is both a store and a key file: one without the other is a folder that is half deleted.
fn check_whole(folder: &Path) -> Result<(), OpenError> {
    let (store, keys) = (folder.join(STORE), folder.join(KEYS));
    let exists = |path: &Path| {
        path.try_exists().map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })
    };
    match (exists(&store)?, exists(&keys)?) {
        (true, true) => Ok(()),
        (false, false) => Err(OpenError::NotFound {
            folder: folder.to_owned(),
        }),
        (false, true) => Err(OpenError::StoreMissing { path: store }),
        (true, false) => Err(OpenError::KeysMissing { path: keys }),
    }
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

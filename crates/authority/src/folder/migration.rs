//! Stores that an older Strongroom made, brought up to date (spec/authority.md#older-stores).

use std::path::Path;
use std::{fs, io};

use super::{OpenError, STORE, sync};
use crate::custody::{KeyPlace, lock_folder};
use crate::log::Log;
use crate::service::{read_founding, salvage};
use crate::store::{Sqlite, Store, StoreError};

/// Brings the store of a folder up to date, if it is an older one: its map is made from the entries.
///
/// In this order: the store is copied beside itself, as `store.db.backup-v2`, and the copy is on the disk under that
/// name; then, in one transaction, its tables and its version are made this one's and its map is filled. A crash before
/// the commit leaves the old store, and the next one who opens it copies it again.
pub(super) fn migrate(folder: &Path, store: &Sqlite, keys: &KeyPlace) -> Result<(), OpenError> {
    let store_error = |source| OpenError::Store {
        path: folder.to_owned(),
        source,
    };
    if store.old_version().map_err(store_error)?.is_none() {
        return Ok(());
    }
    let keys = keys.read().map_err(|source| OpenError::Keys {
        path: folder.join(super::KEYS),
        source,
    })?;
    let rows: &dyn Store = store;
    let about = rows.read(read_founding).map_err(store_error)?;
    if !keys.are_of(&about) {
        return Err(OpenError::OtherKeys {
            folder: folder.to_owned(),
        });
    }
    let log = Log::new(about.authority(), keys.log_key);
    // A store whose head does not follow from its log is found here, before anything is made of it.
    rows.read(|store| log.checkpoint(store).map(drop))
        .and_then(|()| copy_and_renew(folder, store, &log))
        .map_err(store_error)
}

fn copy_and_renew(folder: &Path, store: &Sqlite, log: &Log) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::Failed(error.into());
    let _lock = lock_folder(folder).map_err(failed)?;
    // Another may have done it meanwhile.
    let Some(version) = store.old_version()? else {
        return Ok(());
    };
    let backup = folder.join(format!("{STORE}.backup-v{version}"));
    let draft = folder.join(format!("{STORE}.backup-v{version}.new"));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    Sqlite::copy(&folder.join(STORE), &draft)?;
    sync(&draft)
        .and_then(|()| fs::rename(&draft, &backup))
        .and_then(|()| sync(folder))
        .map_err(failed)?;
    store.renew(|store| salvage(log, store))
}

//! Finishes the rewrites that a crash interrupted (spec/rewrite.md#replay).

use std::path::PathBuf;

use strongroom_agefile::{FileKey, Header};
use strongroom_capi::file::looks_like;

use crate::capi::rewrap::is_ours;
use crate::file::rewrite::{ApplyError, Foreign, OnDisk, StateError};
use crate::home::{Home, HomeError, Identities, Matched, Record};
use crate::released::{ReleasedError, ReleasedKeys};

/// An interrupted rewrite, and what became of it.
#[derive(Debug)]
pub struct Repaired {
    /// The file.
    pub path: PathBuf,
    /// What was done, or why the file can't be read or written; its record stays then.
    pub repair: Result<Repair, RepairError>,
}

/// What is done about an interrupted rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The new header is on the disk.
    Finished,
    /// Nothing, and the record is gone: the file is not the one that was being rewritten.
    Foreign(Foreign),
    /// Nothing, and the record stays: there is no file. It may be on a disk that is not there now.
    Missing,
    /// Nothing, and the record stays: the header is torn, and the key of the new one is not at hand.
    NoKey,
    /// Nothing, and the record is gone: what it would have written is no header of a key that this home has.
    NotOurs,
}

impl Home {
    /// Finishes what was interrupted. Every command that rewrites begins with this.
    ///
    /// A record is followed only where the file has the old header, the new one or a mix of the two, and the new one's
    /// MAC verifies under the session key: the one that an identity unwraps from it, or the one of its deposit that
    /// was released since.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be used. A file that can't be read or written stops no other's repair.
    pub fn repair(&mut self, identities: &Identities) -> Result<Vec<Repaired>, HomeError> {
        let mut repaired = Vec::new();
        for record in self.unfinished_rewrites()? {
            let path = record.rewrite.path().to_path_buf();
            let repair = match finish(self, &record, identities) {
                Ok((repair @ (Repair::Missing | Repair::NoKey), _)) => Ok(repair),
                Ok((repair, matched)) => {
                    self.end_rewrite(&record.rewrite, matched.as_ref())?;
                    Ok(repair)
                }
                Err(error) => Err(error),
            };
            repaired.push(Repaired { path, repair });
        }
        Ok(repaired)
    }

    /// Returns the paths of the files whose rewrite was interrupted.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn interrupted(&self) -> Result<Vec<PathBuf>, HomeError> {
        let records = self.unfinished_rewrites()?;
        Ok(records
            .iter()
            .map(|record| record.rewrite.path().to_path_buf())
            .collect())
    }
}

fn finish(
    home: &Home,
    record: &Record,
    identities: &Identities,
) -> Result<(Repair, Option<Matched>), RepairError> {
    let on_disk = record.rewrite.state()?;
    if let OnDisk::Foreign(reason) = on_disk {
        let repair = if reason == Foreign::Missing {
            Repair::Missing
        } else {
            Repair::Foreign(reason)
        };
        return Ok((repair, None));
    }
    if looks_like(record.rewrite.new_header()) {
        return Ok((finish_capi(home, record)?, None));
    }
    let mut bytes = record.rewrite.new_header();
    let header = match Header::read(&mut bytes) {
        Ok(header) if bytes.is_empty() => header,
        Ok(_) | Err(_) => return Ok((Repair::NotOurs, None)),
    };
    let Some(own) = own_stanza(home, record, &header, identities)? else {
        // A header that is whole needs no record; a torn one has nothing else.
        let repair = if on_disk == OnDisk::Torn {
            Repair::NoKey
        } else {
            Repair::NotOurs
        };
        return Ok((repair, None));
    };
    record.rewrite.apply()?;
    let matched = record
        .serial
        .map(|serial| Matched::new(&header, serial, own));
    Ok((Repair::Finished, matched))
}

/// Finishes a header of CryptoAPI's, which has no MAC, if the home remembers having made it: it did so before it began
/// (spec/capi-owner.md#recovery).
fn finish_capi(home: &Home, record: &Record) -> Result<Repair, RepairError> {
    if !is_ours(home, record.rewrite.new_header(), record.serial)? {
        return Ok(Repair::NotOurs);
    }
    record.rewrite.apply()?;
    Ok(Repair::Finished)
}

/// Verifies the MAC of the new header under a session key at hand, and returns which stanza is the owner's, if that
/// can be told. None without such a key.
fn own_stanza(
    home: &Home,
    record: &Record,
    header: &Header,
    identities: &Identities,
) -> Result<Option<Option<usize>>, RepairError> {
    if let Ok(opened) = header.unwrap_unauthenticated(&identities.as_unwraps())
        && header.is_authentic(&opened.file_key)
    {
        return Ok(Some(Some(opened.stanza)));
    }
    let Some(serial) = record.serial else {
        return Ok(None);
    };
    let released = ReleasedKeys::of(home).key(serial)?;
    let authentic = released.is_some_and(|released| {
        let key = released.key.into_key();
        let bytes = key.expose().try_into();
        bytes.is_ok_and(|bytes| header.is_authentic(&FileKey::from_bytes(bytes)))
    });
    Ok(authentic.then_some(None))
}

/// Why an interrupted rewrite is not finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The new header could not be written.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A released key can't be had.
    #[error(transparent)]
    Released(#[from] ReleasedError),
    /// The file can't be looked at.
    #[error(transparent)]
    State(#[from] StateError),
}

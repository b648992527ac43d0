//! Finishes the rewrites that a crash interrupted (spec/rewrite.md#replay).

use std::io::Read;
use std::path::PathBuf;

use strongroom_agefile::payload::{NONCE_BYTES, SEALED_CHUNK_BYTES, open_first_chunk};
use strongroom_agefile::{FileKey, Header};
use strongroom_capi::file::{FileHeader, digest, looks_like};
use strongroom_protocol::id::Digest;

use crate::capi::rewrap::is_ours;
use crate::file::rewrite::{ApplyError, Foreign, OnDisk, Rewrite, StateError};
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
    /// Nothing, and the record stays: the header is torn, and no key at hand is both the new one's and the payload's.
    NoKey,
    /// Nothing, and the record is gone: what it would have written is no header of this file's key, or of none that this
    /// home has.
    NotOurs,
}

impl Home {
    /// Finishes what was interrupted. Every command that rewrites begins with this.
    ///
    /// A record is followed only where the file has the old header, the new one or a mix of the two, and the new one's
    /// MAC verifies under a session key at hand: the one that an identity unwraps from it, or the one of its deposit that
    /// was released since. That key is the file's, by the old header where that is whole, or by the payload: whoever can
    /// write records can make a header for this home's identity, with a session key of their own.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be used. A file that can't be read or written stops no other's repair.
    pub fn repair(&mut self, identities: &Identities) -> Result<Vec<Repaired>, HomeError> {
        let records = self.unfinished_rewrites()?;
        let mut repaired = Vec::new();
        let (mut ended, mut all_matched) = (Vec::new(), Vec::new());
        for record in &records {
            let path = record.rewrite.path().to_path_buf();
            let repair = match finish(self, record, identities) {
                Ok((repair @ (Repair::Missing | Repair::NoKey), _)) => Ok(repair),
                Ok((repair, matched)) => {
                    ended.push(&record.rewrite);
                    all_matched.extend(matched);
                    Ok(repair)
                }
                Err(error) => Err(error),
            };
            repaired.push(Repaired { path, repair });
        }
        if !ended.is_empty() {
            self.end_rewrites(ended, &all_matched)?;
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
        return Ok((finish_capi(home, record, on_disk)?, None));
    }
    let mut bytes = record.rewrite.new_header();
    let header = match Header::read(&mut bytes) {
        Ok(header) if bytes.is_empty() => header,
        Ok(_) | Err(_) => return Ok((Repair::NotOurs, None)),
    };
    let authentic = authentic(home, record, &header, identities)?;
    let ours = match authentic {
        Some(ours) if is_the_files(&ours.key, &record.rewrite, on_disk)? => ours,
        _ => return Ok((not_finished(on_disk), None)),
    };
    record.rewrite.apply()?;
    let matched = record
        .serial
        .map(|serial| Matched::new(&header, serial, ours.stanza));
    Ok((Repair::Finished, matched))
}

/// A header that is whole needs no record; a torn one has nothing else.
fn not_finished(on_disk: OnDisk) -> Repair {
    if on_disk == OnDisk::Torn {
        Repair::NoKey
    } else {
        Repair::NotOurs
    }
}

/// Tells whether a session key is that of the file as it lies there.
fn is_the_files(key: &FileKey, rewrite: &Rewrite, on_disk: OnDisk) -> Result<bool, StateError> {
    let old_is = || Header::read(&mut rewrite.old_header()).is_ok_and(|old| old.is_authentic(key));
    // Of the old header in a record nothing is believed but what is on the disk.
    if on_disk == OnDisk::New || on_disk == OnDisk::Old && old_is() {
        return Ok(true);
    }
    let mut beginning = Vec::new();
    rewrite
        .open_payload()?
        .take((NONCE_BYTES + SEALED_CHUNK_BYTES) as u64)
        .read_to_end(&mut beginning)
        .map_err(|source| StateError {
            path: rewrite.path().to_path_buf(),
            source,
        })?;
    Ok(open_first_chunk(key, &beginning))
}

/// Finishes a header of CryptoAPI's, which has no MAC, if the home remembers having made it: it did so before it began
/// (spec/capi-owner.md#recovery). And it is this file's: by the header that is there, or by the payload's digest.
fn finish_capi(home: &Home, record: &Record, on_disk: OnDisk) -> Result<Repair, RepairError> {
    let rewrite = &record.rewrite;
    let known = |mut header: &[u8]| match FileHeader::read(&mut header) {
        Ok(header) => home.known_capi_file(&header),
        Err(_) => Ok(None),
    };
    if !is_ours(home, rewrite.new_header(), record.serial)? {
        return Ok(Repair::NotOurs);
    }
    let by_header = match on_disk {
        OnDisk::New => true,
        OnDisk::Old => known(rewrite.old_header())?.map(|old| old.serial) == record.serial,
        OnDisk::Foreign(_) | OnDisk::Torn => false,
    };
    let payload = known(rewrite.new_header())?.and_then(|new| new.payload);
    let by_payload = || {
        let found = digest(rewrite.open_payload()?).map_err(|source| StateError {
            path: rewrite.path().to_path_buf(),
            source,
        })?;
        Ok::<_, StateError>(payload == Some(Digest::from_bytes(found)))
    };
    if !by_header && !by_payload()? {
        return Ok(not_finished(on_disk));
    }
    rewrite.apply()?;
    Ok(Repair::Finished)
}

/// The session key of an authentic header.
struct Authentic {
    key: FileKey,
    /// Which stanza is the owner's, where that can be told.
    stanza: Option<usize>,
}

/// Finds a session key at hand under which the MAC of the new header verifies.
fn authentic(
    home: &Home,
    record: &Record,
    header: &Header,
    identities: &Identities,
) -> Result<Option<Authentic>, RepairError> {
    if let Ok(opened) = header.unwrap_unauthenticated(&identities.as_unwraps())
        && header.is_authentic(&opened.file_key)
    {
        return Ok(Some(Authentic {
            key: opened.file_key,
            stanza: Some(opened.stanza),
        }));
    }
    let Some(serial) = record.serial else {
        return Ok(None);
    };
    let Some(released) = ReleasedKeys::of(home).key(serial)? else {
        return Ok(None);
    };
    let key = released.key.into_key();
    let key = key.expose().try_into().ok().map(FileKey::from_bytes);
    Ok(key
        .filter(|key| header.is_authentic(key))
        .map(|key| Authentic { key, stanza: None }))
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

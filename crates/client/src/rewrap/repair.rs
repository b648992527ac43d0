//! Finishes the rewrites that a crash interrupted (spec/rewrite.md#replay).

use std::path::PathBuf;

use strongroom_agefile::Header;

use crate::file::rewrite::{ApplyError, Foreign, OnDisk, StateError};
use crate::home::{Home, HomeError, Identities, Matched, Record};

/// An interrupted rewrite, and what became of it.
#[derive(Debug)]
pub struct Repaired {
    /// The file.
    pub path: PathBuf,
    /// What was done.
    pub repair: Repair,
}

/// What is done about an interrupted rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The new header is on the disk.
    Finished,
    /// Nothing, and the record is gone: the file is not the one that was being rewritten.
    Foreign(Foreign),
    /// Nothing, and the record is gone: what it would have written is no header of a key that this home has.
    NotOurs,
}

impl Home {
    /// Finishes what was interrupted. Every command that rewrites begins with this.
    ///
    /// A record is followed only where the file has the old header, the new one or a mix of the two, and the new one's
    /// MAC verifies under the session key that one of the identities unwraps from it.
    ///
    /// # Errors
    ///
    /// Says which file can't be read or written; its record stays.
    pub fn repair(&mut self, identities: &Identities) -> Result<Vec<Repaired>, RepairError> {
        let mut repaired = Vec::new();
        for record in self.unfinished_rewrites()? {
            let path = record.rewrite.path().to_path_buf();
            let (repair, matched) = finish(&record, identities)?;
            self.end_rewrite(&record.rewrite, matched.as_ref())?;
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
    record: &Record,
    identities: &Identities,
) -> Result<(Repair, Option<Matched>), RepairError> {
    if let OnDisk::Foreign(reason) = record.rewrite.state()? {
        return Ok((Repair::Foreign(reason), None));
    }
    let mut bytes = record.rewrite.new_header();
    let header = match Header::read(&mut bytes) {
        Ok(header) if bytes.is_empty() => header,
        Ok(_) | Err(_) => return Ok((Repair::NotOurs, None)),
    };
    let Ok(opened) = header.unwrap_unauthenticated(&identities.as_unwraps()) else {
        return Ok((Repair::NotOurs, None));
    };
    if !header.is_authentic(&opened.file_key) {
        return Ok((Repair::NotOurs, None));
    }
    record.rewrite.apply()?;
    let matched = record
        .serial
        .map(|serial| Matched::new(&header, serial, Some(opened.stanza)));
    Ok((Repair::Finished, matched))
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
    /// The file can't be looked at.
    #[error(transparent)]
    State(#[from] StateError),
}

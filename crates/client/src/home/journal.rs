//! The journal of headers being replaced in place (spec/rewrite.md#the-journals-record).

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use strongroom_agefile::Header;
use strongroom_protocol::id::Serial;

use super::deposits::{Matched, insert_matched};
use super::marks::insert_mark;
use super::{Home, HomeError};
use crate::file::FileId;
use crate::file::rewrite::Rewrite;
use crate::mark::FileMark;
use crate::replace::Learned;

/// A record of the journal: what is being rewritten, and the deposit of its session key.
pub(crate) struct Record {
    pub(crate) rewrite: Rewrite,
    pub(crate) serial: Option<Serial>,
}

/// A header that is about to be replaced where it lies.
pub(crate) struct Planned {
    pub(crate) rewrite: Rewrite,
    /// The deposit of its session key.
    pub(crate) serial: Option<Serial>,
    /// The file's mark once it begins with the new header.
    pub(crate) mark: Option<FileMark>,
}

impl Home {
    /// Makes rewrites durable, before the first byte of any changes, with the marks that the files have afterwards. Records what
    /// copies match that are about to appear, and their marks.
    pub(crate) fn begin_rewrites(
        &mut self,
        planned: &[Planned],
        copies: &[Learned],
    ) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        for Learned { matched, mark } in copies {
            if let Some(matched) = matched {
                insert_matched(&transaction, matched)?;
            }
            if let Some(mark) = mark {
                insert_mark(&transaction, mark)?;
            }
        }
        for Planned {
            rewrite,
            serial,
            mark,
        } in planned
        {
            if let Some(mark) = mark {
                insert_mark(&transaction, mark)?;
            }
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO rewrite (path, device, inode, length, old, new, serial)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            insert.execute((
                rewrite.path().as_os_str().as_bytes(),
                rewrite.id().device.cast_signed(),
                rewrite.id().inode.cast_signed(),
                rewrite.length().cast_signed(),
                rewrite.old_header(),
                rewrite.new_header(),
                serial.as_ref().map(Serial::as_bytes),
            ))?;
        }
        Ok(transaction.commit()?)
    }

    /// Ends rewrites: of each the new header is on the disk, or the record is not to be followed. Records what files were seen
    /// to match.
    pub(crate) fn end_rewrites<'r>(
        &mut self,
        ended: impl IntoIterator<Item = &'r Rewrite>,
        matched: &[Matched],
    ) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        for matched in matched {
            insert_matched(&transaction, matched)?;
        }
        for rewrite in ended {
            transaction
                .prepare_cached("DELETE FROM rewrite WHERE path = ?1")?
                .execute((rewrite.path().as_os_str().as_bytes(),))?;
        }
        Ok(transaction.commit()?)
    }

    /// Lets files whose headers a command is replacing just now be known by the new ones, too. For a copy of the home.
    pub(super) fn foresee_rewrites(&mut self) -> Result<(), HomeError> {
        let records = self.unfinished_rewrites()?;
        let transaction = self.database.transaction()?;
        for record in records {
            let header = Header::read(&mut record.rewrite.new_header());
            if let (Ok(header), Some(serial)) = (header, record.serial) {
                // Which stanza is the owner's own is said when it is there.
                insert_matched(&transaction, &Matched::new(&header, serial, None))?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Returns the rewrites that were begun and not ended; a record that none of ours can be is left out.
    pub(crate) fn unfinished_rewrites(&self) -> Result<Vec<Record>, HomeError> {
        let mut rows = self
            .database
            .prepare("SELECT path, device, inode, length, old, new, serial FROM rewrite")?;
        let rows = rows.query_map((), |row| {
            let path = PathBuf::from(OsString::from_vec(row.get(0)?));
            let id = FileId {
                device: row.get::<_, i64>(1)?.cast_unsigned(),
                inode: row.get::<_, i64>(2)?.cast_unsigned(),
            };
            let length = row.get::<_, i64>(3)?.cast_unsigned();
            let serial: Option<[u8; 16]> = row.get(6)?;
            let rewrite = Rewrite::from_record(path, id, length, row.get(4)?, row.get(5)?);
            Ok(rewrite.ok().map(|rewrite| Record {
                rewrite,
                serial: serial.map(Serial::from_bytes),
            }))
        })?;
        Ok(rows
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?)
    }
}

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

/// A record of the journal: what is being rewritten, and the deposit of its session key.
pub(crate) struct Record {
    pub(crate) rewrite: Rewrite,
    pub(crate) serial: Option<Serial>,
}

impl Home {
    /// Makes a rewrite durable, before its first byte changes, with the mark that the file has afterwards.
    pub(crate) fn begin_rewrite(
        &mut self,
        rewrite: &Rewrite,
        serial: Option<Serial>,
        mark: Option<&FileMark>,
    ) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        if let Some(mark) = mark {
            insert_mark(&transaction, mark)?;
        }
        transaction.execute(
            "INSERT OR REPLACE INTO rewrite (path, device, inode, length, old, new, serial)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                rewrite.path().as_os_str().as_bytes(),
                rewrite.id().device.cast_signed(),
                rewrite.id().inode.cast_signed(),
                rewrite.length().cast_signed(),
                rewrite.old_header(),
                rewrite.new_header(),
                serial.as_ref().map(Serial::as_bytes),
            ),
        )?;
        Ok(transaction.commit()?)
    }

    /// Ends a rewrite: the new header is on the disk, or the record is not to be followed.
    pub(crate) fn end_rewrite(
        &mut self,
        rewrite: &Rewrite,
        matched: Option<&Matched>,
    ) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        if let Some(matched) = matched {
            insert_matched(&transaction, matched)?;
        }
        transaction.execute(
            "DELETE FROM rewrite WHERE path = ?1",
            (rewrite.path().as_os_str().as_bytes(),),
        )?;
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

//! What shows that a payload is its header's: the mark that the home remembers, and, with an identity at hand, the chunks at
//! its ends (spec/deposit.md#mark).

use std::fs::File;
use std::path::Path;

use strongroom_agefile::FileKey;
use strongroom_capi::file::FileHeader;
use strongroom_protocol::id::Digest;

use super::{Doubt, FileStatus, Inspector, SpareState, StatusError};
use crate::capi::file_mark;
use crate::file::copy::Stamp;
use crate::home::Look;
use crate::mark::{Changed, EndedFile, FileMark};

impl Inspector<'_> {
    /// Looks at the payload of a file of which the header, and all that hangs on it, is judged in `status`.
    pub(super) fn inspect_payload(
        &self,
        file: EndedFile,
        path: &Path,
        stamp: Stamp,
        mut status: FileStatus,
    ) -> Result<FileStatus, StatusError> {
        let failed = |source| StatusError::Read {
            path: path.to_path_buf(),
            source,
        };
        let mark = file.mark().map_err(failed)?;
        if self.home.matched_digest(mark.header)?.is_none() {
            // What is not known of the header is told, and the payload of a stranger's file is the stranger's.
            self.settle(&mut status, None, &mark, path)?;
            return Ok(status);
        }
        let known = self.home.mark(mark.header)?;
        let by_mark = known.map(|known| known.compare(&mark));
        let key = self.key_of(&file);
        let with_key = key.is_some();
        let doubt = match (by_mark, key) {
            (Some(Some(changed)), _) => Some(Doubt::Changed(changed)),
            (Some(None), Some(key)) => {
                let opens = file.first_opens(&key).map_err(failed)?;
                (!opens).then_some(Doubt::Changed(Changed::Beginning))
            }
            (Some(None), None) => None,
            (None, Some(key)) => match file.into_ends().map_err(failed)?.1.changed(&key) {
                Some(changed) => Some(Doubt::Changed(changed)),
                None => {
                    self.learned.borrow_mut().marks.push(mark);
                    None
                }
            },
            (None, None) => Some(Doubt::NotSeen),
        };
        if doubt.is_none() {
            self.learn(path, stamp, mark.header, status.detached, with_key);
        }
        self.settle(&mut status, doubt, &mark, path)?;
        Ok(status)
    }

    /// Keeps that a file is what it was, unless it may change without that it shows.
    fn learn(&self, path: &Path, stamp: Stamp, header: Digest, detached: bool, with_key: bool) {
        let would_show = self.now.is_some_and(|now| stamp.would_show(now));
        let Some(path) = self.absolute(path).filter(|_| would_show) else {
            return;
        };
        self.learned.borrow_mut().looks.push(Look {
            path,
            stamp,
            header,
            detached,
            with_key,
        });
    }

    /// The same of a file of CryptoAPI's, of which no key shows anything: all that is known was seen when it was written.
    pub(super) fn inspect_capi_payload(
        &self,
        file: &File,
        header: &FileHeader,
        path: &Path,
        mut status: FileStatus,
    ) -> Result<FileStatus, StatusError> {
        let mark = file_mark(header, file).map_err(|source| StatusError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let doubt = match self.home.mark(mark.header)? {
            Some(known) => known.compare(&mark).map(Doubt::Changed),
            None => Some(Doubt::NotSeen),
        };
        self.settle(&mut status, doubt, &mark, path)?;
        Ok(status)
    }

    /// Puts together what was said of the key, and what of the payload.
    pub(super) fn settle(
        &self,
        status: &mut FileStatus,
        payload: Option<Doubt>,
        mark: &FileMark,
        path: &Path,
    ) -> Result<(), StatusError> {
        // Of a file that was there under this name with this mark; a copy of it elsewhere was not read.
        let reading = match self.absolute(path) {
            Some(path) => self.home.reading(&path)?,
            None => None,
        };
        let reading = reading.filter(|reading| reading.mark == mark.payload_digest());
        status.read_whole = reading
            .filter(|reading| reading.whole)
            .map(|reading| reading.time);
        let was_damaged = reading.is_some_and(|reading| !reading.whole);
        let doubt = match payload {
            Some(Doubt::NotSeen) | None if was_damaged => Some(Doubt::Damaged),
            payload => payload,
        };
        let Some(doubt) = doubt else {
            return Ok(());
        };
        if status.state == Some(SpareState::Matched) {
            status.state = Some(SpareState::Verified);
        }
        // What is certain of the file here comes before what the authority would say; what this home did not see, behind.
        status.doubt = if doubt == Doubt::NotSeen {
            status.doubt.or(Some(doubt))
        } else {
            Some(doubt)
        };
        Ok(())
    }

    /// Unwraps the session key, if an identity at hand does. The header holds under it.
    fn key_of(&self, file: &EndedFile) -> Option<FileKey> {
        let identities = self.identities?.as_unwraps();
        file.beginning.header.unwrap(&identities).ok()
    }
}

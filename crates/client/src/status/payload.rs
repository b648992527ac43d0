//! What shows that a payload is its header's: the mark that the home remembers, and, with an identity at hand, the chunks at
//! its ends (spec/deposit.md#mark).

use std::fs::File;
use std::path::Path;

use strongroom_agefile::FileKey;
use strongroom_capi::file::FileHeader;

use super::{Doubt, FileStatus, Inspector, SpareState, StatusError};
use crate::capi::file_mark;
use crate::mark::{Changed, EndedFile, FileMark};

impl Inspector<'_> {
    /// Looks at the payload of a file of which the header, and all that hangs on it, is judged in `status`.
    pub(super) fn inspect_payload(
        &self,
        file: EndedFile,
        path: &Path,
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
                    self.learned.borrow_mut().push(mark);
                    None
                }
            },
            (None, None) => Some(Doubt::NotSeen),
        };
        self.settle(&mut status, doubt, &mark, path)?;
        Ok(status)
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
    fn settle(
        &self,
        status: &mut FileStatus,
        payload: Option<Doubt>,
        mark: &FileMark,
        path: &Path,
    ) -> Result<(), StatusError> {
        // Of a file that was there under this name with this mark; a copy of it elsewhere was not read.
        let reading = match std::path::absolute(path) {
            Ok(path) => self.home.reading(&path)?,
            Err(_) => None,
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

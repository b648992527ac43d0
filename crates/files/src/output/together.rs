//! Files that appear together: one wait for the disk for all of them, and one for each of their folders
//! (spec/rewrite.md#many-new-files-at-once). Which files go together is the caller's affair.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::{CommitError, Output};
use crate::{sync_folder, sync_group};

/// How many descriptors are left to the rest of the process.
const DESCRIPTORS_LEFT: u64 = 96;

impl Output {
    /// Lets files appear as [`Self::commit`] does, and says of each, in their order, what became of it: what the system says of
    /// the file that appeared, and of no other that has its name by now, if it says anything. When this returns, a power cut takes
    /// none of them back that appeared.
    ///
    /// Each is asked about with its place among them once its bytes are on the disk, right before it gets its name; it does not
    /// appear where `may_appear` fails.
    ///
    /// Where one call does so for all ([`sync_group`]) this waits for the disk once, and once for each folder.
    #[must_use = "each may have failed"]
    pub fn commit_all<E: From<CommitError>>(
        mut outputs: Vec<Self>,
        mut may_appear: impl FnMut(usize) -> Result<(), E>,
    ) -> Vec<Result<Option<Metadata>, E>> {
        // A crash until here leaves what was before: no name points to the new bytes, save a hidden one.
        let synced = sync_all(&mut outputs);
        // A crash from here on leaves of each what was before or the whole new file, whose bytes are on the disk.
        let named: Vec<_> = outputs
            .iter_mut()
            .zip(synced)
            .enumerate()
            .map(|(number, (output, synced))| {
                synced.map_err(|source| CommitError::NotSynced {
                    path: output.place.path.clone(),
                    source,
                })?;
                may_appear(number)?;
                output.appear()?;
                Ok(output.file.metadata().ok())
            })
            .collect();
        // After a crash from here on the new files are there, or the disk lied.
        let mut folders = BTreeMap::new();
        outputs
            .iter()
            .zip(named)
            .map(|(output, named): (_, Result<_, E>)| {
                let metadata = named?;
                output.sync_name(&mut folders)?;
                Ok(metadata)
            })
            .collect()
    }

    /// Returns how many descriptors this holds.
    #[must_use]
    pub fn descriptors(&self) -> u64 {
        2 + u64::from(self.hidden.is_some())
    }

    /// Returns how many descriptors all files together may hold that are being written, so that the process keeps some.
    #[must_use]
    pub fn descriptors_max() -> u64 {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        limit.saturating_sub(DESCRIPTORS_LEFT)
    }

    /// Sees the file's name onto the disk. A folder is synced once, for all its names: what came of it is in `folders`.
    fn sync_name(
        &self,
        folders: &mut BTreeMap<(u64, u64), Result<(), Errno>>,
    ) -> Result<(), CommitError> {
        let folder = &self.place.folder;
        let sync = || {
            sync_folder(folder).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        };
        let synced = match folder.metadata() {
            Ok(metadata) => *folders
                .entry((metadata.dev(), metadata.ino()))
                .or_insert_with(sync),
            Err(_) => sync(),
        };
        synced.map_err(|error| CommitError::FolderNotSynced {
            path: self.place.path.clone(),
            source: error.into(),
        })
    }
}

/// Puts all there is of each file on the disk, and says what came of each.
fn sync_all(outputs: &mut [Output]) -> Vec<io::Result<()>> {
    let ended: Vec<_> = outputs.iter_mut().map(Output::end_bytes).collect();
    let files: Vec<&File> = outputs.iter().map(|output| &output.file).collect();
    let synced = ended.into_iter().zip(sync_group(&files));
    synced.map(|(ended, synced)| ended.and(synced)).collect()
}

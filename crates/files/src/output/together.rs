//! Files that appear together: one wait for the disk for all of them, and one for each of their folders
//! (spec/rewrite.md#many-new-files-at-once). Which files go together is the caller's affair.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::fs::FsWord;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::{CommitError, Output};
use crate::sync_folder;

/// Of fewer files each is synced alone: who syncs a file system waits for what everybody wrote there.
const SYNCFS_FILES_MIN: usize = 8;
/// How many threads wait for files that are synced one by one.
const THREADS_MAX: usize = 16;
/// How many descriptors are left to the rest of the process.
const DESCRIPTORS_LEFT: u64 = 96;

impl Output {
    /// Lets files appear as [`Self::commit`] does, and says of each, in their order, what became of it. When this returns, a power
    /// cut takes none of them back that appeared.
    ///
    /// On the file systems where one call does so for all (spec/rewrite.md#many-new-files-at-once) this waits for the disk once, and once
    /// for each folder.
    #[must_use = "each may have failed"]
    pub fn commit_all(mut outputs: Vec<Self>) -> Vec<Result<(), CommitError>> {
        // A crash until here leaves what was before: no name points to the new bytes, save a hidden one.
        let synced = sync_all(&mut outputs);
        // A crash from here on leaves of each what was before or the whole new file, whose bytes are on the disk.
        let named: Vec<_> = outputs
            .iter_mut()
            .zip(synced)
            .map(|(output, synced)| match synced {
                Ok(()) => output.appear(),
                Err(source) => Err(CommitError::NotSynced {
                    path: output.place.path.clone(),
                    source,
                }),
            })
            .collect();
        // After a crash from here on the new files are there, or the disk lied.
        let mut folders = BTreeMap::new();
        outputs
            .iter()
            .zip(named)
            .map(|(output, named)| named.and_then(|()| output.sync_name(&mut folders)))
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
    let mut results: Vec<_> = outputs.iter_mut().map(Output::end_bytes).collect();
    let mut by_disk = BTreeMap::<_, Vec<_>>::new();
    for (output, result) in outputs.iter().zip(&mut results) {
        if result.is_ok() {
            let disk = output.file.metadata().map(|metadata| metadata.dev()).ok();
            by_disk.entry(disk).or_default().push((output, result));
        }
    }
    let mut alone = Vec::new();
    for files in by_disk.into_values() {
        match files.first() {
            // Its folder was opened before the first byte of any of them was written: an error since then is told.
            Some((first, _)) if files.len() >= SYNCFS_FILES_MIN => {
                if sync_disk(&first.place.folder).is_none() {
                    alone.extend(files);
                }
            }
            _ => alone.extend(files),
        }
    }
    sync_each(alone);
    results
}

/// Puts all that was written to a file system on its disk; none where one by one is the way, be it to find whose bytes failed.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn sync_disk(folder: &File) -> Option<()> {
    let kind = rustix::fs::fstatfs(folder).ok()?.f_type;
    (SYNCED_AT_ONCE.contains(&kind) && reports_errors()).then_some(())?;
    rustix::fs::syncfs(folder).ok()
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn sync_disk(_: &File) -> Option<()> {
    None
}

/// The file systems of which it is known that `syncfs` does for every file what `fsync` does for one.
#[cfg(any(target_os = "android", target_os = "linux"))]
const SYNCED_AT_ONCE: [FsWord; 4] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683E, // btrfs
    0x0102_1994, // tmpfs
];

/// Tells whether `syncfs` says when bytes did not reach the disk: so it is since Linux 5.8.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn reports_errors() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(|character: char| !character.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(8))
}

/// Syncs files one by one, some at the same time.
fn sync_each(files: Vec<(&Output, &mut io::Result<()>)>) {
    let threads = (files.len() / SYNCFS_FILES_MIN).min(THREADS_MAX);
    let rest = Mutex::new(files.into_iter());
    let work = || {
        loop {
            let next = rest.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((output, result)) = next else {
                return;
            };
            *result = output.file.sync_all();
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // With fewer of them it takes longer, and no more.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
}

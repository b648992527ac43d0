//! Many files seen onto the disk with one wait for all of them: a disk takes hardly longer for a group than for one file.
//! When the names of new ones appear is in [`output`](crate::output).

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// From how many files on the whole file system is synced, with what others have written to it: fewer are synced one by one.
const MANY: usize = 8;

/// By how many threads files are synced where the file system as a whole can't be.
const THREADS: usize = 16;

/// Puts all that was written to these files on the disk, their times of modification too, and returns what the system
/// answered for each.
///
/// They stand in the order in which they were opened, and nothing was written to any before the first of its file system was
/// open: that one is told of what could not be written since.
#[must_use = "each may have failed"]
pub fn sync_group(files: &[&File]) -> Vec<io::Result<()>> {
    let disk_of = |file: &File| file.metadata().map(|metadata| metadata.dev());
    let mut disks: BTreeMap<u64, Vec<&File>> = BTreeMap::new();
    for file in files {
        if let Ok(disk) = disk_of(file) {
            disks.entry(disk).or_default().push(file);
        }
    }
    disks.retain(|_, files| match files.first() {
        Some(first) if files.len() >= MANY => sync_disk(first),
        _ => false,
    });
    // What one call can't do for all is done for each, also where it failed: that tells whose bytes are not there.
    let is_left = |file: &File| !disk_of(file).is_ok_and(|disk| disks.contains_key(&disk));
    sync_each(files, &is_left)
}

/// Syncs the file system that a file is on, where that does for every file what syncing it does. Tells whether it did.
///
/// The file itself is synced after all others: a file system that was shut down may answer that all of it is synced, and refuses
/// this. It sees the disk's own cache emptied, too.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn sync_disk(file: &File) -> bool {
    let known = rustix::fs::fstatfs(file).is_ok_and(|found| SYNCED.contains(&found.f_type));
    known && reports_errors() && rustix::fs::syncfs(file).is_ok() && file.sync_all().is_ok()
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn sync_disk(_: &File) -> bool {
    false
}

/// The file systems of which it is known that one sync of all keeps what every file was given (spec/rewrite.md#groups), by their
/// numbers in Linux's `magic.h`; and memory, where there is nothing to keep. A network's or a program's need not pass it on.
#[cfg(any(target_os = "android", target_os = "linux"))]
const SYNCED: [rustix::fs::FsWord; 4] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683E, // Btrfs
    0x0102_1994, // tmpfs
];

/// Tells whether the kernel reports, of a whole file system, what it could not write: since Linux 5.8.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn reports_errors() -> bool {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    let mut numbers = release
        .split(|character: char| !character.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(8))
}

/// Syncs those that are left each by itself, several at once, so that the disk takes them together. All others are answered for
/// as synced.
fn sync_each(files: &[&File], is_left: &(impl Fn(&File) -> bool + Sync)) -> Vec<io::Result<()>> {
    let next = AtomicUsize::new(0);
    let sync_some = || {
        let mut synced = Vec::new();
        while let place = next.fetch_add(1, Ordering::Relaxed)
            && let Some(file) = files.get(place)
        {
            let answer = match is_left(file) {
                true => file.sync_all(),
                false => Ok(()),
            };
            synced.push((place, answer));
        }
        synced
    };
    let left = files.iter().filter(|file| is_left(file)).count();
    let mut synced = thread::scope(|scope| {
        // Few are synced in turn, by this thread.
        let others: Vec<_> = (1..THREADS.min(left / MANY))
            .map(|_| thread::Builder::new().spawn_scoped(scope, sync_some))
            .collect();
        let mut synced = sync_some();
        for other in others.into_iter().flatten() {
            synced.extend(other.join().expect("syncing a file does not panic"));
        }
        synced
    });
    synced.sort_unstable_by_key(|(place, _)| *place);
    synced.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn files(number: usize) -> Vec<File> {
        let files = (0..number).map(|_| tempfile::tempfile().unwrap());
        files.collect()
    }

    #[test]
    fn each_of_few_and_of_many_is_answered_for() {
        for number in [0, 1, MANY - 1, MANY, 3 * THREADS, 20 * MANY] {
            let files = files(number);
            for mut file in &files {
                file.write_all(b"bytes").unwrap();
            }
            let files: Vec<&File> = files.iter().collect();
            for answers in [sync_group(&files), sync_each(&files, &|_| true)] {
                assert_eq!(answers.len(), number);
                assert!(answers.iter().all(Result::is_ok));
            }
        }
    }

    #[test]
    fn what_can_not_be_synced_is_told_in_its_place() {
        // Nothing can be synced of a device that throws everything away.
        let mut files = files(20 * MANY);
        files.insert(3, File::open("/dev/null").unwrap());
        let files: Vec<&File> = files.iter().collect();
        for answers in [sync_group(&files), sync_each(&files, &|_| true)] {
            assert_eq!(answers.len(), files.len());
            for (place, answer) in answers.iter().enumerate() {
                assert_eq!(answer.is_err(), place == 3, "{place}: {answer:?}");
            }
        }
    }
}

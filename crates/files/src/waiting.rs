//! Locks that another process holds: whoever waits for one for a second has it said, by whatever the program gave for that
//! ([`tell_by`]). Not how it is said.
//!
//! One for the whole process, as a panic's hook is: whatever waits, in whichever library, is heard of.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long is waited before it is said.
pub const SILENT: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The file that is locked.
    pub path: PathBuf,
    /// The process that holds it, where the system tells.
    pub holder: Option<Holder>,
}

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// What it was started with: the program, and its arguments.
    pub command: Vec<String>,
}

static TELL: OnceLock<fn(&Waiting)> = OnceLock::new();

/// Says how it is told that something is waited for. The first to say so is heard.
pub fn tell_by(tell: fn(&Waiting)) {
    let _ = TELL.set(tell);
}

/// Tells that the lock on a file is waited for.
pub fn tell(path: &Path) {
    if let Some(tell) = TELL.get() {
        // SQLite locks what it writes ahead by, beside its file.
        let mut shared = path.as_os_str().to_owned();
        shared.push("-shm");
        tell(&Waiting {
            path: path.to_path_buf(),
            holder: holder(path).or_else(|| holder(Path::new(&shared))),
        });
    }
}

/// Locks a file, waiting for whoever has it.
///
/// # Errors
///
/// Says why it can't be locked.
pub fn lock(file: &File, path: &Path) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => return Ok(()),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    thread::scope(|scope| {
        let (locked, waits) = mpsc::channel::<()>();
        scope.spawn(move || {
            if waits.recv_timeout(SILENT) == Err(RecvTimeoutError::Timeout) {
                tell(path);
            }
        });
        let done = file.lock();
        drop(locked);
        done
    })
}

/// Returns who holds a lock on a file, as far as the system tells.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn holder(path: &Path) -> Option<Holder> {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{major, minor};

    let metadata = path.metadata().ok()?;
    let device = metadata.dev();
    let file = format!(
        "{:02x}:{:02x}:{}",
        major(device),
        minor(device),
        metadata.ino()
    );
    let own = std::process::id();
    // `1: FLOCK  ADVISORY  WRITE 4242 08:01:131 0 EOF`; who waits has `->` behind the number.
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // Who writes before who reads.
    let holders = locks.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, kind, process, locked, ..] = words.as_slice() else {
            return None;
        };
        let process: u32 = process.parse().ok()?;
        // One of another container has no number here.
        let counts = *locked == file && process != own && process != 0;
        counts.then_some((*kind == "WRITE", process))
    });
    let (_, process) = holders.max_by_key(|(writes, _)| *writes)?;
    let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let command = command.split(|byte| *byte == 0);
    Some(Holder {
        process,
        command: command
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect(),
    })
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn holder(_: &Path) -> Option<Holder> {
    None
}

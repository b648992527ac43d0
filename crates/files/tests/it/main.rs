//! What the file layer promises, on real files.

#![cfg(test)]

mod opening;
mod output;
mod readers;

use std::path::{Path, PathBuf};
use std::process::Command;

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A file system of its own, which takes a right to mount.
struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(at: &Path, options: &str) -> Option<Self> {
        Self::of("tmpfs", at, options)
    }

    fn of(kind: &str, at: &Path, options: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", kind, "-o", options, kind])
            .arg(at)
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(at.to_path_buf()));
        }
        eprintln!("SKIPPED: this test mounts a {kind}, which this user may not");
        None
    }

    fn make_read_only(&self) {
        let status = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

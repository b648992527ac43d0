//! One command at a time in a home.

use std::os::unix::fs::symlink;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use strongroom_client::file::lock::HomeLock;
use tempfile::tempdir;

#[test]
fn a_lock_that_is_held_is_not_given_again_until_it_is_given_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("lock");
    let held = HomeLock::acquire(&path).unwrap();
    assert!(HomeLock::try_acquire(&path).unwrap().is_none());
    drop(held);
    assert!(HomeLock::try_acquire(&path).unwrap().is_some());
}

#[test]
fn whoever_wants_a_lock_that_is_held_waits() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("lock");
    let held = HomeLock::acquire(&path).unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _held = HomeLock::acquire(&path).unwrap();
            sender.send(()).unwrap();
        });
        assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
        drop(held);
        receiver.recv_timeout(Duration::from_secs(20)).unwrap();
    });
}

#[test]
fn a_lock_is_not_taken_through_a_link_or_in_a_folder_that_is_missing() {
    let folder = tempdir().unwrap();
    let link = folder.path().join("link");
    symlink(folder.path().join("elsewhere"), &link).unwrap();
    for path in [link, folder.path().join("missing/lock")] {
        let error = HomeLock::acquire(&path).unwrap_err();
        assert_eq!(error.path, path);
    }
    assert!(!folder.path().join("elsewhere").exists());
}

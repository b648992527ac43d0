//! A header is replaced in place, and after a crash at any moment.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use strongroom_client::file::FileId;
use strongroom_client::file::rewrite::{ApplyError, Foreign, OnDisk, PlanError, Rewrite};
use tempfile::{TempDir, tempdir};

const OLD: &[u8] = b"age-encryption.org/v1 old header";
const NEW: &[u8] = b"age-encryption.org/v1 new HEADER";
const PAYLOAD: &[u8] = b"payload";

fn file(folder: &TempDir, header: &[u8]) -> PathBuf {
    let path = folder.path().join("file.age");
    fs::write(&path, [header, PAYLOAD].concat()).unwrap();
    path
}

fn plan(path: &Path) -> Result<Rewrite, PlanError> {
    Rewrite::plan(path, OLD.to_vec(), NEW.to_vec())
}

/// The record as a journal gives it back.
fn recorded(rewrite: &Rewrite) -> Rewrite {
    let record = Rewrite::from_record(
        rewrite.path().to_path_buf(),
        rewrite.id(),
        rewrite.length(),
        rewrite.old_header().to_vec(),
        rewrite.new_header().to_vec(),
    )
    .unwrap();
    assert_eq!(&record, rewrite);
    record
}

fn refused(rewrite: &Rewrite, reason: Foreign) {
    assert_eq!(rewrite.state().unwrap(), OnDisk::Foreign(reason));
    let error = rewrite.apply().unwrap_err();
    assert!(
        matches!(error, ApplyError::Foreign { reason: found, .. } if found == reason),
        "{error}"
    );
}

fn not_planned(path: &Path, reason: Foreign) {
    let error = plan(path).unwrap_err();
    assert!(
        matches!(error, PlanError::Foreign { reason: found, .. } if found == reason),
        "{error}"
    );
}

#[test]
fn a_header_is_replaced_where_it_lies_and_the_payload_stays() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let before = path.metadata().unwrap();
    let rewrite = plan(&path).unwrap();
    assert_eq!(rewrite.state().unwrap(), OnDisk::Old);
    let rewrite = recorded(&rewrite);
    rewrite.apply().unwrap();
    assert_eq!(rewrite.state().unwrap(), OnDisk::New);
    assert_eq!(fs::read(&path).unwrap(), [NEW, PAYLOAD].concat());
    assert_eq!(FileId::of(&path.metadata().unwrap()), FileId::of(&before));
    // After a crash before the record is deleted.
    rewrite.apply().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [NEW, PAYLOAD].concat());
}

#[test]
fn the_time_of_modification_shows_the_change() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    plan(&path).unwrap().apply().unwrap();
    assert!(path.metadata().unwrap().mtime() > 0);
}

#[test]
fn equal_headers_are_no_error() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let rewrite = Rewrite::plan(&path, OLD.to_vec(), OLD.to_vec()).unwrap();
    rewrite.apply().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [OLD, PAYLOAD].concat());
}

#[test]
fn headers_of_two_lengths_are_not_planned() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let error = Rewrite::plan(&path, OLD.to_vec(), b"short".to_vec()).unwrap_err();
    assert!(matches!(error, PlanError::LengthsDiffer { .. }), "{error}");
}

#[test]
fn what_is_not_a_file_with_the_old_header_is_not_planned() {
    let folder = tempdir().unwrap();
    not_planned(&folder.path().join("missing"), Foreign::Missing);
    not_planned(folder.path(), Foreign::NotAFile);
    not_planned(&file(&folder, NEW), Foreign::Header);
    let short = folder.path().join("short");
    fs::write(&short, b"age").unwrap();
    not_planned(&short, Foreign::Length);
    let link = folder.path().join("link");
    symlink(file(&folder, OLD), &link).unwrap();
    not_planned(&link, Foreign::SymbolicLink);
}

#[test]
fn a_pipe_is_refused_without_waiting_for_its_other_end() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    not_planned(&pipe, Foreign::NotAFile);
}

#[test]
fn a_file_with_two_names_is_not_planned() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    fs::hard_link(&path, folder.path().join("backup.age")).unwrap();
    let error = plan(&path).unwrap_err();
    assert!(
        matches!(error, PlanError::HardLinks { links: 2, .. }),
        "{error}"
    );
}

#[test]
fn a_link_above_the_file_may_move_after_the_plan() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let link = folder.path().join("link");
    symlink(folder.path(), &link).unwrap();
    let rewrite = plan(&link.join("file.age")).unwrap();
    fs::remove_file(&link).unwrap();
    rewrite.apply().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [NEW, PAYLOAD].concat());
}

#[test]
fn a_planted_record_changes_nothing_and_says_why() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let real = plan(&path).unwrap();
    let plant = |path: &Path, id, length, old: &[u8]| {
        Rewrite::from_record(path.into(), id, length, old.into(), NEW.into()).unwrap()
    };
    let other_id = FileId {
        inode: real.id().inode + 1,
        ..real.id()
    };
    refused(&plant(&path, other_id, real.length(), OLD), Foreign::File);
    let other_device = FileId {
        device: real.id().device + 1,
        ..real.id()
    };
    refused(
        &plant(&path, other_device, real.length(), OLD),
        Foreign::File,
    );
    refused(
        &plant(&path, real.id(), real.length() + 1, OLD),
        Foreign::Length,
    );
    let other_header = vec![b'x'; OLD.len()];
    refused(
        &plant(&path, real.id(), real.length(), &other_header),
        Foreign::Header,
    );
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    refused(
        &plant(&link, real.id(), real.length(), OLD),
        Foreign::SymbolicLink,
    );
    refused(
        &plant(folder.path(), real.id(), real.length(), OLD),
        Foreign::NotAFile,
    );
    refused(
        &plant(&folder.path().join("no"), real.id(), real.length(), OLD),
        Foreign::Missing,
    );
    assert_eq!(fs::read(&path).unwrap(), [OLD, PAYLOAD].concat());
}

#[test]
fn a_record_that_no_plan_made_is_refused() {
    let id = FileId {
        device: 1,
        inode: 1,
    };
    let record = |path: &str, length, old: &[u8], new: &[u8]| {
        Rewrite::from_record(path.into(), id, length, old.into(), new.into())
    };
    assert!(record("/file", 3, b"old", b"new").is_ok());
    assert!(record("/file", 3, b"old", b"longer").is_err());
    assert!(record("/file", 2, b"old", b"new").is_err());
    assert!(record("file", 3, b"old", b"new").is_err());
}

#[test]
fn a_file_that_took_the_name_after_the_plan_is_left_alone() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let rewrite = plan(&path).unwrap();
    // Kept, so that its number is not given to the next.
    fs::rename(&path, folder.path().join("moved")).unwrap();
    file(&folder, OLD);
    refused(&rewrite, Foreign::File);
    assert_eq!(fs::read(&path).unwrap(), [OLD, PAYLOAD].concat());
}

#[test]
fn a_torn_header_is_repaired_even_where_the_disk_got_another_number() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let planned = plan(&path).unwrap();
    let id = FileId {
        device: planned.id().device + 1,
        inode: planned.id().inode + 1,
    };
    let rewrite = Rewrite::from_record(
        planned.path().into(),
        id,
        planned.length(),
        OLD.into(),
        NEW.into(),
    )
    .unwrap();
    fs::write(&path, [&OLD[..25], &NEW[25..], PAYLOAD].concat()).unwrap();
    assert_eq!(rewrite.state().unwrap(), OnDisk::Torn);
    rewrite.apply().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [NEW, PAYLOAD].concat());
}

#[test]
fn of_two_processes_that_apply_one_record_neither_spoils_it() {
    let folder = tempdir().unwrap();
    let path = file(&folder, OLD);
    let rewrite = plan(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| rewrite.apply().unwrap());
        }
    });
    assert_eq!(fs::read(&path).unwrap(), [NEW, PAYLOAD].concat());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_mix_of_the_two_headers_is_recognised_and_becomes_the_new_one(
        bytes in prop::collection::vec((any::<u8>(), any::<u8>(), any::<bool>()), 1..3000),
    ) {
        let old: Vec<u8> = bytes.iter().map(|(old, _, _)| *old).collect();
        let new: Vec<u8> = bytes.iter().map(|(_, new, _)| *new).collect();
        let mix: Vec<u8> = bytes.iter().map(|(old, new, which)| if *which { *new } else { *old }).collect();
        let folder = tempdir().unwrap();
        let path = file(&folder, &old);
        let rewrite = Rewrite::plan(&path, old.clone(), new.clone()).unwrap();
        File::options().write(true).open(&path).unwrap().write_all_at(&mix, 0).unwrap();
        let expected = if mix == new { OnDisk::New } else if mix == old { OnDisk::Old } else { OnDisk::Torn };
        prop_assert_eq!(rewrite.state().unwrap(), expected);
        rewrite.apply().unwrap();
        prop_assert_eq!(fs::read(&path).unwrap(), [&new[..], PAYLOAD].concat());
    }

    #[test]
    fn one_byte_of_another_header_is_enough_to_be_left_alone(
        bytes in prop::collection::vec((any::<u8>(), any::<u8>(), any::<bool>()), 1..3000),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let (old_byte, new_byte, _) = bytes[at.index(bytes.len())];
        prop_assume!(byte != old_byte && byte != new_byte);
        let old: Vec<u8> = bytes.iter().map(|(old, _, _)| *old).collect();
        let new: Vec<u8> = bytes.iter().map(|(_, new, _)| *new).collect();
        let mut mix: Vec<u8> = bytes.iter().map(|(old, new, which)| if *which { *new } else { *old }).collect();
        mix[at.index(bytes.len())] = byte;
        let folder = tempdir().unwrap();
        let path = file(&folder, &old);
        let rewrite = Rewrite::plan(&path, old.clone(), new.clone()).unwrap();
        File::options().write(true).open(&path).unwrap().write_all_at(&mix, 0).unwrap();
        refused(&rewrite, Foreign::Header);
        prop_assert_eq!(fs::read(&path).unwrap(), [&mix[..], PAYLOAD].concat());
    }
}

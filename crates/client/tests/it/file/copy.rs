//! A header of another length takes a copy.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use strongroom_client::file::copy::{self, CopyError};
use strongroom_files::output::{CommitError, Output, Overwrite, ReadableBy};
use tempfile::{TempDir, tempdir};

use super::{Counting, names};

const OLD: &[u8] = b"old header";
const NEW: &[u8] = b"a longer new header";
const PAYLOAD: &[u8] = b"payload";

fn file(folder: &TempDir, payload: &[u8]) -> PathBuf {
    let path = folder.path().join("file.age");
    fs::write(&path, [OLD, payload].concat()).unwrap();
    path
}

fn output(path: &Path, overwrite: Overwrite) -> Output {
    Output::create(path, overwrite, ReadableBy::Owner, &mut Counting(0)).unwrap()
}

#[test]
fn a_copy_has_the_new_header_the_old_payload_and_the_old_permissions() {
    let folder = tempdir().unwrap();
    // More than is copied in one step.
    let payload: Vec<u8> = b"0123456789abcdefghi".repeat(1_000_000);
    let path = file(&folder, &payload);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let mut told = Vec::new();
    let output = output(&path, Overwrite::Force);
    copy::with_header(&path, OLD, NEW, output, &mut |done, of| {
        told.push((done, of));
    })
    .unwrap();
    assert!(fs::read(&path).unwrap() == [NEW, &payload].concat());
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o640);
    let all = payload.len() as u64;
    assert_eq!(told.first(), Some(&(0, all)));
    assert_eq!(told.last(), Some(&(all, all)));
    assert!(told.len() > 2 && told.is_sorted());
    assert_eq!(names(folder.path()), ["file.age"]);
}

#[test]
fn a_copy_elsewhere_leaves_the_file_and_what_came_meanwhile() {
    let folder = tempdir().unwrap();
    let (path, other) = (file(&folder, PAYLOAD), folder.path().join("other.age"));
    let new = output(&other, Overwrite::Refuse);
    fs::write(&other, b"other").unwrap();
    let error = copy::with_header(&path, OLD, NEW, new, &mut |_, _| ()).unwrap_err();
    assert!(
        matches!(error, CopyError::Commit(CommitError::Exists { .. })),
        "{error}"
    );
    fs::remove_file(&other).unwrap();
    let new = output(&other, Overwrite::Refuse);
    copy::with_header(&path, OLD, NEW, new, &mut |_, _| ()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [OLD, PAYLOAD].concat());
    assert_eq!(fs::read(&other).unwrap(), [NEW, PAYLOAD].concat());
}

#[test]
fn a_file_that_changes_while_it_is_copied_is_not_replaced() {
    let changes: [fn(&Path); 4] = [
        |path| {
            let file = File::options().append(true).open(path).unwrap();
            std::io::Write::write_all(&mut &file, b"more").unwrap();
        },
        |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(OLD.len() as u64 + 1).unwrap();
        },
        |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH)
                .unwrap();
        },
        |path| {
            let other = path.with_extension("other");
            fs::copy(path, &other).unwrap();
            fs::rename(&other, path).unwrap();
        },
    ];
    for change in changes {
        let folder = tempdir().unwrap();
        let path = file(&folder, PAYLOAD);
        let output = output(&path, Overwrite::Force);
        let error = copy::with_header(&path, OLD, NEW, output, &mut |done, _| {
            if done == 0 {
                change(&path);
            }
        })
        .unwrap_err();
        assert!(matches!(error, CopyError::Changed { .. }), "{error}");
        assert!(fs::read(&path).unwrap().starts_with(OLD));
        assert_eq!(names(folder.path()), ["file.age"]);
    }
}

#[test]
fn a_file_with_another_header_and_what_is_no_file_are_not_copied() {
    let folder = tempdir().unwrap();
    let path = file(&folder, PAYLOAD);
    let new = output(&path, Overwrite::Force);
    let error = copy::with_header(&path, b"other", NEW, new, &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, CopyError::Header { .. }), "{error}");
    let new = output(&path, Overwrite::Force);
    let error = copy::with_header(folder.path(), OLD, NEW, new, &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, CopyError::Read { .. }), "{error}");
    assert!(fs::read(&path).unwrap().starts_with(OLD));
}

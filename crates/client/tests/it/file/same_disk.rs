//! Where a file and its spare lie.

use std::path::Path;

use strongroom_client::file::same_disk;
use tempfile::tempdir;

use super::Mounted;

#[test]
fn what_lies_in_one_folder_or_is_yet_to_be_made_there_shares_its_disk() {
    let folder = tempdir().unwrap();
    let yet_to_come = folder.path().join("a/b/c");
    assert!(same_disk(folder.path(), &yet_to_come).unwrap());
    std::fs::write(folder.path().join("file"), b"").unwrap();
    assert!(same_disk(&folder.path().join("file/below"), folder.path()).unwrap());
    assert!(same_disk(Path::new("file"), Path::new(".")).unwrap());
}

#[test]
fn another_file_system_is_told_apart() {
    let folder = tempdir().unwrap();
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    assert!(same_disk(folder.path(), &other.join("file")).unwrap());
    let Some(_mounted) = Mounted::tmpfs(&other, "size=64k") else {
        return;
    };
    assert!(!same_disk(folder.path(), &other.join("file")).unwrap());
}

//! Where a file and its spare lie, on real mounts where this may mount any.

use std::fs;
use std::path::Path;
use std::process::Command;

use strongroom_client::file::{Disks, Distance};
use tempfile::tempdir;

use super::Mounted;

fn distance(spare: &Path, file: &Path) -> Distance {
    Disks::look().distance(spare, file).unwrap()
}

#[test]
fn what_lies_in_one_folder_or_is_yet_to_be_made_there_shares_its_disk() {
    let folder = tempdir().unwrap();
    let yet_to_come = folder.path().join("a/b/c");
    assert_eq!(distance(folder.path(), &yet_to_come), Distance::SameDisk);
    fs::write(folder.path().join("file"), b"").unwrap();
    let below = folder.path().join("file/below");
    assert_eq!(distance(&below, folder.path()), Distance::SameDisk);
    assert_eq!(
        distance(Path::new("file"), Path::new(".")),
        Distance::SameDisk
    );
}

#[test]
fn memory_is_no_disk() {
    let folder = tempdir().unwrap();
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let disks = Disks::look();
    let spare = other.join("spare");
    assert_eq!(
        disks.distance(&spare, folder.path()).unwrap(),
        Distance::SameDisk
    );
    let Some(_mounted) = Mounted::tmpfs(&other, "size=64k") else {
        return;
    };
    assert_eq!(distance(&spare, folder.path()), Distance::InMemory);
    let file = other.join("file");
    assert_eq!(distance(&spare, &file), Distance::SameDisk);
}

#[test]
fn a_bound_folder_is_where_it_was() {
    let folder = tempdir().unwrap();
    let (real, bound) = (folder.path().join("real"), folder.path().join("bound"));
    fs::create_dir(&real).unwrap();
    fs::create_dir(&bound).unwrap();
    let Some(_memory) = Mounted::tmpfs(&real, "size=64k") else {
        return;
    };
    let Some(_bound) = Mounted::new(&bound, &["--bind".as_ref(), real.as_os_str()]) else {
        return;
    };
    assert_eq!(distance(&bound, &real), Distance::SameDisk);
    assert_eq!(distance(&bound, folder.path()), Distance::InMemory);
}

#[test]
fn a_file_system_in_a_file_lies_where_the_file_does() {
    let folder = tempdir().unwrap();
    let memory = folder.path().join("memory");
    fs::create_dir(&memory).unwrap();
    let Some(_memory) = Mounted::tmpfs(&memory, "size=8m") else {
        return;
    };
    for (below, expected) in [
        (folder.path(), Distance::SameDisk),
        (memory.as_path(), Distance::InMemory),
    ] {
        let (image, inside) = (below.join("disk.img"), below.join("inside"));
        fs::create_dir(&inside).unwrap();
        fs::File::create(&image).unwrap().set_len(4 << 20).unwrap();
        let made = Command::new("mkfs.ext4").arg("-q").arg(&image).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no mkfs.ext4");
            return;
        }
        let options = ["-o".as_ref(), "loop".as_ref(), image.as_os_str()];
        let Some(_mounted) = Mounted::new(&inside, &options) else {
            eprintln!("skipped: there are no loop devices");
            return;
        };
        assert_eq!(distance(&inside, folder.path()), expected);
        assert_eq!(distance(&inside, &image), expected);
    }
}

#[test]
fn an_overlay_lies_where_its_layers_do() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["lower", "memory", "merged"] {
        fs::create_dir(path(name)).unwrap();
    }
    let Some(_memory) = Mounted::tmpfs(&path("memory"), "size=1m") else {
        return;
    };
    for name in ["memory/upper", "memory/work", "memory/lower"] {
        fs::create_dir(path(name)).unwrap();
    }
    for (lower, expected) in [
        ("lower", Distance::SameDisk),
        ("memory/lower", Distance::InMemory),
    ] {
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            path(lower).display(),
            path("memory/upper").display(),
            path("memory/work").display()
        );
        let options = ["-t", "overlay", "-o", &layers, "overlay"].map(AsRef::as_ref);
        let Some(_mounted) = Mounted::new(&path("merged"), &options) else {
            eprintln!("skipped: there are no overlays");
            return;
        };
        assert_eq!(
            distance(&path("merged"), folder.path()),
            expected,
            "{lower}"
        );
    }
}

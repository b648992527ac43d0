//! Nobody reads a file who could not read what it was made from, or what it replaced (spec/files.md#readers).

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom_files::output::{Output, Overwrite, ReadableBy};
use strongroom_files::{open, readers};
use strongroom_testkit::{Mount, TestRng};
use tempfile::{TempDir, tempdir};

const ALICE: u32 = 12_345;
const PROJECT: u32 = 23_456;

/// A folder with a file in it.
struct Scene(TempDir);

impl Scene {
    fn new(mode: u32) -> Self {
        let scene = Self(tempdir().unwrap());
        fs::write(scene.path("source"), b"source").unwrap();
        scene.set_mode("source", mode);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn make(&self, target: &str) {
        let source = open(&self.path("source")).unwrap();
        self.write(target, Overwrite::Refuse, ReadableBy::ReadersOf(&source));
    }

    fn replace(&self, target: &str) {
        let source = open(&self.path("source")).unwrap();
        self.write(target, Overwrite::Force, ReadableBy::ReadersOf(&source));
    }

    fn write(&self, target: &str, overwrite: Overwrite, readable: ReadableBy<'_>) {
        let path = self.path(target);
        let mut output = Output::create(&path, overwrite, readable, &mut TestRng::new(1)).unwrap();
        output.write_all(b"made").unwrap();
        output.commit().unwrap();
    }

    /// Owner, group and mode.
    fn is(&self, name: &str) -> (u32, u32, u32) {
        let metadata = self.path(name).metadata().unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o777)
    }

    /// Sets an access list, or says that this machine can't.
    fn set_acl(&self, name: &str, acl: &str) -> bool {
        set_acl(&["-m", acl], &self.path(name))
    }

    fn acl(&self, name: &str) -> String {
        let shown = Command::new("getfacl")
            .args(["-cn", "-p"])
            .arg(self.path(name))
            .output()
            .unwrap();
        String::from_utf8(shown.stdout).unwrap()
    }

    /// Gives the file to somebody else, where this user may.
    fn chown(&self, name: &str, user: u32, group: u32) -> bool {
        let given = chown(self.path(name), Some(user), Some(group)).is_ok();
        if !given {
            eprintln!("SKIPPED: only root gives a file to another owner");
        }
        given
    }
}

fn set_acl(options: &[&str], path: &Path) -> bool {
    let set = Command::new("setfacl").args(options).arg(path).output();
    match set {
        Ok(set) if set.status.success() => true,
        Ok(set) => {
            let said = String::from_utf8_lossy(&set.stderr);
            assert!(said.contains("not supported"), "{said}");
            eprintln!(
                "SKIPPED: the file system of {} has no access lists",
                path.display()
            );
            false
        }
        Err(_) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: this test needs `setfacl`, of the package `acl`");
            false
        }
        Err(error) => panic!("`setfacl` is missing: {error}"),
    }
}

#[test]
fn what_is_made_from_a_file_has_its_permissions_less_the_umask() {
    for (mode, made) in [
        (0o600, 0o600),
        (0o640, 0o640),
        (0o666, 0o644),
        (0o755, 0o755),
        (0o511, 0o711),
        (0o400, 0o600),
    ] {
        let scene = Scene::new(mode);
        let (user, group, _) = scene.is("source");
        scene.make("target");
        assert_eq!(
            scene.is("target"),
            (user, group, made & !umask()),
            "{mode:o}"
        );
    }
}

/// The umask of this process, by what comes of a file.
fn umask() -> u32 {
    let folder = tempdir().unwrap();
    let path = folder.path().join("folder");
    fs::create_dir(&path).unwrap();
    0o777 & !path.metadata().unwrap().mode()
}

#[test]
fn what_is_made_for_its_owner_or_by_the_umask_is_so() {
    let scene = Scene::new(0o644);
    scene.write("owner", Overwrite::Refuse, ReadableBy::Owner);
    assert_eq!(scene.is("owner").2, 0o600);
    scene.write("umask", Overwrite::Refuse, ReadableBy::Umask);
    assert_eq!(scene.is("umask").2, 0o666 & !umask());
}

#[test]
fn the_group_passes_on_where_it_may_be_given() {
    let scene = Scene::new(0o640);
    let (user, _, _) = scene.is("source");
    if !scene.chown("source", user, PROJECT) {
        return;
    }
    scene.make("target");
    assert_eq!(scene.is("target"), (user, PROJECT, 0o640));
}

#[test]
fn another_owner_makes_a_file_for_nobody_else() {
    let scene = Scene::new(0o644);
    if !scene.chown("source", ALICE, PROJECT) {
        return;
    }
    scene.make("target");
    let (user, _, mode) = scene.is("target");
    assert_ne!(user, ALICE);
    assert_eq!(mode, 0o600);
}

/// The group's bits of a file with a list are what the list gives at most.
#[test]
fn an_access_list_passes_on_whole() {
    let scene = Scene::new(0o600);
    if !scene.set_acl("source", "u:1234:rw,g::---,m::rw") {
        return;
    }
    assert_eq!(scene.is("source").2, 0o660);
    scene.make("target");
    let list = scene.acl("source");
    assert!(
        list.contains("group::---") && list.contains("user:1234:rw-"),
        "{list}"
    );
    // The umask narrows what the list gives at most.
    let target = scene.acl("target");
    assert!(
        target.contains("group::---") && target.contains("user:1234:rw-"),
        "{target}"
    );
    assert_eq!(scene.is("target").2, 0o660 & !umask());

    scene.replace("source");
    assert_eq!(scene.acl("source"), list);
    assert_eq!(fs::read(scene.path("source")).unwrap(), b"made");
}

#[test]
fn where_a_list_cannot_be_nobody_gets_what_it_gave() {
    let scene = Scene::new(0o600);
    if !scene.set_acl("source", "u:1234:rw,g::---,m::rw") {
        return;
    }
    // A file system without such lists.
    let other = scene.path("other");
    fs::create_dir(&other).unwrap();
    let Some(_mounted) = Mount::of("ramfs", &other, "mode=700") else {
        return;
    };
    let has_none = Command::new("setfacl")
        .args(["-m", "u:1234:r"])
        .arg(&other)
        .output();
    assert!(!has_none.unwrap().status.success());
    scene.make("other/target");
    assert_eq!(scene.is("other/target").2, 0o600);
}

/// A folder's own list is for what is put there, and not for what is private elsewhere.
#[test]
fn a_folders_list_lets_nobody_in_who_could_not_read_the_source() {
    let scene = Scene::new(0o640);
    let folder = scene.path("folder");
    fs::create_dir(&folder).unwrap();
    if !set_acl(&["-d", "-m", "u:1234:rw,g:4321:rw,m::rw"], &folder) {
        return;
    }
    scene.make("folder/target");
    let list = scene.acl("folder/target");
    assert!(!list.contains("1234") && !list.contains("4321"), "{list}");
    assert_eq!(scene.is("folder/target").2, 0o640);
    // Nor does it widen what is replaced there.
    scene.set_mode("folder/target", 0o600);
    scene.replace("folder/target");
    assert_eq!(
        scene.acl("folder/target"),
        scene.acl("source").replace("r--", "---")
    );
    // What is made for its owner alone opens to nobody by a list.
    scene.write("folder/owner", Overwrite::Refuse, ReadableBy::Owner);
    assert_eq!(scene.is("folder/owner").2, 0o600);
}

#[test]
fn what_is_replaced_keeps_its_group_and_others_keep_their_rights() {
    let scene = Scene::new(0o660);
    if !scene.chown("source", ALICE, PROJECT) {
        return;
    }
    fs::write(scene.path("new"), b"").unwrap();
    readers::keep(
        &File::open(scene.path("new")).unwrap(),
        &scene.path("source"),
    )
    .unwrap();
    assert_eq!(scene.is("new"), (ALICE, PROJECT, 0o660));
    // Made from a file of somebody else's, in place of that: it is theirs still.
    scene.replace("source");
    assert_eq!(scene.is("source"), (ALICE, PROJECT, 0o660));
}

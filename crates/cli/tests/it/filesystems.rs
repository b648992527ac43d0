//! Disks that are not as others: without permissions, without hard links, through a program, full, or only to be read. What is
//! mounted is real; what can't be mounted here is said to be skipped.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use strongroom_testkit::Mount;

use crate::machine::{Machine, Ran};

/// Names a folder of the machine's, in which a file system is to be mounted.
fn at(machine: &Machine) -> std::path::PathBuf {
    let at = machine.path("disk");
    fs::create_dir(&at).unwrap();
    at
}

fn with_home(machine: &Machine, home: &str, args: &[&str]) -> Ran {
    let mut all = vec!["--home", home];
    all.extend(args);
    machine.run(all)
}

/// Everything that is written to a disk, on this one: a home, an authority, a backup, keys, and files.
fn all_is_written(machine: &Machine, disk: &Path, keeps_permissions: bool) {
    let home = "disk/home";
    let founded = with_home(machine, home, &["init", "-q", "--authority", "disk/auth"]).done();
    let warns = |ran: &Ran| ran.stderr.contains("keeps nobody out");
    assert_eq!(warns(&founded), !keeps_permissions, "{}", founded.stderr);
    machine.write("file", "plain");
    let encrypt = ["encrypt", "-q", "-o", "disk/file.age", "file"];
    let first = with_home(machine, home, &encrypt).done();
    // Nothing can be done about it, so that it is said once.
    assert_eq!(first.stderr, "");
    with_home(machine, home, &encrypt).refused(1, &["`disk/file.age` exists already"]);
    let force = ["encrypt", "-q", "--force", "-o", "disk/file.age", "file"];
    with_home(machine, home, &force).done();
    with_home(machine, home, &["decrypt", "disk/file.age"]).done();
    assert_eq!(machine.read_text("disk/file"), "plain");
    with_home(machine, home, &["decrypt", "disk/file.age"]).refused(1, &["exists already"]);
    with_home(machine, home, &["keygen", "-q", "-o", "disk/key"]).done();
    with_home(machine, home, &["keygen", "-q", "-o", "disk/key"]).refused(1, &["exists already"]);
    let backup = with_home(machine, home, &["authority", "backup", "disk/backup"]).done();
    assert_eq!(warns(&backup), !keeps_permissions, "{}", backup.stderr);
    // An empty folder is one that is not there yet.
    fs::create_dir(disk.join("restored")).unwrap();
    let restore = [
        "authority",
        "restore",
        "disk/backup",
        "--authority",
        "disk/restored",
    ];
    with_home(machine, home, &restore).done();
    let shown = ["status", "--same-disk-ok", "disk/file.age"];
    with_home(machine, home, &shown).done();
    assert_eq!(
        machine.names("disk"),
        [
            "auth", "backup", "file", "file.age", "home", "key", "restored"
        ]
    );
    assert_eq!(machine.names("disk/auth"), ["keys.txt", "store.db"]);
}

#[test]
fn a_disk_without_permissions_takes_all_and_is_said_to_keep_nobody_out() {
    let machine = Machine::new();
    let disk = at(&machine);
    if let Some(_mount) = Mount::ntfs(&disk) {
        all_is_written(&machine, &disk, false);
    }
    let machine = Machine::new();
    let disk = at(&machine);
    let below = machine.path("below");
    fs::create_dir(&below).unwrap();
    let options = ["--perms=0755", "--chmod-ignore", "--force-user=nobody"];
    if let Some(_mount) = Mount::bindfs(&options, &below, &disk) {
        all_is_written(&machine, &disk, false);
    }
}

/// As in a group's folder, or where a stick's keys were copied with `cp`.
#[test]
fn joining_an_authority_on_such_a_disk_warns_and_a_file_that_chmod_closes_is_told_of() {
    let machine = Machine::with_home();
    let disk = at(&machine);
    let below = machine.path("below");
    fs::create_dir(&below).unwrap();
    let options = ["--perms=0755", "--chmod-ignore"];
    let Some(mount) = Mount::bindfs(&options, &below, &disk) else {
        return;
    };
    machine.run(["authority", "backup", "disk/auth"]).done();
    let joined = with_home(
        &machine,
        "other",
        &["init", "-q", "--authority", "disk/auth"],
    )
    .done();
    assert!(
        joined.stderr.contains("keeps nobody out"),
        "{}",
        joined.stderr
    );
    let listed = with_home(&machine, "other", &["list"]).done();
    assert_eq!(listed.stderr, "", "said once");
    drop(mount);
    let keys = machine.path("home/authority/keys.txt");
    fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let listed = machine.run(["list"]).done();
    assert!(listed.stderr.contains("chmod go="), "{}", listed.stderr);
}

#[test]
fn a_disk_without_hard_links_takes_all() {
    let machine = Machine::new();
    let disk = at(&machine);
    if let Some(_mount) = Mount::cryfs(&disk) {
        all_is_written(&machine, &disk, true);
    }
    let machine = Machine::new();
    let disk = at(&machine);
    let below = machine.path("below");
    fs::create_dir(&below).unwrap();
    if let Some(_mount) = Mount::sshfs(&below, &disk) {
        all_is_written(&machine, &disk, true);
    }
}

/// Where memory can't be shared, SQLite's WAL can't be.
#[test]
fn a_store_is_written_ahead_on_this_machines_own_disks_alone() {
    let is_ahead = |machine: &Machine, store: &str| {
        let mut header = [0; 20];
        let mut file = fs::File::open(machine.path(store)).unwrap();
        file.read_exact(&mut header).unwrap();
        header[19] == 2
    };
    let machine = Machine::with_home();
    machine.write("file", "plain");
    assert!(is_ahead(&machine, "home/authority/store.db"));
    let disk = at(&machine);
    let below = machine.path("below");
    fs::create_dir(&below).unwrap();
    // No page of a file is kept in memory, so that none can be shared.
    let Some(mount) = Mount::bindfs(&["-o", "direct_io"], &below, &disk) else {
        return;
    };
    with_home(
        &machine,
        "other",
        &["init", "-q", "--authority", "disk/auth"],
    )
    .done();
    with_home(&machine, "other", &["encrypt", "-q", "-o", "a.age", "file"]).done();
    assert!(!is_ahead(&machine, "disk/auth/store.db"));
    // One that comes from another disk is changed over, with all that is in it.
    machine.run(["encrypt", "-q", "-o", "b.age", "file"]).done();
    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    copy(&machine.path("away"), &machine.path("disk/moved"));
    machine.run(["init", "--authority", "disk/moved"]).done();
    assert!(machine.is_protected("b.age"));
    machine.run(["encrypt", "-q", "-o", "c.age", "file"]).done();
    assert!(!is_ahead(&machine, "disk/moved/store.db"));
    drop(mount);
    machine.run(["init", "--authority", "below/moved"]).done();
    assert!(machine.is_protected("c.age"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in from.read_dir().unwrap() {
        let name = file.unwrap().file_name();
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

#[test]
fn an_authority_and_a_home_that_can_only_be_read_are_read_in_place() {
    let machine = Machine::new();
    machine
        .run(["init", "--authority", "usb/auth", "--code-file", "code"])
        .refused(1, &["no folder"]);
    fs::create_dir(machine.path("usb")).unwrap();
    machine
        .run(["init", "--authority", "usb/auth", "--code-file", "code"])
        .done();
    machine.write("file", "plain");
    machine.run(["encrypt", "file"]).done();
    let deposit = ["deposit", "--name", "wifi", "--check", "cat >/dev/null"];
    machine.pipe(b"secret", deposit).done();
    fs::copy(
        machine.path("home/recovery-sheet.txt"),
        machine.path("sheet"),
    )
    .unwrap();
    let reads = |machine: &Machine| {
        assert!(machine.is_protected("file.age"));
        let list = machine.run(["list"]).done();
        assert!(list.text().contains("file"), "{}", list.text());
        machine.run(["log", "verify"]).done();
        machine.run(["log", "show"]).done();
        machine.run(["sheet", "test", "sheet"]).done();
        machine.run(["policy", "show"]).done();
        machine.run(["whoami"]).done();
        let devices = machine.run(["device", "list"]).done();
        assert!(devices.text().contains("this machine"));
        machine.opens_to("file.age", b"plain");
        let recover = ["recover", "--name", "wifi", "--dry-run"];
        machine.run(recover).done();
        ["--deep", "--check"].map(|option| {
            let mut args = vec!["status", "-v", "--same-disk-ok", option];
            args.extend(Some("file.age").filter(|_| option == "--deep"));
            machine.run(args).done()
        })
    };
    let Some(mount) = Mount::read_only(&machine.path("usb")) else {
        return;
    };
    for ran in reads(&machine) {
        assert!(!ran.stderr.contains("warning: "), "{}", ran.stderr);
    }
    // Whatever writes says so before it does anything.
    let refused = machine.run(["encrypt", "-o", "again.age", "file"]);
    refused.refused(1, &["can't be written to", "copy its folder"]);
    let recover = ["recover", "--sheet", "sheet", "-o", "back.age", "file.age"];
    with_home(&machine, "new", &recover).refused(1, &["copy its folder", "--authority"]);
    assert!(!machine.exists("new"), "a home was begun");
    machine.remove("home/identity.txt");
    machine
        .recover(["file.age"])
        .refused(1, &["copy its folder"]);
    assert!(!machine.exists("home/identity.txt"), "a key was made");
    // As it is said.
    copy(&machine.path("usb/auth"), &machine.path("copied"));
    let mut recover = recover.to_vec();
    recover.extend(["--authority", "copied"]);
    with_home(&machine, "new", &recover).done();
    with_home(&machine, "new", &["decrypt", "-o", "-", "back.age"]).done();
    drop(mount);

    machine.recover(["--all", "file.age"]).done();
    let Some(_mount) = Mount::read_only(&machine.path("home")) else {
        return;
    };
    // What can't be remembered is told.
    for ran in reads(&machine) {
        let told = "warning: your Strongroom folder can't be written: ";
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    let refused = machine.run(["encrypt", "-o", "again.age", "file"]);
    refused.refused(1, &["the home can't be written to", "--home"]);
    assert!(!machine.exists("again.age"));
}

#[test]
fn a_founding_that_fails_leaves_nothing_lying_about() {
    let machine = Machine::new();
    let disk = at(&machine);
    let Some(mount) = Mount::ext4(&disk, 1 << 20) else {
        return;
    };
    let full = machine.path("disk/full");
    let mut filling = fs::File::create(&full).unwrap();
    let _ = std::io::copy(&mut std::io::repeat(1), &mut filling);
    drop(filling);
    let found = ["authority", "init", "disk/auth"];
    let refused = |said: &[&str]| {
        let ran = machine.run(found).refused(1, said);
        // There is no such option there.
        assert!(!ran.stderr.contains("-o OUT"), "{}", ran.stderr);
    };
    refused(&["No space left", "hint: make room on that disk"]);
    assert_eq!(machine.names("disk"), ["full", "lost+found"]);
    fs::remove_file(&full).unwrap();
    mount.remount("remount,ro");
    refused(&[
        "Read-only",
        "hint: name a folder on a disk that can be written",
    ]);
    mount.remount("remount,rw");
    machine.run(found).done();
    assert_eq!(machine.names("disk"), ["auth", "lost+found"]);
}

#[test]
fn a_disk_that_gets_full_has_the_old_file_and_no_other() {
    let machine = Machine::with_home();
    let disk = at(&machine);
    let Some(_mount) = Mount::ext4(&disk, 2 << 20) else {
        return;
    };
    machine.write("small", "plain");
    machine.write("big", vec![1; 4 << 20]);
    let to = ["encrypt", "-q", "--force", "-o", "disk/file.age"];
    let with = |name| to.iter().copied().chain([name]).collect::<Vec<_>>();
    machine.run(with("small")).done();
    let before = machine.read("disk/file.age");
    machine
        .run(with("big"))
        .refused(1, &["make room on that disk"]);
    assert!(machine.read("disk/file.age") == before);
    machine.run(["encrypt", "-q", "big"]).done();
    machine
        .run(["decrypt", "-o", "disk/big", "big.age"])
        .refused(1, &["make room on that disk"]);
    assert_eq!(machine.names("disk"), ["file.age", "lost+found"]);
}

#[test]
fn what_is_left_of_holes_takes_no_place() {
    let machine = Machine::with_home();
    let file = fs::File::create(machine.path("disk.img")).unwrap();
    file.set_len(64 << 20).unwrap();
    machine.run(["encrypt", "disk.img"]).done();
    machine.remove("disk.img");
    machine.run(["decrypt", "disk.img.age"]).done();
    let metadata = machine.path("disk.img").metadata().unwrap();
    assert_eq!(metadata.len(), 64 << 20);
    assert!(metadata.blocks() * 512 < 1 << 20, "{}", metadata.blocks());
}

#[test]
fn a_home_whose_disk_is_full_loses_nothing_and_goes_on_when_there_is_room() {
    let machine = Machine::new();
    let disk = at(&machine);
    let Some(_mount) = Mount::tmpfs(&disk, "size=1m") else {
        return;
    };
    let run = |args: &[&str]| with_home(&machine, "disk/home", args);
    let init = ["init", "--authority", "spare", "--code-file", "code"];
    run(&init).done();
    machine.write("file", "plain");
    run(&["encrypt", "file"]).done();
    let status = ["status", "--same-disk-ok", "file.age", "new.age"];
    let full = || {
        let mut filling = fs::File::create(machine.path("disk/full")).unwrap();
        let _ = std::io::copy(&mut std::io::repeat(1), &mut filling);
    };
    let refused = |args: &[&str]| {
        run(args).refused(1, &["the disk of the home is full", "hint: make room"]);
    };
    full();
    refused(&["encrypt", "-o", "new.age", "file"]);
    assert!(!machine.exists("new.age"));
    assert_eq!(
        run(&["decrypt", "-o", "-", "file.age"]).done().stdout,
        b"plain"
    );
    // Whoever only looks is told, of what others did meanwhile, too.
    with_home(&machine, "other", &["init", "-q", "--authority", "spare"]).done();
    let unrecorded = "the disk of your Strongroom folder is full: what is new at the authority is told of, and could not be recorded";
    for args in [
        &["list"][..],
        &["status", "--same-disk-ok", "file.age"],
        &["status", "--same-disk-ok", "--deep", "file.age"],
        &["log", "verify"],
        &["device", "list"],
    ] {
        let ran = run(args).done();
        assert!(!ran.stdout.is_empty(), "{args:?}");
        assert!(ran.stderr.contains(unrecorded), "{args:?}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("can't be asked"),
            "{args:?}: {}",
            ran.stderr
        );
    }
    machine.remove("disk/full");
    // The deposit for which there was no room in the home is at the authority: told once.
    let back = run(&["list"]).done().stderr;
    assert!(back.contains("signed 1 statement that"), "{back}");
    assert_eq!(run(&["list"]).done().stderr, "");
    run(&["encrypt", "-o", "new.age", "file"]).done();
    run(&status).done();
    // Keys that come back find no room, either, and no file is touched.
    machine.remove("disk/home/identity.txt");
    let before = machine.read("file.age");
    let recover = ["recover", "--code-file", "code", "file.age", "new.age"];
    full();
    refused(&recover);
    assert!(machine.read("file.age") == before);
    machine.remove("disk/full");
    run(&recover).done();
    assert_eq!(
        run(&["decrypt", "-o", "-", "file.age"]).done().stdout,
        b"plain"
    );
    run(&status).done();
}

//! Folders, as all commands walk them: what is passed over and counted, what can't be read, what is there already, where files
//! go; and that nothing found is said.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use crate::machine::{Machine, Ran, ran};

/// The commands that walk folders for encrypted files.
const WALKERS: [&[&str]; 5] = [
    &["status", "--same-disk-ok"],
    &["protect"],
    &["decrypt", "--force"],
    &["rewrap"],
    &["recover"],
];

fn of(machine: &Machine, command: &[&str], paths: &[&str]) -> Ran {
    machine.run(command.iter().chain(paths))
}

/// Makes a file newer by so many seconds.
fn make_newer(machine: &Machine, name: &str, seconds: u64) {
    let file = fs::File::options().append(true).open(machine.path(name));
    let file = file.unwrap();
    let now = file.metadata().unwrap().modified().unwrap();
    file.set_modified(now + Duration::from_secs(seconds))
        .unwrap();
}

/// Runs the command as somebody whom permissions bind, which they do not root. None where that can't be done, which is said.
fn bound(machine: &Machine, args: &[&str]) -> Option<Ran> {
    let command = machine.command(args);
    let probe = machine.path("probe");
    fs::create_dir_all(&probe).unwrap();
    fs::set_permissions(&probe, Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&probe).is_err() {
        let mut command = command;
        return Some(ran(&mut command, b""));
    }
    let mut weaker = Command::new("setpriv");
    weaker
        .args([
            "--bounding-set=-dac_override,-dac_read_search",
            "--inh-caps=-dac_override,-dac_read_search",
        ])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(machine.path("."))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", machine.path("."))
        .env("STRONGROOM_HOME", machine.path("home"));
    if Command::new("setpriv").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("CI").is_none(),
            "`setpriv` is missing, which lets root be bound by permissions"
        );
        eprintln!("SKIPPED: root is not bound by permissions, and there is no `setpriv`");
        return None;
    }
    Some(ran(&mut weaker, b""))
}

#[test]
fn nothing_found_is_said_and_makes_no_key() {
    let machine = Machine::with_classic_home();
    machine.write("full/a", "a");
    machine.run(["encrypt", "full/a"]).done();
    machine.write("letters/letter.txt", "not encrypted");
    fs::create_dir(machine.path("empty")).unwrap();
    machine.write("list", "");
    for command in WALKERS {
        for folder in ["empty", "letters"] {
            let said = format!("error: {folder}: no encrypted file was found");
            of(&machine, command, &[folder]).refused(1, &[&said]);
            // Beside one that is not empty, too: a disk that is not mounted is one of several.
            of(&machine, command, &["full", folder]).refused(1, &[&said]);
        }
        let listed = of(&machine, command, &["--files-from", "list"]);
        listed.refused(1, &["the list `list` is empty"]);
    }
    machine
        .run(["encrypt", "empty"])
        .refused(1, &["error: empty: there is no file to encrypt"]);
    machine
        .run(["encrypt", "--files-from", "list"])
        .refused(1, &["the list `list` is empty"]);
    machine
        .run(["status", "--expect", "list"])
        .refused(1, &["the list `list` is empty"]);
    // A lost key is made anew for a file that needs it, and for no other.
    machine.remove("home/identity.txt");
    for named in ["empty", "letters", "letters/letter.txt", "nosuch"] {
        machine.recover([named]).refused(1, &["error: "]);
        assert!(!machine.exists("home/identity.txt"), "{named}");
    }
    let listed = machine.recover(["--files-from", "list"]);
    listed.refused(1, &["the list `list` is empty"]);
    assert!(!machine.exists("home/identity.txt"));
    machine.recover(["full"]).done();
    machine.opens_to("full/a.age", b"a");
}

#[test]
fn a_folder_without_a_file_to_read_founds_nothing() {
    let machine = Machine::new();
    fs::create_dir(machine.path("empty")).unwrap();
    machine.run(["encrypt", "empty"]).refused(1, &["empty"]);
    machine
        .run(["encrypt", "nosuch", "nor this"])
        .refused(1, &["cannot open"]);
    assert!(!machine.exists("home"));
}

#[test]
fn what_is_no_file_is_passed_over_and_counted() {
    let machine = Machine::with_home();
    machine.write("tree/real", "real");
    symlink("real", machine.path("tree/link")).unwrap();
    symlink("nowhere", machine.path("tree/dangling")).unwrap();
    symlink("..", machine.path("tree/loop")).unwrap();
    let _socket = UnixListener::bind(machine.path("tree/socket")).unwrap();
    let fifo = Command::new("mkfifo")
        .arg(machine.path("tree/fifo"))
        .status();
    assert!(fifo.unwrap().success());
    let counted = "1 pipe, 3 symbolic links, 1 socket passed over";
    let ran = machine.run(["encrypt", "tree"]).done();
    assert!(ran.stderr.contains(counted), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 file encrypted\n"), "{}", ran.stderr);
    for command in WALKERS {
        let ran = of(&machine, command, &["tree"]).done();
        let said = format!("{}{}", ran.text(), ran.stderr);
        let said: Vec<&str> = said.split_whitespace().collect();
        let said = said.join(" ");
        assert!(
            said.contains("1 other file, 1 pipe, 3 symbolic links, 1 socket passed over"),
            "{said}"
        );
    }
    let ran = machine
        .run(["status", "-v", "--same-disk-ok", "tree"])
        .done();
    assert!(
        ran.stderr
            .contains("tree/link  passed over: a symbolic link"),
        "{}",
        ran.stderr
    );
    // An archive of links alone, as git-annex makes them: nothing that could be recovered, and no key for it.
    symlink("../tree/real.age", {
        fs::create_dir(machine.path("links")).unwrap();
        machine.path("links/7.age")
    })
    .unwrap();
    machine.remove("home/identity.txt");
    machine.recover(["links"]).refused(
        1,
        &[
            "links: no encrypted file was found",
            "1 symbolic link passed over",
        ],
    );
    assert!(!machine.exists("home/identity.txt"));
}

#[test]
fn homes_and_authorities_are_never_walked_into() {
    let machine = Machine::new();
    machine.run(["init", "--authority", "spare"]).done();
    let other = ["--home", "other", "init", "--authority", "spare"];
    machine.run(other).done();
    machine.write("letter", "a letter");
    let before = [machine.names("home"), machine.names("spare")];
    let ran = machine.run(["encrypt", "."]).done();
    assert!(
        ran.stderr
            .contains("1 authority's folder, 2 Strongroom folders passed over"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        machine.names("."),
        ["home", "letter", "letter.age", "other", "spare"]
    );
    // Also by another name, or from within.
    symlink("home", machine.path("link")).unwrap();
    fs::create_dir(machine.path("home/within")).unwrap();
    machine.write("home/within/note", "x");
    for named in ["home", "link", "spare", "home/within", "home/../home"] {
        let ran = machine.run(["encrypt", named]);
        ran.refused(1, &["there is no file to encrypt", "passed over"]);
    }
    fs::remove_dir_all(machine.path("home/within")).unwrap();
    assert_eq!(before, [machine.names("home"), machine.names("spare")]);
}

#[test]
fn what_can_not_be_read_is_said_and_the_rest_goes_on() {
    let machine = Machine::with_home();
    for name in ["a", "locked/b", "z"] {
        machine.write(&format!("w/{name}"), name);
    }
    machine.write("w/secret", "not for us");
    let forbid = |name: &str| {
        fs::set_permissions(machine.path(name), Permissions::from_mode(0o000)).unwrap();
    };
    forbid("w/locked");
    forbid("w/secret");
    let Some(ran) = bound(&machine, &["encrypt", "w"]) else {
        return;
    };
    ran.refused(
        1,
        &[
            "error: w/locked: cannot read the folder: Permission denied",
            "error: w/secret: cannot open `w/secret`: Permission denied",
            "2 files encrypted",
        ],
    );
    machine.opens_to("w/a.age", b"a");
    machine.opens_to("w/z.age", b"z");
    for command in WALKERS {
        let args: Vec<&str> = command.iter().copied().chain(["w"]).collect();
        let ran = bound(&machine, &args).unwrap();
        ran.refused(1, &["error: w/locked: cannot read the folder"]);
    }
    fs::set_permissions(machine.path("w/locked"), Permissions::from_mode(0o755)).unwrap();
    machine.run(["status", "--same-disk-ok", "w"]).done();
}

#[test]
fn a_mounted_file_system_is_passed_over_unless_it_is_named() {
    let machine = Machine::with_home();
    machine.write("tree/a", "a");
    machine.write("elsewhere/b", "b");
    fs::create_dir(machine.path("tree/mounted")).unwrap();
    // From the same disk: no other number tells it from a folder.
    let mount = Command::new("mount")
        .arg("--bind")
        .arg(machine.path("elsewhere"))
        .arg(machine.path("tree/mounted"))
        .output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        eprintln!("SKIPPED: nothing can be mounted here");
        return;
    }
    let encrypted = machine.run(["encrypt", "tree"]);
    let named = machine.run(["encrypt", "tree/mounted"]);
    let unmount = Command::new("umount")
        .arg(machine.path("tree/mounted"))
        .status();
    assert!(unmount.unwrap().success());
    let encrypted = encrypted.done();
    assert!(
        encrypted.stderr.contains("1 other file system passed over"),
        "{}",
        encrypted.stderr
    );
    named.done();
    machine.opens_to("elsewhere/b.age", b"b");
}

#[test]
fn a_folder_again_is_what_is_new_or_newer() {
    let machine = Machine::with_home();
    for name in ["a", "b", "c"] {
        machine.write(&format!("tree/{name}"), name);
    }
    machine.run(["encrypt", "tree"]).done();
    let again = machine.run(["encrypt", "tree"]).done();
    assert_eq!(
        again.stderr,
        "0 files encrypted; 3 up to date; 3 encrypted already\n"
    );
    let before = machine.read("tree/a.age");
    machine.write("tree/b", "changed");
    make_newer(&machine, "tree/b", 10);
    machine.write("tree/new", "new");
    let again = machine.run(["encrypt", "tree"]).done();
    assert!(
        again.stderr.contains(
            "2 files encrypted (1 again, having changed); 2 up to date; 3 encrypted already\n"
        ),
        "{}",
        again.stderr
    );
    machine.opens_to("tree/b.age", b"changed");
    machine.opens_to("tree/new.age", b"new");
    assert!(machine.read("tree/a.age") == before);
    // What is in the way and is not encrypted, or is torn, is never replaced, nor taken for done.
    machine.write("tree/c.age", "");
    let ran = machine.run(["encrypt", "tree"]);
    ran.refused(1, &["error: tree/c: `tree/c.age` exists already"]);
    assert!(machine.read("tree/c.age").is_empty());
    assert!(!machine.exists("tree/c.age.age"));
    // One that is named is asked for: that it is there is an error, as ever.
    let named = machine.run(["encrypt", "tree/a"]);
    named.refused(1, &["`tree/a.age` exists already", "hint: "]);
}

#[test]
fn what_changed_is_encrypted_again_whatever_the_times_are() {
    let machine = Machine::with_home();
    for name in ["a", "b", "c"] {
        machine.write(&format!("tree/{name}"), "old");
    }
    machine.run(["encrypt", "tree"]).done();
    // Edited, and then the header was replaced, which is newer.
    machine.write("tree/a", "edited");
    machine.remove("home/identity.txt");
    machine.recover(["tree"]).done();
    // An older file moved over it, and one of the same second.
    let set = |name: &str, time: &str| {
        let touched = Command::new("touch")
            .args(["-d", time])
            .arg(machine.path(name))
            .status();
        assert!(touched.unwrap().success());
    };
    machine.write("tree/b", "from before");
    set("tree/b", "2001-01-01 10:00:39.9");
    let ran = machine.run(["encrypt", "tree"]).done();
    let said = "2 files encrypted (2 again, having changed); 1 up to date";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    machine.opens_to("tree/a.age", b"edited");
    machine.opens_to("tree/b.age", b"from before");
    set("tree/b", "2001-01-01 10:00:38");
    machine.run(["encrypt", "tree"]).done();
    machine.write("tree/b", "of that second");
    set("tree/b", "2001-01-01 10:00:39.9");
    machine.run(["encrypt", "tree"]).done();
    machine.opens_to("tree/b.age", b"of that second");
    let ran = machine.run(["encrypt", "tree"]).done();
    assert!(
        ran.stderr.contains("0 files encrypted; 3 up to date"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_not_replaced_without_force_is_never_replaced_by_a_folder() {
    let machine = Machine::with_home();
    machine.write("tree/x", "one");
    machine.write("other", "another's");
    let other = Machine::with_home();
    other.write("x", "another's");
    other.run(["encrypt", "x"]).done();
    machine.write("tree/x.age", other.read("x.age"));
    let before = machine.read("tree/x.age");
    let touched = Command::new("touch")
        .args(["-d", "2001-01-01"])
        .arg(machine.path("tree/x.age"))
        .status();
    assert!(touched.unwrap().success());
    machine
        .run(["encrypt", "tree"])
        .refused(1, &["`tree/x.age` exists already"]);
    assert!(machine.read("tree/x.age") == before);
    // Nor one that opens for somebody else, too.
    let key = machine.run(["keygen", "-o", "bob"]).done();
    let bob = format!("{}{}", key.text(), key.stderr);
    let bob = bob
        .split_whitespace()
        .find(|word| word.starts_with("age1pq1"))
        .unwrap();
    machine.write("shared/q", "one");
    machine.run(["encrypt", "-r", bob, "shared/q"]).done();
    machine.write("shared/q", "another");
    machine
        .run(["encrypt", "shared"])
        .refused(1, &["`shared/q.age` exists already"]);
    machine.run(["encrypt", "-r", bob, "shared"]).done();
    machine.opens_to("shared/q.age", b"another");
    // With it, no file that is to be encrypted itself, and none that is not encrypted.
    machine.write("both/x", "one");
    machine.write("both/x.age", "precious");
    for named in [&["both"][..], &["both/x", "both/x.age"]] {
        machine
            .run([&["encrypt", "--force"], named].concat())
            .refused(1, &["`both/x.age`"]);
        assert_eq!(machine.read("both/x.age"), b"precious");
    }
}

#[test]
fn one_place_that_can_not_be_made_stops_no_other_file() {
    let machine = Machine::with_home();
    machine.write("src/sub/x", "x");
    machine.write("src/y", "y");
    machine.write("out/src/sub", "in the way");
    machine
        .run(["encrypt", "-o", "out/", "src"])
        .refused(1, &["cannot make the folder"]);
    machine.opens_to("out/src/y.age", b"y");
}

#[test]
fn what_is_named_twice_is_done_once_and_a_list_of_everything_means_no_keys() {
    let machine = Machine::with_home();
    machine.write("d/x", "x");
    let ran = machine.run(["encrypt", "d", "d/x"]).done();
    assert!(ran.stderr.contains("1 file encrypted"), "{}", ran.stderr);
    machine.write("list", "letter\nhome/identity.txt\nhome/home.db\n");
    machine.write("letter", "a letter");
    machine.run(["encrypt", "--files-from", "list"]).done();
    machine.opens_to("letter.age", b"a letter");
    assert!(!machine.exists("home/identity.txt.age") && !machine.exists("home/home.db.age"));
}

#[test]
fn a_dry_run_runs_and_reads_nothing() {
    let machine = Machine::with_home();
    let run = [
        "encrypt",
        "--dry-run",
        "-o",
        "db.age",
        "--from-command",
        "touch",
        "ran",
    ];
    drop(machine.run(run));
    assert!(!machine.exists("ran"));
    machine.write("there.age", "in the way");
    machine
        .run([
            "encrypt",
            "-o",
            "there.age",
            "--from-command",
            "touch",
            "ran",
        ])
        .refused(1, &["exists already"]);
    assert!(!machine.exists("ran"));
}

#[test]
fn an_encrypted_file_that_became_a_text_is_told_of() {
    let machine = Machine::with_home();
    for name in ["a", "b"] {
        machine.write(&format!("d/{name}"), name);
    }
    machine.run(["encrypt", "d"]).done();
    std::thread::sleep(Duration::from_millis(300));
    machine.run(["status", "--same-disk-ok", "d"]).done();
    machine.write("d/a.age", "hello");
    machine
        .run(["status", "-q", "--same-disk-ok", "d"])
        .refused(1, &[]);
}

#[test]
fn content_tells_what_is_encrypted_and_no_name() {
    let machine = Machine::with_home();
    machine.write("tree/campaign.age", "plain");
    machine.write("tree/photo.AGE", "plain, too");
    machine.write("letter", "a letter");
    machine
        .run(["encrypt", "letter", "-o", "tree/letter.bin"])
        .done();
    let ran = machine.run(["encrypt", "tree"]).done();
    assert!(
        ran.stderr
            .contains("2 files encrypted; 1 encrypted already"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        machine.names("tree"),
        [
            "campaign.age",
            "campaign.age.age",
            "letter.bin",
            "photo.AGE",
            "photo.AGE.age"
        ]
    );
    // Endings are the same in capitals.
    fs::rename(machine.path("tree/letter.bin"), machine.path("LETTER.AGE")).unwrap();
    machine.run(["decrypt", "LETTER.AGE"]).done();
    assert_eq!(machine.read("LETTER"), b"a letter");
}

#[test]
fn folders_and_lists_are_decrypted_into_a_folder() {
    let machine = Machine::with_home();
    for name in ["a", "deep/b", "deep/er/c"] {
        machine.write(&format!("arch/{name}"), name);
    }
    machine.run(["encrypt", "-o", "nas/", "arch"]).done();
    assert!(!machine.exists("arch/a.age"));
    assert!(machine.exists("nas/arch/deep/er/c.age"));
    machine.write("nas/arch/README", "not encrypted");
    let ran = machine.run(["decrypt", "-o", "back", "nas"]).done();
    assert_eq!(
        ran.stderr, "3 files decrypted\n1 other file passed over\n",
        "{}",
        ran.stderr
    );
    for name in ["a", "deep/b", "deep/er/c"] {
        assert_eq!(
            machine.read(&format!("back/nas/arch/{name}")),
            name.as_bytes()
        );
    }
    // A list, by the paths that it says; from the folder they lead from.
    let list = b"nas/arch/a.age\0nas/arch/deep/b.age\0";
    let listed = ["decrypt", "--files-from", "-", "-0", "-o", "listed"];
    machine.pipe(list, listed).done();
    assert_eq!(machine.read("listed/nas/arch/deep/b"), b"deep/b");
    // Where they are.
    machine.run(["decrypt", "nas"]).done();
    assert_eq!(machine.read("nas/arch/deep/b"), b"deep/b");
    let again = machine.run(["decrypt", "nas"]);
    again.refused(1, &["`nas/arch/a` exists already", "0 files decrypted"]);
    // Lines for programs, of what failed as well.
    let ran = machine.run(["decrypt", "--json", "nas", "nosuch"]);
    let lines = ran.refused(1, &[]).json();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| line["error"].is_string()));
    let lines = machine
        .run(["decrypt", "--json", "--force", "nas"])
        .done()
        .json();
    assert_eq!(lines[0]["file"], "nas/arch/a.age");
    assert_eq!(lines[0]["output"], "nas/arch/a");
    // Rewritten headers go into folders as well.
    machine.run(["rewrap", "-o", "copies", "nas/arch"]).done();
    machine.opens_to("copies/arch/deep/er/c.age", b"deep/er/c");
    machine.remove("home/identity.txt");
    machine.recover(["-o", "recovered", "nas/arch"]).done();
    machine.opens_to("recovered/arch/deep/er/c.age", b"deep/er/c");
    machine
        .run(["decrypt", "-o", "-", "nas/arch/a.age"])
        .refused(1, &["not encrypted to any of these keys"]);
}

#[test]
fn one_file_goes_into_a_folder_that_is_there_or_ends_as_one() {
    let machine = Machine::with_home();
    machine.write("sub/f", "x");
    fs::create_dir(machine.path("there")).unwrap();
    machine.run(["encrypt", "-o", "there", "sub/f"]).done();
    machine.run(["encrypt", "-o", "new/", "sub/f"]).done();
    assert_eq!(machine.names("there"), ["f.age"]);
    assert_eq!(machine.names("new"), ["f.age"]);
    machine
        .run(["decrypt", "-o", "open/", "there/f.age"])
        .done();
    machine.run(["decrypt", "-o", "there", "new/f.age"]).done();
    assert_eq!(machine.read("open/f"), b"x");
    assert_eq!(machine.read("there/f"), b"x");
    machine.run(["rewrap", "-o", "copy/", "there/f.age"]).done();
    machine.opens_to("copy/f.age", b"x");
    // Two files never become one, whatever `--force` says; a file is no folder.
    machine.write("other/f", "y");
    let both = ["encrypt", "--force", "-o", "both", "sub/f", "other/f"];
    machine
        .run(both)
        .refused(1, &["`sub/f` and `other/f` would both become `both/f.age`"]);
    assert!(!machine.exists("both"));
    machine
        .run(["encrypt", "-o", "sub/f", "other", "there"])
        .refused(1, &["`sub/f` is a file"]);
    // Nothing leads out of the folder.
    machine.write("list", "../outside\n");
    fs::write(machine.path("../outside"), "z").unwrap_or_default();
    let ran = machine.run(["encrypt", "-o", "kept", "--files-from", "list"]);
    let _ = fs::remove_file(machine.path("../outside"));
    ran.done();
    assert_eq!(machine.names("kept"), ["outside.age"]);
}

#[test]
fn globs_leave_out_what_they_name() {
    let machine = Machine::with_home();
    for name in [
        "a",
        "b.tmp",
        "cache/c",
        "deep/cache/d",
        "deep/e.tmp",
        "deep/f",
    ] {
        machine.write(&format!("tree/{name}"), name);
    }
    let ran = machine
        .run([
            "encrypt",
            "--exclude",
            "*.tmp",
            "--exclude",
            "cache",
            "tree",
        ])
        .done();
    assert!(ran.stderr.contains("2 files encrypted"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("4 excluded passed over"),
        "{}",
        ran.stderr
    );
    assert!(machine.exists("tree/a.age") && machine.exists("tree/deep/f.age"));
    let by_path = ["status", "--same-disk-ok", "--exclude", "tree/deep", "tree"];
    let ran = machine.run(by_path).done();
    assert!(
        ran.text().starts_with("1 file: 1 protected"),
        "{}",
        ran.text()
    );
    let listed = ["encrypt", "--files-from", "-", "--exclude", "*.tmp"];
    let ran = machine.pipe(b"tree/b.tmp\ntree/cache/c\n", listed).done();
    assert!(ran.stderr.contains("1 excluded"), "{}", ran.stderr);
    assert!(machine.exists("tree/cache/c.age") && !machine.exists("tree/b.tmp.age"));
    machine
        .run(["encrypt", "--exclude", "a[", "tree"])
        .refused(2, &["a["]);
}

#[test]
fn failures_of_one_kind_make_no_more_than_a_screen() {
    let machine = Machine::with_home();
    for number in 0..40 {
        machine.write(
            &format!("tree/{number:02}.age"),
            "age-encryption.org/v1\ntorn",
        );
    }
    let ran = machine.run(["decrypt", "tree"]);
    let ran = ran.refused(1, &["tree/04.age: ", "error: and 35 more", "`-v` tells"]);
    assert!(!ran.stderr.contains("tree/05.age: "), "{}", ran.stderr);
    assert!(ran.stderr.lines().count() < 12, "{}", ran.stderr);
    let ran = machine.run(["decrypt", "-v", "tree"]);
    ran.refused(1, &["tree/05.age: ", "tree/39.age: "]);
    let lines = machine.run(["decrypt", "--json", "tree"]).json();
    assert_eq!(lines.len(), 40);
    for command in [&["status"][..], &["protect"], &["rewrap"], &["recover"]] {
        let ran = of(&machine, command, &["tree"]).refused(1, &[]);
        let said = format!("{}{}", ran.text(), ran.stderr);
        assert!(said.lines().count() < 14, "{command:?}: {said}");
        assert!(said.contains("35 more"), "{command:?}: {said}");
    }
    let missing: Vec<String> = (0..40).map(|number| format!("nosuch{number}")).collect();
    let ran = machine.run(
        ["encrypt"]
            .into_iter()
            .chain(missing.iter().map(String::as_str)),
    );
    let ran = ran.refused(1, &["cannot open `nosuch0`", "and 35 more"]);
    assert!(ran.stderr.lines().count() < 12, "{}", ran.stderr);
}

#[test]
fn a_dry_run_encrypts_rewraps_and_recovers_nothing() {
    let machine = Machine::new();
    machine.write("tree/a", "a");
    let ran = machine.run(["encrypt", "--dry-run", "tree"]).done();
    assert_eq!(ran.text(), "tree/a.age  from tree/a\n");
    assert_eq!(ran.stderr, "1 file would be encrypted\n");
    assert_eq!(machine.names("."), ["tree"]);
    machine.run(["init", "--code-file", "code"]).done();
    machine.run(["encrypt", "tree"]).done();
    let entries = machine.run(["log", "show"]).done().stdout;
    let lines = machine
        .run(["encrypt", "--dry-run", "--json", "-o", "out", "tree"])
        .done()
        .json();
    assert_eq!(lines[0]["file"], "out/tree/a.age");
    assert_eq!(lines[0]["dry_run"], true);
    assert!(!machine.exists("out"));
    let ran = machine.run(["rewrap", "--dry-run", "tree"]).done();
    assert_eq!(ran.text(), "tree/a.age  opens with your key already\n");
    let before = machine.read("tree/a.age");
    machine.remove("home/identity.txt");
    let ran = machine.recover(["--dry-run", "tree"]).done();
    assert_eq!(ran.text(), "tree/a.age  its key would be asked for\n");
    assert!(
        ran.stderr.contains("a new key would be made"),
        "{}",
        ran.stderr
    );
    assert!(!machine.exists("home/identity.txt"));
    assert!(machine.read("tree/a.age") == before);
    assert!(machine.run(["log", "show"]).done().stdout == entries);
    let lines = machine.recover(["--json", "tree"]).done().json();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["how"], "in_place");
    let lines = machine.run(["rewrap", "--json", "tree"]).done().json();
    assert_eq!(lines[0]["current"], true);
}

#[test]
fn files_are_described_by_the_path_that_their_owner_gave() {
    let machine = Machine::with_home();
    for name in ["tree/a/same", "tree/b/same"] {
        machine.write(name, name);
    }
    machine.run(["encrypt", "tree", "-o", "out"]).done();
    let whole = machine.path("tree/a/same");
    let whole = whole.to_str().unwrap();
    machine.run(["encrypt", "-o", "c.age", whole]).done();
    let lines = machine.run(["list", "--json"]).done().json();
    let described: Vec<_> = lines
        .iter()
        .map(|line| line["description"].as_str().unwrap())
        .collect();
    // Where the whole path is nobody's business, the name is enough.
    assert_eq!(described, ["tree/a/same", "tree/b/same", "same"]);
}

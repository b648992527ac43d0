//! What the command refuses, how it says so, and that nothing is left of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::machine::Machine;
use crate::recovering::find;

#[test]
fn a_file_that_is_there_is_never_replaced_unasked() {
    let machine = Machine::with_home();
    machine.write("file", "new");
    machine.write("file.age", "old");
    machine.run(["encrypt", "file"]).refused(
        1,
        &["error: file: `file.age` exists already", "hint: `--force`"],
    );
    assert_eq!(machine.read("file.age"), b"old");
    machine.run(["encrypt", "--force", "file"]).done();
    machine
        .run(["decrypt", "file.age"])
        .refused(1, &["`file` exists already"]);
    let log = machine.run(["log", "show"]).done();
    // What can be seen to fail deposits nothing.
    assert_eq!(log.text().matches("  deposit").count(), 1);
}

#[test]
fn wrong_usage_exits_with_two() {
    let machine = Machine::with_home();
    machine.write("a", "");
    machine.write("b", "");
    for args in [
        &["encrypt"][..],
        &["encrypt", "-o", "-", "a", "b"],
        &["encrypt", "-", "a"],
        &["encrypt", "--json", "-"],
        &["encrypt", "--label", "nothing", "a"],
        &["decrypt"],
        &["decrypt", "-o", "-", "a", "b"],
        &["recover"],
        &[
            "recover",
            "--all",
            "--serial",
            "00112233445566778899aabbccddeeff",
        ],
        &["recover", "--serial", "short"],
        &["rewrap"],
        &["status", "--deep"],
        &["unknown"],
    ] {
        machine.run(args).refused(2, &["error: "]);
    }
}

#[test]
fn a_missing_home_is_said_to_be_missing() {
    let machine = Machine::new();
    machine.write("file.age", "");
    for args in [
        &["status", "file.age"][..],
        &["list"],
        &["log", "verify"],
        &["rewrap", "file.age"],
        &["recover", "--all"],
        &["sheet", "test"],
    ] {
        machine
            .run(args)
            .refused(1, &["there is no Strongroom home at", "hint: "]);
    }
    assert_eq!(machine.names("."), ["file.age"]);
}

#[test]
fn a_half_deleted_home_is_no_first_use() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    machine.run(["encrypt", "file"]).done();
    for (missing, said) in [
        ("identity.txt", "identity.txt` is missing"),
        ("device.key", "device.key` is missing"),
        ("home.db", "home is incomplete"),
    ] {
        let kept = machine.read(&format!("home/{missing}"));
        machine.remove(&format!("home/{missing}"));
        machine
            .run(["encrypt", "-o", "new.age", "file"])
            .refused(1, &[said, "hint: "]);
        assert!(!machine.exists("new.age") && !machine.exists(&format!("home/{missing}")));
        machine.write(&format!("home/{missing}"), kept);
    }
    machine.run(["encrypt", "-o", "new.age", "file"]).done();
    // Nor is a folder of something else.
    machine.write("other/file", "");
    machine
        .run(["--home", "other", "encrypt", "file", "--force"])
        .refused(1, &["home is incomplete"]);
    assert_eq!(machine.names("other"), ["file", "lock"]);
}

#[test]
fn an_authority_out_of_reach_exits_with_75_and_leaves_nothing() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    machine.run(["encrypt", "file"]).done();
    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    for args in [
        &["encrypt", "-o", "new.age", "file"][..],
        &["list"],
        &["log", "show"],
        &["recover", "--all"],
        &["status", "file.age"],
    ] {
        machine.run(args).refused(
            75,
            &[
                "cannot reach the authority in",
                "hint: see that its disk is there",
            ],
        );
    }
    assert!(!machine.exists("new.age"));
    let ran = machine.run(["status", "--json", "--same-disk-ok", "file.age"]);
    assert_eq!(ran.status, Some(75));
    let line = &ran.json()[0];
    assert_eq!(line["state"], "matched");
    assert_eq!(line["protected"], false);
    assert_eq!(line["reason"], "the authority can't be asked");
    machine.opens_to("file.age", b"x");

    fs::rename(machine.path("away"), machine.path("home/authority")).unwrap();
    machine.remove("home/authority/keys.txt");
    machine.run(["encrypt", "-o", "new.age", "file"]).refused(
        1,
        &[
            "key file",
            "is missing",
            "hint: put the missing or damaged file back",
            "`keys.txt` never changes",
        ],
    );
}

#[test]
fn an_authority_that_is_damaged_is_no_matter_of_trying_again() {
    let machine = Machine::new();
    let init = ["init", "--authority", "shared", "--sheet", "sheet"];
    machine.run(init).done();
    for name in ["rose", "tulip"] {
        let deposit = ["deposit", "--name", name, "--description", name];
        machine.pipe(b"secret", deposit).done();
    }
    copy_folder(&machine, "shared", "whole");
    let hint = "hint: put the missing or damaged file back from a backup";
    for broken in ["keys.txt", "store.db"] {
        let path = format!("shared/{broken}");
        for change in [Some(b"not it".as_slice()), None] {
            match change {
                Some(bytes) => machine.write(&path, bytes),
                None => machine.remove(&path),
            }
            for args in [&["list"][..], &["sync"], &["status", "--check"]] {
                machine
                    .run(args)
                    .refused(1, &["cannot reach the authority in", hint]);
            }
        }
        machine.write(&path, machine.read(&format!("whole/{broken}")));
        machine.run(["list"]).done();
    }

    // One entry of the log can't be read: that costs itself, and is told of.
    machine.change("shared/store.db", |bytes| {
        let at = find(bytes, b"tulip");
        bytes[at] ^= 1;
    });
    let second = |args: &[&str]| machine.run(["--home", "second"].iter().chain(args));
    second(&["recover", "--sheet", "sheet", "--all"]).refused(
        1,
        &["1 key released", "could not open the deposit of serial"],
    );
    let warning = "warning: the authority could not read 1 entry of yours";
    let listed = second(&["list"]).done();
    assert_eq!(listed.text().lines().count(), 1);
    assert!(listed.stderr.contains(warning), "{}", listed.stderr);
    second(&["sync"]).refused(1, &["can't read 1 entry of yours"]);
    // Mended, it is read.
    machine.write("shared/store.db", machine.read("whole/store.db"));
    // What the second home has seen is more than that.
    second(&["sync"]).refused(1, &["log has shrunk"]);
    second(&["log", "accept-restored", "--yes"]).done();
    let device = ["recover", "--all", "--code-file", "code"];
    let sheet = machine.read_text("sheet");
    let code = sheet
        .lines()
        .find_map(|line| line.strip_prefix("Recovery code: "));
    machine.write("code", code.unwrap());
    second(&device).done();
    assert_eq!(second(&["list"]).done().text().lines().count(), 2);
}

#[test]
fn sealed_custody_exits_with_1_and_wants_the_code() {
    let machine = Machine::new();
    let init = ["init", "--passphrase", "--code-file", "code"];
    machine
        .run_with("STRONGROOM_PASSPHRASE", "correct horse", init)
        .done();
    machine.write("file", "text");
    machine.run(["encrypt", "file"]).done();
    for args in [&["recover", "--all"][..], &["authority", "check", "--all"]] {
        machine
            .run_with("STRONGROOM_PASSPHRASE", "correct horse", args)
            .refused(1, &["the recovery code is needed", "hint: "]);
    }
    let check = ["authority", "check", "--all", "--code-file", "code"];
    machine.run(check).done();
}

#[test]
fn another_authority_and_a_shrunk_log_are_refused() {
    let machine = Machine::with_home();
    copy_folder(&machine, "home/authority", "old");
    machine.write("file", "x");
    machine.run(["encrypt", "file"]).done();
    fs::rename(machine.path("home/authority"), machine.path("new")).unwrap();
    copy_folder(&machine, "old", "home/authority");
    machine.run(["encrypt", "-o", "new.age", "file"]).refused(
        1,
        &["log has shrunk", "hint: if you know that it was put back"],
    );
    machine
        .run(["status", "--same-disk-ok", "file.age"])
        .refused(1, &["log has shrunk"]);

    fs::remove_dir_all(machine.path("home/authority")).unwrap();
    machine.run(["--home", "second", "init"]).done();
    copy_folder(&machine, "second/authority", "home/authority");
    machine
        .run(["encrypt", "-o", "new.age", "file"])
        .refused(1, &["another authority answers", "hint: "]);
    assert!(!machine.exists("new.age"));
}

#[test]
fn recipients_of_two_kinds_are_not_mixed() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    let made = machine.run(["keygen", "--key-type", "x25519"]).done();
    let recipient = made.stderr.trim().rsplit(' ').next().unwrap().to_owned();
    let secret = made.text().lines().last().unwrap().to_owned();
    machine
        .run(["encrypt", "-r", &recipient, "file"])
        .refused(1, &["cannot be mixed", "hint: ", "--key-type x25519"]);
    let ran = machine.run(["encrypt", "-r", &secret, "file"]);
    ran.refused(1, &["this is a secret key", "hint: ", "make another"]);
    machine
        .run(["encrypt", "--key-type", "x25519", "file"])
        .refused(1, &["of another kind", "hint: "]);
    assert_eq!(machine.names("."), ["code", "file", "home"]);
}

#[test]
fn damaged_files_are_refused_and_nothing_of_them_is_left() {
    let machine = Machine::with_home();
    machine.write("file", vec![5; 200_000]);
    machine.run(["encrypt", "file"]).done();
    machine.remove("file");
    let whole = machine.read("file.age");
    let mac = find(&whole, b"\n--- ") + 10;
    let payload = find(&whole, b"\n--- ") + 50;
    let refused = |change: &dyn Fn(&mut Vec<u8>), said: &str| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        machine.write("file.age", bytes);
        machine.run(["decrypt", "file.age"]).refused(1, &[said]);
        assert_eq!(machine.names("."), ["code", "file.age", "home"]);
    };
    refused(&|bytes| bytes[0] ^= 1, "this is no age file");
    refused(
        &|bytes| bytes[mac] = if bytes[mac] == b'A' { b'B' } else { b'A' },
        "header was altered",
    );
    refused(&|bytes| bytes[payload + 100] ^= 1, "its first 0 bytes");
    refused(
        &|bytes| bytes[payload + 70_000] ^= 1,
        "its first 65536 bytes",
    );
    refused(
        &|bytes| *bytes.last_mut().unwrap() ^= 1,
        "damaged or cut short",
    );
    refused(
        &|bytes| bytes.truncate(bytes.len() - 1),
        "damaged or cut short",
    );
    refused(
        &|bytes| bytes.truncate(payload + 16 + 65_552),
        "the file is cut short",
    );
    refused(&|bytes| bytes.truncate(mac), "ends within its header");
    refused(&|bytes| bytes.push(0), "damaged or cut short");
    refused(&|bytes| bytes.extend([0; 70_000]), "file");

    // Into a pipe went what was whole, and the end says how much.
    machine.write("file.age", &whole);
    machine.change("file.age", |bytes| bytes[payload + 70_000] ^= 1);
    let ran = machine
        .run(["decrypt", "file.age", "-o", "-"])
        .refused(1, &["its first 65536 bytes of plaintext are whole"]);
    assert!(ran.stdout == vec![5; 65_536]);
}

#[test]
fn an_altered_header_is_mended_only_into_a_new_file() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    machine.run(["encrypt", "file"]).done();
    machine.change("file.age", |bytes| {
        let mac = find(bytes, b"\n--- ") + 10;
        bytes[mac] = if bytes[mac] == b'A' { b'B' } else { b'A' };
    });
    let altered = machine.read("file.age");
    machine
        .run(["decrypt", "-o", "-", "file.age"])
        .refused(1, &["header was altered", "hint: ", "-o OUT"]);
    machine
        .recover(["file.age"])
        .refused(1, &["header was altered", "hint: `-o OUT`"]);
    machine.recover(["-o", "new.age", "file.age"]).done();
    machine.opens_to("new.age", b"x");
    assert!(machine.read("file.age") == altered);
}

#[test]
fn a_file_for_somebody_else_is_told_from_a_broken_one() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    machine.run(["encrypt", "file"]).done();
    machine.run(["keygen", "-o", "other"]).done();
    machine
        .run(["decrypt", "-i", "other", "-o", "-", "file.age"])
        .refused(
            1,
            &[
                "not encrypted to any of these keys",
                "hint: name the right key with `-i`",
            ],
        );
    machine
        .run(["decrypt", "-i", "nowhere", "-o", "-", "file.age"])
        .refused(1, &["`nowhere` is missing"]);
    machine
        .run(["decrypt", "-i", "file", "-o", "-", "file.age"])
        .refused(1, &["cannot read the identity file `file`"]);
    machine
        .run(["decrypt", "file"])
        .refused(1, &["does not end in `.age`", "hint: ", "-o"]);
    machine.write("file", "no age file");
    machine
        .run(["decrypt", "file", "-o", "-"])
        .refused(1, &["this is no age file"]);
}

#[test]
fn where_nothing_can_be_written_nothing_is_half_written() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    machine
        .run(["encrypt", "-o", "nowhere/x.age", "file"])
        .refused(1, &["there is no folder `nowhere`", "hint: "]);
    machine
        .run(["encrypt", "nothing"])
        .refused(1, &["nothing: cannot open `nothing`"]);
    machine
        .run(["encrypt", "file", "-o", "file"])
        .refused(1, &["encrypted onto itself"]);
    // Whoever runs the tests as root writes anywhere.
    fs::create_dir(machine.path("fixed")).unwrap();
    machine.write("fixed/file", "x");
    fs::set_permissions(machine.path("fixed"), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(machine.path("fixed/probe"), "").is_err() {
        machine.run(["encrypt", "fixed/file"]).refused(
            1,
            &["may not be written to", "hint: write to another folder"],
        );
        assert_eq!(machine.names("fixed"), ["file"]);
    }
    fs::set_permissions(machine.path("fixed"), fs::Permissions::from_mode(0o700)).unwrap();
    // A disk that is full: no byte of the file reaches it.
    if fs::metadata("/dev/full").is_ok() {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = machine
            .command(["encrypt", "file", "-o", "-"])
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("hint: make room"), "{said}");
    }
}

#[test]
fn a_list_that_nobody_reads_to_the_end_ends_quietly() {
    let machine = Machine::with_home();
    machine.write("file", vec![1; 2_000_000]);
    machine.run(["encrypt", "file"]).done();
    for args in [&["log", "show"][..], &["status", "file.age"], &["list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = machine
            .command(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.is_empty(), "{said}");
    }
}

#[test]
fn a_pipe_that_is_refused_gets_no_byte() {
    let machine = Machine::with_home();
    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    let ran = machine.pipe(b"secret", ["encrypt", "-"]).refused(75, &[]);
    assert!(ran.stdout.is_empty());
}

#[test]
fn a_newer_home_is_left_to_newer_programs() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    // SQLite keeps `user_version` at byte 60 of the file.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(machine.path("home/home.db"))
        .unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(60)).unwrap();
    file.write_all(&99_u32.to_be_bytes()).unwrap();
    machine
        .run(["encrypt", "file"])
        .refused(1, &["made by a newer version", "hint: use the newer"]);
}

fn copy_folder(machine: &Machine, from: &str, to: &str) {
    fs::create_dir(machine.path(to)).unwrap();
    for name in machine.names(from) {
        fs::copy(machine.path(from).join(&name), machine.path(to).join(&name)).unwrap();
    }
}

#[test]
fn a_file_is_never_decrypted_or_rewrapped_onto_itself() {
    let machine = Machine::with_home();
    machine.write("file", "text");
    machine.run(["encrypt", "file"]).done();
    let sealed = machine.read("file.age");
    for args in [
        ["decrypt", "--force", "-o", "file.age", "file.age"],
        ["rewrap", "--force", "-o", "file.age", "file.age"],
    ] {
        machine
            .run(args)
            .refused(1, &["onto itself", "hint: name another file"]);
    }
    assert_eq!(machine.read("file.age"), sealed);
}

#[test]
fn nobody_reads_a_decrypted_file_who_could_not_read_the_first_one() {
    let machine = Machine::with_home();
    let mode = |name| {
        let metadata = fs::metadata(machine.path(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    for (first, after) in [(0o600, 0o600), (0o400, 0o600), (0o755, 0o755)] {
        machine.write("file", "text");
        fs::set_permissions(machine.path("file"), fs::Permissions::from_mode(first)).unwrap();
        machine.run(["encrypt", "file"]).done();
        machine.remove("file");
        machine.run(["decrypt", "file.age"]).done();
        assert_eq!((mode("file.age"), mode("file")), (after, after));
        machine.remove("file.age");
        machine.remove("file");
    }
}

#[test]
fn the_pipe_is_read_for_one_purpose_alone() {
    let machine = Machine::with_home();
    machine.write("file", "text");
    for args in [
        &["encrypt", "-R", "-", "-"][..],
        &["encrypt", "-R", "-"],
        &["encrypt", "-R", "-", "--files-from", "-"],
        &["decrypt", "-i", "-", "-"],
        &["decrypt", "-i", "-", "-i", "-", "file.age"],
    ] {
        machine
            .pipe(b"age1", args)
            .refused(2, &["for one purpose alone"]);
    }
}

#[test]
fn a_first_use_that_would_fail_makes_no_home() {
    let other = Machine::with_classic_home();
    let identity = other.read_text("home/identity.txt");
    let recipient = identity
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    let machine = Machine::at_first_use();
    machine.write("file", "text");
    machine
        .run(["encrypt", "missing"])
        .refused(1, &["cannot open `missing`"]);
    machine
        .run(["encrypt", "-r", recipient, "file"])
        .refused(1, &["cannot be mixed", "--key-type x25519"]);
    assert!(!machine.exists(".local"));
    machine
        .run(["encrypt", "--key-type", "x25519", "-r", recipient, "file"])
        .done();
    machine.opens_to("file.age", b"text");
}

//! Recovery in all its ways: everything, one serial, a lost home, nothing to do.

use std::fs;

use crate::machine::Machine;

/// A machine with three encrypted files and without its key.
fn after_the_loss() -> Machine {
    let machine = Machine::with_home();
    for name in ["a", "b", "c"] {
        machine.write(name, name);
    }
    machine.run(["encrypt", "a", "b", "c"]).done();
    machine.remove("home/identity.txt");
    machine
}

#[test]
fn what_opens_already_asks_for_nothing() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    machine.run(["encrypt", "a"]).done();
    let before = machine.read("a.age");
    let ran = machine.run(["recover", "a.age"]).done();
    assert!(ran.stderr.contains("opens with your key already"));
    assert!(machine.read("a.age") == before);
    let log = machine.run(["log", "show"]).done();
    assert!(!log.text().contains("request"), "{}", log.text());
}

#[test]
fn without_the_code_the_request_waits_for_it() {
    let machine = after_the_loss();
    machine.run(["recover", "a.age"]).refused(
        1,
        &[
            "recovery code is needed",
            "--code-file",
            "STRONGROOM_RECOVERY_CODE",
        ],
    );
    machine
        .run(["recover", "--code-file", "code", "a.age"])
        .done();
    machine.opens_to("a.age", b"a");
    let log = machine.run(["log", "show"]).done();
    let requests = log.text().matches("  request: ").count();
    assert_eq!(requests, 1, "{}", log.text());
}

#[test]
fn a_header_that_can_not_be_read_is_said_to_be_beyond_mending() {
    let machine = Machine::with_home();
    machine.write("file", "text");
    machine.run(["encrypt", "file"]).done();
    machine.change("file.age", |bytes| {
        let stanza = bytes.windows(3).position(|at| at == b"-> ").unwrap();
        bytes[stanza] = b'=';
    });
    let hint = "hint: get the file back from a copy";
    for args in [&["file.age"][..], &["-o", "new", "file.age"]] {
        let ran = machine.recover(args);
        ran.refused(1, &["a stanza is malformed", hint]);
    }
    machine
        .run(["decrypt", "-o", "-", "file.age"])
        .refused(1, &[hint]);
    assert!(!machine.exists("new"));
}

#[test]
fn a_named_code_with_a_mistake_in_it_leaves_no_request() {
    let machine = after_the_loss();
    machine.write(
        "typo",
        format!("{}\n", machine.code().replacen('-', "", 1).split_off(1)),
    );
    let variable = "STRONGROOM_RECOVERY_CODE";
    let typo = machine.read_text("typo");
    let hint = "hint: it is eight groups of four";
    machine
        .run(["recover", "--code-file", "typo", "a.age"])
        .refused(1, &[hint]);
    machine
        .run_with(variable, typo.trim(), ["recover", "a.age"])
        .refused(1, &[hint]);
    let log = machine.run(["log", "show"]).done();
    assert!(!log.text().contains("  request: "), "{}", log.text());
    // What is asked for then is all that there is, and nothing waits.
    machine.recover(["--all"]).done();
    let status = machine.run(["status", "--json"]).done();
    assert_eq!(status.json()[0]["waiting"].as_array().unwrap().len(), 0);
}

#[test]
fn a_wrong_code_releases_nothing() {
    let machine = after_the_loss();
    let other = Machine::with_home().code();
    let variable = "STRONGROOM_RECOVERY_CODE";
    machine
        .run_with(variable, &other, ["recover", "a.age"])
        .refused(
            1,
            &["this is not the recovery code of this owner", "hint: "],
        );
    let other = if machine.code().starts_with('Z') {
        "Y"
    } else {
        "Z"
    };
    let typo = machine.code().replacen(|c: char| c != '-', other, 1);
    let ran = machine.run_with(variable, &typo, ["recover", "a.age"]);
    let ran = ran.refused(1, &["recovery code", "hint: it is eight groups of four"]);
    assert!(
        !ran.stderr.contains(typo.trim_start_matches(|c| c != '-')),
        "{}",
        ran.stderr
    );
    machine.run(["decrypt", "a.age", "-o", "-"]).refused(1, &[]);
    machine.recover(["a.age"]).done();
    machine.opens_to("a.age", b"a");
}

#[test]
fn all_keys_come_at_once_and_are_applied_later_offline() {
    let machine = after_the_loss();
    let ran = machine.recover(["--all"]).done();
    assert!(ran.stderr.contains("3 keys released"), "{}", ran.stderr);
    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    let ran = machine.run(["rewrap", "."]).done();
    assert!(ran.stderr.contains("only encrypting it anew ends that"));
    for name in ["a", "b", "c"] {
        machine.opens_to(&format!("{name}.age"), name.as_bytes());
    }
}

#[test]
fn one_serial_is_one_key() {
    let machine = after_the_loss();
    let serial = machine.status("b.age")["serial"]
        .as_str()
        .unwrap()
        .to_owned();
    let ran = machine.recover(["--serial", &serial]).done();
    assert!(ran.stderr.contains("1 key released"), "{}", ran.stderr);
    machine.run(["rewrap", "b.age"]).done();
    machine.run(["rewrap", "a.age"]).refused(
        1,
        &["a.age: no key at hand opens this file", "recover --all"],
    );
}

#[test]
fn keys_only_leaves_the_files_as_they_are() {
    let machine = after_the_loss();
    let before = machine.read("a.age");
    // Keys alone are written nowhere.
    machine
        .recover(["--keys-only", "-o", "out", "a.age"])
        .refused(2, &["cannot be used with"]);
    machine.recover(["--keys-only", "a.age"]).done();
    assert!(machine.read("a.age") == before);
    machine.run(["rewrap", "-o", "new.age", "a.age"]).done();
    assert!(machine.read("a.age") == before);
    machine.opens_to("new.age", b"a");
}

#[test]
fn a_lost_home_is_rebuilt_from_its_sheet() {
    let machine = Machine::new();
    fs::create_dir(machine.path("disk")).unwrap();
    machine
        .run(["init", "--authority", "disk/spare", "--sheet", "sheet"])
        .done();
    machine.write("a", "kept");
    machine.run(["encrypt", "a"]).done();
    machine.run(["--home", "other", "init"]).done();
    machine
        .run(["--home", "other", "recover", "--sheet", "sheet", "a.age"])
        .refused(1, &["there is a finished home"]);
    fs::remove_dir_all(machine.path("home")).unwrap();
    machine
        .run(["recover", "a.age"])
        .refused(1, &["there is no Strongroom home", "recover --sheet"]);

    machine.run(["recover", "--sheet", "sheet", "a.age"]).done();
    machine.opens_to("a.age", b"kept");
    assert!(machine.is_protected("a.age"));
    machine.run(["sheet", "test", "sheet"]).done();
    machine.write("b", "new");
    machine.run(["encrypt", "b"]).done();
    assert!(machine.is_protected("b.age"));
}

#[test]
fn a_sheet_for_another_authority_rebuilds_nothing() {
    let machine = Machine::new();
    fs::create_dir(machine.path("disk")).unwrap();
    for (home, spare, sheet) in [("home", "disk/one", "one"), ("second", "disk/two", "two")] {
        machine
            .run([
                "--home",
                home,
                "init",
                "--authority",
                spare,
                "--sheet",
                sheet,
            ])
            .done();
    }
    fs::remove_dir_all(machine.path("home")).unwrap();
    machine
        .run([
            "recover",
            "--sheet",
            "one",
            "--authority",
            "disk/two",
            "--all",
        ])
        .refused(1, &["another authority answers", "hint: "]);
    machine
        .run([
            "recover",
            "--sheet",
            "one",
            "--authority",
            "disk/none",
            "--all",
        ])
        .refused(75, &["there is no authority in"]);
}

#[test]
fn a_stripped_or_foreign_pointer_does_not_keep_the_file_closed() {
    for pointer in ["none", "foreign", "swapped"] {
        let machine = after_the_loss();
        let other = machine.status("b.age")["serial"]
            .as_str()
            .unwrap()
            .to_owned();
        let authority = machine.status("b.age")["authority"]
            .as_str()
            .unwrap()
            .to_owned();
        machine.change("a.age", |bytes| {
            let line = match pointer {
                "none" => String::new(),
                "foreign" => format!("-> strongroom/deposit {} {other}\n\n", "0".repeat(64)),
                _ => format!("-> strongroom/deposit {authority} {other}\n\n"),
            };
            replace_pointer(bytes, line.as_bytes());
        });
        // The home knows whose the payload is.
        let ran = machine.recover(["a.age"]).done();
        assert!(ran.stderr.contains("1 key released"), "{}", ran.stderr);
        machine.opens_to("a.age", b"a");
        assert!(machine.is_protected("a.age"), "{pointer}");
    }
}

/// Puts other bytes in the place of a header's pointer stanza.
fn replace_pointer(bytes: &mut Vec<u8>, line: &[u8]) {
    let start = find(bytes, b"-> strongroom/deposit ");
    let end = start + find(&bytes[start..], b"\n\n") + 2;
    bytes.splice(start..end, line.iter().copied());
}

pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
        .unwrap()
}

#[test]
fn a_lost_key_is_made_anew_of_its_kind_so_that_headers_are_replaced_in_place() {
    for (machine, kind) in [
        (Machine::with_classic_home(), "AGE-SECRET-KEY-1"),
        (Machine::with_home(), "AGE-SECRET-KEY-PQ-1"),
    ] {
        machine.write("file", "text");
        machine.run(["encrypt", "file"]).done();
        machine.remove("home/identity.txt");
        let said = machine.recover(["file.age"]).done().stderr;
        assert!(said.contains("replaced in place"), "{said}");
        assert!(machine.read_text("home/identity.txt").contains(kind));
        machine.opens_to("file.age", b"text");
    }
}

#[test]
fn a_rebuilt_home_follows_its_authority_where_the_sheet_is_told_to() {
    let machine = Machine::with_home();
    machine.write("file", "text");
    machine.run(["encrypt", "file"]).done();
    fs::rename(
        machine.path("home/recovery-sheet.txt"),
        machine.path("sheet"),
    )
    .unwrap();
    for place in ["one", "two"] {
        let old = if place == "one" {
            "home/authority"
        } else {
            "one"
        };
        fs::rename(machine.path(old), machine.path(place)).unwrap();
        if place == "one" {
            fs::remove_dir_all(machine.path("home")).unwrap();
        }
        machine
            .run(["recover", "--sheet", "sheet", "--authority", place, "--all"])
            .done();
    }
    machine.run(["rewrap", "file.age"]).done();
    machine.opens_to("file.age", b"text");
}

/// A stranger's file, with a pointer of the stranger's making.
fn planted(pointer: &str) -> Vec<u8> {
    let stranger = age::x25519::Identity::generate().to_public();
    let mut bytes = age::encrypt(&stranger, b"planted").unwrap();
    let mac = find(&bytes, b"--- ");
    bytes.splice(mac..mac, pointer.bytes());
    bytes
}

#[test]
fn a_planted_file_makes_nobody_ask_for_more_than_the_other_files_name() {
    for lost in ["key", "home"] {
        let machine = after_the_loss();
        let status = machine.status("a.age");
        let authority = status["authority"].as_str().unwrap().to_owned();
        let pointer = |authority: &str, serial: &str| {
            format!("-> strongroom/deposit {authority} {serial}\n\n")
        };
        fs::create_dir(machine.path("files")).unwrap();
        for name in ["a.age", "b.age"] {
            fs::rename(machine.path(name), machine.path("files").join(name)).unwrap();
        }
        for number in 0..20_u8 {
            let serial = format!("{number:02x}").repeat(16);
            machine.write(
                &format!("files/not there {number}.age"),
                planted(&pointer(&authority, &serial)),
            );
        }
        machine.write(
            "files/another authority.age",
            planted(&pointer(&"0".repeat(64), &"1".repeat(32))),
        );
        machine.write("files/without.age", planted(""));
        let mut capi = machine.read("code");
        capi.clear();
        capi.extend(268_u32.to_le_bytes());
        capi.extend([1, 2, 0, 0, 0x10, 0x66, 0, 0, 0, 0xa4, 0, 0]);
        capi.extend([7; 256 + 64]);
        machine.write("files/planted.capi", capi);
        machine.write("sheet", machine.read("home/recovery-sheet.txt"));
        let ran = if lost == "home" {
            fs::rename(machine.path("home/authority"), machine.path("authority")).unwrap();
            fs::remove_dir_all(machine.path("home")).unwrap();
            let sheet = [
                "-v",
                "--sheet",
                "sheet",
                "--authority",
                "authority",
                "files",
            ];
            machine.run(["recover"].iter().chain(&sheet))
        } else {
            machine.recover(["-v", "files"])
        };
        let ran = ran.refused(
            1,
            &[
                "2 keys released",
                "error: files/not there 0.age: no key at hand opens this file, and the authority has no deposit \
                 00000000000000000000000000000000, which it names",
                "error: files/not there 19.age: ",
                "error: files/another authority.age: no key at hand opens this file, and it names no deposit of yours",
                "error: files/without.age: ",
                "error: files/planted.capi: ",
                "hint: ",
            ],
        );
        assert_eq!(ran.stderr.matches("error: ").count(), 23, "{}", ran.stderr);
        machine.opens_to("files/a.age", b"a");
        machine.opens_to("files/b.age", b"b");
        let log = machine.run(["log", "show"]).done();
        assert!(!log.text().contains("everything"), "{}", log.text());
        let requests = log.text().matches("  request: ").count();
        assert_eq!(requests, 1, "{}", log.text());
        // Whoever wants to, says so.
        let ran = machine
            .recover(["-v", "--all", "files"])
            .refused(1, &["released"]);
        assert!(
            ran.stderr
                .contains("files/without.age: no key at hand opens this file")
        );
    }
}

#[test]
fn a_file_that_its_owner_names_is_tried_with_everything_where_a_lost_home_knows_nothing() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    machine.write("b", "b");
    machine.run(["encrypt", "a", "b"]).done();
    machine.change("a.age", |bytes| replace_pointer(bytes, b""));
    machine.write("sheet", machine.read("home/recovery-sheet.txt"));
    fs::rename(machine.path("home/authority"), machine.path("authority")).unwrap();
    fs::remove_dir_all(machine.path("home")).unwrap();
    fs::create_dir(machine.path("folder")).unwrap();
    fs::rename(machine.path("a.age"), machine.path("folder/a.age")).unwrap();
    let recover = |file: &str| {
        machine.run([
            "recover",
            "--sheet",
            "sheet",
            "--authority",
            "authority",
            file,
        ])
    };
    recover("folder").refused(1, &["it names no deposit of yours", "recover --all"]);
    recover("folder/a.age").done();
    machine.opens_to("folder/a.age", b"a");
}

#[test]
fn no_key_is_made_where_no_file_needs_one() {
    let machine = Machine::with_home();
    machine
        .pipe(b"secret", ["deposit", "--name", "wifi"])
        .done();
    let listed = machine.run(["list", "--json"]).done().json();
    let serial = listed[0]["serial"].as_str().unwrap();
    let lost = |machine: &Machine| {
        machine.remove("home/identity.txt");
    };
    lost(&machine);
    for args in [
        &["--name", "wifi", "-o", "-"][..],
        &["--serial", serial, "-o", "-"],
        &["--serial", serial],
    ] {
        let dry = machine.recover([&args[..2], &["--dry-run"]].concat());
        assert!(!dry.done().stderr.contains("new key"), "{args:?}");
        let ran = machine.recover(args).done();
        assert!(!ran.stderr.contains("made a new key"), "{}", ran.stderr);
        assert!(!machine.exists("home/identity.txt"), "{args:?}");
    }
    // Nor with a sheet, on a new machine.
    let args = [
        "--home",
        "new",
        "recover",
        "--sheet",
        "home/recovery-sheet.txt",
    ];
    let ran = machine.run([&args[..], &["--serial", serial, "-o", "-"]].concat());
    assert_eq!(ran.done().stdout, b"secret");
    assert!(machine.exists("new/home.db") && !machine.exists("new/identity.txt"));
    // All keys are there to be applied later; and so is that of a file.
    let ran = machine.recover(["--all"]).done();
    assert!(ran.stderr.contains("made a new key"), "{}", ran.stderr);
    machine.write("file", "text");
    machine.run(["encrypt", "file"]).done();
    lost(&machine);
    let serial = machine.status("file.age")["serial"].to_string();
    let serial = serial.trim_matches('"');
    let dry = machine.recover(["--serial", serial, "--dry-run"]).done();
    assert!(dry.stderr.contains("a new key would be made"));
    let ran = machine.recover(["--serial", serial]).done();
    assert!(ran.stderr.contains("made a new key"), "{}", ran.stderr);
    machine.run(["rewrap", "file.age"]).done();
    machine.opens_to("file.age", b"text");
}

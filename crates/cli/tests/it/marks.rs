//! The mark of a file: what `status`, `protect`, `rewrap` and `recover` notice of a payload that is not its header's, was cut
//! short, grew or was changed; and reading all of it, `status --deep`.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::machine::{Machine, ran};
use crate::recovering::find;

const CHUNK_BYTES: usize = 64 << 10;
const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + 16;

/// Where the payload begins.
pub(crate) fn header_end(bytes: &[u8]) -> usize {
    let mac = find(bytes, b"\n--- ");
    mac + 1 + find(&bytes[mac + 1..], b"\n") + 1
}

/// Puts the header of one file before the payload of another.
fn exchange_header(machine: &Machine, file: &str, header_of: &str) {
    let header = machine.read(header_of);
    let header = header[..header_end(&header)].to_vec();
    machine.change(file, |bytes| {
        let end = header_end(bytes);
        bytes.splice(..end, header);
    });
}

/// Asks the home's database, and returns a row a line.
fn ask_home(machine: &Machine, sql: &str) -> Vec<String> {
    let script = "import sqlite3, sys; s = sqlite3.connect(sys.argv[1], timeout=60)\n\
                  for row in s.execute(sys.argv[2]): print(*row)\ns.commit()";
    let mut command = Command::new("python3");
    command
        .args(["-c", script])
        .arg(machine.path("home/home.db"));
    let ran = ran(command.arg(sql), b"").done();
    ran.text().lines().map(str::to_owned).collect()
}

/// Lets the home forget what it saw of payloads, as one that an older version made.
fn forget_marks(machine: &Machine) {
    ask_home(machine, "DELETE FROM file_mark");
    ask_home(machine, "DELETE FROM reading");
}

/// Machines with two files of three chunks each: the key lies open, or is sealed with a passphrase.
fn machines() -> [Machine; 2] {
    [&["init"][..], &["init", "--passphrase"]].map(|init| {
        let machine = Machine::new();
        let args = [init, &["--code-file", "code"]].concat();
        machine
            .run_with("STRONGROOM_PASSPHRASE", "open sesame", args)
            .done();
        for (name, byte) in [("a", b'a'), ("b", b'b')] {
            machine.write(name, vec![byte; 2 * CHUNK_BYTES + 1000]);
        }
        machine.run(["encrypt", "a", "b"]).done();
        // Sealed custody verifies when it is opened.
        let check = ["authority", "check", "--all", "--code-file", "code"];
        machine.run(check).done();
        machine
    })
}

fn is_sealed(machine: &Machine) -> bool {
    !machine
        .read_text("home/identity.txt")
        .contains("SECRET-KEY")
}

#[test]
fn whatever_is_done_to_a_files_ends_is_named() {
    for machine in machines() {
        assert!(machine.is_protected("a.age"));
        let whole = machine.read("a.age");
        let begin = header_end(&whole);
        let end = whole.len();
        let payload = |cut: usize| move |bytes: &mut Vec<u8>| bytes.truncate(cut);
        type Change = Box<dyn FnOnce(&mut Vec<u8>)>;
        let cases: Vec<(&str, Change)> = vec![
            ("1 byte is missing", Box::new(payload(end - 1))),
            (
                "1016 bytes are missing",
                Box::new(payload(begin + 16 + 2 * SEALED_CHUNK_BYTES)),
            ),
            (
                "bytes are missing at its end",
                Box::new(payload(begin + 16 + SEALED_CHUNK_BYTES)),
            ),
            // Too short for a nonce, it has none that is known.
            ("its header is another file's", Box::new(payload(begin + 7))),
            ("its header is another file's", Box::new(payload(begin))),
            ("it grew: 1 byte is more", Box::new(|bytes| bytes.push(0))),
            (
                "it grew",
                Box::new(|bytes| bytes.extend(vec![0; SEALED_CHUNK_BYTES])),
            ),
            (
                "its end was changed",
                Box::new(move |bytes| bytes[end - 1] ^= 1),
            ),
            (
                "its header is another file's",
                Box::new(move |bytes| bytes[begin] ^= 1),
            ),
        ];
        for (said, change) in cases {
            machine.change("a.age", change);
            let ran = machine.run(["status", "--same-disk-ok", "a.age"]);
            let ran = ran.refused(1, &["hint: "]);
            assert!(
                ran.text().contains("a.age  not protected: "),
                "{}",
                ran.text()
            );
            assert!(ran.text().contains(said), "{said}: {}", ran.text());
            let status = machine.status("a.age");
            assert_eq!(status["state"], "verified");
            assert_eq!(status["protected"], false);
            assert!(status["reason"].as_str().unwrap().contains(said));
            machine.write("a.age", &whole);
            assert!(machine.is_protected("a.age"));
        }
        // What only the key shows, where it lies open: the first chunk does not open.
        machine.change("a.age", |bytes| bytes[begin + 100] ^= 1);
        let status = machine.status("a.age");
        assert_eq!(status["protected"], is_sealed(&machine));
        if !is_sealed(&machine) {
            assert_eq!(status["reason"], "its beginning was changed");
        }
    }
}

#[test]
fn a_file_with_the_header_of_another_is_not_protected_and_comes_back_whole() {
    let machine = Machine::with_home();
    for name in ["a", "b"] {
        machine.write(name, name.repeat(100_000));
    }
    machine.run(["encrypt", "a", "b"]).done();
    exchange_header(&machine, "a.age", "b.age");
    let before = machine.read("a.age");
    let ran = machine.run(["status", "--same-disk-ok", "a.age"]);
    let ran = ran.refused(1, &["hint: `strongroom recover -o NEW FILE`"]);
    assert!(ran.text().contains("its header is another file's"));
    machine.run(["decrypt", "-o", "-", "a.age"]).refused(
        1,
        &["its first 0 bytes", "hint: if its header is another file's"],
    );
    for command in ["protect", "rewrap"] {
        machine
            .run([command, "a.age"])
            .refused(1, &["header is another file's", "hint: "]);
    }
    // Its key alone is asked for, of which the home knows by the payload.
    machine
        .recover(["a.age"])
        .refused(1, &["1 key released", "`-o OUT` writes"]);
    machine.recover(["-o", "new.age", "a.age"]).done();
    assert!(machine.read("a.age") == before);
    machine.opens_to("new.age", &machine.read("a"));
    assert!(machine.is_protected("new.age"));
    let log = machine.run(["log", "show"]).done();
    assert!(!log.text().contains("everything"), "{}", log.text());
}

#[test]
fn a_file_with_the_header_of_another_comes_back_when_the_key_or_the_home_is_lost() {
    for lost in ["key", "home", "home, by serial"] {
        let machine = Machine::with_home();
        machine.write("a", "a");
        machine.write("b", "b");
        machine.run(["encrypt", "a", "b"]).done();
        let serial = machine.status("a.age")["serial"].clone();
        let serial = serial.as_str().unwrap().to_owned();
        exchange_header(&machine, "a.age", "b.age");
        let sheet = machine.read("home/recovery-sheet.txt");
        machine.write("sheet", sheet);
        if lost == "key" {
            machine.remove("home/identity.txt");
            machine.recover(["-o", "new.age", "a.age"]).done();
        } else {
            fs::rename(machine.path("home/authority"), machine.path("authority")).unwrap();
            fs::remove_dir_all(machine.path("home")).unwrap();
            let recover = |args: &[&str]| {
                let home = ["recover", "--sheet", "sheet", "--authority", "authority"];
                machine.run([&home[..], args].concat())
            };
            // The key that the header names is there, and opens nothing.
            recover(&["-o", "new.age", "a.age"]).refused(
                1,
                &["1 key released", "the file's header is another file's"],
            );
            if lost == "home" {
                recover(&["--all", "-o", "new.age", "a.age"]).done();
            } else {
                recover(&["--serial", &serial, "-o", "new.age", "a.age"]).done();
            }
        }
        machine.opens_to("new.age", b"a");
        assert!(machine.is_protected("new.age"), "{lost}");
    }
}

#[test]
fn the_key_that_was_named_is_tried_and_no_other_is_asked_for() {
    let machine = Machine::with_home();
    for name in ["a", "b", "c"] {
        machine.write(name, name);
    }
    machine.run(["encrypt", "a", "b", "c"]).done();
    let serial_of = |file: &str| {
        let serial = machine.status(file)["serial"].clone();
        serial.as_str().unwrap().to_owned()
    };
    let (a, c) = (serial_of("a.age"), serial_of("c.age"));
    machine.remove("home/identity.txt");
    let before = machine.read("a.age");
    let ran = machine.recover(["--serial", &c, "a.age"]);
    ran.refused(
        1,
        &[
            "1 key released",
            &format!("the key of serial {c} does not open this file"),
        ],
    );
    assert!(machine.read("a.age") == before);
    machine.recover(["--serial", &a, "a.age"]).done();
    machine.opens_to("a.age", b"a");
    // What opens asks for nothing.
    let ran = machine.recover(["--serial", &c, "a.age"]).done();
    assert!(!ran.stderr.contains("released"), "{}", ran.stderr);
    let missing = "0".repeat(32);
    machine
        .recover(["--serial", &missing, "b.age"])
        .refused(1, &["asks for what is not there"]);
}

#[test]
fn a_stanza_that_anybody_put_first_does_not_hide_the_files_own() {
    let machine = Machine::with_classic_home();
    machine.write("a", "a");
    machine.write("b", "b");
    machine.run(["encrypt", "a", "b"]).done();
    let other = machine.read("b.age");
    let start = find(&other, b"-> X25519");
    let end = find(&other, b"-> strongroom/deposit");
    let stanza = other[start..end].to_vec();
    machine.change("a.age", |bytes| {
        let start = find(bytes, b"-> X25519");
        bytes.splice(start..start, stanza);
    });
    machine
        .run(["rewrap", "a.age"])
        .refused(1, &["header was altered", "`-o OUT` writes"]);
    machine.run(["rewrap", "-o", "new.age", "a.age"]).done();
    machine.opens_to("new.age", b"a");
}

#[test]
fn a_home_that_did_not_see_the_payload_says_so_until_it_did() {
    for machine in machines() {
        let whole = machine.read("a.age");
        forget_marks(&machine);
        let unseen = |machine: &Machine| {
            let status = machine.status("a.age");
            let reason = status["reason"].as_str().unwrap_or_default().to_owned();
            (status["protected"] == true, reason)
        };
        if is_sealed(&machine) {
            // Nobody is asked for a passphrase to look.
            let (protected, reason) = unseen(&machine);
            assert!(
                !protected && reason.contains("has not opened it with your key yet"),
                "{reason}"
            );
            machine.run(["status", "--same-disk-ok", "a.age"]).refused(
                1,
                &["hint: `strongroom status --deep FILE` does; so does `strongroom protect"],
            );
        } else {
            assert_eq!(unseen(&machine), (true, String::new()));
        }
        let commands = [
            &["protect", "a.age"][..],
            &["status", "--deep", "--same-disk-ok", "a.age"],
            &["decrypt", "--force", "a.age"],
            &["rewrap", "a.age"],
        ];
        // A passphrase takes its time.
        let (commands, cuts) = if is_sealed(&machine) {
            (&commands[1..2], &[1, 0][..])
        } else {
            (&commands[..], &[1, 1016, 0][..])
        };
        for command in commands {
            for cut in cuts {
                forget_marks(&machine);
                machine.write("a.age", &whole[..whole.len() - cut]);
                let ran = machine.run_with("STRONGROOM_PASSPHRASE", "open sesame", *command);
                let expected = Some(i32::from(*cut > 0));
                assert_eq!(ran.status, expected, "{command:?}: {}", ran.stderr);
                assert_eq!(unseen(&machine).0, *cut == 0, "{command:?} -{cut}");
            }
        }
    }
}

#[test]
fn what_another_program_made_is_not_taken_in_unless_its_ends_are_its_own() {
    let machine = Machine::with_classic_home();
    let own = crate::protecting::own(&machine);
    let encrypted = |text: &[u8]| age::encrypt(&own, text).unwrap();
    let (one, two) = (encrypted(&[b'1'; 3 * CHUNK_BYTES]), encrypted(b"2"));
    let swapped = [&two[..header_end(&two)], &one[header_end(&one)..]].concat();
    let mut first = one.clone();
    first[header_end(&one) + 50] ^= 1;
    for (bytes, said) in [
        (swapped, "its header is another file's"),
        (
            one[..one.len() - 1].to_vec(),
            "its end was changed, or it was cut short",
        ),
        (
            one[..one.len() - SEALED_CHUNK_BYTES].to_vec(),
            "its end was changed, or it was cut short",
        ),
        (
            [&one[..], b"x"].concat(),
            "its end was changed, or it was cut short",
        ),
        (first, "its beginning was changed"),
        (
            one[..header_end(&one)].to_vec(),
            "its header is another file's",
        ),
    ] {
        machine.write("x.age", &bytes);
        for options in [
            &["protect", "x.age"][..],
            &["protect", "--detached", "x.age"],
            &["protect", "--dry-run", "x.age"],
        ] {
            machine
                .run(options)
                .refused(1, &["this is not what was encrypted", said]);
            assert!(machine.read("x.age") == bytes);
        }
    }
    let log = machine.run(["log", "show"]).done();
    assert!(!log.text().contains("deposit"), "{}", log.text());
    machine.write("x.age", &one);
    machine.run(["protect", "x.age"]).done();
    assert!(machine.is_protected("x.age"));
}

#[test]
fn text_and_pipes_have_marks_too() {
    let machine = Machine::with_home();
    machine.write("a", vec![b'a'; CHUNK_BYTES + 10]);
    machine.run(["encrypt", "--armor", "a"]).done();
    let piped = machine
        .pipe(&vec![b'p'; CHUNK_BYTES + 10], ["encrypt", "-o", "-"])
        .done();
    machine.write("p.age", &piped.stdout);
    let text = machine.read_text("a.age");
    // Line ends are no part of what is in the armor.
    machine.write("crlf.age", text.replace('\n', "\r\n"));
    for file in ["a.age", "p.age", "crlf.age"] {
        assert!(machine.is_protected(file), "{file}");
    }
    machine.change("p.age", |bytes| bytes.truncate(bytes.len() - 1));
    let status = machine.status("p.age");
    assert!(
        status["reason"]
            .as_str()
            .unwrap()
            .contains("1 byte is missing")
    );
    // A whole line of the armor less.
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(lines.len() - 3);
    machine.write("a.age", lines.join("\n") + "\n");
    let status = machine.status("a.age");
    assert!(
        status["reason"]
            .as_str()
            .unwrap()
            .contains("48 bytes are missing")
    );
    // Kept by `rewrap -o`, whose copy is seen by its ends as well.
    machine.write("a.age", &text);
    machine.run(["rewrap", "-o", "copy.age", "a.age"]).done();
    assert!(machine.is_protected("copy.age"));
}

/// Its ends are fine, and so is its new header.
#[test]
fn what_was_found_damaged_stays_so_under_another_header() {
    let machine = Machine::with_home();
    machine.write("a", vec![b'a'; 5 * CHUNK_BYTES]);
    machine.run(["encrypt", "a"]).done();
    let middle = header_end(&machine.read("a.age")) + 2 * SEALED_CHUNK_BYTES;
    machine.change("a.age", |bytes| bytes[middle] ^= 1);
    machine
        .run(["status", "--deep", "--same-disk-ok", "a.age"])
        .refused(1, &["the file is damaged"]);
    let before = machine.read("a.age");
    machine.remove("home/identity.txt");
    machine.recover(["a.age"]).done();
    assert_ne!(machine.read("a.age"), before);
    assert!(!machine.is_protected("a.age"));
}

#[test]
fn a_byte_in_between_is_found_by_reading_all_and_is_remembered() {
    let machine = Machine::with_home();
    machine.write("a", vec![b'a'; 5 * CHUNK_BYTES]);
    machine.write("b", "b");
    machine.run(["encrypt", "a", "b"]).done();
    assert!(machine.status("a.age")["read_whole"].is_null());
    let deep = || {
        machine.run([
            "status",
            "--deep",
            "--json",
            "--same-disk-ok",
            "a.age",
            "b.age",
        ])
    };
    let lines = deep().done().json();
    for line in &lines {
        assert_eq!(line["protected"], true);
        assert!(line["read_whole"].as_str().unwrap().ends_with('Z'));
    }
    let ran = machine
        .run(["status", "-v", "--same-disk-ok", "a.age"])
        .done();
    assert!(ran.text().contains("  read whole 2"), "{}", ran.text());
    // A copy was not read.
    fs::copy(machine.path("a.age"), machine.path("copy.age")).unwrap();
    assert!(machine.status("copy.age")["read_whole"].is_null());

    let whole = machine.read("a.age");
    let middle = header_end(&whole) + 2 * SEALED_CHUNK_BYTES;
    machine.change("a.age", |bytes| bytes[middle] ^= 1);
    // The ends are as they were: so far a look does not tell.
    assert!(machine.is_protected("a.age"));
    let ran = deep().refused(1, &["error: a.age: the file is damaged"]);
    let lines = ran.json();
    assert_eq!(lines[0]["protected"], false);
    assert_eq!(lines[1]["protected"], true);
    // From now on it does.
    let ran = machine.run(["status", "--same-disk-ok", "a.age"]);
    let ran = ran.refused(1, &["hint: get it back from a copy"]);
    assert!(
        ran.text()
            .contains("it was damaged when it was read to its end")
    );
    machine.write("a.age", &whole);
    assert!(!machine.is_protected("a.age"));
    deep().done();
    assert!(machine.is_protected("a.age"));
}

#[test]
fn what_can_not_be_read_to_its_end_is_said_and_fails() {
    let machine = Machine::with_classic_home();
    machine.write("a", "a");
    machine.run(["encrypt", "a"]).done();
    let stranger = age::x25519::Identity::generate().to_public();
    machine.write("stranger.age", age::encrypt(&stranger, b"x").unwrap());
    machine.write("folder/note.txt", "no age file");
    let ran = machine.run([
        "status",
        "--deep",
        "--same-disk-ok",
        "a.age",
        "stranger.age",
        "folder",
    ]);
    let ran = ran.refused(
        1,
        &["error: stranger.age: the file is not encrypted to any of these keys"],
    );
    assert!(
        ran.text().contains(
            "2 files: 1 protected, 1 not; 1 not read to the end; 1 other file passed over"
        ),
        "{}",
        ran.text()
    );
    machine.remove("home/identity.txt");
    let ran = machine.run(["status", "--deep", "--same-disk-ok", "a.age"]);
    ran.refused(1, &["error: a.age: your key is not at hand"]);
    machine
        .run(["status", "--deep"])
        .refused(2, &["name files"]);
}

#[test]
fn reading_that_was_killed_goes_on_and_reads_nothing_twice() {
    let machine = Machine::with_classic_home();
    let names: Vec<String> = (0..6).map(|number| format!("files/{number}")).collect();
    for name in &names {
        machine.write(name, vec![0; 8 << 20]);
    }
    machine.run(["encrypt", "files"]).done();
    for name in &names {
        machine.remove(name);
    }
    let times = |machine: &Machine| {
        ask_home(
            machine,
            "SELECT time, hex(path) FROM reading WHERE whole ORDER BY time",
        )
    };
    let deep = ["status", "--deep", "--same-disk-ok", "files"];
    let mut child = machine
        .command(deep)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while times(&machine).len() < 2 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let first = times(&machine);
    if first.len() == 6 {
        eprintln!("skipped: all was read before the command could be killed");
        return;
    }
    let ran = machine.run(deep).done();
    let said = format!("{} files read already", first.len());
    assert!(
        ran.stderr.contains("going on with what was begun at"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(&said), "{said}: {}", ran.stderr);
    assert_eq!(times(&machine)[..first.len()], first);
    assert_eq!(times(&machine).len(), 6);
    // Done, the next one begins anew.
    let ran = machine.run(deep).done();
    assert!(!ran.stderr.contains("going on"), "{}", ran.stderr);
}

#[test]
fn capi_files_have_marks_too() {
    let machine = Machine::with_home();
    machine.write("a", vec![b'a'; 100_000]);
    machine.write("b", vec![b'b'; 100_000]);
    machine
        .run(["encrypt", "--format", "capi", "a", "b"])
        .done();
    assert!(machine.is_protected("a.capi"));
    let whole = machine.read("a.capi");
    let deep = ["status", "--deep", "--same-disk-ok", "a.capi"];
    machine.run(deep).done();
    let reason = || {
        machine.status("a.capi")["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    machine.write("a.capi", &whole[..whole.len() - 16]);
    assert!(reason().contains("16 bytes are missing"), "{}", reason());
    machine.write("a.capi", &whole);
    machine.change("a.capi", |bytes| bytes[50_000] ^= 1);
    assert_eq!(reason(), "");
    machine.run(deep).refused(
        1,
        &["its payload is not the one that its key was deposited for"],
    );
    assert!(reason().contains("damaged"), "{}", reason());
    // The header of the other before its payload: its key comes back, and the file as it was.
    let header = 4 + 12 + 256;
    let other = machine.read("b.capi");
    machine.write("a.capi", [&other[..header], &whole[header..]].concat());
    assert_eq!(reason(), "its header is another file's");
    machine.recover(["a.capi"]).done();
    machine.opens_to("a.capi", &machine.read("a"));
    // It was found damaged under this name, with these ends: it is whole again once it was read again.
    assert!(reason().contains("damaged"), "{}", reason());
    machine.run(deep).done();
    assert!(machine.is_protected("a.capi"));
}

#[test]
fn a_spare_in_memory_is_no_spare() {
    let Ok(memory) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: there is no /dev/shm");
        return;
    };
    let machine = Machine::new();
    let spare = memory.path().join("spare");
    let ran = machine
        .run(["init", "--authority", spare.to_str().unwrap()])
        .done();
    if ran.stderr.contains("The spare is on the same disk") {
        eprintln!("skipped: /dev/shm is on the disk of the temporary folder");
        return;
    }
    assert!(
        ran.stderr.contains("The spare is in memory"),
        "{}",
        ran.stderr
    );
    machine.write("a", "a");
    let ran = machine.run(["encrypt", "--json", "a"]).done();
    assert_eq!(ran.json()[0]["protected"], false);
    assert_eq!(ran.json()[0]["spare_on"], "memory");
    assert!(
        ran.stderr.contains("gone at the next start: not protected"),
        "{}",
        ran.stderr
    );
    let ran = machine.run(["status", "a.age"]).refused(1, &[]);
    assert!(
        ran.text().contains(
            "a.age  not protected: its spare key is in memory, and gone at the next start"
        )
    );
    assert!(ran.text().ends_with("1 file: 0 protected, 1 not\n"));
    let ran = machine
        .run(["status", "-v", "--same-disk-ok", "a.age"])
        .done();
    assert!(
        ran.text()
            .contains("a.age  protected, with the spare key in memory")
    );
}

//! `protect` on what other age programs wrote, and what comes back of it.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use age::armor::{ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::x25519;

use crate::machine::Machine;

const FILES: usize = 1000;

/// The recipient of the machine's classic key.
pub(crate) fn own(machine: &Machine) -> x25519::Recipient {
    let text = machine.read_text("home/identity.txt");
    let secret = text.lines().find(|line| line.starts_with("AGE-SECRET"));
    let identity: x25519::Identity = secret.unwrap().parse().unwrap();
    identity.to_public()
}

/// Encrypts with the age crate.
fn encrypted(text: &str, recipients: &[&dyn age::Recipient], format: Format) -> Vec<u8> {
    let encryptor = age::Encryptor::with_recipients(recipients.iter().copied()).unwrap();
    let armored = ArmoredWriter::wrap_output(Vec::new(), format).unwrap();
    let mut writer = encryptor.wrap_output(armored).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap().finish().unwrap()
}

fn with_passphrase(text: &str, passphrase: &str) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
    recipient.set_work_factor(4);
    encrypted(text, &[&recipient], Format::Binary)
}

fn classic_machine_with_files(count: usize) -> Machine {
    let machine = Machine::with_classic_home();
    let own = own(&machine);
    for number in 0..count {
        let bytes = encrypted(&number.to_string(), &[&own], Format::Binary);
        machine.write(&format!("files/{number}.age"), bytes);
    }
    machine
}

fn bytes_of(machine: &Machine, folder: &str) -> Vec<(String, Vec<u8>)> {
    let names = machine.names(folder).into_iter();
    names
        .map(|name| (name.clone(), machine.read(&format!("{folder}/{name}"))))
        .collect()
}

/// What Debian's age decrypts a file to.
fn stock(machine: &Machine, identity: &str, file: &Path) -> Vec<u8> {
    let output = Command::new("age")
        .args(["-d", "-i"])
        .arg(machine.path(identity))
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", file.display());
    output.stdout
}

#[test]
fn files_of_stock_age_are_protected_and_recovered_and_it_opens_them_still() {
    if Command::new("age").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("CI").is_none(),
            "`age` is missing: `./test` installs it"
        );
        // Past what captures the tests' output.
        let skipped = "NOT TESTED: files of stock age. `./test` installs `age`.\n";
        std::io::stderr().write_all(skipped.as_bytes()).unwrap();
        return;
    }
    let machine = Machine::with_classic_home_in_memory();
    let (own, other) = (own(&machine).to_string(), x25519::Identity::generate());
    use age::secrecy::ExposeSecret as _;
    machine.write("other.txt", other.to_string().expose_secret());
    let other = other.to_public().to_string();
    fs::create_dir(machine.path("files")).unwrap();
    let file = |number: usize| machine.path(format!("files/{number}.age"));
    for number in 0..FILES {
        machine.write("plain", format!("text {number}"));
        let mut command = Command::new("age");
        command.args(["-r", &own, "-r", &other]);
        if number % 2 == 1 {
            command.arg("-a");
        }
        let output = command.arg("-o").arg(file(number));
        assert!(
            output
                .arg(machine.path("plain"))
                .status()
                .unwrap()
                .success()
        );
    }
    let every_nth_opens = |nth: usize, identity: &str| {
        for number in (0..FILES).step_by(nth) {
            let text = stock(&machine, identity, &file(number));
            assert_eq!(text, format!("text {number}").into_bytes());
        }
    };
    let ran = machine.run(["protect", "--json", "--same-disk-ok", "files"]);
    let lines = ran.done().json();
    assert_eq!(lines.len(), FILES);
    assert!(lines.iter().all(|line| line["protected"] == true));
    // An odd number, so that armored ones are among them.
    every_nth_opens(51, "home/identity.txt");
    every_nth_opens(51, "other.txt");
    let is_protected = || {
        let status = machine.run(["status", "--same-disk-ok", "files"]).done();
        assert!(status.text().contains("1000 files: 1000 protected, 0 not"));
    };
    is_protected();

    machine.remove("home/identity.txt");
    machine.recover(["--key-type", "x25519", "files"]).done();
    every_nth_opens(1, "home/identity.txt");
    every_nth_opens(51, "other.txt");
    is_protected();
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let machine = classic_machine_with_files(3);
    machine.write("files/silent.age", with_passphrase("text", "open"));
    machine.write("files/note.txt", "no age file");
    machine.run(["protect", "files/0.age"]).done();
    let (before, log) = (bytes_of(&machine, "files"), machine.run(["log", "show"]));
    let ran = machine.run(["protect", "--dry-run", "files"]).done();
    for said in [
        "files/0.age  has its spare already",
        "files/1.age  would get a spare",
        "files/silent.age  would get a spare  detached",
        "3 files would get a spare, 1 had one\n1 other file passed over",
    ] {
        assert!(ran.stderr.contains(said), "{said}:\n{}", ran.stderr);
    }
    assert!(bytes_of(&machine, "files") == before);
    assert_eq!(machine.run(["log", "show"]).text(), log.text());
    let lines = machine.run(["protect", "--dry-run", "--json", "files"]);
    let lines = lines.done().json();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line["dry_run"] == true));
}

#[test]
fn a_read_only_tree_is_protected_detached_and_no_byte_changes() {
    let machine = classic_machine_with_files(3);
    let own = own(&machine);
    let armored = encrypted("text", &[&own], Format::AsciiArmor);
    machine.write("files/armored.age", armored);
    let before = bytes_of(&machine, "files");
    let mode = |mode| fs::set_permissions(machine.path("files"), fs::Permissions::from_mode(mode));
    mode(0o555).unwrap();
    // The superuser may write all the same.
    if fs::write(machine.path("files/probe"), "").is_err() {
        let ran = machine.run(["protect", "files"]);
        ran.refused(1, &["--detached", "0 files got a spare, 4 failed"]);
    } else {
        machine.remove("files/probe");
    }
    let ran = machine
        .run(["protect", "--detached", "--json", "files"])
        .done();
    assert!(ran.json().iter().all(|line| line["detached"] == true));
    assert!(bytes_of(&machine, "files") == before);
    let status = machine.status("files/0.age");
    assert_eq!(
        (&status["protected"], &status["detached"]),
        (&true.into(), &true.into())
    );
    assert!(machine.is_protected("files/armored.age"));

    machine.remove("home/identity.txt");
    let ran = machine.recover(["-o", "new.age", "files/2.age"]).done();
    // It is known which one it is.
    assert!(ran.stderr.contains("1 key released"), "{}", ran.stderr);
    machine.opens_to("new.age", b"2");
    assert!(machine.is_protected("new.age"));
    assert!(bytes_of(&machine, "files") == before);
    mode(0o755).unwrap();
    machine.recover(["files"]).done();
    machine.opens_to("files/0.age", b"0");
    machine.opens_to("files/armored.age", b"text");
}

#[test]
fn a_passphrases_file_is_recovered_for_the_key_and_the_command_says_so() {
    let machine = Machine::with_home();
    machine.write("a.age", with_passphrase("text", "open"));
    machine.write("folder/b.age", with_passphrase("other", "open"));
    let before = machine.read("a.age");
    let variable = "STRONGROOM_PASSPHRASE";
    machine
        .run(["protect", "a.age"])
        .refused(1, &["passphrase is needed"]);
    machine
        .run_with(variable, "wrong", ["protect", "a.age"])
        .refused(1, &["the passphrase does not open this file"]);
    machine
        .run_with(variable, "open", ["protect", "a.age", "folder"])
        .done();
    assert!(machine.read("a.age") == before);
    assert_eq!(machine.status("a.age")["detached"], true);

    machine.remove("home/identity.txt");
    let ran = machine.recover(["-o", "new.age", "a.age"]).done();
    assert!(
        ran.stderr
            .contains("new.age  no longer opens with its passphrase")
    );
    machine.opens_to("new.age", b"text");
    assert!(machine.read("a.age") == before);
    // Not one that was only found: somebody may know its passphrase.
    let before = machine.read("folder/b.age");
    let ran = machine.recover(["folder"]).done();
    assert!(ran.stderr.contains("1 file with a passphrase passed over"));
    assert!(machine.read("folder/b.age") == before);
    let ran = machine.recover(["folder/b.age"]).done();
    let said = "folder/b.age  no longer opens with its passphrase";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    machine.opens_to("folder/b.age", b"other");
    assert!(machine.is_protected("folder/b.age"));
}

#[test]
fn a_passphrases_file_without_a_spare_is_no_reason_to_ask_for_everything() {
    let machine = Machine::with_home();
    machine.write("folder/a.age", with_passphrase("text", "open"));
    machine.write("b", "b");
    machine.run(["encrypt", "b"]).done();
    fs::rename(machine.path("b.age"), machine.path("folder/b.age")).unwrap();
    machine.remove("home/identity.txt");
    let ran = machine.recover(["folder"]).done();
    assert!(ran.stderr.contains("1 key released"), "{}", ran.stderr);
    machine.opens_to("folder/b.age", b"b");
    let log = machine.run(["log", "show"]).done();
    assert!(!log.text().contains("everything"), "{}", log.text());
    machine.recover(["folder/a.age"]).refused(
        1,
        &["folder/a.age: this file is encrypted with a passphrase"],
    );
}

#[test]
fn what_was_killed_goes_on_and_leaves_nothing_behind() {
    let machine = classic_machine_with_files(300);
    for lines in [1, 100] {
        let mut child = machine
            .command(["protect", "--json", "files"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        assert_eq!(output.lines().take(lines).count(), lines);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ran = machine.run(["protect", "--json", "files"]).done();
    let spared = ran
        .json()
        .iter()
        .filter(|line| line["before"] == "spared")
        .count();
    assert!(spared >= 99, "{spared} were done");
    let names = machine.names("files");
    assert_eq!(names.len(), 300, "{names:?}");
    let status = machine.run(["status", "--same-disk-ok", "files"]).done();
    assert!(status.text().contains("300 protected, 0 not"));
    machine.opens_to("files/0.age", b"0");
    machine.opens_to("files/299.age", b"299");
}

#[test]
fn a_list_may_end_its_paths_with_nul() {
    let machine = classic_machine_with_files(1);
    let odd = "files/a\nb.age";
    machine.write(odd, machine.read("files/0.age"));
    let list = format!("files/0.age\0{odd}\0");
    let ran = machine.pipe(list.as_bytes(), ["protect", "--files-from", "-", "-0"]);
    let said = ran.done().stderr;
    assert!(said.contains("2 files got a spare"), "{said}");
    assert!(machine.is_protected(odd));
    machine
        .run(["protect", "-0", "files"])
        .refused(2, &["--files-from"]);
}

#[test]
fn one_that_fails_stops_none_and_fails_the_command() {
    let machine = classic_machine_with_files(2);
    let stranger = x25519::Identity::generate().to_public();
    machine.write(
        "files/1.age",
        encrypted("text", &[&stranger], Format::Binary),
    );
    let ran = machine.run(["protect", "-v", "files", "missing.age"]);
    let ran = ran.refused(
        1,
        &[
            "error: files/1.age: the file is not encrypted to any of these keys",
            "hint: name the key that opens it with `-i`",
            "error: missing.age: cannot read",
            "1 file got a spare, 2 failed",
        ],
    );
    assert!(
        ran.stderr
            .contains("files/0.age  its spare is verified, serial ")
    );
}

#[test]
fn a_reserved_label_is_refused() {
    let machine = classic_machine_with_files(1);
    for command in ["protect", "encrypt"] {
        machine
            .run([command, "--label", "strongroom/header=00", "files/0.age"])
            .refused(2, &["reserved"]);
    }
}

//! A program of CryptoAPI's beside Strongroom: what it exported is deposited, its user's key pair is lost, and its files open
//! again. The program's side is made with `capi`.

use std::fs;

use serde_json::Value;

use crate::capi::vector;
use crate::machine::{Machine, Ran};

/// A machine with an authority that has an RSA key, and what a program has: its user's key pair, a session key wrapped to
/// both, and a file.
struct Program {
    machine: Machine,
    plaintext: Vec<u8>,
}

impl Program {
    fn new(padding: &str) -> Self {
        let machine = Machine::with_home();
        let printed = machine.run(["authority", "rsa-key", "-o", "authority.pub"]);
        assert!(printed.done().text().starts_with("fingerprint "));
        fs::copy(vector("keys/own2048.priv"), machine.path("user.priv")).unwrap();
        let mut session_key = vec![8, 2, 0, 0, 0x10, 0x66, 0, 0, 32, 0, 0, 0];
        session_key.extend(100..132);
        machine.write("session.key", session_key);
        let plaintext = b"to be kept ".repeat(5000);
        machine.write("plain", &plaintext);
        let program = Self { machine, plaintext };
        for line in [
            "convert user.priv -o user.pub",
            &format!("wrap --to user.pub --{padding} -o own session.key"),
            &format!("wrap --to authority.pub --{padding} -o blob session.key"),
            "encrypt --session-key session.key -o ciphertext plain",
        ] {
            program.run(&format!("capi {line}")).done();
        }
        let own = program.machine.read("own");
        let length = u32::try_from(own.len()).unwrap().to_le_bytes();
        let ciphertext = program.machine.read("ciphertext");
        let file = [&length[..], &own, &ciphertext].concat();
        program.machine.write("file", file);
        program
    }

    fn run(&self, line: &str) -> Ran {
        self.machine.run(line.split(' '))
    }

    /// Deposits with these options, and returns what was said of it.
    fn deposit(&self, options: &str) -> Value {
        let line = format!("deposit --simple-blob blob --description letter --json {options}");
        self.run(&line).done().json().remove(0)
    }

    fn recover(&self, line: &str) -> Ran {
        self.machine.recover(line.split(' '))
    }
}

#[test]
fn a_programs_file_opens_again_for_a_new_key_of_any_size() {
    for (padding, bits) in [("pkcs1", "2048"), ("oaep", "3072")] {
        let program = Program::new(padding);
        let machine = &program.machine;
        let made = program.deposit(&format!("--{padding} --file file --key user.priv"));
        assert_eq!(made["state"], "matched");
        assert!(machine.is_protected("file"));
        // The user's key pair is gone, and no key of it is in this home.
        machine.remove("user.priv");
        let before = machine.read("file");
        program.recover(&format!("--key-bits {bits} file")).done();
        machine.opens_to("file", &program.plaintext);
        assert!(machine.is_protected("file"));
        let after = machine.read("file");
        let ciphertext = machine.read("ciphertext");
        assert!(after.ends_with(&ciphertext) && before.ends_with(&ciphertext));
        assert_eq!(after.len() == before.len(), bits == "2048");
        // And once more, from the header that recovery wrote.
        machine.remove("home/exchange.priv");
        program.recover("file").done();
        machine.opens_to("file", &program.plaintext);
    }
}

#[test]
fn a_header_that_recovery_wrote_is_found_by_a_home_that_is_made_again() {
    let program = Program::new("pkcs1");
    let machine = &program.machine;
    // Nothing is known of the ciphertext: the file is found by its header alone.
    program.deposit("--pkcs1 --own-blob own --key user.priv");
    machine.remove("user.priv");
    program.recover("file").done();
    let log = program.run("log show").done();
    let own_blobs = log.text().matches("own-blob").count() + log.text().matches("own blob").count();
    assert_eq!(own_blobs, 1, "{}", log.text());
    for name in ["recovery-sheet.txt", "authority"] {
        fs::rename(machine.path(format!("home/{name}")), machine.path(name)).unwrap();
    }
    fs::remove_dir_all(machine.path("home")).unwrap();
    let again = "recover --sheet recovery-sheet.txt --authority authority file";
    program.run(again).done();
    machine.opens_to("file", &program.plaintext);
}

#[test]
fn a_blob_comes_back_for_another_programs_key() {
    let program = Program::new("pkcs1");
    let machine = &program.machine;
    let made = program.deposit("--pkcs1 --session-key session.key");
    assert_eq!(made["state"], "verified");
    let serial = made["serial"].as_str().unwrap();
    let (public, private) = (vector("keys/other2048.pub"), vector("keys/other2048.priv"));
    program
        .recover(&format!("--serial {serial} --to {public} --oaep -o new"))
        .done();
    let unwrap = format!("capi unwrap --key {private} --oaep -o again new");
    program.run(&unwrap).done();
    assert_eq!(machine.read("again"), machine.read("session.key"));
}

#[test]
fn an_unproven_blob_is_called_so_and_a_code_alone_never_brings_it_back() {
    let program = Program::new("pkcs1");
    let ran = program.run("deposit --simple-blob blob --pkcs1 --description letter");
    let ran = ran.done();
    for said in [
        "unproven  serial ",
        "only officers can release it",
        "this deposit never comes back",
    ] {
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    let listed = program.run("list --json").done().json().remove(0);
    assert_eq!(listed["state"], "unproven");
    let serial = listed["serial"].as_str().unwrap();
    let ran = program.recover(&format!("--serial {serial}"));
    ran.refused(1, &["is unproven: it takes an officer's approval"]);
    // Checked as far as that goes, it stays what it is.
    program.run("authority check --all").done();
    let listed = program.run("list --json").done().json().remove(0);
    assert_eq!(listed["state"], "unproven");
}

#[test]
fn of_what_does_not_match_nothing_more_is_told() {
    let program = Program::new("pkcs1");
    let machine = &program.machine;
    let public = vector("keys/other2048.pub");
    let other = format!("capi wrap --to {public} --pkcs1 -o other session.key");
    program.run(&other).done();
    // Least byte first: below the authority's modulus, whatever that is. One above it is seen before it is sent.
    let mut other = machine.read("other");
    *other.last_mut().unwrap() &= 0x3f;
    machine.write("other", other);
    let mut shifted = machine.read("blob");
    shifted[20] ^= 1;
    machine.write("shifted", shifted);
    let mut relabelled = machine.read("blob");
    relabelled[4] = 0x0f;
    machine.write("relabelled", relabelled);
    let mut session_key = machine.read("session.key");
    session_key[12] ^= 1;
    machine.write("another.key", session_key);
    let mut said = Vec::new();
    for line in [
        "--simple-blob other --pkcs1 --session-key session.key",
        "--simple-blob shifted --pkcs1 --session-key session.key",
        "--simple-blob blob --oaep --session-key session.key",
        "--simple-blob blob --pkcs1 --session-key another.key",
    ] {
        let ran = program.run(&format!("deposit --description letter {line}"));
        said.push(ran.refused(1, &["mismatch"]).stderr);
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
    // What anybody can see of a blob is said before it is sent.
    for (line, why) in [
        ("relabelled --pkcs1 --session-key session.key", "algorithm"),
        ("user.pub --pkcs1", "no SIMPLEBLOB"),
        ("blob --pkcs1 --file plain --key user.priv", "cannot read"),
        ("blob --pkcs1 --file file --key user.pub", "user.pub"),
        ("blob", "how the key in this file is padded"),
    ] {
        let line = format!("deposit --description letter --simple-blob {line}");
        program.run(&line).refused(1, &[why]);
    }
    let line = "deposit --simple-blob blob --pkcs1 --key user.priv --description letter";
    program.run(line).refused(2, &["`--key` opens the owner's"]);
    let line = "deposit --simple-blob blob --pkcs1";
    program.run(line).refused(2, &["--description"]);
    assert!(program.run("list").done().stdout.is_empty());
}

#[test]
fn an_authority_has_one_rsa_key_for_good_and_none_until_it_is_asked_for() {
    let machine = Machine::with_home();
    let (blob, key) = (
        vector("malformed/good-pkcs1.bin"),
        vector("keys/own2048.priv"),
    );
    let unwrap = [
        "capi", "unwrap", "--key", &key, "--pkcs1", "-o", "key", &blob,
    ];
    machine.run(unwrap).done();
    let deposit = [
        "deposit",
        "--simple-blob",
        &blob,
        "--pkcs1",
        "--description",
    ];
    let none = machine.run([&deposit[..], &["letter", "--session-key", "key"]].concat());
    none.refused(1, &["has no RSA key", "hint: ", "authority rsa-key"]);
    let first = machine.run(["authority", "rsa-key", "-o", "a.pub"]).done();
    let again = machine
        .run(["authority", "rsa-key", "-o", "a.pem", "--key-bits", "3072"])
        .done();
    assert_eq!(first.text(), again.text());
    machine
        .run(["capi", "convert", "a.pem", "-o", "b.pub"])
        .done();
    assert_eq!(machine.read("a.pub"), machine.read("b.pub"));
    let taken = machine.run(["authority", "rsa-key", "-o", "a.pub"]);
    taken.refused(1, &["`a.pub` exists already"]);
    machine
        .run(["authority", "rsa-key", "-o", "a.txt"])
        .refused(2, &[".pub or .pem"]);
    let foreign = machine.run([&deposit[..], &["letter", "--session-key", "key"]].concat());
    // As chance has it, its number is above the modulus, which anybody sees, or only the authority can tell.
    foreign.refused(1, &["error: the "]);
    assert!(machine.run(["list"]).done().stdout.is_empty());
}

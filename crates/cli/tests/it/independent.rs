//! What the command wrote, opened by `docs/open_without_strongroom.py`: a program that shares no code with it and was
//! written from the pages under `spec/`. `./test` installs what that one needs, into a folder `tools` beside the
//! build; where it is missing nothing is tested, which is said, and fails with `CI` set.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::{Machine, Ran, ran};

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/open_without_strongroom.py"
);

/// A Python that has what the script needs.
fn python() -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let found = [tools.join("tools/bin/python"), PathBuf::from("python3")]
        .into_iter()
        .find(|python| {
            let mut command = Command::new(python);
            command.args([
                "-c",
                "import cryptography.hazmat.primitives.asymmetric.mlkem",
            ]);
            command.output().is_ok_and(|output| output.status.success())
        });
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "Python's `cryptography` 48 or newer is missing: `./test` installs it"
        );
        // Not by a macro, whose output is kept from who runs tests that pass.
        let warning = "NOT TESTED: opening files without Strongroom. `./test` installs Python's `cryptography`.\n";
        io::stderr().write_all(warning.as_bytes()).unwrap();
    }
    found
}

/// A machine with files of all kinds, and the script.
struct Rescue {
    machine: Machine,
    python: PathBuf,
}

impl Rescue {
    fn new(machine: Machine) -> Option<Self> {
        let python = python()?;
        for (name, bytes) in files() {
            machine.write(name, bytes);
        }
        machine
            .run(["encrypt", "empty", "chunk", "long", "letters"])
            .done();
        Some(Self { machine, python })
    }

    /// Runs the script, with options written as a line.
    fn run(&self, options: &str) -> Ran {
        let mut command = Command::new(&self.python);
        command
            .arg(SCRIPT)
            .args(options.split(' '))
            .current_dir(self.machine.path(""));
        ran(&mut command, b"")
    }

    #[track_caller]
    fn refused(&self, options: &str, said: &str) {
        self.run(options).refused(1, &["refused: ", said]);
    }

    /// Changes a row of the authority's store.
    fn edit(&self, sql: &str) {
        let script = "import sqlite3, sys; s = sqlite3.connect(sys.argv[1]); s.execute(sys.argv[2]); s.commit()";
        let mut command = Command::new(&self.python);
        command.args(["-c", script]);
        command.arg(self.machine.path("home/authority/store.db"));
        ran(command.arg(sql), b"").done();
    }
}

/// Files whose lengths are those of none, one, and several chunks.
fn files() -> [(&'static str, Vec<u8>); 4] {
    [
        ("empty", Vec::new()),
        ("chunk", vec![7; 64 * 1024]),
        ("long", b"to be kept ".repeat(30_000)),
        ("letters/first", b"a letter".to_vec()),
    ]
}

#[test]
fn a_file_opens_with_its_owners_key_and_the_specification_alone() {
    for machine in [Machine::with_home(), Machine::with_classic_home()] {
        let Some(rescue) = Rescue::new(machine) else {
            return;
        };
        for (name, bytes) in files() {
            let pointer = rescue.run(&format!("pointer {name}.age")).done();
            let status = rescue.machine.status(&format!("{name}.age"));
            for what in ["authority", "serial"] {
                let line = format!("{what} {}\n", status[what].as_str().unwrap());
                assert!(pointer.text().contains(&line), "{}", pointer.text());
            }
            let options = format!("decrypt {name}.age out -i home/identity.txt");
            rescue.run(&options).done();
            assert!(rescue.machine.read("out") == bytes, "{name}");
            rescue.machine.remove("out");
        }
        rescue.machine.run(["keygen", "-o", "other.txt"]).done();
        rescue.refused(
            "decrypt long.age out -i other.txt",
            "none of these identities",
        );
        let end = rescue.machine.read("long.age").len() - 1;
        rescue.machine.change("long.age", |bytes| bytes[end] ^= 1);
        rescue.refused(
            "decrypt long.age out -i home/identity.txt",
            "damaged or truncated after 327680 bytes",
        );
    }
}

#[test]
fn a_file_opens_with_the_authoritys_folder_and_the_specification_alone() {
    let Some(rescue) = Rescue::new(Machine::with_home()) else {
        return;
    };
    fs::rename(
        rescue.machine.path("home/authority"),
        rescue.machine.path("spare"),
    )
    .unwrap();
    fs::remove_dir_all(rescue.machine.path("home")).unwrap();
    for (name, bytes) in files() {
        let options = format!("spare {name}.age out --authority spare");
        rescue.run(&options).done();
        assert!(rescue.machine.read("out") == bytes, "{name}");
        rescue.machine.remove("out");
    }
    // Without a pointer all deposits are tried; one that was cut out is missed by the MAC.
    rescue.machine.change("letters/first.age", |bytes| {
        let start = crate::recovering::find(bytes, b"-> strongroom/deposit ");
        let end = start + crate::recovering::find(&bytes[start..], b"\n\n") + 2;
        bytes.drain(start..end);
    });
    rescue.refused(
        "spare letters/first.age out --authority spare",
        "in this store, is this file's",
    );
    // The deposit opens, but the header is not what its key authenticated.
    let pointer = rescue.run("pointer chunk.age").done();
    let chunk = pointer.text().lines().last().unwrap().to_owned();
    let pointer = rescue.run("pointer long.age").done();
    let long = pointer.text().lines().last().unwrap().to_owned();
    rescue.machine.change("long.age", |bytes| {
        let (long, chunk) = (&long.as_bytes()[7..], &chunk.as_bytes()[7..]);
        let at = crate::recovering::find(bytes, long);
        bytes[at..at + 32].copy_from_slice(chunk);
    });
    rescue.refused(
        "spare long.age out --authority spare",
        "no deposit under this serial",
    );
    assert!(!rescue.machine.exists("out"));
}

#[test]
fn a_secret_is_taken_out_with_the_specification_alone() {
    let Some(rescue) = Rescue::new(Machine::with_home()) else {
        return;
    };
    let deposit = [
        "deposit",
        "--name",
        "door",
        "--description",
        "the back door",
    ];
    rescue.machine.pipe(b"rose", deposit).done();
    let listed = rescue.run("secrets --authority home/authority").done();
    let (serial, said) = listed.text().trim_end().split_once("  ").unwrap();
    assert_eq!(said, "'door'  'the back door'");
    let take = format!("secret {serial} secret.age --authority home/authority");
    rescue.run(&take).done();
    for open in [
        "decrypt secret.age out -i home/identity.txt",
        "spare secret.age out --authority home/authority",
    ] {
        rescue.run(open).done();
        assert_eq!(rescue.machine.read("out"), b"rose");
        rescue.machine.remove("out");
    }
    rescue.refused(
        &format!("secret {serial}00 out --authority home/authority"),
        "no secret under this serial",
    );
}

#[test]
fn the_log_and_its_receipts_verify_with_the_specification_alone() {
    let Some(rescue) = Rescue::new(Machine::with_home()) else {
        return;
    };
    rescue.machine.remove("home/identity.txt");
    rescue.machine.recover(["--all", "."]).done();
    let log = "log --authority home/authority --home home/home.db";
    let told = rescue.run(log).done();
    let entries = rescue.machine.run(["log", "show"]).done();
    let entries = entries.text().lines().count();
    assert!(
        told.text()
            .starts_with(&format!("{entries} entries, root ")),
        "{}",
        told.text()
    );
    assert!(
        told.text().contains("receipt of entry 2"),
        "{}",
        told.text()
    );

    // Each edit is seen where the page says that it would be.
    let last = entries - 1;
    rescue.edit(&format!(
        "UPDATE entry SET salt = randomblob(32) WHERE idx = {last}"
    ));
    rescue.refused(log, "the entries are not the signed tree's");
    rescue.edit(&format!("DELETE FROM entry WHERE idx = {last}"));
    rescue.refused(log, "the entries are not the signed tree's");
    rescue.edit("UPDATE entry SET attestation = (SELECT attestation FROM entry WHERE idx = 1) WHERE idx = 2");
    rescue.refused(log, "an attestation's signature is wrong");
    rescue.edit("UPDATE entry SET statement = zeroblob(9) WHERE idx = 2");
    rescue.refused(log, "no encoding of ours");
}

#[test]
fn a_recovery_code_is_its_owners_by_the_specification_alone() {
    let Some(rescue) = Rescue::new(Machine::with_home()) else {
        return;
    };
    let sheet = rescue.machine.read_text("home/recovery-sheet.txt");
    let owner = sheet
        .lines()
        .find_map(|line| line.strip_prefix("Owner id: "));
    let told = rescue
        .run("code home/recovery-sheet.txt --authority home/authority")
        .done();
    assert_eq!(
        told.text(),
        format!("the code of the owner {}\n", owner.unwrap())
    );
    rescue
        .machine
        .run(["--home", "other", "init", "--code-file", "stranger"])
        .done();
    rescue.refused(
        "code stranger --authority home/authority",
        "no code that was enrolled here",
    );
    let typo = |bytes: &mut Vec<u8>| bytes[0] = if bytes[0] == b'Q' { b'P' } else { b'Q' };
    rescue.machine.change("code", typo);
    rescue.refused("code code --authority home/authority", "a typing error");
}

//! Files that a stranger leaves in somebody's folder: each costs little, and itself alone.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::machine::{Machine, Ran, ran};

/// A file whose passphrase takes this much work, by its header.
fn with_passphrase(work_factor: u8) -> Vec<u8> {
    let (salt, body) = ("A".repeat(22), "A".repeat(43));
    let header =
        format!("age-encryption.org/v1\n-> scrypt {salt} {work_factor}\n{body}\n--- {body}\n");
    [header.as_bytes(), &[0; 48]].concat()
}

/// Runs it with a passphrase and so many KiB of memory.
fn with_memory(machine: &Machine, kibibytes: u64, args: &str) -> Ran {
    let strongroom = env!("CARGO_BIN_EXE_strongroom");
    let mut bash = Command::new("bash");
    let script = format!("ulimit -v {kibibytes}; exec {strongroom} {args}");
    bash.args(["-c", &script]).env_clear();
    for (name, value) in machine.command(["status"]).get_envs() {
        bash.env(name, value.unwrap());
    }
    bash.env("STRONGROOM_PASSPHRASE", "a passphrase");
    bash.env("PATH", std::env::var_os("PATH").unwrap());
    bash.current_dir(machine.path(""));
    ran(&mut bash, b"")
}

#[test]
fn a_strangers_passphrase_file_takes_no_more_than_the_default_and_stops_no_other() {
    let machine = Machine::with_home();
    machine.write("folder/a.txt", "a");
    machine.write("folder/z.txt", "z");
    machine.run(["encrypt", "folder"]).done();
    for work_factor in [21, 22, 30] {
        machine.write("folder/stranger.age", with_passphrase(work_factor));
        for command in [
            "protect folder",
            "decrypt --force folder/a.txt.age folder/stranger.age folder/z.txt.age",
        ] {
            let ran = with_memory(&machine, 1_500_000, command);
            let said = format!("its work factor is {work_factor}, and at most 20 is allowed");
            let ran = ran.refused(1, &[&said, "hint: ", "--max-work-factor"]);
            assert!(!ran.stderr.contains("z.txt.age:"), "{}", ran.stderr);
        }
        assert_eq!(machine.read_text("folder/z.txt"), "z");
    }
}

#[test]
fn memory_that_is_not_there_is_an_error_of_that_file() {
    let machine = Machine::with_home();
    machine.write("folder/z.txt", "z");
    machine.run(["encrypt", "folder/z.txt"]).done();
    machine.write("folder/stranger.age", with_passphrase(22));
    machine.remove("folder/z.txt");
    let commands = [
        "--max-work-factor 22 protect folder",
        "decrypt --force --max-work-factor 22 folder/stranger.age folder/z.txt.age",
    ];
    for command in commands {
        with_memory(&machine, 1_500_000, command)
            .refused(1, &["takes 4096 MiB of memory, which is not to be had"]);
    }
    assert_eq!(machine.read_text("folder/z.txt"), "z");
    // What we write ourselves takes memory too, and so does a recovery code.
    let new = Machine::new();
    with_memory(&new, 250_000, "init --passphrase")
        .refused(1, &["takes 256 MiB of memory, which is not to be had"]);
    machine.write("sheet", machine.read("home/recovery-sheet.txt"));
    machine.remove("home/identity.txt");
    with_memory(&machine, 90_000, "recover --sheet sheet folder/z.txt.age").refused(
        1,
        &["a recovery code takes 64 MiB of memory, which is not to be had"],
    );
}

#[test]
fn how_much_work_a_passphrase_takes_is_its_owners_to_say() {
    let machine = Machine::new();
    let with_passphrase =
        |args: &[&str]| machine.run_with("STRONGROOM_PASSPHRASE", "passphrase", args.iter());
    with_passphrase(&["init", "--passphrase", "--code-file", "code"]).done();
    machine.write("file", "text");
    with_passphrase(&["encrypt", "file"]).done();
    let decrypt = ["decrypt", "-o", "-", "file.age"];
    with_passphrase(&decrypt).done();
    // Of 18, by the option and by the variable; for whatever reads the identity.
    for command in [
        &decrypt[..],
        &["rewrap", "file.age"],
        &["protect", "file.age"],
    ] {
        let args = [&["--max-work-factor", "17"], command].concat();
        with_passphrase(&args).refused(1, &["its work factor is 18, and at most 17 is allowed"]);
    }
    let mut command = machine.command(decrypt);
    command
        .env("STRONGROOM_PASSPHRASE", "passphrase")
        .env("STRONGROOM_MAX_WORK_FACTOR", "17");
    ran(&mut command, b"").refused(1, &["at most 17 is allowed"]);
    with_passphrase(&["--max-work-factor", "31", "status"]).refused(2, &["from 1 to 30"]);
}

#[test]
fn a_header_of_thousands_of_stanzas_costs_nothing_much() {
    let machine = Machine::with_home();
    machine.write("folder/a.txt", "a");
    machine.run(["encrypt", "folder"]).done();
    // As long as a header could once be, of stanzas that this home's key has to try.
    let mut header = "age-encryption.org/v1\n".to_owned();
    let own = machine.read("folder/a.txt.age");
    let own = String::from_utf8_lossy(&own);
    let stanza = own
        .split_inclusive("\n-> ")
        .nth(1)
        .and_then(|stanza| stanza.strip_suffix("-> "))
        .unwrap();
    while header.len() < 16 << 20 {
        write!(header, "-> {}", stanza.replace("AAAA", "AAAB")).unwrap();
    }
    machine.write("folder/planted.age", header);
    for command in ["protect", "recover", "status", "rewrap"] {
        let start = now();
        let ran = machine.run([command, "folder/planted.age"]);
        let said = format!("{}{}", ran.stderr, ran.text());
        let named = said.contains("more stanzas than are read: 1024");
        assert!(named, "{command}: {said}");
        assert_eq!(ran.status, Some(1));
        assert!(start.elapsed() < Duration::from_secs(3), "{command}");
    }
    let ran = machine.run(["decrypt", "-o", "-", "folder/planted.age"]);
    ran.refused(1, &["more stanzas than are read: 1024"]);
}

#[expect(clippy::disallowed_methods, reason = "the test takes the real time")]
fn now() -> Instant {
    Instant::now()
}

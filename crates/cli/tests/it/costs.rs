//! What commands cost, counted: waits for the disk, locks, calls of the system, signatures verified. Time would tell of the machine;
//! these are the same on each. A bound that is passed is a mistake, or worth it: then it is raised here, and spec/files.md#waits says
//! what for.

use std::fs::File;
use std::process::Command;

use crate::crash::{can_trace, traced};
use crate::machine::Machine;

/// What a command cost.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    /// How often it waited for a disk.
    waits: usize,
    /// How often it took or gave back a lock.
    locks: usize,
    calls: usize,
}

/// A machine that is at work: its home has a file and a secret.
fn at_work() -> Machine {
    let machine = Machine::with_home();
    for name in ["a", "b", "c"] {
        machine.write(name, name.repeat(4096));
    }
    machine.run(["encrypt", "a"]).done();
    machine.pipe(b"rose", ["deposit", "--name", "wifi"]).done();
    machine
}

fn cost(machine: &Machine, args: &[&str]) -> Cost {
    let options = ["-o", "trace", "-e", "signal=none"];
    // What `deposit` keeps.
    let input = File::open(machine.path("c")).unwrap();
    let ran = traced(machine, args, &options).stdin(input).output();
    let ran = ran.unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let trace = machine.read_text("trace");
    // Each line begins with the thread; one that goes on with a call, which another thread came between, names none.
    let calls: Vec<(&str, &str)> = trace
        .lines()
        .filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('))
        .filter(|(name, _)| !name.starts_with('<'))
        .collect();
    let count = |counts: &dyn Fn(&str, &str) -> bool| {
        let counted = calls.iter().filter(|(name, rest)| counts(name, rest));
        counted.count()
    };
    Cost {
        waits: count(&|name, _| {
            ["fsync", "fdatasync", "syncfs", "sync_file_range", "msync"].contains(&name)
        }),
        locks: count(&|name, rest| name == "flock" || (name == "fcntl" && rest.contains("SETLK"))),
        calls: calls.len(),
    }
}

#[test]
fn a_command_waits_for_the_disk_locks_and_calls_no_more_than_it_did() {
    if !can_trace() {
        return;
    }
    let machine = at_work();
    let mut wrong = Vec::new();
    for (args, waits, locks, calls) in [
        (&["encrypt", "b"][..], 16, 220, 1600),
        (&["encrypt", "--force", "b"], 16, 220, 1600),
        (&["status", "--same-disk-ok", "a.age"], 5, 150, 1200),
        (&["decrypt", "-o", "back", "a.age"], 6, 60, 800),
        (&["deposit", "--name", "wlan"], 10, 300, 1400),
        (&["list"], 0, 200, 1400),
    ] {
        let cost = cost(&machine, args);
        let told = format!("{}: {cost:?}", args.join(" "));
        eprintln!("{told}");
        // One wait less is a power cut's chance, until it is shown not to be.
        if cost.waits != waits || cost.locks > locks || cost.calls > calls {
            wrong.push(told);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn encrypting_one_file_verifies_no_signature_twice() {
    let machine = at_work();
    let inner = machine.command(["encrypt", "b"]);
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=calls"])
        .args(["--compress-strings=no", "--quiet"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(machine.path("."));
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let Ok(ran) = command.output() else {
        assert!(std::env::var_os("CI").is_none(), "valgrind is missing");
        eprintln!("SKIPPED: valgrind is missing; no signatures were counted");
        return;
    };
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(machine.is_protected("b.age"));
    // A line names the function that is called, and the next one says how often.
    let calls = machine.read_text("calls");
    let mut lines = calls.lines();
    let mut verified = 0;
    while let Some(line) = lines.next() {
        if line.starts_with("cfn=") && line.ends_with("ED25519_verify") {
            let count = lines.next().and_then(|line| line.strip_prefix("calls="));
            let count = count.and_then(|count| count.split(' ').next());
            verified += count.unwrap().parse::<u64>().unwrap();
        }
    }
    eprintln!("{verified} signatures were verified");
    // The authority: its founding, its newest checkpoint, and two each of the owner's enrolment and first deposit. The client:
    // the receipt's attestation and its checkpoint. What an owner's home has of these is what the authority says.
    assert_eq!(verified, 8);
}

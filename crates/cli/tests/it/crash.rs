//! The real binary, killed: at each call that makes something durable, one after another, and at random. Whatever the
//! moment, a file is absent or whole and openable, what was reported holds, and the same command goes on.
//!
//! `STRONGROOM_SOAK=1` kills at every call, and hundreds of times at random.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::machine::{Machine, ran};

/// What puts bytes, lengths and names onto the disk. The question mark: not every machine has each of them.
const CALLS: [&str; 12] = [
    "fsync",
    "?syncfs",
    "fdatasync",
    "pwrite64",
    "write",
    "ftruncate",
    "linkat",
    "?rename",
    "?renameat",
    "?renameat2",
    "?unlink",
    "?unlinkat",
];

const OLD: &[u8] = b"what was there before";
const NEW: &[u8] = b"what is to be kept";

#[test]
fn encrypt_killed_anywhere_leaves_a_file_whole_or_absent() {
    let prepared = Machine::with_classic_home();
    prepared.write("files/a", NEW);
    kill_everywhere(&prepared, &["encrypt", "files/a"], 6, |machine, stderr| {
        if machine.exists("files/a.age") {
            machine.opens_to("files/a.age", NEW);
            assert!(machine.is_protected("files/a.age"));
            machine.remove("files/a.age");
        } else {
            assert!(!stderr.contains("verified"), "{stderr}");
        }
        machine.run(["encrypt", "files/a"]).done();
        assert_eq!(machine.names("files"), ["a", "a.age"]);
        machine.opens_to("files/a.age", NEW);
        assert!(machine.is_protected("files/a.age"));
    });
}

#[test]
fn encrypt_killed_anywhere_leaves_the_old_file_or_the_new() {
    let prepared = Machine::with_classic_home();
    prepared.write("files/a", OLD);
    prepared.run(["encrypt", "files/a"]).done();
    prepared.write("files/a", NEW);
    let command = ["encrypt", "--force", "files/a"];
    kill_everywhere(&prepared, &command, 4, |machine, stderr| {
        let opened = machine.run(["decrypt", "-o", "-", "files/a.age"]).done();
        assert!(opened.stdout == OLD || opened.stdout == NEW);
        assert!(
            opened.stdout == NEW || !stderr.contains("verified"),
            "{stderr}"
        );
        assert!(machine.is_protected("files/a.age"));
        machine.run(command).done();
        assert_eq!(machine.names("files"), ["a", "a.age"]);
        machine.opens_to("files/a.age", NEW);
    });
}

/// New files, and some that take the place of others, with one wait for the disk.
#[test]
fn files_encrypted_together_and_killed_anywhere_are_whole_or_as_they_were() {
    let prepared = Machine::with_classic_home();
    let name = |number: usize| format!("files/{}/{number}", number % 2);
    let text = |number: usize, what: &[u8]| [what, name(number).as_bytes()].concat();
    for number in 0..6 {
        prepared.write(&name(number), text(number, OLD));
    }
    prepared.run(["encrypt", "files"]).done();
    for number in 0..12 {
        prepared.write(&name(number), text(number, NEW));
    }
    let names: Vec<String> = (0..12).map(name).collect();
    let command: Vec<&str> = ["encrypt", "--force"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    let command = command.as_slice();
    kill_everywhere(&prepared, command, 4, |machine, stderr| {
        machine.run(["decrypt", "-o", "opened/", "files"]).done();
        for number in 0..12 {
            let is_new = match machine.exists(&format!("opened/{}", name(number))) {
                true => {
                    let opened = machine.read(&format!("opened/{}", name(number)));
                    let is_new = opened == text(number, NEW);
                    assert!(is_new || (number < 6 && opened == text(number, OLD)));
                    is_new
                }
                false => {
                    assert!(number >= 6, "the old one is gone");
                    false
                }
            };
            let is_said = stderr.contains(&format!("{}.age  verified", name(number)));
            assert!(is_new || !is_said, "{stderr}");
        }
        machine.run(command).done();
        fs::remove_dir_all(machine.path("opened")).unwrap();
        machine.run(["decrypt", "-o", "opened/", "files"]).done();
        for number in 0..12 {
            let opened = machine.read(&format!("opened/{}", name(number)));
            assert!(opened == text(number, NEW));
        }
        for folder in ["files/0", "files/1"] {
            assert_eq!(machine.names(folder).len(), 12, "and nothing hidden");
        }
        let status = machine.run(["status", "--json", "--same-disk-ok", "files"]);
        let status = status.done().json();
        assert!(status.iter().all(|line| line["protected"] == true));
    });
}

#[test]
fn many_files_wait_for_the_disk_together() {
    let machine = Machine::with_classic_home();
    for number in 0..300 {
        machine.write(&format!("files/{}/{number}", number % 2), NEW);
    }
    if !can_trace() {
        return;
    }
    let encrypt = ["encrypt", "files"];
    let calls = "trace=fsync,fdatasync,syncfs";
    let traced = traced(&machine, &encrypt, &["-o", "trace", "-e", calls]).output();
    assert!(traced.unwrap().status.success());
    let trace = machine.read_text("trace");
    let count = |call: &str| trace.lines().filter(|line| line.contains(call)).count();
    // A group of 256, and the rest; each with two folders, two deposits and two transactions of the home.
    assert_eq!(count("syncfs("), 2, "{trace}");
    assert!(count("sync(") < 60, "{}: {trace}", count("sync("));
    assert_eq!(machine.names("files/0").len(), 300);
}

#[test]
fn where_the_disk_says_only_that_something_failed_each_file_is_asked_for() {
    let machine = Machine::with_classic_home();
    for number in 0..12 {
        machine.write(&format!("files/{number}"), NEW);
    }
    if !can_trace() {
        return;
    }
    let options = ["-o", "trace", "-e", "trace=fsync,syncfs"];
    let fail = ["-e", "inject=syncfs:error=EIO"];
    let options = [options.as_slice(), &fail].concat();
    let traced = traced(&machine, &["encrypt", "files"], &options).output();
    assert!(traced.unwrap().status.success());
    let trace = machine.read_text("trace");
    let after = trace.split_once("syncfs(").unwrap().1;
    assert!(after.matches("fsync(").count() >= 12, "{trace}");
    machine.run(["decrypt", "-o", "opened/", "files"]).done();
    assert_eq!(machine.names("opened/files").len(), 12);
}

#[test]
fn few_descriptors_are_enough_for_many_files() {
    let machine = Machine::with_classic_home();
    for number in 0..120 {
        machine.write(&format!("files/{number}"), NEW);
    }
    for (limit, format) in [
        ("64", "age"),
        ("150", "age"),
        ("64", "capi"),
        ("150", "capi"),
    ] {
        let inner = machine.command(["encrypt", "--force", "--format", format, "files"]);
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(inner.get_program());
        command
            .args(inner.get_args())
            .current_dir(machine.path("."));
        for (name, value) in inner.get_envs() {
            command.env(name, value.unwrap());
        }
        ran(&mut command, b"").done();
        let ending = format!(".{format}");
        let names = machine.names("files");
        let made = names.iter().filter(|name| name.ends_with(&ending));
        assert_eq!(made.count(), 120, "{format} with {limit} descriptors");
        fs::remove_dir_all(machine.path("files")).unwrap();
        for number in 0..120 {
            machine.write(&format!("files/{number}"), NEW);
        }
    }
}

#[test]
fn a_first_use_killed_anywhere_is_finished_by_the_next() {
    let prepared = Machine::at_first_use();
    prepared.write("files/a", NEW);
    kill_everywhere(&prepared, &["encrypt", "files/a"], 2, |machine, _| {
        if machine.exists("files/a.age") {
            machine.opens_to("files/a.age", NEW);
            machine.remove("files/a.age");
        }
        machine.run(["encrypt", "files/a"]).done();
        assert!(machine.is_protected("files/a.age"));
        // Nobody is enrolled under a code that was never written down.
        machine
            .run(["sheet", "test", &machine.in_home("recovery-sheet.txt")])
            .done();
        assert_eq!(machine.names("files"), ["a", "a.age"]);
        assert_eq!(
            machine.names(&machine.in_home("")),
            [
                "authority",
                "device.key",
                "home.db",
                "identity.txt",
                "lock",
                "recovery-sheet.txt"
            ]
        );
    });
}

#[test]
fn an_init_killed_anywhere_is_finished_by_the_next_and_by_nothing_else() {
    let prepared = Machine::new();
    prepared.write("files/a", NEW);
    let init = ["init", "--authority", "spare"];
    kill_everywhere(&prepared, &init, 2, |machine, _| {
        let encrypt = ["encrypt", "files/a"];
        let encrypted = machine.run(encrypt);
        if encrypted.status != Some(0) {
            assert!(!machine.exists("files/a.age"), "{}", encrypted.stderr);
            machine.run(init).done();
            machine.run(encrypt).done();
        }
        assert!(machine.is_protected("files/a.age"));
        machine
            .run(["sheet", "test", "home/recovery-sheet.txt"])
            .done();
        assert!(!machine.exists("home/authority"));
    });
}

#[test]
fn joining_killed_anywhere_is_finished_by_the_next_and_by_nothing_else() {
    let prepared = Machine::with_classic_home();
    prepared.write("files/a", NEW);
    prepared.run(["encrypt", "files/a"]).done();
    prepared.invite("home", "join.age");
    let join = [
        "--home",
        "second",
        "init",
        "--join",
        "join.age",
        "--authority",
        "home/authority",
    ];
    let second =
        |machine: &Machine, args: &[&str]| machine.run(["--home", "second"].iter().chain(args));
    kill_everywhere(&prepared, &join, 2, |machine, _| {
        let encrypt = ["encrypt", "-o", "files/b.age", "files/a"];
        let encrypted = second(machine, &encrypt);
        if encrypted.status != Some(0) {
            assert!(!machine.exists("files/b.age"), "{}", encrypted.stderr);
            machine.run(join).done();
            second(machine, &encrypt).done();
        }
        let opened = second(machine, &["decrypt", "-o", "-", "files/a.age"]).done();
        assert!(opened.stdout == NEW);
        machine.opens_to("files/b.age", NEW);
        // The invitation was used, and once.
        let devices = second(machine, &["device", "list", "--json"]).done().json();
        assert_eq!(devices.len(), 2, "{devices:?}");
    });
}

#[test]
fn recover_killed_anywhere_goes_on() {
    let prepared = after_the_loss();
    let command = [
        "recover",
        "--key-type",
        "x25519",
        "--code-file",
        "code",
        "files/a.age",
    ];
    kill_everywhere(&prepared, &command, 3, |machine, stderr| {
        if stderr.contains("opens with your key") {
            machine.opens_to("files/a.age", NEW);
        }
        machine.run(command).done();
        assert_eq!(machine.names("files"), ["a.age"]);
        machine.opens_to("files/a.age", NEW);
        assert!(machine.is_protected("files/a.age"));
        let log = machine.run(["log", "show"]).done();
        let requests = log.text().matches("  request: ").count();
        assert!(requests <= 1, "{}", log.text());
    });
}

#[test]
fn rewrap_killed_anywhere_leaves_a_file_that_the_next_one_finishes() {
    let prepared = after_the_loss();
    prepared
        .run([
            "recover",
            "--key-type",
            "x25519",
            "--code-file",
            "code",
            "--all",
        ])
        .done();
    for (name, command) in [
        ("in place", &["rewrap", "files/a.age"][..]),
        (
            "a copy",
            &["rewrap", "-o", "files/b.age", "--force", "files/a.age"],
        ),
    ] {
        kill_everywhere(&prepared, command, 6, |machine, _| {
            if machine.exists("files/b.age") {
                machine.opens_to("files/b.age", NEW);
            }
            machine.run(command).done();
            let whole = if name == "a copy" {
                "files/b.age"
            } else {
                "files/a.age"
            };
            machine.opens_to(whole, NEW);
            assert!(machine.is_protected(whole));
            assert!(
                machine
                    .names("files")
                    .iter()
                    .all(|name| !name.starts_with('.'))
            );
        });
    }
}

#[test]
fn a_group_of_headers_killed_anywhere_is_finished_by_the_next_command() {
    let prepared = many_after_the_loss();
    let command = ["rewrap", "files"];
    kill_everywhere(&prepared, &command, 4, |machine, _| {
        machine.run(command).done();
        many_open(machine);
    });
}

#[test]
fn a_group_killed_within_its_headers_is_repaired_whole() {
    if !can_trace() {
        return;
    }
    let prepared = many_after_the_loss();
    let command = ["rewrap", "files"];
    let old: Vec<_> = (0..MANY)
        .map(|number| prepared.read(&name(number)))
        .collect();
    let mut kills = 0;
    for (call, number) in moments_within_a_group(&prepared, &command) {
        let machine = copy(&prepared);
        let inject = format!("inject={call}:signal=KILL:when={number}");
        let status = traced(&machine, &command, &["-o", "/dev/null", "-e", &inject]).status();
        assert!(was_killed(status.unwrap()), "{call} {number}");
        // A power cut keeps of what was written any part: of the first and the last header the front, say.
        for file in [0, MANY - 1] {
            let half = machine.read(&name(file)).len().min(300);
            machine.change(&name(file), |bytes| {
                bytes[half..].copy_from_slice(&old[file][half..]);
            });
        }
        let ran = machine.run(command).done();
        let finished = ran.stderr.matches("finished what was interrupted").count();
        assert_eq!(finished, MANY, "{}", ran.stderr);
        many_open(&machine);
        kills += 1;
    }
    assert!(
        kills >= 4,
        "hardly a write of a header was found to kill at"
    );
}

#[test]
fn protecting_a_group_killed_anywhere_goes_on() {
    let prepared = Machine::with_classic_home();
    for number in 0..MANY {
        let encrypted = age_file(&prepared, number);
        prepared.write(&name(number), encrypted);
    }
    let command = ["protect", "files"];
    kill_everywhere(&prepared, &command, 4, |machine, _| {
        machine.run(command).done();
        many_open(machine);
        assert_eq!(machine.names("files").len(), MANY);
    });
}

#[test]
fn capi_files_survive_kills_as_age_files_do() {
    let prepared = Machine::with_classic_home();
    prepared.write("files/a", NEW);
    // Its RSA key is made before, which takes its time.
    prepared.write("b", OLD);
    prepared.run(["encrypt", "--format", "capi", "b"]).done();
    let command = ["encrypt", "--format", "capi", "files/a"];
    kill_everywhere(&prepared, &command, 3, |machine, stderr| {
        if machine.exists("files/a.capi") {
            machine.opens_to("files/a.capi", NEW);
            assert!(machine.is_protected("files/a.capi"));
            machine.remove("files/a.capi");
        } else {
            assert!(!stderr.contains("verified"), "{stderr}");
        }
        machine.run(command).done();
        assert_eq!(machine.names("files"), ["a", "a.capi"]);
        machine.opens_to("files/a.capi", NEW);
        assert!(machine.is_protected("files/a.capi"));
    });

    prepared.run(command).done();
    prepared.remove("home/exchange.priv");
    let command = ["recover", "--code-file", "code", "files/a.capi"];
    kill_everywhere(&prepared, &command, 2, |machine, _| {
        machine.run(command).done();
        assert_eq!(machine.names("files"), ["a", "a.capi"]);
        machine.opens_to("files/a.capi", NEW);
        assert!(machine.is_protected("files/a.capi"));
    });
}

#[test]
fn a_header_torn_by_a_kill_is_told_and_finished() {
    let prepared = after_the_loss();
    prepared
        .run([
            "recover",
            "--key-type",
            "x25519",
            "--code-file",
            "code",
            "--all",
        ])
        .done();
    if !can_trace() {
        return;
    }
    let command = ["rewrap", "files/a.age"];
    let old = prepared.read("files/a.age");
    for number in 1..=count(&prepared, &command, "pwrite64") {
        let machine = copy(&prepared);
        let inject = format!("inject=pwrite64:signal=KILL:when={number}");
        let status = traced(&machine, &command, &["-o", "/dev/null", "-e", &inject]).status();
        let new = machine.read("files/a.age");
        if !was_killed(status.unwrap()) || new == old {
            continue;
        }
        // Where the command is still at work, nobody doubts what it writes.
        let at_work = fs::File::open(machine.path("home/lock")).unwrap();
        at_work.lock().unwrap();
        assert!(machine.is_protected("files/a.age"));
        drop(at_work);
        // The new header was written whole; a power cut may have left half of it.
        let torn = old
            .iter()
            .zip(&new)
            .position(|(old, new)| old != new)
            .unwrap()
            + 20;
        machine.change("files/a.age", |bytes| {
            bytes[torn..].copy_from_slice(&old[torn..]);
        });
        machine
            .run(["decrypt", "files/a.age", "-o", "-"])
            .refused(1, &["was interrupted", "hint: run `strongroom rewrap`"]);
        let ran = machine.run(command).done();
        assert!(
            ran.stderr.contains("finished what was interrupted"),
            "{}",
            ran.stderr
        );
        machine.opens_to("files/a.age", NEW);
        assert!(machine.is_protected("files/a.age"));
        return;
    }
    panic!("no write of a header was found to kill at");
}

#[test]
fn commands_killed_at_random_lose_nothing() {
    let machine = Machine::with_classic_home();
    machine.write("files/a", OLD);
    machine.run(["encrypt", "files/a"]).done();
    machine.write("files/a", NEW);
    let mut random = Random(0x5eed);
    let kills = if is_soak() { 500 } else { 50 };
    let mut killed = 0;
    for round in 0..kills {
        let recovers = round % 5 == 4;
        if recovers {
            machine.remove("home/identity.txt");
        }
        let mut command = if recovers {
            machine.command([
                "recover",
                "--key-type",
                "x25519",
                "--code-file",
                "code",
                "files/a.age",
            ])
        } else {
            machine.command(["encrypt", "--force", "files/a"])
        };
        let lasts = Duration::from_millis(if recovers { 500 } else { 80 });
        killed += u64::from(kill_within(&mut command, lasts, &mut random));
        if recovers {
            ran(&mut command, b"").done();
        }
        let opened = machine.run(["decrypt", "-o", "-", "files/a.age"]).done();
        assert!(opened.stdout == OLD || opened.stdout == NEW);
        assert!(machine.is_protected("files/a.age"));
    }
    machine.run(["encrypt", "--force", "files/a"]).done();
    assert_eq!(machine.names("files"), ["a", "a.age"]);
    machine.run(["log", "verify"]).done();
    eprintln!("killed {killed} of {kills} commands");
    assert!(
        killed > kills / 4,
        "the kills come too late: {killed} of {kills}"
    );
}

/// A machine with an encrypted file alone, and without its key.
fn after_the_loss() -> Machine {
    let machine = Machine::with_classic_home();
    machine.write("files/a", NEW);
    machine.run(["encrypt", "files/a"]).done();
    machine.remove("files/a");
    machine.remove("home/identity.txt");
    machine
}

/// How many files are rewritten together: enough for one sync of all.
const MANY: usize = 12;

fn name(number: usize) -> String {
    format!("files/{number}.age")
}

fn contents(number: usize) -> Vec<u8> {
    format!("what is to be kept in {number}").into_bytes()
}

/// A machine with some encrypted files alone, whose session keys came back.
fn many_after_the_loss() -> Machine {
    let machine = Machine::with_classic_home();
    for number in 0..MANY {
        machine.write(&format!("files/{number}"), contents(number));
    }
    machine.run(["encrypt", "files"]).done();
    for number in 0..MANY {
        machine.remove(&format!("files/{number}"));
    }
    machine.remove("home/identity.txt");
    machine
        .run([
            "recover",
            "--key-type",
            "x25519",
            "--code-file",
            "code",
            "--all",
        ])
        .done();
    machine
}

/// A file of another age program's for the home's key.
fn age_file(machine: &Machine, number: usize) -> Vec<u8> {
    let identity = machine.read_text("home/identity.txt");
    let recipient = identity
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    let recipient: age::x25519::Recipient = recipient.unwrap().parse().unwrap();
    age::encrypt(&recipient, &contents(number)).unwrap()
}

fn many_open(machine: &Machine) {
    for number in 0..MANY {
        machine.opens_to(&name(number), &contents(number));
    }
    machine.run(["status", "--same-disk-ok", "files"]).done();
}

/// Finds the first, a middle and the last write of a header, the sync behind them, and the first write behind that.
fn moments_within_a_group(prepared: &Machine, args: &[&str]) -> Vec<(&'static str, usize)> {
    let machine = copy(prepared);
    let options = ["-y", "-o", "trace", "-e", "trace=pwrite64,?syncfs"];
    let output = traced(&machine, args, &options).output().unwrap();
    assert!(output.status.success());
    let trace = machine.read_text("trace");
    let mut writes = 0;
    let (mut headers, mut moments) = (Vec::new(), Vec::new());
    let mut synced = false;
    for line in trace.lines() {
        if line.contains("syncfs(") {
            moments.push(("syncfs", moments.len() + 1));
            synced = true;
        } else if line.contains("pwrite64(") {
            writes += 1;
            if line.contains("/files/") {
                headers.push(writes);
            } else if synced {
                moments.push(("pwrite64", writes));
                break;
            }
        }
    }
    assert_eq!(headers.len(), MANY, "{trace}");
    for place in [0, MANY / 2, MANY - 1] {
        moments.push(("pwrite64", headers[place]));
    }
    moments
}

/// Kills a command at its persistence calls in turn, each time on a fresh copy of `prepared`, and lets `check` look.
///
/// At `moments_max` moments of each call, unless this is a soak: a command that stretches a code takes its time.
fn kill_everywhere(
    prepared: &Machine,
    args: &[&str],
    moments_max: usize,
    check: impl Fn(&Machine, &str),
) {
    if !can_trace() {
        return;
    }
    let mut kills = 0;
    for call in CALLS {
        for number in moments(count(prepared, args, call), moments_max) {
            let machine = copy(prepared);
            let inject = format!("inject={call}:signal=KILL:when={number}");
            let output = traced(&machine, args, &["-o", "/dev/null", "-e", &inject])
                .output()
                .unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            if !was_killed(output.status) {
                // Calls are counted for each thread, and another one made some.
                assert!(output.status.success(), "{stderr}");
                break;
            }
            eprintln!("killed `{}` at {call} {number}", args.join(" "));
            check(&machine, &stderr);
            kills += 1;
        }
    }
    eprintln!("killed `{}` {kills} times", args.join(" "));
    assert!(kills > 10, "hardly a call was found to kill at");
}

/// Counts how often a command makes a call, all its threads together.
fn count(prepared: &Machine, args: &[&str], call: &str) -> usize {
    let machine = copy(prepared);
    let trace = format!("trace={call}");
    let output = traced(
        &machine,
        args,
        &["-o", "trace", "-e", &trace, "-e", "signal=none"],
    )
    .output()
    .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let name = format!("{}(", call.trim_start_matches('?'));
    let trace = machine.read_text("trace");
    trace.lines().filter(|line| line.contains(&name)).count()
}

/// Chooses moments among so many: all, or some from the first to the last.
fn moments(calls: usize, max: usize) -> Vec<usize> {
    if is_soak() || calls <= max {
        return (1..=calls).collect();
    }
    (0..max)
        .map(|place| 1 + place * (calls - 1) / (max - 1))
        .collect()
}

pub(crate) fn traced(machine: &Machine, args: &[&str], options: &[&str]) -> Command {
    let inner = machine.command(args);
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq"])
        .args(options)
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(machine.path("."))
        .stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    for name in ["STRONGROOM_RECOVERY_CODE", "STRONGROOM_PASSPHRASE"] {
        command.env_remove(name);
    }
    command
}

/// strace ends as what it traces does.
fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9) || status.code() == Some(128 + 9)
}

pub(crate) fn can_trace() -> bool {
    let can = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !can {
        assert!(
            std::env::var_os("CI").is_none(),
            "strace is missing, or may not trace here"
        );
        eprintln!("SKIPPED: strace is missing, or may not trace here; no crash was tested");
    }
    can
}

/// Copies a machine: what its home keeps is relative to it.
fn copy(prepared: &Machine) -> Machine {
    let machine = Machine::like(prepared);
    copy_folder(&prepared.path("."), &machine.path("."));
    machine
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// Starts a command and kills it some time within `lasts`. Tells whether it was still at work.
fn kill_within(command: &mut Command, lasts: Duration, random: &mut Random) -> bool {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(lasts.mul_f64(random.fraction()));
    // A child that ended and was not waited for takes the signal, too, and nothing comes of it.
    child.kill().unwrap();
    was_killed(child.wait().unwrap())
}

pub(crate) fn is_soak() -> bool {
    std::env::var_os("STRONGROOM_SOAK").is_some_and(|value| value != OsStr::new("0"))
}

/// Xorshift: the same moments each time, as far as a machine allows.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

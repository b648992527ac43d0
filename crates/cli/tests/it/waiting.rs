//! A pipe, a socket or a device where a file should be: no command waits for it, named or found in a folder, and none keeps
//! the home's lock meanwhile. What a command is given itself (`-`, `<(..)`), and a pipe that is named to be read once, is waited
//! for: that is in `pipes`.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::machine::{Machine, Ran, ran};

/// Runs it, for so long as no command of these takes.
fn in_time(machine: &Machine, args: &[&str]) -> Ran {
    let program = machine.command(args);
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=1", "30"])
        .arg(program.get_program());
    command.args(program.get_args()).stdin(Stdio::null());
    command.current_dir(machine.path("")).env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap());
    }
    command.env("STRONGROOM_RECOVERY_CODE", machine.code());
    let ran = ran(&mut command, b"");
    assert_ne!(ran.status, Some(124), "{args:?} waits");
    ran
}

fn make_pipe(machine: &Machine, name: &str) {
    let made = Command::new("mkfifo").arg(machine.path(name)).status();
    assert!(made.unwrap().success());
}

/// What names a file that is read once: a pipe is read as `-` is.
const READ_ONCE: &[&[&str]] = &[
    &["status", "--files-from", "NAMED"],
    &["status", "--expect", "NAMED"],
    &["protect", "--files-from", "NAMED"],
    &["encrypt", "-o", "out", "NAMED"],
    &["encrypt", "--files-from", "NAMED"],
    &["encrypt", "--format", "capi", "-o", "out", "NAMED"],
    &["encrypt", "-o", "out", "-R", "NAMED", "file"],
    &["decrypt", "-o", "out", "NAMED"],
    &["deposit", "--from", "NAMED"],
    &["policy", "check", "NAMED"],
    &["policy", "set", "NAMED"],
    &["policy", "simulate", "NAMED"],
    &["policy", "rehearse", "NAMED"],
    &["authority", "init", "new-authority", "--policy", "NAMED"],
    &["capi", "inspect", "NAMED"],
    &["capi", "convert", "NAMED", "-o", "out.pem"],
];

/// Every other option and argument that names a file to be read.
const NAMED: &[&[&str]] = &[
    &["status", "NAMED"],
    &["protect", "NAMED"],
    &["protect", "-i", "NAMED", "file.age"],
    &["protect", "--detached", "NAMED"],
    &["recover", "NAMED"],
    &["recover", "--sheet", "NAMED", "file.age"],
    &["recover", "--code-file", "NAMED", "--all"],
    &["rewrap", "NAMED"],
    &["encrypt", "-o", "out", "-i", "NAMED", "file"],
    &["decrypt", "-o", "out", "-i", "NAMED", "file.age"],
    &["decrypt", "-o", "out", "--key", "NAMED", "file.capi"],
    &[
        "deposit",
        "--description",
        "d",
        "--simple-blob",
        "NAMED",
        "--file",
        "file.capi",
    ],
    &[
        "deposit",
        "--description",
        "d",
        "--simple-blob",
        "blob",
        "--own-blob",
        "NAMED",
    ],
    &["sheet", "test", "NAMED"],
    &["sheet", "print", "NAMED"],
    &[
        "officer",
        "list",
        "--authority",
        "home/authority",
        "--key",
        "NAMED",
    ],
    &["capi", "convert", "NAMED", "-o", "out.age"],
    &["init", "--authority", "NAMED"],
    &["authority", "restore", "NAMED", "--authority", "restored"],
    &["authority", "backup", "backup-2", "--authority", "NAMED"],
];

#[test]
fn what_is_named_and_no_file_is_not_waited_for() {
    let machine = Machine::with_home();
    machine.write("file", "plain");
    machine.run(["encrypt", "file"]).done();
    machine.run(["encrypt", "--format", "capi", "file"]).done();
    make_pipe(&machine, "pipe");
    let _socket = UnixListener::bind(machine.path("socket")).unwrap();
    for name in ["pipe", "socket", "/dev/zero"] {
        let once = READ_ONCE.iter().filter(|_| name != "pipe");
        for args in NAMED.iter().chain(once) {
            let args: Vec<&str> = args
                .iter()
                .map(|arg| if *arg == "NAMED" { name } else { arg })
                .collect();
            let ran = in_time(&machine, &args);
            assert!(
                ran.status.is_some_and(|status| status != 0),
                "{args:?}: {}",
                ran.stderr
            );
            // The option is known: what is wrong is what it names.
            assert!(
                !ran.stderr.contains("unexpected argument"),
                "{args:?}: {}",
                ran.stderr
            );
            assert!(!machine.exists("out"), "{args:?}");
        }
    }
    let ran = in_time(&machine, &["sheet", "test", "pipe"]);
    assert!(
        ran.stderr.contains("it is a pipe, not a file"),
        "{}",
        ran.stderr
    );
    assert!(machine.is_protected("file.age"));
}

#[test]
fn what_is_found_in_a_folder_and_no_file_is_passed_over() {
    let machine = Machine::with_home();
    machine.write("folder/file", "plain");
    machine.run(["encrypt", "folder/file"]).done();
    make_pipe(&machine, "folder/pipe.age");
    make_pipe(&machine, "folder/.strongroom-0000000000000001.tmp");
    std::os::unix::fs::symlink("pipe.age", machine.path("folder/link.age")).unwrap();
    for args in [
        &["status", "--same-disk-ok", "folder"][..],
        &["protect", "folder"],
        &["recover", "folder"],
        &["encrypt", "--force", "folder"],
    ] {
        in_time(&machine, args).done();
    }
}

/// Somebody else may write to where a backup lies, or a home's folder is open to others.
#[test]
fn a_home_or_an_authority_with_a_pipe_in_it_is_refused_or_works() {
    for name in [
        "identity.txt",
        "device.key",
        "home.db",
        "home.db-journal",
        "lock",
        "exchange.priv",
        "officer.key",
        "officer.key.authority",
        "recovery-sheet.txt",
        "authority/keys.txt",
        "authority/store.db",
        "authority/store.db-journal",
        "authority/store.db-wal",
        "authority/store.db-shm",
    ] {
        let machine = Machine::with_home();
        machine.write("file", "plain");
        machine.run(["encrypt", "file"]).done();
        let inside = format!("home/{name}");
        let _ = fs::remove_file(machine.path(&inside));
        make_pipe(&machine, &inside);
        for args in [
            &["status", "--same-disk-ok", "file.age"][..],
            &["encrypt", "--force", "file"],
            &["decrypt", "--force", "file.age"],
            &["recover", "--sheet", "home/recovery-sheet.txt", "file.age"],
            &["sheet", "print"],
            &["log", "verify"],
            &["authority", "check", "--all"],
            &[
                "authority",
                "backup",
                "backup",
                "--authority",
                "home/authority",
            ],
            &[
                "authority",
                "restore",
                "home/authority",
                "--authority",
                "restored",
            ],
            &["officer", "list"],
            &["deposit", "--list"],
            &["init"],
        ] {
            in_time(&machine, args);
        }
    }
}

#[test]
fn what_a_command_was_given_is_waited_for() {
    let machine = Machine::with_home();
    let strongroom = env!("CARGO_BIN_EXE_strongroom");
    let script = format!(
        "set -e -o pipefail
         {strongroom} encrypt -q -o one.age <(sleep 0.2; echo one)
         {strongroom} encrypt -q -o two.age /dev/stdin < <(sleep 0.2; echo two)
         {strongroom} decrypt -o one <(cat one.age)
         {strongroom} decrypt -o two -i <(cat home/identity.txt) two.age
         {strongroom} status --same-disk-ok --files-from <(echo one.age; echo two.age)
         mkfifo named; {{ sleep 0.2; echo three; }} > named &
         {strongroom} encrypt -q -o three.age - < named; {strongroom} decrypt three.age"
    );
    let mut command = machine.command(["--version"]);
    command = {
        let mut bash = Command::new("timeout");
        bash.args(["60", "bash", "-c", &script]).env_clear();
        for (name, value) in command.get_envs() {
            bash.env(name, value.unwrap());
        }
        bash.env("PATH", std::env::var_os("PATH").unwrap());
        bash.current_dir(machine.path(""));
        bash
    };
    ran(&mut command, b"").done();
    let read = ["one", "two", "three"].map(|name| machine.read_text(name));
    assert_eq!(read, ["one\n", "two\n", "three\n"]);
}

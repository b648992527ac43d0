//! What a signal leaves: the terminal as it was, and no file; and that it is told what a command waits for.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use strongroom_testkit::Mount;

use crate::crash::{can_trace, traced};
use crate::machine::Machine;
use crate::pipes::make_pipe;

const SIGNALS: [(&str, i32); 4] = [("HUP", 1), ("INT", 2), ("QUIT", 3), ("TERM", 15)];

fn kill(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args(["-s", signal, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Waits until something is so.
fn until(mut so: impl FnMut() -> bool) {
    for _ in 0..200 {
        if so() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("it did not come to that in ten seconds");
}

#[test]
fn a_command_that_a_signal_ends_leaves_no_file_and_ends_by_it() {
    let machine = Machine::with_home();
    make_pipe(&machine, "pipe");
    fs::create_dir(machine.path("own")).unwrap();
    let disk = machine.path("disk");
    fs::create_dir(&disk).unwrap();
    // There, a file that is written has a hidden name.
    let _mount = Mount::cryfs(&disk);
    let hidden = |machine: &Machine, folder: &str| {
        let names = machine.names(folder);
        names.iter().any(|name| name.starts_with(".strongroom-"))
    };
    for folder in ["own", "disk"] {
        for (signal, number) in SIGNALS {
            let output = format!("{folder}/out.age");
            let mut child = machine
                .command(["encrypt", "-o", &output, "pipe"])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut pipe = fs::File::options()
                .write(true)
                .open(machine.path("pipe"))
                .unwrap();
            pipe.write_all(&vec![1; 1 << 20]).unwrap();
            if folder == "disk" && _mount.is_some() {
                until(|| hidden(&machine, folder));
            }
            kill(&child, signal);
            let status = child.wait().unwrap();
            assert_eq!(status.signal(), Some(number), "{signal}");
            assert_eq!(machine.names(folder), [""; 0], "{signal}");
        }
    }
}

#[test]
fn a_signal_that_the_command_was_started_to_ignore_stays_ignored() {
    let machine = Machine::with_home();
    make_pipe(&machine, "pipe");
    let program = machine.command(["encrypt", "-q", "-o", "out.age", "pipe"]);
    let mut command = Command::new("nohup");
    command.arg(program.get_program()).args(program.get_args());
    command.current_dir(machine.path("")).env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap());
    }
    command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = fs::File::options()
        .write(true)
        .open(machine.path("pipe"))
        .unwrap();
    kill(&child, "HUP");
    sleep(Duration::from_millis(200));
    pipe.write_all(b"on").unwrap();
    drop(pipe);
    assert!(child.wait().unwrap().success());
    machine.opens_to("out.age", b"on");
}

/// As under a shell that does not repair what a program leaves (`dash -i`).
#[test]
fn the_terminal_is_put_back_whatever_signal_ends_a_prompt() {
    const SCRIPT: &str = r#"
import os, pty, signal, sys, termios, time
how, command = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    # The program in a process group of its own, as a shell starts it; this stands for the shell.
    before = termios.tcgetattr(0)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(command[0], command)
    _, status = os.waitpid(child, 0)
    after = termios.tcgetattr(0)
    same = "same" if before[:4] == after[:4] else "other"
    os.write(1, f"END {same} {os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1}\n".encode())
    os._exit(0)
said = b""
asked = False
while b"END" not in said or not said.endswith(b"\n"):
    try:
        said += os.read(terminal, 4096)
    except OSError:
        break
    if not asked and b": " in said:
        asked = True
        time.sleep(0.3)
        os.write(terminal, b"abc")
        time.sleep(0.1)
        if how == "key":
            os.write(terminal, b"\x03")
        else:
            os.kill(os.tcgetpgrp(terminal), getattr(signal, how))
sys.stdout.write(said.decode(errors="replace"))
"#;
    let machine = Machine::with_home();
    machine
        .run_with(
            "STRONGROOM_PASSPHRASE",
            "long enough",
            ["--home", "sealed", "init", "--passphrase"],
        )
        .done();
    machine.write("file", "plain");
    let sealed = [
        "--home", "sealed", "encrypt", "-q", "-o", "file.age", "file",
    ];
    machine.run(sealed).done();
    for args in [
        &["--home", "sealed", "decrypt", "-o", "out", "file.age"][..],
        &["sheet", "test"],
        &["--home", "new", "keygen", "--passphrase", "-o", "key"],
        &["deposit", "--name", "wifi"],
    ] {
        for (how, number) in [
            ("key", 2),
            ("SIGINT", 2),
            ("SIGTERM", 15),
            ("SIGHUP", 1),
            ("SIGQUIT", 3),
        ] {
            let program = machine.command(args);
            let mut python = Command::new("python3");
            python
                .args(["-c", SCRIPT, how])
                .arg(program.get_program())
                .args(program.get_args());
            python.current_dir(machine.path("")).env_clear();
            for (name, value) in program.get_envs() {
                python.env(name, value.unwrap());
            }
            let ran = python.env("PATH", "/usr/bin:/bin").output().unwrap();
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert!(
                said.contains(&format!("END same {number}")),
                "{args:?} {how}: {said}{}",
                String::from_utf8_lossy(&ran.stderr)
            );
            assert!(!machine.exists("out") && !machine.exists("key"));
        }
    }
}

/// Holds a lock for a while, as a command that works does.
fn holding(machine: &Machine, script: &str) -> Child {
    let mut child = Command::new("python3")
        .args([
            "-c",
            &format!("{script}; print('held', flush=True); input()"),
        ])
        .current_dir(machine.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = [0; 4];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut held)
        .unwrap();
    child
}

#[test]
fn whoever_waits_for_another_says_so_after_a_second_and_for_whom() {
    const HOME: &str = "import fcntl; f = open('home/lock'); fcntl.flock(f, fcntl.LOCK_EX)";
    const STORE: &str = "import sqlite3; c = sqlite3.connect('home/authority/store.db', isolation_level=None); c.execute('BEGIN IMMEDIATE')";
    let machine = Machine::with_home();
    machine.write("file", "plain");
    machine.run(["encrypt", "file"]).done();
    for (script, file, args) in [
        (HOME, "home/lock", &["sync"][..]),
        (HOME, "home/lock", &["protect", "-q", "file.age"]),
        (HOME, "home/lock", &["encrypt", "-q", "--force", "file"]),
        (STORE, "store.db", &["encrypt", "-q", "--force", "file"]),
        (
            STORE,
            "store.db",
            &[
                "deposit",
                "-q",
                "--name",
                "n",
                "--from-command",
                "echo",
                "s",
            ],
        ),
    ] {
        let mut holder = holding(&machine, script);
        let child = machine
            .command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(2500));
        drop(holder.stdin.take());
        holder.wait().unwrap();
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success(), "{args:?}: {said}");
        let expected = format!("waiting for `python3` (process {})", holder.id());
        assert!(
            said.contains(&expected) && said.contains(file),
            "{args:?}: {said}"
        );
    }
    // Nobody hears of what lasts no second.
    let mut holder = holding(&machine, HOME);
    let child = machine
        .command(["sync", "-q"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    sleep(Duration::from_millis(300));
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
}

#[test]
fn what_only_looks_waits_for_no_command_that_is_at_work_in_the_home() {
    const STORE: &str = "import sqlite3; c = sqlite3.connect('home/authority/store.db', isolation_level=None); c.execute('BEGIN IMMEDIATE')";
    let machine = Machine::with_home();
    for name in ["file", "other"] {
        machine.write(name, name);
    }
    machine.run(["encrypt", "file"]).done();
    let deposit = ["deposit", "--name", "wifi", "--check", "cat >/dev/null"];
    machine.pipe(b"secret", deposit).done();
    let sealed = Machine::with_home();
    sealed.write("other", "other");
    sealed.run(["encrypt", "other"]).done();
    machine.write("other.age", sealed.read("other.age"));
    machine.write("their.txt", sealed.read("home/identity.txt"));
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/capi");
    for (name, vector) in [
        ("own.priv", "keys/own1024.priv"),
        ("seal.file", "seals/aes-aes128-128-pkcs1-16-own1024.file"),
    ] {
        machine.write(name, fs::read(vectors.join(vector)).unwrap());
    }
    // It waits for the authority, in the midst of its work, and has the home.
    let mut holder = holding(&machine, STORE);
    let protect = ["protect", "-i", "their.txt", "other.age"];
    let mut at_work = machine
        .command(protect)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(at_work.stderr.take().unwrap()).lines();
    let mut said = said.by_ref().map(Result::unwrap);
    assert!(
        said.any(|line| line.contains("store.db")),
        "it did not wait"
    );
    let in_use = "another command is at work in your Strongroom folder";
    for (args, told) in [
        (&["status", "--same-disk-ok", "file.age"][..], ""),
        (&["status", "--same-disk-ok", "--deep", "file.age"], in_use),
        (&["status", "--same-disk-ok", "--check"], in_use),
        (&["status"], ""),
        (&["list"], ""),
        (&["whoami"], ""),
        (&["device", "list"], ""),
        (&["log", "show"], ""),
        (&["log", "verify"], ""),
        (&["policy", "show"], ""),
        (&["sheet", "test", "home/recovery-sheet.txt"], ""),
        (&["decrypt", "-o", "-", "file.age"], ""),
        (&["recover", "--dry-run", "file.age"], ""),
        (&["rewrap", "--dry-run", "file.age"], ""),
        (&["protect", "--dry-run", "file.age"], ""),
        (
            &[
                "protect",
                "--dry-run",
                "--key",
                "own.priv",
                "--pkcs1",
                "seal.file",
            ],
            "",
        ),
    ] {
        let ran = machine.run(args).done();
        assert!(
            !ran.stderr.contains("waiting for"),
            "{args:?}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(told), "{args:?}: {}", ran.stderr);
    }
    assert!(at_work.try_wait().unwrap().is_none(), "it waits still");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(at_work.wait().unwrap().success());
    assert!(machine.is_protected("other.age"));
}

#[test]
fn a_file_that_appeared_is_not_taken_away_by_a_signal_where_there_are_no_links() {
    if !can_trace() {
        return;
    }
    let machine = Machine::with_home();
    machine.write("file", "plain");
    machine.run(["encrypt", "file"]).done();
    let decrypt = ["decrypt", "-o", "out", "file.age"];
    // Neither links nor renames that replace nothing; and the signal comes when the file has just got its name.
    let options = [
        "-o",
        "/dev/null",
        "-e",
        "inject=linkat:error=EPERM",
        "-e",
        "inject=?renameat2:error=EINVAL",
        "-e",
        "inject=?renameat:signal=TERM:delay_exit=500000",
    ];
    let status = traced(&machine, &decrypt, &options).status().unwrap();
    let ended = status.signal() == Some(15) || status.code() == Some(128 + 15);
    assert!(ended, "{status:?}");
    assert_eq!(machine.read("out"), b"plain");
    let hidden = |name: &String| name.starts_with(".strongroom-");
    assert!(!machine.names("").iter().any(hidden));
}

#[test]
fn a_signal_takes_a_half_made_authority_along_and_the_next_founding_goes_through() {
    if !can_trace() {
        return;
    }
    let mut ended = 0;
    for call in ["fsync", "fdatasync", "pwrite64"] {
        for number in [1, 2, 4, 6] {
            let machine = Machine::new();
            let found = ["authority", "init", "spare"];
            let inject = format!("inject={call}:signal=TERM:when={number}");
            let options = ["-o", "/dev/null", "-e", &inject];
            let status = traced(&machine, &found, &options).status().unwrap();
            let by_signal = status.signal() == Some(15) || status.code() == Some(128 + 15);
            assert!(by_signal || status.success(), "{status:?}");
            // It came in the midst, or when all was done: half of one is never there.
            let names = machine.names("");
            match machine.exists("spare") {
                true => assert_eq!(names, ["spare"]),
                false => {
                    assert!(names.is_empty(), "{names:?}");
                    machine.run(found).done();
                    ended += 1;
                }
            }
            machine
                .run(["log", "verify", "--authority", "spare"])
                .done();
        }
    }
    assert!(ended > 2, "hardly a signal came in the midst");
}

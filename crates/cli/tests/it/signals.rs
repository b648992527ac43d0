//! What a signal leaves: the terminal as it was, and no file; and that it is told what a command waits for.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use strongroom_testkit::Mount;

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
        (
            HOME,
            "home/lock",
            &["status", "--same-disk-ok", "file.age"][..],
        ),
        (HOME, "home/lock", &["list", "-q"]),
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
        .command(["list"])
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

//! What people see: screens that say what is wrong and fit their terminal, a home at a glance, and the same for programs.

use std::fs;
use std::process::{Command, Stdio};

use crate::machine::{Machine, Ran, ran};

fn widest(ran: &Ran) -> usize {
    let said = format!("{}{}", ran.text(), ran.stderr);
    said.lines().map(|line| line.chars().count()).max().unwrap()
}

#[test]
fn what_is_well_is_a_line_and_silent_when_asked_to_be() {
    let machine = Machine::with_home();
    for number in 0..20 {
        machine.write(&format!("tree/{number}"), "x");
    }
    machine.run(["encrypt", "-o", "archive", "tree"]).done();
    let ran = machine.run(["status", "--same-disk-ok", "archive"]).done();
    assert_eq!(ran.text(), "20 files: 20 protected, 0 not\n");
    let quiet = ["status", "-q", "--same-disk-ok", "archive"];
    let ran = machine.run(quiet).done();
    assert!(ran.stdout.is_empty() && ran.stderr.is_empty());
    let ran = machine
        .run(["status", "-v", "--same-disk-ok", "archive"])
        .done();
    assert_eq!(ran.text().matches("  protected").count(), 20);
    // One that is not: it alone is told, and what to do.
    machine.change("archive/tree/7.age", |bytes| {
        bytes.truncate(bytes.len() - 1);
    });
    let ran = machine.run(quiet);
    let ran = ran.refused(1, &["hint: get it back from a copy"]);
    assert_eq!(
        ran.text(),
        "archive/tree/7.age\n  not protected: it was cut short: 1 byte is missing at its end\n"
    );
    let ran = machine.run(["status", "--same-disk-ok", "archive"]);
    assert!(
        ran.refused(1, &[])
            .text()
            .ends_with("\n20 files: 19 protected, 1 not\n")
    );
}

#[test]
fn many_problems_are_a_screen_that_fits_eighty_columns() {
    let machine = Machine::with_home();
    for number in 0..30 {
        machine.write(&format!("tree/{number:02}"), "x");
    }
    machine.run(["encrypt", "tree"]).done();
    for number in 0..10 {
        let name = format!("tree/{number:02}.age");
        machine.change(&name, |bytes| bytes.truncate(bytes.len() - 1 - number));
        machine.write(&format!("tree/torn{number}.age"), "age-encryption.org/v1\n");
    }
    for args in [&["tree"][..], &["-q", "tree"]] {
        let ran = machine.run([&["status"][..], args].concat());
        let ran = ran.refused(1, &[]);
        assert!(widest(&ran) <= 80, "{}{}", ran.text(), ran.stderr);
        assert!(ran.text().lines().count() <= 24, "{}", ran.text());
        for said in [
            "not protected: it was cut short\n  tree/00.age\n",
            "  tree/04.age\n  and 5 more",
            "not protected: its spare key is on the same disk\n  tree/10.age\n",
            "  and 15 more",
        ] {
            assert!(ran.text().contains(said), "{said}: {}", ran.text());
        }
    }
    // The authority's disk away: one reason for all of them, and the whole list for programs.
    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    let ran = machine.run(["status", "-q", "tree"]);
    let ran = ran.refused(1, &["cannot reach the authority", "hint: "]);
    assert!(
        ran.text()
            .contains("not protected: the authority can't be asked"),
        "{}",
        ran.text()
    );
    assert!(ran.text().lines().count() <= 24, "{}", ran.text());
    assert_eq!(machine.run(["status", "--json", "tree"]).json().len(), 40);
}

#[test]
fn status_alone_tells_of_the_home() {
    let machine = Machine::new();
    machine
        .run(["status"])
        .refused(1, &["there is no", "hint: "]);
    machine.run(["init", "--code-file", "code"]).done();
    machine.write("a", "a");
    machine.run(["encrypt", "a"]).done();
    machine.pipe(b"rose", ["deposit", "--name", "wifi"]).done();
    let me = machine.run(["whoami", "--json"]).done().json();
    let owner = me[0]["owner"].as_str().unwrap();
    let ran = machine.run(["status"]).done();
    for said in [
        format!("home        {}", machine.path("home").display()).as_str(),
        &format!("owner       {owner}"),
        "authority   ",
        "last check  none yet",
        "machines    1 machine of yours; this one is ",
        "deposited   2 spare keys, 1 secret among them",
        "waiting     nothing",
    ] {
        assert!(ran.text().contains(said), "{said}: {}", ran.text());
    }
    assert!(machine.run(["status", "-q"]).done().stdout.is_empty());
    let told = machine.run(["whoami"]).done();
    assert!(told.text().starts_with(&format!("owner       {owner}\n")));

    machine.run(["authority", "check", "--all"]).done();
    let lines = machine.run(["status", "--json"]).done().json();
    assert_eq!(lines[0]["owner"], owner);
    assert_eq!(lines[0]["reached"], true);
    assert_eq!(
        lines[0]["last_check"]["found"],
        "2 of 2 deposits opened, nothing wrong"
    );
    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    let ran = machine.run(["status"]).refused(75, &["cannot reach"]);
    assert!(
        ran.text().contains("can't be reached now"),
        "{}",
        ran.text()
    );
    machine.remove("home/identity.txt");
    let ran = machine.run(["status", "-q"]).refused(1, &[]);
    assert!(ran.text().contains("waiting     your key is missing"));
    // It asks nobody.
    machine.run(["whoami"]).done();
}

#[test]
fn a_secret_is_recovered_by_its_name() {
    let machine = Machine::with_home();
    for secret in ["rose", "tulip"] {
        machine
            .pipe(secret.as_bytes(), ["deposit", "--name", "wifi"])
            .done();
    }
    machine.pipe(b"lily", ["deposit", "--name", "disk"]).done();
    let ran = machine.run(["recover", "--name", "wifi", "-o", "-"]).done();
    assert_eq!(ran.stdout, b"tulip");
    machine.remove("home/identity.txt");
    let ran = machine.recover(["--name", "disk", "-o", "-"]).done();
    assert_eq!(ran.stdout, b"lily");
    machine
        .recover(["--name", "nosuch", "-o", "-"])
        .refused(1, &["no secret goes by the name `nosuch`", "hint: "]);
    machine
        .recover(["--name", "wifi", "--all"])
        .refused(2, &["cannot be used with"]);
}

#[test]
fn the_log_is_read_by_whoever_can_open_the_folder() {
    let machine = Machine::new();
    machine.run(["init", "--authority", "spare"]).done();
    machine.write("a", "a");
    machine.run(["encrypt", "a"]).done();
    let own = machine.run(["log", "verify", "--json"]).done().json();
    assert_eq!(own[0]["entries"], 3);
    assert_eq!(own[0]["seen"], 3);
    let auditor = |args: &[&str]| {
        let mut command = machine.command(args);
        ran(command.env("STRONGROOM_HOME", "/nonexistent"), b"")
    };
    let verified = auditor(&["log", "verify", "--authority", "spare", "--json"]);
    let verified = verified.done().json();
    assert_eq!(verified[0]["root"], own[0]["root"]);
    assert!(verified[0]["seen"].is_null());
    let told = auditor(&["log", "verify", "--authority", "spare"]).done();
    assert!(
        told.text()
            .contains("held against nothing that was seen before"),
        "{}",
        told.text()
    );
    let shown = auditor(&["log", "show", "--authority", "spare"]).done();
    assert_eq!(shown.text().lines().count(), 3);
    auditor(&["log", "show"]).refused(1, &["there is no Strongroom home"]);
    let since = |time: &str| machine.run(["log", "show", "--since", time]);
    assert_eq!(since("2020-01-01").done().text().lines().count(), 3);
    assert!(since("2999-12-31T23:59:59+02:00").done().stdout.is_empty());
    since("yesterday").refused(2, &["a time is 2026-11-28"]);
}

#[test]
fn a_sheet_is_tested_for_programs() {
    let machine = Machine::with_home();
    let lines = machine
        .run(["sheet", "test", "--json", "home/recovery-sheet.txt"])
        .done()
        .json();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["code"], true);
    assert_eq!(lines[0]["reached"], true);
    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    let ran = machine.run(["sheet", "test", "--json", "home/recovery-sheet.txt"]);
    let lines = ran.refused(75, &["cannot reach the authority"]).json();
    assert_eq!(lines[0]["reached"], false);
}

/// Runs a command at a terminal that is so wide, and returns all that came there.
fn drawn(machine: &Machine, columns: u16, args: &[&str]) -> String {
    const SCRIPT: &str = r#"
import fcntl, os, pty, struct, sys, termios
columns, command = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execv(command[0], command)
said = b""
while True:
    try:
        said += os.read(terminal, 4096)
    except OSError:
        break
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(status))
"#;
    let program = machine.command(args);
    let mut python = Command::new("python3");
    python
        .args(["-c", SCRIPT, &columns.to_string()])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(machine.path("."))
        .env_clear();
    for (name, value) in program.get_envs() {
        python.env(name, value.unwrap_or_default());
    }
    let python = python.env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
    let ran = ran(python, b"").done();
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn long_work_has_a_line_that_fits_the_terminal_and_goes() {
    let machine = Machine::with_classic_home();
    let slow = "for n in 1 2 3; do head -c 3000000 /dev/zero; sleep 0.4; done";
    let encrypt = |quiet: &[&'static str]| {
        [
            quiet,
            &["encrypt", "--force", "-o", "a.age"],
            &["--from-command", "sh", "-c", slow],
        ]
        .concat()
    };
    for columns in [80, 24] {
        let drawn = drawn(&machine, columns, &encrypt(&[]));
        let (_, last) = drawn.rsplit_once("1 file, ").expect(&drawn);
        assert_eq!(last.contains("MiB/s"), columns == 80, "{drawn:?}");
        // It is gone before anything else is said.
        let (_, after) = last.split_once('\r').unwrap();
        assert!(after.starts_with("\u{1b}[2K"), "{drawn:?}");
        for line in drawn.split(['\r', '\n']) {
            let of_progress = line.contains("1 file, ");
            let width = line.trim_end().len();
            assert!(!of_progress || width < columns.into(), "{line:?}");
        }
    }
    let drawn = drawn(&machine, 80, &encrypt(&["-q"]));
    assert!(!drawn.contains("1 file"), "{drawn:?}");
    // What is no terminal has no line: said by all that compares what commands say.
}

/// What a command says at a terminal, behind what else the shell is told; nothing where there is no `script`, which is said loudly.
fn at_terminal(machine: &Machine, before: &str, args: &[&str]) -> Option<String> {
    let inner = machine.command(args);
    let line = format!(
        "{before} '{}' {}",
        inner.get_program().display(),
        args.join(" ")
    );
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .current_dir(machine.path("."))
        .env("TERM", "dumb")
        .stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap());
    }
    if Command::new("script").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "`script` is missing");
        eprintln!("SKIPPED: `script` is missing; no screen was looked at");
        return None;
    }
    Some(ran(&mut command, b"").text().replace('\r', ""))
}

#[test]
fn what_is_said_at_a_terminal_fits_it_and_is_broken_between_words() {
    for columns in [40, 80] {
        let machine = Machine::new();
        let mut said = String::new();
        let mut see = |args: &[&str]| {
            let narrow = format!("stty rows 24 cols {columns};");
            let Some(seen) = at_terminal(&machine, &narrow, args) else {
                return false;
            };
            for line in seen.lines() {
                // What is to be copied is left whole.
                let fits = line.chars().count() <= columns || line.starts_with("    ");
                assert!(fits, "{args:?}: `{line}` of\n{seen}");
            }
            said += &seen;
            true
        };
        if !see(&["init"]) {
            return;
        }
        machine.write("a-file-of-a-long-name.txt", "x");
        machine
            .pipe(b"s", ["deposit", "--name", "the/router/in/the/cellar"])
            .done();
        for args in [
            &["encrypt", "a-file-of-a-long-name.txt"][..],
            &["status", "a-file-of-a-long-name.txt.age"],
            &["status"],
            &["list"],
            &["device", "list"],
            &["log", "show"],
            &["sheet", "test", "home/recovery-sheet.txt"],
            &["recover", "--name", "none"],
        ] {
            see(args);
        }
        let words: Vec<&str> = said.split_whitespace().collect();
        for whole in ["get your keys back", "can open every file", "deposit 20"] {
            assert!(words.join(" ").contains(whole), "{whole}: {said}");
        }
    }
}

#[test]
fn nobody_is_asked_at_a_terminal_that_is_not_the_processs_own() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    machine.run(["encrypt", "file"]).done();
    machine.remove("home/identity.txt");
    let recover = ["recover", "file.age"];
    let Some(said) = at_terminal(&machine, "setsid -w", &recover) else {
        return;
    };
    assert!(said.contains("no terminal to ask for it"), "{said}");
    assert!(said.contains("`--code-file`"), "{said}");
}

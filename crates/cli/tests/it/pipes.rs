//! What is read and written that is no file: pipes with a name, devices, the output of a program; and lists of nothing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, SystemTime};

use crate::machine::{Machine, ran};

const SIGPIPE: i32 = 13;

pub(crate) fn make_pipe(machine: &Machine, name: &str) {
    let made = Command::new("mkfifo").arg(machine.path(name)).status();
    assert!(made.unwrap().success());
}

/// A machine with a file, `file.age` of it, and a pipe.
fn with_pipe() -> Machine {
    let machine = Machine::with_home();
    machine.write("file", "plain");
    machine.run(["encrypt", "file"]).done();
    make_pipe(&machine, "pipe");
    machine
}

/// Whoever has a part of a file has no file, and must not take this for success.
#[test]
fn contents_that_nobody_reads_to_the_end_end_as_sigpipe_does() {
    let machine = Machine::with_home();
    machine.write("file", vec![1; 2_000_000]);
    machine.run(["encrypt", "file"]).done();
    machine.run(["encrypt", "--format", "capi", "file"]).done();
    machine
        .pipe(b"secret", ["deposit", "--name", "wifi"])
        .done();
    let list = machine.run(["list", "--json"]).json();
    let secret = list.iter().find(|line| line["name"] == "wifi").unwrap();
    let serial = secret["serial"].as_str().unwrap();
    for args in [
        &["encrypt", "-o", "-", "file"][..],
        &["encrypt", "-a", "-o", "-", "file"],
        &["encrypt", "--format", "capi", "-o", "-", "file"],
        &["decrypt", "-o", "-", "file.age"],
        &["decrypt", "-o", "-", "file.capi"],
        &["decrypt", "-o", "/dev/stdout", "file.age"],
        &["recover", "-o", "-", "--serial", serial],
        &["keygen"],
        &["sheet", "print"],
        &["policy", "show"],
        &["authority", "rsa-key", "-o", "-"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = machine
            .command(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.signal(), Some(SIGPIPE), "{args:?}: {said}");
        assert!(!said.contains("error"), "{said}");
    }
}

#[test]
fn a_pipe_with_a_name_is_read_once_as_any_pipe() {
    let machine = with_pipe();
    let from = |bytes: &'static [u8], args: &[&str]| {
        let path = machine.path("pipe");
        let writer = thread::spawn(move || {
            sleep(Duration::from_millis(300));
            fs::write(path, bytes).unwrap();
        });
        let ran = machine.run(args);
        writer.join().unwrap();
        ran.done()
    };
    from(b"late", &["encrypt", "-o", "late.age", "pipe"]);
    machine.opens_to("late.age", b"late");
    from(
        b"late",
        &["encrypt", "--format", "capi", "-o", "late.capi", "pipe"],
    );
    machine.opens_to("late.capi", b"late");
    let encrypted = Box::leak(machine.read("late.age").into_boxed_slice());
    let decrypted = from(encrypted, &["decrypt", "-o", "-", "pipe"]);
    assert_eq!(decrypted.stdout, b"late");
    let listed = from(
        b"late.age\n",
        &["status", "-v", "--same-disk-ok", "--files-from", "pipe"],
    );
    assert!(listed.text().contains("late.age"), "{}", listed.text());
    from(
        b"{\"name\":\"n\",\"secret\":\"s\"}\n",
        &["deposit", "--from", "pipe"],
    );
}

/// The home is for others while a pipe, or a long file, is read.
#[test]
fn a_command_that_waits_for_a_pipe_keeps_nobody_from_the_home() {
    let machine = with_pipe();
    // Making the RSA key is a while of its own.
    machine.run(["encrypt", "--format", "capi", "file"]).done();
    for args in [
        &["encrypt", "-o", "late.age", "pipe"][..],
        &["encrypt", "--format", "capi", "-o", "late.capi", "pipe"],
    ] {
        let mut waiting = machine.command(args).stderr(Stdio::null()).spawn().unwrap();
        let mut pipe = fs::File::options()
            .write(true)
            .open(machine.path("pipe"))
            .unwrap();
        pipe.write_all(b"a part").unwrap();
        // The key is deposited, or there is nothing to wait for yet.
        sleep(Duration::from_millis(500));
        let status = machine.run(["status", "--same-disk-ok", "file.age"]).done();
        assert!(!status.stderr.contains("waiting"), "{}", status.stderr);
        machine.run(["decrypt", "-o", "-", "file.age"]).done();
        machine.run(["encrypt", "-q", "--force", "file"]).done();
        drop(pipe);
        assert!(waiting.wait().unwrap().success());
    }
    machine.opens_to("late.age", b"a part");
    machine.opens_to("late.capi", b"a part");
}

#[test]
fn output_goes_through_to_pipes_and_devices() {
    let machine = with_pipe();
    for args in [
        &["decrypt", "file.age"][..],
        &["encrypt", "-a", "file"],
        &["encrypt", "--format", "capi", "file"],
        &["keygen"],
        &["authority", "rsa-key"],
    ] {
        let to = |output: &str| {
            let mut all = args.to_vec();
            all.extend(["-o", output]);
            machine.run(all).done()
        };
        to("/dev/null");
        assert!(!to("/dev/stdout").stdout.is_empty(), "{args:?}");
        let path = machine.path("pipe");
        let reader = thread::spawn(move || fs::read(path).unwrap());
        to("pipe");
        assert!(!reader.join().unwrap().is_empty(), "{args:?}");
    }
    assert!(fs::metadata("/dev/null").unwrap().mode() & 0o170_000 == 0o020_000);
    // What is in a file already stays before what is written to standard output.
    machine.write("log", "before\n");
    let log = fs::File::options()
        .append(true)
        .open(machine.path("log"))
        .unwrap();
    let mut command = machine.command(["decrypt", "-o", "/dev/stdout", "file.age"]);
    assert!(command.stdout(log).status().unwrap().success());
    assert_eq!(machine.read_text("log"), "before\nplain");
    let strongroom = env!("CARGO_BIN_EXE_strongroom");
    let script = format!(
        "{strongroom} decrypt -o >(cat > through; echo done >> through) file.age; wait; sleep 0.2"
    );
    let mut bash = machine.command(["--version"]);
    let variables: Vec<_> = bash
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.unwrap().to_owned()))
        .collect();
    bash = Command::new("bash");
    bash.args(["-c", &script])
        .env_clear()
        .envs(variables)
        .env("PATH", "/usr/bin:/bin");
    ran(bash.current_dir(machine.path("")), b"").done();
    assert_eq!(machine.read_text("through"), "plaindone\n");
}

#[test]
fn where_nothing_can_be_written_the_reason_is_the_true_one() {
    let machine = with_pipe();
    fs::create_dir(machine.path("folder")).unwrap();
    symlink("other", machine.path("link")).unwrap();
    machine
        .pipe(b"secret", ["deposit", "--name", "wifi"])
        .done();
    for args in [
        &["decrypt", "file.age"][..],
        &["encrypt", "file"],
        &["rewrap", "file.age"],
        &["keygen"],
    ] {
        for (output, said) in [("link", "is a symbolic link"), ("/dev/fd/99", "99")] {
            let mut all = args.to_vec();
            all.extend(["-o", output]);
            let ran = machine.run(all).refused(1, &[said]);
            assert!(!ran.stderr.contains("--force"), "{args:?}: {}", ran.stderr);
        }
    }
    // Files go into a folder; a key does not.
    let ran = machine.run(["keygen", "-o", "folder"]);
    let ran = ran.refused(1, &["is a folder"]);
    assert!(!ran.stderr.contains("--force"), "{}", ran.stderr);
    machine.run(["decrypt", "file.age", "-o", "folder"]).done();
    assert_eq!(machine.names("folder"), ["file"]);
    // What is read more than once, or in place, is no pipe; and is not told to use the force.
    for output in ["/dev/null", "pipe"] {
        let ran = machine.run(["rewrap", "file.age", "-o", output]);
        let ran = ran.refused(2, &["a pipe can't be what a header is replaced in"]);
        assert!(!ran.stderr.contains("--force"), "{}", ran.stderr);
    }
}

#[test]
fn a_program_that_fails_makes_no_file_and_no_deposit() {
    let machine = Machine::with_home();
    let run = |script: &str, args: &[&str]| {
        let mut all = args.to_vec();
        all.extend(["--from-command", "sh", "-c", script]);
        machine.run(all)
    };
    let encrypt = ["encrypt", "-o", "out.age"];
    let capi = ["encrypt", "--format", "capi", "-o", "out.capi"];
    for script in ["exit 3", "echo part; exit 3", "echo part; kill -9 $$"] {
        run(script, &encrypt).refused(1, &["`sh` failed"]);
        run(script, &capi).refused(1, &["`sh` failed"]);
        run(script, &["encrypt", "-a", "-o", "-"]).refused(1, &["`sh` failed"]);
        run(script, &["deposit"]).refused(1, &["`sh` failed"]);
        run(script, &["deposit", "--name", "wifi"]).refused(1, &["`sh` failed"]);
    }
    assert_eq!(machine.names("."), ["code", "home"]);
    run("echo whole", &encrypt).done();
    machine.opens_to("out.age", b"whole\n");
    run("echo whole", &capi).done();
    machine.opens_to("out.capi", b"whole\n");
    // `--` may stand before the command.
    machine
        .run([
            "encrypt",
            "-o",
            "dashes.age",
            "--from-command",
            "--",
            "echo",
            "-n",
            "x",
        ])
        .done();
    machine.opens_to("dashes.age", b"x");
    run("printf secret", &["deposit", "--name", "wifi"]).done();
    run("echo '{\"name\":\"n\",\"secret\":\"s\"}'", &["deposit"]).done();
    let list = machine.run(["list", "--json"]).json();
    assert_eq!(list.iter().filter(|line| line["name"] == "wifi").count(), 1);
    assert_eq!(list.iter().filter(|line| line["name"] == "n").count(), 1);
    machine
        .run([
            "encrypt",
            "-o",
            "x.age",
            "--from-command",
            "no-such-program",
        ])
        .refused(1, &["cannot run `no-such-program`"]);
    // Our secrets are not the program's.
    let shown = "env | grep -c STRONGROOM_PASSPHRASE || true";
    let mut command = machine.command([
        "encrypt",
        "-q",
        "-o",
        "env.age",
        "--from-command",
        "sh",
        "-c",
        shown,
    ]);
    command
        .env("STRONGROOM_PASSPHRASE", "abc")
        .env("PATH", "/usr/bin:/bin");
    ran(&mut command, b"").done();
    machine.opens_to("env.age", b"0\n");
}

#[test]
fn a_list_of_nothing_is_an_error_and_an_empty_pipe_is_warned_of() {
    let machine = Machine::with_home();
    machine.write("file", "plain");
    machine.run(["encrypt", "file"]).done();
    machine.write("empty", "");
    machine.write("blank", "\n\n");
    for list in ["empty", "blank", "-"] {
        for args in [
            &["status", "--files-from", list][..],
            &["status", "--expect", list],
            &["encrypt", "--files-from", list],
            &["encrypt", "--files-from", list, "file"],
            &["protect", "--files-from", list],
            &["recover", "--files-from", list],
            &["rewrap", "--files-from", list],
            &["deposit", "--from", list],
        ] {
            machine.pipe(b"", args).refused(1, &["is empty", "hint"]);
        }
    }
    let made = machine
        .pipe(b"", ["encrypt", "-q", "-o", "empty.age", "-"])
        .done();
    assert!(
        made.stderr.contains("warning: nothing came"),
        "{}",
        made.stderr
    );
    // An empty file is one.
    machine.remove("empty.age");
    let made = machine.run(["encrypt", "-q", "empty"]).done();
    assert_eq!(made.stderr, "");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_said_to() {
    let machine = with_pipe();
    machine.write("log", vec![1; 8 << 20]);
    // The reader of the output holds the command in the middle of the file: less is on its way.
    for format in ["age", "capi"] {
        let mut child = machine
            .command(["encrypt", "--format", format, "-o", "-", "log"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let grow = || {
            let mut log = fs::File::options()
                .append(true)
                .open(machine.path("log"))
                .unwrap();
            log.write_all(b"more").unwrap();
        };
        let mut first = [0; 10];
        if format == "age" {
            output.read_exact(&mut first).unwrap();
            grow();
        }
        std::io::copy(&mut output, &mut std::io::sink()).unwrap();
        drop(output);
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        let changed = format == "age";
        assert_eq!(
            said.contains("changed while it was read"),
            changed,
            "{said}"
        );
        assert_eq!(done.status.code(), Some(i32::from(changed)), "{said}");
    }
}

#[test]
fn executable_bits_and_times_come_back() {
    let machine = Machine::with_home();
    machine.write("script", "#!/bin/sh\n");
    machine.write("letter", "dear");
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(981_173_106);
    for (name, mode) in [("script", 0o750), ("letter", 0o640)] {
        let path = machine.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(then)
            .unwrap();
        for format in ["age", "capi"] {
            machine.run(["encrypt", "--format", format, name]).done();
            let encrypted = format!("{name}.{format}");
            machine.run(["decrypt", "--force", &encrypted]).done();
            for name in [&encrypted, name] {
                let metadata = machine.path(name).metadata().unwrap();
                assert_eq!(metadata.mode() & 0o777, mode, "{name}");
                assert_eq!(metadata.modified().unwrap(), then, "{name}");
            }
            fs::remove_file(&path).unwrap();
            machine.run(["decrypt", &encrypted]).done();
            let metadata = path.metadata().unwrap();
            assert_eq!(metadata.mode() & 0o777, mode, "{name}");
            assert_eq!(metadata.modified().unwrap(), then, "{name}");
        }
    }
}

//! What people do on a good day, and what is there afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::machine::{Machine, ran};

#[test]
fn a_file_whose_key_was_lost_opens_again() {
    let machine = Machine::at_first_use();
    let plaintext = b"to be kept\n".repeat(20_000);
    machine.write("thesis.txt", &plaintext);
    let first = machine.run(["encrypt", "thesis.txt"]).done();
    for said in [
        "home:",
        "authority:",
        "sheet:",
        "age 1.3 and later",
        "not protected against losing the disk",
    ] {
        assert!(first.stderr.contains(said), "{said}: {}", first.stderr);
    }
    let sheet = machine.read_text(&machine.in_home("recovery-sheet.txt"));
    let code = sheet
        .lines()
        .find_map(|line| line.strip_prefix("Recovery code: "))
        .unwrap();
    assert!(!first.stderr.contains(code));
    machine.remove(&machine.in_home("identity.txt"));
    machine
        .run(["decrypt", "thesis.txt.age", "-o", "-"])
        .refused(
            1,
            &["identity.txt` is missing", "hint: ", "strongroom recover"],
        );

    machine
        .run_with(
            "STRONGROOM_RECOVERY_CODE",
            code,
            ["recover", "thesis.txt.age"],
        )
        .done();
    machine.remove("thesis.txt");
    machine.run(["decrypt", "thesis.txt.age"]).done();
    assert!(machine.read("thesis.txt") == plaintext);
    assert!(machine.is_protected("thesis.txt.age"));
    assert_eq!(
        machine.names("."),
        [".local", "thesis.txt", "thesis.txt.age"],
        "nothing else is left"
    );
}

#[test]
fn empty_files_and_long_ones_come_back() {
    let machine = Machine::with_home();
    for length in [0, 1, 65_536, 65_537, 3_000_000] {
        let plaintext = vec![7; length];
        machine.write("file", &plaintext);
        machine.run(["encrypt", "--force", "file"]).done();
        machine.opens_to("file.age", &plaintext);
        machine.run(["encrypt", "--force", "-a", "file"]).done();
        assert!(
            machine
                .read("file.age")
                .starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n")
        );
        machine.opens_to("file.age", &plaintext);
    }
}

#[test]
fn pipes_carry_what_files_do() {
    let machine = Machine::with_home();
    for plaintext in [Vec::new(), vec![9; 2_000_000]] {
        let sealed = machine.pipe(&plaintext, ["encrypt", "-"]).done().stdout;
        let opened = machine.pipe(&sealed, ["decrypt", "-"]).done().stdout;
        assert!(opened == plaintext);
    }
    machine.write("file", "x");
    let sealed = machine.run(["encrypt", "file", "-o", "-"]).done().stdout;
    machine.write("file.age", sealed);
    machine.opens_to("file.age", b"x");
    machine.pipe(b"y", ["encrypt", "-", "-o", "y.age"]).done();
    machine.opens_to("y.age", b"y");
    assert!(machine.is_protected("y.age"));
}

#[test]
fn two_commands_in_one_pipe_do_not_wait_for_each_other() {
    let machine = Machine::with_home();
    machine.write("file", vec![1; 1_000_000]);
    let mut inner = machine
        .command(["encrypt", "file", "-o", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = inner.stdout.take().unwrap();
    let outer = ran(
        machine
            .command(["encrypt", "-", "-o", "twice.age"])
            .stdin(pipe),
        b"",
    );
    outer.done();
    assert!(inner.wait().unwrap().success());
    let once = machine.run(["decrypt", "-o", "-", "twice.age"]).done();
    let opened = machine.pipe(&once.stdout, ["decrypt", "-"]).done();
    assert!(opened.stdout == vec![1; 1_000_000]);
}

#[test]
fn commands_at_the_same_time_all_succeed() {
    let machine = Machine::at_first_use();
    let at_once = |commands: [Vec<&str>; 3]| {
        let children = commands.map(|args| {
            let mut command = machine.command(args);
            command.stderr(Stdio::piped()).spawn().unwrap()
        });
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{said}");
        }
    };
    for name in ["a", "b", "c"] {
        machine.write(name, name);
    }
    // The first use, three times.
    at_once([
        vec!["encrypt", "a"],
        vec!["encrypt", "b"],
        vec!["encrypt", "c"],
    ]);
    // Three homes with one authority.
    let authority = machine.in_home("authority");
    for home in ["second", "third"] {
        machine
            .run(["--home", home, "init", "--authority", &authority])
            .done();
    }
    at_once([
        vec!["encrypt", "a", "b", "c", "--force"],
        vec!["--home", "second", "encrypt", "a", "-o", "a2.age"],
        vec!["--home", "third", "encrypt", "a", "-o", "a3.age"],
    ]);
    for name in ["a", "b", "c"] {
        machine.opens_to(&format!("{name}.age"), name.as_bytes());
        assert!(machine.is_protected(&format!("{name}.age")));
    }
    machine.run(["log", "verify"]).done();
}

#[test]
fn a_folder_is_one_command_and_one_statement() {
    let machine = Machine::with_home();
    for name in ["a", "b/c", "b/d.txt"] {
        machine.write(&format!("tree/{name}"), name);
    }
    machine.write("tree/old.age", "is called so, and is not encrypted");
    machine.write("tree/.strongroom-0123456789abcdef.tmp", "a leftover");
    std::os::unix::fs::symlink("../tree", machine.path("tree/b/loop")).unwrap();
    machine.run(["encrypt", "tree"]).done();
    assert_eq!(
        machine.names("tree"),
        ["a", "a.age", "b", "old.age", "old.age.age"]
    );
    for name in ["a", "b/c", "b/d.txt"] {
        machine.opens_to(&format!("tree/{name}.age"), name.as_bytes());
    }
    let log = machine.run(["log", "show"]).done();
    assert_eq!(log.text().matches("  deposit").count(), 1);
    // Named in a list, too; and a file that is there already does not stop the others.
    machine.write("more", "new");
    machine
        .pipe(b"tree/a\nmore\n", ["encrypt", "--files-from", "-"])
        .refused(1, &["tree/a.age` exists already", "hint: `--force`"]);
    machine.opens_to("more.age", b"new");

    fs::remove_file(machine.path("home/identity.txt")).unwrap();
    machine.recover(["tree"]).done();
    machine.opens_to("tree/b/c.age", b"b/c");
    machine
        .run(["status", "--same-disk-ok", "tree/a.age", "tree/b"])
        .done();
}

#[test]
fn others_can_open_what_is_encrypted_for_them() {
    let machine = Machine::with_classic_home();
    let made = machine
        .run(["keygen", "--key-type", "x25519", "-o", "theirs"])
        .done();
    let recipient = made.stderr.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(recipient.starts_with("age1"));
    machine.write("keys", format!("# theirs\n{recipient}\n"));
    machine.write("file", "for two");
    for option in [["-r", recipient.as_str()], ["-R", "keys"]] {
        machine
            .run(["encrypt", "--force", "file"].iter().chain(&option))
            .done();
        machine.opens_to("file.age", b"for two");
        // Without a home, and with age's own program.
        let ran = ran(
            machine
                .command(["decrypt", "-i", "theirs", "file.age", "-o", "-"])
                .env("STRONGROOM_HOME", "/nonexistent"),
            b"",
        );
        assert_eq!(ran.done().stdout, b"for two");
        let identity: age::x25519::Identity = machine
            .read_text("theirs")
            .lines()
            .last()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(
            age::decrypt(&identity, &machine.read("file.age")).unwrap(),
            b"for two"
        );
    }
    // A colleague's access is not taken by a recovery.
    machine.remove("home/identity.txt");
    machine.recover(["--key-type", "x25519", "file.age"]).done();
    machine.opens_to("file.age", b"for two");
    machine
        .run(["decrypt", "-i", "theirs", "file.age", "-o", "-"])
        .done();
}

#[test]
fn a_sealed_identity_opens_with_its_passphrase() {
    let machine = Machine::with_home();
    machine.write("file", "x");
    machine.run(["encrypt", "file"]).done();
    let identity = machine.read("home/identity.txt");
    let mut recipient = age::scrypt::Recipient::new("correct horse".to_owned().into());
    recipient.set_work_factor(10);
    machine.write(
        "home/identity.txt",
        age::encrypt(&recipient, &identity).unwrap(),
    );
    machine.run(["decrypt", "file.age", "-o", "-"]).refused(
        1,
        &["passphrase is needed", "hint: set STRONGROOM_PASSPHRASE"],
    );
    machine
        .run_with(
            "STRONGROOM_PASSPHRASE",
            "wrong",
            ["decrypt", "file.age", "-o", "-"],
        )
        .refused(1, &["the passphrase does not open", "hint: "]);
    for args in [
        vec!["decrypt", "file.age", "-o", "-"],
        vec!["encrypt", "--force", "file"],
        vec!["recover", "file.age"],
    ] {
        machine
            .run_with("STRONGROOM_PASSPHRASE", "correct horse", args)
            .done();
    }
}

#[test]
fn a_file_under_a_passphrase_needs_no_home() {
    let machine = Machine::new();
    let mut recipient = age::scrypt::Recipient::new("correct horse".to_owned().into());
    recipient.set_work_factor(10);
    machine.write("file.age", age::encrypt(&recipient, b"said").unwrap());
    let ran = machine
        .run_with(
            "STRONGROOM_PASSPHRASE",
            "correct horse",
            ["decrypt", "file.age"],
        )
        .done();
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    assert_eq!(machine.read("file"), b"said");
    machine
        .run_with(
            "STRONGROOM_PASSPHRASE",
            "wrong",
            ["decrypt", "file.age", "--force"],
        )
        .refused(1, &["file.age: the passphrase does not open this file"]);
    machine
        .run(["decrypt", "file.age", "--force"])
        .refused(1, &["passphrase is needed", "STRONGROOM_PASSPHRASE"]);
    assert_eq!(machine.names("."), ["file", "file.age"]);
}

#[test]
fn keygen_makes_what_age_reads() {
    let machine = Machine::new();
    let ran = machine.run(["keygen", "--key-type", "x25519"]).done();
    let secret = ran.text().lines().last().unwrap();
    let identity: age::x25519::Identity = secret.parse().unwrap();
    assert!(ran.stderr.contains(&identity.to_public().to_string()));

    let ran = machine
        .run_with(
            "STRONGROOM_PASSPHRASE",
            "correct horse",
            ["keygen", "--passphrase", "-o", "sealed"],
        )
        .done();
    assert!(ran.stderr.contains("age1pq1"));
    let opened = machine.run_with(
        "STRONGROOM_PASSPHRASE",
        "correct horse",
        ["decrypt", "sealed", "-o", "-"],
    );
    assert!(opened.done().text().contains("AGE-SECRET-KEY-PQ-1"));
    let mode = fs::metadata(machine.path("sealed")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    machine
        .run(["keygen", "-o", "sealed"])
        .refused(1, &["`sealed` exists already"]);
}

#[test]
fn init_writes_the_code_for_its_owner_alone() {
    let machine = Machine::new();
    machine
        .run([
            "init",
            "--code-file",
            "code",
            "--sheet",
            "sheet",
            "--authority",
            "disk/spare",
        ])
        .refused(1, &["there is no folder to put", "hint: "]);
    fs::create_dir(machine.path("disk")).unwrap();
    // The same again, as after a kill: what was begun is taken up.
    machine
        .run([
            "init",
            "--code-file",
            "code",
            "--sheet",
            "sheet",
            "--authority",
            "disk/spare",
        ])
        .done();
    for name in [
        "code",
        "sheet",
        "home/identity.txt",
        "home/device.key",
        "home/home.db",
    ] {
        let mode = fs::metadata(machine.path(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
    assert!(machine.exists("disk/spare/store.db"));
    assert!(machine.read_text("sheet").contains(&machine.code()));
    assert!(!machine.exists("home/authority"));
    machine
        .run(["init"])
        .refused(1, &["there is a finished home", "hint: "]);
    // Another home joins the same authority.
    let second = ["--home", "second", "init", "--authority", "disk/spare"];
    machine.run(second).done();
    machine.write("file", "x");
    machine.run(["--home", "second", "encrypt", "file"]).done();
    let ran = machine.run(["status", "file.age"]).refused(1, &[]);
    assert!(
        ran.text().contains("knows nothing of its spare key"),
        "{}",
        ran.text()
    );
}

#[test]
fn init_goes_on_from_wherever_it_was_stopped() {
    // The sheet was written, and nobody enrolled: its code counts.
    let machine = Machine::new();
    machine.write("code", "in the way");
    machine.run(["init", "--code-file", "code"]).refused(
        1,
        &["cannot write the recovery code", "`code` exists already"],
    );
    let sheet = machine.read_text("home/recovery-sheet.txt");
    machine.remove("code");
    machine.run(["init", "--code-file", "code"]).done();
    assert_eq!(machine.read_text("home/recovery-sheet.txt"), sheet);
    assert!(sheet.contains(&machine.code()));
    machine
        .run(["sheet", "test", "home/recovery-sheet.txt"])
        .done();
}

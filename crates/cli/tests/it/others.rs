//! Other people on the same machine: what they can read of what a command writes, keeps in memory, or was given; and how they
//! share an authority's folder.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::machine::{Machine, Ran, ran};

const ALICE: u32 = 12_345;
const BOB: u32 = 12_346;
const PROJECT: u32 = 23_456;

/// A folder that people of this machine's reach, with the command in it.
struct Office(TempDir);

impl Office {
    /// None where this user is nobody but themselves, which is said.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let everybody = Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), everybody).unwrap();
        let office = Self(folder);
        fs::copy(env!("CARGO_BIN_EXE_strongroom"), office.path("strongroom")).unwrap();
        for (name, user) in [("alice", ALICE), ("bob", BOB)] {
            fs::create_dir(office.path(name)).unwrap();
            if chown(office.path(name), Some(user), Some(user)).is_err() {
                eprintln!("SKIPPED: only root acts as two users");
                return None;
            }
        }
        let able = office.as_user(ALICE, ["--version"]).output();
        if able.is_ok_and(|able| able.status.success()) {
            return Some(office);
        }
        assert!(
            std::env::var_os("CI").is_none(),
            "`setpriv` is missing, or can't reach {:?}",
            office.0
        );
        eprintln!(
            "SKIPPED: this test needs `setpriv`, and a folder for temporary files that others can enter"
        );
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The command as a member of the project, in a folder of their own.
    fn as_user<A: AsRef<OsStr>>(&self, user: u32, args: impl IntoIterator<Item = A>) -> Command {
        let folder = self.path(if user == ALICE { "alice" } else { "bob" });
        let mut command = Command::new("setpriv");
        command
            .args([
                format!("--reuid={user}"),
                format!("--regid={user}"),
                format!("--groups={PROJECT}"),
            ])
            .arg(self.path("strongroom"))
            .args(args)
            .current_dir(&folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", &folder)
            .env("STRONGROOM_HOME", folder.join("home"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, user: u32, args: &[&str]) -> Ran {
        ran(&mut self.as_user(user, args), b"")
    }

    /// Owner, group and mode.
    fn is(&self, name: &str) -> (u32, u32, u32) {
        let metadata = self.path(name).metadata().unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o777)
    }
}

/// As docs/for-a-group.md says.
#[test]
fn two_users_share_an_authoritys_folder() {
    let Some(office) = Office::new() else {
        return;
    };
    let authority = office.path("alice/authority");
    let authority = authority.to_str().unwrap();
    let found = ["init", "--authority", authority];
    office.run(ALICE, &found).done();
    let share = format!(
        "chgrp -R {PROJECT} {authority} && chmod 2770 {authority} && chmod 660 {authority}/*"
    );
    let shared = Command::new("setpriv")
        .args([
            format!("--reuid={ALICE}"),
            format!("--regid={ALICE}"),
            format!("--groups={PROJECT}"),
        ])
        .args(["sh", "-c", &share])
        .status();
    assert!(shared.unwrap().success());
    // Bob's folder is nobody else's, and the authority's folder must be reached by him.
    fs::set_permissions(office.path("alice"), Permissions::from_mode(0o711)).unwrap();

    office.run(BOB, &found).done();
    for (user, folder) in [
        (ALICE, "alice"),
        (BOB, "bob"),
        (ALICE, "alice"),
        (BOB, "bob"),
    ] {
        fs::write(office.path(&format!("{folder}/file")), "text").unwrap();
        let ran = office.run(user, &["encrypt", "--force", "file"]).done();
        assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    }
    // What one of them puts in place of the keys, the other uses.
    office
        .run(BOB, &["authority", "rsa-key", "-o", "rsa.pem"])
        .done();
    assert_eq!(office.is("alice/authority/keys.txt"), (BOB, PROJECT, 0o660));
    for (user, folder) in [(ALICE, "alice"), (BOB, "bob")] {
        office.run(user, &["encrypt", "--force", "file"]).done();
        office
            .run(user, &["status", "--same-disk-ok", "file.age"])
            .done();
        fs::remove_file(office.path(&format!("{folder}/home/identity.txt"))).unwrap();
        let sheet =
            fs::read_to_string(office.path(&format!("{folder}/home/recovery-sheet.txt"))).unwrap();
        let code = sheet
            .lines()
            .find_map(|line| line.strip_prefix("Recovery code: "))
            .unwrap();
        let mut recover = office.as_user(user, ["recover", "file.age"]);
        ran(recover.env("STRONGROOM_RECOVERY_CODE", code), b"").done();
        office.run(user, &["decrypt", "-o", "-", "file.age"]).done();
    }
    // Nobody else gets in.
    for name in ["keys.txt", "store.db"] {
        let (_, group, mode) = office.is(&format!("alice/authority/{name}"));
        assert_eq!((group, mode), (PROJECT, 0o660), "{name}");
    }
}

#[test]
fn what_is_decrypted_is_read_by_nobody_who_could_not_read_the_file() {
    let Some(office) = Office::new() else {
        return;
    };
    office.run(ALICE, &["init"]).done();
    fs::write(office.path("alice/plan.txt"), "plan").unwrap();
    chown(office.path("alice/plan.txt"), Some(ALICE), Some(ALICE)).unwrap();
    office.run(ALICE, &["encrypt", "plan.txt"]).done();
    // Of the project, and not of whoever shares Alice's own group.
    let file = office.path("alice/plan.txt.age");
    chown(&file, Some(ALICE), Some(PROJECT)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    office
        .run(
            ALICE,
            &["decrypt", "--force", "-o", "member", "plan.txt.age"],
        )
        .done();
    assert_eq!(office.is("alice/member"), (ALICE, PROJECT, 0o640));
    // A group that she can't give.
    chown(&file, Some(ALICE), Some(PROJECT + 1)).unwrap();
    for args in [
        &["decrypt", "-o", "out", "plan.txt.age"][..],
        &["rewrap", "-o", "out", "plan.txt.age"],
    ] {
        office.run(ALICE, args).done();
        assert_eq!(office.is("alice/out"), (ALICE, ALICE, 0o600), "{args:?}");
        fs::remove_file(office.path("alice/out")).unwrap();
    }
    // From standard input as well, which is that file.
    let mut piped = office.as_user(ALICE, ["decrypt", "-o", "out", "-"]);
    piped.stdin(fs::File::open(&file).unwrap());
    assert!(piped.status().unwrap().success());
    assert_eq!(office.is("alice/out"), (ALICE, ALICE, 0o600));
}

/// Its check, and any other program of the same user's, reads what a process was started with: unless it is told not to.
#[test]
fn nobody_reads_the_variables_or_makes_a_core_of_a_command() {
    let Some(office) = Office::new() else {
        return;
    };
    office.run(ALICE, &["init"]).done();
    let spy =
        "cat > /dev/null; ulimit -c > core; if cat /proc/$PPID/environ > seen; then exit 3; fi";
    let mut deposit = office.as_user(ALICE, ["deposit", "--name", "wifi", "--check", spy]);
    deposit
        .env("STRONGROOM_RECOVERY_CODE", "a secret")
        .stdin(Stdio::piped());
    ran(&mut deposit, b"secret").done();
    assert_eq!(fs::read(office.path("alice/seen")).unwrap(), b"");
    assert_eq!(
        fs::read_to_string(office.path("alice/core")).unwrap(),
        "0\n"
    );
    // All that needs `/proc/self` works.
    fs::write(office.path("alice/file"), "text").unwrap();
    office.run(ALICE, &["encrypt", "file"]).done();
    office
        .run(ALICE, &["status", "--same-disk-ok", "file.age"])
        .done();

    // While it waits for its input, nobody follows it either.
    let mut waits = office.as_user(ALICE, ["encrypt", "-o", "out", "-"]);
    let mut waits = waits.stdin(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let environ = fs::metadata(format!("/proc/{}/environ", waits.id())).unwrap();
    assert_eq!(environ.uid(), 0, "it is root's");
    drop(waits.stdin.take());
    assert!(waits.wait().unwrap().success());
}

#[test]
fn a_secret_that_others_can_read_is_named_once() {
    let machine = Machine::with_home();
    machine.write("file", "text");
    machine.run(["encrypt", "file"]).done();
    let status = ["status", "--same-disk-ok", "file.age"];
    let warned = |args: &[&str]| {
        let ran = machine.run(args.iter());
        ran.stderr
            .lines()
            .filter(|line| line.starts_with("warning: "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(warned(&status), none);
    for name in [
        "identity.txt",
        "device.key",
        "home.db",
        "recovery-sheet.txt",
        "authority/keys.txt",
    ] {
        let path = machine.path("home").join(name);
        for mode in [0o644, 0o640, 0o604, 0o660] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let said = warned(&status);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(
                said[0].contains(name) && said[0].contains(&format!("(mode {mode:04o})")),
                "{said:?}"
            );
            assert_eq!(warned(&["-q", "encrypt", "--force", "file"]).len(), 1);
            assert_eq!(warned(&["decrypt", "--force", "file.age"]).len(), 1);
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(machine.path("home"), Permissions::from_mode(0o777)).unwrap();
    let said = warned(&status);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("/home`") && said[0].contains("(mode 0777)"),
        "{said:?}"
    );
    fs::set_permissions(machine.path("home"), Permissions::from_mode(0o700)).unwrap();
    // What is named.
    machine.write("key", machine.read("home/identity.txt"));
    machine.write("sheet", machine.read("home/recovery-sheet.txt"));
    machine
        .run(["keygen", "--officer", "--name", "ada", "-o", "officer.key"])
        .done();
    fs::set_permissions(machine.path("officer.key"), Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(machine.path("code"), Permissions::from_mode(0o644)).unwrap();
    for (args, name) in [
        (
            &["decrypt", "-i", "key", "-o", "-", "file.age"][..],
            "`key`",
        ),
        (&["encrypt", "-i", "key", "-o", "out.age", "file"], "`key`"),
        (&["protect", "-i", "key", "file.age"], "`key`"),
        (&["sheet", "test", "sheet"], "`sheet`"),
        (&["sheet", "test", "--code-file", "code"], "`code`"),
        (&["recover", "--all", "--code-file", "code"], "`code`"),
        (
            &["officer", "list", "--key", "officer.key"],
            "`officer.key`",
        ),
    ] {
        let said = warned(args);
        assert_eq!(said.len(), 1, "{args:?}: {said:?}");
        assert!(said[0].contains(name), "{said:?}");
    }
}

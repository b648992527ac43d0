//! The authority's folder in its keeper's hands: backed up, restored, accepted, filled again, checked, sealed.

use std::fs;

use crate::machine::{Machine, Ran, ran};

/// A machine with a file from before a backup and one from after, whose authority was restored from it.
fn restored() -> Machine {
    let machine = Machine::with_home();
    machine.write("old", "before");
    machine.write("new", "after");
    machine.run(["encrypt", "old"]).done();
    machine.run(["authority", "backup", "backup"]).done();
    machine.run(["encrypt", "new"]).done();
    machine.run(["encrypt", "--force", "new"]).done();
    fs::remove_dir_all(machine.path("home/authority")).unwrap();
    restore(&machine).done();
    machine
}

fn restore(machine: &Machine) -> Ran {
    machine.run([
        "authority",
        "restore",
        "backup",
        "--authority",
        "home/authority",
    ])
}

#[test]
fn a_backup_says_what_it_is_and_overwrites_nothing() {
    let machine = Machine::with_home();
    let ran = machine.run(["authority", "backup", "backup"]).done();
    assert!(ran.stderr.contains("whoever reads it can open every file"));
    assert_eq!(machine.names("backup"), ["keys.txt", "store.db"]);
    machine
        .run(["authority", "backup", "backup"])
        .refused(1, &["`backup` is there already", "hint: name a folder"]);
    let ran = machine
        .run(["authority", "backup", "bare", "--without-keys"])
        .done();
    assert!(ran.stderr.contains("or this opens nothing"));
    assert_eq!(machine.names("bare"), ["store.db"]);
    machine
        .run(["authority", "restore", "bare", "--authority", "elsewhere"])
        .refused(1, &["there are no keys in `bare`", "`--keys`"]);
    machine
        .run([
            "authority",
            "restore",
            "bare",
            "--authority",
            "elsewhere",
            "--keys",
            "backup/keys.txt",
        ])
        .done();
    assert_eq!(machine.names("elsewhere"), ["keys.txt", "store.db"]);
    restore(&machine).refused(1, &["is there already and is not empty"]);
    machine
        .run(["authority", "restore", "none", "--authority", "other"])
        .refused(1, &["no backup of an authority in `none`"]);
}

#[test]
fn nothing_goes_on_before_a_restored_log_is_accepted() {
    let machine = restored();
    for command in [
        &["encrypt", "--force", "old"][..],
        &["sync"],
        &["log", "verify"],
        &["list"],
    ] {
        machine.run(command).refused(
            1,
            &["the authority's log has shrunk", "log accept-restored"],
        );
    }
    assert!(!machine.is_protected("old.age"));
    machine.run(["log", "accept-restored"]).refused(
        1,
        &[
            "this home saw 5 entries",
            "the authority has 4 entries",
            "was not accepted",
            "`--yes`",
        ],
    );
    assert!(!machine.is_protected("old.age"));
    machine.run(["log", "accept-restored", "--yes"]).done();
    assert!(machine.is_protected("old.age"));
    let again = machine.run(["log", "accept-restored"]).done();
    assert!(again.stderr.contains("nothing to accept"));
}

#[test]
fn sync_sends_what_a_restored_authority_lacks_and_then_nothing() {
    let machine = restored();
    machine.run(["log", "accept-restored", "--yes"]).done();
    let status = machine.status("new.age");
    assert_eq!(status["protected"], false);
    assert_eq!(status["reason"], "the authority has lost its spare key");
    machine
        .run(["status", "new.age"])
        .refused(1, &["hint: `strongroom sync`"]);
    let ran = machine.run(["sync"]).done();
    assert!(ran.stderr.contains("1 deposit statement there, 2 sent"));
    assert!(machine.is_protected("new.age"));
    let again = &machine.run(["sync", "--json"]).done().json()[0];
    assert_eq!((&again["present"], &again["sent"]), (&3.into(), &0.into()));
    assert_eq!(again["unsent"].as_array().unwrap().len(), 0);
    machine.run(["log", "verify"]).done();
    machine.remove("home/identity.txt");
    machine.recover(["old.age", "new.age"]).done();
    machine.opens_to("old.age", b"before");
    machine.opens_to("new.age", b"after");
}

#[test]
fn an_authority_restored_elsewhere_is_found_there() {
    let machine = restored();
    fs::rename(machine.path("home/authority"), machine.path("moved")).unwrap();
    machine
        .run(["log", "accept-restored", "--yes"])
        .refused(75, &["there is no authority in"]);
    machine
        .run(["log", "accept-restored", "--yes", "--authority", "moved"])
        .done();
    machine.run(["sync"]).done();
    assert!(machine.is_protected("new.age"));
    // One that only moved has nothing to be accepted.
    fs::rename(machine.path("moved"), machine.path("again")).unwrap();
    machine
        .run(["log", "accept-restored", "--authority", "again"])
        .done();
    assert!(machine.is_protected("new.age"));
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let machine = Machine::with_home();
    machine.run(["authority", "backup", "backup"]).done();
    machine.change("backup/store.db", |bytes| {
        let middle = bytes.len() - 100;
        for byte in &mut bytes[middle..] {
            *byte ^= 0x55;
        }
    });
    machine.change("backup/store.db", |bytes| bytes.truncate(8192));
    let ran = machine.run(["authority", "restore", "backup", "--authority", "other"]);
    ran.refused(1, &["the backup can't be used"]);
    assert!(!machine.exists("other"));
    assert!(!machine.exists(".other.restoring"));
}

#[test]
fn a_sealed_home_encrypts_without_a_secret_and_is_verified_by_a_check() {
    let machine = Machine::new();
    let init = ["init", "--passphrase", "--code-file", "code"];
    machine
        .run(init)
        .refused(1, &["the passphrase is needed", "STRONGROOM_PASSPHRASE"]);
    let made = machine
        .run_with("STRONGROOM_PASSPHRASE", "correct horse", init)
        .done();
    assert!(made.stderr.contains("while the sheet lies in these"));
    assert!(!machine.read_text("home/identity.txt").contains("SECRET"));
    let keys = machine.read_text("home/authority/keys.txt");
    assert!(keys.contains("\nsealed-wrap-key ") && !keys.contains("\nwrap-key "));

    machine.write("a", "text");
    machine.run(["encrypt", "a"]).done();
    let status = machine.status("a.age");
    assert_eq!(
        (&status["state"], &status["protected"]),
        (&"deposited".into(), &false.into())
    );
    machine
        .run(["status", "a.age"])
        .refused(1, &["hint: `strongroom authority check --all`"]);
    machine
        .run(["authority", "check", "--all"])
        .refused(1, &["the recovery code is needed"]);
    let check = [
        "authority",
        "check",
        "--all",
        "--code-file",
        "code",
        "--json",
    ];
    let line = &machine.run(check).done().json()[0];
    assert_eq!((&line["opened"], &line["verified"]), (&1.into(), &1.into()));
    assert!(machine.is_protected("a.age"));

    machine
        .run(["decrypt", "-o", "-", "a.age"])
        .refused(1, &["the passphrase is needed"]);
    let opened = machine
        .run_with(
            "STRONGROOM_PASSPHRASE",
            "correct horse",
            ["decrypt", "-o", "-", "a.age"],
        )
        .done();
    assert_eq!(opened.text(), "text");
    // The passphrase is forgotten: the code still recovers, for a key under another passphrase.
    machine.remove("home/identity.txt");
    let mut recover = machine.command(["recover", "--passphrase", "a.age"]);
    recover
        .env("STRONGROOM_RECOVERY_CODE", machine.code())
        .env("STRONGROOM_PASSPHRASE", "battery staple");
    ran(&mut recover, b"").done();
    assert!(!machine.read_text("home/identity.txt").contains("SECRET"));
    let opened = machine
        .run_with(
            "STRONGROOM_PASSPHRASE",
            "battery staple",
            ["decrypt", "-o", "-", "a.age"],
        )
        .done();
    assert_eq!(opened.text(), "text");
}

#[test]
fn a_check_tells_programs_what_it_opened_and_the_log_records_it() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    machine.write("b", "b");
    machine.run(["encrypt", "a", "b"]).done();
    let ran = machine.run(["authority", "check", "--sample", "1"]).done();
    assert!(
        ran.text()
            .contains("1 of 2 deposits opened, 0 did not match")
    );
    let folder = "home/authority";
    let check = [
        "authority",
        "check",
        "--all",
        "--json",
        "--authority",
        folder,
    ];
    let line = &machine.run(check).done().json()[0];
    assert_eq!((&line["kept"], &line["opened"]), (&2.into(), &2.into()));
    let log = machine.run(["log", "show"]).done();
    assert_eq!(
        log.text()
            .matches("  checked: the authority opened")
            .count(),
        2
    );
}

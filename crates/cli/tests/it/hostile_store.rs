//! The program on an authority's store that somebody edited: what is lost is told by who asks, mended by who has it, and
//! nothing panics. The same at length, and at random, is in the client's tests.

use std::process::Command;

use crate::machine::{Machine, Ran};

/// Does something to a store, as whoever can write it does.
fn edit(machine: &Machine, store: &str, sql: &str) {
    let script = "import sqlite3, sys\n\
                  c = sqlite3.connect(sys.argv[1])\n\
                  c.executescript(sys.argv[2])\n\
                  c.commit()\n";
    let path = machine.path(store);
    let ran = Command::new("python3")
        .args(["-c", script])
        .args([path.as_os_str(), sql.as_ref()])
        .status();
    assert!(ran.expect("this needs python3").success(), "{sql}");
}

/// Two files of an owner's, in an authority of its own.
fn with_files() -> Machine {
    let machine = Machine::with_home();
    for name in ["a", "b"] {
        machine.write(name, name.repeat(9));
        machine.run(["encrypt", name]).done();
        assert!(machine.is_protected(&format!("{name}.age")));
    }
    machine
}

fn status(machine: &Machine) -> Ran {
    machine.run(["status", "--same-disk-ok", "a.age", "b.age"])
}

const STORE: &str = "home/authority/store.db";

#[test]
fn a_deposit_whose_bytes_are_gone_is_not_protected_until_it_is_given_back() {
    for gone in [
        "UPDATE entry SET statement = zeroblob(length(statement)) WHERE idx = 2",
        "UPDATE entry SET attestation = x'00', statement = x'00' WHERE idx = 2",
        "UPDATE entry SET id = zeroblob(32) WHERE idx = 2",
        "DELETE FROM map WHERE key >= x'20' AND key < x'22' AND hex(key || value) LIKE '%0000000000000002%'",
        "DELETE FROM map WHERE key > x'51' AND hex(key) LIKE '%0000000000000002'",
    ] {
        let machine = with_files();
        edit(&machine, STORE, gone);
        let told = status(&machine).refused(1, &["hint: `strongroom sync`"]);
        let said = "the authority can't read its spare key any more";
        let (first, second) = told.text().split_once('\n').unwrap();
        assert!(first.contains(said), "{gone}: {first}");
        assert!(second.contains("protected"), "{gone}: {second}");
        let synced = machine.run(["sync"]).done();
        assert!(
            synced.stderr.contains("has them again"),
            "{gone}: {}",
            synced.stderr
        );
        let told = status(&machine).done();
        assert!(told.text().contains("2 protected, 0 not"));
        machine.remove("home/identity.txt");
        machine.recover(["a.age", "b.age"]).done();
        machine.opens_to("a.age", "a".repeat(9).as_bytes());
    }
}

#[test]
fn a_check_that_failed_is_told_to_everybody_until_one_finds_nothing() {
    let machine = Machine::new();
    for home in ["one", "two"] {
        machine
            .run(["--home", home, "init", "--authority", "shared"])
            .done();
        let file = format!("of-{home}");
        machine.write(&file, home);
        machine.run(["--home", home, "encrypt", &file]).done();
    }
    let status = |home: &str| {
        let file = format!("of-{home}.age");
        machine.run(["--home", home, "status", "--same-disk-ok", &file])
    };
    let check = || machine.run(["authority", "check", "--all", "--authority", "shared"]);
    check().done();
    // The second owner's deposit, and rows of who knows what.
    edit(
        &machine,
        "shared/store.db",
        "DELETE FROM map WHERE key >= x'21' AND key < x'22' AND hex(key) LIKE '%00000000000000040000';
         UPDATE entry SET statement = x'00' WHERE idx = 4",
    );
    let found = check().refused(1, &["hint: ", "strongroom sync"]);
    assert!(
        found.text().contains("entry 4  can't be read"),
        "{}",
        found.text()
    );
    let told = status("one").done();
    assert!(told.text().contains("1 protected, 0 not"));
    let warning = "warning: the authority's own checks find damage since ";
    assert!(told.stderr.contains(warning), "{}", told.stderr);
    assert!(told.stderr.contains("1 entry of its log could not be read"));
    let told = status("two").refused(1, &[warning]);
    assert!(told.text().contains("can't read its spare key"));

    // Given back, and its row with it; what else is wrong is for the operator.
    machine.run(["--home", "two", "sync"]).done();
    edit(
        &machine,
        "shared/store.db",
        "DELETE FROM map WHERE key >= x'11' AND key < x'12'",
    );
    let found = check().refused(1, &["hint: `strongroom authority check --repair`"]);
    let said = "enrolments in order: 2 rows are not what the entries say";
    assert!(found.text().contains(said), "{}", found.text());
    let told = status("one").done();
    assert!(
        told.stderr.contains("2 rows of its indexes are wrong"),
        "{}",
        told.stderr
    );
    let repair = ["authority", "check", "--repair", "--authority", "shared"];
    let repaired = machine.run(repair).done();
    let said = "enrolments in order: 2 rows made what the entries say";
    assert!(repaired.text().contains(said), "{}", repaired.text());
    let again = machine.run(repair).done();
    assert!(again.text().contains("nothing to repair"));
    // A repair is no check.
    assert!(status("one").done().stderr.contains(warning));
    check().done();
    for home in ["one", "two"] {
        let told = status(home).done();
        assert!(!told.stderr.contains(warning), "{}", told.stderr);
    }
}

#[test]
fn no_command_panics_whatever_was_done_to_the_store() {
    let commands: &[&[&str]] = &[
        &["list"],
        &["status", "--same-disk-ok", "a.age", "b.age"],
        &["log", "show"],
        &["log", "verify"],
        &["encrypt", "--force", "c"],
        &["authority", "check", "--all"],
        &["authority", "check", "--repair"],
        &["sync"],
    ];
    for sql in [
        "DELETE FROM entry WHERE idx = 1",
        "DELETE FROM entry",
        "UPDATE entry SET idx = idx + 10",
        "UPDATE entry SET kind = 4, time = 0",
        "UPDATE OR REPLACE entry SET id = zeroblob(32)",
        "DELETE FROM head",
        "UPDATE head SET size = size - 1",
        "UPDATE head SET checkpoint = ''",
        "DELETE FROM map",
        "UPDATE map SET value = x''",
        "UPDATE map SET value = zeroblob(200)",
        "INSERT INTO map (key, value) SELECT CAST(key || x'00' AS BLOB), value FROM map",
        "UPDATE counter SET count = -1",
        "CREATE VIEW v AS SELECT * FROM entry",
        "DROP TABLE counter",
    ] {
        let machine = with_files();
        machine.write("c", "c");
        edit(&machine, STORE, sql);
        for command in commands {
            let ran = machine.run(*command);
            let panicked = ran.stderr.contains("panicked");
            assert!(!panicked, "{sql}, {command:?}: {}", ran.stderr);
            let says = ["error: ", "warning: ", "hint: "];
            let is_told = says.iter().any(|says| ran.stderr.contains(says));
            assert!(
                ran.status == Some(0) || is_told,
                "{sql}, {command:?}: {}",
                ran.stderr
            );
        }
    }
}

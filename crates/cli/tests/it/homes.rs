//! One owner and several homes, or one and an authority that was put back: what each of them knows, by the log alone.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::machine::{Machine, Ran, ran};

/// A machine with a home and an authority beside it, in `shared`, that others may join.
fn machine() -> Machine {
    let machine = Machine::new();
    machine
        .run(["init", "--authority", "shared", "--code-file", "code"])
        .done();
    machine
}

/// The command, with another home than the machine's own, and with this on its standard input.
fn of(machine: &Machine, home: &str, input: &[u8], args: &[&str]) -> Ran {
    let mut command = machine.command(["--home", home].iter().chain(args));
    ran(command.stdin(Stdio::piped()), input)
}

fn deposit(machine: &Machine, home: &str, name: &str, secret: &str, options: &[&str]) {
    let args = [&["deposit", "-q", "--name", name], options].concat();
    of(machine, home, secret.as_bytes(), &args).done();
}

/// Deposits a list, and returns how many of it were deposited, with what was said.
fn deposit_list(machine: &Machine, home: &str, list: &str, options: &[&str]) -> (usize, String) {
    let args = [&["deposit", "--from", "-", "--json"], options].concat();
    let ran = of(machine, home, list.as_bytes(), &args).done();
    (ran.json().len(), ran.stderr)
}

fn listed(machine: &Machine, home: &str) -> Vec<Value> {
    of(machine, home, b"", &["list", "--json"]).done().json()
}

/// Rebuilds a home from the sheet of the machine's own, with all keys.
fn rebuild(machine: &Machine, home: &str) {
    let recover = ["recover", "--sheet", "sheet", "--all"];
    of(machine, home, b"", &recover).done();
}

/// A machine whose sheet is at hand.
fn machine_with_sheet() -> Machine {
    let machine = Machine::new();
    let init = ["init", "--authority", "shared", "--sheet", "sheet"];
    machine.run(init).done();
    machine
}

/// What the line of docs/secrets.md that prints a secret by its name prints.
fn by_name(machine: &Machine, name: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/secrets.md");
    let page = fs::read_to_string(page).unwrap();
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix("$ strongroom recover --name wifi"));
    let line = format!("strongroom recover --name wifi{}", line.unwrap());
    let mut shell = Command::new("sh");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_strongroom"));
    let path = std::env::var("PATH").unwrap();
    shell
        .args(["-c", &line.replace("wifi", name)])
        .current_dir(machine.path(""))
        .env_clear()
        .env(
            "PATH",
            format!("{}:{path}", program.parent().unwrap().display()),
        )
        .env("HOME", machine.path(""))
        .env("STRONGROOM_HOME", machine.path("home"));
    ran(&mut shell, b"").done().text().to_owned()
}

#[test]
fn an_older_secret_that_is_sent_again_is_not_the_newest() {
    let machine = machine();
    let run = |args: &[&str]| machine.run(args).done();
    deposit(&machine, "home", "disk", "one", &[]);
    run(&["authority", "backup", "backup", "--authority", "shared"]);
    for secret in ["two", "three"] {
        deposit(&machine, "home", "disk", secret, &[]);
    }
    let made: Vec<Value> = listed(&machine, "home");
    fs::rename(machine.path("shared"), machine.path("lost")).unwrap();
    run(&["authority", "restore", "backup", "--authority", "shared"]);
    run(&["log", "accept-restored", "--yes"]);
    // Before anything is sent, what this home keeps is what counts, and it is said that the authority has lost it.
    assert_eq!(by_name(&machine, "disk"), "three");
    let text = run(&["list"]);
    assert_eq!(
        text.text()
            .matches("lost by the authority: `strongroom sync`")
            .count(),
        2
    );
    // The night comes between.
    let check = ["--check", "grep -qx four"];
    deposit(&machine, "home", "disk", "four", &check);
    assert_eq!(by_name(&machine, "disk"), "four");
    let synced = run(&["sync"]);
    assert!(
        synced.stderr.contains("2 deposit statements there, 2 sent"),
        "{}",
        synced.stderr
    );

    assert_eq!(by_name(&machine, "disk"), "four");
    let now = listed(&machine, "home");
    let said = |field: &str| now.iter().map(|one| one[field].clone()).collect::<Vec<_>>();
    assert_eq!(said("superseded"), [true, true, true, false]);
    assert_eq!(said("lost"), [false; 4]);
    // Each with the time when it was made, and two of them with the time when they were sent again.
    for (before, after) in made.iter().zip(&now) {
        assert_eq!(before["serial"], after["serial"]);
        assert_eq!(before["time"], after["time"]);
    }
    let again: Vec<bool> = now
        .iter()
        .map(|one| one["sent_again"].is_string())
        .collect();
    assert_eq!(again, [false, true, true, false]);
    let text = run(&["list"]);
    assert_eq!(text.text().matches("  sent again ").count(), 2);
    let status = run(&["status", "--check", "--same-disk-ok", "--json"]).json();
    assert_eq!(status.len(), 1);
    assert_eq!(status[0]["serial"], now[3]["serial"]);
    assert_eq!(status[0]["opens"], true);
    // A home that is made from the sheet alone says the same.
    let recovered = ["recover", "--all", "--code-file", "code"];
    machine.remove("home/identity.txt");
    run(&recovered);
    assert_eq!(by_name(&machine, "disk"), "four");
}

#[test]
fn two_machines_with_one_list_deposit_each_secret_once() {
    let machine = machine_with_sheet();
    let list = concat!(
        r#"{"name":"disk/a","secret":"one","check":"grep -qx one"}"#,
        "\n",
        r#"{"name":"disk/b","secret":"two","labels":{"site":"A"}}"#,
        "\n",
    );
    assert_eq!(deposit_list(&machine, "home", list, &[]).0, 2);
    rebuild(&machine, "second");
    // What was released is known, and is the same.
    for _night in 0..2 {
        for home in ["second", "home"] {
            let (deposited, said) = deposit_list(&machine, home, list, &[]);
            assert_eq!(deposited, 0, "{said}");
            assert!(said.contains("0 secrets deposited, 2 unchanged"), "{said}");
        }
    }

    // The second machine deposits what the first can't open.
    let more = format!("{list}{}\n", r#"{"name":"disk/c","secret":"three"}"#);
    let (deposited, said) = deposit_list(&machine, "second", &more, &[]);
    assert_eq!(deposited, 1, "{said}");
    let older = more.replace("three", "last week's");
    let foreign = "disk/c  another machine of yours deposited the newest";
    for (night, said_in_full) in [(0, 1), (1, 0), (2, 0)] {
        let (deposited, said) = deposit_list(&machine, "home", &older, &[]);
        assert_eq!(deposited, 0, "night {night}: {said}");
        assert_eq!(said.matches(foreign).count(), said_in_full, "{said}");
        let counted = "0 secrets deposited, 2 unchanged, 1 not compared and not deposited";
        assert!(said.contains(counted), "{said}");
    }
    assert_eq!(listed(&machine, "home").len(), 3);

    // Said, it is done; and then it is the second machine that is told, of the new one.
    let (deposited, said) = deposit_list(&machine, "home", &older, &["--force"]);
    assert_eq!(deposited, 1, "{said}");
    let (deposited, said) = deposit_list(&machine, "second", &more, &[]);
    assert_eq!(deposited, 0);
    assert_eq!(said.matches(foreign).count(), 1, "{said}");
    let of_c: Vec<Value> = listed(&machine, "second").split_off(2);
    let superseded: Vec<&Value> = of_c.iter().map(|one| &one["superseded"]).collect();
    assert_eq!(superseded, [true, false]);
    assert_eq!(listed(&machine, "home"), listed(&machine, "second"));
}

#[test]
fn a_sealed_key_without_its_passphrase_compares_nothing_and_deposits_nothing() {
    let machine = Machine::new();
    let with = |args: &[&str], input: &[u8]| {
        let mut command = machine.command(args);
        command.env("STRONGROOM_PASSPHRASE", "correct horse");
        ran(command.stdin(Stdio::piped()), input)
    };
    with(&["init", "--passphrase", "--code-file", "code"], b"").done();
    let list = br#"{"name":"disk","secret":"one"}"#;
    let from = ["deposit", "--from", "-"];
    machine.pipe(list, from).done();
    machine.pipe(list, from).refused(
        1,
        &[
            "1 not compared and not deposited",
            "your key is sealed",
            "hint: set STRONGROOM_PASSPHRASE",
        ],
    );
    assert_eq!(listed(&machine, "home").len(), 1);
    let ran = with(&from, list).done();
    assert!(ran.stderr.contains("1 unchanged"), "{}", ran.stderr);
    machine
        .pipe(list, ["deposit", "--from", "-", "--force"])
        .done();
    assert_eq!(listed(&machine, "home").len(), 2);
}

#[test]
fn a_copied_home_and_the_one_it_was_copied_from_are_used_in_turn() {
    let machine = machine();
    deposit(&machine, "home", "disk", "zero", &[]);
    let copy = ran(
        Command::new("cp")
            .args(["-a", "home", "copy"])
            .current_dir(machine.path("")),
        b"",
    );
    copy.done();
    for (round, home) in ["home", "copy", "home", "copy"].into_iter().enumerate() {
        deposit(&machine, home, "disk", &format!("number {round}"), &[]);
        let file = format!("file{round}");
        machine.write(&file, &file);
        of(&machine, home, b"", &["encrypt", &file]).done();
    }
    for home in ["home", "copy"] {
        let lines = listed(&machine, home);
        assert_eq!(lines.len(), 9);
        // The chain is one: each superseded what the other had deposited.
        let newest: Vec<&Value> = lines
            .iter()
            .filter(|line| line["secret"] == true && line["superseded"] == false)
            .collect();
        assert_eq!(newest.len(), 1, "{lines:?}");
        let serial = newest[0]["serial"].as_str().unwrap();
        let back = of(
            &machine,
            home,
            b"",
            &["recover", "--serial", serial, "-o", "-"],
        );
        assert_eq!(back.done().text(), "number 3");
        let synced = of(&machine, home, b"", &["sync", "--json"]).done().json();
        assert_eq!(synced[0]["sent"], 0);
        of(&machine, home, b"", &["log", "verify"]).done();
        for round in 0..4 {
            let file = format!("file{round}");
            let args = ["decrypt", "-o", "-", &format!("{file}.age")];
            assert_eq!(of(&machine, home, b"", &args).done().text(), file);
        }
    }
    assert_eq!(listed(&machine, "home"), listed(&machine, "copy"));
    // Neither says of the other's files more than it saw itself: that the spare is there.
    let status = ["status", "--same-disk-ok", "--json", "file0.age"];
    let of_own = of(&machine, "home", b"", &status).done().json();
    assert_eq!(of_own[0]["state"], "matched");
    let of_others = of(&machine, "copy", b"", &status).refused(1, &[]).json();
    assert_eq!(of_others[0]["state"], "verified");
}

#[test]
fn a_home_that_is_rebuilt_knows_everything_after_one_command() {
    let machine = machine_with_sheet();
    machine.write("file", "text");
    machine.run(["encrypt", "--label", "site=A", "file"]).done();
    let described = ["--description", "the root disk"];
    deposit(&machine, "home", "disk", "one", &described);
    deposit(&machine, "home", "disk", "two", &described);
    let before = listed(&machine, "home");
    fs::rename(machine.path("home"), machine.path("burnt")).unwrap();
    rebuild(&machine, "home");
    assert_eq!(listed(&machine, "home"), before);
    assert_eq!(by_name(&machine, "disk"), "two");
    let log = machine.run(["log", "show"]).done();
    for told in [
        "you were enrolled",
        // With the device that went with the old home.
        "another machine of yours, ",
        " deposited 1 key",
        "came back to you",
    ] {
        assert!(log.text().contains(told), "{told} in {}", log.text());
    }
    machine.run(["rewrap", "file.age"]).done();
    machine.opens_to("file.age", b"text");
    assert!(machine.is_protected("file.age"));
    // And it goes on from there.
    deposit(&machine, "home", "disk", "three", &[]);
    let superseded: Vec<bool> = listed(&machine, "home")
        .iter()
        .filter(|line| line["name"] == "disk")
        .map(|line| line["superseded"] == true)
        .collect();
    assert_eq!(superseded, [true, true, false]);
}

#[test]
fn machines_that_deposited_side_by_side_leave_two_until_the_next() {
    let machine = machine();
    deposit(&machine, "home", "disk", "one", &[]);
    let backup = ["authority", "backup", "backup", "--authority", "shared"];
    machine.run(backup).done();
    let copy = |from: &str, to: &str| {
        let mut command = Command::new("cp");
        command.args(["-a", from, to]).current_dir(machine.path(""));
        ran(&mut command, b"").done();
    };
    copy("home", "second");
    deposit(&machine, "home", "disk", "of the first", &[]);
    // The authority is put back before the second machine hears of it.
    fs::rename(machine.path("shared"), machine.path("lost")).unwrap();
    let restore = ["authority", "restore", "backup", "--authority", "shared"];
    machine.run(restore).done();
    deposit(&machine, "second", "disk", "of the second", &[]);
    machine.run(["log", "accept-restored", "--yes"]).done();
    machine.run(["sync"]).done();
    for home in ["home", "second"] {
        let superseded: Vec<bool> = listed(&machine, home)
            .iter()
            .map(|line| line["superseded"] == true)
            .collect();
        assert_eq!(superseded, [true, false, false], "{home}");
        let status = of(&machine, home, b"", &["status", "--check", "--json"]);
        assert_eq!(status.json().len(), 2);
    }
    deposit(&machine, "second", "disk", "of both", &[]);
    // Only the first machine knows that its deposit was sent again; which is the newest, both say.
    let said = |home: &str| {
        let lines = listed(&machine, home);
        let newest = lines.last().unwrap()["serial"].clone();
        let superseded: Vec<bool> = lines
            .iter()
            .map(|line| line["superseded"] == true)
            .collect();
        (newest, superseded)
    };
    assert_eq!(said("home").1, [true, true, true, false]);
    assert_eq!(said("home"), said("second"));
}

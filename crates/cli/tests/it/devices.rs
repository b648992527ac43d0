//! Devices by the real command: whoever got in is told of once, is told apart, and is put out.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;

use crate::machine::{Machine, Ran, ran};

/// A machine with a file and a secret, whose sheet is at hand.
fn machine() -> Machine {
    let machine = Machine::new();
    let init = ["init", "--authority", "auth", "--sheet", "sheet"];
    machine.run(init).done();
    machine.write("a.txt", "a");
    machine.run(["encrypt", "a.txt"]).done();
    deposit(&machine, "home", "wifi", "right").done();
    machine
}

/// The command, with another home than the machine's own.
fn of(machine: &Machine, home: &str, args: &[&str]) -> Ran {
    machine.run(["--home", home].iter().chain(args))
}

fn deposit(machine: &Machine, home: &str, name: &str, secret: &str) -> Ran {
    let mut command = machine.command(["--home", home, "deposit", "--name", name]);
    ran(command.stdin(Stdio::piped()), secret.as_bytes())
}

/// Lets a thief who has the sheet and a copy of the file be quick.
fn thief(machine: &Machine) {
    machine.write("stolen.age", machine.read("a.txt.age"));
    of(
        machine,
        "thief",
        &["recover", "--sheet", "sheet", "stolen.age"],
    )
    .done();
    deposit(machine, "thief", "wifi", "wrong").done();
}

fn devices(machine: &Machine, home: &str) -> Vec<Value> {
    of(machine, home, &["device", "list", "--json"])
        .done()
        .json()
}

/// The fingerprint of the device of a home, as another home lists it.
fn fingerprint(machine: &Machine, home: &str) -> String {
    let devices = devices(machine, home);
    let ours = devices.iter().find(|device| device["this_machine"] == true);
    ours.unwrap()["fingerprint"].as_str().unwrap().to_owned()
}

/// Which lines of a listing are of what the device of this fingerprint deposited.
fn by(lines: &[Value], fingerprint: &str) -> Vec<bool> {
    let is_its = |line: &Value| line["device"]["fingerprint"] == fingerprint;
    lines.iter().map(is_its).collect()
}

/// What is said where a sheet's code is at hand.
fn recover(machine: &Machine, home: &str, args: &[&str]) -> Ran {
    let sheet = machine.read_text("sheet");
    let code = sheet
        .lines()
        .find_map(|line| line.strip_prefix("Recovery code: "));
    let mut command = machine.command(["--home", home, "recover"]);
    command
        .args(args)
        .env("STRONGROOM_RECOVERY_CODE", code.unwrap());
    ran(&mut command, b"")
}

#[test]
fn whoever_got_in_is_told_of_once_told_apart_and_put_out() {
    let machine = machine();
    thief(&machine);
    let first = machine.run(["list"]).done();
    for said in [
        "warning: 1 other device became yours since this home looked last:",
        "by request",
        "approved by the recovery code; 1 of 1 key left",
        "If it is not yours, or lost: strongroom device revoke ",
    ] {
        assert!(first.stderr.contains(said), "{said}:\n{}", first.stderr);
    }
    let newest = first.text().lines().last().unwrap();
    assert!(
        newest.contains("wifi  by another machine of yours, "),
        "{newest}"
    );
    assert!(!newest.contains("superseded"), "{newest}");
    let own = first.text().lines().rev().nth(1).unwrap();
    assert!(
        own.contains("superseded") && !own.contains("by another"),
        "{own}"
    );
    // Once, and what follows tells the two apart all the same.
    let second = machine.run(["list", "--json"]).done();
    assert_eq!(second.stderr, "");
    let own = fingerprint(&machine, "home");
    assert_eq!(by(&second.json(), &own), [true, true, false]);
    let stranger = second.json()[2]["device"].clone();
    assert_eq!(stranger["revoked"], Value::Null);
    let log = machine.run(["log", "show"]).done();
    let said = log.text();
    let which = stranger["fingerprint"].as_str().unwrap();
    let which = which.get(..12).unwrap();
    assert!(said.contains("deposit: you deposited 1 key"), "{said}");
    assert!(
        said.contains(&format!(
            "deposit: another machine of yours, {which}, deposited 1 key"
        )),
        "{said}"
    );
    assert!(
        said.contains(&format!("approved: its device, {which}, is yours since")),
        "{said}"
    );
    let serial = second.json()[2]["serial"].as_str().unwrap().to_owned();
    let shown = recover(&machine, "home", &["--serial", &serial, "-o", "-"]).done();
    assert_eq!(shown.text(), "wrong");
    assert!(
        shown
            .stderr
            .contains(&format!("deposited by another machine of yours, {which}")),
        "{}",
        shown.stderr
    );
    // Whoever only asks for a word of what it does is told, and nothing is done.
    machine
        .run(["device", "revoke", which])
        .refused(1, &["It takes no key back", "nobody said that"]);
    assert_eq!(devices(&machine, "home")[1]["revoked"], Value::Null);
    let revoked = machine.run(["device", "revoke", which, "--yes"]).done();
    for said in ["revokes", "recovery code", "encrypting those files anew"] {
        assert!(revoked.stderr.contains(said), "{said}:\n{}", revoked.stderr);
    }
    deposit(&machine, "thief", "wifi", "worse").refused(1, &["shows it nothing more"]);
    of(&machine, "thief", &["list"]).refused(1, &["shows it nothing more"]);
    // What it deposited stays, and is the revoked one's.
    let now = machine.run(["list", "--name", "wifi"]).done();
    assert!(now.text().contains(", revoked on "), "{}", now.text());
    deposit(&machine, "home", "wifi", "right again").done();
    let now = machine
        .run(["list", "--name", "wifi", "--json"])
        .done()
        .json();
    assert_eq!(by(&now, &own), [true, false, true]);
    assert_eq!(now[1]["superseded"], true);
    let list = devices(&machine, "home");
    assert_eq!(list[1]["revoked"]["by"], list[0]["fingerprint"]);
    let again = machine.run(["device", "revoke", which, "--yes"]).done();
    assert!(again.stderr.contains("already"), "{}", again.stderr);
}

#[test]
fn what_could_not_be_printed_was_not_told() {
    let machine = machine();
    thief(&machine);
    let mut command = machine.command(["list"]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = command.stdout(Stdio::null()).stderr(full).status().unwrap();
    assert!(status.success());
    for expected in [true, false] {
        let said = machine.run(["-q", "list"]).done().stderr;
        let told = said.contains("other device became yours");
        assert_eq!(told, expected, "{said}");
    }
}

#[test]
fn what_another_machine_deposited_is_said_to_be_its() {
    let machine = machine();
    of(
        &machine,
        "laptop",
        &["recover", "--sheet", "sheet", "--all"],
    )
    .done();
    of(&machine, "laptop", &["device", "name", "the \"lap\" top"]).done();
    machine.write("b.txt", "b");
    of(&machine, "laptop", &["encrypt", "b.txt"]).done();
    let which = fingerprint(&machine, "laptop");
    let other = format!(
        "by another machine of yours, \"the \\\"lap\\\" top\" ({})",
        which.get(..12).unwrap()
    );
    for args in [&["list"][..], &["status", "--same-disk-ok", "b.txt.age"]] {
        let ran = machine.run(args);
        // However it is wrapped.
        let text: Vec<&str> = ran.text().split_whitespace().collect();
        assert!(text.join(" ").contains(&other), "{args:?}:\n{}", ran.text());
    }
    let line = &machine.run(["status", "--json", "b.txt.age"]).json()[0];
    assert_eq!(line["device"]["name"], "the \"lap\" top");
    assert_eq!(line["device"]["fingerprint"].as_str(), Some(&*which));
    let synced = machine.run(["sync"]).done().stderr;
    assert!(
        synced.contains("1 of them deposited by other machines"),
        "{synced}"
    );
    let synced = machine.run(["sync", "--json"]).done().json();
    assert_eq!(
        (&synced[0]["by_others"], &synced[0]["moot"]),
        (&1.into(), &0.into())
    );
    let log = machine.run(["log", "show"]).done();
    assert!(log.text().contains("is called \"the"), "{}", log.text());
    let line = log.text().lines().last().unwrap().to_owned();
    assert!(
        line.contains("deposit: another machine of yours, "),
        "{line}"
    );
    // The machine itself says so of the first one.
    let there = of(&machine, "laptop", &["list", "--json"]).done();
    assert_eq!(by(&there.json(), &which), [false, false, true]);
    assert!(there.text() == machine.run(["list", "--json"]).done().text());
    let text = of(&machine, "laptop", &["list"]).done();
    assert_eq!(
        text.text().matches("by another machine of yours").count(),
        2
    );
}

#[test]
fn devices_are_listed_with_what_made_them_so() {
    let machine = machine();
    of(
        &machine,
        "laptop",
        &["recover", "--sheet", "sheet", "--all"],
    )
    .done();
    machine.run(["device", "name", "desk"]).done();
    let which = fingerprint(&machine, "laptop");
    machine
        .run([
            "device",
            "name",
            "laptop",
            "--device",
            which.get(..8).unwrap(),
        ])
        .done();
    let list = devices(&machine, "home");
    let names: Vec<_> = list.iter().map(|device| device["name"].as_str()).collect();
    assert_eq!(names, [Some("desk"), Some("laptop")]);
    assert_eq!(list[0]["request"], Value::Null);
    assert_eq!(list[1]["request"]["by_code"], true);
    assert_eq!(list[1]["request"]["keys"], 2);
    assert!(list[0]["last_deposit"].is_string());
    assert_eq!(list[1]["last_deposit"], Value::Null);
    let text = of(&machine, "laptop", &["device", "list"]).done();
    let lines: Vec<_> = text.text().lines().collect();
    assert!(lines[0].contains("\"desk\"  enrolled on "), "{}", lines[0]);
    assert!(lines[0].contains("last deposit"), "{}", lines[0]);
    assert!(
        lines[1].contains("\"laptop\"  this machine  recovered on"),
        "{}",
        lines[1]
    );
    // The latest name counts.
    machine.run(["device", "name", "table"]).done();
    assert_eq!(devices(&machine, "laptop")[0]["name"], "table");
    for name in ["", " desk", "a\nb", &"x".repeat(65)] {
        machine
            .run(["device", "name", name])
            .refused(1, &["a device's name has 1 to 64 bytes"]);
    }
    let refused = |device: &str, said: &str| {
        machine
            .run(["device", "revoke", "--yes", device])
            .refused(1, &[said]);
    };
    refused("abc", "no beginning of a fingerprint");
    refused("laptop", "no beginning of a fingerprint");
    refused("000000000000", "no device of yours has a fingerprint");
    machine.run(["device", "revoke", "--yes", &which]).done();
    let own = fingerprint(&machine, "home");
    refused(&own, "the only device");
}

#[test]
fn a_thief_who_revokes_the_owners_machine_is_put_out_by_the_code() {
    let machine = machine();
    thief(&machine);
    let (own, stolen) = (
        fingerprint(&machine, "home"),
        fingerprint(&machine, "thief"),
    );
    of(&machine, "thief", &["device", "revoke", "--yes", &own]).done();
    machine.run(["list"]).refused(
        1,
        &["another device of the owner's revoked it", "recover --all"],
    );
    machine
        .run(["status", "a.txt.age"])
        .refused(1, &["shows it nothing more"]);
    let back = recover(&machine, "home", &["--all"]).done();
    assert!(
        back.stderr.contains("asks with a new key"),
        "{}",
        back.stderr
    );
    assert!(machine.exists("home/device.key.revoked"));
    let list = devices(&machine, "home");
    assert_eq!(list.len(), 3);
    assert_eq!(list[0]["revoked"]["by"].as_str(), Some(&*stolen));
    machine.run(["device", "revoke", "--yes", &stolen]).done();
    deposit(&machine, "thief", "wifi", "worse").refused(1, &[]);
    deposit(&machine, "home", "wifi", "right").done();
    machine.run(["list"]).done();
}

#[test]
fn a_machine_may_be_given_up() {
    let machine = machine();
    of(
        &machine,
        "laptop",
        &["recover", "--sheet", "sheet", "--all"],
    )
    .done();
    let which = fingerprint(&machine, "laptop");
    let said = of(&machine, "laptop", &["device", "revoke", "--yes", &which]).done();
    assert!(
        said.stderr.contains("the machine that you are at"),
        "{}",
        said.stderr
    );
    let said = of(&machine, "laptop", &["list"]).done();
    assert!(
        said.stderr.contains("this device was revoked"),
        "{}",
        said.stderr
    );
    deposit(&machine, "laptop", "wifi", "new").refused(1, &[]);
    machine.run(["list"]).done();
}

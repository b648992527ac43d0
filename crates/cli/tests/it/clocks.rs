//! Wrong clocks, and what comes with time: who only looks decides nothing, a lapse is told, and a log that is ahead of a
//! clock is named. `faketime` is Debian's; `./test` installs it.

use std::process::{Command, Stdio};

use crate::group::Group;
use crate::machine::{Machine, Ran, ran};

/// Tells whether there is a `faketime`, and says so where there is none.
fn can_fake() -> bool {
    if Command::new("faketime").arg("--version").output().is_ok() {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "`faketime` is missing: `./test` installs it"
    );
    let skipped = "NOT TESTED: wrong clocks. `./test` installs `faketime`.\n";
    std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes()).unwrap();
    false
}

/// The command under a clock that is this far from the right one.
fn at(machine: &Machine, offset: &str, args: &[&str]) -> Ran {
    ran(&mut command_at(machine, offset, args), b"")
}

fn command_at(machine: &Machine, offset: &str, args: &[&str]) -> Command {
    let ours = machine.command(args);
    let mut command = Command::new("faketime");
    command
        .args(["-f", offset])
        .arg(ours.get_program())
        .args(ours.get_args())
        .current_dir(machine.path(""))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .stdin(Stdio::null());
    for (name, value) in ours.get_envs() {
        command.env(name, value.unwrap());
    }
    command
}

impl Group {
    fn of_at(&self, offset: &str, owner: &str, args: &[&str]) -> Ran {
        at(&self.machine, offset, &[&["--home", owner], args].concat())
    }

    fn officer_at(&self, offset: &str, name: &str, args: &[&str]) -> Ran {
        let key = format!("{name}.key");
        let place = ["--key", &key, "--authority", "shared", "--home", "nowhere"];
        at(&self.machine, offset, &[args, &place].concat())
    }

    fn log_entries(&self, owner: &str) -> usize {
        self.of(owner, ["log", "show"])
            .done()
            .text()
            .lines()
            .count()
    }
}

/// A code and an officer, or two officers and a wait; changes wait too.
const WAITS: &str = r#"
lapse = "30 days"
[[group]]
name = "one"
need = 1
of = ["ada", "bob", "cid"]
[[group]]
name = "two"
need = 2
of = ["ada", "bob", "cid"]
[[rule]]
name = "with the code"
evidence = ["recovery code"]
approvals = "one"
[change]
approvals = "two"
wait = "72 hours"
"#;

#[test]
fn an_officer_whose_clock_is_ahead_decides_nothing_by_looking() {
    if !can_fake() {
        return;
    }
    let group = Group::new(WAITS);
    group.join("olga");
    group.lose_key("olga");
    let ask = ["recover", "--code-file", "olga.code", "olga.txt.age"];
    group.of("olga", ask).refused(3, &["the request waits"]);
    let id = group.only();
    let entries = group.log_entries("olga");
    for look in [
        &["officer", "list"][..],
        &["officer", "list", "--all"],
        &["policy", "show"],
    ] {
        group.officer_at("+60d", "bob", look).done();
    }
    // By that clock it has lapsed, and is told so; that is all.
    let shown = group.officer_at("+60d", "bob", &["officer", "show", &id]);
    assert!(shown.text().contains("lapsed"), "{}", shown.text());
    group.of_at("+60d", "olga", &["list"]).done();
    group.of_at("+60d", "olga", &["log", "show"]).done();
    assert_eq!(group.log_entries("olga"), entries);
    assert_eq!(group.only(), id);
    // With the right clock it is the same request, under the same release key.
    group.of("olga", ask).refused(3, &["the request waits"]);
    group.says("ada", "approve", &id).done();
    group.of("olga", ask).done();
    group.opens("olga", "olga.txt.age", "olga");
}

#[test]
fn a_change_of_the_policy_comes_into_force_by_an_act_and_not_by_a_look() {
    if !can_fake() {
        return;
    }
    let group = Group::new(WAITS);
    group.join("pete");
    let stricter = group.policy(&WAITS.replacen("need = 1", "need = 2", 1));
    group.machine.write("stricter.toml", stricter);
    let set = ["policy", "set", "stricter.toml"];
    group.officer("cid", &set).refused(3, &["the change waits"]);
    let id = group.only();
    group.says("ada", "approve", &id).done();
    group.says("bob", "approve", &id).done();
    let needs = |number: &str| {
        let shown = group.officer("ada", &["policy", "show"]).done();
        let one = shown.text().split("name = \"one\"").nth(1).unwrap();
        let need = one.lines().nth(1).unwrap();
        assert_eq!(need, format!("need = {number}"), "{}", shown.text());
    };
    let entries = group.log_entries("pete");
    for look in [
        &["list"][..],
        &["sync"],
        &["log", "show"],
        &["log", "verify"],
    ] {
        group.of_at("+4d", "pete", look).done();
    }
    group.officer_at("+4d", "bob", &["officer", "list"]).done();
    needs("1");
    assert_eq!(group.log_entries("pete"), entries);
    // Nor does whoever asks again before its time.
    group.officer("cid", &set).refused(3, &["waits until"]);
    needs("1");
    // The wait over, whoever asked for it asks again.
    let ran = group.officer_at("+4d", "cid", &set).done();
    assert!(
        ran.stderr.contains("the policy is changed"),
        "{}",
        ran.stderr
    );
    needs("2");
}

#[test]
fn a_lapse_is_told_once_and_then_it_is_asked_anew() {
    if !can_fake() {
        return;
    }
    let group = Group::new(WAITS);
    group.join("olga");
    group.lose_key("olga");
    let ask = ["recover", "--code-file", "olga.code", "olga.txt.age"];
    let first = group.of("olga", ask).refused(3, &["the request waits"]);
    let later = group.of_at("+31d", "olga", &ask);
    later.refused(1, &["the request lapsed at", "hint: run again"]);
    let anew = group.of_at("+31d", "olga", &ask);
    let anew = anew.refused(3, &["the request waits"]);
    let release_key = |ran: &Ran| ran.stderr.trim().lines().last().unwrap().to_owned();
    assert_ne!(release_key(&first), release_key(&anew));
    let log = group.of_at("+31d", "olga", &["log", "show"]).done();
    assert_eq!(log.text().matches("your request lapsed").count(), 1);
    assert_eq!(log.text().matches("  request: ").count(), 2);
}

#[test]
fn times_go_forward_and_what_is_ahead_of_the_clock_is_named() {
    if !can_fake() {
        return;
    }
    let machine = Machine::with_home();
    let encrypt = |offset: &str, name: &str| {
        machine.write(name, name);
        at(&machine, offset, &["encrypt", name])
    };
    // So much clocks differ by: nothing is refused, and the log goes on from the later time.
    encrypt("+540", "a").done();
    encrypt("+0", "b").done();
    let listed = machine.run(["list", "--json"]).done().json();
    assert_eq!(listed[0]["time"], listed[1]["time"]);
    let ran = machine.run(["log", "verify"]).done();
    let said = "warning: 2 entries of the log are ahead of this machine's clock, from entry 2";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let ran = at(&machine, "+1h", &["log", "verify"]).done();
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn a_clock_far_behind_the_log_writes_nothing_into_it() {
    if !can_fake() {
        return;
    }
    let machine = Machine::with_home();
    machine.write("a", "a");
    machine.run(["encrypt", "a"]).done();
    let entries = machine.run(["log", "show"]).done().text().lines().count();
    machine.write("b", "b");
    machine.write("list", r#"{"name":"b","secret":"b"}"#);
    for args in [&["encrypt", "b"][..], &["deposit", "--from", "list"]] {
        at(&machine, "-1h", args).refused(
            1,
            &[
                "this machine's clock says",
                "59 minutes later",
                "hint: set this machine's clock",
            ],
        );
    }
    assert!(!machine.exists("b.age"));
    // What only reads goes on, and a file opens without any authority.
    for args in [&["list"][..], &["sync"], &["log", "verify"]] {
        at(&machine, "-1h", args).done();
    }
    let opened = at(&machine, "-1h", &["decrypt", "-o", "-", "a.age"]).done();
    assert_eq!(opened.text(), "a");
    let now = machine.run(["log", "show"]).done().text().lines().count();
    assert_eq!(now, entries);
    machine.run(["encrypt", "b"]).done();
}

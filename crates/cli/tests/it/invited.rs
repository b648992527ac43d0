//! Two machines of one owner by the real command: two homes, one authority's folder. The second is invited.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;

use crate::machine::{Machine, Ran, ran};

const LAPTOP: &str = "laptop";
const DESK: &str = "desk";

/// The command of one machine.
fn of(machine: &Machine, home: &str, args: &[&str]) -> Ran {
    machine.run(["--home", home].iter().chain(args))
}

fn deposit(machine: &Machine, home: &str, name: &str, secret: &str) -> Ran {
    let mut command = machine.command(["--home", home, "deposit", "--name", name]);
    ran(command.stdin(Stdio::piped()), secret.as_bytes())
}

fn devices(machine: &Machine, home: &str) -> Vec<Value> {
    of(machine, home, &["device", "list", "--json"])
        .done()
        .json()
}

fn ours(machine: &Machine, home: &str) -> String {
    let devices = devices(machine, home);
    let ours = devices.iter().find(|device| device["this_machine"] == true);
    ours.unwrap()["fingerprint"].as_str().unwrap().to_owned()
}

/// The serials that a machine lists.
fn listed(machine: &Machine, home: &str) -> Vec<String> {
    let lines = of(machine, home, &["list", "--json"]).done().json();
    let serial = |line: &Value| line["serial"].as_str().unwrap().to_owned();
    lines.iter().map(serial).collect()
}

fn opens(machine: &Machine, home: &str, file: &str, plaintext: &str) {
    let opened = of(machine, home, &["decrypt", "-o", "-", file]).done();
    assert_eq!(opened.text(), plaintext);
}

fn is_protected(machine: &Machine, home: &str, file: &str) -> bool {
    let status = ["status", "--json", "--same-disk-ok", file];
    of(machine, home, &status).json()[0]["protected"] == true
}

/// A laptop with a file and a secret.
fn laptop() -> Machine {
    let machine = Machine::new();
    let init = [
        "init",
        "--authority",
        "spare",
        "--sheet",
        "sheet",
        "--key-type",
        "x25519",
    ];
    of(&machine, LAPTOP, &init).done();
    machine.write("a", "from the laptop");
    of(&machine, LAPTOP, &["encrypt", "a"]).done();
    deposit(&machine, LAPTOP, "wifi", "rose").done();
    machine
}

fn join(machine: &Machine, home: &str) -> Ran {
    of(machine, home, &["init", "--join", "join.age"])
}

#[test]
fn two_machines_share_everything_until_one_is_stolen_and_the_other_goes_on() {
    let machine = laptop();
    let invite = ["device", "invite", "--name", "the desk", "-o", "join.age"];
    let invited = of(&machine, LAPTOP, &invite).done();
    assert_eq!(invited.text().len(), 25, "the code alone");
    assert!(invited.stderr.contains("init --join"), "{}", invited.stderr);
    let mode = fs::metadata(machine.path("join.age"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let open = devices(&machine, LAPTOP);
    assert!(open[1]["invited_until"].is_string(), "{open:?}");
    machine.write("invitation-code", invited.stdout);

    let joined = join(&machine, DESK).done();
    for said in ["\"the desk\" (", "yours too: ", "delete it"] {
        assert!(joined.stderr.contains(said), "{}", joined.stderr);
    }
    // The laptop tells of it once; the desk knows who was there before.
    let told = of(&machine, LAPTOP, &["list"]).done().stderr;
    let desk = ours(&machine, DESK);
    assert!(told.contains("1 other device became yours"), "{told}");
    assert!(told.contains("\"the desk\""), "{told}");
    assert!(told.contains("by an invitation of"), "{told}");
    assert_eq!(of(&machine, LAPTOP, &["list"]).done().stderr, "");
    assert_eq!(of(&machine, DESK, &["list"]).done().stderr, "");

    opens(&machine, DESK, "a.age", "from the laptop");
    machine.write("b", "from the desk");
    of(&machine, DESK, &["encrypt", "b"]).done();
    deposit(&machine, DESK, "wifi", "lily").done();
    opens(&machine, LAPTOP, "b.age", "from the desk");
    let all = listed(&machine, LAPTOP);
    assert_eq!(all.len(), 4);
    assert_eq!(all, listed(&machine, DESK));
    assert!(is_protected(&machine, LAPTOP, "a.age"));
    assert!(is_protected(&machine, DESK, "b.age"));
    // What the other one wrote it has not seen itself, until it looks.
    for (home, file) in [(LAPTOP, "b.age"), (DESK, "a.age")] {
        assert!(!is_protected(&machine, home, file));
        of(&machine, home, &["protect", file]).done();
        assert!(is_protected(&machine, home, file));
    }
    // Neither can tell that the other's spare fits, so that each made one of its own.
    let all = listed(&machine, LAPTOP);
    assert_eq!(all.len(), 6);
    assert_eq!(all, listed(&machine, DESK));

    // Lost keys come back on either, and a key that one has got anew opens what the other wrote.
    let code = machine.read_text("sheet");
    let code = code
        .lines()
        .find_map(|line| line.strip_prefix("Recovery code: "));
    machine.remove("desk/identity.txt");
    let mut recover = machine.command(["--home", DESK, "recover", "a.age", "b.age"]);
    ran(recover.env("STRONGROOM_RECOVERY_CODE", code.unwrap()), b"").done();
    opens(&machine, DESK, "a.age", "from the laptop");
    opens(&machine, DESK, "b.age", "from the desk");
    let mut recover = machine.command(["--home", LAPTOP, "recover", "b.age"]);
    ran(recover.env("STRONGROOM_RECOVERY_CODE", code.unwrap()), b"").done();
    opens(&machine, LAPTOP, "b.age", "from the desk");

    // Stolen.
    let stolen = ours(&machine, LAPTOP);
    of(&machine, DESK, &["device", "revoke", "--yes", &stolen]).done();
    deposit(&machine, LAPTOP, "wifi", "wrong").refused(1, &["hint: "]);
    let invite = ["device", "invite", "-o", "thiefs.age"];
    of(&machine, LAPTOP, &invite).refused(1, &["hint: "]);
    assert!(!machine.exists("thiefs.age"));
    deposit(&machine, DESK, "wifi", "tulip").done();
    let devices = devices(&machine, DESK);
    assert_eq!(devices.len(), 2);
    assert_eq!(devices[1]["fingerprint"], desk.as_str());
    assert_eq!(devices[1]["invited_by"], stolen.as_str());
    let log = of(&machine, DESK, &["log", "show"]).done();
    for said in ["made invitation ", "joined by invitation ", "revoked "] {
        assert!(log.text().contains(said), "{said}: {}", log.text());
    }
    of(&machine, DESK, &["log", "verify"]).done();
}

#[test]
fn an_invitation_that_does_not_hold_is_told_by_what() {
    let machine = laptop();
    machine.invite(LAPTOP, "join.age");
    // By another code, by none, and with bytes that were changed.
    let code = machine.read_text("invitation-code");
    let first = if code.starts_with('Q') { "P" } else { "Q" };
    machine.write(
        "invitation-code",
        format!("{first}{}", code.get(1..).unwrap()),
    );
    join(&machine, DESK).refused(1, &["the code does not open", "hint: "]);
    machine.write("invitation-code", "QQQQ");
    join(&machine, DESK).refused(1, &["has 20 characters, this has 4"]);
    machine.write("invitation-code", "");
    join(&machine, DESK).refused(1, &["code is needed", "STRONGROOM_INVITATION_CODE"]);
    machine.write("invitation-code", code.to_lowercase().replace('-', " "));
    let whole = machine.read("join.age");
    machine.change("join.age", |bytes| *bytes.last_mut().unwrap() ^= 1);
    join(&machine, DESK).refused(1, &["damaged"]);
    machine.write("join.age", &whole);
    assert!(!machine.exists(DESK), "nothing was made");
    // To another authority.
    of(&machine, "other", &["init", "--authority", "others"]).done();
    let elsewhere = ["init", "--join", "join.age", "--authority", "others"];
    of(&machine, DESK, &elsewhere).refused(1, &["another authority", "hint: "]);
    assert!(!machine.exists(DESK), "nothing was made");
    let with_sheet = ["init", "--join", "join.age", "--sheet", "sheet2"];
    of(&machine, DESK, &with_sheet).refused(2, &["brings the key"]);
    // An age file that is none, and one that is not for a passphrase.
    machine.write("note", "");
    of(&machine, DESK, &["init", "--join", "note"]).refused(1, &["it is no invitation"]);
    of(&machine, DESK, &["init", "--join", "a.age"]).refused(1, &["holds no invitation"]);

    let listed = devices(&machine, LAPTOP);
    let invitation = listed[1]["fingerprint"].as_str().unwrap();
    of(&machine, LAPTOP, &["device", "revoke", invitation]).done();
    join(&machine, DESK).refused(1, &["withdrawn", "device invite"]);
    assert!(!machine.exists("desk/identity.txt"));
    let log = of(&machine, LAPTOP, &["log", "show"]).done();
    assert!(
        log.text().contains("you withdrew invitation"),
        "{}",
        log.text()
    );
    // Until it has joined nothing else is done there.
    for command in [&["encrypt", "a"][..], &["init"], &["list"], &["sync"]] {
        of(&machine, DESK, command).refused(1, &["not finished", "init --join"]);
    }
    let status = of(&machine, DESK, &["status"]).refused(1, &["not finished"]);
    assert!(status.text().contains("has yet to join"));
    machine.invite(LAPTOP, "another.age");
    of(&machine, DESK, &["init", "--join", "another.age"]).done();
    let again = of(&machine, DESK, &["init", "--join", "another.age"]).done();
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    of(&machine, "third", &["init", "--join", "another.age"])
        .refused(1, &["was used already", "device list"]);
    machine.invite(LAPTOP, "third.age");
    of(&machine, DESK, &["init", "--join", "third.age"])
        .refused(1, &["somebody's already", "hint: "]);
    opens(&machine, DESK, "a.age", "from the laptop");
}

#[test]
fn a_key_that_is_sealed_stays_sealed_and_an_rsa_key_comes_along() {
    let machine = Machine::new();
    let mut init = machine.command([
        "--home",
        LAPTOP,
        "init",
        "--authority",
        "spare",
        "--passphrase",
    ]);
    ran(init.env("STRONGROOM_PASSPHRASE", "correct horse"), b"").done();
    machine.write("a", "sealed");
    let capi = |home: &str, args: &[&str]| {
        let mut command = machine.command(["--home", home].iter().chain(args));
        ran(command.env("STRONGROOM_PASSPHRASE", "correct horse"), b"")
    };
    capi(LAPTOP, &["encrypt", "--format", "capi", "a"]).done();
    capi(LAPTOP, &["encrypt", "a"]).done();
    machine.invite(LAPTOP, "join.age");
    join(&machine, DESK).done();
    for name in ["identity.txt", "exchange.priv.age", "exchange.pub"] {
        let [one, other] = [LAPTOP, DESK].map(|home| machine.read(&format!("{home}/{name}")));
        assert!(one == other, "{name}");
    }
    for file in ["a.age", "a.capi"] {
        assert_eq!(
            capi(DESK, &["decrypt", "-o", "-", file]).done().text(),
            "sealed"
        );
        of(&machine, DESK, &["decrypt", "-o", "-", file]).refused(1, &["passphrase"]);
    }
}

//! Secrets that are no files: deposited, checked, superseded, expected, and back again.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::machine::{Machine, Ran, ran};

fn deposit(machine: &Machine, secret: &[u8], options: &[&str]) -> Ran {
    machine.pipe(secret, [&["deposit"], options].concat())
}

/// What `list` says of a name, the newest last.
fn named(machine: &Machine, name: &str) -> Vec<Value> {
    machine
        .run(["list", "--json", "--name", name])
        .done()
        .json()
}

fn serial(deposited: &Value) -> &str {
    deposited["serial"].as_str().unwrap()
}

/// What `status` says of every secret, or of those with these options.
fn statuses(machine: &Machine, options: &[&str]) -> (Option<i32>, Vec<Value>) {
    let ran = machine.run([&["status", "--json", "--same-disk-ok"], options].concat());
    (ran.status, ran.json())
}

#[test]
fn a_secret_comes_back_to_the_last_byte_with_the_key_and_with_the_code() {
    let machine = Machine::with_home();
    let secret: Vec<u8> = (0..=255).collect();
    let options = ["--name", "door", "--description", "the back door", "--json"];
    let deposited = deposit(&machine, &secret, &options).done().json().remove(0);
    assert_eq!(deposited["state"], "matched");
    let listed = named(&machine, "door").remove(0);
    assert_eq!(listed["serial"], deposited["serial"]);
    assert_eq!(
        (&listed["secret"], &listed["superseded"], &listed["checked"]),
        (&Value::Bool(true), &Value::Bool(false), &Value::Null)
    );
    let back = ["recover", "--serial", serial(&deposited), "-o", "-"];
    let entries = machine.run(["log", "show"]).done().text().lines().count();
    assert!(machine.run(back).done().stdout == secret);
    // The key was at hand: nobody was asked.
    let now = machine.run(["log", "show"]).done().text().lines().count();
    assert_eq!(now, entries);

    machine.remove("home/identity.txt");
    machine
        .run(back)
        .refused(1, &["the recovery code is needed"]);
    let recovered = machine.recover(&back[1..]).done();
    assert!(recovered.stdout == secret);
    // It is kept for the next time, and is as good as before.
    assert!(machine.run(back).done().stdout == secret);
    let (status, lines) = statuses(&machine, &["--check"]);
    // It has no check, which whoever asks for the checks is told.
    assert_eq!((status, lines.len()), (Some(1), 1));
    assert_eq!(lines[0]["state"], "matched");
    assert_eq!(lines[0]["protected"], true);
}

#[test]
fn a_secret_comes_back_to_a_home_that_was_lost() {
    let machine = Machine::with_home();
    let options = [
        "--name",
        "door",
        "--check",
        "grep -q rose",
        "--label",
        "site=A",
    ];
    deposit(&machine, b"rose", &options).done();
    let serial = serial(&named(&machine, "door")[0]).to_owned();
    fs::rename(
        machine.path("home/recovery-sheet.txt"),
        machine.path("sheet"),
    )
    .unwrap();
    fs::rename(machine.path("home/authority"), machine.path("authority")).unwrap();
    fs::remove_dir_all(machine.path("home")).unwrap();
    let sheet = ["recover", "--sheet", "sheet", "--authority", "authority"];
    let back = ["--serial", &serial, "-o", "out"];
    machine.run([&sheet[..], &back].concat()).done();
    assert_eq!(machine.read("out"), b"rose");
    let mode = fs::metadata(machine.path("out")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    machine.write("names", "door\n");
    let (status, lines) = statuses(&machine, &["--expect", "names"]);
    assert_eq!((status, &lines[0]["protected"]), (Some(0), &true.into()));
    // What comes from an authority is never run: the check was the home's, and went with it.
    let (_, lines) = statuses(&machine, &["--check"]);
    assert_eq!(lines[0]["opens"], Value::Null);
    assert!(named(&machine, "door")[0]["checked"].is_string());
}

#[test]
fn a_secret_that_does_not_open_is_not_deposited() {
    let machine = Machine::new();
    let check =
        |secret: &[u8], command| deposit(&machine, secret, &["--name", "door", "--check", command]);
    let refused = check(b"tulip", "grep -qx rose");
    refused.refused(
        1,
        &["door: not deposited: the secret does not open (the check ended with 1)"],
    );
    check(b"rose", "kill -9 $$").refused(1, &["the check was killed"]);
    check(b"rose", "no-such-program").refused(1, &["the command can't be run"]);
    assert!(!machine.exists("home"));
    machine.run(["init"]).done();
    // A check may end before it has read everything; what it prints is not ours to print.
    let ran = check(&[b'x'; 4096], "cat | head -c 1").done();
    assert!(ran.stdout.is_empty());
    // Neither the code nor the passphrase is its business.
    let looks = "test -z \"$STRONGROOM_RECOVERY_CODE$STRONGROOM_PASSPHRASE\"";
    let mut command = machine.command(["deposit", "--name", "env", "--check", looks]);
    command
        .env("STRONGROOM_RECOVERY_CODE", "code")
        .env("STRONGROOM_PASSPHRASE", "words");
    ran_with(&mut command, b"rose").done();
}

fn ran_with(command: &mut Command, input: &[u8]) -> Ran {
    ran(command.stdin(std::process::Stdio::piped()), input)
}

#[test]
fn the_newest_of_a_name_counts_and_the_older_stay() {
    let machine = Machine::with_home();
    for secret in ["first", "second", "third"] {
        deposit(&machine, secret.as_bytes(), &["--name", "door"]).done();
    }
    deposit(&machine, b"other", &["--name", "window"]).done();
    deposit(&machine, b"other", &["--description", "no name"]).done();
    let listed = named(&machine, "door");
    let superseded: Vec<_> = listed.iter().map(|one| &one["superseded"]).collect();
    assert_eq!(superseded, [true, true, false]);
    for (one, secret) in listed.iter().zip(["first", "second", "third"]) {
        let ran = machine.run(["recover", "--serial", serial(one), "-o", "-"]);
        assert_eq!(ran.done().text(), secret);
    }
    let text = machine.run(["list"]).done();
    assert_eq!(text.text().matches("door  superseded").count(), 2);
    // Of superseded ones nothing is said where it is asked what counts.
    let (_, lines) = statuses(&machine, &["--check"]);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["serial"], listed[2]["serial"]);
}

#[test]
fn what_another_home_deposited_counts_here_too() {
    let machine = Machine::with_home();
    let options = ["--name", "door", "--check", "grep -qx rose"];
    deposit(&machine, b"rose", &options).done();
    fs::rename(
        machine.path("home/recovery-sheet.txt"),
        machine.path("sheet"),
    )
    .unwrap();
    // A second home of the same owner's, made with the sheet.
    let other = |args: &[&str], secret: &[u8]| {
        let mut command = machine.command(args);
        ran_with(
            command.env("STRONGROOM_HOME", machine.path("other")),
            secret,
        )
    };
    let first = serial(&named(&machine, "door")[0]).to_owned();
    let rejoin = ["recover", "--sheet", "sheet", "--serial", &first, "-o", "-"];
    assert_eq!(other(&rejoin, b"").done().stdout, b"rose");
    // That took no key; what is deposited there takes one.
    let keyless = other(&["deposit", "--name", "door"], b"tulip");
    keyless.refused(1, &["identity.txt` is missing", "`strongroom recover"]);
    other(&["recover", "--sheet", "sheet", "--all"], b"").done();
    other(&["deposit", "--name", "door"], b"tulip").done();
    other(&["deposit", "--name", "window"], b"lily").done();
    // Here the new ones are known, and not called good by what is known of the old one.
    let (status, lines) = statuses(&machine, &["--check"]);
    assert_eq!(status, Some(1));
    let names: Vec<_> = lines
        .iter()
        .map(|line| (line["secret"].as_str().unwrap(), &line["opens"]))
        .collect();
    assert_eq!(names, [("door", &Value::Null), ("window", &Value::Null)]);
    assert!(lines.iter().all(|line| line["serial"] != first.as_str()));
    let superseded: Vec<_> = named(&machine, "door")
        .iter()
        .map(|one| one["superseded"] == true)
        .collect();
    assert_eq!(superseded, [true, false]);
    // What this home had is not what counts; what counts can't be opened here, so it is not called the same either.
    machine.write("list", r#"{"name":"door","secret":"rose"}"#);
    let ran = machine.run(["deposit", "--from", "list", "--json"]).done();
    assert_eq!(ran.json().len(), 0);
    assert!(
        ran.stderr.contains("another machine of yours"),
        "{}",
        ran.stderr
    );
    let ran = machine.run(["deposit", "--from", "list", "--force", "--json"]);
    assert_eq!(ran.done().json().len(), 1);
}

#[test]
fn a_check_that_failed_fails_until_it_passes_even_where_nobody_answers() {
    let machine = Machine::with_home();
    machine.write("lock", "rose");
    let check = "grep -qx \"$(cat lock)\"";
    let path = std::env::var("PATH").unwrap();
    let run = |arguments: &[&str], secret: &[u8]| {
        ran_with(machine.command(arguments).env("PATH", &path), secret)
    };
    run(&["deposit", "--name", "door", "--check", check], b"rose").done();
    machine.write("lock", "tulip");
    let again = ["status", "--check", "--same-disk-ok"];
    assert_eq!(run(&again, b"").status, Some(1));
    machine.write("names", "door\n");
    let expected = run(&["status", "--expect", "names", "--same-disk-ok"], b"");
    assert_eq!(expected.status, Some(1));
    assert!(
        expected.text().contains("did not open on"),
        "{}",
        expected.text()
    );
    // A check may use the home itself: nothing holds it while it runs.
    let within = format!(
        "cat > /dev/null; {} list -q",
        env!("CARGO_BIN_EXE_strongroom")
    );
    run(&["deposit", "--name", "inner", "--check", &within], b"x").done();
    assert!(
        run(&["-v", "status", "--check", "--same-disk-ok"], b"")
            .text()
            .contains("inner  protected")
    );
    fs::rename(
        machine.path("home/authority"),
        machine.path("home/elsewhere"),
    )
    .unwrap();
    assert_eq!(run(&again, b"").status, Some(1));
}

#[test]
fn a_check_belongs_to_its_name_until_it_is_taken_away() {
    let machine = Machine::with_home();
    let is_good = ["--name", "disk", "--check", "grep -q good"];
    let named_alone = &is_good[..2];
    deposit(&machine, b"good", &is_good).done();
    // Whichever way the next one comes, it is run for it.
    let refused = ["disk: not deposited: the secret does not open"];
    deposit(&machine, b"bad", named_alone).refused(1, &refused);
    let list = |secret: &str, rest: &str| {
        let line = format!("{{\"name\":\"disk\",\"secret\":\"{secret}\"{rest}}}");
        machine.pipe(line.as_bytes(), ["deposit", "--from", "-", "--json"])
    };
    list("bad", "").refused(1, &refused);
    assert_eq!(named(&machine, "disk").len(), 1);
    deposit(&machine, b"good too", named_alone).done();
    let listed = named(&machine, "disk");
    assert!(listed[1]["checked"].is_string(), "{listed:?}");
    let opens = |expected: Option<bool>| {
        let (status, lines) = statuses(&machine, &["--check"]);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["opens"].as_bool(), expected);
        assert_eq!(status, Some(i32::from(expected != Some(true))));
    };
    opens(Some(true));
    // What is unchanged keeps it, and what the list says of it is the name's from then on.
    assert_eq!(list("good too", "").done().json().len(), 0);
    opens(Some(true));
    let stricter = r#","check":"grep -qx 'good too'""#;
    assert_eq!(list("good too", stricter).done().json().len(), 0);
    deposit(&machine, b"good", named_alone).refused(1, &refused);
    list("good", "").refused(1, &refused);

    // Until it is taken away, which is for one secret and not for a list.
    machine
        .run(["deposit", "--from", "-", "--no-check"])
        .refused(2, &["cannot be used with"]);
    let taken = [named_alone, &["--no-check"]].concat();
    deposit(&machine, b"bad", &taken).done();
    assert!(named(&machine, "disk")[2]["checked"].is_null());
    opens(None);
    let said = machine.run(["status", "--check", "--same-disk-ok"]);
    for told in ["it has no check", "0 not; 1 not checked"] {
        assert!(said.text().contains(told), "{}", said.text());
    }
    deposit(&machine, b"worse", named_alone).done();
    // Another name has nothing to do with it.
    deposit(&machine, b"good", &["--name", "door", "--check", "true"]).done();
    assert_eq!(statuses(&machine, &["--check"]).0, Some(1));
    deposit(&machine, b"good", &is_good).done();
    assert_eq!(statuses(&machine, &["--check"]).0, Some(0));
}

#[test]
fn what_an_editor_adds_to_a_secret_is_warned_of_and_kept() {
    let machine = Machine::with_home();
    for (secret, warning) in [
        (&b"rose\n"[..], "ends with a newline"),
        (b"rose\r\n", "end as in Windows (CR LF)"),
        (b"a\r\nb", "end as in Windows (CR LF)"),
        (b"\xef\xbb\xbfrose", "begins with a byte order mark"),
    ] {
        let ran = deposit(&machine, secret, &["--name", "door"]).done();
        assert!(ran.stderr.contains(warning), "{}", ran.stderr);
        assert!(!ran.stderr.contains("rose"), "{}", ran.stderr);
        let last = named(&machine, "door").pop().unwrap();
        let back = machine.run(["recover", "--serial", serial(&last), "-o", "-"]);
        assert!(back.done().stdout == secret);
    }
    let ran = deposit(&machine, b"a rose", &["--name", "door"]).done();
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn a_list_deposits_what_changed_and_goes_on_past_what_does_not_open() {
    let machine = Machine::with_home();
    let line = |name: &str, rest: &str| format!("{{\"name\":\"{name}\",{rest}}}\n");
    let list = [
        line(
            "a",
            r#""secret":"one","description":"first","labels":{"site":"A"}"#,
        ),
        line("b", r#""secret_base64":"AAEC","check":"true""#),
        "\n".to_owned(),
        line("c", r#""secret":"three","check":"false""#),
    ];
    machine.write("list", list.concat());
    let ran = machine.run(["deposit", "--from", "list", "--json"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("error: c: not deposited"));
    let lines = ran.json();
    let names: Vec<_> = lines.iter().map(|line| &line["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    let back = machine.run(["recover", "--serial", serial(&lines[1]), "-o", "-"]);
    assert_eq!(back.done().stdout, [0, 1, 2]);

    // Sent again, only what is another is deposited.
    let ran = machine.run(["deposit", "--from", "list", "--json"]);
    assert!(ran.json().is_empty(), "{}", ran.stderr);
    machine.write(
        "list",
        line("a", r#""secret":"uno","labels":{"site":"A"}"#) + &list[1],
    );
    let ran = machine.run(["deposit", "--from", "list", "--json"]).done();
    assert_eq!(ran.json().len(), 1);
    assert!(
        ran.stderr.contains("1 secret deposited, 1 unchanged"),
        "{}",
        ran.stderr
    );
    assert_eq!(named(&machine, "a").len(), 2);
    assert_eq!(named(&machine, "b").len(), 1);

    // More than one statement takes.
    let many: String = (0..300)
        .map(|number| line(&number.to_string(), &format!("\"secret\":\"{number}\"")))
        .collect();
    machine.write("many", many);
    machine.run(["deposit", "--from", "many"]).done();
    let (_, lines) = statuses(&machine, &["--check"]);
    assert_eq!(lines.len(), 302);
    assert!(lines.iter().all(|line| line["protected"] == true));
}

#[test]
fn a_list_with_a_bad_line_deposits_nothing_and_shows_no_secret() {
    let machine = Machine::with_home();
    for (line, said) in [
        (r#"{"name":"b"}"#, "one of `secret` and `secret_base64`"),
        (
            r#"{"name":"b","secret":"hush","secret_base64":"aHVzaA=="}"#,
            "one of `secret`",
        ),
        (r#"{"secret":"hush"}"#, "not an object of `name`"),
        (
            r#"{"name":"b","secret":"hush","hush":1}"#,
            "not an object of `name`",
        ),
        (
            r#"{"name":"b","secret":["hush"]}"#,
            "not an object of `name`",
        ),
        (r#"{"name":"b","secret":"hush"#, "not JSON (column 26)"),
        (
            r#"{"name":"b","secret_base64":"hush!"}"#,
            "`secret_base64` is not base64",
        ),
        (r#"{"name":"","secret":"hush"}"#, "a name is not empty"),
        (r#"{"name":"b","secret":""}"#, "the secret is empty"),
        (
            r#"{"name":"b","secret":"hush","labels":{"strongroom/name":"x"}}"#,
            "reserved",
        ),
        (
            r#"{"name":"a","secret":"hush"}"#,
            "the name `a` was on a line before",
        ),
    ] {
        machine.write(
            "list",
            format!("{{\"name\":\"a\",\"secret\":\"fine\"}}\n{line}\n"),
        );
        let ran = machine.run(["deposit", "--from", "list"]);
        let ran = ran.refused(1, &["line 2 of `list`", said]);
        assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
    }
    assert!(machine.run(["list"]).done().stdout.is_empty());
}

#[test]
fn names_that_have_no_secret_are_told() {
    let machine = Machine::with_home();
    deposit(&machine, b"rose", &["--name", "here", "--check", "true"]).done();
    machine.write("names", "# the doors\nhere\n\nnot here\nhere\n");
    let (status, lines) = statuses(&machine, &["--expect", "names"]);
    assert_eq!(status, Some(1));
    let protected: Vec<_> = lines
        .iter()
        .map(|line| (line["secret"].as_str().unwrap(), &line["protected"]))
        .collect();
    assert_eq!(
        protected,
        [("here", &true.into()), ("not here", &false.into())]
    );
    let ran = machine.run(["status", "--expect", "names"]);
    for said in [
        "here  not protected: its spare key is on the same disk",
        "not here  missing: no secret goes by this name",
        "1 missing",
    ] {
        assert!(ran.text().contains(said), "{}", ran.text());
    }
    let here = machine.pipe(
        b"here\n",
        ["status", "--expect", "-", "--same-disk-ok", "-q"],
    );
    here.done();
    // The authority that lost it is not believed on the home's word.
    fs::rename(
        machine.path("home/authority"),
        machine.path("home/elsewhere"),
    )
    .unwrap();
    let (status, lines) = statuses(&machine, &["--check"]);
    assert_eq!((status, &lines[0]["protected"]), (Some(75), &false.into()));
}

#[test]
fn what_is_no_secret_is_refused_before_anything_is_made() {
    let machine = Machine::new();
    let refused = |secret: &[u8], options: &[&str], status, said| {
        deposit(&machine, secret, options).refused(status, &[said]);
    };
    refused(b"", &["--name", "door"], 1, "the secret is empty");
    refused(&[7; 4097], &["--name", "door"], 1, "longer than 4096 bytes");
    refused(b"rose", &[], 2, "name the secret with `--name`");
    refused(b"rose", &["--name", ""], 1, "a name is not empty");
    refused(
        b"rose",
        &["--from", "list", "--name", "door"],
        2,
        "cannot be used with",
    );
    assert!(!machine.exists("home"));
    machine.run(["init"]).done();
    // The longest fits, beside the longest description that does.
    let long = "d".repeat(4000);
    deposit(
        &machine,
        &[7; 4096],
        &["--name", "door", "--description", &long],
    )
    .done();
}

#[test]
fn a_secret_is_written_where_it_is_wanted_and_nowhere_else() {
    let machine = Machine::with_home();
    deposit(&machine, b"rose", &["--name", "door"]).done();
    machine.write("file", "text");
    machine.run(["encrypt", "file"]).done();
    let door = serial(&named(&machine, "door")[0]).to_owned();
    let file = machine.status("file.age");
    machine.write("out", "mine");
    let taken = machine.run(["recover", "--serial", &door, "-o", "out"]);
    taken.refused(1, &["`out` exists already", "--force"]);
    assert_eq!(machine.read("out"), b"mine");
    let forced = machine.run(["recover", "--serial", &door, "-o", "out", "--force"]);
    forced.done();
    assert_eq!(machine.read("out"), b"rose");
    let two = ["recover", "--serial", &door, "--serial", &door, "-o", "-"];
    machine
        .run(two)
        .refused(2, &["`-o` is for files, or for the secret"]);
    let none = machine.run(["recover", "--serial", serial(&file), "-o", "-"]);
    none.refused(1, &["is of a file's key: no secret rides along with it"]);
    // Without `-o` the key comes, and it is said how the secret does.
    machine.remove("home/identity.txt");
    let said = machine.recover(["--serial", &door]).done().stderr;
    assert!(
        said.contains(&format!(
            "`strongroom recover --serial {door} -o -` prints it"
        )),
        "{said}"
    );
    assert!(!said.contains("rose"));
}

#[test]
fn the_passphrase_of_a_disk_is_checked_and_checked_again() {
    if Command::new("cryptsetup")
        .arg("--version")
        .output()
        .is_err()
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "`cryptsetup` is missing: `./test` installs it"
        );
        let skipped = "NOT TESTED: disks. `./test` installs `cryptsetup`.\n";
        std::io::stderr().write_all(skipped.as_bytes()).unwrap();
        return;
    }
    let machine = Machine::with_home();
    machine.write("old", "old passphrase");
    machine.write("new", "new passphrase");
    let cryptsetup = |arguments: &[&str]| {
        let weak = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
        let mut command = Command::new("cryptsetup");
        command.args(["--batch-mode"]).args(weak).args(arguments);
        ran(command.current_dir(machine.path("")), b"").done();
    };
    machine.write("disk", vec![0; 20 << 20]);
    cryptsetup(&["luksFormat", "disk", "old"]);
    let check = "cryptsetup open --test-passphrase --key-file - disk";
    // As often: a newline that the lock does not know of.
    let path = std::env::var("PATH").unwrap();
    let deposit = |secret: &[u8]| {
        let arguments = ["deposit", "--name", "disk", "--check", check];
        ran_with(machine.command(arguments).env("PATH", &path), secret)
    };
    let status = || {
        let arguments = ["status", "-v", "--check", "--same-disk-ok"];
        ran(machine.command(arguments).env("PATH", &path), b"")
    };
    deposit(b"old passphrase\n").refused(1, &["ends with a newline", "not deposited"]);
    deposit(b"old passphrase").done();
    assert!(status().done().text().contains("disk  protected"));
    // Somebody changes the slot, and tells nobody.
    cryptsetup(&["luksChangeKey", "disk", "new", "--key-file", "old"]);
    let stale = status();
    assert_eq!(stale.status, Some(1));
    assert!(
        stale
            .text()
            .contains("does not open (the check ended with 2)"),
        "{}",
        stale.text()
    );
    let arguments = ["status", "--check", "--same-disk-ok"];
    let stale = ran(machine.command(arguments).env("PATH", &path), b"");
    assert!(stale.stderr.contains("deposit --name"), "{}", stale.stderr);
    deposit(b"new passphrase").done();
    assert!(status().done().text().contains("    opens  "));
}

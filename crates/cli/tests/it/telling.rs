//! What the command tells: status, listings, the log, the sheet; to people and to programs.

use crate::machine::Machine;
use crate::recovering::find;

#[test]
fn encrypt_tells_programs_what_became_of_each_file() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    machine.write("b", "b");
    let lines = machine.run(["encrypt", "--json", "a", "b"]).done().json();
    assert_eq!(lines.len(), 2);
    for (line, file) in lines.iter().zip(["a.age", "b.age"]) {
        assert_eq!(line["file"], file);
        assert_eq!(line["state"], "matched");
        assert_eq!(line["same_disk"], true);
        assert_eq!(line["protected"], false);
        let status = machine.status(file);
        for key in ["file", "serial", "authority", "state", "same_disk"] {
            assert_eq!(line[key], status[key], "{key}");
        }
        assert_eq!(status["protected"], true);
        assert!(status["since"].as_str().unwrap().ends_with('Z'));
        assert!(status["reason"].is_null());
    }
    let lines = machine
        .run(["encrypt", "--json", "--same-disk-ok", "--force", "a"])
        .done()
        .json();
    assert_eq!(lines[0]["protected"], true);
}

#[test]
fn a_spare_on_the_same_disk_is_always_said_to_be_there() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    machine.run(["encrypt", "a"]).done();
    let ran = machine.run(["status", "a.age"]).refused(1, &[]);
    assert_eq!(
        ran.text(),
        "a.age  not protected: its spare key is on the same disk\n1 file: 0 protected, 1 not\n"
    );
    let ran = machine
        .run(["status", "-v", "--same-disk-ok", "a.age"])
        .done();
    assert!(
        ran.text().starts_with(
            "a.age  protected, with the spare key on the same disk\n    matched  since "
        ),
        "{}",
        ran.text()
    );
}

#[test]
fn a_copied_pointer_alone_does_not_protect() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    machine.run(["encrypt", "a"]).done();
    let bytes = machine.read("a.age");
    let start = find(&bytes, b"-> strongroom/deposit ");
    let end = start + find(&bytes[start..], b"\n\n") + 2;
    let pointer = bytes[start..end].to_vec();
    // Another program's file for the same key, with our pointer copied into it.
    machine
        .run(["keygen", "--key-type", "x25519", "-o", "k"])
        .done();
    let identity: age::x25519::Identity = machine
        .read_text("k")
        .lines()
        .last()
        .unwrap()
        .parse()
        .unwrap();
    let mut forged = age::encrypt(&identity.to_public(), b"unprotected").unwrap();
    let mac = find(&forged, b"--- ");
    forged.splice(mac..mac, pointer);
    machine.write("forged.age", forged);
    let ran = machine.run(["status", "--same-disk-ok", "forged.age"]);
    let ran = ran.refused(1, &[]);
    assert!(
        ran.text()
            .contains("forged.age\n  not protected: this machine did not write it, and can't tell")
    );
    assert_eq!(machine.status("forged.age")["state"], "verified");
}

#[test]
fn status_walks_folders_and_counts() {
    let machine = Machine::with_home();
    machine.write("tree/a", "a");
    machine.write("tree/deep/b", "b");
    machine.run(["encrypt", "tree"]).done();
    let ran = machine.run(["status", "--same-disk-ok", "tree"]).done();
    assert!(
        ran.text()
            .ends_with("2 files: 2 protected, 0 not; 2 other files passed over\n"),
        "{}",
        ran.text()
    );
    // Named, what is not protected counts.
    let ran = machine.run(["status", "--same-disk-ok", "tree", "tree/a", "nothing"]);
    let ran = ran.refused(1, &[]);
    assert!(
        ran.text()
            .contains("tree/a  not protected: it is not an encrypted file")
    );
    assert!(
        ran.text()
            .contains("nothing  not protected: it can't be read: No such file")
    );
    assert!(
        ran.text()
            .contains("4 files: 2 protected, 2 not; 1 other file passed over")
    );
}

#[test]
fn the_listing_shows_what_was_said_and_follows_no_control_character() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    let description = "wills\u{1b}[2J and letters";
    machine
        .run([
            "encrypt",
            "--description",
            description,
            "--label",
            "case=7",
            "--label",
            "kind=legal",
            "a",
        ])
        .done();
    machine.run(["encrypt", "-o", "b.age", "a"]).done();
    let ran = machine.run(["list"]).done();
    assert_eq!(ran.text().lines().count(), 2);
    assert!(
        ran.text()
            .contains("case=7  kind=legal  \"wills\\u{1b}[2J and letters\"")
    );
    assert!(!ran.text().contains('\u{1b}'));
    let lines = machine
        .run(["list", "--json", "--label", "case=7"])
        .done()
        .json();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["description"], description);
    assert_eq!(lines[0]["labels"]["kind"], "legal");
    assert_eq!(lines[0]["state"], "verified");
    assert_eq!(lines[0]["serial"], machine.status("a.age")["serial"]);
    let none = machine.run(["list", "--label", "case=8"]).done();
    assert!(none.text().is_empty());
}

#[test]
fn the_log_is_shown_and_verified() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    machine.run(["encrypt", "a"]).done();
    let lines = machine.run(["log", "show", "--json"]).done().json();
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["found", "enroll", "deposit"]);
    let ran = machine.run(["log", "verify"]).done();
    assert!(ran.text().starts_with("3 entries, root "), "{}", ran.text());
    assert!(
        ran.text().ends_with(", extends the 3 that this home saw\n"),
        "{}",
        ran.text()
    );
}

#[test]
fn a_sheet_is_tested_where_there_is_no_home_as_far_as_that_goes() {
    let machine = Machine::new();
    let init = ["init", "--authority", "kept", "--sheet", "sheet"];
    machine.run(init).done();
    let elsewhere = ["--home", "nowhere", "sheet", "test", "sheet"];
    let said = machine.run(elsewhere).done();
    assert!(said.text().contains("answers in"), "{}", said.text());
    assert!(said.stderr.contains("can't be told"), "{}", said.stderr);
    assert!(!machine.exists("nowhere"));
    // Another authority in that place is not the one on the sheet.
    std::fs::rename(machine.path("kept"), machine.path("moved")).unwrap();
    machine
        .run(elsewhere)
        .refused(75, &["cannot reach the authority"]);
    machine.run(["authority", "init", "kept"]).done();
    machine
        .run(elsewhere)
        .refused(1, &["see that the authority's folder is the one on your"]);
    machine.write("sheet", "Recovery code: AAAA");
    machine.run(elsewhere).refused(1, &["sheet"]);
}

#[test]
fn a_sheet_is_tested_without_spending_anything() {
    let machine = Machine::with_home();
    let entries = machine.run(["log", "show"]).done().stdout;
    machine
        .run(["sheet", "test", "home/recovery-sheet.txt"])
        .done();
    machine.run(["sheet", "test", "--code-file", "code"]).done();
    let code = machine.code();
    machine
        .run_with(
            "STRONGROOM_RECOVERY_CODE",
            &code.to_lowercase(),
            ["sheet", "test"],
        )
        .done();
    machine
        .run(["sheet", "test"])
        .refused(1, &["recovery code is needed", "hint: "]);
    let other = Machine::with_home();
    machine
        .run_with("STRONGROOM_RECOVERY_CODE", &other.code(), ["sheet", "test"])
        .refused(1, &["not the recovery code of this home's owner", "hint: "]);
    machine.write("other", other.read("home/recovery-sheet.txt"));
    machine
        .run(["sheet", "test", "other"])
        .refused(1, &["another authority", "hint: "]);
    machine.write("other", "nothing");
    machine
        .run(["sheet", "test", "other"])
        .refused(1, &["no line that begins with `Recovery code:`", "hint: "]);
    assert!(machine.run(["log", "show"]).done().stdout == entries);
}

#[test]
fn no_sheet_is_written_that_would_be_read_as_another() {
    let machine = Machine::new();
    let zeros = "0".repeat(64);
    for odd in [
        format!("x\nOwner id: {zeros}\ny"),
        "x ".to_owned(),
        "x\u{200b}".to_owned(),
    ] {
        machine
            .run(["init", "--authority", &odd])
            .refused(1, &["can't be written on a recovery sheet", "hint: "]);
        assert!(!machine.path(&odd).exists());
        assert!(!machine.path("home/recovery-sheet.txt").exists());
    }
    // Nothing was begun that another name would not do for.
    machine.run(["init", "--authority", "plain folder"]).done();
    machine
        .run(["sheet", "test", "home/recovery-sheet.txt"])
        .done();
}

#[test]
fn a_sheet_is_printed_and_without_its_code_when_that_is_elsewhere() {
    let machine = Machine::with_home();
    let sheet = machine.read("home/recovery-sheet.txt");
    assert!(machine.run(["sheet", "print"]).done().stdout == sheet);
    machine.remove("home/recovery-sheet.txt");
    let ran = machine.run(["sheet", "print"]).done();
    assert!(
        ran.text()
            .contains("Recovery code: ____ ____ ____ ____ ____ ____ ____ ____\n")
    );
    // Filled in by hand it is the sheet again.
    let blank = ["____"; 8].join(" ");
    machine.write("filled", ran.text().replace(&blank, &machine.code()));
    machine.run(["sheet", "test", "filled"]).done();
}

#[test]
fn quiet_says_nothing_of_what_went_well_but_that_a_key_was_made() {
    let machine = Machine::with_home();
    machine.write("a", "a");
    let ran = machine.run(["--quiet", "encrypt", "a"]).done();
    assert!(
        ran.stderr.is_empty() && ran.stdout.is_empty(),
        "{}",
        ran.stderr
    );
    let ran = machine.recover(["-q", "a.age"]).done();
    assert!(ran.stderr.is_empty() && ran.stdout.is_empty());
    machine.remove("home/identity.txt");
    let ran = machine.recover(["-q", "a.age"]).done();
    assert!(ran.stdout.is_empty());
    assert!(
        ran.stderr.starts_with("made a new key") && ran.stderr.lines().count() == 1,
        "{}",
        ran.stderr
    );
}

#[test]
fn files_and_secrets_are_listed_in_one_order_the_oldest_first() {
    let machine = Machine::with_home();
    let deposit = |name: &str| {
        let args = ["deposit", "--name", name, "--description", name];
        machine.pipe(name.as_bytes(), args).done();
    };
    let encrypt = |name: &str| {
        machine.write(name, name);
        machine.run(["encrypt", name]).done();
    };
    deposit("zebra");
    encrypt("one");
    deposit("ant");
    encrypt("two");
    deposit("zebra");
    let order = ["zebra", "one", "ant", "two", "zebra"];
    let listed = machine.run(["list", "--json"]).done().json();
    let descriptions: Vec<&str> = listed
        .iter()
        .map(|line| line["description"].as_str().unwrap())
        .collect();
    assert_eq!(descriptions, order);
    let superseded: Vec<bool> = listed
        .iter()
        .map(|line| line["superseded"].as_bool().unwrap())
        .collect();
    assert_eq!(superseded, [true, false, false, false, false]);
    let ran = machine.run(["list"]).done();
    assert_eq!(ran.text().lines().count(), order.len());
    for (line, name) in ran.text().lines().zip(order) {
        assert!(line.contains(name), "{line}");
    }
    let named = machine.run(["list", "--name", "zebra", "--json"]);
    let named = named.done().json();
    assert_eq!(named.len(), 2);
    assert_eq!(named[0]["serial"], listed[0]["serial"]);
    assert_eq!(named[1]["serial"], listed[4]["serial"]);
}

//! What a first use makes, and what nobody asked for and so is never made: no key, no authority and no home comes of
//! something that failed.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use crate::machine::{Machine, Ran, ran};

/// The command with the home in its default place.
fn at_default(machine: &Machine, args: &[&str]) -> Command {
    let mut command = machine.command(args);
    command.env_remove("STRONGROOM_HOME");
    command
}

const DEFAULT: &str = ".local/share/strongroom";

#[test]
fn the_first_encrypt_makes_a_home_in_its_default_place_alone_and_says_so() {
    let machine = Machine::new();
    machine.write("f", "x");
    // Named, and nobody there to answer: a typo, or a disk that is not mounted.
    for args in [
        &["encrypt", "-q", "f"][..],
        &["--home", "elsewhere/sr", "encrypt", "f"],
        &["--home=elsewhere", "encrypt", "-o", "-", "f"],
    ] {
        machine.run(args).refused(
            1,
            &["there is no Strongroom home", "hint: ", "`strongroom init`"],
        );
        assert_eq!(machine.names("."), ["f"]);
    }
    for args in [&["init"][..], &["init", "--authority", "f/../spare"]] {
        let args = [&["--home", "mnt/disk/sr"][..], args].concat();
        machine
            .run(args)
            .refused(1, &["no folder to put the home", "hint: "]);
        assert_eq!(machine.names("."), ["f"]);
    }
    for args in [
        &["deposit", "--name", "wifi"][..],
        &["capi", "convert", "f", "-o", "f.age", "--key", "f"],
        &["status", "f"],
        &["list"],
        &["protect", "f"],
        &["rewrap", "f"],
        &["recover", "f"],
        &["sync"],
    ] {
        let ran = machine.pipe(b"secret", args);
        assert_eq!(ran.status, Some(1), "{args:?}: {}", ran.stderr);
        assert_eq!(machine.names("."), ["f"], "{args:?}");
    }

    let first = ran(&mut at_default(&machine, &["encrypt", "-q", "f"]), b"").done();
    // Quiet swallows neither that a key was made nor where the sheet lies.
    for said in ["made your key", "founded", "recovery-sheet.txt"] {
        assert!(first.stderr.contains(said), "{said}: {}", first.stderr);
    }
    assert_eq!(first.stderr.lines().count(), 1, "{}", first.stderr);
    let again = at_default(&machine, &["encrypt", "-q", "--force", "f"]);
    assert_eq!(ran_of(again).done().stderr, "");
    // Only `encrypt` is a first use.
    let other = Machine::new();
    let mut deposit = at_default(&other, &["deposit", "--name", "n"]);
    let deposit = ran(deposit.stdin(std::process::Stdio::piped()), b"s");
    deposit.refused(1, &["there is no Strongroom home"]);
    assert!(other.names(".").is_empty());
}

#[test]
fn no_home_is_made_below_a_folder_of_the_account_s_that_is_not_there() {
    let machine = Machine::at_first_use();
    machine.write("f", "x");
    let gone = machine.path("gone/me").into_os_string();
    for (variable, value) in [
        ("HOME", gone.as_os_str()),
        ("HOME", "rel".as_ref()),
        ("HOME", ".".as_ref()),
        ("XDG_DATA_HOME", gone.as_os_str()),
        ("XDG_DATA_HOME", "rel".as_ref()),
    ] {
        let run = |args: &[&str]| ran_of_with(&machine, args, variable, value);
        for args in [&["encrypt", "f"][..], &["init"]] {
            let said = ["no folder to put the home", "hint: ", variable];
            run(args).refused(1, &said);
        }
        // What needs no home is done.
        run(&["keygen", "-o", "-"]).done();
        assert_eq!(machine.names("."), ["f"], "{variable} {value:?}");
    }
    // It is a folder of the account's that must be there, and none in it.
    fs::create_dir(machine.path("data")).unwrap();
    let data = machine.path("data");
    ran_of_with(
        &machine,
        &["encrypt", "f"],
        "XDG_DATA_HOME",
        data.as_os_str(),
    )
    .done();
    assert!(machine.exists("data/strongroom/identity.txt"));
}

fn ran_of_with(machine: &Machine, args: &[&str], variable: &str, value: &OsStr) -> Ran {
    ran(machine.command(args).env(variable, value), b"")
}

fn ran_of(mut command: Command) -> Ran {
    ran(&mut command, b"")
}

#[test]
fn what_init_did_not_finish_no_other_command_decides() {
    for home in ["home", DEFAULT] {
        let machine = Machine::new();
        machine.write("f", "x");
        fs::create_dir(machine.path("disk")).unwrap();
        let run = |args: &[&str]| {
            let mut command = machine.command(args);
            command.env("STRONGROOM_HOME", machine.path(home));
            if home == DEFAULT {
                command.env_remove("STRONGROOM_HOME");
            }
            ran_of(command)
        };
        // A typo; and later a sheet that can't be written, when an authority was founded already.
        run(&["init", "--authority", "dsik/spare"]).refused(1, &["hint: "]);
        let refused = ["did not finish it", "hint: run `strongroom init` again"];
        for _ in 0..2 {
            run(&["encrypt", "-q", "f"]).refused(1, &refused);
        }
        run(&["init", "--authority", "disk/one", "--sheet", "no/sheet"]).refused(1, &[]);
        run(&["encrypt", "f"]).refused(1, &refused);
        assert!(!machine.exists("f.age"));
        // Nothing is decided: another place does as well.
        let init = run(&["init", "--authority", "disk/two"]).done();
        assert!(init.stderr.contains("founded"), "{}", init.stderr);
        run(&["encrypt", "f"]).done();
        let sheet = format!("{home}/recovery-sheet.txt");
        run(&["sheet", "test", &sheet]).done();
        assert!(machine.read_text(&sheet).contains("disk/two"));
    }
}

#[test]
fn at_a_terminal_it_is_asked_where_and_asked_again_after_a_wrong_answer() {
    let machine = Machine::new();
    machine.write("f", "x");
    let question = "Where shall the spare of your keys live?";
    let Some(said) = machine.at_terminal("encrypt -q f", &["no/such/folder"]) else {
        return;
    };
    assert!(
        said.contains(question) && said.contains("no folder to put"),
        "{said}"
    );
    // With nobody there it is not decided, either.
    machine
        .run(["encrypt", "-q", "f"])
        .refused(1, &["with no authority yet", "`strongroom init`"]);
    assert!(!machine.exists("f.age") && !machine.exists("home/identity.txt"));
    let said = machine.at_terminal("encrypt -q f", &["~/spare"]).unwrap();
    assert!(
        said.contains(question) && said.contains("spare: founded"),
        "{said}"
    );
    machine.opens_to("f.age", b"x");
    assert!(machine.exists("spare/store.db"));
}

#[test]
fn what_failed_where_somebody_named_a_place_founds_nothing_in_another() {
    let refused = ["with no authority yet", "hint: `strongroom init`"];
    for (answer, why) in [
        ("no/such/folder", "no folder to put"),
        ("$disk", "write the path out"),
    ] {
        let machine = Machine::at_first_use();
        machine.write("f", "x");
        let Some(said) = machine.at_terminal("encrypt -q f", &[answer]) else {
            break;
        };
        assert!(said.contains(why), "{said}");
        for _ in 0..2 {
            machine.run(["encrypt", "f"]).refused(1, &refused);
        }
        assert!(!machine.exists("f.age"));
        assert!(!machine.exists(&machine.in_home("identity.txt")));
        assert!(!machine.exists(&machine.in_home("authority")));
        if answer == "$disk" {
            continue;
        }
        // Asked again, it is for whoever answers to say.
        let said = machine.at_terminal("encrypt -q f", &["spare"]).unwrap();
        assert!(said.contains("spare: founded"), "{said}");
        machine.run(["encrypt", "--force", "f"]).done();
    }

    let machine = Machine::at_first_use();
    machine.write("f", "x");
    for home in ["one", "two"] {
        machine.run(["--home", home, "init"]).done();
    }
    machine.run(["--home", "one", "encrypt", "f"]).done();
    let sheet = ["recover", "--sheet", "one/recovery-sheet.txt"];
    let other = [&sheet[..], &["--authority", "two/authority", "f.age"]].concat();
    machine.run(&other).refused(1, &["authority", "hint: "]);
    // It would be in the way of the right one.
    assert!(!machine.exists(".local"));
    machine.run([&sheet[..], &["f.age"]].concat()).done();
    machine.opens_to("f.age", b"x");
}

#[test]
fn a_sheet_of_an_authority_that_was_given_up_does_not_stay() {
    let machine = Machine::new();
    machine.write("code", "in the way");
    let first = ["init", "--authority", "one", "--code-file", "code"];
    machine.run(first).refused(1, &["`code` exists already"]);
    assert!(machine.exists("home/recovery-sheet.txt"));
    let init = machine.run(["init", "--authority", "two"]).done();
    assert!(init.stderr.contains("is given up"), "{}", init.stderr);
    machine
        .run(["sheet", "test", "home/recovery-sheet.txt"])
        .done();
    assert!(
        machine
            .read_text("home/recovery-sheet.txt")
            .contains("/two\n")
    );
}

#[test]
fn init_says_whether_it_founded_or_joined() {
    let machine = Machine::new();
    let init = |home: &str, args: &[&str]| {
        let args = [&["--home", home, "init", "--authority"], args].concat();
        machine.run(args)
    };
    let join = ["shared", "--join"];
    init("early", &join).refused(1, &["there is no authority", "to join", "hint: "]);
    assert!(!machine.exists("shared"));
    for (home, args, said) in [
        ("one", &["shared"][..], "shared: founded"),
        ("two", &["shared"], "shared: joined 1 owner\n"),
        ("three", &join, "shared: joined 2 owners\n"),
        ("early", &join, "shared: joined 3 owners\n"),
        ("four", &["shraed"], "shraed: founded"),
    ] {
        let ran = init(home, args).done();
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    machine.run(["init", "--join"]).refused(2, &["--authority"]);
}

#[test]
fn a_damaged_home_is_never_one_that_was_begun() {
    let machine = Machine::with_home();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let whole = machine.read("home/home.db");
    let sheet = machine.read("home/recovery-sheet.txt");
    for torn in [
        Vec::new(),
        vec![0; 4096],
        b"not a database, but some text\n".repeat(200),
        whole[..whole.len() / 2].to_vec(),
        [&[0; 100][..], &whole[100..]].concat(),
    ] {
        machine.write("home/home.db", &torn);
        for args in [
            &["encrypt", "--force", "f"][..],
            &["status", "f.age"],
            &["init"],
            &["list"],
            &["recover", "f.age"],
        ] {
            let ran = machine.run(args).refused(1, &["hint: "]);
            assert!(!ran.stderr.contains("`strongroom init`"), "{}", ran.stderr);
        }
        // Nor without the key, which is what else tells.
        fs::rename(machine.path("home/identity.txt"), machine.path("id")).unwrap();
        machine
            .run(["encrypt", "--force", "f"])
            .refused(1, &["hint: "]);
        fs::rename(machine.path("id"), machine.path("home/identity.txt")).unwrap();
        assert_eq!(machine.read("home/home.db"), torn);
        assert_eq!(machine.read("home/recovery-sheet.txt"), sheet);
    }
    machine.write("home/home.db", whole);
    machine.opens_to("f.age", b"x");
    assert!(machine.is_protected("f.age"));
    // A database of another home, which was begun and no more, knows nothing of these keys.
    let other = Machine::new();
    other
        .run(["init", "--authority", "no/where"])
        .refused(1, &[]);
    machine.write("home/home.db", other.read("home/home.db"));
    machine
        .run(["encrypt", "--force", "f"])
        .refused(1, &["does not know of what is beside it", "hint: "]);
}

#[test]
fn an_authority_whose_store_is_empty_is_damaged_and_never_founded_anew() {
    let machine = Machine::new();
    machine.run(["init", "--authority", "spare"]).done();
    machine.write("f", "x");
    for torn in [&b""[..], b"some text that is no database\n"] {
        machine.write("spare/store.db", torn);
        for name in ["spare/store.db-wal", "spare/store.db-shm"] {
            let _ = fs::remove_file(machine.path(name));
        }
        let ran = machine.run(["encrypt", "f"]);
        assert_ne!(ran.status, Some(0));
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
        let join = ["--home", "second", "init", "--authority", "spare"];
        let ran = machine.run(join);
        assert_ne!(ran.status, Some(0));
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
        assert!(!machine.exists("f.age"));
    }
}

#[test]
fn a_path_that_a_shell_should_have_read_is_read_or_refused() {
    let machine = Machine::new();
    machine.write("f", "x");
    for value in ["~/sr", "~", "$HOME/sr", "~ada/sr", "~bob", "$disk", "$1/sr"] {
        let ran = machine.run_with("STRONGROOM_HOME", value, ["init"]);
        let ran = ran.refused(2, &["write the path out", "in `STRONGROOM_HOME`"]);
        assert!(!ran.stderr.contains("--home"), "{}", ran.stderr);
    }
    for args in [
        ["--home", "$HOME/sr", "init"],
        ["--home=~ada/sr", "init", "-q"],
        ["--home", "~bob", "init"],
        ["--home", "$disk", "init"],
        ["init", "--authority", "~usb"],
        ["init", "--authority", "$disk"],
        ["init", "--authority", "${disk}/spare"],
    ] {
        let ran = machine.run(args).refused(2, &["write the path out"]);
        assert!(!ran.stderr.contains("`STRONGROOM_HOME`"), "{}", ran.stderr);
    }
    assert_eq!(machine.names("."), ["f"]);
    // `HOME` is the machine's folder.
    let init = ["--home=~/sr", "init", "--authority=~/spare", "--sheet=~/s"];
    machine.run(init).done();
    assert_eq!(machine.names("."), ["f", "s", "spare", "sr"]);
    let encrypt = ["--home", "~/sr", "encrypt", "f", "-o", "~/out.age"];
    machine.run(encrypt).done();
    machine.run(["--home", "sr", "decrypt", "out.age"]).done();
    // A text of somebody's is theirs, and so is a file's name that begins so.
    machine.write("~$plan.doc", "open");
    let describe = ["--home", "sr", "encrypt", "~$plan.doc", "--description"];
    let describe = describe.iter().chain(&["~/plan"]);
    machine.run(describe).done();
    let list = machine.run(["--home", "sr", "list"]).done();
    assert!(list.text().contains("~/plan"), "{}", list.text());
}

#[test]
fn an_account_without_a_home_directory_is_told_of_the_variable() {
    use std::os::unix::process::CommandExt as _;

    // In no list of users; it only looks, so that nothing is made where this account's home may be.
    const NOBODY: u32 = 54_321;
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.arg("list").env_clear().current_dir("/");
    let said = match command.uid(NOBODY).output() {
        Ok(output) => String::from_utf8(output.stderr).unwrap(),
        Err(error) => {
            eprintln!("SKIPPED: the command can't be run as a user in no list: {error}");
            return;
        }
    };
    for part in ["no home directory", "hint: ", "STRONGROOM_HOME"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_new_key_is_made_when_the_code_was_right_and_not_before() {
    let machine = Machine::with_home();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let stranger = ["--home", "other", "init", "--code-file", "stranger"];
    machine.run(stranger).done();
    fs::create_dir(machine.path("empty")).unwrap();
    machine.write("plain/note", "no age file");
    machine.remove("home/identity.txt");
    let mistyped = machine.code().replace(char::is_alphanumeric, "q");
    let strangers = machine.read_text("stranger");
    for (code, args) in [
        (mistyped.as_str(), &["recover", "f.age"][..]),
        (strangers.trim(), &["recover", "f.age"]),
        (strangers.trim(), &["recover", "--all"]),
        (&machine.code(), &["recover", "empty"]),
        (&machine.code(), &["recover", "plain"]),
        (&machine.code(), &["recover", "nosuch"]),
    ] {
        let ran = machine.run_with("STRONGROOM_RECOVERY_CODE", code, args);
        assert!(!ran.stderr.contains("made a new key"), "{}", ran.stderr);
        assert!(!machine.exists("home/identity.txt"), "{args:?}");
        // So that what is told next is true.
        machine
            .run(["decrypt", "-o", "-", "f.age"])
            .refused(1, &["is missing"]);
    }
    let ran = machine.recover(["-q", "f.age"]).done();
    assert!(ran.stderr.contains("made a new key"), "{}", ran.stderr);
    machine.opens_to("f.age", b"x");
}

#[test]
fn the_new_key_is_of_the_kind_of_the_lost_one() {
    for (kind, public) in [("hybrid", "age1pq1"), ("x25519", "age1")] {
        let machine = Machine::new();
        let init = ["init", "--code-file", "code", "--key-type", kind];
        machine.run(init).done();
        let made = ["keygen", "--key-type", "x25519", "-o", "other"];
        machine.run(made).done();
        // What somebody else's key opens is no sign of the home's kind.
        let recipient = public_key(&machine, "other");
        let theirs: age::x25519::Recipient = recipient.parse().unwrap();
        machine.write("f.age", age::encrypt(&theirs, b"theirs").unwrap());
        machine.run(["protect", "-i", "other", "f.age"]).done();
        machine.remove("home/identity.txt");
        machine.recover(["f.age"]).done();
        let key = public_key(&machine, "home/identity.txt");
        assert!(key.starts_with(public), "{kind}: {key}");
        assert_eq!(key.starts_with("age1pq1"), kind == "hybrid");
        machine.opens_to("f.age", b"theirs");
        // The key that was never lost opens it still.
        let other: age::x25519::Identity = machine
            .read_text("other")
            .lines()
            .last()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(
            age::decrypt(&other, &machine.read("f.age")).unwrap(),
            b"theirs"
        );
    }
}

#[test]
fn the_new_key_is_sealed_where_the_lost_one_was_and_said_not_to_be_where_it_is_not() {
    const PASSPHRASE: &str = "STRONGROOM_PASSPHRASE";
    let words = "some words for a key";
    let machine = Machine::new();
    machine.write("f", "x");
    let init = ["init", "--passphrase", "--code-file", "code"];
    machine.run_with(PASSPHRASE, words, init).done();
    machine.run(["encrypt", "f"]).done();
    machine.remove("home/identity.txt");
    let said = ["was sealed with a passphrase", "hint: ", PASSPHRASE];
    machine.recover(["f.age"]).refused(1, &said);
    assert!(!machine.exists("home/identity.txt"));
    // It is one key for all files: that it can't be made is said once.
    for copy in ["g.age", "h.age"] {
        machine.write(copy, machine.read("f.age"));
    }
    let ran = machine.recover(["f.age", "g.age", "h.age"]);
    let ran = ran.refused(1, &said);
    let needed = ran.stderr.matches("passphrase is needed").count();
    assert_eq!(needed, 1, "{}", ran.stderr);
    let mut recover = machine.command(["recover", "f.age"]);
    recover.env("STRONGROOM_RECOVERY_CODE", machine.code());
    let ran = ran_of({
        recover.env(PASSPHRASE, words);
        recover
    });
    assert!(ran.done().stderr.contains(", sealed with a passphrase: "));
    let key = machine.read("home/identity.txt");
    assert!(key.starts_with(b"age-encryption.org/v1") || key.starts_with(b"-----BEGIN AGE"));
    let decrypt = ["decrypt", "-o", "-", "f.age"];
    machine.run_with(PASSPHRASE, words, decrypt).done();

    let machine = Machine::with_home();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    machine.remove("home/identity.txt");
    let ran = machine.recover(["-q", "f.age"]).done();
    let said = "not sealed with a passphrase (`--passphrase` seals it)";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

fn public_key(machine: &Machine, file: &str) -> String {
    let text = machine.read_text(file);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    line.unwrap().to_owned()
}

#[test]
fn a_sheet_that_was_another_s_leaves_nothing_in_the_way_of_the_right_one() {
    let machine = Machine::new();
    let init = ["init", "--authority", "shared", "--code-file", "code"];
    machine.run(init).done();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let other = ["--home", "other", "init", "--authority", "shared"];
    machine.run(other).done();
    // So that something is there to be asked for.
    let theirs = ["--home", "other", "encrypt", "f", "-o", "theirs.age"];
    machine.run(theirs).done();
    let recover =
        |sheet: &str| machine.run(["--home", "new", "recover", "--sheet", sheet, "f.age"]);
    // With the ids of somebody else's, and one's own code.
    let theirs = machine.read_text("other/recovery-sheet.txt");
    let typed: String = theirs
        .lines()
        .map_while(|line| (!line.contains("If you lost")).then_some(line))
        .map(|line| match line.strip_prefix("Recovery code: ") {
            Some(_) => format!("Recovery code: {}\n", machine.code()),
            None => format!("{line}\n"),
        })
        .collect();
    machine.write("mixed", typed);
    recover("mixed").refused(1, &["not the recovery code"]);
    assert!(!machine.exists("new/identity.txt"));
    recover("home/recovery-sheet.txt").done();
    let opened = machine.run(["--home", "new", "decrypt", "-o", "-", "f.age"]);
    assert_eq!(opened.done().stdout, b"x");
    // In use, it is nobody's but its owner's.
    recover("other/recovery-sheet.txt").refused(1, &["there is a finished home"]);
}

#[test]
fn secrets_of_a_rebuilt_home_are_known_once_they_were_released() {
    let machine = Machine::new();
    machine.run(["init", "--authority", "shared"]).done();
    machine.pipe(b"one", ["deposit", "--name", "wifi"]).done();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    machine.write("names", "wifi\n");
    let sheet = "home/recovery-sheet.txt";
    let new = |args: &[&str]| machine.run([&["--home", "new"], args].concat());
    new(&["recover", "--sheet", sheet, "f.age"]).done();
    let expect = ["status", "--expect", "names", "--same-disk-ok"];
    let ran = new(&expect).refused(1, &["hint: `strongroom recover --all`"]);
    let said: Vec<&str> = ran.text().split_whitespace().collect();
    assert!(
        said.join(" ").contains("was not released its key"),
        "{}",
        ran.text()
    );
    machine
        .run(["--home", "new", "recover", "--sheet", sheet, "--all"])
        .done();
    new(&expect).done();
}

#[test]
fn where_the_authority_went_is_said_in_the_words_that_help() {
    let machine = Machine::new();
    machine.run(["init", "--authority", "spare"]).done();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let sheet = "home/recovery-sheet.txt";
    fs::rename(machine.path("spare"), machine.path("moved")).unwrap();
    let recover = ["--home", "new", "recover", "--sheet", sheet, "f.age"];
    let ran = machine
        .run(recover)
        .refused(75, &["hint: ", "`--authority DIR` beside `--sheet`"]);
    assert!(!ran.stderr.contains("init"), "{}", ran.stderr);
    let there = recover.iter().chain(&["--authority", "moved"]);
    machine.run(there).done();

    // What is said of the spare on the same disk is what one does.
    let machine = Machine::new();
    let init = machine.run(["init"]).done();
    let command = |begins: &str| {
        let line = init
            .stderr
            .lines()
            .find(|line| line.trim().starts_with(begins));
        line.unwrap_or_else(|| panic!("{begins}: {}", init.stderr))
            .trim()
            .to_owned()
    };
    let moving = command("mv ");
    let telling = command("strongroom init --authority ");
    let strongroom = env!("CARGO_BIN_EXE_strongroom");
    let telling = telling.replacen("strongroom", strongroom, 1);
    let both = format!("{moving}\n{telling}\n").replace("DIR", "elsewhere");
    let mut shell = Command::new("sh");
    shell
        .args(["-ec", &both])
        .current_dir(machine.path("."))
        .env("STRONGROOM_HOME", machine.path("home"));
    ran_of(shell).done();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    assert!(machine.exists("elsewhere/store.db"));
}

#[test]
fn a_damaged_key_is_told_how_to_go_on() {
    let machine = Machine::with_home();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let identity = machine.read("home/identity.txt");
    for damaged in [&b""[..], b"\n", b"AGE-SECRET-KEY-1QQQ\n", b"\xff\xfe\0"] {
        machine.write("home/identity.txt", damaged);
        for args in [
            &["decrypt", "-o", "-", "f.age"][..],
            &["recover", "f.age"],
            &["encrypt", "--force", "f"],
            &["rewrap", "f.age"],
        ] {
            machine
                .run_with("STRONGROOM_RECOVERY_CODE", &machine.code(), args)
                .refused(1, &["identity.txt", "hint: ", "move it aside"]);
        }
        assert_eq!(machine.read("home/identity.txt"), damaged);
    }
    // And so it is.
    fs::rename(machine.path("home/identity.txt"), machine.path("aside")).unwrap();
    machine.recover(["f.age"]).done();
    machine.opens_to("f.age", b"x");
    machine.write("home/identity.txt", identity);
    machine.write("home/device.key", "");
    let device = ["hint: ", "`strongroom recover --all`"];
    let encrypt = ["encrypt", "--force", "f"];
    machine
        .run(encrypt)
        .refused(1, &device)
        .refused(1, &["is not a device key", "move it aside"]);
    machine.remove("home/device.key");
    machine.run(encrypt).refused(1, &device);
    // And so it does.
    machine.recover(["--all"]).done();
    machine.run(encrypt).done();
}

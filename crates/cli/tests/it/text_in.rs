//! What people hand in: texts from any editor on any machine, files that are named as what they are not, passphrases, ids.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::machine::{Machine, ran};

/// A text as an editor of Windows saves it: with a mark, CR LF and blanks.
fn by_windows(text: &str) -> String {
    format!("\u{feff}{}", text.replace('\n', " \r\n"))
}

fn utf_16(text: &str) -> Vec<u8> {
    let text = format!("\u{feff}{text}");
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn every_text_is_read_as_windows_saves_it_and_utf_16_is_named() {
    let machine = Machine::with_classic_home();
    machine.write("f", "x");
    let made = ["keygen", "--key-type", "x25519", "-o", "key"];
    machine.run(made).done();
    let key = machine.read_text("key");
    let public = key
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    machine
        .pipe(b"secret", ["deposit", "--name", "wifi"])
        .done();
    let age = ["encrypt", "-a", "-r", public, "f", "-o", "armored.age"];
    machine.run(age).done();
    let policy = machine.run(["policy", "show"]).done().text().to_owned();
    let texts: [(&str, String, &[&str]); 8] = [
        (
            "identity",
            key.clone(),
            &["decrypt", "-i", "identity", "-o", "-", "armored.age"],
        ),
        (
            "recipients",
            format!("{public}  # Alice\n"),
            &["encrypt", "-R", "recipients", "f", "-o", "out", "--force"],
        ),
        (
            "secrets",
            r#"{"name":"lan","secret":"s"}"#.to_owned() + "\n",
            &["deposit", "--from", "secrets"],
        ),
        (
            "names",
            "# all\nwifi\n".to_owned(),
            &["status", "--expect", "names", "--same-disk-ok"],
        ),
        (
            "code-file",
            machine.read_text("code"),
            &["sheet", "test", "--code-file", "code-file"],
        ),
        (
            "sheet",
            machine.read_text("home/recovery-sheet.txt"),
            &["sheet", "test", "sheet"],
        ),
        ("policy.toml", policy, &["policy", "check", "policy.toml"]),
        (
            "armor.age",
            machine.read_text("armored.age"),
            &["decrypt", "-i", "key", "-o", "-", "armor.age"],
        ),
    ];
    for (name, text, args) in &texts {
        machine.write(name, text);
        let plain = machine.run(*args).done();
        machine.write(name, by_windows(text));
        let windows = machine.run(*args).done();
        if args.contains(&"-o") {
            assert_eq!(windows.stdout, plain.stdout, "{name}");
        }
        machine.write(name, utf_16(text));
        machine
            .run(*args)
            .refused(1, &["UTF-16", "save it as UTF-8"]);
    }
    // The home's own files, after somebody looked into them.
    for name in [
        "home/identity.txt",
        "home/device.key",
        "home/authority/keys.txt",
    ] {
        let text = machine.read_text(name);
        machine.write(name, by_windows(&text));
    }
    machine.run(["encrypt", "--force", "f"]).done();
    machine.opens_to("f.age", b"x");
    machine.write("names", utf_16("f\n"));
    machine
        .run(["encrypt", "--files-from", "names"])
        .refused(1, &["UTF-16", "save it as UTF-8"]);
    // What is no text is told by its line.
    machine.write("names", b"wifi\n# k\xe4se\n");
    let expect = ["status", "--expect", "names"];
    machine.run(expect).refused(1, &["line 2 is not UTF-8"]);
}

#[test]
fn a_list_of_files_keeps_what_is_the_names_and_drops_what_is_windows_s() {
    let machine = Machine::with_home();
    for name in ["one", "two ", " three", "four\r"] {
        machine.write(name, name);
    }
    machine.write("list", "\u{feff}one\r\ntwo \r\n\r\n three");
    machine.run(["encrypt", "--files-from", "list"]).done();
    assert!(machine.exists("two .age") && machine.exists(" three.age"));
    machine.write("list", "four\r\nmissing\n");
    machine
        .run(["encrypt", "--files-from", "list"])
        .refused(1, &["missing"]);
    assert!(machine.exists("four\r.age"));
    let odd = std::ffi::OsStr::from_bytes(b"k\xe4se");
    fs::write(machine.path(odd), "x").unwrap();
    machine.write("list", b"k\xe4se\n");
    machine.run(["encrypt", "--files-from", "list"]).done();
    // A list that was not written says nothing, and nothing is what comes of it.
    for (input, args) in [
        (&b""[..], &["deposit", "--from", "-"][..]),
        (b"\n\n", &["deposit", "--from", "-"]),
        (b"# only a remark\n", &["status", "--expect", "-"]),
    ] {
        machine
            .pipe(input, args)
            .refused(1, &["is empty", "hint: "]);
    }
}

#[test]
fn a_key_that_can_not_be_used_does_not_stop_the_others() {
    let machine = Machine::with_home();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let own = machine.read_text("home/identity.txt");
    let plugin = "AGE-PLUGIN-FOO-1DPJKCMR0X80STU\n";
    machine.run(["keygen", "-o", "other"]).done();
    for (text, line) in [
        (format!("{own}{plugin}"), "line 4"),
        (format!("{plugin}{own}"), "line 1"),
        (format!("nonsense\n{own}"), "line 1"),
        (format!("AGE-SECRET-KEY-PQ-1QQQ # typo\n{own}"), "line 1"),
    ] {
        machine.write("keys", &text);
        let ran = machine.run(["decrypt", "-i", "keys", "-o", "-", "f.age"]);
        let ran = ran.refused(0, &["warning: ", line, "can't be used"]);
        assert_eq!(ran.stdout, b"x");
        // Whom a file is encrypted to is another matter.
        machine
            .run(["encrypt", "-i", "keys", "f", "-o", "out"])
            .refused(1, &[line]);
        assert!(!machine.exists("out"));
    }
    for args in [
        &["-i", "missing", "-i", "other", "-i", "keys"][..],
        &["-i", "keys", "-i", "missing"],
        &["-i", "f.age", "-i", "keys"],
    ] {
        let decrypt = ["decrypt", "-o", "-", "f.age"].iter().chain(args);
        let ran = machine.run(decrypt).refused(0, &["warning: "]);
        assert_eq!(ran.stdout, b"x");
    }
    machine
        .run(["decrypt", "-i", "missing", "-i", "f", "-o", "-", "f.age"])
        .refused(1, &["warning: "]);
    machine.write("keys", plugin);
    machine
        .run(["decrypt", "-i", "keys", "-o", "-", "f.age"])
        .refused(1, &["plugins are not supported"]);
    for kind in ["OPENSSH", "RSA"] {
        machine.write(
            "ssh",
            format!("-----BEGIN {kind} PRIVATE KEY-----\nb3BlbnNzaA==\n"),
        );
        let hint = "hint: it is a private key of SSH's: what was encrypted to its public key, `age -d -i KEY FILE` opens";
        for command in [&["decrypt", "-o", "-"][..], &["rewrap"], &["protect"]] {
            let args = command.iter().chain(&["-i", "ssh", "f.age"]);
            machine.run(args).refused(1, &[hint]);
        }
    }
    machine
        .run(["encrypt", "-r", "ssh-ed25519 AAAA", "-o", "other", "f"])
        .refused(1, &["hint: it is a public key of SSH's"]);
    // In the home: what opens goes on, and nothing is encrypted to an older key by mistake.
    machine.write("home/identity.txt", format!("{own}{plugin}"));
    machine.opens_to("f.age", b"x");
    machine.run(["encrypt", "--force", "f"]).done();
    machine.write("home/identity.txt", format!("{plugin}{own}"));
    machine.opens_to("f.age", b"x");
    machine
        .run(["encrypt", "--force", "f"])
        .refused(1, &["line 1", "hint: "]);
}

#[test]
fn a_file_is_what_its_content_says_and_one_that_should_be_encrypted_is_told_of() {
    let machine = Machine::with_home();
    machine.write("d/f", "f");
    machine.run(["encrypt", "-q", "d/f"]).done();
    for (name, bytes) in [
        ("blob.bin", &b"\n\0\x01\x02"[..]),
        ("dash", b"-----\nno armor\n"),
        ("page.md", b"---\ntitle: x\n---\n"),
        ("cert.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n"),
        ("blank", b"   \t \n"),
        ("zeros", &[0; 64]),
        ("almost", b"age-encryption.or"),
    ] {
        machine.write(&format!("d/{name}"), bytes);
    }
    let status = ["status", "--same-disk-ok", "d"];
    let ran = machine.run(status).done();
    assert!(
        ran.text().contains("8 other files passed over"),
        "{}",
        ran.text()
    );
    machine.run(["protect", "d"]).done();
    machine.run(["rewrap", "d"]).done();
    machine.recover(["d"]).done();
    // The other way round.
    let whole = machine.read("d/f.age");
    let torn = [&b"XX"[..], &whole[2..]].concat();
    for (name, bytes, said) in [
        ("d/torn.age", torn.as_slice(), "its beginning is torn"),
        ("d/EMPTY.AGE", b"", "the file is empty"),
        ("d/empty.capi", b"", "the file is empty"),
        ("d/cut.age", &whole[..9], "its beginning is torn"),
        ("d/zero.Age", &[0; 500], "its beginning is torn"),
    ] {
        machine.write(name, bytes);
        let ran = machine.run(status).refused(1, &[]);
        assert!(ran.text().contains(said), "{name}: {}", ran.text());
        machine.recover(["d"]).refused(1, &[said]);
        machine.run(["rewrap", "d"]).refused(1, &[said]);
        machine.run(["protect", "d"]).refused(1, &[said]);
        machine
            .run(["decrypt", "-o", "-", name])
            .refused(1, &[said]);
        machine.remove(name);
    }
    machine.run(status).done();
    // A text that is called so never was one.
    machine.write("d/campaign.age", "plain\n");
    for args in [
        &status[..],
        &["rewrap", "d"],
        &["protect", "d"],
        &["recover", "d"],
    ] {
        let ran = machine.run(args).done();
        let said = "1 file named as an encrypted one";
        let all = format!("{}{}", ran.text(), ran.stderr);
        assert_eq!(all.matches(said).count(), 1, "{args:?}: {all}");
    }
    machine.remove("d/campaign.age");
    // Whatever it is called, what the home has read as an encrypted file is known to have been one.
    fs::rename(machine.path("d/f.age"), machine.path("d/archive")).unwrap();
    machine
        .run(["status", "--deep", "--same-disk-ok", "d"])
        .done();
    let archive = machine.read("d/archive");
    machine.change("d/archive", |bytes| bytes[0] ^= 1);
    let ran = machine.run(status).refused(1, &[]);
    let said: Vec<&str> = ran.text().split_whitespace().collect();
    assert!(
        said.join(" ").contains("does not begin as one any more"),
        "{}",
        ran.text()
    );
    machine.write("d/archive", archive);
    machine.run(status).done();
    // Armor that came by mail, and bytes that came as text.
    machine
        .run(["encrypt", "-a", "d/f", "-o", "text.age"])
        .done();
    let armor = machine.read_text("text.age");
    machine.write("mail.age", format!("Dear Bob,\n\n{armor}"));
    machine
        .run(["decrypt", "-o", "-", "mail.age"])
        .refused(1, &["before the armor", "line 3", "hint: "]);
    machine
        .pipe(format!("Hi\n{armor}").as_bytes(), ["decrypt", "-"])
        .refused(1, &["before the armor", "line 2"]);
    let as_text: Vec<u8> = whole
        .iter()
        .flat_map(|byte| match byte {
            b'\n' => vec![b'\r', b'\n'],
            byte => vec![*byte],
        })
        .collect();
    machine.write("mangled.age", as_text);
    machine
        .run(["decrypt", "-o", "-", "mangled.age"])
        .refused(1, &["line ends are CR LF"]);
}

#[test]
fn what_is_called_encrypted_is_encrypted_or_said_to_be_passed_over() {
    let machine = Machine::with_home();
    machine.write("arch/real.txt", "real");
    machine.write("arch/campaign.age", "plain");
    machine.write("arch/photo.AGE", [0xff, 0xd8, 0, 1]);
    let ran = machine.run(["encrypt", "arch"]).done();
    let said = "1 file named as an encrypted one passed over";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(machine.exists("arch/real.txt.age"));
    machine.opens_to("arch/campaign.age.age", b"plain");
    assert!(!machine.exists("arch/photo.AGE.age"));
    machine.run(["encrypt", "arch/photo.AGE"]).done();
    machine.opens_to("arch/photo.AGE.age", &[0xff, 0xd8, 0, 1]);
    // What is encrypted under whatever name is not encrypted again.
    fs::rename(
        machine.path("arch/real.txt.age"),
        machine.path("arch/other.bin"),
    )
    .unwrap();
    machine.remove("arch/real.txt");
    machine.run(["encrypt", "arch"]).done();
    assert!(!machine.exists("arch/other.bin.age"));
    machine.opens_to("arch/other.bin", b"real");
    // In capitals, the name of what it becomes is known as well.
    fs::rename(machine.path("arch/other.bin"), machine.path("arch/B.AGE")).unwrap();
    machine.run(["decrypt", "arch/B.AGE"]).done();
    assert_eq!(machine.read_text("arch/B"), "real");
}

#[test]
fn what_is_called_encrypted_and_is_not_is_to_be_had_from_a_copy() {
    let machine = Machine::with_home();
    machine.write("empty.age", "");
    machine.write("zeroed.age", [0; 4096]);
    machine.write("zeroed.capi.AGE", [0; 4096]);
    for name in ["empty.age", "zeroed.age", "zeroed.capi.AGE"] {
        for command in ["status", "decrypt", "protect"] {
            let ran = machine.run([command, name]);
            let ran = ran.refused(1, &["get it back from a copy"]);
            assert!(!ran.stderr.contains("strongroom encrypt"), "{}", ran.stderr);
        }
    }
    machine.write("note", "a text of somebody's");
    machine
        .run(["status", "note"])
        .refused(1, &["`strongroom encrypt FILE` makes one of it"]);
}

#[test]
fn a_passphrase_opens_as_it_can_be_typed() {
    let variable = "STRONGROOM_PASSPHRASE";
    let (composed, decomposed) = ("w\u{f6}rd for w\u{f6}rd", "wo\u{308}rd for wo\u{308}rd");
    let machine = Machine::new();
    let init = ["init", "--passphrase", "--code-file", "code"];
    for (bad, said) in [
        ("correct\u{1b}horse", "control character"),
        ("two\nlines of it", "control character"),
        ("short", "shorter than 8"),
    ] {
        machine.run_with(variable, bad, init).refused(1, &[said]);
        assert!(!machine.exists("home/identity.txt"));
        machine
            .run_with(variable, bad, ["keygen", "--passphrase", "-o", "k"])
            .refused(1, &[said]);
    }
    machine
        .run_with(variable, &format!("{decomposed}\n"), init)
        .done();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let decrypt = ["decrypt", "-o", "-", "f.age"];
    for typed in [composed, decomposed, &format!("{composed}\r\n")] {
        let opened = machine.run_with(variable, typed, decrypt).done();
        assert_eq!(opened.stdout, b"x");
    }
    let wrong = machine.run_with(variable, "wrong", decrypt);
    let wrong = wrong.refused(1, &["the passphrase does not open", "hint: ", variable]);
    assert!(
        wrong.stderr.lines().count() <= 2 && !wrong.stderr.contains("any of these keys"),
        "{}",
        wrong.stderr
    );
    let mut bytes = machine.command(decrypt);
    bytes.env(variable, std::ffi::OsStr::from_bytes(b"p\xf6"));
    ran(&mut bytes, b"").refused(1, &["STRONGROOM_PASSPHRASE is no text", "hint: "]);
    let mut bytes = machine.command(["recover", "f.age"]);
    bytes.env(
        "STRONGROOM_RECOVERY_CODE",
        std::ffi::OsStr::from_bytes(b"p\xf6"),
    );
    bytes.env(variable, composed);
    machine.remove("home/identity.txt");
    ran(&mut bytes, b"").refused(1, &["STRONGROOM_RECOVERY_CODE is no text"]);
    let any = ["keygen", "--passphrase", "--any-passphrase", "-o", "k"];
    machine.run_with(variable, "a", any).done();
}

#[test]
fn scripts_have_passphrases_and_codes_from_where_they_keep_them() {
    let machine = Machine::new();
    machine.write("words", "correct horse\r\n");
    fs::set_permissions(machine.path("words"), fs::Permissions::from_mode(0o600)).unwrap();
    let init = [
        "--passphrase-file",
        "words",
        "init",
        "--passphrase",
        "--code-file",
        "code",
    ];
    machine.run(init).done();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let decrypt = ["decrypt", "-o", "-", "f.age"];
    let with = |option: &str, value: &str, input: &[u8]| {
        let args = [option, value].into_iter().chain(decrypt);
        machine.pipe(input, args)
    };
    assert_eq!(with("--passphrase-file", "words", b"").done().stdout, b"x");
    let piped = with("--passphrase-file", "-", b"\xef\xbb\xbfcorrect horse");
    assert_eq!(piped.done().stdout, b"x");
    let command = with("--passphrase-command", "echo correct horse", b"");
    assert_eq!(command.done().stdout, b"x");
    with("--passphrase-command", "echo wrong", b"").refused(1, &["does not open"]);
    with("--passphrase-command", "echo correct horse; exit 3", b"")
        .refused(1, &["exit 3", "exit status: 3"]);
    with("--passphrase-file", "missing", b"").refused(1, &["`missing`"]);
    // Asked for many files, it is run once.
    machine.write("g", "y");
    machine.run(["encrypt", "g"]).done();
    let counted = "echo >> runs; echo correct horse";
    let many = [
        "decrypt",
        "--force",
        "f.age",
        "g.age",
        "--passphrase-command",
        counted,
    ];
    machine.run(many).done();
    assert_eq!(machine.read_text("runs"), "\n");
    // What it runs has no secrets of ours, and the named place counts before the variable.
    let looks = "test -z \"$STRONGROOM_PASSPHRASE\" && echo correct horse";
    let args = ["--passphrase-command", looks].into_iter().chain(decrypt);
    machine
        .run_with("STRONGROOM_PASSPHRASE", "wrong", args)
        .done();
    machine
        .run(["--passphrase-file", "-", "decrypt", "-"])
        .refused(2, &["one purpose"]);
    let both = ["--passphrase-file", "words", "--passphrase-command", "x"];
    machine.run(both.iter().chain(&decrypt)).refused(2, &[]);

    machine.remove("home/identity.txt");
    let code = machine.read("code");
    let recover = ["recover", "--code-file", "-", "f.age"];
    let sealed = ["--passphrase-file", "words"];
    machine.pipe(&code, sealed.iter().chain(&recover)).done();
    let opened = machine.run(sealed.iter().chain(&decrypt)).done();
    assert_eq!(opened.stdout, b"x");
    let test = ["sheet", "test", "--code-file", "-"];
    machine.pipe(&code, test).done();
}

#[test]
fn a_mistyped_sheet_is_told_by_its_line_and_one_line_is_enough() {
    let machine = Machine::with_home();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    let sheet = machine.read_text("home/recovery-sheet.txt");
    let recover = |home: &str, sheet: &str| {
        let args = ["--home", home, "recover", "--sheet", sheet, "f.age"];
        machine.run(args)
    };
    for (line, digit) in [("Owner id: ", "7"), ("Authority id: ", "7")] {
        let start = sheet.find(line).unwrap() + line.len();
        let mut typo = sheet.clone();
        let digit = if sheet.split_at(start).1.starts_with(digit) {
            "8"
        } else {
            digit
        };
        typo.replace_range(start..=start, digit);
        machine.write("typo", typo);
        let name = line.trim_end_matches(": ");
        recover("new", "typo").refused(1, &[&format!("`{name}`"), "hint: "]);
        assert!(!machine.exists("new"));
    }
    let line = sheet
        .lines()
        .find(|line| line.trim().starts_with("STRONGROOM1"))
        .unwrap();
    let (begin, end) = line.split_at(60);
    let texts = [
        line.trim().to_owned(),
        format!("{}\r\n", line.to_lowercase()),
        format!("{}\n{}\n", begin, end.trim()),
    ];
    for (number, text) in texts.iter().enumerate() {
        let home = format!("by-line-{number}");
        let args = ["--home", &home, "recover", "--sheet", "-", "f.age"];
        machine.pipe(text.as_bytes(), args).done();
        let decrypt = ["--home", &home, "decrypt", "-o", "-", "f.age"];
        assert_eq!(machine.run(decrypt).done().stdout, b"x");
    }
    machine.write("small", sheet.to_lowercase());
    machine.run(["sheet", "test", "small"]).done();
    let mut lines = sheet.lines().filter(|line| line.contains('\u{2588}'));
    assert!(lines.next().is_some(), "there is a picture:\n{sheet}");
}

#[test]
fn a_serial_is_taken_in_capitals_and_by_its_beginning() {
    let machine = Machine::with_home();
    for name in ["one", "two"] {
        let deposit = ["deposit", "--name", name];
        machine.pipe(name.as_bytes(), deposit).done();
    }
    let listed = machine
        .run(["list", "--json", "--name", "two"])
        .done()
        .json();
    let serial = listed[0]["serial"].as_str().unwrap().to_owned();
    for typed in [
        serial.clone(),
        serial.to_uppercase(),
        serial.split_at(8).0.to_uppercase(),
        format!(" {} ", serial.split_at(12).0),
    ] {
        let recover = ["recover", "--serial", &typed, "-o", "-"];
        assert_eq!(machine.run(recover).done().stdout, b"two", "{typed}");
    }
    for (typed, status, said) in [
        ("ab", 2, "4 of them and more"),
        ("xyzw", 2, "hexadecimal"),
        ("0123456789", 1, "knows no serial that begins with"),
    ] {
        machine
            .run(["recover", "--serial", typed, "-o", "-"])
            .refused(status, &[said]);
    }
}

#[test]
fn a_name_is_one_however_it_is_typed() {
    let machine = Machine::with_home();
    let deposit = |name: &str| machine.pipe(b"s", ["deposit", "--name", name]);
    deposit("disk/h1 ").done();
    let again = deposit("disk/h1").done();
    assert!(again.stderr.contains("supersedes "), "{}", again.stderr);
    deposit("cafe\u{301}").done();
    deposit("caf\u{e9}").done();
    deposit("#1/host").refused(2, &["remark in a list"]);
    machine
        .pipe(
            b"\xef\xbb\xbf{\"name\":\"#1\",\"secret\":\"s\"}\n",
            ["deposit", "--from", "-"],
        )
        .refused(1, &["line 1", "remark in a list"]);
    machine.write("names", "disk/h1 \r\ncafe\u{301}\n");
    let expect = ["status", "--expect", "names", "--same-disk-ok"];
    let ran = machine.run(expect).done();
    assert!(
        ran.text().contains("2 secrets: 2 protected"),
        "{}",
        ran.text()
    );
    let listed = machine
        .run(["list", "--json", "--name", "cafe\u{301}"])
        .done();
    assert_eq!(listed.json().len(), 2);
}

#[test]
fn what_is_in_a_policy_twice_is_named() {
    let machine = Machine::new();
    machine.write(
        "policy",
        "lapse = \"30 days\"\n\n[change]\ncodes = true\ncodes = false\n",
    );
    machine
        .run(["policy", "check", "policy"])
        .refused(1, &["line 5: duplicate key `codes`"]);
}

#[test]
fn a_code_is_asked_for_again_when_it_was_mistyped() {
    let machine = Machine::with_home();
    machine.write("f", "x");
    machine.run(["encrypt", "f"]).done();
    machine
        .run(["--home", "other", "init", "--code-file", "stranger"])
        .done();
    machine.remove("home/identity.txt");
    // Mistyped; somebody else's; right. Each when it is asked for.
    let code = machine.code();
    let mistyped = code.replacen(code.chars().next().unwrap(), "_", 1);
    let typed = [
        mistyped,
        machine.read_text("stranger").trim().to_owned(),
        code,
    ];
    let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
    let Some(said) = machine.at_terminal("recover f.age", &typed) else {
        return;
    };
    assert_eq!(said.matches("Once more:").count(), 2, "{said}");
    assert_eq!(said.matches("made a new key").count(), 1, "{said}");
    machine.opens_to("f.age", b"x");
}

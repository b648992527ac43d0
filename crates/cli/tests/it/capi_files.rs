//! Files of CryptoAPI's example programs: the first loop, what is said of a changed one, and the vectors of a provider
//! that is not ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::machine::{Machine, ran};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/capi")
}

/// The vectors' files with what they decrypt to.
fn vector_files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(vectors().join("seals")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "file")
        {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let plain = name.rsplit('-').nth(1).unwrap();
            let plain = vectors().join(format!("plain/{plain}.bin"));
            files.push((path, fs::read(plain).unwrap()));
        }
    }
    assert_eq!(files.len(), 9);
    files
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap()
}

fn plaintext() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// A machine with `a.capi`, encrypted from [`plaintext`].
fn with_file() -> Machine {
    let machine = Machine::with_home();
    machine.write("a", plaintext());
    machine.run(["encrypt", "--format", "capi", "a"]).done();
    machine.remove("a");
    machine
}

/// The length in bytes of the header for an RSA key of so many bits.
const fn header_bytes(bits: usize) -> usize {
    4 + 12 + bits / 8
}

#[test]
fn a_file_whose_rsa_key_was_lost_opens_again() {
    let machine = Machine::with_home();
    machine.write("a", plaintext());
    let first = machine.run(["encrypt", "--format", "capi", "a"]).done();
    for said in ["made an RSA key of 2048 bits", "has no integrity"] {
        assert!(first.stderr.contains(said), "{said}: {}", first.stderr);
    }
    machine.remove("a");
    let status = machine.status("a.capi");
    assert_eq!(
        (&status["state"], &status["detached"]),
        (&"matched".into(), &true.into())
    );
    assert!(machine.is_protected("a.capi"));
    machine.run(["decrypt", "a.capi"]).done();
    assert!(machine.read("a") == plaintext());

    machine.remove("home/exchange.priv");
    let missing = ["exchange.priv` is missing", "strongroom recover"];
    machine
        .run(["decrypt", "a.capi", "-o", "-"])
        .refused(1, &missing);
    // Nothing is encrypted to a key that is lost, and none is made in its place.
    machine
        .run(["encrypt", "--force", "--format", "capi", "a"])
        .refused(1, &missing);
    let before = machine.read("a.capi");
    machine.recover(["a.capi"]).done();
    let after = machine.read("a.capi");
    let header = header_bytes(2048);
    assert!(before.len() == after.len() && before[..header] != after[..header]);
    assert!(before[header..] == after[header..]);
    machine.opens_to("a.capi", &plaintext());
    assert!(machine.is_protected("a.capi"));

    // Again, and for a key of another size: a copy.
    machine.remove("home/exchange.priv");
    let ran = machine.recover(["--key-bits", "3072", "a.capi"]).done();
    assert!(ran.stderr.contains("replaced by a copy"), "{}", ran.stderr);
    let longer = machine.read("a.capi");
    assert!(longer[header_bytes(3072)..] == after[header..]);
    machine.opens_to("a.capi", &plaintext());
    assert!(machine.is_protected("a.capi"));
    let again = machine.recover(["a.capi"]).done();
    assert!(
        again.stderr.contains("opens with your key already"),
        "{}",
        again.stderr
    );
    assert_eq!(machine.names("."), ["a", "a.capi", "code", "home"]);
}

#[test]
fn every_cipher_with_either_padding_comes_back() {
    let machine = Machine::with_home();
    let ciphers = [
        "aes-128", "aes-192", "aes-256", "des", "3des", "3des-112", "rc2", "rc4",
    ];
    for cipher in ciphers {
        for (number, padding) in [None, Some("--oaep")].into_iter().enumerate() {
            let name = format!("{cipher}-{number}");
            machine.write(&name, &name);
            let mut arguments = vec!["encrypt", "--format", "capi", "--cipher", cipher, &name];
            arguments.extend(padding);
            if !cipher.starts_with("aes") {
                machine
                    .run(&arguments)
                    .refused(1, &["is a legacy cipher: ", "--legacy"]);
                assert!(!machine.exists(&format!("{name}.capi")));
                arguments.push("--legacy");
            }
            let ran = machine.run(&arguments).done();
            assert_eq!(ran.stderr.contains("warning: "), !cipher.starts_with("aes"));
        }
    }
    let names: Vec<String> = ciphers
        .iter()
        .flat_map(|cipher| [format!("{cipher}-0.capi"), format!("{cipher}-1.capi")])
        .collect();
    let open = || {
        for name in &names {
            machine.opens_to(name, name.trim_end_matches(".capi").as_bytes());
        }
    };
    open();
    machine.remove("home/exchange.priv");
    machine.recover(&names).done();
    open();
}

#[test]
fn files_of_another_provider_open_without_a_home() {
    let machine = Machine::new();
    // Nobody else can read them, or that would be said.
    let private = |name: &str| {
        let path = machine.path(name);
        fs::copy(vectors().join("keys").join(name), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        text(path)
    };
    let (key, pem) = (private("own1024.priv"), private("own1024.pem"));
    for (file, plaintext) in vector_files() {
        let file = text(file);
        for key in [&key, &pem] {
            let arguments = [
                "decrypt", "--key", key, "--pkcs1", "-o", "out", "--force", &file,
            ];
            let ran = machine.run(arguments).done();
            for said in ["1024 bits", "nothing shows whether this file was changed"] {
                assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
            }
            assert!(machine.read("out") == plaintext, "{file}");
        }
        machine.remove("out");
        machine
            .run(["decrypt", "--key", &key, "--oaep", "-o", "out", &file])
            .refused_in_a_line("does not open it");
        machine
            .run(["decrypt", "--key", &key, "-o", "out", &file])
            .refused_in_a_line("how the key in this file is padded");
        assert!(!machine.exists("out"));
    }
    assert!(!machine.exists("home"));
}

#[test]
fn files_of_another_provider_get_a_spare_and_no_byte_changes() {
    let machine = Machine::with_home();
    let key = text(vectors().join("keys/own1024.priv"));
    let mut names = Vec::new();
    for (file, plaintext) in vector_files() {
        let name = format!("data/{}", file.file_name().unwrap().to_str().unwrap());
        machine.write(&name, fs::read(&file).unwrap());
        names.push((name, fs::read(&file).unwrap(), plaintext));
    }
    machine.write("data/other", "no such file at all, though long enough");
    machine.run(["protect", "data"]).done();
    let (first, ..) = &names[0];
    machine
        .run(["protect", first])
        .refused(1, &["an RSA key opens", "--key"]);
    let protect = ["protect", "--key", &key, "--pkcs1", "data"];
    let dry = machine.run([&protect[..], &["--dry-run"]].concat()).done();
    assert!(
        dry.stderr
            .contains("9 files would get a spare\n1 other file passed over"),
        "{}",
        dry.stderr
    );
    machine
        .run(["protect", "--key", &key, "--oaep", first])
        .refused(1, &["does not open it"]);
    machine
        .run(["protect", "--key", &key, first])
        .refused(1, &["--pkcs1"]);
    let ran = machine.run(protect).done();
    assert!(ran.stderr.contains("9 files got a spare"), "{}", ran.stderr);
    let ran = machine.run(protect).done();
    assert!(
        ran.stderr.contains("0 files got a spare, 9 had one"),
        "{}",
        ran.stderr
    );
    for (name, bytes, _) in &names {
        assert!(machine.read(name) == *bytes);
        assert!(machine.is_protected(name));
    }
    // The program's key is lost: they open with ours.
    machine.recover(["data"]).done();
    for (name, _, plaintext) in &names {
        machine.opens_to(name, plaintext);
        assert!(machine.is_protected(name));
    }
}

#[test]
fn a_damaged_file_gets_no_spare() {
    let machine = Machine::with_home();
    let key = text(vectors().join("keys/own1024.priv"));
    let whole = fs::read(vectors().join("seals/aes-aes128-128-pkcs1-2503-own1024.file")).unwrap();
    machine.write("cut", &whole[..whole.len() - 16]);
    machine
        .run(["protect", "--key", &key, "--pkcs1", "cut"])
        .refused(
            1,
            &["no block of AES-128 ends in padding", "is not deposited"],
        );
    machine.write("stale", [&whole[..], &[0; 100]].concat());
    machine
        .run(["protect", "--key", &key, "--pkcs1", "stale"])
        .refused(1, &["2503 bytes, and 100 stale bytes follow"]);
}

#[test]
fn a_changed_file_is_reported_before_any_plaintext() {
    let machine = with_file();
    let whole = machine.read("a.capi");
    let header = header_bytes(2048);
    let mut flipped = whole.clone();
    flipped[header + 5] ^= 1;
    let cut = whole[..whole.len() - 16].to_vec();
    let stale = [&whole[..], &[7; 48]].concat();
    for (changed, said) in [
        (flipped, "the file was changed"),
        (cut, "no block of AES-256 ends in padding"),
        (stale, "400000 bytes, and 48 stale bytes follow"),
        (whole[..header].to_vec(), "there is no ciphertext"),
    ] {
        machine.write("a.capi", changed);
        for target in ["-", "out"] {
            let ran = machine.run(["decrypt", "-o", target, "a.capi"]);
            let ran = ran.refused(
                1,
                &["the file was changed", said, "hint: put the file back"],
            );
            assert!(ran.stdout.is_empty());
        }
        assert!(!machine.exists("out"));
        // Somebody who has nothing else gets what there is, and is told that nothing vouches for it, if not that it does
        // not end well.
        let key = ["--home", "none", "--key", "home/exchange.priv", "--pkcs1"];
        let ran = machine.run([&["decrypt", "-o", "-", "a.capi"][..], &key].concat());
        if ran.status == Some(0) {
            let said = "nothing shows whether";
            assert!(ran.stderr.contains(said), "{}", ran.stderr);
        } else {
            ran.refused_in_a_line("error: a.capi: ");
        }
    }
}

#[test]
fn a_header_that_was_copied_or_spoilt_is_put_right_by_the_payload() {
    let machine = with_file();
    machine.write("b", "another");
    machine.run(["encrypt", "--format", "capi", "b"]).done();
    let header = header_bytes(2048);
    let (a, b) = (machine.read("a.capi"), machine.read("b.capi"));
    machine.write("swapped", [&b[..header], &a[header..]].concat());
    let mut spoilt = a.clone();
    spoilt[100] ^= 1;
    machine.write("spoilt", spoilt);
    machine
        .run(["decrypt", "-o", "-", "swapped"])
        .refused(1, &["the file was changed"]);
    machine
        .run(["decrypt", "-o", "-", "spoilt"])
        .refused(1, &["is padded"]);
    machine.remove("home/exchange.priv");
    machine.recover(["--all", "swapped", "spoilt"]).done();
    for name in ["swapped", "spoilt"] {
        machine.opens_to(name, &plaintext());
        assert!(machine.is_protected(name));
    }
}

#[test]
fn pipes_carry_such_files_and_not_a_byte_before_the_receipt() {
    let machine = Machine::with_home();
    let sealed = machine
        .pipe(&plaintext(), ["encrypt", "--format", "capi", "-"])
        .done()
        .stdout;
    machine.pipe(&sealed, ["decrypt", "-", "-o", "out"]).done();
    assert!(machine.read("out") == plaintext());
    // What has a receipt is read twice.
    let ran = machine.pipe(&sealed, ["decrypt", "-"]);
    assert!(
        ran.refused(1, &["reading it twice", "hint: name the file"])
            .stdout
            .is_empty()
    );
    machine.write("sealed", &sealed);
    let file = fs::File::open(machine.path("sealed")).unwrap();
    let redirected = ran_with(machine.command(["decrypt", "-"]).stdin(file));
    assert!(redirected == plaintext());
    // A file that some program made has none.
    let key = text(vectors().join("keys/own1024.priv"));
    let (file, plaintext) = vector_files().remove(0);
    let opened = machine.pipe(
        &fs::read(file).unwrap(),
        ["decrypt", "--key", &key, "--pkcs1", "-"],
    );
    assert!(opened.done().stdout == plaintext);

    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    let ran = machine.pipe(b"secret", ["encrypt", "--format", "capi", "-"]);
    assert!(ran.refused(75, &[]).stdout.is_empty());
    machine.write("x", "secret");
    machine
        .run(["encrypt", "--format", "capi", "x"])
        .refused(75, &[]);
    assert!(!machine.exists("x.capi"));
}

fn ran_with(command: &mut Command) -> Vec<u8> {
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn a_sealed_home_seals_its_rsa_key_too() {
    let machine = Machine::new();
    let passphrase = "STRONGROOM_PASSPHRASE";
    let init = ["init", "--code-file", "code", "--passphrase"];
    machine.run_with(passphrase, "open sesame", init).done();
    machine.write("a", "text");
    // Making the key takes the public half of the identity alone, and so does every use of it.
    for _ in 0..2 {
        machine
            .run(["encrypt", "--force", "--format", "capi", "a"])
            .done();
    }
    assert!(machine.exists("home/exchange.priv.age") && !machine.exists("home/exchange.priv"));
    machine
        .run(["decrypt", "-o", "-", "a.capi"])
        .refused(1, &["passphrase"]);
    let decrypt = ["decrypt", "-o", "-", "a.capi"];
    let opened = machine.run_with(passphrase, "open sesame", decrypt).done();
    assert_eq!(opened.stdout, b"text");

    // It is lost with the identity, and moved out of the way, not written over; the new one is sealed as well.
    let sealed = machine.read("home/exchange.priv.age");
    machine.remove("home/identity.txt");
    let recover = ["recover", "--code-file", "code", "a.capi"];
    let ran = machine.run_with(passphrase, "open sesame", recover).done();
    assert!(
        ran.stderr.contains("exchange.lost-1.priv.age"),
        "{}",
        ran.stderr
    );
    assert!(machine.read("home/exchange.lost-1.priv.age") == sealed);
    assert!(machine.exists("home/exchange.priv.age") && !machine.exists("home/exchange.priv"));
    let opened = machine.run_with(passphrase, "open sesame", decrypt).done();
    assert_eq!(opened.stdout, b"text");
}

#[test]
fn another_programs_key_gets_the_file_or_the_blob_alone() {
    let machine = with_file();
    let public = text(vectors().join("keys/other2048.pub"));
    let private = text(vectors().join("keys/other2048.priv"));
    let short = text(vectors().join("keys/own1024.pub"));
    let serial = machine.status("a.capi")["serial"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = machine.read("a.capi");
    let identity = machine.read("home/identity.txt");
    machine.remove("home/identity.txt");
    let to = ["--to", &public, "--oaep", "-o", "for-them", "a.capi"];
    machine.recover(to).done();
    assert!(machine.read("a.capi") == before);
    // The home remembers how it is padded, and what belongs behind the header.
    for padding in [&["--oaep"][..], &[]] {
        let decrypt = ["decrypt", "--key", &private, "-o", "-", "for-them"];
        let ran = machine.run([&decrypt[..], padding].concat()).done();
        assert!(ran.stdout == plaintext() && !ran.stderr.contains("nothing shows"));
    }
    machine
        .recover([
            "--to", &public, "--pkcs1", "--serial", &serial, "-o", "blob",
        ])
        .done();
    assert_eq!(machine.read("blob").len(), 268);
    // What is for another takes no key of ours.
    assert!(!machine.exists("home/identity.txt"));
    machine.write("home/identity.txt", identity);
    let unwrap = [
        "capi", "unwrap", "--key", &private, "--pkcs1", "-o", "key", "blob",
    ];
    machine.run(unwrap).done();
    machine.write("ciphertext", &before[header_bytes(2048)..]);
    machine
        .run([
            "capi",
            "decrypt",
            "--session-key",
            "key",
            "-o",
            "plain",
            "ciphertext",
        ])
        .done();
    assert!(machine.read("plain") == plaintext());
    // A key that can be factored takes a word.
    machine
        .recover(["--to", &short, "-o", "short", "a.capi"])
        .refused(1, &["legacy key", "hint: "]);
    machine
        .recover(["--to", &short, "--legacy", "-o", "short", "a.capi"])
        .done();
    assert_eq!(machine.read("short").len(), before.len() - 128);
    // In place, it is theirs alone, and ours again when we ask.
    machine.recover(["--to", &public, "a.capi"]).done();
    machine
        .run(["decrypt", "-o", "-", "a.capi"])
        .refused(1, &["does not open it"]);
    assert!(machine.is_protected("a.capi"));
    machine.recover(["a.capi"]).done();
    machine.opens_to("a.capi", &plaintext());
}

#[test]
fn a_lost_home_finds_its_files_by_their_headers_and_by_their_payloads() {
    let machine = Machine::new();
    fs::create_dir(machine.path("disk")).unwrap();
    let init = ["init", "--authority", "disk/spare", "--sheet", "sheet"];
    machine.run(init).done();
    for name in ["a", "b"] {
        machine.write(name, name);
        machine.run(["encrypt", "--format", "capi", name]).done();
    }
    // This one's header is of a recovery that the new home knows nothing of.
    machine.remove("home/exchange.priv");
    let code = machine.read_text("sheet");
    let code = code
        .lines()
        .find_map(|line| line.strip_prefix("Recovery code: "))
        .unwrap();
    machine
        .run_with("STRONGROOM_RECOVERY_CODE", code, ["recover", "b.capi"])
        .done();
    fs::remove_dir_all(machine.path("home")).unwrap();
    machine
        .run(["recover", "--sheet", "sheet", "a.capi", "b.capi"])
        .done();
    for name in ["a", "b"] {
        let name = format!("{name}.capi");
        machine.opens_to(&name, &name.as_bytes()[..1]);
        assert!(machine.is_protected(&name));
    }
}

#[test]
fn what_the_decrypting_example_left_is_explained_and_kept() {
    let machine = with_file();
    let whole = machine.run(["decrypt", "-o", "-", "a.capi"]).done().stdout;
    for (bytes, explained) in [(1000, true), (992, true), (999, false)] {
        machine.write("out", &whole[..bytes]);
        let ran = machine.run(["decrypt", "-o", "out", "a.capi"]);
        let ran = ran.refused(1, &["`out` exists already", "hint: "]);
        let said = "it takes its first section for the last";
        assert_eq!(ran.stderr.contains(said), explained, "{}", ran.stderr);
        assert!(machine.read("out") == whole[..bytes]);
    }
    machine
        .run(["decrypt", "--force", "-o", "out", "a.capi"])
        .done();
    assert!(machine.read("out") == whole);
}

#[test]
fn what_is_no_such_file_is_refused_in_words() {
    let machine = with_file();
    let whole = machine.read("a.capi");
    let key = ["--key", "home/exchange.priv", "--pkcs1", "-o", "out"];
    let decrypt = |name: &str| machine.run([&["decrypt", name][..], &key].concat());
    machine.write("cut", &whole[..100]);
    decrypt("cut").refused(1, &["ends within its header"]);
    let reason = machine.status("cut")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("ends within its header"), "{reason}");
    // A length that no RSA key has, and one that takes the file for its blob.
    for length in [0_u32, 75, 65_549, u32::MAX] {
        let mut hostile = whole.clone();
        hostile[..4].copy_from_slice(&length.to_le_bytes());
        machine.write("hostile", hostile);
        decrypt("hostile").refused_in_a_line("no file of CryptoAPI's example programs");
        assert_eq!(machine.status("hostile")["protected"], false);
    }
    let mut longer = whole.clone();
    longer[..4].copy_from_slice(&2060_u32.to_le_bytes());
    machine.write("longer", longer);
    // CryptImportKey passes over what follows a wrapped key, and here that is ciphertext.
    let ran = decrypt("longer").done();
    let said = "1792 bytes that are not zeros follow the wrapped key in the header";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    machine.remove("out");
    machine.write("text", "neither the one nor the other");
    decrypt("text").refused(1, &["no file of CryptoAPI's example programs"]);
    machine
        .run(["decrypt", "text", "-o", "out"])
        .refused(1, &["no age file", "hint: ", "CryptoAPI"]);
    let mut keyless = vec![
        "decrypt",
        "a.capi",
        "--key",
        "home/exchange.pub",
        "--pkcs1",
        "-o",
        "out",
    ];
    machine.run(&keyless).refused_in_a_line("is a public key");
    keyless[3] = "text";
    machine.run(&keyless).refused(1, &["is no RSA key"]);
    machine
        .run(["encrypt", "--format", "capi", "-a", "text"])
        .refused(2, &["for your own key alone"]);
    machine
        .run(["encrypt", "--cipher", "des", "text"])
        .refused(2, &["--format capi"]);
    assert!(!machine.exists("out"));
}

#[test]
fn openssl_opens_what_we_encrypt() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: there is no openssl");
        return;
    }
    let machine = with_file();
    let file = machine.read("a.capi");
    let header = header_bytes(2048);
    machine.write(
        "wrapped",
        file[16..header].iter().rev().copied().collect::<Vec<_>>(),
    );
    machine.write("ciphertext", &file[header..]);
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        ran(command.args(arguments).current_dir(machine.path("")), b"").done()
    };
    let pem = [
        "rsa",
        "-inform",
        "MSBLOB",
        "-in",
        "home/exchange.priv",
        "-out",
        "pem",
    ];
    openssl(&pem);
    let key = openssl(&["pkeyutl", "-decrypt", "-inkey", "pem", "-in", "wrapped"]).stdout;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let zero = "0".repeat(32);
    let decrypt = [
        "enc",
        "-d",
        "-aes-256-cbc",
        "-K",
        &hex,
        "-iv",
        &zero,
        "-in",
        "ciphertext",
    ];
    assert!(openssl(&decrypt).stdout == plaintext());
}

#[test]
fn what_an_older_file_replaced_is_encrypted_again() {
    let machine = Machine::with_home();
    for name in ["a", "b"] {
        machine.write(&format!("tree/{name}"), "old");
    }
    let encrypt = ["encrypt", "--format", "capi", "tree"];
    machine.run(encrypt).done();
    machine.write("tree/b", "from before");
    let before = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = fs::File::options()
        .append(true)
        .open(machine.path("tree/b"));
    file.unwrap().set_modified(before).unwrap();
    let said = machine.run(encrypt).done().stderr;
    let expected = "1 file encrypted (1 again, having changed); 1 up to date";
    assert!(said.contains(expected), "{said}");
    machine.opens_to("tree/b.capi", b"from before");
    let said = machine.run(encrypt).done().stderr;
    assert!(said.contains("0 files encrypted; 2 up to date"), "{said}");
}

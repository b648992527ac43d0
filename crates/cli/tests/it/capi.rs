//! `capi` on the blobs and ciphertexts of an independent provider (spec/vectors/capi).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, iter};

use serde_json::Value;

use crate::machine::{Machine, Ran};

/// A file of the vectors, under `own1024` and PKCS#1 v1.5.
const AES_FILE: &str = "seals/aes-aes128-128-pkcs1-2503-own1024.file";

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/capi")
}

fn manifest() -> Value {
    let text = fs::read_to_string(vectors().join("manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A file of the vectors.
pub(crate) fn vector(name: &str) -> String {
    vectors().join(name).to_str().unwrap().to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Runs a subcommand with its options written as a line.
fn capi(machine: &Machine, line: &str) -> Ran {
    machine.run(iter::once("capi").chain(line.split(' ')))
}

/// Asserts that it was refused in one line, which says this, and that nothing was written.
#[track_caller]
fn refused(machine: &Machine, line: &str, said: &str) {
    let ran = capi(machine, line).refused(1, &[said]);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(!machine.exists("out"), "{line}");
}

#[test]
fn every_blob_is_unwrapped_and_every_ciphertext_made_and_opened_as_the_provider_did() {
    let machine = Machine::new();
    let seals = manifest()["seals"].as_array().unwrap().clone();
    assert_eq!(seals.len(), 17);
    for seal in &seals {
        let of = |name: &str| vector(text(&seal[name]));
        let padding = text(&seal["padding"]);
        for (whose, blob) in [("own", "own_blob"), ("auth", "auth_blob")] {
            for ending in ["priv", "pem"] {
                let key = vector(&format!("keys/{}.{ending}", text(&seal[whose])));
                let blob = of(blob);
                let line = format!("unwrap --key {key} --{padding} --force -o key {blob}");
                let ran = capi(&machine, &line).done();
                let warns = text(&seal[whose]).ends_with("1024");
                assert_eq!(ran.stderr.contains("below 2048 bits"), warns);
                let key = machine.read("key");
                let hex: String = key[12..].iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(hex, text(&seal["session_key"]));
            }
        }
        let mode = fs::metadata(machine.path("key")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o077, 0);
        let (plain, cipher) = (of("plain"), of("cipher"));
        let line = format!("decrypt --session-key key --force -o out {cipher}");
        capi(&machine, &line).done();
        assert!(machine.read("out") == fs::read(&plain).unwrap());
        let line = format!("encrypt --session-key key --force -o out {plain}");
        capi(&machine, &line).done();
        assert!(machine.read("out") == fs::read(&cipher).unwrap());
        // Wrapped here, it unwraps here to the same.
        let to = vector(&format!("keys/{}.pub", text(&seal["own"])));
        capi(
            &machine,
            &format!("wrap --to {to} --{padding} --force -o blob key"),
        )
        .done();
        let key = vector(&format!("keys/{}.pem", text(&seal["own"])));
        let line = format!("unwrap --key {key} --{padding} --force -o again blob");
        capi(&machine, &line).done();
        assert_eq!(machine.read("again"), machine.read("key"));
    }
}

#[test]
fn what_a_strict_reader_refuses_is_refused_in_one_line() {
    let machine = Machine::new();
    let own = vector("keys/own2048.priv");
    let good = vector("malformed/good-pkcs1.bin");
    capi(
        &machine,
        &format!("unwrap --key {own} --pkcs1 -o key {good}"),
    )
    .done();
    let mut seen = 0;
    for case in manifest()["malformed"].as_array().unwrap() {
        let file = vector(text(&case["file"]));
        let line = match text(&case["kind"]) {
            "simpleblob" => {
                let padding = text(&case["padding"]);
                format!("unwrap --key {own} --{padding} -o out {file}")
            }
            "publickeyblob" => format!("wrap --to {file} --pkcs1 -o out key"),
            "privatekeyblob" => format!("convert {file} -o out.pem"),
            "ciphertext" => format!("decrypt --session-key key -o out {file}"),
            kind => panic!("{kind}"),
        };
        // Bytes behind a BLOB are what CryptImportKey ignores.
        let is_longer = case["what"] == "one byte too many";
        if case["strict_accepts"] == true || is_longer {
            capi(&machine, &line).done();
            for made in ["out", "out.pem"] {
                let _ = fs::remove_file(machine.path(made));
            }
        } else {
            refused(&machine, &line, "error: ");
            assert!(!machine.exists("out.pem"), "{line}");
        }
        seen += 1;
    }
    assert_eq!(seen, 34);
}

#[test]
fn what_depends_on_the_private_key_is_answered_alike() {
    let machine = Machine::new();
    let own = vector("keys/own2048.priv");
    for name in [
        "wrong-key",
        "not-reversed",
        "rsa-modulus",
        "em-short-ps",
        "em-empty-key",
        "oaep-as-pkcs1",
        "keylen-aes256-with-16",
    ] {
        let blob = vector(&format!("malformed/{name}.bin"));
        let line = format!("unwrap --key {own} --pkcs1 -o out {blob}");
        let ran = capi(&machine, &line).refused(1, &[]);
        let said = format!(
            "error: cannot unwrap `{blob}`: this key, with this padding, does not open it, or to a length that its \
             algorithm has no keys of\n"
        );
        assert_eq!(ran.stderr, said);
    }
}

#[test]
fn keys_are_converted_by_what_they_are_and_what_the_file_is_called() {
    let machine = Machine::new();
    for name in ["own1024", "own2048"] {
        let of = |ending: &str| vector(&format!("keys/{name}.{ending}"));
        let read = |name: String| fs::read(name).unwrap();
        capi(
            &machine,
            &format!("convert {} -o k.pem --force", of("priv")),
        )
        .done();
        capi(&machine, "convert k.pem -o k.priv --force").done();
        assert_eq!(machine.read("k.priv"), read(of("priv")));
        capi(&machine, "convert k.pem -o k.pub --force").done();
        assert_eq!(machine.read("k.pub"), read(of("pub")));
        capi(&machine, "convert k.priv -o k.pub.pem --force").done();
        assert!(machine.read_text("k.pub.pem").contains("BEGIN PUBLIC KEY"));
        capi(&machine, "convert k.pub.pem -o again.pub --force").done();
        assert_eq!(machine.read("again.pub"), read(of("pub")));
        let mode = fs::metadata(machine.path("k.pem")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o077, 0);
    }
    refused(
        &machine,
        "convert k.pub -o out.priv",
        "there is no private half",
    );
    let line = "convert k.pub -o out";
    capi(&machine, line).refused(2, &["the name of OUT says what it becomes"]);
    for option in ["--pkcs1", "--oaep", "--key k.pem", "--description text"] {
        let line = format!("convert {option} k.pub -o out.pem");
        capi(&machine, &line).refused(2, &["are for files that become age files"]);
        assert!(!machine.exists("out.pem"));
    }
    let blob = vector("malformed/good-pkcs1.bin");
    refused(
        &machine,
        &format!("convert {blob} -o out.pem"),
        "SIMPLEBLOB is no RSA key",
    );
    capi(&machine, "convert k.pub -o k.pem").refused(1, &["`k.pem` exists already"]);
}

#[test]
fn files_of_old_ciphers_become_age_files_with_a_spare_and_the_originals_stay() {
    let machine = Machine::with_home();
    let seals = manifest()["seals"].as_array().unwrap().clone();
    let files: Vec<_> = seals
        .iter()
        .filter(|seal| seal["file"].is_string())
        .collect();
    assert_eq!(files.len(), 9);
    for (number, seal) in files.into_iter().enumerate() {
        let (own, padding) = (text(&seal["own"]), text(&seal["padding"]));
        let key = vector(&format!("keys/{own}.priv"));
        let file = vector(text(&seal["file"]));
        let before = fs::read(&file).unwrap();
        let line = format!("convert --key {key} --{padding} -o {number}.age {file}");
        let ran = capi(&machine, &line).done();
        assert!(ran.stderr.contains("verified"), "{}", ran.stderr);
        machine.opens_to(
            &format!("{number}.age"),
            &fs::read(vector(text(&seal["plain"]))).unwrap(),
        );
        assert!(machine.is_protected(&format!("{number}.age")));
        assert!(fs::read(&file).unwrap() == before);
        let again = capi(&machine, &line);
        again.refused(1, &[".age` exists already"]);
    }
    let own = vector("keys/own1024.priv");
    let file =
        text(&seals.iter().find(|seal| seal["file"].is_string()).unwrap()["file"]).to_owned();
    // What is damaged, or opens with another key, makes no copy.
    let mut damaged = fs::read(vector(AES_FILE)).unwrap();
    damaged.truncate(damaged.len() - 1);
    machine.write("damaged", damaged);
    let deposits = machine.run(["list", "--json"]).done().json().len();
    for (line, said) in [
        (
            format!("convert --key {own} --oaep -o out.age {}", vector(&file)),
            "does not open it",
        ),
        (
            format!("convert --key {own} -o out.age {}", vector(&file)),
            "nothing here says how the key in this file is padded",
        ),
        (
            format!("convert --key {own} --pkcs1 -o out.age {own}"),
            "no file of the example programs",
        ),
        (
            format!("convert --key {own} --pkcs1 -o out.age damaged"),
            "no whole block",
        ),
    ] {
        capi(&machine, &line).refused(1, &[said]);
        assert!(!machine.exists("out.age"), "{line}");
    }
    assert_eq!(
        machine.run(["list", "--json"]).done().json().len(),
        deposits
    );
    // Nor is it replaced, whatever it is called.
    machine.write("old.age", fs::read(vector(AES_FILE)).unwrap());
    let line = format!("convert --key {own} --pkcs1 --force -o old.age old.age");
    capi(&machine, &line).refused(1, &["would be encrypted onto itself"]);
}

/// Converts `file`, which `change` changes after it was decrypted for its digest, and before it is decrypted again: the
/// passphrase that the home's key takes is asked for between the two.
fn convert_while_it_changes(
    machine: &Machine,
    line: &str,
    change: impl FnOnce(&mut Vec<u8>),
) -> Ran {
    use std::process::Stdio;

    let asked = "touch asked; until test -e go; do sleep 0.01; done; echo correct horse";
    let args = ["--passphrase-command", asked, "capi"].into_iter();
    let mut command = machine.command(args.chain(line.split(' ')));
    let mut child = command
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !machine.exists("asked") {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    machine.change("file", change);
    machine.write("go", "");
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_file_that_changes_while_it_is_converted_makes_no_copy_and_replaces_none() {
    let own = vector("keys/own1024.priv");
    for (change, said) in [
        (
            // The second pass breaks off, and what came before that is no copy.
            (|bytes| bytes.truncate(bytes.len() - 1)) as fn(&mut Vec<u8>),
            "did not decrypt a second time: no copy was made",
        ),
        (
            // The second pass ends well, with other bytes.
            |bytes| {
                let first = bytes.len() - 16 * 3;
                bytes[first] ^= 1;
            },
            "not what the original decrypted to before: no copy was made",
        ),
    ] {
        for force in ["", " --force"] {
            let machine = Machine::with_home();
            let mut words = age::scrypt::Recipient::new("correct horse".to_owned().into());
            words.set_work_factor(10);
            let sealed = age::encrypt(&words, &machine.read("home/identity.txt")).unwrap();
            machine.write("home/identity.txt", sealed);
            machine.write("file", fs::read(vector(AES_FILE)).unwrap());
            if !force.is_empty() {
                machine.write("out.age", "an older copy");
            }
            let line = format!("convert --key {own} --pkcs1 -o out.age{force} file");
            convert_while_it_changes(&machine, &line, change).refused(1, &[said]);
            if force.is_empty() {
                assert!(!machine.exists("out.age"));
            } else {
                assert_eq!(machine.read_text("out.age"), "an older copy");
            }
            let hidden = |name: &String| name.starts_with(".strongroom-");
            assert!(!machine.names(".").iter().any(hidden));
            // What does not change is converted, and takes the older one's place.
            machine.write("file", fs::read(vector(AES_FILE)).unwrap());
            let words = ["--passphrase-command", "echo correct horse", "capi"];
            machine.run(words.into_iter().chain(line.split(' '))).done();
            assert!(machine.is_protected("out.age"));
        }
    }
}

#[test]
fn a_blob_is_explained_field_by_field_or_where_it_breaks() {
    let machine = Machine::new();
    let explain = |name: &str| capi(&machine, &format!("inspect {}", vector(name)));
    let simple = explain("malformed/good-pkcs1.bin").done();
    for said in ["SIMPLEBLOB: ", "bType", "aiKeyAlg", "0x0000660e", "AES-128"] {
        assert!(simple.text().contains(said), "{said}:\n{}", simple.text());
    }
    let private = explain("keys/own2048.priv").done();
    assert_eq!(private.text().matches("not shown").count(), 6);
    let json = capi(
        &machine,
        &format!("inspect --json {}", vector("keys/own2048.pub")),
    );
    let json = json.done().json().remove(0);
    assert_eq!(
        (&json["kind"], &json["fault"]),
        (&"PUBLICKEYBLOB".into(), &Value::Null)
    );
    // The same key, whichever form.
    let remark = |name: &str| {
        let ran = explain(name).done();
        let line = ran.text().lines().find(|line| line.contains("Fingerprint"));
        assert_eq!(ran.text().to_lowercase().matches("fingerprint").count(), 1);
        line.unwrap().to_owned()
    };
    let fingerprint = remark("keys/own2048.pub");
    assert_eq!(remark("keys/own2048.pem"), fingerprint);
    assert_eq!(remark("keys/own2048.priv"), fingerprint);
    // PEM as other programs write it: a mark or attributes in front.
    let pem = fs::read_to_string(vector("keys/own2048.pem")).unwrap();
    for front in ["\u{feff}", "Bag Attributes\n    friendlyName: own\n"] {
        machine.write("front.pem", format!("{front}{pem}"));
        let ran = capi(&machine, "inspect front.pem").done();
        assert!(ran.text().contains(&fingerprint), "{}", ran.text());
        assert!(ran.text().contains("from PEM"), "{}", ran.text());
    }

    for (name, said) in [
        ("pub-exp-1", "pubexp at offset 16: an exponent of one"),
        (
            "pub-truncated",
            "modulus at offset 20: cut off, 1 bytes short",
        ),
        ("reserved-1", "reserved at offset 2: 0x0001"),
        ("short-0", "bType at offset 0: cut off"),
        ("priv-p-flip", "the parts of the private key do not agree"),
    ] {
        let broken = explain(&format!("malformed/{name}.bin")).refused(1, &[said]);
        assert_eq!(broken.stderr.lines().count(), 1, "{}", broken.stderr);
    }
    let file = explain("seals/aes-rc4-128-pkcs1-16-own1024.file").done();
    assert!(
        file.text().contains("16 bytes of ciphertext"),
        "{}",
        file.text()
    );
    // However long it is, from a pipe too; unless it ends within its header.
    let mut long = fs::read(vector(AES_FILE)).unwrap();
    long.resize(1_000_000, 0);
    machine.write("long", &long);
    let of_file = capi(&machine, "inspect long").done();
    let ciphertext = 1_000_000 - 4 - 140;
    let said = format!("{ciphertext} bytes of ciphertext");
    assert!(of_file.text().contains(&said), "{}", of_file.text());
    let piped = machine.pipe(&long, ["capi", "inspect", "-"]).done();
    assert_eq!(piped.text(), of_file.text());
    machine.write("long", &long[..100]);
    capi(&machine, "inspect long").refused(1, &["ends within its header"]);
    machine.write("long", vec![0; 65_537]);
    capi(&machine, "inspect long").refused(1, &["too long for a key BLOB"]);
}

#[test]
fn a_signature_is_this_keys_over_this_file_or_none() {
    let machine = Machine::new();
    let own = vector("keys/own2048.priv");
    let public = vector("keys/own2048.pub");
    machine.write("blob", "a blob");
    capi(&machine, &format!("sign --key {own} -o signature blob")).done();
    let verify = format!("verify --key {public} --signature signature blob");
    let verified = capi(&machine, &verify).done();
    assert!(verified.text().contains("signed by the key "));
    refused(&machine, &format!("{verify} --sha1"), "error: `blob`: ");
    let other = vector("keys/other2048.pub");
    let line = format!("verify --key {other} --signature signature blob");
    refused(&machine, &line, "error: `blob`: ");
    machine.write("blob", "another blob");
    refused(&machine, &verify, "error: `blob`: ");
    let line = format!("sign --key {public} -o out blob");
    refused(&machine, &line, "the key pair is needed");
}

/// Files without a header, under the password `correct horse`: the options, and the ciphertext. Where they come from is in
/// `crates/capi/tests/it/derive.rs`; the two of wide characters were made with Python's `hashlib` and an RC4 in Python.
const PASSWORD_FILES: [(&str, &str); 5] = [
    (
        "",
        "888b2457107f3139fec91a410cc96c33fd1d004f36310e90adfe03f6fbdf5982784be49c33d81b",
    ),
    (
        " --cipher rc2-40 --hash md5 --password-bytes narrow",
        "e14aedee0dc80de837b06066c7bcba623a975f7c447d4bd6db8dbeceb9b47da33f6d9e185bafe4a5",
    ),
    (
        " --cipher aes-128 --hash sha256",
        "eff26336a77468ffb00f5ac1f66b21c3b00bd18647562210fbe6dd676c18a4f46f0d72e7f89f84f128eac7abf0575d38",
    ),
    (
        " --password-bytes wide",
        "d7377cdda6659de2043fa2b45d76c968eb40b6b4f05d18948994cd7232f6f38721065ecd969c0f",
    ),
    (
        " --password-bytes wide-halved",
        "2989bff317d3afb6f287d04c805492ab564ab90209de5f6c1d46236f57e65da896fbbe9d17ff1f",
    ),
];

#[test]
fn a_file_of_a_password_opens_when_it_is_said_how_its_key_was_made() {
    let machine = Machine::new();
    let decrypt = |password: &str, line: &str| {
        let words = iter::once("capi").chain(line.split(' '));
        machine.run_with("STRONGROOM_PASSPHRASE", password, words)
    };
    for (options, hex) in PASSWORD_FILES {
        let bytes: Vec<u8> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        machine.write("file", bytes);
        let line = format!("decrypt --password{options} --force -o out file");
        let ran = decrypt("correct horse", &line).done();
        let opened = machine.read_text("out");
        assert_eq!(opened, "Sealed with a password, and read again.");
        let is_rc4 = !options.contains("cipher");
        assert_eq!(ran.stderr.contains("nothing shows whether"), is_rc4);
        // RC4 takes any password for the one.
        let wrong = decrypt("wrong horse", &line);
        if is_rc4 {
            wrong.done();
            assert_ne!(machine.read("out"), opened.as_bytes());
        } else {
            wrong.refused(1, &["another key"]);
            assert_eq!(machine.read_text("out"), opened);
        }
    }
    machine.remove("out");
    capi(&machine, "decrypt --password -o out file").refused(1, &["no terminal to ask for it"]);
    for line in [
        "decrypt -o out file",
        "decrypt --session-key key --password -o out file",
        "decrypt --session-key key --hash sha1 -o out file",
        "decrypt --password --cipher rot13 -o out file",
    ] {
        decrypt("correct horse", line).refused(2, &[]);
        assert!(!machine.exists("out"), "{line}");
    }
}

#[test]
fn one_pipe_is_read_for_one_purpose() {
    let machine = Machine::new();
    let key = fs::read(vector("keys/own2048.priv")).unwrap();
    for line in [
        "encrypt --session-key - -o out -",
        "decrypt --session-key - -o out -",
        "sign --key - -o out -",
        "unwrap --key - --pkcs1 -o out -",
        "wrap --to - --pkcs1 -o out -",
        "verify --key - --signature - blob",
        "verify --key - --signature blob -",
        "verify --key blob --signature - -",
    ] {
        let words = iter::once("capi").chain(line.split(' '));
        let ran = machine.pipe(&key, words);
        ran.refused(2, &["can be read for one purpose alone"]);
        assert!(!machine.exists("out"), "{line}");
    }
    // One of them from a pipe is as good as a file.
    machine.write("blob", "a blob");
    let line = "capi sign --key - -o signature blob";
    machine.pipe(&key, line.split(' ')).done();
    let public = vector("keys/own2048.pub");
    let line = format!("verify --key {public} --signature signature blob");
    capi(&machine, &line).done();
}

#[test]
fn a_ciphertext_that_does_not_end_as_it_must_is_explained_and_not_written() {
    let machine = Machine::new();
    let own = vector("keys/own2048.priv");
    let good = vector("malformed/good-pkcs1.bin");
    capi(
        &machine,
        &format!("unwrap --key {own} --pkcs1 -o key {good}"),
    )
    .done();
    machine.write("plain", vec![100; 5000]);
    capi(&machine, "encrypt --session-key key -o cipher plain").done();
    machine.write("old", vec![200; 9000]);
    capi(&machine, "encrypt --session-key key -o longer old").done();
    // What the example program leaves where a longer file was.
    let mut stale = machine.read("cipher");
    stale.extend_from_slice(&machine.read("longer")[stale.len()..9000 - 9000 % 16]);
    machine.write("stale", stale);
    refused(
        &machine,
        "decrypt --session-key key -o out stale",
        "seems to end after 5000 bytes, and 3984 stale bytes follow",
    );
    machine.change("cipher", |bytes| bytes.truncate(5000));
    refused(
        &machine,
        "decrypt --session-key key -o out cipher",
        "no whole block",
    );
    // Through pipes, both ways.
    let piped = machine.pipe(
        b"text",
        ["capi", "encrypt", "--session-key", "key", "-o", "-", "-"],
    );
    let piped = machine.pipe(
        &piped.done().stdout,
        ["capi", "decrypt", "--session-key", "key", "-o", "-", "-"],
    );
    assert_eq!(piped.done().stdout, b"text");
}

#[test]
fn an_exponent_of_one_opens_only_when_that_is_said() {
    let machine = Machine::new();
    let own = vector("keys/own2048.priv");
    let good = vector("malformed/good-pkcs1.bin");
    capi(
        &machine,
        &format!("unwrap --key {own} --pkcs1 -o key {good}"),
    )
    .done();
    // As the old trick leaves it: the padded key itself, from its least significant byte.
    let key = machine.read("key")[12..].to_vec();
    let mut block = vec![0, 2];
    block.resize(256 - key.len() - 1, 0xa5);
    block.push(0);
    block.extend(&key);
    block.reverse();
    let mut blob = fs::read(&good).unwrap()[..12].to_vec();
    blob.extend(block);
    machine.write("plain.blob", blob);
    refused(
        &machine,
        &format!("unwrap --key {own} --pkcs1 -o out plain.blob"),
        "does not open it",
    );
    let ran = capi(&machine, "unwrap --exponent-one -o again plain.blob").done();
    assert!(ran.stderr.contains("this blob wraps nothing"));
    assert_eq!(machine.read("again"), machine.read("key"));
    refused(
        &machine,
        &format!("unwrap --exponent-one -o out {good}"),
        "holds no key in the clear",
    );
    let one = vector("malformed/pub-exp-1.bin");
    refused(
        &machine,
        &format!("wrap --to {one} --pkcs1 -o out key"),
        "exponent of one",
    );
}

//! Files, keys and blobs as people have them (spec/vectors/capi/wild): an answer that is right, or one that says what the
//! thing is and which command helps.

use std::fs;
use std::iter;
use std::path::Path;
use std::process::Command;

use crate::capi::vector;
use crate::machine::{Machine, Ran, ran as ran_by};

const IV: &str = "3233343536373839";

fn capi(machine: &Machine, line: &str) -> Ran {
    machine.run(iter::once("capi").chain(line.split(' ')))
}

/// A machine with a home, and the wild files beside it.
fn with_wild(names: &[&str]) -> Machine {
    let machine = Machine::with_home();
    copy(&machine, names);
    machine
}

fn copy(machine: &Machine, names: &[&str]) {
    for name in names {
        machine.write(name, fs::read(vector(&format!("wild/{name}"))).unwrap());
    }
}

fn plaintext() -> Vec<u8> {
    fs::read(vector("wild/pt.txt")).unwrap()
}

#[test]
fn a_file_is_never_vouched_for_and_what_was_assumed_is_said() {
    let machine = with_wild(&["f3.enc", "f40ns.enc", "u.priv"]);
    for (name, options, assumed) in [
        (
            "f3.enc",
            format!("--iv {IV}"),
            "3DES in CBC mode, an IV of zeros, padding at the end",
        ),
        ("f40ns.enc", "--no-salt".to_owned(), "RC4, the usual salt"),
    ] {
        let convert = format!("convert --pkcs1 --key u.priv --force -o out.age {name}");
        let ran = capi(&machine, &convert).done();
        let said = &ran.stderr;
        for part in [
            assumed,
            "assumed, as nothing in the file says it",
            "look at the copy before you delete",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("the same"), "{said}");
        assert!(
            said.contains(&format!("`{}`", options.split(' ').next().unwrap())),
            "{said}"
        );
        let convert = format!("convert --pkcs1 --key u.priv {options} --force -o out.age {name}");
        let said = capi(&machine, &convert).done().stderr;
        assert!(said.contains("as you say"), "{said}");
        assert!(
            said.contains("it begins with text: \"Invoice 2007-11: the first sixteen bytes"),
            "{said}"
        );
        machine.opens_to("out.age", &plaintext());
    }
}

#[test]
fn what_a_program_set_is_kept_in_the_deposit_and_recovery_needs_no_memory_of_it() {
    let machine = Machine::new();
    machine
        .run(["init", "--authority", "spares", "--sheet", "sheet"])
        .done();
    copy(&machine, &["f3.enc", "f40ns.enc", "u.priv"]);
    for (name, options) in [
        ("f3.enc", vec!["--iv", IV]),
        ("f40ns.enc", vec!["--no-salt"]),
    ] {
        let protect = ["protect", "--key", "u.priv", "--pkcs1", name];
        // First without, as one does who does not know: it is said, and can be put right.
        let dry = machine
            .run([&protect[..], &["--dry-run"]].concat())
            .done()
            .stderr;
        let said = machine.run(protect).done().stderr;
        for said in [&dry, &said] {
            assert!(
                said.contains("assumed, as nothing in the file says it"),
                "{said}"
            );
        }
        let said = machine.run([&protect[..], &options].concat()).done().stderr;
        assert!(said.contains("1 file got a spare"), "{said}");
        assert!(
            said.contains("as you say") && said.contains("text: \"Invoice"),
            "{said}"
        );
        let again = machine.run(protect).done().stderr;
        assert!(again.contains("0 files got a spare, 1 had one"), "{again}");
        let json = machine
            .run([&protect[..], &options, &["--json"]].concat())
            .done()
            .json();
        assert_eq!(json[0]["before"], "spared");
        assert!(machine.is_protected(name));
        // The deposit says how it is padded, and what was set.
        let open = |more: &[&str]| {
            let open = ["decrypt", "--key", "u.priv", "--force", "-o", "out", name];
            machine.run([&open[..], more].concat())
        };
        open(&[]).done();
        assert!(machine.read("out") == plaintext(), "{name}");
        let said = open(&["--mode", "cbc"]);
        if name == "f3.enc" {
            let said = said.done().stderr;
            assert!(
                said.contains("what you said was taken, and not what this file's deposit says"),
                "{said}"
            );
            assert!(
                said.contains("the program seems to have set an IV"),
                "{said}"
            );
        }
    }
    // The program's key is lost, and then the home too: the sheet is enough.
    machine.remove("u.priv");
    for home in ["home/exchange.priv", "home"] {
        let _ = fs::remove_file(machine.path(home));
        let _ = fs::remove_dir_all(machine.path(home));
        let recover = ["recover", "--sheet", "sheet", "f3.enc", "f40ns.enc"];
        machine.run(recover).done();
        for name in ["f3.enc", "f40ns.enc"] {
            machine.opens_to(name, &plaintext());
        }
    }
}

#[test]
fn a_programs_own_export_keeps_it_too() {
    let machine = with_wild(&["f3.enc", "u.priv"]);
    machine
        .run(["authority", "rsa-key", "-o", "authority.pub"])
        .done();
    machine.write("own", &machine.read("f3.enc")[4..272]);
    capi(&machine, "unwrap --key u.priv --pkcs1 -o session.key own").done();
    capi(
        &machine,
        "wrap --to authority.pub --pkcs1 -o blob session.key",
    )
    .done();
    // From a buffer that was longer: what is deposited is the blob alone.
    machine.change("blob", |blob| blob.resize(300, 0));
    let line = format!("deposit --simple-blob blob --description letter --pkcs1 --iv {IV}");
    machine
        .run(line.split(' '))
        .refused(2, &["name it with `--file` or `--own-blob`"]);
    let line = format!("{line} --file f3.enc --key u.priv");
    let said = machine.run(line.split(' ')).done();
    assert!(machine.is_protected("f3.enc"), "{}", said.stderr);
    machine.change("blob", |blob| blob.push(7));
    machine.run(line.split(' ')).refused(
        1,
        &["has 289 bytes (2312 bits), and this RSA key wraps to 256"],
    );
    machine.remove("u.priv");
    machine.recover(["f3.enc"]).done();
    machine.opens_to("f3.enc", &plaintext());
}

#[test]
fn what_is_not_for_a_cipher_or_a_file_is_refused_by_name() {
    let machine = with_wild(&["f3.enc", "f40ns.enc", "u.priv", "sa.key", "pt.txt"]);
    machine.run(["encrypt", "pt.txt"]).done();
    for (line, status, said) in [
        (
            "decrypt --key u.priv --pkcs1 --iv 00 -o out f3.enc",
            1,
            "3DES has an IV of 8 bytes",
        ),
        (
            "decrypt --key u.priv --pkcs1 --iv 3233343536373839 -o out f40ns.enc",
            1,
            "RC4 has no IV",
        ),
        (
            "decrypt --key u.priv --pkcs1 --no-salt -o out f3.enc",
            1,
            "3DES has no salt",
        ),
        (
            "decrypt --key u.priv --pkcs1 --iv 3g -o out f3.enc",
            2,
            "in hexadecimal",
        ),
        (
            "decrypt --key u.priv --pkcs1 --salt 00 --no-salt -o out f3.enc",
            2,
            "cannot be used with",
        ),
        (
            "decrypt --iv 3233343536373839 -o out pt.txt.age",
            1,
            "no file of CryptoAPI's example programs",
        ),
        (
            "protect --iv 3233343536373839 pt.txt.age",
            2,
            "go with `--key`",
        ),
        (
            "protect --key u.priv --pkcs1 --effective-bits 40 f3.enc",
            1,
            "RC2 alone has them",
        ),
        (
            "capi encrypt --session-key sa.key --effective-bits 40 -o out pt.txt",
            1,
            "RC2 alone has them",
        ),
        (
            "capi encrypt --session-key sa.key --no-padding -o out pt.txt",
            1,
            "the last 8 are none",
        ),
        (
            "capi encrypt --session-key sa.key --pkcs1 -o out pt.txt",
            2,
            "an RSA key itself",
        ),
        (
            "capi convert --iv 00 -o x.pem u.priv",
            2,
            "files that become age files",
        ),
        (
            "encrypt --format capi --cipher rc4-40 --legacy pt.txt",
            2,
            "no new files are made",
        ),
        (
            "encrypt --format capi --cipher rc2-64 --legacy pt.txt",
            2,
            "no new files are made",
        ),
    ] {
        machine.run(line.split(' ')).refused(status, &[said]);
        assert!(!machine.exists("out"), "{line}");
    }
}

#[test]
fn what_was_not_padded_opens_when_that_is_said() {
    let machine = with_wild(&["nopad.ct", "sa.key"]);
    let line = "decrypt --session-key sa.key -o out nopad.ct";
    capi(&machine, line).refused(
        1,
        &["no block of AES-256 ends in padding", "`--no-padding`"],
    );
    capi(&machine, &format!("{line} --no-padding")).done();
    let whole = plaintext();
    assert!(machine.read("out") == whole[..1952]);
    capi(
        &machine,
        "encrypt --session-key sa.key --no-padding -o again out",
    )
    .done();
    assert!(machine.read("again") == machine.read("nopad.ct"));
    // In a file, too.
    let key = vector("keys/own2048.priv");
    capi(&machine, &format!("wrap --to {key} --oaep -o blob sa.key")).done();
    let blob = machine.read("blob");
    let length = u32::try_from(blob.len()).unwrap().to_le_bytes();
    machine.write(
        "file.enc",
        [&length[..], &blob, &machine.read("nopad.ct")].concat(),
    );
    let open = [
        "decrypt", "--key", &key, "--oaep", "--force", "-o", "out", "file.enc",
    ];
    machine
        .run(open)
        .refused(1, &["no block of AES-256 ends in padding"]);
    machine.run([&open[..], &["--no-padding"]].concat()).done();
    assert!(machine.read("out") == whole[..1952]);
    let protect = ["protect", "--key", &key, "--oaep", "file.enc"];
    machine
        .run(protect)
        .refused(1, &["is not deposited", "`--no-padding`"]);
    machine
        .run([&protect[..], &["--no-padding"]].concat())
        .done();
    machine
        .run(["decrypt", "--key", &key, "--force", "-o", "out", "file.enc"])
        .done();
    assert!(machine.read("out") == whole[..1952]);
}

#[test]
fn what_providers_take_is_taken_and_said() {
    let machine = with_wild(&[
        "sess148.blob",
        "plain.priv",
        "fz8-blob-with-8-zero-bytes.enc",
        "u.priv",
        "ptk48.key",
        "norm.priv",
        "b2047.priv",
        "bits2047.pem",
        "des7.blob",
        "aes256_16.blob",
    ]);
    let ran = capi(
        &machine,
        "unwrap --pkcs1 --key plain.priv -o s.key sess148.blob",
    )
    .done();
    assert!(
        ran.stderr.contains("8 bytes follow the wrapped key"),
        "{}",
        ran.stderr
    );
    let inspect = |name: &str| capi(&machine, &format!("inspect {name}"));
    let said = inspect("sess148.blob").done();
    assert!(
        said.text()
            .contains("1088 bits is no usual length; the 8 zero bytes at the end"),
        "{}",
        said.text()
    );
    let long = "fz8-blob-with-8-zero-bytes.enc";
    let open = ["decrypt", "--key", "u.priv", "--pkcs1", "-o", "out", long];
    machine.run(open).done();
    assert!(machine.read("out") == plaintext());
    machine
        .run(["protect", "--key", "u.priv", "--pkcs1", long])
        .done();
    machine.recover([long]).done();
    machine.opens_to(long, &plaintext());
    let said = inspect("ptk48.key").done();
    assert!(
        said.text().contains("4 bytes follow the key"),
        "{}",
        said.text()
    );
    let norm = machine.read("norm.priv");
    machine.write("norm4.priv", [&norm[..], &[0; 4]].concat());
    machine.write("cut.priv", &norm[..1000]);
    for (name, said) in [
        ("norm4.priv", "4 bytes follow"),
        ("cut.priv", "is computed from the primes"),
    ] {
        let ran = inspect(name).done();
        assert!(ran.text().contains(said), "{}", ran.text());
        capi(&machine, &format!("convert --force -o whole.priv {name}")).done();
        assert!(machine.read("whole.priv")[..916] == norm[..916], "{name}");
        assert_eq!(machine.read("whole.priv").len(), norm.len());
    }
    assert!(
        inspect("b2047.priv")
            .done()
            .text()
            .contains("2047 bits and not 2048")
    );
    capi(&machine, "convert -o x.priv bits2047.pem").done();
    capi(
        &machine,
        "unwrap --pkcs1 --key norm.priv -o des.key des7.blob",
    )
    .done();
    assert_eq!(
        machine.read("des.key")[12..],
        [0x57, 0x78, 0x0a, 0xef, 0x34, 0xdd, 0x12, 0]
    );
    // Lengths are public.
    for (key, name, said) in [
        (
            "norm.priv",
            "aes256_16.blob",
            "does not open it, or to a length",
        ),
        (
            "plain.priv",
            "des7.blob",
            "has 256 bytes (2048 bits), and this RSA key wraps to 128 (1024 bits)",
        ),
        (
            "norm.priv",
            "sess148.blob",
            "has 136 bytes (1088 bits), and this RSA key wraps to 256",
        ),
    ] {
        let line = format!("unwrap --pkcs1 --key {key} -o z.key {name}");
        capi(&machine, &line).refused(1, &[said]);
    }
}

#[test]
fn neighbours_are_taken_or_named_with_the_command_that_helps() {
    let machine = Machine::new();
    copy(
        &machine,
        &[
            "k.pfx",
            "k1.der",
            "kpub.der",
            "key.xml",
            "snk.pub",
            "csp_in_pem.pem",
            "certkey.pem",
            "indent.pem",
            "simpleblob.b64",
            "encpriv.blob",
        ],
    );
    for (name, form) in [
        ("k1.der", "from DER"),
        ("kpub.der", "from DER"),
        ("key.xml", "from .NET's XML"),
        ("snk.pub", "from a public .snk file"),
        ("csp_in_pem.pem", "from PEM armour"),
        ("certkey.pem", "from PEM"),
        ("indent.pem", "from PEM"),
    ] {
        let said = capi(&machine, &format!("inspect {name}")).done();
        assert!(said.text().contains(form), "{name}: {}", said.text());
        capi(&machine, &format!("convert --force -o out.pub {name}")).done();
    }
    let said = capi(&machine, "inspect simpleblob.b64").done();
    assert!(said.text().starts_with("SIMPLEBLOB"), "{}", said.text());
    assert!(said.text().contains("in base64"), "{}", said.text());
    let said = capi(&machine, "convert -o y.pem simpleblob.b64");
    said.refused(1, &["SIMPLEBLOB is no RSA key"]);
    for command in ["inspect", "convert -o y.pem"] {
        let named = capi(&machine, &format!("{command} k.pfx"));
        named.refused(
            1,
            &[
                "a PFX file (PKCS#12)",
                "openssl pkcs12 -in k.pfx -nocerts -nodes",
            ],
        );
        let encrypted = capi(&machine, &format!("{command} encpriv.blob")).refused(
            1,
            &[
                "encrypted under a session key, or damaged",
                "tail -c +9 encpriv.blob | strongroom capi decrypt --session-key",
            ],
        );
        assert!(!String::from_utf8_lossy(&encrypted.stdout).contains("in the clear"));
    }
    let sealed =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    machine.write("sealed.pem", sealed);
    for command in ["inspect", "convert -o y.pem"] {
        let named = capi(&machine, &format!("{command} sealed.pem"));
        named.refused(
            1,
            &[
                "the key is encrypted",
                "openssl pkey -in sealed.pem -out key.pem",
            ],
        );
    }
    // A name that a shell would take for something else is quoted, and where a BLOB begins is counted.
    let blob = fs::read(vector("wild/norm.priv")).unwrap();
    machine.write("its key.bin", [&[9; 20][..], &blob].concat());
    let ran = machine.run(["capi", "inspect", "its key.bin"]);
    ran.refused(
        1,
        &[
            "BLOB with other bytes before it",
            "tail -c +21 'its key.bin'",
        ],
    );
    assert!(!Path::new(&machine.path("y.pem")).exists());
}

#[test]
fn the_command_that_is_printed_opens_what_it_is_printed_for() {
    let machine = Machine::new();
    copy(&machine, &["sa.key", "norm.priv"]);
    let pair = machine.read("norm.priv");
    // As CryptExportKey does with a session key: all but the header is encrypted.
    machine.write("body", &pair[8..]);
    capi(&machine, "encrypt --session-key sa.key -o encrypted body").done();
    machine.write(
        "my key.priv",
        [&pair[..8], &machine.read("encrypted")].concat(),
    );
    machine.write("behind", [&[5; 7][..], &pair].concat());
    for (name, made) in [("my key.priv", "key.priv"), ("behind", "key.blob")] {
        run_hint(&machine, &["capi", "inspect", name]);
        assert!(machine.read(made) == pair, "{name}");
    }
}

/// Runs the command that a refusal hints at.
fn run_hint(machine: &Machine, line: &[&str]) {
    let ran = machine.run(line).refused(1, &["hint: "]);
    let command = ran
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("hint: "));
    let command = command.unwrap().replace("SESSION.key", "sa.key");
    let program = Path::new(env!("CARGO_BIN_EXE_strongroom"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &command])
        .current_dir(machine.path(""))
        .env("PATH", path);
    ran_by(&mut shell, b"").done();
}

#[test]
fn what_is_in_some_text_is_decoded_by_the_command_that_is_printed() {
    for program in ["xxd", "iconv", "hexdump"] {
        if Command::new(program).arg("--help").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "there is no {program}");
            eprintln!("skipped: there is no {program}");
            return;
        }
    }
    let machine = Machine::new();
    copy(&machine, &["k.pfx", "sa.key", "norm.priv"]);
    let pair = machine.read("norm.priv");
    machine.write("body", &pair[8..]);
    capi(&machine, "encrypt --session-key sa.key -o encrypted body").done();
    let sealed = [&pair[..8], &machine.read("encrypted")].concat();
    machine.write("sealed", &sealed);
    let hex = |before: &str, after: &str| -> String {
        let byte = |byte: &u8| format!("{before}{byte:02x}{after}");
        sealed.iter().map(byte).collect()
    };
    for (name, made) in [
        ("base64 text", "base64 sealed"),
        ("one.b64", "base64 -w 0 sealed"),
        ("url.b64", "base64 sealed | tr -- '+/=' '-_ '"),
        ("marked", "base64 sealed | iconv -t UTF-16"),
        ("little", "base64 sealed | iconv -t UTF-16LE"),
        ("big", "base64 sealed | iconv -t UTF-16BE"),
        ("dump", "xxd sealed"),
        ("canonical", "hexdump -C sealed"),
        ("plain.hex", "xxd -p sealed"),
        (
            "armour",
            "{ echo '-----BEGIN CERTIFICATE-----'; base64 sealed; echo '-----END CERTIFICATE-----'; }",
        ),
    ] {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{made} > '{name}'")])
            .current_dir(machine.path(""));
        ran_by(&mut shell, b"").done();
        run_hint(&machine, &["capi", "inspect", name]);
        assert!(machine.read("key.priv") == pair, "{name}");
        machine.remove("key.priv");
    }
    // As certutil -encodehex writes it.
    let certutil = sealed.chunks(16).enumerate().map(|(line, bytes)| {
        let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (left, right) = bytes.split_at(bytes.len().min(8));
        let both = [left.join(" "), right.join(" ")].join("  ");
        format!("{:04x}\t{both:<50}   .a:|..\r\n", 16 * line)
    });
    let certutil: String = certutil.collect();
    for (name, text) in [
        ("colons", hex("", ":")),
        ("array", hex("0x", ", ")),
        ("registry", format!("\"Key\"=hex:{}", hex("", ","))),
        (
            "lines.reg",
            format!("\"Key\"=hex:{}", hex("", ",").replacen(",", ",\\\r\n  ", 3)),
        ),
        ("escaped", hex("\\x", "")),
        ("certutil", certutil),
    ] {
        machine.write(name, text);
        run_hint(&machine, &["capi", "inspect", name]);
        assert!(machine.read("key.priv") == pair, "{name}");
        machine.remove("key.priv");
    }
    // `convert` says the same.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "base64 k.pfx > p.b64"])
        .current_dir(machine.path(""));
    ran_by(&mut shell, b"").done();
    let said = "`cat p.b64 | base64 -di > p.b64.decoded; openssl pkcs12 -in p.b64.decoded -nocerts";
    capi(&machine, "convert -o y.pem p.b64").refused(1, &[said]);
}

#[test]
fn data_that_rsa_itself_encrypts_goes_there_and_back() {
    let machine = Machine::new();
    let (private, public) = (vector("keys/own2048.priv"), vector("keys/own2048.pub"));
    machine.write("in", "a few bytes");
    for padding in ["--pkcs1", "--oaep"] {
        capi(
            &machine,
            &format!("encrypt --to {public} {padding} --force -o data in"),
        )
        .done();
        assert_eq!(machine.read("data").len(), 256);
        let line = format!("decrypt --key {private} {padding} --force -o out data");
        capi(&machine, &line).done();
        assert_eq!(machine.read("out"), b"a few bytes");
    }
    let other = vector("keys/other2048.priv");
    let line = format!("decrypt --key {other} --oaep --force -o out data");
    capi(&machine, &line).refused(1, &["this key, with this padding, does not open it"]);
    let line = format!("decrypt --key {private} --oaep --force -o out in");
    capi(&machine, &line).refused(1, &["there are 11 bytes, and this key makes blocks of 256"]);
    machine.write("in", vec![7; 246]);
    let line = format!("encrypt --to {public} --pkcs1 --force -o data in");
    capi(&machine, &line).refused(1, &["encrypts up to 245 bytes, and these are 246"]);
}

#[test]
fn the_hash_that_was_meant_is_said() {
    let machine = Machine::new();
    let (private, public) = (vector("keys/own2048.priv"), vector("keys/own2048.pub"));
    machine.write("text", "a text");
    for hash in ["sha256", "sha384", "sha512"] {
        capi(
            &machine,
            &format!("sign --hash {hash} --key {private} --force -o signature text"),
        )
        .done();
        let verify = format!("verify --key {public} --signature signature --hash {hash} text");
        capi(&machine, &verify).done();
    }
    let verify = format!("verify --key {public} --signature signature --sha1 text");
    capi(&machine, &verify).refused(1, &["with sha512: `--hash sha512` verifies it"]);
    let sign = format!("sign --hash md5 --key {private} --force -o signature text");
    capi(&machine, &sign).refused(1, &["nothing is signed over md5"]);
}

#[test]
fn what_follows_a_wrapped_key_is_never_written_over() {
    let machine = with_wild(&["f3.enc", "u.priv"]);
    let whole = machine.read("f3.enc");
    let longer = |bytes: u32| {
        let mut file = whole.clone();
        let length = u32::from_le_bytes(*file.first_chunk().unwrap()) + bytes;
        file[..4].copy_from_slice(&length.to_le_bytes());
        file
    };
    let protect = ["protect", "--pkcs1", "--key", "u.priv", "t.enc"];
    // By a block, and to the length that another RSA key has.
    for bytes in [8, 128] {
        machine.write("t.enc", longer(bytes));
        let said = format!("{bytes} bytes that are not zeros follow the wrapped key in the header");
        for more in [&[][..], &["--dry-run"]] {
            machine
                .run([&protect[..], more].concat())
                .refused(1, &[&said, "hint: put the length right"]);
        }
        machine
            .run([
                "decrypt", "--pkcs1", "--key", "u.priv", "--force", "-o", "out", "t.enc",
            ])
            .done();
        // The block before is taken for none: it was what the first is chained to.
        assert!(machine.read("out")[8..] == plaintext()[bytes as usize + 8..]);
    }
    // A program's own export, and its file: with the key it is refused, and without it nobody knows where the key ends.
    machine
        .run(["authority", "rsa-key", "-o", "authority.pub"])
        .done();
    machine.write("own", &whole[4..272]);
    capi(&machine, "unwrap --key u.priv --pkcs1 -o session.key own").done();
    let wrap = "wrap --to authority.pub --pkcs1 -o blob session.key";
    capi(&machine, wrap).done();
    machine.write("t.enc", longer(8));
    let line = "deposit --simple-blob blob --description letter --pkcs1 --file t.enc";
    machine
        .run(format!("{line} --key u.priv").split(' '))
        .refused(1, &["8 bytes that are not zeros follow", "hint: put the"]);
    machine
        .run(format!("{line} --session-key session.key").split(' '))
        .done();
    let said = [
        "8 bytes longer than an RSA key",
        "hint: put the length right",
    ];
    machine.recover(["t.enc"]).refused(1, &said);
    assert!(machine.read("t.enc") == longer(8));
    machine.run(["rewrap", "t.enc"]).refused(1, &said);
    assert!(machine.read("t.enc") == longer(8));
    machine.run(["rewrap", "-o", "copy", "t.enc"]).done();
    assert!(machine.read("t.enc") == longer(8));
}

#[test]
fn what_was_assumed_of_files_in_a_folder_is_counted_and_doubts_are_told_of_each() {
    for more in [&[][..], &["--quiet"], &["--json"]] {
        let machine = with_wild(&["f3.enc", "f40ns.enc", "u.priv"]);
        fs::create_dir(machine.path("folder")).unwrap();
        for name in ["f3.enc", "f40ns.enc"] {
            machine.write(&format!("folder/{name}"), machine.read(name));
        }
        let protect = ["protect", "--pkcs1", "--key", "u.priv", "folder"];
        let ran = machine.run([&protect[..], more].concat()).done();
        let said = &ran.stderr;
        let garbled = "warning: folder/f3.enc: the first block of the plaintext is garbled and what follows is text";
        assert!(said.contains(garbled), "{said}");
        for assumed in [
            "1 file read as 3DES in CBC mode, an IV of zeros, padding at the end: assumed, as nothing in it says it",
            "1 file read as RC4, the usual salt (eleven zeros after a key of 40 bits, none after others): assumed, as nothing in it says it",
        ] {
            assert_eq!(said.contains(assumed), more != ["--quiet"], "{said}");
        }
    }
    // What is named is told of by itself, and never called verified: its spare is.
    let machine = with_wild(&["f3.enc", "u.priv"]);
    let protect = ["protect", "--pkcs1", "--key", "u.priv", "f3.enc"];
    let said = machine.run(protect).done().stderr;
    assert!(
        said.contains("f3.enc  its spare is verified, serial "),
        "{said}"
    );
    assert!(!said.contains("1 file read as"), "{said}");
    let garbled = "warning: f3.enc: the first block of the plaintext is garbled";
    assert_eq!(said.matches(garbled).count(), 1, "{said}");
    let convert = "convert -q --pkcs1 --key u.priv -o out.age f3.enc";
    let said = capi(&machine, convert).done().stderr;
    assert!(said.contains(garbled), "{said}");
}

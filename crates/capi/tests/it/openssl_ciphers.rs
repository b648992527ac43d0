//! Both directions against the installed `openssl enc`: same key, zero IV, its own padding.

use std::io::Write;
use std::process::{Command, Stdio};

use strongroom_capi::cipher::decrypt;
use strongroom_capi::{Algorithm, SessionKey};

use crate::cipher::encrypted;

/// Algorithm, length of the key, OpenSSL's name, what it must append to the key. Of RC2 it has these lengths only.
const CIPHERS: [(Algorithm, usize, &str, usize); 10] = [
    (Algorithm::Des, 8, "des-cbc", 0),
    (Algorithm::Rc2, 8, "rc2-64-cbc", 0),
    (Algorithm::Rc2, 16, "rc2-cbc", 0),
    (Algorithm::TripleDes, 24, "des-ede3-cbc", 0),
    (Algorithm::TripleDes112, 16, "des-ede-cbc", 0),
    (Algorithm::Aes128, 16, "aes-128-cbc", 0),
    (Algorithm::Aes192, 24, "aes-192-cbc", 0),
    (Algorithm::Aes256, 32, "aes-256-cbc", 0),
    (Algorithm::Rc4, 16, "rc4", 0),
    (Algorithm::Rc4, 5, "rc4", 11),
];

const LENGTHS: [usize; 7] = [0, 1, 7, 8, 16, 1000, 70_000];

#[test]
fn openssl_decrypts_what_is_encrypted_here_and_the_other_way_round() {
    if !is_installed() {
        return;
    }
    for (at, (algorithm, bytes, name, salt)) in CIPHERS.into_iter().enumerate() {
        let key: Vec<u8> = (1..=255)
            .map(|byte: u8| byte.wrapping_mul(73))
            .skip(at)
            .take(bytes)
            .collect();
        let theirs = [key.as_slice(), &vec![0; salt]].concat();
        let key = SessionKey::new(algorithm, &key).unwrap();
        for length in LENGTHS {
            let plaintext: Vec<u8> = (0..=255).cycle().take(length).collect();
            let ciphertext = encrypted(&key, &plaintext);
            assert!(
                openssl(name, &theirs, "-e", &[], &plaintext) == ciphertext,
                "{name} {length}"
            );
            assert!(
                openssl(name, &theirs, "-d", &[], &ciphertext) == plaintext,
                "{name} {length}"
            );
            let mut opened = Vec::new();
            decrypt(&key, ciphertext.as_slice(), &mut opened, &mut |_| {}).unwrap();
            assert!(opened == plaintext, "{name} {length}");
        }
    }
}

pub(crate) fn is_installed() -> bool {
    let listed = Command::new("openssl")
        .args(["list", "-provider", "legacy", "-providers"])
        .output();
    let is_there = listed.is_ok_and(|output| output.status.success());
    if !is_there {
        assert!(
            std::env::var_os("CI").is_none(),
            "`openssl` with its legacy provider is missing"
        );
        eprintln!("SKIPPED: there is no `openssl` with its legacy provider; nothing was compared");
    }
    is_there
}

/// Runs `openssl enc`, from a zero IV unless `options` say another.
pub(crate) fn openssl(
    cipher: &str,
    key: &[u8],
    direction: &str,
    options: &[&str],
    input: &[u8],
) -> Vec<u8> {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let iv_bytes = match cipher {
        _ if options.contains(&"-iv") => 0,
        name if name.starts_with("rc4") || name.ends_with("ecb") => 0,
        name if name.starts_with("aes") => 16,
        _ => 8,
    };
    let mut command = Command::new("openssl");
    command
        .args(["enc", direction, "-K", &hex])
        .arg(format!("-{cipher}"))
        .args(["-provider", "legacy", "-provider", "default"]);
    if iv_bytes > 0 {
        command.args(["-iv", &"00".repeat(iv_bytes)]);
    }
    let mut child = command
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "openssl enc -{cipher}");
    output.stdout
}

//! Both directions against the `age` crate, which knows X25519 and passphrases.

use std::io::{Read, Write};
use std::iter;
use std::num::NonZeroUsize;

use age::secrecy::{ExposeSecret, SecretString};
use strongroom_agefile::armor::{ArmoredWriter, Dearmored};
use strongroom_agefile::{
    FileKey, Header, Identity, KeyType, Passphrase, PassphraseIdentity, Recipient, Stanza, Unwrap,
    UnwrapError, WorkFactor, payload,
};

use crate::rng::TestRng;

// The age crate takes its time where it is not optimised.
const LENGTHS: [usize; 5] = [0, 1, 65536, 65537, 300_000];

#[test]
fn what_age_encrypts_to_a_key_opens() {
    let theirs = age::x25519::Identity::generate();
    let ours: Identity = theirs.to_string().expose_secret().parse().unwrap();
    assert_eq!(ours.recipient().to_string(), theirs.to_public().to_string());
    for length in LENGTHS {
        let plaintext = vec![7; length];
        let file = age::encrypt(&theirs.to_public(), &plaintext).unwrap();
        assert!(decrypt(&file, &ours).unwrap() == plaintext);
        let armored = age::encrypt_and_armor(&theirs.to_public(), &plaintext).unwrap();
        assert!(decrypt(armored.as_bytes(), &ours).unwrap() == plaintext);
    }
    let other = Identity::generate(KeyType::X25519, &mut TestRng::new(1));
    let file = age::encrypt(&theirs.to_public(), b"").unwrap();
    assert_eq!(decrypt(&file, &other), Err(UnwrapError::NoMatch));
}

#[test]
fn what_is_encrypted_to_a_key_age_opens() {
    let mut rng = TestRng::new(2);
    let ours = Identity::generate(KeyType::X25519, &mut rng);
    let theirs: age::x25519::Identity = ours.to_text().parse().unwrap();
    for length in LENGTHS {
        let plaintext = vec![7; length];
        let file_key = FileKey::generate(&mut rng);
        // A stanza of ours that age does not know stands beside.
        let unknown = Stanza::new("example.org/unknown", ["a", "b"], [7; 96]).unwrap();
        let stanza = ours.recipient().wrap(&file_key, &mut rng);
        let file = encrypt(&file_key, vec![unknown, stanza], &plaintext);
        assert!(age::decrypt(&theirs, &file).unwrap() == plaintext);
        let mut writer = ArmoredWriter::new(Vec::new());
        writer.write_all(&file).unwrap();
        let armored = writer.finish().unwrap();
        let mut opened = Vec::new();
        let reader = age::armor::ArmoredReader::new(armored.as_slice());
        age::Decryptor::new_buffered(reader)
            .unwrap()
            .decrypt(iter::once(&theirs as _))
            .unwrap()
            .read_to_end(&mut opened)
            .unwrap();
        assert!(opened == plaintext);
    }
}

#[test]
fn what_age_encrypts_with_a_passphrase_opens() {
    let mut theirs = age::scrypt::Recipient::new(SecretString::from("correct horse"));
    theirs.set_work_factor(4);
    let file = age::encrypt(&theirs, b"text").unwrap();
    assert_eq!(
        decrypt(&file, &passphrase("correct horse")).unwrap(),
        b"text"
    );
    assert_eq!(
        decrypt(&file, &passphrase("battery staple")),
        Err(UnwrapError::NoMatch)
    );
}

#[test]
fn what_is_encrypted_with_a_passphrase_age_opens() {
    let mut rng = TestRng::new(3);
    let file_key = FileKey::generate(&mut rng);
    let passphrase = Passphrase::new("correct horse".to_owned().into()).unwrap();
    let stanza = passphrase
        .wrap(&file_key, WorkFactor::from_log_n(4).unwrap(), &mut rng)
        .unwrap();
    let file = encrypt(&file_key, vec![stanza], b"text");
    let theirs = age::scrypt::Identity::new(SecretString::from("correct horse"));
    assert_eq!(age::decrypt(&theirs, &file).unwrap(), b"text");
}

#[test]
fn age_takes_our_recipients() {
    let ours = Identity::generate(KeyType::X25519, &mut TestRng::new(4)).recipient();
    let theirs: age::x25519::Recipient = ours.to_string().parse().unwrap();
    assert_eq!(theirs.to_string().parse::<Recipient>().unwrap(), ours);
}

fn passphrase(text: &str) -> PassphraseIdentity {
    PassphraseIdentity::new(Passphrase::new(text.to_owned().into()).unwrap())
}

fn encrypt(file_key: &FileKey, stanzas: Vec<Stanza>, plaintext: &[u8]) -> Vec<u8> {
    let header = Header::seal(stanzas, file_key).unwrap();
    let mut file = header.as_bytes().to_vec();
    let threads = NonZeroUsize::new(2).unwrap();
    payload::seal(
        file_key,
        [5; 16],
        plaintext,
        &mut file,
        threads,
        &mut |_| {},
    )
    .unwrap();
    file
}

fn decrypt(file: &[u8], identity: &dyn Unwrap) -> Result<Vec<u8>, UnwrapError> {
    let mut reader = Dearmored::new(file).unwrap();
    let file_key = Header::read(&mut reader).unwrap().unwrap(&[identity])?;
    let mut plaintext = Vec::new();
    let threads = NonZeroUsize::new(2).unwrap();
    payload::open(&file_key, reader, &mut plaintext, threads, &mut |_| {}).unwrap();
    Ok(plaintext)
}

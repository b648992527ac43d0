//! CryptoAPI's key BLOBs, keys in PEM and DER, and the header of the example programs' file.

use std::fs;
use std::path::Path;

use strongroom_capi::cipher::{KeyedCipher, Parameters};
use strongroom_capi::file::{EncryptedFile, FileHeader, explain, looks_like};
use strongroom_capi::{
    Algorithm, Key, PrivateKey, PublicKey, SessionKey, SimpleBlob, Unarmoured, cipher, inspect,
    neighbour,
};

use crate::draw::{Draw, Seed};

/// SIMPLEBLOBs: what parses is written as it was, with what follows the wrapped key.
pub(crate) fn read_simple_blob(bytes: &[u8]) -> Option<()> {
    let blob = SimpleBlob::from_bytes(bytes).ok()?;
    assert_eq!(blob.to_bytes(), bytes);
    let _ = blob.unwrap_exponent_one();
    let (head, tail) = blob.split_at(48)?;
    assert_eq!(head.wrapped().len() + tail.len(), blob.wrapped().len());
    Some(())
}

/// PUBLICKEYBLOBs: what parses is written as it was, without what follows, and is the same key in PEM.
pub(crate) fn read_public_key(bytes: &[u8]) -> Option<()> {
    let key = PublicKey::from_blob(bytes).ok()?;
    assert!(bytes.starts_with(&key.to_blob()));
    let again = Key::read(key.to_pem().as_bytes()).expect("our own PEM");
    assert_eq!(again.public().clone().with_spec(key.spec()), key);
    Some(())
}

/// PRIVATEKEYBLOBs: what parses is written whole, as it was but for a private exponent that was missing, and is the same key
/// in PEM.
pub(crate) fn read_private_key(bytes: &[u8]) -> Option<()> {
    let key = PrivateKey::from_blob(bytes).ok()?;
    let blob = key.to_blob().expect("from a blob that had room");
    let given = blob.len() - key.public().modulus_bytes();
    assert_eq!(blob[..given], bytes[..given]);
    let again = Key::read(key.to_pem().as_bytes()).expect("our own PEM");
    let again = again.into_pair().expect("a key pair");
    let again = again.with_spec(key.public().spec());
    assert_eq!(again.to_blob().expect("the same key"), blob);
    Some(())
}

/// PLAINTEXTKEYBLOBs: what parses is written as it was, without what follows.
pub(crate) fn read_plaintext_blob(bytes: &[u8]) -> Option<()> {
    let key = SessionKey::from_plaintext_blob(bytes).ok()?;
    assert!(bytes.starts_with(&key.to_plaintext_blob()));
    Some(())
}

/// RSA keys of whichever form: PEM, DER, XML, CNG's, in whatever text.
pub(crate) fn read_key(bytes: &[u8]) -> Option<()> {
    let key = Key::read(bytes).ok()?;
    let again = Key::read(key.public().to_pem().as_bytes()).expect("our own PEM");
    assert_eq!(again.public().fingerprint(), key.public().fingerprint());
    Some(())
}

/// What is no key is named, and what texts it was in are taken off once and for all.
pub(crate) fn read_neighbour(bytes: &[u8]) -> Option<()> {
    let unarmoured = Unarmoured::read(bytes);
    let inside = unarmoured.bytes();
    if let Some(offset) = neighbour::blob_within(inside) {
        assert!(offset < inside.len());
    }
    let _ = Key::read(bytes).err().map(|error| error.to_string());
    if unarmoured.layers().is_empty() {
        assert_eq!(inside, bytes);
        neighbour::of(inside)?;
    }
    Some(())
}

/// What was set on a session key, as a deposit keeps it: one text for one thing, and a cipher that undoes itself.
pub(crate) fn read_parameters(bytes: &[u8]) -> Option<()> {
    let text = str::from_utf8(bytes).ok()?;
    let parameters: Parameters = text.parse().ok()?;
    assert_eq!(parameters.to_string(), text);
    for algorithm in Algorithm::ALL {
        let length = (5..=32).find(|bytes| algorithm.accepts_key_bytes(*bytes))?;
        let key = SessionKey::new(algorithm, &vec![7; length]).ok()?;
        let Ok(cipher) = KeyedCipher::new(&key, parameters) else {
            continue;
        };
        let plaintext = [b'p'; 48];
        let (mut ciphertext, mut again) = (Vec::new(), Vec::new());
        cipher::encrypt(cipher, &plaintext[..], &mut ciphertext, &mut |_| {}).unwrap();
        cipher::decrypt(cipher, &ciphertext[..], &mut again, &mut |_| {}).unwrap();
        assert_eq!(again, plaintext);
    }
    Some(())
}

/// The explanation of any bytes: each of them is in one field.
pub(crate) fn read_inspected(bytes: &[u8]) -> Option<()> {
    let covered: usize = inspect(bytes).fields.iter().map(|field| field.length).sum();
    assert_eq!(covered, bytes.len());
    Some(())
}

/// Files of the example programs, decrypted with a key of any length that their algorithm has.
pub(crate) fn read_file(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let algorithm = Algorithm::from_alg_id(u32::from_le_bytes(draw.array()))?;
    let key = SessionKey::new(algorithm, draw.bytes()).ok()?;
    let bytes = draw.rest();
    let file = EncryptedFile::open(bytes).ok()?;
    assert!(looks_like(bytes));
    let header = FileHeader::new(file.header().blob()).unwrap();
    let mut written = Vec::new();
    header.write(&mut written).unwrap();
    let (head, ciphertext) = bytes.split_at(written.len());
    assert_eq!(written, head);
    assert_eq!(header.bytes(), written.len() as u64);
    let mut plaintext = Vec::new();
    let decrypted = file.decrypt(&key, &mut plaintext, &mut |_| {});
    let _ = explain(&key, ciphertext).unwrap();
    let summary = decrypted.ok()?;
    assert_eq!(summary.plaintext, plaintext.len() as u64);
    // What decrypts is what would be encrypted so.
    let mut again = Vec::new();
    cipher::encrypt(&key, &*plaintext, &mut again, &mut |_| {}).unwrap();
    assert_eq!(again.len(), ciphertext.len());
    Some(())
}

fn files(folder: &str, read: fn(&[u8]) -> Option<()>) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../spec/vectors/capi")
        .join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    paths.sort();
    let files = paths.iter().map(|path| fs::read(path).unwrap());
    files
        .filter(|bytes| bytes.len() < 4096 && read(bytes).is_some())
        .collect()
}

pub(crate) fn simple_blob_seeds() -> Vec<Vec<u8>> {
    let mut blobs = files("seals", read_simple_blob);
    blobs.dedup_by_key(|blob| blob.len());
    blobs.truncate(6);
    blobs
}

pub(crate) fn public_key_seeds() -> Vec<Vec<u8>> {
    files("keys", read_public_key)
}

pub(crate) fn private_key_seeds() -> Vec<Vec<u8>> {
    files("keys", read_private_key)
}

pub(crate) fn plaintext_blob_seeds() -> Vec<Vec<u8>> {
    let keys = [
        (Algorithm::Aes128, 16),
        (Algorithm::TripleDes, 24),
        (Algorithm::Rc4, 5),
    ];
    let keys = keys.map(|(algorithm, bytes)| SessionKey::new(algorithm, &vec![1; bytes]).unwrap());
    keys.iter()
        .map(|key| key.to_plaintext_blob().to_vec())
        .collect()
}

pub(crate) fn key_seeds() -> Vec<Vec<u8>> {
    [files("keys", read_key), files("wild", read_key)].concat()
}

pub(crate) fn neighbour_seeds() -> Vec<Vec<u8>> {
    files("wild", read_neighbour)
}

pub(crate) fn parameters_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "iv=3233343536373839",
        "mode=cfb no-padding",
        "salt= effective-bits=40",
        "iv=000102030405060708090a0b0c0d0e0f mode=cfb",
        "salt=0102030405060708090a0b no-padding",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(crate) fn inspected_seeds() -> Vec<Vec<u8>> {
    files("malformed", read_inspected)
}

pub(crate) fn file_seeds() -> Vec<Vec<u8>> {
    let keys = [
        (Algorithm::Aes128, 16),
        (Algorithm::TripleDes, 24),
        (Algorithm::Rc4, 16),
        (Algorithm::Rc2, 5),
    ];
    let blob = files("seals", read_simple_blob).remove(0);
    let seed = |(algorithm, bytes): (Algorithm, usize)| {
        let key = vec![1; bytes];
        let header = FileHeader::new(&blob).unwrap();
        let mut file = Vec::new();
        let session = SessionKey::new(algorithm, &key).unwrap();
        strongroom_capi::file::encrypt(
            &header,
            &session,
            &b"plaintext"[..],
            &mut file,
            &mut |_| {},
        )
        .unwrap();
        Seed::default()
            .raw(&algorithm.alg_id().to_le_bytes())
            .bytes(&key)
            .raw(&file)
            .done()
    };
    keys.into_iter().map(seed).collect()
}

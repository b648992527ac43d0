//! The readers of blobs, and which field they name.

use strongroom_capi::blob::Fault;
use strongroom_capi::{Algorithm, BlobType, PublicKey, SessionKey, SimpleBlob};

use crate::keys::file;

#[test]
fn a_plaintext_key_is_read_and_written_as_it_was() {
    let mut bytes = vec![8, 2, 0, 0, 0x0e, 0x66, 0, 0, 16, 0, 0, 0];
    bytes.extend(*b"0123456789abcdef");
    let key = SessionKey::from_plaintext_blob(&bytes).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Aes128);
    assert_eq!(key.expose(), b"0123456789abcdef");
    assert_eq!(key.to_plaintext_blob().as_slice(), bytes);
    for (at, byte, wanted) in [
        (0, 1, ("bType", 0)),
        (0, 0x55, ("bType", 0)),
        (1, 3, ("bVersion", 1)),
        (3, 1, ("reserved", 2)),
        (4, 0x11, ("aiKeyAlg", 4)),
        (8, 15, ("dwKeySize", 8)),
        (11, 0xff, ("dwKeySize", 8)),
    ] {
        let mut changed = bytes.clone();
        changed[at] = byte;
        let fault = SessionKey::from_plaintext_blob(&changed).err().unwrap();
        assert_eq!((fault.field, fault.offset), wanted);
    }
    for cut in 0..bytes.len() {
        assert!(SessionKey::from_plaintext_blob(&bytes[..cut]).is_err());
    }
    // A buffer that was longer than the BLOB in it: CryptImportKey takes no notice.
    let longer = [&bytes[..], &[0, 0, 0, 7]].concat();
    let key = SessionKey::from_plaintext_blob(&longer).unwrap();
    assert_eq!(key.to_plaintext_blob().as_slice(), bytes);
}

#[test]
fn blobs_that_no_other_program_reads_are_named_for_what_they_are() {
    for (number, name) in [
        (0x9, "OPAQUEKEYBLOB"),
        (0xa, "PUBLICKEYBLOBEX"),
        (0xb, "SYMMETRICWRAPKEYBLOB"),
        (0xc, "KEYSTATEBLOB"),
    ] {
        let mut bytes = file("malformed/good-pkcs1.bin");
        bytes[0] = number;
        let fault = SimpleBlob::from_bytes(&bytes).unwrap_err();
        let wanted = Fault::Type {
            found: BlobType::from_number(number).unwrap(),
            wanted: BlobType::Simple,
        };
        assert_eq!(fault.fault, wanted);
        assert!(fault.to_string().contains(name), "{fault}");
    }
}

#[test]
fn hostile_public_keys_are_refused_by_what_is_wrong_with_them() {
    let good = file("keys/own2048.pub");
    let refused = |at: usize, bytes: &[u8]| {
        let mut blob = good.clone();
        blob[at..at + bytes.len()].copy_from_slice(bytes);
        let malformed = PublicKey::from_blob(&blob).unwrap_err();
        (malformed.offset, malformed.fault)
    };
    let dword = |number: u32| number.to_le_bytes();
    for e in [0, 2, 65_536, u32::MAX - 1] {
        assert_eq!(refused(16, &dword(e)), (16, Fault::Exponent(e)));
    }
    assert_eq!(refused(16, &dword(1)), (16, Fault::ExponentOne));
    for bits in [0, 8, 376, 2047, 2049, 16_392, 0x8000_0000, 0xffff_fff8] {
        assert_eq!(refused(12, &dword(bits)), (12, Fault::BitLength(bits)));
    }
    assert_eq!(
        refused(12, &dword(2056)),
        (20, Fault::CutOff { missing: 1 })
    );
    assert_eq!(refused(20, &[good[20] & 0xfe]), (20, Fault::EvenModulus));
    assert_eq!(refused(275, &[0]), (20, Fault::ShortModulus));
    assert_eq!(refused(20, &[0; 256]), (20, Fault::ShortModulus));
    assert_eq!(refused(4, &dword(0x2200)), (4, Fault::Algorithm(0x2200)));
    assert_eq!(refused(8, b"RSA2"), (8, Fault::Magic { wanted: "RSA1" }));
    let mut signs = good.clone();
    signs[4..8].copy_from_slice(&dword(0x2400));
    let signs_key = PublicKey::from_blob(&signs).unwrap();
    assert_eq!(signs_key.to_blob(), signs);
    let exchange = PublicKey::from_blob(&good).unwrap();
    assert_eq!(signs_key.fingerprint(), exchange.fingerprint());
}

#[test]
fn a_modulus_of_the_fewest_bytes_needs_no_more_than_one_bit_in_the_first() {
    for first in [1, 0x7f, 0x80, 0xff] {
        let mut blob = vec![6, 2, 0, 0, 0, 0xa4, 0, 0];
        blob.extend(b"RSA1");
        blob.extend(384_u32.to_le_bytes());
        blob.extend(65_537_u32.to_le_bytes());
        blob.extend([0x55; 47]);
        blob.push(first);
        assert_eq!(PublicKey::from_blob(&blob).unwrap().to_blob(), blob);
    }
}

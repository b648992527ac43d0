//! The explanations.

use strongroom_capi::blob::Fault;
use strongroom_capi::inspect::Field;
use strongroom_capi::{Algorithm, BlobType, Padding, SessionKey, inspect};

use crate::keys::{file, key, private_operation, simple_blob};
use crate::rng::TestRng;

#[test]
fn every_byte_of_a_blob_is_in_one_field() {
    let key = SessionKey::new(Algorithm::Rc2, b"12345").unwrap();
    let mut blobs = vec![
        key.to_plaintext_blob().to_vec(),
        vec![9, 2, 0, 0, 0, 0xa4, 0, 0, 1, 2],
    ];
    for folder in ["malformed", "keys"] {
        for entry in std::fs::read_dir(crate::keys::path(folder)).unwrap() {
            blobs.push(std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
    for blob in blobs {
        for length in [0, 1, 3, 8, 12, 17, 20, 30, 150, usize::MAX] {
            let blob = &blob[..length.min(blob.len())];
            let mut offset = 0;
            for field in inspect(blob).fields {
                assert_eq!(field.offset, offset);
                assert!(field.length > 0);
                offset += field.length;
            }
            assert_eq!(offset, blob.len());
        }
    }
}

#[test]
fn a_simple_blob_is_explained() {
    let blob = file("malformed/good-pkcs1.bin");
    let inspection = inspect(&blob);
    assert_eq!(
        (inspection.kind, inspection.fault),
        (Some(BlobType::Simple), None)
    );
    let names: Vec<&str> = inspection.fields.iter().map(|field| field.name).collect();
    let wanted = [
        "bType",
        "bVersion",
        "reserved",
        "aiKeyAlg",
        "wrapping algorithm",
        "wrapped key",
    ];
    assert_eq!(names, wanted);
    assert_eq!(inspection.fields[3].meaning, "AES-128");
    assert_eq!(inspection.fields[5].length, 256);
    assert!(inspection.remarks[0].contains("padding"));
}

#[test]
fn where_it_breaks_is_said() {
    let inspection = inspect(&file("malformed/bversion-3.bin"));
    assert_eq!(inspection.fault.unwrap().fault, Fault::Version(3));
    assert_eq!(inspection.fields.len(), 6);
    let inspection = inspect(&file("malformed/short-11.bin"));
    assert_eq!(
        inspection.fault.unwrap().fault,
        Fault::CutOff { missing: 1 }
    );
    let last = inspection.fields.last().unwrap();
    assert_eq!((last.offset, last.length), (8, 3));
    // What nobody can be sure of without the key.
    let inspection = inspect(&file("malformed/msb-zero-cut.bin"));
    assert_eq!(inspection.fault, None);
    assert!(inspection.remarks[0].contains("cut off"));
    assert!(inspect(&[]).fault.is_some());
    assert!(inspect(&[]).fields.is_empty());
}

#[test]
fn an_exponent_of_one_is_explained() {
    let inspection = inspect(&file("malformed/pub-exp-1.bin"));
    assert_eq!(inspection.fault.unwrap().fault, Fault::ExponentOne);
    assert!(inspection.remarks[0].contains("changes nothing"));
    let mut block = vec![0, 2];
    block.resize(111, 9);
    block.push(0);
    block.extend(*b"SECRETsecret0123");
    let inspection = inspect(&simple_blob(Algorithm::Aes128, &block).to_bytes());
    assert_eq!(inspection.fault, None);
    assert_eq!(inspection.fields[5].value, "not shown");
    assert!(inspection.remarks[0].contains("exponent of one"));
}

#[test]
fn a_key_in_the_clear_is_not_shown_whatever_its_padding_and_length() {
    let own = key("own1024");
    for padding in [Padding::Pkcs1, Padding::Oaep] {
        let session = SessionKey::new(Algorithm::Aes128, b"SECRETsecret0123").unwrap();
        let wrapped = own
            .public()
            .wrap(&session, padding, &mut TestRng::new(1))
            .unwrap()
            .to_bytes();
        let number: Vec<u8> = wrapped[12..].iter().rev().copied().collect();
        let block = private_operation(&own, &number);
        // The length is not AES-256's: such a blob opens nothing, and what lies in it is a key all the same.
        for algorithm in [Algorithm::Aes128, Algorithm::Aes256] {
            let inspection = inspect(&simple_blob(algorithm, &block).to_bytes());
            assert_eq!(inspection.fields[5].value, "not shown", "{padding:?}");
        }
        assert_ne!(inspect(&wrapped).fields[5].value, "not shown");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let own = key("own1024");
    let blob = own.to_blob().unwrap();
    let shown = format!("{:?}", inspect(&blob));
    for part in blob[148..].chunks(8) {
        let reversed: Vec<u8> = part.iter().rev().copied().collect();
        assert!(!shown.contains(&hex(part)) && !shown.contains(&hex(&reversed)));
    }
    assert!(shown.contains(&own.public().fingerprint().to_string()));
    // However the blob is broken.
    for cut in 148..blob.len() {
        let hidden = |field: &Field| field.offset < 148 || field.value == "not shown";
        assert!(inspect(&blob[..cut]).fields.iter().all(hidden));
    }
    let session = SessionKey::new(Algorithm::Aes128, b"SECRETsecret0123").unwrap();
    let shown = format!("{:?}", inspect(&session.to_plaintext_blob()));
    assert!(!shown.contains(&hex(&session.expose()[..4])));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

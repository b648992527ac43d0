//! What parses is written in its strict form, whatever it is, and no input makes a reader panic.

use proptest::prelude::*;
use strongroom_capi::{Key, PrivateKey, PublicKey, SessionKey, SimpleBlob, inspect};

use crate::keys::{file, key};

proptest! {
    #[test]
    fn what_parses_is_written_in_its_strict_form(blob in blobs()) {
        if let Ok(simple) = SimpleBlob::from_bytes(&blob) {
            prop_assert_eq!(simple.to_bytes(), blob.clone());
        }
        if let Ok(public) = PublicKey::from_blob(&blob) {
            prop_assert!(blob.starts_with(&public.to_blob()));
            let again = crate::keys::public(public.to_pem().as_bytes());
            prop_assert_eq!(again.with_spec(public.spec()), public);
        }
        if let Ok(private) = PrivateKey::from_blob(&blob) {
            let written = private.to_blob().unwrap();
            let given = written.len().min(blob.len()) - private.public().modulus_bytes();
            prop_assert_eq!(&written[..given], &blob[..given]);
            let again = PrivateKey::from_blob(&written).unwrap();
            prop_assert_eq!(again.to_blob().unwrap(), written);
        }
        if let Ok(session) = SessionKey::from_plaintext_blob(&blob) {
            prop_assert!(blob.starts_with(&session.to_plaintext_blob()));
        }
        // The explanation finds fault with what the readers refuse, and with nothing else.
        let good = SimpleBlob::from_bytes(&blob).is_ok()
            || PublicKey::from_blob(&blob).is_ok()
            || PrivateKey::from_blob(&blob).is_ok()
            || SessionKey::from_plaintext_blob(&blob).is_ok();
        let inspection = inspect(&blob);
        let known = inspection.kind.is_some_and(|kind| kind.number() < 9);
        prop_assert_eq!(inspection.fault.is_none() && known, good);
        let _ = Key::read(&blob);
    }

    #[test]
    fn no_text_makes_a_reader_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text = file("keys/own1024.pem");
        let at = at.index(text.len());
        text[at] = byte;
        let _ = Key::read(&text);
        text.truncate(cut.index(text.len()));
        let _ = Key::read(&text);
    }

    #[test]
    fn no_der_makes_a_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        // The bytes in the Base64, rather than the Base64.
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        let text = String::from_utf8(file("keys/own1024.pem")).unwrap();
        let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let mut der = STANDARD.decode(base64).unwrap();
        let at = at.index(der.len());
        der[at] = byte;
        let base64 = STANDARD.encode(&der);
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "PUBLIC KEY", "RSA PUBLIC KEY"] {
            let text = format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
            if let Ok(key) = Key::read(text.as_bytes()) {
                // Everything in a key is checked, but for the bytes that were put back as they were.
                let own = crate::keys::key("own1024");
                prop_assert_eq!(key.public(), own.public());
            }
        }
    }
}

/// A good blob with a few bytes changed, cut or added; or noise behind a header.
fn blobs() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        Just(file("malformed/good-pkcs1.bin")),
        Just(file("keys/own1024.pub")),
        Just(file("keys/own1024.priv")),
        Just(key("openssl1032").to_blob().unwrap().to_vec()),
        (5..16_usize).prop_map(|bytes| {
            let key = SessionKey::new(strongroom_capi::Algorithm::Rc4, &vec![7; bytes]);
            key.unwrap().to_plaintext_blob().to_vec()
        }),
    ];
    let changes = prop::collection::vec((0..32_usize, any::<u8>()), 0..3);
    let changed = (good, changes, -2..3_isize).prop_map(|(mut blob, changes, longer)| {
        for (at, byte) in changes {
            let at = at.min(blob.len() - 1);
            blob[at] = byte;
        }
        blob.resize(blob.len().saturating_add_signed(longer), 0);
        blob
    });
    let kind = prop_oneof![Just(1_u8), Just(6), Just(7), Just(8), any::<u8>()];
    let noise = (kind, prop::collection::vec(any::<u8>(), 0..400)).prop_map(|(kind, noise)| {
        let mut blob = vec![kind, 2, 0, 0];
        blob.extend(noise);
        blob
    });
    prop_oneof![3 => changed, 1 => noise]
}

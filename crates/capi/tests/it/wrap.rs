//! Every algorithm with every padding under keys of every size, wrapped here and opened here.

use strongroom_capi::public_key::{Misfit, WrapError};
use strongroom_capi::{Algorithm, KeySpec, Padding, SessionKey, SimpleBlob};

use crate::keys::{EVERY, key, lengths};
use crate::rng::TestRng;

const PADDINGS: [Padding; 2] = [Padding::Pkcs1, Padding::Oaep];

#[test]
fn what_is_wrapped_opens_again_and_what_does_not_fit_is_refused() {
    let mut rng = TestRng::new(1);
    let mut wrapped = 0;
    for (name, bits) in EVERY {
        let rsa = key(name);
        assert_eq!(rsa.public().bits(), bits);
        for (algorithm, padding) in Algorithm::ALL
            .into_iter()
            .flat_map(|algorithm| PADDINGS.map(|padding| (algorithm, padding)))
        {
            for key_bytes in lengths(algorithm) {
                let session = SessionKey::generate(algorithm, key_bytes, &mut rng).unwrap();
                let blob = match rsa.public().wrap(&session, padding, &mut rng) {
                    Ok(blob) => blob,
                    Err(error) => {
                        assert_eq!(error, WrapError::TooShort { bits, key_bytes });
                        assert_eq!((bits, padding), (512, Padding::Oaep));
                        assert!(key_bytes > 22);
                        continue;
                    }
                };
                let bytes = blob.to_bytes();
                assert_eq!(bytes.len(), 12 + bits / 8);
                let blob = SimpleBlob::from_bytes(&bytes).unwrap();
                let opened = rsa.unwrap(&blob, padding, &mut rng).unwrap();
                assert_eq!(opened.expose(), session.expose());
                assert_eq!(opened.algorithm(), algorithm);
                let opened = rsa
                    .unwrap_or_random(&blob, padding, key_bytes, &mut rng)
                    .unwrap();
                assert_eq!(opened.expose(), session.expose());
                wrapped += 1;
            }
        }
    }
    // Ten lengths, two paddings, seven keys; but 24 bytes twice and 32 once are too long for OAEP with 512 bits.
    assert_eq!(wrapped, 10 * 2 * 7 - 3);
}

#[test]
fn two_wraps_of_one_key_differ_and_the_same_wrap_is_the_same_number() {
    let mut rng = TestRng::new(2);
    let rsa = key("own2048");
    let session = SessionKey::generate(Algorithm::Aes256, 32, &mut rng).unwrap();
    for padding in PADDINGS {
        let one = rsa.public().wrap(&session, padding, &mut rng).unwrap();
        let two = rsa.public().wrap(&session, padding, &mut rng).unwrap();
        assert_ne!(one.wrapped(), two.wrapped());
        // The header is not part of what is wrapped: another algorithm makes no other deposit of it.
        let mut bytes = one.to_bytes();
        bytes[4..6].copy_from_slice(&[0x01, 0x68]);
        let relabelled = SimpleBlob::from_bytes(&bytes).unwrap();
        assert_eq!(relabelled.algorithm(), Algorithm::Rc4);
        assert_eq!(relabelled.wrapped(), one.wrapped());
    }
}

#[test]
fn nothing_is_wrapped_to_a_key_that_signs() {
    let mut rng = TestRng::new(3);
    let session = SessionKey::generate(Algorithm::Rc4, 5, &mut rng).unwrap();
    let rsa = key("own2048").with_spec(KeySpec::Signature);
    let refused = rsa.public().wrap(&session, Padding::Pkcs1, &mut rng);
    assert_eq!(refused.unwrap_err(), WrapError::SignatureKey);
}

#[test]
fn anybody_can_tell_which_blobs_cannot_be_a_keys_own() {
    let mut rng = TestRng::new(4);
    let session = SessionKey::generate(Algorithm::Rc4, 5, &mut rng).unwrap();
    let wrap = |name| {
        let public = key(name).public().clone();
        public
            .wrap(&session, Padding::Pkcs1, &mut TestRng::new(5))
            .unwrap()
    };
    let own = key("own2048");
    assert_eq!(own.public().fits(&wrap("own2048")), Ok(()));
    let wrong = Misfit::Length {
        found: 128,
        wanted: 256,
    };
    assert_eq!(own.public().fits(&wrap("own1024")), Err(wrong));
    for above in [own.public().modulus(), vec![0xff; 256]] {
        let blob = crate::keys::simple_blob(Algorithm::Rc4, &above);
        assert_eq!(own.public().fits(&blob), Err(Misfit::NotBelowModulus));
    }
}

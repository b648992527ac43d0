//! Signatures over blobs.

use strongroom_capi::signature::{NotSigned, NotVerified, RefusedHash};
use strongroom_capi::{KeySpec, PrivateKey, SignatureHash};

use crate::keys::{EVERY, blob_of, key, private_operation, wrap_block};
use crate::rng::TestRng;

const MESSAGE: &[u8] = b"a SIMPLEBLOB";

#[test]
fn a_signature_holds_for_its_key_its_message_and_its_hash() {
    let mut rng = TestRng::new(1);
    for (name, bits) in EVERY {
        let own = key(name).with_spec(KeySpec::Signature);
        let signature = own.sign(MESSAGE, &mut rng).unwrap();
        assert_eq!(signature.len(), bits / 8);
        let verify =
            |hash, message, signature: &[u8]| own.public().verify(hash, message, signature);
        assert_eq!(verify(SignatureHash::Sha256, MESSAGE, &signature), Ok(()));
        assert_eq!(
            verify(SignatureHash::Sha1, MESSAGE, &signature),
            Err(NotVerified)
        );
        assert_eq!(
            verify(SignatureHash::Sha256, b"", &signature),
            Err(NotVerified)
        );
        for at in [0, signature.len() / 2, signature.len() - 1] {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(verify(SignatureHash::Sha256, MESSAGE, &changed).is_err());
        }
        let longer = [&signature[..], &[0]].concat();
        assert!(verify(SignatureHash::Sha256, MESSAGE, &longer).is_err());
        assert!(verify(SignatureHash::Sha256, MESSAGE, &signature[1..]).is_err());
        assert!(verify(SignatureHash::Sha256, MESSAGE, &[]).is_err());
        let natural: Vec<u8> = signature.iter().rev().copied().collect();
        assert!(verify(SignatureHash::Sha256, MESSAGE, &natural).is_err());
    }
    let signature = key("own2048").sign(MESSAGE, &mut rng).unwrap();
    let other = key("other2048");
    let verified = other
        .public()
        .verify(SignatureHash::Sha256, MESSAGE, &signature);
    assert_eq!(verified, Err(NotVerified));
}

#[test]
fn a_block_with_room_for_forgery_is_none() {
    // With an exponent of 3, a verifier that skips over what follows the hash is talked into any signature. Ours
    // compares the whole block; a signature of the same hash elsewhere in it does not hold.
    let own = key("openssl1024e3");
    let signature = own.sign(MESSAGE, &mut TestRng::new(1)).unwrap();
    let natural: Vec<u8> = signature.iter().rev().copied().collect();
    let block = wrap_block(own.public(), strongroom_capi::Algorithm::Rc4, &natural);
    let block = block.wrapped();
    assert_eq!(&block[..3], &[0, 1, 0xff]);
    let mut moved = vec![0, 1];
    moved.extend([0xff; 8]);
    moved.extend(&block[block.len() - 52..]);
    moved.resize(block.len(), 0x55);
    let forged = sign_block(&own, &moved);
    let verified = own.public().verify(SignatureHash::Sha256, MESSAGE, &forged);
    assert_eq!(verified, Err(NotVerified));
    let again = sign_block(&own, block);
    assert_eq!(again, signature);
}

#[test]
fn md5_and_unknown_hashes_are_refused() {
    assert_eq!(SignatureHash::from_alg_id(0x8003), Err(RefusedHash::Md5));
    assert_eq!(SignatureHash::from_alg_id(1), Err(RefusedHash::Unknown(1)));
    assert_eq!(SignatureHash::from_alg_id(0x8004), Ok(SignatureHash::Sha1));
    assert_eq!(
        SignatureHash::from_alg_id(0x800c),
        Ok(SignatureHash::Sha256)
    );
}

#[test]
fn a_key_too_short_for_the_hash_does_not_sign() {
    let mut rng = TestRng::new(1);
    let tiny = rsa::PrivateKey::new_unchecked(&mut rng, 384).unwrap();
    let own = PrivateKey::from_blob(&blob_of(&tiny)).unwrap();
    let signed = own.sign(MESSAGE, &mut rng);
    assert_eq!(signed, Err(NotSigned::TooShort));
}

/// The private operation on a block, byte-reversed.
fn sign_block(own: &PrivateKey, block: &[u8]) -> Vec<u8> {
    let signature = private_operation(own, block);
    signature.into_iter().rev().collect()
}

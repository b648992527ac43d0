//! Signatures over blobs.

use strongroom_capi::signature::{HashName, NotSigned, NotVerified};
use strongroom_capi::{HashAlgorithm, KeySpec, PrivateKey};

use crate::keys::{EVERY, blob_of, key, private_operation, wrap_block};
use crate::rng::TestRng;
use crate::seals::unhex;

const MESSAGE: &[u8] = b"a SIMPLEBLOB";

#[test]
fn a_signature_holds_for_its_key_its_message_and_its_hash() {
    let mut rng = TestRng::new(1);
    for (name, bits) in EVERY {
        let own = key(name).with_spec(KeySpec::Signature);
        let signature = own.sign(HashAlgorithm::Sha256, MESSAGE, &mut rng).unwrap();
        assert_eq!(signature.len(), bits / 8);
        let verify =
            |hash, message, signature: &[u8]| own.public().verify(hash, message, signature);
        assert_eq!(
            verify(HashAlgorithm::Sha256, MESSAGE, &signature),
            Ok(HashName::Named)
        );
        assert_eq!(
            verify(HashAlgorithm::Sha1, MESSAGE, &signature),
            Err(NotVerified::OtherHash("sha256"))
        );
        assert_eq!(
            verify(HashAlgorithm::Sha256, b"", &signature),
            Err(NotVerified::Another)
        );
        for at in [0, signature.len() / 2, signature.len() - 1] {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(verify(HashAlgorithm::Sha256, MESSAGE, &changed).is_err());
        }
        let longer = [&signature[..], &[0]].concat();
        assert!(verify(HashAlgorithm::Sha256, MESSAGE, &longer).is_err());
        assert!(verify(HashAlgorithm::Sha256, MESSAGE, &signature[1..]).is_err());
        assert!(verify(HashAlgorithm::Sha256, MESSAGE, &[]).is_err());
        let natural: Vec<u8> = signature.iter().rev().copied().collect();
        assert!(verify(HashAlgorithm::Sha256, MESSAGE, &natural).is_err());
    }
    let signature = key("own2048")
        .sign(HashAlgorithm::Sha256, MESSAGE, &mut rng)
        .unwrap();
    let other = key("other2048");
    let verified = other
        .public()
        .verify(HashAlgorithm::Sha256, MESSAGE, &signature);
    assert_eq!(verified, Err(NotVerified::Another));
}

#[test]
fn a_block_with_room_for_forgery_is_none() {
    // With an exponent of 3, a verifier that skips over what follows the hash is talked into any signature. Ours
    // compares the whole block; a signature of the same hash elsewhere in it does not hold.
    let own = key("openssl1024e3");
    let signature = own
        .sign(HashAlgorithm::Sha256, MESSAGE, &mut TestRng::new(1))
        .unwrap();
    let natural: Vec<u8> = signature.iter().rev().copied().collect();
    let block = wrap_block(own.public(), strongroom_capi::Algorithm::Rc4, &natural);
    let block = block.wrapped();
    assert_eq!(&block[..3], &[0, 1, 0xff]);
    let mut moved = vec![0, 1];
    moved.extend([0xff; 8]);
    moved.extend(&block[block.len() - 52..]);
    moved.resize(block.len(), 0x55);
    let forged = sign_block(&own, &moved);
    let verified = own.public().verify(HashAlgorithm::Sha256, MESSAGE, &forged);
    assert_eq!(verified, Err(NotVerified::Another));
    let again = sign_block(&own, block);
    assert_eq!(again, signature);
}

#[test]
fn every_hash_is_verified_with_its_name_and_without_and_said_if_another_was_meant() {
    let own = key("own1024");
    // Made from the message by hashes that are not ours, with the names that RFC 8017 and RFC 2313 give them.
    for (hash, name, digest) in [
        (
            HashAlgorithm::Md2,
            "3020300c06082a864886f70d020205000410",
            "126715acc03c698ee71c312ed5236b26",
        ),
        (
            HashAlgorithm::Md4,
            "3020300c06082a864886f70d020405000410",
            "67683681f0000dceb36de2d13cff9517",
        ),
        (
            HashAlgorithm::Md5,
            "3020300c06082a864886f70d020505000410",
            "5d9e3dacb7dcab9519b08094337b5b2b",
        ),
        (
            HashAlgorithm::Sha1,
            "3021300906052b0e03021a05000414",
            "8fa6d1fceb4c418df77ac6df2e06e31068734d61",
        ),
        (
            HashAlgorithm::Sha256,
            "3031300d060960864801650304020105000420",
            "f36426061a6dfce9d74a7098862456e7da7cd984584a065c0b4f1536b0928ac8",
        ),
        (
            HashAlgorithm::Sha384,
            "3041300d060960864801650304020205000430",
            "368d18d3d912640c33a853cb3db6f48929ac5557b00aae639c5297308a16f8e8ec756985ec01aeafa7f3a3faa0422fea",
        ),
        (
            HashAlgorithm::Sha512,
            "3051300d060960864801650304020305000440",
            "5dd348ab3fda4065e03fb9b2e68790fb4f293e3cd2a96cab3527d3fca5056dd2889cfc457dabc4e0da05e8cba392dac4984a8efd1b55c01bc2c442535a3471be",
        ),
    ] {
        for (name, found) in [(name, HashName::Named), ("", HashName::Unnamed)] {
            let info = unhex(&format!("{name}{digest}"));
            let mut block = vec![0, 1];
            block.resize(127 - info.len(), 0xff);
            block.push(0);
            block.extend(info);
            let signature = sign_block(&own, &block);
            let verify = |hash| own.public().verify(hash, MESSAGE, &signature);
            assert_eq!(verify(hash), Ok(found), "{hash:?}");
            for other in HashAlgorithm::ALL
                .into_iter()
                .filter(|other| *other != hash)
            {
                assert_eq!(verify(other), Err(NotVerified::OtherHash(hash.name())));
            }
        }
    }
}

#[test]
fn nothing_is_signed_over_a_hash_of_which_two_texts_can_be_made() {
    let own = key("own2048");
    let mut rng = TestRng::new(1);
    for hash in HashAlgorithm::ALL {
        let signed = own.sign(hash, MESSAGE, &mut rng);
        if hash.resists_collisions() {
            let verified = own.public().verify(hash, MESSAGE, &signed.unwrap());
            assert_eq!(verified, Ok(HashName::Named));
        } else {
            assert_eq!(signed, Err(NotSigned::Weak(hash.name())));
        }
    }
}

#[test]
fn a_key_too_short_for_the_hash_does_not_sign() {
    let mut rng = TestRng::new(1);
    let tiny = rsa::PrivateKey::new_unchecked(&mut rng, 384).unwrap();
    let own = PrivateKey::from_blob(&blob_of(&tiny)).unwrap();
    let signed = own.sign(HashAlgorithm::Sha256, MESSAGE, &mut rng);
    assert_eq!(signed, Err(NotSigned::TooShort("sha256")));
}

/// The private operation on a block, byte-reversed.
fn sign_block(own: &PrivateKey, block: &[u8]) -> Vec<u8> {
    let signature = private_operation(own, block);
    signature.into_iter().rev().collect()
}

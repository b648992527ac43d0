//! Keys from passwords, against answers that come from elsewhere.
//!
//! The keys were made with Python's `hashlib`, as the page on `CryptDeriveKey` describes it; the ciphertexts with `openssl
//! enc -K .. -iv 0` of OpenSSL 3.0, the two of RC2 that it cannot make with a transcription of RFC 2268 into Python,
//! which passes that document's vectors.

use strongroom_capi::cipher::decrypt;
use strongroom_capi::derive::{PasswordBytes, derive_key};
use strongroom_capi::session_key::WrongKeyLength;
use strongroom_capi::{Algorithm, HashAlgorithm};

use crate::cipher::encrypted;
use crate::seals::unhex;

const PASSWORD: &str = "correct horse";

const TEXT: &[u8] = b"Sealed with a password, and read again.";

/// Algorithm, hash, key, [`TEXT`] encrypted with it.
#[rustfmt::skip]
const ANSWERS: [(Algorithm, HashAlgorithm, &str, &str); 19] = [
    (Algorithm::Rc4, HashAlgorithm::Md5, "3cb4e73263",
     "37fd0e18a955629d71d38844088dfd877ac26c087c9c5d4ed495910c09256cb88f272919417d27"),
    (Algorithm::Rc4, HashAlgorithm::Md5, "3cb4e732631f47e6eb961f34554b7cde",
     "888b2457107f3139fec91a410cc96c33fd1d004f36310e90adfe03f6fbdf5982784be49c33d81b"),
    (Algorithm::Rc4, HashAlgorithm::Sha1, "2f9e53523b62abc141a2b4d6019d23cb",
     "5c9afdc1bfdfa54aa7865c019fe85ad82997a72fd6df0824bf406e95be486f294177dcd3aa2d5c"),
    (Algorithm::Rc2, HashAlgorithm::Md5, "3cb4e73263",
     "e14aedee0dc80de837b06066c7bcba623a975f7c447d4bd6db8dbeceb9b47da33f6d9e185bafe4a5"),
    (Algorithm::Rc2, HashAlgorithm::Sha256, "4104d36f8da2c2",
     "02a80e512984a73ca898aec02dcc6b3d32b0de28090f8a48b6684d5f51b9ef25cddbfca677eab5e1"),
    (Algorithm::Rc2, HashAlgorithm::Md5, "3cb4e732631f47e6eb961f34554b7cde",
     "6ba9c41cec76e4e9bd899f35ce5a4a33d981a32dce522d96172f503ba0b6bec5fd1bacbb69b7c5d6"),
    (Algorithm::Des, HashAlgorithm::Md5, "3cb4e732631f47e6",
     "db96f5762cb2514291ae5b4f36b42889c4bbbffafc4534f9d03e109acc83ff8e6647f0adda6d8e4b"),
    (Algorithm::Des, HashAlgorithm::Sha1, "2f9e53523b62abc1",
     "02ba6988c55acd368ee618565c84c70bd3f1b8964bc001cea7dc78fcee420af8c56b3a16b67111eb"),
    (Algorithm::TripleDes112, HashAlgorithm::Md5, "3cb4e732631f47e6eb961f34554b7cde",
     "c76096500b5eff7110843877e795e6c6da8dc61f787b98f779a0da5d030676c5b96a3de500b26dce"),
    (Algorithm::TripleDes, HashAlgorithm::Md5, "273edc938a1886a8dbf9ee17c7191d6d87acb717dbfaa5a8",
     "2af045b6b51df5e1a51b5c6294a002ada2f0f1cf9514780c3c188b560c0e91f70a7290db96b27ec0"),
    (Algorithm::TripleDes, HashAlgorithm::Sha1, "7a7b20feb1f0560f2993e7bc4a32b2ab988df9d2a8fe070b",
     "e73439b0fa014d00ad9d2ea6f1cfb66a0ca046e60c5a7ae42ca31a6ff4637ac04dee950444c8d120"),
    (Algorithm::TripleDes, HashAlgorithm::Sha256, "4104d36f8da2c254349f85836793ebe029e0c957063a34c9",
     "de72f800b1e43832d5a8478b83e4b97e435ef58393a3e33914d5dae706af02f39167535f5efdc24f"),
    (Algorithm::Aes128, HashAlgorithm::Md5, "273edc938a1886a8dbf9ee17c7191d6d",
     "e74684f8dfffab6ceb8e198eeb2f58db1562fb27838f25a47062939921e1512c18f0c30e5eceb1eb376cf2d4d0296cfe"),
    (Algorithm::Aes128, HashAlgorithm::Sha1, "7a7b20feb1f0560f2993e7bc4a32b2ab",
     "0b67d176c23cfd817804cc73bf1b968ddc353cbc3788879ba2f251e301e45bcb6764ec8cfe574a890db39c9b245abaf5"),
    (Algorithm::Aes128, HashAlgorithm::Sha256, "4104d36f8da2c254349f85836793ebe0",
     "eff26336a77468ffb00f5ac1f66b21c3b00bd18647562210fbe6dd676c18a4f46f0d72e7f89f84f128eac7abf0575d38"),
    (Algorithm::Aes192, HashAlgorithm::Md5, "273edc938a1886a8dbf9ee17c7191d6d87acb717dbfaa5a8",
     "2625caf03076e4c8d9727edcb913335f9f6eb7ded12e28b3245b33eb795ec1fe39255e6154df2f9c1f78365906eb0849"),
    (Algorithm::Aes256, HashAlgorithm::Md5, "273edc938a1886a8dbf9ee17c7191d6d87acb717dbfaa5a87f3e3c77cec3a594",
     "907f0aeffda84163cbef363d407393c0e3dd2c20904d2747b317b85caf5b2df5f3373db19b610978fab5bda6ef236fea"),
    (Algorithm::Aes256, HashAlgorithm::Sha1, "7a7b20feb1f0560f2993e7bc4a32b2ab988df9d2a8fe070b3e05d758f6152f0d",
     "43d1657d0b79203035ff34b415ec2b8dd333a0a8a57cad7494f0e7679ad8796f7675ef723d4417444e7037aa53e400d8"),
    (Algorithm::Aes256, HashAlgorithm::Sha256, "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631",
     "10552d2700c381ad8747f8a333a0e3a233312732bf80604b00331699d2de372b3690ba35a97331558225aa49133cdb24"),
];

#[test]
fn keys_and_ciphertexts_are_those_of_an_independent_derivation() {
    for (algorithm, hash, key, ciphertext) in ANSWERS {
        let expected = unhex(key);
        let key = derive_key(algorithm, expected.len(), hash, PASSWORD.as_bytes()).unwrap();
        assert_eq!(key.expose(), expected, "{algorithm} {hash:?}");
        assert_eq!(key.algorithm(), algorithm);
        let ciphertext = unhex(ciphertext);
        assert_eq!(encrypted(&key, TEXT), ciphertext, "{algorithm} {hash:?}");
        let mut opened = Vec::new();
        decrypt(&key, ciphertext.as_slice(), &mut opened, &mut |_| {}).unwrap();
        assert_eq!(opened, TEXT);
    }
}

#[test]
fn the_example_programs_password_file_opens() {
    // MD5, RC4, the Enhanced provider: nothing but the ciphertext.
    let password = PasswordBytes::Narrow.of(PASSWORD);
    let key = derive_key(Algorithm::Rc4, 16, HashAlgorithm::Md5, &password).unwrap();
    let (.., file) = ANSWERS[1];
    let mut opened = Vec::new();
    decrypt(&key, unhex(file).as_slice(), &mut opened, &mut |_| {}).unwrap();
    assert_eq!(opened, TEXT);
}

#[test]
fn wide_programs_hash_utf_16_or_the_first_half_of_it() {
    assert_eq!(*PasswordBytes::Narrow.of("abcd"), b"abcd");
    assert_eq!(*PasswordBytes::Wide.of("abcd"), b"a\0b\0c\0d\0");
    assert_eq!(*PasswordBytes::WideHalved.of("abcd"), b"a\0b\0");
    assert_eq!(*PasswordBytes::WideHalved.of("abc"), b"a\0b");
    assert_eq!(
        *PasswordBytes::Wide.of("\u{e9}\u{1f5dd}"),
        [0xe9, 0, 0x3d, 0xd8, 0xdd, 0xdd]
    );
    assert_eq!(*PasswordBytes::WideHalved.of(""), b"");
}

#[test]
fn a_length_that_no_key_of_the_algorithm_has_is_refused() {
    for algorithm in Algorithm::ALL {
        for hash in HashAlgorithm::ALL {
            for bytes in 0..100 {
                let derived = derive_key(algorithm, bytes, hash, b"");
                assert_eq!(derived.is_ok(), algorithm.accepts_key_bytes(bytes));
                if let Err(refused) = derived {
                    assert_eq!(refused, WrongKeyLength { algorithm, bytes });
                }
            }
        }
    }
}

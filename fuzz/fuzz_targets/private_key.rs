//! PRIVATEKEYBLOBs: what parses is written as it was, and is the same key in PEM.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_capi::PrivateKey;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PrivateKey::from_blob(bytes) {
        assert_eq!(key.to_blob().as_slice(), bytes);
        let again = PrivateKey::from_pem(key.to_pem().as_bytes()).expect("our own PEM");
        assert_eq!(
            again.with_spec(key.public().spec()).to_blob().as_slice(),
            bytes
        );
    }
});

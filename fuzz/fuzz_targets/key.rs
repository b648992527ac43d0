//! RSA keys of whichever form, PEM above all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_capi::Key;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = Key::read(bytes) {
        let pem = key.public().to_pem();
        let again = Key::read(pem.as_bytes()).expect("our own PEM");
        assert_eq!(again.public().fingerprint(), key.public().fingerprint());
    }
});

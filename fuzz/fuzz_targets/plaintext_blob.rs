//! PLAINTEXTKEYBLOBs: what parses is written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_capi::SessionKey;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = SessionKey::from_plaintext_blob(bytes) {
        assert_eq!(key.to_plaintext_blob().as_slice(), bytes);
    }
});

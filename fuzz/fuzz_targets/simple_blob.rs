//! SIMPLEBLOBs: what parses is written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_capi::SimpleBlob;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(blob) = SimpleBlob::from_bytes(bytes) {
        assert_eq!(blob.to_bytes(), bytes);
        let _ = blob.unwrap_exponent_one();
    }
});

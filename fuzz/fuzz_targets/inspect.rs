//! The explanation of any bytes: each of them is in one field.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_capi::inspect;

fuzz_target!(|bytes: &[u8]| {
    let covered: usize = inspect(bytes).fields.iter().map(|field| field.length).sum();
    assert_eq!(covered, bytes.len());
});

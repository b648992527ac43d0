//! What owners say of their deposits. Whatever is read has one encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_protocol::statement::Particulars;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(particulars) = Particulars::from_bytes(bytes) {
        assert_eq!(particulars.to_bytes(), bytes);
        assert!(particulars.supersedes().len() <= Particulars::SUPERSEDES_MAX);
        let _ = (
            particulars.header(),
            particulars.blob(),
            particulars.own_blob(),
        );
        let _ = (
            particulars.payload(),
            particulars.padding(),
            particulars.checked(),
        );
    }
});

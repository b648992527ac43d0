//! Headers of age files, armored or not: what parses stands in front of the file as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_agefile::Header;
use strongroom_agefile::armor::Dearmored;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::read(&mut &*bytes) {
        assert!(bytes.starts_with(header.as_bytes()));
    }
    if let Ok(mut file) = Dearmored::new(bytes) {
        let _ = Header::read(&mut file);
    }
});

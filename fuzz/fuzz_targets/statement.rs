//! Signed statements. Hardly one is found whose signature holds: what counts is that nothing panics on the way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_protocol::statement::SignedStatement;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(statement) = SignedStatement::parse(bytes) {
        assert_eq!(statement.as_bytes(), bytes);
    }
});

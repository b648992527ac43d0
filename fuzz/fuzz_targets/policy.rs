//! Policies, as people write them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_protocol::policy;

fuzz_target!(|text: &str| {
    let _ = policy::file::parse(text);
});

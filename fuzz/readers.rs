//! The targets of `strongroom_fuzz` for libFuzzer: which one, FUZZ_TARGET says.
#![no_main]

use std::env;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static READ: LazyLock<fn(&[u8]) -> Option<()>> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    strongroom_fuzz::target(&name).expect("FUZZ_TARGET names a target").read
});

fuzz_target!(|bytes: &[u8]| {
    let _ = READ(bytes);
});

//! The keys under spec/vectors/capi/keys. Those whose names begin with `openssl` were made by it.

use std::fs;
use std::path::PathBuf;

use strongroom_capi::PrivateKey;

/// Of every size and kind: name, bits.
pub(crate) const EVERY: [(&str, usize); 6] = [
    ("openssl512", 512),
    ("own1024", 1024),
    ("openssl1024e3", 1024),
    ("openssl1032", 1032),
    ("own2048", 2048),
    ("openssl4096", 4096),
];

/// Reads a file of the vectors.
pub(crate) fn file(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../spec/vectors/capi"
    ))
    .join(name)
}

pub(crate) fn key(name: &str) -> PrivateKey {
    PrivateKey::from_pem(&file(&format!("keys/{name}.pem"))).unwrap()
}

//! CryptoAPI's key BLOBs, the RSA wraps inside them, the session ciphers and the example programs' file.
//!
//! Bytes and streams only: no path, no clock, no randomness of its own, and nothing of the rest of Strongroom. Layouts
//! and sources are in `spec/capi.md`.

pub mod algorithm;
pub mod cipher;
pub mod derive;
pub mod file;
pub mod session_key;

pub use algorithm::Algorithm;
pub use session_key::SessionKey;

//! CryptoAPI's key BLOBs, the RSA wraps inside them, the session ciphers and the example programs' file.
//!
//! Bytes and streams only: no path, no clock, no randomness of its own, and nothing of the rest of Strongroom. Layouts
//! and sources are in `spec/capi.md` and `spec/capi-file.md`.

pub mod algorithm;
mod armour;
pub mod beginning;
pub mod blob;
pub mod cipher;
mod cng;
mod der;
pub mod derive;
pub mod file;
pub mod hash;
pub mod inspect;
pub mod key;
pub mod neighbour;
pub mod padding;
pub mod pem;
mod plaintext_blob;
pub mod private_key;
pub mod public_key;
pub mod rsa_data;
pub mod session_key;
pub mod signature;
pub mod simple_blob;
mod xml;

pub use algorithm::Algorithm;
pub use armour::Unarmoured;
pub use blob::{BlobType, Malformed};
pub use hash::HashAlgorithm;
pub use inspect::{Inspection, inspect};
pub use key::Key;
pub use padding::Padding;
pub use private_key::PrivateKey;
pub use public_key::{KeySpec, PublicKey};
pub use session_key::SessionKey;
pub use simple_blob::SimpleBlob;

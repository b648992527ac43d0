//! The age v1 file: its header with the stanzas that wrap the file key, its payload, its armor, and the texts of its
//! keys. `spec/age.md` says what is read and written.
//!
//! Streams and bytes only: no file, no network, no clock, no randomness of its own.

pub mod armor;
mod encoding;
pub mod file_key;
pub mod header;
mod hybrid;
pub mod identity;
pub mod identity_file;
pub mod passphrase;
pub mod payload;
pub mod recipient;
pub mod stanza;
mod unwrap;
mod x25519;

pub use file_key::FileKey;
pub use header::Header;
pub use identity::{Identity, KeyType};
pub use passphrase::{Passphrase, PassphraseIdentity, WorkFactor};
pub use recipient::{Recipient, wrap_to};
pub use stanza::Stanza;
pub use unwrap::{Opened, Unwrap, UnwrapError, UnwrapStanzaError};

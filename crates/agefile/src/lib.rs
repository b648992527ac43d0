//! The age v1 file: its header with the stanzas that wrap the file key, its payload, its armor, and the texts of its
//! keys. `spec/age.md` says what is read and written.
//!
//! Streams and bytes only: no file, no network, no clock, no randomness of its own.
//!
//! ```
//! use std::error::Error;
//! use std::io::{BufRead, Read, Write};
//! use std::thread::available_parallelism;
//!
//! use rand_core::CryptoRng;
//! use strongroom_agefile::armor::Dearmored;
//! use strongroom_agefile::{FileKey, Header, Identity, Recipient, payload, wrap_to};
//!
//! fn encrypt(
//!     plaintext: impl Read + Send,
//!     mut file: impl Write + Send,
//!     recipients: &[Recipient],
//!     rng: &mut impl CryptoRng,
//! ) -> Result<(), Box<dyn Error>> {
//!     let file_key = FileKey::generate(rng);
//!     let stanzas = wrap_to(recipients, &file_key, rng)?;
//!     let mut nonce = [0; payload::NONCE_BYTES];
//!     rng.fill_bytes(&mut nonce);
//!     file.write_all(Header::seal(stanzas, &file_key)?.as_bytes())?;
//!     payload::seal(&file_key, nonce, plaintext, file, available_parallelism()?, &mut |_| {})?;
//!     Ok(())
//! }
//!
//! fn decrypt(
//!     file: impl BufRead + Send,
//!     plaintext: impl Write + Send,
//!     identity: &Identity,
//! ) -> Result<(), Box<dyn Error>> {
//!     let mut file = Dearmored::new(file)?;
//!     let file_key = Header::read(&mut file)?.unwrap(&[identity])?;
//!     payload::open(&file_key, file, plaintext, available_parallelism()?, &mut |_| {})?;
//!     Ok(())
//! }
//! ```

pub mod armor;
mod encoding;
pub mod file_key;
pub mod header;
mod hybrid;
pub mod identity;
pub mod identity_file;
mod magic;
pub mod passphrase;
pub mod payload;
pub mod recipient;
pub mod stanza;
mod unwrap;
mod x25519;

pub use file_key::FileKey;
pub use header::Header;
pub use identity::{Identity, KeyType};
pub use magic::{MAGIC_BYTES, Magic};
pub use passphrase::{Passphrase, PassphraseIdentity, WorkFactor};
pub use recipient::{Recipient, wrap_to};
pub use stanza::Stanza;
pub use unwrap::{Opened, Unwrap, UnwrapError, UnwrapStanzaError};

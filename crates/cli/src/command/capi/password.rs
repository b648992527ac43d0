//! Session keys from passwords, for the example programs' files without a header: to open them, never to make them.

use clap::{Args, ValueEnum};
use strongroom_capi::derive::{PasswordBytes, derive_key};
use strongroom_capi::{Algorithm, HashAlgorithm, SessionKey};
use strongroom_client::capi::CipherName;

use crate::cipher::hash_names;
use crate::context::Context;
use crate::prompt;

/// How a program made a key of a password (spec/capi-file.md#derived-keys).
#[derive(Args)]
pub(super) struct PasswordOptions {
    /// The key is made of a password, as CryptDeriveKey does: from STRONGROOM_PASSPHRASE, or you are asked.
    #[arg(long)]
    pub(super) password: bool,
    /// With --password: the cipher [default: rc4-128, the example programs'].
    #[arg(
        long,
        value_name = "NAME",
        requires = "password",
        conflicts_with = "session_key"
    )]
    cipher: Option<CipherName>,
    /// With --password: the hash of the password [default: md5].
    #[arg(
        long,
        value_parser = hash_names(),
        value_name = "HASH",
        requires = "password",
        conflicts_with = "session_key"
    )]
    hash: Option<HashAlgorithm>,
    /// With --password: what of it was hashed [default: narrow].
    #[arg(
        long = "password-bytes",
        value_enum,
        value_name = "BYTES",
        requires = "password",
        conflicts_with = "session_key"
    )]
    bytes: Option<BytesName>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum BytesName {
    /// One byte a character, as a program for narrow characters; beyond ASCII, UTF-8.
    #[default]
    Narrow,
    /// UTF-16.
    Wide,
    /// The first half of that, as the example programs compiled for wide characters.
    WideHalved,
}

impl PasswordOptions {
    /// Asks for the password that opens `what`, and derives the key.
    pub(super) fn key(&self, context: &Context, what: &str) -> anyhow::Result<SessionKey> {
        let (algorithm, key_bytes) = match self.cipher {
            Some(cipher) => (cipher.algorithm(), cipher.key_bytes()),
            // The example programs name the Enhanced provider and give no length: then it has 128 bits.
            None => (Algorithm::Rc4, 16),
        };
        let hash = self.hash.unwrap_or(HashAlgorithm::Md5);
        let bytes = match self.bytes.unwrap_or_default() {
            BytesName::Narrow => PasswordBytes::Narrow,
            BytesName::Wide => PasswordBytes::Wide,
            BytesName::WideHalved => PasswordBytes::WideHalved,
        };
        let password = prompt::password(context, what)?;
        Ok(derive_key(
            algorithm,
            key_bytes,
            hash,
            &bytes.of(&password),
        )?)
    }
}

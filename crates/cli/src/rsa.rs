//! RSA keys and paddings as options of the commands for files. `strongroom capi` has its own.

use std::path::Path;
use std::str::FromStr;

use clap::Args;
use strongroom_capi::{Padding, PublicKey};

use crate::context::Context;
use crate::terminal::shown;

/// How the key in a file is padded, where a person says so.
#[derive(Args, Clone, Copy)]
#[group(multiple = false)]
pub(crate) struct PaddingOption {
    /// Its key is padded as PKCS#1 v1.5, as CryptExportKey does without flags.
    #[arg(long)]
    pkcs1: bool,
    /// Its key is padded as OAEP, as CryptExportKey does with CRYPT_OAEP.
    #[arg(long)]
    oaep: bool,
}

impl PaddingOption {
    /// Returns what was said, if anything.
    pub(crate) fn said(self) -> Option<Padding> {
        match (self.pkcs1, self.oaep) {
            (true, _) => Some(Padding::Pkcs1),
            (_, true) => Some(Padding::Oaep),
            (false, false) => None,
        }
    }
}

/// The length of an exchange key in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyBits(pub(crate) usize);

impl FromStr for KeyBits {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "2048" => Ok(Self(2048)),
            "3072" => Ok(Self(3072)),
            "4096" => Ok(Self(4096)),
            _ => Err("one of 2048, 3072, 4096"),
        }
    }
}

/// Nothing says how the key in a file is padded.
#[derive(Debug, thiserror::Error)]
#[error("nothing here says how the key in this file is padded")]
pub(crate) struct NoPadding;

/// A key that nothing new should be wrapped to.
#[derive(Debug, thiserror::Error)]
#[error(
    "an RSA key of {bits} bits with the exponent {exponent} is a legacy key: what is wrapped to it today may be opened by others tomorrow"
)]
pub(crate) struct LegacyKey {
    bits: usize,
    exponent: u32,
}

/// Refuses to wrap something new to a legacy key, unless that was said to do.
pub(crate) fn ensure_not_legacy(key: &PublicKey, legacy: bool) -> Result<(), LegacyKey> {
    if key.is_legacy() && !legacy {
        return Err(LegacyKey {
            bits: key.bits(),
            exponent: key.exponent(),
        });
    }
    Ok(())
}

/// Warns of a key that opens a file, and that others may be able to compute.
pub(crate) fn warn_of(context: &Context, path: &Path, key: &PublicKey) {
    if key.is_legacy() {
        context.say(format_args!(
            "warning: {} is an RSA key of {} bits with the exponent {}: keys below 2048 bits can be factored, and small \
             exponents forgive no mistake in the padding. Whoever has a copy of such a file may open it one day",
            shown(path),
            key.bits(),
            key.exponent()
        ));
    }
}

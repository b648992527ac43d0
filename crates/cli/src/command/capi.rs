//! `strongroom capi`: CryptoAPI's key BLOBs and ciphertexts, for people at work with such programs. It needs no home
//! and no authority, but to make age files. What is refused is said in one line.

mod cipher;
mod convert;
mod inspect;
mod keys;
mod password;
mod place;
mod signature;

use clap::{Args, Subcommand};
use strongroom_capi::{Padding, PublicKey};

use crate::context::Context;
use crate::exit::Exit;

/// Work with CryptoAPI's key BLOBs and ciphertexts.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(inspect::Arguments),
    Convert(convert::Arguments),
    Unwrap(keys::UnwrapArguments),
    Wrap(keys::WrapArguments),
    Encrypt(cipher::EncryptArguments),
    Decrypt(cipher::DecryptArguments),
    Sign(signature::SignArguments),
    Verify(signature::VerifyArguments),
}

/// How a session key is padded before RSA: a SIMPLEBLOB does not say.
#[derive(Args, Clone, Copy)]
#[group(required = true, multiple = false)]
struct PaddingChoice {
    /// PKCS#1 v1.5, as CryptExportKey pads without flags.
    #[arg(long)]
    pkcs1: bool,
    /// OAEP with SHA-1, as CryptExportKey pads with CRYPT_OAEP.
    #[arg(long)]
    oaep: bool,
}

impl From<PaddingChoice> for Padding {
    fn from(choice: PaddingChoice) -> Self {
        if choice.oaep { Self::Oaep } else { Self::Pkcs1 }
    }
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> anyhow::Result<Exit> {
    match arguments.command {
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Convert(arguments) => convert::run(context, &arguments),
        Command::Unwrap(arguments) => keys::unwrap(context, &arguments),
        Command::Wrap(arguments) => keys::wrap(context, &arguments),
        Command::Encrypt(arguments) => cipher::encrypt(context, &arguments),
        Command::Decrypt(arguments) => cipher::decrypt(context, &arguments),
        Command::Sign(arguments) => signature::sign(context, &arguments),
        Command::Verify(arguments) => signature::verify(context, &arguments),
    }
}

/// Warns of a key that nobody should use for anything new.
fn warn_of(context: &Context, key: &PublicKey) {
    if key.is_legacy() {
        context.say(format_args!(
            "warning: an RSA key of {} bits with the exponent {}: keys below 2048 bits can be factored, and small exponents \
             forgive no mistake in the padding",
            key.bits(),
            key.exponent()
        ));
    }
}

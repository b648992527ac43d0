//! `capi sign` and `verify`: signatures as CryptSignHash makes them.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use strongroom_capi::HashAlgorithm;
use strongroom_capi::signature::HashName;

use super::keys::{read_pair, read_public};
use super::place::{self, Target};
use super::warn_of;
use crate::cipher::hash_names;
use crate::context::Context;
use crate::exit::Exit;
use crate::stream;
use crate::terminal::{self, shown};

/// Sign a file, as CryptSignHash does.
///
/// Nothing in a SIMPLEBLOB says who made it: Microsoft's page "Storing a session key" asks for a signature beside it.
#[derive(Args)]
pub(super) struct SignArguments {
    /// The RSA key pair: a PRIVATEKEYBLOB or PEM.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// The hash that is signed: of SHA-2 alone.
    #[arg(long, value_parser = hash_names(), value_name = "HASH", default_value = "sha256")]
    hash: HashAlgorithm,
    #[command(flatten)]
    target: Target,
    /// What is signed; from a pipe if it is `-`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Verify a signature that CryptSignHash made.
#[derive(Args)]
pub(super) struct VerifyArguments {
    /// The signer's RSA key: a PUBLICKEYBLOB or PEM.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// The signature.
    #[arg(long, value_name = "SIGNATURE")]
    signature: PathBuf,
    /// The hash that was signed. Older ones than SHA-2 show who signed only of what the signer wrote alone.
    #[arg(long, value_parser = hash_names(), value_name = "HASH", default_value = "sha256")]
    hash: HashAlgorithm,
    /// The same as --hash sha1.
    #[arg(long, conflicts_with = "hash")]
    sha1: bool,
    /// What was signed; from a pipe if it is `-`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn sign(context: &Context, arguments: &SignArguments) -> anyhow::Result<Exit> {
    stream::ensure_one_reader([&arguments.key, &arguments.file])?;
    let key = read_pair(&arguments.key)?;
    let message = place::read_message(&arguments.file)?;
    let signature = key.sign(arguments.hash, &message, &mut context.rng())?;
    arguments.target.put_public(context, &signature)?;
    warn_of(context, key.public());
    Ok(Exit::Done)
}

pub(super) fn verify(context: &Context, arguments: &VerifyArguments) -> anyhow::Result<Exit> {
    stream::ensure_one_reader([&arguments.key, &arguments.signature, &arguments.file])?;
    let key = read_public(&arguments.key)?;
    let signature = place::read(&arguments.signature)?;
    let message = place::read_message(&arguments.file)?;
    let hash = if arguments.sha1 {
        HashAlgorithm::Sha1
    } else {
        arguments.hash
    };
    let name = key
        .verify(hash, &message, &signature)
        .with_context(|| format!("`{}`", shown(&arguments.file)))?;
    warn_of(context, &key);
    if !hash.resists_collisions() {
        context.say(format_args!(
            "warning: whoever prepared what was signed may have made another text with the same {}: this shows who signed only of \
             what the signer wrote alone",
            hash.name()
        ));
    }
    if name == HashName::Unnamed {
        context.say("note: the signature does not name its hash (CRYPT_NOHASHOID)");
    }
    terminal::print(format_args!(
        "{}  signed by the key {}",
        shown(&arguments.file),
        key.fingerprint()
    ))?;
    Ok(Exit::Done)
}

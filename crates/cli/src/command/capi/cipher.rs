//! `capi encrypt` and `decrypt`: a bare ciphertext under a session key, as CryptEncrypt makes it.

use std::path::PathBuf;

use anyhow::Error;
use clap::Args;
use strongroom_capi::cipher::{self, DecryptError};
use strongroom_capi::file::explain;

use super::keys::read_session_key;
use super::place::{self, Target};
use crate::context::Context;
use crate::exit::Exit;
use crate::stream;

/// Encrypt with a session key, as CryptEncrypt does by default.
///
/// Nothing shows whether such a ciphertext was changed, and the same plaintext gives the same ciphertext.
#[derive(Args)]
pub(super) struct EncryptArguments {
    /// The session key: a PLAINTEXTKEYBLOB.
    #[arg(long, value_name = "PLAINTEXTKEYBLOB")]
    session_key: PathBuf,
    #[command(flatten)]
    target: Target,
    /// What is encrypted; from a pipe if it is `-`.
    #[arg(value_name = "PLAINTEXT")]
    input: PathBuf,
}

/// Decrypt with a session key what CryptEncrypt encrypted.
///
/// Nothing shows whether a ciphertext was changed: that it decrypts says only how it ends.
#[derive(Args)]
pub(super) struct DecryptArguments {
    /// The session key: a PLAINTEXTKEYBLOB.
    #[arg(long, value_name = "PLAINTEXTKEYBLOB")]
    session_key: PathBuf,
    #[command(flatten)]
    target: Target,
    /// What is decrypted; from a pipe if it is `-`.
    #[arg(value_name = "CIPHERTEXT")]
    input: PathBuf,
}

pub(super) fn encrypt(context: &Context, arguments: &EncryptArguments) -> anyhow::Result<Exit> {
    stream::ensure_one_reader([&arguments.session_key, &arguments.input])?;
    let key = read_session_key(&arguments.session_key)?;
    let input = place::open(&arguments.input)?;
    arguments.target.stream(context, 0o666, |sink| {
        Ok(cipher::encrypt(&key, input, sink, &mut |_| {})?)
    })?;
    Ok(Exit::Done)
}

pub(super) fn decrypt(context: &Context, arguments: &DecryptArguments) -> anyhow::Result<Exit> {
    stream::ensure_one_reader([&arguments.session_key, &arguments.input])?;
    let key = read_session_key(&arguments.session_key)?;
    let input = place::open(&arguments.input)?;
    let decrypted = arguments.target.stream(context, 0o600, |sink| {
        Ok(cipher::decrypt(&key, input, sink, &mut |_| {})?)
    });
    let Err(error) = decrypted else {
        return Ok(Exit::Done);
    };
    // What comes from a pipe is gone, and cannot be looked at again.
    if let Some(DecryptError::End(_)) = error.downcast_ref()
        && !stream::is_pipe(&arguments.input)
    {
        let why = explain(&key, place::open(&arguments.input)?)?;
        return Err(Error::msg(why.to_string()));
    }
    Err(error)
}

//! `capi encrypt` and `decrypt`: a bare ciphertext under a session key, as CryptEncrypt makes it.

use std::path::PathBuf;

use anyhow::Error;
use clap::Args;
use strongroom_capi::Algorithm;
use strongroom_capi::cipher::{self, DecryptError};
use strongroom_capi::file::explain;
use strongroom_files::output::ReadableBy;

use super::keys::read_session_key;
use super::password::PasswordOptions;
use super::place::{self, Target};
use crate::context::Context;
use crate::exit::Exit;
use crate::stream;
use crate::terminal::shown;

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

/// Decrypt with a session key or a password what CryptEncrypt encrypted.
///
/// Nothing shows whether a ciphertext was changed: that it decrypts says only how it ends. With RC4 even a wrong password
/// decrypts, to garbage.
#[derive(Args)]
pub(super) struct DecryptArguments {
    /// The session key: a PLAINTEXTKEYBLOB.
    #[arg(
        long,
        value_name = "PLAINTEXTKEYBLOB",
        required_unless_present = "password",
        conflicts_with = "password"
    )]
    session_key: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordOptions,
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
    let source = input.get_ref().try_clone()?;
    let readable = ReadableBy::ReadersOf(&source);
    arguments.target.stream(context, readable, |sink| {
        Ok(cipher::encrypt(&key, input, sink, &mut |_| {})?)
    })?;
    Ok(Exit::Done)
}

pub(super) fn decrypt(context: &Context, arguments: &DecryptArguments) -> anyhow::Result<Exit> {
    let session_key = &arguments.session_key;
    stream::ensure_one_reader(session_key.iter().chain([&arguments.input]))?;
    let key = match session_key {
        Some(path) => read_session_key(path)?,
        None => arguments.password.key(context, &shown(&arguments.input))?,
    };
    let input = place::open(&arguments.input)?;
    let decrypted = arguments.target.stream(context, ReadableBy::Owner, |sink| {
        Ok(cipher::decrypt(&key, input, sink, &mut |_| {})?)
    });
    let Err(error) = decrypted else {
        if session_key.is_none() && key.algorithm() == Algorithm::Rc4 {
            context.say("note: nothing shows whether that was the password: look at what came out");
        }
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

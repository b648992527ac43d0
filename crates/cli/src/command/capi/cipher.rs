//! `capi encrypt` and `decrypt`: a bare ciphertext under a session key, as CryptEncrypt makes it, or under an RSA key itself.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, ensure};
use clap::Args;
use strongroom_capi::Algorithm;
use strongroom_capi::beginning::BeginningWriter;
use strongroom_capi::cipher::{self, DecryptError, KeyedCipher};
use strongroom_capi::file::{Explanation, explain};
use strongroom_client::capi::{Seen, Source};
use strongroom_files::output::ReadableBy;

use super::keys::{read_pair, read_public, read_session_key};
use super::password::PasswordOptions;
use super::place::{self, Target};
use super::warn_of;
use crate::cipher::{CipherOptions, doubts};
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::rsa::{NoPadding, PaddingOption};
use crate::stream;
use crate::terminal::shown;

/// Encrypt with a session key or a public key, as CryptEncrypt does.
///
/// Nothing shows whether such a ciphertext was changed, and with a session key the same plaintext gives the same ciphertext.
#[derive(Args)]
pub(super) struct EncryptArguments {
    /// The session key: a PLAINTEXTKEYBLOB.
    #[arg(
        long,
        value_name = "PLAINTEXTKEYBLOB",
        required_unless_present = "to",
        conflicts_with = "to"
    )]
    session_key: Option<PathBuf>,
    /// Encrypt a few bytes with this RSA key itself, and no session key: a PUBLICKEYBLOB or PEM.
    #[arg(long, value_name = "KEY")]
    to: Option<PathBuf>,
    #[command(flatten)]
    padding: PaddingOption,
    #[command(flatten)]
    cipher: CipherOptions,
    #[command(flatten)]
    target: Target,
    /// What is encrypted; from a pipe if it is `-`.
    #[arg(value_name = "PLAINTEXT")]
    input: PathBuf,
}

/// Decrypt with a session key, a password or an RSA key what CryptEncrypt encrypted.
///
/// Nothing shows whether a ciphertext was changed: that it decrypts says only how it ends. With RC4 even a wrong password
/// decrypts, to garbage.
#[derive(Args)]
pub(super) struct DecryptArguments {
    /// The session key: a PLAINTEXTKEYBLOB.
    #[arg(
        long,
        value_name = "PLAINTEXTKEYBLOB",
        required_unless_present_any = ["password", "key"],
        conflicts_with_all = ["password", "key"]
    )]
    session_key: Option<PathBuf>,
    /// It was encrypted with an RSA key itself, and no session key: the key pair, a PRIVATEKEYBLOB or PEM.
    #[arg(long, value_name = "KEY", conflicts_with = "password")]
    key: Option<PathBuf>,
    #[command(flatten)]
    padding: PaddingOption,
    #[command(flatten)]
    password: PasswordOptions,
    #[command(flatten)]
    cipher: CipherOptions,
    #[command(flatten)]
    target: Target,
    /// What is decrypted; from a pipe if it is `-`.
    #[arg(value_name = "CIPHERTEXT")]
    input: PathBuf,
}

pub(super) fn encrypt(context: &Context, arguments: &EncryptArguments) -> anyhow::Result<Exit> {
    let keys = arguments.session_key.iter().chain(&arguments.to);
    stream::ensure_one_reader(keys.chain([&arguments.input]))?;
    if let Some(path) = &arguments.to {
        ensure_of_rsa(arguments.cipher)?;
        let padding = arguments.padding.said().ok_or(NoPadding)?;
        let key = read_public(path)?;
        let data = place::read(&arguments.input)?;
        let encrypted = key.encrypt_data(&data, padding, &mut context.rng())?;
        arguments.target.put_public(context, &encrypted)?;
        warn_of(context, &key);
        return Ok(Exit::Done);
    }
    ensure_of_session_key(arguments.padding)?;
    let path = arguments.session_key.as_deref().unwrap_or(Path::new("-"));
    let key = read_session_key(path)?;
    let parameters = arguments.cipher.said().unwrap_or_default();
    let cipher = KeyedCipher::new(&key, parameters)?;
    let input = place::open(&arguments.input)?;
    let source = input.get_ref().try_clone()?;
    let readable = ReadableBy::ReadersOf(&source);
    arguments.target.stream(context, readable, |sink| {
        Ok(cipher::encrypt(cipher, input, sink, &mut |_| {})?)
    })?;
    Ok(Exit::Done)
}

pub(super) fn decrypt(context: &Context, arguments: &DecryptArguments) -> anyhow::Result<Exit> {
    let session_key = &arguments.session_key;
    let keys = session_key.iter().chain(&arguments.key);
    stream::ensure_one_reader(keys.chain([&arguments.input]))?;
    if let Some(path) = &arguments.key {
        ensure_of_rsa(arguments.cipher)?;
        let padding = arguments.padding.said().ok_or(NoPadding)?;
        let key = read_pair(path)?;
        let ciphertext = place::read(&arguments.input)?;
        let data = key
            .decrypt_data(&ciphertext, padding, &mut context.rng())
            .with_context(|| format!("cannot decrypt `{}`", shown(&arguments.input)))?;
        arguments.target.put(context, &data)?;
        warn_of(context, key.public());
        return Ok(Exit::Done);
    }
    ensure_of_session_key(arguments.padding)?;
    let key = match session_key {
        Some(path) => read_session_key(path)?,
        None => arguments.password.key(context, &shown(&arguments.input))?,
    };
    let said = arguments.cipher.said();
    let parameters = said.unwrap_or_default();
    let cipher = KeyedCipher::new(&key, parameters)?;
    let input = place::open(&arguments.input)?;
    let decrypted = arguments.target.stream(context, ReadableBy::Owner, |sink| {
        let mut sink = BeginningWriter::new(sink);
        cipher::decrypt(cipher, input, &mut sink, &mut |_| {})?;
        sink.flush()?;
        Ok(sink.finish())
    });
    let error = match decrypted {
        Ok(beginning) => {
            if session_key.is_none() && key.algorithm() == Algorithm::Rc4 {
                context.say(
                    "note: nothing shows whether that was the password: look at what came out",
                );
            }
            let seen = Seen {
                algorithm: key.algorithm(),
                parameters,
                source: said.map_or(Source::Assumed, |_| Source::Said),
                tail: 0,
                beginning,
            };
            for doubt in doubts(&seen) {
                context.say(format_args!("note: {doubt}"));
            }
            return Ok(Exit::Done);
        }
        Err(error) => error,
    };
    // What comes from a pipe is gone, and cannot be looked at again.
    if let Some(DecryptError::End(_)) = error.downcast_ref()
        && !stream::is_pipe(&arguments.input)
    {
        let why = explain(cipher, place::open(&arguments.input)?)?;
        if let Explanation::Unmarked { .. } = why {
            return Err(error);
        }
        let unpadded = match matches!(why, Explanation::NoPadding { .. }) {
            true => " (`--no-padding` takes such a one)",
            false => "",
        };
        return Err(Error::msg(format!("{why}{unpadded}")));
    }
    Err(error)
}

fn ensure_of_rsa(options: CipherOptions) -> Result<(), Usage> {
    match options.said() {
        None => Ok(()),
        Some(_) => Err(Usage(
            "an RSA key has neither IV nor salt nor mode: those are a session key's",
        )),
    }
}

fn ensure_of_session_key(padding: PaddingOption) -> anyhow::Result<()> {
    ensure!(
        padding.said().is_none(),
        Usage("`--pkcs1` and `--oaep` are for data that an RSA key itself encrypts")
    );
    Ok(())
}

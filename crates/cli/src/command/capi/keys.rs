//! `capi wrap` and `unwrap`: session keys under RSA keys; and how the subcommands read keys.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, anyhow, bail};
use clap::Args;
use strongroom_capi::{
    Key, Malformed, Padding, PrivateKey, PublicKey, SessionKey, SimpleBlob, Unarmoured, neighbour,
};

use super::place::{self, Target};
use super::{PaddingChoice, warn_of};
use crate::context::Context;
use crate::exit::Exit;
use crate::stream;
use crate::terminal::shown;

/// Take the session key out of a SIMPLEBLOB, as a PLAINTEXTKEYBLOB.
///
/// PLAINTEXTKEYBLOBs are session keys in the clear.
#[derive(Args)]
pub(super) struct UnwrapArguments {
    /// The RSA key pair that it was wrapped to: a PRIVATEKEYBLOB or PEM.
    #[arg(long, value_name = "KEY", required_unless_present = "exponent_one")]
    key: Option<PathBuf>,
    /// It is padded as PKCS#1 v1.5, as CryptExportKey does without flags.
    #[arg(long, required_unless_present_any = ["oaep", "exponent_one"])]
    pkcs1: bool,
    /// It is padded as OAEP with SHA-1, as CryptExportKey does with CRYPT_OAEP.
    #[arg(long, conflicts_with_all = ["pkcs1", "exponent_one"])]
    oaep: bool,
    /// It was made with a key whose exponent is one, the old trick for exporting keys in the clear: no key is needed.
    #[arg(long)]
    exponent_one: bool,
    #[command(flatten)]
    target: Target,
    /// The SIMPLEBLOB; from a pipe if it is `-`.
    #[arg(value_name = "SIMPLEBLOB")]
    blob: PathBuf,
}

/// Wrap a session key to an RSA key, as a SIMPLEBLOB.
#[derive(Args)]
pub(super) struct WrapArguments {
    /// The RSA key: a PUBLICKEYBLOB or PEM.
    #[arg(long, value_name = "KEY")]
    to: PathBuf,
    #[command(flatten)]
    padding: PaddingChoice,
    #[command(flatten)]
    target: Target,
    /// The session key, a PLAINTEXTKEYBLOB; from a pipe if it is `-`.
    #[arg(value_name = "PLAINTEXTKEYBLOB")]
    session_key: PathBuf,
}

pub(super) fn unwrap(context: &Context, arguments: &UnwrapArguments) -> anyhow::Result<Exit> {
    let path = &arguments.blob;
    stream::ensure_one_reader(arguments.key.iter().chain([path]))?;
    let blob = read_blob("SIMPLEBLOB", path, SimpleBlob::from_bytes)?;
    let (Some(key), false) = (&arguments.key, arguments.exponent_one) else {
        let key = blob
            .unwrap_exponent_one()
            .with_context(|| format!("`{}` holds no key in the clear", shown(path)))?;
        arguments.target.put(context, &key.to_plaintext_blob())?;
        context.say("warning: this blob wraps nothing: whoever has it has the session key");
        return Ok(Exit::Done);
    };
    let key = read_pair(key)?;
    let padding = if arguments.oaep {
        Padding::Oaep
    } else {
        Padding::Pkcs1
    };
    let session_key = key
        .unwrap(&blob, padding, &mut context.rng())
        .with_context(|| format!("cannot unwrap `{}`", shown(path)))?;
    arguments
        .target
        .put(context, &session_key.to_plaintext_blob())?;
    let tail = blob.wrapped().len() - key.public().modulus_bytes();
    if tail > 0 {
        context.say(format_args!(
            "note: {tail} bytes follow the wrapped key, and were ignored as CryptImportKey does"
        ));
    }
    warn_of(context, key.public());
    Ok(Exit::Done)
}

pub(super) fn wrap(context: &Context, arguments: &WrapArguments) -> anyhow::Result<Exit> {
    stream::ensure_one_reader([&arguments.to, &arguments.session_key])?;
    let session_key = read_session_key(&arguments.session_key)?;
    let key = read_key(&arguments.to)?;
    let blob = key
        .public()
        .wrap(&session_key, arguments.padding.into(), &mut context.rng())?;
    arguments.target.put_public(context, &blob.to_bytes())?;
    warn_of(context, key.public());
    Ok(Exit::Done)
}

/// Reads an RSA key of any form.
pub(super) fn read_key(path: &Path) -> anyhow::Result<Key> {
    let bytes = place::read(path)?;
    Key::read(&bytes).map_err(|error| {
        let help = error.help();
        let error = Error::new(error).context(not_a("RSA key", path));
        with_command(error, help, path, &bytes)
    })
}

/// Reads a BLOB of one kind, whatever text it is in.
fn read_blob<T>(
    kind: &str,
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
) -> anyhow::Result<T> {
    let bytes = place::read(path)?;
    let unarmoured = Unarmoured::read(&bytes);
    let inside = unarmoured.bytes();
    parse(inside).map_err(|malformed| match neighbour::of(inside) {
        Some(neighbour) => {
            let error = anyhow!("{}: this is {}", not_a(kind, path), neighbour.what);
            with_command(error, neighbour.help, path, &bytes)
        }
        None => Error::new(malformed).context(not_a(kind, path)),
    })
}

/// Adds the command that helps to what is wrong, on its line.
fn with_command(error: Error, help: Option<&str>, path: &Path, bytes: &[u8]) -> Error {
    match help {
        Some(help) => anyhow!("{error:#}: `{}`", place::command(help, path, bytes)),
        None => error,
    }
}

/// Reads an RSA key pair of any form.
pub(super) fn read_pair(path: &Path) -> anyhow::Result<PrivateKey> {
    match read_key(path)? {
        Key::Private(key) => Ok(key),
        Key::Public(_) => bail!(
            "`{}` is a public key, and the key pair is needed",
            shown(path)
        ),
    }
}

/// Reads a PLAINTEXTKEYBLOB.
pub(super) fn read_session_key(path: &Path) -> anyhow::Result<SessionKey> {
    read_blob("PLAINTEXTKEYBLOB", path, SessionKey::from_plaintext_blob)
}

pub(super) fn read_public(path: &Path) -> anyhow::Result<PublicKey> {
    Ok(read_key(path)?.public().clone())
}

pub(super) fn pair<'k>(key: &'k Key, path: &Path) -> anyhow::Result<&'k PrivateKey> {
    match key {
        Key::Private(key) => Ok(key),
        Key::Public(_) => bail!(
            "`{}` is a public key: there is no private half",
            shown(path)
        ),
    }
}

fn not_a(what: &str, path: &Path) -> String {
    format!("`{}` is no {what} that can be used", shown(path))
}

//! `deposit --simple-blob`: what a program of CryptoAPI's exported for the authority (spec/simple-blob.md).

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use strongroom_capi::{Algorithm, Padding, SessionKey, SimpleBlob, Unarmoured};
use strongroom_client::capi::decrypt::Tail;
use strongroom_client::home::read_private_key;
use strongroom_client::simple_blob::{KnownKey, NewBlob, OwnFile};
use strongroom_client::status::SpareState;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::Particulars;

use super::Arguments;
use super::report::Report;
use crate::cipher::CipherOptions;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::rsa::{NoPadding, PaddingOption, warn_of};
use crate::terminal::shown;
use crate::{founding, reach};

/// The options of a SIMPLEBLOB.
#[derive(Args)]
pub(super) struct BlobOptions {
    /// Deposit this SIMPLEBLOB, which a program exported to the authority's RSA key.
    #[arg(long, value_name = "BLOB", conflicts_with_all = ["name", "check", "from"])]
    pub(super) simple_blob: Option<PathBuf>,
    /// The file it is the spare of: it is found by its SIMPLEBLOB and its ciphertext.
    #[arg(long, value_name = "FILE", requires = "simple_blob")]
    file: Option<PathBuf>,
    /// The SIMPLEBLOB that the file has for its owner: it is found by that.
    #[arg(
        long,
        value_name = "BLOB",
        requires = "simple_blob",
        conflicts_with = "file"
    )]
    own_blob: Option<PathBuf>,
    /// Prove it with the owner's RSA key pair, which opens the owner's SIMPLEBLOB: a PRIVATEKEYBLOB or PEM.
    #[arg(long, value_name = "KEY", requires = "simple_blob")]
    key: Option<PathBuf>,
    /// Prove it with the session key: a PLAINTEXTKEYBLOB.
    #[arg(
        long,
        value_name = "PLAINTEXTKEYBLOB",
        requires = "simple_blob",
        conflicts_with = "key"
    )]
    session_key: Option<PathBuf>,
    /// How many bits an unproven key of RC2 or RC4 has: the blob does not say.
    #[arg(long, value_name = "N", requires = "simple_blob", conflicts_with_all = ["key", "session_key"])]
    bits: Option<u16>,
    #[command(flatten)]
    padding: PaddingOption,
    #[command(flatten)]
    cipher: CipherOptions,
}

impl BlobOptions {
    /// Tells whether nothing is said that only a SIMPLEBLOB or its file has.
    pub(super) fn is_unsaid(&self) -> bool {
        self.padding.said().is_none() && self.cipher.said().is_none()
    }
}

pub(super) fn run(context: &Context, arguments: &Arguments, path: &Path) -> anyhow::Result<Exit> {
    let options = &arguments.blob;
    let description = arguments.description.clone().unwrap_or_default();
    ensure!(
        !description.is_empty(),
        Usage("say with `--description` what the blob is the spare of")
    );
    let padding = options.padding.said().ok_or(NoPadding)?;
    let labels = arguments.labels.iter().cloned().collect();
    let particulars = Particulars::new(description, labels)?;
    let bytes = read(path)?;
    let blob = SimpleBlob::from_bytes(Unarmoured::read(&bytes).bytes())
        .with_context(|| format!("`{}` is no SIMPLEBLOB", shown(path)))?;
    let own = own_file(options, blob.algorithm())?;
    let key = known_key(context, options, own.as_ref(), padding)?;
    // With `--key` the session key came out of the owner's own blob.
    let matches = options.key.is_some();
    let known = match &key {
        Some(key) => KnownKey::All(key),
        None => KnownKey::Bits(bits(blob.algorithm(), options.bits)?),
    };
    let new = NewBlob::new(&blob, padding, known, particulars, own.as_ref(), matches)?;

    let mut home = founding::home(context)?;
    let mut report = Report::new(context, arguments, 1);
    report.see(&home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let has_officers = !client.connection().policy()?.policy().officers.is_empty();
    let deposited = client.deposit_simple_blob(new)?;
    let state = match (deposited.is_proven, deposited.spare.state) {
        (false, _) => "unproven",
        (true, DepositState::Verified) if matches => SpareState::Matched.as_str(),
        (true, state) => state.as_str(),
    };
    report.blob(&deposited, state)?;
    if !deposited.is_proven {
        context.say(
            "unproven: nothing shows that a key is in it, and only officers can release it. `--key` or `--session-key` proves it",
        );
        if !has_officers {
            context.say(
                "warning: the authority's policy has no officers: as it is, this deposit never comes back",
            );
        }
    }
    report.end()
}

/// Reads what there is of the owner's file.
fn own_file(options: &BlobOptions, algorithm: Algorithm) -> anyhow::Result<Option<OwnFile>> {
    let parameters = options.cipher.said().unwrap_or_default();
    parameters.check(algorithm)?;
    ensure!(
        options.cipher.said().is_none() || options.file.is_some() || options.own_blob.is_some(),
        Usage(
            "what the program set on its session key is of a file: name it with `--file` or `--own-blob`"
        )
    );
    if let Some(path) = &options.own_blob {
        let blob = read(path)?;
        SimpleBlob::from_bytes(&blob)
            .with_context(|| format!("`{}` is no SIMPLEBLOB", shown(path)))?;
        return Ok(Some(OwnFile {
            blob,
            payload: None,
            mark: None,
            parameters,
        }));
    }
    let Some(path) = &options.file else {
        return Ok(None);
    };
    let failed = || format!("cannot read `{}`", shown(path));
    let file = strongroom_files::open_input(path).with_context(failed)?;
    Ok(Some(OwnFile::read(file, parameters).with_context(failed)?))
}

/// Returns the session key, where the depositor has it.
fn known_key(
    context: &Context,
    options: &BlobOptions,
    own: Option<&OwnFile>,
    padding: Padding,
) -> anyhow::Result<Option<SessionKey>> {
    if let Some(path) = &options.session_key {
        let key = SessionKey::from_plaintext_blob(&read(path)?)
            .with_context(|| format!("`{}` is no PLAINTEXTKEYBLOB", shown(path)))?;
        return Ok(Some(key));
    }
    let Some(path) = &options.key else {
        return Ok(None);
    };
    let own = own.ok_or(Usage(
        "`--key` opens the owner's SIMPLEBLOB: name it with `--own-blob`, or its `--file`",
    ))?;
    context.warn_if_exposed(path);
    let key = read_private_key(path)?;
    warn_of(context, path, key.public());
    let blob = SimpleBlob::from_bytes(&own.blob)?;
    let session_key = key
        .unwrap(&blob, padding, &mut context.rng())
        .context("the owner's SIMPLEBLOB")?;
    Tail::check(&blob, key.public())?;
    Ok(Some(session_key))
}

/// Returns the length of a session key that nobody here knows.
fn bits(algorithm: Algorithm, said: Option<u16>) -> anyhow::Result<u16> {
    let lengths = (1..=SessionKey::BYTES_MAX).filter(|bytes| algorithm.accepts_key_bytes(*bytes));
    match (said, &lengths.collect::<Vec<_>>()[..]) {
        (Some(bits), _) => Ok(bits),
        (None, [bytes]) => Ok(u16::try_from(bytes * 8)?),
        (None, _) => bail!(Usage(
            "the blob is of RC2 or RC4 and does not say how long its key is: add `--bits`"
        )),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    const BYTES_MAX: u64 = 64 << 10;

    let failed = || format!("cannot read `{}`", shown(path));
    let mut blob = Vec::new();
    strongroom_files::open_input(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut blob))
        .with_context(failed)?;
    ensure!(
        blob.len() as u64 <= BYTES_MAX,
        "`{}` is too long for a key BLOB",
        shown(path)
    );
    Ok(blob)
}

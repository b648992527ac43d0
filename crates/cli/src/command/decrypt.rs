//! `strongroom decrypt`: opens files with the owner's key, with other keys, or with a passphrase. No authority, and no
//! lock on the home, so that it works in a pipe with another command.

pub(crate) mod capi;

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::{Unwrap, UnwrapError};
use strongroom_capi::file::{FileHeader, looks_like};
use strongroom_client::capi::PREFIX_BYTES;
use strongroom_client::capi::decrypt::UnlockError;
use strongroom_client::decrypt::{SealedFile, UnlockedFile};
use strongroom_client::file::same_file;
use strongroom_client::home::{Home, HomeError, Identities};
use strongroom_client::mark::FileMark;
use strongroom_client::whole;
use strongroom_files::output::{CreateError, Output, Overwrite, ReadableBy};

use self::capi::{CapiSource, RsaKeys};
use crate::cipher::CipherOptions;
use crate::context::Context;
use crate::exit::{self, Exit, Usage};
use crate::rsa::{NoPadding, PaddingOption};
use crate::terminal::{Progress, shown};
use crate::{causes, input, prompt, stream};

/// Decrypt files.
///
/// FILE.age becomes FILE. It takes your key alone: no authority, no network. Files of CryptoAPI's example programs are
/// known by their content; they have no integrity, and are compared with their receipt where there is one.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Encrypted files; `-`, or nothing, is a pipe.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Open with the keys of this file, and not with yours.
    #[arg(short, long = "identity", value_name = "IDENTITY")]
    identities: Vec<PathBuf>,
    /// Open a file of CryptoAPI's example programs with this RSA key, a PRIVATEKEYBLOB or PEM, and not with yours.
    #[arg(long, value_name = "KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    padding: PaddingOption,
    #[command(flatten)]
    cipher: CipherOptions,
    /// Write to OUT; to a pipe if it is `-`.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace what is there already.
    #[arg(long)]
    force: bool,
}

/// The passphrase does not open the file.
#[derive(Debug, thiserror::Error)]
#[error("the passphrase does not open this file")]
pub(crate) struct WrongPassphrase;

/// What the decrypted file is to be called cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("the name does not end in `.age` or `.capi`, so that what it becomes cannot be told")]
pub(crate) struct NoName;

/// The decrypted file would take the place of the encrypted one.
#[derive(Debug, thiserror::Error)]
#[error("it would be decrypted onto itself")]
pub(crate) struct OntoItself;

/// An RSA key was named for a file that has none.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is no file of CryptoAPI's example programs: it does not begin with a SIMPLEBLOB and its length"
)]
pub(crate) struct NotCapi;

/// The file's header was being replaced when a command was killed.
#[derive(Debug, thiserror::Error)]
#[error("a command that was replacing the header of this file was interrupted")]
pub(crate) struct Interrupted {
    source: anyhow::Error,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let files = stream::or_pipe(&arguments.files);
    ensure!(!files.is_empty(), Usage("nothing to decrypt was named"));
    let pipes = files.iter().filter(|path| stream::is_pipe(path));
    let alone = arguments.output.is_some() || pipes.count() > 0;
    ensure!(
        !alone || files.len() == 1,
        Usage("`-o` and `-` are for one file alone")
    );
    let readers = files.iter().chain(&arguments.identities);
    stream::ensure_one_reader(readers.chain(&arguments.key))?;
    let mut keys = Keys::new(context, arguments);
    let mut rsa_keys = RsaKeys::new(context, arguments);
    let mut exit = Exit::Done;
    let mut whole = Vec::new();
    for path in &files {
        let decrypted = decrypt(context, arguments, &mut keys, &mut rsa_keys, path)
            .map_err(|error| explain(context, path, error));
        match decrypted {
            Ok(mark) if !stream::is_pipe(path) => {
                whole.extend(std::path::absolute(path).ok().zip(mark));
            }
            Ok(_) => {}
            Err(error) if causes::is_closed_pipe(error.as_ref()) => return Err(error),
            // With a key of their own, programs are at work rather than people.
            Err(error) if arguments.key.is_some() => {
                exit = exit.and(exit::fail_in_a_line(&shown(path), &error));
            }
            Err(error) => exit = exit.and(exit::fail(&shown(path), &error)),
        }
    }
    remember(context, &whole);
    Ok(exit)
}

/// Lets the home remember what was read to its end, unless a command is at work in it or it can't be written: the files are
/// decrypted all the same, and looked at again when `status` is asked.
fn remember(context: &Context, whole: &[(PathBuf, FileMark)]) {
    if whole.is_empty() {
        return;
    }
    if let Ok(Some(mut home)) = Home::try_open(&context.home) {
        let _ = whole::remember(&mut home, whole, context.clock.now());
    }
}

fn decrypt(
    context: &Context,
    arguments: &Arguments,
    keys: &mut Keys<'_>,
    rsa_keys: &mut RsaKeys<'_>,
    path: &Path,
) -> anyhow::Result<Option<FileMark>> {
    let target = target(path, arguments)?;
    let overwrite = if arguments.force {
        Overwrite::Force
    } else {
        Overwrite::Refuse
    };
    let mut in_the_way = None;
    if let Some(target) = &target {
        ensure!(!same_file(path, target), OntoItself);
        in_the_way = Output::check(target, overwrite).err();
        input::remove_leftovers([target.as_path()]);
    }
    let (mut file, length) = open(path)?;
    let mut prefix = Vec::new();
    { &mut file }
        .take(PREFIX_BYTES)
        .read_to_end(&mut prefix)
        .context("cannot read it")?;
    if let Some(error) = in_the_way {
        let header = FileHeader::read(&mut prefix.as_slice().chain(&mut file));
        let ciphertext = header.map_or(0, |header| length.saturating_sub(header.bytes()));
        if is_first_section(&error, ciphertext) {
            return Err(FirstSection(error).into());
        }
        return Err(error.into());
    }
    if looks_like(&prefix) {
        let source = CapiSource {
            prefix,
            file,
            length,
        };
        let target = target.map(|target| (target, overwrite));
        capi::decrypt(context, arguments, rsa_keys, source, target)?;
        return Ok(None);
    }
    ensure!(
        arguments.key.is_none() && arguments.cipher.said().is_none(),
        NotCapi
    );
    let sealed = Cursor::new(prefix).chain(BufReader::with_capacity(1 << 16, &file));
    let unlocked = unlock(SealedFile::read(sealed)?, keys)?;
    // What is decrypted onto the terminal is not drawn over.
    let shown = target.is_none() && stream::output_is_shown();
    let bar = Progress::bytes(context, if shown { 0 } else { length });
    let mut progress = |bytes| bar.set(bytes);
    let decrypted = match target {
        Some(target) => {
            // Nobody reads that who could not read the file.
            let readable = ReadableBy::ReadersOf(&file);
            let mut output = Output::create(&target, overwrite, readable, &mut context.rng())?;
            let decrypted = unlocked.decrypt(&mut output, context.threads, &mut progress)?;
            output.commit()?;
            decrypted
        }
        None => {
            let mut output = stream::output()?;
            let decrypted = unlocked.decrypt(&mut output, context.threads, &mut progress)?;
            output.flush()?;
            decrypted
        }
    };
    Ok(Some(decrypted.mark))
}

/// What is in the way of a file's plaintext looks as if the example program had decrypted it.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}, and has the length that the example program which decrypts leaves of every longer file: it takes its first section \
     for the last"
)]
pub(crate) struct FirstSection(#[source] CreateError);

/// Tells whether a file that is in the way is as long as the example program's first section, and that file longer
/// (spec/capi-file.md#the-example-programs-file).
fn is_first_section(error: &CreateError, ciphertext: u64) -> bool {
    const SECTIONS: [u64; 2] = [992, 1000];
    const PADDING_BYTES_MAX: u64 = 16;
    let CreateError::Exists { path } = error else {
        return false;
    };
    let length = path.metadata().map_or(0, |metadata| metadata.len());
    SECTIONS.contains(&length) && ciphertext > length + PADDING_BYTES_MAX
}

fn target(path: &Path, arguments: &Arguments) -> anyhow::Result<Option<PathBuf>> {
    match &arguments.output {
        Some(output) => Ok((!stream::is_pipe(output)).then(|| output.clone())),
        None if stream::is_pipe(path) => Ok(None),
        None if input::is_encrypted_name(path) => Ok(Some(path.with_extension(""))),
        None => Err(NoName.into()),
    }
}

/// Opens a file, and returns its length, which of a pipe is 0.
fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    let file = stream::open(path).context("cannot open it")?;
    let metadata = file.metadata().context("cannot open it")?;
    Ok((file, metadata.len()))
}

fn unlock<R: std::io::BufRead + Read + Send>(
    file: SealedFile<R>,
    keys: &mut Keys<'_>,
) -> anyhow::Result<UnlockedFile<R>> {
    if !file.is_for_passphrase() {
        let identities = keys.identities()?;
        let unwraps: Vec<&dyn Unwrap> =
            identities.iter().flat_map(Identities::as_unwraps).collect();
        return Ok(file.unlock(&unwraps)?);
    }
    let passphrase = prompt::passphrase(keys.context, "the file").context("no passphrase")?;
    match file.unlock(&[&passphrase]) {
        Err(UnwrapError::NoMatch) => Err(WrongPassphrase.into()),
        unlocked => Ok(unlocked?),
    }
}

/// The keys to open with, read when the first file needs them.
struct Keys<'k> {
    context: &'k Context,
    named: &'k [PathBuf],
    read: Option<Vec<Identities>>,
}

impl<'k> Keys<'k> {
    fn new(context: &'k Context, arguments: &'k Arguments) -> Self {
        Self {
            context,
            named: &arguments.identities,
            read: None,
        }
    }

    fn identities(&mut self) -> anyhow::Result<&[Identities]> {
        if self.read.is_none() {
            self.read = Some(self.read_all()?);
        }
        Ok(self.read.as_deref().unwrap_or_default())
    }

    fn read_all(&self) -> anyhow::Result<Vec<Identities>> {
        if self.named.is_empty() {
            let home = &self.context.home;
            if !Home::exists(home)? {
                return Err(HomeError::NotFound { path: home.clone() }.into());
            }
            let own = Identities::read(
                &home.join("identity.txt"),
                &mut prompt::passphrases(self.context),
            )?;
            return Ok(vec![own]);
        }
        read_identities(self.context, self.named)
    }
}

/// Reads identity files; `-` is a pipe.
pub(crate) fn read_identities(
    context: &Context,
    paths: &[PathBuf],
) -> anyhow::Result<Vec<Identities>> {
    let read = |path: &PathBuf| {
        let path = if stream::is_pipe(path) {
            Path::new("/dev/stdin")
        } else {
            path
        };
        context.warn_if_exposed(path);
        Identities::read(path, &mut prompt::passphrases(context))
    };
    Ok(paths.iter().map(read).collect::<Result<_, _>>()?)
}

/// Says of a header that is torn or altered whether a command was interrupted while it replaced it.
fn explain(context: &Context, path: &Path, error: anyhow::Error) -> anyhow::Error {
    let found = error.as_ref();
    let torn = causes::find::<ReadHeaderError>(found).is_some()
        || causes::find::<UnwrapError>(found).is_some()
        || causes::find::<UnlockError>(found).is_some()
        || causes::find::<NoPadding>(found).is_some();
    let path = path.canonicalize();
    let interrupted = || {
        // A command at work may be for hours; what it is at work on is no interrupted rewrite.
        let home = Home::try_open(&context.home).ok()??;
        Some(home.interrupted().ok()?.contains(&path.ok()?))
    };
    if torn && interrupted() == Some(true) {
        return Interrupted { source: error }.into();
    }
    error
}

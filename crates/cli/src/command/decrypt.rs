//! `strongroom decrypt`: opens files with the owner's key, with other keys, or with a passphrase. No authority, and no
//! lock on the home, so that it works in a pipe with another command.

pub(crate) mod capi;

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Serialize;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::{MAGIC_BYTES, Unwrap, UnwrapError};
use strongroom_capi::file::FileHeader;
use strongroom_client::capi::PREFIX_BYTES;
use strongroom_client::capi::decrypt::UnlockError;
use strongroom_client::decrypt::{SealedFile, UnlockedFile};
use strongroom_client::file::same_file;
use strongroom_client::home::{Home, HomeError, Identities, KeysError};
use strongroom_client::kind::{FileKind, is_called_encrypted};
use strongroom_client::mark::FileMark;
use strongroom_client::whole;
use strongroom_files::output::{CreateError, Output, Overwrite, ReadableBy};

use self::capi::{CapiSource, RsaKeys};
use crate::account::Account;
use crate::cipher::CipherOptions;
use crate::context::Context;
use crate::destination::Destination;
use crate::exit::{self, Exit, Usage};
use crate::input::{self, Input, Paths};
use crate::progress::Progress;
use crate::rsa::{NoPadding, PaddingOption};
use crate::terminal::{self, count, escape, shown, tell};
use crate::walk::{Kind, NOTHING_ENCRYPTED, Used, Walk};
use crate::{causes, prompt, stream};

/// Decrypt files.
///
/// PATH.age becomes PATH; `-`, or nothing, is a pipe. Of a folder, all that is encrypted is decrypted; files with a passphrase are for
/// naming. It takes your key alone: no authority, no network. Files of CryptoAPI's example programs are
/// known by their content; they have no integrity, and are compared with their receipt where there is one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom decrypt thesis.pdf.age             thesis.pdf, beside it
  strongroom decrypt -o - thesis.pdf.age | less
  strongroom decrypt -o restored/ archive/
                                                each file by its path")]
pub(crate) struct Arguments {
    #[command(flatten)]
    paths: Paths,
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
    /// Write to OUT; into it, if it is a folder or ends in `/`, or if several files or a folder were named; to a pipe if it
    /// is `-`.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace what is there already.
    #[arg(long)]
    force: bool,
    /// Print a line of JSON for each file.
    #[arg(long)]
    json: bool,
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
    let mut paths = arguments.paths.clone();
    if paths.is_empty() {
        paths.paths = stream::or_pipe(&[]);
    }
    ensure!(!paths.is_empty(), Usage("nothing to decrypt was named"));
    let readers = paths.paths.iter().chain(&paths.files_from);
    let readers = readers.chain(&arguments.identities);
    let readers = readers.chain(&arguments.key);
    stream::ensure_one_reader(readers.chain(context.passphrase.file()))?;
    let mut walk = paths.walk(context)?;
    let destination = Destination::of(arguments.output.as_deref(), &walk)?;
    ensure!(
        !arguments.json || !matches!(destination, Destination::Pipe),
        Usage("`--json` prints where the decrypted file would go: name a file with `-o`")
    );
    let mut account = Account::new(context).with_json(arguments.json);
    if arguments.key.is_some() {
        // With a key of their own, programs are at work rather than people.
        account = account.without_hints();
    }
    walk.tell_unreadable(&mut account);
    let files = encrypted(&mut walk, &mut account);
    let targets = targets(&files, &destination, &mut account);
    let pairs = || {
        let pairs = targets.iter();
        pairs.filter_map(|(file, target)| Some((file.path.as_path(), target.as_deref()?)))
    };
    Destination::ensure_apart(pairs())?;
    if arguments.force {
        Destination::ensure_no_source(pairs())?;
    }
    let length = |(file, _): &(&Input, _)| file.path.metadata().map_or(0, |file| file.len());
    let total = targets.iter().map(length).sum();
    // What is decrypted onto the terminal is not drawn over.
    let is_shown = matches!(destination, Destination::Pipe)
        && stream::output_is_shown(arguments.output.as_deref());
    let mut work = Work {
        context,
        arguments,
        bar: Progress::files(context, targets.len() as u64, total).unless(is_shown),
        keys: Keys::new(context, arguments),
        rsa_keys: RsaKeys::new(context, arguments),
    };
    let mut whole = Vec::new();
    let mut done = 0;
    for (file, target) in targets {
        let path = file.path.as_path();
        let decrypted = target
            .as_deref()
            .map_or(Ok(()), |target| destination.prepare(target))
            .and_then(|()| work.decrypt(path, target.as_deref()))
            .map_err(|error| explain(context, path, error));
        work.bar.file();
        match decrypted {
            Ok(mark) => {
                done += 1;
                if !stream::is_pipe(path) {
                    whole.extend(std::path::absolute(path).ok().zip(mark));
                }
                let told = || tell_done(context, arguments, file, target.as_deref());
                work.bar.aside(told)?;
            }
            Err(error) if causes::is_closed_pipe(error.as_ref()) => return Err(error),
            Err(error) => work.bar.aside(|| account.fail(path, &error)),
        }
    }
    drop(work);
    remember(context, &whole);
    if !walk.folders.is_empty() {
        context.say(format_args!("{} decrypted", count(done, "file", "files")));
    }
    walk.passed.tell(context);
    Ok(account.end())
}

/// Returns the files that are decrypted: all that were named, and those in folders that are encrypted, but for those of which only
/// somebody with a passphrase knows whether they are meant.
fn encrypted(walk: &mut Walk, account: &mut Account<'_>) -> Vec<Input> {
    let mut used = Used::default();
    let mut files = Vec::new();
    for file in std::mem::take(&mut walk.files) {
        if !file.named {
            if let Some(kind) = file.foreign() {
                walk.passed.add(kind, file.path);
                continue;
            }
            used.add(&file);
            if input::is_for_passphrase(&file.path) {
                walk.passed.add(Kind::Passphrase, file.path);
                continue;
            }
        }
        used.add(&file);
        files.push(file);
    }
    walk.tell_empty(account, &used, NOTHING_ENCRYPTED);
    files
}

/// Returns where each file goes. What has no name to go by is told of.
fn targets<'f>(
    files: &'f [Input],
    destination: &Destination,
    account: &mut Account<'_>,
) -> Vec<(&'f Input, Option<PathBuf>)> {
    let name = |path: &Path| match is_called_encrypted(path) {
        true => Ok(path.with_extension("")),
        false => Err(NoName.into()),
    };
    let mut targets = Vec::new();
    for file in files {
        match destination.target(file, name) {
            Ok(target) => targets.push((file, target)),
            Err(error) => account.fail(&file.path, &error),
        }
    }
    targets
}

#[derive(Serialize)]
struct Line<'l> {
    file: &'l str,
    /// Where the decrypted file is.
    output: &'l str,
}

fn tell_done(
    context: &Context,
    arguments: &Arguments,
    file: &Input,
    target: Option<&Path>,
) -> anyhow::Result<()> {
    let Some(target) = target else {
        return Ok(());
    };
    if arguments.json {
        terminal::print_json(&Line {
            file: &file.path.to_string_lossy(),
            output: &target.to_string_lossy(),
        })?;
    } else if context.verbose {
        tell(format_args!(
            "{}  from {}",
            shown(target),
            shown(&file.path)
        ));
    }
    Ok(())
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

/// What is the same for all files.
struct Work<'w> {
    context: &'w Context,
    arguments: &'w Arguments,
    bar: Progress,
    keys: Keys<'w>,
    rsa_keys: RsaKeys<'w>,
}

impl Work<'_> {
    fn decrypt(&mut self, path: &Path, target: Option<&Path>) -> anyhow::Result<Option<FileMark>> {
        let (context, arguments) = (self.context, self.arguments);
        let overwrite = if arguments.force {
            Overwrite::Force
        } else {
            Overwrite::Refuse
        };
        let mut in_the_way = None;
        if let Some(target) = target {
            ensure!(!same_file(path, target), OntoItself);
            in_the_way = Output::check(target, overwrite).err();
            input::remove_leftovers([target]);
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
        if FileKind::of_bytes(&prefix) == FileKind::Capi {
            let source = CapiSource { prefix, file };
            let target = target.map(|target| (target.to_owned(), overwrite));
            let keys = &mut self.rsa_keys;
            capi::decrypt(context, arguments, keys, source, target, &self.bar)?;
            return Ok(None);
        }
        ensure!(
            arguments.key.is_none() && arguments.cipher.said().is_none(),
            NotCapi
        );
        { &mut file }
            .take(MAGIC_BYTES as u64 - PREFIX_BYTES)
            .read_to_end(&mut prefix)
            .context("cannot read it")?;
        let kind = FileKind::of_bytes(&prefix);
        let sealed = Cursor::new(prefix).chain(BufReader::with_capacity(1 << 16, &file));
        let sealed = SealedFile::read(sealed).map_err(|error| match kind {
            FileKind::Other(what) => input::explained_by(path, error.into(), what),
            FileKind::Age | FileKind::Capi => error.into(),
        })?;
        // Somebody may be asked for a passphrase.
        let unlocked = self.bar.aside(|| unlock(sealed, &mut self.keys))?;
        let mut progress = |bytes| self.bar.bytes(bytes);
        let decrypted = match target {
            Some(target) => {
                // Nobody reads that who could not read the file.
                let readable = ReadableBy::ReadersOf(&file);
                let mut output = Output::create(target, overwrite, readable, &mut context.rng())?;
                output.keep_time_of(&file).context("cannot read it")?;
                let threads = context.threads;
                let decrypted = match stream::is_pipe(path) {
                    // A part of what is redirected here may have been read before.
                    true => unlocked.decrypt(&mut output, threads, &mut progress)?,
                    false => unlocked.decrypt_file(&file, &mut output, threads, &mut progress)?,
                };
                output.commit()?;
                decrypted
            }
            None => {
                let mut output = stream::output_to(arguments.output.as_deref())?;
                let decrypted = unlocked.decrypt(&mut output, context.threads, &mut progress)?;
                output.flush()?;
                decrypted
            }
        };
        Ok(Some(decrypted.mark))
    }
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
            say_unusable(&own);
            return Ok(vec![own]);
        }
        read_identities(self.context, self.named)
    }
}

/// Reads identity files; `-` is a pipe. One that can't be used does not hinder the others, and is told of.
pub(crate) fn read_identities(
    context: &Context,
    paths: &[PathBuf],
) -> anyhow::Result<Vec<Identities>> {
    let mut read = Vec::new();
    let mut failed: Option<KeysError> = None;
    for path in paths {
        let path = if stream::is_pipe(path) {
            Path::new("/dev/stdin")
        } else {
            path
        };
        context.warn_if_exposed(path);
        match Identities::read(path, &mut prompt::passphrases(context)) {
            Ok(identities) => {
                say_unusable(&identities);
                read.push(identities);
            }
            Err(error) if paths.len() > 1 => {
                let error = failed.insert(error);
                tell(format_args!("warning: {}", escape(&exit::chain_of(error))));
            }
            Err(error) => return Err(error.into()),
        }
    }
    match failed {
        Some(error) if read.is_empty() => Err(error.into()),
        _ => Ok(read),
    }
}

/// Says which lines of an identity file can't be used.
pub(crate) fn say_unusable(identities: &Identities) {
    const SAID_MAX: usize = 5;
    let path = shown(identities.path());
    let unusable = identities.unusable();
    for one in unusable.iter().take(SAID_MAX) {
        tell(format_args!(
            "warning: `{path}`: {one}; the others are used"
        ));
    }
    if let Some(more) = unusable.len().checked_sub(SAID_MAX + 1) {
        let more = count(more as u64 + 1, "line", "lines");
        tell(format_args!("warning: `{path}`: {more} more can't be used"));
    }
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

//! `decrypt` of the files of CryptoAPI's example programs (spec/capi-owner.md#decrypting).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use strongroom_capi::PrivateKey;
use strongroom_capi::beginning::{Beginning, BeginningWriter};
use strongroom_capi::file::{Explanation, FileHeader};
use strongroom_client::capi::decrypt::{DecryptError, UnlockedCapiFile, parameters, verify};
use strongroom_client::capi::{Known, Source};
use strongroom_client::home::{Home, HomeError, read_exchange_key, read_private_key};
use strongroom_files::output::{Output, Overwrite, ReadableBy};
use strongroom_protocol::id::Digest;

use super::Arguments;
use crate::cipher::doubts;
use crate::context::Context;
use crate::exit::chain;
use crate::progress::Progress;
use crate::rsa::{NoPadding, warn_of};
use crate::terminal::tell;
use crate::{prompt, stream};

/// A file of that layout, of which nothing but the beginning was read.
pub(super) struct CapiSource {
    pub(super) prefix: Vec<u8>,
    pub(super) file: File,
}

/// From a pipe into a pipe nothing can be checked before it is gone.
#[derive(Debug, thiserror::Error)]
#[error(
    "this file has a receipt to be compared with, which takes reading it twice: a pipe can't be"
)]
pub(crate) struct ReadOnce;

/// A payload that does not decrypt, with what may have happened to it.
#[derive(Debug, thiserror::Error)]
#[error("{source}: {explanation}")]
pub(crate) struct Explained {
    source: DecryptError,
    explanation: Explanation,
}

impl Explained {
    /// Tells whether it may have been made without padding.
    pub(crate) fn may_be_unpadded(&self) -> bool {
        let is_changed = matches!(self.source, DecryptError::Changed);
        !is_changed && matches!(self.explanation, Explanation::NoPadding { .. })
    }
}

pub(super) fn decrypt(
    context: &Context,
    arguments: &Arguments,
    keys: &mut RsaKeys<'_>,
    encrypted: CapiSource,
    target: Option<(PathBuf, Overwrite)>,
    bar: &Progress,
) -> anyhow::Result<()> {
    let file = &encrypted.file;
    let header = FileHeader::read(&mut encrypted.prefix.chain(file))?;
    let known = keys.known(&header)?;
    let padding = known.and_then(|known| known.padding);
    let padding = arguments.padding.said().or(padding).ok_or(NoPadding)?;
    let mut rng = context.rng();
    let (parameters, source) = parameters(arguments.cipher.said(), known)?;
    let unlocked = UnlockedCapiFile::unlock(&header, keys.key()?, padding, parameters, &mut rng)?;
    let payload = Payload {
        file,
        start: file
            .metadata()?
            .is_file()
            .then(|| { &*file }.stream_position())
            .transpose()?,
        expected: known.and_then(|known| known.payload),
    };
    let mut progress = |bytes| bar.bytes(bytes);
    let beginning = match target {
        Some((target, overwrite)) => {
            let mut output =
                Output::create(&target, overwrite, ReadableBy::ReadersOf(file), &mut rng)?;
            output.keep_time_of(file)?;
            let beginning = payload.decrypt(&unlocked, &mut output, &mut progress)?;
            output.commit()?;
            beginning
        }
        None => {
            payload.check(&unlocked)?;
            let mut output = stream::output_to(arguments.output.as_deref())?;
            let beginning = payload.decrypt(&unlocked, &mut output, &mut progress)?;
            output.flush()?;
            beginning
        }
    };
    bar.aside(|| {
        keys.warn();
        let seen = unlocked.seen(source, beginning);
        if let (Source::Said, Some(Ok(deposited))) = (source, known.map(|known| known.parameters))
            && deposited != parameters
        {
            context.say(format_args!(
                "note: what you said was taken, and not what this file's deposit says: {}",
                deposited.describe(seen.algorithm)
            ));
        }
        for doubt in doubts(&seen) {
            context.say(format_args!("note: {doubt}"));
        }
        if payload.expected.is_none() {
            context.say(
                "nothing shows whether this file was changed: this layout has no integrity, and no receipt for the file is here",
            );
        }
    });
    Ok(())
}

/// What follows the header.
struct Payload<'s> {
    file: &'s File,
    /// Where it begins, if it can be read more than once.
    start: Option<u64>,
    /// Its digest, by its owner's signature.
    expected: Option<Digest>,
}

impl Payload<'_> {
    /// Checks it before any of it is decrypted, if there is something to check it against.
    fn check(&self, unlocked: &UnlockedCapiFile) -> anyhow::Result<()> {
        let Some(expected) = self.expected else {
            return Ok(());
        };
        ensure!(self.start.is_some(), ReadOnce);
        let verified = verify(self.file, expected);
        verified.map_err(|error| self.explain(unlocked, error))?;
        self.rewind()
    }

    fn decrypt(
        &self,
        unlocked: &UnlockedCapiFile,
        sink: impl Write,
        progress: &mut dyn FnMut(u64),
    ) -> anyhow::Result<Beginning> {
        let mut sink = BeginningWriter::new(sink);
        let decrypted = unlocked.decrypt(self.file, &mut sink, self.expected, progress);
        decrypted.map_err(|error| self.explain(unlocked, error))?;
        Ok(sink.finish())
    }

    fn rewind(&self) -> anyhow::Result<()> {
        if let Some(start) = self.start {
            { self.file }.seek(SeekFrom::Start(start))?;
        }
        Ok(())
    }

    /// Says what may have happened, where that can be told.
    fn explain(&self, unlocked: &UnlockedCapiFile, error: DecryptError) -> anyhow::Error {
        let told = matches!(error, DecryptError::Changed)
            || matches!(
                &error,
                DecryptError::Cipher(strongroom_capi::cipher::DecryptError::End(_))
            );
        if !told || self.start.is_none() || self.rewind().is_err() {
            return error.into();
        }
        match unlocked.explain(self.file) {
            // Neither says anything of what was changed.
            Ok(Explanation::EndsWell { .. } | Explanation::Unmarked { .. }) | Err(_) => {
                error.into()
            }
            Ok(explanation) => Explained {
                source: error,
                explanation,
            }
            .into(),
        }
    }
}

/// The RSA key to open with, read when the first file needs it, and what the home knows of files.
pub(super) struct RsaKeys<'k> {
    context: &'k Context,
    named: Option<&'k PathBuf>,
    /// The key, and where it is; once it is read.
    read: Option<(PrivateKey, PathBuf)>,
    warned: bool,
}

impl<'k> RsaKeys<'k> {
    pub(super) fn new(context: &'k Context, arguments: &'k Arguments) -> Self {
        Self {
            context,
            named: arguments.key.as_ref(),
            read: None,
            warned: false,
        }
    }

    fn key(&mut self) -> anyhow::Result<&PrivateKey> {
        let read = match self.read.take() {
            Some(read) => read,
            None => self.read_key()?,
        };
        Ok(&self.read.insert(read).0)
    }

    /// Warns once of a key that opened a file.
    fn warn(&mut self) {
        if let (false, Some((key, path))) = (self.warned, &self.read) {
            warn_of(self.context, path, key.public());
            self.warned = true;
        }
    }

    fn read_key(&self) -> anyhow::Result<(PrivateKey, PathBuf)> {
        let home = &self.context.home;
        Ok(match self.named {
            Some(path) if stream::is_pipe(path) => {
                (read_private_key("/dev/stdin".as_ref())?, path.clone())
            }
            Some(path) => {
                self.context.warn_if_exposed(path);
                (read_private_key(path)?, path.clone())
            }
            None if Home::exists(home)? => {
                let key = read_exchange_key(home, &mut prompt::passphrases(self.context))?;
                (key, home.clone())
            }
            None => return Err(HomeError::NotFound { path: home.clone() }.into()),
        })
    }

    /// Returns what the home knows of a file, if there is a home.
    fn known(&self, header: &FileHeader) -> anyhow::Result<Option<Known>> {
        let look = || {
            let home = &self.context.home;
            if !Home::exists(home)? {
                return Ok(None);
            }
            Home::open_to_read(home)?.known_capi_file(header)
        };
        match look() {
            // A key that was named opens the file whatever has become of the home.
            Err(error) if self.named.is_some() => {
                let error =
                    anyhow::Error::new(error).context("the home can't be asked for a receipt");
                tell(format_args!(
                    "warning: {}",
                    crate::terminal::escape(&chain(&error))
                ));
                Ok(None)
            }
            known => known.context("cannot ask the home for a receipt"),
        }
    }
}

//! Encrypting files: the spare keys first, then each file, which appears whole or not at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_agefile::Recipient;
use strongroom_agefile::armor::ArmoredWriter;
use strongroom_agefile::payload::{self, SealError};
use strongroom_capi::cipher;
use strongroom_capi::file::HeaderError;
use strongroom_capi::public_key::WrapError;
use strongroom_capi::session_key::WrongKeyLength;
use strongroom_files::open_input;
use strongroom_files::output::{CommitError, CreateError, Output, Overwrite, ReadableBy};
use strongroom_protocol::id::{AuthorityId, Serial};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{Particulars, ParticularsError};

use crate::client::Client;
use crate::file::copy::Stamp;
use crate::file::same_file;
use crate::home::{HomeError, Learned, Look};
use crate::mark::{FileMark, Marking, header_digest};
use crate::spare::{DepositError, Spare};

/// One thing to encrypt.
pub struct Job {
    /// From where.
    pub source: Source,
    /// Where to.
    pub target: Target,
    /// What the authority is told of it.
    pub particulars: Particulars,
}

/// What is encrypted. It is read, and never changed.
pub enum Source {
    /// A file.
    File(PathBuf),
    /// What is open already: a pipe, to its end.
    Stream(File),
}

/// Where the encrypted file goes.
pub enum Target {
    /// To a file that appears when it is whole.
    File(PathBuf, Overwrite),
    /// Into a pipe: not a byte before the receipt.
    Stream(Box<dyn Write + Send>),
}

/// How files are encrypted.
pub struct EncryptOptions<'o> {
    /// The owner's recipient, always among those who can open the file.
    pub owner: &'o Recipient,
    /// The others.
    pub others: &'o [Recipient],
    /// Whether the files are text.
    pub armor: bool,
    /// How many threads encrypt.
    pub threads: NonZeroUsize,
}

impl<'o> EncryptOptions<'o> {
    /// For the owner alone, not as text, on one thread.
    #[must_use]
    pub fn new(owner: &'o Recipient) -> Self {
        Self {
            owner,
            others: &[],
            armor: false,
            threads: NonZeroUsize::MIN,
        }
    }
}

/// A file that was encrypted, whose spare key was with the authority before.
#[derive(Clone, Debug)]
pub struct Encrypted {
    /// The file, if it is not a stream.
    pub path: Option<PathBuf>,
    /// The authority that keeps the spare.
    pub authority: AuthorityId,
    /// Its serial number there.
    pub serial: Serial,
    /// What the authority said of it.
    pub state: DepositState,
    /// The length in bytes of what was encrypted.
    pub bytes: u64,
    /// The mark of the encrypted file.
    pub mark: FileMark,
}

impl Encrypted {
    /// Takes what the file that was written just now is known by.
    fn look(&self) -> Option<Look> {
        let path = std::path::absolute(self.path.as_ref()?).ok()?;
        Some(Look {
            stamp: Stamp::of(&path.symlink_metadata().ok()?),
            path,
            header: self.mark.header,
            detached: false,
            with_key: true,
        })
    }
}

/// What is told of the work while it goes on.
pub trait Watch: Send {
    /// So many bytes of job `job` are done.
    fn progress(&mut self, job: usize, bytes: u64);
    /// Job `job` ended.
    fn done(&mut self, job: usize, result: Result<Encrypted, EncryptError>);
}

impl Client<'_> {
    /// Remembers a file that was encrypted with a [`Spare`] of its own, so that it is known again
    /// ([`Inspector`](crate::status::Inspector)). [`Self::encrypt`] does so itself.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record_written(&mut self, encrypted: &Encrypted) -> Result<(), HomeError> {
        self.home.record_marks(&[encrypted.mark])
    }

    /// Records files that were written. By what they are known again waits until a change of theirs would show; what is never
    /// recorded is looked at once more.
    fn record_all(&mut self, written: &mut Learned) -> Result<(), HomeError> {
        let now = self.clock.now();
        let looks = std::mem::take(&mut written.looks);
        let (old, new) = looks
            .into_iter()
            .partition(|look| look.stamp.would_show(now));
        let is_still = |look: &Look| {
            let metadata = look.path.symlink_metadata();
            metadata.is_ok_and(|now| Stamp::of(&now) == look.stamp)
        };
        written.looks = old;
        written.looks.retain(is_still);
        self.home.record_learned(written)?;
        *written = Learned {
            marks: Vec::new(),
            looks: new,
        };
        Ok(())
    }

    /// Encrypts each job, in groups whose spare keys are deposited together.
    ///
    /// A job that fails does not stop the others; `watch` is told of each.
    ///
    /// # Errors
    ///
    /// Says why a group's spare keys were not deposited; then neither that group nor what is behind it was touched.
    pub fn encrypt(
        &mut self,
        jobs: Vec<Job>,
        options: &EncryptOptions<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(), DepositError> {
        let mut jobs = jobs.into_iter().enumerate().peekable();
        let mut written = Learned::default();
        while jobs.peek().is_some() {
            let mut group = Vec::new();
            // What can be seen to fail now fails without a deposit.
            for (number, job) in jobs.by_ref() {
                match check(&job) {
                    Ok(()) => group.push((number, job)),
                    Err(error) => watch.done(number, Err(error)),
                }
                if group.len() == Self::SPARES_MAX {
                    break;
                }
            }
            if group.is_empty() {
                break;
            }
            let particulars = group.iter().map(|(_, job)| job.particulars.clone());
            let spares = self.deposit(options.owner, options.others, particulars.collect())?;
            let mut bytes = 0;
            for ((number, job), spare) in group.into_iter().zip(spares) {
                let mut progress = |bytes| watch.progress(number, bytes);
                let result = spare.encrypt(
                    job.source,
                    job.target,
                    options,
                    &mut progress,
                    &mut self.rng,
                );
                if let Ok(encrypted) = &result {
                    written.marks.push(encrypted.mark);
                    written.looks.extend(encrypted.look());
                    bytes += encrypted.bytes;
                }
                watch.done(number, result);
                // A crash before leaves files that are looked at once more before they are called protected.
                if bytes >= UNRECORDED_BYTES_MAX {
                    self.record_all(&mut written)?;
                    bytes = 0;
                }
            }
            self.record_all(&mut written)?;
        }
        Ok(())
    }
}

/// How much is encrypted before the marks of the files are recorded, though more of their group come.
const UNRECORDED_BYTES_MAX: u64 = 64 << 20;

/// Refuses what can be seen to fail now.
pub(crate) fn check(job: &Job) -> Result<(), EncryptError> {
    if let Source::File(path) = &job.source {
        open_source(path)?;
    }
    if let Target::File(path, overwrite) = &job.target {
        if let Source::File(source) = &job.source
            && same_file(source, path)
        {
            return Err(EncryptError::OntoItself { path: path.clone() });
        }
        Output::check(path, *overwrite)?;
    }
    Ok(())
}

impl Source {
    pub(crate) fn open(self) -> Result<File, EncryptError> {
        match self {
            Self::File(path) => open_source(&path),
            Self::Stream(file) => Ok(file),
        }
    }
}

fn open_source(path: &Path) -> Result<File, EncryptError> {
    open_input(path).map_err(|source| EncryptError::Open {
        path: path.to_path_buf(),
        source,
    })
}

impl Spare {
    /// Encrypts a file with this session key, which is thereby used up.
    ///
    /// # Errors
    ///
    /// Says what can't be read or written; no file appears then.
    pub fn encrypt(
        self,
        source: Source,
        target: Target,
        options: &EncryptOptions<'_>,
        progress: &mut (dyn FnMut(u64) + Send),
        rng: &mut impl CryptoRng,
    ) -> Result<Encrypted, EncryptError> {
        let source = source.open()?;
        let (authority, serial, state) = (self.authority(), self.serial(), self.state());
        let (path, (bytes, mark)) = match target {
            Target::File(path, overwrite) => {
                // Nobody reads the encrypted file, nor what it is decrypted to, who could not read this one.
                let readable = ReadableBy::ReadersOf(&source);
                let mut output = Output::create(&path, overwrite, readable, rng)?;
                let written = self.write(&source, output.file_mut(), options, progress, rng)?;
                output.commit()?;
                (Some(path), written)
            }
            // Where a pipe ends nobody knows here; what came out of it has the mark, if all of it is kept.
            Target::Stream(mut stream) => {
                let written = self.write(&source, &mut stream, options, progress, rng)?;
                stream.flush().map_err(SealError::Write)?;
                (None, written)
            }
        };
        Ok(Encrypted {
            path,
            authority,
            serial,
            state,
            bytes,
            mark,
        })
    }

    /// Writes the header, then the payload. Returns the plaintext's length, and the mark of what was written.
    fn write(
        self,
        source: impl Read + Send,
        mut sink: impl Write + Send,
        options: &EncryptOptions<'_>,
        progress: &mut (dyn FnMut(u64) + Send),
        rng: &mut impl CryptoRng,
    ) -> Result<(u64, FileMark), SealError> {
        let mut nonce = [0; payload::NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let header = self.header.as_bytes();
        let seal = |sink: &mut (dyn Write + Send), progress| {
            let mut sink = Marking::new(sink);
            let (key, threads) = (&self.file_key, options.threads);
            let bytes = payload::seal(key, nonce, source, &mut sink, threads, progress)?;
            let mark = sink.mark(header_digest(&self.header), header.len() as u64);
            Ok((bytes, mark))
        };
        if options.armor {
            let mut armored = ArmoredWriter::new(sink);
            armored.write_all(header).map_err(SealError::Write)?;
            let written = seal(&mut armored, progress)?;
            armored.finish().map_err(SealError::Write)?;
            Ok(written)
        } else {
            sink.write_all(header).map_err(SealError::Write)?;
            seal(&mut sink, progress)
        }
    }
}

/// Why a file was not encrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// Reading or writing a file of CryptoAPI's failed on the way.
    #[error(transparent)]
    Capi(#[from] cipher::EncryptError),
    /// The wrapped key makes no header of CryptoAPI's file.
    #[error(transparent)]
    CapiHeader(#[from] HeaderError),
    /// The cipher has no keys of that length.
    #[error(transparent)]
    CapiKey(#[from] WrongKeyLength),
    /// The encrypted file could not appear.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The encrypted file can't be started.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// It would take the place of what is encrypted.
    #[error("`{path}` would be encrypted onto itself")]
    OntoItself {
        /// The file.
        path: PathBuf,
    },
    /// What is to be encrypted can't be opened.
    #[error("cannot open `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// There is no room for the labels by which the file is found and checked.
    #[error(transparent)]
    Particulars(#[from] ParticularsError),
    /// Reading or writing failed on the way.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The session key can't be wrapped to the exchange key.
    #[error(transparent)]
    Wrap(#[from] WrapError),
}

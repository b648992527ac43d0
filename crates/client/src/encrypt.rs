//! Encrypting files: the spare keys first, then each file, which appears whole or not at all.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::iter::{Enumerate, Peekable};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::vec;

use rand_core::CryptoRng;
use strongroom_agefile::Recipient;
use strongroom_agefile::armor::ArmoredWriter;
use strongroom_agefile::payload::{self, CHUNK_BYTES, NONCE_BYTES, SEALED_CHUNK_BYTES, SealError};
use strongroom_capi::cipher;
use strongroom_capi::file::HeaderError;
use strongroom_capi::public_key::WrapError;
use strongroom_capi::session_key::WrongKeyLength;
use strongroom_files::open;
use strongroom_files::output::{CommitError, CreateError, Output, Overwrite, ReadableBy};
use strongroom_protocol::statement::{Particulars, ParticularsError};

use crate::client::Client;
use crate::file::copy::Stamp;
use crate::file::same_file;
use crate::home::{HomeError, Learned, Look, SourceStamp};
use crate::mark::{FileMark, header_digest};
use crate::prepared::Confirmation;
use crate::spare::{DepositError, Spare};
pub use crate::unseen::{Appearing, Unseen};
use crate::unseen::{Load, Place};

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
    /// What comes from elsewhere, to its end. An error of its keeps the encrypted file from appearing.
    Reader(Box<dyn Read + Send>),
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
    /// What the authority said of its spare.
    pub spare: Confirmation,
    /// The length in bytes of what was encrypted.
    pub bytes: u64,
    /// The mark of the encrypted file.
    pub mark: FileMark,
    /// Whether the file that was encrypted changed while it was read: this is of no one moment.
    pub changed: bool,
    /// Which file was encrypted, as it was when it was opened; nothing for a pipe.
    pub source: Option<SourceStamp>,
}

impl Encrypted {
    /// Takes what the file that was written just now was made of. What changed meanwhile is of no one moment.
    pub(crate) fn made_of(&self) -> Option<(PathBuf, SourceStamp)> {
        let path = std::path::absolute(self.path.as_ref()?).ok()?;
        Some((path, self.source.filter(|_| !self.changed)?))
    }

    /// Takes what the file that was written just now is known by, of the stamp that it got its name with.
    pub(crate) fn look(&self, stamp: Stamp) -> Option<Look> {
        Some(Look {
            path: std::path::absolute(self.path.as_ref()?).ok()?,
            stamp,
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
    /// ([`Inspector`](crate::status::Inspector)). [`Group::encrypt`] does so itself.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record_written(&mut self, encrypted: &Encrypted) -> Result<(), HomeError> {
        self.home.record_marks(&[encrypted.mark])
    }

    /// Deposits the spare keys of the next jobs, together. None is left when this returns none.
    ///
    /// A job that can be seen to fail fails now; `watch` is told of it.
    ///
    /// # Errors
    ///
    /// Says why they were not deposited; then none of these jobs was touched, nor what is behind them.
    pub fn deposit_for(
        &mut self,
        jobs: &mut Jobs,
        options: &EncryptOptions<'_>,
        watch: &mut dyn Watch,
    ) -> Result<Option<Group>, DepositError> {
        let mut group = Vec::new();
        for (number, job) in jobs.0.by_ref() {
            match check(&job) {
                Ok(()) => group.push((number, job)),
                Err(error) => watch.done(number, Err(error)),
            }
            if group.len() == Self::SPARES_MAX {
                break;
            }
        }
        if group.is_empty() {
            return Ok(None);
        }
        let particulars = group.iter().map(|(_, job)| job.particulars.clone());
        let spares = self.deposit_on(
            options.threads,
            options.owner,
            options.others,
            particulars.collect(),
        )?;
        let jobs = group.into_iter().zip(spares);
        Ok(Some(Group(
            jobs.map(|((number, job), spare)| (number, job, spare))
                .collect(),
        )))
    }
}

/// Things to encrypt, in their order.
pub struct Jobs(pub(crate) Peekable<Enumerate<vec::IntoIter<Job>>>);

impl Jobs {
    /// Takes jobs up, to be done in groups.
    #[must_use]
    pub fn of(jobs: Vec<Job>) -> Self {
        Self(jobs.into_iter().enumerate().peekable())
    }

    /// Tells whether all of them were taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

/// Jobs whose spare keys are deposited: neither the home nor the authority is needed any more.
#[must_use = "the keys are deposited, and nothing is encrypted yet"]
pub struct Group(Vec<(usize, Job, Spare)>);

impl Group {
    /// Encrypts each job. One that fails does not stop the others; `watch` is told of each that is there, of the last ones by
    /// [`Appearing::finish`].
    ///
    /// `record` is given what was written ([`Appearing::record`]), now and then; while a file that takes long is written, as soon
    /// as those before it are there. A crash before leaves files that are looked at once more before they are called protected.
    ///
    /// # Errors
    ///
    /// What `record` says; then the rest of the group is not touched.
    pub fn encrypt<E>(
        self,
        options: &EncryptOptions<'_>,
        watch: &mut dyn Watch,
        rng: &mut impl CryptoRng,
        appearing: &mut Appearing,
        record: &mut (dyn FnMut(&mut Learned) -> Result<(), E> + Send),
    ) -> Result<(), E>
    where
        E: Send,
    {
        for (number, job, spare) in self.0 {
            let mut recorded = Ok(());
            let unseen = job.source.open().and_then(|source| {
                appearing.make_room(source.bytes(), watch);
                let takes_long = Load::is_filled_by(source.bytes());
                let mut progress = |bytes| {
                    watch.progress(number, bytes);
                    if takes_long && recorded.is_ok() {
                        appearing.tell_if_there(watch);
                        recorded = appearing.record(&mut *record);
                    }
                };
                spare.encrypt_unseen(source, job.target, options, &mut progress, rng)
            });
            match unseen {
                Ok(unseen) => appearing.push(number, unseen, watch),
                Err(error) => watch.done(number, Err(error)),
            }
            recorded?;
            appearing.record(&mut *record)?;
        }
        Ok(())
    }
}

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

/// What is encrypted, open to be read.
pub(crate) enum Opened {
    File(File, Metadata),
    Reader(Box<dyn Read + Send>),
}

impl Source {
    /// How many bytes come, as far as can be told before it is opened.
    pub(crate) fn bytes(&self) -> u64 {
        let metadata = match self {
            Self::File(path) => path.metadata(),
            Self::Stream(file) => file.metadata(),
            Self::Reader(_) => return u64::MAX,
        };
        match metadata {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) | Err(_) => u64::MAX,
        }
    }

    pub(crate) fn open(self) -> Result<Opened, EncryptError> {
        let (file, path) = match self {
            Self::Reader(reader) => return Ok(Opened::Reader(reader)),
            Self::File(path) => (open_source(&path)?, path),
            Self::Stream(file) => (file, PathBuf::from("-")),
        };
        match file.metadata() {
            Ok(metadata) => Ok(Opened::File(file, metadata)),
            Err(source) => Err(EncryptError::Open { path, source }),
        }
    }
}

impl Opened {
    /// How many bytes come, as far as can be told.
    fn bytes(&self) -> u64 {
        match self {
            Self::File(_, metadata) if metadata.is_file() => metadata.len(),
            Self::File(..) | Self::Reader(_) => u64::MAX,
        }
    }

    /// Who reads what is made from it: nobody who could not read this.
    pub(crate) fn readable(&self) -> ReadableBy<'_> {
        match self {
            Self::File(file, _) => ReadableBy::ReadersOf(file),
            Self::Reader(_) => ReadableBy::Umask,
        }
    }

    /// Gives what is made from it its time.
    pub(crate) fn pass_time_to(&self, output: &mut Output) -> Result<(), SealError> {
        match self {
            Self::File(file, _) => output.keep_time_of(file).map_err(SealError::Read),
            Self::Reader(_) => Ok(()),
        }
    }

    /// Tells which file it is, if it is one.
    pub(crate) fn stamp(&self) -> Option<SourceStamp> {
        match self {
            Self::File(_, before) if before.is_file() => Some(SourceStamp::of(before)),
            Self::File(..) | Self::Reader(_) => None,
        }
    }

    /// Returns the file, if it is one that can be read at any place and is longer than a chunk, and its length. A short one is
    /// read to its end, whatever it says: those in `/proc` say 0.
    fn at_offsets(&self) -> Option<(&File, u64)> {
        let Self::File(file, before) = self else {
            return None;
        };
        let (mut reading, length) = (file, before.len());
        // Of what is redirected here a part may have been read already.
        let is_whole = before.is_file()
            && length > CHUNK_BYTES as u64
            && reading.stream_position().is_ok_and(|at| at == 0);
        is_whole.then_some((file, length))
    }

    /// Tells whether a file is another one than when it was opened, of which so many bytes were read.
    pub(crate) fn changed(&self, bytes: u64) -> bool {
        let Self::File(file, before) = self else {
            return false;
        };
        let of = |metadata: &Metadata| (metadata.len(), metadata.modified().ok());
        // A pipe has no length; and of standard input a part may have been read already.
        before.is_file()
            && file
                .metadata()
                .map_or(true, |now| of(&now) != of(before) || bytes > before.len())
    }
}

impl Read for &mut Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Opened::File(file, _) => file.read(buffer),
            Opened::Reader(reader) => reader.read(buffer),
        }
    }
}

fn open_source(path: &Path) -> Result<File, EncryptError> {
    open(path).map_err(|source| EncryptError::Open {
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
        self.encrypt_unseen(source.open()?, target, options, progress, rng)?
            .appear()
    }

    fn encrypt_unseen(
        self,
        mut source: Opened,
        target: Target,
        options: &EncryptOptions<'_>,
        progress: &mut (dyn FnMut(u64) + Send),
        rng: &mut impl CryptoRng,
    ) -> Result<Unseen, EncryptError> {
        let spare = self.confirmation;
        let (path, place, (bytes, mark)) = match target {
            Target::File(path, overwrite) => {
                // Nobody reads the encrypted file, nor what it is decrypted to, who could not read this one.
                let mut output = Output::create(&path, overwrite, source.readable(), rng)?;
                source.pass_time_to(&mut output)?;
                let written = self.write_file(&mut source, &mut output, options, progress, rng)?;
                (Some(path), Place::File(output), written)
            }
            // Where a pipe ends nobody knows here; what came out of it has the mark, if all of it is kept.
            Target::Stream(mut stream) => {
                let written = self.write(&mut source, &mut stream, options, progress, rng)?;
                stream.flush().map_err(SealError::Write)?;
                (None, Place::Pipe, written)
            }
        };
        let encrypted = Encrypted {
            path,
            spare,
            bytes,
            mark,
            changed: source.changed(bytes),
            source: source.stamp(),
        };
        Ok(Unseen {
            encrypted,
            place,
            known_by_look: true,
        })
    }

    /// Writes to a file; from a file of more than a chunk, at any place of both at once.
    fn write_file(
        &self,
        source: &mut Opened,
        output: &mut Output,
        options: &EncryptOptions<'_>,
        progress: &mut (dyn FnMut(u64) + Send),
        rng: &mut impl CryptoRng,
    ) -> Result<(u64, FileMark), SealError> {
        if let Some((file, length)) = source.at_offsets()
            && !options.armor
        {
            match self.write_at(file, length, output, options.threads, progress, rng) {
                // Chunks may be written that are now behind its end, or there is more than it says. As a stream it is read to whatever its end is by then,
                // and under another nonce: what the first one has sealed is not sealed anew.
                Err(SealError::Shortened) => output.start_over().map_err(SealError::Write)?,
                written => return written,
            }
        }
        self.write(source, output.file_mut(), options, progress, rng)
    }

    /// Writes the header, then the payload of a file as long as it was when it was opened, whatever was added to it since.
    fn write_at(
        &self,
        file: &File,
        length: u64,
        output: &mut Output,
        threads: NonZeroUsize,
        progress: &mut (dyn FnMut(u64) + Send),
        rng: &mut impl CryptoRng,
    ) -> Result<(u64, FileMark), SealError> {
        let header = self.header.as_bytes();
        let begin = header.len() as u64;
        output.write_all_at(header, 0).map_err(SealError::Write)?;
        let payload = payload::seal_at(
            &self.file_key,
            nonce(rng),
            length,
            |buffer, offset| file.read_at(buffer, offset),
            |bytes, offset| output.write_all_at(bytes, begin + offset),
            threads,
            progress,
        )?;
        // Some file systems say less than there is. What was added since makes the file longer.
        let says_less = file.read_at(&mut [0], length).map_err(SealError::Read)? > 0
            && file.metadata().map_err(SealError::Read)?.len() == length;
        if says_less {
            return Err(SealError::Shortened);
        }
        // Whoever reads on what is redirected here finds it read.
        let mut reading = file;
        reading
            .seek(SeekFrom::Start(length))
            .map_err(SealError::Read)?;
        let mark = FileMark::of(header_digest(&self.header), begin, &payload);
        Ok((payload.plaintext, mark))
    }

    /// Writes the header, then the payload. Returns the plaintext's length, and the mark of what was written.
    fn write(
        &self,
        source: impl Read + Send,
        sink: impl Write + Send,
        options: &EncryptOptions<'_>,
        progress: &mut (dyn FnMut(u64) + Send),
        rng: &mut impl CryptoRng,
    ) -> Result<(u64, FileMark), SealError> {
        let header = self.header.as_bytes();
        let seal = |sink: &mut (dyn Write + Send), progress, nonce| {
            let (key, threads) = (&self.file_key, options.threads);
            payload::seal(key, nonce, source, sink, threads, progress)
        };
        // What is short is one write, header and all.
        let mut sink = BufWriter::with_capacity(header.len() + FIRST_WRITE_BYTES, sink);
        let payload = if options.armor {
            let mut armored = ArmoredWriter::new(sink);
            armored.write_all(header).map_err(SealError::Write)?;
            let payload = seal(&mut armored, progress, nonce(rng))?;
            armored.finish().map_err(SealError::Write)?;
            payload
        } else {
            sink.write_all(header).map_err(SealError::Write)?;
            seal(&mut sink, progress, nonce(rng))?
        };
        let mark = FileMark::of(header_digest(&self.header), header.len() as u64, &payload);
        Ok((payload.plaintext, mark))
    }
}

/// The nonce and the first chunk of a payload.
const FIRST_WRITE_BYTES: usize = NONCE_BYTES + SEALED_CHUNK_BYTES;

fn nonce(rng: &mut impl CryptoRng) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    nonce
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

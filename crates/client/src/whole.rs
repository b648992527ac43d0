//! Reading files to their ends, to see that all of each is as it was written (spec/deposit.md#whole). It takes the key, or of a
//! file of CryptoAPI's the digest that was deposited; no authority, and the home only to begin and to remember.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use strongroom_agefile::armor::Dearmored;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::payload::{self, OpenError};
use strongroom_agefile::{Header, UnwrapError};
use strongroom_capi::file::{FileHeader, HeaderError, digest};
use strongroom_protocol::id::{Digest, Time};

use crate::capi::{is_capi_file, mark};
use crate::home::{Home, HomeError, Identities, Reading};
use crate::mark::{FileMark, Marking, header_digest};

/// How long a command that was killed is gone on with: what was read before is read again.
const BEGUN_MILLIS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;

/// Files that are read to their ends, by a command that may be killed and run again.
pub struct WholeReading {
    /// SHA-256 of their paths.
    files: Digest,
    begun: Time,
    read: Vec<(PathBuf, Reading)>,
    learned: Vec<FileMark>,
}

/// A file that was read to its end, and is as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholeFile {
    mark: FileMark,
}

impl WholeReading {
    /// Begins to read these files, or goes on where a command that read the same ones was killed.
    ///
    /// # Errors
    ///
    /// The home can't be used, or a path can't be made absolute.
    pub fn begin(home: &mut Home, files: &[&Path], now: Time) -> Result<Self, WholeError> {
        let mut all = Vec::new();
        for path in files {
            let path = absolute(path)?;
            // A path has no NUL.
            all.extend([path.into_os_string().into_encoded_bytes(), vec![0]].concat());
        }
        let files = Digest::of(&[&all]);
        let oldest = Time::from_millis(now.as_millis().saturating_sub(BEGUN_MILLIS_MAX));
        Ok(Self {
            files,
            begun: home.record_or_copy(|home| home.begin_reading(files, now, oldest))?,
            read: Vec::new(),
            learned: Vec::new(),
        })
    }

    /// Returns when the reading was begun: before now, if a command that was killed is gone on with.
    #[must_use]
    pub fn begun(&self) -> Time {
        self.begun
    }

    /// Tells whether a file was read since the reading was begun, and is the one that was read as far as its ends tell.
    ///
    /// # Errors
    ///
    /// The file or the home can't be read.
    pub fn is_read(&self, home: &Home, path: &Path) -> Result<bool, WholeError> {
        let Some(reading) = home.reading(&absolute(path)?)? else {
            return Ok(false);
        };
        let is_since = reading.whole && reading.time >= self.begun;
        Ok(is_since && mark_at(path)?.payload_digest() == reading.mark)
    }

    /// Keeps what came of a file until it is [recorded](Self::record): that it is whole, or that it is damaged.
    pub fn add(&mut self, path: &Path, result: &Result<WholeFile, WholeError>, now: Time) {
        let seen = match result {
            Ok(file) => Ok((file.mark, true)),
            Err(error) if error.is_damage() => mark_at(path).map(|mark| (mark, false)),
            Err(_) => return,
        };
        // Of one that went away meanwhile there is nothing to remember.
        let (Ok((mark, whole)), Ok(path)) = (seen, absolute(path)) else {
            return;
        };
        if whole {
            self.learned.push(mark);
        }
        let reading = Reading {
            mark: mark.payload_digest(),
            time: now,
            whole,
        };
        self.read.push((path, reading));
    }

    /// Records what was added, in the home.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record(&mut self, home: &mut Home) -> Result<(), HomeError> {
        home.record_or_copy(|home| {
            let read = self.read.iter();
            home.record_readings(
                &self.learned,
                read.map(|(path, reading)| (path.as_path(), *reading)),
            )
        })?;
        self.learned.clear();
        self.read.clear();
        Ok(())
    }

    /// Records what was added, and that all was read.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn end(mut self, home: &mut Home) -> Result<(), HomeError> {
        self.record(home)?;
        home.record_or_copy(|home| home.end_reading(self.files))
    }
}

/// Remembers files that were decrypted to their ends just now, those that the home saw match a deposit.
///
/// # Errors
///
/// The home can't be used.
pub fn remember(home: &mut Home, read: &[(PathBuf, FileMark)], now: Time) -> Result<(), HomeError> {
    let mut own = Vec::new();
    for (path, mark) in read {
        if home.matched_digest(mark.header)?.is_some() {
            own.push((path.as_path(), *mark));
        }
    }
    if own.is_empty() {
        return Ok(());
    }
    let marks: Vec<FileMark> = own.iter().map(|(_, mark)| *mark).collect();
    let readings = own.into_iter().map(|(path, mark)| {
        let reading = Reading {
            mark: mark.payload_digest(),
            time: now,
            whole: true,
        };
        (path, reading)
    });
    home.record_loosely(|home| home.record_readings(&marks, readings))
}

/// A file to be read to its end: what it takes from the home is known.
pub struct Readable {
    path: PathBuf,
    /// The digest that the payload of a file of CryptoAPI's was deposited with.
    payload: Option<Digest>,
    is_capi: bool,
}

impl Readable {
    /// Looks up in the home what shows that a file is whole.
    ///
    /// # Errors
    ///
    /// The home or the file's header can't be read.
    pub fn of(home: &Home, path: &Path) -> Result<Self, WholeError> {
        let is_capi = is_capi_file(path);
        let mut payload = None;
        if is_capi {
            let header = FileHeader::read(&mut open(path)?)?;
            payload = home
                .known_capi_file(&header)?
                .and_then(|known| known.payload);
        }
        Ok(Self {
            path: path.to_path_buf(),
            payload,
            is_capi,
        })
    }

    /// Reads the file to its end. `progress` is told how many bytes are read.
    ///
    /// # Errors
    ///
    /// Tells a file that is damaged from one that nothing at hand opens, and from one that can't be read.
    pub fn read(
        &self,
        identities: Option<&Identities>,
        threads: NonZeroUsize,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<WholeFile, WholeError> {
        let file = open(&self.path)?;
        if self.is_capi {
            return self.read_capi(file);
        }
        let failed = |source| WholeError::Read {
            path: self.path.clone(),
            source,
        };
        let mut reader = Dearmored::new(BufReader::with_capacity(1 << 16, file)).map_err(failed)?;
        let header = Header::read(&mut reader)?;
        if header.is_for_passphrase() {
            return Err(WholeError::Passphrase);
        }
        let unwraps = identities.ok_or(WholeError::NoIdentity)?.as_unwraps();
        let key = header.unwrap(&unwraps)?;
        let payload = match payload::open(&key, reader, io::sink(), threads, progress) {
            Ok(payload) => payload,
            Err(OpenError::Read(source)) => return Err(failed(source)),
            Err(error) => return Err(WholeError::Payload(error)),
        };
        let header_bytes = header.as_bytes().len() as u64;
        Ok(WholeFile {
            mark: FileMark::of(header_digest(&header), header_bytes, &payload),
        })
    }

    fn read_capi(&self, mut file: File) -> Result<WholeFile, WholeError> {
        let failed = |source| WholeError::Read {
            path: self.path.clone(),
            source,
        };
        let header = FileHeader::read(&mut file)?;
        let expected = self.payload.ok_or(WholeError::NoDigest)?;
        file.seek(SeekFrom::Start(header.bytes())).map_err(failed)?;
        let mut payload = Marking::new(file);
        let found = digest(&mut payload).map_err(failed)?;
        if Digest::from_bytes(found) != expected {
            return Err(WholeError::OtherDigest);
        }
        Ok(WholeFile {
            mark: payload.mark(mark(&header), header.bytes()),
        })
    }
}

fn mark_at(path: &Path) -> Result<FileMark, WholeError> {
    let failed = |source| WholeError::Read {
        path: path.to_path_buf(),
        source,
    };
    if is_capi_file(path) {
        let mut file = open(path)?;
        let header = FileHeader::read(&mut file)?;
        return crate::capi::file_mark(&header, &file).map_err(failed);
    }
    let file = crate::mark::EndedFile::open(path).map_err(|error| match error {
        crate::replace::BeginningError::Header(error) => WholeError::Header(error),
        crate::replace::BeginningError::Read { path, source } => WholeError::Read { path, source },
    })?;
    file.mark().map_err(failed)
}

fn open(path: &Path) -> Result<File, WholeError> {
    let failed = |source| WholeError::Read {
        path: path.to_path_buf(),
        source,
    };
    strongroom_files::open(path).map_err(failed)
}

fn absolute(path: &Path) -> Result<PathBuf, WholeError> {
    std::path::absolute(path).map_err(|source| WholeError::Read {
        path: path.to_path_buf(),
        source,
    })
}

/// Why a file was not seen to be whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WholeError {
    /// The header of a file of CryptoAPI's can't be read.
    #[error(transparent)]
    Capi(#[from] HeaderError),
    /// The header can't be read.
    #[error(transparent)]
    Header(#[from] ReadHeaderError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Of a file of CryptoAPI's, the home knows no digest to hold it against.
    #[error("this home knows nothing that its payload could be held against")]
    NoDigest,
    /// No identity is at hand.
    #[error("your key is not at hand")]
    NoIdentity,
    /// The payload of a file of CryptoAPI's is not the one that was deposited.
    #[error("its payload is not the one that its key was deposited for")]
    OtherDigest,
    /// A passphrase opens it.
    #[error("a passphrase opens it, and your key does not")]
    Passphrase,
    /// A chunk of the payload does not open.
    #[error(transparent)]
    Payload(OpenError),
    /// The file can't be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// No identity at hand opens the header, or it was altered.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
}

impl WholeError {
    /// Tells whether the file was opened, and found not to be what was written.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::OtherDigest | Self::Payload(_))
    }
}

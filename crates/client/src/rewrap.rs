//! A file's header for the key in use today; its payload stays as it is (spec/recovery.md#header).
//! The session key comes from an identity that still opens the file, or from what was released.

mod find;
mod repair;
mod reseal;

use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_agefile::header::{InvalidHeader, ReadHeaderError};
use strongroom_agefile::{Header, Recipient};
use strongroom_capi::file::HeaderError;
use strongroom_capi::public_key::WrapError;
use strongroom_files::output::Overwrite;
use strongroom_protocol::id::Serial;

use self::find::{Evidence, Finder, Found};
pub use self::repair::{Repair, RepairError, Repaired};
use self::reseal::Resealed;
use crate::capi::rewrap::Prepared;
use crate::file::{FileId, same_file};
use crate::home::{Home, HomeError, Identities, KeysError, Matched, OwnStanza};
use crate::mark::{Changed, EndedFile, Ends};
use crate::pointer::Pointer;
use crate::released::ReleasedError;
pub use crate::replace::ReplaceError;
use crate::replace::{Beginning, BeginningError, Group, Learned, Pending, Replacement};

/// How a file is rewrapped.
pub struct RewrapOptions<'o> {
    /// The home's identities: the first is what the file is rewrapped for.
    pub identities: &'o Identities,
    /// Other identities that may open it.
    pub others: &'o [Identities],
    /// Where the result goes; in place of the file if this says nothing.
    pub output: Option<(PathBuf, Overwrite)>,
}

impl<'o> RewrapOptions<'o> {
    /// In place, with the home's identities alone.
    #[must_use]
    pub fn new(identities: &'o Identities) -> Self {
        Self {
            identities,
            others: &[],
            output: None,
        }
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// What was done.
    pub how: How,
    /// What had happened to its payload before, as far as its two ends tell.
    pub changed: Option<Changed>,
}

/// What was done about a file's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// It opened with the key in use; nothing was to be done.
    Current,
    /// Its header was replaced where it lies.
    InPlace,
    /// It was replaced by a copy with the new header.
    Copied,
    /// A copy with the new header was written elsewhere, and it was left as it is.
    Written(PathBuf),
}

impl How {
    /// How a file gets its header, elsewhere if there is an output.
    pub(crate) fn of(pending: &Pending, output: Option<&(PathBuf, Overwrite)>) -> Self {
        match (pending, output) {
            (Pending::InPlace(..), _) => Self::InPlace,
            (Pending::Copy(..), Some((target, _))) => Self::Written(target.clone()),
            (Pending::Copy(..), None) => Self::Copied,
        }
    }
}

impl From<How> for Rewrapped {
    /// What was done about the header of a file whose payload nothing had happened to.
    fn from(how: How) -> Self {
        Self { how, changed: None }
    }
}

/// Files that are rewrapped together. Headers are replaced where they lie in groups, each with one wait for the disk
/// (spec/rewrite.md#groups); what became of a file is told once that is on the disk.
///
/// Each is known by a `T`, and told of in the order in which they came.
#[must_use = "files may wait to be rewrapped until it is finished"]
pub struct Rewrapping<T> {
    group: Group<T, Rewrapped, RewrapError>,
}

/// What became of files, each with what it is known by; or why they were left as they are.
pub type Told<T> = Vec<(T, Result<Rewrapped, RewrapError>)>;

impl<T> Default for Rewrapping<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Rewrapping<T> {
    /// Begins with none.
    pub fn new() -> Self {
        let group = Group::new();
        Self { group }
    }

    /// Rewraps one more file, and returns what became of those that are done, which may be none yet.
    ///
    /// `progress` is told how many bytes were copied, and of how many, where it takes a copy.
    pub fn add(
        &mut self,
        home: &mut Home,
        path: &Path,
        of: T,
        options: &RewrapOptions<'_>,
        rng: &mut impl CryptoRng,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Told<T> {
        let step = self.take_up(home, path, options, rng, progress);
        self.put(home, of, step)
    }

    /// Does the same with a file of CryptoAPI's, as it was prepared.
    pub fn add_capi(
        &mut self,
        home: &mut Home,
        prepared: Prepared,
        of: T,
        rng: &mut impl CryptoRng,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Told<T> {
        let step = match prepared {
            Prepared::Current => Ok(Step::Known(How::Current.into())),
            Prepared::New(header) => header.prepare(home, &mut self.group, rng, progress),
        };
        self.put(home, of, step)
    }

    /// Sees a file's new header onto the disk, if it is about to be: before the file is read.
    ///
    /// # Errors
    ///
    /// The file was named before, and could not be done: what is read of it may not be on the disk.
    pub fn settle(&mut self, home: &mut Home, path: &Path) -> Result<(), RewrapError> {
        if let Ok(metadata) = path.metadata()
            && self.group.has(FileId::of(&metadata))
        {
            self.group.replace(home);
        }
        Ok(self.group.check_not_failed(path)?)
    }

    /// Rewraps all that were taken up, and returns what became of them.
    pub fn finish(mut self, home: &mut Home) -> Told<T> {
        self.group.finish(home)
    }

    fn put(&mut self, home: &mut Home, of: T, step: Result<Step, RewrapError>) -> Told<T> {
        match step {
            Ok(Step::Known(rewrapped)) => self.group.tell(of, Ok(rewrapped)),
            Ok(Step::Waits(pending, rewrapped)) => self.group.wait(of, *pending, rewrapped),
            Err(error) => self.group.tell(of, Err(error)),
        }
        self.group.finish_if_full(home)
    }

    fn take_up(
        &mut self,
        home: &mut Home,
        path: &Path,
        options: &RewrapOptions<'_>,
        rng: &mut impl CryptoRng,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Step, RewrapError> {
        if let Some((target, _)) = &options.output
            && same_file(path, target)
        {
            return Err(RewrapError::OntoItself {
                path: target.clone(),
            });
        }
        self.settle(home, path)?;
        let (beginning, ends) = read(path)?;
        let header = &beginning.header;
        let finder = Finder::new(home, options)?;
        let found = finder.find(header, &ends)?;
        let is_altered = matches!(found.evidence, Evidence::OthersHeader | Evidence::Payload);
        if is_altered && options.output.is_none() {
            return Err(RewrapError::Altered);
        }
        // Whatever is left of a payload is worth its key; that it is not whole is told, and never forgotten.
        let changed = ends.changed(&found.file_key);
        let mark = (found.matches && changed.is_none()).then(|| ends.mark(header));
        let owner = options.identities.recipient()?;
        if found.is_current && matches!(found.evidence, Evidence::Mac) && options.output.is_none() {
            if let Some(mark) = mark
                && home.mark(mark.header)? != Some(mark)
            {
                home.record_marks(&[mark])?;
            }
            let how = How::Current;
            return Ok(Step::Known(Rewrapped { how, changed }));
        }
        let pointer = finder.pointer_of(&found);
        let resealed = reseal(home, header, &found, pointer, &owner, rng)?;
        let matched = found
            .serial
            .filter(|_| found.matches)
            .map(|serial| Matched::new(&resealed.header, serial, Some(resealed.own)));
        let replacement = Replacement {
            path,
            old: &beginning,
            new: &resealed.header,
            serial: found.serial.filter(|_| found.matches),
            learned: Learned {
                matched,
                mark: mark.map(|mark| mark.under(header, &resealed.header)),
            },
            in_place: true,
            output: options
                .output
                .as_ref()
                .map(|(path, overwrite)| (path.as_path(), *overwrite)),
        };
        let pending = replacement.prepare(home, &mut self.group, rng, progress)?;
        let how = How::of(&pending, options.output.as_ref());
        Ok(Step::Waits(Box::new(pending), Rewrapped { how, changed }))
    }
}

/// What is done about a file at once.
pub(crate) enum Step {
    /// All that is to be done.
    Known(Rewrapped),
    /// It is to get another header, and this is what then became of it.
    Waits(Box<Pending>, Rewrapped),
}

/// Rewraps one file.
///
/// `progress` is told how many bytes were copied, and of how many, where it takes a copy.
///
/// # Errors
///
/// Says why the file was left as it is.
#[expect(clippy::missing_panics_doc, reason = "what becomes of a file is told")]
pub fn rewrap(
    home: &mut Home,
    path: &Path,
    options: &RewrapOptions<'_>,
    rng: &mut impl CryptoRng,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Rewrapped, RewrapError> {
    let mut rewrapping = Rewrapping::new();
    let mut told = rewrapping.add(home, path, (), options, rng, progress);
    told.extend(rewrapping.finish(home));
    let ((), rewrapped) = told.pop().expect("it was finished");
    rewrapped
}
/// Looks whether a key for a file is at hand, and leaves the file as it is. Tells whether that is the key in use, so that
/// nothing would be done.
///
/// # Errors
///
/// None is, with the deposit to ask for, where that is known.
pub fn look(home: &Home, path: &Path, options: &RewrapOptions<'_>) -> Result<bool, RewrapError> {
    let (beginning, ends) = read(path)?;
    let found = Finder::new(home, options)?.find(&beginning.header, &ends)?;
    Ok(found.is_current && matches!(found.evidence, Evidence::Mac))
}

fn read(path: &Path) -> Result<(Beginning, Ends), RewrapError> {
    let ends = EndedFile::open(path)?.into_ends();
    ends.map_err(|source| RewrapError::Read {
        path: path.to_path_buf(),
        source,
    })
}

fn reseal(
    home: &Home,
    header: &Header,
    found: &Found,
    pointer: Option<Pointer>,
    owner: &Recipient,
    rng: &mut impl CryptoRng,
) -> Result<Resealed, RewrapError> {
    let own = match (found.own, &found.evidence) {
        (_, Evidence::OthersHeader) => None,
        (Some(own), _) => Some(own),
        (None, _) => {
            // The only recipient of somebody else's file is that somebody, who keeps their access.
            let only = || reseal::only_recipient(header).filter(|_| !found.is_anothers);
            match home.own_stanza(header)? {
                OwnStanza::AnotherKeys => None,
                OwnStanza::Homes(own) => Some(own),
                OwnStanza::Unknown => only(),
            }
        }
    };
    Ok(reseal::reseal(header, found, own, pointer, owner, rng)?)
}

/// Why a file was left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// The header is not the one that the payload was encrypted under, and the payload opens.
    #[error("the file's header was altered, or is another file's; its payload opens")]
    Altered,
    /// The header of a file of CryptoAPI's can't be read.
    #[error(transparent)]
    Capi(#[from] HeaderError),
    /// The header can't be read.
    #[error(transparent)]
    Header(ReadHeaderError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The new stanzas make no header.
    #[error(transparent)]
    Invalid(#[from] InvalidHeader),
    /// An identity can't be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Neither an identity nor a released key opens the file.
    #[error("no key at hand opens this file")]
    NoKey {
        /// Its deposit, where its pointer names one.
        serial: Option<Serial>,
    },
    /// The deposit is not of a key of CryptoAPI's.
    #[error("the deposit of serial {serial} is not of a session key of CryptoAPI's")]
    NotCapi {
        /// The deposit.
        serial: Serial,
    },
    /// The copy would take the place of the file, which is to be left as it is.
    #[error("`{path}` would be copied onto itself")]
    OntoItself {
        /// The file.
        path: PathBuf,
    },
    /// A passphrase opens it, and rewrapping is for keys.
    #[error("this file is encrypted with a passphrase")]
    Passphrase,
    /// The header opens, and the payload is another file's.
    #[error(
        "the file's header is another file's, or nothing of its payload is as it was: their keys differ"
    )]
    OtherPayload {
        /// The deposit of the payload's key, where this home knows it.
        serial: Option<Serial>,
    },
    /// The file can't be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// A released key can't be had.
    #[error(transparent)]
    Released(#[from] ReleasedError),
    /// The new header could not be put in place of the old one.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// The header of a file of CryptoAPI's is longer than one for an RSA key of a usual length.
    #[error(
        "the header's wrapped key is {bytes} bytes longer than an RSA key of a usual length makes it: they may be ciphertext, \
         and are not written over"
    )]
    Tail {
        /// How many.
        bytes: usize,
    },
    /// The only key at hand is one that its depositor did not show to know.
    #[error("the key that came back was deposited unproven: nothing shows that it is this file's")]
    Unproven,
    /// The session key can't be wrapped to the RSA key.
    #[error(transparent)]
    Wrap(#[from] WrapError),
}

impl From<BeginningError> for RewrapError {
    fn from(error: BeginningError) -> Self {
        match error {
            BeginningError::Header(error) => Self::Header(error),
            BeginningError::Read { path, source } => Self::Read { path, source },
        }
    }
}

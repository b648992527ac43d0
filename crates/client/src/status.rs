//! What can be said of a file's protection, and on what grounds (spec/deposit.md#states). Never more than was seen.

mod payload;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use strongroom_agefile::Header;
use strongroom_agefile::armor::Dearmored;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_capi::file::{FileHeader, HeaderError};
use strongroom_protocol::id::{Serial, Time};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::Particulars;

use crate::capi::is_capi_file;
use crate::file::copy::Stamp;
use crate::file::{Disks, Distance};
use crate::home::{DepositRecord, DeviceId, Home, HomeError, Identities, Learned, Membership};
use crate::mark::{Changed, EndedFile};
use crate::pointer::Pointer;
use crate::replace::BeginningError;

/// How far a file's spare key is known to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpareState {
    /// The authority has it, and has not opened it.
    Deposited,
    /// The authority opened it, and it matched its commitment. That says nothing of the file.
    Verified,
    /// And this home saw, holding the session key, that file, deposit and commitment agree.
    Matched,
}

impl SpareState {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deposited => "deposited",
            Self::Verified => "verified",
            Self::Matched => "matched",
        }
    }
}

/// What is known of a file.
#[derive(Clone, Debug)]
pub struct FileStatus {
    /// Where the spare is, as its header says, or this home of a header that says nothing.
    pub pointer: Option<Pointer>,
    /// Whether the header does not say where the spare is, and this home does.
    pub detached: bool,
    /// How far the spare is known to be good; none if there is no receipt for it here.
    pub state: Option<SpareState>,
    /// Since when the authority has it, by its clock.
    pub since: Option<Time>,
    /// Which of the owner's devices deposited it, where that is known here.
    pub device: Option<DeviceId>,
    /// Where the authority lies, seen from the file.
    pub distance: Distance,
    /// When the file was read to its end the last time and was whole, if this home saw that.
    pub read_whole: Option<Time>,
    /// What keeps the file from being protected, the spare's disk aside.
    pub doubt: Option<Doubt>,
    /// The deposit that the authority has still to show, with the doubt that stays when it does.
    pub(crate) unasked: Option<(Serial, Option<Doubt>)>,
}

impl FileStatus {
    /// Tells whether the file's session key comes back whatever happens to its disk and to its owner's key.
    ///
    /// It speaks of the key, the header, and the payload's two ends. That the payload is whole in between shows when all of it
    /// is read. `same_disk_ok` answers every doubt about where the spare lies.
    #[must_use]
    pub fn is_protected(&self, same_disk_ok: bool) -> bool {
        self.doubt.is_none() && (same_disk_ok || self.distance == Distance::AnotherDisk)
    }

    /// Takes the authority's answer whether it has the deposit.
    pub(crate) fn answer(&mut self, is_there: bool) {
        if let Some((_, doubt)) = self.unasked.take() {
            self.doubt = if is_there {
                doubt
            } else {
                Some(Doubt::Unreadable)
            };
        }
    }
}

/// What keeps a file from being protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The file is not what it was when this home saw it with its key.
    Changed(Changed),
    /// The file was found damaged when it was read to its end.
    Damaged,
    /// The authority's log does not have the deposit, of which this home has a receipt.
    Lost,
    /// The authority opened the deposit in a check, and it is not what was deposited.
    Mismatch,
    /// The header is not the one this home wrote: a pointer can be copied.
    NotMatched,
    /// This home knows the header, and did not see the payload with its key.
    NotSeen,
    /// The header names no deposit, and this home knows none for it.
    NoPointer,
    /// What rides along with the deposit is not a secret of its own.
    NoSecret,
    /// The authority has not opened the deposit.
    NotVerified,
    /// The header names another authority's deposit.
    OtherAuthority,
    /// The authority could not be asked whether it still has it.
    OutOfReach,
    /// This home knows no such deposit.
    UnknownDeposit,
    /// The authority could not read the deposit when it was asked.
    Unreadable,
}

/// Looks at files, one after another, by what the home has read of the authority's log.
pub struct Inspector<'i> {
    home: &'i Home,
    membership: Option<Membership>,
    /// Whether the authority was reached just now: what it has lost since the home read it last would not show.
    is_connected: bool,
    /// What opens the files, if it is at hand.
    identities: Option<&'i Identities>,
    disks: Disks,
    /// Where the authority lies, seen from the file systems that files were on.
    distances: RefCell<HashMap<u64, Distance>>,
    /// The folder that relative paths lead from.
    folder: Option<PathBuf>,
    /// As of when files are looked at, if what is seen is to be known again.
    now: Option<Time>,
    /// Whether every file is looked at, also one that seems to be what it was.
    looks_at_all: bool,
    /// What was seen now, and not before.
    learned: RefCell<Learned>,
}

impl<'i> Inspector<'i> {
    /// Prepares to look at files. Unless the home is connected, as the home of a [`Client`](crate::Client) is, nothing is
    /// protected; and nothing is before the authority has shown that it has the deposit
    /// ([`Client::confirm`](crate::Client::confirm)).
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn new(home: &'i Home, is_connected: bool) -> Result<Self, StatusError> {
        Ok(Self {
            membership: home.membership()?,
            home,
            is_connected,
            identities: None,
            disks: Disks::look(),
            distances: RefCell::default(),
            folder: std::env::current_dir().ok(),
            now: None,
            looks_at_all: false,
            learned: RefCell::default(),
        })
    }

    /// Lets it open, with these identities, the first chunk of every file, and the last of those that this home did not see
    /// with their keys before.
    #[must_use]
    pub fn with_identities(self, identities: Option<&'i Identities>) -> Self {
        Self { identities, ..self }
    }

    /// Lets it learn which files are what they were, as of `now`: they are not read again as long as nothing changes them.
    #[must_use]
    pub fn with_time(self, now: Time) -> Self {
        Self {
            now: Some(now),
            ..self
        }
    }

    /// Lets it look at every file, also at one that seems to be what it was.
    #[must_use]
    pub fn looking_at_all(self, looks_at_all: bool) -> Self {
        Self {
            looks_at_all,
            ..self
        }
    }

    /// Returns what was seen of files, and that the home does not know yet
    /// ([`Home::record_learned`](crate::home::Home::record_learned)).
    #[must_use]
    pub fn learned(self) -> Learned {
        self.learned.into_inner()
    }

    /// Looks at a file.
    ///
    /// # Errors
    ///
    /// Says so when it can't be read or is no age file.
    pub fn inspect(&self, path: &Path) -> Result<FileStatus, StatusError> {
        let status = self.look_at(path);
        let is_well = status.as_ref().is_ok_and(|status| status.doubt.is_none());
        if self.looks_at_all
            && !is_well
            && let Some(path) = self.absolute(path)
        {
            self.learned.borrow_mut().stale.push(path);
        }
        status
    }

    fn look_at(&self, path: &Path) -> Result<FileStatus, StatusError> {
        let file = open(path)?;
        let metadata = file.metadata().map_err(|source| StatusError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let stamp = Stamp::of(&metadata);
        if !self.looks_at_all
            && let Some(status) = self.inspect_unchanged(path, &stamp)?
        {
            return Ok(unasked(status));
        }
        if is_capi_file(path) {
            return self.inspect_capi(path);
        }
        let file = EndedFile::of(file, path).map_err(|error| self.explained(path, error.into()))?;
        let status = self.inspect_header(&file.beginning.header, path)?;
        Ok(unasked(self.inspect_payload(file, path, stamp, status)?))
    }

    /// Says what is known of a file that is, by all that changes when a file does, what it was when it was looked at with its
    /// key (spec/deposit.md#looks).
    fn inspect_unchanged(
        &self,
        path: &Path,
        stamp: &Stamp,
    ) -> Result<Option<FileStatus>, StatusError> {
        let (Some(absolute), Some(known)) = (self.absolute(path), &self.membership) else {
            return Ok(None);
        };
        let authority = known.founding.authority();
        let Some(known) = self.home.known_by_look(absolute.as_os_str(), stamp)? else {
            return Ok(None);
        };
        if !known.with_key && self.identities.is_some() {
            return Ok(None);
        }
        let pointer = Pointer {
            authority,
            serial: known.serial,
        };
        let distance = self.distance_of(path, stamp);
        let matched = Some(known.serial);
        let mut status = self.judge(distance, Some(pointer), known.detached, matched)?;
        self.settle(&mut status, None, &known.mark, path)?;
        Ok(Some(status))
    }

    /// Returns the path from the root, as [`std::path::absolute`] does, which asks for the folder each time. Links and `..` stay.
    fn absolute(&self, path: &Path) -> Option<PathBuf> {
        let path = self.folder.as_ref()?.join(path);
        Some(path.components().collect())
    }

    /// Says of a file that is no encrypted one that it was, if this home read it as one.
    fn explained(&self, path: &Path, error: StatusError) -> StatusError {
        let StatusError::Header(ReadHeaderError::NotAge) = error else {
            return error;
        };
        let path = std::path::absolute(path).unwrap_or_default();
        let was_read = self.home.reading(&path).map(|read| read.is_some());
        match was_read.and_then(|read| Ok(read || self.home.has_looked_at(&path)?)) {
            Ok(true) => StatusError::Torn,
            Ok(false) => error,
            Err(unread) => unread.into(),
        }
    }

    /// Looks at a file of CryptoAPI's example programs, whose header can't say where the spare is.
    fn inspect_capi(&self, path: &Path) -> Result<FileStatus, StatusError> {
        let mut file = open(path)?;
        let header = &FileHeader::read(&mut file)?;
        let known = self.home.known_capi_file(header)?;
        let authority = self
            .membership
            .as_ref()
            .map(|known| known.founding.authority());
        let pointer = known.zip(authority).map(|(known, authority)| Pointer {
            authority,
            serial: known.serial,
        });
        let matched = known
            .filter(|known| known.matches)
            .map(|known| known.serial);
        let status = self.judge(self.distance(path), pointer, pointer.is_some(), matched)?;
        Ok(unasked(
            self.inspect_capi_payload(&file, header, path, status)?,
        ))
    }

    /// Looks at a secret, which lies in the home with its deposit (spec/secret.md#states).
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read. Whatever rides along with the deposit is a doubt at most.
    pub fn inspect_secret(&self, serial: Serial) -> Result<FileStatus, StatusError> {
        let particulars = self.home.particulars(serial)?;
        let mut attachment = particulars
            .as_ref()
            .map_or(&[][..], Particulars::attachment);
        let root = self.home.root().to_owned();
        let seen = match Header::read(&mut attachment) {
            Ok(header) => Some(unasked(self.inspect_header(&header, &root)?)),
            Err(_) => None,
        };
        // A header that was copied from another deposit says nothing of this one.
        let of_this = |status: &FileStatus| status.pointer.is_some_and(|at| at.serial == serial);
        Ok(seen.filter(of_this).unwrap_or_else(|| FileStatus {
            pointer: None,
            detached: false,
            state: None,
            since: None,
            device: None,
            distance: self.distance(&root),
            read_whole: None,
            doubt: Some(Doubt::NoSecret),
            unasked: None,
        }))
    }

    fn inspect_header(&self, header: &Header, path: &Path) -> Result<FileStatus, StatusError> {
        let named = self.named(header);
        let pointer = self.known(header)?.or(named);
        let matched = self.home.matched(header)?.map(|matched| matched.serial);
        self.judge(self.distance(path), pointer, pointer != named, matched)
    }

    /// Says what is known of a file, whose header was seen to match the deposit `matched`, if any.
    fn judge(
        &self,
        distance: Distance,
        pointer: Option<Pointer>,
        detached: bool,
        matched: Option<Serial>,
    ) -> Result<FileStatus, StatusError> {
        let mut status = FileStatus {
            pointer,
            detached,
            state: None,
            since: None,
            device: None,
            distance,
            read_whole: None,
            doubt: None,
            unasked: None,
        };
        status.doubt = self.doubt(matched, &mut status)?;
        Ok(status)
    }

    /// Finds where a header says that the spare is: with this authority, or else with another.
    fn named(&self, header: &Header) -> Option<Pointer> {
        let known = self.membership.as_ref();
        known
            .and_then(|known| Pointer::find(header, known.founding.authority()))
            .or_else(|| header.stanzas().iter().find_map(Pointer::from_stanza))
    }

    /// Finds where this home knows the spare to be: it saw that the deposit holds the header's key, or, of a header that
    /// points nowhere, that a deposit is labelled with its digest.
    fn known(&self, header: &Header) -> Result<Option<Pointer>, StatusError> {
        let Some(known) = &self.membership else {
            return Ok(None);
        };
        let authority = known.founding.authority();
        let serial = match self.home.matched(header)? {
            Some(matched) => Some(matched.serial),
            None if Pointer::find(header, authority).is_some() => None,
            None => self.home.detached(header)?,
        };
        Ok(serial.map(|serial| Pointer { authority, serial }))
    }

    fn doubt(
        &self,
        matched: Option<Serial>,
        status: &mut FileStatus,
    ) -> Result<Option<Doubt>, StatusError> {
        let Some(pointer) = status.pointer else {
            return Ok(Some(Doubt::NoPointer));
        };
        let known = self.membership.as_ref();
        if known.is_none_or(|known| known.founding.authority() != pointer.authority) {
            return Ok(Some(Doubt::OtherAuthority));
        }
        let Some(record) = self.home.deposit(pointer.serial)? else {
            return Ok(Some(Doubt::UnknownDeposit));
        };
        status.state = Some(SpareState::Deposited);
        status.since = Some(record.time);
        status.device = Some(record.device);
        let unconfirmed = self.unconfirmed(&record)?;
        match record.state {
            DepositState::Verified => {}
            DepositState::Mismatch => return Ok(Some(Doubt::Mismatch)),
            // A log that was put back took another deposit under this serial before it was sent again.
            DepositState::Conflict => return Ok(Some(Doubt::UnknownDeposit)),
            DepositState::Deposited | _ => {
                return Ok(unconfirmed.or(Some(Doubt::NotVerified)));
            }
        }
        status.state = Some(SpareState::Verified);
        if matched != Some(pointer.serial) {
            return Ok(unconfirmed.or(Some(Doubt::NotMatched)));
        }
        status.state = Some(SpareState::Matched);
        Ok(unconfirmed)
    }

    /// Says what keeps a deposit from being confirmed by the log as it is now: that extends all that the home has read of
    /// it, or the home would not be connected.
    fn unconfirmed(&self, record: &DepositRecord) -> Result<Option<Doubt>, StatusError> {
        if !self.is_connected {
            return Ok(Some(Doubt::OutOfReach));
        }
        Ok(match record.entry {
            None => Some(Doubt::Lost),
            Some(entry) if self.home.is_unread(entry)? => Some(Doubt::Unreadable),
            Some(_) => None,
        })
    }

    /// Tells where the authority lies, seen from a file: as from every other on its file system.
    fn distance_of(&self, path: &Path, stamp: &Stamp) -> Distance {
        let mut distances = self.distances.borrow_mut();
        *distances
            .entry(stamp.device())
            .or_insert_with(|| self.distance(path))
    }

    fn distance(&self, path: &Path) -> Distance {
        let known = self.membership.as_ref();
        known.map_or(Distance::CannotTell, |known| {
            known.address.distance(&self.disks, path)
        })
    }
}

/// Leaves it to the authority to show that it has the deposit: nothing that was read before says that it is there still. What
/// is known of the file itself stays, whatever the authority shows.
fn unasked(mut status: FileStatus) -> FileStatus {
    if matches!(
        status.doubt,
        None | Some(Doubt::NotVerified | Doubt::NotMatched | Doubt::NotSeen)
    ) {
        let serial = status.pointer.map(|pointer| pointer.serial);
        status.unasked = serial.map(|serial| (serial, status.doubt));
        status.doubt = Some(Doubt::OutOfReach);
    }
    status
}

/// Reads the header of a file, armored or not.
///
/// # Errors
///
/// Tells a file that can't be read from one that is no age file.
pub fn read_header(path: &Path) -> Result<Header, StatusError> {
    let failed = |source| StatusError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut reader = Dearmored::new(BufReader::new(open(path)?)).map_err(failed)?;
    Ok(Header::read(&mut reader)?)
}

/// Reads the header of a file of CryptoAPI's example programs.
///
/// # Errors
///
/// Tells a file that can't be read from one that has no such header.
pub fn read_capi_header(path: &Path) -> Result<FileHeader, StatusError> {
    Ok(FileHeader::read(&mut open(path)?)?)
}

fn open(path: &Path) -> Result<File, StatusError> {
    strongroom_files::open(path).map_err(|source| StatusError::Read {
        path: path.to_path_buf(),
        source,
    })
}

/// Why nothing can be said of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// It begins as a file of CryptoAPI's, and its header is damaged.
    #[error(transparent)]
    Capi(#[from] HeaderError),
    /// It is no age file, or its header is damaged.
    #[error(transparent)]
    Header(#[from] ReadHeaderError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The file can't be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// It begins as no encrypted file does, and did when this home read it.
    #[error("it was an encrypted file when this home read it, and does not begin as one any more")]
    Torn,
}

impl From<BeginningError> for StatusError {
    fn from(error: BeginningError) -> Self {
        match error {
            BeginningError::Header(error) => Self::Header(error),
            BeginningError::Read { path, source } => Self::Read { path, source },
        }
    }
}

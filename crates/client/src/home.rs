//! The home: the one folder with everything of one owner (spec/home.md). What is secret in it are `identity.txt`,
//! `exchange.priv` and `device.key`, and in `home.db` the keys that pending recoveries are released to.

mod accepted;
mod begun;
mod checks;
mod database;
mod deposits;
mod devices;
mod exchange;
mod join;
mod journal;
mod keys;
mod looks;
mod marks;
mod replica;
mod requests;
mod secrets;
mod subjects;

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection as Database, ErrorCode, OptionalExtension};
use strongroom_files::{disk, open_folder, sync_folder};
use strongroom_protocol::Founding;
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::log::SignedCheckpoint;
use strongroom_protocol::statement::SignedStatement;

pub use accepted::Accepted;
pub use checks::FailedChecks;
pub(crate) use deposits::DepositEntry;
pub use deposits::{DepositRecord, KeptDeposit, ListedDeposit, Matched, Observations, OwnStanza};
pub use devices::{
    ApprovedRequest, DeviceId, DeviceRecord, News, OpenInvitation, Origin, Revocation,
};
pub use exchange::{
    EnsuredExchangeKey, ExchangeKeyError, read_exchange_key, read_private_key, read_public_key,
};
pub(crate) use journal::{Planned, Record};
pub(crate) use keys::read_secret;
pub use keys::{AskPassphrase, Identities, KeysError};
pub(crate) use looks::Look;
pub use looks::{Learned, Snapshot, SourceStamp};
pub use marks::Reading;
pub use replica::{Entry, TakeError, Taken};
pub(crate) use requests::VerifiedPage;
pub use requests::{PendingRequest, ReleasedKey};
pub use secrets::{Check, CheckRun, SecretRecord};
pub(crate) use subjects::EntryContent;
pub use subjects::OpenRequest;

use crate::address::Address;
use crate::connection::Greeting;
use crate::file::lock::{HomeLock, LockError};
use crate::released::OpenPages;

/// An open home, locked against other commands, or a copy of it to read ([`Home::open_to_read`]).
pub struct Home {
    root: PathBuf,
    database: Database,
    /// With whom and as whom this home is, once it was read: under the lock nobody else changes it.
    authority_row: RefCell<Option<AuthorityRow>>,
    /// The same, parsed and verified.
    membership: RefCell<Option<Membership>>,
    /// The latest checkpoint seen, likewise.
    seen: RefCell<Option<SignedCheckpoint>>,
    /// Forgotten when another page is kept.
    pub(crate) open_pages: RefCell<OpenPages>,
    hold: Hold,
}

/// What keeps others from changing a home, if anything does.
enum Hold {
    /// Its lock.
    Locked { _lock: HomeLock },
    /// Its lock, to look at what is in it: where its disk is full, it becomes a copy.
    Looked { _lock: HomeLock },
    /// It is a copy: the home's disk is full.
    Full,
    /// It is a copy: a command is at work in the home.
    InUse,
    /// It is a copy: the home can't be written.
    ReadOnly,
}

impl Home {
    /// Tells whether there is a home at `root`: a folder that holds anything at all.
    ///
    /// A home whose identity or database is missing is damaged, and never a first use.
    ///
    /// # Errors
    ///
    /// Says why the folder can't be looked at.
    pub fn exists(root: &Path) -> Result<bool, HomeError> {
        match std::fs::read_dir(root) {
            Ok(mut entries) => Ok(entries.any(|entry| {
                // Left by a command that was killed before it made anything.
                entry.map_or(true, |entry| entry.file_name() != LOCK)
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(HomeError::Folder {
                path: root.to_path_buf(),
                source,
            }),
        }
    }

    /// Makes a home at `root`, which must not hold one.
    ///
    /// # Errors
    ///
    /// Says why there can't be one.
    pub fn create(root: &Path) -> Result<Self, HomeError> {
        let folder = |source| HomeError::Folder {
            path: root.to_path_buf(),
            source,
        };
        make_private_folder(root).map_err(folder)?;
        let lock = HomeLock::acquire(&root.join(LOCK))?;
        let database = database::create(&root.join(DATABASE))?;
        Ok(Self::with(root, database, Hold::Locked { _lock: lock }))
    }

    /// Opens the home at `root`, waiting for a command that is at work in it.
    ///
    /// # Errors
    ///
    /// Says what is missing or damaged, or of another version.
    pub fn open(root: &Path) -> Result<Self, HomeError> {
        if !Self::exists(root)? {
            return Err(HomeError::NotFound {
                path: root.to_path_buf(),
            });
        }
        check_writable(root)?;
        Self::open_locked(root, HomeLock::acquire(&root.join(LOCK))?)
    }

    /// Opens the home at `root` to look at what is in it, and waits for no command that is at work there: then, and where
    /// nothing can be written, it is a copy, and what is learnt meanwhile is forgotten when it is closed. It becomes one when
    /// its disk turns out to be full. For nothing that is to be kept, and no header is replaced by it.
    ///
    /// # Errors
    ///
    /// Says what is missing or damaged, or of another version.
    pub fn open_to_read(root: &Path) -> Result<Self, HomeError> {
        let path = root.join(DATABASE);
        if !Self::exists(root)? || !path.exists() {
            return Self::open(root);
        }
        if !may_write(root) {
            return Ok(Self::with(
                root,
                database::open_copy(&path)?,
                Hold::ReadOnly,
            ));
        }
        if let Some(lock) = HomeLock::try_acquire(&root.join(LOCK))? {
            return Self::open_by(root, lock, |lock| Hold::Looked { _lock: lock });
        }
        // SQLite shows what was committed last, whatever the command is about to write.
        match database::open_copy(&path) {
            Ok(database) => {
                let mut copy = Self::with(root, database, Hold::InUse);
                if copy.membership()?.is_some() {
                    copy.foresee_rewrites()?;
                    return Ok(copy);
                }
            }
            // It is being made, or its command was killed in a commit since, which whoever has the lock takes back.
            Err(HomeError::NotOurs { .. } | HomeError::Database(_)) => {}
            Err(error) => return Err(error),
        }
        Self::open(root)
    }

    /// Tells whether this is a copy, so that what is recorded is forgotten.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        match self.hold {
            Hold::Locked { .. } | Hold::Looked { .. } => false,
            Hold::Full | Hold::InUse | Hold::ReadOnly => true,
        }
    }

    /// Tells whether this is a copy of a home whose disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.hold, Hold::Full)
    }

    /// Records what was learnt. Where the disk is full of a home that is only looked at, it is recorded in a copy.
    pub(crate) fn record_or_copy<T>(
        &mut self,
        mut record: impl FnMut(&mut Self) -> Result<T, HomeError>,
    ) -> Result<T, HomeError> {
        match record(self) {
            Err(HomeError::Full) if self.becomes_copy()? => record(self),
            recorded => recorded,
        }
    }

    /// Goes on with a copy, if the home is only looked at. Returns whether it does. Its lock goes: what is learnt now is
    /// forgotten.
    pub(crate) fn becomes_copy(&mut self) -> Result<bool, HomeError> {
        if !matches!(self.hold, Hold::Looked { .. }) {
            return Ok(false);
        }
        self.database = database::copy(&self.database)?;
        self.hold = Hold::Full;
        Ok(true)
    }

    /// Tells whether this is a copy of a home in which a command is at work.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self.hold, Hold::InUse)
    }

    /// Opens the home at `root`, unless a command is at work in it.
    ///
    /// # Errors
    ///
    /// Says what is missing or damaged, or of another version.
    pub fn try_open(root: &Path) -> Result<Option<Self>, HomeError> {
        if !Self::exists(root)? {
            return Ok(None);
        }
        check_writable(root)?;
        HomeLock::try_acquire(&root.join(LOCK))?
            .map(|lock| Self::open_locked(root, lock))
            .transpose()
    }

    fn open_locked(root: &Path, lock: HomeLock) -> Result<Self, HomeError> {
        Self::open_by(root, lock, |lock| Hold::Locked { _lock: lock })
    }

    fn open_by(
        root: &Path,
        lock: HomeLock,
        hold: impl FnOnce(HomeLock) -> Hold,
    ) -> Result<Self, HomeError> {
        let path = root.join(DATABASE);
        if !path.try_exists().is_ok_and(|exists| exists) {
            return Err(HomeError::HalfDeleted { path });
        }
        let home = Self::with(root, database::open(&path)?, hold(lock));
        // Made behind it, by an owner whom this database does not know.
        let device = root.join(DEVICE_KEY);
        if home.authority_row()?.is_none() && device.exists() {
            return Err(HomeError::Emptied { path });
        }
        Ok(home)
    }

    fn with(root: &Path, database: Database, hold: Hold) -> Self {
        Self {
            root: root.to_path_buf(),
            database,
            authority_row: RefCell::default(),
            membership: RefCell::default(),
            seen: RefCell::default(),
            open_pages: RefCell::default(),
            hold,
        }
    }

    /// Returns the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of the identity file.
    #[must_use]
    pub fn identity_path(&self) -> PathBuf {
        self.root.join(IDENTITY)
    }

    /// Returns where the authority is that this home is with. Who it is, is not looked at.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn address(&self) -> Result<Option<Address>, HomeError> {
        let row = self.authority_row()?;
        Ok(row.map(|row| Address::Folder(self.root.join(row.address))))
    }

    /// Tells whether the authority has acknowledged this home's owner.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_enrolled(&self) -> Result<bool, HomeError> {
        Ok(self.authority_row()?.is_some_and(|row| row.enrolled))
    }

    /// Returns which authority this home is with, and as whom.
    ///
    /// # Errors
    ///
    /// The home can't be read, or what is pinned in it is damaged.
    pub fn membership(&self) -> Result<Option<Membership>, HomeError> {
        if let Some(known) = &*self.membership.borrow() {
            return Ok(Some(known.clone()));
        }
        let Some(row) = self.authority_row()? else {
            return Ok(None);
        };
        let founding = Founding::new(parse_statement(&row.founding)?);
        let founding = founding.ok_or(HomeError::Damaged {
            what: "founding statement",
        })?;
        self.keep_membership(row, founding).map(Some)
    }

    /// Takes what an authority says for what is pinned and what was seen last, where it is so letter for letter: that was
    /// verified before it was put here, and is not verified again.
    pub(crate) fn recognise(&self, greeting: &Greeting<'_>) -> Result<(), HomeError> {
        let Greeting {
            founding, newest, ..
        } = greeting;
        let Some(row) = self.authority_row()? else {
            return Ok(());
        };
        if self.membership.borrow().is_none() && row.founding == founding.statement().as_bytes() {
            self.keep_membership(row, founding.clone())?;
        }
        let is_known = self.seen.borrow().is_some();
        if !is_known
            && self
                .seen_text()?
                .is_some_and(|seen| seen == newest.as_text())
        {
            *self.seen.borrow_mut() = Some(newest.clone());
        }
        Ok(())
    }

    fn keep_membership(
        &self,
        row: AuthorityRow,
        founding: Founding,
    ) -> Result<Membership, HomeError> {
        let membership = Membership {
            address: Address::Folder(self.root.join(row.address)),
            founding,
            owner: OwnerId::from_bytes(row.owner),
            code_key: row
                .code_key
                .map(VerifyingKey::from_bytes)
                .transpose()
                .map_err(|_| HomeError::Damaged { what: "code key" })?,
            is_code_settled: row.enrolment.is_some(),
            enrolled: row.enrolled,
        };
        *self.membership.borrow_mut() = Some(membership.clone());
        Ok(membership)
    }

    /// Returns the enrolment, from before it was submitted on.
    ///
    /// # Errors
    ///
    /// The home can't be read, or it is damaged.
    pub fn enrolment(&self) -> Result<Option<SignedStatement>, HomeError> {
        let enrolment = self.authority_row()?.and_then(|row| row.enrolment);
        enrolment.as_deref().map(parse_statement).transpose()
    }

    fn authority_row(&self) -> Result<Option<AuthorityRow>, HomeError> {
        if let Some(known) = &*self.authority_row.borrow() {
            return Ok(Some(known.clone()));
        }
        let row = self.database.query_row(
            "SELECT address, founding, owner, code_key, enrolment, enrolled FROM authority",
            (),
            |row| {
                Ok(AuthorityRow {
                    address: row.get(0)?,
                    founding: row.get(1)?,
                    owner: row.get(2)?,
                    code_key: row.get(3)?,
                    enrolment: row.get(4)?,
                    enrolled: row.get(5)?,
                })
            },
        );
        let row = row.optional()?;
        self.authority_row.borrow_mut().clone_from(&row);
        Ok(row)
    }

    /// Records with which authority this home is, as whom, and whether that owner is enrolled there already: before anything
    /// is said to it.
    ///
    /// # Errors
    ///
    /// Says so when the home is with one already, or can't be written.
    pub fn join(
        &mut self,
        address: &Address,
        founding: &Founding,
        owner: OwnerId,
        enrolled: bool,
    ) -> Result<(), HomeError> {
        let address = self.kept_address(address)?;
        self.database.execute(
            "INSERT INTO authority (one, address, founding, owner, enrolled, read)
             VALUES (1, ?1, ?2, ?3, ?4, 0)",
            (
                address,
                founding.statement().as_bytes(),
                owner.as_bytes(),
                enrolled,
            ),
        )?;
        self.forget_membership();
        Ok(())
    }

    /// Records that the authority is at another address now. That it is the same is the caller's to check.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn record_address(&mut self, address: &Address) -> Result<(), HomeError> {
        let address = self.kept_address(address)?;
        self.database
            .execute("UPDATE authority SET address = ?1", (address,))?;
        self.forget_membership();
        Ok(())
    }

    /// Records the enrolment before it is submitted, so that the same bytes can be sent again.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn record_enrolment(
        &mut self,
        enrolment: &SignedStatement,
        code_key: &VerifyingKey,
    ) -> Result<(), HomeError> {
        self.database.execute(
            "UPDATE authority SET enrolment = ?1, code_key = ?2",
            (enrolment.as_bytes(), code_key.as_bytes()),
        )?;
        self.forget_membership();
        Ok(())
    }

    /// Records that this home's owner is enrolled, or got in by a recovery code of this public key.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn record_enrolled(&mut self, code_key: Option<&VerifyingKey>) -> Result<(), HomeError> {
        self.database.execute(
            "UPDATE authority SET enrolled = 1, code_key = coalesce(?1, code_key)",
            (code_key.map(VerifyingKey::as_bytes),),
        )?;
        self.forget_membership();
        Ok(())
    }

    /// Returns the latest checkpoint of the authority's log that was seen.
    ///
    /// # Errors
    ///
    /// The home can't be read, or the checkpoint in it is damaged.
    pub fn seen(&self) -> Result<Option<SignedCheckpoint>, HomeError> {
        if let Some(known) = &*self.seen.borrow() {
            return Ok(Some(known.clone()));
        }
        let Some(membership) = self.membership()? else {
            return Ok(None);
        };
        let founding = &membership.founding;
        let seen = self
            .seen_text()?
            .map(|text| {
                SignedCheckpoint::parse(&text, founding.authority(), &founding.found().log_key)
                    .map_err(|_| HomeError::Damaged { what: "checkpoint" })
            })
            .transpose()?;
        self.seen.borrow_mut().clone_from(&seen);
        Ok(seen)
    }

    fn seen_text(&self) -> Result<Option<String>, HomeError> {
        let sql = "SELECT seen FROM authority";
        Ok(self.database.query_row(sql, (), |row| row.get(0))?)
    }

    /// Keeps a checkpoint that extends the one seen, as the one seen; an earlier one changes nothing.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record_seen(&mut self, checkpoint: &SignedCheckpoint) -> Result<(), HomeError> {
        let later = self.later_seen(checkpoint)?;
        if let Some(later) = &later {
            self.database
                .execute("UPDATE authority SET seen = ?1", (later.as_text(),))?;
        }
        self.keep_seen(later);
        Ok(())
    }

    /// Returns the checkpoint if it is later than the one seen.
    fn later_seen(
        &self,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Option<SignedCheckpoint>, HomeError> {
        let size = |seen: &SignedCheckpoint| seen.checkpoint().size;
        let is_later = self
            .seen()?
            .is_none_or(|seen| size(&seen) < size(checkpoint));
        Ok(is_later.then(|| checkpoint.clone()))
    }

    /// Remembers what became the latest checkpoint seen, once that is on the disk.
    fn keep_seen(&mut self, later: Option<SignedCheckpoint>) {
        if later.is_some() {
            *self.seen.get_mut() = later;
        }
    }

    fn forget_membership(&mut self) {
        *self.authority_row.get_mut() = None;
        *self.membership.get_mut() = None;
    }

    /// An address is kept relative where it can be, so that a home that is moved takes its authority along.
    fn kept_address<'p>(&self, address: &'p Address) -> Result<&'p str, HomeError> {
        let Address::Folder(address) = address;
        let address = address.strip_prefix(&self.root).unwrap_or(address);
        address.to_str().ok_or(HomeError::NotText {
            path: address.to_path_buf(),
        })
    }
}

/// Which authority a home is with, and as whom.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Where the authority is.
    pub address: Address,
    /// Who it is: what is pinned.
    pub founding: Founding,
    /// The owner's id there.
    pub owner: OwnerId,
    /// The public key of the recovery code, where it is known.
    pub code_key: Option<VerifyingKey>,
    /// Whether the enrolment was signed, which from then on is sent as it is: the recovery code in it is the owner's.
    pub is_code_settled: bool,
    /// Whether the authority has acknowledged this owner.
    pub enrolled: bool,
}

/// The row of the table `authority`.
#[derive(Clone)]
struct AuthorityRow {
    address: String,
    founding: Vec<u8>,
    owner: [u8; 32],
    code_key: Option<[u8; 32]>,
    enrolment: Option<Vec<u8>>,
    enrolled: bool,
}

/// Why a home can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Something in `home.db` is not what was put there.
    #[error("the home's database is damaged: a {what} in it can't be read")]
    Damaged {
        /// What can't be read.
        what: &'static str,
    },
    /// The file is none that SQLite can read: it is torn.
    #[error("the home's database is damaged")]
    Torn(#[source] rusqlite::Error),
    /// The database can't be read or written.
    #[error("cannot use the home's database")]
    Database(#[source] rusqlite::Error),
    /// The database is empty, or knows no owner, and there are files that are made later.
    #[error("the home is damaged: `{path}` does not know of what is beside it")]
    Emptied {
        /// The database.
        path: PathBuf,
    },
    /// The folder can't be made or read.
    #[error("cannot use the folder `{path}`")]
    Folder {
        /// The home.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// There is no room for what is to be recorded.
    #[error("the disk of the home is full")]
    Full,
    /// The folder is there, and the database is not.
    #[error("the home is incomplete: `{path}` is missing")]
    HalfDeleted {
        /// What is missing.
        path: PathBuf,
    },
    /// Another process holds the lock in a way that can't be waited for.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A newer version has been here.
    #[error(
        "the home was made by a newer version of Strongroom (format {found}; this one reads up to {known})"
    )]
    NewerVersion {
        /// The version found.
        found: i64,
        /// The newest one known.
        known: i64,
    },
    /// There is no home.
    #[error("there is no Strongroom home at `{path}`")]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Some other database is in the place of ours.
    #[error("`{path}` is not a Strongroom home's database")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A path that is no text can't be kept.
    #[error("the path `{path}` is not valid text")]
    NotText {
        /// The path.
        path: PathBuf,
    },
    /// A version that was never released made it.
    #[error(
        "the home was made by an older version of Strongroom (format {found}; this one reads {known})"
    )]
    OlderVersion {
        /// The version found.
        found: i64,
        /// The one known.
        known: i64,
    },
    /// Nothing can be written to it.
    #[error(
        "the home can't be written to: `{path}` is on a disk or in a folder that can only be read"
    )]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The tables are not just those that this version makes.
    #[error(
        "the home's database was changed by another program: `{name}` in its schema is not as Strongroom makes it"
    )]
    Schema {
        /// The table, index, trigger or view.
        name: String,
    },
}

impl From<rusqlite::Error> for HomeError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Torn(error),
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Database(error),
        }
    }
}

const DATABASE: &str = "home.db";
const DEVICE_KEY: &str = "device.key";
const IDENTITY: &str = "identity.txt";
const LOCK: &str = "lock";

fn check_writable(root: &Path) -> Result<(), HomeError> {
    if disk::may_write(root) {
        return Ok(());
    }
    let path = root.to_path_buf();
    Err(HomeError::ReadOnly { path })
}

/// Tells whether anything can be recorded in a home.
fn may_write(root: &Path) -> bool {
    disk::may_write(root) && disk::may_write(&root.join(DATABASE))
}

fn parse_statement(bytes: &[u8]) -> Result<SignedStatement, HomeError> {
    SignedStatement::parse(bytes).map_err(|_| HomeError::Damaged { what: "statement" })
}

/// Makes a folder that only its owner enters, with those above it where they are missing, each on the disk.
fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make_private_folder(above)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    sync_folder(&open_folder(above.unwrap_or(Path::new(".")))?)
}

//! Why the store did not do what was asked, and what is damaged.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use strongroom_protocol::id::Time;
use strongroom_protocol::log::TreeError;
use strongroom_protocol::{QueryError, ReleaseError, Unavailable, UnavailableKind};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// This machine's clock is behind the log, whose times only go forward.
    #[error(
        "this machine's clock says {clock}, and the authority's log has an entry of {last}, {} later",
        duration(*clock, *last)
    )]
    ClockBehind {
        /// What the clock says.
        clock: Time,
        /// The time of the log's last entry.
        last: Time,
    },
    /// Another process held it for longer than anybody should.
    #[error("another process is holding the authority's store")]
    Busy,
    /// What is stored is not what was stored.
    #[error("the authority's store is damaged: {0}")]
    Damaged(Damage),
    /// The disk is full.
    #[error("the disk of the authority's store is full")]
    Full,
    /// The store's file went away, or another was put in its place, while it was open.
    #[error("the authority's store is gone from its place")]
    Missing,
    /// Made by a newer Strongroom.
    #[error("made by a newer Strongroom (its version is {found}, this one reads {known})")]
    Newer {
        /// The store's version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// Made by an older Strongroom, none of which was released.
    #[error("made by an older Strongroom (its version is {found}, this one reads {known})")]
    Older {
        /// The store's version.
        found: i64,
        /// The one that is known here.
        known: i64,
    },
    /// A file of something else.
    #[error("not the store of a Strongroom authority")]
    NotOurs,
    /// It may be read only.
    #[error("the authority's store can't be written to")]
    ReadOnly,
    /// Somebody changed the tables of the store, or put something beside them.
    #[error(
        "the authority's store is not as Strongroom makes it: `{name}` was added, changed or removed"
    )]
    Schema {
        /// The table, index, trigger or view.
        name: String,
    },
    /// Something else went wrong below.
    #[error("the authority's store failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// What is damaged, and in which entry if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    entry: Option<u64>,
    what: &'static str,
}

impl Damage {
    pub(crate) fn of_entry(entry: u64, what: &'static str) -> Self {
        let entry = Some(entry);
        Self { entry, what }
    }

    pub(crate) fn of(what: &'static str) -> Self {
        Self { entry: None, what }
    }

    /// Returns the index of the damaged entry.
    #[must_use]
    pub fn entry(&self) -> Option<u64> {
        self.entry
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry}: {}", self.what),
            None => f.write_str(self.what),
        }
    }
}

impl From<Damage> for StoreError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl From<TreeError> for StoreError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::TooLarge => Self::Failed(error.into()),
            TreeError::OutOfRange | TreeError::WrongCount | TreeError::WrongTile => {
                Self::Damaged(Damage::of("the tree's hashes do not fit together"))
            }
            _ => Self::Failed(error.into()),
        }
    }
}

impl StoreError {
    /// Says it as an authority's caller is told; the error may be that of a whole group.
    pub(crate) fn unavailable(self: Arc<Self>) -> Unavailable {
        Unavailable {
            kind: self.kind(),
            message: self.to_string(),
            source: match Arc::try_unwrap(self) {
                Ok(Self::Failed(cause)) => Some(cause),
                Ok(_) => None,
                Err(shared) => shared.source().map(|cause| cause.to_string().into()),
            },
        }
    }

    /// Returns what kind of trouble it is, for whoever has to do something about it.
    pub(crate) fn kind(&self) -> UnavailableKind {
        match self {
            Self::Busy => UnavailableKind::Busy,
            Self::ClockBehind { .. } => UnavailableKind::Clock,
            // Where the store was is something else: a backup helps, as with damage.
            Self::Damaged(_) | Self::NotOurs | Self::Schema { .. } => UnavailableKind::Damaged,
            Self::Full => UnavailableKind::Full,
            Self::Missing => UnavailableKind::OutOfReach,
            Self::Newer { .. } => UnavailableKind::Newer,
            Self::ReadOnly => UnavailableKind::ReadOnly,
            Self::Older { .. } | Self::Failed(_) => UnavailableKind::Failed,
        }
    }
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Arc::new(error).unavailable()
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<StoreError> for ReleaseError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Says how long it is from one time to a later one, as people say it.
fn duration(from: Time, to: Time) -> String {
    let minutes = to.as_millis().saturating_sub(from.as_millis()) / 60_000;
    match minutes {
        0..120 => format!("{minutes} minutes"),
        120..2_880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

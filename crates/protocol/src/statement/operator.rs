//! What whoever runs an authority did to it, on record: the authority says it of itself.

use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct};
use crate::id::{AuthorityId, Time};
use crate::log::NodeHash;

/// The authority's statement that it was restored from a backup, signed by its log key (spec/authority.md#restoring).
///
/// It is the first entry behind what the backup held. What was recorded after the backup was made is gone from this
/// log; whoever saw it sees that too, and nobody else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Which.
    pub authority: AuthorityId,
    /// The number of entries that the backup held.
    pub size: u64,
    /// The root over them.
    pub root: NodeHash,
    /// When, by the authority's clock.
    pub time: Time,
}

canonical_struct!(Restored {
    authority,
    size,
    root,
    time
});

/// The authority's statement that it opened deposits again, signed by its log key (spec/authority.md#check).
///
/// What failed is named by its place in the log, which says whose it is to nobody but who has that entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Which.
    pub authority: AuthorityId,
    /// The number of entries whose deposits were looked at.
    pub size: u64,
    /// How many deposits are kept in them, as far as they could be read.
    pub kept: u64,
    /// How many were opened, or were to be.
    pub opened: u64,
    /// How many of these did not open, or did not match their commitment.
    pub failed: u64,
    /// Which those are, sorted, each once: all, or the first [`Self::NAMED_MAX`].
    pub named: Vec<CheckedDeposit>,
    /// How many entries could not be read.
    pub unread: u64,
    /// Which those are, sorted, each once: all, or the first [`Self::NAMED_MAX`].
    pub unread_named: Vec<u64>,
    /// How many rows of its indexes are not what the entries make of them, as far as that was looked at.
    pub differing: u64,
    /// When, by the authority's clock.
    pub time: Time,
}

/// A deposit, by where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckedDeposit {
    /// The index of the entry that it came in.
    pub entry: u64,
    /// Its place in the statement, from 0.
    pub place: u64,
}

impl Canonical for CheckedDeposit {
    fn write(&self, writer: &mut Writer) {
        writer.array(2).uint(self.entry).uint(self.place);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(2, "checked deposit")?;
        Ok(Self {
            entry: reader.uint("checked deposit")?,
            place: reader.uint("checked deposit")?,
        })
    }
}

impl Checked {
    /// The most deposits that are named, and the most entries.
    pub const NAMED_MAX: usize = 4096;

    /// Tells whether every deposit in the first [`Self::size`] entries was opened, and all that failed are named: what
    /// is not named then matched.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unread == 0 && self.opened == self.kept && self.failed == self.named.len() as u64
    }

    /// Tells whether nothing was found to be wrong, in what was looked at.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.unread == 0 && self.differing == 0
    }

    /// Tells whether a deposit is among those named.
    #[must_use]
    pub fn names(&self, entry: u64, place: u64) -> bool {
        self.named
            .binary_search(&CheckedDeposit { entry, place })
            .is_ok()
    }
}

impl Canonical for Checked {
    fn write(&self, writer: &mut Writer) {
        writer.array(10).item(&self.authority);
        writer.uint(self.size).uint(self.kept).uint(self.opened);
        writer.uint(self.failed).items(&self.named);
        writer.uint(self.unread).uints(&self.unread_named);
        writer.uint(self.differing).item(&self.time);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(10, "check")?;
        let checked = Self {
            authority: reader.item()?,
            size: reader.uint("check")?,
            kept: reader.uint("check")?,
            opened: reader.uint("check")?,
            failed: reader.uint("check")?,
            named: reader.items(Self::NAMED_MAX as u64, "check")?,
            unread: reader.uint("check")?,
            unread_named: reader.uints(Self::NAMED_MAX as u64, "check")?,
            differing: reader.uint("check")?,
            time: reader.item()?,
        };
        let sorted = checked.named.is_sorted_by(|one, next| one < next)
            && checked.unread_named.is_sorted_by(|one, next| one < next);
        let within = |entry: u64| entry < checked.size;
        let counts = checked.opened <= checked.kept
            && checked.failed <= checked.opened
            && checked.named.len() as u64 <= checked.failed
            && checked.unread_named.len() as u64 <= checked.unread
            && checked.unread <= checked.size
            && checked.named.iter().all(|named| within(named.entry))
            && checked.unread_named.iter().copied().all(within);
        if sorted && counts {
            Ok(checked)
        } else {
            Err(reader.malformed("check (its numbers do not fit together)"))
        }
    }
}

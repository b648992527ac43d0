//! What whoever runs an authority did to it, on record: the authority says it of itself.

use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct};
use crate::id::{AuthorityId, OwnerId, Serial, Time};
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
    /// When, by the authority's clock.
    pub time: Time,
}

/// A deposit, by whose it is and its serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckedDeposit {
    /// Whose.
    pub owner: OwnerId,
    /// Which of the owner's.
    pub serial: Serial,
}

canonical_struct!(CheckedDeposit { owner, serial });

impl Checked {
    /// The most deposits that are named.
    pub const NAMED_MAX: usize = 4096;

    /// Tells whether every deposit in the first [`Self::size`] entries was opened, and all that failed are named: what
    /// is not named then matched.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unread == 0 && self.opened == self.kept && self.failed == self.named.len() as u64
    }

    /// Tells whether a deposit is among those named.
    #[must_use]
    pub fn names(&self, owner: OwnerId, serial: Serial) -> bool {
        self.named
            .binary_search(&CheckedDeposit { owner, serial })
            .is_ok()
    }
}

impl Canonical for Checked {
    fn write(&self, writer: &mut Writer) {
        writer.array(8).item(&self.authority);
        writer.uint(self.size).uint(self.kept).uint(self.opened);
        writer.uint(self.failed).items(&self.named);
        writer.uint(self.unread).item(&self.time);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(8, "check")?;
        let checked = Self {
            authority: reader.item()?,
            size: reader.uint("check")?,
            kept: reader.uint("check")?,
            opened: reader.uint("check")?,
            failed: reader.uint("check")?,
            named: reader.items(Self::NAMED_MAX as u64, "check")?,
            unread: reader.uint("check")?,
            time: reader.item()?,
        };
        let sorted = checked.named.is_sorted_by(|one, next| one < next);
        let counts = checked.opened <= checked.kept
            && checked.failed <= checked.opened
            && checked.named.len() as u64 <= checked.failed;
        if sorted && counts {
            Ok(checked)
        } else {
            Err(reader.malformed("check (its numbers do not fit together)"))
        }
    }
}

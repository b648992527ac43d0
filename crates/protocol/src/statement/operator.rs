//! What whoever runs an authority did to it, on record: the authority says it of itself.

use crate::encoding::canonical_struct;
use crate::id::{AuthorityId, Time};
use crate::log::NodeHash;

/// The authority's statement that it was restored from a backup, signed by its log key (spec/statement.md#restored).
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

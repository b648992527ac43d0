//! One page of released keys, as the authority hands it out.

use serde::{Deserialize, Serialize};

use super::entries::Recorded;

/// One page of a release (spec/recovery.md#release), with what it rests on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleasePage {
    /// The decision, signed by the authority.
    pub decision: Recorded,
    /// The release, signed by the authority.
    pub release: Recorded,
}

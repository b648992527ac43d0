//! The statements that begin things: an authority's founding, an owner's enrolment.

use crate::encoding::canonical_struct;
use crate::id::{AuthorityId, OwnerId, Time};
use crate::keys::VerifyingKey;
use crate::policy::Policy;
use crate::wrap::PublicKey;

/// The statement that founds an authority, signed by its log key (spec/statement.md#found).
///
/// Its id is the authority's id for ever, so whoever pins that id has pinned all of this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The key that signs attestations and checkpoints.
    pub log_key: VerifyingKey,
    /// The key that deposits are wrapped to.
    pub wrap_key: PublicKey,
    /// The policy in force from the beginning.
    pub policy: Policy,
    /// When, by the founder's clock.
    pub created: Time,
}

canonical_struct!(Found {
    log_key,
    wrap_key,
    policy,
    created
});

/// An owner's enrolment with an authority, signed by the owner's first device (spec/statement.md#enroll).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enroll {
    /// With whom.
    pub authority: AuthorityId,
    /// The owner's id, of the owner's own choosing, the same for life.
    pub owner: OwnerId,
    /// The key that signs the owner's deposits.
    pub device_key: VerifyingKey,
    /// The public key of the owner's recovery code.
    pub code_key: VerifyingKey,
    /// When, by the owner's clock.
    pub created: Time,
}

canonical_struct!(Enroll {
    authority,
    owner,
    device_key,
    code_key,
    created
});

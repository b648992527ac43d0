//! What officers say: to a request or a change, of an owner who departed; and the change of the policy they are in.

use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct, encode};
use crate::id::{AuthorityId, Digest, OwnerId, Time};
use crate::label::Label;
use crate::policy::Policy;

use super::recovery::Grounds;

/// An officer's word on a request or on a change of the policy (spec/policy.md#approval).
///
/// Made by the officer's own program from the whole request, which it hashes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Whom it is told.
    pub authority: AuthorityId,
    /// H(Q) of the request, or the digest of the change.
    pub subject: Digest,
    /// The policy that the officer saw it to be decided by.
    pub policy: Digest,
    /// What they say.
    pub word: Word,
    /// Why, for whoever asks and for the other officers.
    pub grounds: Grounds,
    /// When, by the officer's clock.
    pub created: Time,
}

canonical_struct!(Approval {
    authority,
    subject,
    policy,
    word,
    grounds,
    created
});

/// What an officer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Word {
    /// Yes.
    Approve,
    /// No.
    Deny,
    /// The owner's veto is not to count.
    Overrule,
}

impl Word {
    /// Returns the word itself.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Overrule => "overrule",
        }
    }
}

impl Canonical for Word {
    fn write(&self, writer: &mut Writer) {
        writer.uint(match self {
            Self::Approve => 1,
            Self::Deny => 2,
            Self::Overrule => 3,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.uint("word")? {
            1 => Ok(Self::Approve),
            2 => Ok(Self::Deny),
            3 => Ok(Self::Overrule),
            _ => Err(reader.malformed("word")),
        }
    }
}

/// An officer's word that an owner has departed, or that they have not (spec/policy.md#departed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departed {
    /// Whom it is told.
    pub authority: AuthorityId,
    /// Who it is about.
    pub owner: OwnerId,
    /// Whether they have: the officer's latest word counts.
    pub departed: bool,
    /// Why, for people to read.
    pub grounds: Grounds,
    /// When, by the officer's clock.
    pub created: Time,
}

canonical_struct!(Departed {
    authority,
    owner,
    departed,
    grounds,
    created
});

/// A change of the policy, as somebody asks for it (spec/policy.md#change). It is in force once it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    /// Whom it is asked.
    pub authority: AuthorityId,
    /// The policy that is to be in force.
    pub policy: Policy,
    /// The digest of the one that it takes the place of: it lapses when that is no longer in force.
    pub replaces: Digest,
    /// Why, for people to read.
    pub grounds: Grounds,
    /// When, by the asker's clock.
    pub created: Time,
    /// When it lapses.
    pub expires: Time,
}

canonical_struct!(PolicyChange {
    authority,
    policy,
    replaces,
    grounds,
    created,
    expires
});

impl PolicyChange {
    /// Returns SHA-256 of `strongroom/policy-change/v1 ‖ 00` and the change's encoding, which approvals, evidence and
    /// the decision name. The label keeps it from being a request's.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&Label::POLICY_CHANGE.prefix(&encode(self))])
    }
}

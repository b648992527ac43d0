//! The statements of a recovery: the request, the evidence for it, the owner's veto, the authority's decision.

use std::fmt;

use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct, encode};
use crate::id::{AuthorityId, Digest, OwnerId, RequestId, Serial, StatementId, Time};
use crate::keys::VerifyingKey;
use crate::label::Label;
use crate::wrap::PublicKey;

/// A recovery request, signed by the device that asks (spec/recovery.md#request).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whom it asks.
    pub authority: AuthorityId,
    /// Its number, random.
    pub request: RequestId,
    /// Whose keys it is for.
    pub owner: OwnerId,
    /// Which of them.
    pub scope: Scope,
    /// The key they are released to, and no other.
    pub release_key: PublicKey,
    /// The asking device, which is the owner's once the request is approved.
    pub device_key: VerifyingKey,
    /// Why, for people to read.
    pub grounds: Grounds,
    /// The policy the asker saw in force.
    pub policy: Digest,
    /// When, by the asker's clock.
    pub created: Time,
    /// When it lapses.
    pub expires: Time,
}

canonical_struct!(Request {
    authority,
    request,
    owner,
    scope,
    release_key,
    device_key,
    grounds,
    policy,
    created,
    expires,
});

impl Request {
    /// Returns H(Q): SHA-256 of the request's encoding, which evidence, decisions and releases name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&encode(self)])
    }
}

/// Which deposits a request is for, frozen when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the owner's in the log's first `tree_size` entries.
    Everything {
        /// The size of the log when asked.
        tree_size: u64,
        /// How many deposits these are.
        count: u64,
        /// [`Scope::serials_digest`] of their serials.
        serials: Digest,
    },
    /// These, sorted, without repetition.
    Serials(Vec<Serial>),
}

impl Scope {
    /// The most serials one request names.
    pub const SERIALS_MAX: usize = 131_072;

    /// Makes the scope of these serials.
    ///
    /// # Errors
    ///
    /// Says so when there are none, or more than [`Self::SERIALS_MAX`].
    pub fn of(serials: impl IntoIterator<Item = Serial>) -> Result<Self, WrongScope> {
        let mut serials: Vec<Serial> = serials.into_iter().collect();
        serials.sort_unstable();
        serials.dedup();
        if serials.is_empty() || serials.len() > Self::SERIALS_MAX {
            return Err(WrongScope);
        }
        Ok(Self::Serials(serials))
    }

    /// Returns how many deposits it is for.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Everything { count, .. } => *count,
            Self::Serials(serials) => serials.len() as u64,
        }
    }

    /// Hashes sorted serials: SHA-256 of `strongroom/serials/v1 ‖ 00` and the serials.
    #[must_use]
    pub fn serials_digest(sorted: &[Serial]) -> Digest {
        let bytes: Vec<u8> = sorted
            .iter()
            .flat_map(|serial| *serial.as_bytes())
            .collect();
        Digest::of(&[&Label::SERIALS.prefix(&bytes)])
    }
}

impl Canonical for Scope {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Everything {
                tree_size,
                count,
                serials,
            } => writer.array(3).uint(*tree_size).uint(*count).item(serials),
            Self::Serials(serials) => writer.array(1).items(serials),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.count("scope")? {
            1 => {
                let serials: Vec<Serial> = reader.items(Self::SERIALS_MAX as u64, "serials")?;
                let sorted = Self::of(serials.iter().copied());
                let same = sorted.is_ok_and(|scope| scope == Self::Serials(serials.clone()));
                if !same {
                    return Err(reader.malformed("serials"));
                }
                Ok(Self::Serials(serials))
            }
            3 => Ok(Self::Everything {
                tree_size: reader.item()?,
                count: reader.item()?,
                serials: reader.item()?,
            }),
            _ => Err(reader.malformed("scope")),
        }
    }
}

/// No serial at all, or more than one request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request names 1 to {} serials", Scope::SERIALS_MAX)]
pub struct WrongScope;

/// A text of at most [`Grounds::BYTES_MAX`] bytes that says why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grounds(String);

impl Grounds {
    /// The length in bytes of the longest.
    pub const BYTES_MAX: usize = 4096;

    /// Takes a text.
    ///
    /// # Errors
    ///
    /// Says so when it is too long.
    pub fn new(text: String) -> Result<Self, GroundsTooLong> {
        if text.len() > Self::BYTES_MAX {
            return Err(GroundsTooLong);
        }
        Ok(Self(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Canonical for Grounds {
    fn write(&self, writer: &mut Writer) {
        writer.text(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.short_text(Self::BYTES_MAX, "reason").map(Self)
    }
}

/// Too long a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reason is longer than {} bytes", Grounds::BYTES_MAX)]
pub struct GroundsTooLong;

/// Evidence that a request is its owner's, signed by the key that proves it (spec/recovery.md#evidence).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whom it is shown to.
    pub authority: AuthorityId,
    /// H(Q) of the request it is for, and no other.
    pub request: Digest,
    /// What it proves.
    pub kind: EvidenceKind,
}

canonical_struct!(Evidence {
    authority,
    request,
    kind
});

/// What evidence proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvidenceKind {
    /// That whoever asks has the owner's recovery code, whose key signs.
    RecoveryCode,
}

impl Canonical for EvidenceKind {
    fn write(&self, writer: &mut Writer) {
        writer.uint(match self {
            Self::RecoveryCode => 1,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.uint("kind of evidence")? {
            1 => Ok(Self::RecoveryCode),
            _ => Err(reader.malformed("kind of evidence")),
        }
    }
}

/// An owner's word, from one of the owner's devices, that a request is not theirs (spec/recovery.md#veto).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veto {
    /// Whom it is told.
    pub authority: AuthorityId,
    /// H(Q) of the request.
    pub request: Digest,
    /// Why, for people to read.
    pub grounds: Grounds,
    /// When, by the owner's clock.
    pub created: Time,
}

canonical_struct!(Veto {
    authority,
    request,
    grounds,
    created
});

/// An authority's decision on a request, signed by its log key (spec/recovery.md#decision).
///
/// It says what was decided and on what; it releases nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whose decision.
    pub authority: AuthorityId,
    /// H(Q) of the request, or the digest of the change.
    pub request: Digest,
    /// The policy it was decided by.
    pub policy: Digest,
    /// The evidence it rests on, sorted.
    pub evidence: Vec<StatementId>,
    /// The approvals it rests on, sorted.
    pub approvals: Vec<StatementId>,
    /// The other owner whose device asked. If there is none, and it is approved, the asking device is the owner's from
    /// here on: whoever reads the owner's entries knows their devices by them.
    pub asker: Option<OwnerId>,
    /// What was decided.
    pub verdict: Verdict,
    /// Until when keys are released on it.
    pub not_after: Time,
}

impl Decision {
    /// Enough for every officer's approval, and for the codes of this many owners where a change needs them all.
    const STATEMENTS_MAX: u64 = 32_768;

    /// Returns SHA-256 of the decision's encoding, which the releases made on it name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&encode(self)])
    }

    fn read_sorted(
        reader: &mut Reader<'_>,
        what: &'static str,
    ) -> Result<Vec<StatementId>, Malformed> {
        let ids: Vec<StatementId> = reader.items(Self::STATEMENTS_MAX, what)?;
        if ids.is_sorted_by(|one, next| one < next) {
            Ok(ids)
        } else {
            Err(reader.malformed(what))
        }
    }
}

impl Canonical for Decision {
    fn write(&self, writer: &mut Writer) {
        writer
            .array(8)
            .item(&self.authority)
            .item(&self.request)
            .item(&self.policy);
        writer.items(&self.evidence).items(&self.approvals);
        writer
            .item(&self.asker)
            .item(&self.verdict)
            .item(&self.not_after);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(8, "decision")?;
        Ok(Self {
            authority: reader.item()?,
            request: reader.item()?,
            policy: reader.item()?,
            evidence: Self::read_sorted(reader, "evidence")?,
            approvals: Self::read_sorted(reader, "approvals")?,
            asker: reader.item()?,
            verdict: reader.item()?,
            not_after: reader.item()?,
        })
    }
}

/// How a request can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The keys are released.
    Approved,
    /// No rule of the policy lets such a request through.
    Denied,
    /// The owner said that it is not theirs.
    Vetoed,
    /// What it needed did not come in time.
    Lapsed,
}

impl Verdict {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Vetoed => "vetoed",
            Self::Lapsed => "lapsed",
        }
    }
}

impl Canonical for Verdict {
    fn write(&self, writer: &mut Writer) {
        writer.uint(match self {
            Self::Approved => 1,
            Self::Denied => 2,
            Self::Vetoed => 3,
            Self::Lapsed => 4,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.uint("verdict")? {
            1 => Ok(Self::Approved),
            2 => Ok(Self::Denied),
            3 => Ok(Self::Vetoed),
            4 => Ok(Self::Lapsed),
            _ => Err(reader.malformed("verdict")),
        }
    }
}

//! Why a request is where it is, for the people it concerns.

use std::fmt;

use crate::id::Time;
use crate::keys::VerifyingKey;
use crate::statement::{EvidenceKind, Grounds};

/// Why a request is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// An officer said no to a rule.
    Denied {
        /// The rule.
        rule: String,
        /// The officer.
        by: String,
        /// Why, in the officer's words.
        grounds: Grounds,
    },
    /// Another request for the same owner is open, and officers have to say which is right.
    Frozen {
        /// The rule, which needs no officer otherwise.
        rule: String,
    },
    /// Its time is over.
    Lapsed {
        /// Since when.
        at: Time,
    },
    /// A rule wants approvals that are not there.
    NeedsApprovals {
        /// The rule.
        rule: String,
        /// The group whose approval it wants.
        group: String,
        /// Who of them approved.
        have: Vec<String>,
    },
    /// A rule wants evidence that is not there.
    NeedsEvidence {
        /// The rule.
        rule: String,
        /// What it wants.
        kind: EvidenceKind,
    },
    /// The policy has no rule for such a request.
    NoRule,
    /// An owner's device stopped a rule.
    Vetoed {
        /// The rule.
        rule: String,
        /// The device.
        by: VerifyingKey,
    },
    /// A rule lets time pass.
    Waits {
        /// The rule.
        rule: String,
        /// Until when.
        until: Time,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied { rule, by, grounds } => {
                write!(f, "`{by}` denied it under rule `{rule}`")?;
                match grounds.as_str() {
                    "" => Ok(()),
                    // Quoted: reasons stand in one line, and theirs must not pass for another.
                    why => write!(f, ", saying {why:?}"),
                }
            }
            Self::Frozen { rule } => write!(
                f,
                "rule `{rule}` waits for officers: another request for this owner is open"
            ),
            Self::Lapsed { at } => write!(f, "the request lapsed at {at}"),
            Self::NeedsApprovals { rule, group, have } => {
                write!(f, "rule `{rule}` needs the approval of `{group}`")?;
                if !have.is_empty() {
                    write!(f, " (so far: {})", have.join(", "))?;
                }
                Ok(())
            }
            Self::NeedsEvidence {
                rule,
                kind: EvidenceKind::RecoveryCode,
            } => write!(f, "rule `{rule}` needs the owner's recovery code"),
            Self::NoRule => f.write_str("the policy has no rule for such a request"),
            Self::Vetoed { rule, by } => {
                write!(f, "the owner's device {by} stopped rule `{rule}`")
            }
            Self::Waits { rule, until } => write!(f, "rule `{rule}` waits until {until}"),
        }
    }
}

//! How a request stands with one rule: what people look at while it is not decided.

use std::fmt;

use super::Reason;

/// How a request stands with one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The rule is not for such a request.
    Inapplicable(Inapplicable),
    /// It is met.
    Met,
    /// What it still needs.
    Missing(Vec<Reason>),
    /// It was denied or vetoed.
    Stopped(Reason),
}

/// Why a rule is not for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inapplicable {
    /// The asker is not of the group that may ask.
    Asker {
        /// The group.
        group: String,
    },
    /// The rule asks for nothing, and is none.
    AsksNothing,
    /// It is for whoever says to be the owner, who has departed.
    Departed,
    /// It is for those who ask for somebody else's keys.
    ForOthers,
    /// It is for owners who ask for their own.
    ForOwners,
    /// It wants a label on every deposit.
    Label {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// It is for owners who have departed, and this one has not.
    NotDeparted,
    /// It is for other owners.
    OtherOwner,
    /// It is for fewer keys.
    TooMany {
        /// The most.
        most: u64,
    },
}

impl fmt::Display for Inapplicable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asker { group } => write!(f, "only people of `{group}` may ask"),
            Self::AsksNothing => f.write_str("it asks for nothing, and is no rule"),
            Self::Departed => {
                f.write_str("it is for whoever says to be the owner, and the owner has departed")
            }
            Self::ForOthers => f.write_str("it is for who asks for somebody else's keys"),
            Self::ForOwners => f.write_str("it is for owners who ask for their own keys"),
            Self::Label { name, value } => {
                write!(f, "not every key asked for is labelled {name}={value}")
            }
            Self::NotDeparted => f.write_str("the owner has not departed"),
            Self::OtherOwner => f.write_str("it is for other owners"),
            Self::TooMany { most } => write!(f, "it is for at most {most} keys"),
        }
    }
}

//! Who an authority is, and what it keeps of an owner as a number.

use serde::{Deserialize, Serialize};

use super::entries::Recorded;
use crate::id::{AuthorityId, Digest};
use crate::statement::{Found, SignedStatement, Statement};

/// Who an authority is: its founding statement, from which its id, keys and first policy follow. What homes pin.
#[derive(Clone, Debug)]
pub struct Founding {
    statement: SignedStatement,
    found: Found,
}

impl Founding {
    /// Takes a founding statement; any other is none.
    #[must_use]
    pub fn new(statement: SignedStatement) -> Option<Self> {
        let Statement::Found(found) = statement.statement() else {
            return None;
        };
        let found = (**found).clone();
        Some(Self { statement, found })
    }

    /// Returns the authority's id: the founding statement's.
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        self.statement.authority()
    }

    /// Returns the founding statement as signed.
    #[must_use]
    pub fn statement(&self) -> &SignedStatement {
        &self.statement
    }

    /// Returns what it says.
    #[must_use]
    pub fn found(&self) -> &Found {
        &self.found
    }
}

/// What an authority says of itself: its founding, and what changed since, each with its place in the log. Nothing of it
/// is verified but the founding statement's own signature.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    /// What it was founded as.
    pub founding: Founding,
    /// What put the policy in force; nothing for the policy that it was founded with.
    pub policy: Option<Succession>,
    /// Its RSA key, if it has one: a SIMPLEBLOB wrapped to it can be deposited.
    pub rsa_key: Option<Recorded>,
}

impl About {
    /// Returns the authority's id.
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        self.founding.authority()
    }

    /// Returns what the founding statement says.
    #[must_use]
    pub fn found(&self) -> &Found {
        self.founding.found()
    }
}

/// How a policy came into force: the change that was asked for, and the decision on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Succession {
    /// The change, which has the policy.
    pub change: SignedStatement,
    /// The authority's approval.
    pub decision: Recorded,
}

/// What a request for everything freezes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// The size of the log.
    pub tree_size: u64,
    /// How many deposits of the owner's it holds.
    pub count: u64,
    /// [`Scope::serials_digest`](crate::statement::Scope::serials_digest) of their serials.
    pub serials: Digest,
}

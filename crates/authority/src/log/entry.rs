//! An entry of the log, read back: what was recorded, with the authority's signature that it was.

use std::sync::Arc;

use strongroom_protocol::id::{AuthorityId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::log::{LeafSalt, NodeHash};
use strongroom_protocol::receipt::{DepositState, Outcome, SignedAttestation};
use strongroom_protocol::statement::{Deposit, SealedKey, SignedStatement, Statement};

use crate::store::{Damage, EntryRow, StoreError};

/// An entry that was appended here, or read back and checked.
///
/// Its statement verifies under its author's key and its attestation under the log key. So whoever can edit the
/// store, but has not the log key, can take entries away and cannot make any. A clone is the same one.
#[derive(Clone)]
pub(crate) struct Entry(Arc<Parts>);

struct Parts {
    index: u64,
    statement: SignedStatement,
    attestation: SignedAttestation,
    salt: LeafSalt,
    leaf: NodeHash,
}

impl Entry {
    pub(super) fn new(
        index: u64,
        statement: SignedStatement,
        attestation: SignedAttestation,
        salt: LeafSalt,
    ) -> Self {
        let leaf = attestation.leaf(statement.kind(), &salt).hash();
        Self(Arc::new(Parts {
            index,
            statement,
            attestation,
            salt,
            leaf,
        }))
    }

    pub(super) fn check(
        row: &EntryRow,
        authority: AuthorityId,
        log_key: &VerifyingKey,
    ) -> Result<Self, StoreError> {
        let damaged = |what| StoreError::from(Damage::of_entry(row.index, what));
        let statement = SignedStatement::parse(&row.statement)
            .map_err(|_| damaged("its statement does not verify"))?;
        let attestation = SignedAttestation::parse(&row.attestation, row.signature, log_key)
            .map_err(|_| damaged("its attestation does not verify"))?;
        let attested = attestation.attestation();
        let belongs = attested.authority == authority
            && attested.statement == statement.id()
            && attested.time == row.time
            && statement.authority() == authority
            && statement.id() == row.id
            && statement.kind().code() == row.kind
            && fits(&attested.outcome, statement.statement());
        if !belongs {
            return Err(damaged("its parts do not belong together"));
        }
        let entry = Self::new(row.index, statement, attestation, row.salt);
        if entry.leaf() != row.leaf {
            return Err(damaged("its leaf is another's"));
        }
        Ok(entry)
    }

    /// Tells whether a row has what this was read from, all of it: then it would be read and checked to be this.
    pub(super) fn is(&self, row: &EntryRow) -> bool {
        let EntryRow {
            index,
            kind,
            time,
            salt,
            statement,
            attestation,
            signature,
            id,
            leaf,
        } = row;
        let parts = &*self.0;
        *index == parts.index
            && *kind == parts.statement.kind().code()
            && *time == self.time()
            && *salt == parts.salt
            && *statement == parts.statement.as_bytes()
            && *attestation == parts.attestation.as_bytes()
            && signature == parts.attestation.signature()
            && *id == parts.statement.id()
            && *leaf == parts.leaf
    }

    pub(crate) fn index(&self) -> u64 {
        self.0.index
    }

    pub(crate) fn statement(&self) -> &SignedStatement {
        &self.0.statement
    }

    pub(crate) fn into_statement(self) -> SignedStatement {
        Arc::try_unwrap(self.0)
            .map_or_else(|shared| shared.statement.clone(), |parts| parts.statement)
    }

    pub(crate) fn attestation(&self) -> &SignedAttestation {
        &self.0.attestation
    }

    /// Returns the hash of its leaf.
    pub(crate) fn leaf(&self) -> NodeHash {
        self.0.leaf
    }

    pub(crate) fn salt(&self) -> &LeafSalt {
        &self.0.salt
    }

    /// Returns when it was recorded.
    pub(crate) fn time(&self) -> Time {
        self.0.attestation.attestation().time
    }

    /// Finds the key at a place of a deposit, if it is kept.
    pub(crate) fn key(&self, place: u64) -> Option<(&Deposit, &SealedKey)> {
        let place = usize::try_from(place).ok()?;
        let Statement::Deposit(deposit) = self.0.statement.statement() else {
            return None;
        };
        let key = deposit.keys().get(place)?;
        let state = self.states().get(place)?;
        state.is_kept().then_some((deposit, key))
    }

    /// Returns what became of each key of a deposit; nothing for other statements.
    pub(crate) fn states(&self) -> &[DepositState] {
        match &self.0.attestation.attestation().outcome {
            Outcome::Deposited(states) => states,
            Outcome::Recorded => &[],
        }
    }
}

/// Tells whether this can become of such a statement.
fn fits(outcome: &Outcome, statement: &Statement) -> bool {
    match (outcome, statement) {
        (Outcome::Deposited(states), Statement::Deposit(deposit)) => {
            states.len() == deposit.keys().len()
        }
        (Outcome::Recorded, Statement::Deposit(_)) | (Outcome::Deposited(_), _) => false,
        (Outcome::Recorded, _) => true,
    }
}

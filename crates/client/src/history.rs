//! What a home can say of the log's entries, each found at its place by a receipt: the log itself names nobody.

use std::collections::BTreeMap;

use strongroom_protocol::id::{Digest, OwnerId, StatementId};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{
    Grounds, Kind, Request, Scope, SignedStatement, Statement, Word,
};
use strongroom_protocol::{QueryError, RequestState};

use crate::client::Client;
use crate::connection::ExchangeError;

/// What an entry records, as far as it is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Act {
    /// An officer said something of a request or of a change.
    Approval {
        /// What.
        word: Word,
        /// The officer's key.
        by: VerifyingKey,
        /// The officer's name in the policy that they named, where this home is shown it.
        officer: Option<String>,
        /// Why.
        grounds: Grounds,
    },
    /// This home's owner deposited so many keys.
    Deposit(usize),
    /// This home's owner was enrolled.
    Enroll,
    /// Somebody showed a recovery code for a request or a change.
    Evidence,
    /// The authority was founded.
    Found,
    /// Somebody asked that the policy be changed.
    PolicyChange {
        /// Why.
        grounds: Grounds,
        /// Where it stands.
        state: RequestState,
    },
    /// The authority decided a request or a change.
    Decision,
    /// The authority released keys to this home.
    Release(usize),
    /// Somebody asked for keys.
    Request {
        /// Whether this home did.
        is_ours: bool,
        /// Whose keys.
        owner: OwnerId,
        /// How many, where they are named one by one.
        keys: Option<usize>,
        /// Why.
        grounds: Grounds,
        /// Where it stands.
        state: RequestState,
    },
    /// A device of the owner's vetoed a request.
    Veto(Grounds),
}

impl Client<'_> {
    /// Returns what this home knows of the log's entries, by their indexes: its own deposits, and the requests and
    /// changes that the authority shows it, with what was said to them.
    ///
    /// # Errors
    ///
    /// Says what can't be read, or does not hold.
    pub fn history(&self) -> Result<BTreeMap<u64, Act>, ExchangeError> {
        let mut acts = BTreeMap::from([(0, Act::Found)]);
        if let Some(enrolment) = &self.membership.enrolment {
            self.put(&mut acts, enrolment, Act::Enroll)?;
        }
        // A receipt from before the authority was restored names a place in a log that is no more.
        let is_restored = !self.home.accepted()?.is_empty();
        self.home.each_statement(&mut |statement, receipt| {
            let Statement::Deposit(deposit) = statement.statement() else {
                return Ok(());
            };
            let act = Act::Deposit(deposit.keys().len());
            if is_restored {
                return self.put(&mut acts, statement, act);
            }
            let acknowledgement =
                receipt.verify(statement, &self.connection.about().found().log_key)?;
            acts.insert(acknowledgement.index(), act);
            Ok::<_, ExchangeError>(())
        })?;
        // In the log's order: each is decided by one that came before it.
        let founding = self.connection.about().found().policy.clone();
        let mut policies = BTreeMap::from([(founding.digest(), founding)]);
        self.add_changes(&mut acts, &mut policies)?;
        self.add_requests(&mut acts, &policies)?;
        Ok(acts)
    }

    fn add_requests(
        &self,
        acts: &mut BTreeMap<u64, Act>,
        policies: &BTreeMap<Digest, Policy>,
    ) -> Result<(), ExchangeError> {
        let device = self.home.device_key().ok().map(|key| key.verifying_key());
        let authority = self.connection.authority();
        let mut after = None;
        loop {
            let page = authority.requests(after)?;
            after = page.items.last().map(|view| view.index);
            for view in &page.items {
                let Statement::Request(request) = view.request.statement() else {
                    continue;
                };
                let is_ours = Some(request.device_key) == device;
                let act = act_of(request, is_ours, view.state);
                self.put(acts, &view.request, act)?;
                self.add_said(&view.statements, policies, acts)?;
                if is_ours && view.state == RequestState::Released {
                    self.add_release(view.request.id(), acts)?;
                }
            }
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
    }

    fn add_changes(
        &self,
        acts: &mut BTreeMap<u64, Act>,
        policies: &mut BTreeMap<Digest, Policy>,
    ) -> Result<(), ExchangeError> {
        let authority = self.connection.authority();
        let mut after = None;
        loop {
            let page = authority.changes(after)?;
            after = page.items.last().map(|view| view.index);
            for view in &page.items {
                let Statement::PolicyChange(change) = view.change.statement() else {
                    continue;
                };
                let act = Act::PolicyChange {
                    grounds: change.grounds.clone(),
                    state: view.state,
                };
                policies.insert(change.policy.digest(), change.policy.clone());
                self.put(acts, &view.change, act)?;
                self.add_said(&view.statements, policies, acts)?;
            }
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
    }

    fn add_said(
        &self,
        statements: &[SignedStatement],
        policies: &BTreeMap<Digest, Policy>,
        acts: &mut BTreeMap<u64, Act>,
    ) -> Result<(), ExchangeError> {
        for signed in statements {
            let act = if let Statement::Approval(approval) = signed.statement() {
                Act::Approval {
                    word: approval.word,
                    by: *signed.author(),
                    officer: policies
                        .get(&approval.policy)
                        .and_then(|policy| policy.officer(signed.author()))
                        .map(|officer| officer.name.clone()),
                    grounds: approval.grounds.clone(),
                }
            } else if let Statement::Veto(veto) = signed.statement() {
                Act::Veto(veto.grounds.clone())
            } else if signed.kind() == Kind::Evidence {
                Act::Evidence
            } else {
                continue;
            };
            self.put(acts, signed, act)?;
        }
        Ok(())
    }

    /// Adds a release that was handed out already: asked for again, it is answered with the same bytes.
    fn add_release(
        &self,
        request: StatementId,
        acts: &mut BTreeMap<u64, Act>,
    ) -> Result<(), ExchangeError> {
        for page in 0.. {
            let Ok(released) = self.connection.authority().release(request, page) else {
                break;
            };
            self.put(acts, &released.decision, Act::Decision)?;
            if let Statement::Release(release) = released.release.statement() {
                let receipt =
                    self.connection
                        .verify(self.home, &released.release, &released.receipt)?;
                acts.insert(receipt.index(), Act::Release(release.keys().len()));
            }
            if !released.more {
                break;
            }
        }
        Ok(())
    }

    /// Puts an act at its statement's place in the log, verified. A log that does not have it, as one put back from a
    /// backup, has no place for it.
    fn put(
        &self,
        acts: &mut BTreeMap<u64, Act>,
        statement: &SignedStatement,
        act: Act,
    ) -> Result<(), ExchangeError> {
        let receipt = match self.connection.authority().receipt(statement.id()) {
            Err(QueryError::NotFound) => return Ok(()),
            receipt => receipt?,
        };
        let acknowledgement = self.connection.verify(self.home, statement, &receipt)?;
        acts.insert(acknowledgement.index(), act);
        Ok(())
    }
}

fn act_of(request: &Request, is_ours: bool, state: RequestState) -> Act {
    let keys = match &request.scope {
        Scope::Everything { .. } => None,
        Scope::Serials(serials) => Some(serials.len()),
    };
    Act::Request {
        is_ours,
        owner: request.owner,
        keys,
        grounds: request.grounds.clone(),
        state,
    }
}

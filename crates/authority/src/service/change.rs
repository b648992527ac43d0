//! Changes of the policy (spec/policy.md#change): asked for, decided by the policy they replace, and listed.

use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{self, ChangeRuling, Policy, Reason};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Decision, PolicyChange, SignedStatement, Statement, Verdict};
use strongroom_protocol::{ChangeView, Page, QueryError, Refusal, RequestState};

use super::Service;
use super::commit::Act;
use super::decide::verdict;
use super::request::is_timely;
use crate::Caller;
use crate::identity;
use crate::log::{Entry, Growth};
use crate::store::{ChangeRow, Damage, PolicyRow, Snapshot, StoreError, Writing};

/// How many changes a page of their listing has.
const PAGE: u64 = 32;

/// A change with all that it is decided on, read from the log and verified.
pub(super) struct Case {
    entry: Entry,
    change: PolicyChange,
    /// Who asks, by an officer's key if they are one.
    author: VerifyingKey,
    /// The policy in force when it was recorded.
    policy: Policy,
    /// When another policy came into force; then this one is not to replace it, even if the old one comes back.
    superseded: Option<Time>,
    codes: Vec<VerifyingKey>,
    statements: Vec<SignedStatement>,
    decision: Option<Entry>,
}

impl Service {
    /// Anybody who has a part in the authority may ask: it is the policy in force that decides.
    pub(super) fn check_change(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        change: &PolicyChange,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let policy = self.policy_now(store)?.policy;
        let author = statement.author();
        let may =
            policy.officer(author).is_some() || identity::is_device(&self.log, store, author)?;
        if !may {
            return Ok(Err(Refusal::Author));
        }
        if change.replaces != policy.digest() {
            return Ok(Err(Refusal::Policy));
        }
        if !is_timely(&policy, change.expires, now) {
            return Ok(Err(Refusal::Expiry));
        }
        // The same words signed by somebody else: approvals could not tell the two apart.
        if store.subject(change.digest())?.is_some() {
            return Ok(Err(Refusal::Author));
        }
        Ok(Ok(Outcome::Recorded))
    }

    /// Decides what changes can be decided, before anything that rests on the policy in force.
    ///
    /// An error of deciding is told apart from one of writing, which is the whole group's.
    pub(super) fn settle(
        &self,
        growth: &mut Growth<'_>,
        now: Time,
    ) -> Result<Result<(), StoreError>, StoreError> {
        // One that is approved supersedes the others: they are looked at again after each.
        loop {
            match self.next_decision(growth.store(), now) {
                Ok(Some(decision)) => {
                    self.append(growth, decision, Outcome::Recorded, now)?;
                }
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Decides what changes can be decided now.
    pub(super) fn settle_now(&self) -> Result<(), QueryError> {
        let now = self.clock.now();
        let decidable = self.store.read(|store| self.next_decision(store, now))?;
        if decidable.is_some() {
            self.commit(Act::Settle)?;
        }
        Ok(())
    }

    /// Returns the changes that the caller may see: officers and the operator all, others those they asked for.
    pub(super) fn changes(
        &self,
        caller: Caller,
        after: Option<u64>,
    ) -> Result<Page<ChangeView>, QueryError> {
        self.settle_now()?;
        let now = self.clock.now();
        self.store.read(|store| {
            let seen = self.sight(store, caller)?;
            let mut rows = store.changes(seen, after.unwrap_or(0), PAGE + 1)?;
            let more = rows.len() as u64 > PAGE;
            rows.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
            let view = |row: &ChangeRow| self.change_case(store, row)?.view(now);
            let items = rows.iter().map(view);
            Ok(Page {
                items: items.collect::<Result<_, StoreError>>()?,
                more,
            })
        })
    }

    pub(super) fn change_case(
        &self,
        store: &Snapshot<'_>,
        row: &ChangeRow,
    ) -> Result<Case, StoreError> {
        let entry = self.log.entry(store, row.entry)?;
        let Statement::PolicyChange(change) = entry.statement().statement() else {
            return Err(Damage::of_entry(row.entry, "it is not a change of the policy").into());
        };
        let change = (**change).clone();
        let policy = self.policy_at(store, row.entry)?.policy;
        let author = asking_officer(store, &policy, entry.statement().author())?;
        let codes = if policy.change.codes {
            self.codes(store, row.entry)?
        } else {
            Vec::new()
        };
        let decision = row.decision.map(|index| self.log.entry(store, index));
        Ok(Case {
            superseded: self.superseded(store, row.entry)?,
            statements: self.words(store, row.entry)?,
            decision: decision.transpose()?,
            entry,
            change,
            author,
            policy,
            codes,
        })
    }

    fn next_decision(
        &self,
        store: &Snapshot<'_>,
        now: Time,
    ) -> Result<Option<SignedStatement>, StoreError> {
        for row in store.open_changes()? {
            let case = self.change_case(store, &row)?;
            let decision = match case.decide(now) {
                ChangeRuling::Approved(approved) => approved.decision(),
                ChangeRuling::Ended(verdict, _) => Decision {
                    authority: self.authority(),
                    request: case.change.digest(),
                    policy: case.policy.digest(),
                    evidence: Vec::new(),
                    approvals: Vec::new(),
                    verdict,
                    not_after: now,
                },
                ChangeRuling::Pending(_) => continue,
            };
            if let Some(decision) = self.log.sign_decision(decision) {
                return Ok(Some(decision));
            }
        }
        Ok(None)
    }

    /// Returns when a policy came into force behind an entry.
    fn superseded(&self, store: &Snapshot<'_>, entry: u64) -> Result<Option<Time>, StoreError> {
        let policies = store.policies(u64::MAX)?;
        let next = policies.iter().find(|row| row.entry > entry);
        let time = |row: &PolicyRow| Ok(self.log.entry(store, row.entry)?.time());
        next.map(time).transpose()
    }

    /// Returns the public keys of the recovery codes of all owners who were enrolled before an entry.
    fn codes(&self, store: &Snapshot<'_>, before: u64) -> Result<Vec<VerifyingKey>, StoreError> {
        let code = |index| {
            let entry = self.log.entry(store, index)?;
            let Statement::Enroll(enroll) = entry.statement().statement() else {
                return Err(Damage::of_entry(index, "it is not an enrolment").into());
            };
            Ok(enroll.code_key)
        };
        store.owners(before)?.into_iter().map(code).collect()
    }
}

impl Case {
    pub(super) fn decide(&self, now: Time) -> ChangeRuling {
        if let Some(at) = self.superseded {
            return ChangeRuling::Ended(Verdict::Lapsed, vec![Reason::Lapsed { at }]);
        }
        let case = policy::ChangeCase {
            policy: &self.policy,
            change: &self.change,
            author: &self.author,
            recorded: self.entry.time(),
            codes: &self.codes,
            statements: &self.statements,
        };
        policy::decide_change(&case, now)
    }

    /// Tells whether nothing that is said of it matters any more.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.decision.is_some() || matches!(self.decide(now), ChangeRuling::Ended(..))
    }

    /// Returns the policy that it is decided by.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the keys of the recovery codes that are asked for it, if any are.
    pub(super) fn codes(&self) -> &[VerifyingKey] {
        &self.codes
    }

    fn view(self, now: Time) -> Result<ChangeView, StoreError> {
        let (state, reasons) = match &self.decision {
            Some(decision) => {
                let verdict = verdict(decision, self.change.digest())?;
                let reasons = match (verdict, self.decide(decision.time())) {
                    (Verdict::Approved, _) => Vec::new(),
                    (_, ChangeRuling::Ended(_, reasons)) => reasons,
                    (_, ChangeRuling::Approved(_) | ChangeRuling::Pending(_)) => Vec::new(),
                };
                (RequestState::Decided(verdict), reasons)
            }
            None => match self.decide(now) {
                ChangeRuling::Ended(verdict, reasons) => (RequestState::Decided(verdict), reasons),
                ChangeRuling::Pending(reasons) => (RequestState::Requested, reasons),
                ChangeRuling::Approved(_) => (RequestState::Requested, Vec::new()),
            },
        };
        Ok(ChangeView {
            index: self.entry.index(),
            recorded: self.entry.time(),
            statements: self.statements,
            change: self.entry.into_statement(),
            state,
            reasons,
        })
    }
}

/// Returns an officer's key for a device of the officer's own: nobody approves what they asked for by another key.
fn asking_officer(
    store: &Snapshot<'_>,
    policy: &Policy,
    author: &VerifyingKey,
) -> Result<VerifyingKey, StoreError> {
    let owners = store.owners_of(author)?;
    let is_theirs = |owner: &OwnerId| owners.contains(owner);
    let mut officers = policy.officers.iter();
    let officer = officers.find(|officer| officer.owner.as_ref().is_some_and(is_theirs));
    let key = officer.and_then(|officer| officer.keys.first());
    Ok(*key.unwrap_or(author))
}

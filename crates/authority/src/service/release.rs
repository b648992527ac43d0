//! Releases (spec/recovery.md#release). In this order: the request is in the log, the decision is in the log, the keys
//! are re-wrapped, the release is in the log, and then it is handed out. Pages come one after another, as their deposits
//! stand in the log.
//!
//! A crash before the release is logged leaves nothing that anybody saw, and the page is made anew, with other wraps;
//! one after it leaves the page that every repetition is answered with.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_protocol::id::{Digest, StatementId, Time};
use strongroom_protocol::policy::Approved;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{
    Deposit, Release, ReleaseOrigin, Request, SealedKey, SignedStatement, Statement, Verdict,
};
use strongroom_protocol::{ReleaseError, ReleasePage, Unavailable, UnavailableKind};

use super::Service;
use super::commit::{Act, Answer, Checked};
use super::custody;
use super::plan::{Labels, Plan};
use super::scene::{Rivals, asks_for_labels};
use super::subject::{is_row_of, subject_row};
use crate::Caller;
use crate::custody::Kept;
use crate::index;
use crate::log::{Entry, Growth, Logged};
use crate::store::{Damage, DepositRow, RequestRow, Snapshot, StoreError, Subject as SubjectRow};

/// A page of keys, re-wrapped and signed, and not yet in the log: nobody may see it.
pub(super) struct Drawn {
    statement: SignedStatement,
    /// The entry of the request.
    request: u64,
    page: u64,
    /// The decision it rests on.
    decision: Digest,
    plan: Arc<Plan>,
}

enum Page {
    /// The request has to be decided first.
    Decidable,
    Drawn(Box<Drawn>),
    Stored(Box<ReleasePage>),
}

impl Service {
    /// Returns a page of a request's keys: the one that was released, or one that is released now. Whoever asks for it acts:
    /// a request that can be decided by now is decided first.
    pub(super) fn release(
        &self,
        caller: Caller,
        request: StatementId,
        page: u64,
    ) -> Result<ReleasePage, ReleaseError> {
        // Now and then somebody's veto or evidence comes between drawing a page and logging it.
        const ATTEMPTS: usize = 8;
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let found = self
                .store
                .read(|store| self.find_or_draw(store, caller, request, page, now))?;
            match found {
                Page::Stored(page) => return Ok(*page),
                // What it comes to is read from the log.
                Page::Decidable => drop(self.commit(Act::Decide(request))?),
                Page::Drawn(drawn) => {
                    let entry = drawn.request;
                    if let Answer::Recorded(index) = self.commit(Act::Release(drawn))? {
                        return Ok(self.read_page(entry, page, index)?);
                    }
                }
            }
        }
        let message = "the request keeps changing";
        Err(Unavailable::new(UnavailableKind::Busy, message).into())
    }

    /// Under the lock: one release of a page, behind the page before it, and only if nothing it rests on has changed.
    pub(super) fn check_release(
        &self,
        growth: &Growth<'_>,
        drawn: Drawn,
        now: Time,
    ) -> Result<Checked, StoreError> {
        let store = growth.store();
        if let Some(index) = store.release_page(drawn.request, drawn.page)? {
            return Ok(Checked::Known(index));
        }
        let Some(row) = store.request(drawn.request)? else {
            return Ok(Checked::NotNow);
        };
        if !is_next(store, row.entry, drawn.page)? {
            return Ok(Checked::NotNow);
        }
        let labels = Some(&drawn.plan.labels);
        let logged = self.read_request(store, &row, Rivals::Sought(now), labels)?;
        let approval = logged.approval(&self.log, now)?;
        let still = approval.is_some_and(|approval| approval.decision() == drawn.decision);
        Ok(if still {
            let size = growth.size();
            self.confirm_approval(store, (row.entry, size), drawn.decision, labels, now)?;
            Checked::New(Box::new(drawn.statement), Outcome::Recorded)
        } else {
            Checked::NotNow
        })
    }

    fn find_or_draw(
        &self,
        store: &Snapshot<'_>,
        caller: Caller,
        request: StatementId,
        page: u64,
        now: Time,
    ) -> Result<Page, ReleaseError> {
        let Some(SubjectRow::Request(row)) = subject_row(store, request)? else {
            return Err(ReleaseError::NotFound);
        };
        if !caller.has_part(&self.log, store, &row)? || page >= index::page_count(row.keys) {
            return Err(ReleaseError::NotFound);
        }
        if let Some(index) = store.release_page(row.entry, page)? {
            let stored = self.stored_page(store, &row, page, index)?;
            return Ok(Page::Stored(Box::new(stored)));
        }
        let logged = self.read_request(store, &row, Rivals::Sought(now), None)?;
        let subject = &logged.subject;
        if subject.decision(now).is_some() {
            return Ok(Page::Decidable);
        }
        let (Some(approval), Some(asked)) = (logged.approval(&self.log, now)?, subject.request())
        else {
            let (state, _) = subject.standing(now);
            return Err(ReleaseError::NotApproved { state });
        };
        if !is_next(store, row.entry, page)? {
            return Err(ReleaseError::NotFound);
        }
        // Before custody opens anything.
        self.confirm_approval(store, (row.entry, 0), approval.decision(), None, now)?;
        let plan = self.plan(store, asked, asks_for_labels(subject.policy()))?;
        let statement = self.draw(store, asked, &approval, &plan, page)?;
        Ok(Page::Drawn(Box::new(Drawn {
            statement,
            request: row.entry,
            page,
            decision: approval.decision(),
            plan,
        })))
    }

    /// Sees that the log itself has the keys released: that nothing which was said is hidden by rows.
    fn confirm_approval(
        &self,
        store: &Snapshot<'_>,
        (request, size): (u64, u64),
        decision: Digest,
        labels: Option<&Labels>,
        now: Time,
    ) -> Result<(), StoreError> {
        let same = self.by_the_log(store, (request, size), |store| {
            let Some(row) = store.request(request)? else {
                return Ok(false);
            };
            let logged = self.read_request(store, &row, Rivals::Sought(now), labels)?;
            let approval = logged.approval(&self.log, now)?;
            Ok(approval.is_some_and(|approval| approval.decision() == decision))
        })?;
        if same {
            return Ok(());
        }
        Err(Damage::of_entry(request, "its indexes do not say what the log says of it").into())
    }

    /// Has custody re-wrap the keys of a page, and signs what came of it.
    fn draw(
        &self,
        store: &Snapshot<'_>,
        request: &Request,
        approval: &Logged<Approved>,
        plan: &Plan,
        page: u64,
    ) -> Result<SignedStatement, ReleaseError> {
        let fewer = || StoreError::from(Damage::of("a request has fewer deposits than it had"));
        let (rows, missing) = plan.page(page).ok_or_else(fewer)?;
        let mut withheld = missing.to_vec();
        let entries = self.readable_entries(store, rows)?;
        let mut kept = Vec::new();
        for row in rows {
            let entry = entries.get(&row.entry);
            match entry.and_then(|entry| Some((entry, key_at(entry, row)?))) {
                Some((entry, found)) if self.is_by_device(store, request.owner, entry)? => {
                    kept.push(found);
                }
                _ => withheld.push(row.serial),
            }
        }
        let foreign = self.foreign_blobs(store, kept.iter().map(|(_, key)| *key))?;
        let kept = kept.into_iter().zip(foreign);
        let kept: Vec<Kept<'_>> = kept
            .map(|((deposit, key), foreign)| Kept {
                deposit,
                key,
                // Where an index says what the log does not, it may be.
                is_foreign: foreign.unwrap_or(true),
            })
            .collect();
        for kept in &kept {
            self.find_rsa_key_for(store, kept.deposit)?;
        }
        let opener = self.custodian.opener().ok_or_else(custody::sealed)?;
        let rewrapped = opener.rewrap(approval, &kept, self.slow_rng());
        withheld.extend(rewrapped.withheld);
        withheld.sort_unstable();
        let origin = ReleaseOrigin {
            authority: self.authority(),
            owner: request.owner,
            request: approval.request(),
            decision: approval.decision(),
        };
        let release = Release::new(origin, page, rewrapped.sealed, withheld)
            .map_err(|error| StoreError::Failed(error.into()))?;
        Ok(self.log.sign(release))
    }

    /// Reads the statements that deposits came in. A damaged one costs the keys in it, and no others.
    fn readable_entries(
        &self,
        store: &Snapshot<'_>,
        rows: &[DepositRow],
    ) -> Result<BTreeMap<u64, Entry>, StoreError> {
        let indexes = rows.iter().map(|row| row.entry).collect();
        self.log.readable(store, &indexes)
    }

    fn read_page(&self, request: u64, page: u64, index: u64) -> Result<ReleasePage, StoreError> {
        self.store.read(|store| {
            let missing =
                || Damage::of_entry(request, "its index does not say that it is a request");
            let row = store.request(request)?.ok_or_else(missing)?;
            self.stored_page(store, &row, page, index)
        })
    }

    /// Reads a page that was released: it left once, for this request, on this decision, and may again.
    fn stored_page(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        page: u64,
        index: u64,
    ) -> Result<ReleasePage, StoreError> {
        let wrong = || Damage::of_entry(index, "it is not the release that its index says");
        let asked = self.log.entry(store, row.entry)?;
        let decided = self.log.entry(store, row.decision.ok_or_else(wrong)?)?;
        let released = self.log.entry(store, index)?;
        let rests = match (
            asked.statement().statement(),
            decided.statement().statement(),
            released.statement().statement(),
        ) {
            (
                Statement::Request(request),
                Statement::Decision(decision),
                Statement::Release(release),
            ) => {
                is_row_of(row, request)
                    && *released.statement().author() == self.log.verifying_key()
                    && release.request() == request.digest()
                    && release.page() == page
                    && release.decision() == decision.digest()
                    && decision.verdict == Verdict::Approved
                    && decision.request == release.request()
            }
            _ => false,
        };
        if !rests {
            return Err(wrong().into());
        }
        let receipts = self.log.receipts(store)?;
        Ok(ReleasePage {
            decision: receipts.recorded(&decided)?,
            release: receipts.recorded(&released)?,
        })
    }
}

/// Tells whether a page is the first, or the one before it was released: pages are released one after another, so that how
/// many there are says which.
fn is_next(store: &Snapshot<'_>, request: u64, page: u64) -> Result<bool, StoreError> {
    match page.checked_sub(1) {
        None => Ok(true),
        Some(before) => Ok(store.release_page(request, before)?.is_some()),
    }
}

/// Finds the key that a row speaks of in its entry, if it is kept there.
fn key_at<'e>(entry: &'e Entry, row: &DepositRow) -> Option<(&'e Deposit, &'e SealedKey)> {
    let found = entry.key(row.place)?;
    (found.1.label.serial == row.serial).then_some(found)
}

#[cfg(test)]
mod tests {
    use strongroom_protocol::Authority;
    use strongroom_protocol::id::Clock;
    use strongroom_protocol::policy::{Policy, Rule};
    use strongroom_testkit::{Owner, TestClock, TestRng, submit};

    use super::*;
    use crate::custody::KeyPlace;
    use crate::service::NewAuthority;
    use crate::store::Memory;
    use crate::store::watched::Watched;

    /// An act between drawing a page and logging it: what it changes is seen under the lock.
    #[test]
    fn a_page_drawn_before_a_veto_is_not_logged_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let policy = Policy {
            rules: vec![Rule {
                veto: true,
                ..Rule::code_alone("code")
            }],
            ..Policy::code_alone()
        };
        let rng = TestRng::new(1);
        let service = Service::found(folder.path(), policy, clock.clone(), rng).unwrap();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        submit(&session, &owner.deposit(1));
        let asked = owner.ask(owner.everything(&session), clock.now());
        let id = asked.statement.id();
        submit(&session, &asked.statement);
        submit(&session, &owner.evidence(&asked));
        let draw = || {
            let now = clock.now();
            let page = service
                .store
                .read(|store| service.find_or_draw(store, Caller::Operator, id, 0, now));
            match page.unwrap() {
                Page::Drawn(drawn) => drawn,
                Page::Decidable | Page::Stored(_) => panic!("it is decided, and not released"),
            }
        };
        let (drawn, late) = (draw(), draw());
        submit(&session, &owner.veto_by(&asked, &owner.device));
        let answer = service.commit(Act::Release(drawn)).unwrap();
        assert!(matches!(answer, Answer::NotNow));
        clock.advance_millis(40 * TestClock::DAY_MILLIS);
        let answer = service.commit(Act::Release(late)).unwrap();
        assert!(matches!(answer, Answer::NotNow));
        assert!(matches!(
            session.release(id, 0),
            Err(ReleaseError::NotApproved { .. })
        ));
    }

    /// The plan of a request is made once, and a page costs what is on it.
    #[test]
    fn every_page_behind_the_first_costs_the_same() {
        let (clock, mut rng) = (TestClock::new(), TestRng::new(1));
        let founding = NewAuthority::new(Policy::code_alone(), clock.now(), &mut rng);
        let keys = KeyPlace::in_memory(founding.keys());
        let store = Memory::default();
        founding.record(&store).unwrap();
        let (watched, calls) = Watched::over(Box::new(store));
        let service = Service::over(Box::new(watched), keys, clock.clone(), rng).unwrap();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        for _ in 0..4 {
            submit(&session, &owner.deposit(256));
        }
        let asked = owner.ask(owner.everything(&session), clock.now());
        submit(&session, &asked.statement);
        submit(&session, &owner.evidence(&asked));
        let cost = |page| {
            calls.lock().unwrap().clear();
            session.release(asked.statement.id(), page).unwrap();
            let calls = calls.lock().unwrap();
            let asked = ["entries", "entries_of", "get_many", "range"];
            asked.iter().filter_map(|name| calls.get(name)).sum()
        };
        let costs: Vec<usize> = (0..4).map(cost).collect();
        assert!(service.plans.get(&asked.request().digest()).is_some());
        assert!(costs[1..].iter().all(|cost| *cost == costs[1]), "{costs:?}");
    }
}

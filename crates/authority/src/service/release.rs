//! Releases (spec/recovery.md#release). In this order: the request is in the log, the decision is in the log, the keys
//! are re-wrapped, the release is in the log, and then it is handed out.
//!
//! A crash before the release is logged leaves nothing that anybody saw, and the page is made anew, with other wraps;
//! one after it leaves the page that every repetition is answered with.

use std::collections::BTreeMap;

use strongroom_protocol::id::{Digest, Serial, StatementId, Time};
use strongroom_protocol::policy::Approved;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{
    Deposit, Release, ReleaseOrigin, SealedKey, SignedStatement, Statement, Verdict,
};
use strongroom_protocol::{QueryError, ReleaseError, ReleasePage, Unavailable};

use super::Service;
use super::commit::{Act, Answer, Checked};
use super::custody;
use super::decide::{Case, page_count};
use super::scene::Labels;
use crate::Caller;
use crate::custody::Kept;
use crate::log::{Entry, Growth, Logged};
use crate::store::{Damage, DepositRow, Snapshot, StoreError};

/// A page of keys, re-wrapped and signed, and not yet in the log: nobody may see it.
pub(super) struct Drawn {
    statement: SignedStatement,
    /// The entry of the request.
    request: u64,
    page: u64,
    /// The decision it rests on.
    decision: Digest,
    labels: Labels,
}

enum Page {
    Drawn(Box<Drawn>),
    Stored(Box<ReleasePage>),
}

impl Service {
    /// Returns a page of a request's keys: the one that was released, or one that is released now.
    pub(super) fn release(
        &self,
        caller: Caller,
        request: StatementId,
        page: u64,
    ) -> Result<ReleasePage, ReleaseError> {
        // Now and then somebody's veto or evidence comes between drawing a page and logging it.
        const ATTEMPTS: usize = 4;
        for _ in 0..ATTEMPTS {
            self.decide(caller, request).map_err(not_released)?;
            let now = self.clock.now();
            let found = self
                .store
                .read(|store| self.find_or_draw(store, caller, request, page, now))?;
            match found {
                Page::Stored(page) => return Ok(*page),
                Page::Drawn(drawn) => {
                    let (index, page) = (drawn.request, drawn.page);
                    if let Answer::Recorded(_) = self.commit(Act::Release(drawn))? {
                        return self.read_page(index, page);
                    }
                }
            }
        }
        Err(Unavailable {
            message: "the request keeps changing".to_owned(),
            hint: None,
            retry: true,
            source: None,
        }
        .into())
    }

    /// Under the lock: one release of a page, and only if nothing it rests on has changed.
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
        let case = self.case_again(store, &row, &drawn.labels, now)?;
        let approval = self.standing(store, case, now)?.approval;
        let still = approval.is_some_and(|approval| approval.decision() == drawn.decision);
        Ok(if still {
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
        let case = self
            .case_to_release(store, caller, request, now)
            .map_err(not_released)?;
        if page >= page_count(case.request()) {
            return Err(ReleaseError::NotFound);
        }
        if let Some(index) = store.release_page(case.index(), page)? {
            let stored = self.stored_page(store, &case, page, index)?;
            return Ok(Page::Stored(Box::new(stored)));
        }
        let standing = self.standing(store, case, now)?;
        match &standing.approval {
            Some(approval) => {
                let drawn = self.draw(store, &standing.case, approval, page)?;
                Ok(Page::Drawn(Box::new(drawn)))
            }
            None => Err(ReleaseError::Not {
                state: standing.state,
                reasons: standing.reasons,
            }),
        }
    }

    /// Has custody re-wrap the keys of a page, and signs what came of it.
    fn draw(
        &self,
        store: &Snapshot<'_>,
        case: &Case,
        approval: &Logged<Approved>,
        page: u64,
    ) -> Result<Drawn, ReleaseError> {
        let serials = self.scope_serials(store, case.request())?;
        let number = usize::try_from(page).unwrap_or(usize::MAX);
        let serials = serials.chunks(Release::KEYS_MAX).nth(number);
        let fewer = || Damage::of("a request has fewer deposits than it had");
        let serials = serials.ok_or_else(|| StoreError::from(fewer()))?;
        let (rows, mut withheld) = self.rows(store, case, serials)?;
        let entries = self.readable_entries(store, &rows)?;
        let mut kept = Vec::new();
        for row in &rows {
            match entries.get(&row.entry).and_then(|entry| key_at(entry, row)) {
                Some(found) => kept.push(found),
                None => withheld.push(row.serial),
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
        let rewrapped = opener.rewrap(approval, &kept, &mut self.slow_rng());
        withheld.extend(rewrapped.withheld);
        withheld.sort_unstable();
        let origin = ReleaseOrigin {
            authority: self.authority(),
            owner: approval.approved().owner(),
            request: approval.request(),
            decision: approval.decision(),
        };
        let release = Release::new(origin, page, rewrapped.sealed, withheld)
            .map_err(|error| StoreError::Failed(error.into()))?;
        Ok(Drawn {
            statement: self.log.sign(release),
            request: case.index(),
            page,
            decision: approval.decision(),
            labels: case.labels().clone(),
        })
    }

    /// Finds where deposits lie, and which are not there any more.
    fn rows(
        &self,
        store: &Snapshot<'_>,
        case: &Case,
        serials: &[Serial],
    ) -> Result<(Vec<DepositRow>, Vec<Serial>), StoreError> {
        let mut rows = Vec::new();
        let mut missing = Vec::new();
        let found = store.deposits_of(case.request().owner, serials)?;
        for (serial, row) in serials.iter().zip(found) {
            match row {
                Some(row) => rows.push(row),
                None => missing.push(*serial),
            }
        }
        Ok((rows, missing))
    }

    /// Reads the statements that deposits came in. A damaged one costs the keys in it, and no others.
    pub(super) fn readable_entries(
        &self,
        store: &Snapshot<'_>,
        rows: &[DepositRow],
    ) -> Result<BTreeMap<u64, Entry>, StoreError> {
        let indexes = rows.iter().map(|row| row.entry).collect();
        self.log.readable(store, &indexes)
    }

    fn read_page(&self, request: u64, page: u64) -> Result<ReleasePage, ReleaseError> {
        self.store.read(|store| {
            let missing = || StoreError::from(Damage::of_entry(request, "its release is missing"));
            let row = store.request(request)?.ok_or_else(missing)?;
            let case = self.case(store, &row, self.clock.now())?;
            let index = store.release_page(request, page)?.ok_or_else(missing)?;
            Ok(self.stored_page(store, &case, page, index)?)
        })
    }

    /// Reads a page that was released: it left once, for this request, on this decision, and may again.
    fn stored_page(
        &self,
        store: &Snapshot<'_>,
        case: &Case,
        page: u64,
        index: u64,
    ) -> Result<ReleasePage, StoreError> {
        let entry = self.log.entry(store, index)?;
        let wrong = || Damage::of_entry(index, "it is not the release that its index says");
        let decision = case.decision().ok_or_else(wrong)?;
        let rests = match (
            entry.statement().statement(),
            decision.statement().statement(),
        ) {
            (Statement::Release(release), Statement::Decision(decision)) => {
                release.request() == case.request().digest()
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
        Ok(ReleasePage {
            decision: decision.statement().clone(),
            receipt: self.log.receipt(store, index)?,
            release: entry.into_statement(),
            more: page + 1 < page_count(case.request()),
        })
    }
}

/// Finds the key that a row speaks of in its entry, if it is kept there.
fn key_at<'e>(entry: &'e Entry, row: &DepositRow) -> Option<(&'e Deposit, &'e SealedKey)> {
    let found = entry.key(row.place)?;
    (found.1.label.serial == row.serial).then_some(found)
}

fn not_released(error: QueryError) -> ReleaseError {
    match error {
        QueryError::Unavailable(error) => ReleaseError::Unavailable(error),
        QueryError::NotFound | _ => ReleaseError::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_protocol::Authority;
    use strongroom_protocol::id::Clock;
    use strongroom_protocol::policy::{Policy, Rule};
    use strongroom_testkit::{Owner, TestClock, TestRng, submit};

    use super::*;

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
        session.request(id).unwrap();
        let draw = || {
            let now = clock.now();
            let page = service
                .store
                .read(|store| service.find_or_draw(store, Caller::Operator, id, 0, now));
            match page.unwrap() {
                Page::Drawn(drawn) => drawn,
                Page::Stored(_) => panic!("nothing was released yet"),
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
            Err(ReleaseError::Not { .. })
        ));
    }
}

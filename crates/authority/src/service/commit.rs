//! The commit: acts are checked under the store's lock, and those that stand are logged and indexed, as one group.
//!
//! In this order, within one transaction: the head's lock; for each act its checks, its entry and its index rows; the
//! tiles that became full; one checkpoint. A crash before the commit leaves none of it, and one after it leaves all:
//! a client that got no receipt sends the same bytes again, and gets the receipt of what is there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use strongroom_protocol::id::{Digest, StatementId, Time};
use strongroom_protocol::log::LeafSalt;
use strongroom_protocol::receipt::{DepositState, Outcome};
use strongroom_protocol::statement::{Kind, SignedStatement, Statement};
use strongroom_protocol::{Refusal, Unavailable, UnavailableKind};

use super::Service;
use super::release::Drawn;
use crate::index;
use crate::log::{self, Growth};
use crate::store::StoreError;

/// What is to be committed.
pub(super) enum Act {
    /// Decide a request, if it can be decided now.
    Decide(StatementId),
    /// Record what the authority did to itself.
    Own(Box<SignedStatement>),
    /// Log a release, before it is handed out.
    Release(Box<Drawn>),
    /// Record somebody's statement. A deposit was opened before the lock was taken.
    Submit {
        statement: Box<SignedStatement>,
        opened: Option<Vec<DepositState>>,
    },
}

/// What came of it.
pub(super) enum Answer {
    /// It went wrong.
    Failed(Arc<StoreError>),
    /// What it was checked against has changed since, or does not let it be done yet. Nothing was recorded.
    NotNow,
    /// It is in the log, at this index: since now, or since before.
    Recorded(u64),
    /// It is not to be recorded.
    Refused(Refusal),
}

/// What the checks of an act come to.
pub(super) enum Checked {
    Known(u64),
    New(Box<SignedStatement>, Outcome),
    NotNow,
    Refused(Refusal),
}

impl Service {
    /// Commits an act, with whatever else is waiting.
    pub(super) fn commit(&self, act: Act) -> Result<Answer, Unavailable> {
        let answer = self.queue.run(act, |acts| self.commit_group(acts));
        match answer {
            Some(Answer::Failed(error)) => Err(error.unavailable()),
            Some(answer) => Ok(answer),
            None => Err(Unavailable::new(
                UnavailableKind::Failed,
                "another thread failed while it was committing this",
            )),
        }
    }

    fn commit_group(&self, acts: Vec<Act>) -> Vec<Answer> {
        let count = acts.len();
        let committed = self.store.write(|store| {
            let mut growth = self.log.grow(store)?;
            self.committed.fetch_max(growth.size(), Ordering::SeqCst);
            // The clock is asked under the lock, so that times grow with indexes.
            let now = self.clock.now();
            let answers = acts
                .into_iter()
                .map(|act| self.perform(&mut growth, act, now))
                .collect::<Result<_, _>>()?;
            growth.seal()?;
            Ok(answers)
        });
        committed.unwrap_or_else(|error| {
            let error = Arc::new(error);
            (0..count).map(|_| Answer::Failed(error.clone())).collect()
        })
    }

    /// Checks an act and appends it. An error of the checks is the act's own; one of writing is the whole group's.
    fn perform(&self, growth: &mut Growth<'_>, act: Act, now: Time) -> Result<Answer, StoreError> {
        if act.rests_on_policy()
            && let Err(error) = self.settle(growth, now)?
        {
            return Ok(Answer::Failed(Arc::new(error)));
        }
        let (subject, asked) = act.subject();
        let checked = match act {
            Act::Decide(request) => self.check_decide(growth, request, now),
            Act::Own(statement) => Self::check_own(growth, statement),
            Act::Release(drawn) => self.check_release(growth, *drawn, now),
            Act::Submit { statement, opened } => {
                self.check_submit(growth, statement, opened.as_deref(), now)
            }
        };
        Ok(match checked {
            Ok(Checked::Known(index)) => {
                // To ask again is an act, too: what is due by now is decided.
                let due = subject.filter(|_| asked);
                match self.decide_spoken(growth, due, now)? {
                    Ok(()) => Answer::Recorded(index),
                    Err(error) => Answer::Failed(Arc::new(error)),
                }
            }
            Ok(Checked::New(statement, outcome)) => {
                let index = self.append(growth, *statement, outcome, now)?;
                match self.decide_spoken(growth, subject, now)? {
                    Ok(()) => Answer::Recorded(index),
                    Err(error) => Answer::Failed(Arc::new(error)),
                }
            }
            Ok(Checked::NotNow) => Answer::NotNow,
            Ok(Checked::Refused(refusal)) => {
                growth.store().count(counter(refusal))?;
                Answer::Refused(refusal)
            }
            Err(error) => Answer::Failed(Arc::new(error)),
        })
    }

    fn check_own(
        growth: &Growth<'_>,
        statement: Box<SignedStatement>,
    ) -> Result<Checked, StoreError> {
        // There is one RSA key: whoever comes second gets the first's.
        if statement.kind() == Kind::RsaKey
            && let Some(index) = growth.store().rsa_key()?
        {
            return Ok(Checked::Known(index));
        }
        Ok(match log::find(growth.store(), statement.id())? {
            Some(index) => Checked::Known(index),
            None => Checked::New(statement, Outcome::Recorded),
        })
    }

    /// Appends a statement to the log, and what follows from it to the indexes.
    pub(super) fn append(
        &self,
        growth: &mut Growth<'_>,
        statement: SignedStatement,
        outcome: Outcome,
        now: Time,
    ) -> Result<u64, StoreError> {
        let salt = LeafSalt::generate(&mut *self.rng());
        let entry = growth.append(statement, outcome, now, salt)?;
        index::add(growth.store(), &entry)?;
        Ok(entry.index())
    }

    fn check_submit(
        &self,
        growth: &Growth<'_>,
        statement: Box<SignedStatement>,
        opened: Option<&[DepositState]>,
        now: Time,
    ) -> Result<Checked, StoreError> {
        let store = growth.store();
        let refused = |refusal| Ok(Checked::Refused(refusal));
        let own = matches!(
            statement.kind(),
            Kind::Found
                | Kind::Decision
                | Kind::Release
                | Kind::Restored
                | Kind::Checked
                | Kind::RsaKey
        );
        if own {
            return refused(Refusal::AuthoritysOwn);
        }
        if statement.authority() != self.authority() {
            return refused(Refusal::OtherAuthority);
        }
        // The same bytes again: nothing is checked twice, and what has ended since has not ended for them.
        if let Some(index) = log::find(store, statement.id())? {
            return Ok(Checked::Known(index));
        }
        let outcome = match statement.statement() {
            Statement::Deposit(deposit) => {
                self.check_deposit(store, &statement, deposit, opened)?
            }
            Statement::Enroll(enroll) => Self::check_enroll(store, enroll)?,
            Statement::Approval(approval) => {
                self.check_approval(store, &statement, approval, now)?
            }
            Statement::Departed(departed) => self.check_departed(store, &statement, departed)?,
            Statement::Evidence(evidence) => {
                self.check_evidence(store, &statement, evidence, now)?
            }
            Statement::OwnBlob(own) => Self::check_own_blob(store, &statement, own)?,
            Statement::PolicyChange(change) => self.check_change(store, &statement, change, now)?,
            Statement::Request(request) => self.check_request(growth, request, now)?,
            Statement::Veto(veto) => self.check_veto(store, &statement, veto, now)?,
            Statement::Checked(_)
            | Statement::Decision(_)
            | Statement::Found(_)
            | Statement::Release(_)
            | Statement::Restored(_)
            | Statement::RsaKey(_)
            | _ => Err(Refusal::AuthoritysOwn),
        };
        match outcome {
            Ok(outcome) => Ok(Checked::New(statement, outcome)),
            Err(refusal) => refused(refusal),
        }
    }
}

impl Act {
    /// Returns what it asks for, or is said to, and whether it asks for it itself.
    fn subject(&self) -> (Option<Digest>, bool) {
        let Self::Submit { statement, .. } = self else {
            return (None, false);
        };
        if let Some((asked, _)) = statement.statement().asks() {
            return (Some(asked), true);
        }
        let said = match statement.statement() {
            Statement::Approval(approval) => Some(approval.subject),
            Statement::Evidence(evidence) => Some(evidence.request),
            Statement::Veto(veto) => Some(veto.request),
            Statement::Checked(_)
            | Statement::Decision(_)
            | Statement::Departed(_)
            | Statement::Deposit(_)
            | Statement::Enroll(_)
            | Statement::Found(_)
            | Statement::OwnBlob(_)
            | Statement::PolicyChange(_)
            | Statement::Release(_)
            | Statement::Request(_)
            | Statement::Restored(_)
            | Statement::RsaKey(_)
            | _ => None,
        };
        (said, false)
    }

    /// Tells whether the policy in force has a say in it.
    fn rests_on_policy(&self) -> bool {
        match self {
            Self::Decide(_) => true,
            Self::Own(_) | Self::Release(_) => false,
            Self::Submit { statement, .. } => !matches!(
                statement.kind(),
                Kind::Deposit | Kind::Enroll | Kind::OwnBlob
            ),
        }
    }
}

/// The counter of a refusal: what anybody can cause without end is counted, not logged.
fn counter(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::AuthoritysOwn => "refused: authority's own",
        Refusal::Author => "refused: author",
        Refusal::Ended => "refused: ended",
        Refusal::Expiry => "refused: expiry",
        Refusal::Holdings => "refused: holdings",
        Refusal::OtherAuthority => "refused: other authority",
        Refusal::OwnerExists => "refused: owner exists",
        Refusal::Policy => "refused: policy",
        Refusal::WrapKey => "refused: wrap key",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicBool, Ordering};

    use strongroom_protocol::id::Clock;
    use strongroom_protocol::policy::Policy;
    use strongroom_protocol::{Authority, SubmitError};
    use strongroom_testkit::{Owner, TestClock, TestRng, submit};

    use super::*;
    use crate::Caller;

    /// A clock that panics when told to: it is asked in the midst of a commit.
    struct Trap {
        clock: Arc<TestClock>,
        set: AtomicBool,
    }

    impl Clock for Trap {
        fn now(&self) -> Time {
            assert!(!self.set.load(Ordering::SeqCst), "the trap was set");
            self.clock.now()
        }
    }

    fn found() -> (tempfile::TempDir, Arc<Trap>, Service) {
        let folder = tempfile::tempdir().unwrap();
        let trap = Arc::new(Trap {
            clock: TestClock::new(),
            set: AtomicBool::new(false),
        });
        let rng = TestRng::new(1);
        let service =
            Service::found(folder.path(), Policy::code_alone(), trap.clone(), rng).unwrap();
        (folder, trap, service)
    }

    #[test]
    fn a_commit_that_dies_half_way_leaves_nothing_and_the_next_goes_on() {
        let (_folder, trap, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let statement = owner.deposit(2);
        trap.set.store(true, Ordering::SeqCst);
        let died = catch_unwind(AssertUnwindSafe(|| session.submit(&statement)));
        assert!(died.is_err());
        trap.set.store(false, Ordering::SeqCst);
        assert_eq!(service.verify_log().unwrap().size, 2);
        assert_eq!(service.store.number("SELECT count(*) FROM deposit"), 0);
        assert_eq!(submit(&session, &statement).index(), 2);
    }

    #[test]
    fn a_full_disk_records_nothing_and_says_so() {
        let (_folder, _, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let statement = owner.deposit(256);
        let pages = service.store.number("PRAGMA page_count");
        service.store.set("max_page_count", pages);
        let error = unavailable(session.submit(&statement));
        assert!(error.message.contains("full"), "{error}");
        assert_eq!(error.kind, UnavailableKind::Full);
        assert_eq!(service.verify_log().unwrap().size, 2);
        service.store.set("max_page_count", 1 << 20);
        assert_eq!(submit(&session, &statement).index(), 2);
    }

    #[test]
    fn a_store_that_may_only_be_read_is_read_and_takes_nothing() {
        let (_folder, _, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        submit(&session, &owner.deposit(1));
        service.store.set("query_only", 1);
        let error = unavailable(session.submit(&owner.deposit(1)));
        assert!(error.message.contains("written"), "{error}");
        assert_eq!(error.kind, UnavailableKind::ReadOnly);
        assert_eq!(session.holdings(owner.id).unwrap().count, 1);
    }

    #[test]
    fn refusals_are_counted_and_not_logged() {
        let (_folder, _, service) = found();
        let session = service.session(Caller::Operator);
        let mut stranger = Owner::new(service.about(), 1);
        for _ in 0..3 {
            let refused = session.submit(&stranger.deposit(1));
            assert!(matches!(
                refused,
                Err(SubmitError::Refused(Refusal::Author))
            ));
        }
        let counted = "SELECT count FROM counter WHERE name = 'refused: author'";
        assert_eq!(service.store.number(counted), 3);
        assert_eq!(service.verify_log().unwrap().size, 1);
    }

    #[test]
    fn one_act_of_a_group_that_fails_fails_alone() {
        let (_folder, _, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        submit(&session, &owner.deposit(1));
        let asked = owner.ask(owner.everything(&session), service.clock.now());
        submit(&session, &asked.statement);
        service
            .store
            .number("UPDATE entry SET attestation = x'00' WHERE kind = 4 RETURNING idx");
        let act = |statement: SignedStatement| Act::Submit {
            statement: Box::new(statement),
            opened: None,
        };
        let answers = service.commit_group(vec![
            act(owner.deposit(1)),
            act(owner.evidence(&asked)),
            act(owner.enrolment()),
            act(Owner::new(service.about(), 2).deposit(1)),
        ]);
        assert!(matches!(
            answers[..],
            [
                Answer::Recorded(4),
                Answer::Failed(_),
                Answer::Recorded(1),
                Answer::Refused(Refusal::Author)
            ]
        ));
    }

    fn unavailable(
        result: Result<strongroom_protocol::receipt::Receipt, SubmitError>,
    ) -> Unavailable {
        match result {
            Err(SubmitError::Unavailable(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

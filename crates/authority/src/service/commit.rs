//! The commit: acts are checked under the store's lock, and those that stand are logged and indexed, as one group.
//!
//! In this order, within one transaction: the head's lock; the clock; for each act its checks, its entry and what the map
//! has of it, all beside the store; the tiles that became full; one checkpoint; and then all of it is handed to the store
//! at once. A crash before the commit leaves none of it, and one after it leaves all: a client that got no receipt sends
//! the same bytes again, and gets the receipt of what is there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use strongroom_protocol::id::{Digest, StatementId, Time};
use strongroom_protocol::log::LeafSalt;
use strongroom_protocol::receipt::{DepositState, Outcome, Receipt};
use strongroom_protocol::statement::{Kind, SignedStatement, Statement};
use strongroom_protocol::{Refusal, Unavailable, UnavailableKind};

use super::Service;
use super::release::Drawn;
use crate::index;
use crate::log::{self, Growth};
use crate::store::{StoreError, Writing};

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
    /// It is in the log, since now or since before, and this is its receipt.
    Given(Box<Receipt>),
    /// What it was checked against has changed since, or does not let it be done yet. Nothing was recorded.
    NotNow,
    /// It is in the log, at this index: since now, or since before. What has a receipt is answered with that.
    Recorded(u64),
    /// It is not to be recorded.
    Refused(Refusal),
}

/// What the checks of an act come to.
pub(super) enum Checked {
    /// The same statement as there is.
    Again(Box<SignedStatement>, u64),
    Known(u64),
    New(Box<SignedStatement>, Outcome),
    NotNow,
    Refused(Refusal),
}

impl Service {
    /// Commits an act, with whatever else is waiting.
    pub(super) fn commit(&self, act: Act) -> Result<Answer, Unavailable> {
        let commit = |acts: Vec<Act>| {
            let have_receipts = acts.iter().map(Act::has_receipt).collect();
            (self.commit_group(acts), have_receipts)
        };
        let answer =
            |(answers, have_receipts): (_, Vec<bool>)| self.give_receipts(answers, &have_receipts);
        match self.queue.run(act, commit, answer) {
            Some(Answer::Failed(error)) => Err(error.unavailable()),
            Some(answer) => Ok(answer),
            None => Err(Unavailable::new(
                UnavailableKind::Failed,
                "another thread failed while it was committing this",
            )),
        }
    }

    /// Gives receipts of what was recorded, after the commit, from one look at the store.
    fn give_receipts(&self, answers: Vec<Answer>, have_receipts: &[bool]) -> Vec<Answer> {
        let index_of = |(answer, has_receipt): (&Answer, &bool)| {
            if let (Answer::Recorded(index), true) = (answer, *has_receipt) {
                Some(*index)
            } else {
                None
            }
        };
        let indexes: Vec<Option<u64>> = answers.iter().zip(have_receipts).map(index_of).collect();
        let receipts = self.receipts(indexes.iter().flatten().copied().collect());
        let give = |(answer, index): (Answer, Option<u64>)| match index
            .and_then(|index| receipts.get(&index))
        {
            Some(Ok(receipt)) => Answer::Given(Box::new(receipt.clone())),
            Some(Err(error)) => Answer::Failed(error.clone()),
            None => answer,
        };
        answers.into_iter().zip(indexes).map(give).collect()
    }

    fn commit_group(&self, acts: Vec<Act>) -> Vec<Answer> {
        let count = acts.len();
        let committed = self.store.write(|store| {
            let mut growth = self.log.grow(store)?;
            self.committed.fetch_max(growth.size(), Ordering::SeqCst);
            let now = growth.time(self.clock.now())?;
            let statements = acts.iter().filter_map(Act::statement);
            let (ids, keys): (Vec<_>, Vec<_>) = statements
                .map(|statement| (statement.id(), index::asked_for(statement)))
                .unzip();
            let mut keys = keys.concat();
            keys.push(index::kept_replay());
            store.foresee(&ids, keys)?;
            self.keep_replay(store, growth.size())?;
            let mut perform = |act| self.perform(&mut growth, act, now);
            let perform = |act| perform(act).unwrap_or_else(|error| Answer::Failed(error.into()));
            let answers = acts.into_iter().map(perform).collect();
            growth.seal()?;
            Ok(answers)
        });
        committed.unwrap_or_else(|error| {
            let error = Arc::new(error);
            (0..count).map(|_| Answer::Failed(error.clone())).collect()
        })
    }

    /// Checks an act and appends it. An error is the act's own, and of an act that fails there is nothing; what it was
    /// checked after stands, and so does a statement on which nothing can be decided.
    fn perform(&self, growth: &mut Growth<'_>, act: Act, now: Time) -> Result<Answer, StoreError> {
        if act.rests_on_policy() {
            self.settle(growth, now)?;
        }
        let (subject, asked) = act.subject();
        let checked = match act {
            Act::Decide(request) => self.check_decide(growth, request, now)?,
            Act::Own(statement) => Self::check_own(growth, statement)?,
            Act::Release(drawn) => self.check_release(growth, *drawn, now)?,
            Act::Submit { statement, opened } => {
                self.check_submit(growth, statement, opened.as_deref(), now)?
            }
        };
        Ok(match checked {
            Checked::Again(statement, index) => {
                growth.apart(|growth| self.mend(growth, &statement, index))?;
                // To ask again is an act, too: what is due by now is decided.
                if let Some(subject) = subject.filter(|_| asked) {
                    growth.apart(|growth| self.decide_spoken(growth, subject, now))?;
                }
                Answer::Recorded(index)
            }
            Checked::Known(index) => Answer::Recorded(index),
            Checked::New(statement, outcome) => {
                let append =
                    |growth: &mut Growth<'_>| self.append(growth, *statement, outcome, now);
                let index = growth.apart(append)?;
                if let Some(subject) = subject {
                    growth.apart(|growth| self.decide_spoken(growth, subject, now))?;
                }
                Answer::Recorded(index)
            }
            Checked::NotNow => Answer::NotNow,
            Checked::Refused(refusal) => {
                growth.store().count(counter(refusal));
                Answer::Refused(refusal)
            }
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

    /// Puts back what is damaged of a statement that comes again, and the rows by which its owner's entry is found. All of it
    /// follows from the entry: nothing in the log changes.
    fn mend(
        &self,
        growth: &Growth<'_>,
        statement: &SignedStatement,
        index: u64,
    ) -> Result<(), StoreError> {
        let store = growth.store();
        let was_readable = self.log.entry(store, index).is_ok();
        self.log.mend(store, statement, index)?;
        self.mend_rows(store, index)?;
        if !was_readable {
            self.forget();
        }
        Ok(())
    }

    /// Puts back the rows by which an owner's entry is found.
    pub(super) fn mend_rows(&self, store: &Writing<'_>, index: u64) -> Result<(), StoreError> {
        let entry = match self.log.entry(store, index) {
            Ok(entry) => entry,
            // Its receipt is refused.
            Err(StoreError::Damaged(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        for (key, value) in index::lacking(&self.log, store, &entry)? {
            match value {
                Some(value) => store.put(key, value),
                None => store.remove(key),
            }
        }
        Ok(())
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
            return Ok(Checked::Again(statement, index));
        }
        let outcome = match statement.statement() {
            Statement::Deposit(deposit) => {
                self.check_deposit(store, &statement, deposit, opened)?
            }
            Statement::Device(device) => self.check_device(growth, &statement, device, now)?,
            Statement::Enroll(enroll) => self.check_enroll(growth, enroll)?,
            Statement::Approval(approval) => {
                self.check_approval(store, &statement, approval, now)?
            }
            Statement::Departed(departed) => self.check_departed(store, &statement, departed)?,
            Statement::Evidence(evidence) => {
                self.check_evidence(store, &statement, evidence, now)?
            }
            Statement::OwnBlob(own) => self.check_own_blob(store, &statement, own)?,
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
    /// Returns the statement that it is about, if it brings one.
    fn statement(&self) -> Option<&SignedStatement> {
        match self {
            Self::Own(statement) | Self::Submit { statement, .. } => Some(statement),
            Self::Decide(_) | Self::Release(_) => None,
        }
    }

    /// Tells whether it is answered with a receipt.
    fn has_receipt(&self) -> bool {
        match self {
            Self::Own(_) | Self::Submit { .. } => true,
            Self::Decide(_) | Self::Release(_) => false,
        }
    }

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
            | Statement::Device(_)
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
            // Words count by it, also for what was approved.
            Self::Decide(_) | Self::Release(_) => true,
            Self::Own(_) => false,
            Self::Submit { statement, .. } => !matches!(
                statement.kind(),
                Kind::Deposit | Kind::Device | Kind::Enroll | Kind::OwnBlob
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
        Refusal::Holdings { .. } => "refused: holdings",
        Refusal::LastDevice => "refused: last device",
        Refusal::NothingToOverrule => "refused: nothing to overrule",
        Refusal::OtherAuthority => "refused: other authority",
        Refusal::OwnerExists => "refused: owner exists",
        Refusal::Policy => "refused: policy",
        Refusal::Used => "refused: used",
        Refusal::TooMany => "refused: too many",
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
    use strongroom_protocol::statement::Scope;
    use strongroom_protocol::{Authority, Select, SubmitError};
    use strongroom_testkit::{Owner, TestClock, TestRng, submit};

    use super::*;
    use crate::Caller;
    use crate::custody::KeyPlace;
    use crate::store::watched::Watched;
    use crate::store::{Sqlite, Store};

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

    fn found() -> (tempfile::TempDir, Arc<Trap>, Arc<Sqlite>, Service) {
        let folder = tempfile::tempdir().unwrap();
        let trap = Arc::new(Trap {
            clock: TestClock::new(),
            set: AtomicBool::new(false),
        });
        let rng = TestRng::new(1);
        drop(Service::found(folder.path(), Policy::code_alone(), trap.clone(), rng).unwrap());
        let store = Arc::new(Sqlite::open(&folder.path().join("store.db")).unwrap());
        let service = over(&folder, Box::new(store.clone()), trap.clone());
        (folder, trap, store, service)
    }

    fn over(folder: &tempfile::TempDir, store: Box<dyn Store>, clock: Arc<dyn Clock>) -> Service {
        let keys = KeyPlace::File(folder.path().join("keys.txt"));
        Service::over(store, keys, clock, TestRng::new(2)).unwrap()
    }

    #[test]
    fn a_commit_that_dies_half_way_leaves_nothing_and_the_next_goes_on() {
        let (_folder, trap, store, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let statement = owner.deposit(2);
        trap.set.store(true, Ordering::SeqCst);
        let died = catch_unwind(AssertUnwindSafe(|| session.submit(&statement)));
        assert!(died.is_err());
        trap.set.store(false, Ordering::SeqCst);
        assert_eq!(service.verify_log().unwrap().size, 2);
        assert_eq!(
            store.number("SELECT count(*) FROM map WHERE key < x'30' AND key > x'20'"),
            0
        );
        assert_eq!(submit(&session, &statement).index(), 2);
    }

    #[test]
    fn a_full_disk_records_nothing_and_says_so() {
        let (_folder, _, store, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let statement = owner.deposit(256);
        let pages = store.number("PRAGMA page_count");
        store.set("max_page_count", pages);
        let error = unavailable(session.submit(&statement));
        assert!(error.message.contains("full"), "{error}");
        assert_eq!(error.kind, UnavailableKind::Full);
        assert_eq!(service.verify_log().unwrap().size, 2);
        store.set("max_page_count", 1 << 20);
        assert_eq!(submit(&session, &statement).index(), 2);
    }

    #[test]
    fn a_store_that_may_only_be_read_is_read_and_takes_nothing() {
        let (_folder, _, store, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        submit(&session, &owner.deposit(1));
        store.set("query_only", 1);
        let error = unavailable(session.submit(&owner.deposit(1)));
        assert!(error.message.contains("written"), "{error}");
        assert_eq!(error.kind, UnavailableKind::ReadOnly);
        assert_eq!(session.holdings(owner.id).unwrap().count, 1);
    }

    #[test]
    fn refusals_are_counted_and_not_logged() {
        let (_folder, _, store, service) = found();
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
        assert_eq!(store.number(counted), 3);
        assert_eq!(service.verify_log().unwrap().size, 1);
    }

    #[test]
    fn one_act_of_a_group_that_fails_fails_alone() {
        let (_folder, _, store, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        submit(&session, &owner.deposit(1));
        let asked = owner.ask(owner.everything(&session), service.clock.now());
        submit(&session, &asked.statement);
        store.number("UPDATE entry SET attestation = x'00' WHERE kind = 4 RETURNING idx");
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

    /// What was read for the whole group before does not hide what an act of it changed.
    #[test]
    fn who_is_revoked_in_a_group_says_nothing_behind_that_in_it() {
        let (_folder, trap, _, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        submit(&session, &owner.deposit(1));
        let second = owner.recover_device(&session, trap.clock.now());
        let act = |statement: SignedStatement| Act::Submit {
            statement: Box::new(statement),
            opened: None,
        };
        let answers = service.commit_group(vec![
            act(owner.deposit_by(&second)),
            act(owner.revocation(&second, &owner.device)),
            act(owner.deposit_by(&second)),
            act(owner.revocation(&owner.device, &second)),
            act(owner.deposit(1)),
        ]);
        assert!(matches!(
            answers[..],
            [
                Answer::Recorded(_),
                Answer::Recorded(_),
                Answer::Refused(Refusal::Author),
                Answer::Refused(Refusal::Author),
                Answer::Recorded(_)
            ]
        ));
    }

    /// How many calls a group costs does not grow with what is in it.
    #[test]
    fn a_group_costs_the_store_a_few_calls_however_many_keys_it_has() {
        let (folder, trap, store, service) = found();
        let (watched, calls) = Watched::over(Box::new(store));
        drop(service);
        let service = over(&folder, Box::new(watched), trap);
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let mut cost = |statements: usize, keys| {
            let acts = (0..statements).map(|_| Act::Submit {
                statement: Box::new(owner.deposit(keys)),
                opened: Some(vec![DepositState::Verified; keys]),
            });
            let acts = acts.collect();
            calls.lock().unwrap().clear();
            let answers = service.commit_group(acts);
            assert!(
                answers
                    .iter()
                    .all(|answer| matches!(answer, Answer::Recorded(_)))
            );
            calls.lock().unwrap().clone()
        };
        // Whose device it is is read in the log once.
        cost(1, 1);
        let one = cost(1, 1);
        let many = cost(64, 256);
        assert_eq!(many, one);
        // The head, the time of the last entry, what is known and what is there; then the entries, the pairs and the
        // head, and that it is to stand.
        let expected = [
            "append",
            "commit",
            "entries_of",
            "get_many",
            "head",
            "leaf_rows",
            "put",
            "put_head",
        ];
        assert!(one.keys().eq(&expected), "{one:?}");
        // The log is read on from where it was, a stretch before the edge is looked at.
        let is_few = |call: &str, count: usize| count == 1 || (call == "leaf_rows" && count == 2);
        assert!(
            one.iter().all(|(call, count)| is_few(call, *count)),
            "{one:?}"
        );
        // And a request for as many keys.
        let scope = Scope::of(owner.keys.keys().copied().take(10_000)).unwrap();
        let asked = owner.ask(scope, service.clock.now());
        calls.lock().unwrap().clear();
        submit(&session, &asked.statement);
        let calls: usize = calls.lock().unwrap().values().sum();
        assert!(calls < 40, "{calls} calls for a request");
    }

    #[test]
    fn times_go_forward_whatever_the_clock_does() {
        let (_folder, trap, _, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let time = |statement: &SignedStatement| {
            let receipt = submit(&session, statement);
            receipt.time()
        };
        trap.clock.advance_millis(60_000);
        let then = trap.clock.now();
        assert_eq!(time(&owner.deposit(1)), then);
        // A little back: what is recorded is not earlier than what was.
        trap.clock
            .set(Time::from_millis(then.as_millis() - 600_000));
        assert_eq!(time(&owner.deposit(1)), then);
        assert_eq!(time(&owner.deposit(1)), then);
        trap.clock.set(then.plus_millis(5));
        assert_eq!(time(&owner.deposit(1)), then.plus_millis(5));
        service.verify_log().unwrap();
    }

    #[test]
    fn a_clock_that_is_far_behind_the_log_records_nothing_and_is_named() {
        let (_folder, trap, _, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let now = trap.clock.now();
        let statement = owner.deposit(1);
        for (behind, says) in [(600_001, "10 minutes"), (9_000_000, "2 hours")] {
            trap.clock.set(Time::from_millis(now.as_millis() - behind));
            let error = unavailable(session.submit(&statement));
            assert!(error.message.contains("machine's clock"), "{error}");
            assert!(error.message.contains(says), "{error}");
            assert_eq!(error.kind, UnavailableKind::Clock);
        }
        assert_eq!(service.verify_log().unwrap().size, 2);
        trap.clock.set(now);
        assert_eq!(submit(&session, &statement).index(), 2);
    }

    /// A row that somebody edited makes no wait pass: the clock is the judge of it.
    #[test]
    fn an_edited_time_carries_the_log_no_further_than_a_clock_may_be_behind() {
        let (_folder, trap, store, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        submit(&session, &owner.deposit(1));
        let now = trap.clock.now();
        store.number("UPDATE entry SET time = time + 86400000 WHERE idx = 2 RETURNING idx");
        let error = unavailable(session.submit(&owner.deposit(1)));
        assert!(error.message.contains("24 hours"), "{error}");
        store.number("UPDATE entry SET time = time - 86000000 WHERE idx = 2 RETURNING idx");
        let receipt = submit(&session, &owner.deposit(1));
        assert_eq!(receipt.time(), now.plus_millis(400_000));
    }

    #[test]
    fn a_receipt_is_given_by_who_has_just_read_the_statement() {
        let (_folder, _, store, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let statement = owner.deposit(1);
        submit(&session, &statement);
        for damage in [
            "UPDATE entry SET statement = x'00' WHERE idx = 2 RETURNING idx",
            "UPDATE entry SET statement = (SELECT statement FROM entry WHERE idx = 1) \
              WHERE idx = 2 RETURNING idx",
        ] {
            store.number(damage);
            let listed = session.entries(Select::Owner(owner.id), 0).unwrap();
            assert_eq!(listed.damaged, [2], "{damage}: it has a receipt");
            assert_eq!(listed.items.len(), 2);
        }
    }

    #[test]
    fn who_sends_a_damaged_statement_again_puts_it_back() {
        let (_folder, _, store, service) = found();
        let session = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let statement = owner.deposit(2);
        let before = submit(&session, &statement);
        let head = service.verify_log().unwrap();
        store.number("UPDATE entry SET statement = x'00' WHERE idx = 2 RETURNING idx");
        assert!(service.verify_log().is_err());
        let again = submit(&session, &statement);
        assert_eq!((again.index(), again.time()), (2, before.time()));
        assert_eq!(service.verify_log().unwrap(), head);
        // What was signed of it can't be sent again: there is no receipt then, and no other entry.
        store.number(
            "UPDATE entry SET statement = x'00', salt = zeroblob(32) WHERE idx = 2 RETURNING idx",
        );
        let error = unavailable(session.submit(&statement));
        assert!(error.message.contains("entry 2"), "{error}");
        assert!(service.verify_log().is_err());
    }

    fn unavailable(result: Result<Receipt, SubmitError>) -> Unavailable {
        match result {
            Err(SubmitError::Unavailable(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

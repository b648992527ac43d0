//! Changes of the policy (spec/policy.md#change): asked for, and decided by the policy they replace, before anything is
//! done that rests on it.

use std::collections::BTreeSet;

use strongroom_protocol::Refusal;
use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Around, Policy};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Kind, PolicyChange, SignedStatement, Statement};

use super::request::is_timely;
use super::{Service, replay};
use crate::identity;
use crate::index::DueRow;
use crate::log::Growth;
use crate::store::{
    ChangeRow, Damage, RequestRow, Snapshot, StoreError, Subject as SubjectRow, Writing,
};

impl Service {
    /// Anybody who has a part in the authority may ask: it is the policy in force that decides.
    pub(super) fn check_change(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        change: &PolicyChange,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let in_force = self.policy_now(store)?;
        let policy = &in_force.policy;
        let author = statement.author();
        let may = policy.officer(author).is_some()
            || !identity::owners_of(&self.log, store, author, u64::MAX)?.is_empty();
        if !may {
            return Ok(Err(Refusal::Author));
        }
        if change.replaces != policy.digest() {
            return Ok(Err(Refusal::Policy));
        }
        if !is_timely(policy, change.expires, now) {
            return Ok(Err(Refusal::Expiry));
        }
        // The same words signed by somebody else: approvals could not tell the two apart.
        if store.subject(change.digest())?.is_some() {
            return Ok(Err(Refusal::Author));
        }
        if self.has_too_many_changes(store, author, now)? {
            return Ok(Err(Refusal::TooMany));
        }
        Ok(Ok(Outcome::Recorded))
    }

    /// Decides the changes that are due, before anything that rests on the policy in force, and some of what has lapsed.
    ///
    /// Only these are looked at: however many others are open, an act costs the same. One that is approved supersedes the
    /// rest, which are to replace a policy that is not in force any more, and are not looked at again.
    pub(super) fn settle(&self, growth: &mut Growth<'_>, now: Time) -> Result<(), StoreError> {
        // Anybody may ask without end, and have all lapse at once: that it did is recorded by the way. What has lapsed is not
        // approved any more, recorded or not.
        const LAPSES_MAX: usize = 16;
        while let Some(due) = in_this_reign(growth, |store, reign| store.due_change(reign, now))? {
            self.settle_one(growth, due, now)?;
        }
        for _ in 0..LAPSES_MAX {
            let lapsed = in_this_reign(growth, |store, reign| store.lapsed_change(reign, now))?;
            if let Some(lapsed) = lapsed {
                self.settle_one(growth, lapsed, now)?;
            } else if let Some((key, row)) = growth.store().lapsed_request(now)? {
                growth.store().remove(key);
                self.settle_request(growth, row, now)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Decides a request that has lapsed. One that can't be read stays open, and is not found here again.
    fn settle_request(
        &self,
        growth: &mut Growth<'_>,
        row: Result<RequestRow, StoreError>,
        now: Time,
    ) -> Result<(), StoreError> {
        let decided = row.and_then(|row| {
            growth.apart(|growth| self.decide_row(growth, &SubjectRow::Request(row), now))
        });
        match decided {
            Err(StoreError::Damaged(_)) => Ok(()),
            decided => decided,
        }
    }

    /// Decides a change that is due, or finds when it is due next: either way it is not found again.
    ///
    /// One that can't be read can't come into force, and must not keep everything else from being done; its author may send it
    /// again.
    fn settle_one(
        &self,
        growth: &mut Growth<'_>,
        (key, row): DueRow,
        now: Time,
    ) -> Result<(), StoreError> {
        let decided = row.and_then(|row| {
            growth.apart(|growth| self.decide_row(growth, &SubjectRow::Change(row), now))
        });
        match decided {
            Err(StoreError::Damaged(_)) => {}
            decided => decided?,
        }
        // Whatever came of it, this row does not have it looked at again.
        growth.store().remove_due(key)
    }

    /// Reads what the log says around a change.
    pub(super) fn around_change(
        &self,
        store: &Snapshot<'_>,
        row: &ChangeRow,
        policy: &Policy,
        author: &VerifyingKey,
    ) -> Result<Around, StoreError> {
        let codes = if policy.change.codes {
            self.codes(store, row.entry)?
        } else {
            Vec::new()
        };
        let superseded = match store.next_reign(row.entry)? {
            // Its own approval put it in force, and did not overtake it.
            Some(next) if Some(next) != row.decision => Some(self.log.entry(store, next)?.time()),
            Some(_) | None => None,
        };
        Ok(Around::Change {
            author: self.asking_officer(store, policy, author, row.entry)?,
            codes,
            superseded,
        })
    }

    /// Returns an officer's key for a device that was the officer's own before an entry: nobody approves what they asked for by
    /// another key, nor by having revoked that since.
    fn asking_officer(
        &self,
        store: &Snapshot<'_>,
        policy: &Policy,
        author: &VerifyingKey,
        before: u64,
    ) -> Result<VerifyingKey, StoreError> {
        let owners = identity::owners_of(&self.log, store, author, before)?;
        let is_theirs = |owner: &OwnerId| owners.contains(owner);
        let mut officers = policy.officers.iter();
        let officer = officers.find(|officer| officer.owner.as_ref().is_some_and(is_theirs));
        let key = officer.and_then(|officer| officer.keys.first());
        Ok(*key.unwrap_or(author))
    }

    /// Sees that the rows name all owners who had a deposit before an entry, and no others: by reading every deposit, as only
    /// a change that rests on their codes asks for.
    pub(super) fn check_depositors(
        &self,
        store: &Snapshot<'_>,
        before: u64,
    ) -> Result<(), StoreError> {
        let mut depositors = BTreeSet::new();
        let kinds = replay::kinds(store)?;
        for index in 0..before {
            let unproved = || Damage::of_entry(index, "its leaf does not show what it is");
            let kind = kinds.get(&index).ok_or_else(unproved)?;
            if *kind != Kind::Deposit.code() {
                continue;
            }
            let entry = self.log.entry(store, index)?;
            if let Statement::Deposit(deposit) = entry.statement().statement()
                && entry.states().iter().any(|state| state.is_kept())
            {
                depositors.extend(store.owner(deposit.owner())?);
            }
        }
        let by_rows = BTreeSet::from_iter(store.depositors(before)?);
        if depositors == by_rows {
            return Ok(());
        }
        Err(Damage::of("its index of who has deposits is not what the log says").into())
    }

    /// Returns the public keys of the recovery codes of all owners who had a deposit before an entry: it is their keys that a
    /// policy disposes of. While nobody has any, of all who were enrolled.
    fn codes(&self, store: &Snapshot<'_>, before: u64) -> Result<Vec<VerifyingKey>, StoreError> {
        let code = |index| {
            let entry = self.log.entry(store, index)?;
            let Statement::Enroll(enroll) = entry.statement().statement() else {
                return Err(Damage::of_entry(index, "it is not an enrolment").into());
            };
            Ok(enroll.code_key)
        };
        let mut owners = store.depositors(before)?;
        if owners.is_empty() {
            owners = store.owners(before)?;
        }
        owners.into_iter().map(code).collect()
    }
}

/// Asks for a change that is to replace the policy in force.
fn in_this_reign(
    growth: &Growth<'_>,
    ask: impl FnOnce(&Snapshot<'_>, u64) -> Result<Option<DueRow>, StoreError>,
) -> Result<Option<DueRow>, StoreError> {
    let store = growth.store();
    ask(store, store.reign(u64::MAX)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use strongroom_protocol::policy::{Group, Rule};
    use strongroom_protocol::statement::{Scope, Word};
    use strongroom_protocol::{Authority, Select};
    use strongroom_testkit::{Asked, Owner, Person, TestClock, TestRng, ask_change, submit};

    use super::*;
    use crate::Caller;
    use crate::custody::KeyPlace;
    use crate::service::NewAuthority;
    use crate::store::Memory;
    use crate::store::watched::{Calls, Watched};

    /// An authority that counts what it asks its store, with owners who ask for changes and are asked for.
    struct Watch {
        clock: Arc<TestClock>,
        calls: Calls,
        service: Service,
        owner: Owner,
        /// Who asks for one change after another, until they have as many open as they may.
        asker: Owner,
        askers: u64,
        asked: u64,
    }

    impl Watch {
        fn new() -> Self {
            Self::under(Policy::code_alone())
        }

        fn under(policy: Policy) -> Self {
            let (clock, mut rng) = (TestClock::new(), TestRng::new(1));
            let founding = NewAuthority::new(policy, clock_now(&clock), &mut rng);
            let keys = KeyPlace::in_memory(founding.keys());
            let store = Memory::default();
            founding.record(&store).unwrap();
            let (watched, calls) = Watched::over(Box::new(store));
            let service = Service::over(Box::new(watched), keys, clock.clone(), rng).unwrap();
            let session = service.session(Caller::Operator);
            let mut owner = Owner::enrolled(&session, 1);
            submit(&session, &owner.deposit(1));
            let asker = Owner::enrolled(&session, 2);
            Self {
                clock,
                calls,
                service,
                owner,
                asker,
                askers: 2,
                asked: 0,
            }
        }

        /// Returns how often `act` asked the store. The tree's hashes, too, are read for a receipt: a few more as it grows.
        fn cost<T>(&self, act: impl FnOnce() -> T) -> (T, usize) {
            self.calls.lock().unwrap().clear();
            let result = act();
            let calls = self.calls.lock().unwrap();
            let asked = ["entries", "entries_of", "get_many", "range"];
            let asked = asked.iter().filter_map(|name| calls.get(name)).sum();
            (result, asked)
        }

        /// Asks for a change that was not asked for yet; returns it, with how often the store was asked for that.
        fn ask(&mut self) -> (SignedStatement, usize) {
            self.asked += 1;
            let session = self.service.session(Caller::Operator);
            if self.asked.is_multiple_of(32) {
                self.askers += 1;
                self.asker = Owner::enrolled(&session, self.askers);
            }
            let about = self.service.about();
            let in_force = self
                .service
                .store
                .read(|store| self.service.policy_now(store));
            let old = in_force.unwrap().policy.clone();
            let policy = Policy {
                lapse_millis: old.lapse_millis + self.asked,
                ..old.clone()
            };
            let now = clock_now(&self.clock);
            let change = ask_change(about, &old, policy, now, &self.asker.device);
            let (_, cost) = self.cost(|| session.submit(&change).unwrap());
            (change, cost)
        }

        /// A stranger asks for the owner's keys, by a device that nobody knows; returns how often the store was asked for that.
        fn ask_for_keys(&mut self) -> (Asked, usize) {
            let session = self.service.session(Caller::Operator);
            let scope = Scope::of(self.owner.keys.keys().copied()).unwrap();
            let asked = self.owner.ask(scope, clock_now(&self.clock));
            let (_, cost) = self.cost(|| session.submit(&asked.statement).unwrap());
            (asked, cost)
        }

        fn open(&self) -> usize {
            let reign = |store: &Snapshot<'_>| store.reign(u64::MAX);
            let open = self.service.store.read(|store| {
                let stream = crate::store::Stream::OpenChanges(reign(store)?);
                store.stream(&stream, 0, u64::MAX)
            });
            open.unwrap().len()
        }
    }

    fn clock_now(clock: &TestClock) -> Time {
        strongroom_protocol::id::Clock::now(clock)
    }

    #[test]
    fn an_act_costs_the_same_however_many_changes_are_open() {
        let mut watch = Watch::new();
        for _ in 0..3 {
            watch.ask();
        }
        let (_, few) = watch.ask();
        for _ in 0..200 {
            watch.ask();
        }
        let (approved, many) = watch.ask();
        assert_eq!(many, few);
        assert_eq!(watch.open(), 205);
        // One comes into force, and nobody looks at the others again.
        let session = watch.service.session(Caller::Operator);
        submit(&session, &watch.owner.evidence_for(&approved));
        assert_eq!(watch.open(), 0);
        watch.ask();
        let (_, after) = watch.ask();
        // The policy is not the founding's any more, which costs a look at what put it in force, and no more.
        assert!(after <= few + 10, "{after} questions, and {few} before");
    }

    /// What everybody does who lives with strangers: asks for keys, shows the code, answers, looks at what is asked, lists it page
    /// by page, asks for a change.
    fn costs(watch: &mut Watch) -> Vec<(&'static str, usize)> {
        let (_, change) = watch.ask();
        let (denied, _) = watch.ask_for_keys();
        let (asked, request) = watch.ask_for_keys();
        let session = watch.service.session(Caller::Operator);
        let id = asked.statement.id();
        let (_, look) = watch.cost(|| session.subject(id).unwrap());
        let (_, list) = watch.cost(|| session.entries(Select::Open, 0).unwrap());
        let evidence = watch.owner.evidence(&asked);
        let (_, prove) = watch.cost(|| session.submit(&evidence).unwrap());
        let deny = Person::new("ada", 1).say(Word::Deny, &denied);
        let (_, deny) = watch.cost(|| session.submit(&deny).unwrap());
        let policy = watch.service.about().found().policy.digest();
        let select = Select::ChangesTo(policy);
        let (_, same) = watch.cost(|| session.entries(select, 0).unwrap());
        vec![
            ("a change", change),
            ("a request", request),
            ("a look", look),
            ("a page of what is open", list),
            ("the code", prove),
            ("a denial", deny),
            ("the same change", same),
        ]
    }

    fn is_flat(open: usize) {
        let ada = Person::new("ada", 1);
        let mut policy = Policy::code_alone();
        policy.officers = vec![ada.officer()];
        policy.groups = vec![Group {
            name: "desk".to_owned(),
            need: 1,
            of: vec!["ada".to_owned()],
        }];
        policy.rules = vec![
            Rule {
                wait_millis: 1,
                ..Rule::code_alone("code")
            },
            Rule {
                approvals: Some("desk".to_owned()),
                ..Rule::code_alone("code and desk")
            },
        ];
        let mut watch = Watch::under(policy);
        // A page is full either way.
        for _ in 0..260 {
            watch.ask();
            watch.ask_for_keys();
        }
        // With the code that is shown in it, what is asked there is a rival to what is asked later: there is one then.
        costs(&mut watch);
        let few = costs(&mut watch);
        for _ in 260..open {
            watch.ask();
            watch.ask_for_keys();
        }
        // What was recorded since something was decided last is read once, before the next decision.
        costs(&mut watch);
        assert_eq!(
            costs(&mut watch),
            few,
            "with {open} changes and {open} requests open"
        );
        // Who opens the authority anew reads what came since a replay was kept, and no more.
        watch.service.replay.clear();
        let decided = costs(&mut watch)
            .into_iter()
            .find(|(act, _)| *act == "the code");
        let (_, read) = decided.unwrap();
        assert!(
            read < 1024,
            "{read} questions with {open} changes and {open} requests open"
        );
    }

    #[test]
    fn acts_cost_the_same_with_600_changes_and_600_requests_open() {
        is_flat(600);
    }

    #[test]
    #[ignore = "takes minutes: `just soak` runs it"]
    fn acts_cost_the_same_with_10000_changes_and_10000_requests_open() {
        is_flat(10_000);
    }

    #[test]
    fn requests_that_lapse_at_once_are_recorded_a_few_at_a_time_and_are_not_open() {
        let mut watch = Watch::new();
        for _ in 0..50 {
            watch.ask_for_keys();
        }
        watch.clock.advance_millis(60 * TestClock::DAY_MILLIS);
        let mut open = Vec::new();
        for _ in 0..5 {
            watch.ask_for_keys();
            let listed = watch
                .service
                .store
                .read(|store| store.stream(&crate::store::Stream::OpenRequests, 0, u64::MAX));
            open.push(listed.unwrap().len());
        }
        assert_eq!(open, [35, 20, 5, 4, 5]);
    }

    #[test]
    fn changes_that_lapse_at_once_are_recorded_a_few_at_a_time() {
        let mut watch = Watch::new();
        for _ in 0..50 {
            watch.ask();
        }
        watch.clock.advance_millis(60 * TestClock::DAY_MILLIS);
        let mut open = Vec::new();
        for _ in 0..5 {
            watch.ask();
            open.push(watch.open());
        }
        assert_eq!(open, [35, 20, 5, 4, 5]);
    }
}

//! A history with officers in it, for those who replay and edit it.

use strongroom_authority::Caller;
use strongroom_protocol::Authority;
use strongroom_protocol::id::Clock;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Asker, Group, Policy, Rule};
use strongroom_protocol::statement::{SignedStatement, Word};
use strongroom_testkit::{Asked, Owner, Person, TestClock, ask_change, submit};

use crate::Embedded;

/// The seed of the owner that is an officer, too.
const BOSS: u64 = 3;

// The entries of the story.
pub(crate) const STRICT_DECISION: u64 = 7;
pub(crate) const LOOSENED: u64 = 8;
pub(crate) const FOREIGN: u64 = 11;
pub(crate) const FOR_VICTIM: u64 = 17;

/// An authority whose policy was changed, and requests that one officer has approved who counts.
pub(crate) struct Office {
    pub(crate) embedded: Embedded,
    pub(crate) ann: Person,
    pub(crate) victim: Owner,
    /// By the thief, who is an owner and an officer, for the victim's keys: from the thief's own device.
    pub(crate) foreign: Asked,
    /// By a new device for the thief's own keys.
    pub(crate) own: Asked,
    /// By a device that is nobody's, for the victim's keys.
    pub(crate) wanted: Asked,
    /// The policy of one approval, asked for and not approved.
    pub(crate) loosened: SignedStatement,
}

/// Two officers, one of whom asks for others: so many approve.
pub(crate) fn policy(need: u64) -> Policy {
    let mut boss = Person::new("boss", 1);
    boss.owner = Some(Owner::id_of(BOSS));
    let mut policy = Policy::code_alone();
    policy.officers = vec![Person::new("ann", 2).officer(), boss.officer()];
    let of = vec!["ann".to_owned(), "boss".to_owned()];
    let group = |name: &str, need| Group {
        name: name.to_owned(),
        need,
        of: of.clone(),
    };
    policy.groups = vec![group("both", 2), group("some", need)];
    let own = Rule {
        approvals: Some("some".to_owned()),
        ..Rule::code_alone("own")
    };
    let others = Rule {
        name: "others".to_owned(),
        asker: Asker::Group("both".to_owned()),
        evidence: Vec::new(),
        approvals: Some("both".to_owned()),
        ..own.clone()
    };
    policy.rules = vec![own, others];
    policy.departed = Some("some".to_owned());
    policy.change.codes = false;
    policy.change.approvals = Some("some".to_owned());
    policy
}

impl Office {
    pub(crate) fn open() -> Self {
        let embedded = Embedded::found_under(policy(1), 42);
        let session = embedded.service.session(Caller::Operator);
        let about = embedded.service.about();
        let now = embedded.clock.now();
        let (ann, boss) = (Person::new("ann", 2), Person::new("boss", 1));
        let mut victim = Owner::enrolled(&session, 1);
        let mut thief = Owner::enrolled(&session, BOSS);
        submit(&session, &victim.deposit(2));
        submit(&session, &thief.deposit(1));
        // One approval was enough at first. It takes two since.
        let strict = ask_change(about, &policy(1), policy(2), now, &boss.keys[0]);
        submit(&session, &strict);
        submit(&session, &ann.say_of_change(Word::Approve, &strict));
        let succession = session.about().unwrap().policy.unwrap();
        assert_eq!(succession.change.id(), strict.id());
        let loosened = ask_change(about, &policy(2), policy(1), now, &boss.keys[0]);
        submit(&session, &loosened);
        submit(&session, &ann.say_of_change(Word::Approve, &loosened));
        submit(&session, &ann.say_departed(about, victim.id, true));
        let digest = policy(2).digest();
        let device = SigningKey::from_seed(thief.device.expose_seed());
        let scope = victim.everything(&session);
        let foreign = thief.ask_by(device, scope.clone(), now, |request| {
            request.owner = victim.id;
            request.policy = digest;
        });
        let everything = thief.everything(&session);
        let own = thief.ask_with(everything, now, |request| request.policy = digest);
        let wanted = victim.ask_with(scope, now, |request| request.policy = digest);
        for asked in [&foreign, &own] {
            submit(&session, &asked.statement);
            submit(&session, &ann.say(Word::Approve, asked));
            // Their own: it does not count.
            submit(&session, &boss.say(Word::Approve, asked));
        }
        assert_eq!(submit(&session, &wanted.statement).index(), FOR_VICTIM);
        submit(&session, &ann.say(Word::Approve, &wanted));
        submit(&session, &thief.evidence(&own));
        submit(&session, &victim.evidence(&wanted));
        embedded.clock.advance_millis(TestClock::DAY_MILLIS);
        Self {
            ann,
            victim,
            foreign,
            own,
            wanted,
            loosened,
            embedded,
        }
    }
}

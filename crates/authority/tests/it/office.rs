//! Attacks by people who are officers, were officers, or know one: the authority refuses what can't count, and releases nothing
//! on it (spec/policy.md#in-office, #own-request, #anyone).

use strongroom_authority::{Caller, Session};
use strongroom_protocol::id::Clock as _;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Asker, Group, Policy, Rule, SubjectState};
use strongroom_protocol::statement::{SignedStatement, Verdict, Word};
use strongroom_protocol::{Authority, Refusal, ReleaseError, SubmitError};
use strongroom_testkit::{self as person, Asked, Owner, Person, look, submit};

use crate::Embedded;

const APPROVED: SubjectState = SubjectState::Decided(Verdict::Approved);
const DAY: u64 = Policy::DAY_MILLIS;

/// A policy with the groups `board` (of which two are needed) and `one`, by which the board gives an owner's keys to whoever says
/// to be them after a day, and one to who asks for another's.
fn policy(people: &[&Person]) -> Policy {
    let names: Vec<String> = people.iter().map(|person| person.name.clone()).collect();
    let of = |name: &str, need| Group {
        name: name.to_owned(),
        need,
        of: names.clone(),
    };
    let mut policy = Policy::code_alone();
    policy.officers = people.iter().map(|person| person.officer()).collect();
    policy.groups = vec![of("board", 2), of("one", 1)];
    policy.rules = vec![
        Rule {
            asker: Asker::Anyone,
            evidence: Vec::new(),
            approvals: Some("board".to_owned()),
            wait_millis: DAY,
            veto: true,
            overrule: Some("board".to_owned()),
            ..Rule::code_alone("anyone's")
        },
        Rule {
            asker: Asker::Group("one".to_owned()),
            evidence: Vec::new(),
            approvals: Some("one".to_owned()),
            ..Rule::code_alone("another's")
        },
    ];
    policy.change.codes = false;
    policy.change.approvals = Some("one".to_owned());
    policy.departed = Some("board".to_owned());
    policy
}

/// Puts a policy in force, at once.
fn change_to(embedded: &Embedded, from: &Policy, to: &Policy, by: &SigningKey, approver: &Person) {
    let session = embedded.service.session(Caller::Operator);
    let about = embedded.service.about();
    let change = person::ask_change(about, from, to.clone(), embedded.clock.now(), by);
    submit(&session, &change);
    submit(&session, &approver.say_of_change(Word::Approve, &change));
    let in_force = session.about().unwrap().policy.unwrap();
    assert_eq!(in_force.change.id(), change.id(), "the change is in force");
}

fn state(embedded: &Embedded, session: &Session, asked: &Asked) -> SubjectState {
    submit(session, &asked.statement);
    let subject = look(session, asked.statement.id()).unwrap();
    subject.standing(embedded.clock.now()).0
}

fn is_refused(session: &Session, statement: &SignedStatement, with: Refusal) {
    match session.submit(statement) {
        Err(SubmitError::Refused(refusal)) => assert_eq!(refusal, with),
        other => panic!("{other:?}"),
    }
}

/// Whoever asked says to be Alice, as a device that nobody knows.
fn alices(embedded: &Embedded, session: &Session) -> (Owner, Asked) {
    let mut alice = Owner::enrolled(session, 1);
    submit(session, &alice.deposit(2));
    let scope = alice.everything(session);
    let asked = alice.ask_with(scope, embedded.clock.now(), |request| {
        request.policy = in_force(session);
    });
    submit(session, &asked.statement);
    (alice, asked)
}

fn in_force(session: &Session) -> strongroom_protocol::id::Digest {
    let about = session.about().unwrap();
    match about.policy {
        None => about.founding.found().policy.digest(),
        Some(succession) => person::change_of(&succession.change).policy.digest(),
    }
}

/// Mal files a request as a device that nobody knows; Mal and Cid are removed, and approve it 29 days later.
#[test]
fn officers_who_were_removed_release_nothing() {
    let [ada, bob, mal, cid] = ["ada", "bob", "mal", "cid"].map(|name| Person::new(name, 1));
    let before = policy(&[&ada, &bob, &mal, &cid]);
    let embedded = Embedded::found_under(before.clone(), 42);
    let session = embedded.service.session(Caller::Operator);
    let (_, asked) = alices(&embedded, &session);
    // One of them said so before.
    submit(&session, &cid.say(Word::Approve, &asked));
    let after = policy(&[&ada, &bob]);
    change_to(&embedded, &before, &after, &ada.keys[0], &bob);
    embedded.clock.advance_millis(29 * DAY);
    is_refused(&session, &mal.say(Word::Approve, &asked), Refusal::Author);
    for removed in [&mal, &cid] {
        is_refused(&session, &removed.say(Word::Deny, &asked), Refusal::Author);
    }
    assert_eq!(state(&embedded, &session, &asked), SubjectState::Requested);
    submit(&session, &ada.say(Word::Approve, &asked));
    assert_eq!(
        state(&embedded, &session, &asked),
        SubjectState::Requested,
        "one of two"
    );
    submit(&session, &bob.say(Word::Approve, &asked));
    assert_eq!(state(&embedded, &session, &asked), APPROVED);
}

#[test]
fn keys_do_not_leave_on_the_approval_of_an_officer_who_was_removed_since() {
    let [ada, bob, mal, cid] = ["ada", "bob", "mal", "cid"].map(|name| Person::new(name, 1));
    let before = policy(&[&ada, &bob, &mal, &cid]);
    let embedded = Embedded::found_under(before.clone(), 42);
    let session = embedded.service.session(Caller::Operator);
    let (_, asked) = alices(&embedded, &session);
    for officer in [&mal, &cid] {
        submit(&session, &officer.say(Word::Approve, &asked));
    }
    embedded.clock.advance_millis(DAY);
    assert_eq!(state(&embedded, &session, &asked), APPROVED);
    change_to(
        &embedded,
        &before,
        &policy(&[&ada, &bob]),
        &ada.keys[0],
        &bob,
    );
    let released = session.release(asked.statement.id(), 0);
    assert!(
        matches!(
            released,
            Err(ReleaseError::NotApproved {
                state: SubjectState::Requested
            })
        ),
        "{released:?}"
    );
    // Those who are officers can still say so.
    for officer in [&ada, &bob] {
        submit(&session, &officer.say(Word::Approve, &asked));
    }
    session.release(asked.statement.id(), 0).unwrap();
}

/// A release, too, is an act before which a change that is due is decided.
#[test]
fn a_change_that_is_due_is_in_force_before_a_page_is_released() {
    let [ada, bob, mal, cid] = ["ada", "bob", "mal", "cid"].map(|name| Person::new(name, 1));
    let mut before = policy(&[&ada, &bob, &mal, &cid]);
    before.change.wait_millis = 2 * DAY;
    let embedded = Embedded::found_under(before.clone(), 42);
    let session = embedded.service.session(Caller::Operator);
    let about = embedded.service.about();
    let (_, asked) = alices(&embedded, &session);
    for officer in [&mal, &cid] {
        submit(&session, &officer.say(Word::Approve, &asked));
    }
    let to = policy(&[&ada, &bob]);
    let change = person::ask_change(about, &before, to, embedded.clock.now(), &ada.keys[0]);
    submit(&session, &change);
    submit(&session, &bob.say_of_change(Word::Approve, &change));
    embedded.clock.advance_millis(DAY);
    assert_eq!(state(&embedded, &session, &asked), APPROVED);
    embedded.clock.advance_millis(DAY);
    let released = session.release(asked.statement.id(), 0);
    assert!(
        matches!(released, Err(ReleaseError::NotApproved { .. })),
        "{released:?}"
    );
}

#[test]
fn officers_who_were_removed_say_no_more_who_has_departed() {
    let [ada, bob, mal, cid] = ["ada", "bob", "mal", "cid"].map(|name| Person::new(name, 1));
    let before = policy(&[&ada, &bob, &mal, &cid]);
    let embedded = Embedded::found_under(before.clone(), 42);
    let session = embedded.service.session(Caller::Operator);
    let about = embedded.service.about();
    let (alice, asked) = alices(&embedded, &session);
    let departed = || {
        let subject = look(&session, asked.statement.id()).unwrap();
        subject.scene().unwrap().departed
    };
    for officer in [&mal, &cid] {
        submit(&session, &officer.say_departed(about, alice.id, true));
    }
    assert!(departed());
    change_to(
        &embedded,
        &before,
        &policy(&[&ada, &bob]),
        &ada.keys[0],
        &bob,
    );
    assert!(!departed());
    is_refused(
        &session,
        &mal.say_departed(about, alice.id, false),
        Refusal::Author,
    );
    for officer in [&ada, &bob] {
        submit(&session, &officer.say_departed(about, alice.id, true));
    }
    assert!(departed());
}

/// Mal, officer and owner, brings in Eve, whose approval of what Mal asks therefore does not count: not after Bob has renewed
/// Mal's key, nor once Mal is no officer, nor where somebody stood between them.
#[test]
fn who_brought_an_officer_in_is_known_whatever_happens_to_keys_and_people() {
    let mut mal = Person::new("mal", 1);
    mal.owner = Some(Owner::id_of(77));
    let [bob, eve, fay] = ["bob", "eve", "fay"].map(|name| Person::new(name, 1));
    let first = policy(&[&bob, &mal]);
    let embedded = Embedded::found_under(first.clone(), 42);
    let session = embedded.service.session(Caller::Operator);
    let mut mal_owner = Owner::enrolled(&session, 77);
    let mut alice = Owner::enrolled(&session, 1);
    submit(&session, &alice.deposit(2));
    // What Mal asks of Alice's: one other has to approve.
    let mut approves = |officer: &Person, policy: &Policy| {
        let device = SigningKey::from_seed(mal_owner.device.expose_seed());
        let (scope, now) = (alice.everything(&session), embedded.clock.now());
        let asked = mal_owner.ask_by(device, scope, now, |request| {
            request.owner = alice.id;
            request.policy = policy.digest();
        });
        submit(&session, &asked.statement);
        submit(&session, &officer.say(Word::Approve, &asked));
        let subject = look(&session, asked.statement.id()).unwrap();
        subject.standing(now).0
    };
    let second = policy(&[&bob, &mal, &eve]);
    change_to(&embedded, &first, &second, &mal.keys[0], &bob);
    assert_eq!(approves(&eve, &second), SubjectState::Requested);
    assert_eq!(approves(&bob, &second), APPROVED);

    // Bob asks for another key of Mal's, and Eve for one more officer.
    let mut renewed = Person::new("mal", 1);
    renewed.owner = mal.owner;
    renewed.keys = vec![SigningKey::from_seed(&[0x99; 32])];
    let third = policy(&[&bob, &renewed, &eve]);
    change_to(&embedded, &second, &third, &bob.keys[0], &mal);
    assert_eq!(approves(&eve, &third), SubjectState::Requested);
    let fourth = policy(&[&bob, &renewed, &eve, &fay]);
    change_to(&embedded, &third, &fourth, &eve.keys[0], &bob);
    assert_eq!(approves(&fay, &fourth), SubjectState::Requested);
    // Eve, through whom Fay came, leaves; and so does her name for Mal, who is somebody by his owner's id alone.
    let mut other_name = Person::new("malvolio", 1);
    other_name.owner = mal.owner;
    let fifth = policy(&[&bob, &other_name, &fay]);
    change_to(&embedded, &fourth, &fifth, &bob.keys[0], &renewed);
    assert_eq!(approves(&fay, &fifth), SubjectState::Requested);
    assert_eq!(approves(&bob, &fifth), APPROVED);
}

#[test]
fn a_veto_is_not_overruled_before_it_is_said() {
    let [ada, bob] = ["ada", "bob"].map(|name| Person::new(name, 1));
    let embedded = Embedded::found_under(policy(&[&ada, &bob]), 42);
    let session = embedded.service.session(Caller::Operator);
    let (alice, asked) = alices(&embedded, &session);
    for officer in [&ada, &bob] {
        let early = officer.say(Word::Overrule, &asked);
        is_refused(&session, &early, Refusal::NothingToOverrule);
        submit(&session, &officer.say(Word::Approve, &asked));
    }
    submit(&session, &alice.veto_by(&asked, &alice.device));
    embedded.clock.advance_millis(DAY);
    assert_eq!(state(&embedded, &session, &asked), SubjectState::Requested);
    for officer in [&ada, &bob] {
        submit(&session, &officer.say(Word::Overrule, &asked));
    }
    assert_eq!(state(&embedded, &session, &asked), APPROVED);
    // On a change there is nothing to overrule.
    let about = embedded.service.about();
    let (old, now) = (policy(&[&ada, &bob]), embedded.clock.now());
    let change = person::ask_change(about, &old, policy(&[&bob, &ada]), now, &ada.keys[0]);
    submit(&session, &change);
    let overruled = bob.say_of_change(Word::Overrule, &change);
    is_refused(&session, &overruled, Refusal::NothingToOverrule);
}

/// With officers in the policy, a request by anybody froze every rule by code alone.
#[test]
fn a_strangers_request_without_the_code_freezes_nothing() {
    let ada = Person::new("ada", 1);
    let mut policy = policy(&[&ada, &Person::new("bob", 1)]);
    policy.rules = vec![Rule::code_alone("code")];
    let embedded = Embedded::found_under(policy, 42);
    let session = embedded.service.session(Caller::Operator);
    let mut alice = Owner::enrolled(&session, 1);
    submit(&session, &alice.deposit(2));
    let mut ask = || {
        let asked = alice.ask(alice.everything(&session), embedded.clock.now());
        submit(&session, &asked.statement);
        asked
    };
    let (strangers, own, thiefs) = (ask(), ask(), ask());
    submit(&session, &alice.evidence(&own));
    assert_eq!(state(&embedded, &session, &own), APPROVED);
    assert_eq!(
        state(&embedded, &session, &strangers),
        SubjectState::Requested
    );
    // Nobody is frozen by what was decided.
    submit(&session, &alice.evidence(&thiefs));
    assert_eq!(state(&embedded, &session, &thiefs), APPROVED);
}

#[test]
fn one_key_floods_itself_and_nobody_else() {
    let [ada, bob] = ["ada", "bob"].map(|name| Person::new(name, 1));
    let founded = policy(&[&ada, &bob]);
    let embedded = Embedded::found_under(founded.clone(), 42);
    let session = embedded.service.session(Caller::Operator);
    let (mut alice, asked) = alices(&embedded, &session);
    let scope = alice.everything(&session);
    let mut ask = |by: &SigningKey| {
        let device = SigningKey::from_seed(by.expose_seed());
        let asked = alice.ask_by(device, scope.clone(), embedded.clock.now(), |_| {});
        session.submit(&asked.statement)
    };
    let flooding = SigningKey::from_seed(&[0x51; 32]);
    let taken = (0..200).take_while(|_| ask(&flooding).is_ok()).count();
    assert_eq!(taken, 128);
    assert!(matches!(
        ask(&flooding),
        Err(SubmitError::Refused(Refusal::TooMany))
    ));
    ask(&SigningKey::from_seed(&[0x52; 32])).unwrap();

    let mut number = 0;
    let mut change = |by: &SigningKey| {
        number += 1;
        let mut to = founded.clone();
        to.lapse_millis += number;
        let (about, now) = (embedded.service.about(), embedded.clock.now());
        session.submit(&person::ask_change(about, &founded, to, now, by))
    };
    let taken = (0..100)
        .take_while(|_| change(&ada.keys[0]).is_ok())
        .count();
    assert_eq!(taken, 32);
    assert!(matches!(
        change(&ada.keys[0]),
        Err(SubmitError::Refused(Refusal::TooMany))
    ));
    change(&bob.keys[0]).unwrap();

    let say = |place: u64| {
        let mut said = strongroom_protocol::statement::Approval {
            authority: asked.request().authority,
            subject: asked.request().digest(),
            policy: asked.request().policy,
            word: Word::Approve,
            grounds: strongroom_protocol::statement::Grounds::default(),
            created: embedded.clock.now(),
        };
        said.created = said.created.plus_millis(place);
        session.submit(&SignedStatement::sign(said, &ada.keys[0]))
    };
    let taken = (0..100).take_while(|place| say(*place).is_ok()).count();
    assert_eq!(taken, 16);
    submit(&session, &bob.say(Word::Approve, &asked));

    // What lapsed is not open, though there are more of it than one act records.
    embedded.clock.advance_millis(31 * DAY);
    ask(&flooding).unwrap();
    change(&ada.keys[0]).unwrap();
}

/// Who only enrolls has no say in what becomes of others' keys.
#[test]
fn an_invented_owner_blocks_no_change() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut alice = Owner::enrolled(&session, 1);
    submit(&session, &alice.deposit(1));
    let invented = Owner::enrolled(&session, 2);
    let about = embedded.service.about();
    let old = about.found().policy.clone();
    let mut to = old.clone();
    to.lapse_millis += 1;
    let change = person::ask_change(about, &old, to, embedded.clock.now(), &alice.device);
    submit(&session, &change);
    is_refused(&session, &invented.evidence_for(&change), Refusal::Author);
    assert!(session.about().unwrap().policy.is_none());
    submit(&session, &alice.evidence_for(&change));
    assert!(session.about().unwrap().policy.is_some());
}

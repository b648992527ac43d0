//! Statements that are not recorded: each refusal, and that it leaves no entry.

use strongroom_protocol::id::{AuthorityId, Digest, Serial, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Decision, Deposit, Enroll, Scope, SignedStatement, Verdict};
use strongroom_protocol::wrap::SecretKey;

use super::{Setting, assert_refused};
use crate::TestClock;
use crate::owner::{Owner, submit};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let mut setting = || {
        let setting = found(Policy::code_alone());
        let before = setting.size();
        assert_eq!(before, 1);
        setting
    };
    only_an_owners_devices_deposit(&setting());
    an_owner_is_enrolled_once(&setting());
    what_is_sealed_to_another_key_is_refused(&setting());
    what_is_for_another_authority_is_refused(&setting());
    what_only_the_authority_says_is_refused(&setting());
    a_request_lasts_no_longer_than_the_policy_lets_it(&setting());
    a_request_names_the_policy_in_force(&setting());
    a_request_is_for_what_is_there(&setting());
    a_missing_owner_and_a_missing_serial_are_answered_alike(&setting());
    evidence_and_vetoes_are_by_those_who_may(&setting());
    a_request_signed_again_is_the_same_request(&setting());
}

fn only_an_owners_devices_deposit(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let mut unknown = Owner::new(&setting.about(), 2);
    assert_refused!(authority.submit(&unknown.deposit(1)), Author);
    let stranger = std::mem::replace(&mut owner.device, SigningKey::from_seed(&[7; 32]));
    assert_refused!(authority.submit(&owner.deposit(1)), Author);
    owner.device = SigningKey::from_seed(owner.code.expose_seed());
    assert_refused!(authority.submit(&owner.deposit(1)), Author);
    owner.device = stranger;
    submit(&*authority, &owner.deposit(1));
    assert_eq!(setting.size(), 3);
}

fn an_owner_is_enrolled_once(setting: &Setting) {
    let authority = setting.operator();
    let owner = Owner::enrolled(&*authority, 1);
    let mut thief = Owner::new(&setting.about(), 2);
    thief.id = owner.id;
    assert_refused!(authority.submit(&thief.enrolment()), OwnerExists);
    let enroll = Enroll {
        authority: setting.about().authority(),
        owner: owner.id,
        device_key: owner.device.verifying_key(),
        code_key: thief.code.verifying_key(),
        created: Time::from_millis(2),
    };
    let changed = SignedStatement::sign(enroll, &owner.device);
    assert_refused!(authority.submit(&changed), OwnerExists);
    assert_refused!(authority.submit(&thief.deposit(1)), Author);
    assert_eq!(setting.size(), 2);
}

fn what_is_sealed_to_another_key_is_refused(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let other = SecretKey::generate(&mut owner.rng).public_key();
    let drafts = [owner.draft()];
    let id = setting.about().authority();
    let deposit = Deposit::seal(id, &other, owner.id, &drafts, &mut owner.rng).unwrap();
    let deposit = SignedStatement::sign(deposit, &owner.device);
    assert_refused!(authority.submit(&deposit), WrapKey);
    assert_eq!(setting.size(), 2);
}

fn what_is_for_another_authority_is_refused(setting: &Setting) {
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = Owner::enrolled(&*authority, 1);
    submit(&*authority, &owner.deposit(1));
    let other = AuthorityId::from_bytes([9; 32]);
    let drafts = [owner.draft()];
    let wrap_key = &about.found().wrap_key;
    let deposit = Deposit::seal(other, wrap_key, owner.id, &drafts, &mut owner.rng).unwrap();
    let deposit = SignedStatement::sign(deposit, &owner.device);
    assert_refused!(authority.submit(&deposit), OtherAuthority);
    let scope = owner.everything(&*authority);
    let asked = owner.ask_with(scope, setting.now(), |request| request.authority = other);
    assert_refused!(authority.submit(&asked.statement), OtherAuthority);
    let enroll = Enroll {
        authority: other,
        owner: strongroom_protocol::id::OwnerId::generate(&mut owner.rng),
        device_key: owner.device.verifying_key(),
        code_key: owner.code.verifying_key(),
        created: Time::from_millis(1),
    };
    let enroll = SignedStatement::sign(enroll, &owner.device);
    assert_refused!(authority.submit(&enroll), OtherAuthority);
    assert_eq!(setting.size(), 3);
}

fn what_only_the_authority_says_is_refused(setting: &Setting) {
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = Owner::enrolled(&*authority, 1);
    submit(&*authority, &owner.deposit(1));
    assert_refused!(authority.submit(about.statement()), AuthoritysOwn);
    let scope = owner.everything(&*authority);
    let asked = owner.ask(scope, setting.now());
    submit(&*authority, &asked.statement);
    let decision = Decision {
        authority: about.authority(),
        request: asked.request().digest(),
        policy: about.found().policy.digest(),
        evidence: Vec::new(),
        approvals: Vec::new(),
        asker: None,
        verdict: Verdict::Approved,
        not_after: asked.request().expires,
    };
    let decision = SignedStatement::sign(decision, &owner.device);
    assert_refused!(authority.submit(&decision), AuthoritysOwn);
    assert_eq!(setting.size(), 4);
}

fn a_request_lasts_no_longer_than_the_policy_lets_it(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    submit(&*authority, &owner.deposit(1));
    let scope = owner.everything(&*authority);
    let now = setting.now();
    let lapse = setting.about().found().policy.lapse_millis;
    for expires in [
        Time::from_millis(0),
        now,
        now.plus_millis(lapse + TestClock::DAY_MILLIS),
        Time::from_millis(u64::MAX),
    ] {
        let asked = owner.ask_with(scope.clone(), now, |request| request.expires = expires);
        assert_refused!(authority.submit(&asked.statement), Expiry);
    }
    // An asker's clock may be a little ahead.
    let asked = owner.ask(scope, now.plus_millis(60_000));
    submit(&*authority, &asked.statement);
}

fn a_request_names_the_policy_in_force(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    submit(&*authority, &owner.deposit(1));
    let scope = owner.everything(&*authority);
    let asked = owner.ask_with(scope, setting.now(), |request| {
        request.policy = Digest::of(&[b"another policy"]);
    });
    assert_refused!(authority.submit(&asked.statement), Policy);
}

fn a_request_is_for_what_is_there(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let mut other = Owner::enrolled(&*authority, 2);
    let now = setting.now();
    let nothing = owner.everything(&*authority);
    let asked = owner.ask(nothing, now);
    assert_refused!(authority.submit(&asked.statement), Holdings);
    submit(&*authority, &owner.deposit(2));
    submit(&*authority, &other.deposit(1));
    let held = authority.holdings(owner.id).unwrap();
    let everything = |tree_size, count, serials| Scope::Everything {
        tree_size,
        count,
        serials,
    };
    let own: Vec<Serial> = owner.keys.keys().copied().collect();
    let others = *other.keys.keys().next().unwrap();
    let missing = Serial::generate(&mut owner.rng);
    for scope in [
        everything(held.tree_size + 1, held.count, held.serials),
        everything(u64::MAX, held.count, held.serials),
        everything(held.tree_size, 1, held.serials),
        everything(held.tree_size, held.count, Digest::of(&[])),
        everything(3, held.count, held.serials),
        everything(0, 0, Scope::serials_digest(&[])),
        Scope::of([own[0], missing]).unwrap(),
        Scope::of([own[0], own[1], others]).unwrap(),
    ] {
        let asked = owner.ask(scope.clone(), now);
        match authority.submit(&asked.statement) {
            Err(strongroom_protocol::SubmitError::Refused(
                strongroom_protocol::Refusal::Holdings { missing: said },
            )) => {
                // The first that is not there is named, and none that is.
                let named = match &scope {
                    Scope::Everything { .. } => None,
                    Scope::Serials(serials) => {
                        serials.iter().find(|serial| !own.contains(serial)).copied()
                    }
                };
                assert_eq!(said, named);
            }
            other => panic!("{scope:?} was answered with {other:?}"),
        }
    }
    for scope in [
        everything(held.tree_size, held.count, held.serials),
        Scope::of(own).unwrap(),
    ] {
        let asked = owner.ask(scope, now);
        submit(&*authority, &asked.statement);
    }
}

fn a_missing_owner_and_a_missing_serial_are_answered_alike(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let mut unknown = Owner::new(&setting.about(), 2);
    let now = setting.now();
    let held = authority.holdings(unknown.id).unwrap();
    assert_eq!((held.count, held.serials), (0, Scope::serials_digest(&[])));
    for asking in [&mut owner, &mut unknown] {
        let serial = Serial::generate(&mut asking.rng);
        let asked = asking.ask(Scope::of([serial]).unwrap(), now);
        assert_refused!(authority.submit(&asked.statement), Holdings);
        // Evidence and vetoes for what was never recorded, likewise.
        assert_refused!(authority.submit(&asking.evidence(&asked)), Author);
        let veto = asking.veto_by(&asked, &asking.device);
        assert_refused!(authority.submit(&veto), Author);
    }
}

fn evidence_and_vetoes_are_by_those_who_may(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let thief = Owner::enrolled(&*authority, 2);
    submit(&*authority, &owner.deposit(1));
    let scope = owner.everything(&*authority);
    let asked = owner.ask(scope, setting.now());
    submit(&*authority, &asked.statement);
    for key in [&thief.code, &thief.device, &owner.device, &asked.device] {
        let evidence = owner.evidence_by(&asked, key);
        assert_refused!(authority.submit(&evidence), Author);
    }
    for key in [&thief.code, &thief.device, &owner.code, &asked.device] {
        let veto = owner.veto_by(&asked, key);
        assert_refused!(authority.submit(&veto), Author);
    }
    assert_eq!(setting.size(), 5);
    submit(&*authority, &owner.evidence(&asked));
    // It is decided: other words for it come too late.
    let late = owner.ask(owner.everything(&*authority), setting.now());
    submit(&*authority, &late.statement);
    setting.clock.advance_millis(31 * TestClock::DAY_MILLIS);
    assert_refused!(authority.submit(&owner.evidence(&late)), Ended);
    let veto = owner.veto_by(&late, &owner.device);
    assert_refused!(authority.submit(&veto), Ended);
}

fn a_request_signed_again_is_the_same_request(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    submit(&*authority, &owner.deposit(1));
    let scope = owner.everything(&*authority);
    let asked = owner.ask(scope, setting.now());
    let first = submit(&*authority, &asked.statement);
    // By another key it is not a request at all; by the same one it is the same statement.
    let other = SignedStatement::sign(asked.request().clone(), &owner.device);
    assert!(SignedStatement::parse(other.as_bytes()).is_err());
    let same = SignedStatement::sign(asked.request().clone(), &asked.device);
    assert_eq!(submit(&*authority, &same).index(), first.index());
}

//! Devices by the log: whose deposits are the owner's follows from enrolments and decisions, and from nobody's word.

use std::fs;

use strongroom_client::connection::ExchangeError;
use strongroom_client::recover::Wanted;
use strongroom_client::{Client, ConnectError};

use strongroom_protocol::id::Clock;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Asker, Group, Officer, Policy, Rule, SubjectState};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Decision, Grounds, Scope, SignedStatement, Statement, Verdict, Word,
};
use strongroom_protocol::{Authority, Select};
use strongroom_testkit::{
    Asked, HostileAuthority, Owner, Trick, ask_change, change_of, listed, look, say, speak, submit,
};

use crate::fixture::{HOME, World};
use crate::hostile::lying;

/// The seed of an owner who may ask for others' keys.
pub(crate) const COLLEAGUE: u64 = 3;

/// A policy by which two officers give an owner's keys to whoever says to be them, and one to the colleague who asks for
/// another's.
pub(crate) fn policy(officer: &SigningKey) -> Policy {
    let mut policy = crate::officer::policy(officer);
    policy.officers.push(Officer {
        name: "cid".to_owned(),
        keys: vec![other_officer().verifying_key()],
        owner: Some(Owner::id_of(COLLEAGUE)),
    });
    policy.groups.push(Group {
        name: "askers".to_owned(),
        need: 1,
        of: vec!["cid".to_owned()],
    });
    policy.groups.push(Group {
        name: "two".to_owned(),
        need: 2,
        of: vec!["ada".to_owned(), "cid".to_owned()],
    });
    policy.rules = vec![
        Rule {
            asker: Asker::Anyone,
            evidence: Vec::new(),
            approvals: Some("two".to_owned()),
            wait_millis: 1,
            veto: true,
            ..Rule::code_alone("two")
        },
        Rule {
            asker: Asker::Group("askers".to_owned()),
            evidence: Vec::new(),
            approvals: Some("one".to_owned()),
            ..Rule::code_alone("leavers")
        },
    ];
    policy
}

fn officer() -> SigningKey {
    SigningKey::from_seed(&[9; 32])
}

pub(crate) fn other_officer() -> SigningKey {
    SigningKey::from_seed(&[8; 32])
}

/// Connects, and returns what the home has of a deposit then.
fn state(world: &mut World, deposit: &SignedStatement) -> Option<DepositState> {
    let Statement::Deposit(made) = deposit.statement() else {
        panic!("a deposit");
    };
    let serial = made.keys()[0].label.serial;
    world
        .with_client(|client| client.home().deposit(serial).unwrap())
        .unwrap()
        .map(|deposit| deposit.state)
}

/// Shows the home a deposit that no honest authority takes, and expects it to be refused.
#[track_caller]
fn is_refused(world: &mut World, deposit: SignedStatement) {
    let before = world.contents(HOME).deposits.len();
    let liar = lying(world, Trick::ListingWithStrangers(vec![deposit]));
    // It has it in its log, and shows that it has.
    let _ = liar.entries(Select::Owner(world.owner), 0);
    let refused = world.with_authority(&liar, |_| ()).unwrap_err();
    let ConnectError::Exchange(ExchangeError::Wrong { what, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(what.contains("none of the owner's devices"), "{what}");
    assert_eq!(world.contents(HOME).deposits.len(), before);
}

/// Lets a device of another owner's ask for this owner's keys.
pub(crate) fn ask(world: &World, other: &mut Owner) -> Asked {
    let operator = world.operator();
    let held = operator.holdings(world.owner).unwrap();
    let scope = Scope::Everything {
        tree_size: held.tree_size,
        count: held.count,
        serials: held.serials,
    };
    let policy = world.home().membership().unwrap().unwrap();
    let policy = policy.founding.found().policy.digest();
    let device = SigningKey::from_seed(other.device.expose_seed());
    let asked = other.ask_by(device, scope, world.clock.now(), |request| {
        request.owner = world.owner;
        request.policy = policy;
    });
    submit(&operator, &asked.statement);
    asked
}

fn decided(world: &World, asked: &Asked) -> SubjectState {
    let subject = look(&world.operator(), asked.statement.id()).unwrap();
    subject.standing(world.clock.now()).0
}

#[test]
fn the_device_of_the_enrolment_deposits_in_the_owners_name() {
    let mut world = World::new();
    let device = world.device_at(HOME);
    let deposit = world.deposit_signed_by(&device, 1);
    submit(&world.session_of(HOME), &deposit);
    assert_eq!(state(&mut world, &deposit), Some(DepositState::Verified));
    assert!(world.home().is_device(&device.verifying_key()).unwrap());
}

#[test]
fn a_device_whose_request_was_approved_deposits_in_the_owners_name() {
    let mut world = World::new();
    world.encrypt("letter", "dear reader");
    world.rejoin("second");
    let second = world.device_at("second");
    world.recover_at("second", &Wanted::Everything).unwrap();
    let deposit = world.deposit_signed_by(&second, 1);
    submit(&world.session_of("second"), &deposit);
    assert_eq!(state(&mut world, &deposit), Some(DepositState::Verified));
    assert!(world.home().is_device(&second.verifying_key()).unwrap());
}

#[test]
fn a_device_whose_request_waits_or_was_denied_does_not() {
    let officer = officer();
    let mut world = World::under(policy(&officer));
    world.encrypt("letter", "dear reader");
    let mut other = Owner::new(&world.operator().about().unwrap().founding, 4);
    let asked = ask(&world, &mut other);
    let deposit = world.deposit_signed_by(&other.device, 1);
    is_refused(&mut world, deposit);
    submit(&world.operator(), &say(Word::Deny, &asked, &officer));
    let denied = SubjectState::Decided(Verdict::Denied);
    assert_eq!(decided(&world, &asked), denied);
    let deposit = world.deposit_signed_by(&other.device, 1);
    is_refused(&mut world, deposit);
    world.with_client(|_| ()).unwrap();
    let device = other.device.verifying_key();
    assert!(!world.home().is_device(&device).unwrap());
}

#[test]
fn whoever_has_the_log_key_alone_makes_no_device_the_owners() {
    let officer = officer();
    let mut world = World::under(policy(&officer));
    world.encrypt("letter", "dear reader");
    let operator = world.operator();
    let mut thief = Owner::new(&operator.about().unwrap().founding, 4);
    let asked = ask(&world, &mut thief);
    let request = asked.request();
    // What the thief says itself, whatever the authority makes of it.
    let evidence = thief.evidence_by(&asked, &thief.code);
    let approval = say(Word::Approve, &asked, &SigningKey::from_seed(&[7; 32]));
    let log_key = HostileAuthority::steal_log_key(&world.path("authority"));
    let decided_by = |evidence: &[&SignedStatement], approvals: &[&SignedStatement]| {
        let ids = |said: &[&SignedStatement]| said.iter().map(|said| said.id()).collect();
        let decision = Decision {
            authority: world.authority,
            request: request.digest(),
            policy: request.policy,
            evidence: ids(evidence),
            approvals: ids(approvals),
            asker: None,
            verdict: Verdict::Approved,
            not_after: request.expires,
        };
        SignedStatement::sign(decision, &log_key)
    };
    let forged = [
        decided_by(&[], &[]),
        decided_by(&[&evidence], &[]),
        decided_by(&[], &[&approval]),
    ];
    // A policy with an officer of the thief's, which was asked for and never approved by whoever must.
    let (founded, own_officer) = (
        operator.about().unwrap().founding,
        SigningKey::from_seed(&[6; 32]),
    );
    let own = policy(&own_officer);
    let (digest, now) = (own.digest(), world.clock.now());
    let change = ask_change(&founded, &founded.found().policy, own, now, &thief.device);
    let word = speak(
        Word::Approve,
        world.authority,
        request.digest(),
        digest,
        &own_officer,
    );
    let by_own = Decision {
        authority: world.authority,
        request: request.digest(),
        policy: digest,
        evidence: Vec::new(),
        approvals: vec![word.id()],
        asker: None,
        verdict: Verdict::Approved,
        not_after: request.expires,
    };
    let code = thief.evidence_for(&change);
    let of_change = Decision {
        request: change_of(&change).digest(),
        policy: founded.found().policy.digest(),
        evidence: vec![code.id()],
        approvals: Vec::new(),
        ..by_own.clone()
    };
    let [by_own, of_change] = [by_own, of_change].map(|made| SignedStatement::sign(made, &log_key));
    drop(operator);
    let [nothing, by_code, by_officer] = forged;
    let device = thief.device.verifying_key();
    world.copy_home(HOME, "before");
    for strangers in [
        vec![change.clone(), word, by_own],
        vec![change, code, of_change],
        vec![nothing],
        vec![evidence, by_code],
        vec![approval, by_officer],
    ] {
        let liar = lying(&mut world, Trick::ListingWithStrangers(strangers));
        let _ = liar.entries(Select::Owner(world.owner), 0);
        let shown = world.with_authority(&liar, |_| ()).unwrap_err();
        let ConnectError::Exchange(ExchangeError::Wrong { what, .. }) = shown else {
            panic!("{shown:?}");
        };
        assert!(what.contains("a decision"), "{what}");
        assert!(!world.home().is_device(&device).unwrap());
        fs::remove_dir_all(world.path(HOME)).unwrap();
        world.copy_home("before", HOME);
    }
}

/// Who was an officer when it was asked, and has the log key, but was taken out of the policy since.
#[test]
fn who_is_no_officer_any_more_makes_no_device_the_owners_with_the_log_key() {
    let (officer, gone) = (officer(), other_officer());
    let mut world = World::under(policy(&officer));
    world.encrypt("letter", "dear reader");
    let operator = world.operator();
    let founded = operator.about().unwrap().founding;
    let old = founded.found().policy.clone();
    let mut thief = Owner::new(&founded, 4);
    let asked = ask(&world, &mut thief);
    let request = asked.request();
    let words = [&officer, &gone].map(|key| say(Word::Approve, &asked, key));
    // By everybody's code, `gone` is none.
    let mut to = old.clone();
    to.officers
        .retain(|known| known.keys != [gone.verifying_key()]);
    to.officers.push(Officer {
        name: "dan".to_owned(),
        keys: vec![SigningKey::from_seed(&[5; 32]).verifying_key()],
        owner: None,
    });
    for group in &mut to.groups {
        group
            .of
            .iter_mut()
            .filter(|name| *name == "cid")
            .for_each(|name| "dan".clone_into(name));
    }
    let device = world.device_at(HOME);
    let change = ask_change(&founded, &old, to, world.clock.now(), &device);
    submit(&operator, &change);
    let evidence = strongroom_protocol::statement::Evidence {
        authority: world.authority,
        request: change_of(&change).digest(),
        kind: strongroom_protocol::statement::EvidenceKind::RecoveryCode,
    };
    let code = world.code.signing_key(world.authority).unwrap();
    submit(&operator, &SignedStatement::sign(evidence, &code));
    assert!(operator.about().unwrap().policy.is_some());
    let log_key = HostileAuthority::steal_log_key(&world.path("authority"));
    let decided_on = |approvals: &[&SignedStatement]| {
        let decision = Decision {
            authority: world.authority,
            request: request.digest(),
            policy: request.policy,
            evidence: Vec::new(),
            approvals: approvals.iter().map(|said| said.id()).collect(),
            asker: None,
            verdict: Verdict::Approved,
            not_after: request.expires,
        };
        SignedStatement::sign(decision, &log_key)
    };
    let [by_officer, by_gone] = words;
    let forged = decided_on(&[&by_gone]);
    drop(operator);
    world.copy_home(HOME, "before");
    let liar = lying(
        &mut world,
        Trick::ListingWithStrangers(vec![by_officer, by_gone, forged]),
    );
    let _ = liar.entries(Select::Owner(world.owner), 0);
    let shown = world.with_authority(&liar, |_| ()).unwrap_err();
    let ConnectError::Exchange(ExchangeError::Wrong { what, .. }) = shown else {
        panic!("{shown:?}");
    };
    assert!(what.contains("a decision"), "{what}");
    let thiefs = thief.device.verifying_key();
    assert!(!world.home().is_device(&thiefs).unwrap());
}

#[test]
fn a_device_that_officers_made_the_owners_is() {
    let officer = officer();
    let mut world = World::under(policy(&officer));
    world.encrypt("letter", "dear reader");
    // Nobody's device before: whoever lost machine and code.
    let mut lost = Owner::new(&world.operator().about().unwrap().founding, 4);
    let asked = ask(&world, &mut lost);
    world.clock.advance_millis(1);
    for officer in [&officer, &other_officer()] {
        submit(&world.operator(), &say(Word::Approve, &asked, officer));
    }
    let approved = SubjectState::Decided(Verdict::Approved);
    assert_eq!(decided(&world, &asked), approved);
    let deposit = world.deposit_signed_by(&lost.device, 1);
    submit(&world.operator(), &deposit);
    assert_eq!(state(&mut world, &deposit), Some(DepositState::Verified));
}

#[test]
fn a_device_of_another_owner_to_whom_officers_gave_this_owners_keys_is_not_this_owners() {
    let officer = officer();
    let mut world = World::under(policy(&officer));
    world.encrypt("letter", "dear reader");
    let operator = world.operator();
    let mut colleague = Owner::enrolled(&operator, COLLEAGUE);
    let asked = ask(&world, &mut colleague);
    submit(&operator, &say(Word::Approve, &asked, &officer));
    let approved = SubjectState::Decided(Verdict::Approved);
    assert_eq!(decided(&world, &asked), approved);
    operator.release(asked.statement.id(), 0).unwrap();
    assert_eq!(decided(&world, &asked), SubjectState::Released);
    drop(operator);
    // The keys left, as the owner's home reads; the authority takes no deposit of that device in this owner's name ..
    world.with_client(|_| ()).unwrap();
    let device = colleague.device.verifying_key();
    assert!(!world.home().is_device(&device).unwrap());
    let deposit = world.deposit_signed_by(&colleague.device, 1);
    assert!(world.operator().submit(&deposit).is_err());
    // .. and the home believes none.
    is_refused(&mut world, deposit);
}

#[test]
fn what_a_home_asks_of_anothers_keys_is_read_as_the_log_has_it() {
    let mut world = World::new();
    let other = {
        let operator = world.operator();
        let mut other = Owner::enrolled(&operator, 4);
        submit(&operator, &other.deposit(1));
        other
    };
    let ask = |client: &mut Client<'_>| {
        let (wanted, why) = (Wanted::Everything, Grounds::default());
        client
            .request_recovery_for(other.id, &wanted, &why)
            .unwrap();
    };
    world.with_client(ask).unwrap();
    // No rule is for it: that is decided at once, and the home reads both.
    world.with_client(|_| ()).unwrap();
    let contents = world.contents(HOME);
    let truth = listed(&world.operator(), Select::Owner(world.owner));
    let ids: Vec<_> = contents.entries.iter().map(|(_, id)| &id[..]).collect();
    let truth: Vec<_> = truth.iter().map(|id| &id.as_bytes()[..]).collect();
    assert_eq!(ids, truth);
}

#[test]
fn a_device_key_that_is_replaced_in_the_home_is_not_the_owners_before_a_recovery() {
    let mut world = World::new();
    world.encrypt("letter", "dear reader");
    fs::remove_file(world.path("home/device.key")).unwrap();
    let device = world.device_at(HOME);
    // It is shown nothing, and that is no error.
    world.with_client(|_| ()).unwrap();
    assert!(!world.home().is_device(&device.verifying_key()).unwrap());
    world.recover(&Wanted::Everything).unwrap();
    assert!(world.home().is_device(&device.verifying_key()).unwrap());
    let deposit = world.deposit_signed_by(&device, 1);
    submit(&world.session_of(HOME), &deposit);
    assert_eq!(state(&mut world, &deposit), Some(DepositState::Verified));
}

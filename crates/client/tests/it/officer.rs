//! An officer's desk before an authority that lies: what is not shown to be so is not shown to the officer.

use std::sync::Arc;

use strongroom_authority::{Caller, Service, Session};
use strongroom_client::connection::ExchangeError;
use strongroom_client::officer::{AfterWord, Desk, FindError, Pin, SayError};
use strongroom_protocol::id::{AuthorityId, Clock, Digest, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Group, Officer, Policy, Rule};
use strongroom_protocol::statement::{
    Decision, Grounds, PolicyChange, SignedStatement, Statement, Verdict, Word,
};
use strongroom_protocol::{About, Authority, Recorded, Select, SubjectView, Succession};
use strongroom_testkit::{Asked, HostileAuthority, Owner, TestClock, TestRng, submit};
use tempfile::TempDir;

use crate::liar::Liar;

/// An authority with one officer, whose word is enough, and an owner who asks and has shown their code.
struct World {
    folder: TempDir,
    clock: Arc<TestClock>,
    service: Service,
    officer: SigningKey,
    asked: Asked,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let officer = SigningKey::from_seed(&[9; 32]);
        let place = folder.path().join("authority");
        let policy = policy(&officer);
        let service = Service::found(&place, policy, clock.clone(), TestRng::new(1)).unwrap();
        let operator = service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&operator, 2);
        submit(&operator, &owner.deposit(2));
        let asked = owner.ask(owner.everything(&operator), clock.now());
        submit(&operator, &asked.statement);
        submit(&operator, &owner.evidence(&asked));
        drop(operator);
        Self {
            folder,
            clock,
            service,
            officer,
            asked,
        }
    }

    /// The authority as the officer meets it.
    fn honest(&self) -> Session {
        let caller = Caller::Device(self.officer.verifying_key());
        self.service.session(caller)
    }

    fn liar(&self) -> Liar {
        Liar::before(self.honest())
    }

    fn desk<'d>(&'d self, authority: &'d dyn Authority) -> Desk<'d> {
        Desk::open(authority, None, &self.officer, self.clock.now()).unwrap()
    }

    /// An entry of the log, as it is shown to the operator.
    fn entry(&self, index: usize) -> Recorded {
        let operator = self.service.session(Caller::Operator);
        let select = Select::Owner(self.asked.request().owner);
        operator.entries(select, 0).unwrap().items.remove(index)
    }

    fn log_key(&self) -> SigningKey {
        HostileAuthority::steal_log_key(&self.folder.path().join("authority"))
    }
}

pub(crate) fn policy(officer: &SigningKey) -> Policy {
    let mut policy = Policy::code_alone();
    policy.officers.push(Officer {
        name: "ada".to_owned(),
        keys: vec![officer.verifying_key()],
        owner: None,
    });
    policy.groups.push(Group {
        name: "one".to_owned(),
        need: 1,
        of: vec!["ada".to_owned()],
    });
    policy.rules = vec![Rule {
        approvals: Some("one".to_owned()),
        ..Rule::code_alone("officers")
    }];
    policy
}

#[test]
fn an_officer_approves_what_is_in_the_log_and_the_authority_decides() {
    let world = World::new();
    let authority = world.honest();
    let desk = world.desk(&authority);
    let open = desk.subjects(false).unwrap().read;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].digest(), world.asked.request().digest());
    assert_eq!(open[0].keys(), 2);
    let AfterWord::Stands(subject) = desk.say(&open[0], Word::Approve, why()).unwrap() else {
        panic!("the officer is one still");
    };
    assert!(subject.is_approved());
    let said = subject.said();
    assert!(said.iter().any(|said| said.grounds == Some(why())));
    assert!(matches!(
        desk.say(&subject, Word::Approve, why()),
        Err(SayError::Ended(_))
    ));
    // It is the officers' until its keys are out.
    let [approved] = &desk.subjects(true).unwrap().read[..] else {
        panic!("one was asked");
    };
    assert!(approved.is_approved());
    assert!(desk.subjects(false).unwrap().read.is_empty());
    // What was seen last is held against it the next time.
    let pin = Pin::parse(&desk.pin().to_text()).unwrap();
    Desk::open(&authority, Some(&pin), &world.officer, world.clock.now()).unwrap();
}

fn why() -> Grounds {
    Grounds::new("I know the caller".to_owned()).unwrap()
}

#[test]
fn a_policy_that_nothing_put_in_force_is_not_believed() {
    let world = World::new();
    let (about, log_key) = (world.service.about(), world.log_key());
    let loose = Policy::code_alone();
    let change = PolicyChange {
        authority: about.authority(),
        policy: loose,
        replaces: about.found().policy.digest(),
        grounds: Grounds::default(),
        created: Time::from_millis(1),
        expires: Time::from_millis(2),
    };
    let decision = Decision {
        authority: about.authority(),
        request: change.digest(),
        policy: change.replaces,
        evidence: Vec::new(),
        approvals: Vec::new(),
        asker: None,
        verdict: Verdict::Approved,
        not_after: Time::from_millis(2),
    };
    let receipt = world.entry(0).receipt;
    let change = SignedStatement::sign(change, &world.officer);
    let by = |decision: Decision, key: &SigningKey| Succession {
        change: change.clone(),
        decision: Recorded {
            statement: SignedStatement::sign(decision, key),
            receipt: receipt.clone(),
        },
    };
    let refused = |succession: Succession| {
        let liar = world.liar().about(move |about| About {
            policy: Some(succession.clone()),
            ..about
        });
        world.desk(&liar).policy().unwrap_err()
    };
    let other = Digest::from_bytes([0; 32]);
    let right = by(decision.clone(), &log_key);
    for succession in [
        by(decision.clone(), &world.officer),
        by(
            Decision {
                request: other,
                ..decision.clone()
            },
            &log_key,
        ),
        by(
            Decision {
                policy: other,
                ..decision.clone()
            },
            &log_key,
        ),
        by(
            Decision {
                verdict: Verdict::Denied,
                ..decision
            },
            &log_key,
        ),
        Succession {
            change: world.asked.statement.clone(),
            ..right.clone()
        },
        Succession {
            decision: world.entry(0),
            ..right.clone()
        },
    ] {
        let error = refused(succession);
        assert!(matches!(error, ExchangeError::Policy), "{error:?}");
    }
    // All is right with it, and it is not in the log.
    let error = refused(right);
    assert!(matches!(error, ExchangeError::Receipt(_)), "{error:?}");
}

#[test]
fn a_request_that_is_not_in_the_log_is_not_shown() {
    let world = World::new();
    let mut owner = Owner::new(world.service.about(), 5);
    let other = owner.ask(world.asked.request().scope.clone(), world.clock.now());
    let (id, other) = (other.statement.id(), other.statement);
    // In the place of the one that is, with the receipt of that.
    let shown = other.clone();
    let liar = world.liar().entries(move |honest, select, from| {
        let mut page = honest.entries(select, from)?;
        for item in &mut page.items {
            item.statement = shown.clone();
        }
        Ok(page)
    });
    let error = world.desk(&liar).find(&id.to_string()).unwrap_err();
    assert!(
        matches!(error, FindError::Exchange(ExchangeError::Receipt(_))),
        "{error:?}"
    );
    // Or only when it is looked at.
    let liar = world.liar().subject(move |mut view| {
        view.asked.statement = other.clone();
        view
    });
    let error = world.desk(&liar).subjects(true).unwrap_err();
    assert!(matches!(error, ExchangeError::Subject), "{error:?}");
}

#[test]
fn a_request_that_does_not_hold_together_is_not_shown() {
    let world = World::new();
    let honest = world.honest();
    let desk = world.desk(&honest);
    let subject = desk.subjects(false).unwrap().read.remove(0);
    desk.say(&subject, Word::Deny, why()).unwrap();
    let decided = honest.subject(world.asked.statement.id()).unwrap();
    let Statement::Decision(decision) = decided.decision.unwrap().statement.statement().clone()
    else {
        panic!("it was denied");
    };
    let (receipt, log_key) = (world.entry(0).receipt, world.log_key());
    let by = |decision: Decision, key: &SigningKey| Recorded {
        statement: SignedStatement::sign(decision, key),
        receipt: receipt.clone(),
    };
    let refused = |lie: Box<dyn Fn(&mut SubjectView) + Send + Sync>| {
        let liar = world.liar().subject(move |mut view| {
            lie(&mut view);
            view
        });
        world.desk(&liar).subjects(true).unwrap_err()
    };
    // Another policy than the one that it names; a decision by somebody else, or none at all of one.
    let by_officer = by(decision.clone(), &world.officer);
    let no_decision = world.entry(0);
    for lie in [
        Box::new(|view: &mut SubjectView| view.policy = Policy::code_alone())
            as Box<dyn Fn(&mut SubjectView) + Send + Sync>,
        Box::new(move |view| view.decision = Some(by_officer.clone())),
        Box::new(move |view| view.decision = Some(no_decision.clone())),
    ] {
        let error = refused(lie);
        assert!(matches!(error, ExchangeError::Subject), "{error:?}");
    }
    // The authority's own, which is not in its log.
    let forged = by(
        Decision {
            verdict: Verdict::Approved,
            ..decision
        },
        &log_key,
    );
    let error = refused(Box::new(move |view| view.decision = Some(forged.clone())));
    assert!(matches!(error, ExchangeError::Receipt(_)), "{error:?}");
}

#[test]
fn another_authority_and_a_log_that_shrank_are_refused() {
    let world = World::new();
    let honest = world.honest();
    let liar = world.liar().checkpoint(honest.checkpoint().unwrap());
    let pin = {
        let desk = world.desk(&honest);
        let subject = desk.subjects(false).unwrap().read.remove(0);
        desk.say(&subject, Word::Deny, why()).unwrap();
        desk.pin()
    };
    let now = world.clock.now();
    let error = Desk::open(&liar, Some(&pin), &world.officer, now).err();
    assert!(
        matches!(error, Some(ExchangeError::LogShrunk { .. })),
        "{error:?}"
    );
    let other = Pin {
        authority: AuthorityId::from_bytes([1; 32]),
        seen: None,
    };
    let error = Desk::open(&honest, Some(&other), &world.officer, now).err();
    assert!(
        matches!(error, Some(ExchangeError::OtherAuthority { .. })),
        "{error:?}"
    );
}

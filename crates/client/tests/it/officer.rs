//! An officer's desk before an authority that lies: what is not shown to be so is not shown to the officer.

use std::sync::Arc;

use strongroom_authority::{Caller, Service};
use strongroom_client::connection::ExchangeError;
use strongroom_client::officer::{Desk, FindError, Pin, SayError};
use strongroom_protocol::id::{Clock, Digest, OwnerId, Serial, StatementId, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{ConsistencyProof, SignedCheckpoint};
use strongroom_protocol::policy::{Group, Officer, Policy, Rule};
use strongroom_protocol::receipt::Receipt;
use strongroom_protocol::statement::{
    Decision, Grounds, PolicyChange, SignedStatement, Verdict, Word,
};
use strongroom_protocol::{
    Authority, ChangeView, Deposited, Founding, Holdings, Page, PolicyView, QueryError,
    ReleaseError, ReleasePage, RequestView, SubmitError,
};

use strongroom_testkit::{Asked, HostileAuthority, Owner, TestClock, TestRng, submit};
use tempfile::TempDir;

/// An authority with one officer, whose word is enough, and an owner who asks.
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
        drop(operator);
        Self {
            folder,
            clock,
            service,
            officer,
            asked,
        }
    }

    fn liar(&self) -> Liar<'_> {
        let caller = Caller::Device(self.officer.verifying_key());
        Liar {
            honest: Box::new(self.service.session(caller)),
            policy: None,
            request: None,
            receipt: None,
            checkpoint: None,
        }
    }

    fn log_key(&self) -> SigningKey {
        HostileAuthority::steal_log_key(&self.folder.path().join("authority"))
    }
}

fn policy(officer: &SigningKey) -> Policy {
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
        evidence: Vec::new(),
        approvals: Some("one".to_owned()),
        ..Rule::code_alone("officers")
    }];
    policy
}

#[test]
fn an_officer_approves_what_is_in_the_log_and_the_authority_decides() {
    let world = World::new();
    let authority = world.liar();
    let mut desk = Desk::open(&authority, None, &world.officer).unwrap();
    let open = desk.subjects(false).unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].digest(), world.asked.request().digest());
    assert_eq!(open[0].keys(), 2);
    let now = world.clock.now();
    let subject = desk.say(&open[0], Word::Approve, why(), now).unwrap();
    assert!(subject.is_approved());
    let said = subject.said();
    assert!(said.iter().any(|said| said.grounds == Some(why())));
    assert!(matches!(
        desk.say(&subject, Word::Approve, why(), now),
        Err(SayError::Ended(_))
    ));
    assert!(desk.subjects(false).unwrap().is_empty());
    // What was seen last is held against it the next time.
    let pin = Pin::parse(&desk.pin().to_text()).unwrap();
    Desk::open(&authority, Some(&pin), &world.officer).unwrap();
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
        policy: loose.clone(),
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
        verdict: Verdict::Approved,
        not_after: Time::from_millis(2),
    };
    let receipt = world.service.session(Caller::Operator);
    let receipt = receipt.receipt(about.founding().id()).unwrap();
    let signed = SignedStatement::sign(change, &world.officer);
    let view = |decision: Decision, key: &SigningKey| PolicyView {
        policy: loose.clone(),
        decided: Some((
            signed.clone(),
            SignedStatement::sign(decision, key),
            receipt.clone(),
        )),
    };
    let refused = |view: PolicyView| {
        let mut liar = world.liar();
        liar.policy = Some(view);
        let mut desk = Desk::open(&liar, None, &world.officer).unwrap();
        desk.policy().unwrap_err()
    };
    let other = Digest::from_bytes([0; 32]);
    for view in [
        PolicyView {
            policy: loose.clone(),
            decided: None,
        },
        view(decision.clone(), &world.officer),
        view(
            Decision {
                request: other,
                ..decision.clone()
            },
            &log_key,
        ),
        view(
            Decision {
                policy: other,
                ..decision.clone()
            },
            &log_key,
        ),
        view(
            Decision {
                verdict: Verdict::Denied,
                ..decision.clone()
            },
            &log_key,
        ),
        PolicyView {
            policy: about.found().policy.clone(),
            ..view(decision.clone(), &log_key)
        },
    ] {
        let error = refused(view);
        assert!(matches!(error, ExchangeError::Policy), "{error:?}");
    }
    // All is right with it, and it is not in the log.
    let error = refused(view(decision, &log_key));
    assert!(matches!(error, ExchangeError::Receipt(_)), "{error:?}");
}

#[test]
fn a_request_that_is_not_in_the_log_is_not_shown() {
    let world = World::new();
    let operator = world.service.session(Caller::Operator);
    let mut view = operator.requests(None).unwrap().items.remove(0);
    let mut owner = Owner::new(world.service.about(), 5);
    let other = owner.ask(world.asked.request().scope.clone(), world.clock.now());
    view.request = other.statement.clone();
    let id = other.statement.id();
    let mut liar = world.liar();
    liar.request = Some(view);
    let desk = |liar: &Liar<'_>| {
        let mut desk = Desk::open(liar, None, &world.officer).unwrap();
        desk.find(&id.to_string()).unwrap_err()
    };
    let error = desk(&liar);
    assert!(
        matches!(
            error,
            FindError::Exchange(ExchangeError::Query(QueryError::NotFound))
        ),
        "{error:?}"
    );
    // With the receipt of the one that is.
    liar.receipt = Some(operator.receipt(world.asked.statement.id()).unwrap());
    let error = desk(&liar);
    assert!(
        matches!(error, FindError::Exchange(ExchangeError::Receipt(_))),
        "{error:?}"
    );
}

#[test]
fn another_authority_and_a_log_that_shrank_are_refused() {
    let world = World::new();
    let mut liar = world.liar();
    liar.checkpoint = Some(liar.honest.checkpoint().unwrap());
    let subject = {
        let honest = world.liar();
        let mut desk = Desk::open(&honest, None, &world.officer).unwrap();
        let subject = desk.subjects(false).unwrap().remove(0);
        let now = world.clock.now();
        desk.say(&subject, Word::Deny, why(), now).unwrap();
        desk.pin()
    };
    let error = Desk::open(&liar, Some(&subject), &world.officer).err();
    assert!(
        matches!(error, Some(ExchangeError::LogShrunk { .. })),
        "{error:?}"
    );
    let other = Pin {
        authority: strongroom_protocol::id::AuthorityId::from_bytes([1; 32]),
        seen: None,
    };
    let error = Desk::open(&world.liar(), Some(&other), &world.officer).err();
    assert!(
        matches!(error, Some(ExchangeError::OtherAuthority { .. })),
        "{error:?}"
    );
}

/// An honest authority but for what it is told to say.
struct Liar<'w> {
    honest: Box<dyn Authority + 'w>,
    policy: Option<PolicyView>,
    request: Option<RequestView>,
    receipt: Option<Receipt>,
    checkpoint: Option<SignedCheckpoint>,
}

impl Authority for Liar<'_> {
    fn about(&self) -> Result<Founding, QueryError> {
        self.honest.about()
    }

    fn submit(&self, statement: &SignedStatement) -> Result<Receipt, SubmitError> {
        self.honest.submit(statement)
    }

    fn receipt(&self, statement: StatementId) -> Result<Receipt, QueryError> {
        match &self.receipt {
            Some(receipt) => Ok(receipt.clone()),
            None => self.honest.receipt(statement),
        }
    }

    fn statement(&self, statement: StatementId) -> Result<SignedStatement, QueryError> {
        self.honest.statement(statement)
    }

    fn deposits(
        &self,
        owner: OwnerId,
        after: Option<Serial>,
    ) -> Result<Page<Deposited>, QueryError> {
        self.honest.deposits(owner, after)
    }

    fn holdings(&self, owner: OwnerId) -> Result<Holdings, QueryError> {
        self.honest.holdings(owner)
    }

    fn rsa_key(&self) -> Result<Option<SignedStatement>, QueryError> {
        self.honest.rsa_key()
    }

    fn policy(&self) -> Result<PolicyView, QueryError> {
        match &self.policy {
            Some(view) => Ok(view.clone()),
            None => self.honest.policy(),
        }
    }

    fn changes(&self, after: Option<u64>) -> Result<Page<ChangeView>, QueryError> {
        self.honest.changes(after)
    }

    fn requests(&self, after: Option<u64>) -> Result<Page<RequestView>, QueryError> {
        let mut page = self.honest.requests(after)?;
        page.items.extend(self.request.clone());
        Ok(page)
    }

    fn request(&self, request: StatementId) -> Result<RequestView, QueryError> {
        self.honest.request(request)
    }

    fn release(&self, request: StatementId, page: u64) -> Result<ReleasePage, ReleaseError> {
        self.honest.release(request, page)
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError> {
        match &self.checkpoint {
            Some(checkpoint) => Ok(checkpoint.clone()),
            None => self.honest.checkpoint(),
        }
    }

    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError> {
        self.honest.consistency(old, new)
    }

    fn leaves(&self, from: u64) -> Result<Page<Vec<u8>>, QueryError> {
        self.honest.leaves(from)
    }
}

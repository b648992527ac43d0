//! The loop that all is for: asked, decided, released; and what releases nothing.

use std::collections::BTreeMap;

use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Policy, Reason, Rule};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Draft, EvidenceKind, Particulars, Scope, SignedStatement, Statement, Verdict,
};
use strongroom_protocol::{Authority, QueryError, ReleaseError, RequestState};

use super::{Subject, assert_refused};
use crate::TestClock;
use crate::owner::{Asked, Owner, PageRelease, submit};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Subject) {
    let mut subject = || found(Policy::code_alone());
    what_was_deposited_comes_back(&subject());
    what_rides_along_comes_back_to_the_byte(&subject());
    a_release_before_its_decision_is_refused(&subject());
    everything_comes_back_in_pages_as_it_was_frozen(&subject());
    a_request_that_lapsed_releases_nothing_more(&subject());
    a_request_is_its_askers_and_its_owners_alone(&subject());
    a_policy_without_rules_denies(&found(Policy {
        rules: Vec::new(),
        lapse_millis: TestClock::DAY_MILLIS,
        ..Policy::code_alone()
    }));
    let patient = Policy {
        rules: vec![Rule {
            wait_millis: TestClock::DAY_MILLIS,
            veto: true,
            ..Rule::code_alone("code and a wait")
        }],
        lapse_millis: 10 * TestClock::DAY_MILLIS,
        ..Policy::code_alone()
    };
    a_wait_is_waited_for(&found(patient.clone()));
    a_veto_ends_a_request(&found(patient.clone()));
    a_veto_after_the_approval_stops_what_was_not_released(&found(patient));
}

fn what_was_deposited_comes_back(subject: &Subject) {
    let authority = subject.operator();
    let about = subject.about();
    let mut owner = Owner::enrolled(&*authority, 1);
    let deposit = owner.deposit(3);
    submit(&*authority, &deposit);
    let wanted: Vec<_> = owner.keys.keys().copied().take(2).collect();
    let asked = owner.ask(Scope::of(wanted.clone()).unwrap(), subject.now());
    submit(&*authority, &asked.statement);

    let view = authority.request(asked.statement.id()).unwrap();
    assert_eq!(view.state, RequestState::Requested);
    assert_eq!((view.scene.keys, view.recorded), (2, subject.now()));
    assert_eq!(view.request.id(), asked.statement.id());
    assert!(matches!(
        view.reasons[..],
        [Reason::NeedsEvidence {
            kind: EvidenceKind::RecoveryCode,
            ..
        }]
    ));

    submit(&*authority, &owner.evidence(&asked));
    let view = authority.request(asked.statement.id()).unwrap();
    assert_eq!(view.state, RequestState::Decided(Verdict::Approved));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    assert!(!page.more);
    let keys = asked.open(&about, &page);
    assert_eq!(keys.len(), 2);
    assert!(
        wanted
            .iter()
            .all(|serial| keys[serial] == owner.keys[serial])
    );
    assert!(page.release().withheld().is_empty());

    // The same bytes again, and no second entry.
    let again = authority.release(asked.statement.id(), 0).unwrap();
    assert_eq!(again.release.as_bytes(), page.release.as_bytes());
    assert_eq!(again.decision.as_bytes(), page.decision.as_bytes());
    let size = authority.checkpoint().unwrap().checkpoint().size;
    assert_eq!(size, 1 + 2 + 2 + 2);
    let view = authority.request(asked.statement.id()).unwrap();
    assert_eq!(view.state, RequestState::Released);
    let beyond = authority.release(asked.statement.id(), 1);
    assert!(matches!(beyond, Err(ReleaseError::NotFound)));
    assert_refused!(
        authority.submit(&owner.veto_by(&asked, &owner.device)),
        Ended
    );

    // The device that asked is the owner's now.
    owner.device = SigningKey::from_seed(asked.device.expose_seed());
    let deposited = submit(&*authority, &owner.deposit(1));
    assert_eq!(deposited.states(), [DepositState::Verified]);
    // What the old device deposited, signed again by the new one, is another statement under used serials.
    let Statement::Deposit(old) = deposit.statement().clone() else {
        panic!("a deposit");
    };
    let resigned = submit(&*authority, &SignedStatement::sign(old, &owner.device));
    assert_eq!(resigned.states(), [DepositState::Conflict; 3]);
    let own = subject.device(asked.device.verifying_key());
    assert_eq!(own.deposits(owner.id, None).unwrap().items.len(), 4);
}

fn what_rides_along_comes_back_to_the_byte(subject: &Subject) {
    let authority = subject.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let longest: Vec<u8> = (0..=255)
        .cycle()
        .take(Particulars::ATTACHMENT_BYTES_MAX)
        .collect();
    let attachments = [longest, vec![0], b"a secret\r\n".to_vec(), Vec::new()];
    let drafts = attachments.map(|attachment| {
        let draft = owner.draft_labelled(&[("site", "A"), ("note", "")]);
        let named = draft.particulars.with_name("disk/host1").unwrap();
        let checked = named.with_checked(subject.now()).unwrap();
        Draft {
            particulars: checked.with_attachment(attachment).unwrap(),
            ..draft
        }
    });
    let said: BTreeMap<_, _> = drafts
        .iter()
        .map(|draft| (draft.serial, draft.particulars.clone()))
        .collect();
    let deposited = submit(&*authority, &owner.deposit_of(&drafts));
    assert_eq!(deposited.states(), [DepositState::Verified; 4]);
    let listed = authority.deposits(owner.id, None).unwrap().items;
    let listed = listed.into_iter();
    let listed: BTreeMap<_, _> = listed
        .map(|deposited| (deposited.label.serial, deposited.particulars))
        .collect();
    assert!(listed == said);

    let asked = owner.ask(owner.everything(&*authority), subject.now());
    submit(&*authority, &asked.statement);
    submit(&*authority, &owner.evidence(&asked));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    let released = page.release().keys().iter();
    let released: BTreeMap<_, _> = released
        .map(|key| (key.label.serial, key.particulars.clone()))
        .collect();
    assert!(released == said);
    assert_eq!(asked.open(&subject.about(), &page), owner.keys);
}

fn a_release_before_its_decision_is_refused(subject: &Subject) {
    let (authority, _, asked) = asked(subject, 1);
    let size = authority.checkpoint().unwrap().checkpoint().size;
    let refused = authority.release(asked.statement.id(), 0);
    match refused {
        Err(ReleaseError::Not { state, reasons }) => {
            assert_eq!(state, RequestState::Requested);
            assert!(matches!(reasons[..], [Reason::NeedsEvidence { .. }]));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(authority.checkpoint().unwrap().checkpoint().size, size);
    let unknown = Owner::new(&subject.about(), 9).ask(
        Scope::of([strongroom_protocol::id::Serial::from_bytes([1; 16])]).unwrap(),
        subject.now(),
    );
    let refused = authority.release(unknown.statement.id(), 0);
    assert!(matches!(refused, Err(ReleaseError::NotFound)));
}

fn everything_comes_back_in_pages_as_it_was_frozen(subject: &Subject) {
    let authority = subject.operator();
    let about = subject.about();
    let mut owner = Owner::enrolled(&*authority, 1);
    for count in [256, 88, 256] {
        submit(&*authority, &owner.deposit(count));
    }
    let frozen = owner.keys.clone();
    let scope = owner.everything(&*authority);
    submit(&*authority, &owner.deposit(5));
    let asked = owner.ask(scope, subject.now());
    submit(&*authority, &asked.statement);
    submit(&*authority, &owner.evidence(&asked));
    let id = asked.statement.id();
    let mut keys = BTreeMap::new();
    // In any order.
    for page in [2, 0, 1] {
        let view = authority.request(id).unwrap();
        assert_eq!(view.state, RequestState::Decided(Verdict::Approved));
        assert_eq!(view.scene.keys, 600);
        let released = authority.release(id, page).unwrap();
        assert_eq!(released.more, page < 2);
        let opened = asked.open(&about, &released);
        let expected = frozen.iter().skip(256 * usize::try_from(page).unwrap());
        assert!(opened.iter().eq(expected.take(256)));
        keys.extend(opened);
    }
    assert_eq!(keys, frozen);
    let view = authority.request(id).unwrap();
    assert_eq!(view.state, RequestState::Released);
}

fn a_request_that_lapsed_releases_nothing_more(subject: &Subject) {
    let authority = subject.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    submit(&*authority, &owner.deposit(256));
    submit(&*authority, &owner.deposit(1));
    let scope = owner.everything(&*authority);
    let (approved, pending) = (
        owner.ask(scope.clone(), subject.now()),
        owner.ask(scope, subject.now()),
    );
    for asked in [&approved, &pending] {
        submit(&*authority, &asked.statement);
    }
    submit(&*authority, &owner.evidence(&approved));
    let released = authority.release(approved.statement.id(), 0).unwrap();
    subject.clock.advance_millis(31 * TestClock::DAY_MILLIS);
    for (asked, page) in [(&approved, 1), (&pending, 0)] {
        let view = authority.request(asked.statement.id()).unwrap();
        assert_eq!(view.state, RequestState::Decided(Verdict::Lapsed));
        assert!(matches!(view.reasons[..], [Reason::Lapsed { .. }]));
        let refused = authority.release(asked.statement.id(), page);
        let lapsed = RequestState::Decided(Verdict::Lapsed);
        assert!(matches!(refused, Err(ReleaseError::Not { state, .. }) if state == lapsed));
    }
    // What left already may be read again.
    let again = authority.release(approved.statement.id(), 0).unwrap();
    assert_eq!(again.release.as_bytes(), released.release.as_bytes());
}

fn a_request_is_its_askers_and_its_owners_alone(subject: &Subject) {
    let (authority, owner, asked) = asked(subject, 1);
    let other = Owner::enrolled(&*authority, 2);
    let id = asked.statement.id();
    for key in [&owner.device, &asked.device] {
        let session = subject.device(key.verifying_key());
        assert!(session.request(id).is_ok());
    }
    let stranger = subject.device(other.device.verifying_key());
    assert!(matches!(stranger.request(id), Err(QueryError::NotFound)));
    submit(&*authority, &owner.evidence(&asked));
    let refused = stranger.release(id, 0);
    assert!(matches!(refused, Err(ReleaseError::NotFound)));
    let asker = subject.device(asked.device.verifying_key());
    assert!(asker.release(id, 0).is_ok());
}

fn a_policy_without_rules_denies(subject: &Subject) {
    let (authority, owner, asked) = asked(subject, 1);
    let id = asked.statement.id();
    let view = authority.request(id).unwrap();
    assert_eq!(view.state, RequestState::Decided(Verdict::Denied));
    assert_eq!(view.reasons, [Reason::NoRule]);
    assert_refused!(authority.submit(&owner.evidence(&asked)), Ended);
    let refused = authority.release(id, 0);
    assert!(matches!(refused, Err(ReleaseError::Not { .. })));
}

fn a_wait_is_waited_for(subject: &Subject) {
    let (authority, owner, asked) = asked(subject, 1);
    let id = asked.statement.id();
    submit(&*authority, &owner.evidence(&asked));
    subject.clock.advance_millis(TestClock::DAY_MILLIS - 1);
    let view = authority.request(id).unwrap();
    assert_eq!(view.state, RequestState::Requested);
    assert!(matches!(view.reasons[..], [Reason::Waits { .. }]));
    assert!(matches!(
        authority.release(id, 0),
        Err(ReleaseError::Not { .. })
    ));
    subject.clock.advance_millis(1);
    let page = authority.release(id, 0).unwrap();
    assert_eq!(asked.open(&subject.about(), &page), owner.keys);
}

fn a_veto_ends_a_request(subject: &Subject) {
    let (authority, owner, asked) = asked(subject, 1);
    let id = asked.statement.id();
    submit(&*authority, &owner.evidence(&asked));
    submit(&*authority, &owner.veto_by(&asked, &owner.device));
    let view = authority.request(id).unwrap();
    assert_eq!(view.state, RequestState::Decided(Verdict::Vetoed));
    assert!(matches!(view.reasons[..], [Reason::Vetoed { .. }]));
    for _ in 0..2 {
        // Past the wait, and past the time of the request.
        subject.clock.advance_millis(6 * TestClock::DAY_MILLIS);
        match authority.release(id, 0) {
            Err(ReleaseError::Not { state, reasons }) => {
                assert_eq!(state, RequestState::Decided(Verdict::Vetoed));
                assert!(matches!(reasons[..], [Reason::Vetoed { .. }]));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn a_veto_after_the_approval_stops_what_was_not_released(subject: &Subject) {
    let (authority, owner, asked) = asked(subject, 1);
    let id = asked.statement.id();
    submit(&*authority, &owner.evidence(&asked));
    subject.clock.advance_millis(TestClock::DAY_MILLIS);
    let view = authority.request(id).unwrap();
    assert_eq!(view.state, RequestState::Decided(Verdict::Approved));
    submit(&*authority, &owner.veto_by(&asked, &owner.device));
    let vetoed = RequestState::Decided(Verdict::Vetoed);
    let refused = authority.release(id, 0);
    assert!(matches!(refused, Err(ReleaseError::Not { state, .. }) if state == vetoed));
}

/// An owner who has deposits, and a request for all of them that nothing speaks for yet.
fn asked(subject: &Subject, seed: u64) -> (Box<dyn Authority>, Owner, Asked) {
    let authority = subject.operator();
    let mut owner = Owner::enrolled(&*authority, seed);
    submit(&*authority, &owner.deposit(2));
    let scope = owner.everything(&*authority);
    let asked = owner.ask(scope, subject.now());
    submit(&*authority, &asked.statement);
    assert!(matches!(asked.statement.statement(), Statement::Request(_)));
    (authority, owner, asked)
}

//! The loop that all is for: asked, decided, released; and what releases nothing.

use std::collections::BTreeMap;

use strongroom_protocol::id::Serial;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Around, Policy, Reason, Rule, SubjectState};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Draft, EvidenceKind, Particulars, Scope, SignedStatement, Statement, Verdict,
};
use strongroom_protocol::{Authority, QueryError, ReleaseError};

use super::{Setting, assert_refused};
use crate::TestClock;
use crate::listing::deposits;
use crate::owner::{Asked, Owner, PageRelease, submit};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let mut setting = || found(Policy::code_alone());
    what_was_deposited_comes_back(&setting());
    what_rides_along_comes_back_to_the_byte(&setting());
    a_release_before_its_decision_is_refused(&setting());
    everything_comes_back_in_pages_as_it_was_frozen(&setting());
    a_request_that_lapsed_releases_nothing_more(&setting());
    a_request_is_its_askers_and_its_owners_alone(&setting());
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

fn what_was_deposited_comes_back(setting: &Setting) {
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = Owner::enrolled(&*authority, 1);
    let deposit = owner.deposit(3);
    submit(&*authority, &deposit);
    let wanted: Vec<_> = owner.keys.keys().copied().take(2).collect();
    let asked = owner.ask(Scope::of(wanted.clone()).unwrap(), setting.now());
    submit(&*authority, &asked.statement);

    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, SubjectState::Requested);
    assert_eq!(
        (view.scene().keys, view.subject.recorded()),
        (2, setting.now())
    );
    assert_eq!(view.subject.asked().id(), asked.statement.id());
    assert!(matches!(
        view.reasons[..],
        [Reason::NeedsEvidence {
            kind: EvidenceKind::RecoveryCode,
            ..
        }]
    ));

    submit(&*authority, &owner.evidence(&asked));
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, SubjectState::Decided(Verdict::Approved));
    let page = authority.release(asked.statement.id(), 0).unwrap();
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
    assert_eq!(
        again.release.statement.as_bytes(),
        page.release.statement.as_bytes()
    );
    assert_eq!(
        again.decision.statement.as_bytes(),
        page.decision.statement.as_bytes()
    );
    let size = authority.checkpoint().unwrap().checkpoint().size;
    assert_eq!(size, 1 + 2 + 2 + 2);
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, SubjectState::Released);
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
    let own = setting.device(asked.device.verifying_key());
    assert_eq!(deposits(&*own, owner.id).len(), 4);
}

fn what_rides_along_comes_back_to_the_byte(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let longest: Vec<u8> = (0..=255)
        .cycle()
        .take(Particulars::ATTACHMENT_BYTES_MAX)
        .collect();
    let attachments = [longest, vec![0], b"a secret\r\n".to_vec(), Vec::new()];
    let drafts = attachments.map(|attachment| {
        let draft = owner.draft_labelled(&[("site", "A"), ("note", "")]);
        let named = draft.particulars.with_name("disk/host1").unwrap();
        let checked = named.with_checked(setting.now()).unwrap();
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
    let listed = deposits(&*authority, owner.id).into_iter();
    let listed: BTreeMap<_, _> = listed
        .map(|deposited| (deposited.label.serial, deposited.particulars))
        .collect();
    assert!(listed == said);

    let asked = owner.ask(owner.everything(&*authority), setting.now());
    submit(&*authority, &asked.statement);
    submit(&*authority, &owner.evidence(&asked));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    let released = page.release().keys().iter();
    let released: BTreeMap<_, _> = released
        .map(|key| (key.label.serial, key.particulars.clone()))
        .collect();
    assert!(released == said);
    assert_eq!(asked.open(&setting.about(), &page), owner.keys);
}

fn a_release_before_its_decision_is_refused(setting: &Setting) {
    let (authority, _, asked) = asked(setting, 1);
    let size = authority.checkpoint().unwrap().checkpoint().size;
    let refused = authority.release(asked.statement.id(), 0);
    match refused {
        Err(ReleaseError::NotApproved { state }) => {
            assert_eq!(state, SubjectState::Requested);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(authority.checkpoint().unwrap().checkpoint().size, size);
    let unknown = Owner::new(&setting.about(), 9).ask(
        Scope::of([Serial::from_bytes([1; 16])]).unwrap(),
        setting.now(),
    );
    let refused = authority.release(unknown.statement.id(), 0);
    assert!(matches!(refused, Err(ReleaseError::NotFound)));
}

fn everything_comes_back_in_pages_as_it_was_frozen(setting: &Setting) {
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = Owner::enrolled(&*authority, 1);
    for count in [256, 88, 256] {
        submit(&*authority, &owner.deposit(count));
    }
    let frozen = owner.keys.clone();
    // In the log's order, which nobody's choice of serials moves.
    let ordered: Vec<Serial> = deposits(&*authority, owner.id)
        .iter()
        .map(|deposit| deposit.label.serial)
        .collect();
    let scope = owner.everything(&*authority);
    submit(&*authority, &owner.deposit(5));
    let asked = owner.ask(scope, setting.now());
    submit(&*authority, &asked.statement);
    submit(&*authority, &owner.evidence(&asked));
    let id = asked.statement.id();
    let mut keys = BTreeMap::new();
    for (page, serials) in (0..).zip(ordered.chunks(256)) {
        // One after another.
        for later in page + 1..4 {
            let refused = authority.release(id, later);
            assert!(matches!(refused, Err(ReleaseError::NotFound)), "{later}");
        }
        let view = setting.look(&asked.statement);
        assert_eq!(view.state, SubjectState::Decided(Verdict::Approved));
        assert_eq!(view.scene().keys, 600);
        let Around::Request { released, .. } = view.subject.around() else {
            panic!("a request");
        };
        assert_eq!(*released, 256 * page);
        let released = authority.release(id, page).unwrap();
        let released_serials = released.release().keys().iter();
        let released_serials = released_serials.map(|key| key.label.serial);
        assert!(released_serials.eq(serials.iter().copied()));
        keys.extend(asked.open(&about, &released));
    }
    assert_eq!(keys, frozen);
    let view = setting.look(&asked.statement);
    assert_eq!(view.state, SubjectState::Released);
}

fn a_request_that_lapsed_releases_nothing_more(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    submit(&*authority, &owner.deposit(256));
    submit(&*authority, &owner.deposit(1));
    let scope = owner.everything(&*authority);
    let (approved, pending) = (
        owner.ask(scope.clone(), setting.now()),
        owner.ask(scope, setting.now()),
    );
    for asked in [&approved, &pending] {
        submit(&*authority, &asked.statement);
    }
    submit(&*authority, &owner.evidence(&approved));
    let released = authority.release(approved.statement.id(), 0).unwrap();
    setting.clock.advance_millis(31 * TestClock::DAY_MILLIS);
    for (asked, page) in [(&approved, 1), (&pending, 0)] {
        let view = setting.ask_again(&asked.statement);
        assert_eq!(view.state, SubjectState::Decided(Verdict::Lapsed));
        assert!(matches!(view.reasons[..], [Reason::Lapsed { .. }]));
        let refused = authority.release(asked.statement.id(), page);
        let lapsed = SubjectState::Decided(Verdict::Lapsed);
        assert!(matches!(refused, Err(ReleaseError::NotApproved { state, .. }) if state == lapsed));
    }
    // What left already may be read again.
    let again = authority.release(approved.statement.id(), 0).unwrap();
    assert_eq!(
        again.release.statement.as_bytes(),
        released.release.statement.as_bytes()
    );
}

fn a_request_is_its_askers_and_its_owners_alone(setting: &Setting) {
    let (authority, owner, asked) = asked(setting, 1);
    let other = Owner::enrolled(&*authority, 2);
    let id = asked.statement.id();
    // Whoever asks learns no more of the owner than that the owner is there.
    for (key, devices) in [(&owner.device, 1), (&asked.device, 0)] {
        let session = setting.device(key.verifying_key());
        let Around::Request { owner: shown, .. } = session.subject(id).unwrap().around else {
            panic!("a request is asked about");
        };
        assert_eq!(shown.devices.len(), devices);
        let code = (devices == 1).then(|| owner.code.verifying_key());
        assert_eq!(shown.code_key, code);
    }
    let stranger = setting.device(other.device.verifying_key());
    assert!(matches!(stranger.subject(id), Err(QueryError::NotFound)));
    submit(&*authority, &owner.evidence(&asked));
    let refused = stranger.release(id, 0);
    assert!(matches!(refused, Err(ReleaseError::NotFound)));
    let asker = setting.device(asked.device.verifying_key());
    assert!(asker.release(id, 0).is_ok());
}

fn a_policy_without_rules_denies(setting: &Setting) {
    let (authority, owner, asked) = asked(setting, 1);
    let id = asked.statement.id();
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, SubjectState::Decided(Verdict::Denied));
    assert_eq!(view.reasons, [Reason::NoRule]);
    assert_refused!(authority.submit(&owner.evidence(&asked)), Ended);
    let refused = authority.release(id, 0);
    assert!(matches!(refused, Err(ReleaseError::NotApproved { .. })));
}

fn a_wait_is_waited_for(setting: &Setting) {
    let (authority, owner, asked) = asked(setting, 1);
    let id = asked.statement.id();
    submit(&*authority, &owner.evidence(&asked));
    setting.clock.advance_millis(TestClock::DAY_MILLIS - 1);
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, SubjectState::Requested);
    assert!(matches!(view.reasons[..], [Reason::Waits { .. }]));
    assert!(matches!(
        authority.release(id, 0),
        Err(ReleaseError::NotApproved { .. })
    ));
    setting.clock.advance_millis(1);
    let page = authority.release(id, 0).unwrap();
    assert_eq!(asked.open(&setting.about(), &page), owner.keys);
}

fn a_veto_ends_a_request(setting: &Setting) {
    let (authority, owner, asked) = asked(setting, 1);
    let id = asked.statement.id();
    submit(&*authority, &owner.evidence(&asked));
    submit(&*authority, &owner.veto_by(&asked, &owner.device));
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, SubjectState::Decided(Verdict::Vetoed));
    assert!(matches!(view.reasons[..], [Reason::Vetoed { .. }]));
    for _ in 0..2 {
        // Past the wait, and past the time of the request.
        setting.clock.advance_millis(6 * TestClock::DAY_MILLIS);
        match authority.release(id, 0) {
            Err(ReleaseError::NotApproved { state }) => {
                assert_eq!(state, SubjectState::Decided(Verdict::Vetoed));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn a_veto_after_the_approval_stops_what_was_not_released(setting: &Setting) {
    let (authority, owner, asked) = asked(setting, 1);
    let id = asked.statement.id();
    submit(&*authority, &owner.evidence(&asked));
    setting.clock.advance_millis(TestClock::DAY_MILLIS);
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, SubjectState::Decided(Verdict::Approved));
    submit(&*authority, &owner.veto_by(&asked, &owner.device));
    let vetoed = SubjectState::Decided(Verdict::Vetoed);
    let refused = authority.release(id, 0);
    assert!(matches!(refused, Err(ReleaseError::NotApproved { state, .. }) if state == vetoed));
}

/// An owner who has deposits, and a request for all of them that nothing speaks for yet.
fn asked(setting: &Setting, seed: u64) -> (Box<dyn Authority>, Owner, Asked) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, seed);
    submit(&*authority, &owner.deposit(2));
    let scope = owner.everything(&*authority);
    let asked = owner.ask(scope, setting.now());
    submit(&*authority, &asked.statement);
    assert!(matches!(asked.statement.statement(), Statement::Request(_)));
    (authority, owner, asked)
}

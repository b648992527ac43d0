//! Where a request or a change stands, by what is logged of it and what is said to it (spec/authority-views.md#subject).

use proptest::prelude::*;
use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::policy::{
    Around, Asker, Decided, Policy, Reason, Rule, Ruling, Scene, Subject, SubjectState, decide,
    decide_change,
};
use strongroom_protocol::statement::{Decision, SignedStatement, Verdict, Word};

use super::change;
use super::officers::{by, says, stage};
use super::{Stage, rule};
use crate::cast::{Cast, DAY, NOW, logged, officer};

/// What a request's rule needs, in the tables below: the code, two officers, no veto.
fn asked() -> Stage {
    let mut stage = stage(Rule {
        evidence: Rule::code_alone("rule").evidence,
        asker: Asker::Owner,
        veto: true,
        ..by("two")
    });
    stage.scene.keys = 300;
    stage
}

fn yes(stage: &Stage) -> Vec<SignedStatement> {
    let officers = ["ada", "bob"].map(|name| says(stage, name, Word::Approve));
    [&[stage.code()], &officers[..]].concat()
}

/// What the policy says of a request now, whatever is logged of it: in this order, with what was said and when.
fn rulings(stage: &Stage) -> [(&'static str, Vec<SignedStatement>, Time); 5] {
    let with = |word| [yes(stage), vec![word]].concat();
    [
        ("approved", yes(stage), NOW),
        ("pending", Vec::new(), NOW),
        ("vetoed", with(stage.veto(&stage.cast.device)), NOW),
        ("denied", with(says(stage, "cid", Word::Deny)), NOW),
        ("lapsed", yes(stage), stage.request.expires),
    ]
}

#[test]
fn a_request_stands_by_what_is_logged_of_it_and_by_what_is_said_to_it() {
    let stage = asked();
    // A plus: with reasons. The columns are the rulings.
    for (logged, released, expected) in [
        (None, 0, "requested requested+ vetoed+ denied+ lapsed+"),
        // What was approved can still be stopped, until all of it is out.
        (
            Some(Verdict::Approved),
            299,
            "approved requested+ vetoed+ denied+ lapsed+",
        ),
        (
            Some(Verdict::Approved),
            300,
            "released released released released released",
        ),
        // What was refused stays refused, and says why as far as that is to be seen.
        (
            Some(Verdict::Denied),
            0,
            "denied denied denied denied+ denied",
        ),
        (
            Some(Verdict::Vetoed),
            0,
            "vetoed vetoed vetoed+ vetoed vetoed",
        ),
        (
            Some(Verdict::Lapsed),
            0,
            "lapsed lapsed lapsed lapsed lapsed+",
        ),
    ] {
        let stands = rulings(&stage).map(|(_, words, now)| {
            let decided = logged.map(|verdict| decided(&stage.cast, verdict, now));
            told(subject(&stage, &words, decided, released).standing(now))
        });
        assert_eq!(stands.join(" "), expected, "{logged:?}, {released} out");
    }
}

#[test]
fn a_request_is_decided_once_and_keys_leave_on_what_was_not_refused() {
    let stage = asked();
    for (ruling, words, now) in rulings(&stage) {
        for logged in verdicts() {
            let decided = logged.map(|verdict| decided(&stage.cast, verdict, now));
            let subject = subject(&stage, &words, decided, 0);
            let case = format!("{logged:?} and {ruling}");

            let decision = subject.decision(now).map(|made| made.verdict.as_str());
            let expected = Some(ruling).filter(|_| logged.is_none() && ruling != "pending");
            assert_eq!(decision, expected, "{case}");

            let may_leave = matches!(logged, None | Some(Verdict::Approved));
            assert_eq!(
                subject.approved(now).is_some(),
                may_leave && ruling == "approved",
                "{case}"
            );

            let due = subject.due(now);
            let expected =
                (logged.is_none() && ruling == "pending").then_some(stage.request.expires);
            assert_eq!(due, expected, "{case}");

            let stopped = !matches!(ruling, "approved" | "pending");
            assert_eq!(subject.is_over(now), !may_leave || stopped, "{case}");
            assert!(!subject.is_released(), "{case}");
        }
    }
}

#[test]
fn nothing_said_to_a_request_matters_once_all_its_keys_are_out() {
    let stage = asked();
    let approved = || Some(decided(&stage.cast, Verdict::Approved, NOW));
    for (released, is_out) in [(0, false), (299, false), (300, true), (301, true)] {
        let subject = subject(&stage, &yes(&stage), approved(), released);
        assert_eq!(subject.is_released(), is_out);
        assert_eq!(subject.is_over(NOW), is_out);
        assert!(subject.approved(NOW).is_some(), "the same bytes come again");
    }
}

/// All of nothing is out from the start: that must not keep a request from being decided.
#[test]
fn a_request_for_no_key_is_decided_before_it_is_released() {
    let mut stage = asked();
    stage.scene.keys = 0;
    let open = subject(&stage, &yes(&stage), None, 0);
    assert!(!open.is_over(NOW) && !open.is_released());
    assert_eq!(open.standing(NOW).0, SubjectState::Requested);
    assert!(open.decision(NOW).is_some());
    let decided = decided(&stage.cast, Verdict::Approved, NOW);
    let released = subject(&stage, &yes(&stage), Some(decided), 0);
    assert_eq!(released.standing(NOW).0, SubjectState::Released);
}

#[test]
fn a_decision_names_the_subject_the_policy_and_the_other_owner_who_asked() {
    let asker = OwnerId::from_bytes([44; 32]);
    let mut stage = asked();
    stage.policy.officers[2].owner = Some(asker);
    stage.policy.rules[0].asker = Asker::Group("askers".to_owned());
    stage.scene.asker = Some(asker);
    let words = |more: &[SignedStatement]| [yes(&stage), more.to_vec()].concat();
    let deny = says(&stage, "cid", Word::Deny);
    for (words, now, verdict) in [
        (words(&[]), NOW, Verdict::Approved),
        (words(&[deny]), NOW.plus_millis(7), Verdict::Denied),
        (words(&[]), stage.request.expires, Verdict::Lapsed),
    ] {
        let subject = subject(&stage, &words, None, 0);
        let decision = subject.decision(now).unwrap();
        assert_eq!(decision.authority, stage.cast.authority);
        assert_eq!(decision.request, stage.request.digest());
        assert_eq!(decision.request, subject.digest());
        assert_eq!(decision.policy, stage.policy.digest());
        assert_eq!(decision.asker, Some(asker));
        assert_eq!(decision.verdict, verdict);
        let is_approved = verdict == Verdict::Approved;
        assert_eq!(decision.approvals.len(), usize::from(is_approved) * 2);
        let until = if is_approved {
            stage.request.expires
        } else {
            now
        };
        assert_eq!(decision.not_after, until);
    }
}

/// Officers settle which of two is right by denying the wrong one; that one has no rival any more then, and its code would
/// do again.
#[test]
fn what_was_denied_beside_a_rival_stays_denied_when_the_rival_is_gone() {
    let mut stage = Stage::new(vec![rule("code", 0, false)]);
    stage.policy.officers = vec![officer("ada")];
    let words = [stage.code(), says(&stage, "ada", Word::Deny)];
    stage.scene.rival = true;
    let open = subject(&stage, &words, None, 0);
    assert_eq!(open.decision(NOW).unwrap().verdict, Verdict::Denied);
    let reasons = ["`ada` denied it under rule `code`, saying \"we spoke on the phone\""];
    assert_eq!(reasons_of(&open, NOW), reasons);
    for rival in [true, false] {
        stage.scene.rival = rival;
        let logged = Some(decided(&stage.cast, Verdict::Denied, NOW));
        let denied = subject(&stage, &words, logged, 0);
        let later = NOW.plus_millis(DAY);
        assert_eq!(
            denied.standing(later).0,
            SubjectState::Decided(Verdict::Denied)
        );
        assert_eq!(reasons_of(&denied, later), reasons, "rival: {rival}");
        assert!(denied.approved(later).is_none(), "rival: {rival}");
        assert!(denied.is_over(later));
    }
}

#[test]
fn what_an_owner_vetoed_who_departed_since_stays_vetoed() {
    let mut stage = Stage::new(vec![rule("code", 0, true)]);
    let words = [stage.code(), stage.veto(&stage.cast.device)];
    stage.scene.keys = 1;
    stage.scene.departed = true;
    // Not decided yet, it does not count: the owner's devices have no veto any more.
    let open = subject(&stage, &words, None, 0);
    assert_eq!(open.decision(NOW).unwrap().verdict, Verdict::Approved);
    let logged = Some(decided(&stage.cast, Verdict::Vetoed, NOW));
    let vetoed = subject(&stage, &words, logged, 0);
    assert_eq!(told(vetoed.standing(NOW)), "vetoed+");
    let device = stage.cast.device.verifying_key();
    let reasons = [format!("the owner's device {device} stopped rule `code`")];
    assert_eq!(reasons_of(&vetoed, NOW), reasons);
    assert!(vetoed.approved(NOW).is_none());
    // What was approved and then vetoed, with keys still to come, goes on once the owner has departed.
    let logged = || Some(decided(&stage.cast, Verdict::Approved, NOW));
    let goes_on = subject(&stage, &words, logged(), 0);
    assert_eq!(told(goes_on.standing(NOW)), "approved");
    assert!(goes_on.approved(NOW).is_some() && !goes_on.is_over(NOW));
    stage.scene.departed = false;
    let stopped = subject(&stage, &words, logged(), 0);
    assert_eq!(told(stopped.standing(NOW)), "vetoed+");
    assert!(stopped.approved(NOW).is_none() && stopped.is_over(NOW));
}

/// They are of the moment of the decision: later ones, and those of another verdict, would mislead.
#[test]
fn a_refusal_is_told_with_its_own_reasons_or_none() {
    let stage = asked();
    let words = [yes(&stage), vec![says(&stage, "cid", Word::Deny)]].concat();
    let denied = decided(&stage.cast, Verdict::Denied, NOW);
    let subject_at = |words: &[SignedStatement]| subject(&stage, words, Some(denied.clone()), 0);
    let late = stage.request.expires.plus_millis(DAY);
    assert_eq!(
        reasons_of(&subject_at(&words), late),
        ["`cid` denied it under rule `rule`, saying \"we spoke on the phone\""]
    );
    let vetoed = [yes(&stage), vec![stage.veto(&stage.cast.device)]].concat();
    assert_eq!(told(subject_at(&vetoed).standing(late)), "denied");
}

#[test]
fn a_subject_is_one_thing_and_what_is_around_it_is_of_its_kind() {
    let stage = asked();
    let change = change::Stage::new();
    let request = SignedStatement::sign(stage.request.clone(), &stage.cast.asking);
    let asked_change = SignedStatement::sign(change.change.clone(), &change.cast.device);
    let evidence = stage.code();
    let made = |asked: &SignedStatement, around: Around| {
        let (policy, entry) = (stage.policy.clone(), (7, NOW));
        Subject::new(asked.clone(), entry, policy, Vec::new(), None, around)
    };
    let (of_request, of_change) = (around_request(&stage, 0), around_change(&change, None));
    assert!(made(&request, of_change.clone()).is_none());
    assert!(made(&asked_change, of_request.clone()).is_none());
    assert!(made(&evidence, of_request.clone()).is_none());
    assert!(made(&evidence, of_change.clone()).is_none());

    let subject = made(&request, of_request.clone()).unwrap();
    assert_eq!(subject.request(), Some(&stage.request));
    assert_eq!(subject.change(), None);
    assert_eq!(subject.digest(), stage.request.digest());
    assert_eq!(subject.scene(), Some(&stage.scene));
    assert_eq!((subject.index(), subject.recorded()), (7, NOW));
    assert_eq!(subject.deadline(), stage.request.expires);
    assert_eq!(subject.around(), &of_request);

    let subject = made(&asked_change, of_change).unwrap();
    assert_eq!(subject.change(), Some(&change.change));
    assert_eq!(subject.request(), None);
    assert_eq!(subject.digest(), change.change.digest());
    assert_eq!(subject.scene(), None);
    assert_eq!(subject.asked().id(), asked_change.id());
}

#[test]
fn a_change_stands_by_what_is_logged_of_it_and_by_what_is_said_to_it() {
    let stage = change::Stage::new();
    let at = NOW.plus_millis(3 * DAY);
    let both = ["ada", "bob"].map(|name| stage.says(name, Word::Approve));
    let denied = [&both[..], &[stage.says("cid", Word::Deny)]].concat();
    let after = Some(at.plus_millis(1));
    // The columns: approved, pending, denied, lapsed, superseded before and after.
    let rulings = [
        (&both[..], at, None),
        (&[], at, None),
        (&denied[..], at, None),
        (&both[..], stage.change.expires, None),
        (&both[..], at, Some(at)),
        (&both[..], at, after),
    ];
    for (logged, expected) in [
        (
            None,
            "requested requested+ denied+ lapsed+ lapsed+ requested",
        ),
        // A policy in force is in force, also where it superseded its own change.
        (
            Some(Verdict::Approved),
            "approved approved approved approved approved approved",
        ),
        (
            Some(Verdict::Denied),
            "denied denied denied+ denied denied denied",
        ),
        (
            Some(Verdict::Lapsed),
            "lapsed lapsed lapsed lapsed+ lapsed+ lapsed",
        ),
    ] {
        let stands = rulings.map(|(words, now, superseded)| {
            let decided = logged.map(|verdict| decided(&stage.cast, verdict, now));
            let subject = subject_of_change(&stage, words, decided, superseded);
            let (state, reasons) = subject.standing(now);

            // What is told is what is decided.
            let decision = subject.decision(now).map(|decision| decision.verdict);
            let ended = logged.is_none().then_some(state).and_then(ended);
            let is_approved = logged.is_none() && reasons.is_empty();
            assert_eq!(
                decision,
                ended.or(is_approved.then_some(Verdict::Approved)),
                "{logged:?}"
            );
            assert_eq!(subject.is_over(now), logged.is_some() || ended.is_some());
            assert!(subject.approved(now).is_none() && !subject.is_released());
            told((state, reasons))
        });
        assert_eq!(stands.join(" "), expected, "{logged:?}");
    }
}

#[test]
fn a_change_lapses_at_its_deadline_or_when_it_is_superseded_whichever_is_first() {
    let stage = change::Stage::new();
    let end = stage.change.expires;
    let lapsed_at = |superseded: Time, now: Time| {
        let subject = subject_of_change(&stage, &[], None, Some(superseded));
        let (state, reasons) = subject.standing(now);
        assert_eq!(state, SubjectState::Decided(Verdict::Lapsed));
        let [Reason::Lapsed { at }] = reasons[..] else {
            panic!("{reasons:?}")
        };
        at
    };
    let (before, after) = (NOW.plus_millis(DAY), end.plus_millis(DAY));
    assert_eq!(lapsed_at(before, before), before);
    assert_eq!(lapsed_at(before, after), before);
    assert_eq!(lapsed_at(after, end), end);
    assert_eq!(lapsed_at(after, after.plus_millis(DAY)), end);
    // Another policy in force does not wait for the policy's own time.
    let subject = subject_of_change(&stage, &[], None, Some(before));
    assert_eq!(subject.due(NOW), Some(before));
}

/// The log's times have milliseconds: a denial and the change that is approved behind it may have the same.
#[test]
fn a_change_that_was_denied_in_the_millisecond_it_was_superseded_says_who_denied_it() {
    let stage = change::Stage::new();
    let words = [stage.says("cid", Word::Deny)];
    let denied = decided(&stage.cast, Verdict::Denied, NOW);
    for superseded in [None, Some(NOW), Some(NOW.plus_millis(1))] {
        let subject = subject_of_change(&stage, &words, Some(denied.clone()), superseded);
        assert_eq!(
            reasons_of(&subject, NOW.plus_millis(DAY)),
            ["`cid` denied it under rule `change`, saying \"not now\""]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_subject_rules_as_the_policy_does_and_time_alone_changes_it_when_it_is_due(
        rules in prop::collection::vec((any::<(bool, bool, bool)>(), 0..40_u64), 0..4),
        said in prop::collection::vec(any::<bool>(), 8),
        (rival, departed) in any::<(bool, bool)>(),
        (lapse, expires) in (1..40_u64, 1..40_u64),
        hours in 0..40_u64,
        between in any::<prop::sample::Index>(),
    ) {
        const HOUR: u64 = DAY / 24;
        let mut stage = stage(by("two"));
        stage.policy.rules = rules.iter().zip(0..).map(|(((code, veto, overruled), wait), number)| {
            let code_alone = Rule::code_alone(&format!("rule {number}"));
            Rule {
                wait_millis: wait * HOUR,
                veto: *veto,
                overrule: overruled.then(|| "desk".to_owned()),
                approvals: (!code).then(|| "two".to_owned()),
                evidence: if *code { code_alone.evidence.clone() } else { Vec::new() },
                asker: if *code { Asker::Owner } else { Asker::Anyone },
                ..code_alone
            }
        }).collect();
        stage.policy.lapse_millis = lapse * HOUR;
        stage.request.expires = NOW.plus_millis(expires * HOUR);
        stage.scene = Scene { rival, departed, keys: 3, ..Scene::default() };
        let pool = [
            stage.code(),
            stage.code(),
            stage.veto(&stage.cast.device),
            says(&stage, "ada", Word::Approve),
            says(&stage, "bob", Word::Approve),
            says(&stage, "bob", Word::Approve),
            says(&stage, "dan", Word::Overrule),
            says(&stage, "cid", Word::Deny),
        ];
        let words: Vec<_> = pool.into_iter().zip(said).filter_map(|(word, is)| is.then_some(word)).collect();
        let now = NOW.plus_millis(hours * HOUR);
        let subject = subject(&stage, &words, None, 0);

        let ruling = decide(&stage.case(&logged(&words)), now);
        let (state, reasons) = subject.standing(now);
        prop_assert_eq!(subject.approved(now).is_some(), matches!(ruling, Ruling::Approved(_)));
        match ruling {
            Ruling::Approved(approved) => {
                prop_assert_eq!(subject.decision(now), Some(approved.decision()));
                prop_assert_eq!((state, reasons), (SubjectState::Requested, Vec::new()));
            }
            Ruling::Ended(verdict, why) => {
                let decision = subject.decision(now);
                prop_assert_eq!(decision.map(|decision| decision.verdict), Some(verdict));
                prop_assert_eq!((state, reasons), (SubjectState::Decided(verdict), why));
            }
            Ruling::Pending(why) => {
                prop_assert_eq!(subject.decision(now), None);
                prop_assert_eq!((state, reasons), (SubjectState::Requested, why));
            }
        }
        due_is_when_it_changes(&subject, now, between)?;
    }

    #[test]
    fn a_change_rules_as_the_policy_does_and_time_alone_changes_it_when_it_is_due(
        said in prop::collection::vec(any::<bool>(), 3),
        (lapse, wait, hours) in (1..40_u64, 0..40_u64, 0..40_u64),
        superseded in prop::option::of(0..40_u64),
        between in any::<prop::sample::Index>(),
    ) {
        const HOUR: u64 = DAY / 24;
        let mut stage = change::Stage::new();
        stage.policy.lapse_millis = lapse * HOUR;
        stage.policy.change.wait_millis = wait * HOUR;
        stage.change.replaces = stage.policy.digest();
        let pool = [
            stage.says("ada", Word::Approve),
            stage.says("bob", Word::Approve),
            stage.says("cid", Word::Deny),
        ];
        let words: Vec<_> = pool.into_iter().zip(said).filter_map(|(word, is)| is.then_some(word)).collect();
        let now = NOW.plus_millis(hours * HOUR);
        let superseded = superseded.map(|hours| NOW.plus_millis(hours * HOUR));
        let subject = subject_of_change(&stage, &words, None, superseded);
        let (state, reasons) = subject.standing(now);
        if superseded.is_none_or(|at| now < at) {
            match decide_change(&stage.case(&logged(&words)), now) {
                Ruling::Approved(approved) => prop_assert_eq!(subject.decision(now), Some(approved.decision())),
                Ruling::Ended(verdict, why) => {
                    prop_assert_eq!((state, reasons), (SubjectState::Decided(verdict), why));
                }
                Ruling::Pending(why) => {
                    prop_assert_eq!(subject.decision(now), None);
                    prop_assert_eq!((state, reasons), (SubjectState::Requested, why));
                }
            }
        } else {
            prop_assert_eq!(state, SubjectState::Decided(Verdict::Lapsed));
        }
        due_is_when_it_changes(&subject, now, between)?;
    }
}

/// Holds a subject that is not decided to what it says of the time.
fn due_is_when_it_changes(
    subject: &Subject,
    now: Time,
    between: prop::sample::Index,
) -> Result<(), TestCaseError> {
    let stands = subject.standing(now);
    let is_pending = stands.0 == SubjectState::Requested && subject.decision(now).is_none();
    let Some(due) = subject.due(now) else {
        // It can be decided, by whoever acts next.
        prop_assert!(!is_pending);
        return Ok(());
    };
    prop_assert!(is_pending && due > now);
    let span = usize::try_from(due.as_millis() - now.as_millis()).unwrap();
    let some_time = now.plus_millis(between.index(span) as u64);
    for at in [some_time, Time::from_millis(due.as_millis() - 1)] {
        prop_assert_eq!(subject.standing(at), stands.clone());
        prop_assert_eq!(subject.decision(at), None);
        prop_assert_eq!(subject.due(at), Some(due));
    }
    // A wait is over, or it lapsed: it lacks less, or stands elsewhere.
    prop_assert_ne!(subject.standing(due), stands);
    Ok(())
}

fn verdicts() -> [Option<Verdict>; 5] {
    use Verdict::{Approved, Denied, Lapsed, Vetoed};
    [
        None,
        Some(Approved),
        Some(Denied),
        Some(Vetoed),
        Some(Lapsed),
    ]
}

fn decided(cast: &Cast, verdict: Verdict, time: Time) -> Decided {
    let decision = Decision {
        verdict,
        ..cast.decision()
    };
    Decided { decision, time }
}

fn around_request(stage: &Stage, released: u64) -> Around {
    Around::Request {
        owner: stage.owner.clone(),
        scene: stage.scene.clone(),
        released,
    }
}

fn subject(
    stage: &Stage,
    words: &[SignedStatement],
    decided: Option<Decided>,
    released: u64,
) -> Subject {
    let asked = SignedStatement::sign(stage.request.clone(), &stage.cast.asking);
    Subject::new(
        asked,
        (7, stage.recorded),
        stage.policy.clone(),
        logged(words),
        decided,
        around_request(stage, released),
    )
    .unwrap()
}

fn around_change(stage: &change::Stage, superseded: Option<Time>) -> Around {
    Around::Change {
        author: stage.author,
        codes: stage.codes.clone(),
        superseded,
    }
}

fn subject_of_change(
    stage: &change::Stage,
    words: &[SignedStatement],
    decided: Option<Decided>,
    superseded: Option<Time>,
) -> Subject {
    let asked = SignedStatement::sign(stage.change.clone(), &stage.cast.device);
    let policy: Policy = stage.policy.clone();
    let around = around_change(stage, superseded);
    Subject::new(asked, (7, NOW), policy, logged(words), decided, around).unwrap()
}

/// The word for a standing, with a plus where it has reasons.
fn told((state, reasons): (SubjectState, Vec<Reason>)) -> String {
    let plus = if reasons.is_empty() { "" } else { "+" };
    format!("{}{plus}", state.as_str())
}

fn ended(state: SubjectState) -> Option<Verdict> {
    match state {
        SubjectState::Decided(verdict) => Some(verdict),
        SubjectState::Requested | SubjectState::Released => None,
    }
}

fn reasons_of(subject: &Subject, now: Time) -> Vec<String> {
    let (_, reasons) = subject.standing(now);
    reasons.iter().map(Reason::to_string).collect()
}

//! Requests decided with officers in the policy (spec/policy.md#decide, #own-request).

use std::slice::from_ref;

use strongroom_protocol::id::{AuthorityId, Digest, OwnerId, Time};
use strongroom_protocol::keys::{SigningKey, VerifyingKey};
use strongroom_protocol::policy::{
    Asker, Owners, Person, Policy, Rule, Ruling, Sponsorship, decide,
};
use strongroom_protocol::statement::{
    Approval, Grounds, Request, Scope, SignedStatement, Verdict, Word,
};

use super::{Outcome, Stage};
use crate::cast::{DAY, NOW, group, logged, officer, officer_key, serial};

#[test]
fn a_group_approves_with_as_many_people_as_it_needs() {
    let stage = stage(by("two"));
    let (ada, bob) = (
        says(&stage, "ada", Word::Approve),
        says(&stage, "bob", Word::Approve),
    );
    assert_eq!(stage.outcome(&[], NOW), Outcome::Pending);
    assert_eq!(stage.outcome(from_ref(&ada), NOW), Outcome::Pending);
    assert_eq!(
        stage.reasons(from_ref(&ada), NOW),
        ["rule `rule` needs the approval of `two` (so far: ada)"]
    );
    assert_eq!(stage.outcome(&[ada.clone(), bob.clone()], NOW), approved());
    // Dan is an officer, and not one of them.
    assert_eq!(
        stage.outcome(&[ada.clone(), says(&stage, "dan", Word::Approve)], NOW),
        Outcome::Pending
    );
    let decision = stage.decision(&[bob.clone(), ada.clone()], NOW);
    let mut ids = vec![ada.id(), bob.id()];
    ids.sort_unstable();
    assert_eq!(decision.approvals, ids);
    assert_eq!(decision, stage.decision(&[ada, bob], NOW));
}

#[test]
fn a_person_counts_once_whatever_number_of_keys_they_have() {
    let mut stage = stage(by("two"));
    let other = SigningKey::from_seed(&[70; 32]);
    stage.policy.officers[0].keys.push(other.verifying_key());
    let both = [
        says(&stage, "ada", Word::Approve),
        word(&stage, Word::Approve, &other),
    ];
    assert_eq!(stage.outcome(&both, NOW), Outcome::Pending);
    let all = [&both[..], &[says(&stage, "bob", Word::Approve)]].concat();
    assert_eq!(stage.decision(&all, NOW).approvals.len(), 2);
}

#[test]
fn an_approval_is_of_this_request_under_this_policy_at_this_authority() {
    let stage = stage(by("two"));
    let right = approval(&stage, Word::Approve);
    let bob = says(&stage, "bob", Word::Approve);
    let zero = Digest::from_bytes([0; 32]);
    let grown = Request {
        scope: Scope::of((0..9).map(serial)).unwrap(),
        ..stage.request.clone()
    };
    for wrong in [
        Approval {
            subject: zero,
            ..right.clone()
        },
        Approval {
            subject: grown.digest(),
            ..right.clone()
        },
        Approval {
            policy: zero,
            ..right.clone()
        },
        Approval {
            policy: Policy::code_alone().digest(),
            ..right.clone()
        },
        Approval {
            authority: AuthorityId::from_bytes([0; 32]),
            ..right.clone()
        },
        Approval {
            word: Word::Overrule,
            ..right.clone()
        },
    ] {
        let wrong = SignedStatement::sign(wrong, &officer_key("ada"));
        assert_eq!(stage.outcome(&[bob.clone(), wrong], NOW), Outcome::Pending);
    }
    for stranger in [
        &stage.cast.stranger,
        &stage.cast.device,
        &stage.cast.log_key,
    ] {
        let wrong = word(&stage, Word::Approve, stranger);
        assert_eq!(stage.outcome(&[bob.clone(), wrong], NOW), Outcome::Pending);
    }
}

#[test]
fn nobody_approves_their_own_request_by_whatever_they_are_known() {
    let approves = |change: &dyn Fn(&mut Stage)| {
        let mut stage = stage(by("two"));
        change(&mut stage);
        let both = [
            says(&stage, "ada", Word::Approve),
            says(&stage, "bob", Word::Approve),
        ];
        stage.outcome(&both, NOW) == approved()
    };
    let ada = || officer_key("ada").verifying_key();
    let asker = OwnerId::from_bytes([44; 32]);
    assert!(approves(&|_| ()));
    // The owner, by the policy's link; another owner's link changes nothing.
    assert!(!approves(
        &|stage| stage.policy.officers[0].owner = Some(stage.request.owner)
    ));
    assert!(approves(
        &|stage| stage.policy.officers[0].owner = Some(asker)
    ));
    // The same key: the asking device's, the owner's device's, the code's.
    assert!(!approves(&|stage| stage.request.device_key = ada()));
    assert!(!approves(&|stage| stage.owner.devices.push(ada())));
    assert!(!approves(&|stage| stage.owner.code_key = Some(ada())));
    // Whoever brought the officer in: the owner's device, the asking one, or an officer who is the owner.
    let sponsor = |stage: &mut Stage, key| stage.scene.sponsors = vec![came_in("ada", key)];
    assert!(!approves(&|stage| sponsor(
        stage,
        stage.cast.device.verifying_key()
    )));
    assert!(!approves(&|stage| sponsor(
        stage,
        stage.cast.asking.verifying_key()
    )));
    assert!(!approves(&|stage| {
        stage.policy.officers[3].owner = Some(stage.request.owner);
        sponsor(stage, officer_key("dan").verifying_key());
    }));
    assert!(approves(&|stage| sponsor(
        stage,
        officer_key("dan").verifying_key()
    )));
    assert!(approves(&|stage| {
        stage.scene.sponsors = vec![came_in("dan", stage.cast.device.verifying_key())];
    }));
}

#[test]
fn somebody_elses_keys_are_for_who_may_ask_and_does_not_approve() {
    let asker = OwnerId::from_bytes([44; 32]);
    let mut stage = stage(Rule {
        asker: Asker::Group("askers".to_owned()),
        ..by("two")
    });
    let two = |stage: &Stage, one, other| {
        [
            says(stage, one, Word::Approve),
            says(stage, other, Word::Approve),
        ]
    };
    // An owner does not ask by such a rule, nor does who is not known.
    assert_eq!(
        stage.outcome(&two(&stage, "ada", "bob"), NOW),
        Outcome::Ended(Verdict::Denied)
    );
    stage.scene.asker = Some(asker);
    assert_eq!(
        stage.outcome(&two(&stage, "ada", "bob"), NOW),
        Outcome::Ended(Verdict::Denied)
    );
    // Bob is no asker, Cid is.
    stage.policy.officers[1].owner = Some(asker);
    assert_eq!(
        stage.outcome(&two(&stage, "ada", "cid"), NOW),
        Outcome::Ended(Verdict::Denied)
    );
    stage.policy.officers[1].owner = None;
    stage.policy.officers[2].owner = Some(asker);
    assert_eq!(stage.outcome(&two(&stage, "ada", "bob"), NOW), approved());
    assert_eq!(
        stage.outcome(&two(&stage, "ada", "cid"), NOW),
        Outcome::Pending
    );
    let statements = two(&stage, "ada", "bob");
    let Ruling::Approved(given) = decide(&stage.case(&logged(&statements)), NOW) else {
        panic!("it is not approved")
    };
    assert_eq!(
        given.decision().asker,
        Some(asker),
        "else the asker's device would be taken for the owner's"
    );
    // And a rule for owners is not for others.
    stage.policy.rules = vec![by("two")];
    assert_eq!(
        stage.outcome(&two(&stage, "ada", "bob"), NOW),
        Outcome::Ended(Verdict::Denied)
    );
}

#[test]
fn one_no_of_those_who_are_asked_stops_a_rule() {
    let stage = stage(by("two"));
    let yes = [
        says(&stage, "ada", Word::Approve),
        says(&stage, "bob", Word::Approve),
    ];
    let with = |no| [&yes[..], &[no]].concat();
    assert_eq!(
        stage.outcome(&with(says(&stage, "cid", Word::Deny)), NOW),
        Outcome::Ended(Verdict::Denied)
    );
    // Who said yes can still say no.
    assert_eq!(
        stage.outcome(&with(says(&stage, "ada", Word::Deny)), NOW),
        Outcome::Ended(Verdict::Denied)
    );
    assert_eq!(
        stage.outcome(&with(says(&stage, "dan", Word::Deny)), NOW),
        approved()
    );
}

#[test]
fn a_no_is_told_with_the_reason_that_was_signed_with_it() {
    let stage = stage(by("two"));
    let no = |text: &str| {
        let denial = Approval {
            grounds: Grounds::new(text.to_owned()).unwrap(),
            ..approval(&stage, Word::Deny)
        };
        SignedStatement::sign(denial, &officer_key("cid"))
    };
    assert_eq!(
        stage.reasons(&[no("")], NOW),
        ["`cid` denied it under rule `rule`"]
    );
    let told = stage.reasons(&[no("the caller was not ann")], NOW);
    assert_eq!(
        told,
        ["`cid` denied it under rule `rule`, saying \"the caller was not ann\""]
    );
    // Of two it is always the same one's, and nobody's who is not asked.
    let (one, other) = (no("one"), no("other"));
    let told = stage.reasons(&[one.clone(), other.clone()], NOW);
    assert_eq!(told.len(), 1);
    assert_eq!(told, stage.reasons(&[other, one], NOW));
    let unasked = stage.reasons(&[says(&stage, "dan", Word::Deny)], NOW);
    assert!(!unasked.concat().contains("saying"), "{unasked:?}");
}

#[test]
fn a_veto_is_overruled_by_the_group_or_ends_with_the_owners_departure() {
    let rule = Rule {
        veto: true,
        overrule: Some("desk".to_owned()),
        evidence: Rule::code_alone("rule").evidence,
        asker: Asker::Owner,
        ..by("two")
    };
    let mut stage = stage(rule);
    let vetoed = [
        stage.code(),
        says(&stage, "ada", Word::Approve),
        says(&stage, "bob", Word::Approve),
        stage.veto(&stage.cast.device),
    ];
    let with = |more: SignedStatement| [&vetoed[..], &[more]].concat();
    // It waits, so that somebody comes to overrule it in time.
    assert_eq!(stage.outcome(&vetoed, NOW), Outcome::Pending);
    assert_eq!(
        stage.outcome(&with(says(&stage, "ada", Word::Overrule)), NOW),
        Outcome::Pending
    );
    assert_eq!(
        stage.outcome(&with(says(&stage, "dan", Word::Approve)), NOW),
        Outcome::Pending
    );
    let overruled = with(says(&stage, "dan", Word::Overrule));
    assert_eq!(stage.outcome(&overruled, NOW), approved());
    // Nobody overrules for their own request.
    let mut dans = Stage { ..stage };
    dans.policy.officers[3].owner = Some(dans.request.owner);
    let overruled = [
        dans.code(),
        says(&dans, "ada", Word::Approve),
        says(&dans, "bob", Word::Approve),
        dans.veto(&dans.cast.device),
        says(&dans, "dan", Word::Overrule),
    ];
    assert_eq!(dans.outcome(&overruled, NOW), Outcome::Pending);
    stage = dans;
    stage.scene.departed = true;
    assert_eq!(stage.outcome(&overruled[..4], NOW), approved());
}

#[test]
fn rivals_freeze_what_no_officer_has_a_say_in_until_one_is_denied() {
    let mut stage = stage(Rule::code_alone("code"));
    let code = stage.code();
    let approved = Outcome::Approved("code".to_owned());
    assert_eq!(stage.outcome(from_ref(&code), NOW), approved);
    stage.scene.rival = true;
    assert_eq!(stage.outcome(from_ref(&code), NOW), Outcome::Pending);
    assert_eq!(
        stage.reasons(from_ref(&code), NOW),
        ["rule `code` waits for officers: another request for this owner is open"]
    );
    // Any officer says which is wrong; this one is.
    let no = says(&stage, "dan", Word::Deny);
    assert_eq!(
        stage.outcome(&[code.clone(), no.clone()], NOW),
        Outcome::Ended(Verdict::Denied)
    );
    // Or the other one, which is then no longer open.
    stage.scene.rival = false;
    assert_eq!(stage.outcome(from_ref(&code), NOW), approved);
    // Without a rival, officers have no say in the code.
    assert_eq!(stage.outcome(&[code.clone(), no], NOW), approved);
    // Officers who approve have chosen between the two.
    let mut chosen = self::stage(by("two"));
    chosen.scene.rival = true;
    let both = [
        says(&chosen, "ada", Word::Approve),
        says(&chosen, "bob", Word::Approve),
    ];
    assert_eq!(chosen.outcome(&both, NOW), self::approved());
    // Where there are none, nobody would ever settle it.
    stage.scene.rival = true;
    stage.policy = Policy {
        rules: vec![Rule::code_alone("code")],
        ..Policy::code_alone()
    };
    assert_eq!(stage.outcome(&[code], NOW), approved);
}

#[test]
fn a_rule_is_for_its_owners_labels_and_number_of_keys() {
    let applies = |change: &dyn Fn(&mut Rule), more: &dyn Fn(&mut Stage)| {
        let mut rule = by("two");
        change(&mut rule);
        let mut stage = stage(rule);
        more(&mut stage);
        stage.outcome(&[], NOW) == Outcome::Pending
    };
    let owners = |owners: Owners| move |rule: &mut Rule| rule.owners = owners.clone();
    let owner = |byte| OwnerId::from_bytes([byte; 32]);
    assert!(applies(
        &owners(Owners::These(vec![owner(9), owner(3)])),
        &|_| ()
    ));
    assert!(!applies(&owners(Owners::These(vec![owner(9)])), &|_| ()));
    assert!(!applies(&owners(Owners::These(vec![])), &|_| ()));
    let by_evidence = |rule: &mut Rule| {
        rule.owners = Owners::Departed;
        rule.asker = Asker::Owner;
        rule.evidence = Rule::code_alone("rule").evidence;
    };
    let departed = |stage: &mut Stage| stage.scene.departed = true;
    assert!(!applies(&by_evidence, &|_| ()));
    assert!(applies(&by_evidence, &departed));
    // Nobody says to be an owner who is gone.
    assert!(!applies(&owners(Owners::Any), &departed));
    let most = |rule: &mut Rule| rule.keys_max = Some(2);
    assert!(applies(&most, &|stage| stage.scene.keys = 2));
    assert!(!applies(&most, &|stage| stage.scene.keys = 3));
    let labelled = |rule: &mut Rule| {
        rule.labels = [("a", "1"), ("b", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    };
    let has = |labels: &'static [(&str, &str)]| {
        move |stage: &mut Stage| {
            let labels = labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            stage.scene.labels = labels.collect();
        }
    };
    assert!(applies(
        &labelled,
        &has(&[("a", "1"), ("b", "2"), ("c", "3")])
    ));
    assert!(!applies(&labelled, &has(&[("a", "1")])));
    assert!(!applies(&labelled, &has(&[("a", "1"), ("b", "1")])));
    assert!(!applies(&labelled, &has(&[])));
}

#[test]
fn a_group_of_groups_wants_one_of_each() {
    let stage = stage(by("two and desk"));
    let yes = |names: &[&str]| {
        names
            .iter()
            .map(|name| says(&stage, name, Word::Approve))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        stage.outcome(&yes(&["ada", "bob", "cid"]), NOW),
        Outcome::Pending
    );
    assert_eq!(stage.outcome(&yes(&["ada", "dan"]), NOW), Outcome::Pending);
    assert_eq!(stage.outcome(&yes(&["ada", "cid", "dan"]), NOW), approved());
}

pub(super) fn approved() -> Outcome {
    Outcome::Approved("rule".to_owned())
}

/// That an officer came in by a change that this key asked for.
fn came_in(officer: &str, by: VerifyingKey) -> Sponsorship {
    Sponsorship {
        officer: Person::from(&crate::cast::officer(officer)),
        by: Person {
            keys: vec![by],
            ..Person::default()
        },
    }
}

/// A rule that needs this group and nothing else, at once and without a veto: no policy that is read has one, since it is for
/// whoever says to be the owner.
pub(super) fn by(approvals: &str) -> Rule {
    Rule {
        asker: Asker::Anyone,
        evidence: Vec::new(),
        approvals: Some(approvals.to_owned()),
        ..Rule::code_alone("rule")
    }
}

/// A request under one rule, with four officers.
pub(super) fn stage(rule: Rule) -> Stage {
    let mut stage = Stage::new(vec![rule]);
    stage.policy.officers = ["ada", "bob", "cid", "dan"]
        .into_iter()
        .map(officer)
        .collect();
    stage.policy.groups = vec![
        group("two", 2, &["ada", "bob", "cid"]),
        group("desk", 1, &["dan"]),
        group("askers", 1, &["cid", "dan"]),
        group("two and desk", 2, &["two", "desk"]),
    ];
    let sound = Policy {
        rules: vec![Rule::code_alone("rule")],
        ..stage.policy.clone()
    };
    assert_eq!(sound.validate(), Ok(()));
    stage
}

fn approval(stage: &Stage, word: Word) -> Approval {
    Approval {
        policy: stage.policy.digest(),
        created: Time::from_millis(NOW.as_millis() - DAY),
        ..stage.cast.approval(&stage.request, word)
    }
}

pub(super) fn word(stage: &Stage, word: Word, key: &SigningKey) -> SignedStatement {
    SignedStatement::sign(approval(stage, word), key)
}

pub(super) fn says(stage: &Stage, name: &str, said: Word) -> SignedStatement {
    word(stage, said, &officer_key(name))
}

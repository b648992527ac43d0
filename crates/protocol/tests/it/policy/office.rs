//! Whose word counts: by the policy that decides and by the one in force, whoever came in through whom, and what comes after
//! what (spec/policy.md#in-office, #own-request).

use strongroom_protocol::id::OwnerId;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{
    Around, Asker, Discount, LoggedWord, Officer, Person, Policy, Rule, Sponsorship, Subject,
    decide,
};
use strongroom_protocol::statement::{SignedStatement, Verdict, Word};

use super::officers::{approved, by, says, stage};
use super::{Outcome, Stage};
use crate::cast::{NOW, group, logged, officer, officer_key};

/// What becomes of a request that these approve, once another policy is in force.
fn outcome(names: &[&str], change: &dyn Fn(&mut Policy)) -> Outcome {
    let mut stage = stage(by("two"));
    let words: Vec<_> = names
        .iter()
        .map(|name| says(&stage, name, Word::Approve))
        .collect();
    put_in_force(&mut stage, change);
    stage.outcome(&words, NOW)
}

fn put_in_force(stage: &mut Stage, change: &dyn Fn(&mut Policy)) {
    let mut in_force = stage.policy.clone();
    change(&mut in_force);
    stage.scene.in_force = Some(in_force);
}

fn without(policy: &mut Policy, name: &str) {
    policy.officers.retain(|officer| officer.name != name);
    for group in &mut policy.groups {
        group.of.retain(|member| member != name);
        group.need = group.need.min(group.of.len() as u64);
    }
}

fn renamed(policy: &mut Policy, from: &str, to: &str) {
    for officer in &mut policy.officers {
        if officer.name == from {
            to.clone_into(&mut officer.name);
        }
    }
    for member in policy.groups.iter_mut().flat_map(|group| &mut group.of) {
        if member == from {
            to.clone_into(member);
        }
    }
}

fn officer_in<'p>(policy: &'p mut Policy, name: &str) -> &'p mut Officer {
    let mut officers = policy.officers.iter_mut();
    officers.find(|officer| officer.name == name).unwrap()
}

fn new_key(policy: &mut Policy, name: &str) {
    let key = SigningKey::from_seed(&[0x77; 32]).verifying_key();
    officer_in(policy, name).keys = vec![key];
}

#[test]
fn an_approval_counts_while_its_author_is_an_officer_who_is_asked_by_both_policies() {
    let both = ["ada", "bob"];
    assert_eq!(outcome(&both, &|_| ()), approved());
    assert_eq!(
        outcome(&both, &|policy| policy.lapse_millis += 1),
        approved()
    );
    assert_eq!(outcome(&both, &|policy| without(policy, "cid")), approved());
    assert_eq!(
        outcome(&both, &|policy| without(policy, "bob")),
        Outcome::Pending
    );
    // Of those who stay, enough are enough.
    let three = ["ada", "bob", "cid"];
    assert_eq!(
        outcome(&three, &|policy| without(policy, "bob")),
        approved()
    );
}

#[test]
fn a_key_that_was_renewed_speaks_no_more_and_a_name_that_is_another_key_now_never_did() {
    let both = ["ada", "bob"];
    assert_eq!(
        outcome(&both, &|policy| new_key(policy, "bob")),
        Outcome::Pending
    );
    // Beside the new one the old one is theirs still.
    let added = |policy: &mut Policy| {
        let key = SigningKey::from_seed(&[0x77; 32]).verifying_key();
        officer_in(policy, "bob").keys.push(key);
    };
    assert_eq!(outcome(&both, &added), approved());
    // Bob's name is Zoe's key, and Bob another name.
    let swapped = |policy: &mut Policy| {
        renamed(policy, "bob", "robert");
        policy.officers.push(officer("zoe"));
        renamed(policy, "zoe", "bob");
        policy.groups[0].of.push("bob".to_owned());
    };
    assert_eq!(outcome(&both, &swapped), approved());
    let gone = |policy: &mut Policy| {
        without(policy, "bob");
        policy.officers.push(officer("zoe"));
        renamed(policy, "zoe", "bob");
        policy.groups[0].of.push("bob".to_owned());
    };
    assert_eq!(outcome(&both, &gone), Outcome::Pending);
}

#[test]
fn who_was_taken_out_of_the_group_that_is_asked_has_no_say_of_it() {
    let both = ["ada", "bob"];
    let out = |policy: &mut Policy| policy.groups[0].of = vec!["ada".to_owned(), "cid".to_owned()];
    assert_eq!(outcome(&both, &out), Outcome::Pending);
    // Into another group of the same officers, or through one.
    let nested = |policy: &mut Policy| {
        policy.groups[0].of = vec!["ada".to_owned(), "inner".to_owned()];
        policy.groups.push(group("inner", 1, &["bob", "cid"]));
    };
    assert_eq!(outcome(&both, &nested), approved());
    let no_group = |policy: &mut Policy| renamed_group(policy, "two", "deux");
    assert_eq!(outcome(&both, &no_group), Outcome::Pending);
}

fn renamed_group(policy: &mut Policy, from: &str, to: &str) {
    for group in &mut policy.groups {
        if group.name == from {
            to.clone_into(&mut group.name);
        }
    }
}

#[test]
fn two_officers_who_are_one_person_by_the_policy_in_force_do_not_count_as_two() {
    let merged = |policy: &mut Policy| {
        let key = officer_key("bob").verifying_key();
        without(policy, "bob");
        officer_in(policy, "ada").keys.push(key);
    };
    assert_eq!(outcome(&["ada", "bob"], &merged), Outcome::Pending);
    assert_eq!(outcome(&["ada", "bob", "cid"], &merged), Outcome::Pending);
}

#[test]
fn a_denial_stands_while_anybody_in_force_may_be_who_said_it() {
    let outcome = |change: &dyn Fn(&mut Policy)| {
        let mut stage = stage(by("two"));
        officer_in(&mut stage.policy, "cid").owner = Some(OwnerId::from_bytes([5; 32]));
        let words = [
            says(&stage, "ada", Word::Approve),
            says(&stage, "bob", Word::Approve),
            says(&stage, "cid", Word::Deny),
        ];
        put_in_force(&mut stage, change);
        stage.outcome(&words, NOW)
    };
    let denied = Outcome::Ended(Verdict::Denied);
    assert_eq!(outcome(&|_| ()), denied);
    assert_eq!(outcome(&|policy| new_key(policy, "cid")), denied);
    assert_eq!(outcome(&|policy| renamed(policy, "cid", "kid")), denied);
    let by_owner_alone = |policy: &mut Policy| {
        new_key(policy, "cid");
        renamed(policy, "cid", "kid");
    };
    assert_eq!(outcome(&by_owner_alone), denied);
    // Out of the group, and an officer still.
    assert_eq!(outcome(&|policy| policy.groups[0].of.truncate(2)), denied);
    assert_eq!(outcome(&|policy| without(policy, "cid")), approved());
}

#[test]
fn a_denial_beside_a_rival_is_by_somebody_who_may_still_be_an_officer() {
    let mut stage = stage(Rule::code_alone("code"));
    stage.scene.rival = true;
    let words = [stage.code(), says(&stage, "dan", Word::Deny)];
    put_in_force(&mut stage, &|policy| new_key(policy, "dan"));
    assert_eq!(stage.outcome(&words, NOW), Outcome::Ended(Verdict::Denied));
    put_in_force(&mut stage, &|policy| without(policy, "dan"));
    assert_eq!(stage.outcome(&words, NOW), Outcome::Pending);
}

#[test]
fn an_asker_is_of_the_group_by_both_policies() {
    let asker = OwnerId::from_bytes([44; 32]);
    let mut stage = stage(Rule {
        asker: Asker::Group("askers".to_owned()),
        ..by("two")
    });
    officer_in(&mut stage.policy, "cid").owner = Some(asker);
    stage.scene.asker = Some(asker);
    let words = ["ada", "bob"].map(|name| says(&stage, name, Word::Approve));
    let mut outcome = |change: &dyn Fn(&mut Policy)| {
        put_in_force(&mut stage, change);
        stage.outcome(&words, NOW)
    };
    assert_eq!(outcome(&|_| ()), approved());
    let denied = Outcome::Ended(Verdict::Denied);
    assert_eq!(outcome(&|policy| without(policy, "cid")), denied);
    assert_eq!(
        outcome(&|policy| officer_in(policy, "cid").owner = None),
        denied
    );
    assert_eq!(
        outcome(&|policy| policy.groups[2].of.retain(|name| name != "cid")),
        denied
    );
    assert_eq!(
        outcome(&|policy| renamed_group(policy, "askers", "others")),
        denied
    );
}

/// Who came in through whom, by what each was known by.
fn came_in(officer: Person, by: Person) -> Sponsorship {
    Sponsorship { officer, by }
}

fn named(name: &str) -> Person {
    Person {
        name: Some(name.to_owned()),
        ..Person::default()
    }
}

fn keyed(name: &str) -> Person {
    Person {
        keys: vec![officer_key(name).verifying_key()],
        ..Person::default()
    }
}

fn owned(owner: OwnerId) -> Person {
    Person {
        owners: vec![owner],
        ..Person::default()
    }
}

/// Tells whether Ada's approval, beside Bob's, counts for a request.
fn ada_counts(change: &dyn Fn(&mut Stage)) -> bool {
    let mut stage = stage(by("two"));
    change(&mut stage);
    let words = ["ada", "bob"].map(|name| says(&stage, name, Word::Approve));
    stage.outcome(&words, NOW) == approved()
}

#[test]
fn who_came_in_through_whom_is_followed_to_the_end() {
    let owner = |stage: &Stage| stage.request.owner;
    let other = OwnerId::from_bytes([9; 32]);
    assert!(ada_counts(&|_| ()));
    assert!(ada_counts(
        &|stage| stage.scene.sponsors = vec![came_in(named("ada"), owned(other))]
    ));
    // By her name, by her key; through somebody who left, and somebody before them; in whatever order that is known.
    for ada in [named("ada"), keyed("ada")] {
        assert!(!ada_counts(
            &|stage| stage.scene.sponsors = vec![came_in(ada.clone(), owned(owner(stage)))]
        ));
        assert!(!ada_counts(&|stage| stage.scene.sponsors = vec![
            came_in(ada.clone(), named("gone")),
            came_in(keyed("gone"), owned(owner(stage))),
            came_in(named("gone"), keyed("gone")),
        ]));
    }
    // The asking device, the owner's device and the code are the owner's.
    for key in [
        |stage: &Stage| stage.request.device_key,
        |stage: &Stage| stage.owner.devices[0],
        |stage: &Stage| stage.owner.code_key.unwrap(),
    ] {
        assert!(!ada_counts(&|stage| {
            let by = Person {
                keys: vec![key(stage)],
                ..Person::default()
            };
            stage.scene.sponsors = vec![came_in(named("ada"), by)];
        }));
    }
    // In a circle that the owner is not of, it ends and counts; in one that the owner is of, it does not count.
    let circle = |last: Person| {
        vec![
            came_in(named("ada"), named("x")),
            came_in(named("x"), named("y")),
            came_in(named("y"), named("ada")),
            came_in(named("x"), last),
        ]
    };
    assert!(ada_counts(
        &|stage| stage.scene.sponsors = circle(owned(other))
    ));
    assert!(!ada_counts(
        &|stage| stage.scene.sponsors = circle(owned(owner(stage)))
    ));
}

#[test]
fn an_officer_who_is_the_owner_by_either_policy_brought_in_whom_they_brought_in() {
    let through_dan = |stage: &mut Stage| {
        stage.scene.sponsors = vec![came_in(named("ada"), named("dan"))];
    };
    assert!(ada_counts(&through_dan));
    assert!(!ada_counts(&|stage| {
        through_dan(stage);
        officer_in(&mut stage.policy, "dan").owner = Some(stage.request.owner);
    }));
    // Only the policy in force knows that he is.
    assert!(!ada_counts(&|stage| {
        through_dan(stage);
        let owner = stage.request.owner;
        put_in_force(stage, &|policy| {
            officer_in(policy, "dan").owner = Some(owner);
        });
    }));
    // Or that she is.
    assert!(!ada_counts(&|stage| {
        let owner = stage.request.owner;
        put_in_force(stage, &|policy| {
            officer_in(policy, "ada").owner = Some(owner);
        });
    }));
}

#[test]
fn what_overrules_a_veto_comes_after_it() {
    let rule = Rule {
        veto: true,
        overrule: Some("two".to_owned()),
        ..by("two")
    };
    let mut stage = stage(rule);
    let second = SigningKey::from_seed(&[0x66; 32]);
    stage.owner.devices.push(second.verifying_key());
    let yes = ["ada", "bob"].map(|name| says(&stage, name, Word::Approve));
    let [ada, bob] = ["ada", "bob"].map(|name| says(&stage, name, Word::Overrule));
    let veto = stage.veto(&stage.cast.device);
    let other = stage.veto(&second);
    let outcome = |words: &[&SignedStatement]| {
        let words: Vec<_> = yes.iter().chain(words.iter().copied()).cloned().collect();
        stage.outcome(&words, NOW)
    };
    assert_eq!(outcome(&[&veto, &ada, &bob]), approved());
    assert_eq!(outcome(&[&ada, &bob, &veto]), Outcome::Pending);
    assert_eq!(outcome(&[&ada, &veto, &bob]), Outcome::Pending);
    // Said again after it, it counts.
    assert_eq!(outcome(&[&ada, &veto, &bob, &ada]), approved());
    // One who vetoes again is overruled; another device is not.
    assert_eq!(outcome(&[&veto, &ada, &bob, &veto]), approved());
    assert_eq!(outcome(&[&veto, &ada, &bob, &other]), Outcome::Pending);
    assert_eq!(outcome(&[&veto, &other, &ada, &bob]), approved());
    assert_eq!(outcome(&[&veto, &ada, &other, &bob]), Outcome::Pending);
    // It is the place in the log that tells, not the order in which words are handed in.
    let mut words = logged(&[&yes[..], &[veto.clone(), ada.clone(), bob.clone()]].concat());
    words.reverse();
    assert!(is_approved(&stage, &words));
    let mut words = logged(&[&yes[..], &[ada, bob, veto]].concat());
    words.reverse();
    assert!(!is_approved(&stage, &words));
}

fn is_approved(stage: &Stage, words: &[LoggedWord]) -> bool {
    use strongroom_protocol::policy::Ruling;
    matches!(decide(&stage.case(words), NOW), Ruling::Approved(_))
}

#[test]
fn whoever_says_to_be_an_owner_who_has_departed_is_not_believed() {
    let mut stage = stage(by("two"));
    let words = ["ada", "bob"].map(|name| says(&stage, name, Word::Approve));
    assert_eq!(stage.outcome(&words, NOW), approved());
    stage.scene.departed = true;
    assert_eq!(stage.outcome(&words, NOW), Outcome::Ended(Verdict::Denied));
    // Who has the code is.
    stage.policy.rules[0].asker = Asker::Owner;
    stage.policy.rules[0].evidence = Rule::code_alone("rule").evidence;
    let words = ["ada", "bob"].map(|name| says(&stage, name, Word::Approve));
    let words = [&words[..], &[stage.code()]].concat();
    assert_eq!(stage.outcome(&words, NOW), approved());
}

fn subject(stage: &Stage, words: Vec<LoggedWord>) -> Subject {
    let asked = SignedStatement::sign(stage.request.clone(), &stage.cast.asking);
    let around = Around::Request {
        owner: stage.owner.clone(),
        scene: stage.scene.clone(),
        released: 0,
    };
    let policy = stage.policy.clone();
    Subject::new(asked, (7, NOW), policy, words, None, around).unwrap()
}

#[test]
fn a_request_is_a_rival_with_the_evidence_of_a_rule_that_asks_no_officer() {
    let is_rival = |rules: Vec<Rule>, words: &[SignedStatement], departed| {
        let mut stage = stage(by("two"));
        stage.policy.rules = rules;
        stage.scene.departed = departed;
        subject(&stage, logged(words)).is_rival(NOW)
    };
    let stage = stage(by("two"));
    let code = Rule::code_alone("code");
    let evidence = [stage.code()];
    assert!(is_rival(vec![code.clone()], &evidence, false));
    assert!(!is_rival(vec![code.clone()], &[], false));
    let by_a_stranger = stage.cast.evidence(&stage.request);
    let by_a_stranger = SignedStatement::sign(by_a_stranger, &stage.cast.stranger);
    assert!(!is_rival(vec![code.clone()], &[by_a_stranger], false));
    // Where officers are asked, they have chosen between the two.
    let with_officers = Rule {
        approvals: Some("two".to_owned()),
        ..code.clone()
    };
    assert!(!is_rival(vec![with_officers.clone()], &evidence, false));
    assert!(is_rival(
        vec![with_officers, code.clone()],
        &evidence,
        false
    ));
    // A rule that is not for it is none.
    let for_departed = Rule {
        owners: strongroom_protocol::policy::Owners::Departed,
        ..code.clone()
    };
    assert!(!is_rival(vec![for_departed.clone()], &evidence, false));
    assert!(is_rival(vec![for_departed], &evidence, true));
    // One that is over is nobody's rival.
    let mut over = super::officers::stage(code);
    over.request.expires = NOW;
    assert!(!subject(&over, logged(&[over.code()])).is_rival(NOW));
}

#[test]
fn of_a_word_that_does_not_count_it_is_told_why() {
    let rule = Rule {
        veto: true,
        overrule: Some("desk".to_owned()),
        ..by("two")
    };
    let discount = |change: &dyn Fn(&mut Stage), name: &str, word: Word, after_veto: bool| {
        let mut stage = stage(rule.clone());
        change(&mut stage);
        let said = says(&stage, name, word);
        let veto = stage.veto(&stage.cast.device);
        let words = logged(&[said.clone(), veto, said]);
        let place = if after_veto { 2 } else { 0 };
        subject(&stage, words.clone()).discount(&words[place])
    };
    let same: &dyn Fn(&mut Stage) = &|_| ();
    let gone: &dyn Fn(&mut Stage) = &|stage| put_in_force(stage, &|policy| without(policy, "ada"));
    let own: &dyn Fn(&mut Stage) = &|stage| {
        officer_in(&mut stage.policy, "ada").owner = Some(stage.request.owner);
    };
    use Word::{Approve, Deny, Overrule};
    assert_eq!(discount(same, "ada", Approve, true), None);
    assert_eq!(
        discount(same, "dan", Approve, true),
        Some(Discount::NotAsked)
    );
    assert_eq!(
        discount(gone, "ada", Approve, true),
        Some(Discount::OutOfOffice)
    );
    assert_eq!(discount(own, "ada", Approve, true), Some(Discount::Own));
    assert_eq!(discount(own, "ada", Deny, true), None);
    assert_eq!(discount(same, "ada", Deny, true), None);
    assert_eq!(discount(same, "dan", Deny, true), Some(Discount::NotAsked));
    assert_eq!(
        discount(gone, "ada", Deny, true),
        Some(Discount::OutOfOffice)
    );
    let rival: &dyn Fn(&mut Stage) = &|stage| stage.scene.rival = true;
    assert_eq!(discount(rival, "dan", Deny, true), None);
    assert_eq!(discount(same, "dan", Overrule, true), None);
    assert_eq!(
        discount(same, "ada", Overrule, true),
        Some(Discount::NotAsked)
    );
    assert_eq!(
        discount(same, "dan", Overrule, false),
        Some(Discount::NothingToOverrule)
    );
    // Under another policy's name it is nobody's.
    let moved: &dyn Fn(&mut Stage) = &|stage| stage.policy.lapse_millis += 1;
    let mut other = stage(rule.clone());
    let said = says(&other, "ada", Approve);
    moved(&mut other);
    let words = logged(&[said]);
    assert_eq!(
        subject(&other, words.clone()).discount(&words[0]),
        Some(Discount::NotAsked)
    );
    // What is no officer's word counts for what it is.
    let words = logged(&[other.code()]);
    assert_eq!(subject(&other, words.clone()).discount(&words[0]), None);
}

#[test]
fn a_request_is_vetoed_by_a_device_of_the_owners_that_does_not_ask() {
    let stage = stage(by("two"));
    let is_vetoed = |key: &SigningKey| subject(&stage, logged(&[stage.veto(key)])).is_vetoed();
    assert!(is_vetoed(&stage.cast.device));
    assert!(!is_vetoed(&stage.cast.asking));
    assert!(!is_vetoed(&stage.cast.stranger));
    assert!(!subject(&stage, logged(&[says(&stage, "ada", Word::Deny)])).is_vetoed());
}

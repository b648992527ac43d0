//! What is found in policies that make sense and were hardly meant (spec/policy.md#file).

use std::collections::BTreeMap;

use proptest::prelude::*;
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::policy::file::{Finding, check, explain};
use strongroom_protocol::policy::{Asker, Change, Group, Officer, Owners, Policy, Rule};

use crate::cast::{DAY, group, officer};

const HOUR: u64 = DAY / 24;

#[test]
fn nothing_is_found_in_a_policy_that_was_meant() {
    assert_eq!(found(&good()), [""; 0]);
    assert_eq!(found(&Policy::code_alone()), [""; 0]);
}

#[test]
fn a_rule_that_can_never_match_is_found() {
    let rule = |change: fn(&mut Rule)| {
        let mut policy = good();
        change(&mut policy.rules[1]);
        found(&policy)
    };
    let never = |why: &str| vec![format!("error: rule `for others` never matches: {why}")];
    assert_eq!(
        rule(|rule| rule.wait_millis = 30 * DAY),
        never("it waits 30 days, and requests lapse after 30 days")
    );
    assert_eq!(
        rule(|rule| rule.keys_max = Some(0)),
        never("it is for no key at all")
    );
    assert_eq!(
        rule(|rule| rule.owners = Owners::These(vec![])),
        never("it is for no owner")
    );
    assert_eq!(
        rule(|rule| rule.owners = Owners::These(vec![])),
        never("it is for no owner")
    );
    let mut policy = good();
    policy.officers[0].owner = None;
    assert_eq!(
        found(&policy)[..1],
        never("nobody in `askers` has an owner's id to ask with")
    );
    // Ada can ask, and cannot approve.
    let mut policy = good();
    policy.groups.push(group("ada and bob", 2, &["ada", "bob"]));
    policy.rules[1].approvals = Some("ada and bob".to_owned());
    let findings = found(&policy);
    assert_eq!(
        findings[..1],
        never("`ada and bob` is not enough without whoever of `askers` asks")
    );
    policy.groups[1] = group("askers", 1, &["ada", "cid"]);
    assert_eq!(
        found(&policy)[0],
        "warning: rule `for others` never matches when ada asks: `ada and bob` is not enough without them"
    );
    let mut policy = good();
    policy.departed = None;
    policy.rules[1].owners = Owners::Departed;
    assert_eq!(
        found(&policy),
        never("it is for owners who have departed, and nobody can say so")
    );
}

#[test]
fn a_rule_behind_one_that_asks_for_less_is_found() {
    let with = |change: &dyn Fn(&mut Rule)| {
        let mut policy = good();
        let mut rule = Rule {
            name: "more".to_owned(),
            ..policy.rules[0].clone()
        };
        change(&mut rule);
        policy.rules.push(rule);
        found(&policy)
    };
    let shadowed = [
        "warning: rule `more` never matters: `own` is for all that it is for, and asks for no more",
    ];
    assert_eq!(with(&|_| ()), shadowed);
    assert_eq!(with(&|rule| rule.wait_millis += 1), shadowed);
    assert_eq!(with(&|rule| rule.keys_max = Some(5)), shadowed);
    assert_eq!(
        with(&|rule| rule.owners = Owners::These(vec![OwnerId::from_bytes([1; 32])])),
        shadowed
    );
    assert_eq!(
        with(&|rule| rule.labels = BTreeMap::from([("a".to_owned(), "b".to_owned())])),
        shadowed
    );
    assert_eq!(
        with(&|rule| rule.wait_millis -= 1).len(),
        1,
        "the first is shadowed by the second"
    );
    assert_eq!(
        with(&|rule| rule.approvals = Some("three".to_owned())),
        [""; 0]
    );
    // It asks for more of one thing, and for less of another.
    assert_eq!(
        with(&|rule| {
            *rule = for_anyone(&rule.name, "three");
            rule.wait_millis = 3 * DAY;
        }),
        [""; 0]
    );
}

#[test]
fn fewer_people_than_a_group_seems_to_need_are_found() {
    let mut policy = good();
    policy.groups.push(group("desk", 1, &["ada", "bob", "cid"]));
    policy.groups.push(group("board", 1, &["bob", "dan"]));
    policy
        .groups
        .push(group("desk and board", 2, &["desk", "board"]));
    // Nobody asks for it.
    assert_eq!(found(&policy), [""; 0]);
    policy.rules[0].approvals = Some("desk and board".to_owned());
    assert_eq!(
        found(&policy),
        [
            "warning: one person alone is enough for `desk and board`, which seems to need 2: somebody is in more than one \
             of its groups",
        ]
    );
    policy.groups[4] = group("board", 2, &["bob", "dan", "cid"]);
    policy.groups[3] = group("desk", 2, &["ada", "bob", "cid"]);
    assert_eq!(
        found(&policy),
        [
            "warning: 2 people are enough for `desk and board`, which seems to need 4: somebody is in more than one of its \
             groups"
        ]
    );
    policy.groups[3] = group("desk", 1, &["ada", "cid"]);
    policy.groups[4] = group("board", 1, &["bob", "dan"]);
    assert_eq!(found(&policy), [""; 0]);
}

#[test]
fn a_rule_that_approves_too_easily_is_found() {
    let mut policy = good();
    policy.groups.push(group("one", 1, &["bob", "cid"]));
    policy.rules[1].approvals = Some("one".to_owned());
    policy.rules[1].wait_millis = 0;
    assert_eq!(
        found(&policy),
        [
            "warning: rule `for others` gives away another's keys at once on one person's word: whoever of `askers` asks, bob \
             or cid alone is enough"
        ]
    );
    policy.rules[1].wait_millis = HOUR;
    assert_eq!(
        found(&policy),
        [
            "warning: rule `for others` gives away another's keys on one person's word: whoever of `askers` asks, bob or cid \
             alone is enough"
        ]
    );
    // With the owner's code, it is the owner who gives them away.
    policy.rules[1].evidence = Rule::code_alone("code").evidence;
    assert_eq!(found(&policy), [""; 0]);
    let code_alone = |wait_millis, veto, overrule: Option<&str>| {
        let mut policy = good();
        policy.rules.remove(0);
        policy.rules.push(Rule {
            wait_millis,
            veto,
            overrule: overrule.map(str::to_owned),
            ..Rule::code_alone("code")
        });
        found(&policy)
    };
    let too_easy = [
        "warning: by rule `code` the recovery code alone is enough, without a wait and a veto, though there are \
                     officers: whoever finds it has the keys",
    ];
    assert_eq!(code_alone(0, false, None), too_easy);
    assert_eq!(code_alone(0, true, Some("two")), too_easy);
    assert_eq!(code_alone(DAY, false, None), too_easy);
    assert_eq!(code_alone(DAY, true, Some("two")), [""; 0]);
}

#[test]
fn a_change_that_is_weaker_than_every_rule_is_found() {
    let weak = "warning: changing the policy takes less than any rule does: whoever cannot get keys changes the policy first";
    let mut policy = good();
    policy.change.wait_millis = HOUR;
    assert_eq!(found(&policy), [""; 0], "`for others` waits no longer");
    policy.rules.remove(1);
    assert_eq!(found(&policy), [weak]);
    policy.change.wait_millis = 3 * DAY;
    policy.groups.push(group("one", 1, &["ada", "bob", "cid"]));
    policy.change.approvals = Some("one".to_owned());
    let alone = "warning: one person changes the policy: ada, bob or cid alone is enough, and may ask for the change as an \
                 owner whom nobody knows";
    assert_eq!(
        found(&policy),
        [alone],
        "one of them, but after longer than the rule takes"
    );
    policy.change.wait_millis = 0;
    assert_eq!(
        found(&policy),
        [
            alone,
            "warning: the policy is changed at once: nobody has time to notice a change that was not meant",
            weak
        ]
    );
}

#[test]
fn what_locks_everybody_out_is_found() {
    let mut policy = good();
    policy.rules.remove(0);
    assert_eq!(
        found(&policy),
        ["error: no owner can get their own keys back: there is no rule for it"]
    );
    let mut policy = good();
    policy.rules[0].keys_max = Some(100);
    assert_eq!(
        found(&policy),
        [
            "warning: some owners cannot get all of their own keys back: no rule is for every owner, label and number of keys"
        ]
    );
    let mut policy = good();
    policy.rules[0].veto = true;
    assert_eq!(
        found(&policy),
        [
            "warning: rule `own` has a veto that nobody can overrule: a thief with an old device can veto for ever"
        ]
    );
    // All of it, or one who is everywhere.
    for (people, needed) in [
        (group("two", 3, &["bob", "cid", "dan"]), "bob, cid and dan"),
        (group("two", 1, &["bob"]), "bob"),
        (group("two", 2, &["bob", "or"]), "bob"),
    ] {
        let mut policy = good();
        policy.groups.push(group("or", 1, &["cid", "dan"]));
        policy.groups[0] = people;
        let expected = format!(
            "warning: `two` is never enough without {needed}: when they are away, ill or gone, nothing is approved"
        );
        assert!(found(&policy).contains(&expected), "{:?}", found(&policy));
    }
}

#[test]
fn a_change_that_never_comes_is_found() {
    let mut policy = good();
    policy.change.wait_millis = 31 * DAY;
    assert_eq!(
        found(&policy),
        ["error: the policy can never be changed: that waits 31 days, and lapses after 30 days"]
    );
    let mut policy = good();
    policy
        .groups
        .push(group("all", 4, &["ada", "bob", "cid", "dan"]));
    policy.change.approvals = Some("all".to_owned());
    let expected = "error: no officer can ask for a change of the policy: `all` is not enough without any one of its people, \
                    and nobody approves their own";
    assert!(
        found(&policy).contains(&expected.to_owned()),
        "{:?}",
        found(&policy)
    );
}

#[test]
fn whoever_asks_by_a_rule_for_anyone_may_be_one_who_approves() {
    let mut policy = good();
    policy.rules.push(for_anyone("anyone's", "three"));
    assert_eq!(found(&policy), [""; 0]);
    policy.rules[2].approvals = Some("two".to_owned());
    assert_eq!(
        found(&policy),
        [
            "warning: rule `anyone's` is for whoever says to be the owner, who may be one of those who approve: then one \
             other person is enough for `two`"
        ]
    );
    policy.rules[2] = for_anyone("anyone's", "three");
    policy.rules[2].wait_millis = HOUR;
    assert_eq!(
        found(&policy),
        [
            "warning: rule `anyone's` is for whoever says to be the owner, who has only 1 hour to see it and say that it is \
             not them"
        ]
    );
}

/// In whatever group of groups it is hidden.
#[test]
fn whatever_one_person_is_enough_for_is_found() {
    let with = |change: &dyn Fn(&mut Policy)| {
        let mut policy = good();
        policy.groups.push(group("desk", 1, &["ada", "bob"]));
        policy.groups.push(group("board", 1, &["bob", "cid"]));
        policy.groups.push(group("both", 2, &["desk", "board"]));
        change(&mut policy);
        found(&policy)
    };
    let both = Some("both".to_owned());
    let says = |found: &[String], what: &str| {
        assert!(found.iter().any(|text| text.contains(what)), "{found:?}");
    };
    let departed = with(&|policy| policy.departed.clone_from(&both));
    says(
        &departed,
        "one person says that an owner has departed, who then has no veto: bob alone",
    );
    let overruled = with(&|policy| {
        policy.rules[0].veto = true;
        policy.rules[0].overrule.clone_from(&both);
    });
    says(
        &overruled,
        "by rule `own` one person overrules the owner's veto: bob alone is enough",
    );
    let changed = with(&|policy| policy.change.approvals.clone_from(&both));
    says(
        &changed,
        "one person changes the policy: bob alone is enough",
    );
    let others = with(&|policy| policy.rules[1].approvals.clone_from(&both));
    says(&others, "whoever of `askers` asks, bob alone is enough");
}

#[test]
fn officers_whom_the_policy_does_not_know_as_owners_are_named() {
    let mut policy = good();
    policy.officers[1].owner = None;
    let unknown = |names: &str| {
        format!(
            "warning: {names} no `owner`: whoever of them is an owner here approves what they ask for as that owner"
        )
    };
    assert_eq!(found(&policy), [unknown("bob has")]);
    policy.officers[3].owner = None;
    assert_eq!(found(&policy), [unknown("bob and dan have")]);
}

#[test]
fn codes_of_every_owner_beside_officers_are_found() {
    let mut policy = good();
    policy.change.codes = true;
    let expected = "warning: the policy is changed with the recovery code of every owner: whoever enrolls and deposits one \
                    key has a say in every change, and can keep it from being made, as can an owner who is gone";
    assert_eq!(found(&policy), [expected]);
}

/// As large as a policy may be, and all of it asked for: in bounded time, and what was not counted is said.
#[test]
fn the_largest_policy_is_read_checked_and_told_in_no_time() {
    let names: Vec<String> = (0..1024).map(|number| format!("o{number}")).collect();
    let mut policy = good();
    policy.officers = names.iter().map(|name| officer(name)).collect();
    policy.groups = (0..256_usize)
        .map(|number| {
            let inner = (number + 1..256).map(|inner| format!("g{inner}"));
            let people = names
                .iter()
                .skip(number % 7)
                .step_by(1 + number % 3)
                .cloned();
            Group {
                name: format!("g{number}"),
                need: 3,
                of: people.chain(inner).take(1024).collect(),
            }
        })
        .collect();
    policy.rules = (0..64)
        .map(|number| Rule {
            asker: Asker::Group(format!("g{}", 128 + number)),
            overrule: Some(format!("g{}", 64 + number)),
            approvals: Some(format!("g{number}")),
            evidence: Vec::new(),
            ..for_anyone(&format!("r{number}"), "")
        })
        .collect();
    policy.rules[0].asker = Asker::Anyone;
    policy.change.approvals = Some("g1".to_owned());
    policy.departed = Some("g2".to_owned());
    assert_eq!(policy.validate(), Ok(()));
    let findings = found(&policy);
    let uncounted = |text: &&String| text.contains("was not counted");
    assert!(findings.iter().any(|text| uncounted(&text)), "{findings:?}");
    assert!(explain(&policy).len() > 300);
}

/// However groups stand in each other, it is found out or left open in no time.
#[test]
fn the_largest_groups_are_checked_at_once() {
    let names: Vec<String> = (0..100).map(|number| format!("o{number}")).collect();
    let mut policy = good();
    policy.officers = names.iter().map(|name| officer(name)).collect();
    policy.groups = (0..30)
        .map(|number| Group {
            name: format!("g{number}"),
            need: 2,
            of: names
                .iter()
                .skip(number)
                .step_by(number + 1)
                .cloned()
                .chain([format!("g{}", number + 1)])
                .collect(),
        })
        .collect();
    policy.groups.push(group("g30", 1, &["o1"]));
    policy.groups.push(group("askers", 1, &["o1"]));
    policy.rules[0].approvals = Some("g0".to_owned());
    policy.rules[1].approvals = Some("g0".to_owned());
    policy.change.approvals = Some("g1".to_owned());
    policy.departed = None;
    assert_eq!(policy.validate(), Ok(()));
    assert!(!check(&policy).is_empty());
}

proptest! {
    #[test]
    fn any_policy_that_makes_sense_is_checked_and_told(policy in super::any_policy()) {
        prop_assert!(check(&policy).iter().all(|finding| !finding.text.is_empty()));
        prop_assert!(!explain(&policy).is_empty());
    }
}

/// An owner's rule and one for others, two of three officers, a day.
fn good() -> Policy {
    let names = ["ada", "bob", "cid", "dan"].into_iter().zip(1..);
    let officers = names.map(|(name, number)| Officer {
        owner: Some(OwnerId::from_bytes([number; 32])),
        ..officer(name)
    });
    Policy {
        officers: officers.collect(),
        groups: vec![
            group("two", 2, &["bob", "cid", "dan"]),
            group("askers", 1, &["ada"]),
            group("three", 3, &["ada", "bob", "cid", "dan"]),
        ],
        rules: vec![
            Rule {
                approvals: Some("two".to_owned()),
                wait_millis: DAY,
                ..Rule::code_alone("own")
            },
            Rule {
                asker: Asker::Group("askers".to_owned()),
                evidence: Vec::new(),
                approvals: Some("two".to_owned()),
                wait_millis: HOUR,
                ..Rule::code_alone("for others")
            },
        ],
        change: Change {
            codes: false,
            approvals: Some("two".to_owned()),
            wait_millis: 3 * DAY,
        },
        departed: Some("two".to_owned()),
        lapse_millis: 30 * DAY,
    }
}

/// A rule for whoever says to be the owner.
fn for_anyone(name: &str, approvals: &str) -> Rule {
    Rule {
        asker: Asker::Anyone,
        evidence: Vec::new(),
        approvals: Some(approvals.to_owned()),
        wait_millis: DAY,
        veto: true,
        overrule: Some("two".to_owned()),
        ..Rule::code_alone(name)
    }
}

fn found(policy: &Policy) -> Vec<String> {
    assert_eq!(policy.validate(), Ok(()));
    check(policy).iter().map(Finding::to_string).collect()
}

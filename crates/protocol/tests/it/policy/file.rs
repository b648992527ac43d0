//! Policies as people write them (spec/policy.md#file).

mod check;
mod examples;
mod rehearse;
mod simulate;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::file::{
    Rehearsed, Whose, explain, officer_key_text, parse, parse_officer_key, rehearse, to_text,
};
use strongroom_protocol::policy::{Asker, Change, Group, Officer, Owners, Policy, Rule};
use strongroom_protocol::statement::EvidenceKind;

use crate::cast::two_officers;

/// Officers' keys stand for `ADA` and `BOB`.
const FULL: &str = r#"lapse = "30 days"
departed = "either"

[[officer]]
name = "ada"
keys = ["ADA"]
owner = "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"

[[officer]]
name = "bob"
keys = ["BOB"]

[[group]]
name = "either"
need = 1
of = ["ada", "bob"]

[[group]]
name = "both"
need = 2
of = ["ada", "bob"]

[[rule]]
name = "asked for"
owners = ["0303030303030303030303030303030303030303030303030303030303030303"]
keys-max = 10
asker = "either"
approvals = "both"
wait = "1 day"
veto = true
overrule = "both"

[rule.labels]
team = "archive"

[[rule]]
name = "recovery code"
evidence = ["recovery code"]
wait = "0 hours"
veto = false

[change]
codes = false
approvals = "both"
wait = "3 days"
"#;

pub(super) fn with_keys(text: &str) -> String {
    ["ada", "bob", "cid", "dan"]
        .iter()
        .fold(text.to_owned(), |text, name| {
            let key = crate::cast::officer_key(name).verifying_key();
            text.replace(
                &format!("\"{}\"", name.to_uppercase()),
                &format!("\"{}\"", officer_key_text(&key)),
            )
        })
}

#[test]
fn a_policy_is_read_as_it_is_written() {
    let text = with_keys(FULL);
    assert_eq!(parse(&text), Ok(two_officers()));
    assert_eq!(to_text(&two_officers()), text);
    let code_alone = parse(&to_text(&Policy::code_alone()));
    assert_eq!(code_alone, Ok(Policy::code_alone()));
}

#[test]
fn what_is_left_out_is_any_owner_nothing_no_wait_and_no_veto() {
    let text = "lapse = '30 days'\nchange = { codes = true }\n[[rule]]\nname = 'recovery code'\nevidence = ['recovery code']\n";
    assert_eq!(parse(text), Ok(Policy::code_alone()));
}

#[test]
fn times_are_said_in_days_hours_and_minutes() {
    let lapse = |time: &str| {
        let text = format!("lapse = '{time}'\nchange = {{ codes = true }}");
        parse(&text).map(|policy| policy.lapse_millis).ok()
    };
    for (time, millis) in [
        ("1 day", 86_400_000),
        ("30 days", 2_592_000_000),
        ("72 hours", 259_200_000),
        ("1 hour", 3_600_000),
        ("90 minutes", 5_400_000),
        ("0 minutes", 0),
        ("5 seconds", 5000),
        ("7 milliseconds", 7),
        ("18446744073709551615 milliseconds", u64::MAX),
    ] {
        assert_eq!(lapse(time), Some(millis), "{time}");
    }
    for wrong in [
        "",
        "3",
        "days",
        "3 weeks",
        "3days",
        "-3 days",
        "+3 days",
        "3.5 days",
        "3  days",
        "3 days ",
        "three days",
        "3 Days",
        "3 dayss",
        "213503982335 days",
    ] {
        assert_eq!(lapse(wrong), None, "{wrong}");
    }
}

#[test]
fn an_officers_key_has_one_text() {
    let key = SigningKey::from_seed(&[1; 32]).verifying_key();
    let text = officer_key_text(&key);
    assert_eq!(
        text,
        "officer132yw8ht5p8cetl2jmvknewjawt9xwzdlrk2pyxlnwjyqrdq0dawq7883dn"
    );
    assert_eq!(parse_officer_key(&text), Ok(key));
    let slip = text.replacen("32yw", "32yy", 1);
    let age = text.replacen("officer1", "age1", 1);
    for wrong in [
        &text.to_uppercase(),
        &slip,
        &age,
        text.strip_suffix('n').unwrap(),
        &format!(" {text}"),
        "",
    ] {
        assert!(parse_officer_key(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_with_what_may_stand_there() {
    for (right, wrong, message) in [
        (
            "need = 1",
            "needs = 1",
            "line 15: unknown field `needs`, expected one of `name`, `need`, `of`",
        ),
        (
            "wait = \"1 day\"",
            "wait = \"a day\"",
            "line 29: `a day` is no time: write `30 minutes`, `72 hours` or `3 days`",
        ),
        (
            "evidence = [\"recovery code\"]",
            "evidence = [\"oath\"]",
            "line 38: `oath` is no evidence: there is `recovery code`",
        ),
        (
            "owners = [\"03",
            "owners = [\"3",
            "line 25: expected 32 bytes as 64 hexadecimal digits",
        ),
        (
            "owners = [\"0303030303030303030303030303030303030303030303030303030303030303\"]",
            "owners = \"all\"",
            "line 25: invalid value: string \"all\", expected `any`, `departed`, or a list of owners' ids",
        ),
        (
            "keys = [\"officer1",
            "keys = [\"officer2",
            "line 6: not an officer's public key, which begins with `officer1`",
        ),
        (
            "keys-max = 10",
            "keys-max = -1",
            "line 26: invalid value: integer `-1`, expected u64",
        ),
        (
            "name = \"both\"",
            "name = \"\"",
            "line 19: a name has at least one character",
        ),
        // A name that would draw lines of its own on an officer's screen, and one that looks like another.
        (
            "name = \"both\"",
            "name = \"both\\nneed = 1\"",
            "line 19: `both\\nneed = 1` has characters that are not seen as themselves",
        ),
        (
            "name = \"both\"",
            "name = \"bo\u{200b}th\"",
            "line 19: `bo\\u{200b}th` has characters that are not seen as themselves",
        ),
        (
            "veto = false",
            "veto = \"no\"",
            "line 40: invalid type: string \"no\", expected a boolean",
        ),
        ("lapse = \"30 days\"\n", "", "line 1: missing field `lapse`"),
        ("[change]", "[change", "line 42: "),
        // What makes no sense.
        (
            "name = \"bob\"",
            "name = \"ada\"",
            "line 10: the name `ada` is given twice",
        ),
        (
            "need = 2",
            "need = 3",
            "line 19: the group `both` needs none of its members, or more than it has",
        ),
        (
            "of = [\"ada\", \"bob\"]\n\n[[rule]]",
            "of = [\"ada\", \"eve\"]\n\n[[rule]]",
            "line 19: there is no `eve`, which `both` speaks of",
        ),
        (
            "asker = \"either\"\napprovals = \"both\"",
            "asker = \"either\"\nevidence = [\"recovery code\"]",
            "line 24: the rule `asked for` lets somebody ask for another's keys without an approval",
        ),
        (
            "departed = \"either\"",
            "departed = \"hr\"",
            "line 2: there is no `hr`, which `departed` speaks of",
        ),
        (
            "codes = false\napprovals = \"both\"\n",
            "",
            "line 42: changing the policy asks for nothing",
        ),
        (
            "name = \"asked for\"",
            "name = \"recovery code\"",
            "line 37: the name `recovery code` is given twice",
        ),
    ] {
        let text = with_keys(FULL);
        assert!(text.contains(right), "{right}");
        let error = parse(&text.replacen(right, wrong, 1))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(message), "{wrong}: {error}");
    }
}

#[test]
fn what_is_more_than_a_policy_holds_is_refused() {
    let rules = |count: usize| {
        let rule = |number| format!("[[rule]]\nname = '{number}'\nevidence = ['recovery code']\n");
        let rules: String = (0..count).map(rule).collect();
        parse(&format!(
            "lapse = '1 day'\nchange = {{ codes = true }}\n{rules}"
        ))
    };
    assert!(rules(64).is_ok());
    assert!(
        rules(65)
            .unwrap_err()
            .to_string()
            .starts_with("too large: at most 1,024 officers")
    );
}

#[test]
fn a_policy_is_told_in_sentences() {
    assert_eq!(
        explain(&two_officers()),
        [
            "The officers are ada and bob.",
            "Group `either` is any 1 of ada and bob.",
            "Group `both` is all of ada and bob.",
            "Rule `asked for`: anybody of `either` gets the keys of one owner it names that are labelled team=archive, at \
             most 10 at a time, with the approval of `both`, of whom any one can deny it, after a wait of 1 day, unless a \
             device of the owner's vetoes it and `both` does not overrule that.",
            "Rule `recovery code`: whoever has the recovery code of an owner gets their keys, at once.",
            "`either` can say that an owner has departed, who then has no veto.",
            "What is not approved within 30 days lapses.",
            "The policy is changed with the approval of `both`, of whom any one can deny it, after a wait of 3 days.",
        ]
    );
    assert_eq!(
        explain(&Policy::code_alone()),
        [
            "There are no officers.",
            "Rule `recovery code`: whoever has the recovery code of an owner gets their keys, at once.",
            "Nobody can say that an owner has departed.",
            "What is not approved within 30 days lapses.",
            "The policy is changed with the recovery code of every owner who has a deposit, at once.",
        ]
    );
}

proptest! {
    #[test]
    fn whatever_makes_sense_reads_back_as_it_was(policy in any_policy()) {
        prop_assert_eq!(policy.validate(), Ok(()));
        prop_assert_eq!(parse(&to_text(&policy)), Ok(policy));
    }

    #[test]
    fn no_text_panics(text in any::<String>(), place in any::<prop::sample::Index>()) {
        let _ = parse(&text);
        let mut full = with_keys(FULL);
        let place = place.index(full.len());
        full.insert_str(place, &text);
        let _ = parse(&full);
    }
}

proptest! {
    // Each takes some hundred signatures.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 10))]

    #[test]
    fn keys_come_when_the_rule_by_which_they_do_has_waited(policy in any_policy()) {
        let asked = Rehearsed { whose: Whose::Anybodys, keys: 1, labels: BTreeMap::new() };
        let rehearsal = rehearse(&policy, &asked).unwrap();
        for gets in rehearsal.stories.iter().filter_map(|story| story.gets.as_ref()) {
            let rule = policy.rules.iter().find(|rule| rule.name == gets.rule).unwrap();
            prop_assert_eq!(rule.wait_millis, gets.after_millis);
            prop_assert!(!rehearsal.untried.contains(&rule.name));
        }
    }
}

/// The policy with its rules for whoever says to be the owner, where that makes sense.
fn with_rules_for_anyone(mut policy: Policy) -> Policy {
    for place in 0..policy.rules.len() {
        let mut policy_for_anyone = policy.clone();
        let rule = &mut policy_for_anyone.rules[place];
        rule.asker = Asker::Anyone;
        rule.evidence.clear();
        if policy_for_anyone.validate().is_ok() {
            policy = policy_for_anyone;
        }
    }
    policy
}

/// Policies that make sense, with odd names in them. Names begin with what they are of, so that none comes twice.
pub(crate) fn any_policy() -> impl Strategy<Value = Policy> {
    let officers = prop::collection::vec(
        (
            "[!-~À-ÿ漢字🙂]{0,8}",
            1..3_usize,
            prop::option::of(any::<[u8; 32]>()),
        ),
        1..5,
    );
    let groups = prop::collection::vec(
        (
            "[!-~À-ÿ漢字🙂]{0,8}",
            any::<u64>(),
            prop::collection::btree_set(0..9_usize, 1..4),
        ),
        1..4,
    );
    let rule = (
        any::<(u8, bool, bool, bool, bool)>(),
        prop::collection::btree_map("[!-~À-ÿ漢字🙂]{1,8}", "[!-~À-ÿ漢字🙂]{0,8}", 0..3),
        prop::option::of(any::<u64>()),
        0..5_usize,
        prop_oneof![
            any::<u64>(),
            (0..100_u64).prop_map(|hours| hours * 3_600_000)
        ],
    );
    let rules = prop::collection::vec(rule, 0..4);
    (officers, groups, rules, any::<(bool, bool, u64, u64)>()).prop_map(
        |(officers, groups, rules, rest)| {
            let mut number = 0;
            let officers: Vec<_> = officers
                .into_iter()
                .enumerate()
                .map(|(place, (name, keys, owner))| Officer {
                    name: format!("o{place}{name}"),
                    keys: (0..keys)
                        .map(|_| {
                            number += 1;
                            SigningKey::from_seed(&[number; 32]).verifying_key()
                        })
                        .collect(),
                    owner: owner.map(OwnerId::from_bytes),
                })
                .collect();
            let mut made: Vec<Group> = Vec::new();
            for (place, (name, need, of)) in groups.into_iter().enumerate() {
                let names = officers
                    .iter()
                    .map(|officer| &officer.name)
                    .chain(made.iter().map(|group| &group.name));
                let names: Vec<_> = names.cloned().collect();
                let of: BTreeSet<_> = of
                    .into_iter()
                    .map(|at| names[at % names.len()].clone())
                    .collect();
                made.push(Group {
                    name: format!("g{place}{name}"),
                    need: 1 + need % of.len() as u64,
                    of: of.into_iter().collect(),
                });
            }
            let group = |at: usize| Some(made[at % made.len()].name.clone());
            let rules = rules.into_iter().enumerate().map(
                |(place, ((owners, code, others, approvals, veto), labels, keys_max, at, wait))| {
                    let approvals = approvals || others;
                    Rule {
                        name: format!("r{place} \"'"),
                        owners: match owners % 3 {
                            0 => Owners::Any,
                            1 => Owners::Departed,
                            _ => Owners::These(
                                (0..owners % 4)
                                    .map(|byte| OwnerId::from_bytes([byte; 32]))
                                    .collect(),
                            ),
                        },
                        labels: labels.into_iter().collect::<BTreeMap<_, _>>(),
                        keys_max,
                        asker: if others {
                            Asker::Group(group(at).unwrap())
                        } else {
                            Asker::Owner
                        },
                        evidence: vec![EvidenceKind::RecoveryCode; usize::from(code || !others)],
                        approvals: group(at + 1).filter(|_| approvals),
                        wait_millis: wait,
                        veto,
                        overrule: group(at + 2).filter(|_| veto),
                    }
                },
            );
            let (codes, departed, wait_millis, lapse_millis) = rest;
            let policy = Policy {
                rules: rules.collect(),
                change: Change {
                    codes,
                    approvals: group(0).filter(|_| !codes),
                    wait_millis,
                },
                departed: group(1).filter(|_| departed),
                lapse_millis,
                groups: made.clone(),
                officers,
            };
            with_rules_for_anyone(policy)
        },
    )
}

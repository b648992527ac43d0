//! Groups: so many of their members, each looked at once.

use std::collections::BTreeSet;

use proptest::prelude::*;
use strongroom_protocol::policy::{Change, Group, Policy, PolicyError, Rule};

use crate::cast::{group, officer};

#[test]
fn a_group_is_met_by_as_many_of_its_members_as_it_needs() {
    let policy = policy(vec![
        group("board", 2, &["ada", "bob", "cid"]),
        group("desk", 1, &["dan", "eve"]),
        group("both", 2, &["board", "desk"]),
        group("mixed", 2, &["board", "ada", "eve"]),
    ]);
    for (name, people, met) in [
        ("board", &["ada"][..], false),
        ("board", &["ada", "dan"], false),
        ("board", &["ada", "cid"], true),
        ("board", &["ada", "bob", "cid"], true),
        ("desk", &["eve"], true),
        ("desk", &[], false),
        ("both", &["ada", "bob"], false),
        ("both", &["eve", "dan"], false),
        ("both", &["ada", "bob", "eve"], true),
        // Somebody in two of a group's groups counts in both.
        ("mixed", &["ada", "bob"], true),
        ("mixed", &["ada", "eve"], true),
        ("mixed", &["bob", "cid"], false),
    ] {
        let people: BTreeSet<&str> = people.iter().copied().collect();
        let group = policy.group(name).unwrap();
        assert_eq!(group.is_met(&policy, &people), met, "{name} {people:?}");
    }
    let people = policy.group("mixed").unwrap().people(&policy);
    assert_eq!(people, BTreeSet::from(["ada", "bob", "cid", "eve"]));
}

/// Followed along every way, these are 2^64 groups.
#[test]
fn groups_that_name_each_other_twice_are_told_at_once() {
    let mut groups = vec![group("a0", 1, &["ada"]), group("b0", 1, &["bob"])];
    for level in 1..64 {
        let of = [format!("a{}", level - 1), format!("b{}", level - 1)];
        for name in ["a", "b"] {
            groups.push(Group {
                name: format!("{name}{level}"),
                need: 2,
                of: of.to_vec(),
            });
        }
    }
    let policy = policy(groups);
    let top = policy.group("a63").unwrap();
    assert!(top.is_met(&policy, &BTreeSet::from(["ada", "bob"])));
    assert!(!top.is_met(&policy, &BTreeSet::from(["ada"])));
    assert_eq!(top.people(&policy), BTreeSet::from(["ada", "bob"]));
}

/// The most that a statement has room for: it is read, or refused, in no time.
#[test]
fn the_largest_groups_are_read_at_once() {
    let names = |of: &[usize]| of.iter().map(|number| format!("{number}")).collect();
    let groups = (0..256_usize).map(|number| Group {
        name: number.to_string(),
        need: 1,
        of: names(&(number + 1..256).chain([1000]).collect::<Vec<_>>()),
    });
    let officers = (1000..2000).map(|number| officer(&number.to_string()));
    let policy = Policy {
        officers: officers.collect(),
        groups: groups.collect(),
        ..policy(Vec::new())
    };
    assert_eq!(policy.validate(), Ok(()));
}

#[test]
fn a_circle_of_groups_is_named() {
    let circle = |groups: Vec<Group>| {
        let policy = Policy {
            groups,
            ..policy(Vec::new())
        };
        policy.validate()
    };
    let is_circle = |result| matches!(result, Err(PolicyError::Circle(_)));
    assert!(is_circle(circle(vec![group("g", 1, &["g", "ada"])])));
    let three = vec![
        group("f", 1, &["g", "ada"]),
        group("g", 1, &["h"]),
        group("h", 1, &["f", "bob"]),
        group("fine", 1, &["ada"]),
    ];
    assert!(is_circle(circle(three)));
    let outside = vec![
        group("a", 1, &["g"]),
        group("g", 1, &["h"]),
        group("h", 1, &["g"]),
    ];
    assert!(is_circle(circle(outside)));
}

proptest! {
    #[test]
    fn more_people_never_unmeet_a_group(
        needs in prop::collection::vec((1..4_u64, prop::collection::btree_set(0..8_usize, 1..5)), 1..5),
        some in prop::collection::btree_set(0..5_usize, 0..5),
        more in prop::collection::btree_set(0..5_usize, 0..5),
    ) {
        const NAMES: [&str; 5] = ["ada", "bob", "cid", "dan", "eve"];
        let groups = needs.into_iter().enumerate().map(|(number, (need, of))| {
            // A group names those before it, so that there is no circle.
            let of: BTreeSet<String> = of
                .into_iter()
                .map(|member| match member.checked_sub(5) {
                    Some(group) if group < number => format!("g{group}"),
                    _ => NAMES[member % 5].to_owned(),
                })
                .collect();
            Group { name: format!("g{number}"), need: need.min(of.len() as u64), of: of.into_iter().collect() }
        });
        let policy = policy(groups.collect());
        prop_assert_eq!(policy.validate(), Ok(()));
        let named = |people: &BTreeSet<usize>| people.iter().map(|number| NAMES[*number]).collect::<BTreeSet<_>>();
        let all: BTreeSet<usize> = some.union(&more).copied().collect();
        for group in &policy.groups {
            prop_assert!(group.is_met(&policy, &group.people(&policy)));
            prop_assert!(!group.is_met(&policy, &BTreeSet::new()));
            prop_assert!(!group.is_met(&policy, &named(&some)) || group.is_met(&policy, &named(&all)));
        }
    }
}

fn policy(groups: Vec<Group>) -> Policy {
    let names = ["ada", "bob", "cid", "dan", "eve"];
    Policy {
        officers: names.into_iter().map(officer).collect(),
        groups,
        rules: vec![Rule::code_alone("code")],
        change: Change {
            codes: true,
            approvals: None,
            wait_millis: 0,
        },
        ..Policy::code_alone()
    }
}

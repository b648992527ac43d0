//! Who and what a history is made of: chance, officers, and policies with rules of every sort.

use std::collections::BTreeMap;

use strongroom_protocol::id::OwnerId;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Asker, Change, Group, Officer, Owners, Policy, Rule};
use strongroom_testkit::TestRng;

const HOUR: u64 = 60 * 60 * 1000;
pub(super) const DAY: u64 = 24 * HOUR;

/// Chance, from a seed.
pub(super) struct Dice(pub(super) TestRng);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u32::try_from(bound).unwrap();
        usize::try_from(rand_core::Rng::next_u32(&mut self.0) % bound).unwrap()
    }

    pub(super) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub(super) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// One of the last of them most of the time: what goes on is more fun than what is long over.
    pub(super) fn late(&mut self, count: usize) -> usize {
        let back = if self.percent(80) { 3 } else { count };
        count - 1 - self.below(back.min(count))
    }
}

/// An officer with their keys.
pub(super) struct Clerk {
    pub(super) name: &'static str,
    pub(super) keys: Vec<SigningKey>,
    pub(super) owner: Option<OwnerId>,
}

impl Clerk {
    /// Four officers, and one who may come in later. The first is an owner, too.
    pub(super) fn all(owner: OwnerId, rng: &mut TestRng) -> Vec<Self> {
        let names = [("ada", 2), ("bob", 1), ("cyd", 1), ("dan", 2), ("eve", 1)];
        let mut clerks = names.map(|(name, keys)| Self {
            name,
            keys: (0..keys).map(|_| SigningKey::generate(rng)).collect(),
            owner: None,
        });
        clerks[0].owner = Some(owner);
        clerks.into()
    }

    fn officer(&self) -> Officer {
        Officer {
            name: self.name.to_owned(),
            keys: self.keys.iter().map(SigningKey::verifying_key).collect(),
            owner: self.owner,
        }
    }
}

/// A policy as chance has it, of these officers.
pub(super) fn policy(clerks: &[Clerk], owners: &[OwnerId], dice: &mut Dice) -> Policy {
    if dice.percent(8) {
        return Policy::code_alone();
    }
    let newcomer = (clerks.len() > 4).then_some("eve");
    let with = |names: &[&'static str]| names.iter().copied().chain(newcomer).collect::<Vec<_>>();
    // Few at a time: where there are many ways, none of them matters.
    let mut all = rules(owners);
    let count = 1 + dice.below(3);
    let rules = (0..count).map(|_| all.swap_remove(dice.below(all.len())));
    let rules: Vec<Rule> = rules.collect();
    let (codes, approvals) =
        *dice.pick(&[(false, true), (false, true), (true, true), (true, false)]);
    Policy {
        officers: clerks.iter().map(Clerk::officer).collect(),
        groups: vec![
            group("board", 2, &with(&["ada", "bob", "cyd"])),
            group("desk", 1, &with(&["bob", "dan"])),
            group("crew", 2, &["desk", "board", "dan"]),
            group("askers", 1, &with(&["ada", "cyd"])),
        ],
        rules,
        change: Change {
            codes,
            approvals: approvals.then(|| "board".to_owned()),
            wait_millis: *dice.pick(&[0, DAY]),
        },
        departed: Some((*dice.pick(&["desk", "board"])).to_owned()),
        lapse_millis: *dice.pick(&[10, 30]) * DAY,
    }
}

fn rules(owners: &[OwnerId]) -> Vec<Rule> {
    let name = |name: &str| Some(name.to_owned());
    let code = Rule::code_alone;
    let group = |name: &str| Asker::Group(name.to_owned());
    let approved = |called: &str, by: &str| Rule {
        asker: Asker::Anyone,
        evidence: Vec::new(),
        approvals: name(by),
        wait_millis: HOUR,
        veto: true,
        ..code(called)
    };
    vec![
        Rule {
            keys_max: Some(2),
            wait_millis: HOUR,
            veto: true,
            ..code("a few by the code")
        },
        Rule {
            owners: Owners::These(owners[1..].to_vec()),
            wait_millis: 2 * HOUR,
            ..code("these by the code")
        },
        Rule {
            approvals: name("desk"),
            veto: true,
            overrule: name("board"),
            ..code("helpdesk")
        },
        Rule {
            wait_millis: 3 * DAY,
            veto: true,
            overrule: name("crew"),
            ..approved("two of three", "board")
        },
        Rule {
            labels: BTreeMap::from([("team".to_owned(), "archive".to_owned())]),
            ..approved("the team's", "board")
        },
        Rule {
            owners: Owners::Departed,
            asker: group("askers"),
            wait_millis: DAY,
            veto: false,
            ..approved("leaver", "desk")
        },
        Rule {
            keys_max: Some(1),
            asker: group("askers"),
            wait_millis: 0,
            ..approved("for another", "board")
        },
    ]
}

/// A policy loosened by somebody who wants to get at a key.
pub(super) fn loosened(policy: &Policy, dice: &mut Dice) -> Policy {
    let mut loose = policy.clone();
    match dice.below(3) {
        0 => loose.rules.push(Rule::code_alone("anybody's")),
        1 => loose.rules.iter_mut().for_each(|rule| rule.wait_millis = 0),
        _ => {
            for group in &mut loose.groups {
                group.need = 1;
            }
        }
    }
    // For whoever says to be the owner it takes two and a wait, also where somebody wants to get at a key.
    for rule in &mut loose.rules {
        if rule.asker == Asker::Anyone {
            rule.asker = Asker::Owner;
            rule.evidence = Rule::code_alone("any").evidence;
        }
    }
    loose
}

/// A policy with one more officer, in the groups that are asked first; none if there are no such groups.
pub(super) fn with_friend(policy: &Policy, friend: &Clerk) -> Option<Policy> {
    let mut policy = policy.clone();
    let known = policy.officers.iter().any(|who| who.name == friend.name);
    if known || policy.groups.is_empty() {
        return None;
    }
    policy.officers.push(friend.officer());
    for group in &mut policy.groups {
        if group.name == "board" || group.name == "desk" {
            group.of.push(friend.name.to_owned());
        }
    }
    Some(policy)
}

fn group(name: &str, need: u64, of: &[&str]) -> Group {
    Group {
        name: name.to_owned(),
        need,
        of: of.iter().map(|name| (*name).to_owned()).collect(),
    }
}

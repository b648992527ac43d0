//! The policies of `docs/policies`: read, found well, and tried.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice::from_ref;

use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::policy::file::{
    Outcome, Said, Scenario, Trial, Whose, check, parse, simulate, to_text,
};
use strongroom_protocol::policy::{Owners, Policy};

use super::simulate::{approve, deny, overrule, own};
use crate::cast::{DAY, NOW};

const HOUR: u64 = DAY / 24;

#[test]
fn each_is_read_and_nothing_is_found_in_it() {
    let mut names = Vec::new();
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# For "), "{path:?} says for whom it is");
        let policy = parse(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(check(&policy), [], "{path:?}");
        assert_eq!(parse(&to_text(&policy)).as_ref(), Ok(&policy));
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "code-alone.toml",
            "helpdesk.toml",
            "leaver.toml",
            "legal-hold.toml",
            "officers-and-a-wait.toml",
        ]
    );
}

#[test]
fn the_code_alone_is_the_policy_of_an_embedded_authority() {
    assert_eq!(read("code-alone"), Policy::code_alone());
    tried(
        "code-alone",
        own(),
        &[
            (&[], 0, "pending"),
            (&[Trial::Code], 0, "recovery code"),
            (&[Trial::Code, Trial::Veto], 0, "recovery code"),
            (&[Trial::Code], 30 * 24, "lapsed"),
        ],
    );
}

#[test]
fn the_help_desk_wants_the_code_and_an_officer_or_three_officers_and_three_days() {
    let code = Trial::Code;
    let (ada, bob, dan) = (approve("ada"), approve("bob"), approve("dan"));
    let overruled = ["ada", "bob", "dan"].map(overrule);
    let three = [ada.clone(), bob.clone(), dan.clone()];
    let vetoed = [&three[..], &[Trial::Veto]].concat();
    tried(
        "helpdesk",
        own(),
        &[
            (from_ref(&code), 29 * 24, "pending"),
            (from_ref(&ada), 29 * 24, "pending"),
            (&[code.clone(), bob.clone()], 0, "code and helpdesk"),
            // Dan is not of the desk.
            (&[code.clone(), dan.clone()], 0, "pending"),
            (&three[1..], 72, "pending"),
            (&three, 71, "pending"),
            (&three, 72, "three of the board"),
            (&vetoed, 72, "pending"),
            (
                &[&vetoed[..], &overruled].concat(),
                72,
                "three of the board",
            ),
            // Nobody overrules what is not said yet.
            (&[&overruled[..], &vetoed].concat(), 72, "pending"),
            // With the code, a veto has nothing to stop.
            (
                &[code.clone(), bob.clone(), Trial::Veto],
                0,
                "code and helpdesk",
            ),
            (&[code.clone(), bob, deny("cid")], 72, "denied"),
        ],
    );
    let adas = Scenario {
        whose: Whose::Officers("ada".to_owned()),
        ..own()
    };
    tried(
        "helpdesk",
        adas,
        &[
            (&[code.clone(), ada.clone()], 0, "pending"),
            (&three, 72, "pending"),
            (&[code, approve("cid")], 0, "code and helpdesk"),
        ],
    );
}

#[test]
fn a_managers_request_waits_for_a_leaver_to_have_left() {
    let (ada, dan) = (approve("ada"), approve("dan"));
    let there = Scenario {
        asker: Some("fay".to_owned()),
        ..own()
    };
    let left = Scenario {
        departed: true,
        ..there.clone()
    };
    let both = [ada.clone(), dan.clone()];
    tried("leaver", there, &[(&both, 24, "denied")]);
    tried(
        "leaver",
        left.clone(),
        &[
            (&[], 24, "pending"),
            (&both, 23, "pending"),
            (&both, 24, "leaver"),
            (&[ada.clone(), approve("bob")], 24, "pending"),
            (
                &[both[0].clone(), both[1].clone(), Trial::Veto],
                24,
                "leaver",
            ),
            (
                &[both[0].clone(), both[1].clone(), deny("eve")],
                24,
                "denied",
            ),
        ],
    );
    // Who is no manager does not ask at all.
    let ada_asks = Scenario {
        asker: Some("ada".to_owned()),
        ..left
    };
    tried("leaver", ada_asks, &[(&both, 24, "denied")]);
    tried(
        "leaver",
        own(),
        &[
            (&[Trial::Code, dan], 0, "own keys"),
            (&[Trial::Code, ada], 0, "pending"),
        ],
    );
}

#[test]
fn a_legal_hold_is_for_its_owners_its_matter_and_a_thousand_keys() {
    let policy = read("legal-hold");
    let Owners::These(owners) = &policy.rules[0].owners else {
        panic!("it names owners")
    };
    let asked = Scenario {
        whose: Whose::Owners(owners[1]),
        asker: Some("ada".to_owned()),
        keys: 1000,
        labels: BTreeMap::from([
            ("matter".to_owned(), "2026-17".to_owned()),
            ("a".to_owned(), "b".to_owned()),
        ]),
        ..own()
    };
    let both = [approve("bob"), approve("dan")];
    tried(
        "legal-hold",
        asked.clone(),
        &[
            (&both, 0, "legal hold"),
            (
                &[both[0].clone(), both[1].clone(), Trial::Veto],
                0,
                "legal hold",
            ),
            // Nobody approves what they ask for.
            (&[approve("ada"), approve("dan")], 0, "pending"),
            (&[approve("bob"), approve("cid")], 0, "pending"),
        ],
    );
    for wrong in [
        Scenario {
            keys: 1001,
            ..asked.clone()
        },
        Scenario {
            labels: BTreeMap::new(),
            ..asked.clone()
        },
        Scenario {
            whose: Whose::Owners(OwnerId::from_bytes([0; 32])),
            ..asked.clone()
        },
        Scenario {
            asker: Some("dan".to_owned()),
            ..asked
        },
    ] {
        tried("legal-hold", wrong, &[(&both, 0, "denied")]);
    }
    tried(
        "legal-hold",
        own(),
        &[(&[Trial::Code, approve("eve")], 0, "own keys")],
    );
}

#[test]
fn officers_and_a_wait_leave_the_owner_a_veto() {
    let three = || vec![approve("ada"), approve("cid"), approve("dan")];
    let with = |more: &[Trial]| [&three()[..], more].concat();
    tried(
        "officers-and-a-wait",
        own(),
        &[
            (&three(), 71, "pending"),
            (&three(), 72, "three of four"),
            (&three()[..2], 72, "pending"),
            // One that can be overruled waits for that.
            (&with(&[Trial::Veto]), 72, "pending"),
            // The officers themselves do not overrule it.
            (
                &with(&[
                    Trial::Veto,
                    overrule("ada"),
                    overrule("cid"),
                    overrule("dan"),
                ]),
                72,
                "pending",
            ),
            (&with(&[Trial::Veto, overrule("eve")]), 72, "pending"),
            (
                &with(&[Trial::Veto, overrule("eve"), overrule("gus")]),
                72,
                "three of four",
            ),
            (&with(&[deny("bob")]), 72, "denied"),
            (&with(&[deny("eve")]), 72, "three of four"),
            (&[Trial::Code], 72, "pending"),
            (&three(), 30 * 24, "lapsed"),
        ],
    );
}

/// Tries a request some hours after it was made: the rule that approves it, or what becomes of it.
fn tried(name: &str, scenario: Scenario, table: &[(&[Trial], u64, &str)]) {
    let policy = read(name);
    for (said, hours, expected) in table {
        let said = said.iter().map(|what| Said {
            at: NOW,
            what: what.clone(),
        });
        let now = Time::from_millis(NOW.as_millis() + hours * HOUR);
        let scenario = Scenario {
            said: said.collect(),
            now,
            ..scenario.clone()
        };
        let outcome = simulate(&policy, &scenario).unwrap().outcome;
        let word = match &outcome {
            Outcome::Approved(rule) => rule,
            Outcome::Ended(verdict, _) => verdict.as_str(),
            Outcome::Pending(_) => "pending",
        };
        assert_eq!(
            word, *expected,
            "{name}, after {hours} hours, {scenario:?}: {outcome:?}"
        );
    }
}

pub(super) fn read(name: &str) -> Policy {
    let text = fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
    parse(&text).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policies")
}

//! Requests that nobody made, tried on a policy (spec/policy.md#file).

use std::collections::BTreeMap;

use strongroom_protocol::id::OwnerId;
use strongroom_protocol::policy::file::{
    Outcome, Said, Scenario, Simulation, Trial, Whose, simulate,
};
use strongroom_protocol::policy::{Policy, Reason, Rule, Standing};
use strongroom_protocol::statement::{Verdict, Word};

use crate::cast::{DAY, NOW, two_officers};

#[test]
fn each_rule_says_whether_it_is_for_a_request_and_what_it_still_needs() {
    let policy = two_officers();
    let lines = |scenario: &Scenario| simulate(&policy, scenario).unwrap().lines();
    assert_eq!(
        lines(&own()),
        [
            "rule `asked for` is not for this request: it is for who asks for somebody else's keys",
            "rule `recovery code` needs the owner's recovery code",
            "not decided yet",
        ]
    );
    let with_code = Scenario {
        said: vec![said(Trial::Code)],
        ..own()
    };
    assert_eq!(
        lines(&with_code)[1..],
        [
            "rule `recovery code` is met",
            "approved, by rule `recovery code`"
        ]
    );
    let asked = asked();
    assert_eq!(
        lines(&asked),
        [
            "rule `asked for` needs the approval of `both`".to_owned(),
            format!("rule `asked for` waits until {}", NOW.plus_millis(DAY)),
            "rule `recovery code` is not for this request: it is for owners who ask for their own keys".to_owned(),
            "not decided yet".to_owned(),
        ]
    );
    for (scenario, why) in [
        (
            Scenario {
                keys: 11,
                ..asked.clone()
            },
            "it is for at most 10 keys",
        ),
        (
            Scenario {
                labels: BTreeMap::new(),
                ..asked.clone()
            },
            "not every key asked for is labelled team=archive",
        ),
        (
            Scenario {
                whose: Whose::Anybodys,
                ..asked.clone()
            },
            "it is for other owners",
        ),
        // Bob is no owner that the policy knows.
        (
            Scenario {
                asker: Some("bob".to_owned()),
                ..asked.clone()
            },
            "only people of `either` may ask",
        ),
    ] {
        assert_eq!(
            lines(&scenario)[0],
            format!("rule `asked for` is not for this request: {why}")
        );
        assert_eq!(lines(&scenario)[2], "denied");
    }
    let vetoed = Scenario {
        said: vec![said(Trial::Veto)],
        ..asked
    };
    let Simulation { rules, outcome } = simulate(&policy, &vetoed).unwrap();
    // `both` may overrule it.
    assert!(matches!(
        &rules[0].standing,
        Standing::Missing(reasons) if matches!(reasons[..], [Reason::Vetoed { .. }])
    ));
    assert!(matches!(outcome, Outcome::Pending(_)));
    let mut policy = policy;
    policy.rules[0].overrule = None;
    let Simulation { rules, outcome } = simulate(&policy, &vetoed).unwrap();
    assert!(matches!(rules[0].standing, Standing::Stopped(_)));
    assert!(matches!(outcome, Outcome::Ended(Verdict::Vetoed, _)));
}

#[test]
fn what_is_said_later_is_not_said_yet() {
    let policy = two_officers();
    let at = |millis| NOW.plus_millis(millis);
    let scenario = |now| Scenario {
        said: vec![Said {
            at: at(DAY),
            what: Trial::Code,
        }],
        now,
        ..own()
    };
    let outcome = |now| simulate(&policy, &scenario(now)).unwrap().outcome;
    assert!(matches!(outcome(at(DAY - 1)), Outcome::Pending(_)));
    assert_eq!(
        outcome(at(DAY)),
        Outcome::Approved("recovery code".to_owned())
    );
    assert!(matches!(
        outcome(at(30 * DAY)),
        Outcome::Ended(Verdict::Lapsed, _)
    ));
}

#[test]
fn an_officer_who_asks_for_their_own_keys_is_their_owner() {
    let policy = Policy {
        rules: vec![Rule {
            approvals: Some("either".to_owned()),
            ..Rule::code_alone("own")
        }],
        ..two_officers()
    };
    for asker in [None, Some("ada".to_owned())] {
        let outcome = |officer| {
            let scenario = Scenario {
                whose: Whose::Officers("ada".to_owned()),
                asker: asker.clone(),
                said: vec![said(Trial::Code), said(approve(officer))],
                ..own()
            };
            simulate(&policy, &scenario).unwrap().outcome
        };
        assert!(matches!(outcome("ada"), Outcome::Pending(_)));
        assert_eq!(outcome("bob"), Outcome::Approved("own".to_owned()));
    }
}

#[test]
fn a_rival_freezes_what_no_officer_has_a_say_in() {
    let rival = Scenario {
        rival: true,
        said: vec![said(Trial::Code)],
        ..own()
    };
    let lines = simulate(&two_officers(), &rival).unwrap().lines();
    assert_eq!(
        lines[1..],
        [
            "rule `recovery code` waits for officers: another request for this owner is open",
            "not decided yet",
        ]
    );
}

#[test]
fn who_is_no_officer_is_refused_by_name() {
    let policy = two_officers();
    for scenario in [
        Scenario {
            asker: Some("eve".to_owned()),
            ..own()
        },
        Scenario {
            whose: Whose::Officers("eve".to_owned()),
            ..own()
        },
        Scenario {
            said: vec![said(approve("eve"))],
            ..own()
        },
    ] {
        let error = simulate(&policy, &scenario).unwrap_err();
        assert_eq!(error.to_string(), "there is no officer `eve` in the policy");
    }
}

/// An owner's request for one key of their own, to which nothing was said.
pub(super) fn own() -> Scenario {
    Scenario {
        whose: Whose::Anybodys,
        asker: None,
        keys: 1,
        labels: BTreeMap::new(),
        departed: false,
        rival: false,
        recorded: NOW,
        said: Vec::new(),
        now: NOW,
    }
}

/// A request that the first rule of `two_officers` is for.
fn asked() -> Scenario {
    Scenario {
        whose: Whose::Owners(OwnerId::from_bytes([3; 32])),
        asker: Some("ada".to_owned()),
        keys: 10,
        labels: BTreeMap::from([("team".to_owned(), "archive".to_owned())]),
        ..own()
    }
}

fn said(what: Trial) -> Said {
    Said { at: NOW, what }
}

pub(super) fn approve(name: &str) -> Trial {
    Trial::Word(name.to_owned(), Word::Approve)
}

pub(super) fn deny(name: &str) -> Trial {
    Trial::Word(name.to_owned(), Word::Deny)
}

pub(super) fn overrule(name: &str) -> Trial {
    Trial::Word(name.to_owned(), Word::Overrule)
}

//! Rehearsals: what becomes of people by the policies of `docs/policies`, and by others.

use std::collections::BTreeMap;

use strongroom_protocol::policy::file::{
    Rehearsal, RehearseError, Rehearsed, Story, Whose, rehearse,
};
use strongroom_protocol::policy::{Officer, Owners, Policy};

use super::examples::read;

/// In the order in which the stories are told.
const STORIES: [&str; 12] = [
    "lost-machine",
    "lost-machine-and-code",
    "anothers-keys",
    "leaver",
    "thief-with-sheet",
    "thief-with-machine",
    "thief-vetoes",
    "dishonest-officer",
    "refusing-officer",
    "refusing-officer-without-code",
    "absent-officer",
    "absent-officer-without-code",
];

/// Nobody gets any key.
const NO: (&str, u64) = ("", 0);

#[test]
fn by_the_code_alone_a_thief_with_the_sheet_gets_what_the_owner_does() {
    let at_once = ("recovery code", 0);
    assert_story("code-alone", &[at_once, NO, NO, NO, at_once, NO, at_once]);
    let rehearsal = rehearsed(&read("code-alone"));
    let thief = story(&rehearsal, "thief-with-sheet");
    let out = "Nobody can stop it: the keys are out before anybody is told.";
    assert!(says(thief, out), "{thief:?}");
}

#[test]
fn with_a_help_desk_one_officer_who_is_away_holds_nobody_up() {
    let (code, board) = (("code and helpdesk", 0), ("three of the board", 72));
    assert_story(
        "helpdesk",
        &[code, board, NO, NO, NO, NO, code, NO, NO, NO, code, board],
    );
    let rehearsal = rehearsed(&read("helpdesk"));
    let lost = story(&rehearsal, "lost-machine-and-code");
    assert!(
        says(lost, "It takes 3 of ada, bob, cid and dan."),
        "{lost:?}"
    );
    assert!(
        says(
            lost,
            "Can stop it: ada, bob, cid or dan by denying it; or a machine of the owner's by a veto, unless 3 of ada, bob, \
             cid and dan overrule it."
        ),
        "{lost:?}"
    );
    let refusing = story(&rehearsal, "refusing-officer");
    assert!(
        says(
            refusing,
            "No keys if it is ada, bob or cid; with any other officer keys at once, by rule `code and helpdesk`."
        ),
        "{refusing:?}"
    );
}

#[test]
fn a_leavers_keys_go_to_a_manager_once_personnel_and_security_agree() {
    let own = ("own keys", 0);
    assert_story(
        "leaver",
        &[
            own,
            NO,
            NO,
            ("leaver", 24),
            NO,
            NO,
            own,
            NO,
            NO,
            NO,
            own,
            NO,
        ],
    );
    let rehearsal = rehearsed(&read("leaver"));
    let leaver = story(&rehearsal, "leaver");
    assert!(
        says(
            leaver,
            "Can ask: fay or gus, once 2 of ada, bob and cid said that the owner has left."
        ),
        "{leaver:?}"
    );
    // Whether somebody is away is not why there are none.
    let absent = story(&rehearsal, "absent-officer-without-code");
    assert!(
        says(absent, "There are none with all officers there either."),
        "{absent:?}"
    );
}

#[test]
fn all_who_can_ask_are_named_whatever_other_groups_they_are_in() {
    let mut policy = read("leaver");
    for group in &mut policy.groups {
        if group.name == "managers" {
            group.of.push("eve".to_owned());
        }
    }
    let rehearsal = rehearsed(&policy);
    let leaver = story(&rehearsal, "leaver");
    let who = "Can ask: eve, fay or gus, once 2 of ada, bob and cid said that the owner has left.";
    assert!(says(leaver, who), "{leaver:?}");
}

#[test]
fn a_rule_for_some_keys_is_rehearsed_when_these_are_asked_for() {
    let policy = read("legal-hold");
    let plain = rehearsed(&policy);
    assert_eq!(plain.untried, ["legal hold"]);
    assert_eq!(story(&plain, "anothers-keys").gets, None);
    let held = policy.rules.iter().find(|rule| rule.name == "legal hold");
    let Owners::These(owners) = &held.unwrap().owners else {
        panic!("a legal hold is for some owners");
    };
    let asked = Rehearsed {
        whose: Whose::Owners(owners[0]),
        keys: 1000,
        labels: BTreeMap::from([("matter".to_owned(), "2026-17".to_owned())]),
    };
    let rehearsal = rehearse(&policy, &asked).unwrap();
    assert_eq!(rehearsal.untried, [""; 0]);
    let gets = story(&rehearsal, "anothers-keys").gets.as_ref().unwrap();
    assert_eq!(gets.rule, "legal hold");
    let too_many = Rehearsed {
        keys: 1001,
        ..asked
    };
    assert_eq!(
        rehearse(&policy, &too_many).unwrap().untried,
        ["legal hold"]
    );
}

#[test]
fn officers_and_a_wait_take_three_days_whoever_is_away() {
    let three = ("three of four", 72);
    assert_story(
        "officers-and-a-wait",
        &[
            three, three, NO, NO, NO, NO, three, NO, NO, NO, three, three,
        ],
    );
    let rehearsal = rehearsed(&read("officers-and-a-wait"));
    let vetoed = story(&rehearsal, "thief-vetoes");
    let takes =
        "It takes 3 of ada, bob, cid and dan and that 2 of eve, fay and gus overrule the veto.";
    assert!(says(vetoed, takes), "{vetoed:?}");
}

#[test]
fn how_many_others_a_dishonest_officer_has_to_fool_is_told() {
    let easiest = |policy: &Policy| {
        let rehearsal = rehearsed(policy);
        let dishonest = story(&rehearsal, "dishonest-officer");
        assert_eq!(dishonest.gets, None);
        dishonest.says[1].clone()
    };
    assert_eq!(
        easiest(&read("helpdesk")),
        "The shortest way: ada, bob or cid with 2 other officers who are fooled, or join in, saying to be the owner: keys after \
         3 days, by rule `three of the board`."
    );
    // Two of personnel who say that somebody has left, one of security, and a manager.
    assert_eq!(
        easiest(&read("leaver")),
        "The shortest way: fay or gus with 3 other officers who are fooled, or join in, in their own name, saying that the owner \
         has left: keys after 1 day, by rule `leaver`."
    );
    // A manager who can say alone that somebody has left needs one other.
    let mut policy = read("leaver");
    policy.departed = Some("managers".to_owned());
    for rule in &mut policy.rules {
        if rule.name == "leaver" {
            rule.approvals = Some("managers".to_owned());
            rule.veto = true;
        }
    }
    assert_eq!(
        easiest(&policy),
        "The shortest way: fay or gus with one other officer who is fooled, or joins in, in their own name, saying that the \
         owner has left: keys after 1 day, by rule `leaver`."
    );
    // Who has left has no veto, true or not.
    let rehearsal = rehearsed(&policy);
    let dishonest = story(&rehearsal, "dishonest-officer");
    assert!(
        says(dishonest, "Can stop it: fay or gus by denying it."),
        "{dishonest:?}"
    );
}

#[test]
fn an_owner_is_no_thief_of_their_own_keys() {
    let asked = Rehearsed {
        whose: Whose::Officers("cid".to_owned()),
        keys: 1,
        labels: BTreeMap::new(),
    };
    let rehearsal = rehearse(&read("helpdesk"), &asked).unwrap();
    assert_eq!(story(&rehearsal, "anothers-keys").gets, None);
    let dishonest = story(&rehearsal, "dishonest-officer");
    assert!(!dishonest.says[1].contains("cid"), "{dishonest:?}");
}

#[test]
fn a_policy_that_would_take_too_long_is_refused() {
    let mut policy = read("helpdesk");
    let officer = policy.officers[0].clone();
    for number in 0..64 {
        policy.officers.push(Officer {
            name: format!("officer {number}"),
            ..officer.clone()
        });
    }
    let asked = Rehearsed {
        whose: Whose::Anybodys,
        keys: 1,
        labels: BTreeMap::new(),
    };
    assert_eq!(rehearse(&policy, &asked), Err(RehearseError::TooLarge));
}

#[test]
fn a_veto_that_nobody_overrules_ends_an_owners_request() {
    let mut policy = read("officers-and-a-wait");
    for rule in &mut policy.rules {
        rule.overrule = None;
    }
    let rehearsal = rehearsed(&policy);
    let thief = story(&rehearsal, "thief-vetoes");
    assert_eq!(thief.gets, None);
    assert!(
        says(
            thief,
            "The veto of a machine of the owner's stops rule `three of four`."
        ),
        "{thief:?}"
    );
}

#[test]
fn a_rule_that_waits_longer_than_requests_last_gives_nothing() {
    let mut policy = read("officers-and-a-wait");
    policy.lapse_millis = 1000;
    let rehearsal = rehearsed(&policy);
    let lost = story(&rehearsal, "lost-machine");
    assert_eq!(lost.gets, None);
    assert!(
        says(
            lost,
            "Rule `three of four` waits longer than a request lasts."
        ),
        "{lost:?}"
    );
}

#[test]
fn an_officer_who_is_none_is_refused() {
    let asked = Rehearsed {
        whose: Whose::Officers("nobody".to_owned()),
        keys: 1,
        labels: BTreeMap::new(),
    };
    let refused = rehearse(&read("helpdesk"), &asked).unwrap_err();
    assert!(refused.to_string().contains("`nobody`"));
}

/// Holds every story against by which rule keys come, and after how many hours.
#[track_caller]
fn assert_story(name: &str, expected: &[(&str, u64)]) {
    let rehearsal = rehearsed(&read(name));
    let got = rehearsal.stories.iter().map(|story| {
        let gets = story.gets.as_ref();
        let gets = gets.map_or(NO, |gets| {
            (gets.rule.as_str(), gets.after_millis / 3_600_000)
        });
        (story.kind.as_str(), gets)
    });
    let expected = STORIES.iter().copied().zip(expected.iter().copied());
    assert_eq!(
        got.collect::<Vec<_>>(),
        expected.collect::<Vec<_>>(),
        "{rehearsal:?}"
    );
}

fn rehearsed(policy: &Policy) -> Rehearsal {
    let asked = Rehearsed {
        whose: Whose::Anybodys,
        keys: 1,
        labels: BTreeMap::new(),
    };
    rehearse(policy, &asked).unwrap()
}

fn story<'r>(rehearsal: &'r Rehearsal, name: &str) -> &'r Story {
    let mut stories = rehearsal.stories.iter();
    stories.find(|story| story.kind.as_str() == name).unwrap()
}

fn says(story: &Story, sentence: &str) -> bool {
    story.says.iter().any(|says| says == sentence)
}

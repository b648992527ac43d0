//! What holds of every decision, whatever is said and in whatever order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use strongroom_protocol::policy::{
    Asker, Policy, Rule, Ruling, Scene, Standing, decide, standings,
};
use strongroom_protocol::statement::{SignedStatement, Statement, Word};

use super::officers::{by, says, stage};
use crate::cast::{DAY, NOW, logged};

const OFFICERS: [&str; 4] = ["ada", "bob", "cid", "dan"];

/// What may be said to a request: the code, every officer's yes, then all that stops it. A veto comes before what overrules it.
fn said(stage: &super::Stage) -> (Vec<SignedStatement>, Vec<SignedStatement>) {
    let mut for_it = vec![stage.code()];
    for_it.extend(OFFICERS.map(|name| says(stage, name, Word::Approve)));
    for_it.extend(OFFICERS.map(|name| says(stage, name, Word::Overrule)));
    let mut against = vec![stage.veto(&stage.cast.device)];
    against.extend(OFFICERS.map(|name| says(stage, name, Word::Deny)));
    (for_it, against)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn more_for_a_request_never_undoes_it_and_nothing_is_approved_without_what_a_rule_asks(
        rules in prop::collection::vec((any::<(bool, bool, bool)>(), 0..4_usize, 0..3_u64), 1..4),
        some in prop::collection::vec(any::<bool>(), 9),
        more in prop::collection::vec(any::<bool>(), 9),
        no in prop::collection::vec(any::<bool>(), 5),
        (rival, departed) in any::<(bool, bool)>(),
        days in 0..4_u64,
        order in any::<u64>(),
    ) {
        let mut stage = stage(by("two"));
        stage.policy.rules = rules.iter().zip(0..).map(|(((code, officers, veto), group, wait), number)| {
            let group = ["two", "desk", "askers", "two and desk"][*group];
            let code_alone = Rule::code_alone(&format!("rule {number}"));
            Rule {
                evidence: if *code || !officers { code_alone.evidence.clone() } else { Vec::new() },
                asker: if *code || !officers { Asker::Owner } else { Asker::Anyone },
                approvals: officers.then(|| group.to_owned()),
                wait_millis: wait * DAY,
                veto: *veto,
                overrule: Some("desk".to_owned()),
                ..code_alone
            }
        }).collect();
        stage.scene = Scene { rival, departed, ..Scene::default() };
        let (for_it, against) = said(&stage);
        let pick = |from: &[SignedStatement], take: &dyn Fn(usize) -> bool| {
            let picked = from.iter().enumerate().filter(|(number, _)| take(*number));
            picked.map(|(_, signed)| signed.clone()).collect::<Vec<_>>()
        };
        let against = pick(&against, &|number| no[number]);
        // In the log what stops it comes first, so that it can be overruled.
        let few = [against.clone(), pick(&for_it, &|number| some[number])].concat();
        let many = [against, pick(&for_it, &|number| some[number] || more[number])].concat();
        let (few_words, many_words) = (logged(&few), logged(&many));
        let now = NOW.plus_millis(days * DAY);
        let ruling = decide(&stage.case(&few_words), now);
        if let Ruling::Approved(approved) = &ruling {
            prop_assert!(matches!(decide(&stage.case(&many_words), now), Ruling::Approved(_)));
            let rule = stage.policy.rules.iter().find(|rule| rule.name == approved.rule()).unwrap();
            prop_assert!(meets(&stage.policy, rule, &few, days, departed));
            prop_assert!(!rival || rule.approvals.is_some());
        }
        // In whatever order words are handed in: their places in the log stay what they are.
        let mut shuffled = few_words.clone();
        let places = shuffled.len().max(1);
        shuffled.rotate_left(usize::try_from(order % places as u64).unwrap());
        shuffled.reverse();
        prop_assert_eq!(format!("{:?}", decide(&stage.case(&shuffled), now)), format!("{ruling:?}"));
        // Nobody overrules what was not said yet.
        let overruled_first = logged(&[&few[..], &[stage.veto(&stage.cast.device)]].concat());
        if let Ruling::Approved(approved) = decide(&stage.case(&overruled_first), now) {
            let rule = stage.policy.rules.iter().find(|rule| rule.name == approved.rule()).unwrap();
            prop_assert!(!rule.veto || departed || no[0]);
        }
        // What is told of each rule is what was decided.
        let met = standings(&stage.case(&few_words), now).contains(&Standing::Met);
        prop_assert_eq!(met, matches!(ruling, Ruling::Approved(_)));
    }
}

/// Tells from the statements alone whether they are all that a rule asks for.
fn meets(
    policy: &Policy,
    rule: &Rule,
    said: &[SignedStatement],
    days: u64,
    departed: bool,
) -> bool {
    let has = |is: &dyn Fn(&Statement) -> bool| said.iter().any(|signed| is(signed.statement()));
    let people = |word: Word| -> BTreeSet<&str> {
        let by = said.iter().filter(|signed| {
            matches!(signed.statement(), Statement::Approval(approval) if approval.word == word)
        });
        by.filter_map(|signed| policy.officer(signed.author()))
            .map(|officer| officer.name.as_str())
            .collect()
    };
    let code = rule.evidence.is_empty() || has(&|it| matches!(it, Statement::Evidence(_)));
    let yes = rule.approvals.as_ref().is_none_or(|name| {
        let group = policy.group(name).unwrap();
        let no = people(Word::Deny);
        group.is_met(policy, &people(Word::Approve)) && group.people(policy).is_disjoint(&no)
    });
    let for_departed = !departed || rule.asker != Asker::Anyone;
    let vetoed = rule.veto && !departed && has(&|it| matches!(it, Statement::Veto(_)));
    let overruled = people(Word::Overrule).contains("dan");
    for_departed && code && yes && (!vetoed || overruled) && rule.wait_millis <= days * DAY
}

//! The one function that decides, case by case (spec/policy.md#decide): here what owners do alone, with officers in
//! the modules below.

mod change;
mod file;
mod group;
mod office;
mod officers;
mod random;
mod subject;

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA512, digest};
use curve25519_dalek::constants::ED25519_BASEPOINT_COMPRESSED;
use curve25519_dalek::{EdwardsPoint, Scalar};
use proptest::prelude::*;
use strongroom_protocol::id::{AuthorityId, Digest, Time};
use strongroom_protocol::keys::{SigningKey, VerifyingKey};
use strongroom_protocol::label::Label;
use strongroom_protocol::policy::{
    Case, LoggedWord, OwnerKeys, Policy, PolicyError, Reason, Rule, Ruling, Scene, decide,
};
use strongroom_protocol::statement::{
    Decision, Evidence, EvidenceKind, Request, SignedStatement, Verdict, Veto,
};

use crate::cast::{Cast, DAY, NOW, logged};
use crate::wire::Parts;

pub(crate) use file::any_policy;

#[test]
fn without_a_rule_a_request_is_denied() {
    let stage = Stage::new(Vec::new());
    assert_eq!(
        stage.outcome(&[stage.code()], NOW),
        Outcome::Ended(Verdict::Denied)
    );
    assert_eq!(
        stage.reasons(&[], NOW),
        ["the policy has no rule for such a request"]
    );
}

/// Else whoever asks would only have to wait.
#[test]
fn a_rule_that_asks_for_no_evidence_is_no_rule() {
    let nothing = Rule {
        evidence: Vec::new(),
        ..rule("nothing", 0, false)
    };
    let stage = Stage::new(vec![nothing.clone()]);
    assert_eq!(
        stage.outcome(&[stage.code()], NOW),
        Outcome::Ended(Verdict::Denied)
    );
    let stage = Stage::new(vec![nothing, rule("code", 0, false)]);
    assert_eq!(stage.outcome(&[], NOW), Outcome::Pending);
    assert_eq!(
        stage.outcome(&[stage.code()], NOW),
        Outcome::Approved("code".to_owned())
    );
}

#[test]
fn without_evidence_a_request_is_pending_and_says_what_it_needs() {
    let stage = Stage::new(vec![rule("code", 0, false)]);
    assert_eq!(stage.outcome(&[], NOW), Outcome::Pending);
    assert_eq!(
        stage.reasons(&[], NOW),
        ["rule `code` needs the owner's recovery code"]
    );
}

#[test]
fn the_owners_code_approves() {
    let stage = Stage::new(vec![rule("code", 0, false)]);
    let statements = [stage.code()];
    let Ruling::Approved(approved) = decide(&stage.case(&logged(&statements)), NOW) else {
        panic!("it is not approved")
    };
    assert_eq!(approved.rule(), "code");
    assert_eq!(approved.owner(), stage.cast.owner);
    assert_eq!(approved.scope(), &stage.request.scope);
    assert_eq!(approved.release_key(), &stage.request.release_key);
    let decision = approved.decision();
    assert_eq!(decision.authority, stage.cast.authority);
    assert_eq!(decision.request, stage.request.digest());
    assert_eq!(decision.policy, stage.policy.digest());
    assert_eq!(decision.evidence, [statements[0].id()]);
    assert_eq!(decision.approvals, []);
    assert_eq!(decision.asker, None);
    assert_eq!(decision.verdict, Verdict::Approved);
    assert_eq!(decision.not_after, stage.request.expires);
}

#[test]
fn evidence_of_anybody_or_anything_else_does_not_count() {
    let stage = Stage::new(vec![rule("code", 0, false)]);
    let right = stage.cast.evidence(&stage.request);
    let other_request = Request {
        expires: NOW.plus_millis(1),
        ..stage.request.clone()
    };
    let by = |evidence: Evidence, key: &SigningKey| SignedStatement::sign(evidence, key);
    let cast = &stage.cast;
    let wrong = [
        by(right, &cast.stranger),
        by(right, &cast.asking),
        by(right, &cast.device),
        by(right, &cast.log_key),
        by(cast.evidence(&other_request), &cast.code),
        by(
            Evidence {
                request: Digest::from_bytes([0; 32]),
                ..right
            },
            &cast.code,
        ),
        by(
            Evidence {
                authority: AuthorityId::from_bytes([0; 32]),
                ..right
            },
            &cast.code,
        ),
        // The code's word, but not evidence.
        SignedStatement::sign(cast.veto(&stage.request), &cast.code),
        SignedStatement::sign(cast.decision(), &cast.code),
        SignedStatement::sign(stage.request.clone(), &cast.asking),
    ];
    for statement in &wrong {
        let outcome = stage.outcome(std::slice::from_ref(statement), NOW);
        assert_eq!(outcome, Outcome::Pending, "{statement:?}");
    }
    assert_eq!(stage.outcome(&wrong, NOW), Outcome::Pending);
    let mut all = wrong.to_vec();
    all.push(stage.code());
    assert_eq!(
        stage.outcome(&all, NOW),
        Outcome::Approved("code".to_owned())
    );
}

#[test]
fn a_rule_waits_to_the_millisecond() {
    let stage = Stage::new(vec![rule("code", DAY, false)]);
    let code = [stage.code()];
    let over = NOW.plus_millis(DAY);
    let before = NOW.plus_millis(DAY - 1);
    assert_eq!(stage.outcome(&code, NOW), Outcome::Pending);
    assert_eq!(stage.outcome(&code, before), Outcome::Pending);
    assert_eq!(
        stage.reasons(&code, before),
        [format!("rule `code` waits until {over}")]
    );
    assert_eq!(
        stage.outcome(&code, over),
        Outcome::Approved("code".to_owned())
    );
    // It does not make up for the evidence.
    assert_eq!(stage.outcome(&[], over), Outcome::Pending);
    assert_eq!(stage.reasons(&[], NOW).len(), 2);
    // It begins when the authority recorded the request, whatever the asker's clock said.
    let late = Stage {
        recorded: NOW.plus_millis(DAY),
        ..stage
    };
    assert_eq!(late.outcome(&code, over), Outcome::Pending);
}

#[test]
fn a_device_of_the_owners_stops_a_rule_that_has_a_veto() {
    let stage = Stage::new(vec![rule("code", 0, true)]);
    let both = [stage.code(), stage.veto(&stage.cast.device)];
    assert_eq!(stage.outcome(&both, NOW), Outcome::Ended(Verdict::Vetoed));
    let device = stage.cast.device.verifying_key();
    let reasons = [format!("the owner's device {device} stopped rule `code`")];
    assert_eq!(stage.reasons(&both, NOW), reasons);
    // Before the evidence as well: it cannot be met any more.
    assert_eq!(
        stage.outcome(&both[1..], NOW),
        Outcome::Ended(Verdict::Vetoed)
    );
}

#[test]
fn a_rule_without_a_veto_is_not_stopped() {
    let stage = Stage::new(vec![rule("code", 0, false)]);
    let both = [stage.code(), stage.veto(&stage.cast.device)];
    assert_eq!(
        stage.outcome(&both, NOW),
        Outcome::Approved("code".to_owned())
    );
}

#[test]
fn a_veto_of_anybody_or_anything_else_does_not_count() {
    let mut stage = Stage::new(vec![rule("code", 0, true)]);
    // The asking device is the owner's already, as after another recovery.
    stage.owner.devices.push(stage.cast.asking.verifying_key());
    let right = stage.cast.veto(&stage.request);
    let other_request = Request {
        expires: NOW.plus_millis(1),
        ..stage.request.clone()
    };
    let cast = &stage.cast;
    let wrong = [
        stage.veto(&cast.asking),
        stage.veto(&cast.stranger),
        stage.veto(&cast.code),
        stage.veto(&cast.log_key),
        SignedStatement::sign(cast.veto(&other_request), &cast.device),
        SignedStatement::sign(
            Veto {
                authority: AuthorityId::from_bytes([0; 32]),
                ..right
            },
            &cast.device,
        ),
        // The device's word, but not a veto.
        SignedStatement::sign(cast.evidence(&stage.request), &cast.device),
    ];
    let all = [&wrong[..], &[stage.code()]].concat();
    assert_eq!(
        stage.outcome(&all, NOW),
        Outcome::Approved("code".to_owned())
    );
    let all = [&all[..], &[stage.veto(&cast.device)]].concat();
    assert_eq!(stage.outcome(&all, NOW), Outcome::Ended(Verdict::Vetoed));
}

#[test]
fn a_request_lapses_when_it_says_or_when_the_policy_says() {
    let mut stage = Stage::new(vec![rule("code", 0, false)]);
    let code = [stage.code()];
    let end = stage.request.expires;
    assert_eq!(stage.policy.lapse_millis, 30 * DAY);
    let lapsed = Outcome::Ended(Verdict::Lapsed);
    let approved = Outcome::Approved("code".to_owned());
    let just_before = Time::from_millis(end.as_millis() - 1);
    assert_eq!(stage.outcome(&code, just_before), approved);
    assert_eq!(stage.outcome(&code, end), lapsed);
    assert_eq!(stage.outcome(&[], end), lapsed);
    assert_eq!(
        stage.reasons(&code, end),
        [format!("the request lapsed at {end}")]
    );
    // The policy's time, counted from the record.
    stage.policy.lapse_millis = 5;
    assert_eq!(stage.outcome(&code, NOW.plus_millis(4)), approved);
    assert_eq!(stage.outcome(&code, NOW.plus_millis(5)), lapsed);
    let Ruling::Approved(early) = decide(&stage.case(&logged(&code)), NOW) else {
        panic!()
    };
    assert_eq!(early.decision().not_after, NOW.plus_millis(5));
    // What does not end overflows nothing.
    stage.policy.lapse_millis = u64::MAX;
    stage.policy.rules[0].wait_millis = u64::MAX;
    assert_eq!(stage.outcome(&code, just_before), Outcome::Pending);
    // Lapsed comes first, with or without rules.
    stage.policy.rules.clear();
    assert_eq!(stage.outcome(&code, end), lapsed);
}

#[test]
fn any_of_two_rules_is_enough_and_the_first_is_taken() {
    let stage = Stage::new(vec![rule("slow", DAY, false), rule("fast", 0, true)]);
    let code = [stage.code()];
    assert_eq!(
        stage.outcome(&code, NOW),
        Outcome::Approved("fast".to_owned())
    );
    assert_eq!(
        stage.outcome(&code, NOW.plus_millis(DAY)),
        Outcome::Approved("slow".to_owned())
    );
    assert_eq!(stage.reasons(&[], NOW).len(), 3);
    // Of the two only one can be stopped.
    let stopped = [stage.code(), stage.veto(&stage.cast.device)];
    assert_eq!(stage.outcome(&stopped, NOW), Outcome::Pending);
    assert_eq!(stage.reasons(&stopped, NOW).len(), 2);
    assert_eq!(
        stage.outcome(&stopped, NOW.plus_millis(DAY)),
        Outcome::Approved("slow".to_owned())
    );
    // And where both can be, it is over.
    let stage = Stage::new(vec![rule("slow", DAY, true), rule("fast", 0, true)]);
    assert_eq!(
        stage.outcome(&stopped, NOW),
        Outcome::Ended(Verdict::Vetoed)
    );
    assert_eq!(stage.reasons(&stopped, NOW).len(), 2);
}

#[test]
fn a_decision_is_the_same_whatever_the_order_of_statements() {
    let mut stage = Stage::new(vec![rule("code", 0, true)]);
    // The base point, whose secret is 1.
    let key = ED25519_BASEPOINT_COMPRESSED.to_bytes();
    stage.owner.code_key = Some(VerifyingKey::from_bytes(key).unwrap());
    let code = Parts::of(&stage.code());
    let [one, other] = two_signatures(Label::EVIDENCE, &code.body).map(|signature| {
        let parts = Parts {
            author: key.to_vec(),
            signature: signature.to_vec(),
            ..code.clone()
        };
        SignedStatement::parse(&parts.to_bytes()).unwrap()
    });
    assert_ne!(one.id(), other.id());
    let decided = |statements: &[SignedStatement]| stage.decision(statements, NOW);
    let stranger = stage.veto(&stage.cast.stranger);
    let decision = decided(&[one.clone(), other.clone(), stranger.clone()]);
    assert_eq!(decision, decided(&[stranger, other, one]));
    assert_eq!(decision.evidence.len(), 1);
}

#[test]
fn a_decision_is_the_same_at_any_time_before_it_lapses() {
    let stage = Stage::new(vec![rule("code", 0, true)]);
    let statements = [stage.code()];
    let decided = |now| stage.decision(&statements, now);
    assert_eq!(decided(NOW), decided(NOW.plus_millis(29 * DAY)));
}

#[test]
fn of_two_vetoes_the_same_is_named_whatever_their_order() {
    let mut stage = Stage::new(vec![rule("code", 0, true)]);
    stage
        .owner
        .devices
        .push(stage.cast.stranger.verifying_key());
    let vetoes = [
        stage.veto(&stage.cast.device),
        stage.veto(&stage.cast.stranger),
    ];
    let backwards = [vetoes[1].clone(), vetoes[0].clone()];
    assert_eq!(stage.reasons(&vetoes, NOW), stage.reasons(&backwards, NOW));
}

#[test]
fn evidence_that_a_rule_names_twice_counts_once() {
    let twice = Rule {
        evidence: vec![EvidenceKind::RecoveryCode; 2],
        ..rule("twice", 0, false)
    };
    let stage = Stage::new(vec![twice]);
    let Ruling::Approved(approved) = decide(&stage.case(&logged(&[stage.code()])), NOW) else {
        panic!()
    };
    assert_eq!(approved.decision().evidence.len(), 1);
}

#[test]
fn the_policy_of_an_embedded_authority_is_the_code_alone() {
    let policy = Policy::code_alone();
    assert_eq!(policy.validate(), Ok(()));
    assert_eq!(policy.rules, [Rule::code_alone("recovery code")]);
    assert!(!policy.rules[0].veto && policy.rules[0].wait_millis == 0);
    assert!(policy.change.codes);
}

#[test]
fn a_policy_with_a_name_that_is_not_seen_as_it_is_is_none() {
    let named = |name: &str| {
        let labelled = Rule {
            labels: [(name.to_owned(), String::new())].into(),
            ..Rule::code_alone("by label")
        };
        let valued = Rule {
            labels: [("kind".to_owned(), name.to_owned())].into(),
            ..Rule::code_alone("by value")
        };
        let policy = |rule: Rule| Policy {
            rules: vec![rule],
            ..Policy::code_alone()
        };
        [Rule::code_alone(name), labelled, valued].map(policy)
    };
    for name in [
        "a\nb",
        "\u{61c}ada",
        "ada\u{ad}",
        " ada",
        "Jose\u{301}",
        "\u{202e}ada",
    ] {
        for policy in named(name) {
            let not_plain = PolicyError::NotPlain(name.to_owned());
            assert_eq!(policy.validate(), Err(not_plain));
        }
    }
    for policy in named("José, 2nd floor") {
        assert_eq!(policy.validate(), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn more_evidence_never_turns_an_approval_into_a_wait_and_nothing_is_approved_without(
        rules in prop::collection::vec((0..3_u64, any::<bool>(), 0..3_usize), 0..4),
        chosen in prop::collection::vec(any::<bool>(), 8),
        more in prop::collection::vec(any::<bool>(), 8),
        days in 0..4_u64,
    ) {
        // Made once: keys cost more than what is decided with them.
        static MADE: LazyLock<(Stage, Vec<SignedStatement>)> = LazyLock::new(|| {
            let stage = Stage::new(Vec::new());
            let pool = stage.pool();
            (stage, pool)
        });
        let (stage, pool) = &*MADE;
        let rules = rules.iter().map(|(days, veto, kinds)| Rule {
            evidence: vec![EvidenceKind::RecoveryCode; *kinds],
            ..rule("rule", days * DAY, *veto)
        });
        let policy = Policy { rules: rules.collect(), ..stage.policy.clone() };
        let is_approved = |take: &dyn Fn(usize) -> bool| {
            let picked = pool.iter().enumerate().filter(|(number, _)| take(*number));
            let statements: Vec<_> = picked.map(|(_, statement)| statement.clone()).collect();
            let words = logged(&statements);
            let case = Case { policy: &policy, ..stage.case(&words) };
            matches!(decide(&case, NOW.plus_millis(days * DAY)), Ruling::Approved(_))
        };
        if is_approved(&|number| chosen[number]) {
            prop_assert!(chosen[0]);
            let more = |number| chosen[number] || (more[number] && number < VETOES_FROM);
            prop_assert!(is_approved(&more));
        }
    }
}

/// Two signatures of one text by the key whose secret is 1, with nonces of 2 and 3: whoever signs need not derive the nonce
/// as RFC 8032 does.
fn two_signatures(label: Label, body: &[u8]) -> [[u8; 64]; 2] {
    [2u8, 3].map(|nonce| {
        let nonce = Scalar::from(nonce);
        let point = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
        let key = ED25519_BASEPOINT_COMPRESSED.to_bytes();
        let text = [&point, &key, &label.prefix(body)[..]].concat();
        let digest = digest(&SHA512, &text);
        let challenge = Scalar::from_bytes_mod_order_wide(digest.as_ref().try_into().unwrap());
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&point);
        signature[32..].copy_from_slice((nonce + challenge).as_bytes());
        signature
    })
}

/// Where the vetoes begin in [`Stage::pool`]; the code's evidence stands first.
const VETOES_FROM: usize = 5;

/// A request that is decided on.
struct Stage {
    cast: Cast,
    policy: Policy,
    request: Request,
    recorded: Time,
    owner: OwnerKeys,
    scene: Scene,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Approved(String),
    Ended(Verdict),
    Pending,
}

impl Stage {
    fn new(rules: Vec<Rule>) -> Self {
        let cast = Cast::new();
        Self {
            policy: Policy {
                rules,
                ..Policy::code_alone()
            },
            scene: Scene::default(),
            request: cast.request(),
            recorded: NOW,
            owner: cast.owner_keys(),
            cast,
        }
    }

    fn code(&self) -> SignedStatement {
        SignedStatement::sign(self.cast.evidence(&self.request), &self.cast.code)
    }

    fn veto(&self, by: &SigningKey) -> SignedStatement {
        SignedStatement::sign(self.cast.veto(&self.request), by)
    }

    fn pool(&self) -> Vec<SignedStatement> {
        let cast = &self.cast;
        let evidence = cast.evidence(&self.request);
        vec![
            self.code(),
            SignedStatement::sign(evidence, &cast.stranger),
            SignedStatement::sign(evidence, &cast.device),
            SignedStatement::sign(
                Evidence {
                    request: Digest::from_bytes([1; 32]),
                    ..evidence
                },
                &cast.code,
            ),
            SignedStatement::sign(self.request.clone(), &cast.asking),
            self.veto(&cast.device),
            self.veto(&cast.asking),
            self.veto(&cast.stranger),
        ]
    }

    fn case<'c>(&'c self, words: &'c [LoggedWord]) -> Case<'c> {
        Case {
            policy: &self.policy,
            request: &self.request,
            recorded: self.recorded,
            owner: &self.owner,
            scene: &self.scene,
            words,
        }
    }

    fn outcome(&self, statements: &[SignedStatement], now: Time) -> Outcome {
        match decide(&self.case(&logged(statements)), now) {
            Ruling::Approved(approved) => Outcome::Approved(approved.rule().to_owned()),
            Ruling::Ended(verdict, _) => Outcome::Ended(verdict),
            Ruling::Pending(_) => Outcome::Pending,
        }
    }

    fn decision(&self, statements: &[SignedStatement], now: Time) -> Decision {
        let Ruling::Approved(approved) = decide(&self.case(&logged(statements)), now) else {
            panic!("it is not approved")
        };
        approved.decision()
    }

    fn reasons(&self, statements: &[SignedStatement], now: Time) -> Vec<String> {
        let reasons = match decide(&self.case(&logged(statements)), now) {
            Ruling::Approved(_) => Vec::new(),
            Ruling::Ended(_, reasons) | Ruling::Pending(reasons) => reasons,
        };
        reasons.iter().map(Reason::to_string).collect()
    }
}

fn rule(name: &str, wait_millis: u64, veto: bool) -> Rule {
    Rule {
        wait_millis,
        veto,
        ..Rule::code_alone(name)
    }
}

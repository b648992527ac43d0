//! Changes of a policy, decided by the policy that they replace (spec/policy.md#change).

use std::slice::from_ref;

use strongroom_protocol::id::{AuthorityId, Digest, Time};
use strongroom_protocol::keys::{SigningKey, VerifyingKey};
use strongroom_protocol::policy::{
    Around, Change, ChangeCase, Discount, LoggedWord, Policy, Reason, Ruling, Subject,
    decide_change,
};
use strongroom_protocol::statement::{
    Approval, Evidence, EvidenceKind, Grounds, PolicyChange, SignedStatement, Verdict, Word,
};

use crate::cast::{Cast, DAY, NOW, group, logged, officer, officer_key, two_officers};
use crate::policy::Outcome;

#[test]
fn a_change_needs_the_approvals_and_the_wait_of_the_policy_in_force() {
    let stage = Stage::new();
    let after = NOW.plus_millis(3 * DAY);
    let (ada, bob) = (
        stage.says("ada", Word::Approve),
        stage.says("bob", Word::Approve),
    );
    let both = [ada.clone(), bob.clone()];
    assert_eq!(stage.outcome(&[], after), Outcome::Pending);
    assert_eq!(stage.outcome(&[ada.clone(), ada], after), Outcome::Pending);
    assert_eq!(
        stage.outcome(&both, Time::from_millis(after.as_millis() - 1)),
        Outcome::Pending
    );
    assert_eq!(stage.outcome(&both, after), approved());
    assert_eq!(
        stage.reasons(from_ref(&bob), NOW),
        [
            "rule `change` needs the approval of `board` (so far: bob)".to_owned(),
            format!("rule `change` waits until {after}"),
        ]
    );
    let Ruling::Approved(change) = decide_change(&stage.case(&logged(&both)), after) else {
        panic!("it is not approved")
    };
    let decision = change.decision();
    let mut approvals = both.map(|signed| signed.id());
    approvals.sort_unstable();
    assert_eq!(decision.request, stage.change.digest());
    assert_eq!(decision.policy, stage.policy.digest());
    assert_eq!(decision.evidence, []);
    assert_eq!(decision.approvals, approvals);
    assert_eq!(decision.asker, None);
    assert_eq!(decision.verdict, Verdict::Approved);
    assert_eq!(decision.not_after, stage.change.expires);
}

#[test]
fn nobody_approves_the_change_they_ask_for() {
    let mut stage = Stage::new();
    let after = NOW.plus_millis(3 * DAY);
    let by = |name| stage.says(name, Word::Approve);
    let (ada, bob, cid) = (by("ada"), by("bob"), by("cid"));
    // Ada asks, with one of her keys, and approves with the other.
    let other_key = SigningKey::from_seed(&[77; 32]);
    stage.policy.officers[0]
        .keys
        .push(other_key.verifying_key());
    stage.change.replaces = stage.policy.digest();
    let [ada, bob, cid] = [ada, bob, cid].map(|signed| {
        let key = [officer_key("ada"), officer_key("bob"), officer_key("cid")];
        let key = key
            .iter()
            .find(|key| key.verifying_key() == *signed.author())
            .unwrap();
        stage.signed(Word::Approve, key)
    });
    stage.author = other_key.verifying_key();
    assert_eq!(
        stage.outcome(&[ada.clone(), bob.clone()], after),
        Outcome::Pending
    );
    assert_eq!(stage.outcome(&[cid, bob.clone()], after), approved());
    stage.author = officer_key("cid").verifying_key();
    assert_eq!(stage.outcome(&[ada, bob], after), approved());
}

#[test]
fn one_no_of_the_group_ends_a_change_and_anybody_elses_does_not() {
    let stage = Stage::new();
    let after = NOW.plus_millis(3 * DAY);
    let yes = [
        stage.says("ada", Word::Approve),
        stage.says("bob", Word::Approve),
    ];
    let with = |no: SignedStatement| [&yes[..], &[no]].concat();
    let no = with(stage.says("cid", Word::Deny));
    assert_eq!(stage.outcome(&no, after), Outcome::Ended(Verdict::Denied));
    assert_eq!(
        stage.reasons(&no, after),
        ["`cid` denied it under rule `change`, saying \"not now\""]
    );
    for other in [
        stage.says("dan", Word::Deny),
        stage.signed(Word::Deny, &stage.cast.stranger),
    ] {
        assert_eq!(stage.outcome(&with(other), after), approved());
    }
}

#[test]
fn of_a_word_on_a_change_that_does_not_count_it_is_told_why() {
    let discount = |stage: &Stage, said: SignedStatement| {
        let words = logged(&[said]);
        let word = words[0].clone();
        let asked = SignedStatement::sign(stage.change.clone(), &stage.cast.device);
        let around = Around::Change {
            author: stage.author,
            codes: stage.codes.clone(),
            superseded: None,
        };
        let policy = stage.policy.clone();
        let subject = Subject::new(asked, (7, NOW), policy, words, None, around);
        subject.unwrap().discount(&word)
    };
    let stage = Stage::new();
    for word in [Word::Approve, Word::Deny] {
        assert_eq!(discount(&stage, stage.says("ada", word)), None);
        assert_eq!(
            discount(&stage, stage.says("dan", word)),
            Some(Discount::NotAsked)
        );
        let stranger = stage.signed(word, &stage.cast.stranger);
        assert_eq!(discount(&stage, stranger), Some(Discount::NotAsked));
    }
    // Whoever asks may say no to it, and not yes.
    let mut own = Stage::new();
    own.author = officer_key("ada").verifying_key();
    let (yes, no) = (own.says("ada", Word::Approve), own.says("ada", Word::Deny));
    assert_eq!(discount(&own, yes), Some(Discount::Own));
    assert_eq!(discount(&own, no), None);
    assert_eq!(discount(&own, own.says("bob", Word::Approve)), None);
    // There is no veto of a change.
    let overrule = stage.says("ada", Word::Overrule);
    assert_eq!(
        discount(&stage, overrule),
        Some(Discount::NothingToOverrule)
    );
}

#[test]
fn approvals_of_anything_else_do_not_count() {
    let stage = Stage::new();
    let after = NOW.plus_millis(3 * DAY);
    let right = stage.approval(Word::Approve);
    let ada = stage.says("ada", Word::Approve);
    let zero = Digest::from_bytes([0; 32]);
    for wrong in [
        Approval {
            subject: stage.cast.request().digest(),
            ..right.clone()
        },
        Approval {
            policy: stage.change.policy.digest(),
            ..right.clone()
        },
        Approval {
            policy: zero,
            ..right.clone()
        },
        Approval {
            authority: AuthorityId::from_bytes([0; 32]),
            ..right.clone()
        },
        Approval {
            word: Word::Overrule,
            ..right.clone()
        },
    ] {
        let wrong = SignedStatement::sign(wrong, &officer_key("bob"));
        assert_eq!(
            stage.outcome(&[ada.clone(), wrong], after),
            Outcome::Pending
        );
    }
}

#[test]
fn a_change_lapses_when_it_says_when_the_policy_says_and_when_the_policy_is_another() {
    let mut stage = Stage::new();
    let both = [
        stage.says("ada", Word::Approve),
        stage.says("bob", Word::Approve),
    ];
    let lapsed = Outcome::Ended(Verdict::Lapsed);
    let end = stage.change.expires;
    assert_eq!(
        stage.outcome(&both, Time::from_millis(end.as_millis() - 1)),
        approved()
    );
    assert_eq!(stage.outcome(&both, end), lapsed);
    stage.policy.lapse_millis = 5 * DAY;
    assert_eq!(stage.outcome(&both, NOW.plus_millis(4 * DAY)), lapsed);
    assert_eq!(stage.outcome(&both, NOW), lapsed);
}

#[test]
fn a_change_by_codes_needs_that_of_every_owner() {
    let mut stage = Stage::new();
    stage.policy.change = Change {
        codes: true,
        approvals: None,
        wait_millis: 0,
    };
    stage.change.replaces = stage.policy.digest();
    let other = SigningKey::from_seed(&[9; 32]);
    stage.codes.push(other.verifying_key());
    let (one, other) = (stage.code(&stage.cast.code), stage.code(&other));
    assert_eq!(stage.outcome(&[], NOW), Outcome::Pending);
    assert_eq!(
        stage.outcome(&[one.clone(), one.clone()], NOW),
        Outcome::Pending
    );
    assert_eq!(
        stage.outcome(&[other.clone(), one.clone()], NOW),
        approved()
    );
    let stranger = stage.code(&stage.cast.stranger);
    assert_eq!(stage.outcome(&[one, stranger], NOW), Outcome::Pending);
    // Where nobody is enrolled, nobody has said so.
    stage.codes.clear();
    assert_eq!(stage.outcome(&[other], NOW), Outcome::Pending);
}

/// No policy that was read is such, and none that is made in code may be changed by anybody.
#[test]
fn a_policy_that_asks_for_nothing_is_not_changed() {
    let mut stage = Stage::new();
    let after = NOW.plus_millis(3 * DAY);
    stage.policy.change = Change {
        codes: false,
        approvals: Some("nobody".to_owned()),
        wait_millis: 0,
    };
    stage.change.replaces = stage.policy.digest();
    assert_eq!(
        stage.outcome(&[stage.says("ada", Word::Approve)], after),
        Outcome::Pending
    );
    stage.policy.change.approvals = None;
    stage.change.replaces = stage.policy.digest();
    assert_eq!(stage.outcome(&[], after), Outcome::Ended(Verdict::Denied));
}

fn approved() -> Outcome {
    Outcome::Approved("change".to_owned())
}

/// A change that is decided on: two of three officers, and three days.
pub(super) struct Stage {
    pub(super) cast: Cast,
    pub(super) policy: Policy,
    pub(super) change: PolicyChange,
    pub(super) author: VerifyingKey,
    pub(super) codes: Vec<VerifyingKey>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let cast = Cast::new();
        let officers = ["ada", "bob", "cid", "dan"].into_iter().map(officer);
        let mut policy = Policy {
            officers: officers.collect(),
            groups: vec![group("board", 2, &["ada", "bob", "cid"])],
            ..Policy::code_alone()
        };
        policy.change = Change {
            codes: false,
            approvals: Some("board".to_owned()),
            wait_millis: 3 * DAY,
        };
        Self {
            change: PolicyChange {
                policy: two_officers(),
                replaces: policy.digest(),
                ..cast.policy_change()
            },
            author: cast.device.verifying_key(),
            codes: vec![cast.code.verifying_key()],
            policy,
            cast,
        }
    }

    fn approval(&self, word: Word) -> Approval {
        Approval {
            authority: self.cast.authority,
            subject: self.change.digest(),
            policy: self.policy.digest(),
            word,
            grounds: Grounds::new("not now".to_owned()).unwrap(),
            created: NOW,
        }
    }

    fn signed(&self, word: Word, key: &SigningKey) -> SignedStatement {
        SignedStatement::sign(self.approval(word), key)
    }

    pub(super) fn says(&self, name: &str, word: Word) -> SignedStatement {
        self.signed(word, &officer_key(name))
    }

    fn code(&self, key: &SigningKey) -> SignedStatement {
        let evidence = Evidence {
            authority: self.cast.authority,
            request: self.change.digest(),
            kind: EvidenceKind::RecoveryCode,
        };
        SignedStatement::sign(evidence, key)
    }

    pub(super) fn case<'c>(&'c self, words: &'c [LoggedWord]) -> ChangeCase<'c> {
        ChangeCase {
            policy: &self.policy,
            change: &self.change,
            author: &self.author,
            recorded: NOW,
            codes: &self.codes,
            words,
        }
    }

    fn outcome(&self, statements: &[SignedStatement], now: Time) -> Outcome {
        match decide_change(&self.case(&logged(statements)), now) {
            Ruling::Approved(_) => approved(),
            Ruling::Ended(verdict, _) => Outcome::Ended(verdict),
            Ruling::Pending(_) => Outcome::Pending,
        }
    }

    fn reasons(&self, statements: &[SignedStatement], now: Time) -> Vec<String> {
        match decide_change(&self.case(&logged(statements)), now) {
            Ruling::Approved(_) => Vec::new(),
            Ruling::Ended(_, reasons) | Ruling::Pending(reasons) => {
                reasons.iter().map(Reason::to_string).collect()
            }
        }
    }
}

//! An authority's policy, and the one function that decides a recovery request by it (spec/recovery.md#policy).
//! Not where requests are kept: what is decided on is handed in.

use std::fmt;

use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct, encode};
use crate::id::{Digest, OwnerId, StatementId, Time};
use crate::keys::VerifyingKey;
use crate::label::Label;
use crate::statement::{
    Decision, EvidenceKind, Request, Scope, SignedStatement, Statement, Verdict,
};
use crate::wrap::PublicKey;

/// What it takes to get an owner's keys back.
///
/// A request is approved when any of the rules is met, and denied where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The rules, in the order they are tried.
    pub rules: Vec<Rule>,
    /// How long after it was recorded a request lapses, in milliseconds, if it does not say earlier.
    pub lapse_millis: u64,
}

/// One way to get a request approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What people call it.
    pub name: String,
    /// The evidence it needs, all of it. A rule that needs none is no rule: it would hand keys to whoever waits.
    pub evidence: Vec<EvidenceKind>,
    /// How long it waits after the request was recorded, in milliseconds.
    pub wait_millis: u64,
    /// Whether another of the owner's devices can stop it.
    pub veto: bool,
}

impl Policy {
    const RULES_MAX: u64 = 64;
    const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

    /// Returns the policy of an embedded authority: the recovery code alone, at once.
    ///
    /// There is no veto in it: with nobody to settle a dispute, a thief with an old device could veto for ever.
    #[must_use]
    pub fn code_alone() -> Self {
        Self {
            rules: vec![Rule {
                name: "recovery code".to_owned(),
                evidence: vec![EvidenceKind::RecoveryCode],
                wait_millis: 0,
                veto: false,
            }],
            lapse_millis: 30 * Self::DAY_MILLIS,
        }
    }

    /// Returns SHA-256 of `strongroom/policy/v1 ‖ 00 ‖ E(policy)`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&Label::POLICY.prefix(&encode(self))])
    }
}

impl Canonical for Policy {
    fn write(&self, writer: &mut Writer) {
        writer.array(2).items(&self.rules).uint(self.lapse_millis);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(2, "policy")?;
        Ok(Self {
            rules: reader.items(Self::RULES_MAX, "rules")?,
            lapse_millis: reader.item()?,
        })
    }
}

impl Canonical for Rule {
    fn write(&self, writer: &mut Writer) {
        writer.array(4).text(&self.name).items(&self.evidence);
        writer.uint(self.wait_millis).uint(self.veto.into());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(4, "rule")?;
        let name = reader.short_text(256, "rule name")?;
        let evidence: Vec<EvidenceKind> = reader.items(16, "rule evidence")?;
        if evidence.is_empty() {
            return Err(reader.malformed("rule evidence"));
        }
        Ok(Self {
            name,
            evidence,
            wait_millis: reader.item()?,
            veto: match reader.uint("veto")? {
                0 => false,
                1 => true,
                _ => return Err(reader.malformed("veto")),
            },
        })
    }
}

/// All that a request is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'c> {
    /// The policy in force when the request was recorded.
    pub policy: &'c Policy,
    /// The request.
    pub request: &'c Request,
    /// When the authority recorded it.
    pub recorded: Time,
    /// Whose keys it asks for.
    pub owner: &'c OwnerKeys,
    /// The evidence and the vetoes recorded for it, in any order; those that do not count are passed over.
    pub statements: &'c [SignedStatement],
}

/// The public keys that can speak for an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerKeys {
    /// The recovery code's.
    pub code_key: VerifyingKey,
    /// The devices', the first enrolled with the owner, the others by recovery.
    pub devices: Vec<VerifyingKey>,
}

canonical_struct!(OwnerKeys { code_key, devices });

impl Canonical for Vec<VerifyingKey> {
    fn write(&self, writer: &mut Writer) {
        writer.items(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.items(1 << 16, "keys")
    }
}

/// Decides a request, as of `now`.
///
/// A pure function: the same case and time get the same ruling, whoever asks.
#[must_use]
pub fn decide(case: &Case<'_>, now: Time) -> Ruling {
    let deadline = case
        .recorded
        .plus_millis(case.policy.lapse_millis)
        .min(case.request.expires);
    if now >= deadline {
        return Ruling::Ended(Verdict::Lapsed, vec![Reason::Lapsed { at: deadline }]);
    }
    let rules = case.policy.rules.iter();
    let mut rules = rules.filter(|rule| !rule.evidence.is_empty()).peekable();
    if rules.peek().is_none() {
        return Ruling::Ended(Verdict::Denied, vec![Reason::NoRule]);
    }
    let mut missing = Vec::new();
    let mut vetoed = Vec::new();
    for rule in rules {
        match case.examine(rule, now) {
            Examined::Met(evidence) => {
                return Ruling::Approved(Approved::new(case, rule, evidence, deadline));
            }
            Examined::Missing(reasons) => missing.extend(reasons),
            Examined::Vetoed(by) => vetoed.push(Reason::Vetoed {
                rule: rule.name.clone(),
                by,
            }),
        }
    }
    if missing.is_empty() {
        Ruling::Ended(Verdict::Vetoed, vetoed)
    } else {
        missing.extend(vetoed);
        Ruling::Pending(missing)
    }
}

/// What the policy says of a request now.
#[derive(Debug)]
pub enum Ruling {
    /// A rule is met.
    Approved(Approved),
    /// It will not be approved any more, and why.
    Ended(Verdict, Vec<Reason>),
    /// What it still needs.
    Pending(Vec<Reason>),
}

enum Examined {
    Met(Vec<StatementId>),
    Missing(Vec<Reason>),
    Vetoed(VerifyingKey),
}

impl Case<'_> {
    fn examine(&self, rule: &Rule, now: Time) -> Examined {
        if let Some(by) = self.veto().filter(|_| rule.veto) {
            return Examined::Vetoed(by);
        }
        let mut met = Vec::new();
        let mut missing = Vec::new();
        for kind in &rule.evidence {
            match self.evidence(*kind) {
                Some(id) => met.push(id),
                None => missing.push(Reason::NeedsEvidence {
                    rule: rule.name.clone(),
                    kind: *kind,
                }),
            }
        }
        let until = self.recorded.plus_millis(rule.wait_millis);
        if now < until {
            missing.push(Reason::Waits {
                rule: rule.name.clone(),
                until,
            });
        }
        if missing.is_empty() {
            met.sort_unstable();
            met.dedup();
            Examined::Met(met)
        } else {
            Examined::Missing(missing)
        }
    }

    /// Finds evidence of this kind, by whoever has to give it, for this very request: where there is more than one,
    /// always the same, whatever their order.
    fn evidence(&self, kind: EvidenceKind) -> Option<StatementId> {
        let by = match kind {
            EvidenceKind::RecoveryCode => &self.owner.code_key,
        };
        let request = self.request.digest();
        self.statements
            .iter()
            .filter(|signed| signed.author() == by)
            .filter(|signed| {
                matches!(signed.statement(), Statement::Evidence(evidence)
                    if evidence.kind == kind
                        && evidence.request == request
                        && evidence.authority == self.request.authority)
            })
            .map(SignedStatement::id)
            .min()
    }

    /// Finds the device that vetoed: any of the owner's but the one that asks; of several always the same.
    fn veto(&self) -> Option<VerifyingKey> {
        let request = self.request.digest();
        self.statements
            .iter()
            .filter(|signed| {
                matches!(signed.statement(), Statement::Veto(veto)
                    if veto.request == request && veto.authority == self.request.authority)
            })
            .map(|signed| *signed.author())
            .filter(|author| {
                *author != self.request.device_key && self.owner.devices.contains(author)
            })
            .min()
    }
}

/// That a request was approved: made by [`decide`] alone, and needed wherever a key leaves.
#[derive(Debug)]
pub struct Approved {
    request: Box<Request>,
    rule: String,
    policy: Digest,
    evidence: Vec<StatementId>,
    not_after: Time,
}

impl Approved {
    fn new(case: &Case<'_>, rule: &Rule, evidence: Vec<StatementId>, not_after: Time) -> Self {
        Self {
            request: Box::new(case.request.clone()),
            rule: rule.name.clone(),
            policy: case.policy.digest(),
            evidence,
            not_after,
        }
    }

    /// Returns whose keys may leave.
    #[must_use]
    pub fn owner(&self) -> OwnerId {
        self.request.owner
    }

    /// Returns which of them.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.request.scope
    }

    /// Returns the one key they may leave to: the one that everybody who approved saw.
    #[must_use]
    pub fn release_key(&self) -> &PublicKey {
        &self.request.release_key
    }

    /// Returns the device that is the owner's from now on.
    #[must_use]
    pub fn device_key(&self) -> VerifyingKey {
        self.request.device_key
    }

    /// Returns the rule that was met.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Returns the statement to log before anything is released.
    #[must_use]
    pub fn decision(&self) -> Decision {
        Decision {
            authority: self.request.authority,
            request: self.request.digest(),
            policy: self.policy,
            evidence: self.evidence.clone(),
            approvals: Vec::new(),
            verdict: Verdict::Approved,
            not_after: self.not_after,
        }
    }
}

/// Why a request is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its time is over.
    Lapsed {
        /// Since when.
        at: Time,
    },
    /// A rule wants evidence that is not there.
    NeedsEvidence {
        /// The rule.
        rule: String,
        /// What it wants.
        kind: EvidenceKind,
    },
    /// The policy has no rule that could be met.
    NoRule,
    /// An owner's device stopped a rule.
    Vetoed {
        /// The rule.
        rule: String,
        /// The device.
        by: VerifyingKey,
    },
    /// A rule lets time pass.
    Waits {
        /// The rule.
        rule: String,
        /// Until when.
        until: Time,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lapsed { at } => write!(f, "the request lapsed at {at}"),
            Self::NeedsEvidence {
                rule,
                kind: EvidenceKind::RecoveryCode,
            } => write!(f, "rule `{rule}` needs the owner's recovery code"),
            Self::NoRule => f.write_str("the policy has no rule for such a request"),
            Self::Vetoed { rule, by } => {
                write!(f, "the owner's device {by} stopped rule `{rule}`")
            }
            Self::Waits { rule, until } => write!(f, "rule `{rule}` waits until {until}"),
        }
    }
}

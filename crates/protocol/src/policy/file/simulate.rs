//! A request that nobody made, decided as if somebody had: the policy's officers sign with keys of our own, and
//! [`decide`](crate::policy::decide) decides.

use std::collections::BTreeMap;

use crate::id::{AuthorityId, Digest, OwnerId, RequestId, Serial, Time};
use crate::keys::SigningKey;
use crate::policy::{
    Asker, Case, LoggedWord, OwnerKeys, Policy, Reason, Ruling, Scene, Standing, decide, standings,
};
use crate::statement::{
    Approval, Evidence, EvidenceKind, Grounds, Request, Scope, SignedStatement, Statement, Verdict,
    Veto, Word,
};
use crate::wrap::SecretKey;

/// A request, and what is said to it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Whose keys are asked for.
    pub whose: Whose,
    /// The officer who asks for them; the owner does if nobody.
    pub asker: Option<String>,
    /// How many keys.
    pub keys: u64,
    /// The labels that every one of them has.
    pub labels: BTreeMap<String, String>,
    /// Whether the owner has departed.
    pub departed: bool,
    /// Whether another request for this owner, with the evidence, is open.
    pub rival: bool,
    /// When the request is recorded.
    pub recorded: Time,
    /// What is said to it, and when, one after another; what is said after [`Self::now`] is not said yet.
    pub said: Vec<Said>,
    /// As of when to decide.
    pub now: Time,
}

/// Whose keys are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of an owner whom the policy does not name.
    Anybodys,
    /// Those of this officer as an owner.
    Officers(String),
    /// Those of this owner.
    Owners(OwnerId),
}

/// Something said to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Time,
    /// What, and by whom.
    pub what: Trial,
}

/// What can be said to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The owner's recovery code signs.
    Code,
    /// A device of the owner's vetoes.
    Veto,
    /// An officer says this.
    Word(String, Word),
}

/// What became of a request that nobody made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// How it stands with each rule, in their order.
    pub rules: Vec<Trying>,
    /// What is decided.
    pub outcome: Outcome,
}

/// How a request that nobody made stands with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trying {
    /// The rule's name.
    pub rule: String,
    /// Whether it is for whoever says to be the owner.
    pub is_for_anyone: bool,
    /// How the request stands with it.
    pub standing: Standing,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Approved, by this rule.
    Approved(String),
    /// It will not be approved any more, and why.
    Ended(Verdict, Vec<Reason>),
    /// What it still needs.
    Pending(Vec<Reason>),
}

/// Decides a request that nobody made.
///
/// # Errors
///
/// Says so when somebody is named who is no officer.
pub fn simulate(policy: &Policy, scenario: &Scenario) -> Result<Simulation, SimulateError> {
    let stage = Stage::new(policy, scenario)?;
    let said = scenario.said.iter().filter(|said| said.at <= scenario.now);
    let words = said.zip(0..).map(|(said, index)| {
        let statement = stage.statement(said)?;
        Ok(LoggedWord { index, statement })
    });
    let words = words.collect::<Result<Vec<_>, _>>()?;
    let case = Case {
        policy: &stage.policy,
        request: &stage.request,
        recorded: scenario.recorded,
        owner: &stage.owner_keys(),
        scene: &stage.scene,
        words: &words,
    };
    let rules = policy.rules.iter().zip(standings(&case, scenario.now));
    let rules = rules.map(|(rule, standing)| Trying {
        rule: rule.name.clone(),
        is_for_anyone: rule.asker == Asker::Anyone,
        standing,
    });
    Ok(Simulation {
        rules: rules.collect(),
        outcome: match decide(&case, scenario.now) {
            Ruling::Approved(approved) => Outcome::Approved(approved.rule().to_owned()),
            Ruling::Ended(verdict, reasons) => Outcome::Ended(verdict, reasons),
            Ruling::Pending(reasons) => Outcome::Pending(reasons),
        },
    })
}

impl Simulation {
    /// Says all of it, a line for each rule and thing that it needs, the decision last.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for tried in &self.rules {
            let name = &tried.rule;
            let applies = !matches!(tried.standing, Standing::Inapplicable(_));
            if tried.is_for_anyone && applies {
                lines.push(format!(
                    "rule `{name}` is for whoever says to be the owner: nothing shows it"
                ));
            }
            match &tried.standing {
                Standing::Inapplicable(why) => {
                    lines.push(format!("rule `{name}` is not for this request: {why}"));
                }
                Standing::Met => lines.push(format!("rule `{name}` is met")),
                Standing::Missing(reasons) => lines.extend(reasons.iter().map(Reason::to_string)),
                Standing::Stopped(reason) => lines.push(reason.to_string()),
            }
        }
        lines.push(match &self.outcome {
            Outcome::Approved(rule) => format!("approved, by rule `{rule}`"),
            Outcome::Ended(verdict, _) => verdict.as_str().to_owned(),
            Outcome::Pending(_) => "not decided yet".to_owned(),
        });
        lines
    }
}

/// Somebody is named who is no officer of the policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no officer `{0}` in the policy")]
pub struct SimulateError(String);

/// The policy with keys of our own in the place of its officers', and a request to decide by it.
struct Stage {
    policy: Policy,
    officers: Vec<SigningKey>,
    request: Request,
    scene: Scene,
    code: SigningKey,
    device: SigningKey,
}

impl Stage {
    fn new(policy: &Policy, scenario: &Scenario) -> Result<Self, SimulateError> {
        let mut policy = policy.clone();
        let mut officers = Vec::new();
        for (officer, number) in policy.officers.iter_mut().zip(0_u64..) {
            let key = key(3 + number);
            officer.keys = vec![key.verifying_key()];
            officers.push(key);
        }
        // Who asks or is asked about is an owner. Where the policy does not say which, it does not know the officer by it.
        let owner_of = |name: &String, unknown: u8| {
            let officer = policy.officers.iter().find(|officer| officer.name == *name);
            let officer = officer.ok_or_else(|| SimulateError(name.clone()))?;
            Ok(officer.owner.unwrap_or(somebody(unknown)))
        };
        let owner = match &scenario.whose {
            Whose::Anybodys => somebody(1),
            Whose::Officers(name) => owner_of(name, 2)?,
            Whose::Owners(owner) => *owner,
        };
        let asker = scenario.asker.as_ref();
        let asker = asker.map(|name| owner_of(name, 3)).transpose()?;
        let scene = Scene {
            asker: asker.filter(|asker| *asker != owner),
            keys: scenario.keys,
            labels: scenario.labels.clone(),
            departed: scenario.departed,
            rival: scenario.rival,
            asker_keys: Vec::new(),
            sponsors: Vec::new(),
            in_force: None,
        };
        let request = Request {
            authority: AuthorityId::from_bytes([0; 32]),
            request: RequestId::from_bytes([0; 16]),
            owner,
            scope: Scope::Serials(vec![Serial::from_bytes([0; 16])]),
            release_key: SecretKey::from_seed(&[0; 32]).public_key(),
            device_key: key(0).verifying_key(),
            grounds: Grounds::default(),
            policy: policy.digest(),
            created: scenario.recorded,
            expires: scenario.recorded.plus_millis(policy.lapse_millis),
        };
        Ok(Self {
            policy,
            officers,
            request,
            scene,
            code: key(1),
            device: key(2),
        })
    }

    fn owner_keys(&self) -> OwnerKeys {
        OwnerKeys {
            code_key: Some(self.code.verifying_key()),
            devices: vec![self.device.verifying_key()],
            revoked: Vec::new(),
        }
    }

    fn statement(&self, said: &Said) -> Result<SignedStatement, SimulateError> {
        let (authority, request) = (self.request.authority, self.request.digest());
        let (statement, key): (Statement, _) = match &said.what {
            Trial::Code => {
                let kind = EvidenceKind::RecoveryCode;
                let evidence = Evidence {
                    authority,
                    request,
                    kind,
                };
                (evidence.into(), &self.code)
            }
            Trial::Veto => {
                let veto = Veto {
                    authority,
                    request,
                    grounds: Grounds::default(),
                    created: said.at,
                };
                (veto.into(), &self.device)
            }
            Trial::Word(name, word) => {
                let approval = Approval {
                    authority,
                    subject: request,
                    policy: self.policy.digest(),
                    word: *word,
                    grounds: Grounds::default(),
                    created: said.at,
                };
                (approval.into(), self.officer(name)?)
            }
        };
        Ok(SignedStatement::sign(statement, key))
    }

    fn officer(&self, name: &str) -> Result<&SigningKey, SimulateError> {
        let mut officers = self.policy.officers.iter().zip(&self.officers);
        let officer = officers.find(|(officer, _)| officer.name == name);
        officer
            .map(|(_, key)| key)
            .ok_or_else(|| SimulateError(name.to_owned()))
    }
}

/// An owner whom no policy names.
fn somebody(number: u8) -> OwnerId {
    OwnerId::from_bytes(*Digest::of(&[b"somebody", &[number]]).as_bytes())
}

/// A key that anybody can have: nothing that it signs leaves this file.
fn key(number: u64) -> SigningKey {
    let digest = Digest::of(&[b"simulated", &number.to_be_bytes()]);
    SigningKey::from_seed(digest.as_bytes())
}

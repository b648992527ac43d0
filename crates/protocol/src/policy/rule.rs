//! Rules: which requests, and what these need.

use std::collections::{BTreeMap, BTreeSet};

use super::roll::Roll;
use super::{Policy, PolicyError};
use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct};
use crate::id::OwnerId;
use crate::statement::EvidenceKind;

/// One way to get a request approved: which requests it is for, and what these need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What people call it.
    pub name: String,
    /// Whose keys it is about.
    pub owners: Owners,
    /// Labels that every deposit asked for has.
    pub labels: BTreeMap<String, String>,
    /// The most keys that a request asks for.
    pub keys_max: Option<u64>,
    /// Who it is for.
    pub asker: Asker,
    /// The evidence it needs, all of it.
    pub evidence: Vec<EvidenceKind>,
    /// The group whose approval it needs.
    pub approvals: Option<String>,
    /// How long it waits after the request was recorded, in milliseconds.
    pub wait_millis: u64,
    /// Whether another of the owner's devices can stop it, until they have departed.
    pub veto: bool,
    /// The group that can overrule the owner's veto.
    pub overrule: Option<String>,
}

/// Who a rule is for: who asks by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Whoever says to be the owner: nothing shows it, and officers judge. Whoever asks may be one of them.
    Anyone,
    /// Anybody of this group, for somebody else's keys.
    Group(String),
    /// The owner, for their own keys: evidence shows it.
    Owner,
}

/// Whose keys a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Anybody's.
    Any,
    /// Those of owners who have departed.
    Departed,
    /// Those of these owners.
    These(Vec<OwnerId>),
}

/// What it takes to change the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The recovery code of every owner who had a deposit when the change was asked for.
    pub codes: bool,
    /// The group whose approval it needs.
    pub approvals: Option<String>,
    /// How long it waits after it was recorded, in milliseconds.
    pub wait_millis: u64,
}

impl Rule {
    const LABELS_MAX: u64 = 16;
    const OWNERS_MAX: u64 = 4096;

    /// Returns a rule by which an owner's recovery code is enough, at once.
    #[must_use]
    pub fn code_alone(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            owners: Owners::Any,
            labels: BTreeMap::new(),
            keys_max: None,
            asker: Asker::Owner,
            evidence: vec![EvidenceKind::RecoveryCode],
            approvals: None,
            wait_millis: 0,
            veto: false,
            overrule: None,
        }
    }
}

canonical_struct!(Rule {
    name,
    owners,
    labels,
    keys_max,
    asker,
    evidence,
    approvals,
    wait_millis,
    veto,
    overrule,
});

canonical_struct!(Change {
    codes,
    approvals,
    wait_millis
});

impl Asker {
    /// The word for whoever says to be the owner, which names no group.
    pub const ANYONE: &str = "anyone";

    /// Returns the group that may ask.
    #[must_use]
    pub fn group(&self) -> Option<&String> {
        match self {
            Self::Group(group) => Some(group),
            Self::Anyone | Self::Owner => None,
        }
    }
}

impl Canonical for Asker {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Owner => writer.array(1).uint(0),
            Self::Anyone => writer.array(1).uint(1),
            Self::Group(group) => writer.array(2).uint(2).item(group),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let fields = reader.count("asker")?;
        match (fields, reader.uint("asker")?) {
            (1, 0) => Ok(Self::Owner),
            (1, 1) => Ok(Self::Anyone),
            (2, 2) => Ok(Self::Group(reader.item()?)),
            _ => Err(reader.malformed("asker")),
        }
    }
}

impl Canonical for Owners {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Any => writer.array(1).uint(0),
            Self::Departed => writer.array(1).uint(1),
            Self::These(owners) => writer.array(2).uint(2).items(owners),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let fields = reader.count("owners")?;
        match (fields, reader.uint("owners")?) {
            (1, 0) => Ok(Self::Any),
            (1, 1) => Ok(Self::Departed),
            (2, 2) => Ok(Self::These(reader.items(Rule::OWNERS_MAX, "owners")?)),
            _ => Err(reader.malformed("owners")),
        }
    }
}

impl Canonical for BTreeMap<String, String> {
    fn write(&self, writer: &mut Writer) {
        writer.array(self.len());
        for (name, value) in self {
            writer.array(2).text(name).text(value);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let labels: Vec<Label> = reader.items(Rule::LABELS_MAX, "labels")?;
        Ok(labels
            .into_iter()
            .map(|Label(name, value)| (name, value))
            .collect())
    }
}

struct Label(String, String);

impl Canonical for Label {
    fn write(&self, writer: &mut Writer) {
        writer.array(2).text(&self.0).text(&self.1);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(2, "label")?;
        Ok(Self(reader.item()?, reader.item()?))
    }
}

impl Canonical for Vec<EvidenceKind> {
    fn write(&self, writer: &mut Writer) {
        writer.items(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.items(16, "evidence")
    }
}

/// Checks that rules name groups that there are, ask for something, and say whom they are for.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    let groups: BTreeSet<&str> = policy.groups.iter().map(|group| &*group.name).collect();
    let group = |name: Option<&String>, by: &str| match name {
        Some(name) if !groups.contains(name.as_str()) => Err(PolicyError::NoSuchName {
            name: name.clone(),
            by: by.to_owned(),
        }),
        _ => Ok(()),
    };
    let mut names = BTreeSet::new();
    for rule in &policy.rules {
        if !names.insert(&rule.name) {
            return Err(PolicyError::NameTwice(rule.name.clone()));
        }
        group(rule.asker.group(), &rule.name)?;
        group(rule.approvals.as_ref(), &rule.name)?;
        group(rule.overrule.as_ref(), &rule.name)?;
        if rule.evidence.is_empty() && rule.approvals.is_none() {
            return Err(PolicyError::NothingAsked(rule.name.clone()));
        }
        match &rule.asker {
            Asker::Group(_) if rule.approvals.is_none() => {
                return Err(PolicyError::OthersUnapproved(rule.name.clone()));
            }
            Asker::Owner if rule.evidence.is_empty() => {
                return Err(PolicyError::NothingShown(rule.name.clone()));
            }
            Asker::Anyone if !rule.evidence.is_empty() => {
                return Err(PolicyError::NotForAnyone(rule.name.clone()));
            }
            // Departed, the owner has no veto.
            Asker::Anyone if rule.owners == Owners::Departed => {
                return Err(PolicyError::AnyoneDeparted(rule.name.clone()));
            }
            Asker::Anyone if rule.wait_millis == 0 || !rule.veto => {
                return Err(PolicyError::AnyoneUnguarded(rule.name.clone()));
            }
            Asker::Anyone | Asker::Group(_) | Asker::Owner => {}
        }
    }
    group(policy.departed.as_ref(), "departed")?;
    group(policy.change.approvals.as_ref(), "change")?;
    if !policy.change.codes && policy.change.approvals.is_none() {
        return Err(PolicyError::NothingAskedToChange);
    }
    not_by_one(policy)
}

/// Whoever asks by a rule for anyone may approve by it, too: two have to agree at least, whoever they are.
fn not_by_one(policy: &Policy) -> Result<(), PolicyError> {
    let for_anyone = |rule: &&Rule| rule.asker == Asker::Anyone;
    let mut rules = policy.rules.iter().filter(for_anyone).peekable();
    if rules.peek().is_none() {
        return Ok(());
    }
    let roll = Roll::of(policy);
    let enough = roll.enough_alone();
    let is_by_one = |rule: &&Rule| {
        let group = rule.approvals.as_ref().and_then(|name| roll.group(name));
        let alone = group.and_then(|group| enough.get(group));
        alone.is_none_or(|people| !people.is_empty())
    };
    match rules.find(is_by_one) {
        Some(rule) => Err(PolicyError::AnyoneByOne(rule.name.clone())),
        None => Ok(()),
    }
}

//! Rules: which requests, and what these need.

use std::collections::BTreeMap;

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
    /// The group of which anybody may ask for somebody else's keys. Without one, owners ask for their own.
    pub asker: Option<String>,
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
    /// The recovery code of every owner that was enrolled when the change was asked for.
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
            asker: None,
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

/// Checks that rules name groups that there are, and ask for something.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    let group = |name: &Option<String>, by: &str| match name {
        Some(name) if policy.group(name).is_none() => Err(PolicyError::NoSuchName {
            name: name.clone(),
            by: by.to_owned(),
        }),
        _ => Ok(()),
    };
    let mut names = std::collections::BTreeSet::new();
    for rule in &policy.rules {
        if !names.insert(&rule.name) {
            return Err(PolicyError::NameTwice(rule.name.clone()));
        }
        group(&rule.asker, &rule.name)?;
        group(&rule.approvals, &rule.name)?;
        group(&rule.overrule, &rule.name)?;
        if rule.evidence.is_empty() && rule.approvals.is_none() {
            return Err(PolicyError::NothingAsked(rule.name.clone()));
        }
        if rule.asker.is_some() && rule.approvals.is_none() {
            return Err(PolicyError::OthersUnapproved(rule.name.clone()));
        }
    }
    group(&policy.departed, "departed")?;
    group(&policy.change.approvals, "change")?;
    if !policy.change.codes && policy.change.approvals.is_none() {
        return Err(PolicyError::NothingAskedToChange);
    }
    Ok(())
}

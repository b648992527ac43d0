//! The policy's TOML: what is in the file, and nothing else, becomes a policy and back.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;

use super::key::{OfficerKeyError, officer_key_text, parse_officer_key};
use crate::encoding::{decode, encode};
use crate::id::{OwnerId, ParseIdError};
use crate::keys::VerifyingKey;
use crate::policy::{Asker, Change, Group, Officer, Owners, Policy, PolicyError, Rule};
use crate::statement::EvidenceKind;
use crate::text::is_name;

/// Reads a policy.
///
/// # Errors
///
/// Says on which line what is wrong, and what may stand there.
pub fn parse(text: &str) -> Result<Policy, PolicyFileError> {
    let file: PolicyText = toml::from_str(text).map_err(|error| {
        let place = error.span().unwrap_or_default();
        let what = match error.message() {
            // Which, the message leaves to the picture that comes with it.
            "duplicate key" => format!(
                "duplicate key `{}`",
                text.get(place.clone()).unwrap_or_default()
            ),
            message => message.to_owned(),
        };
        PolicyFileError::Text {
            line: line(text, place.start),
            what,
        }
    })?;
    let places = file.places();
    let policy = Policy::from(file);
    policy.validate().map_err(|error| {
        let mut named = places.iter().filter(|(name, _)| *name == at_fault(&error));
        // What is given twice is wrong the second time.
        let place = if matches!(error, PolicyError::NameTwice(_)) {
            named.next_back()
        } else {
            named.next()
        };
        PolicyFileError::Policy {
            line: line(text, place.map_or(0, |(_, place)| *place)),
            error,
        }
    })?;
    // What has more officers, groups, rules, labels or owners than a policy holds is written and not read.
    if decode::<Policy>(&encode(&policy)).is_err() {
        return Err(PolicyFileError::TooLarge);
    }
    Ok(policy)
}

/// Writes a policy, so that it reads back as the same.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "the file's types are all TOML's")]
pub fn to_text(policy: &Policy) -> String {
    toml::to_string(&PolicyText::from(policy)).expect("tables, texts and numbers are TOML")
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// It is not TOML, or something in it is not what a policy has there.
    #[error("line {line}: {what}")]
    Text {
        /// The line, from 1 on.
        line: usize,
        /// What is wrong, and what may stand there.
        what: String,
    },
    /// It does not make sense.
    #[error("line {line}: {error}")]
    Policy {
        /// The line of what is at fault, from 1 on.
        line: usize,
        /// What is wrong.
        error: PolicyError,
    },
    /// There is more in it than a policy holds.
    #[error(
        "too large: at most 1,024 officers, 256 groups, 64 rules, 4,096 owners and 16 labels in a rule"
    )]
    TooLarge,
}

fn line(text: &str, place: usize) -> usize {
    let before = text.bytes().take(place);
    1 + before.filter(|byte| *byte == b'\n').count()
}

/// Returns the name of what is at fault, as [`PolicyText::places`] lists it.
fn at_fault(error: &PolicyError) -> &str {
    match error {
        PolicyError::AnyoneByOne(name)
        | PolicyError::AnyoneDeparted(name)
        | PolicyError::AnyoneUnguarded(name)
        | PolicyError::Circle(name)
        | PolicyError::KeyTwice(name)
        | PolicyError::NameTwice(name)
        | PolicyError::Need(name)
        | PolicyError::NoKey(name)
        | PolicyError::NotForAnyone(name)
        | PolicyError::NotPlain(name)
        | PolicyError::NothingAsked(name)
        | PolicyError::NothingShown(name)
        | PolicyError::OthersUnapproved(name)
        | PolicyError::OwnerTwice(name)
        | PolicyError::Reserved(name)
        | PolicyError::NoSuchName { by: name, .. } => name,
        PolicyError::NothingAskedToChange => "change",
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PolicyText {
    lapse: Wait,
    #[serde(skip_serializing_if = "Option::is_none")]
    departed: Option<Spanned<Name>>,
    #[serde(default, rename = "officer", skip_serializing_if = "Vec::is_empty")]
    officers: Vec<OfficerText>,
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    groups: Vec<GroupText>,
    #[serde(default, rename = "rule", skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleText>,
    change: Spanned<ChangeText>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct OfficerText {
    name: Spanned<Name>,
    keys: Vec<KeyText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<OwnerText>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct GroupText {
    name: Spanned<Name>,
    need: u64,
    of: Vec<Name>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleText {
    name: Spanned<Name>,
    #[serde(default, skip_serializing_if = "OwnersText::is_any")]
    owners: OwnersText,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asker: Option<Name>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<EvidenceText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approvals: Option<Name>,
    #[serde(default)]
    wait: Wait,
    #[serde(default)]
    veto: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrule: Option<Name>,
    // The last, for it is a table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<Name, Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ChangeText {
    #[serde(default)]
    codes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    approvals: Option<Name>,
    #[serde(default)]
    wait: Wait,
}

/// Makes a type that is written as a text, which its `TryFrom` reads.
macro_rules! written {
    ($($(#[$doc:meta])* $name:ident($what:ty)),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(try_from = "String", into = "String")]
        struct $name($what);
    )+};
}

written!(
    /// The name of an officer, a group, a rule or a label.
    Name(String),
    /// The value of a label.
    Value(String),
    KeyText(VerifyingKey),
    OwnerText(OwnerId),
    EvidenceText(Kind),
);

/// A time in milliseconds: `72 hours`.
#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
struct Wait(u64);

/// The one kind of evidence; it has an order for the macro's sake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind;

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a name has at least one character".to_owned());
        }
        Value::try_from(text).map(|Value(text)| Self(text))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl TryFrom<String> for Value {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let most = Policy::NAME_BYTES_MAX;
        if text.len() > most {
            return Err(format!("longer than {most} bytes"));
        }
        if !text.is_empty() && !is_name(&text) {
            return Err(PolicyError::NotPlain(text).to_string());
        }
        Ok(Self(text))
    }
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        value.0
    }
}

impl TryFrom<String> for KeyText {
    type Error = OfficerKeyError;

    fn try_from(text: String) -> Result<Self, OfficerKeyError> {
        parse_officer_key(&text).map(Self)
    }
}

impl From<KeyText> for String {
    fn from(key: KeyText) -> Self {
        officer_key_text(&key.0)
    }
}

impl TryFrom<String> for OwnerText {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, ParseIdError> {
        text.parse().map(Self)
    }
}

impl From<OwnerText> for String {
    fn from(owner: OwnerText) -> Self {
        owner.0.to_string()
    }
}

const RECOVERY_CODE: &str = "recovery code";

impl TryFrom<String> for EvidenceText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == RECOVERY_CODE {
            return Ok(Self(Kind));
        }
        Err(format!(
            "`{text}` is no evidence: there is `{RECOVERY_CODE}`"
        ))
    }
}

impl From<EvidenceText> for String {
    fn from(_: EvidenceText) -> Self {
        RECOVERY_CODE.to_owned()
    }
}

impl Wait {
    /// The longest first, each with its length in milliseconds. The last two are for policies that are made in code.
    const UNITS: [(&'static str, u64); 5] = [
        ("day", Policy::DAY_MILLIS),
        ("hour", 60 * 60 * 1000),
        ("minute", 60 * 1000),
        ("second", 1000),
        ("millisecond", 1),
    ];

    fn read(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(' ')?;
        let millis = |(name, millis): (&str, u64)| {
            (unit.strip_suffix('s').unwrap_or(unit) == name).then_some(millis)
        };
        let unit = Self::UNITS.into_iter().find_map(millis)?;
        // `u64` reads `+1` too.
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| digits)?;
        number.checked_mul(unit).map(Self)
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing is said in hours, and 72 hours are said as three days.
        let divides = |(_, millis): &(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*millis);
        let (unit, millis) = Self::UNITS
            .into_iter()
            .find(divides)
            .unwrap_or(("hour", 60 * 60 * 1000));
        let number = self.0 / millis;
        let plural = if number == 1 { "" } else { "s" };
        write!(f, "{number} {unit}{plural}")
    }
}

/// Says a time as the file does.
pub(super) fn wait_text(millis: u64) -> String {
    Wait(millis).to_string()
}

impl TryFrom<String> for Wait {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text).ok_or_else(|| {
            format!("`{text}` is no time: write `30 minutes`, `72 hours` or `3 days`")
        })
    }
}

impl From<Wait> for String {
    fn from(wait: Wait) -> Self {
        wait.to_string()
    }
}

/// `"any"`, `"departed"`, or a list of ids.
#[derive(Default)]
enum OwnersText {
    #[default]
    Any,
    Departed,
    These(Vec<OwnerText>),
}

impl OwnersText {
    fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }
}

impl Serialize for OwnersText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => "any".serialize(serializer),
            Self::Departed => "departed".serialize(serializer),
            Self::These(owners) => owners.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for OwnersText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Owners;

        impl<'de> Visitor<'de> for Owners {
            type Value = OwnersText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`any`, `departed`, or a list of owners' ids")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OwnersText, E> {
                match text {
                    "any" => Ok(OwnersText::Any),
                    "departed" => Ok(OwnersText::Departed),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OwnersText, A::Error> {
                let mut owners = Vec::new();
                while let Some(owner) = seq.next_element()? {
                    owners.push(owner);
                }
                Ok(OwnersText::These(owners))
            }
        }

        deserializer.deserialize_any(Owners)
    }
}

impl PolicyText {
    /// Returns each name with the place in the file of what has it.
    fn places(&self) -> Vec<(String, usize)> {
        let officers = self.officers.iter().map(|officer| &officer.name);
        let groups = self.groups.iter().map(|group| &group.name);
        let rules = self.rules.iter().map(|rule| &rule.name);
        let names = officers.chain(groups).chain(rules);
        let mut places: Vec<_> = names
            .map(|name| (name.as_ref().0.clone(), name.span().start))
            .collect();
        if let Some(departed) = &self.departed {
            places.push(("departed".to_owned(), departed.span().start));
        }
        places.push(("change".to_owned(), self.change.span().start));
        places
    }
}

impl From<PolicyText> for Policy {
    fn from(file: PolicyText) -> Self {
        let name = |name: Name| name.0;
        let named = |name: Spanned<Name>| name.into_inner().0;
        let officers = file.officers.into_iter().map(|officer| Officer {
            name: named(officer.name),
            keys: officer.keys.into_iter().map(|key| key.0).collect(),
            owner: officer.owner.map(|owner| owner.0),
        });
        let groups = file.groups.into_iter().map(|group| Group {
            name: named(group.name),
            need: group.need,
            of: group.of.into_iter().map(name).collect(),
        });
        let change = file.change.into_inner();
        Self {
            officers: officers.collect(),
            groups: groups.collect(),
            rules: file.rules.into_iter().map(Rule::from).collect(),
            change: Change {
                codes: change.codes,
                approvals: change.approvals.map(name),
                wait_millis: change.wait.0,
            },
            departed: file.departed.map(named),
            lapse_millis: file.lapse.0,
        }
    }
}

impl From<RuleText> for Rule {
    fn from(rule: RuleText) -> Self {
        let name = |name: Name| name.0;
        let labels = rule.labels.into_iter();
        Self {
            name: rule.name.into_inner().0,
            owners: match rule.owners {
                OwnersText::Any => Owners::Any,
                OwnersText::Departed => Owners::Departed,
                OwnersText::These(owners) => {
                    Owners::These(owners.into_iter().map(|owner| owner.0).collect())
                }
            },
            labels: labels.map(|(name, value)| (name.0, value.0)).collect(),
            keys_max: rule.keys_max,
            asker: match rule.asker.map(name) {
                None => Asker::Owner,
                Some(word) if word == Asker::ANYONE => Asker::Anyone,
                Some(group) => Asker::Group(group),
            },
            evidence: rule.evidence.into_iter().map(EvidenceKind::from).collect(),
            approvals: rule.approvals.map(name),
            wait_millis: rule.wait.0,
            veto: rule.veto,
            overrule: rule.overrule.map(name),
        }
    }
}

impl From<EvidenceText> for EvidenceKind {
    fn from(_: EvidenceText) -> Self {
        Self::RecoveryCode
    }
}

impl From<&Policy> for PolicyText {
    fn from(policy: &Policy) -> Self {
        let officers = policy.officers.iter().map(|officer| OfficerText {
            name: spanned(&officer.name),
            keys: officer.keys.iter().copied().map(KeyText).collect(),
            owner: officer.owner.map(OwnerText),
        });
        let groups = policy.groups.iter().map(|group| GroupText {
            name: spanned(&group.name),
            need: group.need,
            of: group.of.iter().cloned().map(Name).collect(),
        });
        let change = ChangeText {
            codes: policy.change.codes,
            approvals: policy.change.approvals.clone().map(Name),
            wait: Wait(policy.change.wait_millis),
        };
        Self {
            lapse: Wait(policy.lapse_millis),
            departed: policy.departed.as_deref().map(spanned),
            officers: officers.collect(),
            groups: groups.collect(),
            rules: policy.rules.iter().map(RuleText::from).collect(),
            change: Spanned::new(0..0, change),
        }
    }
}

impl From<&Rule> for RuleText {
    fn from(rule: &Rule) -> Self {
        let labels = rule.labels.iter();
        Self {
            name: spanned(&rule.name),
            owners: match &rule.owners {
                Owners::Any => OwnersText::Any,
                Owners::Departed => OwnersText::Departed,
                Owners::These(owners) => {
                    OwnersText::These(owners.iter().copied().map(OwnerText).collect())
                }
            },
            keys_max: rule.keys_max,
            asker: match &rule.asker {
                Asker::Owner => None,
                Asker::Anyone => Some(Name(Asker::ANYONE.to_owned())),
                Asker::Group(group) => Some(Name(group.clone())),
            },
            evidence: rule.evidence.iter().map(EvidenceText::from).collect(),
            approvals: rule.approvals.clone().map(Name),
            wait: Wait(rule.wait_millis),
            veto: rule.veto,
            overrule: rule.overrule.clone().map(Name),
            labels: labels
                .map(|(name, value)| (Name(name.clone()), Value(value.clone())))
                .collect(),
        }
    }
}

impl From<&EvidenceKind> for EvidenceText {
    fn from(kind: &EvidenceKind) -> Self {
        match kind {
            EvidenceKind::RecoveryCode => Self(Kind),
        }
    }
}

/// A name in a file that is not written yet.
fn spanned(name: &str) -> Spanned<Name> {
    Spanned::new(0..0, Name(name.to_owned()))
}

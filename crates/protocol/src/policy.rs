//! An authority's policy: who may get keys back, on whose word, after what wait (spec/policy.md). What it is here; how
//! a request is decided by it is in [`decide`], how people write it in [`mod@file`].

mod approved;
mod case;
pub mod file;
mod group;
mod office;
mod person;
mod reason;
mod roll;
mod rule;
mod standing;
mod subject;
mod word;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use approved::{Approved, PolicyApproved};
pub use case::{Case, ChangeCase, Ruling, Scene, decide, decide_change, standings};
pub use group::Group;
pub use office::Offices;
pub use person::{Person, Sponsorship};
pub use reason::Reason;
pub use rule::{Asker, Change, Owners, Rule};
pub use standing::{Inapplicable, Standing};
pub use subject::{Around, Decided, Subject, SubjectState};
pub use word::{Discount, LoggedWord};

use crate::encoding::{self, Canonical, Malformed, Reader, Writer, canonical_struct, encode};
use crate::id::{Digest, OwnerId};
use crate::keys::VerifyingKey;
use crate::label::Label;
use crate::text;

/// What it takes to get an owner's keys back, and to change that.
///
/// A request is approved when any rule that applies to it is met, and denied when none can be any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The people whose word counts.
    pub officers: Vec<Officer>,
    /// How many of whom.
    pub groups: Vec<Group>,
    /// The rules, in the order they are tried.
    pub rules: Vec<Rule>,
    /// What it takes to change the policy.
    pub change: Change,
    /// The group that can say that an owner has departed; nobody can if there is none.
    pub departed: Option<String>,
    /// How long after it was recorded a request lapses, in milliseconds, if it does not say earlier.
    pub lapse_millis: u64,
}

/// A person whose word counts, once, whatever number of keys they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Officer {
    /// What the policy calls them.
    pub name: String,
    /// The keys they sign with.
    pub keys: Vec<VerifyingKey>,
    /// Who they are as an owner, if they are one: nobody approves their own request.
    pub owner: Option<OwnerId>,
}

impl Policy {
    /// A day in milliseconds.
    pub const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
    /// The length in bytes of the longest name of an officer, a group or a rule.
    pub const NAME_BYTES_MAX: usize = encoding::NAME_BYTES_MAX;
    const OFFICERS_MAX: u64 = 1024;
    const GROUPS_MAX: u64 = 256;
    const RULES_MAX: u64 = 64;

    /// Returns the policy of an embedded authority: the recovery code alone, at once.
    ///
    /// There is no veto in it: with nobody to settle a dispute, a thief with an old device could veto for ever. It is
    /// changed with the code of every owner who has a deposit.
    #[must_use]
    pub fn code_alone() -> Self {
        Self {
            officers: Vec::new(),
            groups: Vec::new(),
            rules: vec![Rule::code_alone("recovery code")],
            change: Change {
                codes: true,
                approvals: None,
                wait_millis: 0,
            },
            departed: None,
            lapse_millis: 30 * Self::DAY_MILLIS,
        }
    }

    /// Returns SHA-256 of `strongroom/policy/v1 ‖ 00 ‖ E(policy)`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&Label::POLICY.prefix(&encode(self))])
    }

    /// Finds the person that a key belongs to.
    #[must_use]
    pub fn officer(&self, key: &VerifyingKey) -> Option<&Officer> {
        self.officers
            .iter()
            .find(|officer| officer.keys.contains(key))
    }

    /// Finds a group by its name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Checks that every name means one thing, and every group can be told.
    ///
    /// # Errors
    ///
    /// Says what does not make sense. Whether a policy that does is wise is another question: see [`file::check`].
    pub fn validate(&self) -> Result<(), PolicyError> {
        self.check_names()?;
        let mut names = BTreeSet::new();
        let officers = self.officers.iter().map(|officer| &officer.name);
        for name in officers.chain(self.groups.iter().map(|group| &group.name)) {
            if !names.insert(name) {
                return Err(PolicyError::NameTwice(name.clone()));
            }
            if name.eq_ignore_ascii_case(Asker::ANYONE) {
                return Err(PolicyError::Reserved(name.clone()));
            }
        }
        let mut keys = BTreeSet::new();
        for officer in &self.officers {
            if officer.keys.is_empty() {
                return Err(PolicyError::NoKey(officer.name.clone()));
            }
            if !officer.keys.iter().all(|key| keys.insert(key)) {
                return Err(PolicyError::KeyTwice(officer.name.clone()));
            }
        }
        // Groups count people, and this is one.
        let mut owners = BTreeSet::new();
        let same = |officer: &&Officer| officer.owner.is_some_and(|owner| !owners.insert(owner));
        if let Some(officer) = self.officers.iter().find(same) {
            return Err(PolicyError::OwnerTwice(officer.name.clone()));
        }
        group::check(self)?;
        rule::check(self)
    }

    /// What officers read on a screen is what the policy says: none of its names draws more than itself, or is another
    /// that looks the same. What a name refers to is checked with what has it.
    fn check_names(&self) -> Result<(), PolicyError> {
        let officers = self.officers.iter().map(|officer| &officer.name);
        let groups = self.groups.iter().map(|group| &group.name);
        let rules = self.rules.iter().map(|rule| &rule.name);
        let labels = || self.rules.iter().flat_map(|rule| &rule.labels);
        // A label may have no value; all else has a name.
        let values = labels()
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty());
        let names = officers.chain(groups).chain(rules);
        let mut names = names.chain(labels().map(|(name, _)| name)).chain(values);
        match names.find(|name| !text::is_name(name)) {
            Some(name) => Err(PolicyError::NotPlain(name.clone())),
            None => Ok(()),
        }
    }
}

canonical_struct!(Officer { name, keys, owner });

impl Canonical for Policy {
    fn write(&self, writer: &mut Writer) {
        writer.array(6).items(&self.officers).items(&self.groups);
        writer.items(&self.rules).item(&self.change);
        writer.item(&self.departed).uint(self.lapse_millis);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(6, "policy")?;
        let policy = Self {
            officers: reader.items(Self::OFFICERS_MAX, "officers")?,
            groups: reader.items(Self::GROUPS_MAX, "groups")?,
            rules: reader.items(Self::RULES_MAX, "rules")?,
            change: reader.item()?,
            departed: reader.item()?,
            lapse_millis: reader.item()?,
        };
        // A policy that does not make sense is none, wherever it comes from.
        policy
            .validate()
            .map_err(|_| reader.malformed("policy (it does not make sense)"))?;
        Ok(policy)
    }
}

/// The public keys that can speak for an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerKeys {
    /// The recovery code's, unless whoever looks is not told it.
    pub code_key: Option<VerifyingKey>,
    /// The devices', the first enrolled with the owner, the others by recovery. One that was revoked stays among them: what it
    /// said before was the owner's word, and its holder is no stranger.
    pub devices: Vec<VerifyingKey>,
    /// Those of them that were revoked.
    #[serde(default)]
    pub revoked: Vec<VerifyingKey>,
}

impl Canonical for Vec<VerifyingKey> {
    fn write(&self, writer: &mut Writer) {
        writer.items(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.items(1 << 16, "keys")
    }
}

/// Why a policy does not make sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// One person could ask by the rule in an owner's name and approve it.
    #[error(
        "the rule `{0}` is for whoever says to be the owner, and one person is enough for its approvals: it takes a group \
         that no one person meets, since whoever asks may be one of those who approve"
    )]
    AnyoneByOne(String),
    /// Who has departed has no veto against whoever says to be them.
    #[error(
        "the rule `{0}` is for whoever says to be an owner who has departed, and has no veto any more: name a group that may \
         ask instead of `anyone`"
    )]
    AnyoneDeparted(String),
    /// The owner could not notice that somebody asks in their name, or do nothing about it.
    #[error(
        "the rule `{0}` is for whoever says to be the owner: it takes a `wait`, and `veto = true`, so that the owner can say \
         that it is not them"
    )]
    AnyoneUnguarded(String),
    /// A group is a member of itself, or of one of its members.
    #[error("the group `{0}` has itself among its members")]
    Circle(String),
    /// A key belongs to two people, or twice to one.
    #[error("a key of the officer `{0}` is listed twice")]
    KeyTwice(String),
    /// Two things have one name.
    #[error("the name `{0}` is given twice")]
    NameTwice(String),
    /// A group needs none of its members, or more than it has.
    #[error("the group `{0}` needs none of its members, or more than it has")]
    Need(String),
    /// A person without a key.
    #[error("the officer `{0}` has no key")]
    NoKey(String),
    /// Evidence shows who asks by the rule, so that it is not for anyone.
    #[error(
        "the rule `{0}` asks for evidence, which shows that it is the owner: it is not for `anyone`"
    )]
    NotForAnyone(String),
    /// A name of an officer, a group, a rule or a label, or a label's value, that is not seen as it is.
    #[error(
        "`{}` has characters that are not seen as themselves, or white space at an end or beside another",
        .0.escape_debug()
    )]
    NotPlain(String),
    /// A name that nothing has.
    #[error("there is no `{name}`, which `{by}` speaks of")]
    NoSuchName {
        /// The name.
        name: String,
        /// Where it is said.
        by: String,
    },
    /// A rule that asks for nothing would give keys to whoever waits.
    #[error("the rule `{0}` asks for neither evidence nor approvals")]
    NothingAsked(String),
    /// Nothing shows that the owner asks by the rule, and it does not say so.
    #[error(
        "the rule `{0}` asks for no evidence: it is for whoever says to be the owner. If that is meant, say so with \
         `asker = \"anyone\"`"
    )]
    NothingShown(String),
    /// The policy could be changed by anybody.
    #[error("changing the policy asks for nothing")]
    NothingAskedToChange,
    /// A rule for other people's keys that no officer has a say in.
    #[error("the rule `{0}` lets somebody ask for another's keys without an approval")]
    OthersUnapproved(String),
    /// Two officers are one owner, and so one person.
    #[error("the officer `{0}` is the same owner as another officer: one person is one officer")]
    OwnerTwice(String),
    /// A name that stands for whoever says to be the owner.
    #[error("`{0}` is the word for whoever says to be the owner, and nobody's name")]
    Reserved(String),
}

//! The decision on a request: a pure function of a policy, what was asked and what was said to it, as of some time. How a
//! change of the policy is decided is in `change`.

mod change;
mod hearing;
mod said;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::approved::{Approved, Grounds};
use super::{LoggedWord, OwnerKeys, Policy, Reason, Sponsorship, Standing};
use crate::id::{OwnerId, Time};
use crate::keys::VerifyingKey;
use crate::statement::{Request, Verdict};

pub(super) use change::discount_of_change;
pub use change::{ChangeCase, decide_change};
use hearing::{Examined, Hearing};
pub(super) use hearing::{discount, is_proved, vetoes};

/// All that a request is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'c> {
    /// The policy in force when the request was recorded.
    pub policy: &'c Policy,
    /// The request.
    pub request: &'c Request,
    /// When the authority recorded it.
    pub recorded: Time,
    /// The keys of the owner it is about.
    pub owner: &'c OwnerKeys,
    /// What else the log says that matters.
    pub scene: &'c Scene,
    /// What was said to it, in any order: what comes after what is told by the indexes. What does not count is passed over.
    pub words: &'c [LoggedWord],
}

/// What the log says around a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// The other owner whose device asks; none if the owner's own device asks, or a new one.
    pub asker: Option<OwnerId>,
    /// That owner's keys, the recovery code's too.
    pub asker_keys: Vec<VerifyingKey>,
    /// How many keys are asked for.
    pub keys: u64,
    /// The labels that every deposit asked for has.
    pub labels: BTreeMap<String, String>,
    /// Whether the owner has departed.
    pub departed: bool,
    /// Whether another request for this owner, of another device, has all the evidence that a rule without approvals asks.
    pub rival: bool,
    /// Through whom officers came into the policy that decides, and into those before it.
    pub sponsors: Vec<Sponsorship>,
    /// The policy in force now, if that is another than the one that decides.
    pub in_force: Option<Policy>,
}

/// What the policy says now of a request, or of its own change.
#[derive(Debug)]
pub enum Ruling<A = Approved> {
    /// What it asks for is there.
    Approved(A),
    /// It will not be approved any more, and why.
    Ended(Verdict, Vec<Reason>),
    /// What it still needs.
    Pending(Vec<Reason>),
}

/// Decides a request, as of `now`.
///
/// A pure function: the same case and time get the same ruling, whoever asks and in whatever order words are handed in.
#[must_use]
pub fn decide(case: &Case<'_>, now: Time) -> Ruling {
    // Nothing is looked at before it was recorded, whatever the clock of whoever looks says.
    let now = now.max(case.recorded);
    let deadline = deadline(case.policy, case.recorded, case.request.expires);
    if now >= deadline {
        return Ruling::Ended(Verdict::Lapsed, vec![Reason::Lapsed { at: deadline }]);
    }
    let hearing = Hearing::of(case);
    let mut pending = Vec::new();
    let mut stopped = Vec::new();
    let mut verdict = Verdict::Denied;
    for rule in &case.policy.rules {
        match hearing.examine(rule, now) {
            Examined::Inapplicable(_) => {}
            Examined::Met(evidence, approvals) => {
                let grounds = Grounds {
                    rule: rule.name.clone(),
                    evidence,
                    approvals,
                    not_after: deadline,
                };
                let asker = case.scene.asker;
                return Ruling::Approved(Approved::new(case.request, case.policy, grounds, asker));
            }
            Examined::Missing(reasons) => pending.extend(reasons),
            Examined::Stopped(how, reason) => {
                verdict = how;
                stopped.push(reason);
            }
        }
    }
    if pending.is_empty() {
        if stopped.is_empty() {
            stopped.push(Reason::NoRule);
        }
        return Ruling::Ended(verdict, stopped);
    }
    pending.extend(stopped);
    Ruling::Pending(pending)
}

/// Returns when something that was asked lapses: when it says, or when the policy does, if that is earlier.
pub(super) fn deadline(policy: &Policy, recorded: Time, expires: Time) -> Time {
    recorded.plus_millis(policy.lapse_millis).min(expires)
}

/// Returns how a request stands with each rule of the policy, in their order, as of `now`.
#[must_use]
pub fn standings(case: &Case<'_>, now: Time) -> Vec<Standing> {
    let hearing = Hearing::of(case);
    let rules = case.policy.rules.iter();
    let examined = rules.map(|rule| match hearing.examine(rule, now) {
        Examined::Inapplicable(why) => Standing::Inapplicable(why),
        Examined::Met(..) => Standing::Met,
        Examined::Missing(reasons) => Standing::Missing(reasons),
        Examined::Stopped(_, reason) => Standing::Stopped(reason),
    });
    examined.collect()
}

//! What the log says around a request: who asks, for how much, and what else is going on. All of it follows from
//! entries, and is read from them whenever a request is looked at.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Offices, Policy, Scene};
use strongroom_protocol::statement::{Request, Statement};

use super::Service;
use super::plan::Labels;
use super::succession::InForce;
use crate::identity;
use crate::index;
use crate::store::{Damage, RequestRow, Snapshot, StoreError};

/// What is known of other requests for the same owner.
#[derive(Clone, Copy)]
pub(super) enum Rivals {
    /// There is one: the request that this one is looked at for.
    Known,
    /// They are looked for, as of a time.
    Sought(Time),
}

impl Service {
    /// Reads the scene of a request.
    pub(super) fn scene(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        request: &Request,
        decides: &InForce,
        rivals: Rivals,
        labels: Option<&Labels>,
    ) -> Result<Scene, StoreError> {
        let policy = &decides.policy;
        let now = self.policy_now(store)?;
        let in_force = Some(&now.policy).filter(|now| *now != policy);
        let offices = Offices { policy, in_force };
        let asker = self.asker(store, row, request)?;
        let asker_keys = match asker {
            Some(asker) => self.asker_keys(store, row, asker, request)?,
            None => Vec::new(),
        };
        let labels = match labels {
            Some(labels) => labels.clone(),
            None if asks_for_labels(policy) => self.plan(store, request, true)?.labels.clone(),
            None => Labels::new(),
        };
        Ok(Scene {
            asker,
            asker_keys,
            keys: index::deposit_count(request),
            labels,
            departed: self.is_departed(store, request.owner, offices)?,
            rival: match rivals {
                Rivals::Known => true,
                Rivals::Sought(now) => self.has_rival(store, request, now)?,
            },
            sponsors: decides.sponsors.clone(),
            in_force: in_force.cloned(),
        })
    }

    /// Returns the other owner whose device asks. Both indexes that say so must agree.
    fn asker(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        request: &Request,
    ) -> Result<Option<OwnerId>, StoreError> {
        let asker = index::asker(store, request.owner, &request.device_key, row.entry)?;
        if asker != row.asker {
            return Err(
                Damage::of_entry(row.entry, "its index says that somebody else asks").into(),
            );
        }
        Ok(asker)
    }

    fn asker_keys(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        asker: OwnerId,
        request: &Request,
    ) -> Result<Vec<VerifyingKey>, StoreError> {
        let wrong = || Damage::of_entry(row.entry, "it is not by a device of who its index says");
        let keys = identity::owner_keys(&self.log, store, asker)?.ok_or_else(wrong)?;
        if !keys.devices.contains(&request.device_key) {
            return Err(wrong().into());
        }
        let mut all = keys.devices;
        all.extend(keys.code_key);
        Ok(all)
    }

    /// Tells whether enough officers say that an owner has departed: each person's last word counts, once, as long as they
    /// are asked by the policy in force, too. That one has not stands where that is in doubt.
    fn is_departed(
        &self,
        store: &Snapshot<'_>,
        owner: OwnerId,
        offices: Offices<'_>,
    ) -> Result<bool, StoreError> {
        let policy = offices.policy;
        let Some(group) = policy
            .departed
            .as_deref()
            .and_then(|name| policy.group(name))
        else {
            return Ok(false);
        };
        let mut words = BTreeMap::new();
        for index in store.departed(owner)? {
            let entry = self.log.entry(store, index)?;
            let said = entry.statement();
            let Statement::Departed(departed) = said.statement() else {
                return Err(Damage::of_entry(index, "it does not say who departed").into());
            };
            if departed.owner != owner {
                return Err(Damage::of_entry(index, "it is about another owner").into());
            }
            let officer = if departed.departed {
                offices.speaker(said.author(), group)
            } else {
                let officer = policy.officer(said.author());
                officer.filter(|officer| offices.may_still_hold(officer))
            };
            if let Some(officer) = officer {
                words.insert(officer.name.as_str(), departed.departed);
            }
        }
        let say_so = |name: &&str| words.get(name) == Some(&true);
        let agreed: BTreeSet<&str> = words.keys().copied().filter(say_so).collect();
        Ok(group.is_met(policy, &agreed))
    }

    /// Tells whether another device's request for the same owner is open, with the evidence that a rule asks: one that anybody
    /// could make is nobody's rival.
    fn has_rival(
        &self,
        store: &Snapshot<'_>,
        request: &Request,
        now: Time,
    ) -> Result<bool, StoreError> {
        for row in store.rivals(request.owner, &request.device_key)? {
            // Where this one is open, it is the other's rival.
            match self.read_request(store, &row, Rivals::Known, None) {
                Ok(other) if !other.subject.is_rival(now) => {}
                // One that can't be read is not known to have ended.
                Ok(_) | Err(StoreError::Damaged(_)) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// Tells whether any rule of a policy is for deposits of a label.
pub(super) fn asks_for_labels(policy: &Policy) -> bool {
    policy.rules.iter().any(|rule| !rule.labels.is_empty())
}

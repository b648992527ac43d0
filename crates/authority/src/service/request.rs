//! Recovery requests (spec/recovery.md#request): what is recorded when somebody asks.

use strongroom_protocol::Refusal;
use strongroom_protocol::id::Time;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Request, Scope};

use super::Service;
use crate::log::Growth;
use crate::store::StoreError;

/// How far the asker's clock may be ahead of ours.
const CLOCK_SLACK_MILLIS: u64 = 15 * 60 * 1000;

impl Service {
    /// Anybody may ask for what is there: it is the policy that decides.
    ///
    /// Whoever asks blindly learns nothing of owners: one who is not there and one without such deposits are answered
    /// alike, and both after everything that does not depend on the owner.
    pub(super) fn check_request(
        &self,
        growth: &Growth<'_>,
        request: &Request,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let in_force = self.policy_now(growth.store())?;
        let policy = &in_force.policy;
        if request.policy != policy.digest() {
            return Ok(Err(Refusal::Policy));
        }
        if !is_timely(policy, request.expires, now) {
            return Ok(Err(Refusal::Expiry));
        }
        if let Err(refused) = check_scope(growth, request)? {
            return Ok(Err(refused));
        }
        // The same words under another signature of the same key: evidence could not tell the two apart.
        if growth.store().subject(request.digest())?.is_some() {
            return Ok(Err(Refusal::Author));
        }
        if Self::has_too_many_requests(growth.store(), &request.device_key, now)? {
            return Ok(Err(Refusal::TooMany));
        }
        Ok(Ok(Outcome::Recorded))
    }
}

/// Tells whether a request or a change ends when the policy lets it: after now, and not too late.
pub(super) fn is_timely(policy: &Policy, expires: Time, now: Time) -> bool {
    let latest = now
        .plus_millis(policy.lapse_millis)
        .plus_millis(CLOCK_SLACK_MILLIS);
    expires > now && expires <= latest
}

/// Checks that the log holds just what is asked for, and anything at all.
fn check_scope(growth: &Growth<'_>, request: &Request) -> Result<Result<(), Refusal>, StoreError> {
    let refused = |missing| Ok(Err(Refusal::Holdings { missing }));
    let store = growth.store();
    match &request.scope {
        Scope::Everything {
            tree_size,
            count,
            serials,
        } => {
            if *tree_size > growth.size() {
                return refused(None);
            }
            let held = store.serials(request.owner, *tree_size)?;
            let is_held = !held.is_empty()
                && held.len() as u64 == *count
                && Scope::serials_digest(&held) == *serials;
            if !is_held {
                return refused(None);
            }
        }
        Scope::Serials(serials) => {
            // Named, so that the asker can go on without it. Whoever asks for one alone learns no less.
            let rows = store.deposits_of(request.owner, serials)?;
            let missing = serials.iter().zip(&rows).find(|(_, row)| row.is_none());
            if let Some((serial, _)) = missing {
                return refused(Some(*serial));
            }
        }
    }
    Ok(Ok(()))
}

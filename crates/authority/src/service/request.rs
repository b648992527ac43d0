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
        if !scope_exists(growth, request)? {
            return Ok(Err(Refusal::Holdings));
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

/// Tells whether the log holds just what is asked for, and anything at all.
fn scope_exists(growth: &Growth<'_>, request: &Request) -> Result<bool, StoreError> {
    let store = growth.store();
    match &request.scope {
        Scope::Everything {
            tree_size,
            count,
            serials,
        } => {
            if *tree_size > growth.size() {
                return Ok(false);
            }
            let held = store.serials(request.owner, *tree_size)?;
            Ok(!held.is_empty()
                && held.len() as u64 == *count
                && Scope::serials_digest(&held) == *serials)
        }
        Scope::Serials(serials) => {
            let rows = store.deposits_of(request.owner, serials)?;
            Ok(rows.iter().all(Option::is_some))
        }
    }
}

//! An owner's enrolment (spec/statement.md#enroll).

use strongroom_protocol::Refusal;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::Enroll;

use super::Service;
use crate::log::Growth;
use crate::store::{Damage, StoreError};

impl Service {
    /// Anybody may enroll; an id is an owner's for ever, and the first enrolment under it says whose: in the log, whatever
    /// rows are there.
    pub(super) fn check_enroll(
        &self,
        growth: &Growth<'_>,
        enroll: &Enroll,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let store = growth.store();
        if store.owner(enroll.owner)?.is_some() {
            return Ok(Err(Refusal::OwnerExists));
        }
        let known = self.by_the_log(store, (u64::MAX, growth.size()), |log| {
            log.owner(enroll.owner)
        })?;
        match known {
            None => Ok(Ok(Outcome::Recorded)),
            Some(entry) => Err(Damage::of_entry(entry, "the index of owners leaves it out").into()),
        }
    }
}

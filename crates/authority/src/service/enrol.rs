//! An owner's enrolment (spec/statement.md#enroll).

use strongroom_protocol::Refusal;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::Enroll;

use super::Service;
use crate::store::{StoreError, Writing};

impl Service {
    /// Anybody may enroll; an id is an owner's for ever, and the first enrolment under it says whose.
    pub(super) fn check_enroll(
        store: &Writing<'_>,
        enroll: &Enroll,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        Ok(match store.owner(enroll.owner)? {
            None => Ok(Outcome::Recorded),
            Some(_) => Err(Refusal::OwnerExists),
        })
    }
}

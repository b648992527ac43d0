//! Evidence for a request, and vetoes of it (spec/recovery.md#evidence, #veto).

use strongroom_protocol::Refusal;
use strongroom_protocol::id::{Digest, Time};
use strongroom_protocol::policy::Ruling;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Evidence, EvidenceKind, SignedStatement, Veto};

use super::Service;
use super::decide::Case;
use crate::store::{StoreError, Writing};

impl Service {
    /// Evidence is by the key that proves it, and for a request that is not decided.
    pub(super) fn check_evidence(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        evidence: &Evidence,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let Some(case) = self.case_of(store, evidence.request)? else {
            return Ok(Err(Refusal::Author));
        };
        let by_whom = match evidence.kind {
            EvidenceKind::RecoveryCode => case.owner().code_key,
            _ => return Ok(Err(Refusal::Author)),
        };
        Ok(if *statement.author() != by_whom {
            Err(Refusal::Author)
        } else if case.decision().is_some() || self.has_ended(&case, now) {
            Err(Refusal::Ended)
        } else {
            Ok(Outcome::Recorded)
        })
    }

    /// A veto is by one of the owner's devices. It may come after an approval: what was not released yet then stays.
    pub(super) fn check_veto(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        veto: &Veto,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let Some(case) = self.case_of(store, veto.request)? else {
            return Ok(Err(Refusal::Author));
        };
        Ok(if !case.owner().devices.contains(statement.author()) {
            Err(Refusal::Author)
        } else if self.has_ended(&case, now) || self.is_all_released(store, &case)? {
            Err(Refusal::Ended)
        } else {
            Ok(Outcome::Recorded)
        })
    }

    fn case_of(&self, store: &Writing<'_>, request: Digest) -> Result<Option<Case>, StoreError> {
        match store.request_of(request)? {
            Some(row) => self.case(store, &row).map(Some),
            None => Ok(None),
        }
    }

    fn has_ended(&self, case: &Case, now: Time) -> bool {
        matches!(case.decide(self.policy(), now), Ruling::Ended(..))
    }
}

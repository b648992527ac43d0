//! Evidence for a request, and vetoes of it (spec/recovery.md#evidence, #veto).

use strongroom_protocol::Refusal;
use strongroom_protocol::id::Time;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Evidence, EvidenceKind, SignedStatement, Veto};

use super::Service;
use crate::store::{StoreError, Subject, Writing};

impl Service {
    /// Evidence is by the key that proves it, and for a request or a change that is not decided.
    pub(super) fn check_evidence(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        evidence: &Evidence,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        if evidence.kind != EvidenceKind::RecoveryCode {
            return Ok(Err(Refusal::Author));
        }
        let by = statement.author();
        let (may, is_over) = match store.subject(evidence.request)? {
            None => (false, false),
            Some(Subject::Request(row)) => {
                let case = self.case(store, &row, now)?;
                let is_over = case.decision().is_some() || case.has_ended(now);
                (case.owner().code_key == *by, is_over)
            }
            // Before all codes are read: whether this is one of them.
            Some(Subject::Change(row)) if store.owner_of_code(by, row.entry)?.is_some() => {
                let case = self.change_case(store, &row)?;
                (case.codes().contains(by), case.is_over(now))
            }
            Some(Subject::Change(_)) => (false, false),
        };
        Ok(match (may, is_over) {
            (false, _) => Err(Refusal::Author),
            (true, true) => Err(Refusal::Ended),
            (true, false) => Ok(Outcome::Recorded),
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
        let Some(Subject::Request(row)) = store.subject(veto.request)? else {
            return Ok(Err(Refusal::Author));
        };
        let case = self.case(store, &row, now)?;
        Ok(if !case.owner().devices.contains(statement.author()) {
            Err(Refusal::Author)
        } else if self.is_over(store, &case, now)? {
            Err(Refusal::Ended)
        } else {
            Ok(Outcome::Recorded)
        })
    }
}

//! Evidence for a request, and vetoes of it (spec/recovery.md#evidence, #veto).

use strongroom_protocol::Refusal;
use strongroom_protocol::id::Time;
use strongroom_protocol::policy::Around;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Evidence, EvidenceKind, SignedStatement, Veto};

use super::Service;
use super::limit::may_say_more;
use crate::store::{StoreError, Subject as SubjectRow, Writing};

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
        let Some(row) = store.subject(evidence.request)? else {
            return Ok(Err(Refusal::Author));
        };
        // Before all codes are read: whether this is one of them.
        if let SubjectRow::Change(row) = &row
            && store.owner_of_code(by, row.entry)?.is_none()
        {
            return Ok(Err(Refusal::Author));
        }
        let subject = self.read_subject(store, &row, now)?.subject;
        let may = match subject.around() {
            Around::Change { codes, .. } => codes.contains(by),
            Around::Request { owner, .. } => owner.code_key == Some(*by),
        };
        let is_over = subject.decided().is_some() || subject.is_over(now);
        Ok(match (may, is_over) {
            (false, _) => Err(Refusal::Author),
            (true, true) => Err(Refusal::Ended),
            (true, false) => may_say_more(&subject, by),
        })
    }

    /// A veto is by one of the owner's devices, as long as it is one; what it said then stays said when it is revoked. It may come after an approval: what was not released yet then stays.
    pub(super) fn check_veto(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        veto: &Veto,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let Some(row) = store.subject(veto.request)? else {
            return Ok(Err(Refusal::Author));
        };
        let subject = self.read_subject(store, &row, now)?.subject;
        let may = match subject.around() {
            Around::Change { .. } => false,
            Around::Request { owner, .. } => {
                let by = statement.author();
                owner.devices.contains(by) && !owner.revoked.contains(by)
            }
        };
        Ok(match (may, subject.is_over(now)) {
            (false, _) => Err(Refusal::Author),
            (true, true) => Err(Refusal::Ended),
            (true, false) => may_say_more(&subject, statement.author()),
        })
    }
}

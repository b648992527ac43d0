//! Decisions (spec/recovery.md#decision): a subject is decided on what the log holds, once, by a logged statement, in the
//! commit of an act (spec/authority.md#who-decides): what was asked, or asked again; what was said to it; a release.
//! Nobody's looking decides anything.

use strongroom_protocol::id::{Digest, StatementId, Time};
use strongroom_protocol::policy::{Reason, Subject};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Decision, SignedStatement, Verdict};

use super::Service;
use super::commit::Checked;
use super::subject::subject_row;
use crate::log::Growth;
use crate::store::{Damage, Due, StoreError, Subject as SubjectRow};

/// What comes of looking at a subject under the lock.
enum NextStep {
    /// It is decided, by this statement.
    Decides(Box<SignedStatement>),
    /// A change, to replace the policy in force since this entry, is to be looked at again then.
    Due(u64, Due),
    /// There is nothing to do.
    Nothing,
}

impl Service {
    /// Decides what was just asked for or spoken of, if that can be decided now: in the commit of the statement, so that
    /// what it ends is ended with it, and does not come back when what let it be said is gone.
    pub(super) fn decide_spoken(
        &self,
        growth: &mut Growth<'_>,
        subject: Digest,
        now: Time,
    ) -> Result<(), StoreError> {
        match growth.store().subject(subject)? {
            Some(row) => self.decide_row(growth, &row, now),
            None => Ok(()),
        }
    }

    /// Decides a subject that is not decided, if it can be now. Of a change that can't, it is kept when it is due.
    pub(super) fn decide_row(
        &self,
        growth: &mut Growth<'_>,
        row: &SubjectRow,
        now: Time,
    ) -> Result<(), StoreError> {
        match self.look_at(growth, row, now)? {
            NextStep::Decides(decision) => {
                self.append(growth, *decision, Outcome::Recorded, now)?;
                Ok(())
            }
            NextStep::Due(reign, due) => growth.store().put_due(reign, row.entry(), due),
            NextStep::Nothing => Ok(()),
        }
    }

    /// Under the lock: decides a request before its keys are released.
    pub(super) fn check_decide(
        &self,
        growth: &Growth<'_>,
        request: StatementId,
        now: Time,
    ) -> Result<Checked, StoreError> {
        let store = growth.store();
        let Some(row) = subject_row(store, request)? else {
            return Ok(Checked::NotNow);
        };
        if let Some(decision) = row.decision() {
            return Ok(Checked::Known(decision));
        }
        Ok(match self.look_at(growth, &row, now)? {
            NextStep::Decides(decision) => Checked::New(decision, Outcome::Recorded),
            NextStep::Due(..) | NextStep::Nothing => Checked::NotNow,
        })
    }

    fn look_at(
        &self,
        growth: &Growth<'_>,
        row: &SubjectRow,
        now: Time,
    ) -> Result<NextStep, StoreError> {
        let store = growth.store();
        if row.decision().is_some() {
            return Ok(NextStep::Nothing);
        }
        let subject = self.read_subject(store, row, now)?.subject;
        if let Some(decision) = subject.decision(now) {
            self.confirm(growth, row.entry(), &decision, now)?;
            if let Some(decision) = self.log.sign_decision(decision) {
                return Ok(NextStep::Decides(Box::new(decision)));
            }
        }
        if subject.change().is_none() {
            return Ok(NextStep::Nothing);
        }
        Ok(NextStep::Due(store.reign(row.entry())?, due(&subject, now)))
    }
}

impl Service {
    /// Sees that the log itself decides the same: rows that were edited hide nothing that was said, and add nothing.
    fn confirm(
        &self,
        growth: &Growth<'_>,
        entry: u64,
        decision: &Decision,
        now: Time,
    ) -> Result<(), StoreError> {
        let same = self.by_the_log(growth.store(), (entry, growth.size()), |store| {
            let Some(row) = store.subject_at(entry)? else {
                return Ok(false);
            };
            let subject = self.read_subject(store, &row, now)?.subject;
            let rests_on_codes = subject.change().is_some()
                && subject.policy().change.codes
                && decision.verdict == Verdict::Approved;
            if rests_on_codes {
                self.check_depositors(store, entry)?;
            }
            Ok(subject.decision(now).as_ref() == Some(decision))
        })?;
        if same {
            return Ok(());
        }
        Err(Damage::of_entry(entry, "its indexes do not say what the log says of it").into())
    }
}

/// Returns when a change that can't be decided now is to be looked at next.
fn due(change: &Subject, now: Time) -> Due {
    let (_, reasons) = change.standing(now);
    let lacks_time_alone = reasons
        .iter()
        .all(|reason| matches!(reason, Reason::Waits { .. }));
    match change.due(now) {
        Some(time) if lacks_time_alone => Due::Decision(time),
        // The end of its wait changes nothing where something else is missing, and what rests on more statements than a
        // decision can name is never approved.
        Some(_) | None => Due::Lapse(change.deadline()),
    }
}

//! Decisions (spec/recovery.md#decision): a subject is decided on what the log holds, once, by a logged statement, in the
//! commit of an act: what was asked, or asked again; what was said to it; a release. Nobody's looking decides anything.

use strongroom_protocol::id::{Digest, StatementId, Time};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::SignedStatement;

use super::Service;
use super::commit::Checked;
use super::subject::subject_row;
use crate::log::Growth;
use crate::store::{Snapshot, StoreError, Subject as SubjectRow};

/// What comes of looking at a subject under the lock.
enum Looked {
    /// It is decided, by this statement.
    Decides(Box<SignedStatement>),
    /// A change of this policy is to be looked at again at some time.
    Due(u64, Time),
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
        match self.look_at(growth.store(), row, now)? {
            Looked::Decides(decision) => {
                self.append(growth, *decision, Outcome::Recorded, now)?;
                Ok(())
            }
            Looked::Due(reign, time) => growth.store().put_due(reign, row.entry(), time),
            Looked::Nothing => Ok(()),
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
        Ok(match self.look_at(store, &row, now)? {
            Looked::Decides(decision) => Checked::New(decision, Outcome::Recorded),
            Looked::Due(..) | Looked::Nothing => Checked::NotNow,
        })
    }

    fn look_at(
        &self,
        store: &Snapshot<'_>,
        row: &SubjectRow,
        now: Time,
    ) -> Result<Looked, StoreError> {
        if row.decision().is_some() {
            return Ok(Looked::Nothing);
        }
        let subject = self.read_subject(store, row, now)?.subject;
        let decision = subject.decision(now);
        if let Some(decision) = decision.and_then(|decision| self.log.sign_decision(decision)) {
            return Ok(Looked::Decides(Box::new(decision)));
        }
        if subject.change().is_none() {
            return Ok(Looked::Nothing);
        }
        // What rests on more statements than a decision can name is never decided, but by its lapse.
        let due = subject.due(now).unwrap_or_else(|| subject.deadline());
        Ok(Looked::Due(store.reign(row.entry())?, due))
    }
}

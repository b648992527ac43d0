//! Requests and changes of the policy, put together from the log: the index says where the parts are, and the parts are
//! the log's, each verified. What comes of them is the protocol's [`Subject`] to say, who is shown them that of `sight`.

use strongroom_protocol::id::{Digest, OwnerId, StatementId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Approved, Around, Decided, LoggedWord, Subject};
use strongroom_protocol::statement::{Request, Statement, Verdict};
use strongroom_protocol::{QueryError, SubjectView};

use super::Service;
use super::plan::Labels;
use super::scene::Rivals;
use crate::Caller;
use crate::identity;
use crate::index;
use crate::log::{self, Entry, Logged};
use crate::store::{ChangeRow, Damage, RequestRow, Snapshot, StoreError, Subject as SubjectRow};

/// A request or a change as it is in the log, with the entries that say so.
pub(super) struct LoggedSubject {
    pub(super) subject: Subject,
    asked: Entry,
    decision: Option<Entry>,
}

impl Service {
    /// Returns a request or a change, for those who may see it. It decides nothing.
    pub(super) fn subject(
        &self,
        caller: Caller,
        asked: StatementId,
    ) -> Result<SubjectView, QueryError> {
        let now = self.clock.now();
        self.store.read(|store| {
            let sight = self.sight(store, caller)?.ok_or(QueryError::NotFound)?;
            let row = subject_row(store, asked)?.filter(|row| sight.shows(row));
            let row = row.ok_or(QueryError::NotFound)?;
            let logged = self.read_subject(store, &row, now)?;
            let mut view = self.view(store, logged)?;
            if !sight.knows_owner_of(&row) {
                leave_out_owner(&mut view);
            }
            Ok(view)
        })
    }

    fn view(&self, store: &Snapshot<'_>, logged: LoggedSubject) -> Result<SubjectView, StoreError> {
        let receipts = self.log.receipts(store)?;
        let decision = logged.decision.as_ref();
        let subject = logged.subject;
        Ok(SubjectView {
            asked: receipts.recorded(&logged.asked)?,
            policy: subject.policy().clone(),
            words: subject.words().to_vec(),
            decision: decision.map(|entry| receipts.recorded(entry)).transpose()?,
            around: subject.around().clone(),
        })
    }

    /// Reads a request or a change, with what is around it as of now.
    pub(super) fn read_subject(
        &self,
        store: &Snapshot<'_>,
        row: &SubjectRow,
        now: Time,
    ) -> Result<LoggedSubject, StoreError> {
        match row {
            SubjectRow::Change(row) => self.read_change(store, row),
            SubjectRow::Request(row) => self.read_request(store, row, Rivals::Sought(now), None),
        }
    }

    /// Reads a request. The labels that all its deposits have may be known from before.
    pub(super) fn read_request(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        rivals: Rivals,
        labels: Option<&Labels>,
    ) -> Result<LoggedSubject, StoreError> {
        let wrong = |what| StoreError::from(Damage::of_entry(row.entry, what));
        let asked = self.log.entry(store, row.entry)?;
        let Statement::Request(request) = asked.statement().statement() else {
            return Err(wrong("it is not a request"));
        };
        if !is_row_of(row, request) {
            return Err(wrong("its index does not say what it asks for"));
        }
        let owner = identity::owner_keys(&self.log, store, request.owner)?
            .ok_or_else(|| wrong("its owner is missing"))?;
        let in_force = self.policy_at(store, row.entry)?;
        // A policy is what its digest says: with rows missing, another one would seem to have been in force.
        if in_force.policy.digest() != request.policy {
            return Err(wrong("the policy it was asked under is missing"));
        }
        let scene = self.scene(store, row, request, &in_force, rivals, labels)?;
        let pages = store.release_pages(row.entry)?;
        let around = Around::Request {
            owner,
            released: index_of_page(pages).min(scene.keys),
            scene,
        };
        let (decision, decided) = self.decided(store, row.decision, request.digest(), row.asker)?;
        let words = self.words(store, row.entry)?;
        let place = (asked.index(), asked.time());
        let policy = in_force.policy.clone();
        let subject = Subject::new(
            asked.statement().clone(),
            place,
            policy,
            words,
            decided,
            around,
        );
        Ok(LoggedSubject {
            subject: subject.ok_or_else(|| wrong("it is not a request"))?,
            asked,
            decision,
        })
    }

    /// Reads a change of the policy.
    pub(super) fn read_change(
        &self,
        store: &Snapshot<'_>,
        row: &ChangeRow,
    ) -> Result<LoggedSubject, StoreError> {
        let wrong = |what| StoreError::from(Damage::of_entry(row.entry, what));
        let asked = self.log.entry(store, row.entry)?;
        let Statement::PolicyChange(change) = asked.statement().statement() else {
            return Err(wrong("it is not a change of the policy"));
        };
        if row.author != *asked.statement().author() {
            return Err(wrong("its index names another author"));
        }
        let policy = self.policy_at(store, row.entry)?.policy.clone();
        let around = self.around_change(store, row, &policy, asked.statement().author())?;
        let (decision, decided) = self.decided(store, row.decision, change.digest(), None)?;
        let words = self.words(store, row.entry)?;
        let place = (asked.index(), asked.time());
        let subject = Subject::new(
            asked.statement().clone(),
            place,
            policy,
            words,
            decided,
            around,
        );
        Ok(LoggedSubject {
            subject: subject.ok_or_else(|| wrong("it is not a change of the policy"))?,
            asked,
            decision,
        })
    }

    /// Reads the decision on a subject. It must be the authority's, on this very subject, with the asker that the rows say.
    fn decided(
        &self,
        store: &Snapshot<'_>,
        index: Option<u64>,
        subject: Digest,
        asker: Option<OwnerId>,
    ) -> Result<(Option<Entry>, Option<Decided>), StoreError> {
        let Some(index) = index else {
            return Ok((None, None));
        };
        let entry = self.log.entry(store, index)?;
        let wrong = || Damage::of_entry(index, "it does not decide what its index says");
        let Statement::Decision(decision) = entry.statement().statement() else {
            return Err(wrong().into());
        };
        let is_it = *entry.statement().author() == self.log.verifying_key()
            && decision.request == subject
            && decision.asker == asker;
        if !is_it {
            return Err(wrong().into());
        }
        let decided = Decided {
            decision: decision.clone(),
            time: entry.time(),
        };
        Ok((Some(entry), Some(decided)))
    }

    /// Reads what was said to a request or a change, in the log's order.
    fn words(&self, store: &Snapshot<'_>, subject: u64) -> Result<Vec<LoggedWord>, StoreError> {
        let words = store.words(subject)?.into_iter();
        let word = |index| {
            let statement = self.log.entry(store, index)?.into_statement();
            Ok(LoggedWord { index, statement })
        };
        words.map(word).collect()
    }
}

impl LoggedSubject {
    /// Returns the approval that keys may be released on now: decided in the log, and approved again as of now. None if
    /// they may not, or not any more.
    pub(super) fn approval(
        &self,
        log: &log::Log,
        now: Time,
    ) -> Result<Option<Logged<Approved>>, StoreError> {
        let Some(decision) = &self.decision else {
            return Ok(None);
        };
        let decided = self.subject.decided();
        if decided.is_none_or(|decided| decided.decision.verdict != Verdict::Approved) {
            return Ok(None);
        }
        let Some(approved) = self.subject.approved(now) else {
            return Ok(None);
        };
        let logged = Logged::confirm(approved, decision, log).ok_or(Damage::of_entry(
            decision.index(),
            "it does not approve the request that its index says",
        ))?;
        Ok(Some(logged))
    }
}

/// Leaves out of a view what whoever asks for somebody's keys has no business with: all but what the policy asks for, and
/// what was said to this request. It is decided on just as much.
fn leave_out_owner(view: &mut SubjectView) {
    let Around::Request { owner, scene, .. } = &mut view.around else {
        return;
    };
    let spoke = |key: &VerifyingKey| view.words.iter().any(|word| word.statement.author() == key);
    owner.devices.retain(spoke);
    owner.revoked.retain(spoke);
    owner.code_key = owner.code_key.filter(spoke);
    let rules = &view.policy.rules;
    scene
        .labels
        .retain(|name, _| rules.iter().any(|rule| rule.labels.contains_key(name)));
}

/// Tells whether the row of a request says of it what it says itself.
pub(super) fn is_row_of(row: &RequestRow, request: &Request) -> bool {
    row.owner == request.owner
        && row.device == request.device_key
        && row.keys == index::deposit_count(request)
}

/// Finds a request or a change by its statement.
pub(super) fn subject_row(
    store: &Snapshot<'_>,
    asked: StatementId,
) -> Result<Option<SubjectRow>, StoreError> {
    match log::find(store, asked)? {
        Some(entry) => store.subject_at(entry),
        None => Ok(None),
    }
}

/// Returns how many deposits come before a page.
fn index_of_page(page: u64) -> u64 {
    page.saturating_mul(strongroom_protocol::statement::Release::KEYS_MAX as u64)
}

//! What one key may have open at a time, so that nobody's flood is everybody's burden. By key, and so never shared: a stranger
//! uses up nothing of an owner's, nor one officer of another's. Keys cost nothing, so this bounds no stranger; that acts cost the
//! same however much is open is what does that.

use strongroom_protocol::Refusal;
use strongroom_protocol::id::Time;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::Subject;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::Statement;

use super::Service;
use crate::store::{Snapshot, StoreError, Stream};

/// How many requests a device may have open.
const REQUESTS_MAX: usize = 128;

/// How many changes of the policy in force a key may have open.
const CHANGES_MAX: usize = 32;

/// How much a key may say to a request or a change. Nobody has more to say than a word of each kind, and that some vetoes are
/// overruled.
const WORDS_MAX: usize = 16;

impl Service {
    /// Tells whether a device has as many requests open as it may. What lapsed is not open, though nobody recorded that yet.
    pub(super) fn has_too_many_requests(
        store: &Snapshot<'_>,
        device: &VerifyingKey,
        now: Time,
    ) -> Result<bool, StoreError> {
        // Some may have lapsed: the next look finds those behind them.
        let open = store.open_requests_by(device, u64::MAX)?;
        let open = open.iter().filter(|row| row.expires > now);
        Ok(open.count() >= REQUESTS_MAX)
    }

    /// Tells whether a key has as many changes open as it may.
    pub(super) fn has_too_many_changes(
        &self,
        store: &Snapshot<'_>,
        author: &VerifyingKey,
        now: Time,
    ) -> Result<bool, StoreError> {
        let stream = Stream::OpenChangesBy(store.reign(u64::MAX)?, *author);
        let open = store.stream(&stream, 0, u64::MAX)?;
        if open.len() < CHANGES_MAX {
            return Ok(false);
        }
        let mut count = 0;
        for index in open {
            let entry = match self.log.entry(store, index) {
                Ok(entry) => entry,
                Err(StoreError::Damaged(_)) => continue,
                Err(error) => return Err(error),
            };
            if let Statement::PolicyChange(change) = entry.statement().statement() {
                count += usize::from(change.expires > now);
            }
        }
        Ok(count >= CHANGES_MAX)
    }
}

/// Records a word, unless its author has said as much to this as anybody may.
pub(super) fn may_say_more(subject: &Subject, by: &VerifyingKey) -> Result<Outcome, Refusal> {
    let words = subject.words().iter();
    let theirs = words.filter(|word| word.statement.author() == by);
    if theirs.count() >= WORDS_MAX {
        return Err(Refusal::TooMany);
    }
    Ok(Outcome::Recorded)
}

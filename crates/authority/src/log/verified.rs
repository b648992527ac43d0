//! What of the log was verified here lately: the same bytes are not verified again. Not a copy of the log: what is asked for
//! is read from the store each time, and compared letter for letter.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_protocol::log::SignedCheckpoint;

use super::Entry;
use crate::store::EntryRow;

/// The newest checkpoint and a few entries that this process signed or verified.
#[derive(Default)]
pub(super) struct Verified(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    checkpoint: Option<SignedCheckpoint>,
    entries: VecDeque<Entry>,
}

impl Verified {
    /// A statement is looked at some times before it is answered, and so are those that it rests on.
    const ENTRIES_MAX: usize = 16;
    /// Longer ones are verified again: that takes no longer than copying them, beside what else is done with their keys.
    const STATEMENT_BYTES_MAX: usize = 1 << 16;

    /// Returns the checkpoint with this text, if it is the one that was kept last.
    pub(super) fn checkpoint(&self, text: &str) -> Option<SignedCheckpoint> {
        let kept = self.lock();
        let checkpoint = kept.checkpoint.as_ref();
        checkpoint.filter(|kept| kept.as_text() == text).cloned()
    }

    pub(super) fn keep_checkpoint(&self, checkpoint: SignedCheckpoint) {
        self.lock().checkpoint = Some(checkpoint);
    }

    /// Returns the entry of a row, if the row is what it was when the entry was kept.
    pub(super) fn entry(&self, row: &EntryRow) -> Option<Entry> {
        let kept = self.lock();
        kept.entries.iter().find(|entry| entry.is_in(row)).cloned()
    }

    /// Keeps an entry, in the place of the one that came the longest ago.
    pub(super) fn keep_entry(&self, entry: &Entry) {
        if entry.statement().as_bytes().len() > Self::STATEMENT_BYTES_MAX {
            return;
        }
        let mut kept = self.lock();
        if kept.entries.len() == Self::ENTRIES_MAX {
            kept.entries.pop_front();
        }
        kept.entries.push_back(entry.clone());
    }

    /// Whoever panicked here left it whole: each step is one operation on it.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

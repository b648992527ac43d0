//! Entries that were checked lately, so that one which is read again is compared with what was checked, byte by byte, and its
//! signatures are not verified again. Not a place that anything is read from: whoever asks brings what the store has now.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Entry;
use crate::store::EntryRow;

/// The entries that were asked for last, by their places.
pub(super) struct Verified(Mutex<State>);

#[derive(Default)]
struct State {
    /// Each with the turn in which it was asked for last.
    entries: HashMap<u64, (u64, Entry)>,
    /// The places by those turns.
    turns: BTreeMap<u64, u64>,
    turn: u64,
    /// Of the statements that are kept.
    bytes: usize,
}

impl Verified {
    /// How many bytes of statements are kept; in memory, read, each takes about four times its length. It is room for the
    /// longest that is asked for with every page, a request that names as many deposits as can be (2.2 MiB), and for what
    /// lies on the page beside it; and there is no use for more: pages follow the log, and leave what is behind them.
    const BYTES_MAX: usize = 4 << 20;

    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Returns the entry that these very bytes are, if they were checked.
    pub(super) fn find(&self, row: &EntryRow) -> Option<Entry> {
        let mut state = self.lock();
        let (_, entry) = state.entries.get(&row.index)?;
        let entry = entry.clone();
        if !entry.is(row) {
            return None;
        }
        state.keep(&entry);
        Some(entry)
    }

    /// Keeps an entry that was checked, in the place of those that nobody asked for the longest.
    pub(super) fn keep(&self, entry: &Entry) {
        self.lock().keep(entry);
    }

    /// Whoever panicked here left nothing that is not compared with the store when it is asked for.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, entry: &Entry) {
        self.take_out(entry.index());
        self.turn += 1;
        self.turns.insert(self.turn, entry.index());
        self.bytes += length(entry);
        let kept = (self.turn, entry.clone());
        self.entries.insert(entry.index(), kept);
        // The one that was asked for just now stays, however long it is.
        while self.bytes > Verified::BYTES_MAX && self.entries.len() > 1 {
            let Some((_, oldest)) = self.turns.first_key_value() else {
                return;
            };
            self.take_out(*oldest);
        }
    }

    fn take_out(&mut self, index: u64) {
        if let Some((turn, entry)) = self.entries.remove(&index) {
            self.turns.remove(&turn);
            self.bytes -= length(&entry);
        }
    }
}

fn length(entry: &Entry) -> usize {
    entry.statement().as_bytes().len()
}

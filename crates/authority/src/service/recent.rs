//! What was worked out of the log lately and stays true: a few of the last ones, so that memory is bounded. Not a place
//! for anything that can change.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The values that were kept last, by their keys.
pub(super) struct Recent<K, V>(Mutex<VecDeque<(K, Arc<V>)>>);

impl<K: PartialEq, V> Recent<K, V> {
    /// How many are kept.
    const KEPT_MAX: usize = 8;

    pub(super) fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// Returns the value of a key, if it is among them.
    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut kept = self.lock();
        let place = kept.iter().position(|(known, _)| known == key)?;
        let found = kept.remove(place)?;
        let value = found.1.clone();
        // The one that was asked for last goes last.
        kept.push_back(found);
        Some(value)
    }

    /// Keeps a value, in the place of the one that nobody asked for the longest.
    pub(super) fn keep(&self, key: K, value: Arc<V>) {
        let mut kept = self.lock();
        kept.retain(|(known, _)| *known != key);
        if kept.len() >= Self::KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((key, value));
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// Whoever panicked here left it whole: each step above is one operation on it.
    fn lock(&self) -> MutexGuard<'_, VecDeque<(K, Arc<V>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

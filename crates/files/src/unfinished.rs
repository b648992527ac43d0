//! What a signal that ends the process takes along: files under hidden names, folders that are not filled yet. A process
//! that is killed takes nothing along; what it leaves is cleared away by the next one.
//!
//! Signals are the whole process's, and so is this.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Remove = Box<dyn FnOnce() + Send>;

static UNFINISHED: Mutex<Registry> = Mutex::new(Registry {
    made: 0,
    removes: BTreeMap::new(),
});

struct Registry {
    made: u64,
    removes: BTreeMap<u64, Remove>,
}

/// Something on the disk that is not finished. Dropped when it is, or when it was removed.
pub struct Unfinished {
    number: u64,
}

impl Unfinished {
    /// Makes something, with what removes it. No signal comes between the two.
    ///
    /// # Errors
    ///
    /// What `make` says.
    pub fn begin<T, R: FnOnce() + Send + 'static, E>(
        make: impl FnOnce() -> Result<(T, R), E>,
    ) -> Result<(T, Self), E> {
        let mut registry = registry();
        let (made, remove) = make()?;
        registry.made += 1;
        let number = registry.made;
        registry.removes.insert(number, Box::new(remove));
        Ok((made, Self { number }))
    }
}

impl Unfinished {
    /// Does what finishes it, and where that fails, takes it away. A signal removes it before, or not at all.
    ///
    /// # Errors
    ///
    /// What `finish` says.
    pub fn finish<T, E>(self, finish: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut registry = registry();
        let finished = finish();
        let remove = registry.removes.remove(&self.number);
        if let (Err(_), Some(remove)) = (&finished, remove) {
            remove();
        }
        // What drops `self` takes the lock again.
        drop(registry);
        finished
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        registry().removes.remove(&self.number);
    }
}

impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfinished").finish_non_exhaustive()
    }
}

/// Removes all that is not finished. For the moment before the process ends: nothing is begun or finished any more while
/// what this returns is kept.
#[must_use = "what is being written goes on when this is dropped"]
pub fn remove_unfinished() -> Removed {
    let mut registry = registry();
    for remove in std::mem::take(&mut registry.removes).into_values() {
        remove();
    }
    Removed {
        _registry: registry,
    }
}

/// Keeps everybody from beginning or finishing something.
pub struct Removed {
    _registry: MutexGuard<'static, Registry>,
}

fn registry() -> MutexGuard<'static, Registry> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

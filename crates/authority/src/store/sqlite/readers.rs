//! The connections that read: so many at most, each taken by one at a time. Whoever comes then waits for one.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

use rusqlite::Connection;

use super::disk::{Access, check_at_rest, connect, waiting_for};
use super::{StoreError, lock};

/// The most that read at a time. Each has a cache and open files of its own, and a service has many more callers than
/// cores.
pub(super) const READERS_MAX: usize = 8;

pub(super) struct Readers {
    path: PathBuf,
    access: Access,
    state: Mutex<State>,
    /// Told whenever one is free again.
    freed: Condvar,
}

struct State {
    /// Those that are open and that nobody uses.
    idle: Vec<Connection>,
    in_use: usize,
}

impl Readers {
    pub(super) fn of(path: &Path, access: Access) -> Self {
        Self {
            path: path.to_owned(),
            access,
            state: Mutex::new(State {
                idle: Vec::new(),
                in_use: 0,
            }),
            freed: Condvar::new(),
        }
    }

    /// Begins to read: what is seen is the last commit before.
    pub(super) fn begin(&self) -> Result<Reader<'_>, StoreError> {
        let idle = {
            let busy = |state: &mut State| state.in_use >= READERS_MAX;
            let waited = self.freed.wait_while(lock(&self.state), busy);
            let mut state = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
            state.in_use += 1;
            state.idle.pop()
        };
        // From here on it is given back, whatever happens.
        let mut reader = Reader {
            readers: self,
            connection: idle,
        };
        check_at_rest(&self.path, self.access)?;
        let connection = match reader.connection.take() {
            Some(connection) => connection,
            None => connect(&self.path, self.access)?,
        };
        let connection = reader.connection.insert(connection);
        connection.execute_batch("BEGIN")?;
        // Nothing is seen before something is read; with a journal, that waits for whoever commits.
        waiting_for(
            connection,
            &self.path,
            "SELECT 1 FROM sqlite_schema LIMIT 1",
        )?;
        Ok(reader)
    }
}

/// A connection that somebody reads through, within a transaction.
pub(super) struct Reader<'r> {
    readers: &'r Readers,
    // Invariant: some, once it was begun.
    connection: Option<Connection>,
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        let connection = self.connection.as_ref();
        connection.expect("it is taken when this is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // Nothing was written. One that does not end is of no use to anybody else.
        let ended = |connection: &Connection| connection.execute_batch("ROLLBACK").is_ok();
        let connection = self.connection.take().filter(ended);
        let mut state = lock(&self.readers.state);
        state.in_use -= 1;
        state.idle.extend(connection);
        drop(state);
        self.readers.freed.notify_one();
    }
}

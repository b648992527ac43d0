//! What a replay of the log came to, kept in the map in parts. Not what it says: it is bytes here, and a claim as all rows
//! are.

use super::table::{Fields, Index, number, place};
use super::{ALL, Order};
use crate::store::{Key, Snapshot, StoreError, Writing};

/// As many bytes stand in a row.
const PART: usize = 1 << 16;

/// Returns the key under which is said what is kept.
pub(crate) fn kept_replay() -> Key {
    Index::KeptReplay.key(&[])
}

impl Snapshot<'_> {
    /// Returns how many entries were replayed in what is kept, and how many bytes that has; nothing is kept before the first.
    pub(crate) fn kept_replay_size(&self) -> Result<(u64, u64), StoreError> {
        let Some(row) = self.get(kept_replay())? else {
            return Ok((0, 0));
        };
        let mut fields = Fields::of(&row);
        let size = (fields.number()?, fields.number()?);
        fields.end()?;
        Ok(size)
    }

    /// Returns what is kept; no bytes, if nothing is.
    pub(crate) fn kept_replay(&self) -> Result<Vec<u8>, StoreError> {
        let parts = self.range(&Index::ReplayPart.span(&[]), Order::Forward, ALL)?;
        let parts: Vec<_> = parts.into_iter().map(|(_, part)| part).collect();
        Ok(parts.concat())
    }
}

impl Writing<'_> {
    /// Keeps what so many entries came to, in the place of what was kept.
    pub(crate) fn keep_replay(&self, size: u64, bytes: &[u8]) -> Result<(), StoreError> {
        for (key, _) in self.range(&Index::ReplayPart.span(&[]), Order::Forward, ALL)? {
            self.remove(key);
        }
        for (index, part) in (0..).zip(bytes.chunks(PART)) {
            self.put(Index::ReplayPart.key(&[&place(index)?]), part.to_vec());
        }
        let row = [number(size), number(bytes.len() as u64)].concat();
        self.put(kept_replay(), row);
        Ok(())
    }
}

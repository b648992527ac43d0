//! What of the authority's log was seen and is gone, because its owner accepted that it was restored.

use strongroom_protocol::id::Time;
use strongroom_protocol::log::SignedCheckpoint;

use super::{Home, HomeError};

/// A log that was accepted in place of the one seen: two checkpoints, both signed by the authority.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// When, by this machine's clock.
    pub time: Time,
    /// What was seen before.
    pub seen: SignedCheckpoint,
    /// What was pinned instead.
    pub now: SignedCheckpoint,
}

impl Home {
    /// Pins a checkpoint that does not extend the one seen, and keeps both. What the log has of this owner's is read again
    /// from the beginning.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written; then nothing has changed.
    pub fn accept(&mut self, accepted: &Accepted) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        transaction.execute(
            "INSERT INTO accepted (time, seen, now) VALUES (?1, ?2, ?3)",
            (
                accepted.time.as_millis().cast_signed(),
                accepted.seen.as_text(),
                accepted.now.as_text(),
            ),
        )?;
        transaction.execute("UPDATE authority SET seen = ?1", (accepted.now.as_text(),))?;
        Self::forget_places(&transaction)?;
        transaction.commit()?;
        *self.seen.get_mut() = Some(accepted.now.clone());
        Ok(())
    }

    /// Returns what was accepted, the first first.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn accepted(&self) -> Result<Vec<Accepted>, HomeError> {
        let Some(membership) = self.membership()? else {
            return Ok(Vec::new());
        };
        let founding = &membership.founding;
        let parse = |text: String| {
            SignedCheckpoint::parse(&text, founding.authority(), &founding.found().log_key)
                .map_err(|_| HomeError::Damaged { what: "checkpoint" })
        };
        let mut rows = self
            .database
            .prepare("SELECT time, seen, now FROM accepted ORDER BY made")?;
        let rows = rows.query_map((), |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?))
        })?;
        rows.map(|row| {
            let (time, seen, now) = row?;
            Ok(Accepted {
                time: Time::from_millis(time.cast_unsigned()),
                seen: parse(seen)?,
                now: parse(now)?,
            })
        })
        .collect()
    }
}

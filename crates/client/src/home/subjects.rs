//! Questions to the replica about requests and changes of the policy: which are open, and what the log says happened.

use rusqlite::OptionalExtension;
use strongroom_protocol::id::{Digest, StatementId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::SubjectState;
use strongroom_protocol::statement::{Request, SignedStatement, Statement, Verdict};

use super::devices::DeviceId;
use super::{Home, HomeError, Membership, parse_statement};

/// A request for the owner's keys that can be stopped still.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// Its id.
    pub id: StatementId,
    /// What it asks.
    pub request: Request,
    /// When the authority recorded it.
    pub recorded: Time,
    /// Whether it was approved, and not all of its keys have left.
    pub approved: bool,
}

impl Home {
    /// Returns the requests for the owner's keys that are neither over nor by the device `ours`, as of `now`.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn open_requests(
        &self,
        membership: &Membership,
        ours: Option<&VerifyingKey>,
        now: Time,
    ) -> Result<Vec<OpenRequest>, HomeError> {
        let mut rows = self.database.prepare(
            "SELECT statement.bytes, statement.time, verdict IS NOT NULL
             FROM subject JOIN statement ON statement.number = subject.statement
             WHERE owner = ?1 AND device IS NOT ?2 AND expires > ?3 AND entry IS NOT NULL
                 AND (verdict IS NULL OR verdict = 'approved' AND answered < keys)
             ORDER BY entry",
        )?;
        let rows = rows.query_map(
            (
                membership.owner.as_bytes(),
                ours.map(VerifyingKey::as_bytes),
                now.as_millis().cast_signed(),
            ),
            |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, bool>(2)?,
                ))
            },
        )?;
        let mut open = Vec::new();
        for row in rows {
            let (bytes, time, approved) = row?;
            let signed = parse_statement(&bytes)?;
            let Statement::Request(request) = signed.statement() else {
                return Err(HomeError::Damaged { what: "request" });
            };
            open.push(OpenRequest {
                id: signed.id(),
                request: (**request).clone(),
                recorded: Time::from_millis(time.cast_unsigned()),
                approved,
            });
        }
        Ok(open)
    }

    /// Returns where a request or a change stands, by the entries that were read: one that nobody has spoken to since its
    /// time is out is still requested.
    pub(crate) fn subject_state(&self, digest: Digest) -> Result<SubjectState, HomeError> {
        let row: Option<(Option<String>, bool)> = self
            .database
            .prepare_cached("SELECT verdict, owner IS NOT NULL AND answered >= keys FROM subject WHERE digest = ?1")?
            .query_row((digest.as_bytes(),), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((Some(text), is_answered)) = row else {
            return Ok(SubjectState::Requested);
        };
        let verdicts = [
            Verdict::Approved,
            Verdict::Denied,
            Verdict::Vetoed,
            Verdict::Lapsed,
        ];
        let verdict = verdicts
            .into_iter()
            .find(|verdict| verdict.as_str() == text);
        let verdict = verdict.ok_or(HomeError::Damaged { what: "verdict" })?;
        Ok(if verdict == Verdict::Approved && is_answered {
            SubjectState::Released
        } else {
            SubjectState::Decided(verdict)
        })
    }

    /// Calls `each` with the statements that the log has of the owner's, and their places in it, in the log's order; of a
    /// deposit only with its author and the number of its keys that are kept.
    pub(crate) fn each_entry<E: From<HomeError>>(
        &self,
        each: &mut dyn FnMut(u64, EntryContent) -> Result<(), E>,
    ) -> Result<(), E> {
        // Statements of deposits are long, and nothing else in them is asked for: they are not read.
        let mut rows = self
            .database
            .prepare(
                "SELECT entry, CASE kind WHEN ?1 THEN NULL ELSE bytes END, author,
                        (SELECT count(*) FROM deposit WHERE statement = statement.number)
                 FROM statement WHERE entry IS NOT NULL ORDER BY entry",
            )
            .map_err(HomeError::from)?;
        let deposit = strongroom_protocol::statement::Kind::Deposit.code();
        let mut rows = rows
            .query((deposit.cast_signed(),))
            .map_err(HomeError::from)?;
        while let Some(row) = rows.next().map_err(HomeError::from)? {
            let entry: i64 = row.get(0).map_err(HomeError::from)?;
            let bytes: Option<Vec<u8>> = row.get(1).map_err(HomeError::from)?;
            let author: [u8; 32] = row.get(2).map_err(HomeError::from)?;
            let keys: i64 = row.get(3).map_err(HomeError::from)?;
            let content = match bytes {
                Some(bytes) => EntryContent::Statement(Box::new(parse_statement(&bytes)?)),
                None => EntryContent::Deposit {
                    keys: keys.cast_unsigned(),
                    by: DeviceId::from_bytes(author),
                },
            };
            each(entry.cast_unsigned(), content)?;
        }
        Ok(())
    }
}

/// What an entry of the owner's is.
pub(crate) enum EntryContent {
    /// A deposit.
    Deposit {
        /// Of how many keys that are kept.
        keys: u64,
        /// By which device.
        by: DeviceId,
    },
    /// Any other statement.
    Statement(Box<SignedStatement>),
}

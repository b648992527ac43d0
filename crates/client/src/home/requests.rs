//! Recovery requests and what was released on them, kept until it is used, and after.

use rusqlite::OptionalExtension;
use strongroom_protocol::ReleasePage;
use strongroom_protocol::id::Serial;
use strongroom_protocol::session_key::BlindedKey;
use strongroom_protocol::statement::{
    DepositLabel, Particulars, Request, SignedStatement, Statement,
};
use strongroom_protocol::wrap::SecretKey;
use zeroize::Zeroizing;

use super::deposits::{Matched, insert_matched};
use super::{Home, HomeError, parse_statement};
use crate::released::OpenPages;

/// A recovery request that this home made.
pub struct PendingRequest {
    statement: SignedStatement,
    request: Request,
    release_key: SecretKey,
    complete: bool,
}

impl PendingRequest {
    /// Takes a request and the secret half of the key it names.
    #[must_use]
    pub fn new(statement: SignedStatement, release_key: SecretKey) -> Option<Self> {
        let Statement::Request(request) = statement.statement() else {
            return None;
        };
        let request = (**request).clone();
        Some(Self {
            statement,
            request,
            release_key,
            complete: false,
        })
    }

    /// Returns the request as signed.
    #[must_use]
    pub fn statement(&self) -> &SignedStatement {
        &self.statement
    }

    /// Returns what it asks.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the key that keys are released to.
    #[must_use]
    pub fn release_key(&self) -> &SecretKey {
        &self.release_key
    }

    /// Tells whether everything it was approved for is in the home.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// A page of released keys that was verified.
pub(crate) struct VerifiedPage<'p> {
    /// Which of the request's, from 0.
    pub(crate) number: u64,
    /// Whether nothing is left to be answered behind it.
    pub(crate) is_last: bool,
    pub(crate) released: &'p ReleasePage,
    /// Of the keys that opened.
    pub(crate) serials: &'p [Serial],
}

/// A session key that came back.
pub struct ReleasedKey {
    /// What it was deposited as.
    pub label: DepositLabel,
    /// What was said of it, with the secret that rides along.
    pub particulars: Particulars,
    /// The key, which matched its commitment; of an unproven blob, as the label says it is, any key.
    pub key: BlindedKey,
}

impl Home {
    /// Keeps a request, before it is submitted.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn record_request(&mut self, request: &PendingRequest) -> Result<(), HomeError> {
        self.database.execute(
            "INSERT INTO request (id, bytes, seed, made)
             VALUES (?1, ?2, ?3, (SELECT count(*) FROM request))",
            (
                request.statement.id().as_bytes(),
                request.statement.as_bytes(),
                &request.release_key.expose_seed()[..],
            ),
        )?;
        Ok(())
    }

    /// Returns the requests of this home, the newest first.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn requests(&self) -> Result<Vec<PendingRequest>, HomeError> {
        let mut rows = self
            .database
            .prepare("SELECT bytes, seed, pages IS NOT NULL FROM request ORDER BY made DESC")?;
        let rows = rows.query_map((), |row| {
            let seed: Zeroizing<[u8; SecretKey::SEED_BYTES]> = Zeroizing::new(row.get(1)?);
            Ok((row.get::<_, Vec<u8>>(0)?, seed, row.get::<_, bool>(2)?))
        })?;
        rows.map(|row| {
            let (bytes, seed, complete) = row?;
            let mut request =
                PendingRequest::new(parse_statement(&bytes)?, SecretKey::from_seed(&seed))
                    .ok_or(HomeError::Damaged { what: "request" })?;
            request.complete = complete;
            Ok(request)
        })
        .collect()
    }

    /// Forgets a request on which nothing will come any more.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn forget_request(&mut self, request: &PendingRequest) -> Result<(), HomeError> {
        self.database.execute(
            "DELETE FROM request WHERE id = ?1 AND decision IS NULL",
            (request.statement.id().as_bytes(),),
        )?;
        Ok(())
    }

    /// Returns how many pages of a request's release are in the home.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn release_pages(&self, request: &PendingRequest) -> Result<u64, HomeError> {
        let pages: i64 = self.database.query_row(
            "SELECT count(*) FROM release WHERE request = ?1",
            (request.statement.id().as_bytes(),),
            |row| row.get(0),
        )?;
        Ok(pages.cast_unsigned())
    }

    /// Keeps a page of released keys, which the caller has verified, with what was seen to match once they were opened.
    ///
    /// # Errors
    ///
    /// The home can't be written; then nothing of it is there.
    pub(crate) fn record_release(
        &mut self,
        request: &PendingRequest,
        page: &VerifiedPage<'_>,
        matched: &[Matched],
    ) -> Result<(), HomeError> {
        *self.open_pages.get_mut() = OpenPages::default();
        let id = request.statement.id();
        let (number, serials) = (page.number, page.serials);
        let transaction = self.database.transaction()?;
        let owner: [u8; 32] =
            transaction.query_row("SELECT owner FROM authority", (), |row| row.get(0))?;
        transaction.execute(
            "INSERT OR REPLACE INTO release (request, page, bytes) VALUES (?1, ?2, ?3)",
            (
                id.as_bytes(),
                number.cast_signed(),
                page.released.release.statement.as_bytes(),
            ),
        )?;
        // Serials are unique among one owner's deposits only: somebody else's never takes the place of ours.
        let or = if request.request.owner.as_bytes() == &owner {
            "REPLACE"
        } else {
            "IGNORE"
        };
        let mut insert = transaction.prepare(&format!(
            "INSERT OR {or} INTO released (serial, request, page) VALUES (?1, ?2, ?3)"
        ))?;
        for serial in serials {
            insert.execute((serial.as_bytes(), id.as_bytes(), number.cast_signed()))?;
        }
        drop(insert);
        for matched in matched {
            insert_matched(&transaction, matched)?;
        }
        transaction.execute(
            "UPDATE request SET decision = ?2 WHERE id = ?1",
            (id.as_bytes(), page.released.decision.statement.as_bytes()),
        )?;
        if page.is_last {
            transaction.execute(
                "UPDATE request SET pages = ?2 WHERE id = ?1",
                (id.as_bytes(), number.cast_signed() + 1),
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Returns the serials of all keys that were released to this home.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn released_serials(&self) -> Result<Vec<Serial>, HomeError> {
        let mut rows = self
            .database
            .prepare("SELECT serial FROM released ORDER BY request, page")?;
        let rows = rows.query_map((), |row| row.get(0).map(Serial::from_bytes))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Finds the page that a released key is on, if it was released.
    pub(crate) fn released_on(&self, serial: Serial) -> Result<Option<([u8; 32], u64)>, HomeError> {
        let place = self
            .database
            .prepare_cached("SELECT request, page FROM released WHERE serial = ?1")?
            .query_row((serial.as_bytes(),), |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
            });
        Ok(place.optional()?)
    }

    /// Returns a page of released keys with the secret key that opens it.
    pub(crate) fn release_page(
        &self,
        request: &[u8; 32],
        page: u64,
    ) -> Result<(SignedStatement, SecretKey), HomeError> {
        let (bytes, seed) = self.database.query_row(
            "SELECT release.bytes, request.seed FROM release JOIN request ON request.id = release.request
             WHERE release.request = ?1 AND release.page = ?2",
            (request, page.cast_signed()),
            |row| {
                let seed: Zeroizing<[u8; SecretKey::SEED_BYTES]> = Zeroizing::new(row.get(1)?);
                Ok((row.get::<_, Vec<u8>>(0)?, seed))
            },
        )?;
        Ok((parse_statement(&bytes)?, SecretKey::from_seed(&seed)))
    }
}

//! A home that was begun and is nobody's yet: by whom it was, and whether it may begin anew (spec/home.md#founding).

use super::{Home, HomeError};

impl Home {
    /// Records that `init` began this home, before anything is chosen in it.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn record_begun_by_init(&mut self) -> Result<(), HomeError> {
        self.database
            .execute("INSERT OR IGNORE INTO begun_by_init (one) VALUES (1)", ())?;
        Ok(())
    }

    /// Tells whether `init` began this home.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_begun_by_init(&self) -> Result<bool, HomeError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM begun_by_init)";
        Ok(self.database.query_row(sql, (), |row| row.get(0))?)
    }

    /// Records that somebody named where this home's authority is, before anything is tried there.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn record_place_named(&mut self) -> Result<(), HomeError> {
        self.database
            .execute("INSERT OR IGNORE INTO place_named (one) VALUES (1)", ())?;
        Ok(())
    }

    /// Tells whether somebody named where this home's authority is.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_place_named(&self) -> Result<bool, HomeError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM place_named)";
        Ok(self.database.query_row(sql, (), |row| row.get(0))?)
    }

    /// Forgets with which authority this home was to be, where nothing came of it, and what was asked of it.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn forget_authority(&mut self) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        transaction.execute_batch(
            "DELETE FROM unread; DELETE FROM device; DELETE FROM invitation; DELETE FROM subject; DELETE FROM statement; DELETE FROM request;
             DELETE FROM authority",
        )?;
        transaction.commit()?;
        self.forget_membership();
        *self.seen.get_mut() = None;
        Ok(())
    }

    /// Tells whether nothing that this home's owner did is in it: no key, no released keys, no code that the authority took, and
    /// no statement but requests of this home's. Such a one shows nothing: whoever has an owner's id can send it.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_unused(&self) -> Result<bool, HomeError> {
        let known = self.membership()?;
        let sql =
            "SELECT NOT EXISTS (SELECT 1 FROM statement WHERE id NOT IN (SELECT id FROM request))
                      AND NOT EXISTS (SELECT 1 FROM release)";
        let says_nothing: bool = self.database.query_row(sql, (), |row| row.get(0))?;
        let is_recovered = known.is_some_and(|known| known.code_key.is_some());
        let has_key = self.identity_path().exists();
        Ok(says_nothing && !is_recovered && !has_key)
    }
}

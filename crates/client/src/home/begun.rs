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

    /// Forgets with which authority this home was to be, where nothing was said to it yet.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn forget_authority(&mut self) -> Result<(), HomeError> {
        self.database.execute("DELETE FROM authority", ())?;
        self.forget_membership();
        *self.seen.get_mut() = None;
        Ok(())
    }

    /// Tells whether nothing that this home's owner did is in it: no key, no statement, and no request or code that the
    /// authority took.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_unused(&self) -> Result<bool, HomeError> {
        let known = self.membership()?;
        let sql =
            "SELECT NOT EXISTS (SELECT 1 FROM statement) AND NOT EXISTS (SELECT 1 FROM request)";
        let says_nothing: bool = self.database.query_row(sql, (), |row| row.get(0))?;
        let is_recovered = known.is_some_and(|known| known.code_key.is_some());
        let has_key = self.identity_path().exists();
        Ok(says_nothing && !is_recovered && !has_key)
    }
}

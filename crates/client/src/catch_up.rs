//! Catching up: what is new in the log for this home's owner is read when a client connects, verified, and taken up into
//! the replica, page by page. Stopped anywhere, it goes on where it was.

use strongroom_protocol::{QueryError, Select};

use crate::client::Client;
use crate::connection::{EntriesPage, ExchangeError};
use crate::home::Taken;

impl Client<'_> {
    /// Reads the owner's entries that this home has not read, up to the end of the log. `watch` is told up to which index, and
    /// of how many.
    ///
    /// A device that the log does not know as the owner's, as before a recovery is approved, or that was revoked, is shown
    /// nothing, and there is nothing to catch up with.
    ///
    /// # Errors
    ///
    /// What the authority shows does not hold, or it can't be reached.
    pub fn catch_up(&mut self, watch: &mut dyn FnMut(u64, u64)) -> Result<Taken, ExchangeError> {
        let from = self.home.read_up_to()?;
        let size = self.connection.seen().checkpoint().size;
        let mut all = Taken::default();
        self.is_shown = !self.is_revoked()?;
        // The pages are asked for as they are taken up: the home is not borrowed between.
        let owner = Select::Owner(self.membership.owner);
        for page in self.connection.entries(owner, from) {
            let page = match page {
                Err(ExchangeError::Query(QueryError::NotFound)) => {
                    self.may_be_unknown()?;
                    self.is_shown = false;
                    return Ok(all);
                }
                page => page?,
            };
            self.check_times(&page)?;
            let taken = self
                .home
                .take_page(&page, &self.connection.seen())
                .map_err(ExchangeError::near(page.from))?;
            all.entries += taken.entries;
            all.verified += taken.verified;
            all.mismatched += taken.mismatched;
            watch(page.next.min(size), size);
        }
        Ok(all)
    }

    /// Reads all of the owner's entries again, as [`Self::catch_up`] does what is new: what the authority could read once, it
    /// may have lost.
    ///
    /// # Errors
    ///
    /// As of [`Self::catch_up`].
    pub fn read_again(&mut self, watch: &mut dyn FnMut(u64, u64)) -> Result<Taken, ExchangeError> {
        self.home.read_again()?;
        self.catch_up(watch)
    }

    /// A device that the log made the owner's is not unknown, unless it was revoked since: who says so hides what others do in
    /// the owner's name, or hides that very word, which only the owner's other machines can tell.
    fn may_be_unknown(&self) -> Result<(), ExchangeError> {
        let device = self.home.device_key().ok();
        let is_known = device.map(|key| self.home.is_device(&key.verifying_key()));
        if is_known.transpose()?.unwrap_or(false) {
            return Err(ExchangeError::Hidden);
        }
        Ok(())
    }

    /// Time goes forward in the log.
    fn check_times(&self, page: &EntriesPage) -> Result<(), ExchangeError> {
        let mut last = self.home.time_before(page.from)?;
        for entry in &page.entries {
            let said = &entry.acknowledgement;
            if said.time() < last {
                return Err(ExchangeError::Time {
                    entry: said.index(),
                });
            }
            last = said.time();
        }
        Ok(())
    }
}

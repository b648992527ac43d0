//! Filling an authority that was restored from a backup: what its log has lost is sent again from the home, byte for byte
//! (spec/authority.md#accepting).

use strongroom_protocol::id::{Serial, StatementId};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::Statement;
use strongroom_protocol::{Authority, Listed, Recorded, Refusal, SubmitError};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{Home, HomeError};

/// What a home and its authority's log have come to have in common.
#[derive(Debug, Default)]
pub struct Synced {
    /// Whether the owner had to be enrolled again.
    pub enrolled: bool,
    /// How many deposit statements the log had.
    pub present: u64,
    /// How many deposit statements the log has now that another device of the owner's made.
    pub by_others: u64,
    /// How many entries it could not read, and can again.
    pub mended: u64,
    /// How many statements were sent that the log did not have.
    pub sent: u64,
    /// How many words on devices were not sent: the log does not have those devices as the owner's any more, or has newer names.
    pub moot: u64,
    /// How many entries of the owner's the authority can't read.
    pub unread: u64,
    /// What the authority would not have back.
    pub unsent: Vec<Unsent>,
}

/// Something that is not in the log, and can't be put there.
#[derive(Debug)]
pub enum Unsent {
    /// A statement was refused whole.
    Refused {
        /// The statement.
        statement: StatementId,
        /// Why.
        refusal: Refusal,
    },
    /// One key of a statement was not kept.
    NotKept {
        /// Its serial number.
        serial: Serial,
        /// What the authority said of it.
        state: DepositState,
    },
}

impl Client<'_> {
    /// Reads all of the owner's entries again, gives back those that the authority has lost or can't read, and sends what its
    /// log does not have: first the owner's enrolment, then the owner's deposits and words in the order in which they were
    /// recorded, whichever of the owner's machines made them. Each receipt is verified and kept before the next is sent;
    /// stopped anywhere, it goes on the next time. Sending again changes nothing of what is newest under a name. `watch` is
    /// told how far it has read, of the whole log, and then how many are there, of how many.
    ///
    /// # Errors
    ///
    /// What the authority says does not hold. What it refuses is in what is returned.
    pub fn sync(&mut self, watch: &mut dyn FnMut(u64, u64)) -> Result<Synced, SyncError> {
        self.read_again(watch)?;
        let mut synced = Synced::default();
        let unread = self.home.unread_count()?;
        if unread > 0 {
            give_back(self.home, self.connection.authority(), true)?;
            self.read_again(watch)?;
            synced.mended = unread.saturating_sub(self.home.unread_count()?);
        }
        // A device that a log put back does not know is shown nothing, and learns only by sending what is there still.
        let size = self.connection.seen().checkpoint().size;
        synced.enrolled = self.sync_enrolment(size)?;
        synced.present = self.home.present_statements_count()?;
        let lost = self.home.lost_statements()?;
        let total = synced.present + lost.len() as u64;
        for (done, id) in (synced.present + 1..).zip(lost) {
            self.send_again(id, size, &mut synced)?;
            watch(done, total);
        }
        synced.unread = self.home.unread_count()?;
        synced.by_others = self.home.deposits_by_others()?;
        Ok(synced)
    }

    fn sync_enrolment(&mut self, size: u64) -> Result<bool, SyncError> {
        // A home that was rebuilt from a sheet has not the enrolment; a recovery makes its device the owner's again.
        let enrolment = self.home.enrolment()?;
        let Some(enrolment) = enrolment.filter(|_| self.is_enrolled()) else {
            return Ok(false);
        };
        if self.home.entry_of(enrolment.id())?.is_some() {
            return Ok(false);
        }
        Ok(self.submit(enrolment)?.acknowledgement.index() >= size)
    }

    fn send_again(
        &mut self,
        id: StatementId,
        size: u64,
        synced: &mut Synced,
    ) -> Result<(), SyncError> {
        let (statement, _) = self.home.statement(id)?;
        if let Statement::Device(said) = statement.statement()
            && self.home.is_moot(id, said, self.clock.now())?
        {
            synced.moot += 1;
            return Ok(());
        }
        let is_mended = self.home.entry_of(id)?.is_some();
        let entry = match self.submit(statement) {
            Ok(entry) => entry,
            Err(ExchangeError::Submit(SubmitError::Refused(refusal))) => {
                let statement = id;
                synced.unsent.push(Unsent::Refused { statement, refusal });
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if entry.acknowledgement.index() < size {
            synced.present += 1;
            synced.mended += u64::from(is_mended);
        } else {
            synced.sent += 1;
        }
        if let Statement::Deposit(deposit) = entry.statement.statement() {
            let states = entry.acknowledgement.states();
            for (key, state) in deposit.keys().iter().zip(states) {
                let (serial, state) = (key.label.serial, *state);
                if !state.is_kept() {
                    synced.unsent.push(Unsent::NotKept { serial, state });
                }
            }
        }
        Ok(())
    }
}

/// Gives back all that a home has read of its authority's log, where that is lost or damaged there: for an authority with
/// which no connection comes to be, as it does not know its owner any more, say. Returns how many entries were put back.
///
/// # Errors
///
/// The home can't be read, or the authority can't be reached or can't work.
pub fn give_back_all(home: &Home, authority: &dyn Authority) -> Result<u64, SyncError> {
    give_back(home, authority, false)
}

/// Gives back what a home has read, or those entries of it alone that the authority could not read.
fn give_back(home: &Home, authority: &dyn Authority, only_unread: bool) -> Result<u64, SyncError> {
    let mut put_back = 0;
    let mut from = 0;
    loop {
        let entries = home.recorded(from, Recorded::PAGE_ITEMS, only_unread)?;
        let Some(last) = entries.last() else {
            return Ok(put_back);
        };
        from = last.receipt.index() + 1;
        put_back += authority.mend(&entries).map_err(ExchangeError::from)?;
    }
}

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
}

//! An owner at work with their authority: a home, a verified connection, a clock and a source of randomness.

use rand_core::CryptoRng;
use strongroom_protocol::Authority;
use strongroom_protocol::id::{Clock, Serial};
use strongroom_protocol::statement::SignedStatement;

use crate::connection::{Connection, ExchangeError, Greeting};
use crate::home::{Entry, Home, HomeError, Membership, Observations};

/// What an owner does that takes the authority.
///
/// What takes only the home or only a file is there without one: [`Home::repair`](crate::home::Home::repair),
/// [`rewrap`](crate::rewrap), [`decrypt`](crate::decrypt).
pub struct Client<'a> {
    pub(crate) home: &'a mut Home,
    pub(crate) membership: Membership,
    pub(crate) connection: Connection<'a>,
    /// Whether the authority shows this device the owner's entries.
    pub(crate) is_shown: bool,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) rng: &'a mut dyn CryptoRng,
}

impl<'a> Client<'a> {
    /// Connects to the authority that the home is with, and [catches up](Self::catch_up) with its log.
    ///
    /// # Errors
    ///
    /// The home is with none, or the authority does not prove to be the one, or shows what can't be true.
    pub fn connect(
        home: &'a mut Home,
        authority: &'a dyn Authority,
        clock: &'a dyn Clock,
        rng: &'a mut dyn CryptoRng,
    ) -> Result<Self, ConnectError> {
        Self::connect_watched(home, authority, clock, rng, &mut |_, _| {})
    }

    /// Does as [`Self::connect`], and tells `watch` up to which entry the log was read, and of how many.
    ///
    /// # Errors
    ///
    /// As of [`Self::connect`].
    pub fn connect_watched(
        home: &'a mut Home,
        authority: &'a dyn Authority,
        clock: &'a dyn Clock,
        rng: &'a mut dyn CryptoRng,
        watch: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, ConnectError> {
        let greeting = Greeting::of(authority)?;
        home.recognise(&greeting)?;
        let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
        let seen = home.seen()?;
        let connection = greeting.verify(&membership.founding, seen.as_ref())?;
        let mut client = Self {
            home,
            membership,
            connection,
            is_shown: true,
            clock,
            rng,
        };
        match client.record_new(watch) {
            Err(ExchangeError::Home(HomeError::Full)) if client.home.becomes_copy()? => {
                client.record_new(watch)?;
            }
            recorded => recorded?,
        }
        Ok(client)
    }

    fn record_new(&mut self, watch: &mut dyn FnMut(u64, u64)) -> Result<(), ExchangeError> {
        self.catch_up(watch)?;
        // Where there was nothing to take up with it.
        Ok(self.home.record_seen(&self.connection.seen())?)
    }

    /// Returns the home.
    #[must_use]
    pub fn home(&self) -> &Home {
        self.home
    }

    /// Returns the source of randomness.
    pub fn rng(&mut self) -> &mut impl CryptoRng {
        &mut self.rng
    }

    /// Tells whether the home has caught up with the log: the authority shows the owner's entries to the owner's devices, and
    /// this one may not be one, or not yet.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.is_shown
    }

    /// Returns the authority, as verified.
    #[must_use]
    pub fn connection(&self) -> &Connection<'a> {
        &self.connection
    }

    /// Returns which authority this is with, and as whom.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Tells whether the owner must be enrolled still.
    pub(crate) fn is_enrolled(&self) -> bool {
        self.membership.enrolled
    }

    /// Submits a statement, and records it in the home once its receipt is verified.
    pub(crate) fn submit(&mut self, statement: SignedStatement) -> Result<Entry, ExchangeError> {
        let entry = self.connection.submit(statement)?;
        self.record(&entry, Observations::default())?;
        Ok(entry)
    }

    /// Records what was submitted, with what this home saw of it.
    pub(crate) fn record(
        &mut self,
        entry: &Entry,
        observed: Observations<'_>,
    ) -> Result<(), ExchangeError> {
        let said = &entry.acknowledgement;
        if said.time() < self.home.time_before(said.index())? {
            return Err(ExchangeError::Time {
                entry: said.index(),
            });
        }
        Ok(self.home.record_own(entry, observed)?)
    }

    pub(crate) fn generate_serial(&mut self) -> Serial {
        Serial::generate(&mut self.rng)
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The home is with no authority yet.
    #[error("this home is with no authority yet")]
    NoAuthority,
}

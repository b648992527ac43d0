//! Enrolment: how a home gets its keys, its owner and its recovery code (spec/home.md#enrolment).
//!
//! In this order, each durable before the next: the home with the authority and the owner's id; `identity.txt`; the
//! code, wherever the caller keeps it; `device.key`; the enrolment statement; its receipt. A crash between two of
//! them leaves a home that [`Enrolling::resume`] finishes: nobody is enrolled under a code that was never written down.

use rand_core::CryptoRng;
use strongroom_agefile::KeyType;
use strongroom_protocol::code::{NoMemory, RecoveryCode};
use strongroom_protocol::id::{Clock, OwnerId};
use strongroom_protocol::statement::{Enroll, SignedStatement};
use strongroom_protocol::{Authority, QueryError};

use crate::address::Address;
use crate::connection::{Connection, ExchangeError};
use crate::home::{Home, HomeError, KeysError, Membership, Observations};

/// A home whose owner is not enrolled yet.
pub struct Enrolling {
    membership: Membership,
}

impl Enrolling {
    /// Begins: pins the authority that answers at `address`, and makes the owner's id and keys.
    ///
    /// # Errors
    ///
    /// Says what can't be made; a later [`Self::resume`] takes up what was.
    pub fn begin(
        home: &mut Home,
        address: &Address,
        authority: &dyn Authority,
        key_type: KeyType,
        clock: &dyn Clock,
        mut rng: &mut dyn CryptoRng,
    ) -> Result<Self, EnrollError> {
        let founding = authority.about()?.founding;
        home.join(address, &founding, OwnerId::generate(&mut rng), false)?;
        home.ensure_identity(key_type, clock.now(), &mut rng)?;
        Self::resume(home)?.ok_or(EnrollError::Enrolled)
    }

    /// Takes up an enrolment that was begun; there is none to take up in a home that is enrolled.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn resume(home: &Home) -> Result<Option<Self>, EnrollError> {
        let membership = home.membership()?;
        Ok(membership
            .filter(|membership| !membership.enrolled)
            .map(|membership| Self { membership }))
    }

    /// Returns with whom and as whom.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Tells whether the code is settled: its public key is in a statement that may have been sent. The code was
    /// written down before that.
    #[must_use]
    pub fn has_code(&self) -> bool {
        self.membership.is_code_settled
    }

    /// Settles on a recovery code, which the caller has written down where its owner will find it.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn settle_code(
        &mut self,
        home: &mut Home,
        code: &RecoveryCode,
        clock: &dyn Clock,
        mut rng: &mut dyn CryptoRng,
    ) -> Result<(), EnrollError> {
        let authority = self.membership.founding.authority();
        let device = home.ensure_device_key(&mut rng)?;
        let code_key = code.signing_key(authority)?.verifying_key();
        let enrolment = SignedStatement::sign(
            Enroll {
                authority,
                owner: self.membership.owner,
                device_key: device.verifying_key(),
                code_key,
                created: clock.now(),
            },
            &device,
        );
        home.record_enrolment(&enrolment, &code_key)?;
        self.membership.is_code_settled = true;
        Ok(())
    }

    /// Submits the enrolment, and verifies its receipt.
    ///
    /// # Errors
    ///
    /// Says so when the code is not settled, or what the authority says does not hold.
    pub fn finish(self, home: &mut Home, authority: &dyn Authority) -> Result<(), EnrollError> {
        let enrolment = home.enrolment()?.ok_or(EnrollError::NoCode)?;
        let seen = home.seen()?;
        let connection = Connection::open(authority, &self.membership.founding, seen.as_ref())?;
        let entry = connection.submit(enrolment)?;
        home.record_own(&entry, Observations::default())?;
        Ok(home.record_enrolled(None)?)
    }
}

/// Makes a home for an owner who lost theirs, from what the recovery sheet says. A recovery then adds this device.
///
/// # Errors
///
/// Says so when another authority answers, or the home can't be made.
pub fn rejoin(
    home: &mut Home,
    address: &Address,
    authority: &dyn Authority,
    owner: OwnerId,
    expected: strongroom_protocol::id::AuthorityId,
) -> Result<(), EnrollError> {
    let founding = authority.about()?.founding;
    let found = founding.authority();
    if found != expected {
        return Err(ExchangeError::OtherAuthority { expected, found }.into());
    }
    // In one step: a home in which the owner seems not to be enrolled would be given another code.
    Ok(home.join(address, &founding, owner, true)?)
}

/// Why an owner is not enrolled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrollError {
    /// The authority can't be asked who it is.
    #[error(transparent)]
    About(#[from] QueryError),
    /// The home's owner is enrolled already.
    #[error("this home is enrolled already")]
    Enrolled,
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A key can't be made or read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There is not the memory that a code takes.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// There is no recovery code yet.
    #[error("the recovery code is not settled")]
    NoCode,
}

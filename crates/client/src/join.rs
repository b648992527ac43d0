//! Joining: how a home becomes another machine of an owner's, by an invitation (spec/invitation.md#joining).
//!
//! In this order, each durable before the next: the home with the authority that is pinned, the owner's id, and this device's
//! word that it joins; `device.key`; that word's receipt; the identity; that the home is finished. A crash between two of them
//! is taken up with the same invitation: the same bytes are sent, or, where there is no `device.key`, others for the first time.
//! Where the authority refuses, nothing that opens a file is here.

use rand_core::CryptoRng;
use strongroom_protocol::id::Clock;
use strongroom_protocol::invitation::Invitation;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::statement::{Device, DeviceName, DeviceWord, SignedStatement, Statement};
use strongroom_protocol::{Authority, QueryError};

use crate::address::Address;
use crate::connection::{Connection, ExchangeError};
use crate::home::{DeviceId, Home, HomeError, KeysError, Observations};

/// What became of a home that was to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It had joined by this very invitation.
    Before,
    /// It has joined.
    Now,
}

/// Has a home join the owner who invites: one that nobody is enrolled from, or that was begun so.
///
/// # Errors
///
/// It is somebody's already, another authority answers, the invitation does not hold any more, or what the authority says
/// does not.
pub fn join(
    home: &mut Home,
    invitation: &Invitation,
    (address, name): (&Address, Option<DeviceName>),
    authority: &dyn Authority,
    clock: &dyn Clock,
    mut rng: &mut dyn CryptoRng,
) -> Result<Joined, JoinError> {
    let begun = begun(home, invitation)?;
    let statement = match begun {
        Begun::Finished => return Ok(Joined::Before),
        Begun::Joining(statement) => *statement,
        Begun::Other => {
            home.give_up_joining()?;
            begin(home, invitation, (address, name), authority, clock, rng)?
        }
        Begun::Nothing => begin(home, invitation, (address, name), authority, clock, rng)?,
    };
    let membership = home.membership()?.ok_or(JoinError::Taken)?;
    let seen = home.seen()?;
    let connection = Connection::open(authority, &membership.founding, seen.as_ref())?;
    let entry = connection.submit(statement)?;
    home.record_own(&entry, Observations::default())?;
    // Where it was begun, the authority may have been elsewhere.
    if home.address()?.as_ref() != Some(address) {
        home.record_address(address)?;
    }
    home.take_over(invitation, &mut rng)?;
    home.record_enrolled(None)?;
    Ok(Joined::Now)
}

/// What is in the home already.
enum Begun {
    /// It has joined by this invitation.
    Finished,
    /// Its word that it joins by this invitation, which may have been sent.
    Joining(Box<SignedStatement>),
    Nothing,
    /// It was to join by another one, or its key is another.
    Other,
}

fn begun(home: &Home, invitation: &Invitation) -> Result<Begun, JoinError> {
    let Some(membership) = home.membership()? else {
        // It would be in the way of the one that comes, once the invitation is used.
        return match home.has_identity()? {
            true => Err(JoinError::Taken),
            false => Ok(Begun::Nothing),
        };
    };
    let joining = home.joining()?;
    let by_this = joining
        .as_ref()
        .is_some_and(|joining| is_by(joining, invitation));
    if membership.enrolled {
        return match by_this {
            true => Ok(Begun::Finished),
            false => Err(JoinError::Taken),
        };
    }
    match joining {
        Some(joining) if by_this && is_of(home, &joining) => Ok(Begun::Joining(Box::new(joining))),
        Some(_) => Ok(Begun::Other),
        // An enrolment was begun, and is `init`'s to finish.
        None => Err(JoinError::Taken),
    }
}

fn is_by(joining: &SignedStatement, invitation: &Invitation) -> bool {
    matches!(joining.statement(), Statement::Device(device)
        if matches!(&device.word, DeviceWord::Join(joining)
            if joining.invitation == invitation.key.verifying_key()))
}

fn is_of(home: &Home, joining: &SignedStatement) -> bool {
    home.device_id() == Some(DeviceId::from(joining.author()))
}

/// Pins the authority, makes the device's key, and signs that it joins.
fn begin(
    home: &mut Home,
    invitation: &Invitation,
    (address, name): (&Address, Option<DeviceName>),
    authority: &dyn Authority,
    clock: &dyn Clock,
    mut rng: &mut dyn CryptoRng,
) -> Result<SignedStatement, JoinError> {
    let founding = authority.about()?.founding;
    let (expected, found) = (invitation.authority, founding.authority());
    if found != expected {
        return Err(ExchangeError::OtherAuthority { expected, found }.into());
    }
    let device = SigningKey::generate(&mut rng);
    let joins = Device::join(
        (expected, invitation.owner),
        device.verifying_key(),
        &invitation.key,
        name,
        clock.now(),
    );
    let statement = SignedStatement::sign(joins, &device);
    home.begin_joining(address, &founding, invitation.owner, &statement)?;
    home.keep_device_key(&device, &mut rng)?;
    Ok(statement)
}

/// Why a home did not join.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The authority can't be asked who it is.
    #[error(transparent)]
    About(#[from] QueryError),
    /// What the authority says does not hold, or it refuses.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A key can't be made, read or kept.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The home is with an authority already, or was begun otherwise.
    #[error("this home is somebody's already, or was begun otherwise")]
    Taken,
}

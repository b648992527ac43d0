//! Reaching the authority a home is with, wherever it is, as the home's device.

use std::sync::Arc;

use anyhow::Context as _;
use strongroom_authority::{Caller, OpenError, Service, UnlockError};
use strongroom_client::home::{Home, KeysError};
use strongroom_client::{Address, Client, ConnectError};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::{Authority, Unavailable};

use crate::command::officer::short;
use crate::context::{Context, Randomness};
use crate::founding;
use crate::news;
use crate::progress::Progress;
use crate::terminal::{count, escape, tell, words};

/// An authority that was reached, as somebody.
pub(crate) struct Reached {
    authority: Box<dyn Authority>,
    /// Of one in a folder: what whoever can open the folder can do with it.
    service: Option<Service>,
}

impl Reached {
    /// Reaches an authority that is open here already.
    pub(crate) fn through(service: &Service, caller: Caller) -> Self {
        Self {
            authority: Box::new(service.session(caller)),
            service: Some(service.clone()),
        }
    }

    /// Returns the authority.
    pub(crate) fn authority(&self) -> &dyn Authority {
        &*self.authority
    }

    /// Sees that something can be said to it: one in a folder that can only be read is looked at, and no more.
    pub(crate) fn check_writable(&self) -> Result<(), Unavailable> {
        self.service
            .as_ref()
            .map_or(Ok(()), Service::check_writable)
    }

    /// Tells whether the key that opens its deposits is sealed, and can be unlocked from here.
    pub(crate) fn is_sealed(&self) -> bool {
        self.service.as_ref().is_some_and(Service::is_sealed)
    }

    /// Unlocks the key that opens its deposits, for as long as it is open here.
    pub(crate) fn unlock(&self, code: &RecoveryCode) -> Result<(), UnlockError> {
        self.service
            .as_ref()
            .map_or(Ok(()), |service| service.unlock(code))
    }
}

/// Reaches the authority at an address, as `caller`.
pub(crate) fn open(
    context: &Context,
    address: &Address,
    caller: Caller,
) -> anyhow::Result<Reached> {
    Ok(Reached::through(&service(context, address)?, caller))
}

/// Opens the authority in a folder, as whoever runs it.
pub(crate) fn service(context: &Context, address: &Address) -> anyhow::Result<Service> {
    let Address::Folder(folder) = address;
    context.warn_if_exposed(&folder.join("keys.txt"));
    Service::open(folder, Arc::clone(&context.clock), context.rng())
        .map_err(|error: OpenError| Unavailable::from(error))
        .with_context(|| format!("cannot reach the authority in `{}`", folder.display()))
}

/// Reaches the authority that a home is with, as the home's device; not of a home that has yet to join.
pub(crate) fn authority_of(context: &Context, home: &Home) -> anyhow::Result<Reached> {
    founding::check_joined(context, home)?;
    let address = home.address()?.ok_or(ConnectError::NoAuthority)?;
    open(context, &address, caller(home)?)
}

/// Connects a home with its authority, and tells its owner of what others ask for in their name.
pub(crate) fn connect<'c>(
    context: &'c Context,
    home: &'c mut Home,
    authority: &'c Reached,
    rng: &'c mut Randomness,
) -> anyhow::Result<Client<'c>> {
    let mut client = connect_silently(context, home, authority, rng)?;
    context.warned.call_once(|| {
        if client.home().is_full() {
            tell(
                "warning: the disk of your Strongroom folder is full: what is new at the authority is told of, and could not be \
                 recorded",
            );
        }
        news::tell_news(&mut client);
        warn(&client);
    });
    Ok(client)
}

/// Says which open requests for the owner's keys this device did not make, and what the authority could not read.
fn warn(client: &Client<'_>) {
    let open = match client.requests_by_others() {
        Ok(open) => open,
        // A warning that can't be made is a warning.
        Err(error) => {
            tell(format_args!(
                "warning: whether somebody asked for your keys can't be told: {}",
                escape(&error.to_string())
            ));
            Vec::new()
        }
    };
    for open in open {
        let why = match open.request.grounds.as_str() {
            "" => "without a reason".to_owned(),
            why => format!("saying: {}", words(why)),
        };
        let state = if open.approved {
            " That is approved already."
        } else {
            ""
        };
        tell(format_args!(
            "warning: somebody asked for your keys on {}, {why}.{state}\n  \
             If it was not you: strongroom veto {}",
            open.recorded,
            short(open.id)
        ));
    }
    match client.home().unread_count() {
        Ok(0) | Err(_) => {}
        Ok(unread) => tell(format_args!(
            "warning: the authority could not read {} of yours in its log: `strongroom sync` sends what this home has of it",
            count(unread, "entry", "entries")
        )),
    }
    if client.is_revoked().unwrap_or(false) {
        tell(
            "warning: this device was revoked: it is yours no more, and what follows is what this home knew before. \
             `strongroom recover --all` makes another key for this machine, and that yours",
        );
        return;
    }
    // A home that was just made has nothing that could be out of date.
    if !client.is_caught_up() && client.home().deposits_count().is_ok_and(|count| count > 0) {
        tell(
            "warning: the authority does not know this device: what follows is what this home knew before. \
             `strongroom recover --all` makes the device yours",
        );
    }
}

/// Connects a home with its authority.
pub(crate) fn connect_silently<'c>(
    context: &'c Context,
    home: &'c mut Home,
    authority: &'c Reached,
    rng: &'c mut Randomness,
) -> anyhow::Result<Client<'c>> {
    let bar = Progress::counted(context, "entry", "entries");
    let client = Client::connect_watched(
        home,
        authority.authority(),
        context.clock.as_ref(),
        rng,
        &mut |done, total| bar.of(done, total),
    );
    drop(bar);
    Ok(client?)
}

/// Returns whom the authority is to take us for: a home without a device key is nobody yet.
pub(crate) fn caller(home: &Home) -> anyhow::Result<Caller> {
    match home.device_key() {
        Ok(key) => Ok(Caller::Device(key.verifying_key())),
        Err(KeysError::DeviceMissing { .. }) => Ok(Caller::Anybody),
        Err(error) => Err(error.into()),
    }
}

//! Reaching the authority a home is with: a folder, opened as the home's device.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use strongroom_authority::{Caller, OpenError, Service, Session};
use strongroom_client::home::{Home, KeysError};
use strongroom_client::{Client, ConnectError};
use strongroom_protocol::statement::Statement;
use strongroom_protocol::{RequestState, Unavailable};

use crate::command::officer::short;
use crate::context::{Context, Randomness};
use crate::terminal::{escape, tell};

/// Opens the authority in a folder, as `caller`.
pub(crate) fn open(
    context: &Context,
    folder: &Path,
    caller: Caller,
) -> anyhow::Result<Session<'static>> {
    Ok(Arc::new(service(context, folder)?).into_session(caller))
}

/// Opens the authority in a folder, as whoever runs it.
pub(crate) fn service(context: &Context, folder: &Path) -> anyhow::Result<Service> {
    Service::open(folder, Arc::clone(&context.clock), context.rng())
        .map_err(out_of_reach)
        .with_context(|| format!("cannot reach the authority in `{}`", folder.display()))
}

fn out_of_reach(error: OpenError) -> Unavailable {
    let moved = matches!(error, OpenError::NotFound { .. });
    let mut error = Unavailable::from(error);
    if moved {
        error.hint = Some(
            "see that its disk is there; if it was moved, `strongroom init --authority DIR` says where to"
                .to_owned(),
        );
    }
    error
}

/// Opens the authority that a home is with, as the home's device.
pub(crate) fn authority_of(context: &Context, home: &Home) -> anyhow::Result<Session<'static>> {
    let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
    open(context, &membership.address, caller(home)?)
}

/// Connects a home with its authority, and tells its owner of what others ask for in their name.
pub(crate) fn connect<'c>(
    context: &'c Context,
    home: &'c mut Home,
    authority: &'c Session<'static>,
    rng: &'c mut Randomness,
) -> anyhow::Result<Client<'c>> {
    let client = connect_silently(context, home, authority, rng)?;
    context.warned.call_once(|| warn(&client));
    Ok(client)
}

/// Says which open requests for the owner's keys this device did not make.
fn warn(client: &Client<'_>) {
    // What the command itself asks for fails by itself; this is beside it.
    for view in client.requests_by_others().unwrap_or_default() {
        let Statement::Request(request) = view.request.statement() else {
            continue;
        };
        let why = match request.grounds.as_str() {
            "" => "without a reason".to_owned(),
            why => format!("saying: {}", escape(why)),
        };
        let state = match view.state {
            RequestState::Requested => "",
            RequestState::Decided(_) | RequestState::Released => " That is approved already.",
        };
        tell(format_args!(
            "warning: somebody asked for your keys on {}, {why}.{state}\n  \
             If it was not you: strongroom veto {}",
            view.recorded,
            short(view.request.id())
        ));
    }
}

/// Connects a home with its authority.
pub(crate) fn connect_silently<'c>(
    context: &'c Context,
    home: &'c mut Home,
    authority: &'c Session<'static>,
    rng: &'c mut Randomness,
) -> anyhow::Result<Client<'c>> {
    Ok(Client::connect(
        home,
        authority,
        context.clock.as_ref(),
        rng,
    )?)
}

/// Returns whom the authority is to take us for. Whoever can open its folder is its operator; a home with a device
/// key does not ask for more than the device may.
pub(crate) fn caller(home: &Home) -> anyhow::Result<Caller> {
    match home.device_key() {
        Ok(key) => Ok(Caller::Device(key.verifying_key())),
        Err(KeysError::DeviceMissing { .. }) => Ok(Caller::Operator),
        Err(error) => Err(error.into()),
    }
}

//! Reaching the authority a home is with: a folder, opened as the home's device.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use strongroom_authority::{Caller, OpenError, Service, Session};
use strongroom_client::home::{Home, KeysError};
use strongroom_client::{Client, ConnectError};
use strongroom_protocol::Unavailable;

use crate::context::{Context, Randomness};

/// Opens the authority in a folder, as `caller`.
pub(crate) fn open(
    context: &Context,
    folder: &Path,
    caller: Caller,
) -> anyhow::Result<Session<'static>> {
    let service = Service::open(folder, Arc::clone(&context.clock), context.rng())
        .map_err(out_of_reach)
        .with_context(|| format!("cannot reach the authority in `{}`", folder.display()))?;
    Ok(Arc::new(service).into_session(caller))
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

/// Connects a home with its authority.
pub(crate) fn connect<'c>(
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
fn caller(home: &Home) -> anyhow::Result<Caller> {
    match home.device_key() {
        Ok(key) => Ok(Caller::Device(key.verifying_key())),
        Err(KeysError::DeviceMissing { .. }) => Ok(Caller::Operator),
        Err(error) => Err(error.into()),
    }
}

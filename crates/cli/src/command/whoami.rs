//! `strongroom whoami`: as whom this home speaks, and to whom. It asks nobody.

use clap::Args;
use serde::Serialize;
use strongroom_client::ConnectError;
use strongroom_client::home::Home;

use crate::context::Context;
use crate::devices::{Devices, digits};
use crate::exit::Exit;
use crate::terminal::{self, escape, shown};

/// Say who you are here: your owner id, this machine, your authority.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print a line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'l> {
    owner: String,
    /// The fingerprint of this machine's device.
    device: Option<String>,
    name: Option<&'l str>,
    home: String,
    authority: String,
    authority_id: String,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let home = Home::open_to_read(&context.home)?;
    let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
    let devices = Devices::of(&home)?;
    let device = home.device_id();
    let known = device.and_then(|device| devices.get(device));
    let authority = membership.founding.authority();
    if arguments.json {
        terminal::print_json(&Line {
            owner: membership.owner.to_string(),
            device: device.map(digits),
            name: known.and_then(|known| known.name.as_deref()),
            home: context.home.to_string_lossy().into_owned(),
            authority: membership.address.to_string(),
            authority_id: authority.to_string(),
        })?;
        return Ok(Exit::Done);
    }
    let machine = this_machine(&home, &devices);
    for (name, text) in [
        ("owner", membership.owner.to_string()),
        (
            "machine",
            machine.unwrap_or_else(|| "it has no key yet".to_owned()),
        ),
        ("home", shown(&context.home)),
        ("authority", escape(&membership.address.to_string())),
        ("", authority.to_string()),
    ] {
        terminal::print(format_args!("{name:12}{text}"))?;
    }
    Ok(Exit::Done)
}

/// Says which device this machine is, if it has a key.
pub(crate) fn this_machine(home: &Home, devices: &Devices) -> Option<String> {
    home.device_id().map(|device| devices.which(device))
}

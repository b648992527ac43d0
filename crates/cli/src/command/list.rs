//! `strongroom list`: what the authority keeps for the owner, by what the home has read of its log.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use strongroom_client::home::{Home, ListedDeposit};
use strongroom_protocol::receipt::DepositState;

use crate::context::Context;
use crate::devices::{DeviceLine, Devices};
use crate::exit::Exit;
use crate::reach;
use crate::terminal::{self, escape, words};

/// List your deposits at the authority, the oldest first.
///
/// What was sent again, to an authority that had lost it, stays where it was. Of the secrets that go by one name those count that
/// are not marked as superseded: one, or two where two machines of yours deposited side by side.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only the secrets that go by this name.
    #[arg(long, value_name = "NAME", value_parser = strongroom_client::secret::parse_name)]
    name: Option<String>,
    /// Only those with this label.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = super::encrypt::parse_label)]
    labels: Vec<(String, String)>,
    /// Print a line of JSON for each.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'l> {
    serial: String,
    /// When it was deposited.
    time: String,
    /// When it was sent again, to an authority that had lost it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_again: Option<String>,
    state: &'static str,
    /// Whether the authority's log has lost it.
    lost: bool,
    secret: bool,
    name: Option<&'l str>,
    superseded: bool,
    /// When its check passed before it was deposited, as its owner said.
    checked: Option<String>,
    /// The device of the owner's that deposited it.
    device: DeviceLine,
    description: &'l str,
    labels: &'l BTreeMap<String, String>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut home = Home::open_to_read(&context.home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let home = client.home();
    let devices = Devices::of(home)?;
    home.each_listed::<anyhow::Error>(arguments.name.as_deref(), &mut |listed| {
        if has_labels(&listed, arguments) {
            print(&listed, &devices, arguments)?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn has_labels(listed: &ListedDeposit, arguments: &Arguments) -> bool {
    let labels = listed.deposit.particulars.labels();
    let mut wanted = arguments.labels.iter();
    wanted.all(|(name, value)| labels.get(name) == Some(value))
}

fn print(listed: &ListedDeposit, devices: &Devices, arguments: &Arguments) -> std::io::Result<()> {
    let (record, particulars) = (&listed.deposit.record, &listed.deposit.particulars);
    let line = Line {
        serial: record.serial.to_string(),
        time: record.first.to_string(),
        sent_again: (record.first != record.time).then(|| record.time.to_string()),
        state: if record.unproven && record.state == DepositState::Deposited {
            "unproven"
        } else {
            record.state.as_str()
        },
        lost: record.entry.is_none(),
        secret: !particulars.attachment().is_empty(),
        name: listed.name.as_deref(),
        superseded: listed.superseded,
        checked: particulars.checked().map(|time| time.to_string()),
        device: devices.line(record.device),
        description: particulars.description(),
        labels: particulars.labels(),
    };
    if arguments.json {
        return terminal::print_json(&line);
    }
    let mut text = format!("{}  {}  {:9}", line.serial, line.time, line.state);
    if let Some(name) = line.name {
        text += &format!("  {}", escape(name));
    }
    if line.superseded {
        text += "  superseded";
    }
    if let Some(time) = &line.sent_again {
        text += &format!("  sent again {time}");
    }
    if line.lost {
        text += "  lost by the authority: `strongroom sync` sends it again";
    }
    if let Some(other) = devices.by_other(record.device) {
        text += &format!("  {other}");
    }
    for (name, value) in particulars.own_labels() {
        text += &format!("  {}={}", escape(name), escape(value));
    }
    if !line.description.is_empty() {
        text += &format!("  {}", words(line.description));
    }
    terminal::print_item(text)
}

//! `strongroom list`: what the authority keeps for the owner.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use strongroom_client::home::Home;
use strongroom_protocol::Deposited;

use crate::context::Context;
use crate::exit::Exit;
use crate::reach;
use crate::terminal::{self, escape};

/// List your deposits at the authority.
///
/// Secrets that go by a name come last, name by name. The newest of a name is the last of them; it counts, and those
/// before it are superseded.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only the secrets that go by this name.
    #[arg(long, value_name = "NAME")]
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
    time: String,
    state: &'static str,
    secret: bool,
    name: Option<&'l str>,
    superseded: bool,
    /// When its check passed before it was deposited, as its owner said.
    checked: Option<String>,
    description: &'l str,
    labels: &'l BTreeMap<String, String>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut home = Home::open(&context.home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let owner = client.membership().owner;
    let mut after = None;
    // Which of a name is the newest shows at the end.
    let mut named: BTreeMap<String, Vec<Deposited>> = BTreeMap::new();
    loop {
        let page = client.connection().authority().deposits(owner, after)?;
        after = page.items.last().map(|deposited| deposited.label.serial);
        let is_last = !page.more || after.is_none();
        for deposited in page.items {
            match deposited.particulars.name() {
                Some(name) => named.entry(name.to_owned()).or_default().push(deposited),
                None if fits(&deposited, arguments) => print(&deposited, false, arguments)?,
                None => {}
            }
        }
        if is_last {
            break;
        }
    }
    for deposits in named.values_mut() {
        deposits.sort_by_key(|deposited| deposited.time);
        let newest = deposits.len() - 1;
        for (place, deposited) in deposits.iter().enumerate() {
            if fits(deposited, arguments) {
                print(deposited, place != newest, arguments)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn fits(deposited: &Deposited, arguments: &Arguments) -> bool {
    let particulars = &deposited.particulars;
    let named = arguments.name.as_deref();
    named.is_none_or(|name| particulars.name() == Some(name))
        && arguments
            .labels
            .iter()
            .all(|(name, value)| particulars.labels().get(name) == Some(value))
}

fn print(deposited: &Deposited, superseded: bool, arguments: &Arguments) -> std::io::Result<()> {
    let particulars = &deposited.particulars;
    let line = Line {
        serial: deposited.label.serial.to_string(),
        time: deposited.time.to_string(),
        state: if deposited.label.content.is_unproven() {
            "unproven"
        } else {
            deposited.state.as_str()
        },
        secret: !particulars.attachment().is_empty(),
        name: particulars.name(),
        superseded,
        checked: particulars.checked().map(|time| time.to_string()),
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
    if superseded {
        text += "  superseded";
    }
    if !line.description.is_empty() {
        text += &format!("  {}", escape(line.description));
    }
    for (name, value) in particulars.own_labels() {
        text += &format!("  {}={}", escape(name), escape(value));
    }
    terminal::print(text)
}

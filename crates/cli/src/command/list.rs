//! `strongroom list`: what the authority keeps for the owner.

use clap::Args;
use serde::Serialize;
use strongroom_client::home::Home;
use strongroom_protocol::Deposited;

use crate::context::Context;
use crate::exit::Exit;
use crate::reach;
use crate::terminal::{self, escape};

/// List your deposits at the authority.
#[derive(Args)]
pub(crate) struct Arguments {
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
    description: &'l str,
    labels: &'l std::collections::BTreeMap<String, String>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut home = Home::open(&context.home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let owner = client.membership().owner;
    let mut after = None;
    loop {
        let page = client.connection().authority().deposits(owner, after)?;
        for deposited in page
            .items
            .iter()
            .filter(|deposited| fits(deposited, arguments))
        {
            print(deposited, arguments.json)?;
        }
        after = page.items.last().map(|deposited| deposited.label.serial);
        if !page.more || after.is_none() {
            return Ok(Exit::Done);
        }
    }
}

fn fits(deposited: &Deposited, arguments: &Arguments) -> bool {
    let labels = deposited.particulars.labels();
    arguments
        .labels
        .iter()
        .all(|(name, value)| labels.get(name) == Some(value))
}

fn print(deposited: &Deposited, json: bool) -> std::io::Result<()> {
    let line = Line {
        serial: deposited.label.serial.to_string(),
        time: deposited.time.to_string(),
        state: deposited.state.as_str(),
        description: deposited.particulars.description(),
        labels: deposited.particulars.labels(),
    };
    if json {
        return terminal::print_json(&line);
    }
    let labels: String = line
        .labels
        .iter()
        .map(|(name, value)| format!("  {}={}", escape(name), escape(value)))
        .collect();
    terminal::print(format_args!(
        "{}  {}  {:9}  {}{labels}",
        line.serial,
        line.time,
        line.state,
        escape(line.description)
    ))
}

//! `strongroom list`: what the authority keeps for the owner.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use strongroom_client::home::{Home, SecretRecord};
use strongroom_protocol::Deposited;
use strongroom_protocol::id::Serial;

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
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let owner = client.membership().owner;
    // What goes by which name, and what is newer, is in the owner's statements: the authority's listing is its own word.
    client.refill()?;
    let secrets = client.home().secrets()?;
    let known: BTreeMap<Serial, (usize, &SecretRecord)> = secrets
        .iter()
        .enumerate()
        .map(|(place, secret)| (secret.serial, (place, secret)))
        .collect();
    let mut after = None;
    let mut named = Vec::new();
    loop {
        let page = client.connection().authority().deposits(owner, after)?;
        after = page.items.last().map(|deposited| deposited.label.serial);
        let is_last = !page.more || after.is_none();
        for deposited in page.items {
            match known.get(&deposited.label.serial) {
                Some((place, secret)) if secret.name.is_some() => {
                    named.push((*place, *secret, deposited));
                }
                Some(_) | None => {
                    if fits(&deposited, None, arguments) {
                        print(&deposited, None, arguments)?;
                    }
                }
            }
        }
        if is_last {
            break;
        }
    }
    named.sort_by(|(one, secret, _), (other, next, _)| {
        (&secret.name, one).cmp(&(&next.name, other))
    });
    for (_, secret, deposited) in &named {
        if fits(deposited, Some(secret), arguments) {
            print(deposited, Some(secret), arguments)?;
        }
    }
    Ok(Exit::Done)
}

fn fits(deposited: &Deposited, secret: Option<&SecretRecord>, arguments: &Arguments) -> bool {
    let labels = deposited.particulars.labels();
    let name = secret.and_then(|secret| secret.name.as_deref());
    let wanted = arguments.name.as_deref();
    wanted.is_none_or(|wanted| name == Some(wanted))
        && arguments
            .labels
            .iter()
            .all(|(name, value)| labels.get(name) == Some(value))
}

fn print(
    deposited: &Deposited,
    secret: Option<&SecretRecord>,
    arguments: &Arguments,
) -> std::io::Result<()> {
    let superseded = secret.is_some_and(|secret| secret.superseded);
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
        name: secret.and_then(|secret| secret.name.as_deref()),
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

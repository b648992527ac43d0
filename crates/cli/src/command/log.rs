//! `strongroom log`: the authority's log, read whole and held against its checkpoint.

use clap::{Args, Subcommand};
use serde::Serialize;
use strongroom_client::home::Home;
use strongroom_client::log::LogEntry;

use crate::context::Context;
use crate::exit::Exit;
use crate::reach;
use crate::terminal::{self, count};

/// Read the authority's log.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print what the log records, entry by entry. It names nobody.
    Show {
        /// Print a line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Check that the log holds together, and extends what this home saw of it.
    Verify,
}

#[derive(Serialize)]
struct Line {
    index: u64,
    time: String,
    kind: &'static str,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut home = Home::open(&context.home)?;
    let authority = reach::authority_of(context, &home)?;
    let seen = home.seen()?.map_or(0, |seen| seen.checkpoint().size);
    let mut rng = context.rng();
    // This holds what is seen against what was seen.
    let client = reach::connect(context, &mut home, &authority, &mut rng)?;
    match arguments.command {
        Command::Show { json } => {
            let mut entries = Vec::new();
            client.read_log(&mut |entry| entries.push(entry))?;
            entries.iter().try_for_each(|entry| print(entry, json))?;
        }
        Command::Verify => {
            let size = client.read_log(&mut |_| {})?;
            let now = client.home().seen()?;
            let root = now.map(|now| now.checkpoint().root.to_string());
            terminal::print(format_args!(
                "{}, root {}, extends the {seen} that this home saw",
                count(size, "entry", "entries"),
                root.unwrap_or_default(),
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn print(entry: &LogEntry, json: bool) -> std::io::Result<()> {
    let line = Line {
        index: entry.index,
        time: entry.time.to_string(),
        kind: entry.kind.map_or("unknown", |kind| kind.as_str()),
    };
    if json {
        return terminal::print_json(&line);
    }
    terminal::print(format_args!(
        "{:>8}  {}  {}",
        line.index, line.time, line.kind
    ))
}

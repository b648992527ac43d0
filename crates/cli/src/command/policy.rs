//! `strongroom policy`: what it takes to get keys back, shown, tried and changed.

mod check;
pub(crate) mod difference;
mod rehearse;
pub(crate) mod set;
mod simulate;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use strongroom_client::home::Home;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::policy::file::{self, Whose};

use crate::context::Context;
use crate::desk::DeskOptions;
use crate::exit::Exit;
use crate::{reach, stream, text};

/// Show, check and change the policy: what it takes to get keys back.
///
/// `officer show` shows a change that is asked for, `officer approve` and `officer deny` answer it.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    desk: DeskOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the policy in force, as a file that `set` takes.
    Show,
    /// Say in sentences what a policy comes to, and what is unwise about it.
    Check {
        /// The policy; from a pipe if it is `-`.
        file: PathBuf,
        /// Print a line of JSON for each finding.
        #[arg(long)]
        json: bool,
    },
    Rehearse(rehearse::Arguments),
    Simulate(simulate::Arguments),
    Set(set::Arguments),
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Show => show(context, &arguments.desk),
        Command::Check { file, json } => check::run(&read(file)?, *json),
        Command::Rehearse(rehearse) => rehearse::run(context, rehearse),
        Command::Simulate(simulate) => simulate::run(context, simulate),
        Command::Set(set) => set::run(context, &arguments.desk, set),
    }
}

fn show(context: &Context, desk: &DeskOptions) -> anyhow::Result<Exit> {
    let in_force = if uses_home(context, desk)? {
        let mut home = Home::open_to_read(&context.home)?;
        let authority = reach::authority_of(context, &home)?;
        let mut rng = context.rng();
        let client = reach::connect(context, &mut home, &authority, &mut rng)?;
        client.connection().policy()?
    } else {
        desk.at(context, |desk| Ok(desk.policy()?))?
    };
    context.say(format_args!("in force since {}", in_force.since()));
    stream::put(file::to_text(in_force.policy()).trim_end())?;
    Ok(Exit::Done)
}

/// Tells whether a command speaks for the home's owner, and not for an officer. If an authority is named, that is so if it is the
/// home's, and no officer's key is there.
fn uses_home(context: &Context, desk: &DeskOptions) -> anyhow::Result<bool> {
    if desk.names_key() || !Home::exists(&context.home)? {
        return Ok(false);
    }
    if !desk.names_authority() {
        return Ok(true);
    }
    let membership = Home::open_to_read(&context.home)?.membership()?;
    let is_officers = desk.key_path(context).try_exists()?;
    Ok(!is_officers && membership.is_some_and(|known| desk.is_with(&known.address)))
}

/// Reads a policy's file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Policy> {
    /// The length in bytes of the longest that is read.
    const BYTES_MAX: u64 = 1 << 20;
    let failed = || format!("cannot read the policy `{}`", path.display());
    let text = text::read(path, BYTES_MAX).with_context(failed)?;
    file::parse(&text).with_context(failed)
}

/// Reads whose keys a request that nobody made asks for: an officer's, an owner's, or those of somebody whom the policy does
/// not name.
fn whose(policy: &Policy, text: Option<&str>) -> Whose {
    let Some(text) = text else {
        return Whose::Anybodys;
    };
    let officer = || Whose::Officers(text.to_owned());
    if policy.officers.iter().any(|it| it.name == text) {
        return officer();
    }
    text.parse().map_or_else(|_| officer(), Whose::Owners)
}

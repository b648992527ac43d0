//! `strongroom authority`: what whoever runs an authority in a folder does with it, on that folder.

mod check;
mod init;
mod rsa_key;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use strongroom_authority::{Extent, Keys, Service};
use strongroom_client::home::Home;
use strongroom_client::{Address, ConnectError};

use crate::context::Context;
use crate::exit::Exit;
use crate::reach;
use crate::terminal::{count, shown};

/// Found an authority that several owners share, back one up, restore it, or check what it keeps.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Copy the authority into a new folder, while it is in use.
    ///
    /// With its keys, the copy opens every deposit, as the authority's folder does: keep it as safe.
    Backup {
        /// The folder to make.
        #[arg(value_name = "DIR")]
        to: PathBuf,
        /// The authority's folder [default: the one that your home is with].
        #[arg(long, value_name = "DIR")]
        authority: Option<PathBuf>,
        /// Leave the key file out. Without it nothing in the copy opens: keep one elsewhere.
        #[arg(long)]
        without_keys: bool,
    },
    /// Open deposits and compare them with their commitments; the log records that it was done.
    ///
    /// Asks for the recovery code where the authority's key is sealed. What all of a check opened counts as verified in
    /// your home from then on. Exits with 1 if anything does not match, can't be read, or is not as the log
    /// says; everybody whose spares are there is told of that until a check of all finds nothing. With `--repair` nothing is recorded.
    Check {
        /// How many, chosen at random.
        #[arg(long, value_name = "N", default_value_t = 100, conflicts_with_all = ["all", "repair"])]
        sample: u64,
        /// Every deposit, and whether the indexes are what the log says.
        #[arg(long, conflicts_with = "repair")]
        all: bool,
        /// Open nothing, and make the indexes what the log says.
        #[arg(long)]
        repair: bool,
        /// The authority's folder [default: the one that your home is with].
        #[arg(long, value_name = "DIR")]
        authority: Option<PathBuf>,
        /// Read the recovery code from PATH.
        #[arg(long, value_name = "PATH")]
        code_file: Option<PathBuf>,
        /// Print a line of JSON.
        #[arg(long)]
        json: bool,
    },
    Init(init::Arguments),
    /// Make an authority's folder from a backup, having proved its log.
    ///
    /// What was deposited after the backup was made is missing in it, and so is every veto and decision. Those who use
    /// the authority see that, and are asked to accept it: `log accept-restored`, then `sync`.
    Restore {
        /// The backup: its folder, or its store alone.
        #[arg(value_name = "FROM")]
        from: PathBuf,
        /// The folder to make, best where the authority was.
        #[arg(long, value_name = "DIR")]
        authority: PathBuf,
        /// The key file, if it is not in the backup.
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    RsaKey(rsa_key::Arguments),
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Backup {
            to,
            authority,
            without_keys,
        } => backup(context, to, authority.as_deref(), *without_keys),
        Command::Check {
            sample,
            all,
            repair,
            authority,
            code_file,
            json,
        } => {
            let work = match (*all, *repair) {
                (_, true) => check::Work::Repair,
                (true, false) => check::Work::Check(Extent::All),
                (false, false) => check::Work::Check(Extent::Sample(*sample)),
            };
            let code_file = code_file.as_deref();
            check::run(context, authority.as_deref(), &work, code_file, *json)
        }
        Command::Init(arguments) => init::run(context, arguments),
        Command::Restore {
            from,
            authority,
            keys,
        } => restore(context, from, authority, keys.as_deref()),
        Command::RsaKey(arguments) => rsa_key::run(context, arguments),
    }
}

fn backup(
    context: &Context,
    to: &Path,
    authority: Option<&Path>,
    without_keys: bool,
) -> anyhow::Result<Exit> {
    let folder = match authority {
        Some(folder) => folder.to_owned(),
        None => folder_of(&Home::open_to_read(&context.home)?)?,
    };
    let service = reach::service(context, &Address::Folder(folder.clone()))?;
    let keys = if without_keys {
        Keys::Omitted
    } else {
        Keys::Included
    };
    let checkpoint = service
        .backup(to, keys)
        .with_context(|| format!("cannot back up the authority in `{}`", folder.display()))?;
    context.say(format_args!(
        "backup: {}, {}, root {}",
        shown(to),
        count(checkpoint.size, "entry", "entries"),
        checkpoint.root
    ));
    context.warn_if_open_to_all(to);
    context.say(match keys {
        Keys::Included if service.key_is_sealed()? => {
            "The authority's keys are in it, sealed: whoever reads it and has the recovery code can open every file with a \
             spare there."
        }
        Keys::Included => {
            "The authority's keys are in it: whoever reads it can open every file with a spare there."
        }
        Keys::Omitted => {
            "The authority's keys are not in it: keep a copy of its `keys.txt` elsewhere, or this opens nothing."
        }
    });
    Ok(Exit::Done)
}

fn restore(
    context: &Context,
    from: &Path,
    folder: &Path,
    keys: Option<&Path>,
) -> anyhow::Result<Exit> {
    context.warn_if_exposed(&from.join("keys.txt"));
    if let Some(keys) = keys {
        context.warn_if_exposed(keys);
    }
    let clock = Arc::clone(&context.clock);
    let (service, held) = Service::restore(from, keys, folder, clock, context.rng())
        .with_context(|| format!("cannot restore an authority from `{}`", from.display()))?;
    context.warn_if_open_to_all(folder);
    context.say(format_args!(
        "authority {} restored in {}: {}, root {}, proved; entry {} says so",
        service.about().authority(),
        shown(folder),
        count(held.size, "entry", "entries"),
        held.root,
        held.size
    ));
    context.say(
        "What was recorded after the backup is missing. Whoever uses it runs `strongroom log accept-restored`, and then \
         `strongroom sync`, which sends the deposits that are missing. Never run it beside the authority it was copied from.",
    );
    Ok(Exit::Done)
}

/// Returns the folder of the authority that a home is with.
fn folder_of(home: &Home) -> anyhow::Result<PathBuf> {
    let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
    let Address::Folder(folder) = membership.address;
    Ok(folder)
}

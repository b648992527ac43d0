//! `strongroom authority init`: founds an authority for a group, without a home.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use strongroom_authority::Service;
use strongroom_protocol::policy::Policy;

use crate::command::policy::read;
use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::{print, shown};

/// Found an authority in a folder, for owners who join it with `init --authority DIR`.
///
/// Whoever can read the folder can open everything that is deposited there, whatever the policy says: keep it where
/// only its operator does. `policy check` says beforehand what a policy comes to.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder, which must not exist or be empty.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The policy [default: the recovery code alone, at once].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let policy = match &arguments.policy {
        Some(path) => read(path)?,
        None => Policy::code_alone(),
    };
    let folder = std::path::absolute(&arguments.folder)?;
    let clock = Arc::clone(&context.clock);
    let service = Service::found(&folder, policy, clock, context.rng())?;
    context.warn_if_open_to_all(&folder);
    print(service.about().authority())?;
    context.say(format_args!(
        "The authority is founded; that is its id. Owners join it with\n  strongroom init --authority {}",
        shown(&folder)
    ));
    Ok(Exit::Done)
}

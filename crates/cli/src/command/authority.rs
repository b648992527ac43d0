//! `strongroom authority`: what whoever runs an authority does with its folder. Each is a file.

mod init;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::exit::Exit;

/// Run an authority that several owners share.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Arguments),
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Init(arguments) => init::run(context, arguments),
    }
}

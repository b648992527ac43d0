//! The subcommands, a file each.

pub(crate) mod authority;
pub(crate) mod capi;
pub(crate) mod decrypt;
pub(crate) mod departed;
pub(crate) mod deposit;
pub(crate) mod device;
pub(crate) mod encrypt;
pub(crate) mod init;
pub(crate) mod keygen;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod officer;
pub(crate) mod policy;
pub(crate) mod protect;
pub(crate) mod recover;
pub(crate) mod rewrap;
pub(crate) mod sheet;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod veto;

use crate::context::Context;
use crate::exit::Exit;
use crate::options::Command;

/// Runs a subcommand.
pub(crate) fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    // All others read some of it.
    if !matches!(command, Command::Capi(_) | Command::Keygen(_)) {
        context.warn_of_exposed_home();
    }
    match command {
        Command::Encrypt(arguments) => encrypt::run(context, arguments),
        Command::Protect(arguments) => protect::run(context, &arguments),
        Command::Deposit(arguments) => deposit::run(context, &arguments),
        Command::Decrypt(arguments) => decrypt::run(context, &arguments),
        Command::Status(arguments) => status::run(context, &arguments),
        Command::Recover(arguments) => recover::run(context, arguments),
        Command::Rewrap(arguments) => rewrap::run(context, &arguments),
        Command::List(arguments) => list::run(context, &arguments),
        Command::Init(arguments) => init::run(context, &arguments),
        Command::Sheet(arguments) => sheet::run(context, &arguments),
        Command::Log(arguments) => log::run(context, &arguments),
        Command::Sync(arguments) => sync::run(context, &arguments),
        Command::Keygen(arguments) => keygen::run(context, &arguments),
        Command::Device(arguments) => device::run(context, &arguments),
        Command::Veto(arguments) => veto::run(context, &arguments),
        Command::Officer(arguments) => officer::run(context, &arguments),
        Command::Departed(arguments) => departed::run(context, &arguments),
        Command::Policy(arguments) => policy::run(context, &arguments),
        Command::Capi(arguments) => capi::run(context, arguments),
        Command::Authority(arguments) => authority::run(context, &arguments),
    }
}

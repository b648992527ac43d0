//! The options, as they are typed. What they mean is in `command`.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use strongroom_agefile::{KeyType, WorkFactor};

use crate::command::{
    authority, capi, decrypt, departed, deposit, device, encrypt, init, keygen, list, log, officer,
    policy, protect, recover, rewrap, sheet, status, sync, veto,
};
use crate::paths;

/// Keeps a spare of every key you encrypt with.
///
/// Files are encrypted as age does. A spare of each file's key is with a backup authority before the file is there;
/// when your own key is lost, `recover` brings the spare back.
#[derive(Parser)]
#[command(name = "strongroom", version, max_term_width = 100)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Options {
    /// Reads the command line and the variables, or ends the process with what is wrong with them.
    pub(crate) fn read() -> Self {
        let mut command = paths::expanding(Self::command());
        let matches = command.get_matches_mut();
        if let Err(error) = paths::check_variables(&command, &matches) {
            command.error(ErrorKind::ValueValidation, error).exit();
        }
        match Self::from_arg_matches(&matches) {
            Ok(options) => options,
            Err(error) => error.format(&mut command).exit(),
        }
    }
}

#[derive(Args)]
pub(crate) struct Global {
    /// The folder with your key and receipts [default: `strongroom` in your data folder].
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "STRONGROOM_HOME",
        hide_env_values = true
    )]
    pub(crate) home: Option<PathBuf>,
    /// Say only what failed, and what was asked for.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Open files with a passphrase up to this work factor: 20 takes 1 GiB of memory, each one more twice as much. Whoever made
    /// the file chose it.
    #[arg(
        long,
        global = true,
        value_name = "N",
        env = "STRONGROOM_MAX_WORK_FACTOR",
        default_value = "20",
        hide_default_value = true,
        hide_short_help = true,
        value_parser = work_factor
    )]
    pub(crate) max_work_factor: WorkFactor,
    /// Read the passphrase from FILE, its line end aside; from a pipe if it is `-`. For nobody at a terminal, as
    /// STRONGROOM_PASSPHRASE is.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        hide_short_help = true,
        conflicts_with = "passphrase_command"
    )]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Take for the passphrase what the shell command prints, its line end aside.
    #[arg(long, global = true, value_name = "COMMAND", hide_short_help = true)]
    pub(crate) passphrase_command: Option<String>,
}

/// A new passphrase, where it is asked for one.
#[derive(Args, Clone, Copy)]
pub(crate) struct NewPassphrase {
    /// Seal your new key with a passphrase.
    #[arg(long)]
    pub(crate) passphrase: bool,
    /// Take the new passphrase, however short it is.
    #[arg(long, requires = "passphrase")]
    pub(crate) any_passphrase: bool,
}

fn work_factor(text: &str) -> Result<WorkFactor, &'static str> {
    let factor = text.parse().ok().and_then(WorkFactor::from_log_n);
    factor.ok_or("a work factor is a number from 1 to 30")
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Encrypt(encrypt::Arguments),
    Protect(protect::Arguments),
    Decrypt(decrypt::Arguments),
    Status(status::Arguments),
    Recover(recover::Arguments),
    Rewrap(rewrap::Arguments),
    Deposit(deposit::Arguments),
    List(list::Arguments),
    Init(init::Arguments),
    Sheet(sheet::Arguments),
    Log(log::Arguments),
    Sync(sync::Arguments),
    Keygen(keygen::Arguments),
    Device(device::Arguments),
    Veto(veto::Arguments),
    Officer(officer::Arguments),
    Departed(departed::Arguments),
    Policy(policy::Arguments),
    Capi(capi::Arguments),
    Authority(authority::Arguments),
}

/// The kinds of key, by the words for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyTypeName {
    /// Post-quantum: age 1.3 and later open what is encrypted to it.
    #[default]
    Hybrid,
    /// Classic: every age program opens what is encrypted to it.
    X25519,
}

impl From<KeyTypeName> for KeyType {
    fn from(name: KeyTypeName) -> Self {
        match name {
            KeyTypeName::Hybrid => Self::Hybrid,
            KeyTypeName::X25519 => Self::X25519,
        }
    }
}

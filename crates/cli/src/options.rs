//! The options, as they are typed. What they mean is in `command`.

mod help;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::iter::once;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use strongroom_agefile::{KeyType, WorkFactor};

use crate::command::{
    authority, capi, completions, decrypt, departed, deposit, device, encrypt, init, keygen, list,
    log, man, officer, policy, protect, recover, rewrap, sheet, status, sync, veto, whoami,
};
use crate::paths;

/// Keeps a spare of every key you encrypt with.
///
/// Files are encrypted as age does. Before a file is written, a backup authority has a spare of its key. If you lose your own key,
/// `strongroom recover` gets the spare back.
#[derive(Parser)]
#[command(
    name = "strongroom",
    version,
    max_term_width = help::COLUMNS_MAX,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) global: Global,
    /// Print the version.
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Options {
    /// Reads the command line and the variables. Help, and what is wrong with them, ends the process here.
    pub(crate) fn read() -> Self {
        let words: Vec<OsString> = std::env::args_os().collect();
        // Of what nobody named nothing is read, and only its name is shown: it is most of what there is to lay out.
        let is_named = |command: &clap::Command| {
            let mut names = once(command.get_name()).chain(command.get_all_aliases());
            names.any(|name| words.iter().any(|word| word == OsStr::new(name)))
        };
        let command = help::laid_out(Self::command(), &is_named);
        let asks = |word: &OsString| ["-h", "--help", "help"].iter().any(|help| word == help);
        let command = paths::expanding(command, &is_named);
        let mut command = help::fitted(command, words.iter().any(asks));
        let matches = match command.try_get_matches_from_mut(&words) {
            Ok(matches) => matches,
            Err(error) => match paths::in_variable(&command, &error) {
                Some(error) => command.error(ErrorKind::ValueValidation, error).exit(),
                None => without_wild_guess(error).exit(),
            },
        };
        if let Err(error) = paths::check_variables(&command, &matches) {
            command.error(ErrorKind::ValueValidation, error).exit();
        }
        match Self::from_arg_matches(&matches) {
            Ok(options) => options,
            Err(error) => error.format(&mut command).exit(),
        }
    }
}

/// Returns all commands with their options, as help, completions and manual pages show them.
pub(crate) fn command() -> clap::Command {
    help::laid_out(Options::command(), &|_| true)
}

/// Leaves, of the tips which subcommand was meant, those that differ by one typing error: whoever types `remove` wants no
/// `recover`.
fn without_wild_guess(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(ContextValue::Strings(meant)) = error.get(ContextKind::SuggestedSubcommand)
    {
        let near = |word: &&String| strsim::osa_distance(given, word) <= 1;
        let near: Vec<String> = meant.iter().filter(near).cloned().collect();
        error.remove(ContextKind::SuggestedSubcommand);
        if !near.is_empty() {
            error.insert(
                ContextKind::SuggestedSubcommand,
                ContextValue::Strings(near),
            );
        }
    }
    error
}

#[derive(Args)]
pub(crate) struct Global {
    /// Your Strongroom folder [default: ~/.local/share/strongroom].
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
    /// Say of each file what was done or found, and tell all failures.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Open files with a passphrase up to this work factor.
    ///
    /// Whoever made the file chose its work factor. 20 takes 1 GiB of memory, and each one more takes twice as much.
    #[arg(
        long,
        global = true,
        value_name = "N",
        env = "STRONGROOM_MAX_WORK_FACTOR",
        hide_env_values = true,
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
    /// Print help: in short with `-h`, in full with `--help`.
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
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
    Whoami(whoami::Arguments),
    Device(device::Arguments),
    Veto(veto::Arguments),
    Officer(officer::Arguments),
    Departed(departed::Arguments),
    Policy(policy::Arguments),
    Capi(capi::Arguments),
    Authority(authority::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    /// Print the version.
    #[command(hide = true)]
    Version,
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

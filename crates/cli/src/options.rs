//! The options, as they are typed. What they mean is in `command`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use strongroom_agefile::{KeyType, WorkFactor};

use crate::command::{
    authority, capi, decrypt, departed, deposit, device, encrypt, init, keygen, list, log, officer,
    policy, protect, recover, rewrap, sheet, status, sync, veto, whoami,
};

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
    /// Say of each file what was done or found, and tell all failures.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
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

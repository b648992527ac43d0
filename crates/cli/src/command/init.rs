//! `strongroom init`: does explicitly what the first use does.

use std::path::PathBuf;

use clap::Args;
use strongroom_client::Address;

use crate::context::Context;
use crate::exit::Exit;
use crate::founding::{self, Plan};
use crate::options::{KeyTypeName, NewPassphrase};

/// Make your key, an authority that keeps the spares, and the recovery sheet.
///
/// It says whether it founded the authority or joined one. In a home that is finished, `--authority DIR` says where its
/// authority's folder was moved to.
///
/// With `--passphrase` the authority's key is sealed too, under the recovery code. Encrypting asks for neither. Decrypting
/// asks for the passphrase; recovering, and `authority check`, for the code. Until a check, a spare is `deposited`, not
/// `verified`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the authority is, or is to be: a folder, best on another disk [default: `authority` in the home].
    #[arg(long, value_name = "DIR")]
    authority: Option<Address>,
    /// Write the recovery code alone into PATH, too.
    #[arg(long, value_name = "PATH")]
    code_file: Option<PathBuf>,
    /// Where the recovery sheet goes [default: `recovery-sheet.txt` in the home].
    #[arg(long, value_name = "PATH")]
    sheet: Option<PathBuf>,
    /// Join the authority that is there: found none.
    #[arg(long, requires = "authority")]
    join: bool,
    #[command(flatten)]
    passphrase: NewPassphrase,
    /// The kind of your key.
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    key_type: KeyTypeName,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let plan = Plan {
        authority: arguments.authority.clone(),
        code_file: arguments.code_file.clone(),
        sheet: arguments.sheet.clone(),
        key_type: arguments.key_type.into(),
        passphrase: Some(arguments.passphrase).filter(|new| new.passphrase),
        join: arguments.join,
    };
    founding::init(context, &plan)?;
    Ok(Exit::Done)
}

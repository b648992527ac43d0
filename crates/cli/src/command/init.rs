//! `strongroom init`: does explicitly what the first use does.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use strongroom_agefile::KeyType;
use strongroom_client::Address;
use strongroom_protocol::statement::DeviceName;

use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::founding::{self, Plan};
use crate::joining;
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
    /// Join as another machine of yours, by the invitation in FILE (`strongroom device invite`). Without FILE: join the authority
    /// that is there, and found none.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    join: Option<Option<PathBuf>>,
    /// What this machine is called, with an invitation, of at most 64 bytes [default: as the invitation says, or else as it calls itself].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    passphrase: NewPassphrase,
    /// The kind of your key.
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    key_type: KeyTypeName,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(Some(invitation)) = &arguments.join {
        let makes_key = arguments.code_file.is_some()
            || arguments.sheet.is_some()
            || arguments.passphrase.passphrase
            || KeyType::from(arguments.key_type) != KeyType::default();
        ensure!(
            !makes_key,
            Usage(
                "an invitation brings the key: `--code-file`, `--key-type`, `--passphrase` and `--sheet` say nothing beside it"
            )
        );
        let name = arguments.name.clone().map(DeviceName::new).transpose()?;
        joining::run(context, invitation, arguments.authority.as_ref(), name)?;
        return Ok(Exit::Done);
    }
    ensure!(
        arguments.name.is_none(),
        Usage(
            "`--name` goes with `--join FILE`; `strongroom device name` names a machine that is yours"
        )
    );
    ensure!(
        arguments.join.is_none() || arguments.authority.is_some(),
        Usage("`--join` without a file joins the authority that `--authority` names")
    );
    let plan = Plan {
        authority: arguments.authority.clone(),
        code_file: arguments.code_file.clone(),
        sheet: arguments.sheet.clone(),
        key_type: arguments.key_type.into(),
        passphrase: Some(arguments.passphrase).filter(|new| new.passphrase),
        join: arguments.join.is_some(),
    };
    founding::init(context, &plan)?;
    Ok(Exit::Done)
}

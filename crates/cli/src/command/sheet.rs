//! `strongroom sheet`: prints the recovery sheet, and tests one without spending anything.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use serde::Serialize;
use strongroom_authority::Caller;
use strongroom_client::ConnectError;
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::{Home, Membership};
use strongroom_client::sheet::Sheet;
use strongroom_protocol::code::RecoveryCode;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::{self, Exit};
use crate::terminal::{self, escape};
use crate::{prompt, reach, stream};

/// Print your recovery sheet, or test one.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the recovery sheet; with a blank for the code where the home does not keep it any more.
    Print {
        /// The sheet [default: `recovery-sheet.txt` in the home].
        path: Option<PathBuf>,
    },
    /// Check that a sheet, or a code alone, gets your keys back. Spends nothing.
    ///
    /// Without your Strongroom folder, as on another machine, it checks what can be checked of a sheet there: that it can be
    /// read, and that the authority on it answers.
    Test {
        /// The sheet; without one, the code is asked for. `-` is a pipe.
        path: Option<PathBuf>,
        /// Read the recovery code from PATH.
        #[arg(long, value_name = "PATH", conflicts_with = "path")]
        code_file: Option<PathBuf>,
        /// Print a line of JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The code on the sheet is not the owner's.
#[derive(Debug, thiserror::Error)]
#[error("this is not the recovery code of this home's owner")]
pub(crate) struct OtherCode;

/// The sheet is another owner's, or for another authority.
#[derive(Debug, thiserror::Error)]
#[error("this sheet is for another {0} than this home is")]
pub(crate) struct OtherSheet(&'static str);

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Print { path } => print(context, path.as_deref()),
        Command::Test {
            path,
            code_file,
            json,
        } => test(context, path.as_deref(), code_file.as_deref(), *json),
    }
}

fn print(context: &Context, path: Option<&Path>) -> anyhow::Result<Exit> {
    let kept = prompt::sheet_path(&context.home);
    let path = path.unwrap_or(&kept);
    if path == kept && !path.exists() {
        stream::put(without_code(context)?.trim_end_matches('\n'))?;
        return Ok(Exit::Done);
    }
    let text = prompt::sheet_text(context, path)?;
    Sheet::parse(&text)
        .with_context(|| format!("cannot read the recovery sheet `{}`", path.display()))?;
    stream::put(text.trim_end_matches('\n'))?;
    Ok(Exit::Done)
}

/// Writes the sheet with a blank to be filled in by hand.
fn without_code(context: &Context) -> anyhow::Result<Zeroizing<String>> {
    let membership = membership(&Home::open_to_read(&context.home)?)?;
    // A sheet has a code; this one is nobody's.
    let sheet = Sheet {
        address: membership.address,
        authority: membership.founding.authority(),
        owner: membership.owner,
        code: RecoveryCode::generate(&mut context.rng()),
    };
    let blank = ["____"; 8].join(" ");
    Ok(sheet.to_text_without_code(&blank, context.clock.now())?)
}

/// What `sheet test` found, for programs; what is wrong is an error.
#[derive(Serialize)]
struct Tested {
    /// Whether the code is this home's owner's; not known where there is no home.
    code: Option<bool>,
    authority: String,
    /// Whether the authority answers there.
    reached: bool,
}

fn test(
    context: &Context,
    path: Option<&Path>,
    code_file: Option<&Path>,
    json: bool,
) -> anyhow::Result<Exit> {
    if let Some(path) = path
        && !Home::exists(&context.home)?
    {
        return test_elsewhere(context, path, json);
    }
    let mut home = Home::open_to_read(&context.home)?;
    let membership = membership(&home)?;
    let authority = membership.founding.authority();
    let code = match path {
        Some(path) => {
            let sheet = prompt::read_sheet(context, path)?;
            ensure!(sheet.authority == authority, OtherSheet("authority"));
            ensure!(sheet.owner == membership.owner, OtherSheet("owner"));
            if sheet.address != membership.address {
                context.say(format_args!(
                    "the sheet says that the authority is in {}; it is in {}",
                    escape(&sheet.address.to_string()),
                    escape(&membership.address.to_string())
                ));
            }
            sheet.code
        }
        None => prompt::recovery_code(context, code_file)?,
    };
    let Some(code_key) = membership.code_key else {
        bail!("this home was rebuilt, and does not know its code yet: `recover` tells it");
    };
    ensure!(
        code.signing_key(authority)?.verifying_key() == code_key,
        OtherCode
    );
    if !json {
        terminal::print_item(
            "the code is right: it is the recovery code of this Strongroom folder's owner",
        )?;
    }
    let reached = reach::authority_of(context, &home).and_then(|authority| {
        reach::connect(context, &mut home, &authority, &mut context.rng()).map(drop)
    });
    if json {
        terminal::print_json(&Tested {
            code: Some(true),
            authority: membership.address.to_string(),
            reached: reached.is_ok(),
        })?;
    }
    if let Err(error) = reached {
        return Ok(exit::fail("", &error));
    }
    if json {
        return Ok(Exit::Done);
    }
    terminal::print_item(format_args!(
        "the authority answers in {}",
        escape(&membership.address.to_string())
    ))?;
    Ok(Exit::Done)
}

/// Tests a sheet on a machine that has no home: as far as that goes, which is said.
fn test_elsewhere(context: &Context, path: &Path, json: bool) -> anyhow::Result<Exit> {
    let sheet = prompt::read_sheet(context, path)?;
    if !json {
        terminal::print_item(
            "the sheet can be read, and the recovery code on it has no typing error",
        )?;
    }
    let reached = reach::open(context, &sheet.address, Caller::Anybody)?;
    let (expected, found) = (sheet.authority, reached.authority().about()?.authority());
    ensure!(
        found == expected,
        ExchangeError::OtherAuthority { expected, found }
    );
    if json {
        terminal::print_json(&Tested {
            code: None,
            authority: sheet.address.to_string(),
            reached: true,
        })?;
        return Ok(Exit::Done);
    }
    terminal::print_item(format_args!(
        "the authority on it answers in {}",
        escape(&sheet.address.to_string())
    ))?;
    context.say(
        "whether the code is the owner's can't be told on this machine, which has no Strongroom folder of theirs;\n\
         `strongroom recover --sheet` would tell, by recovering",
    );
    Ok(Exit::Done)
}

fn membership(home: &Home) -> anyhow::Result<Membership> {
    Ok(home.membership()?.ok_or(ConnectError::NoAuthority)?)
}

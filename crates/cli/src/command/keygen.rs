//! `strongroom keygen`: an identity file, as age-keygen makes it; or an officer's key.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use strongroom_agefile::identity_file::{identity_text, seal_identities};
use strongroom_agefile::{Identity, WorkFactor};
use strongroom_client::home::Home;
use strongroom_client::officer::OfficerKey;
use strongroom_files::write_new;
use strongroom_protocol::policy::file::officer_key_text;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::desk::default_key_path;
use crate::exit::{Exit, Usage};
use crate::options::{KeyTypeName, NewPassphrase};
use crate::terminal::shown;
use crate::{prompt, stream, terminal};

/// Make a key pair outside your Strongroom folder, as age-keygen does; or, with `--officer`, an officer's key.
#[derive(Args)]
#[command(after_help = "\
An officer's key goes into a file: `officer.key` in your Strongroom folder,
unless `-o` names another. The lines that are printed are for the policy.")]
pub(crate) struct Arguments {
    /// Write to FILE, which must not exist, instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The kind of key.
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    key_type: KeyTypeName,
    #[command(flatten)]
    passphrase: NewPassphrase,
    /// Make the key with which an officer approves and denies.
    #[arg(long, conflicts_with_all = ["key_type", "passphrase", "any_passphrase"])]
    officer: bool,
    /// What the policy is to call the officer.
    #[arg(
        long,
        value_name = "NAME",
        requires = "officer",
        default_value = "NAME",
        value_parser = parse_name
    )]
    name: String,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.officer {
        return make_officer(context, arguments);
    }
    let mut rng = context.rng();
    let identity = Identity::generate(arguments.key_type.into(), &mut rng);
    let mut text = identity_text(&identity, &context.clock.now().to_string());
    if arguments.passphrase.passphrase {
        let passphrase = prompt::new_passphrase(context, arguments.passphrase)?;
        let sealed = seal_identities(&text, &passphrase, WorkFactor::DEFAULT, &mut rng)?;
        text = Zeroizing::new(sealed);
    }
    match arguments
        .output
        .as_deref()
        .filter(|path| !stream::is_sink(path))
    {
        Some(path) => write_new(path, text.as_bytes(), &mut rng)?,
        None => {
            let mut output = stream::output_to(arguments.output.as_deref())?;
            output.write_secret(text.as_bytes())?;
        }
    }
    context.say(format_args!("Public key: {}", identity.recipient()));
    Ok(Exit::Done)
}

/// Writes an officer's key, and prints who the policy is to know them as.
fn make_officer(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let membership = if Home::exists(&context.home)? {
        Home::open_to_read(&context.home)?.membership()?
    } else {
        None
    };
    let path = match &arguments.output {
        Some(path) if stream::is_sink(path) => bail!(Usage("an officer's key goes into a file")),
        Some(path) => path.clone(),
        // In a folder that is no home yet, it would pass for a damaged one.
        None if membership.is_none() => {
            bail!(Usage(
                "name a file with `-o`: there is no home to keep the key in"
            ))
        }
        None => default_key_path(&context.home),
    };
    let mut rng = context.rng();
    let key = OfficerKey::generate(&mut rng);
    key.write(&path, &arguments.name, &mut rng)?;
    let public = key.signing_key().verifying_key();
    terminal::print("[[officer]]")?;
    // JSON's texts are TOML's.
    terminal::print(format_args!(
        "name = {}",
        serde_json::to_string(&arguments.name)?
    ))?;
    terminal::print(format_args!("keys = [\"{}\"]", officer_key_text(&public)))?;
    if let Some(membership) = membership {
        terminal::print(format_args!("owner = \"{}\"", membership.owner))?;
    }
    context.say(format_args!("wrote {}; keep it secret", shown(&path)));
    context.say("These lines go into the policy; the key's file does not.");
    Ok(Exit::Done)
}

/// A name stays on its line, in the key's file and in the policy.
fn parse_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("a name is a line of text");
    }
    Ok(text.to_owned())
}

//! `strongroom keygen`: an identity file, as age-keygen makes it.

use std::path::PathBuf;

use clap::Args;
use strongroom_agefile::identity_file::{identity_text, seal_identities};
use strongroom_agefile::{Identity, WorkFactor};
use strongroom_client::file::write_new;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::Exit;
use crate::options::KeyTypeName;
use crate::{prompt, stream, terminal};

/// Make a key pair: an identity file of age. It is no part of a home.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Write to FILE, which must not exist, instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The kind of key.
    #[arg(long, value_enum, default_value_t, value_name = "TYPE")]
    key_type: KeyTypeName,
    /// Seal the file with a passphrase.
    #[arg(long)]
    passphrase: bool,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut rng = context.rng();
    let identity = Identity::generate(arguments.key_type.into(), &mut rng);
    let mut text = identity_text(&identity, &context.clock.now().to_string());
    if arguments.passphrase {
        let passphrase = prompt::new_passphrase()?;
        let sealed = seal_identities(&text, &passphrase, WorkFactor::DEFAULT, &mut rng)?;
        text = Zeroizing::new(sealed);
    }
    match arguments
        .output
        .as_deref()
        .filter(|path| !stream::is_pipe(path))
    {
        Some(path) => write_new(path, text.as_bytes(), 0o600, &mut rng)?,
        None => terminal::print(text.trim_end())?,
    }
    context.say(format_args!("Public key: {}", identity.recipient()));
    Ok(Exit::Done)
}

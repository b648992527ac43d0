//! `strongroom protect`: a spare for files that are encrypted already.

mod capi;
mod report;

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::Args;
use strongroom_client::ConnectError;
use strongroom_client::home::{Home, Identities, KeysError};
use strongroom_client::kind::is_called_encrypted;
use strongroom_client::protect::{Job, ProtectOptions, look};
use strongroom_protocol::statement::Particulars;

use self::report::Report;
use crate::cipher::CipherOptions;
use crate::command::decrypt::read_identities;
use crate::command::encrypt::{described_path, parse_label};
use crate::command::rewrap::repair;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::input::{self, Input, Paths};
use crate::rsa::PaddingOption;
use crate::{prompt, reach, stream};

/// Give files that are encrypted already a spare of their keys at the authority.
///
/// Takes files of any age program that your key opens, or one named with `-i`. Their headers then say where the spare
/// is; payloads and other people's access stay as they are. A file with a passphrase stays as it is altogether. Run
/// again, it passes over what is done.
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom protect archive/                      every age file in a folder
  strongroom protect -i old-key.txt letters.age    a file that another key opens
  strongroom protect --detached /mnt/dvd           no byte of a file changes
  strongroom protect --key app.priv --pkcs1 data/  files of a CryptoAPI program
  find . -name '*.age' -print0 | strongroom protect --files-from - -0")]
pub(crate) struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Also open with the keys of this file.
    #[arg(short, long = "identity", value_name = "IDENTITY")]
    identities: Vec<PathBuf>,
    /// Protect files of CryptoAPI's example programs that this RSA key opens, a PRIVATEKEYBLOB or PEM: no byte of them
    /// changes.
    #[arg(long, value_name = "KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    padding: PaddingOption,
    #[command(flatten)]
    cipher: CipherOptions,
    /// Change no byte of the files: their spares are found by the files' headers.
    #[arg(long)]
    detached: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// What the authority is told of the files [default: the file's name].
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A label for the authority.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// Print a line of JSON for each file.
    #[arg(long)]
    json: bool,
    /// Count a spare as protection wherever it is: on the file's own disk, in memory, or where it can't be told.
    #[arg(long)]
    same_disk_ok: bool,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    ensure!(!arguments.paths.is_empty(), Usage("no file was named"));
    let mut walk = arguments.paths.walk(context)?;
    let files = std::mem::take(&mut walk.files);
    ensure!(
        !files.iter().any(|file| stream::is_pipe(&file.path)),
        Usage("a pipe can't be protected: `encrypt` does that from the start")
    );
    // Before anything is done: a description or labels that no deposit takes.
    let particulars = Particulars::new(
        arguments.description.clone().unwrap_or_default(),
        arguments.labels.iter().cloned().collect(),
    )?;
    if let Some(key) = &arguments.key {
        return capi::protect(context, arguments, key, (&files, walk), &particulars);
    }
    ensure!(
        arguments.padding.said().is_none() && arguments.cipher.said().is_none(),
        Usage(
            "`--pkcs1`, `--oaep` and what a program of CryptoAPI's set on its session keys go with `--key`"
        )
    );
    let others = read_identities(context, &arguments.identities)?;
    let mut home = Home::open(&context.home)?;
    home.expect_files(files.len())?;
    let own = own_identities(context, &home, &others)?;
    let options = ProtectOptions {
        identities: own.as_ref(),
        others: &others,
        detached: arguments.detached,
    };
    let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
    let mut report = Report::new(context, arguments, &files, walk, membership.address);
    if arguments.dry_run {
        for (number, file) in files.iter().enumerate() {
            let look = look(&home, membership.founding.authority(), &file.path, &options);
            report.looked(number, look);
        }
        return report.end();
    }
    if own.is_some() {
        repair(context, &mut home)?;
    }
    if !arguments.detached {
        input::remove_leftovers(files.iter().map(|file| file.path.as_path()));
    }
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let jobs = jobs(arguments, &files, &particulars);
    let ask = &mut prompt::passphrases(context);
    client.protect(jobs, &options, ask, &mut report)?;
    report.end()
}

/// Returns what is to be done of each file.
fn jobs<'a>(
    arguments: &'a Arguments,
    files: &'a [Input],
    particulars: &'a Particulars,
) -> impl Iterator<Item = Job> + 'a {
    files.iter().map(|file| Job {
        path: file.path.clone(),
        particulars: match arguments.description {
            Some(_) => particulars.clone(),
            None => named(file, particulars),
        },
    })
}

/// Reads the home's identities. One whose identity is lost may still protect what others open.
fn own_identities(
    context: &Context,
    home: &Home,
    others: &[Identities],
) -> Result<Option<Identities>, KeysError> {
    match home.identities(&mut prompt::passphrases(context)) {
        Err(KeysError::IdentityMissing { .. }) if !others.is_empty() => Ok(None),
        identities => identities.map(Some),
    }
}

/// Describes a file as its owner named it, without the ending, where there is room for it beside the labels; or by its name.
fn named(file: &Input, particulars: &Particulars) -> Particulars {
    let bare = |path: &Path| {
        let path = match is_called_encrypted(path) {
            true => path.with_extension(""),
            false => path.to_owned(),
        };
        path.to_string_lossy().into_owned()
    };
    let labels = || particulars.labels().clone();
    let path = bare(described_path(&file.path, &file.relative));
    let name = bare(Path::new(file.path.file_name().unwrap_or_default()));
    Particulars::new(path, labels())
        .or_else(|_| Particulars::new(name, labels()))
        .unwrap_or_else(|_| particulars.clone())
}

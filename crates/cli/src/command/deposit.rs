//! `strongroom deposit`: secrets that are no files. Each is checked, if it can be, before it is deposited.

mod blob;
mod list;
mod report;

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Args;
use strongroom_client::Client;
use strongroom_client::home::{Check, CheckRun, Home};
use strongroom_client::secret::{self, NewSecret, OpenSecretError, Secret};
use strongroom_protocol::id::Serial;
use strongroom_protocol::statement::Particulars;
use zeroize::Zeroizing;

use self::blob::BlobOptions;
use self::report::{Report, Why};
use crate::check::{self, Outcome};
use crate::command::encrypt::parse_label;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::keys::{SecretKeys, is_under_another_key};
use crate::producer::Producer;
use crate::{founding, prompt, reach, stream};

/// Deposit a password, a disk key, a token: what is secret and no file.
///
/// Reads it from a pipe, to the last byte, or asks for it at the terminal. The authority gets it encrypted;
/// `recover --serial` brings it back. A new secret under an old name supersedes the one before, which stays.
#[derive(Args)]
#[command(after_help = "\
Examples:
  printf %s \"$passphrase\" | strongroom deposit --name disk/host1 \\
      --check 'cryptsetup open --test-passphrase --key-file - /dev/sda2'
  strongroom deposit --name wifi --description 'guest network'     asks for it
  strongroom deposit --from secrets.jsonl                          many at once

A line of the file for `--from`:
  {\"name\": \"disk/host1\", \"secret\": \"...\", \"labels\": {\"site\": \"A\"}}
It needs `name`, and `secret` or `secret_base64`; `description`, `labels` and
`check` are as the options. Run again, it deposits what changed.")]
pub(crate) struct Arguments {
    /// What the secret goes by, readable at the authority; the newest of a name counts.
    #[arg(long, value_name = "NAME", value_parser = secret::parse_name)]
    name: Option<String>,
    /// What it is, for people, readable at the authority.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A label, readable at the authority.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// A shell command that gets the secret on its standard input, and exits with 0 if it opens: else nothing is
    /// deposited. `status --check` runs it again. It stays with the name, for the secrets that come after.
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,
    /// Deposit one secret without the check that its name has, and take the check away from the name.
    #[arg(long, conflicts_with = "check")]
    no_check: bool,
    /// Deposit many secrets, a line of JSON for each in FILE; from a pipe if it is `-`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "description", "labels", "check", "no_check"])]
    from: Option<PathBuf>,
    /// Read from CMD, and deposit nothing if it fails: the secret, if it is named, or else many as from a FILE. All that follows
    /// is CMD and its arguments.
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true, conflicts_with = "from")]
    from_command: Vec<OsString>,
    /// Of many, deposit also what can't be compared with what is there: because another machine of yours deposited
    /// it, or your key is sealed and no passphrase is at hand.
    #[arg(long, conflicts_with_all = ["name", "description"])]
    force: bool,
    #[command(flatten)]
    blob: BlobOptions,
    /// Print a line of JSON for each that was deposited.
    #[arg(long)]
    json: bool,
    /// Count a spare as protection wherever it is: on the home's own disk, in memory, or where it can't be told.
    #[arg(long)]
    same_disk_ok: bool,
}

impl Arguments {
    /// Tells whether a list is read.
    fn are_many(&self) -> bool {
        let is_named = self.name.is_some() || self.description.is_some();
        self.from.is_some() || !self.from_command.is_empty() && !is_named
    }
}

/// A secret as it was given.
struct Entry {
    name: Option<String>,
    secret: Secret,
    /// Without the attachment, which is made when it is deposited.
    particulars: Particulars,
    /// The check's command, which stays in the home.
    check: Option<String>,
    /// The check, once it passed.
    passed: Option<Check>,
}

/// A check did not accept a secret.
#[derive(Debug, thiserror::Error)]
#[error("not deposited: {}{outcome}", if *.outcome == Outcome::NotRun { "" } else { "the secret " })]
pub(crate) struct NotOpened {
    pub(crate) outcome: Outcome,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(blob) = &arguments.blob.simple_blob {
        return blob::run(context, arguments, blob);
    }
    ensure!(
        arguments.blob.is_unsaid(),
        Usage(
            "`--pkcs1` and `--oaep` say how a `--simple-blob` is padded, `--iv` and the like what was set on its key"
        )
    );
    // Everything that can be refused before anything is deposited.
    ensure!(
        !arguments.force || arguments.are_many(),
        Usage("`--force` is for many secrets: name a list with `--from` or `--from-command`")
    );
    let entries = match &arguments.from {
        Some(path) => list::read(stream::open(path), path)?,
        None if arguments.are_many() => {
            let producer = Producer::start(&arguments.from_command)?;
            list::read(Ok(producer), "what the command wrote".as_ref())?
        }
        None => vec![given(arguments)?],
    };
    for entry in &entries {
        report::warn(context, entry);
    }
    let mut report = Report::new(context, arguments, entries.len());
    let entries = with_checks_of_names(context, arguments, entries)?;
    let entries = checked(context, entries, &mut report)?;
    if entries.is_empty() {
        return report.end();
    }
    let mut home = founding::home(context)?;
    let owner = home.recipient(&mut prompt::passphrases(context))?;
    report.see(&home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let mut entries = entries;
    if arguments.are_many() {
        // Another machine of the owner's may have deposited newer ones.
        reach::connect(context, &mut home, &authority, &mut rng)?;
        entries = changed(context, &mut home, entries, arguments.force, &mut report)?;
    }
    while !entries.is_empty() {
        let rest = entries.split_off(entries.len().min(Client::SPARES_MAX));
        let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
        let secrets = entries.into_iter().map(|entry| NewSecret {
            secret: entry.secret,
            particulars: entry.particulars,
            check: entry.passed,
        });
        let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
        let deposited = client.deposit_secrets(&owner, secrets.collect())?;
        for (name, deposited) in names.iter().zip(&deposited) {
            report.deposited(name.as_deref(), deposited)?;
        }
        drop(client);
        if arguments.no_check {
            for name in names.iter().flatten() {
                home.forget_check(name)?;
            }
        }
        entries = rest;
    }
    report.end()
}

/// Returns the one secret that the options describe.
fn given(arguments: &Arguments) -> anyhow::Result<Entry> {
    let description = arguments.description.clone().unwrap_or_default();
    ensure!(
        arguments.name.is_some() || !description.is_empty(),
        Usage("name the secret with `--name`, or say what it is with `--description`")
    );
    let labels = arguments.labels.iter().cloned().collect();
    let mut particulars = Particulars::new(description, labels)?;
    if let Some(name) = &arguments.name {
        particulars = particulars.with_name(name)?;
    }
    let secret = if !arguments.from_command.is_empty() {
        read_to_end(Producer::start(&arguments.from_command)?)?
    } else if let Some(secret) = prompt::secret_if_asked()? {
        secret
    } else {
        read_to_end(stream::input()?)?
    };
    Ok(Entry {
        name: arguments.name.clone(),
        secret: Secret::new(secret)?,
        particulars,
        check: arguments.check.clone(),
        passed: None,
    })
}

fn read_to_end(reader: impl Read) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut secret = Zeroizing::new(Vec::with_capacity(Secret::BYTES_MAX + 2));
    reader
        .take(Secret::BYTES_MAX as u64 + 1)
        .read_to_end(&mut secret)
        .context("cannot read the secret")?;
    Ok(secret)
}

/// Gives secrets the checks that their names have: a check belongs to its name, whichever way a secret is deposited.
fn with_checks_of_names(
    context: &Context,
    arguments: &Arguments,
    mut entries: Vec<Entry>,
) -> anyhow::Result<Vec<Entry>> {
    if arguments.no_check || !Home::exists(&context.home)? {
        return Ok(entries);
    }
    // Let go before the checks run: they may use the home themselves.
    let home = Home::open(&context.home)?;
    for entry in &mut entries {
        if let (None, Some(name)) = (&entry.check, &entry.name) {
            entry.check = home.check_of(name)?;
        }
    }
    Ok(entries)
}

/// Runs the checks, and returns what may be deposited.
fn checked(
    context: &Context,
    entries: Vec<Entry>,
    report: &mut Report<'_>,
) -> anyhow::Result<Vec<Entry>> {
    let mut passed = Vec::new();
    for mut entry in entries {
        if let Some(command) = &entry.check {
            let outcome = check::run(command, &entry.secret)?;
            if outcome != Outcome::Opens {
                report.failed(entry.name.as_deref(), &NotOpened { outcome }.into());
                continue;
            }
            let time = context.clock.now();
            entry.particulars = entry.particulars.with_checked(time)?;
            entry.passed = Some(Check {
                command: command.clone(),
                run: Some(CheckRun { time, opens: true }),
            });
        }
        passed.push(entry);
    }
    Ok(passed)
}

/// Leaves out what is there already, the same in every respect: so a list that was stopped goes on, and one that is sent
/// every night deposits what changed.
///
/// What can't be compared is left out too, and told, or two machines with one list would deposit each other's secrets
/// every night.
fn changed(
    context: &Context,
    home: &mut Home,
    entries: Vec<Entry>,
    force: bool,
    report: &mut Report<'_>,
) -> anyhow::Result<Vec<Entry>> {
    let is_sealed = home.is_identity_sealed()? && !context.passphrase.is_named();
    let newest = home.newest_secrets()?;
    let mut keys = SecretKeys::new(context);
    let mut changed = Vec::new();
    for entry in entries {
        let newest = entry.name.as_ref().and_then(|name| newest.get(name));
        let newest = newest.map_or(&[][..], Vec::as_slice);
        match compare(home, &mut keys, is_sealed, newest, &entry)? {
            Compared::Same(serial) => {
                if let Some((check, run)) = entry
                    .passed
                    .and_then(|check| Some((check.command, check.run?)))
                {
                    home.record_check(serial, &check, run)?;
                }
                report.unchanged();
            }
            Compared::Sealed if !force => report.not_compared(entry.name.as_deref(), Why::Sealed),
            Compared::Foreign(serial) if !force => {
                // Told in full once; counted every time.
                let why = if home.record_not_compared(serial)? {
                    Why::Foreign
                } else {
                    Why::ForeignAgain
                };
                report.not_compared(entry.name.as_deref(), why);
            }
            Compared::Other | Compared::Sealed | Compared::Foreign(_) => changed.push(entry),
        }
    }
    Ok(changed)
}

/// How a secret on the list compares with the newest under its name.
enum Compared {
    /// One of them is under a key that is not at hand, and none is the same.
    Foreign(Serial),
    /// There is none, or others.
    Other,
    /// This one is the same.
    Same(Serial),
    /// There are some, and the key that opens them is sealed.
    Sealed,
}

fn compare(
    home: &Home,
    keys: &mut SecretKeys<'_>,
    is_sealed: bool,
    newest: &[Serial],
    entry: &Entry,
) -> anyhow::Result<Compared> {
    let mut compared = Compared::Other;
    for serial in newest {
        // What the authority does not keep, or has lost, is not there to be the same.
        let deposit = home.deposit(*serial)?;
        if !deposit.is_some_and(|deposit| deposit.state.is_kept() && deposit.entry.is_some()) {
            continue;
        }
        let Some(particulars) = home.particulars(*serial)? else {
            continue;
        };
        let same_words = particulars.description() == entry.particulars.description()
            && particulars.own_labels().eq(entry.particulars.own_labels());
        if is_sealed {
            // Released keys open without it.
            let membership = home.membership()?;
            let released = membership
                .map(|membership| secret::released(home, membership.owner, *serial))
                .transpose()?
                .flatten();
            match released {
                Some(secret) if same_words && secret == entry.secret => {
                    return Ok(Compared::Same(*serial));
                }
                Some(_) => {}
                None => compared = Compared::Sealed,
            }
            continue;
        }
        match keys.open(home, *serial) {
            Ok(secret) if same_words && secret == entry.secret => {
                return Ok(Compared::Same(*serial));
            }
            Ok(_) => {}
            Err(error) if is_under_another_key(&error) => compared = Compared::Foreign(*serial),
            // One that does not open any more is deposited anew.
            Err(error) if error.is::<OpenSecretError>() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(compared)
}

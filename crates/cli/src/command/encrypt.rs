//! `strongroom encrypt`: the spare first, then the file. The first use makes a home.

pub(crate) mod capi;
mod choice;
mod report;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Serialize;
use strongroom_agefile::identity_file::{RECIPIENTS_BYTES_MAX, parse_recipients};
use strongroom_agefile::{KeyType, Recipient};
use strongroom_client::ConnectError;
use strongroom_client::encrypt::{Appearing, EncryptOptions, Job, Jobs, Source, Target};
use strongroom_client::file::same_file;
use strongroom_client::home::{Home, Identities, Learned};
use strongroom_files::output::{CreateError, Output};
use strongroom_protocol::statement::Particulars;

use self::capi::FormatOptions;
pub(super) use self::choice::described_path;
use self::choice::{Chosen, Named, Tally};
use self::report::Report;
use crate::account::Account;
use crate::command::decrypt::OntoItself;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::input::{self, Paths};
use crate::options::KeyTypeName;
use crate::producer::Producer;
use crate::terminal::{self, count, shown};
use crate::walk::Walk;
use crate::{founding, prompt, reach, stream, text};

/// Encrypt files, each with a spare of its key at the authority.
///
/// PATH becomes PATH.age, or PATH.capi, and itself stays as it is; `-`, or nothing, is a pipe. Of a folder, what is new is
/// encrypted, and what changed since it was encrypted; what is encrypted is known by its content, and left. The first use, in
/// the default home or at a terminal, makes your key, an authority and a recovery sheet, and says where they are; elsewhere `init`
/// does.
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom encrypt thesis.pdf               makes thesis.pdf.age, beside it
  strongroom encrypt photos/ letters/         what is new in them, or changed
  strongroom encrypt -o /media/usb photos/    makes /media/usb/photos/..
  strongroom encrypt -r age1pq1... plan.txt   somebody else can open it, too
  tar c . | strongroom encrypt -o tree.age -  a pipe
  strongroom encrypt -o db.age --from-command pg_dump shop
                                              no file, if pg_dump fails
  strongroom encrypt --format capi data.bin   makes data.bin.capi, for CryptoAPI

The public key for `-r` has to be of the same kind as yours. If yours is hybrid,
as it is unless you chose otherwise, theirs begins with age1pq1; `strongroom
keygen` makes such a key, and so does age-keygen of age 1.3 with `-pq`. If you
want classic keys, begin with `strongroom init --key-type x25519`.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Encrypt what CMD writes, and make no file if it fails. All that follows is CMD and its arguments.
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true, conflicts_with_all = ["paths", "files_from"])]
    from_command: Vec<OsString>,
    /// Write to OUT; into it, if it is a folder or ends in `/`, or if several files or a folder were named; to a pipe if it
    /// is `-`.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Who else can open the files: a public key of age.
    #[arg(short, long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Who else can open the files: public keys, one a line.
    #[arg(short = 'R', long, value_name = "FILE")]
    recipients_file: Vec<PathBuf>,
    /// Who else can open the files: those with the keys of this identity file.
    #[arg(short, long = "identity", value_name = "IDENTITY")]
    identities: Vec<PathBuf>,
    /// Write text (PEM) instead of bytes.
    #[arg(short, long)]
    armor: bool,
    /// What the authority is told of the files [default: the file's name].
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A label for the authority.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// Replace what is there already.
    #[arg(long)]
    force: bool,
    /// Say what would be encrypted, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print a line of JSON for each file.
    #[arg(long)]
    json: bool,
    /// Count a spare as protection wherever it is: on the file's own disk, in memory, or where it can't be told.
    #[arg(long)]
    same_disk_ok: bool,
    /// The kind of your key, where the first use makes one.
    #[arg(long, value_enum, value_name = "TYPE")]
    key_type: Option<KeyTypeName>,
    #[command(flatten)]
    format: FormatOptions,
}

#[derive(Serialize)]
struct WouldEncrypt<'l> {
    file: &'l str,
    source: &'l str,
    /// Whether it was encrypted before, and has changed.
    again: bool,
    dry_run: bool,
}

/// The option says another kind of key than the home has.
#[derive(Debug, thiserror::Error)]
#[error("your key in this home is of another kind than `--key-type` says")]
pub(crate) struct OtherKeyType;

/// The key that the first use would make is of another kind than the recipients named.
#[derive(Debug, thiserror::Error)]
#[error("post-quantum and classic recipients cannot be mixed, and your key is yet to be made")]
pub(crate) struct MixedOnFirstUse;

/// Bytes would go to a terminal.
#[derive(Debug, thiserror::Error)]
#[error("an encrypted file is no text for a terminal")]
pub(crate) struct OntoTerminal;

/// A public key that is none.
#[derive(Debug, thiserror::Error)]
#[error("recipient {number} can't be used")]
pub(crate) struct NoRecipient {
    number: usize,
    source: strongroom_agefile::recipient::ParseRecipientError,
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> anyhow::Result<Exit> {
    // Everything that can be refused before a home is made or a key deposited.
    let is_capi = arguments.format.is_capi()?;
    let for_others = !arguments.recipients.is_empty()
        || !arguments.recipients_file.is_empty()
        || !arguments.identities.is_empty();
    ensure!(
        !is_capi || !(for_others || arguments.armor),
        Usage(
            "`--format capi` is for your own key alone, and never text: leave out `-r`, `-R`, `-i` and `-a`"
        )
    );
    let paths = named_paths(&arguments)?;
    let lists = paths.paths.iter().chain(&paths.files_from);
    let lists = lists.chain(&arguments.recipients_file);
    stream::ensure_one_reader(lists.chain(context.passphrase.file()))?;
    let others = others(context, &arguments)?;
    let walk = paths.walk(context)?;
    let ending = if is_capi { ".capi" } else { ".age" };
    let chosen = Chosen::of(context, &arguments, walk, ending)?;
    let labels: BTreeMap<_, _> = arguments.labels.iter().cloned().collect();
    let particulars = chosen
        .named
        .iter()
        .map(|named| particulars(named, &arguments, &labels))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut account = Account::new(context).with_json(arguments.json);
    let Chosen {
        named,
        tally,
        mut walk,
        destination,
    } = chosen;
    walk.tell_unreadable(&mut account);
    if arguments.dry_run {
        return dry_run(context, &arguments, &named, &tally, &walk, account);
    }
    if named.is_empty() {
        return tally.end(context, &walk, account);
    }
    input::remove_leftovers(named.iter().filter_map(|named| named.target.as_deref()));

    if !Home::exists(&context.home)? {
        check_first_use(&named, &others, &arguments)?;
    }
    let mut home = founding::home_or_found(context, arguments.key_type)?;
    let address = home.address()?.ok_or(ConnectError::NoAuthority)?;
    if !arguments.from_command.is_empty() {
        // No program is run for an authority that is not there.
        reach::authority_of(context, &home)?;
    }
    let mut jobs = Vec::new();
    let mut prepared = Vec::new();
    for (named, particulars) in named.into_iter().zip(particulars) {
        let target = named.target.as_deref();
        match target.map_or(Ok(()), |target| destination.prepare(target)) {
            Ok(()) => {
                jobs.push(job(&named, &arguments, particulars)?);
                prepared.push(named);
            }
            Err(error) => account.fail(named.source.as_deref().unwrap_or(Path::new("-")), &error),
        }
    }
    let named = prepared;
    if is_capi {
        let mut report = Report::new(context, &arguments, named, address, account);
        capi::encrypt(context, home, jobs, &arguments.format, &mut report)?;
        if report.did_any() {
            capi::say_no_integrity(context);
        }
        return report.end(false, tally, &walk);
    }
    let owner = home.recipient(&mut prompt::passphrases(context))?;
    let kind = arguments.key_type.map(KeyType::from);
    ensure!(
        kind.is_none_or(|kind| (kind == KeyType::Hybrid) == owner.is_post_quantum()),
        OtherKeyType
    );
    let options = EncryptOptions {
        owner: &owner,
        others: &others,
        armor: arguments.armor,
        threads: context.threads,
    };
    let mut report = Report::new(context, &arguments, named, address, account);
    encrypt(context, home, jobs, &options, &mut report)?;
    report.end(owner.is_post_quantum(), tally, &walk)
}

/// Encrypts in groups. The home is locked while keys are deposited, and not while files are encrypted: that may last, and the
/// other end of a pipe may even want this home.
fn encrypt(
    context: &Context,
    home: Home,
    jobs: Vec<Job>,
    options: &EncryptOptions<'_>,
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let mut record = recorder(context, &jobs);
    let mut jobs = Jobs::of(jobs);
    let mut appearing = Appearing::default();
    let mut open = Some(home);
    let mut encrypt_all = |appearing: &mut Appearing, report: &mut Report<'_>| {
        loop {
            let mut home = match open.take() {
                Some(home) => home,
                None => Home::open(&context.home)?,
            };
            let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
            let group = client.deposit_for(&mut jobs, options, report)?;
            drop(home);
            let Some(group) = group else {
                return anyhow::Ok(());
            };
            group.encrypt(options, report, &mut rng, appearing, &mut record)?;
            if jobs.is_empty() {
                return Ok(());
            }
        }
    };
    let done = encrypt_all(&mut appearing, report);
    // Whatever came in between, files that are written appear, and are told of.
    appearing.finish(report);
    done.and(appearing.record(record))
}

/// Returns what records in the home what was written.
fn recorder<'c>(
    context: &'c Context,
    jobs: &[Job],
) -> impl FnMut(&mut Learned) -> anyhow::Result<()> + Send + 'c + use<'c> {
    let into_pipe = |job: &Job| matches!(job.target, Target::Stream(_));
    let into_pipe = jobs.iter().any(into_pipe);
    move |written| {
        // Whoever reads the pipe may be at work in the home, and waits for the pipe's end: never for them.
        let home = match into_pipe {
            true => Home::try_open(&context.home)?,
            false => Some(Home::open(&context.home)?),
        };
        if let Some(mut home) = home {
            home.record_written(written, context.clock.now())?;
        }
        Ok(())
    }
}

/// Refuses what would fail anyway before a home is made, which would then have a key of the wrong kind.
fn check_first_use(
    named: &[Named],
    others: &[Recipient],
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let hybrid = KeyType::from(arguments.key_type.unwrap_or_default()) == KeyType::Hybrid;
    let mixed = others.iter().any(|other| other.is_post_quantum() != hybrid);
    ensure!(!mixed, MixedOnFirstUse);
    // Nothing is made for files of which none can be read.
    let mut unreadable = None;
    for named in named {
        // To open what is there once would lose it.
        let source = named.source.as_deref();
        match source
            .filter(|path| !stream::is_read_once(path))
            .map(stream::open)
        {
            None | Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => {
                unreadable.get_or_insert((named.source.as_deref(), error));
            }
        }
    }
    match unreadable {
        Some((path, error)) => {
            let path = path.unwrap_or(Path::new("-"));
            Err(error).with_context(|| format!("cannot open `{}`", path.display()))
        }
        None => Ok(()),
    }
}

fn others(context: &Context, arguments: &Arguments) -> anyhow::Result<Vec<Recipient>> {
    let mut others = Vec::new();
    for (number, text) in (1..).zip(&arguments.recipients) {
        let recipient = strongroom_text::trim(text)
            .parse()
            .map_err(|source| NoRecipient { number, source })?;
        others.push(recipient);
    }
    for path in &arguments.recipients_file {
        let failed = || format!("cannot read the recipients file `{}`", path.display());
        let text = text::read_bytes(path, RECIPIENTS_BYTES_MAX as u64).with_context(failed)?;
        others.extend(parse_recipients(&text).with_context(failed)?);
    }
    for path in &arguments.identities {
        context.warn_if_exposed(path);
        others.extend(Identities::read(path, &mut prompt::passphrases(context))?.recipients()?);
    }
    Ok(others)
}

/// Returns what was named, or the pipe where nothing was.
fn named_paths(arguments: &Arguments) -> anyhow::Result<Paths> {
    let mut paths = arguments.paths.clone();
    if !arguments.from_command.is_empty() {
        paths.paths = vec![PathBuf::from("-")];
    }
    if paths.is_empty() {
        paths.paths = stream::or_pipe(&[]);
    }
    ensure!(!paths.is_empty(), Usage("nothing to encrypt was named"));
    Ok(paths)
}

/// Opens what is encrypted, and where it goes. What is read once is opened here, and a program is run: not before.
fn job(named: &Named, arguments: &Arguments, particulars: Particulars) -> anyhow::Result<Job> {
    if let (Some(target), false) = (&named.target, arguments.from_command.is_empty()) {
        Output::check(target, named.overwrite)?;
    }
    Ok(Job {
        source: match &named.source {
            // Opened once, and read in place of a pipe: of what was only found in a folder, nothing is waited for.
            Some(path) if named.is_named && stream::is_read_once(path) => {
                let failed = || format!("cannot open `{}`", path.display());
                Source::Stream(stream::open(path).with_context(failed)?)
            }
            Some(path) => Source::File(path.clone()),
            None if arguments.from_command.is_empty() => {
                Source::Stream(stream::open(Path::new("-"))?)
            }
            None => Source::Reader(Box::new(Producer::start(&arguments.from_command)?)),
        },
        target: match &named.target {
            Some(path) => Target::File(path.clone(), named.overwrite),
            None => Target::Stream(Box::new(stream::output_to(arguments.output.as_deref())?)),
        },
        particulars,
    })
}

/// Returns what the authority is told of a file.
fn particulars(
    named: &Named,
    arguments: &Arguments,
    labels: &BTreeMap<String, String>,
) -> anyhow::Result<Particulars> {
    match &arguments.description {
        Some(text) => Ok(Particulars::new(text.clone(), labels.clone())?),
        None => described(named, labels),
    }
}

/// Describes a file as its owner named it; by its name alone, where that leads out of where they are, or is too long.
fn described(named: &Named, labels: &BTreeMap<String, String>) -> anyhow::Result<Particulars> {
    let Some(source) = &named.source else {
        let name = named.target.as_deref().and_then(Path::file_name);
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| "standard input".to_owned());
        return Ok(Particulars::new(name, labels.clone())?);
    };
    let path = described_path(source, &named.relative);
    let text = path.to_string_lossy().into_owned();
    if let Ok(particulars) = Particulars::new(text, labels.clone()) {
        return Ok(particulars);
    }
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    Ok(Particulars::new(name.into_owned(), labels.clone())?)
}

/// Says what would be encrypted, and does nothing.
fn dry_run(
    context: &Context,
    arguments: &Arguments,
    named: &[Named],
    tally: &Tally,
    walk: &Walk,
    mut account: Account<'_>,
) -> anyhow::Result<Exit> {
    let mut would = 0;
    for named in named {
        let (Some(source), Some(target)) = (&named.source, &named.target) else {
            continue;
        };
        let look = || -> anyhow::Result<()> {
            stream::open(source).with_context(|| format!("cannot open `{}`", shown(source)))?;
            ensure!(!same_file(source, target), OntoItself);
            match Output::check(target, named.overwrite) {
                // It would be made.
                Err(CreateError::FolderMissing { .. }) if tally.makes_folders => Ok(()),
                checked => Ok(checked?),
            }
        };
        if let Err(error) = look() {
            account.fail(source, &error);
            continue;
        }
        would += 1;
        if arguments.json {
            terminal::print_json(&WouldEncrypt {
                file: &target.to_string_lossy(),
                source: &source.to_string_lossy(),
                again: named.again,
                dry_run: true,
            })?;
        } else {
            terminal::print(format_args!("{}  from {}", shown(target), shown(source)))?;
        }
    }
    let files = count(would, "file", "files");
    context.say(format_args!("{files} would be encrypted{}", tally.rest()));
    walk.passed.tell(context);
    Ok(account.end())
}

pub(super) fn parse_label(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("a label is NAME=VALUE")?;
    if name.is_empty() {
        return Err("a label has a name");
    }
    if name.starts_with(Particulars::RESERVED) {
        return Err("names that begin with `strongroom/` are reserved");
    }
    Ok((name.to_owned(), value.to_owned()))
}

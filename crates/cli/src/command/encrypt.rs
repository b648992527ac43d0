//! `strongroom encrypt`: the spare first, then the file. The first use makes a home.

pub(crate) mod capi;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use strongroom_agefile::identity_file::{RECIPIENTS_BYTES_MAX, parse_recipients};
use strongroom_agefile::{KeyType, Recipient};
use strongroom_client::ConnectError;
use strongroom_client::encrypt::{EncryptOptions, Job, Source, Target, Watch};
use strongroom_client::home::{Home, Identities};
use strongroom_client::kind::{FileKind, is_called_encrypted};
use strongroom_files::output::{Output, Overwrite};
use strongroom_protocol::statement::Particulars;

use self::capi::FormatOptions;
use self::report::{Named, Report};
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::input::{self, Input, Paths};
use crate::options::KeyTypeName;
use crate::terminal::shown;
use crate::{founding, prompt, reach, stream, text};

/// Encrypt files, each with a spare of its key at the authority.
///
/// PATH becomes PATH.age, or PATH.capi, and itself stays as it is; `-`, or nothing, is a pipe. The first use, in the default
/// home or at a terminal, makes your key, an authority and a recovery sheet, and says where they are; elsewhere `init` does.
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom encrypt thesis.pdf              thesis.pdf.age, beside it
  strongroom encrypt photos/ letters/        every file in them
  strongroom encrypt -r age1... plan.txt     someone else can open it, too
  tar c . | strongroom encrypt - > tree.age  a pipe
  strongroom encrypt --format capi data.bin  data.bin.capi, for a program that speaks CryptoAPI")]
pub(crate) struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Write to OUT; to a pipe if it is `-`.
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
    let inputs = inputs(context, &paths, &arguments)?;
    let named: Vec<Named> = inputs
        .iter()
        .map(|input| name(input, &arguments, if is_capi { ".capi" } else { ".age" }))
        .collect::<anyhow::Result<_>>()?;
    let labels: BTreeMap<_, _> = arguments.labels.iter().cloned().collect();
    let overwrite = if arguments.force {
        Overwrite::Force
    } else {
        Overwrite::Refuse
    };
    let jobs = named
        .iter()
        .map(|named| job(named, &arguments, &labels, overwrite))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if named.is_empty() {
        context.say("there is no file to encrypt");
        return Ok(Exit::Done);
    }
    input::remove_leftovers(named.iter().filter_map(|named| named.target.as_deref()));

    if !Home::exists(&context.home)? {
        check_first_use(&named, &others, &arguments)?;
    }
    let mut home = founding::home_or_found(context, arguments.key_type)?;
    let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
    let address = membership.address;
    if is_capi {
        let mut report = Report::new(context, &arguments, named, address);
        capi::encrypt(context, home, jobs, &arguments.format, &mut report)?;
        if report.did_any() {
            capi::say_no_integrity(context);
        }
        return report.end(false);
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
    let mut report = Report::new(context, &arguments, named, address);
    encrypt(context, home, jobs, &options, &mut report)?;
    report.end(owner.is_post_quantum())
}

fn encrypt(
    context: &Context,
    mut home: Home,
    mut jobs: Vec<Job>,
    options: &EncryptOptions<'_>,
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let piped = |job: &mut Job| {
        matches!(job.source, Source::Stream(_)) || matches!(job.target, Target::Stream(_))
    };
    let Some(job) = jobs.pop_if(piped) else {
        return Ok(client.encrypt(jobs, options, report)?);
    };
    // A pipe stands alone, and may last: the other end may even want this home. So the home is let go first.
    if let Target::File(path, overwrite) = &job.target {
        Output::check(path, *overwrite)?;
    }
    let spares = client.deposit(options.owner, options.others, vec![job.particulars])?;
    drop(home);
    let spare = spares.into_iter().next().context("the spare is missing")?;
    let mut progress = |bytes| report.progress(0, bytes);
    let is_file = matches!(job.target, Target::File(..));
    let encrypted = spare.encrypt(job.source, job.target, options, &mut progress, &mut rng);
    if let Ok(encrypted) = &encrypted {
        // Whoever reads this pipe may be at work in the home, and waits for the pipe's end: never for them.
        let home = match is_file {
            true => Some(Home::open(&context.home)?),
            false => Home::try_open(&context.home)?,
        };
        if let Some(mut home) = home {
            home.record_marks(&[encrypted.mark])?;
        }
    }
    report.done(0, encrypted);
    Ok(())
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
    if let [
        Named {
            source: Some(path), ..
        },
    ] = named
    {
        stream::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    }
    Ok(())
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
    if paths.is_empty() {
        paths.paths = stream::or_pipe(&[]);
    }
    ensure!(!paths.is_empty(), Usage("nothing to encrypt was named"));
    Ok(paths)
}

/// Tells whether a file that was found in a folder is to be encrypted: none that is already, and none that is called so, which
/// is said where it is not.
fn is_to_encrypt(context: &Context, path: &Path) -> bool {
    match FileKind::of(path) {
        Ok(kind) if kind.is_encrypted() => false,
        Ok(FileKind::Other(what)) if is_called_encrypted(path) => {
            context.say(format_args!(
                "{}  passed over: it is called an encrypted file, but {what}; name it to have it encrypted",
                shown(path)
            ));
            false
        }
        // What can't be read is told of when it is its turn.
        Ok(_) | Err(_) => true,
    }
}

fn inputs(context: &Context, paths: &Paths, arguments: &Arguments) -> anyhow::Result<Vec<Input>> {
    let mut inputs = paths.files()?;
    inputs.retain(|input| input.named || is_to_encrypt(context, &input.path));
    let pipes = inputs
        .iter()
        .filter(|input| stream::is_pipe(&input.path))
        .count();
    let alone = pipes > 0 || arguments.output.is_some();
    ensure!(
        !alone || inputs.len() == 1,
        Usage("`-o` and `-` are for one file alone")
    );
    Ok(inputs)
}

/// Tells where a file goes.
fn name(input: &Input, arguments: &Arguments, ending: &str) -> anyhow::Result<Named> {
    let from_pipe = stream::is_pipe(&input.path);
    let target = match &arguments.output {
        Some(output) => (!stream::is_pipe(output)).then(|| output.clone()),
        None => (!from_pipe).then(|| input::with_ending(&input.path, ending)),
    };
    if target.is_none() {
        ensure!(
            !arguments.json,
            Usage("`--json` prints where the encrypted file would go: name a file with `-o`")
        );
        ensure!(arguments.armor || !stream::output_is_shown(), OntoTerminal);
    }
    Ok(Named {
        source: (!from_pipe).then(|| input.path.clone()),
        target,
    })
}

fn job(
    named: &Named,
    arguments: &Arguments,
    labels: &BTreeMap<String, String>,
    overwrite: Overwrite,
) -> anyhow::Result<Job> {
    let description = match &arguments.description {
        Some(text) => text.clone(),
        None => described(named),
    };
    Ok(Job {
        source: match &named.source {
            Some(path) => Source::File(path.clone()),
            None => Source::Stream(stream::input()?),
        },
        target: match &named.target {
            Some(path) => Target::File(path.clone(), overwrite),
            None => Target::Stream(Box::new(stream::output()?)),
        },
        particulars: Particulars::new(description, labels.clone())?,
    })
}

fn described(named: &Named) -> String {
    let path = named.source.as_deref().or(named.target.as_deref());
    let name = path.and_then(Path::file_name);
    name.map_or_else(
        || "standard input".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
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

//! `strongroom status`: what can be said of files' protection, and no more.

mod deep;
mod secrets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::file::Distance;
use strongroom_client::home::{FailedChecks, Home, Identities};
use strongroom_client::mark::{Changed, FileMark};
use strongroom_client::status::{Doubt, FileStatus, Inspector, SpareState, StatusError};

use crate::context::Context;
use crate::devices::{DeviceLine, Devices};
use crate::exit::{self, Exit, Usage, chain};
use crate::input::{self, Input, Paths};
use crate::terminal::{self, Progress, count, shown, tell};
use crate::{place, prompt, reach, stream};

/// Tell of each file and secret whether it is protected.
///
/// A file is protected when its spare was verified by the authority, matched the file, and is seen to lie on another disk. The
/// file is looked at from both its ends: that its header is another's, and that it was cut short or grew, is seen; a byte
/// that was changed in between is seen with `--deep`, and when it is decrypted. Secrets are told of with `--check` or
/// `--expect`, and are protected as files are. Exits with 1 if anything is not protected, is damaged, does not open or is
/// missing.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Tell of your secrets, and run the checks of their names again.
    #[arg(long)]
    check: bool,
    /// Tell of the secrets that go by the names in FILE, one a line, and which names have none; from a pipe if it is `-`.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Read every file to its end with your key, too. Killed and run again, it goes on where it stopped.
    #[arg(long)]
    deep: bool,
    /// Print a line of JSON for each.
    #[arg(long)]
    json: bool,
    /// Count a spare as protection wherever it is: on the file's own disk, in memory, or where it can't be told.
    #[arg(long)]
    same_disk_ok: bool,
}

#[derive(Serialize)]
struct Line<'l> {
    file: &'l str,
    serial: Option<String>,
    authority: Option<String>,
    state: Option<&'static str>,
    protected: bool,
    same_disk: Option<bool>,
    spare_on: Option<&'static str>,
    detached: bool,
    since: Option<String>,
    /// The device of the owner's that deposited it.
    device: Option<DeviceLine>,
    read_whole: Option<String>,
    reason: Option<String>,
}

#[derive(Default)]
struct Totals {
    protected: u64,
    unprotected: u64,
    /// Those that would be protected, were the spare elsewhere: on another disk than theirs, not in memory, or where it can
    /// be told.
    near: u64,
    in_memory: u64,
    cannot_tell: u64,
    /// Files that could not be read to their ends.
    unread: u64,
    /// Files that are not what they were.
    changed: u64,
    /// What may help, each once.
    hints: BTreeSet<&'static str>,
    /// Those whose deposit the authority had, and has no more or can't read.
    lost: u64,
    /// Those whose deposit the authority has not opened.
    unopened: u64,
    foreign: u64,
    secrets: u64,
    unprotected_secrets: u64,
    /// Secrets that do not open what they are for.
    unopenable: u64,
    /// Secrets of which it can't be told whether they open.
    unchecked: u64,
    /// Names that no secret goes by.
    missing: u64,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let of_secrets = arguments.check || arguments.expect.is_some();
    ensure!(
        !arguments.paths.is_empty() || of_secrets,
        Usage("name files, or `--check` or `--expect` for secrets")
    );
    let lists = arguments.expect.iter().chain(&arguments.paths.files_from);
    stream::ensure_one_reader(lists)?;
    let files = arguments.paths.files()?;
    let names = match &arguments.expect {
        Some(path) => Some(secrets::read_names(path)?),
        None => None,
    };
    ensure!(
        !arguments.deep || !files.is_empty(),
        Usage("`--deep` reads files: name some")
    );
    let (mut identities, mut unread, mut unread_identity) = (None, 0, None);
    if arguments.deep {
        let read = deep::read(context, &files)?;
        (identities, unread) = (read.identities, read.unread);
    }
    let mut home = Home::open(&context.home)?;
    if !arguments.deep {
        // One that can't be read is no reason to say nothing of the files.
        match identities_at_hand(context, &home) {
            Ok(at_hand) => identities = at_hand,
            Err(error) => unread_identity = Some(error),
        }
    }
    let look = |inspector: Inspector<'_>, home: &Home| {
        let inspector = inspector.with_identities(identities.as_ref());
        let files = files.iter().map(|file| {
            let status = inspector.inspect(&file.path);
            (file, status)
        });
        Ok(Looked {
            files: files.collect(),
            secrets: if of_secrets {
                secrets::inspect(&inspector, home, names.as_deref())?
            } else {
                Vec::new()
            },
            learned: inspector.learned(),
        })
    };
    let asked = with_authority(context, &mut home, look);
    let (looked, mut exit) = match asked {
        Ok(looked) => (looked?, Exit::Done),
        Err((looked, error)) => {
            // What was seen is told all the same; that it is so still can't be said.
            let exit = exit::fail("", &error);
            let looked = match looked {
                Some(looked) => looked,
                None => look(Inspector::new(&home, false)?, &home)?,
            };
            (looked, exit)
        }
    };
    home.record_marks(&looked.learned)?;
    let reached = exit == Exit::Done;
    let failed = home.failed_checks()?;
    let mut totals = Totals {
        unread,
        ..Totals::default()
    };
    let devices = Devices::of(&home)?;
    report_files(context, looked.files, &devices, arguments, &mut totals)?;
    secrets::report(context, home, looked.secrets, arguments, &mut totals)?;
    if !arguments.json {
        totals.print(!arguments.paths.is_empty(), of_secrets)?;
    }
    if let Some(failed) = failed {
        tell_of_check(&failed);
    }
    if totals.lost > 0 {
        context.say(
            "hint: `strongroom sync` sends the deposits that the authority has lost or can't read",
        );
    }
    if totals.unopened > 0 {
        context.say(
            "hint: `strongroom authority check --all` opens what the authority has not opened",
        );
    }
    for hint in &totals.hints {
        context.say(format_args!("hint: {hint}"));
    }
    if totals.unopenable > 0 {
        context.say(
            "hint: a secret that was changed is deposited again under its name, `strongroom deposit --name`",
        );
    }
    // What the authority has to say is not known where it can't be reached; what a check says is.
    if let Some(error) = unread_identity {
        exit = exit.and(exit::fail("", &error));
    }
    if totals.unopenable + totals.unchecked + totals.unread + totals.changed > 0
        || (reached && !totals.is_well())
    {
        exit = exit.and(Exit::Failed);
    }
    Ok(exit)
}

/// Returns the home's identities, where they are there and lie open: nobody is asked for a passphrase to look.
fn identities_at_hand(context: &Context, home: &Home) -> anyhow::Result<Option<Identities>> {
    if !home.has_identity()? || home.is_identity_sealed()? {
        return Ok(None);
    }
    Ok(Some(home.identities(&mut prompt::passphrases(context))?))
}

/// What was seen of the files and secrets that are asked about.
struct Looked<'f> {
    files: Vec<(&'f Input, Result<FileStatus, StatusError>)>,
    secrets: Vec<secrets::Seen>,
    /// Files that were seen to be what they are with the home's own keys.
    learned: Vec<FileMark>,
}

/// Why the authority does not answer, with what was seen before it did not.
type Unanswered<'f> = (Option<Looked<'f>>, anyhow::Error);

/// Looks at what is asked about, and has the authority show that it has the deposits. The outer error says why it does not,
/// the inner one what failed after it was reached.
fn with_authority<'f>(
    context: &Context,
    home: &mut Home,
    look: impl Fn(Inspector<'_>, &Home) -> anyhow::Result<Looked<'f>>,
) -> Result<anyhow::Result<Looked<'f>>, Unanswered<'f>> {
    let unreached = |error| (None, error);
    let authority = reach::authority_of(context, home).map_err(unreached)?;
    let mut rng = context.rng();
    let mut client = reach::connect(context, home, &authority, &mut rng).map_err(unreached)?;
    let looked = Inspector::new(client.home(), client.is_caught_up())
        .map_err(anyhow::Error::from)
        .and_then(|inspector| look(inspector, client.home()));
    let mut looked = match looked {
        Ok(looked) => looked,
        Err(error) => return Ok(Err(error)),
    };
    let bar = Progress::items(context);
    let files = looked
        .files
        .iter_mut()
        .filter_map(|(_, status)| status.as_mut().ok());
    let secrets = looked.secrets.iter_mut().filter_map(secrets::Seen::status);
    let confirmed = client.confirm(files.chain(secrets), &mut |done, total| {
        bar.set_of(done, total);
    });
    drop(bar);
    match confirmed {
        Ok(()) => Ok(Ok(looked)),
        Err(error) => Err((Some(looked), error.into())),
    }
}

fn report_files(
    context: &Context,
    files: Vec<(&Input, Result<FileStatus, StatusError>)>,
    devices: &Devices,
    arguments: &Arguments,
    totals: &mut Totals,
) -> anyhow::Result<()> {
    for (file, status) in files {
        match status {
            Ok(status) => {
                let protected = status.is_protected(arguments.same_disk_ok);
                totals.count(protected);
                totals.count_near(&status, protected);
                totals.see(&status);
                print(&file.path, &status, protected, devices, arguments)?;
            }
            Err(StatusError::Header(ReadHeaderError::NotAge)) if file.is_passed_over(context) => {
                totals.foreign += 1;
            }
            Err(StatusError::Home(error)) => return Err(error.into()),
            Err(error) => {
                totals.count(false);
                print_unread(&file.path, error, arguments)?;
            }
        }
    }
    Ok(())
}

/// Says that the authority was found to be damaged: whose deposits were hit is said of these, and everybody is told.
fn tell_of_check(failed: &FailedChecks) {
    let last = &failed.last;
    let mut found = Vec::new();
    if last.failed > 0 {
        let deposits = count(last.failed, "deposit", "deposits");
        found.push(format!("{deposits} of all that it keeps did not match"));
    }
    if last.unread > 0 {
        let entries = count(last.unread, "entry", "entries");
        found.push(format!("{entries} of its log could not be read"));
    }
    if last.differing > 0 {
        let rows = count(last.differing, "row", "rows");
        found.push(format!("{rows} of its indexes are wrong"));
    }
    tell(format_args!(
        "warning: the authority's own checks find damage since {}; the last, of {}: {}\n  \
         `strongroom sync` gives back what this home has of it; whoever runs the authority runs `strongroom authority check \
         --all`, and this is said until one finds nothing",
        failed.since,
        last.time,
        found.join(", ")
    ));
}

impl Totals {
    fn see(&mut self, status: &FileStatus) {
        self.hints.extend(status.doubt.as_ref().and_then(hint));
        self.changed += u64::from(matches!(
            status.doubt,
            Some(Doubt::Changed(_) | Doubt::Damaged)
        ));
        let is_lost = matches!(status.doubt, Some(Doubt::Lost | Doubt::Unreadable));
        self.lost += u64::from(is_lost);
        self.unopened += u64::from(status.doubt == Some(Doubt::NotVerified));
    }

    fn is_well(&self) -> bool {
        self.unprotected
            + self.unprotected_secrets
            + self.unopenable
            + self.unchecked
            + self.missing
            == 0
    }

    fn print(&self, of_files: bool, of_secrets: bool) -> std::io::Result<()> {
        if of_files {
            terminal::print(self.to_line())?;
        }
        if of_secrets {
            terminal::print(format_args!(
                "{}: {} protected, {} not; {} not opening, {} not checked; {} missing",
                count(self.secrets, "secret", "secrets"),
                self.secrets - self.unprotected_secrets,
                self.unprotected_secrets,
                self.unopenable,
                self.unchecked,
                self.missing
            ))?;
        }
        Ok(())
    }

    fn count(&mut self, protected: bool) {
        if protected {
            self.protected += 1;
        } else {
            self.unprotected += 1;
        }
    }

    /// Counts a file that only the place of its spare keeps from being protected.
    fn count_near(&mut self, status: &FileStatus, protected: bool) {
        if protected || !status.is_protected(true) {
            return;
        }
        match status.distance {
            Distance::AnotherDisk => {}
            Distance::CannotTell => self.cannot_tell += 1,
            Distance::InMemory => self.in_memory += 1,
            Distance::SameDisk => self.near += 1,
        }
    }

    fn to_line(&self) -> String {
        let files = self.protected + self.unprotected;
        let mut line = format!(
            "{}: {} protected, {} not",
            count(files, "file", "files"),
            self.protected,
            self.unprotected
        );
        let places = [
            (self.near, "with the spare on the same disk"),
            (self.in_memory, "with the spare in memory"),
            (self.cannot_tell, "of which that can't be told"),
        ];
        let places: Vec<String> = places
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, place)| format!("{number} {place}"))
            .collect();
        if !places.is_empty() {
            line += &format!(" ({})", places.join(", "));
        }
        if self.unread > 0 {
            line += &format!("; {} not read to the end", self.unread);
        }
        if self.foreign > 0 {
            line += &format!(
                "; {} passed over",
                count(self.foreign, "other file", "other files")
            );
        }
        line
    }
}

fn print(
    path: &Path,
    status: &FileStatus,
    protected: bool,
    devices: &Devices,
    arguments: &Arguments,
) -> std::io::Result<()> {
    let state = status.state.map(SpareState::as_str);
    let reason = status.doubt.as_ref().map(reason).or_else(|| {
        let doubt = place::doubt(status.distance).filter(|_| !protected);
        doubt.map(str::to_owned)
    });
    if arguments.json {
        return terminal::print_json(&Line {
            file: &path.to_string_lossy(),
            serial: status.pointer.map(|pointer| pointer.serial.to_string()),
            authority: status.pointer.map(|pointer| pointer.authority.to_string()),
            state,
            protected,
            same_disk: place::is_same_disk(status.distance),
            spare_on: Some(status.distance.as_str()),
            detached: status.detached,
            since: status.since.map(|since| since.to_string()),
            device: status.device.map(|device| devices.line(device)),
            read_whole: status.read_whole.map(|read| read.to_string()),
            reason,
        });
    }
    let mut line = match reason {
        // Only where that was said to do.
        _ if protected && status.distance != Distance::AnotherDisk => {
            let with = place::with(status.distance);
            format!("{}  protected, with {with}", shown(path))
        }
        _ if protected => format!("{}  protected", shown(path)),
        // It would be, elsewhere; the two words are never said of it.
        Some(reason) if status.doubt.is_none() => format!("{}  {reason}", shown(path)),
        reason => format!(
            "{}  not protected: {}",
            shown(path),
            reason.unwrap_or_default()
        ),
    };
    if let Some(state) = state {
        line += &format!("  {state}");
    }
    if status.detached {
        line += "  detached";
    }
    if let Some(since) = status.since {
        line += &format!("  since {since}");
    }
    if let Some(other) = status.device.and_then(|device| devices.by_other(device)) {
        line += &format!("  deposited {other}");
    }
    if let Some(read) = status.read_whole {
        line += &format!("  read whole {read}");
    }
    if let Some(pointer) = status.pointer {
        line += &format!("  serial {}  at {}", pointer.serial, pointer.authority);
    }
    terminal::print(line)
}

fn print_unread(path: &Path, error: StatusError, arguments: &Arguments) -> std::io::Result<()> {
    let error = input::explained(path, error.into());
    let reason = match error.downcast_ref() {
        Some(StatusError::Header(ReadHeaderError::NotAge)) => "not an age file".to_owned(),
        _ => chain(&error),
    };
    if arguments.json {
        return terminal::print_json(&Line {
            file: &path.to_string_lossy(),
            serial: None,
            authority: None,
            state: None,
            protected: false,
            same_disk: None,
            spare_on: None,
            detached: false,
            since: None,
            device: None,
            read_whole: None,
            reason: Some(reason),
        });
    }
    let reason = terminal::escape(&reason);
    terminal::print(format_args!("{}  not protected: {reason}", shown(path)))
}

/// Says what keeps a file from being protected.
fn reason(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Changed(changed) => changed.to_string(),
        Doubt::Damaged => "it was damaged when it was read to its end the last time".to_owned(),
        Doubt::NotSeen => {
            "this home knows its header, and has not seen with your key that the rest belongs to it"
                .to_owned()
        }
        Doubt::Lost => "the authority's log does not have its deposit any more".to_owned(),
        Doubt::Mismatch => {
            "the authority opened the deposit, and it is not what was deposited".to_owned()
        }
        Doubt::NotMatched => {
            "the header is not the one this home wrote: a pointer can be copied".to_owned()
        }
        Doubt::NoSecret => "what rides along with the deposit is no secret".to_owned(),
        Doubt::NoPointer => "the header names no deposit".to_owned(),
        Doubt::NotVerified => "the authority has not opened the deposit".to_owned(),
        Doubt::OtherAuthority => "the header names another authority's deposit".to_owned(),
        Doubt::OutOfReach => "the authority can't be asked".to_owned(),
        Doubt::UnknownDeposit => "this home knows no such deposit".to_owned(),
        Doubt::Unreadable => "the authority can't read its deposit any more".to_owned(),
    }
}

/// Says what may help, where that is not said for all of them together.
fn hint(doubt: &Doubt) -> Option<&'static str> {
    match doubt {
        Doubt::Changed(Changed::OtherPayload) => Some(
            "`strongroom recover -o NEW FILE` brings a file back whose header is another file's, and leaves it as it is",
        ),
        Doubt::Changed(Changed::Grown { .. }) => {
            Some("a file that grew is whole again without what was added at its end")
        }
        Doubt::Changed(Changed::Beginning | Changed::CutShort { .. } | Changed::End)
        | Doubt::Damaged => {
            Some("get a file that was changed or cut short back from a copy; its key is not lost")
        }
        Doubt::NotSeen => {
            Some("`strongroom status --deep` and `strongroom protect` look at files with your key")
        }
        Doubt::NotMatched => Some(
            "`strongroom protect` deposits the key of a file anew that another program or another machine wrote",
        ),
        Doubt::Lost
        | Doubt::Mismatch
        | Doubt::NoPointer
        | Doubt::NoSecret
        | Doubt::NotVerified
        | Doubt::OtherAuthority
        | Doubt::OutOfReach
        | Doubt::UnknownDeposit
        | Doubt::Unreadable => None,
    }
}

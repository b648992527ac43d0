//! `strongroom status`: what can be said of files' protection, and no more.

mod deep;
mod files;
mod home;
mod screen;
mod secrets;
mod words;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use strongroom_client::home::{FailedChecks, Home, Identities, Learned};
use strongroom_client::status::{FileStatus, Inspector, StatusError};

use self::screen::{Problems, Totals};
use crate::account::Account;
use crate::context::Context;
use crate::devices::Devices;
use crate::exit::{Exit, Usage, chain};
use crate::input::{Input, Paths};
use crate::progress::Progress;
use crate::terminal::{count, escape, tell};
use crate::walk::{NOTHING_ENCRYPTED, Used};
use crate::{prompt, reach, stream};

/// Tell whether files and secrets are protected; of nothing in particular, how your Strongroom folder stands.
///
/// A file is protected when its spare key was verified by the authority, matched the file, and is seen to lie on another disk. What is
/// not is told of, with the reason; the rest is counted (`-v` tells of each). The file is looked at from both its ends: that its header
/// is another's, and that it was cut short or grew, is seen; a byte that was changed in between is seen with `--deep`, and when it is
/// decrypted. Secrets are told of with `--check` or `--expect`, and are protected as files are. Exits with 1 if anything is not
/// protected, is damaged, does not open or is missing, or if there was nothing to tell of.
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom status                 your Strongroom folder and your machines
  strongroom status thesis.pdf.age  one file
  strongroom status -q ~/archive    silent if all is well, as for cron
  strongroom status --check         your secrets, and whether they still open")]
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

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let of_secrets = arguments.check || arguments.expect.is_some();
    let of_files = !arguments.paths.is_empty();
    ensure!(
        of_files || !arguments.deep,
        Usage("name files: `--deep` reads them")
    );
    if !of_files && !of_secrets {
        return home::run(context, arguments.json);
    }
    let lists = arguments.expect.iter().chain(&arguments.paths.files_from);
    stream::ensure_one_reader(lists)?;
    let mut walk = arguments.paths.walk(context)?;
    let mut account = Account::new(context).with_json(arguments.json);
    walk.tell_unreadable(&mut account);
    // Each file has a line of its own.
    let mut account = account.with_json(false);
    let names = match &arguments.expect {
        Some(path) => Some(secrets::read_names(path)?),
        None => None,
    };
    let files = std::mem::take(&mut walk.files);
    let (mut identities, mut unread, mut unread_identity) = (None, 0, None);
    let mut reading = None;
    if arguments.deep {
        let read = deep::read(context, &files, &mut account)?;
        (identities, unread) = (read.identities, read.unread);
        reading = Some(read.reading);
    }
    let mut home = Home::open_to_read(&context.home)?;
    if let Some(reading) = reading {
        // By what was read they are looked at, also where it is forgotten again.
        reading.end(&mut home)?;
        tell_forgotten(context, &home);
    }
    if !arguments.deep {
        // One that can't be read is no reason to say nothing of the files.
        match identities_at_hand(context, &home) {
            Ok(at_hand) => identities = at_hand,
            Err(error) => unread_identity = Some(error),
        }
    }
    let look = |of: &[&Input], of_secrets: bool, inspector: Inspector<'_>, home: &Home| {
        let _at_once = home.snapshot()?;
        let inspector = inspector.with_identities(identities.as_ref());
        let inspector = inspector.with_time(context.clock.now());
        let inspector = inspector.looking_at_all(arguments.deep);
        let statuses = of.iter().map(|file| inspector.inspect(&file.path));
        Ok(Looked {
            files: statuses.collect(),
            secrets: if of_secrets {
                secrets::inspect(&inspector, home, names.as_deref())?
            } else {
                Vec::new()
            },
            learned: Box::new(inspector.learned()),
        })
    };
    let all: Vec<&Input> = files.iter().collect();
    let asked = with_authority(context, &mut home, |inspector, home| {
        look(&all, of_secrets, inspector, home)
    });
    let mut looked = match asked {
        Ok(looked) => looked?,
        Err((looked, error)) => {
            // What was seen is told all the same; that it is so still can't be said.
            account.fail_of("", &error);
            match looked {
                Some(looked) => looked,
                None => look(&all, of_secrets, Inspector::new(&home, false)?, &home)?,
            }
        }
    };
    let doubtful = looked.doubtful();
    if home.is_in_use() && !doubtful.is_empty() {
        // The command that is at work there has written files since the home was read.
        let of: Vec<&Input> = doubtful
            .iter()
            .filter_map(|at| all.get(*at).copied())
            .collect();
        let mut later = Home::open_to_read(&context.home)?;
        let again = with_authority(context, &mut later, |inspector, home| {
            look(&of, false, inspector, home)
        });
        if let Ok(Ok(again)) = again {
            looked.replace(&doubtful, again.files);
        }
    }
    if let Err(error) = home.record_learned(&looked.learned) {
        // It is looked at again the next time.
        tell(format_args!(
            "warning: what was seen can't be remembered: {}",
            escape(&chain(&error.into()))
        ));
    }
    // What the authority has to say is not known where it can't be reached; what a check says is.
    let reached = account.exit == Exit::Done;
    let failed = home.failed_checks()?;
    let mut totals = Totals::of_unread(unread);
    let mut problems = Problems::default();
    let devices = Devices::of(&home)?;
    let reporting = Reporting {
        context,
        arguments,
        devices: &devices,
    };
    let mut used = Used::default();
    files::report(
        all.into_iter().zip(looked.files),
        &reporting,
        (&mut problems, &mut totals),
        (&mut used, &mut walk.passed),
    )?;
    secrets::report(
        home,
        looked.secrets,
        &reporting,
        (&mut problems, &mut totals),
    )?;
    let is_well = totals.is_well();
    if !arguments.json {
        problems.print()?;
        // Where nothing is amiss, there is nothing to say for whoever wants to hear of that alone.
        if !context.quiet {
            totals.print(of_files, of_secrets, &walk.passed)?;
            walk.passed.tell_each(context);
        }
    }
    if let Some(failed) = failed {
        tell_of_check(&failed);
    }
    if of_files {
        walk.tell_empty(&mut account, &used, NOTHING_ENCRYPTED);
    }
    if of_secrets && totals.secrets + totals.missing == 0 {
        account.fail_of("", &anyhow::Error::msg("there is no secret to tell of"));
    }
    if let Some(error) = unread_identity {
        account.fail_of("", &error);
    }
    let mut exit = account.end();
    if totals.is_damaged() || (reached && !is_well) {
        exit = exit.and(Exit::Failed);
    }
    Ok(exit)
}

/// What is the same for all that is told of.
struct Reporting<'r> {
    context: &'r Context,
    arguments: &'r Arguments,
    devices: &'r Devices,
}

/// Returns the home's identities, where they are there and lie open: nobody is asked for a passphrase to look.
fn identities_at_hand(context: &Context, home: &Home) -> anyhow::Result<Option<Identities>> {
    if !home.has_identity()? || home.is_identity_sealed()? {
        return Ok(None);
    }
    Ok(Some(home.identities(&mut prompt::passphrases(context))?))
}

/// What was seen of the files and secrets that are asked about.
struct Looked {
    /// Of each file, in their order.
    files: Vec<Result<FileStatus, StatusError>>,
    secrets: Vec<secrets::Seen>,
    /// Files that were seen to be what they are with the home's own keys.
    learned: Box<Learned>,
}

impl Looked {
    /// Returns the places of the files of which something is to be said.
    fn doubtful(&self) -> Vec<usize> {
        let is_well = |file: &FileStatus| file.doubt.is_none();
        let files = self.files.iter().enumerate();
        let doubtful = files.filter(|(_, file)| !file.as_ref().is_ok_and(is_well));
        doubtful.map(|(place, _)| place).collect()
    }

    /// Puts what was seen of some files in place of what was seen before.
    fn replace(&mut self, places: &[usize], seen: Vec<Result<FileStatus, StatusError>>) {
        for (place, seen) in places.iter().zip(seen) {
            if let Some(before) = self.files.get_mut(*place) {
                *before = seen;
            }
        }
    }
}

/// Says that what was read is forgotten, where nothing can be recorded.
fn tell_forgotten(context: &Context, home: &Home) {
    if home.is_in_use() {
        context.say("another command is at work in your Strongroom folder: what was read now may be read again the next time");
    } else if home.is_copy() {
        tell(
            "warning: your Strongroom folder can't be written: what was read now is not remembered",
        );
    }
}

/// Why the authority does not answer, with what was seen before it did not.
type Unanswered = (Option<Looked>, anyhow::Error);

/// Looks at what is asked about, and has the authority show that it has the deposits. The outer error says why it does not,
/// the inner one what failed after it was reached.
fn with_authority(
    context: &Context,
    home: &mut Home,
    look: impl Fn(Inspector<'_>, &Home) -> anyhow::Result<Looked>,
) -> Result<anyhow::Result<Looked>, Unanswered> {
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
    let bar = Progress::counted(context, "deposit", "deposits");
    let files = looked
        .files
        .iter_mut()
        .filter_map(|status| status.as_mut().ok());
    let secrets = looked.secrets.iter_mut().filter_map(secrets::Seen::status);
    let confirmed = client.confirm(files.chain(secrets), &mut |done, total| {
        bar.of(done, total);
    });
    drop(bar);
    match confirmed {
        Ok(()) => Ok(Ok(looked)),
        Err(error) => Err((Some(looked), error.into())),
    }
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

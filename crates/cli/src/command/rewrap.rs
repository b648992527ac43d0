//! `strongroom rewrap`: headers for the key in use, offline, from older keys and from those that were released.

pub(crate) mod capi;

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::Args;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::capi::is_capi_file;
use strongroom_client::home::Home;
use strongroom_client::mark::Changed;
use strongroom_client::rewrap::{How, Repair, RewrapError, RewrapOptions, Rewrapped, rewrap};
use strongroom_client::status::read_header;
use strongroom_files::output::Overwrite;

use self::capi::For;
use crate::command::decrypt::read_identities;
use crate::context::Context;
use crate::exit::{self, Exit, Usage};
use crate::input::{self, Input, Paths};
use crate::prompt;
use crate::terminal::{Progress, count, shown, tell};

/// Make files open with your key of today, without the authority.
///
/// Their session keys come from older keys of yours, or from those that `recover --all` brought. Only headers are
/// rewritten. Finishes, first, what a rewrite that was interrupted has left.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Also open with the keys of this file.
    #[arg(short, long = "identity", value_name = "IDENTITY")]
    identities: Vec<PathBuf>,
    /// Write the rewrapped file to OUT, and leave the file as it is.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace OUT if it is there already.
    #[arg(long, requires = "output")]
    force: bool,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    ensure!(!arguments.paths.is_empty(), Usage("no file was named"));
    let files = arguments.paths.files()?;
    ensure!(
        arguments.output.is_none() || files.len() == 1,
        Usage("`-o` is for one file alone")
    );
    let others = read_identities(context, &arguments.identities)?;
    let mut home = Home::open(&context.home)?;
    repair(context, &mut home)?;
    input::remove_leftovers(files.iter().map(|file| file.path.as_path()));
    let identities = home.identities(&mut prompt::passphrases(context))?;
    let overwrite = if arguments.force {
        Overwrite::Force
    } else {
        Overwrite::Refuse
    };
    let options = RewrapOptions {
        identities: &identities,
        others: &others,
        output: arguments.output.clone().map(|path| (path, overwrite)),
    };
    let mut rsa = For::home();
    let mut exit = Exit::Done;
    let mut rewritten = false;
    let mut left = 0;
    for file in &files {
        let done = if is_capi_file(&file.path) {
            rsa.rewrap(context, &mut home, file, options.output.as_ref())
        } else {
            rewrap_one(context, &mut home, file, &options).map_err(Into::into)
        };
        match done {
            Ok(rewrapped) => {
                rewritten |= rewrapped.say(context, &file.path);
                exit = exit.and(rewrapped.exit(&file.path));
            }
            Err(error) => match error.downcast_ref() {
                Some(rewrap) if is_passed_over(context, file, rewrap) => {
                    left += u64::from(matches!(rewrap, RewrapError::Passphrase));
                }
                _ => {
                    let error = input::explained(&file.path, error);
                    exit = exit.and(exit::fail(&shown(&file.path), &error));
                }
            },
        }
    }
    say_left(context, left);
    if rewritten {
        say_no_revocation(context);
    }
    Ok(exit)
}

/// Finishes what was interrupted, and says what came of it. Every command that rewrites begins with this.
pub(crate) fn repair(context: &Context, home: &mut Home) -> anyhow::Result<()> {
    if home.interrupted()?.is_empty() {
        return Ok(());
    }
    let identities = home.identities(&mut prompt::passphrases(context))?;
    for repaired in home.repair(&identities)? {
        let path = shown(&repaired.path);
        let repair = match repaired.repair {
            Ok(repair) => repair,
            Err(error) => {
                // It is tried again by the next command, and is no reason to leave other files as they are.
                exit::fail(&path, &error.into());
                continue;
            }
        };
        match repair {
            Repair::Finished => context.say(format_args!("{path}  finished what was interrupted")),
            Repair::Foreign(why) => context.say(format_args!(
                "{path}  left as it is, after an interruption: {why}"
            )),
            // Said when it is there again: it may be on another disk, or be deleted for good.
            Repair::Missing => {}
            Repair::NoKey => tell(format_args!(
                "{path}  its header is torn, and the key to mend it with is lost: `strongroom recover --all` gets it"
            )),
            Repair::NotOurs => context.say(format_args!(
                "{path}  left as it is: what was interrupted is not for a key of this home"
            )),
        }
    }
    Ok(())
}

/// What became of a file, and whether a passphrase opened it before.
pub(crate) struct Done {
    rewrapped: Rewrapped,
    passphrase: bool,
    /// What opens it now.
    whose: String,
}

/// Rewraps a file, with a bar where it takes a copy.
///
/// A passphrase's file that was only found in a folder stays: whoever knows the passphrase would lose it.
pub(crate) fn rewrap_one(
    context: &Context,
    home: &mut Home,
    file: &Input,
    options: &RewrapOptions<'_>,
) -> Result<Done, RewrapError> {
    let mut bar = None;
    // What can't be read is told below.
    let passphrase = read_header(&file.path).is_ok_and(|header| header.is_for_passphrase());
    if passphrase && !file.named {
        return Err(RewrapError::Passphrase);
    }
    let mut progress = |bytes, of| {
        bar.get_or_insert_with(|| Progress::bytes(context, of))
            .set(bytes);
    };
    let rewrapped = rewrap(home, &file.path, options, &mut context.rng(), &mut progress)?;
    Ok(Done {
        rewrapped,
        passphrase,
        whose: "your key".to_owned(),
    })
}

/// Tells whether a file in a folder is no concern of ours.
pub(crate) fn is_passed_over(context: &Context, file: &Input, error: &RewrapError) -> bool {
    if let RewrapError::Header(ReadHeaderError::NotAge) = error {
        return file.is_passed_over(context);
    }
    matches!(error, RewrapError::Passphrase) && !file.named
}

/// A file opens with the right key, and not all of it is there.
#[derive(Debug, thiserror::Error)]
#[error("this is not what was encrypted: {0}")]
pub(crate) struct NotWhole(Changed);

impl Done {
    /// Says what had happened to the payload, if anything, and returns how the command ends.
    pub(crate) fn exit(&self, path: &Path) -> Exit {
        match self.rewrapped.changed {
            Some(changed) => exit::fail(&shown(path), &NotWhole(changed).into()),
            None => Exit::Done,
        }
    }

    /// Says what became of a file, and tells whether a header was written.
    pub(crate) fn say(&self, context: &Context, path: &Path) -> bool {
        let path = shown(path);
        let whose = &self.whose;
        match &self.rewrapped.how {
            How::Current => {
                context.say(format_args!("{path}  opens with {whose} already"));
                return false;
            }
            How::InPlace => context.say(format_args!(
                "{path}  opens with {whose}: its header was replaced in place"
            )),
            How::Copied => context.say(format_args!(
                "{path}  opens with {whose}: it was replaced by a copy with a new header"
            )),
            How::Written(output) => context.say(format_args!(
                "{}  opens with {whose}; {path} was left as it is",
                shown(output)
            )),
        }
        if self.passphrase {
            let new = match &self.rewrapped.how {
                How::Written(output) => shown(output),
                How::Copied | How::Current | How::InPlace => path,
            };
            context.say(format_args!("{new}  no longer opens with its passphrase"));
        }
        true
    }
}

/// Says how many passphrases' files were found in folders, and left.
pub(crate) fn say_left(context: &Context, left: u64) {
    if left > 0 {
        context.say(format_args!(
            "{} with a passphrase left as they are: name one to have it open with your key instead",
            count(left, "file", "files")
        ));
    }
}

/// Says what rewrapping does not do.
pub(crate) fn say_no_revocation(context: &Context) {
    context.say(
        "earlier holders of the old key may have kept the session keys: only encrypting anew revokes",
    );
}

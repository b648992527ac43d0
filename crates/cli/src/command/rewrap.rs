//! `strongroom rewrap`: headers for the key in use, offline, from older keys and from those that were released.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::Args;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::file::output::Overwrite;
use strongroom_client::home::Home;
use strongroom_client::rewrap::{Repair, RewrapError, RewrapOptions, Rewrapped, rewrap};

use crate::command::decrypt::read_identities;
use crate::context::Context;
use crate::exit::{self, Exit, Usage};
use crate::input::{self, Input, Paths};
use crate::prompt;
use crate::terminal::{Progress, shown, tell};

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
    let others = read_identities(&arguments.identities)?;
    let mut home = Home::open(&context.home)?;
    repair(context, &mut home)?;
    input::remove_leftovers(files.iter().map(|file| file.path.as_path()));
    let identities = home.identities(&mut prompt::identity_passphrase)?;
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
    let mut exit = Exit::Done;
    let mut rewritten = false;
    for file in &files {
        match rewrap_one(context, &mut home, &file.path, &options) {
            Ok(rewrapped) => rewritten |= say(context, &file.path, &rewrapped),
            Err(error) if is_passed_over(file, &error) => {}
            Err(error) => exit = exit.and(exit::fail(&shown(&file.path), &error.into())),
        }
    }
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
    let identities = home.identities(&mut prompt::identity_passphrase)?;
    for repaired in home.repair(&identities)? {
        let path = shown(&repaired.path);
        match repaired.repair {
            Repair::Finished => context.say(format_args!("{path}  finished what was interrupted")),
            Repair::Foreign(why) => context.say(format_args!(
                "{path}  left as it is, after an interruption: {why}"
            )),
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

/// Rewraps a file, with a bar where it takes a copy.
pub(crate) fn rewrap_one(
    context: &Context,
    home: &mut Home,
    path: &Path,
    options: &RewrapOptions<'_>,
) -> Result<Rewrapped, RewrapError> {
    let mut bar = None;
    rewrap(home, path, options, &mut context.rng(), &mut |bytes, of| {
        bar.get_or_insert_with(|| Progress::bytes(context, of))
            .set(bytes);
    })
}

/// Tells whether a file in a folder is no concern of ours.
pub(crate) fn is_passed_over(file: &Input, error: &RewrapError) -> bool {
    let foreign = matches!(
        error,
        RewrapError::Header(ReadHeaderError::NotAge) | RewrapError::Passphrase
    );
    foreign && !file.named
}

/// Says what became of a file, and tells whether a header was written.
pub(crate) fn say(context: &Context, path: &Path, rewrapped: &Rewrapped) -> bool {
    let path = shown(path);
    match rewrapped {
        Rewrapped::Current => {
            context.say(format_args!("{path}  opens with your key already"));
            return false;
        }
        Rewrapped::InPlace => context.say(format_args!(
            "{path}  opens with your key: its header was replaced in place"
        )),
        Rewrapped::Copied => context.say(format_args!(
            "{path}  opens with your key: it was replaced by a copy with a new header"
        )),
        Rewrapped::Written(output) => context.say(format_args!(
            "{}  opens with your key; {path} was left as it is",
            shown(output)
        )),
    }
    true
}

/// Says what rewrapping does not do.
pub(crate) fn say_no_revocation(context: &Context) {
    context.say(
        "earlier holders of the old key may have kept the session keys: only encrypting anew revokes",
    );
}

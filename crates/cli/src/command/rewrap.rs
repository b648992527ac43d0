//! `strongroom rewrap`: headers for the key in use, offline, from older keys and from those that were released.

pub(crate) mod capi;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::capi::is_capi_file;
use strongroom_client::home::Home;
use strongroom_client::mark::Changed;
use strongroom_client::rewrap::{
    self as files, How, Repair, RewrapError, RewrapOptions, Rewrapped,
};
use strongroom_files::output::Overwrite;

use self::capi::For;
use crate::account::Account;
use crate::command::decrypt::read_identities;
use crate::context::Context;
use crate::destination::Destination;
use crate::exit::{self, Exit, Usage};
use crate::input::{self, Input, Paths};
use crate::progress::Progress;
use crate::prompt;
use crate::terminal::{self, count, shown, tell};
use crate::walk::{Kind, NOTHING_ENCRYPTED, Used, Walk};

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
    /// Write the rewrapped file to OUT, and leave the file as it is; into OUT, if it is a folder or ends in `/`, or if several
    /// files or a folder were named.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace OUT if it is there already.
    #[arg(long, requires = "output")]
    force: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print a line of JSON for each file.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    ensure!(!arguments.paths.is_empty(), Usage("no file was named"));
    let mut walk = arguments.paths.walk(context)?;
    let destination = Destination::of(arguments.output.as_deref(), &walk)?;
    let mut account = Account::new(context).with_json(arguments.json);
    walk.tell_unreadable(&mut account);
    let others = read_identities(context, &arguments.identities)?;
    let mut home = match arguments.dry_run {
        true => Home::open_to_read(&context.home)?,
        false => Home::open(&context.home)?,
    };
    if !arguments.dry_run {
        repair(context, &mut home)?;
        input::remove_leftovers(walk.files.iter().map(|file| file.path.as_path()));
    }
    let identities = home.identities(&mut prompt::passphrases(context))?;
    let overwrite = if arguments.force {
        Overwrite::Force
    } else {
        Overwrite::Refuse
    };
    let mut rsa = For::home();
    let mut rewrapping = Rewrapping::new();
    let mut ended = Ended {
        used: Used::default(),
        tally: Tally::new(context, arguments.json, arguments.dry_run),
        account,
        walk,
    };
    ended.tally.begin(ended.walk.files.len());
    for file in std::mem::take(&mut ended.walk.files) {
        let mut rewrap = || -> anyhow::Result<Told> {
            let output = match arguments.dry_run {
                true => None,
                false => destination.rewritten(&file)?,
            };
            let options = RewrapOptions {
                identities: &identities,
                others: &others,
                output: output.map(|path| (path, overwrite)),
            };
            if arguments.dry_run {
                let is_current = match is_capi_file(&file.path) {
                    true => rsa.look(context, &home, &file.path).map(|()| false)?,
                    false => look(&home, &file, &options)?,
                };
                ended.tally.would(&file, is_current)?;
                ended.used.add(&file);
                ended.tally.bar.file();
                return Ok(Told::new());
            }
            match is_capi_file(&file.path) {
                true => rsa.rewrap(
                    context,
                    &mut home,
                    &mut rewrapping,
                    &file,
                    options.output.as_ref(),
                    &ended.tally.bar,
                ),
                false => Ok(rewrap_one(
                    context,
                    &mut home,
                    &mut rewrapping,
                    &file,
                    &options,
                    &ended.tally.bar,
                )),
            }
        };
        match rewrap() {
            Ok(told) => ended.take(told),
            Err(error) => {
                ended.tally.bar.file();
                ended.fail(file, error);
            }
        }
    }
    ended.take(rewrapping.finish(&mut home));
    let Ended {
        used,
        mut tally,
        mut account,
        walk,
    } = ended;
    walk.tell_empty(&mut account, &used, NOTHING_ENCRYPTED);
    tally.end(&walk);
    Ok(account.end())
}

/// What became of files.
struct Ended<'c> {
    used: Used,
    tally: Tally<'c>,
    account: Account<'c>,
    walk: Walk,
}

impl Ended<'_> {
    fn take(&mut self, told: Told) {
        for (of, rewrapped) in told {
            self.tally.bar.file();
            let told = rewrapped
                .map_err(Into::into)
                .and_then(|rewrapped| self.tally.add(&of, &rewrapped));
            match told {
                Ok(()) => self.used.add(&of.file),
                Err(error) => self.fail(of.file, error),
            }
        }
    }

    fn fail(&mut self, file: Input, error: anyhow::Error) {
        match error.downcast_ref() {
            Some(RewrapError::Passphrase) if !file.named => {
                self.used.add(&file);
                self.walk.passed.add(Kind::Passphrase, file.path);
            }
            Some(RewrapError::Header(ReadHeaderError::NotAge))
                if let Some(kind) = file.foreign() =>
            {
                self.walk.passed.add(kind, file.path);
            }
            _ => {
                self.used.add(&file);
                let error = input::explained(&file.path, error);
                let account = &mut self.account;
                self.tally.bar.aside(|| account.fail(&file.path, &error));
            }
        }
    }
}

/// Counts what became of files, and says of those that were named what; of those in folders, with `--verbose`.
pub(crate) struct Tally<'c> {
    context: &'c Context,
    /// How far all of them have come.
    pub(crate) bar: Progress,
    json: bool,
    dry_run: bool,
    would: u64,
    rewritten: u64,
    current: u64,
    /// Whether all were named, and told of.
    told: bool,
}

#[derive(Serialize)]
struct Line<'l> {
    file: &'l str,
    /// Whether it opened with the key in use already.
    current: bool,
    /// How its header was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'l str>,
    /// Where it was written anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'l str>,
    dry_run: bool,
}

#[derive(Serialize)]
struct WouldAsk<'l> {
    file: &'l str,
    /// Whether its key would be asked for.
    ask: bool,
    dry_run: bool,
}

impl<'c> Tally<'c> {
    pub(crate) fn new(context: &'c Context, json: bool, dry_run: bool) -> Self {
        Self {
            context,
            bar: Progress::files(context, 0, 0),
            json,
            dry_run,
            would: 0,
            rewritten: 0,
            current: 0,
            told: true,
        }
    }

    /// Begins to tell how far so many files have come, and ends it for those before.
    pub(crate) fn begin(&mut self, files: usize) {
        self.bar = Progress::files(self.context, files as u64, 0);
    }

    /// Counts a file. That it was rewritten and is not whole is an error.
    pub(crate) fn add(&mut self, of: &Taken, rewrapped: &Rewrapped) -> anyhow::Result<()> {
        let file = &of.file;
        let is_current = rewrapped.how == How::Current;
        if self.json {
            let output = match &rewrapped.how {
                How::Written(output) => Some(output.to_string_lossy()),
                How::Copied | How::Current | How::InPlace => None,
            };
            let line = Line {
                file: &file.path.to_string_lossy(),
                current: is_current,
                how: match rewrapped.how {
                    How::Current => None,
                    How::InPlace => Some("in_place"),
                    How::Copied => Some("copied"),
                    How::Written(_) => Some("written"),
                },
                output: output.as_deref(),
                dry_run: false,
            };
            self.bar.aside(|| terminal::print_json(&line))?;
        } else if file.named || self.context.verbose {
            self.bar.aside(|| of.say(self.context, &rewrapped.how));
        } else {
            self.told = false;
        }
        self.rewritten += u64::from(!is_current);
        self.current += u64::from(is_current);
        match rewrapped.changed {
            Some(changed) => Err(NotWhole(changed).into()),
            None => Ok(()),
        }
    }

    /// Says of a file what would be done.
    pub(crate) fn would(&mut self, file: &Input, is_current: bool) -> std::io::Result<()> {
        self.would += u64::from(!is_current);
        self.current += u64::from(is_current);
        self.told = false;
        if self.json {
            return terminal::print_json(&Line {
                file: &file.path.to_string_lossy(),
                current: is_current,
                how: None,
                output: None,
                dry_run: true,
            });
        }
        let what = match is_current {
            true => "opens with your key already",
            false => "would be made to open with your key",
        };
        terminal::print(format_args!("{}  {what}", shown(&file.path)))
    }

    /// Says of a file that its key would be asked for.
    pub(crate) fn would_ask(&mut self, file: &Input) -> anyhow::Result<()> {
        self.would += 1;
        self.told = false;
        if self.json {
            return Ok(terminal::print_json(&WouldAsk {
                file: &file.path.to_string_lossy(),
                ask: true,
                dry_run: true,
            })?);
        }
        Ok(terminal::print(format_args!(
            "{}  its key would be asked for",
            shown(&file.path)
        ))?)
    }

    /// Says what holds for all of them.
    pub(crate) fn end(&mut self, walk: &Walk) {
        self.begin(0);
        let files = |number| count(number, "file", "files");
        if !self.told {
            let mut line = match self.dry_run {
                false => format!("{} made to open with your key", files(self.rewritten)),
                true => format!("{} would be made to open with your key", files(self.would)),
            };
            if self.current > 0 {
                line += &format!("; {} did already", self.current);
            }
            self.context.say(line);
        }
        walk.passed.tell(self.context);
        if walk.passed.has(Kind::Passphrase) {
            self.context
                .say("hint: name a file with a passphrase to have it open with your key instead");
        }
        if self.rewritten > 0 {
            self.context.say(
                "whoever could open a file before may have kept a copy: only encrypting it anew ends that",
            );
        }
    }
}

/// Looks whether a key for a file is at hand, as [`rewrap_one`] would.
pub(crate) fn look(
    home: &Home,
    file: &Input,
    options: &RewrapOptions<'_>,
) -> Result<bool, RewrapError> {
    if !file.named && input::is_for_passphrase(&file.path) {
        return Err(RewrapError::Passphrase);
    }
    files::look(home, &file.path, options)
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

/// A file that is rewrapped.
pub(crate) struct Taken {
    pub(crate) file: Input,
    /// Whether a passphrase opened it before.
    passphrase: bool,
    /// What opens it then.
    whose: String,
}

pub(crate) type Rewrapping = files::Rewrapping<Taken>;
pub(crate) type Told = files::Told<Taken>;

/// Rewraps a file. How far a copy has come, if it takes one, is told. Returns what became of those that are done.
///
/// A passphrase's file that was only found in a folder stays: whoever knows the passphrase would lose it.
pub(crate) fn rewrap_one(
    context: &Context,
    home: &mut Home,
    rewrapping: &mut Rewrapping,
    file: &Input,
    options: &RewrapOptions<'_>,
    bar: &Progress,
) -> Told {
    let settled = rewrapping.settle(home, &file.path);
    // What can't be read is told below.
    let passphrase = input::is_for_passphrase(&file.path);
    let of = Taken {
        file: file.clone(),
        passphrase,
        whose: "your key".to_owned(),
    };
    if let Err(error) = settled {
        return vec![(of, Err(error))];
    }
    if passphrase && !file.named {
        return vec![(of, Err(RewrapError::Passphrase))];
    }
    let mut progress = |bytes, of| bar.copied(bytes, of);
    let rng = &mut context.rng();
    rewrapping.add(home, &file.path, of, options, rng, &mut progress)
}

/// A file opens with the right key, and not all of it is there.
#[derive(Debug, thiserror::Error)]
#[error("this is not what was encrypted: {0}")]
pub(crate) struct NotWhole(Changed);

impl Taken {
    /// Says what became of it.
    fn say(&self, context: &Context, how: &How) {
        let path = shown(&self.file.path);
        let whose = &self.whose;
        match how {
            How::Current => {
                context.say(format_args!("{path}  opens with {whose} already"));
                return;
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
            let new = match how {
                How::Written(output) => shown(output),
                How::Copied | How::Current | How::InPlace => path,
            };
            context.say(format_args!("{new}  no longer opens with its passphrase"));
        }
    }
}

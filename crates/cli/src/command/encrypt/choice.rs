//! Which files `strongroom encrypt` encrypts, and where they go: all that were named; of those in folders, what is new, and what
//! changed since it was encrypted.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use anyhow::ensure;
use strongroom_client::Pointer;
use strongroom_client::capi::is_capi_file;
use strongroom_client::home::{Home, SourceStamp};
use strongroom_client::kind::{FileKind, NotEncrypted, is_called_encrypted};
use strongroom_client::status::read_header;
use strongroom_files::output::Overwrite;

use super::{Arguments, OntoTerminal};
use crate::account::Account;
use crate::context::Context;
use crate::destination::Destination;
use crate::exit::{Exit, Usage};
use crate::input::{self, Input};
use crate::stream;
use crate::terminal::{count, shown};
use crate::walk::{Kind, Used, Walk};

/// A file that is to be encrypted; pipes have no names.
pub(super) struct Named {
    pub(super) source: Option<PathBuf>,
    pub(super) target: Option<PathBuf>,
    pub(super) overwrite: Overwrite,
    /// Where the source belongs below another folder.
    pub(super) relative: PathBuf,
    /// Whether its owner named it, and did not leave it to a folder.
    pub(super) is_named: bool,
    /// Whether it was encrypted before, and has changed.
    pub(super) again: bool,
}

/// What is to be done.
pub(super) struct Chosen {
    pub(super) named: Vec<Named>,
    pub(super) tally: Tally,
    pub(super) walk: Walk,
    pub(super) destination: Destination,
}

/// What is not to be done, and how much of the rest was.
#[derive(Default)]
pub(super) struct Tally {
    /// Whether folders were walked, of which a line tells.
    walked: bool,
    pub(super) makes_folders: bool,
    used: Used,
    /// Those that are not newer than their encrypted files.
    current: u64,
    /// Those in folders that are encrypted.
    encrypted: u64,
    pub(super) done: u64,
    pub(super) again: u64,
}

impl Chosen {
    pub(super) fn of(
        context: &Context,
        arguments: &Arguments,
        mut walk: Walk,
        ending: &str,
    ) -> anyhow::Result<Self> {
        // What is here of it tells what the files were made of; it is not made for that, and let go of before the work.
        let home = match Home::exists(&context.home)? {
            true => Some(Home::open_to_read(&context.home)?),
            false => None,
        };
        let before = Before::these(home.as_ref(), arguments);
        let destination = Destination::of(arguments.output.as_deref(), &walk)?;
        let mut tally = Tally {
            walked: !walk.folders.is_empty(),
            makes_folders: matches!(destination, Destination::Folder(_)),
            ..Tally::default()
        };
        let files = std::mem::take(&mut walk.files);
        let name = |path: &Path| Ok(input::with_ending(path, ending));
        let targets: Vec<Option<PathBuf>> = files
            .iter()
            .map(|file| destination.target(file, name))
            .collect::<anyhow::Result<_>>()?;
        // What one of them becomes is none of them, even if it is damaged and does not look encrypted.
        let made: HashSet<&Path> = targets.iter().flatten().map(PathBuf::as_path).collect();
        let mut named = Vec::new();
        for (file, target) in files.iter().zip(&targets) {
            tally.used.add(file);
            let mut overwrite = match arguments.force {
                true => Overwrite::Force,
                false => Overwrite::Refuse,
            };
            let mut again = false;
            if !file.named {
                let kind = FileKind::of(&file.path);
                if kind.as_ref().is_ok_and(|kind| kind.is_encrypted()) {
                    tally.encrypted += 1;
                    continue;
                }
                if made.contains(file.path.as_path()) {
                    let is_torn = kind.is_ok() && is_empty(&file.path);
                    ensure!(
                        !arguments.force || is_torn,
                        "`{}` is not encrypted, and would be replaced by what becomes of another file",
                        shown(&file.path)
                    );
                    continue;
                }
                // It was one and is torn, or may have been. A text never was; what can't be read is told of when it is its turn.
                let may_be_torn =
                    matches!(kind, Ok(FileKind::Other(what)) if what != NotEncrypted::Text);
                if may_be_torn && is_called_encrypted(&file.path) {
                    walk.passed.add(Kind::CalledEncrypted, file.path.clone());
                    continue;
                }
                let target = target.as_deref().filter(|_| !arguments.force);
                match target.map_or(Ok(Before::New), |target| before.of(&file.path, target))? {
                    Before::Current => {
                        tally.current += 1;
                        continue;
                    }
                    Before::Older => (overwrite, again) = (Overwrite::Force, true),
                    Before::New => {}
                }
            }
            named.push(to_encrypt(
                file,
                target.clone(),
                arguments,
                overwrite,
                again,
            )?);
        }
        let pairs = named.iter().filter_map(|named| {
            let source = named.source.as_deref()?;
            Some((source, named.target.as_deref()?))
        });
        let pairs: Vec<_> = pairs.collect();
        Destination::ensure_apart(pairs.iter().copied())?;
        if arguments.force {
            Destination::ensure_no_source(pairs)?;
        }
        Ok(Self {
            named,
            tally,
            walk,
            destination,
        })
    }
}

fn to_encrypt(
    file: &Input,
    target: Option<PathBuf>,
    arguments: &Arguments,
    overwrite: Overwrite,
    again: bool,
) -> anyhow::Result<Named> {
    if target.is_none() {
        ensure!(
            !arguments.json,
            Usage("`--json` prints where the encrypted file would go: name a file with `-o`")
        );
        ensure!(
            !arguments.dry_run,
            Usage("`--dry-run` tells of files, not of pipes")
        );
        let shown = stream::output_is_shown(arguments.output.as_deref());
        ensure!(arguments.armor || !shown, OntoTerminal);
    }
    Ok(Named {
        source: (!stream::is_pipe(&file.path)).then(|| file.path.clone()),
        target,
        overwrite,
        relative: file.relative.clone(),
        is_named: file.named,
        again,
    })
}

/// What is there already of a file in a folder.
enum Before {
    /// An encrypted file that is as new.
    Current,
    /// Nothing, or nothing that is encrypted and could be replaced.
    New,
    /// An encrypted file that is older.
    Older,
}

/// Tells what is there already, by what this home knows of it.
struct Known<'h> {
    home: Option<&'h Home>,
    /// For how many a file is encrypted now.
    recipients: usize,
}

impl Before {
    fn these<'h>(home: Option<&'h Home>, arguments: &Arguments) -> Known<'h> {
        let files = arguments.recipients_file.len() + arguments.identities.len();
        // Nobody counts here how many keys a file has.
        let recipients = match files {
            0 => 1 + arguments.recipients.len(),
            _ => usize::MAX,
        };
        Known { home, recipients }
    }
}

impl Known<'_> {
    fn of(&self, source: &Path, target: &Path) -> anyhow::Result<Before> {
        let (Ok(metadata), Ok(made)) = (source.metadata(), target.metadata()) else {
            return Ok(Before::New);
        };
        if !FileKind::of(target).is_ok_and(FileKind::is_encrypted) {
            return Ok(Before::New);
        }
        let absolute = std::path::absolute(target)?;
        let of = self.home.map(|home| home.made_of(&absolute)).transpose()?;
        let is_current = match of.flatten() {
            Some(stamp) => stamp == SourceStamp::of(&metadata),
            // It was not made here, or before this home kept that.
            None => !is_newer(metadata.modified()?, made.modified()?),
        };
        Ok(match is_current {
            true => Before::Current,
            false if self.is_ours(target)? => Before::Older,
            // That it is in the way is said.
            false => Before::New,
        })
    }

    /// Tells whether an encrypted file is one that this home made or took up, and opens for nobody who would not have the new
    /// one.
    fn is_ours(&self, target: &Path) -> anyhow::Result<bool> {
        let (Some(home), Ok(header)) = (self.home, read_header(target)) else {
            // A file of CryptoAPI's opens for one key.
            return Ok(is_capi_file(target));
        };
        let keys = header.stanzas().iter();
        let keys = keys.filter(|stanza| Pointer::from_stanza(stanza).is_none());
        Ok(home.matched(&header)?.is_some() && keys.count() <= self.recipients)
    }
}

fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() == 0)
}

/// Tells whether a file was modified after another was made of it, as far as the other's disk can tell: it keeps its time in
/// steps, of which that time is a multiple.
fn is_newer(source: SystemTime, made: SystemTime) -> bool {
    const STEPS_NANOS: [u128; 6] = [
        2_000_000_000,
        1_000_000_000,
        10_000_000,
        1_000_000,
        1_000,
        100,
    ];

    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH);
    let (Ok(source), Ok(made)) = (since(source), since(made)) else {
        return source > made;
    };
    let (source, made) = (source.as_nanos(), made.as_nanos());
    let step = STEPS_NANOS
        .into_iter()
        .find(|step| made.is_multiple_of(*step));
    let step = step.unwrap_or(1);
    source / step * step > made
}

/// Returns the path by which a file is told of: as it was named, unless that leads from the root or upwards.
pub(in crate::command) fn described_path<'p>(path: &'p Path, relative: &'p Path) -> &'p Path {
    let path = path.strip_prefix("./").unwrap_or(path);
    let is_down = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if is_down { path } else { relative }
}

impl Tally {
    /// Says what was left, behind what was done.
    pub(super) fn rest(&self) -> String {
        let mut rest = String::new();
        if self.current > 0 {
            rest += &format!("; {} up to date", self.current);
        }
        if self.encrypted > 0 {
            rest += &format!("; {} encrypted already", self.encrypted);
        }
        rest
    }

    /// Says in a line what was done with the folders, and returns how the command ends.
    pub(super) fn end(
        self,
        context: &Context,
        walk: &Walk,
        mut account: Account<'_>,
    ) -> anyhow::Result<Exit> {
        walk.tell_empty(&mut account, &self.used, "there is no file to encrypt");
        if self.walked {
            let again = match self.again {
                0 => String::new(),
                again => format!(" ({again} again, having changed)"),
            };
            let files = count(self.done, "file", "files");
            context.say(format_args!("{files} encrypted{again}{}", self.rest()));
        }
        walk.passed.tell(context);
        Ok(account.end())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_as_new_as_the_disk_can_tell_is_not_newer() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert!(is_newer(at(5_500), at(5_400)));
        assert!(!is_newer(at(5_400), at(5_500)));
        assert!(!is_newer(at(5_500), at(5_500)));
        // As FAT writes the same time down.
        assert!(!is_newer(at(5_500), at(4_000)));
        assert!(is_newer(at(6_000), at(4_000)));
    }
}

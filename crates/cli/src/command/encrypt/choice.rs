//! Which files `strongroom encrypt` encrypts, and where they go: all that were named; of those in folders, what is new, and what is
//! newer than its encrypted file.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::ensure;
use strongroom_client::kind::{FileKind, NotEncrypted, is_called_encrypted};
use strongroom_files::output::Overwrite;

use super::{Arguments, OntoTerminal};
use crate::account::Account;
use crate::context::Context;
use crate::destination::Destination;
use crate::exit::{Exit, Usage};
use crate::input::{self, Input};
use crate::stream;
use crate::terminal::count;
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
    /// Whether it was encrypted before, and is newer.
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
    pub(super) fn of(arguments: &Arguments, mut walk: Walk, ending: &str) -> anyhow::Result<Self> {
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
                    continue;
                }
                // It was one and is torn, or may have been. A text never was; what can't be read is told of when it is its turn.
                let may_be_torn =
                    matches!(kind, Ok(FileKind::Other(what)) if what != NotEncrypted::Text);
                if may_be_torn && is_called_encrypted(&file.path) {
                    walk.passed.add(Kind::CalledEncrypted, file.path.clone());
                    continue;
                }
                let before = target.as_deref().filter(|_| !arguments.force);
                match before.map_or(Before::New, |target| before_it(&file.path, target)) {
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
        Destination::ensure_apart(pairs)?;
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

fn before_it(source: &Path, target: &Path) -> Before {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let (Ok(source), Ok(made)) = (modified(source), modified(target)) else {
        return Before::New;
    };
    if !FileKind::of(target).is_ok_and(FileKind::is_encrypted) {
        return Before::New;
    }
    match is_newer(source, made) {
        true => Before::Older,
        false => Before::Current,
    }
}

/// Tells whether a file was modified after another was made of it. FAT keeps every other second alone.
fn is_newer(source: SystemTime, made: SystemTime) -> bool {
    const COARSE_SECS: u64 = 2;

    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH);
    let (Ok(source), Ok(made)) = (since(source), since(made)) else {
        return source > made;
    };
    let is_coarse = made.subsec_nanos() == 0 && made.as_secs().is_multiple_of(COARSE_SECS);
    match is_coarse {
        true => Duration::from_secs(source.as_secs() / COARSE_SECS * COARSE_SECS) > made,
        false => source > made,
    }
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
                again => format!(" ({again} again, being newer)"),
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

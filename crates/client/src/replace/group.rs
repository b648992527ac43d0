//! Headers that are replaced together: many with one wait for the disk (spec/rewrite.md#groups). What the new ones say is not
//! known here.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use strongroom_files::sync_group;

use super::{Learned, ReplaceError};
use crate::file::FileId;
use crate::file::copy::Copy;
use crate::file::rewrite::{ApplyError, Overwritten};
use crate::home::{Home, HomeError, Matched, Planned};

/// The most files of a group.
const FILES_MAX: usize = 256;

/// How many bytes of headers are replaced where they lie: all of them go through the home's journal.
const HEADER_BYTES_MAX: u64 = 8 << 20;

/// How many bytes of copies wait for the disk together.
const COPIED_BYTES_MAX: u64 = 64 << 20;

/// Files of which something is to be told, in their order, once the new headers of all of them are on the disk.
///
/// `T` is what a file is known by, `V` what became of it, and `E` why nothing did. Dropped before it is finished, it leaves
/// the files that nothing was told of as they were.
pub(crate) struct Group<T, V, E> {
    files: Vec<(T, Outcome<V, E>)>,
    /// What is to be done, for those that wait for it, in their order.
    pending: Vec<Pending>,
    /// The files that are about to get another header. Each is in here once: what was read of it is about to go.
    ids: HashSet<FileId>,
    /// Files that were to get another header, which may not be on the disk, whatever is read of them.
    failed: HashSet<FileId>,
    header_bytes: u64,
    copied_bytes: u64,
    descriptors: u64,
    descriptors_max: u64,
}

/// What is known of a file.
enum Outcome<V, E> {
    Known(Result<V, E>),
    /// It waits for its header, and then this became of it.
    Waits(V),
}

/// How a file gets its new header, and what is known of it then.
pub(crate) enum Pending {
    /// A copy appears, which has it.
    Copy(Copy, Learned),
    /// It is written where the old one lies.
    InPlace(Planned, Option<Matched>),
}

impl Pending {
    /// Returns which file it is.
    fn file(&self) -> (PathBuf, FileId) {
        match self {
            Self::Copy(copy, _) => (copy.source().to_path_buf(), copy.source_id()),
            Self::InPlace(planned, _) => {
                let rewrite = &planned.rewrite;
                (rewrite.path().to_path_buf(), rewrite.id())
            }
        }
    }
}

impl<T, V, E: From<ReplaceError>> Group<T, V, E> {
    pub(crate) fn new() -> Self {
        let open_max = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self {
            files: Vec::new(),
            pending: Vec::new(),
            ids: HashSet::new(),
            failed: HashSet::new(),
            header_bytes: 0,
            copied_bytes: 0,
            descriptors: 0,
            // The other half is for the home and whatever else the process uses.
            descriptors_max: open_max / 2,
        }
    }

    /// Tells whether a file is about to get another header, so that it is not to be read now.
    pub(crate) fn has(&self, id: FileId) -> bool {
        self.ids.contains(&id)
    }

    /// Sees that no other replacement of the file at a path failed in this group or one before it: what is read of it may not be
    /// on the disk.
    pub(crate) fn check_not_failed(&self, path: &Path) -> Result<(), ReplaceError> {
        let id = path.metadata().map(|metadata| FileId::of(&metadata));
        match id.is_ok_and(|id| self.failed.contains(&id)) {
            true => Err(ReplaceError::FailedBefore {
                path: path.to_path_buf(),
            }),
            false => Ok(()),
        }
    }

    /// Takes up what is known of a file already.
    pub(crate) fn tell(&mut self, of: T, known: Result<V, E>) {
        self.files.push((of, Outcome::Known(known)));
    }

    /// Takes up how a file gets its new header, and what is told of it then. It must not be in the group.
    pub(crate) fn wait(&mut self, of: T, pending: Pending, then: V) {
        match &pending {
            Pending::Copy(copy, _) => {
                self.ids.insert(copy.source_id());
                self.copied_bytes = self.copied_bytes.saturating_add(copy.bytes());
                // Itself, its folder, and its place in that where it has a hidden name.
                self.descriptors += 3;
            }
            Pending::InPlace(planned, _) => {
                self.ids.insert(planned.rewrite.id());
                self.header_bytes += 2 * planned.rewrite.new_header().len() as u64;
                self.descriptors += 1;
            }
        }
        self.pending.push(pending);
        self.files.push((of, Outcome::Waits(then)));
    }

    /// Replaces what waits, unless there is room for a copy of so many bytes beside it.
    pub(crate) fn make_room(&mut self, home: &mut Home, bytes: u64) {
        if self.copied_bytes.saturating_add(bytes) > COPIED_BYTES_MAX {
            self.replace(home);
        }
    }

    /// Returns what is to be told once the group is full; nothing until then.
    pub(crate) fn finish_if_full(&mut self, home: &mut Home) -> Vec<(T, Result<V, E>)> {
        // Another one may take up to three descriptors.
        let is_full = self.files.len() >= FILES_MAX
            || self.descriptors + 3 > self.descriptors_max
            || self.header_bytes >= HEADER_BYTES_MAX
            || self.copied_bytes >= COPIED_BYTES_MAX;
        match is_full {
            true => self.finish(home),
            false => Vec::new(),
        }
    }

    /// Replaces what waits, and returns what is to be told of each file.
    pub(crate) fn finish(&mut self, home: &mut Home) -> Vec<(T, Result<V, E>)> {
        self.replace(home);
        let files = std::mem::take(&mut self.files).into_iter();
        files
            .filter_map(|(of, outcome)| match outcome {
                Outcome::Known(known) => Some((of, known)),
                Outcome::Waits(_) => None,
            })
            .collect()
    }

    /// Replaces what waits: before anything reads those files, or writes over them.
    pub(crate) fn replace(&mut self, home: &mut Home) {
        self.ids.clear();
        (self.header_bytes, self.copied_bytes, self.descriptors) = (0, 0, 0);
        let pending = std::mem::take(&mut self.pending);
        let files: Vec<_> = pending.iter().map(Pending::file).collect();
        let replaced = replace(home, pending);
        for ((path, id), _) in files
            .iter()
            .zip(&replaced)
            .filter(|(_, done)| done.is_err())
        {
            self.failed.insert(*id);
            // A copy may have appeared there.
            let now = path.metadata().map(|metadata| FileId::of(&metadata));
            self.failed.extend(now);
        }
        let mut replaced = replaced.into_iter();
        let files = std::mem::take(&mut self.files).into_iter();
        let known = files.map(|(of, outcome)| {
            let known = match outcome {
                Outcome::Known(known) => known,
                Outcome::Waits(then) => {
                    let replaced = replaced.next().expect("there is an answer for each");
                    replaced.map(|()| then).map_err(E::from)
                }
            };
            (of, Outcome::Known(known))
        });
        self.files = known.collect();
    }
}

/// Gives files their new headers, and says of each, in their order, what became of it. Each step is durable before the next.
fn replace(home: &mut Home, pending: Vec<Pending>) -> Vec<Result<(), ReplaceError>> {
    let (mut planned, mut then_matched) = (Vec::new(), Vec::new());
    let (mut copies, mut then_learned) = (Vec::new(), Vec::new());
    let are_copies: Vec<bool> = pending
        .into_iter()
        .map(|pending| match pending {
            Pending::Copy(copy, learned) => {
                copies.push(copy);
                then_learned.push(learned);
                true
            }
            Pending::InPlace(plan, matched) => {
                planned.push(plan);
                then_matched.push(matched);
                false
            }
        })
        .collect();
    let is_learned = |learned: &Learned| learned.matched.is_some() || learned.mark.is_some();
    then_learned.retain(is_learned);
    // A crash until this is done leaves the old headers. What is known of a copy is there before the copy: of one that never
    // appears it matches nothing.
    if !(planned.is_empty() && then_learned.is_empty())
        && let Err(error) = home.begin_rewrites(&planned, &then_learned)
    {
        return all_fail(error, are_copies.len());
    }
    // A crash within this leaves of each file the old header, the new one or a torn mix; all of them have their records.
    let applied = apply(&planned);
    // A crash within this leaves of each file what was there, or the whole copy.
    let copied = Copy::commit_all(copies);
    // A crash until this is done leaves the new headers, which the records write once more.
    let applied_matched = applied.iter().zip(then_matched);
    let matched: Vec<_> = applied_matched
        .filter_map(|(applied, matched)| matched.filter(|_| applied.is_ok()))
        .collect();
    let ended: Vec<_> = planned
        .iter()
        .zip(&applied)
        .filter(|(_, applied)| match applied {
            // Of what is foreign nothing was written.
            Ok(()) | Err(ApplyError::Foreign { .. }) => true,
            // The disk may have anything.
            Err(ApplyError::Io { .. }) => false,
        })
        .map(|(planned, _)| &planned.rewrite)
        .collect();
    if !(ended.is_empty() && matched.is_empty())
        && let Err(error) = home.end_rewrites(ended, &matched)
    {
        return all_fail(error, are_copies.len());
    }
    let (mut applied, mut copied) = (applied.into_iter(), copied.into_iter());
    are_copies
        .into_iter()
        .map(|is_copy| match is_copy {
            true => copied.next().map(|copied| copied.map_err(Into::into)),
            false => applied.next().map(|applied| applied.map_err(Into::into)),
        })
        .map(|replaced| replaced.expect("there is an answer for each"))
        .collect()
}

fn all_fail(error: HomeError, number: usize) -> Vec<Result<(), ReplaceError>> {
    let error = Arc::new(error);
    let failed = |_| Err(ReplaceError::Home(Arc::clone(&error)));
    (0..number).map(failed).collect()
}

/// Writes headers where the old ones lie, and sees them onto the disk with one wait for all of them.
fn apply(planned: &[Planned]) -> Vec<Result<(), ApplyError>> {
    let mut held = Vec::new();
    let overwritten: Vec<_> = planned
        .iter()
        .map(|planned| match planned.rewrite.overwrite() {
            Ok(Overwritten::NotSynced(file)) => {
                held.push(file);
                Ok(true)
            }
            Ok(Overwritten::Locked) => Ok(false),
            Err(error) => Err(error),
        })
        .collect();
    let mut synced = sync_group(&held.iter().collect::<Vec<_>>()).into_iter();
    drop(held);
    let applied = planned.iter().zip(overwritten);
    applied
        .map(|(planned, overwritten)| match overwritten? {
            true => {
                let synced = synced.next().expect("there is an answer for each");
                synced.map_err(|source| planned.rewrite.failed(source))
            }
            // Whoever waits for a lock holds none: two that wait for one another would wait for ever.
            false => planned.rewrite.apply(),
        })
        .collect()
}

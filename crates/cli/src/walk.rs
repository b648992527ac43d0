//! The one walk of all commands: the files in the folders that were named, with what was passed over, counted by kind, and
//! what could not be read. A link is not followed, another file system is not entered, and neither is a folder that has keys:
//! the home, and whatever looks like a home or an authority.

use std::collections::{BTreeMap, HashSet};
use std::fs::FileType;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

use crate::account::Account;
use crate::context::Context;
use crate::input::Input;
use crate::stream;
use crate::terminal::{count, shown, tell};

/// What is said where a command about encrypted files found none.
pub(crate) const NOTHING_ENCRYPTED: &str = "no encrypted file was found";

/// What was found.
#[derive(Default)]
pub(crate) struct Walk {
    /// The files, in the order they were named; those of a folder by name.
    pub(crate) files: Vec<Input>,
    /// The folders that were walked.
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) passed: PassedOver,
    /// Whether a list named some.
    is_listed: bool,
    /// What could not be read, and why.
    unreadable: Vec<(PathBuf, io::Error)>,
}

/// What in a folder is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Authority,
    CalledEncrypted,
    Capi,
    Device,
    Excluded,
    Fifo,
    FileSystem,
    Home,
    Link,
    NotEncrypted,
    Passphrase,
    Socket,
}

/// What was passed over, by kind.
#[derive(Default)]
pub(crate) struct PassedOver(BTreeMap<Kind, Vec<PathBuf>>);

/// What is passed over because its owner said so.
#[derive(Clone)]
pub(crate) struct Exclude {
    glob: GlobMatcher,
    /// Whether it is a path, and not a name.
    is_path: bool,
}

impl Walk {
    /// Finds the files of all that was named: on the command line, and in a list.
    pub(crate) fn of(
        context: &Context,
        named: &[PathBuf],
        listed: &[PathBuf],
        excluded: &[Exclude],
    ) -> Self {
        let mut walk = Self {
            is_listed: !listed.is_empty(),
            ..Self::default()
        };
        let home = Place::of(&context.home);
        let mut seen = HashSet::new();
        let named = named.iter().map(|path| (path, own_name(path), false));
        let listed = listed.iter().map(|path| (path, whole_path(path), true));
        for (path, relative, is_listed) in named.chain(listed) {
            if !seen.insert(path) {
                continue;
            }
            // Whoever lists all that they have does not mean their keys.
            let holds = |home: &Place| home.holds(path);
            if is_listed && !path.is_dir() && home.as_ref().is_some_and(holds) {
                walk.passed.add(Kind::Home, path.clone());
                continue;
            }
            if !stream::is_pipe(path) && is_excluded(path, &relative, excluded) {
                walk.passed.add(Kind::Excluded, path.clone());
            } else if !stream::is_pipe(path) && path.is_dir() {
                walk.walk(home.as_ref(), path, &relative, excluded);
            } else {
                walk.files.push(Input {
                    path: path.clone(),
                    named: true,
                    relative,
                    folder: None,
                });
            }
        }
        // A file may be named beside its folder: then it was named.
        let paths = |files: &[Input], named| -> HashSet<PathBuf> {
            let files = files.iter().filter(|file| file.named == named);
            files.map(|file| file.path.clone()).collect()
        };
        let (found, named) = (paths(&walk.files, false), paths(&walk.files, true));
        walk.files
            .retain(|file| !file.named || !found.contains(&file.path));
        for file in &mut walk.files {
            file.named |= named.contains(&file.path);
        }
        walk
    }

    /// Tells whether one file alone was named, and neither a folder nor a list.
    pub(crate) fn is_one_file(&self) -> bool {
        self.folders.is_empty()
            && !self.is_listed
            && matches!(&self.files[..], [file] if file.named)
    }

    /// Says which folders and files could not be read.
    pub(crate) fn tell_unreadable(&mut self, account: &mut Account<'_>) {
        for (path, source) in std::mem::take(&mut self.unreadable) {
            let error = anyhow::Error::new(source).context("cannot read the folder");
            account.fail(&path, &error);
        }
    }

    /// Says of each folder in which there was nothing to use, or else of all that was named, that there was `nothing`.
    pub(crate) fn tell_empty(&self, account: &mut Account<'_>, used: &Used, nothing: &str) {
        let empty = self.folders.iter().enumerate();
        let mut empty = empty.filter(|(number, _)| !used.folders.contains(number));
        if let Some((_, first)) = empty.next() {
            for folder in std::iter::once(first).chain(empty.map(|(_, folder)| folder)) {
                account.fail(folder, &anyhow::Error::msg(nothing.to_owned()));
            }
        } else if !used.any {
            account.fail_of("", &anyhow::Error::msg(nothing.to_owned()));
        }
    }

    fn walk(&mut self, home: Option<&Place>, folder: &Path, relative: &Path, excluded: &[Exclude]) {
        let number = self.folders.len();
        self.folders.push(folder.to_owned());
        let within = || {
            folder
                .canonicalize()
                .ok()?
                .starts_with(&home?.path)
                .then_some(Kind::Home)
        };
        if let Some(kind) = keys_in(folder, home).or_else(within) {
            self.passed.add(kind, folder.to_owned());
            return;
        }
        let device = folder.metadata().map_or(0, |metadata| metadata.dev());
        let mut entries = WalkDir::new(folder).sort_by_file_name().into_iter();
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    self.unreadable.push((path, underlying(error)));
                    continue;
                }
            };
            if entry.depth() == 0 {
                continue;
            }
            let path = entry.path();
            let kind = entry.file_type();
            let passed = if is_excluded_in(folder, &entry, excluded) {
                Some(Kind::Excluded)
            } else if !kind.is_dir() {
                special(kind)
            } else if is_mounted(path, device) {
                Some(Kind::FileSystem)
            } else {
                keys_in(path, home)
            };
            match passed {
                Some(passed) => {
                    if kind.is_dir() {
                        entries.skip_current_dir();
                    }
                    self.passed.add(passed, entry.into_path());
                }
                None if kind.is_file() && !is_leftover(&entry) => {
                    let relative = relative.join(path.strip_prefix(folder).unwrap_or(path));
                    self.files.push(Input {
                        path: entry.into_path(),
                        named: false,
                        relative,
                        folder: Some(number),
                    });
                }
                None => {}
            }
        }
    }
}

/// A folder, by whatever name it is found.
struct Place {
    path: PathBuf,
    id: (u64, u64),
}

impl Place {
    fn of(folder: &Path) -> Option<Self> {
        Some(Self {
            path: folder.canonicalize().ok()?,
            id: id(folder)?,
        })
    }

    /// Tells whether a file lies in it.
    fn holds(&self, file: &Path) -> bool {
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new(".")).canonicalize();
        folder.is_ok_and(|folder| folder.starts_with(&self.path))
    }
}

fn id(folder: &Path) -> Option<(u64, u64)> {
    let metadata = folder.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Which of what was walked held something that a command is about.
#[derive(Default)]
pub(crate) struct Used {
    any: bool,
    folders: HashSet<usize>,
}

impl Used {
    pub(crate) fn add(&mut self, file: &Input) {
        self.any = true;
        self.folders.extend(file.folder);
    }
}

impl PassedOver {
    pub(crate) fn add(&mut self, kind: Kind, path: PathBuf) {
        self.0.entry(kind).or_default().push(path);
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.0.contains_key(&kind)
    }

    /// Says how many of what; nothing if there was none.
    pub(crate) fn to_line(&self) -> Option<String> {
        let mut kinds: Vec<_> = self.0.iter().collect();
        // Most people have to do with files, links and mounts.
        kinds.sort_by_key(|(kind, _)| {
            !matches!(
                kind,
                Kind::CalledEncrypted | Kind::Capi | Kind::NotEncrypted | Kind::Passphrase
            )
        });
        let counted = kinds
            .into_iter()
            .map(|(kind, paths)| kind.counted(paths.len() as u64));
        let counted: Vec<String> = counted.collect();
        (!counted.is_empty()).then(|| format!("{} passed over", counted.join(", ")))
    }

    /// Says it, and with `--verbose` each of them.
    pub(crate) fn tell(&self, context: &Context) {
        self.tell_each(context);
        if let Some(line) = self.to_line() {
            context.say(line);
        }
    }

    /// With `--verbose`, says each of them.
    pub(crate) fn tell_each(&self, context: &Context) {
        if !context.verbose {
            return;
        }
        for (kind, paths) in &self.0 {
            for path in paths {
                tell(format_args!(
                    "{}  passed over: {}",
                    shown(path),
                    kind.as_str()
                ));
            }
        }
    }
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "an authority's folder",
            Self::CalledEncrypted => "named as an encrypted file, and none",
            Self::Capi => "a file of CryptoAPI's: `--key` protects it",
            Self::Device => "a device",
            Self::Excluded => "excluded",
            Self::Fifo => "a pipe",
            Self::FileSystem => "another file system",
            Self::Home => "a Strongroom folder, with keys",
            Self::Link => "a symbolic link",
            Self::NotEncrypted => "not encrypted",
            Self::Passphrase => "has a passphrase",
            Self::Socket => "a socket",
        }
    }

    fn counted(self, number: u64) -> String {
        match self {
            Self::Authority => count(number, "authority's folder", "authorities' folders"),
            Self::CalledEncrypted => count(
                number,
                "file named as an encrypted one",
                "files named as encrypted ones",
            ),
            Self::Capi => count(number, "file of CryptoAPI's", "files of CryptoAPI's"),
            Self::Device => count(number, "device", "devices"),
            Self::Excluded => format!("{number} excluded"),
            Self::Fifo => count(number, "pipe", "pipes"),
            Self::FileSystem => count(number, "other file system", "other file systems"),
            Self::Home => count(number, "Strongroom folder", "Strongroom folders"),
            Self::Link => count(number, "symbolic link", "symbolic links"),
            Self::NotEncrypted => count(number, "other file", "other files"),
            Self::Passphrase => count(number, "file with a passphrase", "files with a passphrase"),
            Self::Socket => count(number, "socket", "sockets"),
        }
    }
}

impl std::str::FromStr for Exclude {
    type Err = globset::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pattern = text.trim_end_matches('/');
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        let glob = GlobBuilder::new(pattern).literal_separator(true).build()?;
        Ok(Self {
            glob: glob.compile_matcher(),
            is_path: pattern.contains('/'),
        })
    }
}

impl Exclude {
    fn matches(&self, path: &Path) -> bool {
        if self.is_path {
            return self.glob.is_match(path);
        }
        path.file_name()
            .is_some_and(|name| self.glob.is_match(name))
    }
}

/// Tells whether what was named is excluded: as it was written, or by a name on the way to it from where it belongs.
fn is_excluded(path: &Path, relative: &Path, excluded: &[Exclude]) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    let is = |part: &Path| excluded.iter().any(|exclude| exclude.matches(part));
    is(path) || relative.ancestors().any(is)
}

/// Tells whether what was found in a folder is excluded: by its name, its path from the folder on, or that with the folder's.
fn is_excluded_in(folder: &Path, entry: &DirEntry, excluded: &[Exclude]) -> bool {
    let path = entry.path();
    let below = path.strip_prefix(folder).unwrap_or(path);
    let whole = path.strip_prefix("./").unwrap_or(path);
    let mut excluded = excluded.iter();
    excluded.any(|exclude| exclude.matches(below) || exclude.matches(whole))
}

/// Returns where what was named belongs below another folder: there by its name.
fn own_name(path: &Path) -> PathBuf {
    PathBuf::from(path.file_name().unwrap_or_default())
}

/// Returns where what is in a list belongs below another folder: by its whole path, as far as that leads down.
fn whole_path(path: &Path) -> PathBuf {
    let parts: Vec<_> = path.components().collect();
    let up = |part: &Component<'_>| *part == Component::ParentDir;
    let after = parts.iter().rposition(up).map_or(0, |last| last + 1);
    let down = parts.iter().skip(after);
    down.filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

/// Tells what it is, where it is neither a file nor a folder.
fn special(kind: FileType) -> Option<Kind> {
    if kind.is_symlink() {
        Some(Kind::Link)
    } else if kind.is_fifo() {
        Some(Kind::Fifo)
    } else if kind.is_socket() {
        Some(Kind::Socket)
    } else if kind.is_file() {
        None
    } else {
        Some(Kind::Device)
    }
}

/// Tells whether something is mounted on a folder, also from the same disk.
fn is_mounted(folder: &Path, device: u64) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        if let Ok(found) = statx(CWD, folder, flags, StatxFlags::empty())
            && found
                .stx_attributes_mask
                .contains(StatxAttributes::MOUNT_ROOT)
        {
            return found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
        }
    }
    let metadata = folder.symlink_metadata();
    metadata.is_ok_and(|metadata| metadata.dev() != device)
}

/// Tells whether a folder has keys: it is the home, or has what a home or an authority's folder has.
fn keys_in(folder: &Path, home: Option<&Place>) -> Option<Kind> {
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    if has("store.db") && has("keys.txt") {
        return Some(Kind::Authority);
    }
    let is_ours = home.is_some_and(|home| id(folder) == Some(home.id));
    let is_home = is_ours || has("home.db") && (has("device.key") || has("identity.txt"));
    is_home.then_some(Kind::Home)
}

/// Tells whether this is a file that is being written, or was when a command was killed.
fn is_leftover(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    name.starts_with(".strongroom-") && name.ends_with(".tmp")
}

/// Returns what the system answered: the walk's own words name the path once more.
fn underlying(error: walkdir::Error) -> io::Error {
    match error.io_error().and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_another_folder_and_never_out_of_it() {
        for (path, whole) in [
            ("a/b", "a/b"),
            ("./a/b", "a/b"),
            ("/a/b", "a/b"),
            ("../../a", "a"),
            ("x/../a/b", "a/b"),
        ] {
            assert_eq!(whole_path(Path::new(path)), Path::new(whole), "{path}");
        }
        assert_eq!(own_name(Path::new("../a/b")), Path::new("b"));
        assert_eq!(own_name(Path::new(".")), Path::new(""));
    }

    #[test]
    fn a_name_is_excluded_anywhere_and_a_path_in_its_place() {
        // As in a list, by the whole path.
        let excluded = |glob: &str, path: &str| {
            let path = Path::new(path);
            is_excluded(path, &whole_path(path), &[glob.parse().unwrap()])
        };
        assert!(excluded("*.tmp", "a/b.tmp"));
        assert!(excluded("cache", "a/cache/x"));
        assert!(excluded("cache/", "cache/x"));
        assert!(excluded("a/**/x", "a/b/c/x"));
        assert!(!excluded("a/*", "b/a/x/y"));
        assert!(!excluded("*.tmp", "a/b.tmp2"));
        // What was named on the command line is not excluded by where it lies.
        let named = Path::new("/tmp/photos");
        assert!(!is_excluded(
            named,
            &own_name(named),
            &["tmp".parse().unwrap()]
        ));
        assert!(is_excluded(
            named,
            &own_name(named),
            &["photos".parse().unwrap()]
        ));
    }
}

//! Where what is made from a file goes: beside it, into a pipe, to a file that was named, or into a folder, by its path there.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::exit::Usage;
use crate::input::Input;
use crate::stream;
use crate::terminal::shown;
use crate::walk::Walk;

pub(crate) enum Destination {
    Beside,
    File(PathBuf),
    Folder(PathBuf),
    Pipe,
}

impl Destination {
    /// Tells what `-o` says: a folder if there is one, or if it ends as one, or if more than one file is to go there.
    pub(crate) fn of(output: Option<&Path>, walk: &Walk) -> anyhow::Result<Self> {
        let pipes = walk.files.iter().filter(|file| stream::is_pipe(&file.path));
        let pipes = pipes.count();
        let alone = pipes > 0 || output.is_some_and(stream::is_sink);
        ensure!(
            !alone || walk.is_one_file(),
            Usage("`-`, the pipe, is for one file alone")
        );
        let Some(output) = output else {
            return Ok(if pipes > 0 { Self::Pipe } else { Self::Beside });
        };
        if stream::is_sink(output) {
            return Ok(Self::Pipe);
        }
        let is_folder = output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/");
        if !is_folder && walk.is_one_file() {
            return Ok(Self::File(output.to_owned()));
        }
        ensure!(
            pipes == 0,
            Usage("what comes from a pipe has no name: name a file with `-o`")
        );
        if output.exists() && !output.is_dir() {
            bail!(
                "`{}` is a file: what was named goes into a folder",
                shown(output)
            );
        }
        Ok(Self::Folder(output.to_owned()))
    }

    /// Returns where a file goes; nothing, if into a pipe. `name` says what it is called beside itself.
    pub(crate) fn target(
        &self,
        file: &Input,
        name: impl FnOnce(&Path) -> anyhow::Result<PathBuf>,
    ) -> anyhow::Result<Option<PathBuf>> {
        Ok(match self {
            Self::Beside => Some(name(&file.path)?),
            Self::File(path) => Some(path.clone()),
            Self::Folder(folder) => Some(folder.join(name(&file.relative)?)),
            Self::Pipe => None,
        })
    }

    /// Returns where a file goes that is written anew; nothing, if its own header is replaced. Its folder is made.
    pub(crate) fn rewritten(&self, file: &Input) -> anyhow::Result<Option<PathBuf>> {
        if let Self::Beside = self {
            return Ok(None);
        }
        let same = |path: &Path| Ok(path.to_owned());
        let target = self.target(file, same)?.ok_or(Usage(
            "a pipe can't be what a header is replaced in: name a file with `-o`",
        ))?;
        self.prepare(&target)?;
        Ok(Some(target))
    }

    /// Makes the folder that a file goes into, where that was asked for.
    pub(crate) fn prepare(&self, target: &Path) -> anyhow::Result<()> {
        if let (Self::Folder(_), Some(parent)) = (self, target.parent()) {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder `{}`", shown(parent)))?;
        }
        Ok(())
    }

    /// Refuses to replace a file by what is made of another, where both are to be worked on.
    pub(crate) fn ensure_no_source<'p>(
        pairs: impl IntoIterator<Item = (&'p Path, &'p Path)>,
    ) -> anyhow::Result<()> {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let sources: HashSet<&Path> = pairs.iter().map(|(source, _)| *source).collect();
        let mut replacing = pairs.iter().filter(|(source, target)| source != target);
        match replacing.find(|(_, target)| sources.contains(target)) {
            Some((source, target)) => Err(ReplacesSource {
                source_path: source.to_path_buf(),
                target: target.to_path_buf(),
            }
            .into()),
            None => Ok(()),
        }
    }

    /// Refuses two files that would go to one place, before either does.
    pub(crate) fn ensure_apart<'p>(
        pairs: impl IntoIterator<Item = (&'p Path, &'p Path)>,
    ) -> anyhow::Result<()> {
        let mut taken: HashMap<&Path, &Path> = HashMap::new();
        for (source, target) in pairs {
            // One that was named twice is met by what it became.
            if let Some(other) = taken
                .insert(target, source)
                .filter(|other| *other != source)
            {
                return Err(OnePlace {
                    one: other.to_owned(),
                    other: source.to_owned(),
                    target: target.to_owned(),
                }
                .into());
            }
        }
        Ok(())
    }
}

/// A file that is to be worked on would be replaced.
#[derive(Debug, thiserror::Error)]
#[error("`{}` would be made of `{}`, and replace a file that is to be worked on itself", target.display(), source_path.display())]
pub(crate) struct ReplacesSource {
    source_path: PathBuf,
    target: PathBuf,
}

/// Two files would have one name.
#[derive(Debug, thiserror::Error)]
#[error("`{}` and `{}` would both become `{}`", one.display(), other.display(), target.display())]
pub(crate) struct OnePlace {
    one: PathBuf,
    other: PathBuf,
    target: PathBuf,
}

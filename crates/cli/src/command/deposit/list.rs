//! Many secrets at once: a line of JSON for each. All lines are read before any of them is deposited.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use strongroom_client::secret::{ListError, ListedSecret, parse_list};

use super::Entry;
use crate::text;

/// The length in bytes of the longest list that is read.
const BYTES_MAX: u64 = 1 << 30;

/// A list with nothing on it.
#[derive(Debug, thiserror::Error)]
#[error("there is no line in the list `{}`", .0.display())]
pub(crate) struct NoLines(pub(crate) PathBuf);

pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let failed = || format!("cannot read the list `{}`", path.display());
    let bytes = text::read_bytes(path, BYTES_MAX).with_context(failed)?;
    let list = strongroom_text::decode(&bytes).with_context(failed)?;
    let secrets = parse_list(list).map_err(|ListError { line, error }| {
        anyhow::Error::new(error).context(format!("line {line} of `{}`", path.display()))
    })?;
    // A list that a command failed to write says nothing of what is deposited.
    ensure!(!secrets.is_empty(), NoLines(path.to_path_buf()));
    let entry = |listed: ListedSecret| Entry {
        name: listed.particulars.name().map(str::to_owned),
        secret: listed.secret,
        particulars: listed.particulars,
        check: listed.check,
        passed: None,
    };
    Ok(secrets.into_iter().map(entry).collect())
}

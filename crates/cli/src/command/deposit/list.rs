//! Many secrets at once: a line of JSON for each. All lines are read before any of them is deposited.

use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, ensure};
use strongroom_client::secret::{ListError, ListedSecret, parse_list};
use zeroize::Zeroizing;

use super::Entry;
use crate::input::EmptyList;

/// The length in bytes of the longest list that is read.
const BYTES_MAX: u64 = 1 << 30;

/// Reads the list that was opened at a path.
pub(super) fn read(opened: io::Result<impl Read>, path: &Path) -> anyhow::Result<Vec<Entry>> {
    let failed = || format!("cannot read the list `{}`", path.display());
    let reader = opened.with_context(failed)?;
    let length = path.metadata().map_or(0, |metadata| metadata.len());
    // A vector that grows would leave its beginnings in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(length.min(BYTES_MAX) + 1).unwrap_or(0),
    ));
    reader
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(failed)?;
    ensure!(
        bytes.len() as u64 <= BYTES_MAX,
        "the list `{}` is longer than {BYTES_MAX} bytes: deposit it in parts",
        path.display()
    );
    let secrets = parse_list(&bytes).map_err(|ListError { line, error }| {
        anyhow::Error::new(error).context(format!("line {line} of `{}`", path.display()))
    })?;
    ensure!(!secrets.is_empty(), EmptyList::of(path));
    let entry = |listed: ListedSecret| Entry {
        name: listed.particulars.name().map(str::to_owned),
        secret: listed.secret,
        particulars: listed.particulars,
        check: listed.check,
        passed: None,
    };
    Ok(secrets.into_iter().map(entry).collect())
}

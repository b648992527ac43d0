//! Many secrets at once: a line of JSON for each. All lines are read before any of them is deposited.

use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, ensure};
use strongroom_client::secret::{ListError, ListedSecret, parse_list};

use super::Entry;
use crate::input::EmptyList;
use crate::text;

/// The length in bytes of the longest list that is read.
const BYTES_MAX: u64 = 1 << 30;

/// Reads the list that was opened at a path.
pub(super) fn read(opened: io::Result<impl Read>, path: &Path) -> anyhow::Result<Vec<Entry>> {
    let failed = || format!("cannot read the list `{}`", path.display());
    let length = path.metadata().map_or(0, |metadata| metadata.len());
    let reader = opened.with_context(failed)?;
    let bytes = text::read_bytes_from(reader, length, BYTES_MAX).with_context(failed)?;
    let list = strongroom_text::decode(&bytes).with_context(failed)?;
    let secrets = parse_list(list).map_err(|ListError { line, error }| {
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

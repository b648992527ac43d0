//! Many secrets at once: a line of JSON for each. All lines are read before any of them is deposited.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use strongroom_client::secret::Secret;
use strongroom_protocol::statement::Particulars;
use zeroize::Zeroizing;

use super::Entry;
use crate::stream;

/// The length in bytes of the longest list that is read.
const BYTES_MAX: u64 = 1 << 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    check: Option<String>,
    secret: Option<String>,
    secret_base64: Option<String>,
}

/// Wipes what was secret, whatever became of the rest.
impl Drop for Line {
    fn drop(&mut self) {
        for secret in [self.secret.take(), self.secret_base64.take()] {
            drop(secret.map(Zeroizing::new));
        }
    }
}

pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let failed = || format!("cannot read the list `{}`", path.display());
    let file = stream::open(path).with_context(failed)?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    // A vector that grows would leave its beginnings in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(length.min(BYTES_MAX) + 1).unwrap_or(0),
    ));
    file.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(failed)?;
    ensure!(
        bytes.len() as u64 <= BYTES_MAX,
        "the list `{}` is longer than {BYTES_MAX} bytes: deposit it in parts",
        path.display()
    );
    let mut entries = Vec::new();
    let mut names = BTreeSet::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let at = || format!("line {number} of `{}`", path.display());
        let entry = parse(line).with_context(at)?;
        if let Some(name) = &entry.name {
            let is_new = names.insert(name.clone());
            ensure!(is_new, "{}: the name `{name}` was on a line before", at());
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn parse(line: &[u8]) -> anyhow::Result<Entry> {
    // What serde_json says of an error can hold a part of the line, and so of the secret: its place is told alone.
    let mut parsed: Line = serde_json::from_slice(line).map_err(|error| {
        let known = "`name`, `secret` or `secret_base64`, `description`, `labels`, `check`";
        if error.is_data() {
            anyhow::anyhow!("not an object of {known} (column {})", error.column())
        } else {
            anyhow::anyhow!("not JSON (column {})", error.column())
        }
    })?;
    let secret = match (parsed.secret.take(), parsed.secret_base64.take()) {
        (Some(text), None) => Zeroizing::new(text.into_bytes()),
        (None, Some(text)) => {
            let text = Zeroizing::new(text);
            let bytes = STANDARD.decode(text.as_bytes());
            // The error would say which character is wrong.
            let Ok(bytes) = bytes else {
                bail!("`secret_base64` is not base64");
            };
            Zeroizing::new(bytes)
        }
        (None, None) | (Some(_), Some(_)) => {
            bail!("it takes one of `secret` and `secret_base64`")
        }
    };
    let labels = std::mem::take(&mut parsed.labels);
    let particulars = Particulars::new(std::mem::take(&mut parsed.description), labels)?;
    Ok(Entry {
        particulars: particulars.with_name(&parsed.name)?,
        name: Some(std::mem::take(&mut parsed.name)),
        secret: Secret::new(secret)?,
        check: parsed.check.take(),
        passed: None,
    })
}

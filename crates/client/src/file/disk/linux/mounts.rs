//! The table of mounts, proc_pid_mountinfo(5).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rustix::fs::makedev;

/// A mount.
pub(super) struct Mount {
    pub(super) id: u64,
    /// The number of the file system's device.
    pub(super) device: u64,
    /// The kind of file system.
    pub(super) kind: String,
    /// What it was mounted from: a device's path, or any name.
    pub(super) source: OsString,
    /// The file system's own options, separated by commas.
    options: Vec<u8>,
}

/// Reads the table, and leaves out lines that no kernel writes.
pub(super) fn parse(table: &[u8]) -> Vec<Mount> {
    let lines = table.split(|byte| *byte == b'\n');
    lines.filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<u64>().ok();
    let id = number(fields.next()?)?;
    let device = std::str::from_utf8(fields.nth(1)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let device = makedev(major.parse().ok()?, minor.parse().ok()?);
    // The optional fields in between are of any number, and end with a dash. None of those before them is one.
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = String::from_utf8(unescape(rest.next()?)).ok()?;
    Some(Mount {
        id,
        device,
        kind,
        source: OsString::from_vec(unescape(rest.next()?)),
        options: rest.next().unwrap_or_default().to_vec(),
    })
}

impl Mount {
    /// Returns the folders that an overlay is made of; nothing in the place of one that is not named so that it can be found.
    pub(super) fn overlay_layers(&self) -> Vec<Option<PathBuf>> {
        let mut layers = Vec::new();
        for option in self.options.split(|byte| *byte == b',') {
            let Some(at) = option.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let (name, value) = option.split_at(at);
            if !matches!(name, b"lowerdir" | b"lowerdir+" | b"datadir+" | b"upperdir") {
                continue;
            }
            let value = unescape(value.get(1..).unwrap_or_default());
            // What a backslash escapes within a path is not worth telling apart.
            if value.contains(&b'\\') {
                layers.push(None);
                continue;
            }
            let paths = value.split(|byte| *byte == b':');
            for path in paths.filter(|path| !path.is_empty()) {
                let path = PathBuf::from(OsStr::from_bytes(path));
                layers.push(path.is_absolute().then_some(path));
            }
        }
        layers
    }
}

/// Undoes what the kernel does to white space and backslashes: three octal digits stand for each.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, behind @ ..] = rest {
        match (first, behind) {
            (
                b'\\',
                [
                    a @ b'0'..=b'3',
                    b @ b'0'..=b'7',
                    c @ b'0'..=b'7',
                    behind @ ..,
                ],
            ) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = behind;
            }
            _ => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    plain
}

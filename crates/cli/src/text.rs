//! The files of text that people write: lists, policies, codes, sheets. Read whole, and as people write them
//! (spec/text.md).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::ensure;
use zeroize::Zeroizing;

use crate::stream;

/// Reads a text of at most `bytes_max` bytes, from a file or, of `-`, from standard input. It may be secret.
pub(crate) fn read(path: &Path, bytes_max: u64) -> anyhow::Result<Zeroizing<String>> {
    read_opened(stream::open(path), bytes_max)
}

/// Reads one from a file that was opened.
pub(crate) fn read_opened(
    opened: io::Result<File>,
    bytes_max: u64,
) -> anyhow::Result<Zeroizing<String>> {
    let bytes = bytes_of(opened?, bytes_max)?;
    Ok(Zeroizing::new(strongroom_text::decode(&bytes)?.to_owned()))
}

/// Reads the bytes of one, where names in it need be no text.
pub(crate) fn read_bytes(path: &Path, bytes_max: u64) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    bytes_of(stream::open(path)?, bytes_max)
}

fn bytes_of(file: File, bytes_max: u64) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    read_bytes_from(file, length, bytes_max)
}

/// Reads the bytes of one that has `length` bytes, as far as that is known.
pub(crate) fn read_bytes_from(
    reader: impl Read,
    length: u64,
    bytes_max: u64,
) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    // Room first: a vector that grows would leave its beginnings in memory.
    let room = usize::try_from(length.min(bytes_max) + 1).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    reader.take(bytes_max + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= bytes_max,
        "it is longer than {bytes_max} bytes"
    );
    Ok(bytes)
}

//! Where the subcommands read and write: small files whole, others as streams, and nothing over what is there.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use strongroom_capi::Unarmoured;
use strongroom_capi::neighbour::blob_within;
use strongroom_files::output::{Output, Overwrite, ReadableBy};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::stream;
use crate::terminal::shown;

/// The length in bytes of the longest BLOB or PEM that is read.
const BLOB_BYTES_MAX: u64 = 64 << 10;

/// Where the result goes.
#[derive(Args)]
pub(super) struct Target {
    /// Write to OUT; to a pipe if it is `-`.
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: PathBuf,
    /// Replace OUT if it is there already.
    #[arg(long)]
    force: bool,
}

impl Target {
    pub(super) fn overwrite(&self) -> Overwrite {
        if self.force {
            Overwrite::Force
        } else {
            Overwrite::Refuse
        }
    }

    /// Writes what is secret or may be: only its owner may read the file.
    pub(super) fn put(&self, context: &Context, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream(
            context,
            ReadableBy::Owner,
            |sink| Ok(sink.write_all(bytes)?),
        )
    }

    /// Writes what everybody may read.
    pub(super) fn put_public(&self, context: &Context, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream(
            context,
            ReadableBy::Umask,
            |sink| Ok(sink.write_all(bytes)?),
        )
    }

    /// Writes as `write` goes on. A file appears when all of it is there, and not if that fails.
    pub(super) fn stream<T>(
        &self,
        context: &Context,
        readable: ReadableBy<'_>,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if stream::is_sink(&self.output) {
            let mut sink = stream::output_to(Some(&self.output))?;
            let done = write(&mut sink)?;
            sink.flush()?;
            return Ok(done);
        }
        let mut rng = context.rng();
        let mut output = Output::create(&self.output, self.overwrite(), readable, &mut rng)?;
        let mut sink = BufWriter::with_capacity(1 << 16, output.file_mut());
        let done = write(&mut sink)?;
        sink.flush()?;
        drop(sink);
        output.commit()?;
        Ok(done)
    }
}

/// Opens a file, or the pipe.
pub(super) fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = stream::open(path).with_context(|| format!("cannot open `{}`", shown(path)))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// Reads a BLOB, a PEM or another small file whole.
pub(super) fn read(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    read_from(open(path)?, path)
}

/// Reads the same from what was opened already.
pub(super) fn read_from(reader: impl Read, path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let failed = || format!("cannot read `{}`", shown(path));
    let capacity = usize::try_from(BLOB_BYTES_MAX + 1).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    reader
        .take(BLOB_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(failed)?;
    ensure!(
        bytes.len() as u64 <= BLOB_BYTES_MAX,
        "`{}` is too long for a key BLOB or PEM",
        shown(path)
    );
    Ok(bytes)
}

/// Writes out a command that helps with a file: with its name, as a shell takes it, and where a BLOB begins in it. What is in
/// some text is decoded first.
pub(super) fn command(help: &str, path: &Path, bytes: &[u8]) -> String {
    let name = shown(path);
    let unarmoured = Unarmoured::read(bytes);
    let offset = blob_within(unarmoured.bytes()).map_or(1, |offset| offset + 1);
    let help = help.replace("OFFSET", &offset.to_string());
    if unarmoured.layers().is_empty() {
        return help.replace("FILE", &quoted(&name));
    }
    let filters = unarmoured.layers().iter().map(|layer| filter(layer, bytes));
    let filters: Vec<&str> = filters.collect();
    let decoded = quoted(&format!("{name}.decoded"));
    format!(
        "cat {} | {} > {decoded}; {}",
        quoted(&name),
        filters.join(" | "),
        help.replace("FILE", &decoded)
    )
}

fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-+,=@%".contains(c);
    match name.starts_with('-') || !name.chars().all(is_plain) {
        true => format!("'{}'", name.replace('\'', "'\\''")),
        false => name.to_owned(),
    }
}

/// Returns the command that takes off one layer of what a file is in.
fn filter(layer: &str, file: &[u8]) -> &'static str {
    match layer {
        "UTF-16" if file.first() == Some(&0) => "iconv -f UTF-16BE -t UTF-8",
        "UTF-16" => "iconv -f UTF-16 -t UTF-8",
        "PEM armour" => "sed '/-----/d' | base64 -di",
        "base64" if file.iter().any(|byte| b"-_".contains(byte)) => "tr -- '-_' '+/' | base64 -di",
        "base64" => "base64 -di",
        "hexadecimal" => r"sed 's/.*hex://; s/[0\\][xX]//g' | xxd -r -p",
        // xxd reads its own dumps, and those of others once they look like it.
        _ => {
            r"sed -E '/^[0-9A-Fa-f]+:/!{s/\|.*//; s/^([0-9A-Fa-f]+)[ \t]+/\1: /; s/   .*//; s/  / /g}' | xxd -r"
        }
    }
}

/// Reads what is to be signed, whole: CryptoAPI's programs sign blobs.
pub(super) fn read_message(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut message = Vec::new();
    let read: io::Result<_> = open(path)?.read_to_end(&mut message);
    read.with_context(|| format!("cannot read `{}`", shown(path)))?;
    Ok(message)
}

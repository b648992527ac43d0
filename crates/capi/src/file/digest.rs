//! SHA-256 of a file while it passes, for the receipt that its format has no place for.

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};

use crate::cipher::read_full;

/// Returns SHA-256 of what `reader` gives, up to its end.
///
/// # Errors
///
/// When the reader fails.
pub fn digest(mut reader: impl Read) -> io::Result<[u8; 32]> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let bytes = read_full(&mut reader, &mut buffer)?;
        if bytes.is_empty() {
            return Ok(finish(context));
        }
        context.update(bytes);
    }
}

/// Reads, and hashes what it read.
pub struct DigestReader<R> {
    reader: R,
    context: Context,
}

impl<R> DigestReader<R> {
    /// Begins a digest.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            context: Context::new(&SHA256),
        }
    }

    /// Returns the digest of what was read.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        finish(self.context)
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.reader.read(buffer)?;
        self.context.update(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

/// Writes, and hashes what was written.
pub struct DigestWriter<W> {
    writer: W,
    context: Context,
}

impl<W> DigestWriter<W> {
    /// Begins a digest.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            context: Context::new(&SHA256),
        }
    }

    /// Returns the digest of what was written.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        finish(self.context)
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let bytes = self.writer.write(buffer)?;
        self.context.update(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn finish(context: Context) -> [u8; 32] {
    let digest = context.finish();
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

const BUFFER_BYTES: usize = 64 << 10;

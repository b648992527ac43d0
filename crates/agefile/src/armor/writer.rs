//! Writes armor.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BEGIN, COLUMNS, END, LINE_BYTES};

/// Lines that are encoded before they are written.
const LINES: usize = 128;

/// Writes what it is given as armor. [`Self::finish`] ends it; without that the armor is cut short.
pub struct ArmoredWriter<W> {
    writer: W,
    begun: bool,
    /// Less than a line, which waits for the rest of it.
    rest: Vec<u8>,
    /// Lines that are encoded.
    text: Vec<u8>,
}

impl<W: Write> ArmoredWriter<W> {
    /// Begins armor.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            begun: false,
            rest: Vec::with_capacity(LINE_BYTES),
            text: Vec::with_capacity(LINES * (COLUMNS + 1)),
        }
    }

    /// Writes the last line and the end mark, and returns the writer.
    ///
    /// # Errors
    ///
    /// Passes on the writer's.
    pub fn finish(mut self) -> io::Result<W> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.encode_line(&rest);
        }
        self.write_text()?;
        writeln!(self.writer, "{END}")?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn encode_line(&mut self, bytes: &[u8]) {
        let start = self.text.len();
        self.text.resize(start + bytes.len().div_ceil(3) * 4, 0);
        if let Some(room) = self.text.get_mut(start..) {
            STANDARD
                .encode_slice(bytes, room)
                .expect("the room is that of the base64");
        }
        self.text.push(b'\n');
    }

    fn write_text(&mut self) -> io::Result<()> {
        if !self.begun {
            writeln!(self.writer, "{BEGIN}")?;
            self.begun = true;
        }
        self.writer.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

impl<W: Write> Write for ArmoredWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let missing = (LINE_BYTES - self.rest.len()) % LINE_BYTES;
        let Some((head, bytes_left)) = bytes.split_at_checked(missing) else {
            self.rest.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        if missing > 0 {
            self.rest.extend_from_slice(head);
            let line = std::mem::replace(&mut self.rest, Vec::with_capacity(LINE_BYTES));
            self.encode_line(&line);
        }
        let lines = bytes_left.chunks_exact(LINE_BYTES);
        self.rest.extend_from_slice(lines.remainder());
        for line in lines {
            self.encode_line(line);
            if self.text.len() >= LINES * (COLUMNS + 1) {
                self.write_text()?;
            }
        }
        Ok(bytes.len())
    }

    /// Writes the whole lines; less than a line waits for [`Self::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.write_text()?;
        self.writer.flush()
    }
}

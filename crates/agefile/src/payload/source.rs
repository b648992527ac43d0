//! A stream that is read one byte ahead, since the last chunk must be known as such.

use std::io::{self, ErrorKind, Read};

/// The stream. An interrupted read is tried again.
pub(super) struct Source<R> {
    reader: R,
    ahead: Option<u8>,
    at_end: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            ahead: None,
            at_end: false,
        }
    }

    /// Fills `buffer` as far as the source goes, and returns how far.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let whole = buffer.len();
        let mut rest = buffer;
        if let (Some(first), Some(byte)) = (rest.first_mut(), self.ahead) {
            *first = byte;
            self.ahead = None;
            (_, rest) = rest.split_at_mut(1);
        }
        while !rest.is_empty() && !self.at_end {
            match self.reader.read(rest) {
                Ok(0) => self.at_end = true,
                Ok(length) => (_, rest) = rest.split_at_mut(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(whole - rest.len())
    }

    /// Tells whether nothing follows.
    pub(super) fn ended(&mut self) -> io::Result<bool> {
        if self.ahead.is_none() {
            let mut byte = [0];
            if self.fill(&mut byte)? > 0 {
                let [byte] = byte;
                self.ahead = Some(byte);
            }
        }
        Ok(self.ahead.is_none())
    }
}

//! Reads armor, and nothing that differs from what a writer of it makes but by white space around it and by the
//! kind of line ends.

use std::io::{self, BufRead, ErrorKind, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BEGIN, COLUMNS, END, LINE_BYTES};

/// How much white space may stand before the armor, and as much after it.
const WHITE_SPACE_MAX: usize = 1024;

/// Lines that are decoded at once.
const LINES: usize = 128;

/// An age file that is armored or not: looks at its first byte and reads either.
pub enum Dearmored<R> {
    /// The file is armored.
    Armored(ArmoredReader<R>),
    /// The file is not armored.
    Binary(R),
}

impl<R: BufRead> Dearmored<R> {
    /// Looks at the first byte, and takes none.
    ///
    /// # Errors
    ///
    /// Passes on the reader's.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let first = loop {
            match reader.fill_buf() {
                Ok(bytes) => break bytes.first().copied(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        // No header begins with either, so that no binary file is taken for an armored one.
        Ok(match first {
            Some(byte) if byte == b'-' || byte.is_ascii_whitespace() => {
                Self::Armored(ArmoredReader::new(reader))
            }
            _ => Self::Binary(reader),
        })
    }

    /// Tells whether the file is armored.
    #[must_use]
    pub fn is_armored(&self) -> bool {
        matches!(self, Self::Armored(_))
    }
}

impl<R: BufRead> Read for Dearmored<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Armored(reader) => reader.read(buffer),
            Self::Binary(reader) => reader.read(buffer),
        }
    }
}

impl<R: BufRead> BufRead for Dearmored<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Armored(reader) => reader.fill_buf(),
            Self::Binary(reader) => reader.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Armored(reader) => reader.consume(amount),
            Self::Binary(reader) => reader.consume(amount),
        }
    }
}

/// Reads what armor holds. Its errors of [`ErrorKind::InvalidData`] hold an [`ArmorError`].
pub struct ArmoredReader<R> {
    reader: R,
    state: State,
    line: Vec<u8>,
    /// Decoded and not yet consumed from `start` on.
    decoded: Vec<u8>,
    start: usize,
    number: usize,
}

enum State {
    /// Before the begin mark.
    Before,
    /// Among the lines.
    Within,
    /// All is read, the end mark too.
    Ended,
    /// Told once what is decoded is consumed, and again whenever asked.
    Failed(ArmorError),
}

impl<R: BufRead> ArmoredReader<R> {
    /// Reads armor from `reader`.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            state: State::Before,
            line: Vec::with_capacity(LINE_MAX),
            decoded: Vec::with_capacity(LINES * LINE_BYTES),
            start: 0,
            number: 0,
        }
    }

    /// Decodes some lines; what it finds wrong stands in the state.
    fn decode(&mut self) -> io::Result<()> {
        self.decoded.clear();
        self.start = 0;
        while self.decoded.len() < LINES * LINE_BYTES {
            let step = match self.state {
                State::Before => self.find_begin(),
                State::Within => self.decode_line(),
                State::Ended | State::Failed(_) => break,
            };
            match step {
                Ok(state) => self.state = state,
                Err(Failure::Armor(error)) => self.state = State::Failed(error),
                Err(Failure::Read(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn find_begin(&mut self) -> Result<State, Failure> {
        let mut white_space = 0;
        loop {
            self.read_line(WHITE_SPACE_MAX, ArmorError::NoBegin)?;
            let line = without_line_end(&self.line);
            if line == BEGIN.as_bytes() {
                return Ok(State::Within);
            }
            white_space += self.line.len();
            if !line.iter().all(u8::is_ascii_whitespace) || white_space > WHITE_SPACE_MAX {
                return Err(Failure::Armor(ArmorError::NoBegin));
            }
        }
    }

    fn decode_line(&mut self) -> Result<State, Failure> {
        self.read_line(LINE_MAX, ArmorError::NoEnd)?;
        let line = without_line_end(&self.line);
        if line == END.as_bytes() {
            return self.read_white_space();
        }
        let malformed = Failure::Armor(ArmorError::Malformed { line: self.number });
        if line.is_empty() || line.len() > COLUMNS {
            return Err(malformed);
        }
        let start = self.decoded.len();
        self.decoded.resize(start + LINE_BYTES, 0);
        let room = self.decoded.get_mut(start..).unwrap_or_default();
        // The engine refuses padding that is missing or amiss, white space, and bits that no byte needs.
        let decoded = STANDARD.decode_slice(line, room);
        self.decoded
            .truncate(start + decoded.as_ref().unwrap_or(&0));
        match decoded {
            Ok(LINE_BYTES) => Ok(State::Within),
            Ok(_) => {
                self.read_line(LINE_MAX, ArmorError::NoEnd)?;
                if without_line_end(&self.line) != END.as_bytes() {
                    return Err(Failure::Armor(ArmorError::NoEnd));
                }
                self.read_white_space()
            }
            Err(_) => Err(malformed),
        }
    }

    /// Reads on to the end of the file, which only white space may come before.
    fn read_white_space(&mut self) -> Result<State, Failure> {
        let limit = WHITE_SPACE_MAX as u64 + 1;
        self.line.clear();
        (&mut self.reader)
            .take(limit)
            .read_to_end(&mut self.line)
            .map_err(Failure::Read)?;
        if self.line.len() > WHITE_SPACE_MAX || !self.line.iter().all(u8::is_ascii_whitespace) {
            return Err(Failure::Armor(ArmorError::Extended));
        }
        Ok(State::Ended)
    }

    /// Reads a line of at most `limit` bytes, or the first so many of a longer one; `missing` where there is none.
    fn read_line(&mut self, limit: usize, missing: ArmorError) -> Result<(), Failure> {
        self.line.clear();
        self.number += 1;
        (&mut self.reader)
            .take(limit as u64)
            .read_until(b'\n', &mut self.line)
            .map_err(Failure::Read)?;
        if self.line.is_empty() {
            return Err(Failure::Armor(missing));
        }
        Ok(())
    }
}

impl<R: BufRead> BufRead for ArmoredReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.decoded.len() {
            self.decode()?;
        }
        let left = self.decoded.get(self.start..).unwrap_or_default();
        if let (State::Failed(error), true) = (&self.state, left.is_empty()) {
            return Err(io::Error::new(ErrorKind::InvalidData, *error));
        }
        Ok(left)
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.decoded.len());
    }
}

impl<R: BufRead> Read for ArmoredReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// What is wrong with armor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArmorError {
    /// It does not begin with the mark of an age file.
    #[error("the armor does not begin with `{BEGIN}`")]
    NoBegin,
    /// A line is too long, empty, or not the one base64 of its bytes.
    #[error("line {line} of the armor is malformed")]
    Malformed {
        /// The line, counted from 1.
        line: usize,
    },
    /// After a short line, or at the end of the file, the end mark is missing.
    #[error("the armor does not end with `{END}`")]
    NoEnd,
    /// More than some white space follows the end mark.
    #[error("something follows the armor's end")]
    Extended,
}

impl ArmorError {
    /// Returns the one that `error` holds, where it came from an [`ArmoredReader`].
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// The bytes that are read of a line: more than a full one with its line end, or than the end mark.
const LINE_MAX: usize = COLUMNS + 3;

enum Failure {
    Armor(ArmorError),
    Read(io::Error),
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

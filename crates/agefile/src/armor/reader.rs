//! Reads armor, and nothing that differs from what a writer of it makes but by white space around it and by the
//! kind of line ends; in files that people handed on, also by white space around its lines.

use std::io::{self, BufRead, Chain, Cursor, ErrorKind, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BEGIN, COLUMNS, END, LINE_BYTES};
use crate::magic::{MAGIC_BYTES, Magic, WHITE_SPACE_MAX};

/// Lines that are decoded at once.
const LINES: usize = 128;

/// A reader, with what was read of it already before it.
pub type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// A file that is armored or not: looks at its beginning and reads either.
pub enum Dearmored<R> {
    /// The file is armored.
    Armored(ArmoredReader<Whole<R>>),
    /// The file is not armored; nor need it be an age file.
    Binary(Whole<R>),
}

impl<R: BufRead> Dearmored<R> {
    /// Looks at the beginning, as far as it takes to tell.
    ///
    /// # Errors
    ///
    /// Passes on the reader's.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let mut read = Vec::new();
        let beginning = loop {
            if let Some(beginning) = Magic::of(&read) {
                break beginning;
            }
            let bytes = match reader.fill_buf() {
                Ok([]) => break Magic::of_whole(&read),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let some = bytes.len().min(MAGIC_BYTES - read.len());
            read.extend(bytes.iter().take(some));
            reader.consume(some);
        };
        let whole = Cursor::new(read).chain(reader);
        Ok(match beginning {
            Magic::Armored => Self::Armored(ArmoredReader::lenient(whole)),
            Magic::Binary | Magic::Other => Self::Binary(whole),
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
    /// Whether a mark before the text and white space around a line are none of it.
    is_lenient: bool,
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
    /// Reads armor from `reader`, as strictly as age does.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            state: State::Before,
            line: Vec::with_capacity(LINE_MAX),
            decoded: Vec::with_capacity(LINES * LINE_BYTES),
            start: 0,
            number: 0,
            is_lenient: false,
        }
    }

    /// Reads armor from `reader`, with what editors and mail programs put around its lines.
    pub fn lenient(reader: R) -> Self {
        Self {
            is_lenient: true,
            ..Self::new(reader)
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
            white_space += self.read_line(WHITE_SPACE_MAX, ArmorError::NoBegin)?;
            if self.line == BEGIN.as_bytes() {
                return Ok(State::Within);
            }
            if !self.line.trim_ascii().is_empty() || white_space > WHITE_SPACE_MAX {
                return Err(Failure::Armor(ArmorError::NoBegin));
            }
        }
    }

    fn decode_line(&mut self) -> Result<State, Failure> {
        self.read_line(LINE_MAX, ArmorError::NoEnd)?;
        if self.line == END.as_bytes() {
            return self.read_white_space();
        }
        let malformed = Failure::Armor(ArmorError::Malformed { line: self.number });
        if self.line.is_empty() || self.line.len() > COLUMNS {
            return Err(malformed);
        }
        let start = self.decoded.len();
        self.decoded.resize(start + LINE_BYTES, 0);
        let room = self.decoded.get_mut(start..).unwrap_or_default();
        // The engine refuses padding that is missing or amiss, white space, and bits that no byte needs.
        let decoded = STANDARD.decode_slice(&self.line, room);
        self.decoded
            .truncate(start + decoded.as_ref().unwrap_or(&0));
        match decoded {
            Ok(LINE_BYTES) => Ok(State::Within),
            Ok(_) => {
                self.read_line(LINE_MAX, ArmorError::NoEnd)?;
                if self.line != END.as_bytes() {
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

    /// Reads a line of at most `limit` bytes, or the first so many of a longer one; `missing` where there is none. Keeps it
    /// without its end, and returns how long it was with it.
    fn read_line(&mut self, limit: usize, missing: ArmorError) -> Result<usize, Failure> {
        self.line.clear();
        self.number += 1;
        (&mut self.reader)
            .take(limit as u64)
            .read_until(b'\n', &mut self.line)
            .map_err(Failure::Read)?;
        if self.line.is_empty() {
            return Err(Failure::Armor(missing));
        }
        let bytes = self.line.len();
        let mark = strongroom_text::MARK;
        if self.is_lenient {
            if self.number == 1 && self.line.starts_with(mark) {
                self.line.drain(..mark.len());
            }
            let before = bytes_before(&self.line);
            self.line.truncate(self.line.trim_ascii_end().len());
            self.line.drain(..before.min(self.line.len()));
        } else if self.line.pop_if(|byte| *byte == b'\n').is_some() {
            self.line.pop_if(|byte| *byte == b'\r');
        }
        Ok(bytes)
    }
}

/// How much white space a line begins with.
fn bytes_before(line: &[u8]) -> usize {
    line.len() - line.trim_ascii_start().len()
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
    /// A line is too long, empty, or not the one base64 of its bytes, white space around it aside.
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

/// The bytes that are read of a line: more than a full one, or than the end mark, with some white space around it.
const LINE_MAX: usize = 2 * COLUMNS + 3;

enum Failure {
    Armor(ArmorError),
    Read(io::Error),
}

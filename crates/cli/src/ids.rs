//! Ids as people type them: in capitals or not, and as much of one as tells it from the others.

use std::str::FromStr;

use strongroom_protocol::id::Serial;

/// How many digits somebody types at least, so that a slip of the finger is no id.
const DIGITS_MIN: usize = 4;
const DIGITS_MAX: usize = 2 * Serial::BYTES;

/// A serial, or its beginning.
#[derive(Clone, Debug)]
pub(crate) struct TypedSerial {
    digits: String,
}

/// Digits that are no beginning of a serial.
#[derive(Debug, thiserror::Error)]
#[error(
    "a serial is {DIGITS_MAX} hexadecimal digits, or {DIGITS_MIN} of them and more from its beginning"
)]
pub(crate) struct NoSerial;

/// A beginning is not of one id.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOne {
    #[error("more than one serial that this home knows begins with `{0}`")]
    Ambiguous(String),
    #[error("this home knows no serial that begins with `{0}`")]
    Unknown(String),
}

impl FromStr for TypedSerial {
    type Err = NoSerial;

    fn from_str(text: &str) -> Result<Self, NoSerial> {
        let digits = lower(text);
        let is_id = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())
            && digits.chars().all(|digit| digit.is_ascii_hexdigit());
        match is_id {
            true => Ok(Self { digits }),
            false => Err(NoSerial),
        }
    }
}

impl TypedSerial {
    /// Returns the serial, if all of it was typed.
    pub(crate) fn whole(&self) -> Option<Serial> {
        self.digits.parse().ok()
    }

    /// Finds the one that was meant among those that are known.
    pub(crate) fn among(&self, known: &[Serial]) -> Result<Serial, NotOne> {
        if let Some(whole) = self.whole() {
            return Ok(whole);
        }
        let begins = |serial: &&Serial| serial.to_string().starts_with(&self.digits);
        let mut found = known.iter().filter(begins);
        match (found.next(), found.next()) {
            (Some(serial), None) => Ok(*serial),
            (None, _) => Err(NotOne::Unknown(self.digits.clone())),
            (Some(_), Some(_)) => Err(NotOne::Ambiguous(self.digits.clone())),
        }
    }
}

/// Reads the whole of an id, in capitals or not.
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, T::Err> {
    lower(text).parse()
}

/// Writes digits as ids are written, without what stands around and between them.
pub(crate) fn lower(text: &str) -> String {
    let digits = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    digits.collect::<String>().to_ascii_lowercase()
}

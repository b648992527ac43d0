//! Identifiers, digests and times as types of their own, so that none is taken for another.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use rand_core::CryptoRng;

use crate::encoding::{Canonical, Malformed, Reader, Writer};

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        ///
        /// Shown and read as lower-case hexadecimal.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The length in bytes.
            pub const BYTES: usize = $bytes;

            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text).map(Self)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = ParseIdError;

            fn try_from(bytes: &[u8]) -> Result<Self, ParseIdError> {
                bytes.try_into().map(Self).map_err(|_| ParseIdError { bytes: $bytes })
            }
        }

        impl Canonical for $name {
            fn write(&self, writer: &mut Writer) {
                writer.bytes(&self.0);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                reader.byte_array(stringify!($name)).map(Self)
            }
        }
    };
}

macro_rules! random_id {
    ($($name:ident),+) => {$(
        impl $name {
            /// Generates a random one.
            pub fn generate(rng: &mut impl CryptoRng) -> Self {
                let mut bytes = [0; Self::BYTES];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }
        }
    )+};
}

id_type! {
    /// An authority: the digest of its founding statement, which survives every rotation of its keys.
    AuthorityId, 32
}
id_type! {
    /// An owner: random, the same for life, never the hash of a key.
    OwnerId, 32
}
id_type! {
    /// One deposit among one owner's.
    Serial, 16
}
id_type! {
    /// A recovery request, as its maker numbers it.
    RequestId, 16
}
id_type! {
    /// A signed statement: SHA-256 of what was signed and its signature.
    StatementId, 32
}
id_type! {
    /// SHA-256 of something that another page of the specification names.
    Digest, 32
}

random_id!(OwnerId, Serial, RequestId);

impl Digest {
    /// Hashes the concatenation of `parts`. Callers see to it that no two inputs share a concatenation.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        Self(sha256(parts))
    }
}

impl StatementId {
    /// Hashes what was signed and its signature, which has a fixed length.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        Self(sha256(parts))
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// A text or bytes that are no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {bytes} bytes as {} hexadecimal digits", bytes * 2)]
pub struct ParseIdError {
    bytes: usize,
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    let wrong = ParseIdError { bytes: N };
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return Err(wrong);
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        // Upper case is refused: an identifier has one text, so that texts may be compared.
        let lower = digits
            .iter()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let digits = std::str::from_utf8(digits)
            .ok()
            .filter(|_| lower)
            .ok_or(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong)?;
    }
    Ok(bytes)
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Takes milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time `millis` milliseconds later.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Time {
    /// Shows the time as RFC 3339 does, in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_SECONDS: u64 = 24 * 60 * 60;
        let seconds = self.0 / 1000;
        let (days, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
        // Days since 0000-03-01 of the Gregorian calendar, in eras of 400 years: a leap day then ends its year.
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        write!(
            f,
            "{:02}:{:02}:{:02}Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

impl Canonical for Time {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.uint("time").map(Self)
    }
}

/// Where the time comes from: the real one in `main`, a set one in tests.
pub trait Clock: Send + Sync {
    /// Returns the time now.
    fn now(&self) -> Time;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_show_as_rfc_3339_does() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Time::from_millis(millis).to_string(), text);
        }
    }

    #[test]
    fn an_identifier_has_one_text() {
        let text = "00112233445566778899aabbccddeeff";
        assert_eq!(text.parse::<Serial>().unwrap().to_string(), text);
        for other in [
            text.trim_start_matches('0'),
            &text.to_uppercase(),
            &format!("{text}00"),
            &text.replace('0', "g"),
        ] {
            assert!(other.parse::<Serial>().is_err(), "{other}");
        }
    }
}

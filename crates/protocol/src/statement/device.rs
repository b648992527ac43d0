//! An owner's word on one of the owner's devices (spec/statement.md#device): what it is called, or that it is the owner's no
//! more. Not how a device becomes the owner's: that is an enrolment's, or a decision's.

use std::fmt;

use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct};
use crate::id::{AuthorityId, OwnerId, Time};
use crate::keys::VerifyingKey;
use crate::text;

/// What an owner says of a device, signed by that device or another one of the owner's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Whom it is told.
    pub authority: AuthorityId,
    /// Whose device it is.
    pub owner: OwnerId,
    /// The device.
    pub device_key: VerifyingKey,
    /// What is said of it.
    pub word: DeviceWord,
    /// When, by the clock of who says it; so the same name given again is another statement.
    pub created: Time,
}

canonical_struct!(Device {
    authority,
    owner,
    device_key,
    word,
    created
});

/// What is said of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceWord {
    /// What it is called. The latest name counts.
    Name(DeviceName),
    /// It is the owner's no more, for good.
    Revoke,
}

/// The place of what adds a device, which nothing does yet.
const NAME: u64 = 2;
const REVOKE: u64 = 3;

impl Canonical for DeviceWord {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Name(name) => writer.array(2).uint(NAME).text(name.as_str()),
            Self::Revoke => writer.array(1).uint(REVOKE),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let items = reader.count("word on a device")?;
        match (items, reader.uint("word on a device")?) {
            (2, NAME) => {
                let name = reader.short_text(DeviceName::BYTES_MAX, "name of a device")?;
                let name = DeviceName::new(name);
                Ok(Self::Name(
                    name.map_err(|_| reader.malformed("name of a device"))?,
                ))
            }
            (1, REVOKE) => Ok(Self::Revoke),
            _ => Err(reader.malformed("word on a device")),
        }
    }
}

/// What a device is called: a claim of its owner's, and unlike a key no way to tell it from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceName(String);

impl DeviceName {
    /// The length in bytes of the longest.
    pub const BYTES_MAX: usize = 64;

    /// Takes a name.
    ///
    /// # Errors
    ///
    /// It is too long, or no [name](text::is_name).
    pub fn new(name: String) -> Result<Self, WrongDeviceName> {
        if name.len() <= Self::BYTES_MAX && text::is_name(&name) {
            Ok(Self(name))
        } else {
            Err(WrongDeviceName)
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// No name for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a device's name has 1 to {} bytes, no character that is not seen as itself, and white space neither at an end \
     nor beside another",
    DeviceName::BYTES_MAX
)]
pub struct WrongDeviceName;

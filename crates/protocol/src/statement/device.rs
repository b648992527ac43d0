//! An owner's word on one of the owner's devices (spec/statement.md#device): that it is invited, that it joins, what it is
//! called, or that it is the owner's no more. Not how the first one becomes the owner's, nor one that asked for a recovery.

use std::fmt;

use super::body::{Body, read_bare};
use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct, encode};
use crate::id::{AuthorityId, OwnerId, StatementId, Time};
use crate::keys::{Signature, SigningKey, VerifyingKey};
use crate::label::Label;
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

impl Device {
    /// Makes the word by which a device joins its owner's: with the key of an invitation, which the device signs then.
    #[must_use]
    pub fn join(
        (authority, owner): (AuthorityId, OwnerId),
        device_key: VerifyingKey,
        invitation: &SigningKey,
        name: Option<DeviceName>,
        created: Time,
    ) -> Self {
        let handover = Handover {
            authority,
            owner,
            device_key,
        };
        let word = DeviceWord::Join(Joining {
            invitation: invitation.verifying_key(),
            handover: invitation.sign(Label::HANDOVER, &encode(&handover)),
            name,
        });
        Self {
            authority,
            owner,
            device_key,
            word,
            created,
        }
    }
}

impl Canonical for Device {
    fn write(&self, writer: &mut Writer) {
        writer
            .array(5)
            .item(&self.authority)
            .item(&self.owner)
            .item(&self.device_key)
            .item(&self.word)
            .item(&self.created);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(5, "device")?;
        let device = Self {
            authority: reader.item()?,
            owner: reader.item()?,
            device_key: reader.item()?,
            word: reader.item()?,
            created: reader.item()?,
        };
        let handover = Handover {
            authority: device.authority,
            owner: device.owner,
            device_key: device.device_key,
        };
        match &device.word {
            DeviceWord::Join(joining) if !joining.hands_over(&handover) => {
                Err(reader.malformed("handover to a device"))
            }
            DeviceWord::Invite { .. }
            | DeviceWord::Join(_)
            | DeviceWord::Name(_)
            | DeviceWord::Revoke => Ok(device),
        }
    }
}

/// Who joins says so itself.
impl Body for Device {
    fn addressee(&self, _: StatementId) -> AuthorityId {
        self.authority
    }

    fn signed(&self) -> Vec<u8> {
        encode(self)
    }

    fn named_author(&self) -> Option<&VerifyingKey> {
        matches!(self.word, DeviceWord::Join(_)).then_some(&self.device_key)
    }

    fn read(signed: &[u8], carried: &[u8]) -> Result<Self, Malformed> {
        read_bare(signed, carried)
    }
}

/// What is said of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceWord {
    /// It is the key of an invitation, and no device: until then it can have one device join.
    Invite {
        /// Until when, by the authority's clock.
        until: Time,
    },
    /// It is the owner's from now on, by an invitation.
    Join(Joining),
    /// What it is called. The latest name counts.
    Name(DeviceName),
    /// It is the owner's no more, for good; or the invitation is withdrawn whose key it is.
    Revoke,
}

/// By what a device joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The invitation's key.
    pub invitation: VerifyingKey,
    /// Its signature over who joins whom, and where.
    pub handover: Signature,
    /// What the device is called from the beginning.
    pub name: Option<DeviceName>,
}

impl Joining {
    fn hands_over(&self, handover: &Handover) -> bool {
        self.invitation
            .verify(Label::HANDOVER, &encode(handover), &self.handover)
    }
}

/// What the key of an invitation signs.
struct Handover {
    authority: AuthorityId,
    owner: OwnerId,
    device_key: VerifyingKey,
}

canonical_struct!(Handover {
    authority,
    owner,
    device_key
});

const JOIN: u64 = 1;
const NAME: u64 = 2;
const REVOKE: u64 = 3;
const INVITE: u64 = 4;

impl Canonical for DeviceWord {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Invite { until } => writer.array(2).uint(INVITE).item(until),
            Self::Join(joining) => {
                writer.array(4).uint(JOIN).item(&joining.invitation);
                writer.item(&joining.handover).item(&joining.name)
            }
            Self::Name(name) => writer.array(2).uint(NAME).item(name),
            Self::Revoke => writer.array(1).uint(REVOKE),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let items = reader.count("word on a device")?;
        match (items, reader.uint("word on a device")?) {
            (4, JOIN) => Ok(Self::Join(Joining {
                invitation: reader.item()?,
                handover: reader.item()?,
                name: reader.item()?,
            })),
            (2, NAME) => Ok(Self::Name(reader.item()?)),
            (2, INVITE) => Ok(Self::Invite {
                until: reader.item()?,
            }),
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

impl Canonical for DeviceName {
    fn write(&self, writer: &mut Writer) {
        writer.text(self.as_str());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        const WHAT: &str = "name of a device";
        let name = reader.short_text(Self::BYTES_MAX, WHAT)?;
        Self::new(name).map_err(|_| reader.malformed(WHAT))
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

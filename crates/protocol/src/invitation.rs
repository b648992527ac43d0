//! An invitation (spec/invitation.md): what one machine of an owner's hands to the next, and the code that it is sealed under.
//! Not the sealing, which is age's, nor whether it still holds: that follows from the log.

use bech32::Fe32;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::code::{is_separator, symbol};
use crate::encoding::{Canonical, Malformed, Reader, Writer};
use crate::id::{AuthorityId, OwnerId, Time};
use crate::keys::SigningKey;
use crate::label::Label;
use crate::statement::DeviceName;

/// What one machine of an owner's hands to the next, so that it is another of theirs. It is as secret as what is in it.
pub struct Invitation {
    /// The authority that is pinned.
    pub authority: AuthorityId,
    /// The owner.
    pub owner: OwnerId,
    /// Where the authority is, seen from the machine that invites.
    pub address: String,
    /// The key that the log has as this invitation's.
    pub key: SigningKey,
    /// When it ends, by the authority's clock.
    pub until: Time,
    /// What the new machine is to be called.
    pub name: Option<DeviceName>,
    /// The identity file, byte for byte, sealed or not.
    pub identity: Zeroizing<Vec<u8>>,
    /// The RSA key pair, if there is one.
    pub exchange: Option<ExchangeFiles>,
}

/// The files of an owner's RSA key pair, byte for byte.
pub struct ExchangeFiles {
    /// Whether the private half is sealed to the identity.
    pub is_sealed: bool,
    /// The private half.
    pub private: Zeroizing<Vec<u8>>,
    /// The public half; nothing where its file is missing.
    pub public: Vec<u8>,
}

/// The kind that is for another machine of the owner's; others have other numbers.
const MACHINE: u64 = 1;
const ITEMS: usize = 9;

impl Invitation {
    /// How long an invitation holds: a week, in milliseconds.
    pub const LASTS_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;
    /// How long an authority lets one hold: thirty days, in milliseconds.
    pub const LASTS_MILLIS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;
    /// The length in bytes of the longest.
    pub const BYTES_MAX: usize = (1 << 20) + (1 << 18);
    /// The length in bytes of the longest address.
    pub const ADDRESS_BYTES_MAX: usize = 4096;
    /// The length in bytes of the longest identity file.
    pub const IDENTITY_BYTES_MAX: usize = 1 << 20;

    /// Returns what is sealed.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        const OTHERS_BYTES_MAX: usize = 512;
        let exchange = self.exchange.as_ref();
        let exchange = exchange.map_or(0, |key| key.private.len() + key.public.len());
        let room = self.address.len() + self.identity.len() + exchange + OTHERS_BYTES_MAX;
        let mut writer = Writer::behind(Label::INVITATION.prefix(&[]), room);
        writer
            .array(ITEMS)
            .uint(MACHINE)
            .item(&self.authority)
            .item(&self.owner)
            .text(&self.address)
            .bytes(self.key.expose_seed())
            .item(&self.until)
            .item(&self.name)
            .bytes(&self.identity)
            .item(&self.exchange);
        Zeroizing::new(writer.into_bytes())
    }

    /// Reads what was sealed.
    ///
    /// # Errors
    ///
    /// It is no invitation, one of another kind, or not its one encoding.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvitationError> {
        let body = bytes.strip_prefix(&*Label::INVITATION.prefix(&[]));
        let body = body.filter(|_| bytes.len() <= Self::BYTES_MAX);
        let invitation = Self::read(&mut Reader::new(body.ok_or(InvitationError::Other)?))?;
        if *invitation.to_bytes() == bytes {
            Ok(invitation)
        } else {
            Err(Malformed::new("invitation (not deterministic)", 0).into())
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, InvitationError> {
        // Of another kind it is not known how many items there are.
        let items = reader.count("invitation")?;
        let kind = reader.uint("kind of invitation")?;
        if kind != MACHINE {
            return Err(InvitationError::Kind { kind });
        }
        if items != ITEMS as u64 {
            return Err(reader.malformed("invitation").into());
        }
        Ok(Self {
            authority: reader.item()?,
            owner: reader.item()?,
            address: reader.short_text(Self::ADDRESS_BYTES_MAX, "address")?,
            key: {
                let seed = Zeroizing::new(reader.byte_array("key of an invitation")?);
                SigningKey::from_seed(&seed)
            },
            until: reader.item()?,
            name: reader.item()?,
            identity: secret(reader, Self::IDENTITY_BYTES_MAX, "identity file")?,
            exchange: reader.item()?,
        })
    }
}

impl ExchangeFiles {
    /// The length in bytes of the longest of either half.
    pub const BYTES_MAX: usize = 1 << 16;
}

impl Canonical for ExchangeFiles {
    fn write(&self, writer: &mut Writer) {
        writer.array(3).item(&self.is_sealed);
        writer.bytes(&self.private).bytes(&self.public);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(3, "RSA key")?;
        Ok(Self {
            is_sealed: reader.item()?,
            private: secret(reader, Self::BYTES_MAX, "RSA key")?,
            public: secret(reader, Self::BYTES_MAX, "RSA key")?.to_vec(),
        })
    }
}

fn secret(
    reader: &mut Reader<'_>,
    most: usize,
    what: &'static str,
) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let bytes = reader.bytes(what)?;
    if bytes.len() > most {
        return Err(reader.malformed(what));
    }
    Ok(Zeroizing::new(bytes.to_vec()))
}

/// Why bytes are no invitation that can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// It invites to something else than to be another machine of one owner's.
    #[error("the invitation is of a kind that this version does not know ({kind})")]
    Kind {
        /// The kind.
        kind: u64,
    },
    /// It begins as one, and goes on as none.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is something else, or too long.
    #[error("it holds no invitation")]
    Other,
}

/// The code that an invitation is sealed under: 100 random bits, which travel another way than the file.
///
/// It has no checksum, as a recovery code has: the file at hand says whether it is right.
pub struct InvitationCode(Zeroizing<String>);

impl InvitationCode {
    /// How many characters a code has, of five bits each.
    pub const CHARACTERS: usize = 20;
    const GROUP: usize = 4;

    /// Generates a code.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0_u8; Self::CHARACTERS]);
        rng.fill_bytes(bytes.as_mut());
        Self::of(&bytes)
    }

    /// Reads a code as someone typed it: case, spaces and dashes do not matter; O is read as 0, I and 1 as L.
    ///
    /// # Errors
    ///
    /// It has a character that no code has, or another number of them. Nothing of the code is repeated.
    pub fn parse(text: &str) -> Result<Self, InvitationCodeError> {
        let typed = text.chars().filter(|character| !is_separator(*character));
        let mut symbols = Zeroizing::new([0_u8; Self::CHARACTERS]);
        let mut found = 0;
        for character in typed {
            let position = found + 1;
            let symbol = symbol(character).ok_or(InvitationCodeError::Character { position })?;
            if let Some(place) = symbols.get_mut(found) {
                *place = symbol.to_u8();
            }
            found = position;
        }
        if found != Self::CHARACTERS {
            return Err(InvitationCodeError::Length { found });
        }
        Ok(Self::of(&symbols))
    }

    /// Spells a code by the lower five bits of each byte.
    fn of(bytes: &[u8; Self::CHARACTERS]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(2 * Self::CHARACTERS));
        for (place, byte) in bytes.iter().enumerate() {
            if place > 0 && place % Self::GROUP == 0 {
                text.push('-');
            }
            let symbol = Fe32::try_from(byte & 31).expect("a symbol has five bits");
            text.push(symbol.to_char().to_ascii_uppercase());
        }
        Self(text)
    }

    /// Returns the code as it is shown, five groups of four characters: the passphrase of the file.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Why a text is no code of an invitation. It never repeats the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationCodeError {
    /// A character that no code has.
    #[error("character {position} of the invitation's code is one that no code has")]
    Character {
        /// Its place from 1, without spaces and dashes.
        position: usize,
    },
    /// Too short or too long.
    #[error(
        "the code of an invitation has {} characters, this has {found}",
        InvitationCode::CHARACTERS
    )]
    Length {
        /// How many there are, without spaces and dashes.
        found: usize,
    },
}

//! The recovery code: the key on paper with which an owner who lost everything proves who they are
//! (spec/recovery-code.md). Not a password: it is generated, never chosen, and only its public key leaves.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use bech32::primitives::checksum::{Checksum, Engine, PackedFe32};
use bech32::{Bech32m, Fe32, Hrp};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::id::AuthorityId;
use crate::keys::SigningKey;
use crate::label::Label;

/// Characters in a code: 26 of data (128 bits and two zero bits), 6 of checksum.
const CHARACTERS: usize = 32;
const CHECKSUM_CHARACTERS: usize = 6;
const DATA_CHARACTERS: usize = CHARACTERS - CHECKSUM_CHARACTERS;
/// Characters in a group, as written.
const GROUP: usize = 4;

/// Goes into the checksum and not onto paper, so that no other program's text passes for a code.
const PREFIX: Hrp = Hrp::parse_unchecked("strongroom-code");

/// Argon2id: 64 MiB, three passes, one lane (RFC 9106 §4, its second choice but for the lanes). The code has 128 random
/// bits and needs no stretching; it costs an owner a moment and is there should a generator have been weak.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// A recovery code: 128 random bits.
pub struct RecoveryCode(Zeroizing<[u8; RecoveryCode::BYTES]>);

impl RecoveryCode {
    /// The length in bytes.
    pub const BYTES: usize = 16;

    /// Generates a code.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// Takes the bits of a code, from where its text was not.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bits, which are as secret as the code.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads a code as someone typed it: case, spaces and dashes do not matter; O is read as 0, I and 1 as L.
    ///
    /// Up to four wrong characters are always noticed, and so are two neighbours that changed places.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without repeating any of the code.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let mut symbols = Zeroizing::new([0; CHARACTERS]);
        let mut found = 0;
        for character in text.chars().filter(|character| !is_separator(*character)) {
            let position = found + 1;
            let symbol = symbol(character).ok_or(CodeError::Character { position })?;
            if let Some(place) = symbols.get_mut(found) {
                *place = symbol.to_u8();
            }
            found = position;
        }
        if found != CHARACTERS {
            return Err(CodeError::Length { found });
        }
        let mut checksum = start_checksum();
        for symbol in symbols.iter().copied() {
            checksum.input_fe(fe(symbol));
        }
        // The last two bits of data are zero, so that a code has one text.
        let unused = symbols
            .get(DATA_CHARACTERS - 1)
            .is_none_or(|last| last & 0b11 != 0);
        if checksum.residue() != &Bech32m::TARGET_RESIDUE || unused {
            return Err(CodeError::Checksum);
        }
        Ok(Self(pack(&symbols)))
    }

    /// Returns the code as it is written down: eight groups of four upper-case characters, with dashes.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut checksum = start_checksum();
        let data = unpack(&self.0);
        for symbol in data.iter().copied() {
            checksum.input_fe(fe(symbol));
        }
        checksum.input_target_residue();
        let check = (0..CHECKSUM_CHARACTERS)
            .rev()
            .map(|place| checksum.residue().unpack(place));

        // Long enough from the start: a text that grows leaves its beginning behind in memory.
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + CHARACTERS / GROUP));
        for (place, symbol) in data.iter().copied().chain(check).enumerate() {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            text.push(fe(symbol).to_char().to_ascii_uppercase());
        }
        text
    }

    /// Derives the key that signs recovery requests to `authority` (spec/recovery-code.md#key). Takes 64 MiB and a moment.
    ///
    /// Authorities see unrelated public keys of one code.
    ///
    /// # Errors
    ///
    /// Says so when there is not the memory for it.
    #[expect(clippy::missing_panics_doc, reason = "the lengths are constants")]
    pub fn signing_key(&self, authority: AuthorityId) -> Result<SigningKey, NoMemory> {
        let mut seed = Zeroizing::new([0; SigningKey::SEED_BYTES]);
        Salt::new(HKDF_SHA256, &[])
            .extract(self.stretch(authority)?.as_ref())
            .expand(&[Label::CODE_KEY.as_bytes()], SeedLength)
            .and_then(|okm| okm.fill(seed.as_mut()))
            .expect("32 bytes are within what HKDF-SHA256 gives");
        Ok(SigningKey::from_seed(&seed))
    }

    /// Stretches the code; what is derived from this has each its own label.
    pub(crate) fn stretch(
        &self,
        authority: AuthorityId,
    ) -> Result<Zeroizing<[u8; SigningKey::SEED_BYTES]>, NoMemory> {
        // The parameters and lengths are constants, which the tests show to be taken.
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(SigningKey::SEED_BYTES))
            .expect("the parameters are within what Argon2 takes");
        // The memory is ours, so that it may be refused, and is zeroed: argon2 leaves what it allocates itself as it is.
        let mut memory = Zeroizing::new(Vec::new());
        memory
            .try_reserve_exact(params.block_count())
            .map_err(|_| NoMemory)?;
        memory.resize(params.block_count(), Block::new());
        let mut stretched = Zeroizing::new([0; SigningKey::SEED_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                self.0.as_ref(),
                authority.as_bytes(),
                stretched.as_mut(),
                memory.as_mut_slice(),
            )
            .expect("the lengths are within what Argon2 takes");
        Ok(stretched)
    }
}

/// There is not the memory that a recovery code takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recovery code takes {} MiB of memory, which is not to be had", MEMORY_KIB / 1024)]
pub struct NoMemory;

/// Why a text is no recovery code. It never repeats the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// A character that no code has.
    #[error("character {position} of the recovery code is one that no code has")]
    Character {
        /// Its place from 1, without spaces and dashes.
        position: usize,
    },
    /// All characters are possible, but they do not belong together.
    #[error("the recovery code has a mistake in it: its checksum does not fit")]
    Checksum,
    /// Too short or too long.
    #[error("a recovery code has 32 characters, this has {found}")]
    Length {
        /// How many there are, without spaces and dashes.
        found: usize,
    },
}

struct SeedLength;

impl KeyType for SeedLength {
    fn len(&self) -> usize {
        SigningKey::SEED_BYTES
    }
}

/// Spaces of every kind, and what keyboards and word processors make of a dash.
pub(crate) fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Reads a character of bech32's alphabet (BIP 173), which has no O, I and 1 so that they can be taken for others.
pub(crate) fn symbol(character: char) -> Option<Fe32> {
    let meant = match character.to_ascii_lowercase() {
        'o' => '0',
        'i' | '1' => 'l',
        other => other,
    };
    Fe32::from_char(meant).ok()
}

fn start_checksum() -> Engine<Bech32m> {
    let mut checksum = Engine::new();
    checksum.input_hrp(PREFIX);
    checksum
}

fn fe(symbol: u8) -> Fe32 {
    Fe32::try_from(symbol).expect("a symbol has five bits")
}

/// Splits 16 bytes into 26 symbols of five bits, the first bit first, and two zero bits at the end.
fn unpack(bytes: &[u8; RecoveryCode::BYTES]) -> Zeroizing<[u8; DATA_CHARACTERS]> {
    let bits = Zeroizing::new(u128::from_be_bytes(*bytes));
    let mut symbols = Zeroizing::new([0; DATA_CHARACTERS]);
    for (symbol, place) in symbols.iter_mut().zip(0_u32..) {
        *symbol = match 123_u32.checked_sub(5 * place) {
            Some(shift) => low_five(*bits >> shift),
            None => low_five(*bits << 2),
        };
    }
    symbols
}

/// The reverse of [`unpack`]; the checksum is left out.
fn pack(symbols: &[u8; CHARACTERS]) -> Zeroizing<[u8; RecoveryCode::BYTES]> {
    let mut bits = Zeroizing::new(0_u128);
    for (symbol, place) in symbols.iter().zip(0_u32..) {
        match 123_u32.checked_sub(5 * place) {
            Some(shift) => *bits |= u128::from(*symbol) << shift,
            None => {
                *bits |= u128::from(*symbol) >> 2;
                break;
            }
        }
    }
    Zeroizing::new(bits.to_be_bytes())
}

fn low_five(bits: u128) -> u8 {
    u8::try_from(bits & 31).expect("five bits are a byte")
}

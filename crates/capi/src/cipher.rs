//! What a session key does to bytes: `CryptEncrypt` and `CryptDecrypt` (spec/capi-file.md#session-ciphers).
//!
//! Unless something else was set on the key, blocks are chained from a zero IV and padded; RC4 is its key stream. Nothing
//! here shows that bytes were altered: the format has no integrity, and a padding that fits is no sign of any.

pub(crate) mod engine;
mod error;
mod parameters;
mod stream;

use zeroize::{Zeroize, Zeroizing};

use self::engine::{BLOCK_BYTES_MAX, Engine};
pub use self::error::{DecryptError, EncryptError, EndError};
pub use self::parameters::{
    KeyedCipher, Mode, NotShortHex, Parameters, ShortBytes, UnknownParameters, WrongParameters,
};
pub(crate) use self::stream::read_full;
pub use self::stream::{decrypt, encrypt};
use crate::algorithm::Algorithm;

/// Returns the length in bytes of the padded ciphertext of `plaintext` bytes, or `None` when no ciphertext is so long.
#[must_use]
pub fn ciphertext_len(algorithm: Algorithm, plaintext: u64) -> Option<u64> {
    let Some(block) = algorithm.block_bytes() else {
        return Some(plaintext);
    };
    let block = block as u64;
    plaintext.checked_add(block - plaintext % block)
}

/// Encrypts in sections of any length, as `CryptEncrypt` does: together they are what one section would be.
pub struct Encryptor {
    engine: Box<dyn Engine>,
    algorithm: Algorithm,
    is_padded: bool,
    // Invariant: shorter than a block, so that it never grows and leaves no copy behind.
    partial: Zeroizing<Vec<u8>>,
    bytes: u64,
}

impl Encryptor {
    /// Begins a ciphertext.
    #[must_use]
    pub fn new<'k>(cipher: impl Into<KeyedCipher<'k>>) -> Self {
        let cipher = cipher.into();
        Self {
            engine: engine::encrypting(&cipher),
            algorithm: cipher.algorithm(),
            is_padded: cipher.padded_block_bytes().is_some(),
            partial: Zeroizing::new(Vec::with_capacity(BLOCK_BYTES_MAX)),
            bytes: 0,
        }
    }

    /// Encrypts a section, and appends what is ready of the ciphertext. The rest of a block waits for more.
    pub fn update(&mut self, plaintext: &[u8], ciphertext: &mut Vec<u8>) {
        self.bytes = self.bytes.saturating_add(plaintext.len() as u64);
        let total = self.partial.len() + plaintext.len();
        let ready = total - total % self.algorithm.block_bytes().unwrap_or(1);
        append(
            self.engine.as_mut(),
            &mut self.partial,
            ready,
            plaintext,
            ciphertext,
        );
    }

    /// Pads, and appends the last block. A plaintext of whole blocks gets a block of padding.
    ///
    /// # Errors
    ///
    /// There is to be no padding, and a part of a block is left over.
    #[expect(
        clippy::missing_panics_doc,
        reason = "a block has 8 bytes, or 16, and what is missing of it is no more"
    )]
    pub fn finish(mut self, ciphertext: &mut Vec<u8>) -> Result<(), EndError> {
        let Some(block_bytes) = self.algorithm.block_bytes() else {
            return Ok(());
        };
        if !self.is_padded {
            return match self.partial.len() {
                0 => Ok(()),
                over => Err(EndError::NothingToFill {
                    algorithm: self.algorithm,
                    bytes: self.bytes,
                    over,
                }),
            };
        }
        let missing = block_bytes - self.partial.len();
        let padding = u8::try_from(missing).expect("no block has more than 16 bytes");
        self.update(&vec![padding; missing], ciphertext);
        Ok(())
    }
}

/// Decrypts in sections of any length, as `CryptDecrypt` does.
///
/// The last block is kept back until the end is known, since its padding is no plaintext.
pub struct Decryptor {
    engine: Box<dyn Engine>,
    algorithm: Algorithm,
    is_padded: bool,
    // Invariant: at most a block.
    partial: Vec<u8>,
    bytes: u64,
}

impl Decryptor {
    /// Begins a plaintext.
    #[must_use]
    pub fn new<'k>(cipher: impl Into<KeyedCipher<'k>>) -> Self {
        let cipher = cipher.into();
        Self {
            engine: engine::decrypting(&cipher),
            algorithm: cipher.algorithm(),
            is_padded: cipher.padded_block_bytes().is_some(),
            partial: Vec::with_capacity(BLOCK_BYTES_MAX),
            bytes: 0,
        }
    }

    /// Decrypts a section, and appends what is ready of the plaintext.
    ///
    /// Whoever cares that no copy of it stays in memory gives `plaintext` the room beforehand: the section's length
    /// and 16 bytes.
    pub fn update(&mut self, ciphertext: &[u8], plaintext: &mut Vec<u8>) {
        self.bytes = self.bytes.saturating_add(ciphertext.len() as u64);
        let total = self.partial.len() + ciphertext.len();
        let ready = match self.algorithm.block_bytes() {
            Some(block) => total.saturating_sub(1) / block * block,
            None => total,
        };
        append(
            self.engine.as_mut(),
            &mut self.partial,
            ready,
            ciphertext,
            plaintext,
        );
    }

    /// Decrypts the last block, and appends what it holds besides padding.
    ///
    /// # Errors
    ///
    /// Says in which way the ciphertext does not end as one must. What was appended before may be plaintext all the
    /// same, or not: nothing tells.
    pub fn finish(mut self, plaintext: &mut Vec<u8>) -> Result<(), EndError> {
        let Some(block_bytes) = self.algorithm.block_bytes() else {
            return Ok(());
        };
        if self.partial.is_empty() {
            if !self.is_padded {
                return Ok(());
            }
            return Err(EndError::Empty {
                algorithm: self.algorithm,
            });
        }
        if self.partial.len() != block_bytes {
            return Err(EndError::NotWholeBlocks {
                algorithm: self.algorithm,
                bytes: self.bytes,
                over: self.partial.len(),
            });
        }
        let mut last = Zeroizing::new(std::mem::take(&mut self.partial));
        self.engine.apply(&mut last);
        let padding = match self.is_padded {
            true => padding_bytes(&last).ok_or(EndError::WrongPadding)?,
            false => 0,
        };
        plaintext.extend_from_slice(last.get(..block_bytes - padding).unwrap_or_default());
        Ok(())
    }
}

/// Appends `partial ‖ input` to `output`, all but what is beyond its first `ready` bytes, and applies the cipher there.
/// The rest becomes the new `partial`.
fn append(
    engine: &mut dyn Engine,
    partial: &mut Vec<u8>,
    ready: usize,
    input: &[u8],
    output: &mut Vec<u8>,
) {
    // Less than `partial` alone is ready only where nothing is.
    let (now, later) = input
        .split_at_checked(ready.saturating_sub(partial.len()))
        .expect("what is ready was counted from what there is");
    if ready > 0 {
        // Room first: a buffer that moved would leave bytes behind.
        output.reserve(ready);
        let start = output.len();
        output.extend_from_slice(partial);
        output.extend_from_slice(now);
        if let Some(section) = output.get_mut(start..) {
            engine.apply(section);
        }
        partial.zeroize();
    }
    partial.extend_from_slice(later);
}

/// Returns how many bytes of padding end a block, if they are as PKCS#5 wants them: 1 to a block, each saying how many.
pub(crate) fn padding_bytes(block: &[u8]) -> Option<usize> {
    let count = usize::from(*block.last()?);
    let start = block.len().checked_sub(count)?;
    let padding = block.get(start..)?;
    let fits = padding.iter().all(|&byte| usize::from(byte) == count);
    (count > 0 && fits).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_one_to_a_block_of_bytes_that_say_how_many() {
        assert_eq!(padding_bytes(&[9, 9, 9, 1]), Some(1));
        assert_eq!(padding_bytes(&[9, 9, 2, 2]), Some(2));
        assert_eq!(padding_bytes(&[4, 4, 4, 4]), Some(4));
        assert_eq!(padding_bytes(&[9, 9, 9, 0]), None);
        assert_eq!(padding_bytes(&[9, 3, 2, 3]), None);
        assert_eq!(padding_bytes(&[5, 5, 5, 5]), None);
        assert_eq!(padding_bytes(&[]), None);
    }

    #[test]
    fn the_length_of_a_ciphertext_is_known_beforehand() {
        assert_eq!(ciphertext_len(Algorithm::Rc4, 0), Some(0));
        assert_eq!(ciphertext_len(Algorithm::Des, 0), Some(8));
        assert_eq!(ciphertext_len(Algorithm::Des, 7), Some(8));
        assert_eq!(ciphertext_len(Algorithm::Aes256, 16), Some(32));
        assert_eq!(ciphertext_len(Algorithm::Aes256, u64::MAX), None);
    }
}

//! Data encrypted by RSA itself, as CryptEncrypt does with a public key and no session key (spec/capi.md#rsa-data).
//!
//! CryptEncrypt makes one block of it, from the least significant byte on. What was longer, programs cut into pieces, whose
//! blocks stand one after another.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::private_key::NotOpened;
use crate::{Padding, PrivateKey, PublicKey, blob};

impl PublicKey {
    /// Encrypts data that fits one block.
    ///
    /// # Errors
    ///
    /// Says how much does.
    pub fn encrypt_data(
        &self,
        data: &[u8],
        padding: Padding,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, TooMuchData> {
        let most = padding.key_bytes_max(self.modulus_bytes());
        if data.len() > most {
            let bytes = data.len();
            return Err(TooMuchData { bytes, most });
        }
        let block = padding.pad(data, self.modulus_bytes(), rng);
        Ok(blob::reversed(&self.raw(&block)))
    }
}

impl PrivateKey {
    /// Decrypts data of one block, or of several, for its owner on the owner's machine.
    ///
    /// # Errors
    ///
    /// Says when the length is not one of this key's. All else is one answer.
    pub fn decrypt_data(
        &self,
        ciphertext: &[u8],
        padding: Padding,
        rng: &mut impl CryptoRng,
    ) -> Result<Zeroizing<Vec<u8>>, NotDecrypted> {
        let wanted = self.public().modulus_bytes();
        let found = ciphertext.len();
        if found == 0 || !found.is_multiple_of(wanted) {
            return Err(NotDecrypted::Length { found, wanted });
        }
        let mut data = Zeroizing::new(Vec::with_capacity(found));
        for block in ciphertext.chunks(wanted) {
            let number = blob::reversed(block);
            let opened = match self.public().is_below_modulus(&number) {
                true => self.raw(&number, rng),
                false => None,
            };
            let block = padding.unmask(opened.ok_or(NotOpened)?);
            let content = padding.content(&block, 0..=padding.key_bytes_max(wanted));
            data.extend_from_slice(content.ok_or(NotOpened)?);
        }
        Ok(data)
    }
}

/// That RSA does not encrypt so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "RSA with this key and padding encrypts up to {most} bytes, and these are {bytes}: make a session key for them"
)]
pub struct TooMuchData {
    /// How much there is.
    pub bytes: usize,
    /// How much there may be.
    pub most: usize,
}

/// Why data is not decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotDecrypted {
    /// As anybody can see who has the public key.
    #[error("there are {found} bytes, and this key makes blocks of {wanted}")]
    Length {
        /// Their number.
        found: usize,
        /// The length in bytes of a block.
        wanted: usize,
    },
    /// As the private key alone shows: another key, the other padding, or no padding.
    #[error("this key, with this padding, does not open it")]
    NotOpened,
}

impl From<NotOpened> for NotDecrypted {
    fn from(NotOpened: NotOpened) -> Self {
        Self::NotOpened
    }
}

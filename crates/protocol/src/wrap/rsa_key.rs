//! The authority's RSA private key, sealed with its wrapping key beside which it is kept (spec/simple-blob.md#custody):
//! whoever has the one has the other, and sealing the wrapping key seals both.

use aws_lc_rs::aead::Aad;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::sealed::KeyLength;
use super::{NotOpened, SecretKey, aead_key, zero_nonce};
use crate::id::AuthorityId;
use crate::label::Label;

const SALT_BYTES: usize = 32;

impl SecretKey {
    /// Seals the RSA private key of this key's authority: `salt[32] ‖ sealed`, 48 bytes longer.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "no RSA key is so long")]
    pub fn seal_rsa_key(
        &self,
        authority: AuthorityId,
        private_key: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let key = self.derive_rsa_seal(authority, &salt);
        let mut sealed = private_key.to_vec();
        let tag = aead_key(&key)
            .seal_in_place_separate_tag(zero_nonce(), Aad::empty(), &mut sealed)
            .expect("a private key is shorter than what the AEAD takes");
        [&salt[..], &sealed, tag.as_ref()].concat()
    }

    /// Opens what [`Self::seal_rsa_key`] made for this authority.
    ///
    /// # Errors
    ///
    /// Says so when it was not made so; never why.
    pub fn open_rsa_key(
        &self,
        authority: AuthorityId,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let (salt, sealed) = sealed.split_first_chunk::<SALT_BYTES>().ok_or(NotOpened)?;
        let key = self.derive_rsa_seal(authority, salt);
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = aead_key(&key)
            .open_in_place(zero_nonce(), Aad::empty(), &mut buffer)
            .map_err(|_| NotOpened)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// The key seals one private key: its salt is random, so that the nonce may be fixed.
    fn derive_rsa_seal(
        &self,
        authority: AuthorityId,
        salt: &[u8; SALT_BYTES],
    ) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let wrap_key = self.public_key().id();
        Salt::new(HKDF_SHA256, salt)
            .extract(self.expose_seed())
            .expand(
                &[
                    Label::RSA_KEY_SEAL.as_bytes(),
                    authority.as_bytes(),
                    wrap_key.as_bytes(),
                ],
                KeyLength,
            )
            .and_then(|okm| okm.fill(key.as_mut()))
            .expect("32 bytes are within what HKDF-SHA256 gives");
        key
    }
}

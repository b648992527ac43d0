//! One chunk, sealed or opened by a function of its bytes and place: STREAM (spec/age.md#payload). No I/O.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

use super::{NONCE_BYTES, TAG_BYTES};
use crate::file_key::{FileKey, aead_key};

/// The key of one payload.
pub struct PayloadKey(LessSafeKey);

impl PayloadKey {
    /// Derives the key of the payload that begins with `nonce`.
    #[must_use]
    pub fn derive(file_key: &FileKey, nonce: &[u8; NONCE_BYTES]) -> Self {
        Self(aead_key(&file_key.derive_payload_key(nonce)))
    }

    /// Seals the chunk at `index` in place, and returns its tag.
    ///
    /// Under one key a place is sealed once: the nonce is the place.
    #[expect(
        clippy::missing_panics_doc,
        reason = "no slice is too long for the AEAD"
    )]
    pub fn seal_chunk(&self, index: u64, last: bool, chunk: &mut [u8]) -> [u8; TAG_BYTES] {
        let sealed = self
            .0
            .seal_in_place_separate_tag(chunk_nonce(index, last), Aad::empty(), chunk)
            .expect("a chunk is shorter than what the AEAD takes");
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(sealed.as_ref());
        tag
    }

    /// Opens the chunk at `index` into `plaintext`, which is a tag shorter, and tells whether it is authentic.
    ///
    /// When it is not, `plaintext` holds nothing, and `sealed` still what it held.
    #[must_use]
    pub fn open_chunk(&self, index: u64, last: bool, sealed: &[u8], plaintext: &mut [u8]) -> bool {
        let Some((ciphertext, tag)) = sealed.split_last_chunk::<TAG_BYTES>() else {
            return false;
        };
        self.0
            .open_separate_gather(
                chunk_nonce(index, last),
                Aad::empty(),
                ciphertext,
                tag,
                plaintext,
            )
            .is_ok()
    }
}

/// Eleven bytes of counter, big-endian, and one that marks the last chunk.
fn chunk_nonce(index: u64, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    let (counter, mark) = nonce.split_at_mut(NONCE_LEN - 1);
    // The counter's first three bytes stay zero: 2^64 chunks are a million exabytes.
    let (_, counter) = counter.split_at_mut(3);
    counter.copy_from_slice(&index.to_be_bytes());
    mark.fill(last.into());
    Nonce::assume_unique_for_key(nonce)
}

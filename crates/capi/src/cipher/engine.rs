//! One face for all the ciphers: blocks chained from a zero IV, or RC4's key stream. Neither sections nor padding.

use aes::{Aes128, Aes192, Aes256};
use cipher::array::Array;
use cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    KeyInit, StreamCipher,
};
use des::{Des, TdesEde2, TdesEde3};
use rc2::Rc2;
use rc4::Rc4;
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::session_key::SessionKey;

/// The length in bytes of the longest block there is.
pub(crate) const BLOCK_BYTES_MAX: usize = 16;

/// A cipher under its key, somewhere in a text.
pub(crate) trait Engine: Send {
    /// Encrypts or decrypts `data`, which has whole blocks.
    fn apply(&mut self, data: &mut [u8]);
}

/// Begins to encrypt.
pub(crate) fn encrypting(key: &SessionKey) -> Box<dyn Engine> {
    let bytes = key.expose();
    match key.algorithm() {
        Algorithm::Des => chained(keyed::<Des>(bytes)),
        Algorithm::Rc2 => chained(rc2(bytes)),
        Algorithm::TripleDes => chained(keyed::<TdesEde3>(bytes)),
        Algorithm::TripleDes112 => chained(keyed::<TdesEde2>(bytes)),
        Algorithm::Aes128 => chained(keyed::<Aes128>(bytes)),
        Algorithm::Aes192 => chained(keyed::<Aes192>(bytes)),
        Algorithm::Aes256 => chained(keyed::<Aes256>(bytes)),
        Algorithm::Rc4 => Box::new(keyed::<Rc4>(&salted(bytes))),
    }
}

/// Begins to decrypt.
pub(crate) fn decrypting(key: &SessionKey) -> Box<dyn Engine> {
    let bytes = key.expose();
    match key.algorithm() {
        Algorithm::Des => unchained(keyed::<Des>(bytes)),
        Algorithm::Rc2 => unchained(rc2(bytes)),
        Algorithm::TripleDes => unchained(keyed::<TdesEde3>(bytes)),
        Algorithm::TripleDes112 => unchained(keyed::<TdesEde2>(bytes)),
        Algorithm::Aes128 => unchained(keyed::<Aes128>(bytes)),
        Algorithm::Aes192 => unchained(keyed::<Aes192>(bytes)),
        Algorithm::Aes256 => unchained(keyed::<Aes256>(bytes)),
        Algorithm::Rc4 => Box::new(keyed::<Rc4>(&salted(bytes))),
    }
}

fn keyed<C: KeyInit>(key: &[u8]) -> C {
    C::new_from_slice(key).expect("a session key has a length that its algorithm accepts")
}

/// The salt does not count among the bits that are effective.
fn rc2(key: &[u8]) -> Rc2 {
    Rc2::new_with_eff_key_len(&salted(key), 8 * key.len())
}

/// Keys of 40 bits, and no others, run with a salt of 88 zero bits: what the Base provider does when it is given none,
/// and the others after it.
fn salted(key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut salted = Zeroizing::new(Vec::with_capacity(SALTED_KEY_BYTES));
    salted.extend_from_slice(key);
    if key.len() == SALTLESS_KEY_BYTES {
        salted.resize(SALTED_KEY_BYTES, 0);
    }
    salted
}

fn chained<C: BlockCipherEncrypt + Send + 'static>(cipher: C) -> Box<dyn Engine> {
    Box::new(cbc::Encryptor::inner_iv_init(cipher, &Array::default()))
}

fn unchained<C: BlockCipherDecrypt + Send + 'static>(cipher: C) -> Box<dyn Engine> {
    Box::new(cbc::Decryptor::inner_iv_init(cipher, &Array::default()))
}

impl<C: BlockCipherEncrypt + Send> Engine for cbc::Encryptor<C> {
    fn apply(&mut self, data: &mut [u8]) {
        let (blocks, rest) = Array::slice_as_chunks_mut(data);
        debug_assert!(rest.is_empty(), "part of a block");
        self.encrypt_blocks(blocks);
    }
}

impl<C: BlockCipherDecrypt + Send> Engine for cbc::Decryptor<C> {
    fn apply(&mut self, data: &mut [u8]) {
        let (blocks, rest) = Array::slice_as_chunks_mut(data);
        debug_assert!(rest.is_empty(), "part of a block");
        self.decrypt_blocks(blocks);
    }
}

impl Engine for Rc4 {
    fn apply(&mut self, data: &mut [u8]) {
        self.apply_keystream(data);
    }
}

const SALTLESS_KEY_BYTES: usize = 5;

const SALTED_KEY_BYTES: usize = 16;

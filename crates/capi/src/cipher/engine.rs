//! One face for all the ciphers: chained blocks, or RC4's key stream. Neither sections nor padding.

use aes::{Aes128, Aes192, Aes256};
use cipher::array::{Array, ArraySize};
use cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt,
    BlockSizeUser, InnerIvInit, KeyInit, StreamCipher,
};
use des::{Des, TdesEde2, TdesEde3};
use rc2::Rc2;
use rc4::Rc4;
use zeroize::Zeroizing;

use super::parameters::{KeyedCipher, Mode, Parameters, ShortBytes};
use crate::algorithm::Algorithm;

/// The length in bytes of the longest block there is.
pub(crate) const BLOCK_BYTES_MAX: usize = 16;

/// A cipher under its key, somewhere in a text.
pub(crate) trait Engine: Send {
    /// Encrypts or decrypts `data`, which has whole blocks.
    fn apply(&mut self, data: &mut [u8]);
}

/// Begins to encrypt.
pub(crate) fn encrypting(cipher: &KeyedCipher<'_>) -> Box<dyn Engine> {
    engine(cipher, Direction::Encrypting)
}

/// Begins to decrypt.
pub(crate) fn decrypting(cipher: &KeyedCipher<'_>) -> Box<dyn Engine> {
    engine(cipher, Direction::Decrypting)
}

#[derive(Clone, Copy)]
enum Direction {
    Decrypting,
    Encrypting,
}

fn engine(cipher: &KeyedCipher<'_>, direction: Direction) -> Box<dyn Engine> {
    let bytes = cipher.key.expose();
    let parameters = &cipher.parameters;
    match cipher.algorithm() {
        Algorithm::Des => blocks(keyed::<Des>(bytes), parameters, direction),
        Algorithm::Rc2 => {
            // The salt does not count among the bits that are effective.
            let bits = parameters
                .effective_bits
                .map_or(8 * bytes.len(), usize::from);
            let cipher = Rc2::new_with_eff_key_len(&salted(bytes, parameters), bits);
            blocks(cipher, parameters, direction)
        }
        Algorithm::TripleDes => blocks(keyed::<TdesEde3>(bytes), parameters, direction),
        Algorithm::TripleDes112 => blocks(keyed::<TdesEde2>(bytes), parameters, direction),
        Algorithm::Aes128 => blocks(keyed::<Aes128>(bytes), parameters, direction),
        Algorithm::Aes192 => blocks(keyed::<Aes192>(bytes), parameters, direction),
        Algorithm::Aes256 => blocks(keyed::<Aes256>(bytes), parameters, direction),
        Algorithm::Rc4 => Box::new(keyed::<Rc4>(&salted(bytes, parameters))),
    }
}

fn keyed<C: KeyInit>(key: &[u8]) -> C {
    C::new_from_slice(key).expect("a session key has a length that its algorithm accepts")
}

/// Keys of 40 bits, and no others, run with a salt of 88 zero bits unless one was set: what the Base provider does when it
/// is given none, and the others after it.
fn salted(key: &[u8], parameters: &Parameters) -> Zeroizing<Vec<u8>> {
    let usual: &[u8] = match key.len() {
        SALTED_KEY_BYTES => &[0; SALT_BYTES],
        _ => &[],
    };
    let salt = parameters.salt.as_ref().map_or(usual, ShortBytes::as_bytes);
    let mut salted = Zeroizing::new(Vec::with_capacity(key.len() + salt.len()));
    salted.extend_from_slice(key);
    salted.extend_from_slice(salt);
    salted
}

fn blocks<C>(cipher: C, parameters: &Parameters, direction: Direction) -> Box<dyn Engine>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + Send + 'static,
{
    let mut iv = Array::default();
    for (to, from) in iv
        .iter_mut()
        .zip(parameters.iv.iter().flat_map(ShortBytes::as_bytes))
    {
        *to = *from;
    }
    match (parameters.mode, direction) {
        (Mode::Cbc, Direction::Encrypting) => Box::new(cbc::Encryptor::inner_iv_init(cipher, &iv)),
        (Mode::Cbc, Direction::Decrypting) => Box::new(cbc::Decryptor::inner_iv_init(cipher, &iv)),
        (Mode::Ecb, _) => Box::new(Single { cipher, direction }),
        (Mode::Cfb, _) => Box::new(Feedback {
            cipher,
            register: iv,
            direction,
        }),
    }
}

impl<C: BlockCipherEncrypt + Send> Engine for cbc::Encryptor<C> {
    fn apply(&mut self, data: &mut [u8]) {
        self.encrypt_blocks(whole(data));
    }
}

impl<C: BlockCipherDecrypt + Send> Engine for cbc::Decryptor<C> {
    fn apply(&mut self, data: &mut [u8]) {
        self.decrypt_blocks(whole(data));
    }
}

fn whole<N: ArraySize>(data: &mut [u8]) -> &mut [Array<u8, N>] {
    let (blocks, rest) = Array::slice_as_chunks_mut(data);
    debug_assert!(rest.is_empty(), "part of a block");
    blocks
}

/// `CRYPT_MODE_ECB`: each block by itself.
struct Single<C> {
    cipher: C,
    direction: Direction,
}

impl<C: BlockCipherEncrypt + BlockCipherDecrypt + Send> Engine for Single<C> {
    fn apply(&mut self, data: &mut [u8]) {
        match self.direction {
            Direction::Encrypting => self.cipher.encrypt_blocks(whole(data)),
            Direction::Decrypting => self.cipher.decrypt_blocks(whole(data)),
        }
    }
}

/// `CRYPT_MODE_CFB`, eight bits at a time: a block is encrypted for each byte.
struct Feedback<C: BlockSizeUser> {
    cipher: C,
    /// The last block of ciphertext, or the IV: nothing secret.
    register: Block<C>,
    direction: Direction,
}

impl<C: BlockCipherEncrypt + Send> Engine for Feedback<C> {
    fn apply(&mut self, data: &mut [u8]) {
        for byte in data {
            let mut stream = self.register.clone();
            self.cipher.encrypt_block(&mut stream);
            let output = *byte ^ stream.first().copied().unwrap_or_default();
            let ciphertext = match self.direction {
                Direction::Encrypting => output,
                Direction::Decrypting => *byte,
            };
            *byte = output;
            self.register.rotate_left(1);
            if let Some(last) = self.register.last_mut() {
                *last = ciphertext;
            }
        }
    }
}

impl Engine for Rc4 {
    fn apply(&mut self, data: &mut [u8]) {
        self.apply_keystream(data);
    }
}

/// Keys of this length have a salt of this length.
const SALTED_KEY_BYTES: usize = 5;
const SALT_BYTES: usize = 11;

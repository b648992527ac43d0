//! What may have happened to a file that does not decrypt. Guesses, said as guesses: data for a message, never a reason
//! to accept anything.

use std::fmt;
use std::io::{self, Read};

use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::cipher::{KeyedCipher, engine, padding_bytes, read_full};

/// How a ciphertext ends under a key, and what that suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Explanation {
    /// There is no ciphertext. The example program leaves that when `CryptEncrypt` refuses its first section: it works
    /// in sections of 1,000 bytes, which is no multiple of AES's block.
    Empty {
        /// The cipher.
        algorithm: Algorithm,
    },
    /// It ends as it must. That says nothing about the bytes before.
    EndsWell {
        /// The length in bytes of the plaintext.
        plaintext: u64,
    },
    /// It does not end as it must, but there is an earlier block that ends in padding. The example program opens its
    /// output without emptying it, so that the end of a longer file that was there stays behind the new one.
    StaleBytes {
        /// The length in bytes of the plaintext up to that end.
        plaintext: u64,
        /// The length in bytes of the ciphertext up to that end.
        ciphertext: u64,
        /// How many bytes follow.
        stale: u64,
        /// Whether that much padding would hardly be there by chance: less than once in a thousand such files.
        likely: bool,
    },
    /// A part of a block is left over, and no block ends in padding: the end is cut off or damaged, or this is another
    /// key.
    NotWholeBlocks {
        /// The cipher.
        algorithm: Algorithm,
        /// How many bytes are beyond the last whole block.
        over: usize,
    },
    /// No block ends in padding: this is another key, or the end is cut off or damaged.
    NoPadding {
        /// The cipher.
        algorithm: Algorithm,
    },
    /// There is no padding, so that no end is marked and every key gives something.
    Unmarked {
        /// The cipher.
        algorithm: Algorithm,
    },
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty { algorithm } => write!(
                f,
                "there is no ciphertext, and {algorithm} makes one block of no plaintext at all: \
                 the program that wrote this stopped after the key"
            ),
            Self::EndsWell { plaintext } => {
                write!(
                    f,
                    "the ciphertext ends well, after {plaintext} bytes of plaintext"
                )
            }
            Self::StaleBytes {
                plaintext,
                stale,
                likely,
                ..
            } => {
                let seems = if likely { "seems to end" } else { "may end" };
                write!(
                    f,
                    "the plaintext {seems} after {plaintext} bytes, and {stale} stale bytes follow: \
                     some programs write over a longer file and leave the end of it"
                )?;
                if likely {
                    return Ok(());
                }
                f.write_str(
                    "; or what looks like that end is chance, and this is another key or damage",
                )
            }
            Self::NotWholeBlocks { algorithm, over } => write!(
                f,
                "{over} bytes are left over that are no whole block of {algorithm}, and no block ends in padding: \
                 the end is cut off or damaged, or this is another key"
            ),
            Self::NoPadding { algorithm } => write!(
                f,
                "no block of {algorithm} ends in padding: this is another key or was made with other parameters, or the end is cut off or \
                 damaged; or the program padded nothing at all"
            ),
            Self::Unmarked { algorithm } => write!(
                f,
                "{algorithm} marks no end and shows no damage: bytes left of a longer file decrypt to garbage at \
                 the end, another key makes garbage of everything"
            ),
        }
    }
}

/// Looks through a ciphertext, up to its end, for how it ends under a key, in constant memory.
///
/// To decrypt what [`StaleBytes`](Explanation::StaleBytes) found, which takes somebody's word for it, decrypt so much of
/// the ciphertext as it says.
///
/// # Errors
///
/// When the reader fails.
pub fn explain<'k>(
    cipher: impl Into<KeyedCipher<'k>>,
    mut ciphertext: impl Read,
) -> io::Result<Explanation> {
    let cipher = cipher.into();
    let algorithm = cipher.algorithm();
    let Some(block_bytes) = cipher.padded_block_bytes() else {
        return Ok(Explanation::Unmarked { algorithm });
    };
    let mut engine = engine::decrypting(&cipher);
    let mut buffer = Zeroizing::new(vec![0; BUFFER_BYTES]);
    let mut ends = Ends::default();
    loop {
        let bytes = read_full(&mut ciphertext, &mut buffer)?.len();
        let over = bytes % block_bytes;
        let blocks = buffer.get_mut(..bytes - over).unwrap_or_default();
        engine.apply(blocks);
        for block in blocks.chunks(block_bytes) {
            ends.look_at(block);
        }
        // Only the last reading is short, since the buffer has whole blocks.
        if bytes < BUFFER_BYTES {
            return Ok(ends.explain(algorithm, over));
        }
    }
}

/// The blocks of a plaintext that end in padding.
#[derive(Default)]
struct Ends {
    bytes: u64,
    blocks: u64,
    /// The one with the most padding, which is the least likely by chance, and of these the first: what was encrypted
    /// is rarely like padding, what is decrypted under another key is at random.
    best: Option<End>,
    last: Option<End>,
}

#[derive(Clone, Copy)]
struct End {
    ciphertext: u64,
    padding: usize,
}

impl Ends {
    fn look_at(&mut self, block: &[u8]) {
        self.bytes += block.len() as u64;
        self.blocks += 1;
        self.last = padding_bytes(block).map(|padding| End {
            ciphertext: self.bytes,
            padding,
        });
        if let Some(end) = self.last
            && self.best.is_none_or(|best| best.padding < end.padding)
        {
            self.best = Some(end);
        }
    }

    fn explain(self, algorithm: Algorithm, over: usize) -> Explanation {
        if self.bytes == 0 && over == 0 {
            return Explanation::Empty { algorithm };
        }
        if let Some(end) = self.last.filter(|_| over == 0) {
            return Explanation::EndsWell {
                plaintext: end.plaintext(),
            };
        }
        match self.best {
            Some(end) => Explanation::StaleBytes {
                plaintext: end.plaintext(),
                ciphertext: end.ciphertext,
                stale: self.bytes - end.ciphertext + over as u64,
                likely: end.is_unlikely_chance(self.blocks),
            },
            None if over > 0 => Explanation::NotWholeBlocks { algorithm, over },
            None => Explanation::NoPadding { algorithm },
        }
    }
}

impl End {
    fn plaintext(self) -> u64 {
        self.ciphertext - self.padding as u64
    }

    /// A block at random ends in so much padding once in `256^padding`.
    fn is_unlikely_chance(self, blocks: u64) -> bool {
        let once_in = 1_u128 << (8 * self.padding.min(15));
        u128::from(blocks) * 1000 < once_in
    }
}

/// Whole blocks of every length.
const BUFFER_BYTES: usize = 64 << 10;

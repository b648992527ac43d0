//! What an example program made of a file that it decrypted. Not what is wrong with the file itself.

use std::fmt;
use std::io::{self, Read};

use zeroize::Zeroizing;

use crate::cipher::read_full;

/// What an example program's decrypted file is, beside the whole plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputExplanation {
    /// It is the plaintext.
    Same,
    /// It is the plaintext's first section and no more. The published decrypting example takes every full section for
    /// the last one.
    FirstSection {
        /// The length in bytes of that section.
        section: u64,
        /// The length in bytes of the plaintext.
        plaintext: u64,
        /// How many bytes follow that were in the output before.
        stale: u64,
    },
    /// It is the plaintext, with something after it: the end of a longer file that was there before, or padding.
    StaleBytes {
        /// The length in bytes of the plaintext.
        plaintext: u64,
        /// How many bytes follow.
        stale: u64,
    },
    /// It is something else.
    Other {
        /// How many bytes at the beginning are the same.
        same: u64,
    },
}

impl fmt::Display for OutputExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Same => f.write_str("it is the whole plaintext"),
            Self::FirstSection {
                section,
                plaintext,
                stale,
            } => {
                write!(
                    f,
                    "it is the first {section} bytes of {plaintext}: the example program that decrypts takes its first \
                     section for the last"
                )?;
                if stale > 0 {
                    write!(f, "; the {stale} bytes after them were there before")?;
                }
                Ok(())
            }
            Self::StaleBytes { plaintext, stale } => write!(
                f,
                "it is the whole plaintext of {plaintext} bytes and {stale} bytes more: the end of a longer file that \
                 was there before, or padding"
            ),
            Self::Other { same } => {
                write!(
                    f,
                    "it is something else: only its first {same} bytes are the plaintext's"
                )
            }
        }
    }
}

/// Compares what a program decrypted with the whole `plaintext`, and says which fault of the example programs made it so.
///
/// # Errors
///
/// When a reader fails.
pub fn explain_output(
    mut plaintext: impl Read,
    mut output: impl Read,
) -> io::Result<OutputExplanation> {
    let mut whole = Zeroizing::new(vec![0; BUFFER_BYTES]);
    let mut other = Zeroizing::new(vec![0; BUFFER_BYTES]);
    let (mut plaintext_bytes, mut output_bytes, mut same) = (0, 0, 0);
    loop {
        let left = read_full(&mut plaintext, &mut whole)?;
        let right = read_full(&mut output, &mut other)?;
        if left.is_empty() && right.is_empty() {
            return Ok(explain_lengths(plaintext_bytes, output_bytes, same));
        }
        if same == plaintext_bytes && same == output_bytes {
            same += left.iter().zip(right).take_while(|(l, r)| l == r).count() as u64;
        }
        plaintext_bytes += left.len() as u64;
        output_bytes += right.len() as u64;
    }
}

fn explain_lengths(plaintext: u64, output: u64, same: u64) -> OutputExplanation {
    if same == plaintext {
        return match output - same {
            0 => OutputExplanation::Same,
            stale => OutputExplanation::StaleBytes { plaintext, stale },
        };
    }
    // Stale bytes may agree by chance, so that some more may be the same than was decrypted.
    let section = SECTIONS
        .into_iter()
        .find(|section| (*section..section + 16).contains(&same));
    match section {
        Some(section) if output == section || same < output => OutputExplanation::FirstSection {
            section,
            plaintext,
            stale: output - section,
        },
        _ => OutputExplanation::Other { same },
    }
}

/// The lengths in bytes of the example programs' sections, for blocks of 8 bytes and for blocks of 16.
const SECTIONS: [u64; 2] = [1000, 992];

const BUFFER_BYTES: usize = 64 << 10;

//! What goes wrong with a ciphertext, in words. None of them says that a key is right or that bytes are unaltered.

use std::io;

use crate::algorithm::Algorithm;

/// Why a stream was not encrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The source failed.
    #[error("cannot read what is to be encrypted")]
    Read(#[source] io::Error),
    /// The sink failed; a closed pipe is among these.
    #[error("cannot write the encrypted file")]
    Write(#[source] io::Error),
    /// The plaintext does not fill its blocks, and is not to be padded.
    #[error(transparent)]
    End(#[from] EndError),
}

/// Why a stream was not decrypted, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// The source failed.
    #[error("cannot read the encrypted file")]
    Read(#[source] io::Error),
    /// The sink failed; a closed pipe is among these.
    #[error("cannot write what was decrypted")]
    Write(#[source] io::Error),
    /// The ciphertext does not end as one must. All of the plaintext before its last block was written.
    #[error(transparent)]
    End(#[from] EndError),
}

/// In which way a text does not end as one must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// There is nothing, where the shortest ciphertext of a block cipher is a block.
    #[error("the ciphertext is empty: of no plaintext at all {algorithm} makes one block")]
    Empty {
        /// The cipher.
        algorithm: Algorithm,
    },
    /// A part of a block is left over, and is not to be filled.
    #[error(
        "without padding, {algorithm} encrypts whole blocks: of these {bytes} bytes the last {over} are none"
    )]
    NothingToFill {
        /// The cipher.
        algorithm: Algorithm,
        /// The length of the plaintext.
        bytes: u64,
        /// How much of it is beyond the last whole block.
        over: usize,
    },
    /// A part of a block is left over.
    #[error(
        "the ciphertext is damaged at its end: of its {bytes} bytes the last {over} are no whole block of {algorithm}"
    )]
    NotWholeBlocks {
        /// The cipher.
        algorithm: Algorithm,
        /// The length of the ciphertext.
        bytes: u64,
        /// How much of it is beyond the last whole block.
        over: usize,
    },
    /// The last block does not end in padding.
    #[error("the padding at the end is wrong: this is another key, or the end is damaged")]
    WrongPadding,
}

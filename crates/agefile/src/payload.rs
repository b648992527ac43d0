//! The payload: what the file key encrypts, in chunks of 64 KiB that are sealed and opened on as many threads as are
//! given. Not the header.

mod batch;
mod chunk;
mod relay;

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;

use zeroize::Zeroizing;

use self::batch::{OpenBatch, SealBatch};
pub use self::chunk::PayloadKey;
use self::relay::{Stop, relay};
use crate::file_key::FileKey;

/// The length in bytes of the nonce that a payload begins with.
pub const NONCE_BYTES: usize = 16;

/// The length in bytes of the plaintext of every chunk but the last.
pub const CHUNK_BYTES: usize = 64 << 10;

/// The length in bytes of a chunk's tag.
pub const TAG_BYTES: usize = 16;

/// The length in bytes of every chunk but the last.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// Returns the length in bytes of the payload, with its nonce, of a plaintext.
#[must_use]
pub const fn sealed_len(plaintext: u64) -> u64 {
    let chunks = match plaintext.div_ceil(CHUNK_BYTES as u64) {
        0 => 1,
        chunks => chunks,
    };
    (NONCE_BYTES as u64)
        .saturating_add(plaintext)
        .saturating_add(chunks.saturating_mul(TAG_BYTES as u64))
}

/// Returns the length in bytes of the plaintext in a payload with its nonce, or `None` when no payload is so long.
#[must_use]
pub fn plaintext_len(sealed: u64) -> Option<u64> {
    let chunks = sealed.checked_sub(NONCE_BYTES as u64)?;
    let count = chunks.div_ceil(SEALED_CHUNK_BYTES as u64);
    let plaintext = chunks.checked_sub(count * TAG_BYTES as u64)?;
    (sealed_len(plaintext) == sealed).then_some(plaintext)
}

/// Seals what `reader` gives, up to its end, and returns its length in bytes.
///
/// The payload begins with `nonce`, which must be random and new for each file. `progress` is told how many bytes of
/// plaintext are written, from whichever thread wrote them. Takes at most 16 MiB of memory. With one thread, or less
/// than 256 KiB to seal, none is started.
///
/// # Errors
///
/// Tells a source that cannot be read from a sink that cannot be written. What was written then is no payload.
pub fn seal(
    file_key: &FileKey,
    nonce: [u8; NONCE_BYTES],
    reader: impl Read + Send,
    mut writer: impl Write + Send,
    threads: NonZeroUsize,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, SealError> {
    let key = PayloadKey::derive(file_key, &nonce);
    writer.write_all(&nonce).map_err(SealError::Write)?;
    relay(reader, writer, threads, progress, |chunks| {
        SealBatch::new(&key, chunks)
    })
    .map_err(|stop| match stop {
        Stop::Read(error) => SealError::Read(error),
        Stop::Write(error) => SealError::Write(error),
        Stop::Fault(never) => match never {},
    })
}

/// Opens the payload that `reader` gives, nonce first and up to its end, and returns the plaintext's length in bytes.
///
/// A chunk's plaintext is written once its tag was checked, and in order: whatever is wrong with the payload, what
/// was written is a beginning of what was sealed. `progress` is told how many bytes that is, from whichever thread
/// wrote them. Takes at most 16 MiB of memory. With one thread, or less than 256 KiB to open, none is started.
///
/// # Errors
///
/// Tells a source that cannot be read, a sink that cannot be written, and a payload that is damaged.
pub fn open(
    file_key: &FileKey,
    mut reader: impl Read + Send,
    writer: impl Write + Send,
    threads: NonZeroUsize,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, OpenError> {
    let mut nonce = [0; NONCE_BYTES];
    reader.read_exact(&mut nonce).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            OpenError::NoNonce
        } else {
            OpenError::Read(error)
        }
    })?;
    let key = PayloadKey::derive(file_key, &nonce);
    relay(reader, writer, threads, progress, |chunks| {
        OpenBatch::new(&key, chunks)
    })
    .map_err(|stop| match stop {
        Stop::Read(error) => OpenError::Read(error),
        Stop::Write(error) => OpenError::Write(error),
        Stop::Fault(fault) => fault,
    })
}

/// Tells whether the first chunk of a payload opens under `file_key`, as it does when only the header was altered.
///
/// `payload` is the payload's beginning: its nonce and [`SEALED_CHUNK_BYTES`], or all of it where it is shorter. More
/// is not looked at.
#[must_use]
pub fn open_first_chunk(file_key: &FileKey, payload: &[u8]) -> bool {
    let Some((nonce, chunks)) = payload.split_first_chunk() else {
        return false;
    };
    let key = PayloadKey::derive(file_key, nonce);
    let sealed = chunks.get(..SEALED_CHUNK_BYTES).unwrap_or(chunks);
    let mut plaintext = Zeroizing::new(vec![0; sealed.len().saturating_sub(TAG_BYTES)]);
    key.open_chunk(0, true, sealed, &mut plaintext)
        || sealed.len() == SEALED_CHUNK_BYTES && key.open_chunk(0, false, sealed, &mut plaintext)
}

/// Where the last chunk of a payload lies. A chunk opens in its own place only, and as the last only if it is: one that opens
/// shows that the payload is as long as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastChunk {
    index: u64,
    sealed_bytes: usize,
}

impl LastChunk {
    /// Finds the last chunk of a payload of so many bytes, its nonce among them; none where no payload is so long.
    #[must_use]
    pub fn of(payload_bytes: u64) -> Option<Self> {
        let chunks_bytes = payload_bytes.checked_sub(NONCE_BYTES as u64)?;
        let index = chunks_bytes.checked_sub(1)? / SEALED_CHUNK_BYTES as u64;
        let sealed_bytes = chunks_bytes - index * SEALED_CHUNK_BYTES as u64;
        let sealed_bytes = usize::try_from(sealed_bytes).ok()?;
        // An empty one stands alone.
        let plaintext_min = usize::from(index > 0);
        (sealed_bytes >= TAG_BYTES + plaintext_min).then_some(Self {
            index,
            sealed_bytes,
        })
    }

    /// Returns how many bytes of the payload come before it.
    #[must_use]
    pub fn offset(self) -> u64 {
        NONCE_BYTES as u64 + self.index * SEALED_CHUNK_BYTES as u64
    }

    /// Returns its length in bytes, with its tag.
    #[must_use]
    pub fn sealed_bytes(self) -> usize {
        self.sealed_bytes
    }

    /// Tells whether these bytes are the last chunk of the payload that begins with `nonce`, in this place.
    #[must_use]
    pub fn opens(self, file_key: &FileKey, nonce: &[u8; NONCE_BYTES], sealed: &[u8]) -> bool {
        if sealed.len() != self.sealed_bytes {
            return false;
        }
        let mut plaintext = Zeroizing::new(vec![0; sealed.len() - TAG_BYTES]);
        PayloadKey::derive(file_key, nonce).open_chunk(self.index, true, sealed, &mut plaintext)
    }
}

/// Why a payload was not sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The source failed.
    #[error("cannot read what is to be encrypted")]
    Read(#[source] io::Error),
    /// The sink failed; a closed pipe is among these.
    #[error("cannot write the encrypted file")]
    Write(#[source] io::Error),
}

/// Why a payload was not opened, or not to its end.
///
/// `whole` is the length in bytes of the plaintext that is authentic and was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The source failed. Damaged armor is among these: see [`ArmorError::of`](crate::armor::ArmorError::of).
    #[error("cannot read the encrypted file")]
    Read(#[source] io::Error),
    /// The sink failed; a closed pipe is among these.
    #[error("cannot write what was decrypted")]
    Write(#[source] io::Error),
    /// The file ends before the payload's nonce does.
    #[error("the file ends right after its header")]
    NoNonce,
    /// A chunk is not what was sealed there: damaged, out of its place, or another file's.
    #[error(
        "the file is damaged: its first {whole} bytes of plaintext are whole, the next are not"
    )]
    Damaged {
        /// The length of what is whole.
        whole: u64,
    },
    /// The last chunk is not what was sealed there, or the file was cut within it.
    #[error("the file is damaged or cut short: its first {whole} bytes of plaintext are whole")]
    DamagedOrTruncated {
        /// The length of what is whole.
        whole: u64,
    },
    /// The payload ends before a last chunk.
    #[error("the file is cut short: its first {whole} bytes of plaintext are whole")]
    Truncated {
        /// The length of what is whole.
        whole: u64,
    },
    /// Something follows the last chunk.
    #[error(
        "something was added to the file: after {whole} bytes of plaintext its last chunk is not the last"
    )]
    Extended {
        /// The length of what is whole.
        whole: u64,
    },
    /// The last chunk is authentic but empty, and not the only one, which no age program writes.
    #[error("the file ends in an empty chunk after {whole} bytes of plaintext")]
    EmptyLastChunk {
        /// The length of what is whole.
        whole: u64,
    },
}

//! The payload: what the file key encrypts, in chunks of 64 KiB that are sealed and opened on as many threads as are
//! given, of streams in their order ([`seal`], [`open`]) and of files at any place at once ([`seal_at`], [`open_at`]). Not the
//! header.

mod batch;
mod chunk;
mod offsets;
mod relay;
mod source;

use std::convert::Infallible;
use std::io::{self, ErrorKind, Read, Write};
use std::num::NonZeroUsize;

use zeroize::Zeroizing;

use self::batch::{OpenBatch, Passed, SealBatch, Stop};
pub use self::chunk::PayloadKey;
use self::offsets::{Section, at_offsets};
use self::relay::relay;
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

/// A payload that was sealed or opened to its end, and what it is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The length in bytes of the plaintext.
    pub plaintext: u64,
    /// What the payload begins with.
    pub nonce: [u8; NONCE_BYTES],
    /// What it ends with: the tag of its last chunk.
    pub last_tag: [u8; TAG_BYTES],
}

impl Summary {
    fn of(nonce: [u8; NONCE_BYTES], passed: Passed) -> Self {
        Self {
            plaintext: passed.plaintext,
            nonce,
            last_tag: passed.last_tag,
        }
    }
}

/// Seals what `reader` gives, up to its end.
///
/// The payload begins with `nonce`, which must be random and new for each file. `progress` is told how many bytes of
/// plaintext are written, from whichever thread wrote them. Takes at most 8 MiB of memory. With one thread, or few chunks to
/// seal, none is started.
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
) -> Result<Summary, SealError> {
    let key = PayloadKey::derive(file_key, &nonce);
    writer.write_all(&nonce).map_err(SealError::Write)?;
    let new_batch = |chunks| SealBatch::new(&key, chunks);
    let passed = relay(reader, writer, threads, progress, new_batch)?;
    Ok(Summary::of(nonce, passed))
}

/// Seals `length` bytes that can be read at any place at once, to where can be written so: the same bytes as [`seal`], in
/// less time, as no thread waits for another.
///
/// `read_at` is given a buffer and an offset in the plaintext, and returns how much of the buffer it filled, as a read does;
/// `write_at` is given an offset in the payload, and writes all. Takes at most 8 MiB of memory.
///
/// # Errors
///
/// Tells a source that cannot be read, or has become shorter, from a sink that cannot be written. What was written then is
/// no payload.
pub fn seal_at(
    file_key: &FileKey,
    nonce: [u8; NONCE_BYTES],
    length: u64,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<usize> + Sync,
    write_at: impl Fn(&[u8], u64) -> io::Result<()> + Sync,
    threads: NonZeroUsize,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Summary, SealError> {
    let key = PayloadKey::derive(file_key, &nonce);
    write_at(&nonce, 0).map_err(SealError::Write)?;
    let write_at = |bytes: &[u8], offset| write_at(bytes, NONCE_BYTES as u64 + offset);
    let new_batch = |chunks| SealBatch::new(&key, chunks);
    match at_offsets(length, read_at, write_at, threads, progress, new_batch) {
        Ok(passed) => Ok(Summary::of(nonce, passed)),
        Err(Stop::Read(error)) if error.kind() == ErrorKind::UnexpectedEof => {
            Err(SealError::Shortened)
        }
        Err(stop) => Err(stop.into()),
    }
}

/// Opens the payload that `reader` gives, nonce first and up to its end.
///
/// A chunk's plaintext is written once its tag was checked, and in order: whatever is wrong with the payload, what
/// was written is a beginning of what was sealed. `progress` is told how many bytes that is, from whichever thread
/// wrote them. Takes at most 16 MiB of memory. With one thread, or few chunks to open, none is started.
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
) -> Result<Summary, OpenError> {
    let nonce = read_nonce(&mut reader)?;
    let key = PayloadKey::derive(file_key, &nonce);
    let new_batch = |chunks| OpenBatch::new(&key, chunks);
    let passed = relay(reader, writer, threads, progress, new_batch)?;
    Ok(Summary::of(nonce, passed))
}

/// Opens a payload of `length` bytes, its nonce among them, that can be read at any place at once, to where can be written
/// so: in less time than [`open`], as no thread waits for another.
///
/// `read_at` is given a buffer and an offset in the payload, and returns how much of the buffer it filled, as a read does;
/// `write_at` is given an offset in the plaintext, and writes all. What was written is of use only when all was opened:
/// unlike [`open`]'s it may have gaps before. Takes at most 16 MiB of memory.
///
/// # Errors
///
/// What [`open`] says of the first chunk that is damaged, or that the payload is not as long any more.
pub fn open_at(
    file_key: &FileKey,
    length: u64,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<usize> + Sync,
    write_at: impl Fn(&[u8], u64) -> io::Result<()> + Sync,
    threads: NonZeroUsize,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Summary, OpenError> {
    let nonce = read_nonce(&mut Section {
        read_at: &read_at,
        offset: 0,
        end: length.min(NONCE_BYTES as u64),
    })?;
    let key = PayloadKey::derive(file_key, &nonce);
    let new_batch = |chunks| OpenBatch::new(&key, chunks);
    let chunks = length.saturating_sub(NONCE_BYTES as u64);
    let read_chunks = |buffer: &mut [u8], offset| read_at(buffer, NONCE_BYTES as u64 + offset);
    let passed = match at_offsets(chunks, read_chunks, write_at, threads, progress, new_batch) {
        Err(Stop::Read(error)) if error.kind() == ErrorKind::UnexpectedEof => {
            return Err(OpenError::Changed);
        }
        passed => passed?,
    };
    // Nobody has opened what may be behind the last chunk.
    match read_at(&mut [0], length) {
        Ok(0) => Ok(Summary::of(nonce, passed)),
        Ok(_) => Err(OpenError::Changed),
        Err(error) => Err(OpenError::Read(error)),
    }
}

fn read_nonce(reader: &mut impl Read) -> Result<[u8; NONCE_BYTES], OpenError> {
    let mut nonce = [0; NONCE_BYTES];
    match reader.read_exact(&mut nonce) {
        Ok(()) => Ok(nonce),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(OpenError::NoNonce),
        Err(error) => Err(OpenError::Read(error)),
    }
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
    /// The source ended before the length that was said: it became shorter while it was read.
    #[error("the file became shorter while it was read")]
    Shortened,
    /// The sink failed; a closed pipe is among these.
    #[error("cannot write the encrypted file")]
    Write(#[source] io::Error),
}

impl From<Stop<Infallible>> for SealError {
    fn from(stop: Stop<Infallible>) -> Self {
        match stop {
            Stop::Read(error) => Self::Read(error),
            Stop::Write(error) => Self::Write(error),
            Stop::Fault(never) => match never {},
        }
    }
}

/// Why a payload was not opened, or not to its end.
///
/// `whole` is the length in bytes of the plaintext before it, which is authentic.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The source failed. Damaged armor is among these: see [`ArmorError::of`](crate::armor::ArmorError::of).
    #[error("cannot read the encrypted file")]
    Read(#[source] io::Error),
    /// The sink failed; a closed pipe is among these.
    #[error("cannot write what was decrypted")]
    Write(#[source] io::Error),
    /// The source became shorter or longer while it was read.
    #[error("the file changed while it was decrypted")]
    Changed,
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

impl From<Stop<Self>> for OpenError {
    fn from(stop: Stop<Self>) -> Self {
        match stop {
            Stop::Read(error) => Self::Read(error),
            Stop::Write(error) => Self::Write(error),
            Stop::Fault(fault) => fault,
        }
    }
}

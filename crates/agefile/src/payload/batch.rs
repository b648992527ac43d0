//! What one thread seals or opens at a time: some chunks that follow each other.

use std::convert::Infallible;
use std::io::{self, Read};

use zeroize::Zeroize;

use super::chunk::PayloadKey;
use super::source::Source;
use super::{CHUNK_BYTES, OpenError, SEALED_CHUNK_BYTES, TAG_BYTES};

/// A thread's buffers, and what it does with the chunks in them.
pub(super) trait Batch: Send {
    /// The length in bytes of a chunk as it is read, but for the last.
    const READ_BYTES: usize;

    /// The length in bytes of a chunk as it is written, but for the last.
    const WRITTEN_BYTES: usize;

    /// What work may find wrong with the payload.
    type Fault: Send;

    /// Returns how many chunks there is room for.
    fn room(&self) -> usize;

    /// Takes from the source as much as there is room for.
    fn read(&mut self, source: &mut Source<impl Read>) -> io::Result<()>;

    /// Seals or opens what was read, which begins with the payload's chunk `first`, and ends with its last or not.
    fn work(&mut self, first: u64, last: bool) -> Done<Self::Fault>;

    /// Returns what came of it, to be written.
    fn output(&self) -> &[u8];
}

/// What became of a batch.
pub(super) struct Done<F> {
    /// How many bytes of plaintext were sealed, or opened.
    pub(super) plaintext: usize,
    /// The tag of its last chunk.
    pub(super) tag: [u8; TAG_BYTES],
    /// Why nothing that follows is to be written.
    pub(super) fault: Option<F>,
}

/// Why a payload did not pass to its end.
pub(super) enum Stop<F> {
    Read(io::Error),
    Write(io::Error),
    Fault(F),
}

/// What passed by of a payload, to its end.
#[derive(Default)]
pub(super) struct Passed {
    /// How many bytes of plaintext.
    pub(super) plaintext: u64,
    /// The tag of the last chunk.
    pub(super) last_tag: [u8; TAG_BYTES],
}

/// Chunks to seal. Each is read to where it is sealed in place, with room for its tag.
pub(super) struct SealBatch<'k> {
    key: &'k PayloadKey,
    buffer: Vec<u8>,
    // Of the plaintext in `buffer`.
    length: usize,
    // Of what is sealed in `buffer`.
    sealed: usize,
}

impl<'k> SealBatch<'k> {
    pub(super) fn new(key: &'k PayloadKey, chunks: usize) -> Self {
        Self {
            key,
            buffer: vec![0; chunks * SEALED_CHUNK_BYTES],
            length: 0,
            sealed: 0,
        }
    }
}

impl Batch for SealBatch<'_> {
    const READ_BYTES: usize = CHUNK_BYTES;
    const WRITTEN_BYTES: usize = SEALED_CHUNK_BYTES;
    type Fault = Infallible;

    fn room(&self) -> usize {
        self.buffer.len() / SEALED_CHUNK_BYTES
    }

    fn read(&mut self, source: &mut Source<impl Read>) -> io::Result<()> {
        self.length = 0;
        for slot in self.buffer.chunks_exact_mut(SEALED_CHUNK_BYTES) {
            let (chunk, _) = slot.split_at_mut(CHUNK_BYTES);
            self.length += source.fill(chunk)?;
        }
        Ok(())
    }

    fn work(&mut self, first: u64, last: bool) -> Done<Infallible> {
        let slots = self.buffer.chunks_exact_mut(SEALED_CHUNK_BYTES);
        let mut left = self.length;
        let mut tag = [0; TAG_BYTES];
        self.sealed = 0;
        for (index, slot) in (first..).zip(slots) {
            let length = left.min(CHUNK_BYTES);
            left -= length;
            let (chunk, rest) = slot.split_at_mut(length);
            tag = self.key.seal_chunk(index, last && left == 0, chunk);
            let (room, _) = rest.split_at_mut(TAG_BYTES);
            room.copy_from_slice(&tag);
            self.sealed += length + TAG_BYTES;
            // Only the first chunk of all may be empty, and the loop then ends here too.
            if left == 0 {
                break;
            }
        }
        Done {
            plaintext: self.length,
            tag,
            fault: None,
        }
    }

    fn output(&self) -> &[u8] {
        let (output, _) = self.buffer.split_at(self.sealed);
        output
    }
}

/// Chunks to open. They are opened into another buffer, since one that is not authentic where a chunk follows may
/// be authentic as the last: then somebody added to the file.
pub(super) struct OpenBatch<'k> {
    key: &'k PayloadKey,
    sealed: Vec<u8>,
    length: usize,
    plaintext: Vec<u8>,
    // Of what is authentic in `plaintext`.
    opened: usize,
    // The most that `plaintext` ever held.
    used: usize,
}

impl<'k> OpenBatch<'k> {
    pub(super) fn new(key: &'k PayloadKey, chunks: usize) -> Self {
        Self {
            key,
            sealed: vec![0; chunks * SEALED_CHUNK_BYTES],
            length: 0,
            plaintext: vec![0; chunks * CHUNK_BYTES],
            opened: 0,
            used: 0,
        }
    }
}

impl Batch for OpenBatch<'_> {
    const READ_BYTES: usize = SEALED_CHUNK_BYTES;
    const WRITTEN_BYTES: usize = CHUNK_BYTES;
    type Fault = OpenError;

    fn room(&self) -> usize {
        self.sealed.len() / SEALED_CHUNK_BYTES
    }

    fn read(&mut self, source: &mut Source<impl Read>) -> io::Result<()> {
        self.length = source.fill(&mut self.sealed)?;
        Ok(())
    }

    fn work(&mut self, first: u64, last: bool) -> Done<OpenError> {
        let (sealed, _) = self.sealed.split_at(self.length);
        let count = sealed.len().div_ceil(SEALED_CHUNK_BYTES);
        let mut opened = 0;
        // Every payload has a chunk.
        let mut fault = (count == 0).then_some(Fault::Truncated);
        let rooms = self.plaintext.chunks_mut(CHUNK_BYTES);
        let pairs = sealed.chunks(SEALED_CHUNK_BYTES).zip(rooms);
        for (place, (chunk, room)) in pairs.enumerate() {
            let (room, _) = room.split_at_mut(chunk.len().saturating_sub(TAG_BYTES));
            let last = last && place + 1 == count;
            let (authentic, wrong) = open_chunk(self.key, first + place as u64, last, chunk, room);
            if authentic {
                opened += room.len();
            }
            if wrong.is_some() {
                fault = wrong;
                break;
            }
        }
        self.opened = opened;
        self.used = self.used.max(opened);
        let whole = first * CHUNK_BYTES as u64 + opened as u64;
        Done {
            plaintext: opened,
            tag: sealed.last_chunk().copied().unwrap_or_default(),
            fault: fault.map(|fault| fault.after(whole)),
        }
    }

    fn output(&self) -> &[u8] {
        let (output, _) = self.plaintext.split_at(self.opened);
        output
    }
}

/// What was opened may be a secret key.
impl Drop for OpenBatch<'_> {
    fn drop(&mut self) {
        let (used, _) = self.plaintext.split_at_mut(self.used);
        used.zeroize();
    }
}

/// Opens a chunk, and tells whether its plaintext is authentic and what is wrong with the payload.
fn open_chunk(
    key: &PayloadKey,
    index: u64,
    last: bool,
    chunk: &[u8],
    plaintext: &mut [u8],
) -> (bool, Option<Fault>) {
    let full = chunk.len() == SEALED_CHUNK_BYTES;
    if key.open_chunk(index, last, chunk, plaintext) {
        return if last && index > 0 && plaintext.is_empty() {
            (false, Some(Fault::EmptyLastChunk))
        } else {
            (true, None)
        };
    }
    // Another place than it was sealed for tells what was done to the file.
    if full && key.open_chunk(index, !last, chunk, plaintext) {
        let fault = if last {
            Fault::Truncated
        } else {
            Fault::Extended
        };
        return (true, Some(fault));
    }
    let fault = match (last, chunk.len() < TAG_BYTES) {
        (true, true) => Fault::Truncated,
        (true, false) => Fault::DamagedOrTruncated,
        (false, _) => Fault::Damaged,
    };
    (false, Some(fault))
}

#[derive(Clone, Copy)]
enum Fault {
    Damaged,
    DamagedOrTruncated,
    Truncated,
    Extended,
    EmptyLastChunk,
}

impl Fault {
    fn after(self, whole: u64) -> OpenError {
        match self {
            Self::Damaged => OpenError::Damaged { whole },
            Self::DamagedOrTruncated => OpenError::DamagedOrTruncated { whole },
            Self::Truncated => OpenError::Truncated { whole },
            Self::Extended => OpenError::Extended { whole },
            Self::EmptyLastChunk => OpenError::EmptyLastChunk { whole },
        }
    }
}

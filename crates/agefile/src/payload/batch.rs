//! What one thread seals or opens at a time: some chunks that follow each other.

use std::convert::Infallible;
use std::io::{self, Read};

use zeroize::Zeroize;

use super::chunk::PayloadKey;
use super::relay::{Batch, Done, Source};
use super::{CHUNK_BYTES, OpenError, SEALED_CHUNK_BYTES, TAG_BYTES};

/// Chunks to seal. Each is read to where it is sealed in place, with room for its tag.
pub(super) struct SealBatch<'k> {
    key: &'k PayloadKey,
    buffer: Vec<u8>,
    // Of the plaintext in `buffer`.
    length: usize,
}

impl<'k> SealBatch<'k> {
    pub(super) fn new(key: &'k PayloadKey, chunks: usize) -> Self {
        Self {
            key,
            buffer: vec![0; chunks * SEALED_CHUNK_BYTES],
            length: 0,
        }
    }
}

impl Batch for SealBatch<'_> {
    type Fault = Infallible;

    fn read(&mut self, source: &mut Source<impl Read>) -> io::Result<()> {
        self.length = 0;
        for slot in self.buffer.chunks_exact_mut(SEALED_CHUNK_BYTES) {
            let (chunk, _) = slot.split_at_mut(CHUNK_BYTES);
            self.length += source.fill(chunk)?;
        }
        Ok(())
    }

    fn work(&mut self, number: u64, last: bool) -> Done<'_, Infallible> {
        let slots = self.buffer.chunks_exact_mut(SEALED_CHUNK_BYTES);
        let first = number * slots.len() as u64;
        let mut left = self.length;
        let mut sealed = 0;
        for (index, slot) in (first..).zip(slots) {
            let length = left.min(CHUNK_BYTES);
            left -= length;
            let (chunk, rest) = slot.split_at_mut(length);
            let tag = self.key.seal_chunk(index, last && left == 0, chunk);
            let (room, _) = rest.split_at_mut(TAG_BYTES);
            room.copy_from_slice(&tag);
            sealed += length + TAG_BYTES;
            // Only the first chunk of all may be empty, and the loop then ends here too.
            if left == 0 {
                break;
            }
        }
        let (output, _) = self.buffer.split_at(sealed);
        Done {
            output,
            plaintext: self.length,
            fault: None,
        }
    }
}

/// Chunks to open. They are opened into another buffer, since one that is not authentic where a chunk follows may
/// be authentic as the last: then somebody added to the file.
pub(super) struct OpenBatch<'k> {
    key: &'k PayloadKey,
    sealed: Vec<u8>,
    length: usize,
    plaintext: Vec<u8>,
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
            used: 0,
        }
    }
}

impl Batch for OpenBatch<'_> {
    type Fault = OpenError;

    fn read(&mut self, source: &mut Source<impl Read>) -> io::Result<()> {
        self.length = source.fill(&mut self.sealed)?;
        Ok(())
    }

    fn work(&mut self, number: u64, last: bool) -> Done<'_, OpenError> {
        let chunks = self.sealed.len() / SEALED_CHUNK_BYTES;
        let first = number * chunks as u64;
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
        self.used = self.used.max(opened);
        let (output, _) = self.plaintext.split_at(opened);
        let whole = first * CHUNK_BYTES as u64 + opened as u64;
        Done {
            output,
            plaintext: opened,
            fault: fault.map(|fault| fault.after(whole)),
        }
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

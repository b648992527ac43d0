//! The file's header: the length of a SIMPLEBLOB, and the blob as bytes. What is in the blob is not looked into.

use std::io::{self, Read, Write};

use crate::public_key::USUAL_BITS;

/// Tells whether a file that begins so may be one of the example programs'; 16 bytes decide it.
///
/// No age file does, armored or not: their first four bytes would be too great a length.
#[must_use]
pub fn looks_like(prefix: &[u8]) -> bool {
    prefix
        .first_chunk()
        .is_some_and(|start| check(start).is_ok())
}

/// A length and its SIMPLEBLOB, which has the beginning of one; the rest of it may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHeader {
    // Invariant: of a length within the bounds, and passed by `check`.
    blob: Vec<u8>,
}

impl FileHeader {
    /// The length in bytes of the shortest blob: under an RSA key of 512 bits.
    pub const BLOB_BYTES_MIN: usize = BLOB_START_BYTES + 64;

    /// The length in bytes of the longest blob, with what follows it where a program wrote a buffer whole.
    pub const BLOB_BYTES_MAX: usize = BLOB_START_BYTES + (64 << 10);

    /// Takes a SIMPLEBLOB to write.
    ///
    /// # Errors
    ///
    /// Says so when `blob` is none.
    pub fn new(blob: &[u8]) -> Result<Self, HeaderError> {
        let length = u32::try_from(blob.len()).unwrap_or(u32::MAX);
        let mut start = [0; START_BYTES];
        let parts = length.to_le_bytes().into_iter().chain(blob.iter().copied());
        for (to, from) in start.iter_mut().zip(parts) {
            *to = from;
        }
        check(&start)?;
        Ok(Self {
            blob: blob.to_vec(),
        })
    }

    /// Reads a header, and no byte beyond it.
    ///
    /// # Errors
    ///
    /// Says what there is not. A reader that gives something else is read for 16 bytes only.
    pub fn read(reader: &mut impl Read) -> Result<Self, HeaderError> {
        let mut start = [0; START_BYTES];
        fill(reader, &mut start)?;
        let length = check(&start)?;
        let [_, _, _, _, blob_start @ ..] = start;
        let mut blob = blob_start.to_vec();
        blob.resize(length, 0);
        fill(reader, blob.get_mut(BLOB_START_BYTES..).unwrap_or_default())?;
        Ok(Self { blob })
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// When the writer fails.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the longest blob's length fits many times"
    )]
    pub fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let length = u32::try_from(self.blob.len()).expect("a blob has at most some 2 KiB");
        writer.write_all(&length.to_le_bytes())?;
        writer.write_all(&self.blob)
    }

    /// Returns the SIMPLEBLOB.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Returns what lies behind the longest wrapped key of a usual length, zeros or not: with the RSA key at hand,
    /// [`SimpleBlob::split_at`](crate::SimpleBlob::split_at) tells what follows the wrapped key.
    #[must_use]
    pub fn beyond_usual(&self) -> &[u8] {
        let wrapped = self.blob.get(BLOB_START_BYTES..).unwrap_or_default();
        let usual = USUAL_BITS.iter().map(|bits| bits / 8);
        let longest = usual.filter(|usual| *usual <= wrapped.len()).max();
        wrapped.get(longest.unwrap_or(0)..).unwrap_or_default()
    }

    /// Returns the header's length in bytes: where the ciphertext begins.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (LENGTH_BYTES + self.blob.len()) as u64
    }
}

/// What a file does not begin with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The source failed.
    #[error("cannot read the encrypted file")]
    Read(#[source] io::Error),
    /// The file ends before its header does.
    #[error("the file ends within its header")]
    Truncated,
    /// The first four bytes are no length of a SIMPLEBLOB.
    #[error(
        "the file does not begin with the length of a SIMPLEBLOB: {length} is none from {min} to {max}",
        min = FileHeader::BLOB_BYTES_MIN,
        max = FileHeader::BLOB_BYTES_MAX
    )]
    Length {
        /// What they are as a length.
        length: u32,
    },
    /// What follows the length is another blob, or none.
    #[error(
        "the file's key blob is no SIMPLEBLOB with a session key under an RSA key exchange key"
    )]
    NotSimpleBlob,
}

/// Returns the blob's length, when it may be one and when the blob begins as a SIMPLEBLOB does, whatever its algorithm.
fn check(start: &[u8; START_BYTES]) -> Result<usize, HeaderError> {
    let [
        l0,
        l1,
        l2,
        l3,
        kind,
        version,
        reserved @ ..,
        a0,
        a1,
        a2,
        a3,
        w0,
        w1,
        w2,
        w3,
    ] = *start;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let bytes = usize::try_from(length)
        .ok()
        .filter(|bytes| (FileHeader::BLOB_BYTES_MIN..=FileHeader::BLOB_BYTES_MAX).contains(bytes))
        .ok_or(HeaderError::Length { length })?;
    let algorithm = u32::from_le_bytes([a0, a1, a2, a3]);
    let wrapped_by = u32::from_le_bytes([w0, w1, w2, w3]);
    let is_simple_blob = kind == SIMPLEBLOB
        && version == CUR_BLOB_VERSION
        && reserved == [0, 0]
        && algorithm & !ALG_ID_WITHOUT_CLASS == ALG_CLASS_DATA_ENCRYPT
        && wrapped_by == CALG_RSA_KEYX;
    is_simple_blob
        .then_some(bytes)
        .ok_or(HeaderError::NotSimpleBlob)
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), HeaderError> {
    reader.read_exact(buffer).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            HeaderError::Truncated
        } else {
            HeaderError::Read(error)
        }
    })
}

const LENGTH_BYTES: usize = 4;
const BLOB_START_BYTES: usize = 12;
const START_BYTES: usize = LENGTH_BYTES + BLOB_START_BYTES;

const SIMPLEBLOB: u8 = 1;
const CUR_BLOB_VERSION: u8 = 2;
const CALG_RSA_KEYX: u32 = 0xa400;
const ALG_CLASS_DATA_ENCRYPT: u32 = 3 << 13;
const ALG_ID_WITHOUT_CLASS: u32 = 0x1fff;

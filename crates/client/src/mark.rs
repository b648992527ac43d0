//! The mark of a file (spec/deposit.md#mark): what tells a whole file from one that has another file's header, was cut
//! short, or grew, by reading it at its two ends alone. A byte that changed in between shows when all is read: see
//! [`whole`](crate::whole).

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use strongroom_agefile::armor::Dearmored;
use strongroom_agefile::payload::{
    LastChunk, NONCE_BYTES, SEALED_CHUNK_BYTES, Summary, open_first_chunk, sealed_len,
};
use strongroom_agefile::{FileKey, Header};
use strongroom_protocol::id::Digest;

use crate::replace::{Beginning, BeginningError};

/// How many bytes of a payload's beginning and of its end are in the mark: a nonce, and a tag.
const END_BYTES: usize = 16;

/// The mark of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMark {
    /// SHA-256 of the header; of the SIMPLEBLOB, where it is a file of CryptoAPI's.
    pub header: Digest,
    /// The payload's nonce; the first bytes of the ciphertext, where it is a file of CryptoAPI's.
    pub first: [u8; 16],
    /// The length in bytes, header and all; of an armored file, that of what the armor holds.
    pub length: u64,
    /// The tag of the last chunk; the last bytes of the ciphertext, where it is a file of CryptoAPI's.
    pub last: [u8; 16],
}

impl FileMark {
    /// Returns the mark of the file with this payload, which was sealed or opened to its end, behind a header.
    pub(crate) fn of(header: Digest, header_bytes: u64, payload: &Summary) -> Self {
        Self {
            header,
            first: payload.nonce,
            length: header_bytes + sealed_len(payload.plaintext),
            last: payload.last_tag,
        }
    }

    /// Returns the mark of the file with this payload under another header.
    pub(crate) fn under(self, old: &Header, new: &Header) -> Self {
        let bytes = |header: &Header| header.as_bytes().len() as u64;
        self.with_header(header_digest(new), bytes(old), bytes(new))
    }

    /// The same of a header by its digest, and by the lengths of the one before and of the new one.
    pub(crate) fn with_header(self, header: Digest, old_bytes: u64, new_bytes: u64) -> Self {
        Self {
            header,
            length: self.length.saturating_sub(old_bytes) + new_bytes,
            ..self
        }
    }

    /// Takes the mark of a file that has so many bytes behind its header.
    pub(crate) fn read(
        file: &File,
        header: Digest,
        header_bytes: u64,
        bytes: u64,
    ) -> io::Result<Self> {
        let end = usize::try_from(bytes).map_or(END_BYTES, |bytes| bytes.min(END_BYTES));
        let mut mark = Self {
            header,
            first: [0; END_BYTES],
            length: header_bytes + bytes,
            last: [0; END_BYTES],
        };
        file.read_exact_at(mark.first.split_at_mut(end).0, header_bytes)?;
        let (_, last) = mark.last.split_at_mut(END_BYTES - end);
        file.read_exact_at(last, mark.length - end as u64)?;
        Ok(mark)
    }

    /// Tells what was done to a file that is found with this header, and has the mark `now`; nothing if it is as it was.
    pub(crate) fn compare(&self, now: &Self) -> Option<Changed> {
        if self.first != now.first {
            return Some(Changed::OtherPayload);
        }
        if now.length < self.length {
            let bytes = self.length - now.length;
            return Some(Changed::CutShort { bytes });
        }
        if now.length > self.length {
            let bytes = now.length - self.length;
            return Some(Changed::Grown { bytes });
        }
        (self.last != now.last).then_some(Changed::End)
    }

    /// Returns a digest of what it has of the payload, which stays the same under another header.
    pub(crate) fn payload_digest(&self) -> Digest {
        Digest::of(&[&self.first, &self.last])
    }
}

/// Returns the digest by which a home knows a header.
pub(crate) fn header_digest(header: &Header) -> Digest {
    Digest::of(&[header.as_bytes()])
}

/// What was done to a file, as far as its two ends tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Changed {
    /// The payload's first chunk does not open under its key, and its end is as it was.
    #[error("its beginning was changed")]
    Beginning,
    /// The end is missing.
    #[error("it was cut short: {} missing at its end", bytes_are(*.bytes))]
    CutShort {
        /// How much of it.
        bytes: u64,
    },
    /// The last chunk is not what was sealed there as the last.
    #[error("its end was changed, or it was cut short")]
    End,
    /// Something was added.
    #[error("it grew: {} more than there were", bytes_are(*.bytes))]
    Grown {
        /// How much.
        bytes: u64,
    },
    /// The payload is another one than the header's.
    #[error("its header is another file's")]
    OtherPayload,
}

fn bytes_are(bytes: u64) -> String {
    match bytes {
        1 => "1 byte is".to_owned(),
        bytes => format!("{bytes} bytes are"),
    }
}

/// Passes on what is read or written, and takes the mark of it on the way: from the first byte of the payload to the last.
#[derive(Default)]
pub(crate) struct Marking<T> {
    inner: T,
    first: [u8; 16],
    length: u64,
    last: [u8; 16],
}

impl<T> Marking<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            first: [0; END_BYTES],
            length: 0,
            last: [0; END_BYTES],
        }
    }

    /// Returns the mark of the file of which all that is behind its header passed by.
    pub(crate) fn mark(&self, header: Digest, header_bytes: u64) -> FileMark {
        FileMark {
            header,
            first: self.first,
            length: header_bytes + self.length,
            last: self.last,
        }
    }

    fn see(&mut self, bytes: &[u8]) {
        let seen = usize::try_from(self.length).unwrap_or(END_BYTES);
        if let Some(room) = self.first.get_mut(seen..) {
            let new = bytes.len().min(room.len());
            let (room, _) = room.split_at_mut(new);
            room.copy_from_slice(bytes.get(..new).unwrap_or_default());
        }
        let new = bytes.len().min(END_BYTES);
        self.last.rotate_left(new);
        let (_, room) = self.last.split_at_mut(END_BYTES - new);
        room.copy_from_slice(bytes.get(bytes.len() - new..).unwrap_or_default());
        self.length += bytes.len() as u64;
    }
}

impl<R: Read> Read for Marking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.see(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<W: io::Write> io::Write for Marking<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.see(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A file of which the header is read, and which can be looked at from both its ends.
pub(crate) struct EndedFile {
    pub(crate) beginning: Beginning,
    payload: PayloadSource,
}

/// Where a payload is.
enum PayloadSource {
    /// Behind the header.
    File { file: File, bytes: u64 },
    /// Armored: its end is found by reading all of it, which is done already.
    Text(Ends),
}

impl EndedFile {
    /// Opens a file and reads its header; all of it, if it is armored.
    pub(crate) fn open(path: &Path) -> Result<Self, BeginningError> {
        let file = strongroom_files::open(path).map_err(|source| BeginningError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Self::of(file, path)
    }

    /// Does the same of one that is open.
    pub(crate) fn of(file: File, path: &Path) -> Result<Self, BeginningError> {
        let failed = |source| BeginningError::Read {
            path: path.to_path_buf(),
            source,
        };
        let length = file.metadata().map_err(failed)?.len();
        let mut reader = Dearmored::new(BufReader::new(&file)).map_err(failed)?;
        let beginning = Beginning {
            header: Header::read(&mut reader)?,
            armored: reader.is_armored(),
        };
        let header_bytes = beginning.header.as_bytes().len() as u64;
        let payload = if beginning.armored {
            PayloadSource::Text(Ends::read(reader).map_err(failed)?)
        } else {
            PayloadSource::File {
                file,
                bytes: length.saturating_sub(header_bytes),
            }
        };
        Ok(Self { beginning, payload })
    }

    /// Takes the mark, by two small reads.
    pub(crate) fn mark(&self) -> io::Result<FileMark> {
        let header = &self.beginning.header;
        match &self.payload {
            PayloadSource::Text(ends) => Ok(ends.mark(header)),
            PayloadSource::File { file, bytes } => {
                FileMark::read(file, header_digest(header), self.header_bytes(), *bytes)
            }
        }
    }

    /// Reads the first chunk and the last.
    pub(crate) fn into_ends(self) -> io::Result<(Beginning, Ends)> {
        let begin = self.header_bytes();
        let ends = match self.payload {
            PayloadSource::Text(ends) => ends,
            PayloadSource::File { file, bytes } => Ends::read_at(&file, begin, bytes)?,
        };
        Ok((self.beginning, ends))
    }

    /// Reads the first chunk alone.
    pub(crate) fn first_opens(&self, key: &FileKey) -> io::Result<bool> {
        match &self.payload {
            PayloadSource::Text(ends) => Ok(ends.first_opens(key)),
            PayloadSource::File { file, bytes } => {
                let first = read_first(file, self.header_bytes(), *bytes)?;
                Ok(open_first_chunk(key, &first))
            }
        }
    }

    fn header_bytes(&self) -> u64 {
        self.beginning.header.as_bytes().len() as u64
    }
}

/// The first chunk of a payload, with the nonce before it, and the last one.
pub(crate) struct Ends {
    first: Vec<u8>,
    last: Vec<u8>,
    bytes: u64,
}

impl Ends {
    fn read_at(file: &File, begin: u64, bytes: u64) -> io::Result<Self> {
        let first = read_first(file, begin, bytes)?;
        let place = LastChunk::of(bytes);
        let mut last = vec![0; place.map_or(0, LastChunk::sealed_bytes)];
        file.read_exact_at(&mut last, begin + place.map_or(0, LastChunk::offset))?;
        Ok(Self { first, last, bytes })
    }

    /// Reads a payload to its end.
    fn read(mut reader: impl Read) -> io::Result<Self> {
        let mut first = Vec::new();
        { &mut reader }
            .take(FIRST_BYTES as u64)
            .read_to_end(&mut first)?;
        let mut bytes = first.len() as u64;
        let mut last = first.get(NONCE_BYTES..).unwrap_or_default().to_vec();
        loop {
            let mut chunk = Vec::new();
            { &mut reader }
                .take(SEALED_CHUNK_BYTES as u64)
                .read_to_end(&mut chunk)?;
            if chunk.is_empty() {
                return Ok(Self { first, last, bytes });
            }
            bytes += chunk.len() as u64;
            last = chunk;
        }
    }

    /// Returns the mark of the file with this header and payload.
    pub(crate) fn mark(&self, header: &Header) -> FileMark {
        let mut marking = Marking::new(io::empty());
        marking.see(&self.first);
        marking.see(&self.last);
        FileMark {
            length: header.as_bytes().len() as u64 + self.bytes,
            ..marking.mark(header_digest(header), 0)
        }
    }

    pub(crate) fn nonce(&self) -> Option<&[u8; NONCE_BYTES]> {
        self.first.first_chunk()
    }

    /// Tells whether the payload is one of this key's: one of its ends opens in its place, and nobody else could make that.
    pub(crate) fn belong_to(&self, key: &FileKey) -> bool {
        self.first_opens(key) || self.last_opens(key)
    }

    /// Tells what was done to the payload of this key; nothing if both its ends open, each in its place.
    pub(crate) fn changed(&self, key: &FileKey) -> Option<Changed> {
        match (self.first_opens(key), self.last_opens(key)) {
            (true, true) => None,
            (true, false) => Some(Changed::End),
            (false, true) => Some(Changed::Beginning),
            (false, false) => Some(Changed::OtherPayload),
        }
    }

    fn first_opens(&self, key: &FileKey) -> bool {
        open_first_chunk(key, &self.first)
    }

    fn last_opens(&self, key: &FileKey) -> bool {
        let place = LastChunk::of(self.bytes);
        place
            .zip(self.nonce())
            .is_some_and(|(place, nonce)| place.opens(key, nonce, &self.last))
    }
}

fn read_first(file: &File, begin: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(bytes).map_or(FIRST_BYTES, |bytes| bytes.min(FIRST_BYTES));
    let mut first = vec![0; length];
    file.read_exact_at(&mut first, begin)?;
    Ok(first)
}

const FIRST_BYTES: usize = NONCE_BYTES + SEALED_CHUNK_BYTES;

#[cfg(test)]
mod tests {
    use std::io::{BufWriter, Seek, Write};
    use std::num::NonZeroUsize;

    use strongroom_agefile::Stanza;
    use strongroom_agefile::armor::ArmoredWriter;
    use strongroom_agefile::payload;

    use super::*;

    const CHUNK_BYTES: usize = SEALED_CHUNK_BYTES - 16;

    /// Lengths of plaintexts, of none to three chunks.
    const LENGTHS: [usize; 5] = [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 1000];

    fn key(number: u8) -> FileKey {
        FileKey::from_bytes(&[number; 16])
    }

    /// A header whose length is its own.
    fn header(number: u8) -> Header {
        let arguments = vec!["x".repeat(usize::from(number))];
        let stanza = Stanza::new("test".to_owned(), arguments, vec![number; 32]).unwrap();
        Header::seal(vec![stanza], &key(number)).unwrap()
    }

    /// The payload of so many bytes under a key, and the mark that was taken while it was written behind its header.
    fn sealed(number: u8, bytes: usize) -> (Vec<u8>, FileMark) {
        let mut payload = Marking::new(Vec::new());
        payload::seal(
            &key(number),
            [number; NONCE_BYTES],
            vec![number; bytes].as_slice(),
            &mut payload,
            NonZeroUsize::MIN,
            &mut |_| {},
        )
        .unwrap();
        let header = header(number);
        let mark = payload.mark(header_digest(&header), header.as_bytes().len() as u64);
        (payload.inner, mark)
    }

    /// A file with this header and this payload, as bytes or as text.
    fn file(header: &Header, payload: &[u8], armored: bool) -> EndedFile {
        let mut file = tempfile::tempfile().unwrap();
        let bytes = [header.as_bytes(), payload].concat();
        if armored {
            let mut writer = ArmoredWriter::new(&mut file);
            writer.write_all(&bytes).unwrap();
            writer.finish().unwrap();
        } else {
            file.write_all(&bytes).unwrap();
        }
        file.rewind().unwrap();
        EndedFile::of(file, Path::new("a file")).unwrap()
    }

    #[test]
    fn a_file_has_the_mark_that_was_taken_while_it_was_written() {
        for (bytes, armored) in LENGTHS.into_iter().flat_map(|n| [(n, false), (n, true)]) {
            let (payload, mark) = sealed(1, bytes);
            let whole = file(&header(1), &payload, armored);
            assert_eq!(whole.mark().unwrap(), mark, "{bytes}, {armored}");
            // And when all of it is read.
            let mut reader = Marking::new(payload.as_slice());
            io::copy(&mut reader, &mut io::sink()).unwrap();
            assert_eq!(
                reader.mark(mark.header, mark.length - payload.len() as u64),
                mark
            );
            // Of what it has of the payload, nothing is the header's.
            let other = mark.under(&header(1), &header(9));
            let rewrapped = file(&header(9), &payload, armored).mark().unwrap();
            assert_eq!(rewrapped, other, "{bytes}, {armored}");
            assert_ne!(other, mark);
            assert_eq!(other.payload_digest(), mark.payload_digest());
        }
    }

    #[test]
    fn a_mark_tells_what_was_done_to_a_file() {
        let (payload, mark) = sealed(1, 2 * CHUNK_BYTES + 1000);
        let changed = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut payload = payload.clone();
            change(&mut payload);
            let now = file(&header(1), &payload, false).mark().unwrap();
            mark.compare(&now)
        };
        let end = payload.len();
        assert_eq!(changed(&|_| {}), None);
        let cut = changed(&|payload| payload.truncate(end - 1));
        assert_eq!(cut, Some(Changed::CutShort { bytes: 1 }));
        assert!(cut.unwrap().to_string().contains("1 byte is missing"));
        let cut = changed(&|payload| payload.truncate(end - 1016));
        assert_eq!(cut, Some(Changed::CutShort { bytes: 1016 }));
        assert!(cut.unwrap().to_string().contains("1016 bytes are missing"));
        let grown = changed(&|payload| payload.extend([0; 2]));
        assert_eq!(grown, Some(Changed::Grown { bytes: 2 }));
        assert_eq!(
            changed(&|payload| payload[end - 1] ^= 1),
            Some(Changed::End)
        );
        let other = Some(Changed::OtherPayload);
        assert_eq!(changed(&|payload| payload[0] ^= 1), other);
        assert_eq!(changed(&|payload| payload.truncate(7)), other);
        assert_eq!(changed(&Vec::clear), other);
    }

    #[test]
    fn the_key_tells_what_was_done_to_either_end() {
        for (bytes, armored) in LENGTHS.into_iter().flat_map(|n| [(n, false), (n, true)]) {
            let (payload, _) = sealed(1, bytes);
            let several = bytes > CHUNK_BYTES;
            let look = |change: &dyn Fn(&mut Vec<u8>), number| {
                let mut payload = payload.clone();
                change(&mut payload);
                let opens = file(&header(1), &payload, armored).first_opens(&key(number));
                let ends = file(&header(1), &payload, armored).into_ends().unwrap().1;
                let opens = opens.unwrap();
                (
                    ends.changed(&key(number)),
                    ends.belong_to(&key(number)),
                    opens,
                )
            };
            let whole = look(&|_| {}, 1);
            assert_eq!(whole, (None, true, true), "{bytes}, {armored}");
            let other = (Some(Changed::OtherPayload), false, false);
            assert_eq!(look(&|_| {}, 2), other);
            // What is no more than one chunk is changed at both ends by any change.
            let (end, begin) = match several {
                true => (
                    (Some(Changed::End), true, true),
                    (Some(Changed::Beginning), true, false),
                ),
                false => (other, other),
            };
            let last = payload.len() - 1;
            assert_eq!(look(&|payload| payload[last] ^= 1, 1), end, "{bytes}");
            assert_eq!(look(&|payload| payload.truncate(last), 1), end, "{bytes}");
            assert_eq!(look(&|payload| payload[16] ^= 1, 1), begin, "{bytes}");
            assert_eq!(look(&|payload| payload[0] ^= 1, 1), other, "{bytes}");
            assert_eq!(look(&Vec::clear, 1), other);
        }
    }

    /// Else what a disk refuses at the end would be lost with the buffer.
    #[test]
    fn what_is_flushed_goes_on() {
        let mut marking = Marking::new(BufWriter::new(Vec::new()));
        marking.write_all(b"behind it").unwrap();
        assert!(marking.inner.get_ref().is_empty());
        marking.flush().unwrap();
        assert_eq!(marking.inner.get_ref(), b"behind it");
    }

    #[test]
    fn a_mark_is_the_same_however_the_bytes_pass_by() {
        for length in [0_u8, 1, 15, 16, 17, 31, 32, 33, 100] {
            let bytes: Vec<u8> = (0..length).collect();
            let header = Digest::of(&[b"header"]);
            let mut whole = Marking::new(io::sink());
            whole.write_all(&bytes).unwrap();
            let expected = whole.mark(header, 7);
            assert_eq!(expected.length, 7 + u64::from(length));
            for step in 1..=usize::from(length) {
                let mut written = Marking::new(io::sink());
                for part in bytes.chunks(step) {
                    written.write_all(part).unwrap();
                }
                assert_eq!(written.mark(header, 7), expected, "{length} by {step}");
            }
            let end = bytes.len().min(END_BYTES);
            assert_eq!(expected.first[..end], bytes[..end]);
            assert_eq!(expected.last[END_BYTES - end..], bytes[bytes.len() - end..]);
        }
    }
}

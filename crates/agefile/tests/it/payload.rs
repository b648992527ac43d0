//! Payloads around the limits of chunks and batches, and what is done to them.

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;

use proptest::prelude::*;
use strongroom_agefile::payload::{
    self, CHUNK_BYTES, NONCE_BYTES, OpenError, SEALED_CHUNK_BYTES, SealError,
};
use strongroom_agefile::{FileKey, Header};

const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

/// More than every thread's first batch.
const LONG: usize = 50 * CHUNK_BYTES + 1;

#[test]
fn what_is_sealed_opens_at_every_limit_and_number_of_threads() {
    let limits = [0, 1, 2, 3, 4, 5, 8, 20, 50];
    let lengths = limits.into_iter().flat_map(|chunks| {
        let length = chunks * CHUNK_BYTES;
        [length.checked_sub(1), Some(length), Some(length + 1)]
    });
    for length in lengths.flatten() {
        let plaintext = plaintext(length);
        let sealed = seal(&plaintext, 1);
        assert_eq!(sealed.len() as u64, payload::sealed_len(length as u64));
        for threads in [1, 2, 3, 9, 1000] {
            assert!(seal(&plaintext, threads) == sealed, "{length} by {threads}");
            let (opened, output) = open(&sealed, threads);
            assert_eq!(opened.unwrap(), length as u64);
            assert!(output == plaintext, "{length} by {threads}");
        }
    }
}

#[test]
fn a_length_is_a_payloads_or_none() {
    for length in [0, 1, 65535, 65536, 65537, 131_072, 131_073, 1 << 40] {
        let sealed = payload::sealed_len(length);
        assert_eq!(payload::plaintext_len(sealed), Some(length));
    }
    // No nonce, no chunk, an empty chunk after the first, and most of a tag.
    let full = (NONCE_BYTES + SEALED_CHUNK_BYTES) as u64;
    for sealed in [0, 15, 16, 31, full + 1, full + 15, full + 16] {
        assert_eq!(payload::plaintext_len(sealed), None, "{sealed}");
    }
    assert_eq!(payload::sealed_len(u64::MAX), u64::MAX);
}

#[test]
fn what_was_done_to_a_payload_is_told() {
    let plaintext = plaintext(LONG);
    let sealed = seal(&plaintext, 2);
    let chunk = |index: usize| NONCE_BYTES + index * SEALED_CHUNK_BYTES;
    for threads in [1, 2, 5] {
        let cases: [(&str, Vec<u8>, &str, usize); 10] = [
            ("no nonce", sealed[..15].to_vec(), "NoNonce", 0),
            ("no chunk", sealed[..16].to_vec(), "Truncated", 0),
            (
                "cut between chunks",
                sealed[..chunk(20)].to_vec(),
                "Truncated",
                20,
            ),
            (
                "cut in a tag",
                sealed[..chunk(20) + 15].to_vec(),
                "Truncated",
                20,
            ),
            (
                "cut in a chunk",
                sealed[..chunk(20) + 99].to_vec(),
                "DamagedOrTruncated",
                20,
            ),
            ("a bit flipped", flip(&sealed, chunk(33) + 7), "Damaged", 33),
            (
                "a bit of the last flipped",
                flip(&sealed, sealed.len() - 1),
                "DamagedOrTruncated",
                50,
            ),
            (
                "chunks swapped",
                swap(&sealed, chunk(17), chunk(18)),
                "Damaged",
                17,
            ),
            ("the nonce altered", flip(&sealed, 0), "Damaged", 0),
            (
                "bytes added",
                [&sealed[..], &[0; 40]].concat(),
                "DamagedOrTruncated",
                50,
            ),
        ];
        for (what, damaged, expected, whole) in cases {
            let (opened, output) = open(&damaged, threads);
            let error = format!("{:?}", opened.unwrap_err());
            let name = error.split(' ').next().unwrap();
            assert_eq!(name, expected, "{what}");
            let whole = whole * CHUNK_BYTES;
            if name != "NoNonce" {
                assert!(
                    error.contains(&format!("whole: {whole} ")),
                    "{what}: {error}"
                );
            }
            assert!(output == plaintext[..whole], "{what}");
        }
    }
}

#[test]
fn something_after_a_full_last_chunk_is_told() {
    let plaintext = plaintext(20 * CHUNK_BYTES);
    let mut sealed = seal(&plaintext, 1);
    sealed.push(0);
    for threads in [1, 2] {
        let (opened, output) = open(&sealed, threads);
        assert!(matches!(opened, Err(OpenError::Extended { whole }) if whole == 20 << 16));
        assert!(output == plaintext);
    }
}

#[test]
fn a_payload_of_another_key_gives_nothing() {
    let sealed = seal(&plaintext(LONG), 1);
    let mut output = Vec::new();
    let other = FileKey::from_bytes(&[8; 16]);
    let opened = payload::open(&other, sealed.as_slice(), &mut output, two(), &mut |_| {});
    assert!(matches!(opened, Err(OpenError::Damaged { whole: 0 })));
    assert!(output.is_empty());
}

#[test]
fn the_first_chunk_tells_whether_a_key_is_the_payloads() {
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, LONG] {
        let sealed = seal(&plaintext(length), 1);
        let start = &sealed[..sealed.len().min(NONCE_BYTES + SEALED_CHUNK_BYTES)];
        assert!(payload::open_first_chunk(&key(), start), "{length}");
        assert!(payload::open_first_chunk(&key(), &sealed), "{length}");
        let other = FileKey::from_bytes(&[8; 16]);
        assert!(!payload::open_first_chunk(&other, &sealed), "{length}");
        assert!(!payload::open_first_chunk(
            &key(),
            &start[..start.len() - 1]
        ));
    }
    assert!(!payload::open_first_chunk(&key(), &[]));
    assert!(!payload::open_first_chunk(&key(), &NONCE));
}

#[test]
fn progress_only_grows_and_ends_at_the_length() {
    let mut seen = Vec::new();
    let plaintext = plaintext(LONG);
    let mut sealed = Vec::new();
    payload::seal(
        &key(),
        NONCE,
        plaintext.as_slice(),
        &mut sealed,
        two(),
        &mut |bytes| {
            seen.push(bytes);
        },
    )
    .unwrap();
    assert!(seen.is_sorted() && seen.len() > 1);
    assert_eq!(seen.last(), Some(&(LONG as u64)));
}

#[test]
fn a_source_that_fails_is_told_from_a_sink_that_fails() {
    let plaintext = plaintext(LONG);
    let sealed = seal(&plaintext, 1);
    for threads in [1, 2, 4] {
        let threads = NonZeroUsize::new(threads).unwrap();
        for after in [0, 100, 30 * CHUNK_BYTES] {
            let result = payload::seal(
                &key(),
                NONCE,
                FailingReader(&plaintext[..after]),
                io::sink(),
                threads,
                &mut |_| {},
            );
            assert!(matches!(result, Err(SealError::Read(_))));
            let result = payload::seal(
                &key(),
                NONCE,
                plaintext.as_slice(),
                FailingWriter(after),
                threads,
                &mut |_| {},
            );
            assert!(matches!(result, Err(SealError::Write(error)) if is_broken_pipe(&error)));
            let source = FailingReader(&sealed[..after]);
            let result = payload::open(&key(), source, io::sink(), threads, &mut |_| {});
            assert!(matches!(result, Err(OpenError::Read(_))));
            let sink = FailingWriter(after);
            let result = payload::open(&key(), sealed.as_slice(), sink, threads, &mut |_| {});
            assert!(matches!(result, Err(OpenError::Write(error)) if is_broken_pipe(&error)));
        }
    }
}

#[test]
fn a_source_may_give_little_at_a_time() {
    let plaintext = plaintext(CHUNK_BYTES * 17 + 5);
    let sealed = seal(&plaintext, 1);
    let mut again = Vec::new();
    payload::seal(
        &key(),
        NONCE,
        Trickle(&plaintext),
        &mut again,
        two(),
        &mut |_| {},
    )
    .unwrap();
    assert!(again == sealed);
    let mut opened = Vec::new();
    payload::open(&key(), Trickle(&sealed), &mut opened, two(), &mut |_| {}).unwrap();
    assert!(opened == plaintext);
}

#[test]
fn a_panic_of_the_source_or_sink_hangs_nobody() {
    // Takes or gives so many bytes first, so that all threads are at work.
    struct Panics(usize);
    impl Panics {
        fn pass(&mut self, bytes: usize) -> usize {
            self.0 = self.0.checked_sub(bytes).expect("a test's panic");
            bytes
        }
    }
    impl Write for Panics {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(self.pass(bytes.len()))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Read for Panics {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            Ok(self.pass(bytes.len()))
        }
    }
    let plaintext = plaintext(LONG);
    let threads = NonZeroUsize::new(4).unwrap();
    for chunks in [0, 1, 10, 30, 45] {
        let bytes = chunks * CHUNK_BYTES;
        let sink = std::panic::catch_unwind(|| {
            let (source, sink) = (plaintext.as_slice(), Panics(bytes));
            payload::seal(&key(), NONCE, source, sink, threads, &mut |_| {}).is_ok()
        });
        assert!(sink.is_err());
        let source = std::panic::catch_unwind(|| {
            let (source, sink) = (Panics(bytes), io::sink());
            payload::seal(&key(), NONCE, source, sink, threads, &mut |_| {}).is_ok()
        });
        assert!(source.is_err());
    }
}

#[test]
fn a_file_is_its_header_and_its_payload() {
    let mut rng = crate::rng::TestRng::new(1);
    let identity = strongroom_agefile::Identity::generate(Default::default(), &mut rng);
    let file_key = FileKey::generate(&mut rng);
    let stanza = identity.recipient().wrap(&file_key, &mut rng);
    let mut file = Header::seal(vec![stanza], &file_key)
        .unwrap()
        .as_bytes()
        .to_vec();
    payload::seal(
        &file_key,
        NONCE,
        &b"text"[..],
        &mut file,
        two(),
        &mut |_| {},
    )
    .unwrap();

    let mut reader = file.as_slice();
    let header = Header::read(&mut reader).unwrap();
    let file_key = header.unwrap(&[&identity]).unwrap();
    let mut plaintext = Vec::new();
    payload::open(&file_key, reader, &mut plaintext, two(), &mut |_| {}).unwrap();
    assert_eq!(plaintext, b"text");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_or_flipped_bit_is_refused(
        chunks in 0..20_usize,
        rest in prop_oneof![Just(0), Just(1), 0..CHUNK_BYTES],
        place in any::<prop::sample::Index>(),
        bit in 0..8,
        threads in 1..4_usize,
    ) {
        let plaintext = plaintext(chunks * CHUNK_BYTES + rest);
        let sealed = seal(&plaintext, threads);
        let place = place.index(sealed.len());

        let (opened, output) = open(&sealed[..place], threads);
        prop_assert!(opened.is_err());
        prop_assert!(plaintext.starts_with(&output));

        let mut flipped = sealed;
        flipped[place] ^= 1_u8 << bit;
        let (opened, output) = open(&flipped, threads);
        prop_assert!(opened.is_err());
        prop_assert!(plaintext.starts_with(&output));
        let before = place.saturating_sub(NONCE_BYTES) / SEALED_CHUNK_BYTES * CHUNK_BYTES;
        let whole = if place < NONCE_BYTES { 0 } else { before };
        prop_assert_eq!(output.len(), whole);
    }
}

fn key() -> FileKey {
    FileKey::from_bytes(&[7; 16])
}

fn two() -> NonZeroUsize {
    NonZeroUsize::new(2).unwrap()
}

/// Bytes of which no two chunks are alike.
fn plaintext(length: usize) -> Vec<u8> {
    (0_u8..251).cycle().take(length).collect()
}

fn seal(plaintext: &[u8], threads: usize) -> Vec<u8> {
    let threads = NonZeroUsize::new(threads).unwrap();
    let mut sealed = Vec::new();
    let length = payload::seal(&key(), NONCE, plaintext, &mut sealed, threads, &mut |_| {});
    assert_eq!(length.unwrap(), plaintext.len() as u64);
    sealed
}

fn open(sealed: &[u8], threads: usize) -> (Result<u64, OpenError>, Vec<u8>) {
    let threads = NonZeroUsize::new(threads).unwrap();
    let mut output = Vec::new();
    let opened = payload::open(&key(), sealed, &mut output, threads, &mut |_| {});
    (opened, output)
}

fn flip(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] ^= 1;
    bytes
}

fn swap(bytes: &[u8], first: usize, second: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let (start, end) = bytes.split_at_mut(second);
    start[first..second].swap_with_slice(&mut end[..SEALED_CHUNK_BYTES]);
    assert_eq!(second - first, SEALED_CHUNK_BYTES);
    bytes
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Gives what it holds, then fails.
struct FailingReader<'b>(&'b [u8]);

impl Read for FailingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("a failing source")),
            length => Ok(length),
        }
    }
}

/// Takes so many bytes, then is closed.
struct FailingWriter(usize);

impl Write for FailingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let length = bytes.len().min(self.0);
        self.0 -= length;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives a few bytes at a time, and is interrupted between them.
struct Trickle<'b>(&'b [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let few = buffer.len().min(self.0.len() % 5000 + 1);
        if self.0.len() % 3 == 1 && few > 1 {
            return self.0.read(&mut buffer[..1]);
        }
        self.0.read(&mut buffer[..few])
    }
}

//! Payloads around the limits of chunks and batches, and what is done to them.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use strongroom_agefile::payload::{
    self, CHUNK_BYTES, NONCE_BYTES, OpenError, PayloadKey, SEALED_CHUNK_BYTES, SealError, Summary,
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
        let sealed = by_definition(&plaintext);
        assert_eq!(sealed.len() as u64, payload::sealed_len(length as u64));
        let summary = Summary {
            plaintext: length as u64,
            nonce: NONCE,
            last_tag: *sealed.last_chunk().unwrap(),
        };
        for threads in [1, 2, 3, 9, 1000] {
            assert!(seal(&plaintext, threads) == sealed, "{length} by {threads}");
            let (done, written) = seal_at(&plaintext, length, threads);
            assert_eq!(done.unwrap(), summary);
            assert!(written == sealed, "{length} by {threads}");
            for (opened, output) in [
                open(&sealed, threads),
                open_at(&sealed, sealed.len(), threads),
            ] {
                assert_eq!(opened.unwrap(), summary);
                assert!(output == plaintext, "{length} by {threads}");
            }
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
            let (opened, _) = open_at(&damaged, damaged.len(), threads);
            assert_eq!(format!("{:?}", opened.unwrap_err()), error, "{what}");
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
        let (opened, _) = open_at(&sealed, sealed.len(), threads);
        assert!(matches!(opened, Err(OpenError::Extended { whole }) if whole == 20 << 16));
    }
}

#[test]
fn of_two_last_chunks_the_first_is_the_end_of_what_is_whole() {
    let plaintext = plaintext(40 * CHUNK_BYTES);
    let key = PayloadKey::derive(&key(), &NONCE);
    for at in [0, 15, 16, 30] {
        let mut sealed = by_definition(&plaintext);
        let place = NONCE_BYTES + at * SEALED_CHUNK_BYTES;
        let mut chunk = plaintext[at * CHUNK_BYTES..][..CHUNK_BYTES].to_vec();
        let tag = key.seal_chunk(at as u64, true, &mut chunk);
        sealed[place..][..SEALED_CHUNK_BYTES].copy_from_slice(&[&chunk[..], &tag].concat());
        for threads in [1, 2, 5] {
            for (opened, _) in [
                open(&sealed, threads),
                open_at(&sealed, sealed.len(), threads),
            ] {
                let expected = ((at + 1) * CHUNK_BYTES) as u64;
                let error = opened.unwrap_err();
                assert!(
                    matches!(error, OpenError::Extended { whole } if whole == expected),
                    "{error:?} at {at}"
                );
            }
        }
    }
}

#[test]
fn a_source_that_became_shorter_is_told_and_never_ended_twice() {
    let plaintext = plaintext(LONG);
    let sealed = seal(&plaintext, 1);
    for threads in [1, 2, 5] {
        for shorter in [0, 1, CHUNK_BYTES, 16 * CHUNK_BYTES, LONG - 1] {
            let (done, _) = seal_at(&plaintext[..shorter], LONG, threads);
            assert!(matches!(done, Err(SealError::Shortened)), "{shorter}");
        }
        for shorter in [16, 17, 16 + SEALED_CHUNK_BYTES, sealed.len() - 1] {
            let (opened, _) = open_at(&sealed[..shorter], sealed.len(), threads);
            assert!(matches!(opened, Err(OpenError::Changed)), "{shorter}");
        }
    }
}

#[test]
fn of_a_source_that_grew_what_was_there_is_sealed_and_nothing_opened() {
    let plaintext = plaintext(LONG);
    for length in [0, 1, CHUNK_BYTES, 16 * CHUNK_BYTES, LONG - 1] {
        let (done, written) = seal_at(&plaintext, length, 2);
        assert_eq!(done.unwrap().plaintext, length as u64);
        assert!(written == by_definition(&plaintext[..length]), "{length}");
        let grown = [&written[..], &[0]].concat();
        let (opened, _) = open_at(&grown, written.len(), 2);
        assert!(matches!(opened, Err(OpenError::Changed)), "{length}");
    }
}

#[test]
fn nothing_more_is_read_at_offsets_after_the_first_damage() {
    let sealed = seal(&plaintext(LONG), 1);
    let damaged = flip(&sealed, NONCE_BYTES);
    let read = AtomicUsize::new(0);
    let opened = payload::open_at(
        &key(),
        damaged.len() as u64,
        |buffer, offset| {
            let bytes = read_at(&damaged, buffer, offset);
            read.fetch_add(bytes, Ordering::Relaxed);
            Ok(bytes)
        },
        |_, _| panic!("nothing that is damaged is written"),
        NonZeroUsize::MIN,
        &mut |_| {},
    );
    assert!(matches!(opened, Err(OpenError::Damaged { whole: 0 })));
    let most = NONCE_BYTES + 16 * SEALED_CHUNK_BYTES;
    assert!(read.into_inner() <= most);
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

    seen.clear();
    payload::open_at(
        &key(),
        sealed.len() as u64,
        |buffer, offset| Ok(read_at(&sealed, buffer, offset)),
        |_, _| Ok(()),
        two(),
        &mut |bytes| seen.push(bytes),
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

            let read = |buffer: &mut [u8], offset| Ok(read_at(&plaintext, buffer, offset));
            let fails = |buffer: &mut [u8], offset| match offset < after as u64 {
                true => read(buffer, offset),
                false => Err(io::Error::other("a failing source")),
            };
            let full = |_: &[u8], offset| match offset < after as u64 {
                true => Ok(()),
                false => Err(io::ErrorKind::StorageFull.into()),
            };
            let long = LONG as u64;
            let result = payload::seal_at(
                &key(),
                NONCE,
                long,
                fails,
                |_, _| Ok(()),
                threads,
                &mut |_| {},
            );
            assert!(matches!(result, Err(SealError::Read(_))));
            let result = payload::seal_at(&key(), NONCE, long, read, full, threads, &mut |_| {});
            assert!(matches!(result, Err(SealError::Write(_))));
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
        let (at_offsets, _) = open_at(&sealed[..place], place, threads);
        prop_assert_eq!(format!("{at_offsets:?}"), format!("{opened:?}"));

        let mut flipped = sealed;
        flipped[place] ^= 1_u8 << bit;
        let (opened, output) = open(&flipped, threads);
        prop_assert!(opened.is_err());
        prop_assert!(plaintext.starts_with(&output));
        let before = place.saturating_sub(NONCE_BYTES) / SEALED_CHUNK_BYTES * CHUNK_BYTES;
        let whole = if place < NONCE_BYTES { 0 } else { before };
        prop_assert_eq!(output.len(), whole);
        let (at_offsets, _) = open_at(&flipped, flipped.len(), threads);
        prop_assert_eq!(format!("{at_offsets:?}"), format!("{opened:?}"));
    }

    #[test]
    fn streams_and_offsets_give_and_take_what_the_definition_says(
        chunks in prop_oneof![0..3_usize, 14..19_usize, 30..70_usize],
        rest in prop_oneof![Just(0), Just(1), Just(CHUNK_BYTES - 1), 0..CHUNK_BYTES],
        threads in 1..12_usize,
    ) {
        let plaintext = plaintext(chunks * CHUNK_BYTES + rest);
        let sealed = by_definition(&plaintext);
        prop_assert!(seal(&plaintext, threads) == sealed);
        let (done, written) = seal_at(&plaintext, plaintext.len(), threads);
        prop_assert!(done.is_ok() && written == sealed);
        for (opened, output) in [open(&sealed, threads), open_at(&sealed, sealed.len(), threads)] {
            prop_assert_eq!(sealed.last_chunk(), Some(&opened.unwrap().last_tag));
            prop_assert!(output == plaintext);
        }
    }

    #[test]
    fn of_many_damaged_chunks_the_first_is_told(
        damaged in prop::collection::btree_set(0..69_u64, 1..5),
        threads in 1..6_usize,
    ) {
        let mut sealed = seal(&plaintext(70 * CHUNK_BYTES), 1);
        for chunk in &damaged {
            let place = NONCE_BYTES + usize::try_from(*chunk).unwrap() * SEALED_CHUNK_BYTES;
            sealed[place] ^= 1;
        }
        let first = BTreeSet::first(&damaged).unwrap() * CHUNK_BYTES as u64;
        for (opened, _) in [open(&sealed, threads), open_at(&sealed, sealed.len(), threads)] {
            let error = opened.unwrap_err();
            prop_assert!(
                matches!(error, OpenError::Damaged { whole } if whole == first),
                "{:?}", error
            );
        }
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
    let done = payload::seal(&key(), NONCE, plaintext, &mut sealed, threads, &mut |_| {});
    assert_eq!(done.unwrap().plaintext, plaintext.len() as u64);
    sealed
}

/// Seals one chunk after another, as spec/age.md#payload says.
fn by_definition(plaintext: &[u8]) -> Vec<u8> {
    let key = PayloadKey::derive(&key(), &NONCE);
    let mut sealed = NONCE.to_vec();
    let count = plaintext.len().div_ceil(CHUNK_BYTES).max(1);
    for index in 0..count {
        let chunk = &plaintext[index * CHUNK_BYTES..];
        let mut chunk = chunk[..chunk.len().min(CHUNK_BYTES)].to_vec();
        let tag = key.seal_chunk(index as u64, index + 1 == count, &mut chunk);
        sealed.extend([&chunk[..], &tag].concat());
    }
    sealed
}

/// Seals what is said to have this length.
fn seal_at(
    plaintext: &[u8],
    length: usize,
    threads: usize,
) -> (Result<Summary, SealError>, Vec<u8>) {
    let sealed = Mutex::new(Vec::new());
    let done = payload::seal_at(
        &key(),
        NONCE,
        length as u64,
        |buffer, offset| Ok(read_at(plaintext, buffer, offset)),
        |bytes, offset| write_at(&sealed, bytes, offset),
        NonZeroUsize::new(threads).unwrap(),
        &mut |_| {},
    );
    (done, sealed.into_inner().unwrap())
}

/// Opens what is said to have this length.
fn open_at(sealed: &[u8], length: usize, threads: usize) -> (Result<Summary, OpenError>, Vec<u8>) {
    let plaintext = Mutex::new(Vec::new());
    let done = payload::open_at(
        &key(),
        length as u64,
        |buffer, offset| Ok(read_at(sealed, buffer, offset)),
        |bytes, offset| write_at(&plaintext, bytes, offset),
        NonZeroUsize::new(threads).unwrap(),
        &mut |_| {},
    );
    (done, plaintext.into_inner().unwrap())
}

/// Reads as a file would, and now and then less than there is.
fn read_at(bytes: &[u8], buffer: &mut [u8], offset: u64) -> usize {
    let rest = bytes
        .get(usize::try_from(offset).unwrap()..)
        .unwrap_or_default();
    let most = if buffer.len() % 2 == 1 {
        1
    } else {
        buffer.len()
    };
    let read = rest.len().min(most);
    buffer[..read].copy_from_slice(&rest[..read]);
    read
}

fn write_at(file: &Mutex<Vec<u8>>, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut file = file.lock().unwrap();
    let begin = usize::try_from(offset).unwrap();
    let end = begin + bytes.len();
    let length = file.len().max(end);
    file.resize(length, 0);
    file[begin..end].copy_from_slice(bytes);
    Ok(())
}

fn open(sealed: &[u8], threads: usize) -> (Result<Summary, OpenError>, Vec<u8>) {
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

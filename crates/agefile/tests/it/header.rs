//! Headers: what is refused, and that what is read is what was written.

use std::io::Read;

use proptest::prelude::*;
use strongroom_agefile::header::{InvalidHeader, ReadHeaderError};
use strongroom_agefile::{FileKey, Header, Identity, KeyType, Stanza, UnwrapError};

use crate::rng::TestRng;

#[test]
fn reading_leaves_the_reader_at_the_payload() {
    let header = Header::seal(vec![stanza("a", 3)], &key()).unwrap();
    let file = [header.as_bytes(), b"--- payload\n"].concat();
    let mut reader = file.as_slice();
    assert_eq!(Header::read(&mut reader).unwrap(), header);
    assert_eq!(reader, b"--- payload\n");
}

#[test]
fn a_header_is_authentic_under_its_own_key_alone() {
    let header = Header::seal(vec![stanza("a", 3)], &key()).unwrap();
    assert!(header.is_authentic(&key()));
    assert!(!header.is_authentic(&FileKey::from_bytes(&[8; 16])));
    let other = Header::seal(vec![stanza("b", 3)], &key()).unwrap();
    let spliced = [
        &other.as_bytes()[..other.as_bytes().len() - 44],
        &header.as_bytes()[header.as_bytes().len() - 44..],
    ]
    .concat();
    let spliced = Header::read(&mut spliced.as_slice()).unwrap();
    assert!(!spliced.is_authentic(&key()));
}

#[test]
fn an_altered_header_is_told_from_a_foreign_one() {
    let mut rng = TestRng::new(1);
    let [mine, other] = [0; 2].map(|_| Identity::generate(KeyType::Hybrid, &mut rng));
    let file_key = FileKey::generate(&mut rng);
    let stanzas = vec![stanza("a", 1), mine.recipient().wrap(&file_key, &mut rng)];
    let header = Header::seal(stanzas.clone(), &file_key).unwrap();
    assert!(header.unwrap(&[&mine]).unwrap() == file_key);
    assert!(header.unwrap(&[&other, &mine]).unwrap() == file_key);
    assert_eq!(header.unwrap(&[&other]).err(), Some(UnwrapError::NoMatch));
    assert_eq!(header.unwrap(&[]).err(), Some(UnwrapError::NoMatch));

    let altered = Header::seal(stanzas, &FileKey::generate(&mut rng)).unwrap();
    assert_eq!(altered.unwrap(&[&mine]).err(), Some(UnwrapError::Altered));
    let opened = altered.unwrap_unauthenticated(&[&other, &mine]).unwrap();
    assert!(opened.file_key == file_key);
    assert_eq!((opened.stanza, opened.identity), (1, 1));
}

#[test]
fn stanzas_that_make_no_header_are_refused() {
    let refused = |stanzas| Header::seal(stanzas, &key()).unwrap_err();
    assert_eq!(refused(vec![]), InvalidHeader::NoStanza);
    assert_eq!(
        refused(vec![stanza("scrypt", 32), stanza("a", 1)]),
        InvalidHeader::PassphraseNotAlone
    );
    assert_eq!(
        refused(vec![stanza("scrypt", 32), stanza("scrypt", 32)]),
        InvalidHeader::PassphraseNotAlone
    );
    assert_eq!(
        refused(vec![stanza("a", Header::BYTES_MAX)]),
        InvalidHeader::TooLong
    );
    let arguments = vec!["a"; Header::ARGUMENTS_MAX];
    let many = Stanza::new("a", arguments, []).unwrap();
    assert_eq!(refused(vec![many]), InvalidHeader::TooLong);
    let most = vec![stanza("a", 1); Header::STANZAS_MAX];
    let header = Header::seal(most.clone(), &key()).unwrap();
    let read = Header::read(&mut header.as_bytes()).unwrap();
    assert_eq!(read.stanzas().len(), Header::STANZAS_MAX);
    let one_more = [most, vec![stanza("a", 1)]].concat();
    assert_eq!(refused(one_more), InvalidHeader::TooManyStanzas);
}

/// Before any is tried, and before all of it is read.
#[test]
fn a_header_of_too_many_stanzas_is_read_no_further() {
    let stanzas = b"-> a\n\n".repeat(Header::STANZAS_MAX + 1);
    let mut planted = b"age-encryption.org/v1\n"
        .chain(&stanzas[..])
        .chain(std::io::repeat(0));
    let error = Header::read(&mut std::io::BufReader::new(&mut planted)).unwrap_err();
    let expected = InvalidHeader::TooManyStanzas;
    assert!(matches!(error, ReadHeaderError::Invalid(error) if error == expected));
}

/// What fits is about as much as one identity should have to try.
#[test]
fn as_many_hybrid_stanzas_as_a_header_has_fit_into_it() {
    let mut rng = TestRng::new(5);
    let recipient = Identity::generate(KeyType::Hybrid, &mut rng).recipient();
    let hybrid = recipient.wrap(&key(), &mut rng);
    assert!(Header::seal(vec![hybrid; Header::STANZAS_MAX], &key()).is_ok());
}

#[test]
fn a_header_without_end_is_read_no_further_than_the_limit() {
    let endless = |start: &'static [u8], byte| start.chain(std::io::repeat(byte));
    let read = |start: &'static [u8], byte| {
        Header::read(&mut std::io::BufReader::new(endless(start, byte))).unwrap_err()
    };
    let too_long = |error| matches!(error, ReadHeaderError::Invalid(InvalidHeader::TooLong));
    assert!(matches!(read(b"", b'\n'), ReadHeaderError::NotAge));
    assert!(too_long(read(b"age-encryption.org/", b'v')));
    assert!(too_long(read(b"age-encryption.org/v1\n-> a", b'b')));
    assert!(too_long(read(b"age-encryption.org/v1\n-> a", b' ')));
}

#[test]
fn what_is_no_header_is_told_apart() {
    let read = |bytes: &[u8]| format!("{:?}", Header::read(&mut &*bytes).unwrap_err());
    assert_eq!(read(b""), "NotAge");
    assert_eq!(read(b"-----BEGIN AGE ENCRYPTED FILE-----\n"), "NotAge");
    assert_eq!(read(b"age-encryption.org/v2\n"), "UnknownVersion");
    assert_eq!(read(b"age-encryption.org/v1\r\n"), "LineEnds");
    assert_eq!(read(b"age-encryption.org/v1"), "Truncated");
    assert_eq!(read(b"age-encryption.org/v1\n-> a\n"), "Truncated");
    let malformed = read(b"age-encryption.org/v1\n-> a\n\n->\n\n");
    assert!(malformed.starts_with("Malformed { line: 4,"), "{malformed}");
}

prop_compose! {
    fn any_stanza()(
        tag in "[!-~]{1,12}".prop_filter("stands alone", |tag| tag != "scrypt"),
        args in prop::collection::vec("[!-~]{1,40}", 0..4),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) -> Stanza {
        Stanza::new(tag, args, body).unwrap()
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        stanzas in prop::collection::vec(any_stanza(), 1..4),
        key in any::<[u8; 16]>(),
    ) {
        let key = FileKey::from_bytes(&key);
        let header = Header::seal(stanzas.clone(), &key).unwrap();
        let read = Header::read(&mut header.as_bytes()).unwrap();
        prop_assert_eq!(&read, &header);
        prop_assert_eq!(read.stanzas(), &stanzas);
        prop_assert!(read.is_authentic(&key));
        let length: usize = stanzas.iter().map(Stanza::encoded_len).sum();
        prop_assert_eq!(header.as_bytes().len(), 22 + length + 48);
    }

    #[test]
    fn whatever_is_read_encodes_to_the_same_bytes(
        stanzas in prop::collection::vec(any_stanza(), 1..3),
        place in any::<prop::sample::Index>(),
        byte in prop_oneof![Just(b'\n'), Just(b' '), Just(b'='), Just(b'A'), any::<u8>()],
        insert in any::<bool>(),
    ) {
        let mut bytes = Header::seal(stanzas, &key()).unwrap().as_bytes().to_vec();
        let place = place.index(bytes.len());
        if insert {
            bytes.insert(place, byte);
        } else {
            bytes[place] = byte;
        }
        let mut reader = bytes.as_slice();
        if let Ok(read) = Header::read(&mut reader) {
            let covered = bytes.len() - reader.len();
            prop_assert_eq!(read.as_bytes(), &bytes[..covered]);
            let again = Header::seal(read.stanzas().to_vec(), &key()).unwrap();
            let without_mac = covered - 44;
            prop_assert_eq!(&again.as_bytes()[..without_mac], &bytes[..without_mac]);
            prop_assert_eq!(again.as_bytes().len(), covered);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [b"age-encryption.org/v1\n-> ", bytes.as_slice()].concat();
        _ = Header::read(&mut bytes.as_slice());
    }
}

fn key() -> FileKey {
    FileKey::from_bytes(&[7; 16])
}

fn stanza(tag: &str, body: usize) -> Stanza {
    Stanza::new(tag, ["argument"], vec![7; body]).unwrap()
}

//! Armor: what is written is read, and nothing else is.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use strongroom_agefile::armor::{ArmorError, ArmoredReader, ArmoredWriter, Dearmored};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n";
const END: &str = "-----END AGE ENCRYPTED FILE-----\n";

#[test]
fn a_few_bytes_make_three_lines() {
    assert_eq!(armor(b"text"), format!("{BEGIN}dGV4dA==\n{END}"));
    assert_eq!(armor(b""), format!("{BEGIN}{END}"));
    assert_eq!(armor(&[0; 48]), format!("{BEGIN}{}\n{END}", "A".repeat(64)));
}

#[test]
fn white_space_around_is_bounded() {
    let armored = armor(b"text");
    let spaces = " ".repeat(1023);
    assert_eq!(
        dearmor(&format!("{spaces}\n{armored}{spaces}\n")).unwrap(),
        b"text"
    );
    assert_eq!(
        dearmor(&format!("{spaces} \n{armored}")),
        Err(ArmorError::NoBegin)
    );
    assert_eq!(
        dearmor(&format!("{armored}{spaces}  ")),
        Err(ArmorError::Extended)
    );
    assert_eq!(dearmor(&format!("\n\r\n{armored}\t\n")).unwrap(), b"text");
}

#[test]
fn white_space_that_programs_put_around_lines_is_none_of_them() {
    let bytes = [7; 100];
    for line_end in ["  \n", "\t\r\n", "\n  "] {
        let armored = format!("\u{feff}{}", armor(&bytes)).replace('\n', line_end);
        let mut read = Vec::new();
        let mut reader = Dearmored::new(armored.as_bytes()).unwrap();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes, "{line_end:?}");
        // Read as strictly as age does, it is refused.
        assert!(dearmor(&armored).is_err());
    }
}

#[test]
fn malformed_armor_is_told_apart() {
    let line = "A".repeat(64);
    for (text, error) in [
        (String::new(), ArmorError::NoBegin),
        (format!(" {BEGIN}{END}"), ArmorError::NoBegin),
        (BEGIN.to_owned(), ArmorError::NoEnd),
        (format!("{BEGIN}AAAA\n"), ArmorError::NoEnd),
        (format!("{BEGIN}AAAA\nAAAA\n{END}"), ArmorError::NoEnd),
        (
            format!("{BEGIN}{line}\n\n{END}"),
            ArmorError::Malformed { line: 3 },
        ),
        (
            format!("{BEGIN}{line}A\n{END}"),
            ArmorError::Malformed { line: 2 },
        ),
        (
            format!("{BEGIN}AAA\n{END}"),
            ArmorError::Malformed { line: 2 },
        ),
        (
            format!("{BEGIN}AAB=\n{END}"),
            ArmorError::Malformed { line: 2 },
        ),
        (format!("{BEGIN}AAAA\n{END}x"), ArmorError::Extended),
        (
            format!("{BEGIN}AAAA\n{END}{BEGIN}AAAA\n{END}"),
            ArmorError::Extended,
        ),
    ] {
        assert_eq!(dearmor(&text), Err(error), "{text}");
    }
}

#[test]
fn what_comes_before_the_damage_is_read_and_the_damage_is_told_again() {
    let line = "A".repeat(64);
    let text = format!("{BEGIN}{line}\n{line}\n=\n");
    let mut reader = ArmoredReader::new(text.as_bytes());
    let mut bytes = [1; 96];
    reader.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, [0; 96]);
    for _ in 0..2 {
        let error = reader.read(&mut bytes).unwrap_err();
        assert_eq!(
            ArmorError::of(&error),
            Some(&ArmorError::Malformed { line: 4 })
        );
    }
}

#[test]
fn a_reader_that_ended_stays_so() {
    let text = armor(b"text");
    let mut reader = ArmoredReader::new(text.as_bytes());
    let mut bytes = Vec::new();
    assert_eq!(reader.read_to_end(&mut bytes).unwrap(), 4);
    assert_eq!(reader.read_to_end(&mut bytes).unwrap(), 0);
}

#[test]
fn the_whole_mark_tells_whether_a_file_is_armored() {
    let read = |bytes: &[u8]| {
        let mut reader = Dearmored::new(io::BufReader::new(bytes)).unwrap();
        let mut read = Vec::new();
        reader
            .read_to_end(&mut read)
            .map(|_| (reader.is_armored(), read))
    };
    assert_eq!(read(b"age").unwrap(), (false, b"age".to_vec()));
    assert_eq!(read(b"").unwrap(), (false, vec![]));
    assert_eq!(
        read(armor(b"text").as_bytes()).unwrap(),
        (true, b"text".to_vec())
    );
    for other in [
        &b"-"[..],
        b" age",
        b"\n\0\x01",
        b"-----BEGIN AGE",
        b"---\ntitle: x\n---\n",
    ] {
        assert_eq!(read(other).unwrap(), (false, other.to_vec()));
    }
}

proptest! {
    #[test]
    fn what_is_armored_in_pieces_is_read_in_pieces(
        bytes in prop::collection::vec(any::<u8>(), 0..20_000),
        pieces in prop::collection::vec(1..300_usize, 1..10),
        crlf in any::<bool>(),
    ) {
        let mut writer = ArmoredWriter::new(Vec::new());
        let mut rest = bytes.as_slice();
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, left) = rest.split_at((*piece).min(rest.len()));
            writer.write_all(piece).unwrap();
            rest = left;
        }
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        prop_assert_eq!(&text, &armor(&bytes));
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        let mut reader = ArmoredReader::new(io::BufReader::with_capacity(7, text.as_bytes()));
        let mut read = Vec::new();
        for piece in pieces.iter().cycle() {
            let mut buffer = vec![0; *piece];
            let length = reader.read(&mut buffer).unwrap();
            if length == 0 {
                break;
            }
            read.extend_from_slice(&buffer[..length]);
        }
        prop_assert!(read == bytes);
    }

    #[test]
    fn an_altered_character_is_refused_or_changes_the_bytes(
        bytes in prop::collection::vec(any::<u8>(), 1..200),
        place in any::<prop::sample::Index>(),
        character in "[ -~\n]",
    ) {
        let text = armor(&bytes);
        let place = place.index(text.len());
        let mut altered = text.clone();
        altered.replace_range(place..=place, &character);
        prop_assume!(altered.trim() != text.trim());
        prop_assert!(dearmor(&altered) != Ok(bytes));
    }
}

fn armor(bytes: &[u8]) -> String {
    let mut writer = ArmoredWriter::new(Vec::new());
    writer.write_all(bytes).unwrap();
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn dearmor(text: &str) -> Result<Vec<u8>, ArmorError> {
    let mut bytes = Vec::new();
    match ArmoredReader::new(text.as_bytes()).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(*ArmorError::of(&error).unwrap()),
    }
}

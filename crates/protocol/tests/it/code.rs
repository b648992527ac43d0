//! The recovery code: what is written is read back, and what is miswritten is noticed.

use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use strongroom_protocol::code::{CodeError, RecoveryCode};
use strongroom_protocol::id::AuthorityId;

use crate::rng::Counting;
use crate::vectors;

/// bech32's alphabet, in upper case (BIP 173).
const ALPHABET: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

#[test]
fn a_code_is_eight_groups_of_four_and_reads_back() {
    for seed in 0..500 {
        let text = text_of(seed);
        let groups: Vec<_> = text.split('-').collect();
        assert_eq!(groups.len(), 8);
        for group in groups {
            assert_eq!(group.len(), 4);
            assert!(group.chars().all(|character| ALPHABET.contains(character)));
        }
        assert_eq!(*RecoveryCode::parse(&text).unwrap().to_text(), text);
    }
}

#[test]
fn the_checksum_is_bech32m_under_a_prefix_that_is_not_written() {
    let prefix = bech32::Hrp::parse("strongroom-code").unwrap();
    for seed in 0..100 {
        let entropy = random_bytes(&mut Counting(seed));
        let expected = bech32::encode::<bech32::Bech32m>(prefix, &entropy).unwrap();
        let code = RecoveryCode::generate(&mut Fixed(entropy)).to_text();
        let written = code.replace('-', "").to_lowercase();
        assert_eq!(format!("strongroom-code1{written}"), expected);
    }
}

#[test]
fn case_spaces_dashes_and_look_alikes_do_not_matter() {
    for seed in 0..100 {
        let text = text_of(seed);
        let variants = [
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', " \t"),
            text.replace('-', "\u{2013}"),
            format!("\n  {text}\r\n"),
            text.replace('0', "O").replace('L', "1"),
            text.replace('0', "o").replace('L', "i"),
            text.replace('L', "I"),
        ];
        for variant in variants {
            assert_eq!(*RecoveryCode::parse(&variant).unwrap().to_text(), text);
        }
    }
}

#[test]
fn every_single_wrong_character_is_noticed() {
    for seed in 0..20 {
        let right = characters(seed);
        for place in 0..right.len() {
            for other in ALPHABET.chars().filter(|other| *other != right[place]) {
                let mut wrong = right.clone();
                wrong[place] = other;
                assert_eq!(error_of(&wrong), CodeError::Checksum);
            }
        }
    }
}

#[test]
fn every_swap_of_different_characters_is_noticed() {
    for seed in 0..50 {
        let right = characters(seed);
        for place in 0..right.len() {
            for other in (0..place).filter(|other| right[*other] != right[place]) {
                let mut wrong = right.clone();
                wrong.swap(place, other);
                assert_eq!(error_of(&wrong), CodeError::Checksum);
            }
        }
    }
}

#[test]
fn four_wrong_characters_are_noticed() {
    let mut rng = Counting(7);
    for seed in 0..2000 {
        let right = characters(seed);
        let mut wrong = right.clone();
        for _ in 0..4 {
            let [place, other] = random_bytes(&mut rng);
            let other = ALPHABET.as_bytes()[usize::from(other) % 32];
            wrong[usize::from(place) % 32] = char::from(other);
        }
        if wrong != right {
            assert_eq!(error_of(&wrong), CodeError::Checksum);
        }
    }
}

#[test]
fn a_missing_or_doubled_character_is_noticed_by_the_length() {
    let right = characters(1);
    for place in 0..right.len() {
        let mut short = right.clone();
        short.remove(place);
        assert_eq!(error_of(&short), CodeError::Length { found: 31 });
        let mut long = right.clone();
        long.insert(place, right[place]);
        assert_eq!(error_of(&long), CodeError::Length { found: 33 });
    }
}

#[test]
fn the_error_names_the_place_and_never_the_code() {
    let mut wrong = characters(1);
    wrong[6] = 'B';
    let error = error_of(&wrong);
    assert_eq!(error, CodeError::Character { position: 7 });
    let message = error.to_string();
    assert_eq!(
        message,
        "character 7 of the recovery code is one that no code has"
    );
}

#[test]
fn vectors_of_codes_are_read_and_give_their_keys() {
    for vector in vectors::read("code/accept.txt") {
        let code = RecoveryCode::parse(vector.one("code"))
            .unwrap_or_else(|error| panic!("{vector}: {error}"));
        assert_eq!(*code.to_text(), vector.one("written"), "{vector}");
        let mut entropy = Fixed(vector.array("entropy"));
        assert_eq!(
            *RecoveryCode::generate(&mut entropy).to_text(),
            *code.to_text(),
            "{vector}"
        );
        let authority = AuthorityId::from_bytes(vector.array("authority"));
        let key = code.signing_key(authority).unwrap();
        assert_eq!(key.expose_seed()[..], vector.bytes("seed"), "{vector}");
        assert_eq!(
            key.verifying_key().to_string(),
            vector.one("key"),
            "{vector}"
        );
    }
}

#[test]
fn vectors_of_wrong_codes_are_refused_as_they_say() {
    for vector in vectors::read("code/reject.txt") {
        let error = RecoveryCode::parse(vector.one("code")).err();
        let error = error.unwrap_or_else(|| panic!("{vector} was taken"));
        assert_eq!(error.to_string(), vector.one("error"), "{vector}");
    }
}

fn text_of(seed: u64) -> String {
    RecoveryCode::generate(&mut Counting(seed))
        .to_text()
        .to_string()
}

fn characters(seed: u64) -> Vec<char> {
    text_of(seed)
        .chars()
        .filter(|character| *character != '-')
        .collect()
}

fn error_of(characters: &[char]) -> CodeError {
    let text: String = characters.iter().collect();
    RecoveryCode::parse(&text).err().expect(&text)
}

fn random_bytes<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Sixteen bytes, once.
struct Fixed([u8; 16]);

impl TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("a code takes bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("a code takes bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

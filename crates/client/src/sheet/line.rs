//! All of a sheet in one line, for whoever would rather copy or scan than type; and the check digits of its ids
//! (spec/home.md#sheet).

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Checksum, Hrp};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{AuthorityId, OwnerId};
use zeroize::Zeroizing;

use super::Sheet;
use crate::address::Address;

/// What the line begins with, but for the case of the letters.
const PREFIX: &str = "strongroom1";

const LINE: Hrp = Hrp::parse_unchecked("strongroom");
const AUTHORITY: Hrp = Hrp::parse_unchecked("strongroom-authority");
const OWNER: Hrp = Hrp::parse_unchecked("strongroom-owner");

/// The only layout so far.
const LAYOUT: u8 = 1;

const CHECK_DIGITS: usize = 6;

/// Writes the line; none where the address is too long for one.
pub(super) fn write(sheet: &Sheet) -> Option<Zeroizing<String>> {
    let address = sheet.address.to_string();
    let mut bytes = Zeroizing::new(Vec::with_capacity(128 + address.len()));
    bytes.push(LAYOUT);
    bytes.extend_from_slice(sheet.code.expose());
    bytes.extend_from_slice(sheet.authority.as_bytes());
    bytes.extend_from_slice(sheet.owner.as_bytes());
    bytes.extend_from_slice(address.as_bytes());
    // Long enough from the start: a text that grows leaves its beginning behind in memory.
    let mut line = Zeroizing::new(String::with_capacity(64 + 2 * bytes.len()));
    bech32::encode_upper_to_fmt::<Bech32m, _>(&mut *line, LINE, &bytes).ok()?;
    Some(line)
}

/// Finds where in a text the line begins, and returns what follows its first word; that may be typed with 0 for O, and I or l
/// for 1.
pub(super) fn behind_prefix(text: &str) -> Option<&str> {
    let mut before = ' ';
    for (place, character) in text.char_indices() {
        if !before.is_alphanumeric()
            && let Some(found) = text.get(place..).and_then(without_prefix)
        {
            return Some(found);
        }
        before = character;
    }
    None
}

fn without_prefix(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    for wanted in PREFIX.chars() {
        let typed = match characters.next()?.to_ascii_lowercase() {
            '0' => 'o',
            'i' | 'l' => '1',
            other => other,
        };
        if typed != wanted {
            return None;
        }
    }
    Some(characters.as_str())
}

/// Reads the line as somebody typed it, from behind its first word on, with those that follow it where it was broken: in capitals
/// or not, with blanks, dashes and stops between and after.
pub(super) fn read<'t>(begun: &'t str, following: impl Iterator<Item = &'t str>) -> Option<Sheet> {
    let mut line = Zeroizing::new(String::with_capacity(Bech32m::CODE_LENGTH));
    line.push_str(PREFIX);
    for part in std::iter::once(begun).chain(following) {
        for character in part.chars().filter(|character| character.is_alphanumeric()) {
            // A text that grows leaves its beginning behind in memory.
            if line.len() + character.len_utf8() > Bech32m::CODE_LENGTH {
                return None;
            }
            line.push(match character.to_ascii_lowercase() {
                'o' => '0',
                'i' | '1' => 'l',
                other => other,
            });
        }
        // What stands below it may be something else.
        if let Some(sheet) = read_whole(&line) {
            return Some(sheet);
        }
    }
    None
}

fn read_whole(line: &str) -> Option<Sheet> {
    let checked = CheckedHrpstring::new::<Bech32m>(line).ok()?;
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(checked.byte_iter().collect());
    let (layout, rest) = bytes.split_first()?;
    let (code, rest) = rest.split_first_chunk()?;
    let (authority, rest) = rest.split_first_chunk()?;
    let (owner, address) = rest.split_first_chunk()?;
    if checked.hrp() != LINE || *layout != LAYOUT {
        return None;
    }
    Some(Sheet {
        address: Address::parse(str::from_utf8(address).ok()?).ok()?,
        authority: AuthorityId::from_bytes(*authority),
        owner: OwnerId::from_bytes(*owner),
        code: RecoveryCode::from_bytes(*code),
    })
}

/// Draws the line as a QR code, with half a character for each of its squares, dark ones filled. None where it is too long.
pub(super) fn draw(line: &str) -> Option<Zeroizing<String>> {
    let code = QrCode::with_error_correction_level(line, EcLevel::M).ok()?;
    let drawn = code.render::<Dense1x2>().quiet_zone(true).build();
    Some(Zeroizing::new(drawn))
}

/// Returns the check digits of an authority's id.
pub(super) fn check_of_authority(id: AuthorityId) -> String {
    check_digits(AUTHORITY, id.as_bytes())
}

/// Returns the check digits of an owner's id: others than an authority's of the same digits.
pub(super) fn check_of_owner(id: OwnerId) -> String {
    check_digits(OWNER, id.as_bytes())
}

/// Returns the digits by which up to four characters of an id that are wrong are noticed, and two that changed places.
fn check_digits(prefix: Hrp, id: &[u8; 32]) -> String {
    let encoded = bech32::encode_upper::<Bech32m>(prefix, id).unwrap_or_default();
    let digits = encoded.len().saturating_sub(CHECK_DIGITS);
    encoded.get(digits..).unwrap_or_default().to_owned()
}

/// Reads check digits as somebody typed them: O is 0, I and 1 are L; blanks and dashes do not matter.
pub(super) fn typed_check(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_alphanumeric);
    digits
        .map(|digit| match digit.to_ascii_uppercase() {
            'O' => '0',
            'I' | '1' => 'L',
            other => other,
        })
        .collect()
}

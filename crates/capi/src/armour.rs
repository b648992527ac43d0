//! The texts that programs and people put binary keys into: base64, hexadecimal, UTF-16, certutil's armour. Taken off
//! where what is inside is known, so that a key is a key however it was copied.

use std::borrow::Cow;
use std::mem;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::blob::Header;
use crate::{neighbour, pem};

/// Bytes without the texts that they were in.
pub struct Unarmoured<'b> {
    bytes: Cow<'b, [u8]>,
    layers: Vec<&'static str>,
}

impl<'b> Unarmoured<'b> {
    /// Takes off what there is, as long as there is some: hexadecimal in UTF-16 has two.
    #[must_use]
    pub fn read(bytes: &'b [u8]) -> Self {
        let mut read = Self {
            bytes: Cow::Borrowed(bytes),
            layers: Vec::new(),
        };
        while read.layers.len() < LAYERS_MAX
            && let Some((layer, mut inside)) = inside(&read.bytes)
        {
            read = Self {
                bytes: Cow::Owned(mem::take(&mut *inside)),
                layers: [read.layers.as_slice(), &[layer]].concat(),
            };
        }
        read
    }

    /// Returns what is inside.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what it was in, from the outside in: `base64`. Nothing, if it was as it is.
    #[must_use]
    pub fn layers(&self) -> &[&'static str] {
        &self.layers
    }
}

impl Drop for Unarmoured<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(bytes) = &mut self.bytes {
            zeroize::Zeroize::zeroize(bytes);
        }
    }
}

/// Nobody wraps a key up more often.
const LAYERS_MAX: usize = 4;

/// Takes one layer off.
fn inside(bytes: &[u8]) -> Option<(&'static str, Zeroizing<Vec<u8>>)> {
    if let Some(text) = utf16(bytes) {
        return Some(("UTF-16", Zeroizing::new(text.as_bytes().to_vec())));
    }
    let text = str::from_utf8(bytes).ok()?;
    // Windows' editors put a mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if pem::is_pem(text.as_bytes()) {
        // certutil -encode calls everything a certificate; others, a BLOB what the key in it would be called.
        let blocks = pem::read(text).ok()?;
        let [block] = blocks.as_slice() else {
            return None;
        };
        let inside = block.bytes.as_ref().filter(|inside| {
            Header::read(inside).is_ok()
                || block.label == "CERTIFICATE" && !inside.starts_with(b"0")
        })?;
        return Some(("PEM armour", inside.clone()));
    }
    if is_known(bytes) {
        return None;
    }
    let known = |bytes: &Zeroizing<Vec<u8>>| is_known(bytes);
    if let Some(inside) = hex(text).filter(known) {
        return Some(("hexadecimal", inside));
    }
    if let Some(inside) = hex_dump(text).filter(known) {
        return Some(("a hexadecimal dump", inside));
    }
    let inside = base64(text).filter(known)?;
    Some(("base64", inside))
}

/// Tells whether bytes begin as something that is read or named here does: text that decodes to anything else is not
/// taken for armour.
fn is_known(bytes: &[u8]) -> bool {
    Header::read(bytes).is_ok() || neighbour::is_known(bytes)
}

/// A text in UTF-16 of either order, with its mark or without: then the letters have a zero each.
fn utf16(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let (units, rest) = bytes.as_chunks::<2>();
    let (is_little, units) = match units {
        [[0xff, 0xfe], units @ ..] => (true, units),
        [[0xfe, 0xff], units @ ..] => (false, units),
        units if units.len() >= 8 && units.iter().all(|[a, b]| *a != 0 && *b == 0) => (true, units),
        units if units.len() >= 8 && units.iter().all(|[a, b]| *a == 0 && *b != 0) => {
            (false, units)
        }
        _ => return None,
    };
    if !rest.is_empty() {
        return None;
    }
    let read = if is_little {
        u16::from_le_bytes
    } else {
        u16::from_be_bytes
    };
    // At once as long as it can be: what grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(3 * units.len()));
    for character in char::decode_utf16(units.iter().map(|unit| read(*unit))) {
        text.push(character.ok()?);
    }
    Some(text)
}

/// Hexadecimal as programs print it: with or without spaces, commas, colons or a 0x for each byte, as an array of C's, as
/// a value in a file of the registry's.
fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, text) = text.split_once("hex:").unwrap_or(("", text));
    let text = Zeroizing::new(text.to_ascii_lowercase());
    let text = Zeroizing::new(text.replace("0x", " "));
    let text = Zeroizing::new(text.replace("\\x", " "));
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let is_between = |c: char| c.is_whitespace() || ",;:-{}[]()\\\"".contains(c);
    for word in text.split(is_between).filter(|word| !word.is_empty()) {
        let digits: Option<Vec<u32>> = word.chars().map(|digit| digit.to_digit(16)).collect();
        let digits = Zeroizing::new(digits?);
        // A byte below 16 may be printed as one digit, where bytes stand apart.
        if let [digit] = digits.as_slice() {
            bytes.push(u8::try_from(*digit).ok()?);
            continue;
        }
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        for [high, low] in pairs {
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        }
    }
    Some(bytes)
}

/// A dump as certutil -encodehex, xxd and hexdump -C print it: lines of an offset, bytes, and the same as text.
fn hex_dump(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        let (offset, rest) = line.split_once([':', ' ', '\t']).unwrap_or((line, ""));
        if usize::from_str_radix(offset, 16).ok()? != bytes.len() {
            return None;
        }
        // The text begins at a bar, or behind a gap that is wider than the one in the middle.
        let is_xxd = line.as_bytes().get(offset.len()) == Some(&b':');
        let gap = if is_xxd { "  " } else { "   " };
        let rest = rest.trim_start();
        let rest = rest.split_once('|').map_or(rest, |(bytes, _)| bytes);
        let rest = rest.split_once(gap).map_or(rest, |(bytes, _)| bytes);
        bytes.extend_from_slice(&hex(rest)?);
    }
    Some(bytes)
}

/// Base64 of either alphabet, with or without its padding and line breaks.
pub(crate) fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    plain.extend(
        text.chars()
            .filter(|c| !c.is_whitespace() && *c != '"')
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                other => other,
            }),
    );
    let mut bytes = Zeroizing::new(Vec::new());
    LENIENT.decode_vec(plain.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

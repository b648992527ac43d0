//! The two encodings of age: base64 without padding in headers, Bech32 in keys. Each value has one text, and every
//! other is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::primitives::checksum::Checksum;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

/// Encodes in base64 without padding.
pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Decodes base64 without padding. The engine refuses padding, white space and bits that no byte needs.
pub(crate) fn base64_decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

/// Decodes the base64 of exactly `N` bytes.
pub(crate) fn base64_array<const N: usize>(text: impl AsRef<[u8]>) -> Option<[u8; N]> {
    base64_decode(text)?.try_into().ok()
}

/// The checksum of Bech32 over texts of the length of a hybrid recipient. So long a text is not sure to show its
/// errors, but age has it so.
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    type CorrectionField = <Bech32 as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = Bech32::ROOT_GENERATOR;
    const ROOT_EXPONENTS: std::ops::RangeInclusive<usize> = Bech32::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = 2048;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

/// Encodes `bytes` under `prefix`, in the prefix's case. The text zeroes itself, for it may be a secret.
pub(crate) fn bech32_encode(prefix: &str, bytes: &[u8]) -> Zeroizing<String> {
    // Long enough never to be moved, which would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + bytes.len() * 2 + 8));
    let hrp = Hrp::parse(prefix).expect("our own prefixes are valid");
    let encoded = if prefix.starts_with(|first: char| first.is_ascii_uppercase()) {
        bech32::encode_upper_to_fmt::<LongBech32, String>(&mut text, hrp, bytes)
    } else {
        bech32::encode_lower_to_fmt::<LongBech32, String>(&mut text, hrp, bytes)
    };
    encoded.expect("our keys are shorter than the longest text");
    text
}

/// Decodes `N` bytes under `prefix`; says `None` to every text but the one that encodes them.
pub(crate) fn bech32_decode<const N: usize>(
    prefix: &str,
    text: &str,
) -> Option<Zeroizing<[u8; N]>> {
    let checked = CheckedHrpstring::new::<LongBech32>(text).ok()?;
    let mut bytes = Zeroizing::new([0; N]);
    let mut decoded = checked.byte_iter();
    for byte in bytes.iter_mut() {
        *byte = decoded.next()?;
    }
    // Another prefix, another case, more bytes or bits that no byte needs: all encode to another text.
    (*bech32_encode(prefix, bytes.as_ref()) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_checksum_is_sane() {
        LongBech32::sanity_check();
    }

    #[test]
    fn a_key_has_one_text() {
        let text = bech32_encode("age", &[7; 32]);
        assert_eq!(*bech32_decode::<32>("age", &text).unwrap(), [7; 32]);
        assert!(bech32_decode::<32>("age", &text.to_uppercase()).is_none());
        assert!(bech32_decode::<31>("age", &text).is_none());
        assert!(bech32_decode::<33>("age", &text).is_none());
        assert!(bech32_decode::<32>("agf", &text).is_none());
    }
}

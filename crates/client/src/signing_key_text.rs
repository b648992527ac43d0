//! The text of a file with one secret signing key: comments, and a line with a prefix and the seed in hexadecimal.

use strongroom_protocol::keys::SigningKey;
use zeroize::Zeroizing;

/// Writes a key behind `prefix`, under comment lines.
pub(crate) fn write(comment: &str, prefix: &str, key: &SigningKey) -> Zeroizing<String> {
    // As much as it takes, so that no copy stays behind in memory.
    let length = comment.len() + prefix.len() + 2 * SigningKey::SEED_BYTES + 1;
    let mut text = Zeroizing::new(String::with_capacity(length));
    text.push_str(comment);
    text.push_str(prefix);
    for byte in key.expose_seed() {
        text.push(hex_digit(byte >> 4));
        text.push(hex_digit(byte & 0x0f));
    }
    text.push('\n');
    text
}

fn hex_digit(value: u8) -> char {
    char::from_digit(value.into(), 16).expect("the value is below 16")
}

/// Reads the one line that is no comment.
pub(crate) fn parse(prefix: &str, text: &str) -> Option<SigningKey> {
    let mut lines = strongroom_text::lines(text).map(|(_, line)| line);
    let digits = lines.next()?.strip_prefix(prefix)?.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let mut seed = Zeroizing::new([0; SigningKey::SEED_BYTES]);
    if pairs.len() != seed.len() || lines.next().is_some() {
        return None;
    }
    for (byte, [high, low]) in seed.iter_mut().zip(pairs) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    Some(SigningKey::from_seed(&seed))
}

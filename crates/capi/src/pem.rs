//! Keys as text (RFC 7468), and why a text is no key we read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::blob::Fault;

/// Why a text is no RSA key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// The key is sealed with a passphrase, which is not this crate's business.
    #[error("the key is encrypted: take the passphrase off first")]
    Encrypted,
    /// What the label promises is not there, or it is not an RSA key.
    #[error("`{label}` does not hold an RSA key")]
    Der {
        /// The label.
        label: String,
    },
    /// An RSA key, but not one that may be used.
    #[error("in the key: {0}")]
    Key(#[from] Fault),
    /// A label that is not one of the wanted ones.
    #[error("`{label}` is not {wanted}")]
    Label {
        /// The label.
        label: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// No PEM at all.
    #[error("not one block of PEM")]
    Syntax,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const LINE: usize = 64;

/// Tells whether it looks like PEM, wherever that begins.
#[must_use]
pub fn is_pem(bytes: &[u8]) -> bool {
    bytes
        .windows(BEGIN.len())
        .any(|window| window == BEGIN.as_bytes())
}

/// Reads the one block of a text: its label and what is in it. Programs put attributes in front of it, as text.
pub(crate) fn read(text: &[u8]) -> Result<(String, Zeroizing<Vec<u8>>), PemError> {
    let text = str::from_utf8(text).map_err(|_| PemError::Syntax)?;
    // Windows' editors put a mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim_end);
    let label = lines
        .find_map(|line| line.strip_prefix(BEGIN)?.strip_suffix(DASHES))
        .ok_or(PemError::Syntax)?;
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    loop {
        let line = lines.next().ok_or(PemError::Syntax)?;
        if let Some(end) = line.strip_prefix(END) {
            if end.strip_suffix(DASHES) != Some(label) {
                return Err(PemError::Syntax);
            }
            break;
        }
        // What OpenSSL wrote above a key that its older format encrypts.
        if line.starts_with("Proc-Type:") {
            return Err(PemError::Encrypted);
        }
        base64.push_str(line);
    }
    if lines.any(|line| !line.is_empty()) {
        return Err(PemError::Syntax);
    }
    let bytes = STANDARD
        .decode(base64.as_bytes())
        .map_err(|_| PemError::Syntax)?;
    Ok((label.to_owned(), Zeroizing::new(bytes)))
}

/// Writes a block.
pub(crate) fn write(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(bytes));
    let room =
        base64.len() + base64.len() / LINE + 2 * (BEGIN.len() + label.len() + DASHES.len()) + 2;
    let mut text = Zeroizing::new(String::with_capacity(room));
    let mut line = |parts: &[&str]| {
        parts.iter().for_each(|part| text.push_str(part));
        text.push('\n');
    };
    line(&[BEGIN, label, DASHES]);
    for chunk in base64.as_bytes().chunks(LINE) {
        line(&[str::from_utf8(chunk).unwrap_or_default()]);
    }
    line(&[END, label, DASHES]);
    text
}

//! PEM (RFC 7468), as programs and people hand it over: several blocks, text before and between them, indented or in one
//! line. Written as it should be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Why a text is no RSA key in PEM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// The key is sealed with a passphrase, which is not this crate's business.
    #[error("the key is encrypted: take the passphrase off first")]
    Encrypted,
    /// What the label promises is not there, or it is no RSA key.
    #[error("`{label}` does not hold an RSA key")]
    NoKey {
        /// The label.
        label: String,
    },
    /// Keys that are not the halves of one.
    #[error("there is more than one RSA key in it: take out the one that is meant")]
    Several,
    /// No PEM at all, or a part of one.
    #[error("not PEM, or a part of it is missing")]
    Syntax,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const LINE: usize = 64;

/// Tells whether it looks like PEM, wherever that begins.
pub(crate) fn is_pem(bytes: &[u8]) -> bool {
    bytes
        .windows(BEGIN.len())
        .any(|window| window == BEGIN.as_bytes())
}

/// What lies between two lines of dashes.
pub(crate) struct Block<'t> {
    pub(crate) label: &'t str,
    /// Nothing, if it is encrypted.
    pub(crate) bytes: Option<Zeroizing<Vec<u8>>>,
}

/// Reads all blocks of a text. Programs put attributes in front of them, as text.
pub(crate) fn read(text: &str) -> Result<Vec<Block<'_>>, PemError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (label, block) = block.split_once(DASHES).ok_or(PemError::Syntax)?;
        let (body, after) = block.split_once(END).ok_or(PemError::Syntax)?;
        let after = after
            .strip_prefix(label)
            .and_then(|after| after.strip_prefix(DASHES));
        rest = after.ok_or(PemError::Syntax)?;
        // What OpenSSL writes above a key that its older format encrypts.
        let is_encrypted = body.contains("Proc-Type:") || label.starts_with("ENCRYPTED ");
        let bytes = match is_encrypted {
            true => None,
            false => Some(body_bytes(body).ok_or(PemError::Syntax)?),
        };
        blocks.push(Block { label, bytes });
    }
    match blocks.is_empty() {
        true => Err(PemError::Syntax),
        false => Ok(blocks),
    }
}

fn body_bytes(body: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    let lines = body.lines().filter(|line| !line.contains(':'));
    base64.extend(lines.flat_map(|line| line.chars().filter(|c| !c.is_whitespace())));
    STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
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

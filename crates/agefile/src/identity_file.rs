//! Identity and recipients files: age's text, a key a line, and identities sealed with a passphrase. Bytes only; where
//! they are kept is the caller's.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::num::NonZeroUsize;

use rand_core::CryptoRng;
use strongroom_text::NotText;
use zeroize::Zeroizing;

use crate::armor::{ArmoredWriter, Dearmored};
use crate::file_key::FileKey;
use crate::header::{Header, ReadHeaderError};
use crate::identity::{Identity, ParseIdentityError};
use crate::magic::Magic;
use crate::passphrase::{NoMemory, Passphrase, PassphraseIdentity, SCRYPT, WorkFactor};
use crate::payload::{self, NONCE_BYTES, OpenError};
use crate::recipient::{ParseRecipientError, Recipient};
use crate::unwrap::UnwrapError;

/// The length in bytes of the longest identity file that is read.
pub const IDENTITIES_BYTES_MAX: usize = 1 << 20;

/// The length in bytes of the longest recipients file that is read, as in age.
pub const RECIPIENTS_BYTES_MAX: usize = 16 << 20;

/// What an identity file holds.
pub enum IdentityFile {
    /// The identities, for whoever can read the file.
    Plain(IdentityList),
    /// An age file that a passphrase opens.
    Sealed(SealedIdentities),
}

impl IdentityFile {
    /// Reads an identity file of either kind.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, and in which line, but never quotes it.
    pub fn read(reader: impl Read) -> Result<Self, ReadIdentitiesError> {
        // Never moved, which would leave a copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(IDENTITIES_BYTES_MAX + 1));
        reader
            .take(IDENTITIES_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(ReadIdentitiesError::Read)?;
        if bytes.len() > IDENTITIES_BYTES_MAX {
            return Err(ReadIdentitiesError::TooLong);
        }
        match Magic::of_whole(&bytes) {
            Magic::Armored | Magic::Binary => {
                SealedIdentities::from_bytes(&bytes).map(Self::Sealed)
            }
            Magic::Other => Ok(Self::Plain(parse_identities(&bytes)?)),
        }
    }
}

/// Identities that a passphrase opens: an age file, armored or not, with a passphrase's stanza.
pub struct SealedIdentities {
    header: Header,
    payload: Vec<u8>,
}

impl SealedIdentities {
    fn from_bytes(bytes: &[u8]) -> Result<Self, ReadIdentitiesError> {
        let mut reader = Dearmored::new(bytes).map_err(ReadIdentitiesError::Read)?;
        let header = Header::read(&mut reader).map_err(ReadIdentitiesError::Header)?;
        if header.stanzas().iter().any(|stanza| stanza.tag() != SCRYPT) {
            return Err(ReadIdentitiesError::NotByPassphrase);
        }
        let mut payload = Vec::new();
        reader
            .read_to_end(&mut payload)
            .map_err(ReadIdentitiesError::Read)?;
        Ok(Self { header, payload })
    }

    /// Opens the identities.
    ///
    /// # Errors
    ///
    /// Tells a wrong passphrase ([`UnwrapError::NoMatch`]) from a damaged file and from one that holds no identities.
    pub fn open(
        &self,
        passphrase: &PassphraseIdentity,
    ) -> Result<IdentityList, OpenIdentitiesError> {
        let file_key = self.header.unwrap(&[passphrase])?;
        let mut text = Zeroizing::new(Vec::with_capacity(self.payload.len()));
        payload::open(
            &file_key,
            self.payload.as_slice(),
            &mut *text,
            NonZeroUsize::MIN,
            &mut |_| {},
        )?;
        Ok(parse_identities(&text)?)
    }
}

/// The identities of a file, with what is in it besides.
pub struct IdentityList {
    /// Those that can be used: one at least.
    pub identities: Vec<Identity>,
    /// Lines that can't.
    pub unusable: Vec<UnusableIdentity>,
}

/// A line of an identity file that is none which can be used here: a plugin's, or one that is mistyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} can't be used: {source}")]
pub struct UnusableIdentity {
    /// The line, counted from 1.
    pub line: usize,
    /// How many stand before it that can be used.
    pub place: usize,
    /// Why it can't.
    pub source: ParseIdentityError,
}

/// Parses identities, a line each; empty lines and those that begin with `#` are passed over, and so is what is said behind
/// one. A line that can't be used does not hinder the others.
///
/// # Errors
///
/// None can be used. Says why the first can't, but never quotes it.
pub fn parse_identities(text: &[u8]) -> Result<IdentityList, ParseIdentitiesError> {
    let mut list = IdentityList {
        identities: Vec::new(),
        unusable: Vec::new(),
    };
    for (line, key) in strongroom_text::lines(strongroom_text::decode(text)?) {
        match strongroom_text::without_remark(key).parse() {
            Ok(identity) => list.identities.push(identity),
            Err(source) => list.unusable.push(UnusableIdentity {
                line,
                place: list.identities.len(),
                source,
            }),
        }
    }
    match (list.identities.is_empty(), list.unusable.first()) {
        (false, _) => Ok(list),
        (true, None) => Err(ParseIdentitiesError::Empty),
        (true, Some(UnusableIdentity { line, source, .. })) => Err(ParseIdentitiesError::Line {
            line: *line,
            source: *source,
        }),
    }
}

/// Parses recipients, a line each; empty lines and those that begin with `#` are passed over, and so is what is said behind
/// one.
///
/// # Errors
///
/// Says which line is no recipient, but never quotes it: it may be a secret key.
pub fn parse_recipients(text: &[u8]) -> Result<Vec<Recipient>, ParseRecipientsError> {
    if text.len() > RECIPIENTS_BYTES_MAX {
        return Err(ParseRecipientsError::TooLong);
    }
    let text = strongroom_text::decode(text)?;
    let recipients: Vec<_> = strongroom_text::lines(text)
        .map(|(line, key)| {
            strongroom_text::without_remark(key)
                .parse()
                .map_err(|source| ParseRecipientsError::Line { line, source })
        })
        .collect::<Result<_, _>>()?;
    if recipients.is_empty() {
        return Err(ParseRecipientsError::Empty);
    }
    Ok(recipients)
}

/// Writes an identity file: when the key was made, as the caller says it, the public key, the secret key.
#[must_use]
pub fn identity_text(identity: &Identity, created: &str) -> Zeroizing<String> {
    // A line break would end the comment.
    let created = created.lines().next().unwrap_or_default();
    let recipient = identity.recipient().to_string();
    let secret = identity.to_text();
    // Long enough never to be moved, which would leave a copy behind.
    let length = created.len() + recipient.len() + secret.len() + 64;
    let mut text = Zeroizing::new(String::with_capacity(length));
    writeln!(
        text,
        "# created: {created}\n# public key: {recipient}\n{}",
        *secret
    )
    .expect("a string takes all");
    text
}

/// Seals the text of an identity file with a passphrase, as an armored age file.
///
/// # Errors
///
/// Says so when the text holds no identities, or when there is not the memory for it.
#[expect(
    clippy::missing_panics_doc,
    reason = "nothing here depends on what is sealed"
)]
pub fn seal_identities(
    text: &str,
    passphrase: &Passphrase,
    work_factor: WorkFactor,
    rng: &mut impl CryptoRng,
) -> Result<String, SealIdentitiesError> {
    parse_identities(text.as_bytes())?;
    let file_key = FileKey::generate(rng);
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let stanza = passphrase.wrap(&file_key, work_factor, rng)?;
    let header = Header::seal(vec![stanza], &file_key).expect("the stanza is alone and short");
    Ok(armored(&header, &file_key, nonce, text.as_bytes())
        .expect("writing to memory does not fail, and armor is text"))
}

fn armored(
    header: &Header,
    file_key: &FileKey,
    nonce: [u8; NONCE_BYTES],
    plaintext: &[u8],
) -> io::Result<String> {
    let mut writer = ArmoredWriter::new(Vec::new());
    io::Write::write_all(&mut writer, header.as_bytes())?;
    payload::seal(
        file_key,
        nonce,
        plaintext,
        &mut writer,
        NonZeroUsize::MIN,
        &mut |_| {},
    )
    .map_err(io::Error::other)?;
    String::from_utf8(writer.finish()?).map_err(io::Error::other)
}

/// Why an identity file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadIdentitiesError {
    /// The source failed.
    #[error("cannot read the identity file")]
    Read(#[source] io::Error),
    /// It is longer than [`IDENTITIES_BYTES_MAX`].
    #[error("the identity file is longer than {IDENTITIES_BYTES_MAX} bytes")]
    TooLong,
    /// It is an age file with a malformed header.
    #[error("the identity file is sealed, but damaged")]
    Header(#[source] ReadHeaderError),
    /// It is an age file that is encrypted to a key.
    #[error("the identity file is encrypted, but not with a passphrase")]
    NotByPassphrase,
    /// Its text is malformed.
    #[error(transparent)]
    Parse(#[from] ParseIdentitiesError),
}

/// Why an identity file was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealIdentitiesError {
    /// There is not the memory that the passphrase takes.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// The text holds no identities.
    #[error(transparent)]
    Parse(#[from] ParseIdentitiesError),
}

/// Why a sealed identity file was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenIdentitiesError {
    /// The passphrase is another, or the header is damaged.
    #[error("the passphrase does not open the identity file")]
    Unwrap(#[from] UnwrapError),
    /// The payload is damaged.
    #[error("the identity file is damaged")]
    Open(#[from] OpenError),
    /// It opened, but its text is malformed.
    #[error(transparent)]
    Parse(#[from] ParseIdentitiesError),
}

/// Why a text is no identity file. None of these quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdentitiesError {
    /// It has no identity.
    #[error("the identity file holds no identity")]
    Empty,
    /// A line is no identity.
    #[error("line {line} of the identity file is no identity")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// Why it is none.
        source: ParseIdentityError,
    },
    /// It is not in UTF-8.
    #[error("the identity file is no text: {0}")]
    NotText(#[from] NotText),
}

/// Why a text is no recipients file. None of these quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseRecipientsError {
    /// It has no recipient.
    #[error("the recipients file holds no recipient")]
    Empty,
    /// A line is no recipient.
    #[error("line {line} of the recipients file is no recipient")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// Why it is none.
        source: ParseRecipientError,
    },
    /// It is not in UTF-8.
    #[error("the recipients file is no text: {0}")]
    NotText(#[from] NotText),
    /// It is longer than [`RECIPIENTS_BYTES_MAX`].
    #[error("the recipients file is longer than {RECIPIENTS_BYTES_MAX} bytes")]
    TooLong,
}

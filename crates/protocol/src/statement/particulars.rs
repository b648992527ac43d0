//! What is said of a deposit beside its key: a description, labels, what rides along (spec/deposit.md#particulars).

use std::collections::{BTreeMap, BTreeSet};

use crate::encoding::{Canonical, Malformed, Reader, Writer, decode, encode};
use crate::id::{Digest, Serial, Time};

/// What an owner says of a session key, for people to find it by. The authority reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Particulars {
    description: String,
    labels: BTreeMap<String, String>,
    attachment: Vec<u8>,
}

impl Particulars {
    /// The length in bytes of the longest description.
    pub const DESCRIPTION_BYTES_MAX: usize = 4096;
    /// The most labels a deposit has.
    pub const LABELS_MAX: usize = 64;
    /// The length in bytes of the longest name or value of a label.
    pub const LABEL_BYTES_MAX: usize = 1024;
    /// The length in bytes of the longest encoding of all of it: 256 of them fit into a statement, a release's too.
    pub const BYTES_MAX: usize = 12 * 1024;

    /// The length in bytes of the longest attachment.
    pub const ATTACHMENT_BYTES_MAX: usize = 8 * 1024;

    /// Begins the names of labels that are not their owner's to give (spec/protect.md#reserved-labels).
    pub const RESERVED: &str = "strongroom/";
    /// The most deposits that one supersedes.
    pub const SUPERSEDES_MAX: usize = 16;
    /// The name of the label that says which; the other reserved ones are in the table below.
    const SUPERSEDES: &str = "strongroom/supersedes";

    /// Takes a description and labels.
    ///
    /// # Errors
    ///
    /// Says which is too long or reserved, or that there are too many.
    pub fn new(
        description: String,
        labels: BTreeMap<String, String>,
    ) -> Result<Self, ParticularsError> {
        if labels.keys().any(|name| name.starts_with(Self::RESERVED)) {
            return Err(ParticularsError::Reserved);
        }
        Self::bounded(description, labels, Vec::new())
    }

    /// Adds which deposits under its name a secret supersedes (spec/secret.md#names): the newest that are known, in
    /// whichever order. Of more than [`Self::SUPERSEDES_MAX`] the others stay beside it.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn with_supersedes(self, serials: &[Serial]) -> Result<Self, ParticularsError> {
        let serials: BTreeSet<Serial> = serials.iter().copied().collect();
        let serials = serials.iter().take(Self::SUPERSEDES_MAX);
        let serials: Vec<_> = serials.map(Serial::to_string).collect();
        if serials.is_empty() {
            return Ok(self);
        }
        self.with_reserved(Self::SUPERSEDES, serials.join(" "))
    }

    /// Attaches what rides along, encrypted under the session key (spec/secret.md#attachment).
    ///
    /// # Errors
    ///
    /// Says so when it is too long, or there is no room for it.
    pub fn with_attachment(self, attachment: Vec<u8>) -> Result<Self, ParticularsError> {
        Self::bounded(self.description, self.labels, attachment)
    }

    fn with_reserved(mut self, name: &str, value: String) -> Result<Self, ParticularsError> {
        if value.is_empty() && name == Self::NAME {
            return Err(ParticularsError::Name);
        }
        self.labels.insert(name.to_owned(), value);
        Self::bounded(self.description, self.labels, self.attachment)
    }

    /// Takes what is within bounds, with reserved labels: also those that a later version may give.
    fn bounded(
        description: String,
        labels: BTreeMap<String, String>,
        attachment: Vec<u8>,
    ) -> Result<Self, ParticularsError> {
        if attachment.len() > Self::ATTACHMENT_BYTES_MAX {
            return Err(ParticularsError::Attachment);
        }
        if description.len() > Self::DESCRIPTION_BYTES_MAX {
            return Err(ParticularsError::Description);
        }
        if labels.len() > Self::LABELS_MAX {
            return Err(ParticularsError::Labels);
        }
        let fits = |text: &String| text.len() <= Self::LABEL_BYTES_MAX;
        if !labels
            .iter()
            .all(|(name, value)| !name.is_empty() && fits(name) && fits(value))
        {
            return Err(ParticularsError::Label);
        }
        let particulars = Self {
            description,
            labels,
            attachment,
        };
        if encode(&particulars).len() > Self::BYTES_MAX {
            return Err(ParticularsError::Together);
        }
        Ok(particulars)
    }

    /// Returns the description.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns the labels, by name.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Returns which deposits a secret supersedes, as its owner says, sorted: none where the label is not as
    /// [`Self::with_supersedes`] makes it, as a part of it might hide a secret that is the newest.
    #[must_use]
    pub fn supersedes(&self) -> Vec<Serial> {
        let Some(serials) = self.labels.get(Self::SUPERSEDES) else {
            return Vec::new();
        };
        let serials = serials.split(' ').map(str::parse);
        let serials: Result<Vec<Serial>, _> = serials.take(Self::SUPERSEDES_MAX + 1).collect();
        serials
            .ok()
            .filter(|serials| serials.len() <= Self::SUPERSEDES_MAX)
            .filter(|serials| serials.is_sorted_by(|one, next| one < next))
            .unwrap_or_default()
    }

    /// Returns the labels that their owner gave.
    pub fn own_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels
            .iter()
            .filter(|(name, _)| !name.starts_with(Self::RESERVED))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns what rides along, encrypted under the session key: an age file of that key, or nothing.
    #[must_use]
    pub fn attachment(&self) -> &[u8] {
        &self.attachment
    }

    /// Returns `E(description, (name, value).., attachment)`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] returns.
    ///
    /// # Errors
    ///
    /// They are no particulars.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        decode(bytes)
    }

    /// Returns SHA-256 of `E(description, (name, value).., attachment)`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&encode(self)])
    }
}

/// Makes what adds and what reads each of the labels that are not their owner's to give.
macro_rules! reserved_labels {
    ($($constant:ident = $name:literal, $value:ty: $with:ident, $read:ident: $what:literal;)+) => {
        impl Particulars {
            $(
                const $constant: &str = $name;

                #[doc = concat!("Adds ", $what, ".")]
                ///
                /// # Errors
                ///
                /// There is no room for it, or it is a name and empty.
                pub fn $with(self, value: $value) -> Result<Self, ParticularsError> {
                    self.with_reserved(Self::$constant, LabelValue::write(value))
                }

                #[doc = concat!("Returns ", $what, "; none if its owner did not say, or it is malformed.")]
                #[must_use]
                pub fn $read(&self) -> Option<$value> {
                    LabelValue::read(self.labels.get(Self::$constant)?)
                }
            )+
        }
    };
}

reserved_labels! {
    BLOB = "strongroom/blob", Digest: with_blob, blob:
        "what a SIMPLEBLOB's deposit claims: its [`claim`](crate::simple_blob::claim)";
    CIPHER = "strongroom/cipher", &str: with_cipher, cipher:
        "what a program set on the session key before it encrypted, which nothing in its file tells (spec/capi-owner.md#the-deposit)";
    CHECKED = "strongroom/checked", Time: with_checked, checked:
        "when a secret's check passed (spec/secret.md#checks)";
    HEADER = "strongroom/header", Digest: with_header, header:
        "the digest by which a file is found that does not say itself where its deposit is: a claim, like a pointer";
    NAME = "strongroom/name", &str: with_name, name:
        "the name that a secret goes by (spec/secret.md#names)";
    OWN_BLOB = "strongroom/own-blob", Digest: with_own_blob, own_blob:
        "SHA-256 of the SIMPLEBLOB that the file had for its owner at the deposit, by which the file is found";
    PADDING = "strongroom/padding", &str: with_padding, padding:
        "how the owner's own wrap of the session key is padded, which nothing in that tells (spec/capi-owner.md#the-deposit)";
    PAYLOAD = "strongroom/payload", Digest: with_payload, payload:
        "the digest of what the session key encrypts, of a file whose format has no integrity (spec/capi-owner.md#the-deposit)";
}

/// What a reserved label says, as its text.
trait LabelValue<'l>: Sized {
    fn write(self) -> String;
    fn read(text: &'l str) -> Option<Self>;
}

impl LabelValue<'_> for Digest {
    fn write(self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<'l> LabelValue<'l> for &'l str {
    fn write(self) -> String {
        self.to_owned()
    }

    fn read(text: &'l str) -> Option<Self> {
        Some(text)
    }
}

impl LabelValue<'_> for Time {
    fn write(self) -> String {
        self.as_millis().to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::from_millis)
    }
}

impl Canonical for Particulars {
    fn write(&self, writer: &mut Writer) {
        writer
            .array(3)
            .text(&self.description)
            .array(self.labels.len());
        for (name, value) in &self.labels {
            writer.array(2).text(name).text(value);
        }
        writer.bytes(&self.attachment);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(3, "particulars")?;
        let description = reader.short_text(Self::DESCRIPTION_BYTES_MAX, "description")?;
        let labels: Vec<NameAndValue> = reader.items(Self::LABELS_MAX as u64, "labels")?;
        // Names out of order or said twice are found when what was read is encoded again.
        let labels = labels.into_iter().map(|label| (label.0, label.1)).collect();
        let attachment = reader.bytes("attachment")?.to_vec();
        Self::bounded(description, labels, attachment).map_err(|_| reader.malformed("particulars"))
    }
}

struct NameAndValue(String, String);

impl Canonical for NameAndValue {
    fn write(&self, writer: &mut Writer) {
        writer.array(2).text(&self.0).text(&self.1);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(2, "label")?;
        Ok(Self(
            reader.short_text(Particulars::LABEL_BYTES_MAX, "label")?,
            reader.short_text(Particulars::LABEL_BYTES_MAX, "label")?,
        ))
    }
}

/// A description or a label that no deposit takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParticularsError {
    /// Too long an attachment.
    #[error(
        "what rides along is longer than {} bytes",
        Particulars::ATTACHMENT_BYTES_MAX
    )]
    Attachment,
    /// Too long a description.
    #[error(
        "the description is longer than {} bytes",
        Particulars::DESCRIPTION_BYTES_MAX
    )]
    Description,
    /// Too long a label, or one without a name.
    #[error(
        "a label has no name, or is longer than {} bytes",
        Particulars::LABEL_BYTES_MAX
    )]
    Label,
    /// Too many labels.
    #[error("there are more than {} labels", Particulars::LABELS_MAX)]
    Labels,
    /// A secret's name that says nothing.
    #[error("a name is not empty")]
    Name,
    /// A label whose name only Strongroom gives.
    #[error(
        "names of labels that begin with `{}` are reserved",
        Particulars::RESERVED
    )]
    Reserved,
    /// Each fits, and all of them do not.
    #[error(
        "the description, the labels and what rides along together take more than {} bytes",
        Particulars::BYTES_MAX
    )]
    Together,
}

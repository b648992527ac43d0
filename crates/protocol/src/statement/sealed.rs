//! A session key as it is sealed, for a deposit or a release: its label, what was said of it, its ciphertext.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::encoding::{Canonical, Malformed, Reader, Writer, decode, encode};
use crate::id::{AuthorityId, Digest, OwnerId, Serial, Time};
use crate::session_key::{Algorithm, BlindedKey, Commitment, SessionKey};
use crate::simple_blob::BlindedBlob;
use crate::wrap::{Encapsulation, NotOpened, Opening};

use super::content::Content;

/// What a wrap is bound to (PROTOCOL's L, spec/deposit.md#label): whose key it is, which, of what kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepositLabel {
    /// With whom it is deposited.
    pub authority: AuthorityId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Which of the owner's.
    pub serial: Serial,
    /// What is deposited: the session key, or a blob with it inside.
    pub content: Content,
    /// What the session key is for.
    pub algorithm: Algorithm,
    /// Its length in bits.
    pub bits: u16,
    /// What shows that a wrap holds this key and no other; of an unproven blob, this blob.
    pub commitment: Commitment,
    /// Digest of the description, labels and attachment.
    pub particulars: Digest,
}

impl DepositLabel {
    /// Returns SHA-256 of `E(authority, owner, serial, kind, algorithm, bits, padding, commitment, particulars)`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut writer = Writer::new();
        writer.array(9).item(&self.authority).item(&self.owner);
        self.write_own(&mut writer);
        Digest::of(&[&writer.into_bytes()])
    }

    /// Writes the seven fields that differ between the keys of one statement.
    fn write_own(&self, writer: &mut Writer) {
        self.content.write_kind(writer.item(&self.serial));
        writer.item(&self.algorithm).uint(self.bits.into());
        self.content.write_padding(writer);
        writer.item(&self.commitment).item(&self.particulars);
    }

    fn read_own(
        reader: &mut Reader<'_>,
        authority: AuthorityId,
        owner: OwnerId,
    ) -> Result<Self, Malformed> {
        let serial = reader.item()?;
        let kind = Content::read_kind(reader)?;
        let algorithm = reader.item()?;
        let bits = reader.uint("length of the session key")?;
        let bits =
            u16::try_from(bits).map_err(|_| reader.malformed("length of the session key"))?;
        Ok(Self {
            authority,
            owner,
            serial,
            content: Content::read_padding(kind, reader)?,
            algorithm,
            bits,
            commitment: reader.item()?,
            particulars: reader.item()?,
        })
    }
}

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
    /// The name of the label that says what a SIMPLEBLOB's deposit claims.
    const BLOB: &str = "strongroom/blob";
    /// The name of the label that says when a secret's check passed.
    const CHECKED: &str = "strongroom/checked";
    /// The name of the label that says of which header a deposit is whose file has no pointer.
    const HEADER: &str = "strongroom/header";
    /// The name of the label that says what a secret is called.
    const NAME: &str = "strongroom/name";
    /// The name of the label that says which blob a file has for its owner.
    const OWN_BLOB: &str = "strongroom/own-blob";
    /// The name of the label that says how the owner's own wrap of the key is padded.
    const PADDING: &str = "strongroom/padding";
    /// The name of the label that says which bytes the key encrypts.
    const PAYLOAD: &str = "strongroom/payload";

    /// The name of the label that says which deposits a secret supersedes.
    const SUPERSEDES: &str = "strongroom/supersedes";
    /// The most deposits that one supersedes.
    pub const SUPERSEDES_MAX: usize = 16;

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

    /// Adds the digest by which the file is found, which does not say itself where its deposit is.
    ///
    /// # Errors
    ///
    /// Says so when there is no room for it.
    pub fn with_header(self, header: Digest) -> Result<Self, ParticularsError> {
        self.with_reserved(Self::HEADER, header.to_string())
    }

    /// Adds what a SIMPLEBLOB's deposit claims: its [`claim`](crate::simple_blob::claim).
    ///
    /// # Errors
    ///
    /// Says so when there is no room for it.
    pub fn with_blob(self, claim: Digest) -> Result<Self, ParticularsError> {
        self.with_reserved(Self::BLOB, claim.to_string())
    }

    /// Adds SHA-256 of the SIMPLEBLOB that the file has for its owner, by which the file is found.
    ///
    /// # Errors
    ///
    /// Says so when there is no room for it.
    pub fn with_own_blob(self, digest: Digest) -> Result<Self, ParticularsError> {
        self.with_reserved(Self::OWN_BLOB, digest.to_string())
    }

    /// Adds the digest of what the session key encrypts, of a file whose format has no integrity
    /// (spec/capi-owner.md#the-deposit).
    ///
    /// # Errors
    ///
    /// Says so when there is no room for it.
    pub fn with_payload(self, payload: Digest) -> Result<Self, ParticularsError> {
        self.with_reserved(Self::PAYLOAD, payload.to_string())
    }

    /// Adds how the owner's own wrap of the session key is padded, which nothing in that tells
    /// (spec/capi-owner.md#the-deposit).
    ///
    /// # Errors
    ///
    /// Says so when there is no room for it.
    pub fn with_padding(self, padding: &str) -> Result<Self, ParticularsError> {
        self.with_reserved(Self::PADDING, padding.to_owned())
    }

    /// Adds the name that a secret goes by (spec/secret.md#names).
    ///
    /// # Errors
    ///
    /// Says so when it is too long, empty, or there is no room for it.
    pub fn with_name(self, name: &str) -> Result<Self, ParticularsError> {
        if name.is_empty() {
            return Err(ParticularsError::Name);
        }
        self.with_reserved(Self::NAME, name.to_owned())
    }

    /// Adds when a secret's check passed (spec/secret.md#checks).
    ///
    /// # Errors
    ///
    /// Says so when there is no room for it.
    pub fn with_checked(self, time: Time) -> Result<Self, ParticularsError> {
        self.with_reserved(Self::CHECKED, time.as_millis().to_string())
    }

    /// Adds which deposits under its name a secret supersedes (spec/secret.md#names): the newest that are known. Of more
    /// than [`Self::SUPERSEDES_MAX`] the others stay beside it.
    ///
    /// # Errors
    ///
    /// Says so when there is no room for it.
    pub fn with_supersedes(self, serials: &[Serial]) -> Result<Self, ParticularsError> {
        if serials.is_empty() {
            return Ok(self);
        }
        let mut serials: Vec<_> = serials.iter().map(Serial::to_string).collect();
        serials.sort_unstable();
        serials.truncate(Self::SUPERSEDES_MAX);
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

    /// Returns the digest by which a file is found that does not say itself where its deposit is. It is a claim, like
    /// a pointer.
    #[must_use]
    pub fn header(&self) -> Option<Digest> {
        self.labels.get(Self::HEADER)?.parse().ok()
    }

    /// Returns what a SIMPLEBLOB's deposit claims.
    #[must_use]
    pub fn blob(&self) -> Option<Digest> {
        self.labels.get(Self::BLOB)?.parse().ok()
    }

    /// Returns SHA-256 of the SIMPLEBLOB that the file had for its owner at the deposit.
    #[must_use]
    pub fn own_blob(&self) -> Option<Digest> {
        self.labels.get(Self::OWN_BLOB)?.parse().ok()
    }

    /// Returns the digest of what the session key encrypts, if its owner said so.
    #[must_use]
    pub fn payload(&self) -> Option<Digest> {
        self.labels.get(Self::PAYLOAD)?.parse().ok()
    }

    /// Returns how the owner's own wrap of the session key is padded, if its owner said so.
    #[must_use]
    pub fn padding(&self) -> Option<&str> {
        self.labels.get(Self::PADDING).map(String::as_str)
    }

    /// Returns the name of a secret.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.labels.get(Self::NAME).map(String::as_str)
    }

    /// Returns which deposits a secret supersedes, as its owner says.
    #[must_use]
    pub fn supersedes(&self) -> Vec<Serial> {
        let serials = self.labels.get(Self::SUPERSEDES).map(String::as_str);
        let serials = serials.unwrap_or_default().split(' ');
        let serials = serials.filter_map(|serial| serial.parse().ok());
        serials.take(Self::SUPERSEDES_MAX).collect()
    }

    /// Returns when a secret's check passed, as its owner says.
    #[must_use]
    pub fn checked(&self) -> Option<Time> {
        let millis = self.labels.get(Self::CHECKED)?;
        millis.parse().ok().map(Time::from_millis)
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

/// A session key as one statement seals it.
#[derive(Clone, Debug)]
pub struct SealedKey {
    /// What it is bound to.
    pub label: DepositLabel,
    /// What the owner said of it.
    pub particulars: Particulars,
    /// `blinding[32] ‖ key`, sealed: 48 bytes longer than the key. In a blob's deposit `blinding[32] ‖ SIMPLEBLOB`; its
    /// release has the key again.
    pub sealed: Vec<u8>,
}

/// A released key, as far as its deposit lets one know it.
pub enum OpenedKey {
    /// It is the key that its depositor committed to.
    Matched(BlindedKey),
    /// It is what the authority found in a blob whose key the depositor did not know: the right one, or none.
    Unproven(BlindedKey),
}

impl SealedKey {
    /// Opens the key and checks it against its commitment: one that was deposited, or any that was released.
    ///
    /// # Errors
    ///
    /// Says so when it does not open, or opens to something else than what it is labelled as, or nothing was committed
    /// to that it could be checked against; never which.
    pub fn open(&self, opening: &Opening) -> Result<BlindedKey, NotOpened> {
        match self.open_released(opening)? {
            OpenedKey::Matched(key) => Ok(key),
            OpenedKey::Unproven(_) => Err(NotOpened),
        }
    }

    /// Opens a released key, and checks it against its commitment where there is one to the key.
    ///
    /// # Errors
    ///
    /// Says so when it does not open, or opens to something else than what it is labelled as; never which.
    pub fn open_released(&self, opening: &Opening) -> Result<OpenedKey, NotOpened> {
        let label = &self.label;
        let plaintext = opening.open(label.serial, label.digest(), &self.sealed)?;
        let key = BlindedKey::from_plaintext(label.algorithm, label.bits, &plaintext)
            .map_err(|_| NotOpened)?;
        if label.content.is_unproven() {
            return Ok(OpenedKey::Unproven(key));
        }
        if key.commitment(label.serial) == label.commitment {
            Ok(OpenedKey::Matched(key))
        } else {
            Err(NotOpened)
        }
    }

    /// Opens the SIMPLEBLOB of a deposit. An unproven one is checked against its commitment; a proven one's is to the
    /// session key inside, which only its authority gets out.
    ///
    /// # Errors
    ///
    /// Says so when it does not open, or is no blob's deposit, or not the blob committed to; never which.
    pub fn open_blob(&self, opening: &Opening) -> Result<BlindedBlob, NotOpened> {
        let label = &self.label;
        let plaintext = opening.open(label.serial, label.digest(), &self.sealed)?;
        let blob = BlindedBlob::from_plaintext(&plaintext).map_err(|_| NotOpened)?;
        let matches = match label.content {
            Content::SessionKey => false,
            Content::SimpleBlob { proven: true, .. } => true,
            Content::SimpleBlob { proven: false, .. } => {
                blob.commitment(label.serial, label.algorithm, label.bits) == label.commitment
            }
        };
        if matches { Ok(blob) } else { Err(NotOpened) }
    }
}

impl OpenedKey {
    /// Returns the key, whichever it is.
    #[must_use]
    pub fn into_key(self) -> BlindedKey {
        match self {
            Self::Matched(key) | Self::Unproven(key) => key,
        }
    }
}

/// The keys sealed under one encapsulation: signed by their labels and digests, carried as they are.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) authority: AuthorityId,
    pub(crate) owner: OwnerId,
    pub(crate) encapsulation: Encapsulation,
    pub(crate) keys: Vec<SealedKey>,
}

impl Batch {
    /// The most keys under one encapsulation, and so in one statement.
    pub(crate) const KEYS_MAX: usize = 256;
    /// The length in bytes of the longest ciphertext of a session key: blinding, key and tag.
    pub(crate) const KEY_BYTES_MAX: usize = 32 + SessionKey::BYTES_MAX + 16;
    /// The length in bytes of the longest ciphertext of a SIMPLEBLOB: blinding, blob and tag.
    const BLOB_BYTES_MAX: usize = 32 + BlindedBlob::BLOB_BYTES_MAX + 16;

    /// Returns the length in bytes of the longest ciphertext that a deposit has of such a thing.
    pub(crate) fn deposited_bytes_max(content: Content) -> usize {
        match content {
            Content::SessionKey => Self::KEY_BYTES_MAX,
            Content::SimpleBlob { .. } => Self::BLOB_BYTES_MAX,
        }
    }

    /// Writes what is signed: `H(enc), [(serial, kind, algorithm, bits, padding, commitment, particulars, H(sealed))..]`.
    pub(crate) fn write_signed(&self, writer: &mut Writer) {
        writer
            .item(&self.encapsulation.digest())
            .array(self.keys.len());
        for key in &self.keys {
            writer.array(8);
            key.label.write_own(writer);
            writer.item(&Digest::of(&[&key.sealed]));
        }
    }

    /// Writes what is carried: `E(enc, [(particulars, sealed)..])`.
    pub(crate) fn carried(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .array(2)
            .item(&self.encapsulation)
            .array(self.keys.len());
        for key in &self.keys {
            writer.array(2).item(&key.particulars).bytes(&key.sealed);
        }
        writer.into_bytes()
    }

    /// Reads what is signed from `reader` and checks that `carried` is what it speaks of. `bytes_max` says how long the
    /// ciphertext of a content may be.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        carried: &[u8],
        authority: AuthorityId,
        owner: OwnerId,
        bytes_max: fn(Content) -> usize,
    ) -> Result<Self, Malformed> {
        let encapsulation_digest: Digest = reader.item()?;
        let count = reader.count("keys")?;
        let mut carried = Reader::new(carried);
        carried.array(2, "carried")?;
        let encapsulation: Encapsulation = carried.item()?;
        if encapsulation.digest() != encapsulation_digest {
            return Err(carried.malformed("encapsulation"));
        }
        if count > Self::KEYS_MAX as u64 || carried.count("carried keys")? != count {
            return Err(carried.malformed("carried keys"));
        }
        let mut keys = Vec::new();
        for _ in 0..count {
            reader.array(8, "key")?;
            let label = DepositLabel::read_own(reader, authority, owner)?;
            let sealed_digest: Digest = reader.item()?;
            carried.array(2, "carried key")?;
            let particulars: Particulars = carried.item()?;
            let sealed = carried.bytes("sealed key")?.to_vec();
            let matches = particulars.digest() == label.particulars
                && sealed.len() <= bytes_max(label.content)
                && Digest::of(&[&sealed]) == sealed_digest;
            if !matches {
                return Err(carried.malformed("carried key"));
            }
            keys.push(SealedKey {
                label,
                particulars,
                sealed,
            });
        }
        let batch = Self {
            authority,
            owner,
            encapsulation,
            keys,
        };
        if !all_differ(batch.keys.iter().map(|key| key.label.serial)) {
            return Err(reader.malformed("keys (one serial twice)"));
        }
        Ok(batch)
    }
}

/// Tells whether no serial comes twice.
pub(crate) fn all_differ(mut serials: impl Iterator<Item = Serial>) -> bool {
    let mut seen = BTreeSet::new();
    serials.all(|serial| seen.insert(serial))
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner;
        write!(f, "Batch({} keys of owner {owner})", self.keys.len())
    }
}

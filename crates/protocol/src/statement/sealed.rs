//! A session key as it is sealed, for a deposit or a release: its label, what was said of it, its ciphertext.

use std::collections::BTreeSet;
use std::fmt;

use crate::encoding::{Malformed, Reader, Writer};
use crate::id::{AuthorityId, Digest, OwnerId, Serial};
use crate::session_key::{Algorithm, BlindedKey, Commitment, SessionKey};
use crate::simple_blob::BlindedBlob;
use crate::wrap::{Encapsulation, NotOpened, Opening};

use super::content::Content;
use super::particulars::Particulars;

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

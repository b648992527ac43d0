//! What kind of thing a deposit holds: a session key, or a SIMPLEBLOB with one inside (spec/simple-blob.md).

use crate::encoding::{Malformed, Reader, Writer};

/// What is deposited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A session key, which the depositor knew.
    SessionKey,
    /// CryptoAPI's SIMPLEBLOB, wrapped to the authority's RSA key.
    SimpleBlob {
        /// How the session key was padded.
        padding: BlobPadding,
        /// Whether the depositor committed to the session key inside, and so has to know it; else to the blob alone.
        proven: bool,
    },
}

/// How the session key in a SIMPLEBLOB was padded. No blob says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobPadding {
    /// PKCS#1 v1.5, CryptoAPI's default.
    Pkcs1 = 1,
    /// OAEP, with the flag `CRYPT_OAEP`.
    Oaep = 2,
}

impl Content {
    /// Tells whether nothing shows that the depositor knew the key.
    #[must_use]
    pub fn is_unproven(self) -> bool {
        matches!(self, Self::SimpleBlob { proven: false, .. })
    }

    /// Returns the numbers on the wire: of the kind, and of the padding.
    fn codes(self) -> (u64, u64) {
        match self {
            Self::SessionKey => (1, 0),
            Self::SimpleBlob { padding, proven } => (if proven { 2 } else { 3 }, padding as u64),
        }
    }

    pub(super) fn write_kind(self, writer: &mut Writer) {
        writer.uint(self.codes().0);
    }

    pub(super) fn write_padding(self, writer: &mut Writer) {
        writer.uint(self.codes().1);
    }

    /// Takes the number of a kind, for [`Self::read_padding`].
    pub(super) fn read_kind(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
        let kind = reader.uint("kind of deposit")?;
        if (1..=3).contains(&kind) {
            Ok(kind)
        } else {
            Err(reader.malformed("kind of deposit"))
        }
    }

    /// Reads the padding of a kind, with which the two are one content.
    pub(super) fn read_padding(kind: u64, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let padding = reader.uint("padding")?;
        let blob = |padding| Self::SimpleBlob {
            padding,
            proven: kind == 2,
        };
        let all = [
            Self::SessionKey,
            blob(BlobPadding::Pkcs1),
            blob(BlobPadding::Oaep),
        ];
        let found = all.into_iter().find(|it| it.codes() == (kind, padding));
        found.ok_or_else(|| reader.malformed("padding"))
    }
}

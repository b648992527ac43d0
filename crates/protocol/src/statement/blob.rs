//! The statements about SIMPLEBLOBs (spec/simple-blob.md): the authority's RSA key, and which blob a file has for its
//! owner.

use crate::encoding::{Canonical, Malformed, Reader, Writer, canonical_struct};
use crate::id::{AuthorityId, Digest, OwnerId, Serial, Time};

/// An owner's word on a file of CryptoAPI's: the blob in it for the owner is this one now, and the deposit of this
/// serial number is its spare. Signed by one of the owner's devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnBlob {
    /// With whom the spare is deposited.
    pub authority: AuthorityId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Which of the owner's.
    pub serial: Serial,
    /// SHA-256 of the SIMPLEBLOB in the file.
    pub digest: Digest,
}

canonical_struct!(OwnBlob {
    authority,
    owner,
    serial,
    digest
});

/// The authority's statement of the RSA key that SIMPLEBLOBs are wrapped to for it, signed by its log key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaKey {
    /// Whose it is.
    pub authority: AuthorityId,
    /// The key, as a PUBLICKEYBLOB. What is in it is not known here.
    pub public_key: Vec<u8>,
    /// When it was made, by the authority's clock.
    pub time: Time,
}

impl RsaKey {
    /// The length in bytes of the shortest, of 2,048 bits: the headers and the modulus.
    pub const PUBLIC_KEY_BYTES_MIN: usize = 20 + 256;
    /// The length in bytes of the longest, of 4,096 bits.
    pub const PUBLIC_KEY_BYTES_MAX: usize = 20 + 512;
}

impl Canonical for RsaKey {
    fn write(&self, writer: &mut Writer) {
        writer.array(3).item(&self.authority);
        writer.bytes(&self.public_key).item(&self.time);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(3, "RSA key")?;
        let authority = reader.item()?;
        let public_key = reader.bytes("RSA key")?.to_vec();
        let lengths = Self::PUBLIC_KEY_BYTES_MIN..=Self::PUBLIC_KEY_BYTES_MAX;
        if !lengths.contains(&public_key.len()) {
            return Err(reader.malformed("RSA key"));
        }
        Ok(Self {
            authority,
            public_key,
            time: reader.item()?,
        })
    }
}

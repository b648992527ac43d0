//! PLAINTEXTKEYBLOB: a session key in the clear (spec/capi.md#plaintextkeyblob).

use zeroize::Zeroizing;

use crate::SessionKey;
use crate::blob::{self, BlobType, Fault, Fields, Header, Malformed};
use crate::session_key::WrongKeyLength;

impl SessionKey {
    /// Reads a PLAINTEXTKEYBLOB. What follows the key belongs to a buffer that was longer, and is ignored as CryptImportKey
    /// does.
    ///
    /// # Errors
    ///
    /// Says which field is not as it must be.
    pub fn from_plaintext_blob(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(bytes);
        let header = Header::expect(&mut fields, BlobType::PlaintextKey)?;
        let algorithm = blob::session_algorithm(header)?;
        let length = fields.dword("dwKeySize")?;
        // A length that does not even fit is as wrong as one that the algorithm does not have.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        WrongKeyLength::check(algorithm, length)
            .map_err(|wrong| fields.fault("dwKeySize", 4, Fault::KeyLength(wrong)))?;
        let key = fields.take("rgbKeyData", length)?;
        let offset = fields.offset() - length;
        Self::new(algorithm, key)
            .map_err(|wrong| Malformed::new("rgbKeyData", offset, Fault::KeyLength(wrong)))
    }

    /// Returns the PLAINTEXTKEYBLOB: the key in the clear, for whoever reads it.
    #[must_use]
    pub fn to_plaintext_blob(&self) -> Zeroizing<Vec<u8>> {
        let header = Header {
            kind: BlobType::PlaintextKey,
            alg_id: self.algorithm().alg_id(),
        };
        let key = self.expose();
        let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
        let mut bytes = Zeroizing::new(Vec::with_capacity(12 + key.len()));
        bytes.extend(header.to_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(key);
        bytes
    }
}

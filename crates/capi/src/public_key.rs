//! RSA public keys: PUBLICKEYBLOB, and the wrap of a session key (spec/capi.md#publickeyblob).

use std::fmt;

use aws_lc_rs::digest;
use rand_core::CryptoRng;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, hazmat};
use zeroize::Zeroizing;

use crate::blob::{self, BlobType, Fault, Fields, Header, Malformed, RSA_KEYX, RSA_SIGN};
use crate::pem;
use crate::{Padding, SessionKey, SimpleBlob, der};

/// The least and the greatest length in bits of a modulus, which are CryptoAPI's own.
pub(crate) const BITS_MIN: usize = 384;
pub(crate) const BITS_MAX: usize = 16_384;

/// The lengths in bits of RSA keys that programs make.
pub(crate) const USUAL_BITS: [usize; 9] = [512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 16_384];

/// What an RSA key is for. CryptoAPI says it with an `ALG_ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeySpec {
    /// Wrapping session keys, `AT_KEYEXCHANGE`; signing too. `CALG_RSA_KEYX`, 0xa400.
    Exchange,
    /// Signing, `AT_SIGNATURE`. `CALG_RSA_SIGN`, 0x2400.
    Signature,
}

impl KeySpec {
    /// Returns what a key of an `ALG_ID` is for, if it is an RSA key.
    #[must_use]
    pub fn from_alg_id(alg_id: u32) -> Option<Self> {
        match alg_id {
            RSA_KEYX => Some(Self::Exchange),
            RSA_SIGN => Some(Self::Signature),
            _ => None,
        }
    }

    /// Returns its `ALG_ID`.
    #[must_use]
    pub fn alg_id(self) -> u32 {
        match self {
            Self::Exchange => RSA_KEYX,
            Self::Signature => RSA_SIGN,
        }
    }
}

/// An RSA public key: its modulus is odd and has as many bytes as it says, its exponent is odd and at least 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spec: KeySpec,
    // Invariant: made by `from_numbers` alone, which checks what the type promises.
    rsa: rsa::PublicKey,
}

impl PublicKey {
    /// Reads a PUBLICKEYBLOB. What follows the modulus belongs to a buffer that was longer, and is ignored as
    /// CryptImportKey does.
    ///
    /// # Errors
    ///
    /// Says which field is not as it must be.
    pub fn from_blob(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(bytes);
        let header = Header::expect(&mut fields, BlobType::PublicKey)?;
        let spec = blob::key_spec(header)?;
        let RsaPubKey {
            exponent,
            modulus_bytes,
        } = RsaPubKey::take(&mut fields, "RSA1")?;
        let modulus = blob::reversed(fields.take("modulus", modulus_bytes)?);
        Self::from_numbers(spec, &modulus, exponent).map_err(RsaPubKey::place)
    }

    /// Takes a modulus, most significant byte first, and an exponent.
    pub(crate) fn from_numbers(spec: KeySpec, n: &[u8], e: u32) -> Result<Self, Fault> {
        let bits = n.len().saturating_mul(8);
        if !(BITS_MIN..=BITS_MAX).contains(&bits) {
            return Err(Fault::BitLength(u32::try_from(bits).unwrap_or(u32::MAX)));
        }
        // Bytes bind, and bits do not: generators that leave the uppermost bit to chance are old and many.
        if n.first().is_none_or(|byte| *byte == 0) {
            return Err(Fault::ShortModulus);
        }
        if n.last().is_none_or(|byte| byte & 1 == 0) {
            return Err(Fault::EvenModulus);
        }
        if e == 1 {
            return Err(Fault::ExponentOne);
        }
        if e < 3 || e & 1 == 0 {
            return Err(Fault::Exponent(e));
        }
        // Within the bytes that were counted, the uppermost seven bits need not be set.
        let rsa = rsa::PublicKey::new_with_size_limits(
            BoxedUint::from_be_slice_vartime(n),
            BoxedUint::from(e),
            BITS_MIN - 7..=BITS_MAX,
        );
        let rsa = rsa.expect("an odd modulus of these bits, and an odd exponent of 32 below it");
        Ok(Self { spec, rsa })
    }

    /// Returns the same key for another use.
    #[must_use]
    pub fn with_spec(self, spec: KeySpec) -> Self {
        Self { spec, ..self }
    }

    /// Wraps a session key to it.
    ///
    /// # Errors
    ///
    /// Says so when this is not a key that wraps, or too short a one for the session key.
    #[expect(
        clippy::missing_panics_doc,
        reason = "RSA's result is as long as the modulus"
    )]
    pub fn wrap(
        &self,
        key: &SessionKey,
        padding: Padding,
        rng: &mut impl CryptoRng,
    ) -> Result<SimpleBlob, WrapError> {
        if self.spec != KeySpec::Exchange {
            return Err(WrapError::SignatureKey);
        }
        let key_bytes = key.expose().len();
        if key_bytes > padding.key_bytes_max(self.modulus_bytes()) {
            let bits = self.bits();
            return Err(WrapError::TooShort { bits, key_bytes });
        }
        let block = padding.pad(key.expose(), self.modulus_bytes(), rng);
        let wrapped = self.raw(&block);
        Ok(SimpleBlob::new(key.algorithm(), wrapped).expect("as long as a modulus"))
    }

    /// Tells whether a blob can be one that was wrapped to this key, which anybody can: whether it is as long as the
    /// modulus, and its number below it.
    ///
    /// # Errors
    ///
    /// Says which of the two it is not.
    pub fn fits(&self, blob: &SimpleBlob) -> Result<(), Misfit> {
        if blob.wrapped().len() != self.modulus_bytes() {
            return Err(self.other_length(blob));
        }
        if !self.is_below_modulus(blob.wrapped()) {
            return Err(Misfit::NotBelowModulus);
        }
        Ok(())
    }

    /// Returns a blob without the zeros that follow its wrapped key in a buffer that was longer, as it fits this key.
    ///
    /// # Errors
    ///
    /// Says what it is not.
    pub fn fitted(&self, blob: &SimpleBlob) -> Result<SimpleBlob, Misfit> {
        match blob.split_at(self.modulus_bytes()) {
            Some((fitted, tail)) if tail.iter().all(|byte| *byte == 0) => {
                self.fits(&fitted)?;
                Ok(fitted)
            }
            Some(_) | None => Err(self.other_length(blob)),
        }
    }

    pub(crate) fn other_length(&self, blob: &SimpleBlob) -> Misfit {
        Misfit::Length {
            found: blob.wrapped().len(),
            wanted: self.modulus_bytes(),
        }
    }

    /// Returns the PUBLICKEYBLOB.
    #[must_use]
    pub fn to_blob(&self) -> Vec<u8> {
        let mut bytes = RsaPubKey::header(BlobType::PublicKey, "RSA1", self);
        bytes.extend(self.modulus().iter().rev());
        bytes
    }

    /// Returns the key in PEM, as `PUBLIC KEY`. What it is for is not in there.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write("PUBLIC KEY", &self.to_spki()).to_string()
    }

    /// Returns SHA-256 of the key's SubjectPublicKeyInfo in DER, for people to compare. It is the same whatever the
    /// key is for.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut fingerprint = [0; 32];
        let digest = digest::digest(&digest::SHA256, &self.to_spki());
        fingerprint.copy_from_slice(digest.as_ref());
        Fingerprint(fingerprint)
    }

    /// Returns what it is for.
    #[must_use]
    pub fn spec(&self) -> KeySpec {
        self.spec
    }

    /// Returns the length of the modulus in bits, counted in whole bytes as CryptoAPI counts.
    #[must_use]
    pub fn bits(&self) -> usize {
        8 * self.modulus_bytes()
    }

    /// Returns the length of the modulus in bytes.
    #[must_use]
    pub fn modulus_bytes(&self) -> usize {
        self.rsa.size()
    }

    /// Returns the modulus, most significant byte first.
    #[must_use]
    pub fn modulus(&self) -> Vec<u8> {
        fixed(self.rsa.n(), self.modulus_bytes()).to_vec()
    }

    /// Returns the exponent.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        exponent(&self.rsa.e_bytes()).unwrap_or(u32::MAX)
    }

    /// Tells whether nobody should wrap anything new to it: fewer than 2,048 bits can be factored by those who care
    /// enough, and an exponent below 65,537 forgives no mistake in the padding.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.bits() < 2048 || self.exponent() < 65_537
    }

    /// RSA itself, on a number below the modulus.
    pub(crate) fn raw(&self, number: &[u8]) -> Vec<u8> {
        let number = Zeroizing::new(self.number(number));
        let result = hazmat::rsa_encrypt(&self.rsa, &number).expect("rsa_encrypt has no failures");
        fixed(&result, self.modulus_bytes()).to_vec()
    }

    pub(crate) fn is_below_modulus(&self, number: &[u8]) -> bool {
        number.len() == self.modulus_bytes() && self.number(number) < *self.rsa.n().as_ref()
    }

    /// A number of as many bytes as the modulus, at its precision.
    pub(crate) fn number(&self, bytes: &[u8]) -> BoxedUint {
        BoxedUint::from_be_slice_truncated(bytes, self.rsa.n_bits_precision())
    }

    fn to_spki(&self) -> Vec<u8> {
        der::write_spki(&self.modulus(), &self.exponent().to_be_bytes())
    }
}

/// SHA-256 of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a session key is not wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// The key is one that signs.
    #[error("this RSA key is for signatures, and wraps nothing")]
    SignatureKey,
    /// The RSA key is too short.
    #[error("an RSA key of {bits} bits is too short for a session key of {key_bytes} bytes")]
    TooShort {
        /// The length of the RSA key.
        bits: usize,
        /// The length of the session key.
        key_bytes: usize,
    },
}

/// Why a blob cannot have been wrapped to a key, as anybody can tell who has the public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// It is for a key of another size.
    #[error(
        "the wrapped key has {found} bytes ({} bits), and this RSA key wraps to {wanted} ({} bits)",
        8 * .found,
        8 * .wanted
    )]
    Length {
        /// Its length in bytes.
        found: usize,
        /// The length in bytes of the modulus.
        wanted: usize,
    },
    /// No number that RSA with this key results in.
    #[error("the wrapped key is a number that is not below this key's modulus")]
    NotBelowModulus,
}

/// CryptoAPI's `RSAPUBKEY`, which follows the header in both kinds of blob of an RSA key.
pub(crate) struct RsaPubKey {
    pub(crate) exponent: u32,
    pub(crate) modulus_bytes: usize,
}

impl RsaPubKey {
    pub(crate) fn take(fields: &mut Fields<'_>, magic: &'static str) -> Result<Self, Malformed> {
        let found = fields.take("magic", 4)?;
        if found != magic.as_bytes() {
            let is_known = found == b"RSA1" || found == b"RSA2";
            let fault = match magic {
                "RSA2" if !is_known => Fault::Encrypted,
                wanted => Fault::Magic { wanted },
            };
            return Err(fields.fault("magic", 4, fault));
        }
        let bits = fields.dword("bitlen")?;
        let modulus_bytes = usize::try_from(bits / 8).unwrap_or(usize::MAX);
        if bits % 8 != 0 || !(BITS_MIN / 8..=BITS_MAX / 8).contains(&modulus_bytes) {
            return Err(fields.fault("bitlen", 4, Fault::BitLength(bits)));
        }
        let exponent = fields.dword("pubexp")?;
        Ok(Self {
            exponent,
            modulus_bytes,
        })
    }

    /// Says in which field a fault of the numbers is.
    pub(crate) fn place(fault: Fault) -> Malformed {
        let (field, offset) = if matches!(fault, Fault::BitLength(_)) {
            ("bitlen", 12)
        } else if matches!(
            fault,
            Fault::Exponent(_) | Fault::ExponentOne | Fault::LongExponent(_)
        ) {
            ("pubexp", 16)
        } else {
            ("modulus", 20)
        };
        Malformed::new(field, offset, fault)
    }

    pub(crate) fn header(kind: BlobType, magic: &str, key: &PublicKey) -> Vec<u8> {
        let alg_id = key.spec.alg_id();
        let bits = u32::try_from(key.bits()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(20 + key.modulus_bytes());
        bytes.extend(Header { kind, alg_id }.to_bytes());
        bytes.extend(magic.as_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(key.exponent().to_le_bytes());
        bytes
    }
}

/// An exponent of any length; one that does not fit a DWORD is no key's of CryptoAPI.
pub(crate) fn exponent(bytes: &[u8]) -> Result<u32, Fault> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let (_, significant) = bytes.split_at(zeros);
    if significant.len() > 4 {
        return Err(Fault::LongExponent(significant.len()));
    }
    Ok(significant
        .iter()
        .fold(0, |e, byte| e << 8 | u32::from(*byte)))
}

/// A number in exactly `length` bytes, most significant first. It has to fit.
pub(crate) fn fixed(number: &BoxedUint, length: usize) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(number.to_be_bytes());
    let mut result = Zeroizing::new(Vec::with_capacity(length));
    result.resize(length.saturating_sub(bytes.len()), 0);
    let (_, significant) = bytes.split_at(bytes.len().saturating_sub(length));
    result.extend(significant);
    result
}

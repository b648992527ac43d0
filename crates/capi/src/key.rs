//! An RSA key of whichever form, told by its content: CryptoAPI's BLOBs, and what other programs and Windows' newer
//! interfaces keep the same numbers in (spec/capi.md#other-forms).

use crate::armour::Unarmoured;
use crate::blob::{BlobType, Fault, Header, Malformed};
use crate::der::{self, DerNumbers};
use crate::neighbour::{self, Neighbour};
use crate::pem::{self, PemError};
use crate::private_key::PrivateNumbers;
use crate::{KeySpec, PrivateKey, PublicKey, cng, public_key, xml};

/// An RSA key, as a person hands one over.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, soon taken apart"
)]
pub enum Key {
    /// A public key.
    Public(PublicKey),
    /// A key pair.
    Private(PrivateKey),
}

impl Key {
    /// Reads a key of any form. Where that does not say what the key is for, it is taken for one that wraps.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, taken for what it looks like.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::read_form(bytes).map(|(key, _)| key)
    }

    /// Reads the same, and says which form it had: nothing, if that is a BLOB as CryptoAPI exports it.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_form(bytes: &[u8]) -> Result<(Self, Option<String>), KeyError> {
        let unarmoured = Unarmoured::read(bytes);
        let (key, form) = Self::read_unarmoured(unarmoured.bytes())?;
        let layers: Vec<&str> = unarmoured.layers().iter().copied().chain(form).collect();
        Ok((key, (!layers.is_empty()).then(|| layers.join(", "))))
    }

    fn read_unarmoured(bytes: &[u8]) -> Result<(Self, Option<&'static str>), KeyError> {
        if pem::is_pem(bytes) {
            let text = str::from_utf8(bytes).map_err(|_| PemError::Syntax)?;
            return Ok((Self::from_pem(text)?, Some("PEM")));
        }
        if xml::is_key(bytes) {
            return Ok((Self::from_xml(bytes)?, Some(".NET's XML")));
        }
        match Self::read_binary(bytes) {
            // What it is, if it is something that is known, helps more than which byte is wrong.
            Err(error) => Err(neighbour::of(bytes).map_or(error, KeyError::Neighbour)),
            read => read,
        }
    }

    fn read_binary(bytes: &[u8]) -> Result<(Self, Option<&'static str>), KeyError> {
        if let Some(blob) = neighbour::in_pvk(bytes) {
            return Ok((Self::from_blob(blob)?, Some("a PVK file")));
        }
        if let Some(blob) = neighbour::in_snk(bytes) {
            return Ok((Self::from_blob(blob)?, Some("a public .snk file")));
        }
        if cng::is_cng(bytes) {
            return Ok((Self::from_cng(bytes)?, Some("CNG's blob")));
        }
        match der::read(bytes) {
            Some(numbers) => Ok((Self::from_der(numbers)?, Some("DER"))),
            None => Ok((Self::from_blob(bytes)?, None)),
        }
    }

    fn from_blob(bytes: &[u8]) -> Result<Self, KeyError> {
        let kind = Header::read(bytes)?.kind;
        match kind {
            BlobType::PublicKey => Ok(Self::Public(PublicKey::from_blob(bytes)?)),
            BlobType::PrivateKey => Ok(Self::Private(PrivateKey::from_blob(bytes)?)),
            BlobType::Simple
            | BlobType::PlaintextKey
            | BlobType::Opaque
            | BlobType::PublicKeyEx
            | BlobType::SymmetricWrapKey
            | BlobType::KeyState => Err(KeyError::NoRsaKey(kind)),
        }
    }

    /// Takes the one key among the blocks of a text, or the two halves of one. Certificates are passed over.
    fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::read(text)?;
        let mut found: Option<Self> = None;
        let mut error = None;
        for block in &blocks {
            let read = match &block.bytes {
                None => Err(PemError::Encrypted.into()),
                Some(bytes) => Self::read_binary(bytes).map_err(|error| match error {
                    KeyError::Numbers(_) | KeyError::Neighbour(_) => error,
                    KeyError::Malformed(_)
                    | KeyError::NoRsaKey(_)
                    | KeyError::Pem(_)
                    | KeyError::Xml => {
                        let label = block.label.to_owned();
                        neighbour::of_pem(block.label)
                            .map_or(PemError::NoKey { label }.into(), KeyError::Neighbour)
                    }
                }),
            };
            match (read, &found) {
                (Err(one), _) => {
                    // What was meant for a key says more than what was not.
                    if error.is_none() || block.label.ends_with("KEY") {
                        error = Some(one);
                    }
                }
                (Ok((key, _)), Some(other))
                    if key.public().fingerprint() != other.public().fingerprint() =>
                {
                    return Err(PemError::Several.into());
                }
                (Ok(_), Some(Self::Private(_))) => {}
                (Ok((key, _)), _) => found = Some(key),
            }
        }
        found.ok_or_else(|| error.unwrap_or(PemError::Syntax.into()))
    }

    fn from_der(numbers: DerNumbers<'_>) -> Result<Self, KeyError> {
        match numbers {
            DerNumbers::Public([n, e]) => Self::from_numbers(n, e, None),
            DerNumbers::Private([n, e, d, p, q, dp, dq, qinv]) => {
                let numbers = PrivateNumbers {
                    p,
                    q,
                    crt: Some([dp, dq, qinv]),
                    d: Some(d),
                };
                Self::from_numbers(n, e, Some(&numbers))
            }
        }
    }

    fn from_cng(bytes: &[u8]) -> Result<Self, KeyError> {
        let numbers = cng::read(bytes)?;
        let private = numbers.primes.map(|[p, q]| PrivateNumbers {
            p,
            q,
            crt: numbers.rest.map(|[dp, dq, qinv, _]| [dp, dq, qinv]),
            d: numbers.rest.map(|[_, _, _, d]| d),
        });
        Self::from_numbers(numbers.n, numbers.e, private.as_ref())
    }

    fn from_xml(text: &[u8]) -> Result<Self, KeyError> {
        let numbers = xml::read(text).ok_or(KeyError::Xml)?;
        let [p, q, dp, dq, qinv, d] = numbers
            .private
            .each_ref()
            .map(|number| number.as_ref().map(|number| number.as_slice()));
        let private = p.zip(q).map(|(p, q)| PrivateNumbers {
            p,
            q,
            crt: dp.zip(dq).zip(qinv).map(|((dp, dq), qinv)| [dp, dq, qinv]),
            d,
        });
        Self::from_numbers(&numbers.n, &numbers.e, private.as_ref())
    }

    /// Takes numbers that say themselves how long they are.
    fn from_numbers(
        n: &[u8],
        e: &[u8],
        private: Option<&PrivateNumbers<'_>>,
    ) -> Result<Self, KeyError> {
        let zeros = n.iter().take_while(|byte| **byte == 0).count();
        let n = n.split_at(zeros).1;
        let e = public_key::exponent(e)?;
        let public = PublicKey::from_numbers(KeySpec::Exchange, n, e)?;
        Ok(match private {
            Some(private) => Self::Private(PrivateKey::from_numbers(public, private)?),
            None => Self::Public(public),
        })
    }

    /// Returns the public key, or the public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Public(key) => key,
            Self::Private(key) => key.public(),
        }
    }

    /// Returns the key pair, if it is one.
    #[must_use]
    pub fn into_pair(self) -> Option<PrivateKey> {
        match self {
            Self::Public(_) => None,
            Self::Private(key) => Some(key),
        }
    }
}

/// Why bytes are no RSA key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A BLOB that is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Something else, that is known.
    #[error("this is {}", .0.what)]
    Neighbour(Neighbour),
    /// A BLOB of another kind.
    #[error("{} is no RSA key: {}", .0, .0.meaning())]
    NoRsaKey(BlobType),
    /// An RSA key, but not one that may be used.
    #[error("in the key: {0}")]
    Numbers(#[from] Fault),
    /// PEM with no key in it.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// XML in which a number is missing or none.
    #[error("the XML has no modulus and exponent in base64")]
    Xml,
}

impl KeyError {
    /// Tells whether it is a key with an exponent of one, which opens nothing that is not open already:
    /// [`crate::SimpleBlob::unwrap_exponent_one`].
    #[must_use]
    pub fn is_exponent_one(&self) -> bool {
        let fault = match self {
            Self::Malformed(malformed) => Some(&malformed.fault),
            Self::Numbers(fault) => Some(fault),
            Self::Neighbour(_) | Self::NoRsaKey(_) | Self::Pem(_) | Self::Xml => None,
        };
        fault == Some(&Fault::ExponentOne)
    }

    /// Returns the command that helps, with `FILE` for the file; nothing, if none is known.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Neighbour(neighbour) => neighbour.help,
            Self::Malformed(malformed) if malformed.fault == Fault::Encrypted => {
                Some(neighbour::ENCRYPTED_PAIR)
            }
            Self::Pem(PemError::Encrypted) => Some("openssl pkey -in FILE -out key.pem"),
            Self::Malformed(_)
            | Self::NoRsaKey(_)
            | Self::Numbers(_)
            | Self::Pem(_)
            | Self::Xml => None,
        }
    }
}

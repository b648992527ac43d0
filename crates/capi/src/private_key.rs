//! RSA key pairs: PRIVATEKEYBLOB, PEM, and what only the private half can do (spec/capi.md#privatekeyblob).
//!
//! Whatever depends on the private key has one answer. Every use of it is blinded, and checked before its result is
//! believed, so that a fault in the computation tells nobody the primes.

use rand_core::CryptoRng;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, hazmat};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::blob::{self, BlobType, Fault, Fields, Header, Malformed};
use crate::pem::{self, PemError};
use crate::public_key::{self, RsaPubKey, fixed};
use crate::session_key::WrongKeyLength;
use crate::{KeySpec, Padding, PublicKey, SessionKey, SimpleBlob, der};

/// An RSA key pair whose parts agree.
pub struct PrivateKey {
    public: PublicKey,
    // Zeroes itself. Invariant: of the same numbers as `public`, both primes of half its bytes at most.
    rsa: rsa::PrivateKey,
}

impl PrivateKey {
    /// The length in bits of the shortest key that is generated. Shorter ones are read, and used by who has them.
    pub const GENERATED_BITS_MIN: usize = 2048;

    /// Generates a key pair of `bits` bits, with the exponent 65,537.
    ///
    /// # Errors
    ///
    /// Says so when keys of that length are not made.
    #[expect(clippy::missing_panics_doc, reason = "a new key is a good one")]
    pub fn generate(
        bits: usize,
        spec: KeySpec,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, NotGenerated> {
        let range = Self::GENERATED_BITS_MIN..=public_key::BITS_MAX;
        if !range.contains(&bits) || !bits.is_multiple_of(16) {
            return Err(NotGenerated { bits });
        }
        let rsa = rsa::PrivateKey::new(rng, bits)
            .expect("this many bits, from randomness that does not fail");
        let n = fixed(rsa.n(), bits / 8);
        let public =
            PublicKey::from_numbers(spec, &n, 65_537).expect("a modulus of two odd primes");
        Ok(Self { public, rsa })
    }

    /// Reads a PRIVATEKEYBLOB.
    ///
    /// # Errors
    ///
    /// Says which field is not as it must be; of the private parts, only that they do not agree.
    pub fn from_blob(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(bytes);
        let header = Header::expect(&mut fields, BlobType::PrivateKey)?;
        let spec = blob::key_spec(header)?;
        let RsaPubKey {
            exponent,
            modulus_bytes,
        } = RsaPubKey::take(&mut fields, "RSA2")?;
        let modulus = blob::reversed(fields.take("modulus", modulus_bytes)?);
        let half = modulus_bytes.div_ceil(2);
        let private = fields.offset();
        let mut secret = |name, length| {
            let field = fields.take(name, length)?;
            Ok(Zeroizing::new(blob::reversed(field)))
        };
        let p = secret("prime1", half)?;
        let q = secret("prime2", half)?;
        let dp = secret("exponent1", half)?;
        let dq = secret("exponent2", half)?;
        let qinv = secret("coefficient", half)?;
        let d = secret("privateExponent", modulus_bytes)?;
        fields.end()?;
        let public = PublicKey::from_numbers(spec, &modulus, exponent).map_err(RsaPubKey::place)?;
        Self::from_numbers(public, [&d, &p, &q, &dp, &dq, &qinv])
            .map_err(|fault| Malformed::new("prime1 to privateExponent", private, fault))
    }

    /// Reads a key pair in PEM, `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1), not encrypted. It is taken for
    /// one that wraps, as PEM does not say.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the text or the key.
    pub fn from_pem(text: &[u8]) -> Result<Self, PemError> {
        let (label, bytes) = pem::read(text)?;
        let key = match label.as_str() {
            "PRIVATE KEY" => der::read_pkcs8(&bytes).and_then(der::read_private),
            "RSA PRIVATE KEY" => der::read_private(&bytes),
            "ENCRYPTED PRIVATE KEY" => return Err(PemError::Encrypted),
            _ => {
                let wanted = "a private key";
                return Err(PemError::Label { label, wanted });
            }
        };
        let [n, e, private @ ..] = key.ok_or(PemError::Der { label })?;
        let public = PublicKey::from_numbers(KeySpec::Exchange, n, public_key::exponent(e)?)?;
        Ok(Self::from_numbers(public, private)?)
    }

    /// Takes d, p, q, d mod p-1, d mod q-1 and q^-1 mod p, most significant byte first.
    fn from_numbers(public: PublicKey, [d, p, q, dp, dq, qinv]: [&[u8]; 6]) -> Result<Self, Fault> {
        let bytes = public.modulus_bytes();
        let half = bytes.div_ceil(2);
        let fits = d.len() <= bytes && [p, q, dp, dq, qinv].iter().all(|part| part.len() <= half);
        if !fits {
            return Err(Fault::PartsDisagree);
        }
        // At precisions that the public length gives, so that no secret one shows in the time of its use.
        let number = |number: &[u8], bytes: usize| {
            BoxedUint::from_be_slice_truncated(number, u32::try_from(8 * bytes).unwrap_or(u32::MAX))
        };
        let n = number(&public.modulus(), bytes);
        let e = BoxedUint::from(public.exponent());
        let primes = vec![number(p, half), number(q, half)];
        // A modulus of an odd number of bytes has primes that are a byte apart in CryptoAPI's own keys.
        let make = match bytes % 2 {
            0 => rsa::PrivateKey::from_components,
            _ => rsa::PrivateKey::from_components_with_wide_primes,
        };
        let rsa = make(n, e, number(d, bytes), primes).map_err(|_| Fault::PartsDisagree)?;
        let key = Self { public, rsa };
        let derived = key.crt();
        let agree = [dp, dq, qinv].into_iter().zip(&derived).fold(
            Choice::from(1),
            |agree, (given, derived)| {
                let given = fixed(&Zeroizing::new(number(given, half)), half);
                agree & given.ct_eq(derived.as_slice())
            },
        );
        if !bool::from(agree) {
            return Err(Fault::PartsDisagree);
        }
        Ok(key)
    }

    /// Returns the same key pair for another use.
    #[must_use]
    pub fn with_spec(self, spec: KeySpec) -> Self {
        Self {
            public: self.public.with_spec(spec),
            ..self
        }
    }

    /// Unwraps a session key, for its owner, on the owner's machine.
    ///
    /// Where the algorithm has keys of several lengths, the length is the one that the padding shows. Whoever answers
    /// strangers uses [`Self::unwrap_or_random`].
    ///
    /// # Errors
    ///
    /// Says that this key and padding do not open it, and never why: wrapped to another key, with the other padding,
    /// not padded as it must be, or around a key that its algorithm does not have.
    pub fn unwrap(
        &self,
        blob: &SimpleBlob,
        padding: Padding,
        rng: &mut impl CryptoRng,
    ) -> Result<SessionKey, NotOpened> {
        self.public.fits(blob).map_err(|_| NotOpened)?;
        let block = self.raw(blob.wrapped(), rng).ok_or(NotOpened)?;
        unpad(blob, padding, block)
    }

    /// Unwraps a session key of `key_bytes`, or answers with a random one, and nobody can tell which from the time it
    /// takes or from the answer (spec/capi.md#constant-time). What comes back is believed only after it is compared
    /// with something that the right key alone fits, as a commitment.
    ///
    /// # Errors
    ///
    /// Says so when the blob's algorithm has no keys of `key_bytes`, which anybody can see.
    pub fn unwrap_or_random(
        &self,
        blob: &SimpleBlob,
        padding: Padding,
        key_bytes: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<SessionKey, WrongKeyLength> {
        let random = SessionKey::generate(blob.algorithm(), key_bytes, rng)?;
        let mut key = Zeroizing::new(random.expose().to_vec());
        // A blob that cannot be this key's costs the same work, on another number whose result is thrown away.
        let two = [&vec![0; self.public.modulus_bytes() - 1][..], &[2]].concat();
        let fits = self.public.fits(blob).is_ok();
        let wrapped = if fits { blob.wrapped() } else { &two };
        // `None` is a computer at fault, never an input.
        let computed = self.raw(wrapped, rng);
        let sound = u8::from(fits) & u8::from(computed.is_some());
        let block = computed.unwrap_or_else(|| Zeroizing::new(two));
        let block = padding.unmask(block);
        let opened = padding.is_key_of(&block, key_bytes) & Choice::from(sound);
        for (byte, found) in key.iter_mut().rev().zip(block.iter().rev()) {
            byte.conditional_assign(found, opened);
        }
        SessionKey::new(blob.algorithm(), &key)
    }

    /// Returns the PRIVATEKEYBLOB: the key pair in the clear, for whoever reads it.
    #[must_use]
    pub fn to_blob(&self) -> Zeroizing<Vec<u8>> {
        let bytes = self.public.modulus_bytes();
        let half = bytes.div_ceil(2);
        let header = RsaPubKey::header(BlobType::PrivateKey, "RSA2", &self.public);
        let mut blob = Zeroizing::new(Vec::with_capacity(20 + 2 * bytes + 5 * half));
        blob.extend(header);
        blob.extend(self.public.modulus().iter().rev());
        for part in self.primes().iter().chain(&self.crt()) {
            blob.extend(part.iter().rev());
        }
        blob.extend(fixed(self.rsa.d(), bytes).iter().rev());
        blob
    }

    /// Returns the key pair in PEM, as `PRIVATE KEY` (PKCS#8), in the clear. What it is for is not in there.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let n = self.public.modulus();
        let e = self.public.exponent().to_be_bytes();
        let d = fixed(self.rsa.d(), n.len());
        let [p, q] = &self.primes();
        let [dp, dq, qinv] = &self.crt();
        pem::write(
            "PRIVATE KEY",
            &der::write_pkcs8([&n, &e, &d, p, q, dp, dq, qinv]),
        )
    }

    /// Returns the public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// RSA with the private exponent, on a number below the modulus. Nothing comes back if the result does not lead
    /// back to the number.
    pub(crate) fn raw(
        &self,
        number: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let number = self.public.number(number);
        let result = hazmat::rsa_decrypt_and_check(&self.rsa, Some(rng), &number).ok()?;
        Some(fixed(&Zeroizing::new(result), self.public.modulus_bytes()))
    }

    fn primes(&self) -> [Zeroizing<Vec<u8>>; 2] {
        let half = self.public.modulus_bytes().div_ceil(2);
        let mut primes = self.rsa.primes().iter();
        [(); 2].map(|()| fixed(primes.next().expect("two primes").as_ref(), half))
    }

    /// d mod p-1, d mod q-1, q^-1 mod p.
    fn crt(&self) -> [Zeroizing<Vec<u8>>; 3] {
        let half = self.public.modulus_bytes().div_ceil(2);
        let qinv = self.rsa.qinv().map(|qinv| Zeroizing::new(qinv.retrieve()));
        [self.rsa.dp(), self.rsa.dq(), qinv.as_deref()]
            .map(|part| fixed(part.expect("every key of two primes has them"), half))
    }
}

impl SimpleBlob {
    /// Takes the session key out of a blob that was made with an exponent of one, in which it lies in the clear.
    ///
    /// This was the trick for exporting a session key as it is, before there were PLAINTEXTKEYBLOBs: RSA with an
    /// exponent of one changes nothing. It needs no key at all, and anybody can do it.
    ///
    /// # Errors
    ///
    /// Says so when there is no padded key in the clear.
    pub fn unwrap_exponent_one(&self) -> Result<SessionKey, NotOpened> {
        unpad(
            self,
            Padding::Pkcs1,
            Zeroizing::new(self.wrapped().to_vec()),
        )
    }
}

/// Takes the padding off, at whichever length the algorithm has. At most one can fit, and all are looked at.
fn unpad(
    blob: &SimpleBlob,
    padding: Padding,
    block: Zeroizing<Vec<u8>>,
) -> Result<SessionKey, NotOpened> {
    let algorithm = blob.algorithm();
    let block = padding.unmask(block);
    let mut key_bytes = 0_u8;
    for (length, byte) in (0..=SessionKey::BYTES_MAX).zip(0_u8..) {
        if algorithm.accepts_key_bytes(length) {
            key_bytes.conditional_assign(&byte, padding.is_key_of(&block, length));
        }
    }
    let front = block.len().saturating_sub(usize::from(key_bytes));
    SessionKey::new(algorithm, block.split_at(front).1).map_err(|_| NotOpened)
}

/// That a key does not open a blob. It never says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this key, with this padding, does not open it")]
pub struct NotOpened;

/// That no key of such a length is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key of {bits} bits is made: it has to be a multiple of 16, from 2048 to 16384")]
pub struct NotGenerated {
    /// The length in bits.
    pub bits: usize,
}

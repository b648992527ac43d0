//! RSA key pairs: PRIVATEKEYBLOB, and what only the private half can do (spec/capi.md#privatekeyblob).
//!
//! Whatever depends on the private key has one answer. Every use of it is blinded, and checked before its result is
//! believed, so that a fault in the computation tells nobody the primes.

use crypto_bigint::NonZero;
use rand_core::CryptoRng;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, hazmat};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::blob::{self, BlobType, Fault, Fields, Header, Malformed};
use crate::pem;
use crate::public_key::{self, Misfit, RsaPubKey, fixed};
use crate::session_key::WrongKeyLength;
use crate::{Algorithm, KeySpec, Padding, PublicKey, SessionKey, SimpleBlob, der};

/// An RSA key pair whose parts agree.
pub struct PrivateKey {
    public: PublicKey,
    // Zeroes itself. Invariant: of the same numbers as `public`.
    rsa: rsa::PrivateKey,
    /// How many bytes a prime has at most: half of the modulus', but in keys that no PRIVATEKEYBLOB has room for.
    prime_bytes: usize,
}

/// The private numbers of a key, most significant byte first. What is missing is computed.
pub(crate) struct PrivateNumbers<'n> {
    pub(crate) p: &'n [u8],
    pub(crate) q: &'n [u8],
    /// d mod p-1, d mod q-1, q^-1 mod p.
    pub(crate) crt: Option<[&'n [u8]; 3]>,
    pub(crate) d: Option<&'n [u8]>,
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
        Ok(Self {
            public,
            rsa,
            prime_bytes: bits / 16,
        })
    }

    /// Reads a PRIVATEKEYBLOB. As CryptImportKey does, it computes a private exponent that is not there, not all there or
    /// zero, and ignores what follows in a buffer that was longer.
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
        let d = secret("privateExponent", modulus_bytes).ok();
        let public = PublicKey::from_numbers(spec, &modulus, exponent).map_err(RsaPubKey::place)?;
        let numbers = PrivateNumbers {
            p: &p,
            q: &q,
            crt: Some([&dp, &dq, &qinv]),
            d: d.as_ref().map(|d| d.as_slice()),
        };
        Self::from_numbers(public, &numbers)
            .map_err(|fault| Malformed::new("prime1 to privateExponent", private, fault))
    }

    /// Takes the numbers of a key pair, which have to agree with each other and with the public ones.
    pub(crate) fn from_numbers(
        public: PublicKey,
        numbers: &PrivateNumbers<'_>,
    ) -> Result<Self, Fault> {
        let PrivateNumbers { p, q, crt, d } = *numbers;
        let [p, q] = [p, q].map(significant);
        let bytes = public.modulus_bytes();
        let half = bytes.div_ceil(2);
        // Whether the primes are of one length, generators say and nobody hides.
        let prime_bytes = match p.len() <= half && q.len() <= half {
            true => half,
            false => bytes,
        };
        let parts = [&[p, q][..], crt.as_ref().map_or(&[], |crt| crt.as_slice())].concat();
        let fits = |part: &&[u8]| significant(part).len() <= prime_bytes;
        if !parts.iter().all(fits) || d.is_some_and(|d| significant(d).len() > bytes) {
            return Err(Fault::PartsDisagree);
        }
        let n = number(&public.modulus(), bytes);
        let e = BoxedUint::from(public.exponent());
        let d = match d.map(significant) {
            None | Some([]) => private_exponent(public.exponent(), p, q, bytes)?,
            Some(d) => number(d, bytes),
        };
        // At precisions that public lengths give, so that no secret one shows in the time of its use. Primes of a modulus
        // that does not fill its bytes, or has an odd number of them, may be longer than half its bits in CryptoAPI's own
        // keys, and are within half its bytes.
        let is_even = bytes.is_multiple_of(2) && public.modulus().first() >= Some(&0x80);
        let make = match is_even && prime_bytes == half {
            true => rsa::PrivateKey::from_components,
            false => rsa::PrivateKey::from_components_with_wide_primes,
        };
        let primes = vec![number(p, prime_bytes), number(q, prime_bytes)];
        let rsa = make(n, e, d, primes).map_err(|_| Fault::PartsDisagree)?;
        let key = Self {
            public,
            rsa,
            prime_bytes,
        };
        let agree = crt.is_none_or(|crt| {
            let pairs = crt.into_iter().zip(key.crt());
            bool::from(pairs.fold(Choice::from(1), |agree, (given, derived)| {
                let given = fixed(&Zeroizing::new(number(given, prime_bytes)), prime_bytes);
                agree & given.ct_eq(derived.as_slice())
            }))
        });
        match agree {
            true => Ok(key),
            false => Err(Fault::PartsDisagree),
        }
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
    /// Says when the lengths differ, which anybody can see. All else is one answer: that this key and padding do not open
    /// it, and never why: wrapped to another key, with the other padding, not padded as it must
    /// be, or around a key that its algorithm does not have.
    pub fn unwrap(
        &self,
        blob: &SimpleBlob,
        padding: Padding,
        rng: &mut impl CryptoRng,
    ) -> Result<SessionKey, UnwrapError> {
        let of_other_length = self.public.other_length(blob);
        let (fitted, tail) = blob
            .split_at(self.public.modulus_bytes())
            .ok_or(of_other_length)?;
        let opened = match self.public.fits(&fitted) {
            Err(_) => None,
            Ok(()) => self.raw(fitted.wrapped(), rng),
        };
        let opened = opened
            .ok_or(NotOpened)
            .and_then(|block| unpad(&fitted, padding, block));
        // CryptImportKey ignores what follows. That it was too long is what can be said of one that does not open.
        opened.map_err(|not_opened| match tail {
            [] => not_opened.into(),
            _ => of_other_length.into(),
        })
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
    ///
    /// # Errors
    ///
    /// Says so when there is no room in one for the longer of its primes.
    pub fn to_blob(&self) -> Result<Zeroizing<Vec<u8>>, UnequalPrimes> {
        let bytes = self.public.modulus_bytes();
        let half = bytes.div_ceil(2);
        if self.prime_bytes != half {
            return Err(UnequalPrimes);
        }
        let header = RsaPubKey::header(BlobType::PrivateKey, "RSA2", &self.public);
        let mut blob = Zeroizing::new(Vec::with_capacity(20 + 2 * bytes + 5 * half));
        blob.extend(header);
        blob.extend(self.public.modulus().iter().rev());
        for part in self.primes().iter().chain(&self.crt()) {
            blob.extend(part.iter().rev());
        }
        blob.extend(fixed(self.rsa.d(), bytes).iter().rev());
        Ok(blob)
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
        let mut primes = self.rsa.primes().iter();
        [(); 2].map(|()| {
            fixed(
                primes.next().expect("two primes").as_ref(),
                self.prime_bytes,
            )
        })
    }

    /// d mod p-1, d mod q-1, q^-1 mod p.
    fn crt(&self) -> [Zeroizing<Vec<u8>>; 3] {
        let qinv = self.rsa.qinv().map(|qinv| Zeroizing::new(qinv.retrieve()));
        [self.rsa.dp(), self.rsa.dq(), qinv.as_deref()].map(|part| {
            fixed(
                part.expect("every key of two primes has them"),
                self.prime_bytes,
            )
        })
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

/// A number at the precision that so many bytes have.
fn number(number: &[u8], bytes: usize) -> BoxedUint {
    BoxedUint::from_be_slice_truncated(number, u32::try_from(8 * bytes).unwrap_or(u32::MAX))
}

/// A number without the zeros in front.
fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.split_at(zeros).1
}

/// e^-1 mod (p-1)(q-1). Whether p and q are this modulus' is not looked at.
fn private_exponent(e: u32, p: &[u8], q: &[u8], bytes: usize) -> Result<BoxedUint, Fault> {
    let one = number(&[1], bytes);
    let less = |prime| Zeroizing::new(number(prime, bytes).wrapping_sub(&one));
    let totient = less(p).wrapping_mul(&*less(q));
    let totient = NonZero::new(totient).into_option().map(Zeroizing::new);
    let totient = totient.ok_or(Fault::PartsDisagree)?;
    let d = number(&e.to_be_bytes(), bytes).invert_mod(&totient);
    d.into_option().ok_or(Fault::PartsDisagree)
}

/// Takes the padding off, at whichever length the algorithm has. At most one can fit, and all are looked at.
fn unpad(
    blob: &SimpleBlob,
    padding: Padding,
    block: Zeroizing<Vec<u8>>,
) -> Result<SessionKey, NotOpened> {
    let algorithm = blob.algorithm();
    let block = padding.unmask(block);
    // Providers take DES' 56 bits in seven bytes, too, and an eighth of zeros for the one that is missing.
    let is_short_des = |bytes| algorithm == Algorithm::Des && bytes == 7;
    let lengths = (1..=SessionKey::BYTES_MAX)
        .filter(|bytes| algorithm.accepts_key_bytes(*bytes) || is_short_des(*bytes));
    let content = padding.content(&block, lengths).ok_or(NotOpened)?;
    let mut key = Zeroizing::new(Vec::with_capacity(SessionKey::BYTES_MAX));
    key.extend_from_slice(content);
    if is_short_des(content.len()) {
        key.push(0);
    }
    SessionKey::new(algorithm, &key).map_err(|_| NotOpened)
}

/// Why a key does not open a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// By its length, as anybody can see.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// As the private key shows.
    #[error(transparent)]
    NotOpened(#[from] NotOpened),
}

/// That a key does not open a blob. It never says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this key, with this padding, does not open it, or to a length that its algorithm has no keys of"
)]
pub struct NotOpened;

/// That a PRIVATEKEYBLOB has no room for a key pair: each of the primes has half the bytes of the modulus there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the primes of this key are of unequal length, and a PRIVATEKEYBLOB has no room for the longer one"
)]
pub struct UnequalPrimes;

/// That no key of such a length is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key of {bits} bits is made: it has to be a multiple of 16, from 2048 to 16384")]
pub struct NotGenerated {
    /// The length in bits.
    pub bits: usize,
}

//! A program of CryptoAPI's, as tests need one: it has a session key, exports it for the authority, and may know it.

use rand_core::CryptoRng;
use strongroom_capi::{Algorithm, Padding, PublicKey, SessionKey, SimpleBlob};
use strongroom_protocol::id::{AuthorityId, Digest, OwnerId, Serial};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::session_key;
use strongroom_protocol::simple_blob::{self, BlindedBlob};
use strongroom_protocol::statement::{
    BlobDraft, BlobKey, BlobPadding, OwnBlob, Particulars, SignedStatement, Statement,
};
use strongroom_protocol::{Authority, Founding, Recorded};

/// A session key and the blob that was exported of it.
pub struct Program {
    /// The authority's RSA key, as it imported it.
    pub rsa: PublicKey,
    /// What the session key is for.
    pub algorithm: Algorithm,
    /// The session key.
    pub key: Vec<u8>,
    /// How it was padded.
    pub padding: Padding,
    /// The SIMPLEBLOB.
    pub blob: Vec<u8>,
}

impl Program {
    /// Exports a new session key for the authority, which has an RSA key.
    pub fn new(
        authority: &dyn Authority,
        algorithm: Algorithm,
        key_bytes: usize,
        padding: Padding,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let rsa = Self::import(authority);
        Self::under(rsa, algorithm, key_bytes, padding, rng)
    }

    /// Exports a new session key under some RSA key.
    pub fn under(
        rsa: PublicKey,
        algorithm: Algorithm,
        key_bytes: usize,
        padding: Padding,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let key = SessionKey::generate(algorithm, key_bytes, rng).unwrap();
        Self {
            blob: rsa.wrap(&key, padding, rng).unwrap().to_bytes(),
            key: key.expose().to_vec(),
            algorithm,
            padding,
            rsa,
        }
    }

    /// Returns the authority's RSA key, checked as whoever wraps to it must.
    pub fn import(authority: &dyn Authority) -> PublicKey {
        let about = authority.about().unwrap();
        let log_key = about.found().log_key;
        let Recorded { statement, receipt } = about.rsa_key.expect("there is an RSA key");
        assert_eq!(*statement.author(), log_key);
        receipt.verify(&statement, &log_key).unwrap();
        let Statement::RsaKey(key) = statement.statement() else {
            panic!("an RSA key is no {statement:?}");
        };
        PublicKey::from_blob(&key.public_key).unwrap()
    }

    /// Returns the session key as it comes back: DES keys have odd parity then.
    #[must_use]
    pub fn released_key(&self) -> Vec<u8> {
        let is_des = matches!(
            self.algorithm,
            Algorithm::Des | Algorithm::TripleDes | Algorithm::TripleDes112
        );
        let odd = |byte: &u8| match (is_des, byte.count_ones() % 2) {
            (true, 0) => byte ^ 1,
            _ => *byte,
        };
        self.key.iter().map(odd).collect()
    }

    /// Returns what is known of the session key by who knows it.
    #[must_use]
    pub fn known(&self) -> BlobKey {
        let alg_id = u16::try_from(self.algorithm.alg_id()).unwrap();
        BlobKey::Known(session_key::SessionKey::capi(alg_id, &self.released_key()).unwrap())
    }

    /// Returns what is known of it by who does not.
    #[must_use]
    pub fn unknown(&self) -> BlobKey {
        let alg_id = u16::try_from(self.algorithm.alg_id()).unwrap();
        let bits = u16::try_from(8 * self.key.len()).unwrap();
        BlobKey::Unknown(session_key::Algorithm::capi(alg_id), bits)
    }

    /// Returns what a deposit of the blob claims; of one that is none, anything.
    #[must_use]
    pub fn claim(&self) -> Digest {
        let rsa_key = Digest::from_bytes(*self.rsa.fingerprint().as_bytes());
        match SimpleBlob::from_bytes(&self.blob) {
            Ok(blob) => simple_blob::claim(rsa_key, blob.wrapped()),
            Err(_) => simple_blob::claim(rsa_key, &self.blob),
        }
    }

    /// Makes a draft of the blob's deposit, with the claim in it.
    pub fn draft(&self, key: BlobKey, rng: &mut impl CryptoRng) -> BlobDraft {
        BlobDraft {
            serial: Serial::generate(rng),
            blob: BlindedBlob::new(&self.blob, rng).unwrap(),
            padding: match self.padding {
                Padding::Pkcs1 => BlobPadding::Pkcs1,
                Padding::Oaep => BlobPadding::Oaep,
            },
            key,
            particulars: Particulars::default().with_blob(self.claim()).unwrap(),
        }
    }
}

/// Makes the statement of which blob a deposit's file has for its owner now.
#[must_use]
pub fn own_blob(
    about: &Founding,
    owner: OwnerId,
    serial: Serial,
    digest: Digest,
    device: &SigningKey,
) -> SignedStatement {
    let authority: AuthorityId = about.authority();
    let own = OwnBlob {
        authority,
        owner,
        serial,
        digest,
    };
    SignedStatement::sign(own, device)
}

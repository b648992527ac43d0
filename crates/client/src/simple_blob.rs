//! Depositing what a program of CryptoAPI's exported for the authority (spec/simple-blob.md). Not how its files are
//! found and rewritten.

use std::io::Read;

use strongroom_capi::cipher::Parameters;
use strongroom_capi::file::{FileHeader, HeaderError, digest};
use strongroom_capi::public_key::Misfit;
use strongroom_capi::{Malformed, Padding, PublicKey, SessionKey, SimpleBlob};
use strongroom_protocol::Recorded;
use strongroom_protocol::id::{Digest, Serial};
use strongroom_protocol::session_key::WrongLength;
use strongroom_protocol::simple_blob::{BlindedBlob, claim};
use strongroom_protocol::statement::{
    BlobDraft, BlobKey, BlobPadding, Deposit, OwnBlob, Particulars, ParticularsError,
    SignedStatement, Statement, WrongCount,
};

use crate::capi::{key, mark, text};
use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{KeysError, Matched, Observations};
use crate::mark::{FileMark, Marking};
use crate::prepared::Confirmation;
use crate::spare::DepositError;

/// A SIMPLEBLOB about to be deposited.
pub struct NewBlob {
    /// The SIMPLEBLOB, wrapped to the authority's RSA key.
    pub blob: Vec<u8>,
    /// How the session key in it was padded: nothing in it says.
    pub padding: BlobPadding,
    /// What is known of the session key. A DES key has odd parity.
    pub key: BlobKey,
    /// What the authority is told of it.
    pub particulars: Particulars,
    /// SHA-256 of the SIMPLEBLOB that the file has for its owner, to find it by.
    pub own_blob: Option<Digest>,
    /// Whether the session key that is known was seen to be in that one, too: file and deposit then agree.
    pub matches: bool,
    /// The mark of the file, if it was read.
    pub mark: Option<FileMark>,
}

/// What a depositor has of the file that a SIMPLEBLOB is the spare of.
pub struct OwnFile {
    /// The SIMPLEBLOB in it for its owner, padded as the other one.
    pub blob: Vec<u8>,
    /// SHA-256 of the ciphertext behind it, if it is at hand.
    pub payload: Option<Digest>,
    /// The mark of the file, likewise.
    pub mark: Option<FileMark>,
    /// What the program set on the session key before it encrypted the file.
    pub parameters: Parameters,
}

impl OwnFile {
    /// Reads a file to its end.
    ///
    /// # Errors
    ///
    /// It can't be read, or has no header of CryptoAPI's example programs.
    pub fn read(mut file: impl Read, parameters: Parameters) -> Result<Self, HeaderError> {
        let header = FileHeader::read(&mut file)?;
        let mut payload = Marking::new(file);
        let digest = digest(&mut payload).map_err(HeaderError::Read)?;
        Ok(Self {
            blob: header.blob().to_vec(),
            payload: Some(Digest::from_bytes(digest)),
            mark: Some(payload.mark(mark(&header), header.bytes())),
            parameters,
        })
    }
}

/// What is known of the session key in a SIMPLEBLOB.
pub enum KnownKey<'k> {
    /// All of it.
    All(&'k SessionKey),
    /// Its length in bits.
    Bits(u16),
}

impl NewBlob {
    /// Describes a blob that a program exported, and the file that it is of.
    ///
    /// # Errors
    ///
    /// Says so when there is no room for what the file is found by.
    pub fn new(
        blob: &SimpleBlob,
        padding: Padding,
        key: KnownKey<'_>,
        mut particulars: Particulars,
        own: Option<&OwnFile>,
        matches: bool,
    ) -> Result<Self, ParticularsError> {
        if let Some(own) = own {
            particulars = particulars.with_padding(text::padding(padding))?;
            if let Some(payload) = own.payload {
                particulars = particulars.with_payload(payload)?;
            }
            if own.parameters != Parameters::default() {
                particulars = particulars.with_cipher(&own.parameters.to_string())?;
            }
        }
        Ok(Self {
            blob: blob.to_bytes(),
            padding: match padding {
                Padding::Pkcs1 => BlobPadding::Pkcs1,
                Padding::Oaep => BlobPadding::Oaep,
            },
            key: match key {
                KnownKey::All(key) => BlobKey::Known(key::to_deposited(key)),
                KnownKey::Bits(bits) => BlobKey::Unknown(key::algorithm(blob.algorithm()), bits),
            },
            particulars,
            own_blob: own.map(|own| Digest::of(&[&own.blob])),
            matches,
            mark: own.and_then(|own| own.mark),
        })
    }
}

/// A SIMPLEBLOB that was deposited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepositedBlob {
    /// What the authority said of it; of an unproven one, no more than that it keeps it.
    pub spare: Confirmation,
    /// Whether the depositor showed to know the session key.
    pub is_proven: bool,
}

impl Client<'_> {
    /// Returns the authority's RSA key, once its statement is shown to be the authority's and in its log.
    ///
    /// # Errors
    ///
    /// Says so when it has none, or does not show it.
    pub fn rsa_key(&self) -> Result<PublicKey, RsaKeyError> {
        let Recorded { statement, receipt } =
            self.connection.about()?.rsa_key.ok_or(RsaKeyError::None)?;
        let founding = self.connection.founding();
        let is_theirs = *statement.author() == founding.found().log_key
            && statement.authority() == founding.authority();
        let Statement::RsaKey(key) = statement.statement() else {
            return Err(RsaKeyError::Wrong);
        };
        if !is_theirs {
            return Err(RsaKeyError::Wrong);
        }
        self.connection.acknowledge(&statement, &receipt)?;
        PublicKey::from_blob(&key.public_key).map_err(|_| RsaKeyError::Wrong)
    }

    /// Deposits a SIMPLEBLOB, in a statement of its own.
    ///
    /// When this returns, the receipt is verified, and it and the statement are in the home.
    ///
    /// # Errors
    ///
    /// Says what can be seen to be wrong with the blob before anything is sent, or what failed; the authority says of
    /// what it opened only that it does not match.
    pub fn deposit_simple_blob(&mut self, new: NewBlob) -> Result<DepositedBlob, DepositBlobError> {
        self.check_enrolled()?;
        let rsa_key = self.rsa_key()?;
        // What is deposited is the blob alone, without the rest of a buffer that was longer.
        let blob = rsa_key
            .fitted(&SimpleBlob::from_bytes(&new.blob)?)
            .map_err(DepositBlobError::Misfit)?;
        let (algorithm, bits, is_proven) = match &new.key {
            BlobKey::Known(key) => (key.algorithm(), key.bits(), true),
            BlobKey::Unknown(algorithm, bits) => (*algorithm, *bits, false),
        };
        let agree = algorithm.alg_id().map(u32::from) == Some(blob.algorithm().alg_id())
            && bits.is_multiple_of(8)
            && blob.algorithm().accepts_key_bytes(usize::from(bits / 8));
        if !agree {
            return Err(DepositBlobError::Key);
        }
        let fingerprint = Digest::from_bytes(*rsa_key.fingerprint().as_bytes());
        let mut particulars = new
            .particulars
            .with_blob(claim(fingerprint, blob.wrapped()))?;
        if let Some(digest) = new.own_blob {
            particulars = particulars.with_own_blob(digest)?;
        }
        let serial = self.generate_serial();
        let draft = BlobDraft {
            serial,
            blob: BlindedBlob::new(&blob.to_bytes(), &mut self.rng)?,
            padding: new.padding,
            key: new.key,
            particulars,
        };
        let founding = self.connection.founding();
        let deposit = Deposit::seal_blobs(
            founding.authority(),
            &founding.found().wrap_key,
            self.membership.owner,
            vec![draft],
            &mut self.rng,
        )
        .map_err(DepositError::from)?;
        let own = new.own_blob.filter(|_| new.matches && is_proven);
        let matched = own.map(|own| Matched::detached(own, serial));
        let mark = new.mark.filter(|_| matched.is_some());
        let observed = Observations {
            marks: mark.as_slice(),
            ..Observations::matched(matched.as_slice())
        };
        let said = self.submit_deposit(deposit, observed)?;
        // A receipt has a word on each key.
        let spare = *said.first().ok_or(DepositError::Count(WrongCount))?;
        Ok(DepositedBlob { spare, is_proven })
    }

    /// Tells the authority which SIMPLEBLOB the file of a deposit has for its owner from now on. This comes before the
    /// file's header is written, so that it is found the next time too.
    ///
    /// # Errors
    ///
    /// Says what failed; then the file is to stay as it is.
    pub fn state_own_blob(&mut self, serial: Serial, digest: Digest) -> Result<(), OwnBlobError> {
        let own = OwnBlob {
            authority: self.connection.founding().authority(),
            owner: self.membership.owner,
            serial,
            digest,
        };
        let statement = SignedStatement::sign(own, &self.home.device_key()?);
        self.submit(statement)?;
        Ok(())
    }
}

/// Why the authority's RSA key can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RsaKeyError {
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// There is none.
    #[error("the authority has no RSA key, to which a SIMPLEBLOB could be wrapped")]
    None,
    /// It is no RSA key, or not shown to be the authority's.
    #[error("the authority does not show that the RSA key it names is its own")]
    Wrong,
}

/// Why a SIMPLEBLOB was not deposited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DepositBlobError {
    /// It is no SIMPLEBLOB.
    #[error(transparent)]
    Blob(#[from] Malformed),
    /// It was not kept.
    #[error(transparent)]
    Deposit(#[from] DepositError),
    /// What is said of the session key is not what the blob says, or no such key.
    #[error(
        "the session key is not of the algorithm in the blob, or has a length that it does not have"
    )]
    Key,
    /// It is longer than one to an authority's key.
    #[error(transparent)]
    Length(#[from] WrongLength),
    /// It was wrapped to another key.
    #[error("the blob is not wrapped to the authority's RSA key: {0}")]
    Misfit(Misfit),
    /// There is no room for what it claims.
    #[error(transparent)]
    Particulars(#[from] ParticularsError),
    /// The authority's RSA key can't be had.
    #[error(transparent)]
    RsaKey(#[from] RsaKeyError),
}

/// Why the authority was not told which blob a file has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnBlobError {
    /// What the authority says does not hold, or it refused.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The device's key can't be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

//! Receipts: what became of a statement, signed by the authority, with its place in the log (spec/receipt.md).

use crate::authority::{Challenge, EntryBytes};
use crate::encoding::{Canonical, Malformed, Reader, Writer, decode, encode};
use crate::id::{AuthorityId, Digest, StatementId, Time};
use crate::keys::{Signature, SigningKey, VerifyingKey};
use crate::label::Label;
use crate::log::{
    InclusionProof, Leaf, LeafSalt, MalformedProof, ProofError, SignedCheckpoint, TlogProof,
};
use crate::statement::{Kind, SignedStatement, Statement};

/// What became of a statement, as its authority attests (PROTOCOL's A).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Who attests.
    pub authority: AuthorityId,
    /// The statement: SHA-256 of what was signed and the signature.
    pub statement: StatementId,
    /// What became of it.
    pub outcome: Outcome,
    /// When, by the authority's clock.
    pub time: Time,
}

/// What became of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// For a deposit: what became of each of its keys, in its order.
    Deposited(Vec<DepositState>),
    /// It is on record.
    Recorded,
}

/// What became of one deposited key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DepositState {
    /// It is kept, and was not opened.
    Deposited,
    /// It is kept; the authority opened it, and it matched its commitment.
    Verified,
    /// Refused: the owner has another deposit under this serial.
    Conflict,
    /// Refused: the authority opened it, and it did not match its commitment.
    Mismatch,
}

impl DepositState {
    /// Tells whether the authority keeps the key.
    #[must_use]
    pub fn is_kept(self) -> bool {
        match self {
            Self::Deposited | Self::Verified => true,
            Self::Conflict | Self::Mismatch => false,
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deposited => "deposited",
            Self::Verified => "verified",
            Self::Conflict => "conflict",
            Self::Mismatch => "mismatch",
        }
    }
}

impl Canonical for DepositState {
    fn write(&self, writer: &mut Writer) {
        writer.uint(match self {
            Self::Deposited => 1,
            Self::Verified => 2,
            Self::Conflict => 3,
            Self::Mismatch => 4,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.uint("state of a deposit")? {
            1 => Ok(Self::Deposited),
            2 => Ok(Self::Verified),
            3 => Ok(Self::Conflict),
            4 => Ok(Self::Mismatch),
            _ => Err(reader.malformed("state of a deposit")),
        }
    }
}

impl Canonical for Attestation {
    fn write(&self, writer: &mut Writer) {
        match &self.outcome {
            Outcome::Deposited(states) => {
                writer.array(4).item(&self.authority).item(&self.statement);
                writer.items(states).item(&self.time);
            }
            Outcome::Recorded => {
                writer.array(3).item(&self.authority).item(&self.statement);
                writer.item(&self.time);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let fields = reader.count("attestation")?;
        let authority = reader.item()?;
        let statement = reader.item()?;
        let outcome = match fields {
            3 => Outcome::Recorded,
            4 => Outcome::Deposited(reader.items(256, "states")?),
            _ => return Err(reader.malformed("attestation")),
        };
        Ok(Self {
            authority,
            statement,
            outcome,
            time: reader.item()?,
        })
    }
}

/// An attestation with its signature: made by signing, or by parsing and verifying, only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAttestation {
    attestation: Attestation,
    bytes: Vec<u8>,
    signature: Signature,
}

impl SignedAttestation {
    /// Signs what became of a statement, as its authority.
    #[must_use]
    pub fn sign(attestation: Attestation, log_key: &SigningKey) -> Self {
        let bytes = encode(&attestation);
        let signature = log_key.sign(label_of(&attestation.outcome), &bytes);
        Self {
            attestation,
            bytes,
            signature,
        }
    }

    /// Reads an attestation and verifies it under the authority's log key.
    ///
    /// # Errors
    ///
    /// Says whether it is malformed or not this key's.
    pub fn parse(
        bytes: &[u8],
        signature: Signature,
        log_key: &VerifyingKey,
    ) -> Result<Self, ReceiptError> {
        let attestation: Attestation = decode(bytes)?;
        if !log_key.verify(label_of(&attestation.outcome), bytes, &signature) {
            return Err(ReceiptError::Signature);
        }
        Ok(Self {
            attestation,
            bytes: bytes.to_vec(),
            signature,
        })
    }

    /// Returns what is attested.
    #[must_use]
    pub fn attestation(&self) -> &Attestation {
        &self.attestation
    }

    /// Returns the bytes that are signed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the signature.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Returns the log's leaf for it.
    #[must_use]
    pub fn leaf(&self, kind: Kind, salt: &LeafSalt) -> Leaf {
        Leaf::new(
            kind.code(),
            self.attestation.time,
            salt,
            &self.bytes,
            &self.signature,
        )
    }
}

fn label_of(outcome: &Outcome) -> Label {
    match outcome {
        Outcome::Deposited(_) => Label::DEPOSITED,
        Outcome::Recorded => Label::RECORDED,
    }
}

/// What an authority answers a statement with: a C2SP `tlog-proof` whose extra data are the leaf's salt, the
/// attestation and its signature. Not verified until [`Receipt::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(TlogProof);

impl Receipt {
    /// Puts a receipt together, as the authority.
    #[must_use]
    pub fn new(
        salt: LeafSalt,
        attestation: &SignedAttestation,
        index: u64,
        inclusion: InclusionProof,
        checkpoint: &SignedCheckpoint,
    ) -> Self {
        let extra = Extra {
            salt,
            attestation: attestation.bytes.clone(),
            signature: attestation.signature,
        };
        Self(TlogProof::new(encode(&extra), index, inclusion, checkpoint))
    }

    /// Reads a receipt's text.
    ///
    /// # Errors
    ///
    /// Says so when it is not one.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        Ok(Self(TlogProof::parse(text)?))
    }

    /// Returns the receipt's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// Returns the statement's index in the log, as the receipt says: true once it is verified.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.0.index()
    }

    /// Returns what the leaf was made of: its salt, and what the authority attested, if that is signed by `log_key`. Where
    /// it is in the log is not verified.
    ///
    /// # Errors
    ///
    /// It is not one, or not signed by that key.
    pub fn attested(
        &self,
        log_key: &VerifyingKey,
    ) -> Result<(LeafSalt, SignedAttestation), ReceiptError> {
        let extra: Extra = decode(self.0.extra())?;
        let signed = SignedAttestation::parse(&extra.attestation, extra.signature, log_key)?;
        Ok((extra.salt, signed))
    }

    /// Hashes the entry that this is the receipt of, whose statement has these bytes, with a challenge: what an authority
    /// that has it answers. The receipt is verified already.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn challenged(
        &self,
        statement: &[u8],
        challenge: &Challenge,
    ) -> Result<Digest, ReceiptError> {
        let extra: Extra = decode(self.0.extra())?;
        let entry = EntryBytes {
            statement,
            attestation: &extra.attestation,
            signature: &extra.signature,
            salt: &extra.salt,
        };
        Ok(entry.hash(challenge))
    }

    /// Verifies that the authority recorded this very statement in its log (spec/receipt.md#verify).
    ///
    /// That the checkpoint extends the last one seen is the caller's to check: it takes a proof of its own.
    ///
    /// # Errors
    ///
    /// Says which part does not hold.
    pub fn verify(
        &self,
        statement: &SignedStatement,
        log_key: &VerifyingKey,
    ) -> Result<Acknowledgement, ReceiptError> {
        self.verify_after(statement, log_key, None)
    }

    /// Does as [`Self::verify`] does, sparing the signature of a checkpoint of this authority's that was verified before.
    ///
    /// # Errors
    ///
    /// Says which part does not hold.
    pub fn verify_after(
        &self,
        statement: &SignedStatement,
        log_key: &VerifyingKey,
        known: Option<&SignedCheckpoint>,
    ) -> Result<Acknowledgement, ReceiptError> {
        let extra: Extra = decode(self.0.extra())?;
        let signed = SignedAttestation::parse(&extra.attestation, extra.signature, log_key)?;
        let attestation = signed.attestation();
        let authority = statement.authority();
        if attestation.authority != authority || attestation.statement != statement.id() {
            return Err(ReceiptError::OtherStatement);
        }
        let fits = match (&attestation.outcome, statement.statement()) {
            (Outcome::Deposited(states), Statement::Deposit(deposit)) => {
                states.len() == deposit.keys().len()
            }
            (Outcome::Deposited(_), _) => false,
            (Outcome::Recorded, statement) => !matches!(statement, Statement::Deposit(_)),
        };
        if !fits {
            return Err(ReceiptError::OtherStatement);
        }
        let leaf = signed.leaf(statement.kind(), &extra.salt);
        let checkpoint = self.0.verify(leaf.hash(), authority, log_key, known)?;
        Ok(Acknowledgement {
            outcome: attestation.outcome.clone(),
            time: attestation.time,
            index: self.0.index(),
            checkpoint,
        })
    }
}

/// What a verified receipt says: made by [`Receipt::verify`] alone.
#[derive(Clone, Debug)]
pub struct Acknowledgement {
    outcome: Outcome,
    time: Time,
    index: u64,
    checkpoint: SignedCheckpoint,
}

impl Acknowledgement {
    /// Returns what became of the statement.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Returns what became of each deposited key; none for other statements.
    #[must_use]
    pub fn states(&self) -> &[DepositState] {
        match &self.outcome {
            Outcome::Deposited(states) => states,
            Outcome::Recorded => &[],
        }
    }

    /// Returns when, by the authority's clock.
    #[must_use]
    pub fn time(&self) -> Time {
        self.time
    }

    /// Returns the statement's index in the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns the checkpoint it is proved in.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

struct Extra {
    salt: LeafSalt,
    attestation: Vec<u8>,
    signature: Signature,
}

impl Canonical for Extra {
    fn write(&self, writer: &mut Writer) {
        writer.array(3).bytes(self.salt.as_bytes());
        writer.bytes(&self.attestation).item(&self.signature);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(3, "receipt")?;
        Ok(Self {
            salt: LeafSalt::from_bytes(reader.byte_array("salt")?),
            attestation: reader.bytes("attestation")?.to_vec(),
            signature: reader.item()?,
        })
    }
}

/// A receipt that shows nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not the encoding of a receipt's parts.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Not the text of a receipt.
    #[error(transparent)]
    MalformedText(#[from] MalformedProof),
    /// The attestation is for another statement or another authority.
    #[error("the receipt is for another statement")]
    OtherStatement,
    /// The proof of the place in the log does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The attestation is not signed by the authority's key.
    #[error("the receipt is not signed by this authority")]
    Signature,
}

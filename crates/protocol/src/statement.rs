//! Statements: what owners and authorities sign, each under its own label (spec/statement.md). Not what becomes
//! of them: that is the authority's attestation, in `receipt`.

mod blob;
mod content;
mod deposit;
mod found;
mod operator;
mod particulars;
mod recovery;
mod release;
mod sealed;

use std::fmt;

pub use blob::{OwnBlob, RsaKey};
pub use content::{BlobPadding, Content};
pub use deposit::{BlobDraft, BlobKey, Deposit, Draft, WrongCount};
pub use found::{Enroll, Found};
pub use operator::{Checked, CheckedDeposit, Restored};
pub use particulars::{Particulars, ParticularsError};
pub use recovery::{
    Approval, Decision, Departed, Evidence, EvidenceKind, Grounds, GroundsTooLong, PolicyChange,
    Request, Scope, Verdict, Veto, Word, WrongScope,
};
pub use release::{Release, ReleaseOrigin, WrongRelease};
pub use sealed::{DepositLabel, OpenedKey, SealedKey};

use crate::encoding::{Canonical, Malformed, Reader, Writer, decode, encode};
use crate::id::{AuthorityId, Digest, StatementId};
use crate::keys::{Signature, SigningKey, VerifyingKey};
use crate::label::Label;

/// A statement with its author's valid signature: made by signing, or by parsing and verifying, only.
///
/// On the wire `E(kind, author[32], body, signature[64], carried)`. What is signed is `label ‖ 00 ‖ body`; what is
/// carried beside it (ciphertexts and descriptions) is covered by digests in the body.
#[derive(Clone)]
pub struct SignedStatement {
    statement: Statement,
    wire: Wire,
    id: StatementId,
    bytes: Vec<u8>,
}

impl SignedStatement {
    /// The length in bytes of the longest statement.
    pub const BYTES_MAX: usize = 4 << 20;

    /// Signs a statement.
    #[must_use]
    pub fn sign(statement: impl Into<Statement>, key: &SigningKey) -> Self {
        let statement = statement.into();
        let body = statement.body();
        let signature = key.sign(statement.kind().label(), &body);
        let wire = Wire {
            kind: statement.kind(),
            author: key.verifying_key(),
            body,
            signature,
            carried: statement.carried(),
        };
        Self::assemble(statement, wire)
    }

    /// Reads a statement and verifies its signature and what it says of its own author.
    ///
    /// Whether its author may say so is for the authority to judge.
    ///
    /// # Errors
    ///
    /// Says whether the bytes are malformed or the signature is not the author's.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseStatementError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(ParseStatementError::TooLong);
        }
        let wire: Wire = decode(bytes)?;
        if !wire
            .author
            .verify(wire.kind.label(), &wire.body, &wire.signature)
        {
            return Err(ParseStatementError::Signature);
        }
        let statement = Statement::read(wire.kind, &wire.body, &wire.carried)?;
        if !statement.may_be_by(&wire.author) {
            return Err(ParseStatementError::Author);
        }
        Ok(Self::assemble(statement, wire))
    }

    /// Returns the statement's id: SHA-256 of `label ‖ 00 ‖ body ‖ signature`.
    #[must_use]
    pub fn id(&self) -> StatementId {
        self.id
    }

    /// Returns what is stated.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Returns the kind, which the log shows to everybody.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.wire.kind
    }

    /// Returns the key that signed.
    #[must_use]
    pub fn author(&self) -> &VerifyingKey {
        &self.wire.author
    }

    /// Returns the statement as it is sent and stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the authority the statement is for. A founding statement is for the authority it founds.
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        match &self.statement {
            Statement::Approval(body) => body.authority,
            Statement::Checked(body) => body.authority,
            Statement::Decision(body) => body.authority,
            Statement::Departed(body) => body.authority,
            Statement::Deposit(body) => body.authority(),
            Statement::Enroll(body) => body.authority,
            Statement::Evidence(body) => body.authority,
            Statement::Found(_) => AuthorityId::from_bytes(*self.id.as_bytes()),
            Statement::OwnBlob(body) => body.authority,
            Statement::PolicyChange(body) => body.authority,
            Statement::Release(body) => body.authority(),
            Statement::Request(body) => body.authority,
            Statement::Restored(body) => body.authority,
            Statement::RsaKey(body) => body.authority,
            Statement::Veto(body) => body.authority,
        }
    }

    fn assemble(statement: Statement, wire: Wire) -> Self {
        let signed = wire.kind.label().prefix(&wire.body);
        let id = StatementId::of(&[&signed, wire.signature.as_bytes()]);
        let bytes = encode(&wire);
        Self {
            statement,
            wire,
            id,
            bytes,
        }
    }
}

impl fmt::Debug for SignedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedStatement({:?} {})", self.wire.kind, self.id)
    }
}

/// Bytes that are no signed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseStatementError {
    /// Longer than [`SignedStatement::BYTES_MAX`].
    #[error("the statement is too long")]
    TooLong,
    /// Not the encoding of a statement.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The signature is not the author's over these bytes.
    #[error("the statement's signature does not verify")]
    Signature,
    /// Signed by another key than the one it must be signed by.
    #[error("the statement is not signed by the key it names")]
    Author,
}

/// What can be stated.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Statement {
    /// An officer's word on a request or a change.
    Approval(Approval),
    /// An authority's check of deposits.
    Checked(Checked),
    /// An authority's decision on a request.
    Decision(Decision),
    /// An officer's word that an owner has departed.
    Departed(Departed),
    /// An owner's deposits.
    Deposit(Deposit),
    /// An owner's enrolment.
    Enroll(Enroll),
    /// Evidence for a request.
    Evidence(Evidence),
    /// The founding of an authority.
    Found(Box<Found>),
    /// Which blob a file has for its owner.
    OwnBlob(OwnBlob),
    /// A change of the policy.
    PolicyChange(Box<PolicyChange>),
    /// An authority's release of keys.
    Release(Release),
    /// A recovery request.
    Request(Box<Request>),
    /// An authority's restoring from a backup.
    Restored(Restored),
    /// An authority's RSA key.
    RsaKey(RsaKey),
    /// An owner's veto of a request.
    Veto(Veto),
}

impl Statement {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Approval(_) => Kind::Approval,
            Self::Checked(_) => Kind::Checked,
            Self::Decision(_) => Kind::Decision,
            Self::Departed(_) => Kind::Departed,
            Self::Deposit(_) => Kind::Deposit,
            Self::Enroll(_) => Kind::Enroll,
            Self::Evidence(_) => Kind::Evidence,
            Self::Found(_) => Kind::Found,
            Self::OwnBlob(_) => Kind::OwnBlob,
            Self::PolicyChange(_) => Kind::PolicyChange,
            Self::Release(_) => Kind::Release,
            Self::Request(_) => Kind::Request,
            Self::Restored(_) => Kind::Restored,
            Self::RsaKey(_) => Kind::RsaKey,
            Self::Veto(_) => Kind::Veto,
        }
    }

    /// Returns what a request or a change of the policy is named by, and the digest of the policy that it names and is
    /// decided by; none for what asks for nothing.
    #[must_use]
    pub fn asks(&self) -> Option<(Digest, Digest)> {
        if let Self::Request(request) = self {
            Some((request.digest(), request.policy))
        } else if let Self::PolicyChange(change) = self {
            Some((change.digest(), change.replaces))
        } else {
            None
        }
    }

    fn body(&self) -> Vec<u8> {
        match self {
            Self::Approval(body) => encode(body),
            Self::Checked(body) => encode(body),
            Self::Decision(body) => encode(body),
            Self::Departed(body) => encode(body),
            Self::Deposit(body) => body.body(),
            Self::Enroll(body) => encode(body),
            Self::Evidence(body) => encode(body),
            Self::Found(body) => encode(&**body),
            Self::OwnBlob(body) => encode(body),
            Self::PolicyChange(body) => encode(&**body),
            Self::Release(body) => body.body(),
            Self::Request(body) => encode(&**body),
            Self::Restored(body) => encode(body),
            Self::RsaKey(body) => encode(body),
            Self::Veto(body) => encode(body),
        }
    }

    /// What travels beside the signed body; empty but for wraps.
    fn carried(&self) -> Vec<u8> {
        match self {
            Self::Deposit(body) => body.carried(),
            Self::Release(body) => body.carried(),
            Self::Approval(_)
            | Self::Checked(_)
            | Self::Decision(_)
            | Self::Departed(_)
            | Self::Enroll(_)
            | Self::Evidence(_)
            | Self::Found(_)
            | Self::OwnBlob(_)
            | Self::PolicyChange(_)
            | Self::Request(_)
            | Self::Restored(_)
            | Self::RsaKey(_)
            | Self::Veto(_) => Vec::new(),
        }
    }

    fn read(kind: Kind, body: &[u8], carried: &[u8]) -> Result<Self, Malformed> {
        let carries = matches!(kind, Kind::Deposit | Kind::Release);
        if !carries && !carried.is_empty() {
            return Err(Malformed::new("statement (carries what it may not)", 0));
        }
        Ok(match kind {
            Kind::Approval => Self::Approval(decode(body)?),
            Kind::Checked => Self::Checked(decode(body)?),
            Kind::Decision => Self::Decision(decode(body)?),
            Kind::Departed => Self::Departed(decode(body)?),
            Kind::Deposit => Self::Deposit(Deposit::read(body, carried)?),
            Kind::Enroll => Self::Enroll(decode(body)?),
            Kind::Evidence => Self::Evidence(decode(body)?),
            Kind::Found => Self::Found(Box::new(decode(body)?)),
            Kind::OwnBlob => Self::OwnBlob(decode(body)?),
            Kind::PolicyChange => Self::PolicyChange(Box::new(decode(body)?)),
            Kind::Release => Self::Release(Release::read(body, carried)?),
            Kind::Request => Self::Request(Box::new(decode(body)?)),
            Kind::Restored => Self::Restored(decode(body)?),
            Kind::RsaKey => Self::RsaKey(decode(body)?),
            Kind::Veto => Self::Veto(decode(body)?),
        })
    }

    /// A body that names the key that must have signed it is by that key; for the others the authority knows.
    fn may_be_by(&self, author: &VerifyingKey) -> bool {
        match self {
            Self::Enroll(body) => body.device_key == *author,
            Self::Found(body) => body.log_key == *author,
            Self::Request(body) => body.device_key == *author,
            Self::Approval(_)
            | Self::Checked(_)
            | Self::Decision(_)
            | Self::Departed(_)
            | Self::Deposit(_)
            | Self::Evidence(_)
            | Self::OwnBlob(_)
            | Self::PolicyChange(_)
            | Self::Release(_)
            | Self::Restored(_)
            | Self::RsaKey(_)
            | Self::Veto(_) => true,
        }
    }
}

macro_rules! into_statement {
    ($($body:ident),+; boxed $($boxed:ident),+) => {
        $(impl From<$body> for Statement {
            fn from(body: $body) -> Self {
                Self::$body(body)
            }
        })+
        $(impl From<$boxed> for Statement {
            fn from(body: $boxed) -> Self {
                Self::$boxed(Box::new(body))
            }
        })+
    };
}

into_statement!(
    Approval, Checked, Decision, Departed, Deposit, Enroll, Evidence, OwnBlob, Release, Restored,
    RsaKey, Veto;
    boxed Found, PolicyChange, Request
);

/// The kinds of statement, with the numbers they have on the wire and in the log's leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// [`Statement::Found`].
    Found = 1,
    /// [`Statement::Enroll`].
    Enroll = 2,
    /// [`Statement::Deposit`].
    Deposit = 3,
    /// [`Statement::Request`].
    Request = 4,
    /// [`Statement::Evidence`].
    Evidence = 5,
    /// [`Statement::Veto`].
    Veto = 6,
    /// [`Statement::Decision`].
    Decision = 7,
    /// [`Statement::Release`].
    Release = 8,
    /// [`Statement::Approval`].
    Approval = 9,
    /// [`Statement::Departed`].
    Departed = 10,
    /// [`Statement::PolicyChange`].
    PolicyChange = 11,
    /// [`Statement::OwnBlob`].
    OwnBlob = 12,
    /// [`Statement::Restored`].
    Restored = 20,
    /// [`Statement::Checked`].
    Checked = 21,
    /// [`Statement::RsaKey`].
    RsaKey = 22,
}

impl Kind {
    const ALL: [Self; 15] = [
        Self::Found,
        Self::Enroll,
        Self::Deposit,
        Self::Request,
        Self::Evidence,
        Self::Veto,
        Self::Decision,
        Self::Release,
        Self::Approval,
        Self::Departed,
        Self::PolicyChange,
        Self::OwnBlob,
        Self::Restored,
        Self::Checked,
        Self::RsaKey,
    ];

    /// Returns the number on the wire.
    #[must_use]
    pub fn code(self) -> u64 {
        self as u64
    }

    /// Returns the kind of a number, if there is one.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Returns the word for it, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Enroll => "enroll",
            Self::Deposit => "deposit",
            Self::Request => "request",
            Self::Evidence => "evidence",
            Self::Veto => "veto",
            Self::Decision => "decision",
            Self::Release => "release",
            Self::Approval => "approval",
            Self::Departed => "departed",
            Self::PolicyChange => "policy change",
            Self::OwnBlob => "own blob",
            Self::Restored => "restored",
            Self::Checked => "checked",
            Self::RsaKey => "rsa key",
        }
    }

    fn label(self) -> Label {
        match self {
            Self::Found => Label::FOUND,
            Self::Enroll => Label::ENROLL,
            Self::Deposit => Label::DEPOSIT,
            Self::Request => Label::REQUEST,
            Self::Evidence => Label::EVIDENCE,
            Self::Veto => Label::VETO,
            Self::Decision => Label::DECISION,
            Self::Release => Label::RELEASE,
            Self::Approval => Label::APPROVAL,
            Self::Departed => Label::DEPARTED,
            Self::PolicyChange => Label::POLICY_CHANGE,
            Self::OwnBlob => Label::OWN_BLOB,
            Self::Restored => Label::RESTORED,
            Self::Checked => Label::CHECKED,
            Self::RsaKey => Label::RSA_KEY,
        }
    }
}

impl Canonical for Kind {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let code = reader.uint("statement kind")?;
        Self::from_code(code).ok_or_else(|| reader.malformed("statement kind"))
    }
}

/// A statement taken apart, its body not yet read.
#[derive(Clone)]
struct Wire {
    kind: Kind,
    author: VerifyingKey,
    body: Vec<u8>,
    signature: Signature,
    carried: Vec<u8>,
}

impl Canonical for Wire {
    fn write(&self, writer: &mut Writer) {
        writer.array(5).item(&self.kind).item(&self.author);
        writer
            .bytes(&self.body)
            .item(&self.signature)
            .bytes(&self.carried);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(5, "statement")?;
        Ok(Self {
            kind: reader.item()?,
            author: reader.item()?,
            body: reader.bytes("statement body")?.to_vec(),
            signature: reader.item()?,
            carried: reader.bytes("what the statement carries")?.to_vec(),
        })
    }
}

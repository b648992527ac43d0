//! Statements: what owners and authorities sign, each under its own label (spec/statement.md). Not what becomes
//! of them: that is the authority's attestation, in `receipt`.

mod blob;
mod body;
mod content;
mod deposit;
mod device;
mod found;
mod officer;
mod operator;
mod particulars;
mod recovery;
mod release;
mod sealed;

use std::fmt;

pub use blob::{OwnBlob, RsaKey};
pub use content::{BlobPadding, Content};
pub use deposit::{BlobDraft, BlobKey, Deposit, Draft, WrongCount};
pub use device::{Device, DeviceName, DeviceWord, Joining, WrongDeviceName};
pub use found::{Enroll, Found};
pub use officer::{Approval, Departed, PolicyChange, Word};
pub use operator::{Checked, CheckedDeposit, Restored};
pub use particulars::{Particulars, ParticularsError};
pub use recovery::{
    Decision, Evidence, EvidenceKind, Grounds, GroundsTooLong, Request, Scope, Verdict, Veto,
    WrongScope,
};
pub use release::{Release, ReleaseOrigin, WrongRelease};
pub use sealed::{DepositLabel, OpenedKey, SealedKey};

use crate::encoding::{Canonical, Malformed, Reader, Writer, decode, encode};
use crate::id::{AuthorityId, Digest, StatementId};
use crate::keys::{Signature, SigningKey, VerifyingKey};
use crate::label::Label;

use body::{Body, encoded_body};

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
        let body = statement.body().signed();
        let signature = key.sign(statement.kind().label(), &body);
        let wire = Wire {
            kind: statement.kind(),
            author: key.verifying_key(),
            body,
            signature,
            carried: statement.body().carried(),
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
        let named = statement.body().named_author();
        if named.is_some_and(|named| *named != wire.author) {
            return Err(ParseStatementError::Author);
        }
        Ok(Self::assemble(statement, wire))
    }

    /// Tells whether [`Self::parse`] would take these bytes, but for the signature, which is known to be right: what was signed
    /// here may say what no statement may.
    #[must_use]
    pub fn reads_back(&self) -> bool {
        let read = Statement::read(self.wire.kind, &self.wire.body, &self.wire.carried);
        let is_authors = |statement: Statement| {
            let named = statement.body().named_author();
            named.is_none_or(|named| *named == self.wire.author)
        };
        self.as_bytes().len() <= Self::BYTES_MAX && read.is_ok_and(is_authors)
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
        self.statement.body().addressee(self.id)
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

/// Makes what there is of each kind of statement: what can be stated, its kind, and how its body is read and written.
///
/// In the last column is how: `plain` where the body is the encoding of a struct, `by` where one of its fields is the key
/// that must have signed it, `own` where it implements [`Body`] itself.
macro_rules! statements {
    ($($(#[$about:meta])* $kind:ident($held:ty) = $code:literal, $word:literal, $label:ident, $how:ident $($key:ident)?;)+) => {
        /// What can be stated.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Statement {
            $($(#[$about])* $kind($held),)+
        }

        impl Statement {
            /// Returns the kind.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)+
                }
            }

            fn body(&self) -> &dyn Body {
                match self {
                    $(Self::$kind(body) => body.as_body(),)+
                }
            }

            fn read(kind: Kind, signed: &[u8], carried: &[u8]) -> Result<Self, Malformed> {
                Ok(match kind {
                    $(Kind::$kind => <$kind as Body>::read(signed, carried)?.into(),)+
                })
            }
        }

        /// The kinds of statement, with the numbers they have on the wire and in the log's leaves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Kind {
            $(#[doc = concat!("[`Statement::", stringify!($kind), "`].")] $kind = $code,)+
        }

        impl Kind {
            /// Returns the kind of a number, if there is one.
            #[must_use]
            pub fn from_code(code: u64) -> Option<Self> {
                match code {
                    $($code => Some(Self::$kind),)+
                    _ => None,
                }
            }

            /// Returns the word for it, in lower case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                }
            }

            fn label(self) -> Label {
                match self {
                    $(Self::$kind => Label::$label,)+
                }
            }
        }

        $(
            impl From<$kind> for Statement {
                fn from(body: $kind) -> Self {
                    Self::$kind(body.into())
                }
            }

            encoded_body!($kind, $how $($key)?);
        )+
    };
}

statements! {
    /// The founding of an authority.
    Found(Box<Found>) = 1, "found", FOUND, own;
    /// An owner's enrolment.
    Enroll(Enroll) = 2, "enroll", ENROLL, by device_key;
    /// An owner's deposits.
    Deposit(Deposit) = 3, "deposit", DEPOSIT, own;
    /// A recovery request.
    Request(Box<Request>) = 4, "request", REQUEST, by device_key;
    /// Evidence for a request.
    Evidence(Evidence) = 5, "evidence", EVIDENCE, plain;
    /// An owner's veto of a request.
    Veto(Veto) = 6, "veto", VETO, plain;
    /// An authority's decision on a request.
    Decision(Decision) = 7, "decision", DECISION, plain;
    /// An authority's release of keys.
    Release(Release) = 8, "release", RELEASE, own;
    /// An officer's word on a request or a change.
    Approval(Approval) = 9, "approval", APPROVAL, plain;
    /// An officer's word that an owner has departed.
    Departed(Departed) = 10, "departed", DEPARTED, plain;
    /// A change of the policy.
    PolicyChange(Box<PolicyChange>) = 11, "policy change", POLICY_CHANGE, plain;
    /// Which blob a file has for its owner.
    OwnBlob(OwnBlob) = 12, "own blob", OWN_BLOB, plain;
    /// An owner's word on one of the owner's devices.
    Device(Device) = 13, "device", DEVICE, own;
    /// An authority's restoring from a backup.
    Restored(Restored) = 20, "restored", RESTORED, plain;
    /// An authority's check of deposits.
    Checked(Checked) = 21, "checked", CHECKED, plain;
    /// An authority's RSA key.
    RsaKey(RsaKey) = 22, "rsa key", RSA_KEY, plain;
}

impl Statement {
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
}

impl Kind {
    /// Returns the number on the wire.
    #[must_use]
    pub fn code(self) -> u64 {
        self as u64
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

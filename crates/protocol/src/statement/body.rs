//! What a statement of some kind says, on its way to the wire and back (spec/statement.md). Most kinds are one struct, whose
//! encoding is signed; deposits and releases carry ciphertexts beside it.

use crate::encoding::{Canonical, Malformed, decode, encode};
use crate::id::{AuthorityId, StatementId};
use crate::keys::VerifyingKey;
use crate::statement::Found;

/// What a statement says.
pub(super) trait Body {
    /// Returns the authority it is for, of a statement of this id.
    fn addressee(&self, id: StatementId) -> AuthorityId;

    /// Returns what is signed.
    fn signed(&self) -> Vec<u8>;

    /// Returns what travels beside it, covered by digests in what is signed.
    fn carried(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Returns the key that it says to be its author's, which must have signed it; of the others the authority knows.
    fn named_author(&self) -> Option<&VerifyingKey> {
        None
    }

    /// Reads what was signed, with what is carried.
    fn read(signed: &[u8], carried: &[u8]) -> Result<Self, Malformed>
    where
        Self: Sized;

    /// Returns itself, also out of a box.
    fn as_body(&self) -> &dyn Body
    where
        Self: Sized,
    {
        self
    }
}

/// Implements [`Body`] for a struct whose encoding is all there is: `plain`, or `by` the key in one of its fields.
macro_rules! encoded_body {
    ($kind:ident, own) => {};
    ($kind:ident, plain) => {
        encoded_body!($kind, |_body| None);
    };
    ($kind:ident, by $key:ident) => {
        encoded_body!($kind, |body| Some(&body.$key));
    };
    ($kind:ident, $author:expr) => {
        impl $crate::statement::body::Body for $kind {
            fn addressee(&self, _: $crate::id::StatementId) -> $crate::id::AuthorityId {
                self.authority
            }

            fn signed(&self) -> Vec<u8> {
                $crate::encoding::encode(self)
            }

            fn named_author(&self) -> Option<&$crate::keys::VerifyingKey> {
                let author: fn(&Self) -> Option<&$crate::keys::VerifyingKey> = $author;
                author(self)
            }

            fn read(signed: &[u8], carried: &[u8]) -> Result<Self, $crate::encoding::Malformed> {
                $crate::statement::body::read_bare(signed, carried)
            }
        }
    };
}
pub(super) use encoded_body;

/// It is for the authority that it founds, whose id is the statement's.
impl Body for Found {
    fn addressee(&self, id: StatementId) -> AuthorityId {
        AuthorityId::from_bytes(*id.as_bytes())
    }

    fn signed(&self) -> Vec<u8> {
        encode(self)
    }

    fn named_author(&self) -> Option<&VerifyingKey> {
        Some(&self.log_key)
    }

    fn read(signed: &[u8], carried: &[u8]) -> Result<Self, Malformed> {
        read_bare(signed, carried)
    }
}

/// Reads what carries nothing.
pub(super) fn read_bare<T: Canonical>(signed: &[u8], carried: &[u8]) -> Result<T, Malformed> {
    if carried.is_empty() {
        decode(signed)
    } else {
        Err(Malformed::new("statement (carries what it may not)", 0))
    }
}

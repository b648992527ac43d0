//! Views as JSON, for when an authority is asked over a wire (spec/authority-views.md). Statements, receipts and policies
//! are in it as the base64 of their own bytes, which say themselves what they are; ids, digests and keys are lower-case
//! hexadecimal, times are milliseconds. Fields that are not known are passed over, so that a newer authority can say more.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::about::{About, Founding, Holdings};
use super::entries::{Page, Recorded};
use super::possession::Possession;
use super::release::ReleasePage;
use super::subject::SubjectView;
use crate::encoding::{decode, encode};
use crate::id::Time;
use crate::keys::VerifyingKey;
use crate::policy::Policy;
use crate::receipt::Receipt;
use crate::statement::SignedStatement;

/// Implements `to_json` and `from_json` for views.
macro_rules! view {
    ($($view:ty),+ $(,)?) => {$(
        impl $view {
            /// Returns it as JSON.
            #[must_use]
            pub fn to_json(&self) -> String {
                to_json(self)
            }

            /// Reads it from JSON; how much is read is the caller's to bound.
            ///
            /// # Errors
            ///
            /// It is no such view, or the signature of a statement in it does not verify.
            pub fn from_json(text: &str) -> Result<Self, MalformedView> {
                from_json(text)
            }
        }
    )+};
}

view!(
    About,
    Holdings,
    Page<Recorded>,
    Possession,
    ReleasePage,
    SubjectView
);

fn to_json(view: &impl Serialize) -> String {
    serde_json::to_string(view)
        .expect("views have no maps but of texts, and writing to memory does not fail")
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, MalformedView> {
    serde_json::from_str(text).map_err(|error| MalformedView(error.to_string()))
}

/// A text that is no such view, with what is wrong in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authority's answer can't be read: {0}")]
pub struct MalformedView(String);

/// Implements serde's traits for what is in a view as base64 of bytes that have a reader of their own.
macro_rules! as_base64 {
    ($($type:ty, $what:literal, $write:expr, $read:expr;)+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&Self) -> Vec<u8> = $write;
                serializer.serialize_str(&BASE64_STANDARD.encode(write(self)))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                let bytes = BASE64_STANDARD.decode(&*text).map_err(D::Error::custom)?;
                let read: fn(&[u8]) -> Option<Self> = $read;
                read(&bytes).ok_or_else(|| D::Error::custom(concat!("this is no ", $what)))
            }
        }
    )+};
}

as_base64! {
    Founding, "founding statement",
        |founding| founding.statement().as_bytes().to_vec(),
        |bytes| SignedStatement::parse(bytes).ok().and_then(Founding::new);
    Policy, "policy",
        |policy| encode(policy),
        |bytes| decode(bytes).ok();
    Receipt, "receipt",
        |receipt| receipt.to_text().into_bytes(),
        |bytes| std::str::from_utf8(bytes).ok().and_then(|text| Receipt::parse(text).ok());
    SignedStatement, "statement with its author's signature",
        |statement| statement.as_bytes().to_vec(),
        |bytes| SignedStatement::parse(bytes).ok();
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_millis())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_millis)
    }
}

/// Implements serde's traits for what is in a view as its own text.
macro_rules! as_text {
    ($($type:ty),+ $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )+};
}

as_text!(crate::id::Digest, crate::id::OwnerId, VerifyingKey);

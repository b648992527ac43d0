//! What owners, officers and a backup authority say to each other: statements, session keys and their wraps,
//! receipts, recovery requests, the policy and its decision, the log and its proofs, and [`Authority`].
//! No I/O, no clock, no randomness of its own; `spec/` says in prose what the code does.

mod authority;
pub mod code;
pub mod cores;
mod encoding;
pub mod id;
pub mod invitation;
pub mod keys;
pub mod label;
pub mod log;
pub mod policy;
pub mod receipt;
pub mod session_key;
pub mod simple_blob;
pub mod statement;
pub mod text;
pub mod wrap;

pub use authority::*;
pub use encoding::Malformed;

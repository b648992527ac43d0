//! The backup authority, as a library: what a folder on the owner's disk and a service both run.
//! Not how it is reached (that is the caller's, through [`strongroom_protocol::Authority`]), nor any task, or thread that
//! outlives a call.
//!
//! [`Service`] stands over three things that know nothing of each other: the store, which has the only SQL; custody,
//! which has the key that opens deposits; and the log, without which nothing is done. Where they lie it does not know:
//! `folder` does. spec/authority.md says in what order things reach the disk, and what a crash leaves.

mod custody;
mod folder;
mod identity;
mod index;
mod log;
mod service;
mod store;

pub use custody::KeyFileError;
pub use folder::{BackupError, FoundError, Keys, OpenError, PlaceError, RestoreError};
pub use identity::Caller;
pub use service::{
    CheckError, CheckReport, Extent, Indexes, NamedDeposit, RsaKeyError, SealError, Service,
    Session, UnlockError, Watch, WrongCode,
};
pub use store::{Damage, StoreError};

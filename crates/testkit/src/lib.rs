//! What tests share: time and randomness that they set, owners and their acts, the suite that every
//! [`Authority`](strongroom_protocol::Authority) must pass, and an authority that lies. Not for programs.
#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a lie is about a few kinds, and lets the others pass"
)]

mod blob;
mod clock;
mod forge;
mod hostile;
mod listing;
mod mount;
mod owner;
mod person;
mod rng;
pub mod suite;

pub use blob::{Program, own_blob};
pub use clock::TestClock;
pub use forge::{Forged, forge_deposit};
pub use hostile::{HostileAuthority, Trick};
pub use listing::{
    ListedDeposit, ListedEntry, ListingError, deposits, list, listed, look, own_blobs,
};
pub use mount::Mount;
pub use owner::{Asked, Owner, PageRelease, submit};
pub use person::{Person, ask_change, change_of, say, speak};
pub use rng::TestRng;

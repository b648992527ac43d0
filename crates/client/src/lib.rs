//! The library to embed: encrypt with a spare key at a backup authority, recover, rewrap.
//!
//! A [`home`] is a folder with everything of one owner. A [`Client`] is an owner at work with their authority, which is
//! a [`strongroom_protocol::Authority`] of any kind. An [`officer`] needs no home. `examples/whole_loop.rs` goes once
//! around.

mod address;
pub mod capi;
mod catch_up;
mod client;
pub mod connection;
pub mod decrypt;
pub mod devices;
pub mod encrypt;
pub mod enroll;
pub mod file;
pub mod fingerprint;
pub mod history;
pub mod home;
pub mod invitation;
pub mod join;
pub mod kind;
pub mod log;
pub mod mark;
pub mod officer;
pub mod passphrase;
mod pointer;
pub mod policy;
mod possession;
mod prepared;
pub mod protect;
pub mod recover;
pub mod released;
mod replace;
pub mod restored;
pub mod rewrap;
pub mod secret;
pub mod sheet;
mod signing_key_text;
pub mod simple_blob;
pub mod spare;
pub mod status;
pub mod sync;
mod threads;
mod unseen;
pub mod veto;
pub mod whole;

pub use address::{Address, AddressError};
pub use client::{Client, ConnectError};
pub use pointer::Pointer;
pub use prepared::Confirmation;

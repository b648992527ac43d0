#![cfg(test)]
//! The age file, as those who use it see it.

mod armor;
mod header;
mod identity_file;
mod interop;
mod keys;
mod payload;
mod rng;
mod vectors;

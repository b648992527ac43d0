//! The crate's tests from outside.
#![cfg(test)]

mod blob;
mod inspect;
mod key;
mod keys;
mod openssl;
mod properties;
mod refusals;
mod rng;
mod signature;
mod vectors;
mod wrap;

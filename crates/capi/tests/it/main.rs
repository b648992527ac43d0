//! The crate's tests from outside.
#![cfg(test)]

mod keys;
mod rng;
mod vectors;

//! The crate's tests from outside.
#![cfg(test)]

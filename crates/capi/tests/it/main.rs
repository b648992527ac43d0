//! The crate's tests from outside.
#![cfg(test)]

mod blob;
mod cipher;
mod derive;
mod example;
mod file;
mod inspect;
mod key;
mod key_lengths;
mod keys;
mod openssl;
mod openssl_ciphers;
mod parameters;
mod properties;
mod providers;
mod refusals;
mod rng;
mod seals;
mod signature;
mod vectors;
mod wild;
mod wrap;

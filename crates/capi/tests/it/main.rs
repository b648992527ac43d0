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
mod properties;
mod refusals;
mod rng;
mod seals;
mod signature;
mod vectors;
mod wrap;

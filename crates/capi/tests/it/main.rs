//! The crate's tests from outside.
#![cfg(test)]

mod cipher;
mod derive;
mod file;
mod key_lengths;
mod openssl;
mod seals;

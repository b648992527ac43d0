//! The crate's tests from outside.
#![cfg(test)]

mod cipher;
mod openssl;
mod seals;

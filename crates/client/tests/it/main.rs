//! What the client promises, on real files.

#![cfg(test)]

mod file;

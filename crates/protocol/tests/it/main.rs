#![cfg(test)]
//! What the protocol promises, tested from outside.

mod code;
mod log;
mod vectors;

#![cfg(test)]
//! What the protocol promises, tested from outside.

mod cast;
mod code;
mod log;
mod policy;
mod rng;
mod statement;
mod vectors;
mod wire;

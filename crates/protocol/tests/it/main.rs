#![cfg(test)]
//! What the protocol promises, tested from outside.

mod cast;
mod code;
mod deposit;
mod keys;
mod label;
mod log;
mod pages;
mod particulars;
mod policy;
mod receipt;
mod recovery;
mod rng;
mod simple_blob;
mod statement;
mod vectors;
mod views;
mod wire;
mod wrap;
mod written;

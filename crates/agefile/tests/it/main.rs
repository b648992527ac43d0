#![cfg(test)]

mod vectors;

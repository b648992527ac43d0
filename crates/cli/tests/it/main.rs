//! The command, run as its users run it.
#![cfg(test)]

mod crash;
mod group;
mod machine;
mod people;
mod recovering;
mod refusing;
mod scripts;
mod session;
mod telling;

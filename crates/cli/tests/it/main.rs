//! The command, run as its users run it.
#![cfg(test)]

mod crash;
mod machine;
mod moving;
mod readme;
mod recovering;
mod refusing;
mod scripts;
mod session;
mod telling;

//! The command, run as its users run it.
#![cfg(test)]

mod crash;
mod independent;
mod machine;
mod moving;
mod protecting;
mod readme;
mod recovering;
mod refusing;
mod restoring;
mod scripts;
mod session;
mod telling;

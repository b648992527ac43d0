//! The command, run as its users run it.
#![cfg(test)]

mod blobs;
mod capi;
mod capi_files;
mod citations;
mod clocks;
mod crash;
mod group;
mod homes;
mod independent;
mod machine;
mod moving;
mod offices;
mod people;
mod protecting;
mod readme;
mod recovering;
mod refusing;
mod restoring;
mod scripts;
mod secrets;
mod session;
mod telling;

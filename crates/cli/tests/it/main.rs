//! The command, run as its users run it.
#![cfg(test)]

mod blobs;
mod capi;
mod capi_files;
mod capi_wild;
mod citations;
mod clocks;
mod crash;
mod devices;
mod group;
mod homes;
mod hostile_store;
mod independent;
mod machine;
mod marks;
mod moving;
mod offices;
mod others;
mod people;
mod planted;
mod protecting;
mod readme;
mod recovering;
mod refusing;
mod restoring;
mod scripts;
mod secrets;
mod session;
mod telling;
mod waiting;

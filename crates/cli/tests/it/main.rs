//! The command, run as its users run it.
#![cfg(test)]

mod blobs;
mod capi;
mod capi_files;
mod citations;
mod clocks;
mod crash;
mod devices;
mod documents;
mod filesystems;
mod folders;
mod group;
mod help;
mod homes;
mod hostile_store;
mod independent;
mod looks;
mod machine;
mod marks;
mod moving;
mod offices;
mod others;
mod people;
mod pipes;
mod planted;
mod protecting;
mod recovering;
mod refusing;
mod restoring;
mod screens;
mod scripts;
mod secrets;
mod session;
mod signals;
mod telling;
mod waiting;

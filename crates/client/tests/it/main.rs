//! What the client promises, on real files.

#![cfg(test)]

mod capi;
mod example;
mod file;
mod fixture;
mod hostile;
mod liar;
mod listings;
mod officer;
mod protect;
mod recover;
mod repair;
mod restored;
mod rewrap;
mod sealed;
mod secret;
mod simple_blob;

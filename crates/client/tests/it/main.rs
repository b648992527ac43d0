//! What the client promises, on real files.

#![cfg(test)]

mod capi;
mod convergence;
mod damage;
mod database;
mod devices;
mod encrypting;
mod example;
mod file;
mod fixture;
mod homes;
mod hostile;
mod hostile_store;
mod invited;
mod liar;
mod listings;
mod newest;
mod officer;
mod payload;
mod protect;
mod recover;
mod repair;
mod restored;
mod revoked;
mod rewrap;
mod rewrapping;
mod sealed;
mod secret;
mod simple_blob;

//! What the client promises, on real files.

#![cfg(test)]

mod capi;
mod convergence;
mod damage;
mod database;
mod devices;
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
mod protect;
mod recover;
mod repair;
mod restored;
mod revoked;
mod rewrap;
mod sealed;
mod secret;
mod simple_blob;

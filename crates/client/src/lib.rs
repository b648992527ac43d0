//! The library to embed: encrypt with a spare key, recover, rewrap.

pub mod file;

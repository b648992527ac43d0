//! What owners, officers and a backup authority say to each other. No I/O, no clock, no randomness of its own.
pub mod log;

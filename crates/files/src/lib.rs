//! Files on a disk that others can reach: opened without waiting for what has a file's name ([`open()`]), appearing whole
//! ([`output`]), and read by nobody who could not read what they were made from ([`readers`]); and what a disk can't do
//! ([`disk`]). Not what is in them.

pub mod disk;
mod exposed;
mod folder;
mod group;
mod open;
pub mod output;
mod pipe;
pub mod readers;
mod sink;
mod small;
mod unfinished;
pub mod waiting;

pub use exposed::{Exposed, exposed};
pub use folder::{open_folder, sync_folder};
pub use group::sync_group;
pub use open::{NotAFile, check_database, open, open_given, open_input};
pub use pipe::widen_pipe;
pub use sink::open_sink;
pub use small::{WriteError, replace, write_new};
pub use unfinished::{Removed, Unfinished, remove_unfinished};

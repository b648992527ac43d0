//! Files on a disk that others can reach: opened without waiting for what has a file's name ([`open()`]), appearing whole
//! ([`output`]), and read by nobody who could not read what they were made from ([`readers`]). Not what is in them.

mod exposed;
mod open;
pub mod output;
pub mod readers;
mod small;

pub use exposed::{Exposed, exposed};
pub use open::{NotAFile, check_database, open, open_folder, open_input};
pub use small::{WriteError, replace, write_new};

//! ASCII armor: PEM around an age file, for where only text can go (spec/age.md#armor).

mod reader;
mod writer;

pub use self::reader::{ArmorError, ArmoredReader, Dearmored, Whole};
pub use self::writer::ArmoredWriter;

/// The line that armor begins with.
pub const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

/// The columns of every line but the last.
const COLUMNS: usize = 64;

/// The bytes of every line but the last.
const LINE_BYTES: usize = COLUMNS / 4 * 3;

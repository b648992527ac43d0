//! The policy as people write it, in TOML (spec/policy.md#file): read, written, told in sentences, checked for what
//! was not meant, and tried on requests that nobody made.

mod check;
mod explain;
mod key;
mod rehearse;
mod simulate;
mod text;

pub use check::{Finding, Severity, check};
pub use explain::explain;
pub use key::{OfficerKeyError, officer_key_text, parse_officer_key};
pub use rehearse::{Gets, Rehearsal, RehearseError, Rehearsed, Story, StoryKind, rehearse};
pub use simulate::{
    Outcome, Said, Scenario, SimulateError, Simulation, Trial, Trying, Whose, simulate,
};
pub use text::{PolicyFileError, parse, to_text};

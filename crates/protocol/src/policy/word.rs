//! What was said to a request or a change, and whether it counts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::statement::SignedStatement;

/// Something that was said to a request or a change: evidence, a veto, an officer's word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoggedWord {
    /// Its index in the log: what answers something comes after it.
    pub index: u64,
    /// The statement.
    pub statement: SignedStatement,
}

/// Why an officer's word does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discount {
    /// The rules ask others.
    NotAsked,
    /// No veto that it could overrule was said before it.
    NothingToOverrule,
    /// By the policy in force now, its author is no officer, or none of those who are asked.
    OutOfOffice,
    /// It is the officer's own request, or that of somebody through whom they became an officer.
    Own,
}

impl fmt::Display for Discount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "no rule asks them",
            Self::NothingToOverrule => "no veto that it could overrule was said before it",
            Self::OutOfOffice => {
                "by the policy in force now that key is no officer's who would be asked"
            }
            Self::Own => {
                "it is their own, or was asked by somebody through whom they became an officer"
            }
        })
    }
}

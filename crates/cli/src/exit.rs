//! How the command ends: its exit status, and what it says of a failure.

use std::process::ExitCode;

use anyhow::Error;

use crate::causes::{causes, find, is_closed_pipe, is_out_of_reach};
use crate::hint;
use crate::signals;
use crate::stream::CutShort;
use crate::terminal::{escape, tell_wrapped};

/// The exit status, which scripts rely on. Wrong usage ends with 2, from the parser of the options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    #[default]
    Done = 0,
    /// Something was not done, or is not so.
    Failed = 1,
    /// The options can't go together.
    Usage = 2,
    /// A request waits for something: approvals, or time.
    Waiting = 3,
    /// The authority can't be reached; trying again may do.
    OutOfReach = 75,
}

impl Exit {
    /// Returns how a command ends in which `other` happened too. The graver one counts, and a failure is graver than
    /// what may go by itself.
    pub(crate) fn and(self, other: Self) -> Self {
        let grave = |exit| match exit {
            Self::Done => 0,
            Self::Waiting => 1,
            Self::OutOfReach => 2,
            Self::Failed => 3,
            Self::Usage => 4,
        };
        if grave(other) > grave(self) {
            other
        } else {
            self
        }
    }

    /// Returns the status for an error.
    pub(crate) fn of(error: &Error) -> Self {
        if error.downcast_ref::<Usage>().is_some() {
            Self::Usage
        } else if is_out_of_reach(error.as_ref()) {
            Self::OutOfReach
        } else {
            Self::Failed
        }
    }
}

/// Options that can't go together, where their parser can't tell.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) &'static str);

/// Says what failed, if anything, and returns the status to exit with.
pub(crate) fn end(result: anyhow::Result<Exit>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        // Whoever read it has a part of a file, and of its own will or not: only the status tells.
        Err(error) if find::<CutShort>(error.as_ref()).is_some() => {
            return signals::end_by_closed_pipe();
        }
        // Whoever read a list has seen enough.
        Err(error) if is_closed_pipe(error.as_ref()) => Exit::Done,
        Err(error) => fail("", &error),
    };
    ExitCode::from(exit as u8)
}

/// Says what failed, with `about` what, and what may help. Returns the status for it.
pub(crate) fn fail(about: &str, error: &Error) -> Exit {
    let about = if about.is_empty() {
        String::new()
    } else {
        format!("{}: ", escape(about))
    };
    tell_wrapped(&format!("error: {about}{}", escape(&chain(error))));
    if let Some(hint) = hint::of(error.as_ref()) {
        tell_wrapped(&format!("hint: {}", escape(&hint)));
    }
    Exit::of(error)
}

/// Puts an error and its causes on one line, each once.
pub(crate) fn chain(error: &Error) -> String {
    chain_of(error.as_ref())
}

/// The same of any error.
pub(crate) fn chain_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = String::new();
    for cause in causes(error) {
        let cause = cause.to_string();
        // What passes its cause on, or quotes it, has said it.
        if line.contains(&cause) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&cause);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_outweighs_what_may_go_by_itself() {
        assert_eq!(Exit::Done.and(Exit::Waiting), Exit::Waiting);
        assert_eq!(Exit::Failed.and(Exit::Waiting), Exit::Failed);
        assert_eq!(Exit::OutOfReach.and(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::OutOfReach.and(Exit::Done), Exit::OutOfReach);
    }

    #[test]
    fn a_cause_is_said_once() {
        let error = Error::msg("the disk is full").context("cannot write: the disk is full");
        assert_eq!(chain(&error), "cannot write: the disk is full");
        let error = Error::msg("the disk is full").context("cannot write");
        assert_eq!(chain(&error), "cannot write: the disk is full");
    }
}

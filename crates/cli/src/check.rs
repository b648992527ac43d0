//! Running the command that shows whether a secret opens what it is for (spec/secret.md#checks).

use std::fmt;
use std::io::{self, Write};
use std::process::Stdio;

use anyhow::Context as _;
use strongroom_client::secret::Secret;

use crate::shell;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It opens.
    Opens,
    /// It does not: the command ended with another status than 0, or by a signal if it has none.
    Fails(Option<i32>),
    /// The shell did not find the command, or may not run it: nothing is known of the secret.
    NotRun,
}

/// As a sentence's end.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opens => f.write_str("opens"),
            Self::Fails(Some(status)) => {
                write!(f, "does not open (the check ended with {status})")
            }
            Self::Fails(None) => f.write_str("does not open (the check was killed)"),
            Self::NotRun => f.write_str("not checked: the command can't be run"),
        }
    }
}

/// Runs a command of the shell's with the secret on its standard input. What it prints goes nowhere; what it complains
/// of is shown.
pub(crate) fn run(command: &str, secret: &Secret) -> anyhow::Result<Outcome> {
    let mut child = shell::command(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot run the check: there is no shell")?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(secret.expose()) {
            // It has seen enough, and its status says of what.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.context("cannot hand the secret to the check")?,
        }
    }
    let status = child.wait().context("cannot tell how the check ended")?;
    Ok(match status.code() {
        Some(0) => Outcome::Opens,
        // As every shell says it.
        Some(126 | 127) => Outcome::NotRun,
        code => Outcome::Fails(code),
    })
}

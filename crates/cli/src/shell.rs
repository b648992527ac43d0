//! Commands of the shell's that the owner named: the check of a secret, and what prints a passphrase. Nothing else starts a
//! program.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use zeroize::Zeroizing;

use crate::prompt;

/// A command of the shell's. It is somebody else's program: our own secrets are not its business.
pub(crate) fn command(line: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(line);
    for variable in prompt::VARIABLES {
        shell.env_remove(variable);
    }
    shell
}

/// Runs a command, and returns what it prints. What it complains of is shown.
pub(crate) fn output(line: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let run = command(line)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = run.context("there is no shell to run it")?;
    let printed = Zeroizing::new(output.stdout);
    ensure!(output.status.success(), "it failed: {}", output.status);
    Ok(printed)
}

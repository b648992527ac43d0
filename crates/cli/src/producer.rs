//! A program whose output is read in the place of a pipe, and whose failure is ours: a shell tells nobody how the first
//! command of a pipe ended.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use anyhow::Context as _;

use crate::prompt;

/// A program that runs. Its end is the end of what it writes only if it ended well; otherwise that is an error.
pub(crate) struct Producer {
    name: String,
    child: Child,
    output: ChildStdout,
}

/// The program failed, so that what it wrote may not be all.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` failed ({}): what it wrote is not taken for all", Ended(*.status))]
pub(crate) struct ProducerFailed {
    name: String,
    status: ExitStatus,
}

impl Producer {
    /// Starts a program, without a shell. It reads and complains where we do.
    pub(crate) fn start(command: &[OsString]) -> anyhow::Result<Self> {
        // `--` is taken for an argument of its where options may follow.
        let command = match command {
            [dashes, command @ ..] if dashes == "--" => command,
            command => command,
        };
        let (program, arguments) = command.split_first().context("no command was named")?;
        let mut starting = Command::new(program);
        starting.args(arguments).stdout(Stdio::piped());
        // It is somebody else's program: our own secrets are not its business.
        for variable in prompt::VARIABLES {
            starting.env_remove(variable);
        }
        let name = program.to_string_lossy().into_owned();
        let failed = || format!("cannot run `{name}`");
        let mut child = starting.spawn().with_context(failed)?;
        let output = child.stdout.take().with_context(failed)?;
        strongroom_files::widen_pipe(&output);
        Ok(Self {
            name,
            child,
            output,
        })
    }
}

impl Read for Producer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.output.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        let status = self.child.wait()?;
        if status.success() {
            return Ok(0);
        }
        Err(io::Error::other(ProducerFailed {
            name: self.name.clone(),
            status,
        }))
    }
}

/// How a program ended, for people.
struct Ended(ExitStatus);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.code() {
            Some(status) => write!(f, "exit status {status}"),
            None => write!(f, "{}", self.0),
        }
    }
}

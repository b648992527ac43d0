//! The `strongroom` command. Reads the options, hands in the real clock and randomness, and serves. What it does is
//! in [`command`].

mod account;
mod causes;
mod check;
mod cipher;
mod command;
mod context;
mod desk;
mod destination;
mod devices;
mod exit;
mod founding;
mod hint;
mod ids;
mod input;
mod joining;
mod keys;
mod news;
mod options;
mod paths;
mod place;
mod producer;
mod progress;
mod prompt;
mod reach;
mod rsa;
mod shell;
mod signals;
mod stream;
mod terminal;
mod text;
mod walk;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use rand_core::UnwrapErr;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strongroom_protocol::id::{Clock, Time};

use context::{Context, Randomness};
use options::Options;

fn main() -> ExitCode {
    keep_memory_private();
    signals::watch();
    strongroom_files::waiting::tell_by(terminal::tell_waiting);
    let options = Options::read();
    let result = Context::new(options.global, Arc::new(SystemClock), system_randomness)
        .and_then(|context| command::run(&context, options.command));
    exit::end(result)
}

/// Sees that what this process has in memory, keys and the variables it was started with, gets into no core, and that other
/// programs of this user neither read it nor follow it. Where the system has no such thing, nothing is lost.
fn keep_memory_private() {
    let most = getrlimit(Resource::Core).maximum;
    let none = Rlimit {
        current: Some(0),
        maximum: most,
    };
    let _ = setrlimit(Resource::Core, none);
    // A core that a program collects is not bound by that limit; and `/proc/PID/environ` is root's from here on.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The system's clock.
struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the real clock"
    )]
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// Returns the system's randomness: the one place that takes it. A system that has none can't go on, nor can this.
fn system_randomness() -> Randomness {
    Box::new(UnwrapErr(getrandom::SysRng))
}

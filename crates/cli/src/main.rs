//! The `strongroom` command. Reads the options, hands in the real clock and randomness, and serves. What it does is
//! in [`command`].

mod causes;
mod command;
mod context;
mod exit;
mod founding;
mod hint;
mod input;
mod options;
mod prompt;
mod reach;
mod stream;
mod terminal;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use rand_core::UnwrapErr;
use strongroom_protocol::id::{Clock, Time};

use context::{Context, Randomness};
use options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    let result = Context::new(&options.global, Arc::new(SystemClock), system_randomness)
        .and_then(|context| command::run(&context, options.command));
    exit::end(result)
}

/// The system's clock.
struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the real clock"
    )]
    fn now(&self) -> Time {
        let since = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default();
        Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Returns the system's randomness. A system that has none can't go on, and neither can this.
#[expect(
    clippy::disallowed_types,
    reason = "the one place that takes the system's randomness"
)]
fn system_randomness() -> Randomness {
    Box::new(UnwrapErr(getrandom::SysRng))
}

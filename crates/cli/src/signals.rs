//! Signals that end the process: what is not finished goes with it, and the terminal is put back as it was. It ends by the
//! signal, as others who look at it expect.

use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::signal::{
    SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
    SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Those that end a process that does nothing about them, and let it do something.
const ENDING: [i32; 11] = [
    SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
    SIGXFSZ,
];

/// The terminal and how it was set before somebody was asked there, while they are.
static TERMINAL: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Waits for signals from here on. One that the process was started to ignore, as by `nohup`, stays ignored.
pub(crate) fn watch() {
    let ignored = ignored();
    let heeded = ENDING
        .into_iter()
        .filter(|signal| ignored >> (signal - 1) & 1 == 0);
    // Without, they end the process as they always did.
    let Ok(mut signals) = Signals::new(heeded) else {
        return;
    };
    let _ = thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in &mut signals {
                end_by(signal);
            }
        });
}

/// Ends as a program ends that writes into a pipe which nobody reads any more.
pub(crate) fn end_by_closed_pipe() -> ExitCode {
    end_by(SIGPIPE);
    ExitCode::FAILURE
}

/// Ends as after Ctrl-C, where a prompt read that as a key and sent the signal itself.
pub(crate) fn end_by_interrupt() {
    end_by(SIGINT);
}

fn end_by(signal: i32) {
    let _removed = strongroom_files::remove_unfinished();
    if let Some((terminal, before)) = terminal().take() {
        let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
        let _ = writeln!(&terminal);
    }
    let _ = emulate_default_handler(signal);
}

/// The terminal is put back if a signal comes while this is kept.
pub(crate) struct KeptTerminal(());

/// Remembers how the terminal is set, before that is changed.
pub(crate) fn keep_terminal() -> KeptTerminal {
    *terminal() = found();
    KeptTerminal(())
}

fn found() -> Option<(File, Termios)> {
    let mut options = File::options();
    let tty = options.read(true).write(true).open("/dev/tty").ok()?;
    let set = tcgetattr(&tty).ok()?;
    Some((tty, set))
}

impl Drop for KeptTerminal {
    fn drop(&mut self) {
        *terminal() = None;
    }
}

fn terminal() -> MutexGuard<'static, Option<(File, Termios)>> {
    TERMINAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns which signals are ignored, a bit each; none where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

//! What a person at a terminal sees: lines on standard error, and a bar while work goes on. What others wrote is
//! shown with its control characters spelled out, so that it cannot pass for something else.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::context::Context;

/// Says a line on standard error, in one piece. That it can't be said fails nothing.
pub(crate) fn tell(text: impl Display) {
    let line = format!("{text}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Prints a line on standard output.
pub(crate) fn print(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints a value as a line of JSON on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> io::Result<()> {
    let line = serde_json::to_string(value).map_err(io::Error::from)?;
    print(line)
}

/// Shows a path.
pub(crate) fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

/// Spells out what a terminal would follow instead of show: control characters, and those that turn the direction.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_followed(character) {
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_followed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Says `one` or `many`, with the number.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}

/// Tells whether somebody sits there who can be asked.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// How many bytes take long enough to be watched.
const LONG_BYTES: u64 = 64 << 20;

/// A bar on long work, on a terminal only.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Draws a bar for so many bytes, where they take a while. Beside a pipe there is none, as its length is not known.
    pub(crate) fn bytes(context: &Context, total: u64) -> Self {
        let hidden = context.quiet || total < LONG_BYTES || !io::stderr().is_terminal();
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{wide_bar} {bytes}/{total_bytes} ({bytes_per_sec}, {eta})";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Draws a bar for things that are counted; how many is said with the first.
    pub(crate) fn items(context: &Context) -> Self {
        Self::counted(context, 0, "{wide_bar} {human_pos}/{human_len} ({eta})")
    }

    /// Draws a bar for so many files.
    pub(crate) fn files(context: &Context, total: u64) -> Self {
        let template = "{wide_bar} {human_pos}/{human_len} files ({per_sec}, {eta})";
        Self::counted(context, total, template)
    }

    fn counted(context: &Context, total: u64, template: &str) -> Self {
        let target = if context.quiet || !io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So many bytes are done.
    pub(crate) fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    /// So many of so many things are done.
    pub(crate) fn set_of(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// Runs what says something, beside the bar.
    pub(crate) fn aside<T>(&self, say: impl FnOnce() -> T) -> T {
        self.0.suspend(say)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_follow_is_spelled_out() {
        assert_eq!(escape("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(escape("\u{202e}txt.exe"), "\\u{202e}txt.exe");
        assert_eq!(escape("Übersicht – 1"), "Übersicht – 1");
    }
}

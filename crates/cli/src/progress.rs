//! The line that tells how far long work has come, and how long it takes still: on a terminal alone, and gone when the work is
//! done. What it says follows from counts and time ([`Line::within`]); when it is drawn is `indicatif`'s.

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{
    HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

use crate::context::Context;
use crate::terminal;

/// Work that is over sooner is not watched.
const SHOWN_AFTER: Duration = Duration::from_millis(500);
/// Before that nothing can be said of what is left.
const GUESSED_AFTER: Duration = Duration::from_secs(2);
/// What a file costs beside its bytes, in bytes that cost as much.
const FILE_COSTS_BYTES: u64 = 1 << 18;

/// Work that goes on, and its line while it lasts.
pub(crate) struct Progress {
    bar: ProgressBar,
    work: Arc<Work>,
    /// Whether there is somebody to draw it for.
    is_watched: bool,
}

/// What there is to do, and what is done of it.
struct Work {
    /// What is counted: one, and many.
    counted: (&'static str, &'static str),
    /// Without the file at work.
    done: Amount,
    /// How many bytes of the file at work are done.
    at_work: AtomicU64,
    /// Zero where it is not known.
    total: Amount,
}

/// So many files, or what else is counted, and so many bytes.
#[derive(Default)]
struct Amount {
    count: AtomicU64,
    bytes: AtomicU64,
}

impl Work {
    fn line(&self, elapsed: Duration) -> Line {
        let (count, bytes) = self.done.get();
        Line {
            counted: self.counted,
            done: (count, bytes + self.at_work.load(Ordering::Relaxed)),
            total: self.total.get(),
            elapsed,
        }
    }
}

impl Amount {
    fn get(&self) -> (u64, u64) {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (get(&self.count), get(&self.bytes))
    }
}

impl Progress {
    /// Watches work on so many files of so many bytes. Where it is not known how many bytes these are, it is zero.
    pub(crate) fn files(context: &Context, files: u64, bytes: u64) -> Self {
        let progress = Self::counted(context, "file", "files");
        progress.work.total.count.store(files, Ordering::Relaxed);
        progress.work.total.bytes.store(bytes, Ordering::Relaxed);
        progress
    }

    /// Watches work on things that are counted; how many there are is said with the first.
    pub(crate) fn counted(context: &Context, one: &'static str, many: &'static str) -> Self {
        let work = Arc::new(Work {
            counted: (one, many),
            done: Amount::default(),
            at_work: AtomicU64::default(),
            total: Amount::default(),
        });
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let drawn = work.clone();
        let line = move |state: &ProgressState, to: &mut dyn fmt::Write| {
            // What fills the last column may begin another line.
            let columns = terminal::error_columns() - 1;
            let _ = to.write_str(&drawn.line(state.elapsed()).within(columns));
        };
        if let Ok(style) = ProgressStyle::with_template("{line}") {
            bar.set_style(style.with_key("line", line));
        }
        Self {
            bar,
            work,
            is_watched: !context.quiet && io::stderr().is_terminal(),
        }
    }

    /// Draws nothing where what the work makes is shown on the terminal itself.
    pub(crate) fn unless(mut self, is_shown: bool) -> Self {
        self.is_watched &= !is_shown;
        self
    }

    /// So many bytes of the file at work are done.
    pub(crate) fn bytes(&self, bytes: u64) {
        self.work.at_work.store(bytes, Ordering::Relaxed);
        self.draw();
    }

    /// So many bytes of the file at work are done, of so many: it turned out that it has to be copied.
    pub(crate) fn copied(&self, bytes: u64, of: u64) {
        if self.work.at_work.swap(bytes, Ordering::Relaxed) == 0 {
            self.work.total.bytes.fetch_add(of, Ordering::Relaxed);
        }
        self.draw();
    }

    /// The file at work is done, or failed.
    pub(crate) fn file(&self) {
        self.next();
        self.one();
    }

    /// Another file comes to work; the one before is told of later.
    pub(crate) fn next(&self) {
        let bytes = self.work.at_work.swap(0, Ordering::Relaxed);
        self.work.done.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A file is done, or failed, and another may be at work.
    pub(crate) fn one(&self) {
        self.work.done.count.fetch_add(1, Ordering::Relaxed);
        self.draw();
    }

    /// So many of so many are done.
    pub(crate) fn of(&self, done: u64, total: u64) {
        self.work.total.count.store(total, Ordering::Relaxed);
        self.work.done.count.store(done, Ordering::Relaxed);
        self.draw();
    }

    /// Runs what says something, beside the line.
    pub(crate) fn aside<T>(&self, say: impl FnOnce() -> T) -> T {
        self.bar.suspend(say)
    }

    fn draw(&self) {
        if !self.is_watched {
            return;
        }
        if self.bar.is_hidden() && self.bar.elapsed() >= SHOWN_AFTER {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        // It draws when it was not drawn for a while.
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What is said of work: how many and how many bytes are done, of how many, since when.
struct Line {
    counted: (&'static str, &'static str),
    done: (u64, u64),
    /// Zero where it is not known.
    total: (u64, u64),
    elapsed: Duration,
}

impl Line {
    /// Returns the line, with as much in it as fits into so many columns.
    fn within(&self, columns: usize) -> String {
        let Self {
            counted: (one, many),
            done: (count, bytes),
            total: (count_total, bytes_total),
            elapsed,
        } = *self;
        let seconds = elapsed.as_secs_f64();
        let per_second = |done: u64| whole(number(done) / seconds);
        let is_one = count_total == 1;
        let counted = match count_total {
            0 => format!("{} {many}", HumanCount(count)),
            1 => format!("1 {one}"),
            _ => format!(
                "{} of {} {many}",
                HumanCount(count),
                HumanCount(count_total)
            ),
        };
        let in_bytes = match bytes_total {
            0 => HumanBytes(bytes).to_string(),
            _ => format!("{} of {}", HumanBytes(bytes), HumanBytes(bytes_total)),
        };
        // In the order in which they stand, each with what goes first where there is no room.
        let mut parts: Vec<(u8, String)> = vec![(0, counted)];
        if bytes > 0 {
            parts.push((2, in_bytes));
        }
        if count > 0 && !is_one && seconds > 0.0 {
            parts.push((4, format!("{} {many}/s", HumanCount(per_second(count)))));
        }
        if bytes > 0 && seconds > 0.0 {
            parts.push((3, format!("{}/s", HumanBytes(per_second(bytes)))));
        }
        if let Some(left) = self.left() {
            parts.push((1, format!("{} left", lasting(left))));
        }
        let shown = |parts: &[(u8, String)]| {
            let texts: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
            texts.join(", ")
        };
        while parts.len() > 1 && !terminal::fits(&shown(&parts), columns) {
            let last = parts.iter().map(|(rank, _)| *rank).max();
            parts.retain(|(rank, _)| Some(*rank) != last);
        }
        shown(&parts).chars().take(columns).collect()
    }

    /// Returns how long the rest takes, if it goes on as it went. Nothing where it is not known how much there is.
    fn left(&self) -> Option<Duration> {
        let (count_total, bytes_total) = self.total;
        // One file of unknown length, or what is counted as it comes.
        if self.elapsed < GUESSED_AFTER
            || count_total == 0
            || (count_total == 1 && bytes_total == 0)
        {
            return None;
        }
        let of = |(count, bytes): (u64, u64)| {
            let files = count.saturating_mul(FILE_COSTS_BYTES);
            number(files.saturating_add(if bytes_total == 0 { 0 } else { bytes }))
        };
        let (done, total) = (of(self.done), of(self.total));
        let left = self.elapsed.as_secs_f64() * (total - done).max(0.0) / done;
        Duration::try_from_secs_f64(left).ok()
    }
}

/// Says how long something lasts, in one or two units.
fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// Takes a count as a number to reckon with: what is lost of it is not seen.
#[expect(clippy::cast_precision_loss, reason = "it is shown in a few digits")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate that is beyond a count's range is shown as the greatest"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn line(done: (u64, u64), total: (u64, u64), seconds: u64) -> Line {
        Line {
            counted: ("file", "files"),
            done,
            total,
            elapsed: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn the_line_says_how_much_is_done_how_fast_and_how_long_it_takes_still() {
        let whole = line((5_000, 10 * GIB), (20_000, 40 * GIB), 100);
        assert_eq!(
            whole.within(120),
            "5,000 of 20,000 files, 10.00 GiB of 40.00 GiB, 50 files/s, 102.40 MiB/s, 5 min 0 s left"
        );
        let one = line((0, GIB), (1, 4 * GIB), 10);
        assert_eq!(
            one.within(80),
            "1 file, 1.00 GiB of 4.00 GiB, 102.40 MiB/s, 30 s left"
        );
        // How long a pipe is nobody knows.
        let pipe = line((0, GIB), (1, 0), 10);
        assert_eq!(pipe.within(80), "1 file, 1.00 GiB, 102.40 MiB/s");
        let entries = Line {
            counted: ("entry", "entries"),
            ..line((300, 0), (90_300, 0), 30)
        };
        assert_eq!(
            entries.within(80),
            "300 of 90,300 entries, 10 entries/s, 2 h 30 min left"
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_the_least_goes_first() {
        let whole = line((5_000, 10 * GIB), (20_000, 40 * GIB), 100);
        for (columns, expected) in [
            (
                80,
                "5,000 of 20,000 files, 10.00 GiB of 40.00 GiB, 102.40 MiB/s, 5 min 0 s left",
            ),
            (
                70,
                "5,000 of 20,000 files, 10.00 GiB of 40.00 GiB, 5 min 0 s left",
            ),
            (45, "5,000 of 20,000 files, 5 min 0 s left"),
            (30, "5,000 of 20,000 files"),
            (10, "5,000 of 2"),
        ] {
            assert_eq!(whole.within(columns), expected);
        }
    }

    #[test]
    fn nothing_is_said_of_what_can_not_be_known_yet() {
        assert_eq!(line((0, 0), (20, GIB), 0).within(80), "0 of 20 files");
        assert_eq!(line((0, 0), (20, GIB), 60).within(80), "0 of 20 files");
        let soon = line((1, GIB / 2), (20, GIB), 1).within(80);
        assert!(!soon.contains("left"), "{soon}");
        // More came than was there when it was counted.
        let more = line((21, 2 * GIB), (20, GIB), 10).within(120);
        assert!(more.ends_with(", 0 s left"), "{more}");
    }
}

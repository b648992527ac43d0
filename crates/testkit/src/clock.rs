//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_protocol::id::{Clock, Time};

/// A clock that shows what it was set to.
#[derive(Debug)]
pub struct TestClock(AtomicU64);

impl TestClock {
    /// A day in milliseconds.
    pub const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

    /// Returns a clock that shows 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_767_225_600_000)))
    }

    /// Moves the clock forward.
    pub fn advance_millis(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the clock, back too.
    pub fn set(&self, time: Time) {
        self.0.store(time.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst))
    }
}

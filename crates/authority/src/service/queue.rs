//! The queue before the store's one lock: whoever comes while a commit is under way goes into the next, together.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that wait to be committed as a group, and the results that wait to be taken.
///
/// There is no thread for it. One of those who wait leads: it commits for all, and hands out the results.
pub(super) struct Queue<J, R> {
    state: Mutex<State<J, R>>,
    /// Told whenever a group is done.
    done: Condvar,
}

struct State<J, R> {
    next_ticket: u64,
    waiting: Vec<(u64, J)>,
    /// None: the leader went away without a result for it.
    results: BTreeMap<u64, Option<R>>,
    led: bool,
}

impl<J, R> Queue<J, R> {
    /// The most jobs in one group: it bounds how long a commit holds the lock.
    const GROUP_MAX: usize = 512;

    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                next_ticket: 0,
                waiting: Vec::new(),
                results: BTreeMap::new(),
                led: false,
            }),
            done: Condvar::new(),
        }
    }

    /// Waits until the job was committed with others. `commit` answers for each job, in their order.
    ///
    /// None if whoever committed it panicked, or answered for fewer.
    pub(super) fn run(&self, job: J, commit: impl Fn(Vec<J>) -> Vec<R>) -> Option<R> {
        let mut state = self.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push((ticket, job));
        loop {
            if let Some(result) = state.results.remove(&ticket) {
                return result;
            }
            if state.led {
                state = self
                    .done
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.led = true;
            let size = state.waiting.len().min(Self::GROUP_MAX);
            let (tickets, jobs) = state.waiting.drain(..size).unzip();
            drop(state);
            let mut lead = Lead {
                queue: self,
                tickets,
                results: Vec::new(),
            };
            lead.results = commit(jobs);
            drop(lead);
            state = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lead of a group, given up when dropped, by a panic too: nobody then waits for ever.
struct Lead<'q, J, R> {
    queue: &'q Queue<J, R>,
    tickets: Vec<u64>,
    results: Vec<R>,
}

impl<J, R> Drop for Lead<'_, J, R> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.led = false;
        let mut results = self.results.drain(..);
        for ticket in self.tickets.drain(..) {
            state.results.insert(ticket, results.next());
        }
        self.queue.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn those_who_come_during_a_commit_go_into_the_next_together() {
        let queue = Queue::new();
        let commits = AtomicUsize::new(0);
        let (begun, begins) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let commit = |jobs: Vec<u32>| {
            if commits.fetch_add(1, Ordering::SeqCst) == 0 {
                begun.send(()).unwrap();
                held.lock().unwrap().recv().unwrap();
            }
            jobs.iter().map(|job| job * 2).collect()
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| queue.run(1, &commit));
            begins.recv().unwrap();
            let (queue, commit) = (&queue, &commit);
            let others: Vec<_> = (2..10)
                .map(|job| (job, scope.spawn(move || queue.run(job, commit))))
                .collect();
            while queue.lock().waiting.len() < 8 {
                thread::yield_now();
            }
            release.send(()).unwrap();
            assert_eq!(first.join().unwrap(), Some(2));
            for (job, thread) in others {
                assert_eq!(thread.join().unwrap(), Some(job * 2));
            }
        });
        assert_eq!(commits.into_inner(), 2);
    }

    #[test]
    fn a_leader_that_panics_leaves_nobody_waiting() {
        let queue: Queue<u32, u32> = Queue::new();
        let panicked = catch_unwind(AssertUnwindSafe(|| queue.run(1, |_| panic!("a bug"))));
        assert!(panicked.is_err());
        assert_eq!(queue.run(2, |jobs| jobs), Some(2));
        assert_eq!(queue.run(3, |_| Vec::new()), None);
    }
}

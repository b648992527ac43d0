//! The queue before the store's one lock: whoever comes while a commit is under way goes into the next, together.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// Jobs that wait to be committed as a group, and the results that wait to be taken.
///
/// There is no thread for it. One of those who wait leads: it commits for all, and hands out the results. Who waits is woken by
/// name, to lead or to take a result: many wait, and to wake all of them takes longer than a commit.
pub(super) struct Queue<J, R> {
    state: Mutex<State<J, R>>,
}

struct State<J, R> {
    next_ticket: u64,
    waiting: Vec<(Waiter, J)>,
    /// None: the leader went away without a result for it.
    results: BTreeMap<u64, Option<R>>,
    led: bool,
}

/// Who waits for a job.
struct Waiter {
    ticket: u64,
    thread: Thread,
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
        }
    }

    /// Waits until the job was committed with others. `answer` makes of what `commit` returned the result of each job, in their
    /// order; meanwhile somebody else commits those who came since.
    ///
    /// None if whoever committed it panicked, or answered for fewer.
    pub(super) fn run<C>(
        &self,
        job: J,
        commit: impl Fn(Vec<J>) -> C,
        answer: impl Fn(C) -> Vec<R>,
    ) -> Option<R> {
        let mut state = self.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let thread = thread::current();
        state.waiting.push((Waiter { ticket, thread }, job));
        loop {
            if let Some(result) = state.results.remove(&ticket) {
                return result;
            }
            // Those whose results are being made have nothing to lead for.
            let waits = state
                .waiting
                .iter()
                .any(|(waiter, _)| waiter.ticket == ticket);
            if state.led || !waits {
                drop(state);
                // Woken for nothing, or before this, it looks again.
                thread::park();
                state = self.lock();
                continue;
            }
            state.led = true;
            let size = state.waiting.len().min(Self::GROUP_MAX);
            let (waiters, jobs) = state.waiting.drain(..size).unzip();
            drop(state);
            let mut lead = Lead {
                queue: self,
                waiters,
                results: Vec::new(),
                leads: true,
            };
            let committed = commit(jobs);
            lead.give_up();
            lead.results = answer(committed);
            drop(lead);
            state = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lead of a group, given up at the latest when dropped, by a panic too: nobody then waits for ever.
struct Lead<'q, J, R> {
    queue: &'q Queue<J, R>,
    waiters: Vec<Waiter>,
    results: Vec<R>,
    leads: bool,
}

impl<J, R> Lead<'_, J, R> {
    /// Lets somebody else lead the next group, before the results of this one are there.
    fn give_up(&mut self) {
        if std::mem::take(&mut self.leads) {
            let mut state = self.queue.lock();
            state.led = false;
            if let Some((next, _)) = state.waiting.first() {
                next.thread.unpark();
            }
        }
    }
}

impl<J, R> Drop for Lead<'_, J, R> {
    fn drop(&mut self) {
        self.give_up();
        let mut state = self.queue.lock();
        let mut results = self.results.drain(..);
        for waiter in &self.waiters {
            state.results.insert(waiter.ticket, results.next());
        }
        drop(state);
        self.waiters
            .iter()
            .for_each(|waiter| waiter.thread.unpark());
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

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
            jobs
        };
        let answer = |jobs: Vec<u32>| jobs.iter().map(|job| job * 2).collect();
        thread::scope(|scope| {
            let first = scope.spawn(|| queue.run(1, commit, answer));
            begins.recv().unwrap();
            let (queue, commit) = (&queue, &commit);
            let others: Vec<_> = (2..10)
                .map(|job| (job, scope.spawn(move || queue.run(job, commit, answer))))
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
        let same = |jobs| jobs;
        let die = |_| panic!("a bug");
        let panicked = catch_unwind(AssertUnwindSafe(|| queue.run(1, die, same)));
        assert!(panicked.is_err());
        let panicked = catch_unwind(AssertUnwindSafe(|| queue.run(1, same, die)));
        assert!(panicked.is_err());
        assert_eq!(queue.run(2, same, same), Some(2));
        assert_eq!(queue.run(3, |_| Vec::new(), same), None);
    }

    #[test]
    fn the_next_group_is_committed_while_the_results_of_one_are_made() {
        let queue: Queue<u32, u32> = Queue::new();
        let (begun, begins) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let queue = &queue;
            let first = scope.spawn(move || {
                queue.run(
                    1,
                    |jobs| jobs,
                    |jobs| {
                        begun.send(()).unwrap();
                        held.recv().unwrap();
                        jobs
                    },
                )
            });
            begins.recv().unwrap();
            assert_eq!(queue.run(2, |jobs| jobs, |jobs| jobs), Some(2));
            release.send(()).unwrap();
            assert_eq!(first.join().unwrap(), Some(1));
        });
    }
}

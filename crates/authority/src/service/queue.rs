//! The queue before the store's one lock: whoever comes while a commit is under way goes into the next, together.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that wait to be committed as a group, and the results that wait to be taken.
///
/// There is no thread for it. One of those who wait leads: it commits for all, and hands out the results.
pub(super) struct Queue<J, R> {
    state: Mutex<State<J, R>>,
    /// Told whenever a group is committed, and when its results are there.
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
        state.waiting.push((ticket, job));
        loop {
            if let Some(result) = state.results.remove(&ticket) {
                return result;
            }
            // Those whose results are being made have nothing to lead for.
            let waits = state.waiting.iter().any(|(waiting, _)| *waiting == ticket);
            if state.led || !waits {
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
    tickets: Vec<u64>,
    results: Vec<R>,
    leads: bool,
}

impl<J, R> Lead<'_, J, R> {
    /// Lets somebody else lead the next group, before the results of this one are there.
    fn give_up(&mut self) {
        self.leads = false;
        self.queue.lock().led = false;
        self.queue.done.notify_all();
    }
}

impl<J, R> Drop for Lead<'_, J, R> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if self.leads {
            state.led = false;
        }
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

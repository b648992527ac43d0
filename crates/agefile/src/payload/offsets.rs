//! Threads that pass a payload through at offsets, where it is read and written at any place at once: each takes the next
//! batch off a counter, reads it where it lies, works on it, and writes what comes of it to its place. Nobody waits for
//! anybody. Which chunk is the last follows from the length.

use std::io::{self, ErrorKind, Read};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::batch::{Batch, Passed, Stop};
use super::source::Source;

/// More threads than this would only wait for the file that they write to, which the system locks for each.
const THREADS_MAX: usize = 8;

/// With a mebibyte at a time, threads seldom meet at that lock.
const BATCH_CHUNKS_MAX: u64 = 16;

/// Passes `length` bytes through batches: each is read by `read_at` and written by `write_at`, which are given the offset from
/// the first chunk's first byte.
///
/// Whatever fails stops all threads; what is told is what failed first in the payload's order. A source that ends before
/// `length` fails as [`ErrorKind::UnexpectedEof`]. `new_batch` is given how many chunks a batch has.
pub(super) fn at_offsets<B: Batch>(
    length: u64,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<usize> + Sync,
    write_at: impl Fn(&[u8], u64) -> io::Result<()> + Sync,
    threads: NonZeroUsize,
    progress: &mut (dyn FnMut(u64) + Send),
    new_batch: impl Fn(usize) -> B + Sync,
) -> Result<Passed, Stop<B::Fault>> {
    // Every payload has a chunk.
    let chunks = length.div_ceil(B::READ_BYTES as u64).max(1);
    let batch_chunks = chunks.min(BATCH_CHUNKS_MAX);
    let pass = Pass {
        length,
        read_at,
        write_at,
        batch_chunks,
        batches: chunks.div_ceil(batch_chunks),
        next: AtomicU64::new(0),
        tally: Mutex::new(Tally {
            progress,
            passed: Passed::default(),
            stopped: None,
        }),
    };
    let room = usize::try_from(batch_chunks).expect("no more than the most");
    let run = || pass.run(&mut new_batch(room));
    thread::scope(|scope| {
        let others = (1..threads.get().min(THREADS_MAX)).zip(1..pass.batches);
        for _ in others {
            // Where there are no more threads, fewer do it.
            if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
    pass.finish()
}

struct Pass<'p, R, W, F> {
    length: u64,
    read_at: R,
    write_at: W,
    batch_chunks: u64,
    batches: u64,
    /// The number of the batch that is taken next.
    next: AtomicU64,
    tally: Mutex<Tally<'p, F>>,
}

/// What came of the batches so far.
struct Tally<'p, F> {
    progress: &'p mut (dyn FnMut(u64) + Send),
    passed: Passed,
    /// Why no more are taken, and which batch was the first that failed.
    stopped: Option<(u64, Stop<F>)>,
}

impl<R, W, F> Pass<'_, R, W, F>
where
    R: Fn(&mut [u8], u64) -> io::Result<usize>,
    W: Fn(&[u8], u64) -> io::Result<()>,
{
    fn run<B: Batch<Fault = F>>(&self, batch: &mut B) {
        loop {
            // Batches are taken in order: when one fails, those before it are done, or at work and about to be told of.
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.batches {
                return;
            }
            if let Err(stop) = self.pass(number, batch) {
                self.stop(number, stop);
            }
        }
    }

    /// Reads a batch, works on it and writes it.
    fn pass<B: Batch<Fault = F>>(&self, number: u64, batch: &mut B) -> Result<(), Stop<F>> {
        let first = number * self.batch_chunks;
        let offset = first * B::READ_BYTES as u64;
        let end = offset + self.batch_chunks * B::READ_BYTES as u64;
        let mut section = Source::new(Section {
            read_at: &self.read_at,
            offset,
            end: end.min(self.length),
        });
        batch.read(&mut section).map_err(Stop::Read)?;
        let last = number + 1 == self.batches;
        let done = batch.work(first, last);
        if let Some(fault) = done.fault {
            return Err(Stop::Fault(fault));
        }
        (self.write_at)(batch.output(), first * B::WRITTEN_BYTES as u64).map_err(Stop::Write)?;
        let mut tally = lock(&self.tally);
        tally.passed.plaintext += done.plaintext as u64;
        if last {
            tally.passed.last_tag = done.tag;
        }
        let plaintext = tally.passed.plaintext;
        (tally.progress)(plaintext);
        Ok(())
    }

    fn stop(&self, number: u64, stop: Stop<F>) {
        self.next.store(self.batches, Ordering::Relaxed);
        let stopped = &mut lock(&self.tally).stopped;
        if stopped.as_ref().is_none_or(|(first, _)| number < *first) {
            *stopped = Some((number, stop));
        }
    }

    fn finish(self) -> Result<Passed, Stop<F>> {
        let tally = self.tally.into_inner();
        let tally = tally.unwrap_or_else(PoisonError::into_inner);
        match tally.stopped {
            Some((_, stop)) => Err(stop),
            None => Ok(tally.passed),
        }
    }
}

/// A part of what is read at offsets, all of which must be there.
pub(super) struct Section<'r, R> {
    pub(super) read_at: &'r R,
    pub(super) offset: u64,
    pub(super) end: u64,
}

impl<R: Fn(&mut [u8], u64) -> io::Result<usize>> Read for Section<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let (buffer, _) = buffer.split_at_mut(buffer.len().min(left));
        if buffer.is_empty() {
            return Ok(0);
        }
        match (self.read_at)(buffer, self.offset)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.offset += read as u64;
                Ok(read)
            }
        }
    }
}

/// A panic under the lock ends the scope; nobody waits for it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

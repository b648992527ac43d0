//! Threads that pass a stream through in batches. Each takes the next batch from the source, and works on it while others do
//! the same. Whoever then finds that it is this batch's turn writes it, and all that follow and are done: a thread that is
//! early goes on with another batch meanwhile, and waits only where no buffer is left.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::CHUNK_BYTES;
use super::batch::{Batch, Done, Passed, Stop};
use super::source::Source;

/// More threads than this get nothing more to do.
const THREADS_MAX: usize = 64;

/// How many batches may be done and wait for one before them, or for the sink.
const SPARES: usize = 8;

/// The plaintext that all batches hold together. Opening takes twice that.
const BATCHES_BYTES: usize = 8 << 20;

/// Enough for a lock to cost little; more would only leave the processor's cache.
const BATCH_CHUNKS_MAX: usize = 4;

/// Passes all of `reader` through batches to `writer`, in order. `new_batch` is given how many chunks a batch has.
pub(super) fn relay<B: Batch>(
    reader: impl Read + Send,
    writer: impl Write + Send,
    threads: NonZeroUsize,
    progress: &mut (dyn FnMut(u64) + Send),
    new_batch: impl Fn(usize) -> B + Sync,
) -> Result<Passed, Stop<B::Fault>> {
    let threads = threads.get().min(THREADS_MAX);
    let batches_max = threads + SPARES;
    let relay = Relay {
        inlet: Mutex::new(Inlet {
            source: Source::new(reader),
            batches: 0,
            chunks: 0,
            ended: false,
        }),
        line: Mutex::new(Line {
            done: BTreeMap::new(),
            next: 0,
            sink: Some(Sink {
                writer,
                progress,
                passed: Passed::default(),
            }),
            spare: Vec::new(),
            to_make: batches_max,
            stopped: None,
            panicked: false,
        }),
        spared: Condvar::new(),
        new_batch,
        room: (BATCHES_BYTES / batches_max / CHUNK_BYTES).clamp(1, BATCH_CHUNKS_MAX),
    };
    // Most streams are one chunk, for which neither a thread nor a large buffer is worth its making.
    let more = relay.step((relay.new_batch)(1));
    let more = more && relay.step((relay.new_batch)(relay.room));
    if more {
        thread::scope(|scope| {
            for _ in 1..threads {
                // Where there are no more threads, fewer do it.
                if thread::Builder::new()
                    .spawn_scoped(scope, || relay.run())
                    .is_err()
                {
                    break;
                }
            }
            relay.run();
        });
    }
    relay.finish()
}

struct Relay<'p, R, W, B: Batch, N> {
    inlet: Mutex<Inlet<R>>,
    line: Mutex<Line<'p, W, B>>,
    /// Wakes whoever waits for a buffer.
    spared: Condvar,
    new_batch: N,
    /// How many chunks a batch has.
    room: usize,
}

/// Where batches are read.
struct Inlet<R> {
    source: Source<R>,
    /// How many batches were taken, and how many chunks before the next.
    batches: u64,
    chunks: u64,
    /// Whether the last was taken.
    ended: bool,
}

/// A batch, and what became of it.
type Worked<B> = (B, io::Result<Done<<B as Batch>::Fault>>);

/// Where batches wait for their turn to be written.
struct Line<'p, W, B: Batch> {
    done: BTreeMap<u64, Worked<B>>,
    /// The number of the batch that is written next.
    next: u64,
    /// Where to. Whoever writes has it meanwhile.
    sink: Option<Sink<'p, W>>,
    /// Buffers that are free, and how many more may be made.
    spare: Vec<B>,
    to_make: usize,
    stopped: Option<Stop<B::Fault>>,
    panicked: bool,
}

struct Sink<'p, W> {
    writer: W,
    progress: &'p mut (dyn FnMut(u64) + Send),
    passed: Passed,
}

impl<R: Read, W: Write, B: Batch, N: Fn(usize) -> B> Relay<'_, R, W, B, N> {
    fn run(&self) {
        while let Some(batch) = self.spare() {
            if !self.step(batch) {
                return;
            }
        }
    }

    /// Passes one batch, and tells whether there may be another.
    fn step(&self, mut batch: B) -> bool {
        let on_panic = OnPanic(self);
        let Some((number, first, read)) = self.take(&mut batch) else {
            return false;
        };
        let last = *read.as_ref().unwrap_or(&true);
        let done = read.map(|last| batch.work(first, last));
        let goes_on = self.give(number, batch, done);
        drop(on_panic);
        goes_on && !last
    }

    /// Returns a buffer that is free, or none when no more are needed.
    fn spare(&self) -> Option<B> {
        let line = lock(&self.line);
        let waits = |line: &mut Line<'_, W, B>| {
            line.spare.is_empty() && line.to_make == 0 && !line.is_over()
        };
        let line = self.spared.wait_while(line, waits);
        let mut line = line.unwrap_or_else(PoisonError::into_inner);
        if line.is_over() {
            return None;
        }
        line.spare.pop().or_else(|| {
            line.to_make -= 1;
            drop(line);
            Some((self.new_batch)(self.room))
        })
    }

    /// Reads the next batch; returns its number, its first chunk's, and whether it is the last.
    fn take(&self, batch: &mut B) -> Option<(u64, u64, io::Result<bool>)> {
        let mut inlet = lock(&self.inlet);
        if inlet.ended {
            return None;
        }
        let (number, first) = (inlet.batches, inlet.chunks);
        inlet.batches += 1;
        inlet.chunks += batch.room() as u64;
        let source = &mut inlet.source;
        let read = batch.read(source).and_then(|()| source.ended());
        inlet.ended = *read.as_ref().unwrap_or(&true);
        Some((number, first, read))
    }

    /// Puts a batch in its place in the line. If nobody is writing, this thread does, as far as batches follow each other.
    /// Tells whether others may follow.
    fn give(&self, number: u64, batch: B, done: io::Result<Done<B::Fault>>) -> bool {
        let mut line = lock(&self.line);
        line.done.insert(number, (batch, done));
        let Some(mut sink) = line.sink.take() else {
            return !line.is_over();
        };
        while let Some((batch, done)) = line.take_next() {
            drop(line);
            let written = match done {
                Ok(done) => sink.write(batch.output(), done),
                Err(error) => Err(Stop::Read(error)),
            };
            line = lock(&self.line);
            match written {
                Ok(()) if batch.room() == self.room => line.spare.push(batch),
                Ok(()) => {}
                Err(stop) => line.stopped = Some(stop),
            }
            if line.is_over() {
                self.spared.notify_all();
            } else {
                self.spared.notify_one();
            }
        }
        line.sink = Some(sink);
        !line.is_over()
    }

    fn finish(self) -> Result<Passed, Stop<B::Fault>> {
        let line = self.line.into_inner();
        let line = line.unwrap_or_else(PoisonError::into_inner);
        if let Some(stop) = line.stopped {
            return Err(stop);
        }
        let mut sink = line.sink.expect("whoever wrote has put it back");
        sink.writer.flush().map_err(Stop::Write)?;
        Ok(sink.passed)
    }
}

impl<W, B: Batch> Line<'_, W, B> {
    /// Takes the batch that is written next, if it is there.
    fn take_next(&mut self) -> Option<Worked<B>> {
        if self.is_over() {
            return None;
        }
        let next = self.done.remove(&self.next)?;
        self.next += 1;
        Some(next)
    }

    fn is_over(&self) -> bool {
        self.stopped.is_some() || self.panicked
    }
}

impl<W: Write> Sink<'_, W> {
    fn write<F>(&mut self, output: &[u8], done: Done<F>) -> Result<(), Stop<F>> {
        self.writer.write_all(output).map_err(Stop::Write)?;
        self.passed.plaintext += done.plaintext as u64;
        self.passed.last_tag = done.tag;
        (self.progress)(self.passed.plaintext);
        done.fault.map_or(Ok(()), |fault| Err(Stop::Fault(fault)))
    }
}

/// Lets nobody wait for a buffer of a thread that panicked. The panic then ends the scope.
struct OnPanic<'r, 'p, R, W, B: Batch, N>(&'r Relay<'p, R, W, B, N>);

impl<R, W, B: Batch, N> Drop for OnPanic<'_, '_, R, W, B, N> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.line).panicked = true;
            self.0.spared.notify_all();
            lock(&self.0.inlet).ended = true;
        }
    }
}

/// A panic under a lock is told of by [`OnPanic`], not by the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

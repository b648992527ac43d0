//! Threads that pass a stream through in batches. Each takes the next batch from the source, works on it while others
//! do the same, and writes it when its turn comes; so order is kept, and nothing waits in a queue.

use std::io::{self, ErrorKind, Read, Write};
use std::iter;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::CHUNK_BYTES;

/// More threads than this get nothing more to do.
const THREADS_MAX: usize = 64;

/// The plaintext that all batches hold together. Opening takes twice that.
const BATCHES_BYTES: usize = 8 << 20;

/// Enough for a thread's turn to cost little; more would only leave the processor's cache.
const BATCH_CHUNKS_MAX: usize = 4;

/// A thread's buffers, and what it does with the chunks in them.
pub(super) trait Batch: Send {
    /// What work may find wrong with the stream.
    type Fault: Send;

    /// Takes from the source as much as there is room for.
    fn read(&mut self, source: &mut Source<impl Read>) -> io::Result<()>;

    /// Seals or opens what was read: the `number`th batch, and the last one or not.
    fn work(&mut self, number: u64, last: bool) -> Done<'_, Self::Fault>;
}

/// What became of a batch.
pub(super) struct Done<'b, F> {
    /// To be written, a fault or not.
    pub(super) output: &'b [u8],
    /// How many bytes of plaintext that is.
    pub(super) plaintext: usize,
    /// Why nothing more is to be written.
    pub(super) fault: Option<F>,
}

/// Why a stream did not pass to its end.
pub(super) enum Stop<F> {
    Read(io::Error),
    Write(io::Error),
    Fault(F),
}

/// Passes all of `reader` through batches to `writer`, and returns how many bytes of plaintext passed.
///
/// `new_batch` is given how many chunks a batch has, which is the same for all.
pub(super) fn relay<B: Batch>(
    reader: impl Read + Send,
    writer: impl Write + Send,
    threads: NonZeroUsize,
    progress: &mut (dyn FnMut(u64) + Send),
    new_batch: impl Fn(usize) -> B + Sync,
) -> Result<u64, Stop<B::Fault>> {
    let threads = threads.get().min(THREADS_MAX);
    let chunks = (BATCHES_BYTES / threads / CHUNK_BYTES).min(BATCH_CHUNKS_MAX);
    let relay = Relay {
        source: Mutex::new(Source::new(reader)),
        sink: Mutex::new(Sink {
            writer,
            progress,
            turn: 0,
            plaintext: 0,
            stopped: None,
            panicked: false,
        }),
        turns: iter::repeat_with(Condvar::new).take(threads).collect(),
    };
    let mut batch = new_batch(chunks);
    // Most files are one batch, for which no thread is worth its start.
    if relay.step(&mut batch) {
        thread::scope(|scope| {
            for _ in 1..threads {
                let other = || relay.run(&mut new_batch(chunks));
                // Where there are no more threads, fewer do it.
                if thread::Builder::new().spawn_scoped(scope, other).is_err() {
                    break;
                }
            }
            relay.run(&mut batch);
        });
    }
    relay.finish()
}

struct Relay<'p, R, W, F> {
    source: Mutex<Source<R>>,
    sink: Mutex<Sink<'p, W, F>>,
    /// Wakes whoever waits for a turn, by the turn's remainder: of so many threads no two wait for the same.
    turns: Vec<Condvar>,
}

/// Where batches are written in turn.
struct Sink<'p, W, F> {
    writer: W,
    progress: &'p mut (dyn FnMut(u64) + Send),
    /// The number of the batch to be written next.
    turn: u64,
    plaintext: u64,
    stopped: Option<Stop<F>>,
    panicked: bool,
}

impl<'p, R: Read, W: Write, F> Relay<'p, R, W, F> {
    fn run<B: Batch<Fault = F>>(&self, batch: &mut B) {
        while self.step(batch) {}
    }

    /// Passes one batch, and tells whether there may be another.
    fn step<B: Batch<Fault = F>>(&self, batch: &mut B) -> bool {
        let on_panic = OnPanic(self);
        let Some((number, read)) = self.take(batch) else {
            return false;
        };
        let (last, done) = match read {
            Ok(last) => (last, Ok(batch.work(number, last))),
            Err(error) => (true, Err(error)),
        };
        let written = self.give(number, done);
        drop(on_panic);
        written && !last
    }

    /// Reads the next batch; returns its number and whether it is the last.
    fn take<B: Batch>(&self, batch: &mut B) -> Option<(u64, io::Result<bool>)> {
        let mut source = lock(&self.source);
        if source.finished {
            return None;
        }
        let number = source.batches;
        source.batches += 1;
        let read = batch.read(&mut source).and_then(|()| source.ended());
        source.finished = *read.as_ref().unwrap_or(&true);
        Some((number, read))
    }

    /// Writes a batch when its turn comes, and tells whether others may follow.
    fn give(&self, number: u64, done: io::Result<Done<'_, F>>) -> bool {
        let mut sink = self.wait_for(number);
        if sink.is_over() {
            return false;
        }
        sink.stopped = match done {
            Ok(done) => sink.write(done),
            Err(error) => Some(Stop::Read(error)),
        };
        sink.turn += 1;
        let goes_on = !sink.is_over();
        drop(sink);
        if goes_on {
            self.turn(number + 1).notify_one();
        } else {
            self.wake_all();
        }
        goes_on
    }

    fn wait_for(&self, number: u64) -> MutexGuard<'_, Sink<'p, W, F>> {
        let sink = lock(&self.sink);
        self.turn(number)
            .wait_while(sink, |sink| sink.turn != number && !sink.is_over())
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, number: u64) -> &Condvar {
        let place = number % self.turns.len() as u64;
        let place = usize::try_from(place).expect("less than the number of threads");
        self.turns
            .get(place)
            .expect("less than the number of threads")
    }

    /// Nobody reads on, and who waits finds that it is over.
    fn wake_all(&self) {
        self.turns.iter().for_each(Condvar::notify_all);
        lock(&self.source).finished = true;
    }

    fn finish(self) -> Result<u64, Stop<F>> {
        let mut sink = self
            .sink
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(stop) = sink.stopped {
            return Err(stop);
        }
        sink.writer.flush().map_err(Stop::Write)?;
        Ok(sink.plaintext)
    }
}

impl<W, F> Sink<'_, W, F> {
    fn is_over(&self) -> bool {
        self.stopped.is_some() || self.panicked
    }
}

impl<W: Write, F> Sink<'_, W, F> {
    fn write(&mut self, done: Done<'_, F>) -> Option<Stop<F>> {
        if let Err(error) = self.writer.write_all(done.output) {
            return Some(Stop::Write(error));
        }
        self.plaintext += done.plaintext as u64;
        (self.progress)(self.plaintext);
        done.fault.map(Stop::Fault)
    }
}

/// The reader, one byte ahead, since the last batch must be known as such.
pub(super) struct Source<R> {
    reader: R,
    ahead: Option<u8>,
    at_end: bool,
    /// How many were taken.
    batches: u64,
    /// Whether the last was taken.
    finished: bool,
}

impl<R: Read> Source<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            ahead: None,
            at_end: false,
            batches: 0,
            finished: false,
        }
    }

    /// Fills `buffer` as far as the source goes, and returns how far.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let whole = buffer.len();
        let mut rest = buffer;
        if let (Some(first), Some(byte)) = (rest.first_mut(), self.ahead) {
            *first = byte;
            self.ahead = None;
            (_, rest) = rest.split_at_mut(1);
        }
        while !rest.is_empty() && !self.at_end {
            match self.reader.read(rest) {
                Ok(0) => self.at_end = true,
                Ok(length) => (_, rest) = rest.split_at_mut(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(whole - rest.len())
    }

    /// Tells whether nothing follows.
    fn ended(&mut self) -> io::Result<bool> {
        if self.ahead.is_none() {
            let mut byte = [0];
            if self.fill(&mut byte)? > 0 {
                let [byte] = byte;
                self.ahead = Some(byte);
            }
        }
        Ok(self.ahead.is_none())
    }
}

/// Lets nobody wait for the turn of a thread that panicked. The panic then ends the scope.
struct OnPanic<'r, 'p, R: Read, W: Write, F>(&'r Relay<'p, R, W, F>);

impl<R: Read, W: Write, F> Drop for OnPanic<'_, '_, R, W, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.sink).panicked = true;
            self.0.wake_all();
        }
    }
}

/// A panic under a lock is told of by [`OnPanic`], not by the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

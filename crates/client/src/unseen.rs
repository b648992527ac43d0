//! Encrypted files that nobody sees yet, and how they appear: many with one wait for the disk, while the next are written.
//! Their keys are deposited (`crate::prepared`); how a file gets its name is `strongroom_files::output`'s.

use std::io::{self, Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use strongroom_capi::cipher;
use strongroom_files::output::Output;

use crate::encrypt::{EncryptError, Encrypted, Watch};
use crate::file::copy::Stamp;
use crate::home::Learned;

/// A file that is encrypted, and may appear: its key is deposited.
pub struct Unseen {
    pub(crate) encrypted: Encrypted,
    pub(crate) place: Place,
    /// Whether it is known again by how it looks. A header that does not say where the spare is takes another look.
    pub(crate) known_by_look: bool,
}

/// Where an encrypted file is before it appears.
pub(crate) enum Place {
    /// Beside its place, without a name.
    File(Output),
    /// In a pipe already.
    Pipe,
    /// Without a name and for good, to be copied into a pipe.
    Spool(Output, Box<dyn Write + Send>),
}

impl Unseen {
    /// Lets the file appear under its name, or its bytes go into the pipe.
    ///
    /// # Errors
    ///
    /// Says why it did not appear.
    pub fn appear(self) -> Result<Encrypted, EncryptError> {
        match self.place {
            Place::File(output) => output.commit()?,
            Place::Pipe => {}
            Place::Spool(output, stream) => copy(output, stream)?,
        }
        Ok(self.encrypted)
    }
}

/// A job, and what became of it.
struct Done {
    number: usize,
    result: Result<Encrypted, EncryptError>,
    /// The file's, taken when it got its name: whatever has the name when it is told of, this is the file that was written.
    stamp: Option<Stamp>,
}

impl Done {
    fn without_stamp(number: usize, result: Result<Encrypted, EncryptError>) -> Self {
        Self {
            number,
            result,
            stamp: None,
        }
    }
}

/// Lets files appear with one wait for the disk.
fn appear_all(unseen: Vec<(usize, Unseen)>) -> Vec<Done> {
    let (mut outputs, mut waiting, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for (number, unseen) in unseen {
        match unseen {
            Unseen {
                encrypted,
                place: Place::File(output),
                known_by_look,
            } => {
                outputs.push(output);
                waiting.push((number, encrypted, known_by_look));
            }
            other => done.push(Done::without_stamp(number, other.appear())),
        }
    }
    let named = Output::commit_all(outputs, |_| Ok(()));
    let named = waiting.into_iter().zip(named);
    done.extend(
        named.map(|((number, encrypted, known_by_look), named)| match named {
            Ok(metadata) => Done {
                number,
                result: Ok(encrypted),
                stamp: metadata.filter(|_| known_by_look).as_ref().map(Stamp::of),
            },
            Err(error) => Done::without_stamp(number, Err(error)),
        }),
    );
    done
}

fn copy(mut from: Output, mut stream: Box<dyn Write + Send>) -> Result<(), EncryptError> {
    let mut copy = || {
        from.file_mut().rewind()?;
        io::copy(from.file_mut(), &mut stream)?;
        stream.flush()
    };
    copy().map_err(|error| cipher::EncryptError::Write(error).into())
}

/// How much is held that nobody sees yet.
#[derive(Default)]
pub(crate) struct Load {
    files: usize,
    bytes: u64,
    descriptors: u64,
}

impl Load {
    const FILES_MAX: usize = 256;
    /// The disk takes long for more, and none of a group's files is there before.
    const BYTES_MAX: u64 = 64 << 20;

    pub(crate) fn add(&mut self, output: &Output, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.descriptors += output.descriptors();
    }

    /// Tells whether a file of so many bytes is a group of its own, which takes long to be written.
    pub(crate) fn is_filled_by(bytes: u64) -> bool {
        bytes > Self::BYTES_MAX
    }

    /// Tells whether another file of so many bytes is too much. One group waits for the disk while the next is written, so
    /// that each has half of the descriptors.
    pub(crate) fn is_full_for(&self, bytes: u64) -> bool {
        self.files >= Self::FILES_MAX
            || self.bytes.saturating_add(bytes) > Self::BYTES_MAX
            || self.descriptors >= Output::descriptors_max() / 2
    }
}

/// Files that are written and have no name yet. A group of them waits for the disk on a thread of its own; a file is told of when it
/// is there. [`Self::finish`] waits for those that are left.
#[derive(Default)]
pub struct Appearing {
    waiting: Vec<(usize, Unseen)>,
    load: Load,
    under_way: Option<JoinHandle<Vec<Done>>>,
    /// What was written and is not recorded in the home yet.
    written: Learned,
}

impl Appearing {
    /// Lets what waits appear, if it is too much together with a file of so many bytes that is to be written.
    pub(crate) fn make_room(&mut self, bytes: u64, watch: &mut dyn Watch) {
        if self.load.is_full_for(bytes) {
            self.begin(watch);
        }
    }

    /// Takes a file along that is written.
    pub fn push(&mut self, number: usize, unseen: Unseen, watch: &mut dyn Watch) {
        match &unseen.place {
            Place::File(output) | Place::Spool(output, _) => {
                self.load.add(output, unseen.encrypted.bytes);
                self.waiting.push((number, unseen));
            }
            Place::Pipe => {
                let done = Done::without_stamp(number, Ok(unseen.encrypted));
                self.tell(vec![done], watch);
            }
        }
    }

    /// Begins to let appear what waits, and goes on once the group before is there.
    pub fn begin(&mut self, watch: &mut dyn Watch) {
        self.load = Load::default();
        let waiting = std::mem::take(&mut self.waiting);
        let before = self.join();
        if !waiting.is_empty() {
            let group = Arc::new(Mutex::new(waiting));
            let appear = |group: &Mutex<Vec<_>>| {
                let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
                appear_all(std::mem::take(&mut group))
            };
            let theirs = Arc::clone(&group);
            match thread::Builder::new().spawn(move || appear(&theirs)) {
                Ok(thread) => self.under_way = Some(thread),
                // Without another thread nothing is written meanwhile.
                Err(_) => self.tell(appear(&group), watch),
            }
        }
        self.tell(before, watch);
    }

    /// Waits until all files are there, or are said not to be.
    pub fn finish(&mut self, watch: &mut dyn Watch) {
        let before = self.join();
        self.tell(before, watch);
        self.load = Load::default();
        let last = appear_all(std::mem::take(&mut self.waiting));
        self.tell(last, watch);
    }

    /// Hands out what was written and is not recorded yet, for [`Home::record_written`](crate::home::Home::record_written), if there
    /// is anything. What is left there again waits for the next time.
    ///
    /// # Errors
    ///
    /// What `record` says.
    pub fn record<E>(
        &mut self,
        record: impl FnOnce(&mut Learned) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.written.marks.is_empty() {
            true => Ok(()),
            false => record(&mut self.written),
        }
    }

    /// Tells of the group that is under way, if it is there by now.
    pub(crate) fn tell_if_there(&mut self, watch: &mut dyn Watch) {
        if self.under_way.as_ref().is_some_and(JoinHandle::is_finished) {
            let there = self.join();
            self.tell(there, watch);
        }
    }

    fn join(&mut self) -> Vec<Done> {
        let joined = self.under_way.take().map(JoinHandle::join);
        match joined {
            None => Vec::new(),
            Some(Ok(done)) => done,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }

    fn tell(&mut self, done: Vec<Done>, watch: &mut dyn Watch) {
        for done in done {
            let Done {
                number,
                result,
                stamp,
            } = done;
            if let Ok(encrypted) = &result {
                self.written.marks.push(encrypted.mark);
                self.written
                    .looks
                    .extend(stamp.and_then(|stamp| encrypted.look(stamp)));
                self.written.sources.extend(encrypted.made_of());
            }
            watch.done(number, result);
        }
    }
}

impl Drop for Appearing {
    /// Files that are about to appear do.
    fn drop(&mut self) {
        if let Some(thread) = self.under_way.take() {
            let _ = thread.join();
        }
    }
}

//! Many files at once.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, thread};

use rusqlite::Connection;

use strongroom_client::encrypt::{
    Appearing, EncryptError, EncryptOptions, Encrypted, Job, Jobs, Source, Target, Watch,
};
use strongroom_client::home::{Home, HomeError, Learned};
use strongroom_files::output::Overwrite;
use strongroom_protocol::id::Time;
use strongroom_protocol::statement::Particulars;

use crate::fixture::{HOME, World};

#[derive(Default)]
struct Told(Vec<(usize, Result<Encrypted, EncryptError>)>);

impl Watch for Told {
    fn progress(&mut self, _: usize, _: u64) {}

    fn done(&mut self, job: usize, result: Result<Encrypted, EncryptError>) {
        self.0.push((job, result));
    }
}

/// Encrypts files on so many threads, and returns what became of them.
fn encrypt(world: &mut World, files: usize, threads: usize) -> Vec<Vec<u8>> {
    let owner = world.identities(&world.home()).recipient().unwrap();
    let options = EncryptOptions {
        threads: NonZeroUsize::new(threads).unwrap(),
        ..EncryptOptions::new(&owner)
    };
    let target = |number: usize| world.path(&format!("{number}.age"));
    let jobs = (0..files).map(|number| {
        let source = world.path(&number.to_string());
        fs::write(&source, format!("file {number}")).unwrap();
        Job {
            source: Source::File(source),
            target: Target::File(target(number), Overwrite::Refuse),
            particulars: Particulars::default(),
        }
    });
    let targets: Vec<_> = (0..files).map(target).collect();
    let mut jobs = Jobs::of(jobs.collect());
    let (mut told, mut appearing) = (Told::default(), Appearing::default());
    let group = world
        .with_client(|client| client.deposit_for(&mut jobs, &options, &mut told).unwrap())
        .unwrap();
    let record = &mut |_: &mut _| Ok::<_, std::convert::Infallible>(());
    let rng = &mut world.rng;
    let group = group.unwrap();
    let Ok(()) = group.encrypt(&options, &mut told, rng, &mut appearing, record);
    assert!(told.0.is_empty(), "nothing is told of before it is there");
    appearing.finish(&mut told);
    assert_eq!(told.0.len(), files);
    assert!(told.0.iter().all(|(_, result)| result.is_ok()));
    let read = |path| fs::read(path).unwrap();
    targets.iter().map(read).collect()
}

#[test]
fn files_are_the_same_on_any_number_of_threads() {
    let world = World::new();
    let [one, two, many] = [1, 2, 7].map(|threads| {
        let mut world = world.copy_of(&[HOME]);
        encrypt(&mut world, 20, threads)
    });
    assert!(one == two && one == many);
}

/// What comes from elsewhere while a file that was written before it appears.
struct Long {
    before: PathBuf,
    /// Whether what is known of that file was recorded.
    recorded: Arc<AtomicBool>,
    reads: usize,
}

impl Read for Long {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.before.exists() {
            thread::yield_now();
        }
        if self.reads == 0 {
            // Somebody puts another file there.
            let another = self.before.with_extension("new");
            fs::write(&another, "another")?;
            fs::rename(&another, &self.before)?;
        }
        self.reads += 1;
        thread::sleep(Duration::from_millis(2));
        match self.recorded.load(Ordering::Relaxed) || self.reads > 3000 {
            true => Ok(0),
            false => {
                buffer.fill(1);
                Ok(buffer.len())
            }
        }
    }
}

#[test]
fn what_is_recorded_of_a_file_is_of_no_other_and_does_not_wait_for_a_long_one() {
    let mut world = World::new();
    let owner = world.identities(&world.home()).recipient().unwrap();
    let options = EncryptOptions::new(&owner);
    let [notes, target, long] = ["notes", "notes.age", "long.age"].map(|name| world.path(name));
    fs::write(&notes, "notes").unwrap();
    let recorded = Arc::new(AtomicBool::new(false));
    let reader = Long {
        before: target.clone(),
        recorded: Arc::clone(&recorded),
        reads: 0,
    };
    let job = |source, target| Job {
        source,
        target: Target::File(target, Overwrite::Refuse),
        particulars: Particulars::default(),
    };
    let mut jobs = Jobs::of(vec![
        job(Source::File(notes), target),
        job(Source::Reader(Box::new(reader)), long),
    ]);
    let (mut told, mut appearing) = (Told::default(), Appearing::default());
    let group = world
        .with_client(|client| client.deposit_for(&mut jobs, &options, &mut told).unwrap())
        .unwrap();
    let path = world.path("home");
    let mut record = |written: &mut Learned| {
        // So late that any change of these files would show.
        let later = Time::from_millis(u64::MAX / 2);
        let mut home = Home::open(&path)?;
        home.record_written(written, later)?;
        recorded.store(true, Ordering::Relaxed);
        Ok::<_, HomeError>(())
    };
    let rng = &mut world.rng;
    let group = group.unwrap();
    group
        .encrypt(&options, &mut told, rng, &mut appearing, &mut record)
        .unwrap();
    assert_eq!(told.0.len(), 1, "of the first while the second was written");
    appearing.finish(&mut told);
    appearing.record(record).unwrap();
    assert_eq!(told.0.len(), 2);
    let database = Connection::open(path.join("home.db")).unwrap();
    let paths: Vec<Vec<u8>> = database
        .prepare("SELECT path FROM look")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(paths.len(), 1);
    assert!(paths.concat().ends_with(b"/long.age"));
}

//! Many files at once.

use std::fs;
use std::num::NonZeroUsize;

use strongroom_client::encrypt::{
    Appearing, EncryptError, EncryptOptions, Encrypted, Job, Jobs, Source, Target, Watch,
};
use strongroom_files::output::Overwrite;
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

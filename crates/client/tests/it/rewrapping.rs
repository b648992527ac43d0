//! Many headers replaced together (spec/rewrite.md#groups): what becomes of each file, whatever else is in its group.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use strongroom_client::file::rewrite::{ApplyError, Foreign};
use strongroom_client::recover::Wanted;
use strongroom_client::rewrap::{
    How, Repair, Repaired, ReplaceError, RewrapError, RewrapOptions, Rewrapped, Rewrapping,
};

use crate::fixture::{World, tamper};

/// A world with so many files, whose owner's key is lost and whose session keys came back.
fn recovered(files: usize) -> (World, Vec<PathBuf>) {
    let mut world = World::new();
    let files = (0..files)
        .map(|number| world.encrypt(&number.to_string(), &text(number)))
        .collect();
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    (world, files)
}

fn text(number: usize) -> String {
    format!("letter {number}")
}

/// Rewraps files in one group, once `meanwhile` was done to those that are planned, and returns what became of them.
fn together(
    world: &mut World,
    files: &[PathBuf],
    meanwhile: impl FnOnce(),
) -> Vec<(usize, Result<Rewrapped, RewrapError>)> {
    let mut home = world.home();
    let identities = world.identities(&home);
    let options = RewrapOptions::new(&identities);
    let mut rewrapping = Rewrapping::new();
    let mut told = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let rng = &mut world.rng;
        told.extend(rewrapping.add(&mut home, file, number, &options, rng, &mut |_, _| {}));
    }
    meanwhile();
    told.extend(rewrapping.finish(&mut home));
    told
}

fn hows(told: Vec<(usize, Result<Rewrapped, RewrapError>)>) -> Vec<How> {
    let hows = told.into_iter().enumerate();
    hows.map(|(place, (number, rewrapped))| {
        assert_eq!(place, number, "they are told in their order");
        rewrapped.unwrap().how
    })
    .collect()
}

fn all_open(world: &World, files: &[PathBuf]) {
    for (number, file) in files.iter().enumerate() {
        assert_eq!(world.decrypt(file), Some(text(number)), "{number}");
    }
    assert!(world.home().interrupted().unwrap().is_empty());
}

#[test]
fn nothing_is_written_or_told_before_a_group_is_finished() {
    let (mut world, files) = recovered(9);
    let before: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let told = together(&mut world, &files, || {
        let now = files.iter().map(|file| fs::read(file).unwrap());
        assert!(now.eq(before.iter().cloned()));
    });
    assert_eq!(hows(told), vec![How::InPlace; 9]);
    all_open(&world, &files);
    let again = together(&mut world, &files, || {});
    assert_eq!(hows(again), vec![How::Current; 9]);
}

#[test]
fn a_group_that_is_dropped_leaves_its_files_and_the_journal_as_they_were() {
    let (mut world, files) = recovered(2);
    let before = fs::read(&files[0]).unwrap();
    let mut home = world.home();
    let identities = world.identities(&home);
    let options = RewrapOptions::new(&identities);
    let mut rewrapping = Rewrapping::new();
    let rng = &mut world.rng;
    let told = rewrapping.add(&mut home, &files[0], (), &options, rng, &mut |_, _| {});
    assert!(told.is_empty());
    drop((rewrapping, home));
    assert_eq!(fs::read(&files[0]).unwrap(), before);
    all_open_after_rewrap(&mut world, &files);
}

fn all_open_after_rewrap(world: &mut World, files: &[PathBuf]) {
    assert!(world.home().interrupted().unwrap().is_empty());
    hows(together(world, files, || {}));
    all_open(world, files);
}

#[test]
fn a_file_that_is_named_twice_is_rewritten_once() {
    let (mut world, files) = recovered(3);
    let by_link = world.path("link");
    std::os::unix::fs::symlink(&files[1], &by_link).unwrap();
    let named = [&files[0], &files[1], &files[0], &by_link, &files[2]].map(Clone::clone);
    let told = together(&mut world, &named, || {});
    assert_eq!(
        hows(told),
        [
            How::InPlace,
            How::InPlace,
            How::Current,
            How::Current,
            How::InPlace
        ]
    );
    all_open(&world, &files);
}

#[test]
fn of_two_hard_links_the_first_gets_a_copy_and_the_other_stays_in_its_place() {
    let (mut world, files) = recovered(3);
    let link = world.path("link");
    fs::hard_link(&files[1], &link).unwrap();
    let named = [&files[0], &files[1], &link, &files[2]].map(Clone::clone);
    let told = together(&mut world, &named, || {});
    assert_eq!(
        hows(told),
        [How::InPlace, How::Copied, How::InPlace, How::InPlace]
    );
    all_open(&world, &files);
    assert_eq!(world.decrypt(&link), Some(text(1)));
    let inode = |path: &Path| path.metadata().unwrap().ino();
    assert_ne!(inode(&files[1]), inode(&link));
}

#[test]
fn a_copy_in_the_middle_appears_with_the_others() {
    let (mut world, files) = recovered(4);
    // Its pointer is gone, so that the new header is longer.
    tamper(&files[2], |stanzas| {
        stanzas.pop();
    });
    let named = [&files[0], &files[1], &files[2], &files[3], &files[2]].map(Clone::clone);
    let told = together(&mut world, &named, || {});
    assert_eq!(
        hows(told),
        [
            How::InPlace,
            How::InPlace,
            How::Copied,
            How::InPlace,
            How::Current
        ]
    );
    all_open(&world, &files);
}

#[test]
fn a_file_that_another_program_changed_meanwhile_is_left_alone_and_stops_no_other() {
    let (mut world, files) = recovered(10);
    let told = together(&mut world, &files, || {
        fs::write(&files[3], "something else").unwrap();
        fs::remove_file(&files[4]).unwrap();
    });
    for (number, rewrapped) in told {
        let expected = match number {
            3 => Some(Foreign::Length),
            4 => Some(Foreign::Missing),
            _ => None,
        };
        match (rewrapped, expected) {
            (Ok(rewrapped), None) => assert_eq!(rewrapped.how, How::InPlace),
            (
                Err(RewrapError::Replace(ReplaceError::Apply(ApplyError::Foreign {
                    reason, ..
                }))),
                Some(expected),
            ) => assert_eq!(reason, expected),
            (rewrapped, _) => panic!("{number}: {rewrapped:?}"),
        }
    }
    assert_eq!(fs::read(&files[3]).unwrap(), b"something else");
    // Nothing was written, so that there is nothing to repair.
    assert!(world.home().interrupted().unwrap().is_empty());
    for number in (0..10).filter(|number| ![3, 4].contains(number)) {
        assert_eq!(world.decrypt(&files[number]), Some(text(number)));
    }
}

#[test]
fn a_file_that_somebody_has_locked_is_waited_for_when_no_other_is_held() {
    let (mut world, files) = recovered(10);
    let locked = File::open(&files[5]).unwrap();
    locked.lock().unwrap();
    let (before, first) = (fs::read(&files[0]).unwrap(), files[0].clone());
    let told = thread::scope(|scope| {
        scope.spawn(move || {
            // Somebody who wants one of ours before they give up theirs.
            while fs::read(&first).unwrap() == before {
                thread::sleep(Duration::from_millis(1));
            }
            File::open(&first).unwrap().lock().unwrap();
            drop(locked);
        });
        together(&mut world, &files, || {})
    });
    assert_eq!(hows(told), vec![How::InPlace; 10]);
    all_open(&world, &files);
}

#[test]
fn a_home_that_cannot_record_a_group_fails_all_of_it_and_no_file_is_written() {
    let (mut world, files) = recovered(9);
    let before: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let database = Connection::open(world.path("home/home.db")).unwrap();
    let told = together(&mut world, &files, || {
        database.execute_batch("BEGIN IMMEDIATE").unwrap();
    });
    database.execute_batch("ROLLBACK").unwrap();
    all_failed_by_the_home(told, 9);
    for (file, before) in files.iter().zip(before) {
        assert_eq!(fs::read(file).unwrap(), before);
    }
    all_open_after_rewrap(&mut world, &files);
}

#[test]
fn a_home_that_cannot_end_a_group_keeps_its_records_and_repairs_all_of_it() {
    let (mut world, files) = recovered(9);
    // This one gets a copy.
    fs::hard_link(&files[2], world.path("link")).unwrap();
    let database = Connection::open(world.path("home/home.db")).unwrap();
    let known_before = known(&database);
    let locked = File::open(&files[5]).unwrap();
    locked.lock().unwrap();
    let (before, first) = (fs::read(&files[0]).unwrap(), files[0].clone());
    let (told, database) = thread::scope(|scope| {
        let other = scope.spawn(move || {
            // The group is recorded, and not on the disk before the lock is given up.
            while fs::read(&first).unwrap() == before {
                thread::sleep(Duration::from_millis(1));
            }
            database.execute_batch("BEGIN IMMEDIATE").unwrap();
            drop(locked);
            database
        });
        let told = together(&mut world, &files, || {});
        (told, other.join().unwrap())
    });
    database.execute_batch("ROLLBACK").unwrap();
    all_failed_by_the_home(told, 9);
    assert_eq!(known(&database), known_before + 1, "the copy's header");
    assert_eq!(world.home().interrupted().unwrap().len(), 8);
    let mut home = world.home();
    let identities = world.identities(&home);
    let repaired = home.repair(&identities).unwrap();
    let finished = |repaired: &Repaired| matches!(repaired.repair, Ok(Repair::Finished));
    assert!(repaired.len() == 8 && repaired.iter().all(finished));
    drop(home);
    all_open(&world, &files);
}

/// How many headers the home knows.
fn known(database: &Connection) -> i64 {
    let count = "SELECT count(*) FROM matched JOIN file_mark USING (header)";
    database.query_row(count, (), |row| row.get(0)).unwrap()
}

#[test]
fn a_file_that_failed_and_is_named_again_is_not_said_to_be_done() {
    let (mut world, files) = recovered(1);
    let database = Connection::open(world.path("home/home.db")).unwrap();
    let locked = File::open(&files[0]).unwrap();
    locked.lock().unwrap();
    let twice = [files[0].clone(), files[0].clone()];
    let (told, database) = thread::scope(|scope| {
        let other = scope.spawn(move || {
            let recorded = "SELECT count(*) FROM rewrite";
            while database
                .query_row(recorded, (), |row| row.get::<_, i64>(0))
                .unwrap()
                == 0
            {
                thread::sleep(Duration::from_millis(1));
            }
            database.execute_batch("BEGIN IMMEDIATE").unwrap();
            drop(locked);
            database
        });
        let told = together(&mut world, &twice, || {});
        (told, other.join().unwrap())
    });
    database.execute_batch("ROLLBACK").unwrap();
    let errors: Vec<_> = told
        .into_iter()
        .map(|(_, done)| done.unwrap_err())
        .collect();
    let [first, again] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    assert!(matches!(first, RewrapError::Replace(ReplaceError::Home(_))));
    assert!(matches!(
        again,
        RewrapError::Replace(ReplaceError::FailedBefore { .. })
    ));
}

fn all_failed_by_the_home(told: Vec<(usize, Result<Rewrapped, RewrapError>)>, files: usize) {
    assert_eq!(told.len(), files);
    for (_, rewrapped) in told {
        let error = rewrapped.unwrap_err();
        let is_homes = matches!(error, RewrapError::Replace(ReplaceError::Home(_)));
        assert!(is_homes, "{error:?}");
    }
}

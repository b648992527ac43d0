//! What needs a file system without O_TMPFILE, or looks like one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::thread;

use super::*;

/// As where no file can be without a name.
fn named(path: &Path, overwrite: Overwrite, seed: u64) -> Output {
    let place = Place::open(path).unwrap();
    Output::create_in(place, overwrite, ReadableBy::Owner, seed, |_, _| Ok(None)).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_with_a_hidden_name_appears_at_the_commit_and_the_hidden_name_goes() {
    let folder = tempfile::tempdir().unwrap();
    for overwrite in [Overwrite::Refuse, Overwrite::Force] {
        let path = folder.path().join(format!("{overwrite:?}"));
        let before = names(folder.path());
        let mut output = named(&path, overwrite, 7);
        output.write_all(b"new").unwrap();
        assert_eq!(
            names(folder.path()),
            [vec![".strongroom-0000000000000007.tmp".to_owned()], before].concat()
        );
        output.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
    assert_eq!(names(folder.path()), ["Force", "Refuse"]);
}

#[test]
fn a_hidden_file_goes_when_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    drop(named(&folder.path().join("out"), Overwrite::Refuse, 7));
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_hidden_file_does_not_replace_one_that_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let output = named(&path, Overwrite::Refuse, 7);
    fs::write(&path, b"other").unwrap();
    let error = output.commit().unwrap_err();
    assert!(matches!(error, CommitError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"other");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn a_hidden_name_that_is_taken_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join(".strongroom-0000000000000007.tmp");
    fs::write(&taken, b"other").unwrap();
    for overwrite in [Overwrite::Refuse, Overwrite::Force] {
        let path = folder.path().join("out");
        named(&path, overwrite, 7).commit().unwrap();
        fs::remove_file(&path).unwrap();
        // Without a name until the last moment, then in need of a hidden one.
        let place = Place::open(&path).unwrap();
        let output = Output::create_in(place, overwrite, ReadableBy::Owner, 7, nameless).unwrap();
        output.commit().unwrap();
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(fs::read(&taken).unwrap(), b"other");
}

#[test]
fn leftovers_go_and_what_is_being_written_or_not_ours_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let output = named(&path.join("out"), Overwrite::Refuse, 1);
    fs::write(path.join(".strongroom-00000000000000ab.tmp"), b"killed").unwrap();
    fs::write(path.join(".strongroom-ab.tmp"), b"not ours").unwrap();
    fs::write(path.join(".strongroom-00000000000000AB.tmp"), b"not ours").unwrap();
    fs::create_dir(path.join(".strongroom-00000000000000ac.tmp")).unwrap();
    std::os::unix::fs::symlink("/dev/null", path.join(".strongroom-00000000000000ad.tmp")).unwrap();
    assert_eq!(remove_leftovers(path).unwrap(), 1);
    assert_eq!(
        names(path),
        [
            ".strongroom-0000000000000001.tmp",
            ".strongroom-00000000000000AB.tmp",
            ".strongroom-00000000000000ac.tmp",
            ".strongroom-00000000000000ad.tmp",
            ".strongroom-ab.tmp",
        ]
    );
    output.commit().unwrap();
    assert!(path.join("out").exists());
}

#[test]
fn clearing_away_never_takes_a_file_that_is_just_being_made() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for seed in 0..200 {
                let path = folder.path().join(seed.to_string());
                let mut output = named(&path, Overwrite::Force, seed << 8);
                output.write_all(b"new").unwrap();
                output.appear_over().unwrap();
                assert_eq!(fs::read(&path).unwrap(), b"new");
            }
        });
        while !writer.is_finished() {
            remove_leftovers(folder.path()).unwrap();
        }
    });
}

#[test]
fn of_many_that_want_one_name_one_gets_it_with_and_without_hidden_names() {
    for unnamed in [nameless, |_: &File, _: Mode| Ok(None)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let ready = Barrier::new(8);
        let won: Vec<u8> = thread::scope(|scope| {
            let writers: Vec<_> = (0..8_u8)
                .map(|writer| {
                    let (path, ready) = (&path, &ready);
                    scope.spawn(move || {
                        let place = Place::open(path).unwrap();
                        let seed = u64::from(writer) << 8;
                        let mut output = Output::create_in(
                            place,
                            Overwrite::Refuse,
                            ReadableBy::Owner,
                            seed,
                            unnamed,
                        )
                        .unwrap();
                        output.write_all(&[writer; 100]).unwrap();
                        ready.wait();
                        match output.commit() {
                            Ok(()) => Some(writer),
                            Err(CommitError::Exists { .. }) => None,
                            Err(error) => panic!("{error}"),
                        }
                    })
                })
                .collect();
            writers
                .into_iter()
                .filter_map(|writer| writer.join().unwrap())
                .collect()
        });
        assert_eq!(won.len(), 1);
        assert_eq!(fs::read(&path).unwrap(), [won[0]; 100]);
        assert_eq!(names(folder.path()), ["out"]);
    }
}

#[test]
fn without_rename_that_does_not_replace_a_link_does_not_either() {
    let folder = tempfile::tempdir().unwrap();
    let held = File::open(folder.path()).unwrap();
    fs::write(folder.path().join("hidden"), b"new").unwrap();
    fs::write(folder.path().join("out"), b"other").unwrap();
    let (hidden, out) = (OsStr::new("hidden"), OsStr::new("out"));
    assert_eq!(
        hidden::link_no_replace(&held, hidden, out),
        Err(Errno::EXIST)
    );
    fs::remove_file(folder.path().join("out")).unwrap();
    hidden::link_no_replace(&held, hidden, out).unwrap();
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn with_a_hidden_name_too_a_file_has_the_readers_of_what_it_is_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    // In another folder, so that the names are counted without it.
    let elsewhere = tempfile::tempdir().unwrap();
    let plain = elsewhere.path().join("plain");
    fs::write(&plain, b"").unwrap();
    for readable in [0o600, 0o640, 0o644] {
        fs::write(&source, b"").unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(readable)).unwrap();
        let open = File::open(&source).unwrap();
        let place = Place::open(&folder.path().join("out")).unwrap();
        let readers = ReadableBy::ReadersOf(&open);
        let output = Output::create_in(place, Overwrite::Force, readers, 7, |_, _| Ok(None));
        let output = output.unwrap();
        assert_eq!(
            names(folder.path()).len(),
            2,
            "the one that shows the umask is gone"
        );
        output.commit().unwrap();
        let least = 0o600 | readable & mode(&plain);
        assert_eq!(mode(&folder.path().join("out")), least);
        fs::remove_file(folder.path().join("out")).unwrap();
    }
}

#[test]
fn without_links_a_name_that_is_taken_is_not_renamed_over() {
    let folder = tempfile::tempdir().unwrap();
    let held = File::open(folder.path()).unwrap();
    fs::write(folder.path().join("hidden"), b"new").unwrap();
    fs::write(folder.path().join("out"), b"other").unwrap();
    let (hidden, out) = (OsStr::new("hidden"), OsStr::new("out"));
    assert_eq!(
        hidden::rename_over_own(&held, hidden, out),
        Err(Errno::EXIST)
    );
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"other");
    fs::remove_file(folder.path().join("out")).unwrap();
    hidden::rename_over_own(&held, hidden, out).unwrap();
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"new");
    // What was there for a moment goes again.
    assert_eq!(
        hidden::rename_over_own(&held, hidden, OsStr::new("again")),
        Err(Errno::NOENT)
    );
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn a_file_that_can_not_be_linked_appears_as_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(&folder.path().join("out")).unwrap();
    let mut output =
        Output::create_in(place, Overwrite::Refuse, ReadableBy::Owner, 7, nameless).unwrap();
    output.write_all(b"bytes").unwrap();
    let (copy, hidden) = output.copy().unwrap();
    (output.file, output.hidden) = (copy, Some(hidden));
    output.commit().unwrap();
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"bytes");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn files_that_appear_together_appear_each_by_itself() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let path = |number: usize| folders[number % 2].path().join(number.to_string());
    // One by one; at once; with some that have hidden names.
    for many in [1, 7, 8, 300] {
        for number in 0..many {
            fs::write(path(number), b"old").unwrap();
        }
        fs::remove_file(path(0)).unwrap();
        let outputs = (0..many).map(|number| {
            let overwrite = if number == 3 {
                Overwrite::Refuse
            } else {
                Overwrite::Force
            };
            let seed = number as u64;
            let mut output = match number % 3 {
                0 => Output::create_in(
                    Place::open(&path(number)).unwrap(),
                    Overwrite::Force,
                    ReadableBy::Owner,
                    seed,
                    nameless,
                )
                .unwrap(),
                _ => named(&path(number), Overwrite::Force, seed),
            };
            output.overwrite = overwrite;
            output
                .write_all(&[b"new".as_slice(), &[0; 40_000]].concat())
                .unwrap();
            output.modified = Some(SystemTime::UNIX_EPOCH);
            output
        });
        let outputs: Vec<_> = outputs.collect();
        assert!(!path(0).exists());
        let done = Output::commit_all(outputs, |_| Ok::<_, CommitError>(()));
        assert_eq!(done.len(), many);
        for (number, done) in done.into_iter().enumerate() {
            let found = fs::read(path(number)).unwrap();
            if number == 3 {
                let error = done.unwrap_err();
                assert!(matches!(error, CommitError::Exists { .. }), "{error}");
                assert_eq!(found, b"old");
                continue;
            }
            let told = done.unwrap().unwrap();
            assert_eq!(told.ino(), path(number).metadata().unwrap().ino());
            assert_eq!(found.len(), 40_003);
            assert!(found.starts_with(b"new"));
            let modified = path(number).metadata().unwrap().modified().unwrap();
            assert_eq!(modified, SystemTime::UNIX_EPOCH);
        }
    }
    assert_eq!(names(folders[0].path()).len(), 150, "and nothing hidden");
}

#[test]
fn each_file_is_asked_about_right_before_it_appears() {
    let folder = tempfile::tempdir().unwrap();
    let path = |number: usize| folder.path().join(number.to_string());
    let outputs = (0..3).map(|number| named(&path(number), Overwrite::Force, number as u64));
    let done = Output::commit_all(outputs.collect(), |number| {
        // Those before have their names already: nothing is waited for in between.
        assert_eq!(path(0).exists(), number > 0);
        assert!(!path(number).exists());
        match number {
            1 => Err(CommitError::Exists { path: path(number) }),
            _ => Ok(()),
        }
    });
    let done: Vec<_> = done.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, false, true]);
    assert_eq!(names(folder.path()), ["0", "2"]);
}

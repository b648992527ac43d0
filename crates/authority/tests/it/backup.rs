//! Backups: taken while the authority is at work, whole or not at all, and proved before anything rests on them.

use std::fs;
use std::path::Path;

use strongroom_authority::{BackupError, Caller, Keys, PlaceError, RestoreError, Service};
use strongroom_protocol::id::Clock;
use strongroom_protocol::log::Checkpoint;
use strongroom_protocol::{Authority, Page};
use strongroom_testkit::{Owner, TestRng, submit};

use crate::Embedded;

impl Embedded {
    fn backup(&self, name: &str) -> std::path::PathBuf {
        let to = self.parent.path().join(name);
        self.service.backup(&to, Keys::Included).unwrap();
        to
    }

    fn restore(&self, from: &Path, name: &str) -> Result<(Service, Checkpoint), RestoreError> {
        self.restore_with(from, None, name)
    }

    fn restore_with(
        &self,
        from: &Path,
        keys: Option<&Path>,
        name: &str,
    ) -> Result<(Service, Checkpoint), RestoreError> {
        let folder = self.parent.path().join(name);
        Service::restore(from, keys, &folder, self.clock.clone(), TestRng::new(77))
    }
}

#[test]
fn a_restored_authority_has_what_the_backup_had_and_says_that_it_was_restored() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(256));
    let before = session.checkpoint().unwrap();
    let backup = embedded.backup("backup");
    let lost = owner.deposit(1);
    submit(&session, &lost);

    let (restored, held) = embedded.restore(&backup, "restored").unwrap();
    assert_eq!(held, *before.checkpoint());
    let checkpoint = restored.verify_log().unwrap();
    assert_eq!(checkpoint.size, held.size + 1);
    let again = restored.session(Caller::Operator);
    let Page { items, .. } = again.leaves(held.size).unwrap();
    let leaf = strongroom_protocol::log::Leaf::from_bytes(&items[0]).unwrap();
    assert_eq!((leaf.kind(), leaf.time()), (20, embedded.clock.now()));
    again
        .consistency(held.size, checkpoint.size)
        .unwrap()
        .verify(held.size, held.root, checkpoint.size, checkpoint.root)
        .unwrap();
    // What was lost comes again, and what was kept is released.
    assert_eq!(submit(&again, &lost).index(), checkpoint.size);
    let asked = owner.ask(owner.everything(&again), embedded.clock.now());
    submit(&again, &asked.statement);
    submit(&again, &owner.evidence(&asked));
    let pages = [0, 1].map(|page| again.release(asked.statement.id(), page).unwrap());
    let about = restored.about();
    let keys: usize = pages.iter().map(|page| asked.open(about, page).len()).sum();
    assert_eq!(keys, 257);
}

#[test]
fn a_backup_is_of_one_moment_while_others_deposit() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let statements: Vec<_> = (0..60).map(|_| owner.deposit(1)).collect();
    std::thread::scope(|scope| {
        let depositing = scope.spawn(|| {
            for statement in &statements {
                submit(&session, statement);
            }
        });
        let other = embedded.open_again(5);
        let mut number = 0;
        while !depositing.is_finished() || number == 0 {
            let to = embedded.parent.path().join(format!("backup {number}"));
            let taken = other.backup(&to, Keys::Included).unwrap();
            let (_, held) = embedded
                .restore(&to, &format!("restored {number}"))
                .unwrap();
            assert_eq!(held, taken);
            number += 1;
        }
    });
    assert_eq!(embedded.service.verify_log().unwrap().size, 62);
}

#[test]
fn a_backup_is_one_private_folder_that_overwrites_nothing() {
    let embedded = Embedded::found();
    let backup = embedded.backup("backup");
    assert_eq!(names(&backup), ["keys.txt", "store.db"]);
    assert_eq!(names(embedded.parent.path()), ["authority", "backup"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&backup), 0o700);
        assert_eq!(mode(&backup.join("keys.txt")), 0o600);
        assert_eq!(mode(&backup.join("store.db")), 0o600);
    }
    let bytes = fs::read(backup.join("store.db")).unwrap();
    let again = embedded.service.backup(&backup, Keys::Included);
    assert!(matches!(
        again,
        Err(BackupError::Place(PlaceError::Taken { .. }))
    ));
    assert_eq!(fs::read(backup.join("store.db")).unwrap(), bytes);
    let onto = embedded.restore(&backup, "authority");
    assert!(matches!(
        onto,
        Err(RestoreError::Place(PlaceError::Taken { .. }))
    ));
    embedded.service.verify_log().unwrap();
}

#[test]
fn a_backup_without_keys_is_restored_with_the_right_ones_only() {
    let embedded = Embedded::found();
    let to = embedded.parent.path().join("backup");
    embedded.service.backup(&to, Keys::Omitted).unwrap();
    assert_eq!(names(&to), ["store.db"]);
    let missing = embedded.restore(&to, "restored");
    assert!(matches!(missing, Err(RestoreError::KeysMissing { .. })));
    let other = Embedded::found_with(43);
    let wrong = other.folder().join("keys.txt");
    let refused = embedded.restore_with(&to, Some(&wrong), "restored");
    assert!(matches!(refused, Err(RestoreError::OtherKeys)));
    let store = to.join("store.db");
    let right = embedded.folder().join("keys.txt");
    let before = names(embedded.parent.path());
    assert_eq!(before, ["authority", "backup"], "nothing was left");
    let (restored, _) = embedded
        .restore_with(&store, Some(&right), "restored")
        .unwrap();
    assert_eq!(restored.verify_log().unwrap().size, 2);
}

#[test]
fn a_backup_that_does_not_hold_is_not_restored() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    for _ in 0..300 {
        submit(&session, &owner.deposit(1));
    }
    for damage in [
        "UPDATE entry SET statement = x'00' WHERE idx = 100",
        "UPDATE entry SET time = time + 1 WHERE idx = 100",
        "UPDATE entry SET id = zeroblob(32) WHERE idx = 100",
        "DELETE FROM entry WHERE idx = 100",
        "UPDATE tile SET root = zeroblob(32)",
        "UPDATE head SET size = size - 1",
        "DELETE FROM head",
        "PRAGMA user_version = 5",
        "PRAGMA user_version = 3",
        "PRAGMA application_id = 7",
    ] {
        let name = embedded.backup("damaged");
        let sql = rusqlite::Connection::open(name.join("store.db")).unwrap();
        sql.execute_batch(damage).unwrap();
        drop(sql);
        let refused = embedded.restore(&name, "restored");
        assert!(
            matches!(refused, Err(RestoreError::Store(_))),
            "{damage}: {refused:?}"
        );
        fs::remove_dir_all(&name).unwrap();
    }
    assert_eq!(names(embedded.parent.path()), ["authority"]);
    let nothing = embedded.restore(&embedded.parent.path().join("none"), "restored");
    assert!(matches!(nothing, Err(RestoreError::NotFound { .. })));
}

#[test]
fn the_spoilt_map_of_a_backup_is_made_anew() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(3));
    let backup = embedded.backup("backup");
    let sql = rusqlite::Connection::open(backup.join("store.db")).unwrap();
    sql.execute_batch("DELETE FROM map WHERE key < x'28'; UPDATE map SET value = x'07';")
        .unwrap();
    drop(sql);
    let (restored, _) = embedded.restore(&backup, "restored").unwrap();
    let again = restored.session(Caller::Operator);
    assert_eq!(again.holdings(owner.id).unwrap().count, 3);
    submit(&again, &owner.deposit(1));
}

#[test]
fn nobody_else_says_that_an_authority_was_restored() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let owner = Owner::enrolled(&session, 1);
    let checkpoint = *session.checkpoint().unwrap().checkpoint();
    let restored = strongroom_protocol::statement::Restored {
        authority: checkpoint.authority,
        size: checkpoint.size,
        root: checkpoint.root,
        time: embedded.clock.now(),
    };
    let claimed = strongroom_protocol::statement::SignedStatement::sign(restored, &owner.device);
    let refused = session.submit(&claimed).unwrap_err();
    assert!(refused.to_string().contains("only the authority"));
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

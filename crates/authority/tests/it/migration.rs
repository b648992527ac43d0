//! Stores of older versions: copied beside themselves first, then brought up to date in one commit.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use strongroom_authority::{Caller, Keys, Service};
use strongroom_protocol::Authority;
use strongroom_testkit::{Owner, TestRng, submit};

use crate::Embedded;

/// What version 1 did not have.
const DOWNGRADE: &str = "DROP TABLE blob_claim; DROP TABLE rsa_key; DROP TABLE stream; DROP TABLE due; \
    ALTER TABLE request DROP COLUMN keys; PRAGMA user_version = 1;";

/// An authority with a store of version 1: an owner's deposits, and a request that was answered.
fn version_1() -> (Embedded, Owner) {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(3));
    drop(session);
    embedded.sql().execute_batch(DOWNGRADE).unwrap();
    (embedded, owner)
}

fn version(path: &Path) -> i64 {
    let sql = Connection::open(path).unwrap();
    sql.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

fn count(path: &Path, table: &str) -> Option<i64> {
    let sql = Connection::open(path).unwrap();
    let count = format!("SELECT count(*) FROM {table}");
    sql.query_row(&count, [], |row| row.get(0)).ok()
}

#[test]
fn a_store_of_version_1_is_copied_and_brought_up_to_date() {
    let (embedded, owner) = version_1();
    let (store, copy) = (
        embedded.folder().join("store.db"),
        embedded.folder().join("store.db.backup-v1"),
    );
    // An index that was spoilt before is made anew.
    embedded.sql().execute("DELETE FROM deposit", []).unwrap();
    let service = embedded.open_again(5);
    assert_eq!((version(&store), version(&copy)), (2, 1));
    assert_eq!(count(&store, "blob_claim"), Some(0));
    assert_eq!(count(&copy, "blob_claim"), None);
    assert_eq!(count(&copy, "entry"), Some(3));
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 3);
    assert_eq!(service.verify_log().unwrap().size, 3);
    service.make_rsa_key(2048).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    // Once: what is up to date is not copied again.
    fs::remove_file(&copy).unwrap();
    embedded.open_again(6);
    assert!(!copy.exists());
}

#[test]
fn the_copy_is_the_store_as_it_was() {
    let (embedded, owner) = version_1();
    embedded.open_again(5);
    // Put back by hand, it is a store of version 1 again.
    let folder = embedded.parent.path().join("back");
    fs::create_dir(&folder).unwrap();
    for (from, to) in [("store.db.backup-v1", "store.db"), ("keys.txt", "keys.txt")] {
        fs::copy(embedded.folder().join(from), folder.join(to)).unwrap();
    }
    assert_eq!(version(&folder.join("store.db")), 1);
    let service = Service::open(&folder, embedded.clock.clone(), TestRng::new(6)).unwrap();
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 3);
}

#[test]
fn what_a_migration_that_crashed_left_is_in_nobodys_way() {
    let (embedded, owner) = version_1();
    let folder = embedded.folder();
    fs::write(folder.join("store.db.backup-v1.new"), "half").unwrap();
    fs::write(folder.join("store.db.backup-v1"), "an earlier copy").unwrap();
    let service = embedded.open_again(5);
    assert_eq!(version(&folder.join("store.db.backup-v1")), 1);
    assert!(!folder.join("store.db.backup-v1.new").exists());
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 3);
}

#[test]
fn a_damaged_entry_costs_itself_and_not_the_store() {
    let (embedded, owner) = version_1();
    let edit = "UPDATE entry SET statement = x'00' WHERE idx = 2";
    embedded.sql().execute(edit, []).unwrap();
    let service = embedded.open_again(5);
    assert_eq!(version(&embedded.folder().join("store.db")), 2);
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 3);
    service.make_rsa_key(2048).unwrap();
}

#[test]
fn several_who_open_it_at_a_time_all_have_it_up_to_date() {
    let (embedded, owner) = version_1();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (embedded, owner) = (&embedded, &owner);
            scope.spawn(move || {
                let service = embedded.open_again(seed);
                let session = service.session(Caller::Operator);
                assert_eq!(session.holdings(owner.id).unwrap().count, 3);
            });
        }
    });
    assert_eq!(version(&embedded.folder().join("store.db")), 2);
}

#[test]
fn a_backup_of_version_1_is_restored() {
    let (embedded, owner) = version_1();
    let backup = embedded.parent.path().join("backup");
    embedded.service.backup(&backup, Keys::Included).unwrap();
    assert_eq!(version(&backup.join("store.db")), 1);
    let folder = embedded.parent.path().join("restored");
    let clock = embedded.clock.clone();
    let (service, _) = Service::restore(&backup, None, &folder, clock, TestRng::new(5)).unwrap();
    assert_eq!(version(&folder.join("store.db")), 2);
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 3);
}

//! Stores of older versions: copied beside themselves first, then brought up to date in one commit.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use strongroom_authority::{Caller, Keys, OpenError, Service, StoreError};
use strongroom_protocol::Authority;
use strongroom_protocol::id::Clock;
use strongroom_testkit::{Owner, TestRng, submit};

use crate::Embedded;

/// The schema of version 2: a table for each index, and an entry's columns in another order.
const VERSION_2: &str = include_str!("version_2.sql");

/// Makes a store what version 2 would have made of the same log, but for its indexes, which are empty.
fn downgrade(sql: &Connection) {
    let tables = ["entry", "head", "tile", "counter"];
    let rename = tables.map(|table| format!("ALTER TABLE {table} RENAME TO new_{table};"));
    sql.execute_batch(&rename.concat()).unwrap();
    sql.execute_batch(VERSION_2).unwrap();
    sql.execute_batch(
        "INSERT INTO entry SELECT idx, kind, time, salt, statement, attestation, signature, id, leaf \
         FROM new_entry; \
         INSERT INTO head SELECT * FROM new_head; INSERT INTO tile SELECT * FROM new_tile; \
         INSERT INTO counter SELECT * FROM new_counter; DROP TABLE map; PRAGMA user_version = 2;",
    )
    .unwrap();
    let drop = tables.map(|table| format!("DROP TABLE new_{table};"));
    sql.execute_batch(&drop.concat()).unwrap();
}

/// An authority with a store of version 2: an owner's deposits.
fn version_2() -> (Embedded, Owner) {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(3));
    drop(session);
    downgrade(&embedded.sql());
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
fn a_store_of_version_2_is_copied_and_brought_up_to_date() {
    let (embedded, owner) = version_2();
    let (store, copy) = (
        embedded.folder().join("store.db"),
        embedded.folder().join("store.db.backup-v2"),
    );
    let service = embedded.open_again(5);
    assert_eq!((version(&store), version(&copy)), (3, 2));
    assert_eq!((count(&store, "owner"), count(&copy, "map")), (None, None));
    assert_eq!(
        (count(&store, "entry"), count(&copy, "entry")),
        (Some(3), Some(3))
    );
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
fn it_is_then_what_it_would_be_had_this_version_made_it() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let statements: Vec<_> = (0..256).map(|_| owner.deposit(1)).collect();
    std::thread::scope(|scope| {
        for some in statements.chunks(16) {
            scope.spawn(|| some.iter().for_each(|one| drop(submit(&session, one))));
        }
    });
    let asked = owner.ask(owner.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    session.release(asked.statement.id(), 0).unwrap();
    session
        .submit(&Owner::new(embedded.service.about(), 2).deposit(1))
        .unwrap_err();
    drop(session);
    let dump = || {
        let sql = embedded.sql();
        let mut all = Vec::new();
        let tables = ["entry", "head", "tile", "map", "counter", "sqlite_schema"];
        for table in tables {
            let columns = if table == "sqlite_schema" {
                "type, name, sql"
            } else {
                "*"
            };
            let query = format!("SELECT {columns} FROM {table}");
            let mut rows = sql.prepare(&query).unwrap();
            let count = rows.column_count();
            let rows = rows.query_map([], |row| {
                let values = (0..count).map(|column| row.get(column));
                let values: Vec<rusqlite::types::Value> = values.collect::<Result<_, _>>()?;
                Ok(format!("{table} {values:?}"))
            });
            all.extend(rows.unwrap().map(Result::unwrap));
        }
        all.sort();
        all
    };
    let before = dump();
    downgrade(&embedded.sql());
    embedded.open_again(5);
    assert!(dump() == before, "the store is another");
}

#[test]
fn the_copy_is_the_store_as_it_was() {
    let (embedded, owner) = version_2();
    embedded.open_again(5);
    // Put back by hand, it is a store of version 2 again.
    let folder = embedded.parent.path().join("back");
    fs::create_dir(&folder).unwrap();
    for (from, to) in [("store.db.backup-v2", "store.db"), ("keys.txt", "keys.txt")] {
        fs::copy(embedded.folder().join(from), folder.join(to)).unwrap();
    }
    assert_eq!(version(&folder.join("store.db")), 2);
    let service = Service::open(&folder, embedded.clock.clone(), TestRng::new(6)).unwrap();
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 3);
}

#[test]
fn what_a_migration_that_crashed_left_is_in_nobodys_way() {
    let (embedded, owner) = version_2();
    let folder = embedded.folder();
    fs::write(folder.join("store.db.backup-v2.new"), "half").unwrap();
    fs::write(folder.join("store.db.backup-v2"), "an earlier copy").unwrap();
    let service = embedded.open_again(5);
    assert_eq!(version(&folder.join("store.db.backup-v2")), 2);
    assert!(!folder.join("store.db.backup-v2.new").exists());
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 3);
}

#[test]
fn a_damaged_deposit_costs_itself_and_not_the_store() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let damaged = owner.deposit(3);
    submit(&session, &damaged);
    submit(&session, &owner.deposit(2));
    drop(session);
    downgrade(&embedded.sql());
    let edit = "UPDATE entry SET statement = x'00' WHERE idx = 2";
    embedded.sql().execute(edit, []).unwrap();
    let service = embedded.open_again(5);
    assert_eq!(version(&embedded.folder().join("store.db")), 3);
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 2);
    service.make_rsa_key(2048).unwrap();
    // Its owner has it still.
    assert_eq!(submit(&session, &damaged).index(), 2);
    assert_eq!(session.holdings(owner.id).unwrap().count, 5);
    service.verify_log().unwrap();
}

/// An enrolment that is passed over is one that somebody else could make, under the same id.
#[test]
fn what_the_log_can_not_do_without_is_not_passed_over() {
    for edit in [
        "UPDATE entry SET statement = x'00' WHERE idx = 1",
        "DELETE FROM entry WHERE idx = 1",
        // A deposit's attestation does not make a deposit of it.
        "UPDATE entry SET (attestation, signature) = \
         (SELECT attestation, signature FROM entry WHERE idx = 2) WHERE idx = 1",
        // Nor is one passed over of which nothing says that it was one.
        "UPDATE entry SET attestation = x'00' WHERE idx = 2",
    ] {
        let (embedded, _) = version_2();
        embedded.sql().execute(edit, []).unwrap();
        let clock = embedded.clock.clone();
        let refused = Service::open(&embedded.folder(), clock, TestRng::new(5));
        let Err(OpenError::Store { source, .. }) = refused else {
            panic!("{edit}: {refused:?}");
        };
        assert!(matches!(source, StoreError::Damaged(_)), "{edit}");
        // It is what it was, and a copy of it lies beside it.
        assert_eq!(version(&embedded.folder().join("store.db")), 2, "{edit}");
    }
}

#[test]
fn an_old_store_with_something_else_in_it_is_refused_and_stays_old() {
    let (embedded, _) = version_2();
    embedded
        .sql()
        .execute_batch("CREATE VIEW v AS SELECT 1")
        .unwrap();
    let clock = embedded.clock.clone();
    let refused = Service::open(&embedded.folder(), clock, TestRng::new(5));
    let Err(OpenError::Store { source, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(source, StoreError::Schema { .. }), "{source}");
    assert_eq!(version(&embedded.folder().join("store.db")), 2);
}

#[test]
fn several_who_open_it_at_a_time_all_have_it_up_to_date() {
    let (embedded, owner) = version_2();
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
    assert_eq!(version(&embedded.folder().join("store.db")), 3);
}

#[test]
fn a_backup_of_version_2_is_restored() {
    let (embedded, owner) = version_2();
    let backup = embedded.parent.path().join("backup");
    embedded.service.backup(&backup, Keys::Included).unwrap();
    assert_eq!(version(&backup.join("store.db")), 2);
    let folder = embedded.parent.path().join("restored");
    let clock = embedded.clock.clone();
    let (service, _) = Service::restore(&backup, None, &folder, clock, TestRng::new(5)).unwrap();
    assert_eq!(version(&folder.join("store.db")), 3);
    let session = service.session(Caller::Operator);
    assert_eq!(session.holdings(owner.id).unwrap().count, 3);
}

//! The entries are the truth: every index follows from them.

use std::collections::BTreeMap;

use strongroom_authority::Caller;
use strongroom_protocol::Authority;
use strongroom_protocol::id::Clock;
use strongroom_protocol::statement::Scope;
use strongroom_testkit::{Owner, TestClock, submit};

use crate::Embedded;

/// Everything that can be in the log, with refused keys and an ended request among it.
fn with_history() -> Embedded {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let mut other = Owner::enrolled(&session, 2);
    submit(&session, &owner.deposit(257 - 1));
    submit(&session, &other.deposit(3));
    let used = *owner.keys.keys().next().unwrap();
    let drafts = [owner.draft_under(used, &[1; 16]), owner.draft()];
    submit(&session, &owner.deposit_of(&drafts));
    let now = embedded.clock.now();
    let everything = owner.everything(&session);
    let (all, one) = (
        owner.ask(everything, now),
        owner.ask(Scope::of([used]).unwrap(), now),
    );
    for asked in [&all, &one] {
        submit(&session, &asked.statement);
    }
    submit(&session, &owner.veto_by(&one, &owner.device));
    submit(&session, &owner.evidence(&all));
    session.release(all.statement.id(), 1).unwrap();
    embedded.clock.advance_millis(40 * TestClock::DAY_MILLIS);
    session.request(one.statement.id()).unwrap();
    for seed in 10..280 {
        session
            .submit(&Owner::new(embedded.service.about(), seed).enrolment())
            .unwrap();
    }
    embedded
}

const TABLES: [&str; 6] = [
    "owner",
    "device",
    "deposit",
    "request",
    "word",
    "release_page",
];

#[test]
fn dropped_indexes_come_back_row_by_row() {
    let embedded = with_history();
    let before = rows(&embedded);
    assert!(before.values().all(|rows| !rows.is_empty()), "{before:?}");
    for table in TABLES {
        embedded
            .sql()
            .execute_batch(&format!("DROP TABLE {table}"))
            .unwrap();
    }
    embedded.service.rebuild().unwrap();
    assert_eq!(rows(&embedded), before);
    // And spoilt ones.
    let spoil = "UPDATE deposit SET place = 7; DELETE FROM device; \
        UPDATE request SET decision = 1; INSERT INTO release_page VALUES (1, 2, 3);";
    embedded.sql().execute_batch(spoil).unwrap();
    assert_ne!(rows(&embedded), before);
    embedded.service.rebuild().unwrap();
    assert_eq!(rows(&embedded), before);
    embedded.service.verify_log().unwrap();
}

#[test]
fn a_rebuild_that_fails_changes_nothing() {
    let embedded = with_history();
    let before = rows(&embedded);
    let garble = "UPDATE entry SET statement = x'00' WHERE idx = 100";
    embedded.sql().execute_batch(garble).unwrap();
    let error = embedded.service.rebuild().unwrap_err();
    assert!(error.to_string().contains("entry 100"), "{error}");
    assert_eq!(rows(&embedded), before);
}

fn rows(embedded: &Embedded) -> BTreeMap<&'static str, Vec<String>> {
    let sql = embedded.sql();
    let read = |table: &'static str| {
        let mut statement = sql.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let values = (0..columns).map(|column| row.get(column));
            let values: Vec<rusqlite::types::Value> = values.collect::<Result<_, _>>()?;
            Ok(format!("{values:?}"))
        });
        let mut rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        (table, rows)
    };
    TABLES.into_iter().map(read).collect()
}

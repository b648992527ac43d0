//! The entries are the truth: every index follows from them.

use std::collections::BTreeMap;

use strongroom_authority::{Caller, Extent};
use strongroom_capi::{Algorithm, Padding};
use strongroom_protocol::Authority;
use strongroom_protocol::id::{Clock, Digest};
use strongroom_protocol::statement::{Scope, Word};
use strongroom_testkit::{Owner, Person, Program, TestClock, change_of, own_blob, submit};

use crate::Embedded;
use crate::people::{Office, policy};

/// Everything that can be in the log, with refused keys and an ended request among it.
fn with_history() -> Embedded {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let mut other = Owner::enrolled(&session, 2);
    submit(&session, &owner.deposit(257 - 1));
    submit(&session, &other.deposit(3));
    blobs(&embedded, &mut other);
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
    session.release(all.statement.id(), 0).unwrap();
    embedded.clock.advance_millis(40 * TestClock::DAY_MILLIS);
    submit(&session, &one.statement);
    embedded.service.check(Extent::All).unwrap();
    for seed in 10..280 {
        session
            .submit(&Owner::new(embedded.service.about(), seed).enrolment())
            .unwrap();
    }
    embedded
}

/// An RSA key, a blob that was proved twice and one that was not, and a file that got another header.
fn blobs(embedded: &Embedded, owner: &mut Owner) {
    embedded.service.make_rsa_key(2048).unwrap();
    let session = embedded.service.session(Caller::Operator);
    let (rc4, pkcs1) = (Algorithm::Rc4, Padding::Pkcs1);
    let program = Program::new(&session, rc4, 16, pkcs1, &mut owner.rng);
    let unproven = Program::new(&session, rc4, 16, pkcs1, &mut owner.rng);
    let drafts = vec![
        unproven.draft(unproven.unknown(), &mut owner.rng),
        program.draft(program.known(), &mut owner.rng),
        program.draft(program.known(), &mut owner.rng),
    ];
    let serial = drafts[0].serial;
    submit(&session, &owner.deposit_blobs(drafts));
    let about = embedded.service.about();
    let own = own_blob(about, owner.id, serial, Digest::of(&[]), &owner.device);
    submit(&session, &own);
}

/// All but `due`, which a replay may have looked at earlier.
const TABLES: [&str; 12] = [
    "owner",
    "device",
    "deposit",
    "request",
    "change",
    "policy",
    "word",
    "departed",
    "release_page",
    "blob_claim",
    "rsa_key",
    "stream",
];

#[test]
fn dropped_indexes_come_back_row_by_row() {
    let embedded = with_history();
    let before = rows(&embedded);
    let officers = ["change", "policy", "departed"];
    for (table, rows) in &before {
        assert_eq!(rows.is_empty(), officers.contains(table), "{table}");
    }
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
        UPDATE request SET decision = 1; \
        UPDATE blob_claim SET place = 2; DELETE FROM rsa_key; INSERT INTO release_page VALUES (1, 2, 3);";
    embedded.sql().execute_batch(spoil).unwrap();
    assert_ne!(rows(&embedded), before);
    embedded.service.rebuild().unwrap();
    assert_eq!(rows(&embedded), before);
    embedded.service.verify_log().unwrap();
}

#[test]
fn what_officers_said_and_the_policies_come_back() {
    let office = Office::open();
    let embedded = &office.embedded;
    let session = embedded.service.session(Caller::Operator);
    // Asked for by another's device and by nobody's: approved, one of them is the owner's from then on.
    let boss = Person::new("boss", 1);
    submit(&session, &boss.say(Word::Approve, &office.wanted));
    session.release(office.wanted.statement.id(), 0).unwrap();
    embedded.service.check(Extent::All).unwrap();
    let before = rows(embedded);
    let blobs = ["blob_claim", "rsa_key"];
    for (table, rows) in &before {
        assert_eq!(rows.is_empty(), blobs.contains(table), "{table}");
    }
    let spoil = "DELETE FROM policy; UPDATE change SET decision = 3; DELETE FROM departed; \
        UPDATE request SET asker = NULL; UPDATE word SET subject = subject + 100;";
    embedded.sql().execute_batch(spoil).unwrap();
    assert_ne!(rows(embedded), before);
    embedded.service.rebuild().unwrap();
    assert_eq!(rows(embedded), before);
    let succession = session.about().unwrap().policy.unwrap();
    assert_eq!(change_of(&succession.change).policy, policy(2));
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

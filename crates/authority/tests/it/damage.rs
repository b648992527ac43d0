//! Edited rows: they release nothing, panic nobody, and are named.

use std::fs;

use rusqlite::Connection;
use strongroom_authority::{Caller, Service};
use strongroom_protocol::id::Clock;
use strongroom_protocol::statement::{Scope, Verdict};
use strongroom_protocol::{Authority, QueryError, ReleaseError, RequestState};
use strongroom_testkit::{Asked, Owner, PageRelease, TestRng, submit};

use crate::Embedded;

/// Two owners' deposits, a request of the first that was released, and one of the second that nothing speaks for.
struct Robbery {
    embedded: Embedded,
    victim: Owner,
    own: Asked,
    wanted: Asked,
}

// The entries of the story.
const OWN_EVIDENCE: u64 = 6;
const WANTED: u64 = 7;
const OWN_DECISION: u64 = 8;
const OWN_RELEASE: u64 = 9;

impl Robbery {
    fn plan() -> Self {
        let embedded = Embedded::found();
        let session = embedded.service.session(Caller::Operator);
        let mut thief = Owner::enrolled(&session, 1);
        let mut victim = Owner::enrolled(&session, 2);
        submit(&session, &thief.deposit(1));
        submit(&session, &victim.deposit(1));
        let now = embedded.clock.now();
        let own = thief.ask(thief.everything(&session), now);
        submit(&session, &own.statement);
        assert_eq!(
            submit(&session, &thief.evidence(&own)).index(),
            OWN_EVIDENCE
        );
        let wanted = victim.ask(victim.everything(&session), now);
        assert_eq!(submit(&session, &wanted.statement).index(), WANTED);
        session.request(own.statement.id()).unwrap();
        session.release(own.statement.id(), 0).unwrap();
        assert_eq!(embedded.service.verify_log().unwrap().size, OWN_RELEASE + 1);
        Self {
            embedded,
            victim,
            own,
            wanted,
        }
    }

    fn edit(&self, sql: &str) {
        assert!(self.embedded.sql().execute(sql, []).unwrap() > 0, "{sql}");
    }

    fn release(&self) -> Result<strongroom_protocol::ReleasePage, ReleaseError> {
        let session = self.embedded.service.session(Caller::Operator);
        session.release(self.wanted.statement.id(), 0)
    }
}

#[test]
fn edited_rows_release_nothing() {
    for edits in [
        // Another request's decision, evidence, release; in all combinations that could matter.
        vec![format!(
            "UPDATE request SET decision = {OWN_DECISION} WHERE entry = {WANTED}"
        )],
        vec![format!(
            "INSERT INTO word VALUES ({WANTED}, {OWN_EVIDENCE})"
        )],
        vec![
            format!("UPDATE request SET decision = {OWN_DECISION} WHERE entry = {WANTED}"),
            format!("INSERT INTO word VALUES ({WANTED}, {OWN_EVIDENCE})"),
        ],
        vec![format!(
            "INSERT INTO release_page VALUES ({WANTED}, 0, {OWN_RELEASE})"
        )],
        vec![
            format!("UPDATE request SET decision = {OWN_DECISION} WHERE entry = {WANTED}"),
            format!("INSERT INTO release_page VALUES ({WANTED}, 0, {OWN_RELEASE})"),
        ],
        // The thief's enrolment for the victim's.
        vec![
            "UPDATE owner SET entry = 1".to_owned(),
            format!("INSERT INTO word VALUES ({WANTED}, {OWN_EVIDENCE})"),
        ],
        // The thief's entries in the place of others.
        vec![
            format!("DELETE FROM entry WHERE idx = {WANTED}"),
            format!("UPDATE entry SET idx = {WANTED} WHERE idx = {OWN_EVIDENCE}"),
        ],
        vec![format!(
            "UPDATE entry SET statement = (SELECT statement FROM entry WHERE idx = 1) WHERE idx = 2"
        )],
        vec![format!(
            "UPDATE request SET owner = (SELECT id FROM owner WHERE entry = 1) WHERE entry = {WANTED}"
        )],
    ] {
        let robbery = Robbery::plan();
        for edit in &edits {
            robbery.edit(edit);
        }
        let refused = robbery.release();
        assert!(refused.is_err(), "{edits:?} released a key");
        let session = robbery.embedded.service.session(Caller::Operator);
        let view = session.request(robbery.wanted.statement.id());
        let approved = view.is_ok_and(|view| {
            matches!(
                view.state,
                RequestState::Decided(Verdict::Approved) | RequestState::Released
            )
        });
        assert!(!approved, "{edits:?} approved a request");
    }
}

#[test]
fn a_request_whose_evidence_was_taken_away_releases_nothing() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(1));
    let scope = owner.everything(&session);
    let asked = owner.ask(scope, embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    let view = session.request(asked.statement.id()).unwrap();
    assert_eq!(view.state, RequestState::Decided(Verdict::Approved));
    let sql = embedded.sql();
    sql.execute_batch("DELETE FROM word").unwrap();
    let refused = session.release(asked.statement.id(), 0);
    assert!(
        matches!(refused, Err(ReleaseError::Not { .. })),
        "{refused:?}"
    );
    embedded.service.rebuild().unwrap();
    let page = session.release(asked.statement.id(), 0).unwrap();
    assert_eq!(asked.open(embedded.service.about(), &page), owner.keys);
}

#[test]
fn another_key_under_a_deposits_row_is_withheld() {
    let robbery = Robbery::plan();
    let session = robbery.embedded.service.session(Caller::Operator);
    submit(&session, &robbery.victim.evidence(&robbery.wanted));
    // The thief's deposit under the victim's serial.
    robbery.edit("UPDATE deposit SET entry = 3 WHERE entry = 4");
    let page = session.release(robbery.wanted.statement.id(), 0);
    let page = page.unwrap();
    let serials: Vec<_> = robbery.victim.keys.keys().copied().collect();
    assert_eq!(page.release().withheld(), serials);
    assert!(page.release().keys().is_empty());
}

#[test]
fn a_damaged_deposit_costs_itself_alone() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(2));
    let lost: Vec<_> = owner.keys.keys().copied().collect();
    submit(&session, &owner.deposit(3));
    let scope = Scope::of(owner.keys.keys().copied()).unwrap();
    let asked = owner.ask(scope, embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    let sql = embedded.sql();
    sql.execute_batch("UPDATE entry SET statement = substr(statement, 1, 900) WHERE idx = 2")
        .unwrap();
    let page = session.release(asked.statement.id(), 0).unwrap();
    assert_eq!(page.release().withheld(), lost);
    let opened = asked.open(embedded.service.about(), &page);
    owner.keys.retain(|serial, _| !lost.contains(serial));
    assert_eq!(opened, owner.keys);
}

#[test]
fn a_corrupt_row_is_an_error_that_names_its_entry() {
    for edit in [
        "UPDATE entry SET statement = x'' WHERE idx = 2",
        "UPDATE entry SET statement = x'85010203' WHERE idx = 2",
        "UPDATE entry SET attestation = x'ff' WHERE idx = 2",
        "UPDATE entry SET signature = zeroblob(64) WHERE idx = 2",
        "UPDATE entry SET salt = zeroblob(32) WHERE idx = 2",
        "UPDATE entry SET time = time + 1 WHERE idx = 2",
        "UPDATE entry SET kind = 7 WHERE idx = 2",
        "UPDATE entry SET leaf = zeroblob(32) WHERE idx = 2",
        "UPDATE entry SET id = zeroblob(32) WHERE idx = 2",
        "DELETE FROM entry WHERE idx = 2",
    ] {
        let robbery = Robbery::plan();
        robbery.edit(edit);
        let error = robbery.embedded.service.verify_log().unwrap_err();
        assert!(error.to_string().contains("entry 2"), "{edit}: {error}");
        assert!(robbery.embedded.service.rebuild().is_err(), "{edit}");
    }
}

#[test]
fn no_value_in_any_column_panics() {
    let tables = [
        (
            "entry",
            "idx kind time salt statement attestation signature id leaf",
        ),
        ("head", "size frontier checkpoint"),
        ("owner", "id entry code"),
        ("device", "owner key entry"),
        ("deposit", "owner serial entry place"),
        ("request", "entry digest owner device asker decision"),
        ("word", "subject entry"),
        ("release_page", "request page entry"),
    ];
    let robbery = Robbery::plan();
    let flush = "PRAGMA wal_checkpoint(TRUNCATE)";
    robbery
        .embedded
        .sql()
        .query_row(flush, [], |_| Ok(()))
        .unwrap();
    let original = robbery.embedded.folder();
    let copy = robbery.embedded.parent.path().join("copy");
    let mut opened = 0;
    for (table, columns) in tables {
        for column in columns.split(' ') {
            for value in ["-1", "9223372036854775807", "x'00'"] {
                fs::create_dir(&copy).unwrap();
                for file in ["keys.txt", "store.db"] {
                    fs::copy(original.join(file), copy.join(file)).unwrap();
                }
                let sql = Connection::open(copy.join("store.db")).unwrap();
                sql.pragma_update(None, "synchronous", "OFF").unwrap();
                // Some of these the schema refuses.
                let edit = format!("UPDATE OR REPLACE {table} SET {column} = {value}");
                let _ = sql.execute(&edit, []);
                drop(sql);
                let clock = robbery.embedded.clock.clone();
                if let Ok(service) = Service::open(&copy, clock, TestRng::new(3)) {
                    opened += 1;
                    poke(&robbery, &service);
                }
                fs::remove_dir_all(&copy).unwrap();
            }
        }
    }
    assert!(opened > 40, "{opened} were opened at all");
}

/// Asks all that can be asked, and only sees that nothing panics.
fn poke(robbery: &Robbery, service: &Service) {
    let session = service.session(Caller::Operator);
    let _ = service.verify_log();
    for asked in [&robbery.own, &robbery.wanted] {
        let _ = session.request(asked.statement.id());
        let _ = session.release(asked.statement.id(), 0);
        let _ = session.receipt(asked.statement.id());
        let _ = session.submit(&asked.statement);
        let _ = session.submit(&robbery.victim.evidence(asked));
    }
    let _ = session.deposits(robbery.victim.id, None);
    let _ = session.holdings(robbery.victim.id);
    let _ = session.leaves(0);
    let _ = session.consistency(1, 3);
    let _ = service.rebuild();
}

#[test]
fn a_head_that_is_not_the_logs_is_found() {
    for edit in [
        "UPDATE head SET size = 9",
        "UPDATE head SET frontier = zeroblob(64)",
        "UPDATE head SET checkpoint = 'nonsense'",
        "DELETE FROM head",
    ] {
        let robbery = Robbery::plan();
        robbery.edit(edit);
        assert!(robbery.embedded.service.verify_log().is_err(), "{edit}");
        let session = robbery.embedded.service.session(Caller::Operator);
        let refused = session.checkpoint();
        assert!(matches!(refused, Err(QueryError::Unavailable(_))), "{edit}");
    }
}

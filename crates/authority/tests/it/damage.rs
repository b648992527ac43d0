//! Edited rows: they release nothing, panic nobody, and are named.

use std::collections::BTreeMap;
use std::fs;

use rusqlite::Connection;
use strongroom_authority::{Caller, Service};
use strongroom_protocol::id::Clock;
use strongroom_protocol::policy::SubjectState;
use strongroom_protocol::statement::{Draft, Particulars, Scope, SignedStatement, Verdict, Word};
use strongroom_protocol::{Authority, QueryError, ReleaseError, Select, UnavailableKind};
use strongroom_testkit::{Asked, Owner, PageRelease, Person, TestRng, look, submit};

use crate::Embedded;
use crate::people::{FOR_VICTIM, FOREIGN, LOOSENED, Office, STRICT_DECISION};

/// Two owners' deposits, a request of the first that was released, and one of the second that nothing speaks for.
struct Robbery {
    embedded: Embedded,
    victim: Owner,
    own: Asked,
    wanted: Asked,
}

// The entries of the story.
const OWN_EVIDENCE: u64 = 6;
const OWN_DECISION: u64 = 7;
const WANTED: u64 = 8;
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
        let view = look(&session, robbery.wanted.statement.id());
        let now = robbery.embedded.clock.now();
        let approved = view.is_ok_and(|view| {
            matches!(
                view.standing(now).0,
                SubjectState::Decided(Verdict::Approved) | SubjectState::Released
            )
        });
        assert!(!approved, "{edits:?} approved a request");
    }
}

#[test]
fn edited_rows_give_no_officer_more_than_they_have() {
    for edit in [
        // The looser policy in force, by a decision that was on another change, by none, or from the beginning.
        format!("UPDATE policy SET change = {LOOSENED} WHERE entry = {STRICT_DECISION}"),
        format!("INSERT INTO policy VALUES ({LOOSENED} + 1, {LOOSENED})"),
        format!("INSERT INTO policy VALUES ({STRICT_DECISION} - 1, {LOOSENED})"),
        // The change to the stricter one forgotten, with requests that name it.
        "DELETE FROM policy".to_owned(),
        "UPDATE policy SET entry = 1000".to_owned(),
        // Another asker, or none.
        format!("UPDATE request SET asker = NULL WHERE entry = {FOREIGN}"),
        format!(
            "DELETE FROM device WHERE owner = (SELECT asker FROM request WHERE entry = {FOREIGN})"
        ),
        format!(
            "UPDATE request SET asker = (SELECT asker FROM request WHERE entry = {FOREIGN}) \
             WHERE entry = {FOR_VICTIM}"
        ),
        // Words and decisions on something else.
        format!("INSERT OR IGNORE INTO word SELECT {FOR_VICTIM}, entry FROM word"),
        format!("UPDATE request SET decision = {STRICT_DECISION} WHERE entry = {FOR_VICTIM}"),
    ] {
        let office = Office::open();
        let edited = office.embedded.sql().execute(&edit, []).unwrap();
        assert!(edited > 0, "{edit}");
        let session = office.embedded.service.session(Caller::Operator);
        for asked in [&office.foreign, &office.own, &office.wanted] {
            let released = session.release(asked.statement.id(), 0);
            assert!(released.is_err(), "{edit} released a key");
        }
        let policy = session.about().ok().and_then(|about| about.policy);
        let loosened = policy.is_some_and(|policy| policy.change.id() == office.loosened.id());
        assert!(!loosened, "{edit} put another policy in force");
        // With its indexes made anew, all goes on.
        office.embedded.service.rebuild().unwrap();
        let boss = Person::new("boss", 1);
        submit(&session, &boss.say(Word::Approve, &office.wanted));
        let page = session.release(office.wanted.statement.id(), 0).unwrap();
        let opened = office.wanted.open(office.embedded.service.about(), &page);
        assert_eq!(opened, office.victim.keys);
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
    let view = look(&session, asked.statement.id()).unwrap();
    let (state, _) = view.standing(embedded.clock.now());
    assert_eq!(state, SubjectState::Decided(Verdict::Approved));
    let sql = embedded.sql();
    sql.execute_batch("DELETE FROM word").unwrap();
    let refused = session.release(asked.statement.id(), 0);
    assert!(
        matches!(refused, Err(ReleaseError::NotApproved { .. })),
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
fn what_was_said_of_a_deposit_and_was_edited_releases_nothing() {
    for said in ["the secret itself", "a description", "disk/host1", "north"] {
        let embedded = Embedded::found();
        let session = embedded.service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let draft = owner.draft();
        let labels = BTreeMap::from([("site".to_owned(), "north".to_owned())]);
        let particulars = Particulars::new("a description".to_owned(), labels).unwrap();
        let particulars = particulars.with_name("disk/host1").unwrap();
        let attached = particulars.with_attachment(b"the secret itself".to_vec());
        let draft = Draft {
            particulars: attached.unwrap(),
            ..draft
        };
        submit(&session, &owner.deposit_of(&[draft]));
        let asked = owner.ask(owner.everything(&session), embedded.clock.now());
        submit(&session, &asked.statement);
        submit(&session, &owner.evidence(&asked));
        // One letter of it, wherever the authority keeps it.
        let sql = embedded.sql();
        let entry = "SELECT statement FROM entry WHERE idx = 2";
        let mut bytes: Vec<u8> = sql.query_row(entry, [], |row| row.get(0)).unwrap();
        let is_there = |window: &[u8]| window == said.as_bytes();
        let places: Vec<usize> = bytes
            .windows(said.len())
            .enumerate()
            .filter_map(|(place, window)| is_there(window).then_some(place))
            .collect();
        assert_eq!(places.len(), 1, "{said}");
        bytes[places[0]] ^= 1;
        let edit = "UPDATE entry SET statement = ?1 WHERE idx = 2";
        assert_eq!(sql.execute(edit, [bytes]).unwrap(), 1);
        let page = session.release(asked.statement.id(), 0);
        let keys = page.map_or(0, |page| page.release().keys().len());
        assert_eq!(keys, 0, "another word than `{said}` left with the key");
        assert!(embedded.service.verify_log().is_err(), "{said}");
    }
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
    // It is not left out of a listing, as if it had never been: the listing says which it is.
    let listed = session.entries(Select::Owner(owner.id), 0).unwrap_err();
    assert!(
        matches!(&listed, QueryError::Unavailable(error)
            if error.kind == UnavailableKind::Damaged && error.message.contains("entry 2")),
        "{listed}"
    );
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

/// The indexes, and their columns.
const INDEXES: [(&str, &str); 11] = [
    ("owner", "id entry code"),
    ("device", "owner key entry"),
    ("deposit", "owner serial entry place"),
    ("release_page", "request page entry"),
    ("request", "entry digest owner device asker keys decision"),
    ("stream", "name entry"),
    ("word", "subject entry"),
    ("change", "entry digest author decision"),
    ("due", "entry reign time"),
    ("policy", "entry change"),
    ("departed", "owner author entry"),
];

#[test]
fn no_value_in_any_column_panics() {
    let robbery = Robbery::plan();
    let tables = [
        (
            "entry",
            "idx kind time salt statement attestation signature id leaf",
        ),
        ("head", "size frontier checkpoint"),
    ];
    let requests = [&robbery.own, &robbery.wanted];
    let statements = [
        robbery.victim.evidence(&robbery.own),
        robbery.victim.evidence(&robbery.wanted),
        robbery.own.statement.clone(),
        robbery.wanted.statement.clone(),
    ];
    let tables = [&tables, &INDEXES[..7]].concat();
    let opened = spoil_each(&robbery.embedded, &tables, |service| {
        poke(service, requests, &statements);
        let _ = service.verify_log();
        let _ = service.rebuild();
    });
    assert!(opened > 40, "{opened} were opened at all");
}

#[test]
fn no_value_in_any_column_panics_among_officers() {
    let office = Office::open();
    let about = office.embedded.service.about();
    let requests = [&office.foreign, &office.wanted];
    let statements = [
        office.ann.say(Word::Deny, &office.wanted),
        office.ann.say_of_change(Word::Deny, &office.loosened),
        office.ann.say_departed(about, office.victim.id, false),
    ];
    let opened = spoil_each(&office.embedded, &INDEXES[4..], |service| {
        poke(service, requests, &statements);
    });
    assert!(opened > 40, "{opened} were opened at all");
}

/// Puts values that were never there into each column, and opens what comes of it; returns how often it opened.
pub(crate) fn spoil_each(
    embedded: &Embedded,
    tables: &[(&str, &str)],
    poke: impl Fn(&Service),
) -> usize {
    let flush = "PRAGMA wal_checkpoint(TRUNCATE)";
    embedded.sql().query_row(flush, [], |_| Ok(())).unwrap();
    let original = embedded.folder();
    let copy = embedded.parent.path().join("copy");
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
                let clock = embedded.clock.clone();
                if let Ok(service) = Service::open(&copy, clock, TestRng::new(3)) {
                    opened += 1;
                    poke(&service);
                }
                fs::remove_dir_all(&copy).unwrap();
            }
        }
    }
    opened
}

/// Asks all that can be asked, and only sees that nothing panics.
fn poke(service: &Service, requests: [&Asked; 2], statements: &[SignedStatement]) {
    let session = service.session(Caller::Operator);
    for asked in requests {
        let _ = session.subject(asked.statement.id());
        let _ = session.release(asked.statement.id(), 0);
    }
    for statement in statements {
        let _ = session.submit(statement);
    }
    let _ = session.about();
    for select in [
        Select::Open,
        Select::Owner(requests[1].request().owner),
        Select::Subjects,
    ] {
        let _ = session.entries(select, 0);
    }
    let _ = session.holdings(requests[1].request().owner);
    let _ = session.leaves(0);
    let _ = session.consistency(1, 3);
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

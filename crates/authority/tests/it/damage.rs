//! Edited rows: they release nothing, panic nobody, and are named.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;

use rusqlite::Connection;
use strongroom_authority::{Caller, Service};
use strongroom_protocol::id::Clock;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::SubjectState;
use strongroom_protocol::statement::{Draft, Particulars, Scope, SignedStatement, Verdict, Word};
use strongroom_protocol::{Authority, Challenge, QueryError, ReleaseError, Select};
use strongroom_testkit::{Asked, Owner, PageRelease, Person, TestRng, look, submit};

use crate::Embedded;
use crate::map::{
    CHANGE, CONCERN, DECIDED, DEPOSIT, DEPOSIT_IN_ORDER, DEVICE, DEVICE_OWNER, ENROLMENT, Map,
    OWNER, POLICY, RELEASE_PAGE, REQUEST, SUBJECT, WORD, decided, key,
};
use crate::people::{FOR_VICTIM, FOREIGN, LOOSENED, Office, STRICT_DECISION};

/// Two owners' deposits, a request of the first that was released, and one of the second that nothing speaks for.
struct Robbery {
    embedded: Embedded,
    victim: Owner,
    own: Asked,
    wanted: Asked,
}

// The entries of the story.
const OWN: u64 = 5;
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
        assert_eq!(submit(&session, &own.statement).index(), OWN);
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

    fn map(&self) -> Map {
        Map::of(&self.embedded)
    }

    fn release(&self) -> Result<strongroom_protocol::ReleasePage, ReleaseError> {
        let session = self.embedded.service.session(Caller::Operator);
        session.release(self.wanted.statement.id(), 0)
    }
}

/// What somebody does to the rows, and in which words it is told when it worked.
type Edit<'e> = (&'static str, &'e dyn Fn(&Map));

/// Behind the owner, the device, the number of keys and the time in a request's row.
pub(crate) const REQUEST_DECISION: usize = 80;

const DECIDE: Edit<'_> = ("another request's decision", &|map| {
    map.change(&key(REQUEST, &[WANTED]), |row| {
        decided(row, REQUEST_DECISION, OWN_DECISION);
    });
});
const DECIDED_BY: Edit<'_> = ("the decision's row", &|map| {
    map.put(&key(DECIDED, &[OWN_DECISION]), &WANTED.to_be_bytes());
});
const EVIDENCE: Edit<'_> = ("another request's evidence", &|map| {
    map.put(&key(WORD, &[WANTED, OWN_EVIDENCE]), &[]);
});
const PAGE: Edit<'_> = ("another request's release", &|map| {
    map.put(&key(RELEASE_PAGE, &[WANTED, 0]), &OWN_RELEASE.to_be_bytes());
});
const OWNER_ROW: Edit<'_> = ("the thief's enrolment for the victim's", &|map| {
    map.change_all(&[OWNER], |entry| *entry = 1_u64.to_be_bytes().to_vec());
});
const REQUEST_OWNER: Edit<'_> = ("a request for the thief's keys", &|map| {
    let thief = map.get(&key(ENROLMENT, &[1])).unwrap();
    map.change(&key(REQUEST, &[WANTED]), |row| {
        row[..32].copy_from_slice(&thief);
    });
});
const DEVICES: Edit<'_> = ("the thief's devices for the victim's", &|map| {
    let (thief, victim) = (owner_of(map, 1), owner_of(map, 2));
    for (key, entry) in map.all(&[&[DEVICE], &thief[..]].concat()) {
        map.put(&[&[DEVICE], &victim[..], &key[33..]].concat(), &entry);
    }
});
const SUBJECTS: Edit<'_> = ("another request under a request's digest", &|map| {
    map.change_all(&[SUBJECT], |entry| *entry = WANTED.to_be_bytes().to_vec());
});
const ENTRY_MOVED: Edit<'_> = ("the thief's entry in the place of another", &|map| {
    map.sql(&format!("DELETE FROM entry WHERE idx = {WANTED}"));
    map.sql(&format!(
        "UPDATE entry SET idx = {WANTED} WHERE idx = {OWN_EVIDENCE}"
    ));
});
const STATEMENT_COPIED: Edit<'_> = ("the thief's statement in the place of another", &|map| {
    map.sql(
        "UPDATE entry SET statement = (SELECT statement FROM entry WHERE idx = 1) WHERE idx = 2",
    );
});

fn owner_of(map: &Map, enrolment: u64) -> Vec<u8> {
    map.get(&key(ENROLMENT, &[enrolment])).unwrap()
}

#[test]
fn edited_rows_release_nothing() {
    // Alone, and in all combinations that could matter.
    for edits in [
        &[DECIDE][..],
        &[EVIDENCE],
        &[DECIDE, EVIDENCE],
        &[DECIDE, DECIDED_BY, EVIDENCE],
        &[PAGE],
        &[DECIDE, PAGE],
        &[DECIDE, DECIDED_BY, EVIDENCE, PAGE],
        &[OWNER_ROW, EVIDENCE],
        &[DEVICES, EVIDENCE],
        &[SUBJECTS, EVIDENCE],
        &[ENTRY_MOVED],
        &[STATEMENT_COPIED],
        &[REQUEST_OWNER],
        &[REQUEST_OWNER, EVIDENCE],
    ] {
        let robbery = Robbery::plan();
        let map = robbery.map();
        edits.iter().for_each(|(_, edit)| edit(&map));
        let edits: Vec<&str> = edits.iter().map(|(name, _)| *name).collect();
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
    let put_policy = |map: &Map, entry: u64| {
        map.put(&key(POLICY, &[entry]), &LOOSENED.to_be_bytes());
    };
    let asker = |map: &Map| {
        let row = map.get(&key(REQUEST, &[FOREIGN])).unwrap();
        row[REQUEST_DECISION + 8..].to_vec()
    };
    let edits: [Edit<'_>; 12] = [
        // The looser policy in force, by a decision that was on another change, by none, or from the beginning.
        ("another change", &|map| put_policy(map, STRICT_DECISION)),
        ("no decision", &|map| put_policy(map, LOOSENED + 1)),
        ("from the start", &|map| {
            put_policy(map, STRICT_DECISION - 1);
        }),
        // The change to the stricter one forgotten, with requests that name it.
        ("no policies", &|map| drop(map.remove_all(&[POLICY]))),
        ("a policy in future", &|map| {
            for (_, change) in map.remove_all(&[POLICY]) {
                map.put(&key(POLICY, &[1000]), &change);
            }
        }),
        // Another asker, or none.
        ("no asker", &|map| {
            let row = key(REQUEST, &[FOREIGN]);
            map.change(&row, |row| row.truncate(REQUEST_DECISION + 8));
        }),
        ("no devices", &|map| {
            map.remove_all(&[&[DEVICE], &asker(map)[..]].concat());
        }),
        ("nobody's devices", &|map| {
            map.remove_all(&[DEVICE_OWNER]);
        }),
        ("an asker", &|map| {
            let asker = asker(map);
            map.change(&key(REQUEST, &[FOR_VICTIM]), |row| row.extend(&asker));
        }),
        // Words and decisions on something else.
        ("all words", &|map| {
            for (word, _) in map.all(&[WORD]) {
                let entry = &word[9..];
                map.put(&[&key(WORD, &[FOR_VICTIM]), entry].concat(), &[]);
            }
        }),
        ("a decision", &|map| {
            map.change(&key(REQUEST, &[FOR_VICTIM]), |row| {
                decided(row, REQUEST_DECISION, STRICT_DECISION);
            });
        }),
        // A change that is open has been decided.
        ("a change's decision", &|map| {
            map.change(&key(CHANGE, &[LOOSENED]), |row| {
                decided(row, 32, STRICT_DECISION);
            });
            put_policy(map, STRICT_DECISION);
        }),
    ];
    for (name, edit) in edits {
        let office = Office::open();
        edit(&Map::of(&office.embedded));
        let session = office.embedded.service.session(Caller::Operator);
        for asked in [&office.foreign, &office.own, &office.wanted] {
            let released = session.release(asked.statement.id(), 0);
            assert!(released.is_err(), "{name} released a key");
        }
        let policy = session.about().ok().and_then(|about| about.policy);
        let loosened = policy.is_some_and(|policy| policy.change.id() == office.loosened.id());
        assert!(!loosened, "{name} put another policy in force");
        // With its map made anew, all goes on.
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
    Map::of(&embedded).remove_all(&[WORD]);
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
    // A request for everything reads the rows that are in the log's order, one for a few those by serial.
    for named in [false, true] {
        let mut robbery = Robbery::plan();
        let session = robbery.embedded.service.session(Caller::Operator);
        let serials: Vec<_> = robbery.victim.keys.keys().copied().collect();
        if named {
            let scope = Scope::of(serials.clone()).unwrap();
            let now = robbery.embedded.clock.now();
            robbery.wanted = robbery.victim.ask(scope, now);
            submit(&session, &robbery.wanted.statement);
        }
        submit(&session, &robbery.victim.evidence(&robbery.wanted));
        // The thief's deposit under the victim's serial.
        let map = robbery.map();
        map.change_all(&[DEPOSIT], |row| row[7] = 3);
        let victim = owner_of(&map, 2);
        let in_order = [&[DEPOSIT_IN_ORDER], &victim[..]].concat();
        for (key, serial) in map.remove_all(&in_order) {
            let thiefs = [&in_order, &3_u64.to_be_bytes()[..], &key[key.len() - 2..]].concat();
            map.put(&thiefs, &serial);
        }
        let page = session.release(robbery.wanted.statement.id(), 0);
        let page = page.unwrap();
        assert_eq!(page.release().withheld(), serials);
        assert!(page.release().keys().is_empty());
    }
}

/// A serial is its owner's to choose, also one that is somebody else's already.
#[test]
fn what_somebody_else_deposited_under_the_same_serial_is_withheld() {
    for named in [false, true] {
        let embedded = Embedded::found();
        let session = embedded.service.session(Caller::Operator);
        let mut victim = Owner::enrolled(&session, 1);
        let mut thief = Owner::enrolled(&session, 2);
        submit(&session, &victim.deposit(1));
        let serial = *victim.keys.keys().next().unwrap();
        let same = thief.draft_under(serial, &[9; 16]);
        let thiefs = submit(&session, &thief.deposit_of(&[same])).index();
        let scope = match named {
            true => Scope::of([serial]).unwrap(),
            false => victim.everything(&session),
        };
        let asked = victim.ask(scope, embedded.clock.now());
        submit(&session, &asked.statement);
        submit(&session, &victim.evidence(&asked));
        let map = Map::of(&embedded);
        let by_serial = [&[DEPOSIT], &victim.id.as_bytes()[..], serial.as_bytes()].concat();
        map.change(&by_serial, |row| {
            row[..8].copy_from_slice(&thiefs.to_be_bytes());
        });
        let in_order = [&[DEPOSIT_IN_ORDER], &victim.id.as_bytes()[..]].concat();
        for (key, value) in map.remove_all(&in_order) {
            let place = &key[in_order.len() + 8..];
            map.put(
                &[&in_order, &thiefs.to_be_bytes()[..], place].concat(),
                &value,
            );
        }
        let page = session.release(asked.statement.id(), 0).unwrap();
        assert_eq!(page.release().withheld(), [serial]);
        assert!(page.release().keys().is_empty());
    }
}

/// Who asked is said by the request, whatever its row says.
#[test]
fn a_page_that_was_released_is_handed_to_nobody_whom_a_row_alone_names() {
    let robbery = Robbery::plan();
    let stranger = SigningKey::from_seed(&[0x55; 32]).verifying_key();
    let release = |caller| {
        let session = robbery.embedded.service.session(caller);
        session.release(robbery.own.statement.id(), 0)
    };
    assert!(release(Caller::Operator).is_ok());
    let refused = release(Caller::Device(stranger));
    assert!(matches!(refused, Err(ReleaseError::NotFound)));
    robbery.map().change(&key(REQUEST, &[OWN]), |row| {
        row[32..64].copy_from_slice(stranger.as_bytes());
    });
    let refused = release(Caller::Device(stranger));
    assert!(
        matches!(refused, Err(ReleaseError::Unavailable(_))),
        "{refused:?}"
    );
}

#[test]
fn what_has_no_row_comes_last_and_is_withheld_until_it_has_one() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(200));
    let lost: Vec<_> = owner.keys.keys().copied().collect();
    submit(&session, &owner.deposit(200));
    let scope = Scope::of(owner.keys.keys().copied()).unwrap();
    let now = embedded.clock.now();
    let (one, other) = (owner.ask(scope.clone(), now), owner.ask(scope, now));
    for asked in [&one, &other] {
        submit(&session, &asked.statement);
        submit(&session, &owner.evidence(asked));
    }
    let map = Map::of(&embedded);
    for (key, row) in map.all(&[DEPOSIT]) {
        if row[7] == 2 {
            map.remove_all(&key);
        }
    }
    let about = embedded.service.about();
    let release = |asked: &Asked, page| {
        let page = session.release(asked.statement.id(), page).unwrap();
        (
            asked.open(about, &page).len(),
            page.release().withheld().to_vec(),
        )
    };
    assert_eq!(release(&one, 0), (200, lost[..56].to_vec()));
    // They are not forgotten: with their rows back, those that were not answered yet come.
    embedded.service.rebuild().unwrap();
    assert_eq!(release(&other, 0), (256, Vec::new()));
    assert_eq!(release(&other, 1), (144, Vec::new()));
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
    let listed = session.entries(Select::Owner(owner.id), 0).unwrap();
    assert_eq!(listed.damaged, [2]);
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
        robbery.map().sql(edit);
        let error = robbery.embedded.service.verify_log().unwrap_err();
        assert!(error.to_string().contains("entry 2"), "{edit}: {error}");
        assert!(robbery.embedded.service.rebuild().is_err(), "{edit}");
    }
}

#[test]
fn no_value_in_any_column_panics() {
    let robbery = Robbery::plan();
    let requests = [&robbery.own, &robbery.wanted];
    let statements = [
        robbery.victim.evidence(&robbery.own),
        robbery.victim.evidence(&robbery.wanted),
        robbery.own.statement.clone(),
        robbery.wanted.statement.clone(),
    ];
    let entry = "idx kind time salt statement attestation signature id leaf";
    let mut edits = columns("entry", entry);
    edits.extend(columns("head", "size frontier checkpoint"));
    edits.extend(pairs(&robbery.map(), OWNER..=CONCERN));
    let opened = spoil_each(&robbery.embedded, &edits, |service| {
        poke(service, requests, &statements);
        let _ = service.verify_log();
        let _ = service.rebuild();
    });
    assert!(opened > 80, "{opened} were opened at all");
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
    let edits = pairs(&Map::of(&office.embedded), SUBJECT..=CONCERN);
    let opened = spoil_each(&office.embedded, &edits, |service| {
        poke(service, requests, &statements);
    });
    assert!(opened > 80, "{opened} were opened at all");
}

/// Values that were never there, for each column.
fn columns(table: &str, columns: &str) -> Vec<String> {
    let values = ["-1", "9223372036854775807", "x'00'"];
    let edit = |column, value| format!("UPDATE OR REPLACE {table} SET {column} = {value}");
    let edits = columns
        .split(' ')
        .map(|column| values.map(|value| edit(column, value)));
    edits.flatten().collect()
}

/// Bytes that were never there, for keys and values of each index that has any.
pub(crate) fn pairs(map: &Map, indexes: RangeInclusive<u8>) -> Vec<String> {
    let edits = [
        "value = x''",
        "value = x'00'",
        "value = zeroblob(length(value))",
        "value = unhex(replace(hex(zeroblob(length(value))), '0', 'F'))",
        "value = CAST(value || x'07' AS BLOB)",
        "key = substr(key, 1, length(key) - 1)",
        "key = CAST(key || x'07' AS BLOB)",
        "key = CAST(substr(key, 1, length(key) - 8) || x'FFFFFFFFFFFFFFFF' AS BLOB)",
    ];
    let used = indexes.filter(|index| !map.all(&[*index]).is_empty());
    let edit = |index: u8, edit: &str| {
        let next = index + 1;
        format!(
            "UPDATE OR REPLACE map SET {edit} WHERE key >= x'{index:02x}' AND key < x'{next:02x}'"
        )
    };
    used.flat_map(|index| edits.map(|change| edit(index, change)))
        .collect()
}

/// Makes each edit of a copy, and opens what comes of it; returns how often it opened.
pub(crate) fn spoil_each(embedded: &Embedded, edits: &[String], poke: impl Fn(&Service)) -> usize {
    let flush = "PRAGMA wal_checkpoint(TRUNCATE)";
    embedded.sql().query_row(flush, [], |_| Ok(())).unwrap();
    let original = embedded.folder();
    let copy = embedded.parent.path().join("copy");
    let mut opened = 0;
    for edit in edits {
        fs::create_dir(&copy).unwrap();
        for file in ["keys.txt", "store.db"] {
            fs::copy(original.join(file), copy.join(file)).unwrap();
        }
        let sql = Connection::open(copy.join("store.db")).unwrap();
        sql.pragma_update(None, "synchronous", "OFF").unwrap();
        // Some of these the schema refuses.
        let _ = sql.execute(edit, []);
        drop(sql);
        let clock = embedded.clock.clone();
        if let Ok(service) = Service::open(&copy, clock, TestRng::new(3)) {
            opened += 1;
            poke(&service);
        }
        fs::remove_dir_all(&copy).unwrap();
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
        robbery.map().sql(edit);
        assert!(robbery.embedded.service.verify_log().is_err(), "{edit}");
        let session = robbery.embedded.service.session(Caller::Operator);
        let refused = session.checkpoint();
        assert!(matches!(refused, Err(QueryError::Unavailable(_))), "{edit}");
    }
}

/// What was verified once is compared with what is there, whenever a word is given on it: another process may have changed it.
#[test]
fn an_entry_that_was_verified_and_changed_since_is_damaged_until_it_is_what_it_was() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let statement = owner.deposit(1);
    let index = submit(&session, &statement).index();
    let serials: Vec<_> = owner.keys.keys().copied().collect();
    let challenge = Challenge::generate(&mut TestRng::new(2));
    let is_shown = || {
        let listed = session.entries(Select::Owner(owner.id), 0).unwrap();
        let shown = session.prove_possession(owner.id, &challenge, &serials);
        let is_listed = !listed.damaged.contains(&index);
        let is_proved = shown.is_ok_and(|shown| shown.proofs[0].is_some());
        assert_eq!(is_listed, is_proved);
        is_listed
    };
    assert!(is_shown());
    let sql = embedded.sql();
    let columns = [
        ("kind", "kind + 1"),
        ("time", "time + 1"),
        ("salt", "zeroblob(32)"),
        ("id", "zeroblob(32)"),
        ("leaf", "zeroblob(32)"),
        ("signature", "zeroblob(64)"),
        ("attestation", "CAST(attestation || x'00' AS BLOB)"),
        ("statement", "CAST(x'00' || substr(statement, 2) AS BLOB)"),
    ];
    for (column, damage) in columns {
        let set = |value: &str| {
            let set = format!("UPDATE entry SET {column} = {value} WHERE idx = {index}");
            assert_eq!(sql.execute(&set, []).unwrap(), 1);
        };
        let keep =
            format!("CREATE TEMP TABLE kept AS SELECT {column} FROM entry WHERE idx = {index}");
        sql.execute_batch(&keep).unwrap();
        set(damage);
        assert!(!is_shown(), "{column}");
        set(&format!("(SELECT {column} FROM kept)"));
        sql.execute_batch("DROP TABLE kept").unwrap();
        assert!(is_shown(), "{column}");
    }
    // Nor is a key released of what is not there any more.
    let asked = owner.ask(owner.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    let damage = format!("UPDATE entry SET statement = x'00' WHERE idx = {index}");
    assert_eq!(sql.execute(&damage, []).unwrap(), 1);
    let released = session.release(asked.statement.id(), 0).unwrap();
    assert_eq!(released.release().withheld(), serials);
}

//! The entries are the truth: the map follows from them.

use std::collections::BTreeMap;

use strongroom_authority::{Caller, Extent};
use strongroom_capi::{Algorithm, Padding};
use strongroom_protocol::Authority;
use strongroom_protocol::id::{Clock, Digest};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::statement::{Scope, Word};
use strongroom_testkit::{Owner, Person, Program, TestClock, change_of, own_blob, submit};

use crate::Embedded;
use crate::damage::REQUEST_DECISION;
use crate::map::{
    BLOB_CLAIM, CHANGE, DEPARTED, DEPOSIT, DEVICE, INDEXES, Map, POLICY, Pair, RELEASE_PAGE,
    REQUEST, RSA_KEY, WORD, decided, key,
};
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
    submit(&session, &owner.revocation(&owner.device, &all.device));
    let invitation = SigningKey::from_seed(&[0x70; 32]);
    let until = embedded.clock.now().plus_millis(1);
    submit(&session, &owner.invitation(&invitation, &all.device, until));
    let joins = SigningKey::from_seed(&[0x71; 32]);
    submit(&session, &owner.joining(&joins, &invitation));
    embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
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

#[test]
fn a_map_that_was_emptied_comes_back_pair_by_pair() {
    let embedded = with_history();
    let before = rows(&embedded);
    let empty = [
        "change",
        "change to a policy",
        "departed",
        "lapse of a request",
        "open change",
        "open change by a key",
        "policy",
        "proved request of an owner",
    ];
    for (index, rows) in &before {
        assert_eq!(rows.is_empty(), empty.contains(index), "{index}");
    }
    let map = Map::of(&embedded);
    map.sql("DELETE FROM map");
    embedded.service.rebuild().unwrap();
    assert_eq!(rows(&embedded), before);
    // And spoilt ones, and what never was one.
    map.change_all(&[DEPOSIT], |row| row[9] = 7);
    map.remove_all(&[DEVICE]);
    map.change_all(&[REQUEST], |row| decided(row, REQUEST_DECISION, 1));
    map.change_all(&[BLOB_CLAIM], |row| row[9] = 2);
    map.remove_all(&[RSA_KEY]);
    map.put(&key(RELEASE_PAGE, &[1, 2]), &3_u64.to_be_bytes());
    map.put(&[], b"nothing");
    map.put(&[0xff; 70], b"nothing");
    assert_ne!(rows(&embedded), before);
    embedded.service.rebuild().unwrap();
    assert_eq!(rows(&embedded), before);
    let known: usize = before.values().map(Vec::len).sum();
    assert_eq!(map.all(&[]).len(), known);
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
    embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
    let before = rows(embedded);
    let empty = [
        "claim of a blob",
        "invitation",
        "revoked device",
        "RSA key",
        "used invitation",
    ];
    for (index, rows) in &before {
        assert_eq!(rows.is_empty(), empty.contains(index), "{index}");
    }
    let map = Map::of(embedded);
    map.remove_all(&[POLICY]);
    map.change_all(&[CHANGE], |row| decided(row, 32, 3));
    map.remove_all(&[DEPARTED]);
    map.change_all(&[REQUEST], |row| row.truncate(REQUEST_DECISION + 8));
    for (word, _) in map.remove_all(&[WORD]) {
        map.put(&[&key(WORD, &[100])[..], &word[9..]].concat(), &[]);
    }
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

/// The pairs of each index.
fn rows(embedded: &Embedded) -> BTreeMap<&'static str, Vec<Pair>> {
    let map = Map::of(embedded);
    let indexes = INDEXES.into_iter();
    indexes
        .map(|(index, name)| (name, map.all(&[index])))
        .collect()
}

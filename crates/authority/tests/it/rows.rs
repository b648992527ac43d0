//! Rows of the map against the log: what a row says that no entry bears out is not believed, and what a row leaves out that
//! the log has is not decided without.

use strongroom_authority::{Caller, Extent, Service, Session};
use strongroom_protocol::id::Clock;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Policy, Rule, SubjectState};
use strongroom_protocol::statement::{
    Enroll, Evidence, EvidenceKind, SignedStatement, Statement, Verdict, Word,
};
use strongroom_protocol::{
    Authority, Challenge, QueryError, Recorded, Refusal, ReleaseError, Select, SubmitError,
    UnavailableKind,
};
use strongroom_testkit::{Asked, Owner, PageRelease, Person, ask_change, look, submit};

use crate::Embedded;
use crate::map::{
    CONCERN, DEPOSIT, DEPOSIT_IN_ORDER, DEPOSITOR, DEVICE, DEVICE_OWNER, ENROLMENT, FIRST_DEPOSIT,
    INVITATION, JOINED, Map, OWNER, POLICY, REQUEST, REVOKED, WORD,
};

fn session(embedded: &Embedded) -> Session {
    embedded.service.session(Caller::Operator)
}

#[track_caller]
fn is_damage<T: std::fmt::Debug>(result: Result<T, SubmitError>) {
    let Err(SubmitError::Unavailable(error)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.kind, UnavailableKind::Damaged, "{error}");
}

/// Whoever can write the folder, without its keys, adds rows to an index.
#[test]
fn rows_make_nobody_the_owners_device() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut alice = Owner::enrolled(&session, 1);
    let mallory = Owner::enrolled(&session, 2);
    submit(&session, &alice.deposit(1));
    let stranger = SigningKey::from_seed(&[0x55; 32]);
    let map = Map::of(&embedded);
    let forge = |alice: &mut Owner, key: &SigningKey| {
        let own = std::mem::replace(&mut alice.device, SigningKey::from_seed(key.expose_seed()));
        let forged = alice.deposit(1);
        alice.device = own;
        forged
    };
    for device in [&stranger, &mallory.device] {
        let public = device.verifying_key();
        let forged = forge(&mut alice, device);
        let refused = session.submit(&forged);
        assert!(matches!(
            refused,
            Err(SubmitError::Refused(Refusal::Author))
        ));
        // The owner's own enrolment, somebody else's, a deposit, and what there is not.
        for entry in [1_u64, 2, 3, 99] {
            let by_owner = [&[DEVICE], &alice.id.as_bytes()[..], public.as_bytes()].concat();
            map.put(&by_owner, &entry.to_be_bytes());
            let entry = entry.to_be_bytes();
            let by_key = [
                &[DEVICE_OWNER],
                &public.as_bytes()[..],
                &entry,
                alice.id.as_bytes(),
            ];
            map.put(&by_key.concat(), &[]);
            is_damage(session.submit(&forged));
            let as_device = embedded.service.session(Caller::Device(public));
            let listed = as_device.entries(Select::Owner(alice.id), 0);
            assert!(listed.is_err(), "it is shown what is the owner's");
            map.remove_all(&by_owner);
        }
    }
    // The owner's own device goes on.
    submit(&session, &alice.deposit(1));
}

#[test]
fn a_request_whose_row_is_gone_costs_itself_when_it_lapses() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut owners = [1, 2].map(|seed| Owner::enrolled(&session, seed));
    for owner in &mut owners {
        submit(&session, &owner.deposit(1));
    }
    let [alice, bob] = &mut owners;
    let asked = alice.ask(alice.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    Map::of(&embedded).remove_all(&[REQUEST]);
    embedded.clock.advance_millis(40 * Policy::DAY_MILLIS);
    let asked = bob.ask(bob.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &bob.evidence(&asked));
    session.release(asked.statement.id(), 0).unwrap();
}

/// Whose codes are asked is in rows; whoever takes one away would change the policy without its owner.
#[test]
fn no_change_is_made_without_the_code_of_an_owner_whose_row_is_gone() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut alice = Owner::enrolled(&session, 1);
    let mut mallory = Owner::enrolled(&session, 2);
    submit(&session, &alice.deposit(1));
    submit(&session, &mallory.deposit(1));
    let about = session.about().unwrap();
    let from = about.found().policy.clone();
    let mut to = from.clone();
    to.lapse_millis += 1;
    let founding = embedded.service.about();
    let change = ask_change(founding, &from, to, embedded.clock.now(), &mallory.device);
    submit(&session, &change);
    let Statement::PolicyChange(asked) = change.statement() else {
        panic!("a change");
    };
    let evidence = Evidence {
        authority: about.authority(),
        request: asked.digest(),
        kind: EvidenceKind::RecoveryCode,
    };
    let map = Map::of(&embedded);
    for index in [DEPOSITOR, FIRST_DEPOSIT] {
        for (key, _) in map.all(&[index]) {
            if key.windows(32).any(|part| part == alice.id.as_bytes()) {
                map.remove_all(&key);
            }
        }
    }
    // Its word is on record; no decision follows from it.
    let _ = session.submit(&SignedStatement::sign(evidence, &mallory.code));
    drop(session.submit(&change));
    assert!(session.about().unwrap().policy.is_none());
    embedded.service.repair(&mut |_, _| {}).unwrap();
    drop(session.submit(&change));
    assert!(session.about().unwrap().policy.is_none());
}

/// Whoever can write the store lets it go on, by taking the row away; the owner's homes believe nothing that it says then.
#[test]
fn a_revocation_is_read_where_its_row_says_and_missed_by_a_check_where_none_does() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut alice = Owner::enrolled(&session, 1);
    submit(&session, &alice.deposit(1));
    let second = alice.recover_device(&session, embedded.clock.now());
    let map = Map::of(&embedded);
    let row = |key: &SigningKey| {
        let key = key.verifying_key();
        [&[REVOKED], &alice.id.as_bytes()[..], key.as_bytes()].concat()
    };
    // Nothing says that this one was.
    let planted = row(&second);
    for entry in [1_u64, 2, 3, 99] {
        map.put(&planted, &entry.to_be_bytes());
        is_damage(session.submit(&alice.revocation(&alice.device, &second)));
    }
    map.remove_all(&planted);
    submit(&session, &alice.revocation(&alice.device, &second));
    let revoked = row(&alice.device);
    assert_eq!(map.all(&revoked).len(), 1);
    map.remove_all(&revoked);
    let report = embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
    assert_eq!(report.checked.differing, 1);
    embedded.service.repair(&mut |_, _| {}).unwrap();
    let refused = session.submit(&alice.deposit(1));
    assert!(
        matches!(refused, Err(SubmitError::Refused(Refusal::Author))),
        "{refused:?}"
    );
}

#[test]
fn an_id_is_not_taken_by_who_removes_the_rows_of_its_owner() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut alice = Owner::enrolled(&session, 1);
    submit(&session, &alice.deposit(2));
    let thief = SigningKey::from_seed(&[0x55; 32]);
    let enroll = Enroll {
        authority: embedded.service.about().authority(),
        owner: alice.id,
        device_key: thief.verifying_key(),
        code_key: thief.verifying_key(),
        created: embedded.clock.now(),
    };
    let enroll = SignedStatement::sign(enroll, &thief);
    let map = Map::of(&embedded);
    for index in [OWNER, ENROLMENT, DEVICE, DEVICE_OWNER] {
        map.remove_all(&[index]);
    }
    is_damage(session.submit(&enroll));
    // Another process has read nothing of the log yet.
    is_damage(
        embedded
            .open_again(7)
            .session(Caller::Operator)
            .submit(&enroll),
    );
    // The enrolment sent again puts the rows back.
    submit(&session, &alice.enrolment());
    let refused = session.submit(&enroll);
    assert!(matches!(
        refused,
        Err(SubmitError::Refused(Refusal::OwnerExists))
    ));
    submit(&session, &alice.deposit(1));
}

/// Where the log itself forgot an enrolment, its id may seem to be free. What was deposited under it is its owner's alone.
#[test]
fn whoever_takes_an_id_that_was_forgotten_gets_no_key_of_its_owner() {
    let mut taken = 0;
    for edit in [
        "DELETE FROM entry WHERE idx = 1",
        "UPDATE entry SET statement = x'00', attestation = x'00' WHERE idx = 1",
        "UPDATE entry SET statement = (SELECT statement FROM entry WHERE idx = 2) WHERE idx = 1",
        "UPDATE entry SET kind = 3 WHERE idx = 1",
    ] {
        let embedded = Embedded::found();
        let session = session(&embedded);
        let mut alice = Owner::enrolled(&session, 1);
        submit(&session, &alice.deposit(2));
        let everything = alice.everything(&session);
        let listed = session.entries(Select::Owner(alice.id), 0).unwrap();
        let map = Map::of(&embedded);
        for index in [OWNER, ENROLMENT, DEVICE, DEVICE_OWNER] {
            map.remove_all(&[index]);
        }
        map.sql(edit);
        // As another process, which has read nothing of the log yet.
        let service = embedded.open_again(7);
        let session = service.session(Caller::Operator);
        let mut thief = Owner::new(service.about(), 2);
        thief.id = alice.id;
        let enrolled = session.submit(&thief.enrolment());
        if enrolled.is_err() {
            continue;
        }
        taken += 1;
        let asked = thief.ask(everything, embedded.clock.now());
        submit(&session, &asked.statement);
        submit(&session, &thief.evidence(&asked));
        let page = session.release(asked.statement.id(), 0);
        let keys = page.map_or(0, |page| page.release().keys().len());
        assert_eq!(keys, 0, "{edit}");
        // Given back, with the rows repaired, the first enrolment counts.
        session.mend(&listed.items).unwrap();
        service.repair(&mut |_, _| {}).unwrap();
        let asked = alice.ask(alice.everything(&session), embedded.clock.now());
        submit(&session, &asked.statement);
        submit(&session, &alice.evidence(&asked));
        let page = session.release(asked.statement.id(), 0).unwrap();
        assert_eq!(page.release().keys().len(), 2, "{edit}");
    }
    assert!(taken > 0, "none of these forgets an enrolment");
}

fn released(service: &Service, asked: &Asked) -> bool {
    let session = service.session(Caller::Operator);
    session.release(asked.statement.id(), 0).is_ok()
}

#[test]
fn what_an_officer_denied_is_not_approved_by_hiding_the_word() {
    let officers = [Person::new("ada", 1), Person::new("bob", 1)];
    let mut policy = Policy::code_alone();
    policy.officers = officers.iter().map(Person::officer).collect();
    policy.groups = vec![strongroom_protocol::policy::Group {
        name: "board".to_owned(),
        need: 2,
        of: officers
            .iter()
            .map(|officer| officer.name.clone())
            .collect(),
    }];
    policy.rules = vec![Rule {
        approvals: Some("board".to_owned()),
        wait_millis: Policy::DAY_MILLIS,
        veto: true,
        overrule: Some("board".to_owned()),
        ..Rule::code_alone("board")
    }];
    let embedded = Embedded::found_under(policy, 42);
    let session = session(&embedded);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(1));
    let asked = owner.ask(owner.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    for officer in &officers {
        submit(&session, &officer.say(Word::Approve, &asked));
    }
    // A veto that officers can overrule is no end: it stands beside the rest.
    let veto = submit(&session, &owner.veto_by(&asked, &owner.device)).index();
    embedded.clock.advance_millis(2 * Policy::DAY_MILLIS);
    assert!(!released(&embedded.service, &asked));
    let map = Map::of(&embedded);
    let words = map.all(&[WORD]);
    let of_veto = |key: &[u8]| key.ends_with(&veto.to_be_bytes());
    let hidden: Vec<_> = words.iter().filter(|(key, _)| of_veto(key)).collect();
    assert_eq!(hidden.len(), 1);
    map.remove_all(&hidden[0].0);
    let view = look(&session, asked.statement.id()).unwrap();
    assert_eq!(
        view.standing(embedded.clock.now()).1,
        [],
        "by the rows it could be approved"
    );
    for service in [embedded.service.clone(), embedded.open_again(5)] {
        assert!(!released(&service, &asked), "the veto is forgotten");
    }
    // Nor by the entry's damage: what it says is not known, and nothing is released in front of it.
    let damage = format!("UPDATE entry SET statement = x'00' WHERE idx = {veto}");
    map.sql(&damage);
    assert!(!released(&embedded.open_again(6), &asked));
    let kind = "UPDATE entry SET kind = 3 WHERE idx = ";
    map.sql(&format!("{kind}{veto}"));
    assert!(!released(&embedded.open_again(7), &asked));
    map.sql(&format!("DELETE FROM entry WHERE idx = {veto}"));
    assert!(!released(&embedded.open_again(8), &asked));
}

/// Until its keys are out, an approved request can be vetoed.
#[test]
fn a_veto_behind_the_decision_is_not_undone_by_hiding_the_word() {
    let rules = vec![Rule {
        veto: true,
        ..Rule::code_alone("code")
    }];
    let policy = Policy {
        rules,
        ..Policy::code_alone()
    };
    let embedded = Embedded::found_under(policy, 42);
    let session = session(&embedded);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(1));
    let asked = owner.ask(owner.everything(&session), embedded.clock.now());
    let id = asked.statement.id();
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    let state = || {
        let view = look(&session, id).unwrap();
        view.standing(embedded.clock.now()).0
    };
    let approved = SubjectState::Decided(Verdict::Approved);
    assert_eq!(state(), approved);
    let veto = submit(&session, &owner.veto_by(&asked, &owner.device)).index();
    assert_ne!(state(), approved);
    let refused = session.release(id, 0);
    assert!(matches!(refused, Err(ReleaseError::NotApproved { .. })));
    let map = Map::of(&embedded);
    let words = map.all(&[WORD]);
    let hidden = words
        .iter()
        .find(|(key, _)| key.ends_with(&veto.to_be_bytes()));
    map.remove_all(&hidden.unwrap().0);
    assert_eq!(state(), approved, "by the rows it is");
    for service in [embedded.service.clone(), embedded.open_again(5)] {
        let released = service.session(Caller::Operator).release(id, 0);
        let Err(ReleaseError::Unavailable(error)) = released else {
            panic!("the veto is forgotten: {released:?}");
        };
        assert_eq!(error.kind, UnavailableKind::Damaged);
    }
}

#[test]
fn a_policy_that_rows_hide_decides_all_the_same() {
    let office = crate::people::Office::open();
    let embedded = &office.embedded;
    let session = session(embedded);
    let before = session.about().unwrap().policy;
    assert!(before.is_some());
    Map::of(embedded).remove_all(&[POLICY]);
    for asked in [&office.own, &office.wanted] {
        assert!(!released(&embedded.open_again(5), asked));
    }
    // A repair says what it put back.
    let repaired = embedded.service.repair(&mut |_, _| {}).unwrap();
    assert_eq!(repaired.differing.get("policies in force"), Some(&1));
    let about = session.about().unwrap().policy.unwrap();
    assert_eq!(about.change.id(), before.unwrap().change.id());
}

#[test]
fn a_deposit_that_would_not_be_found_has_no_receipt_until_it_is_sent_again() {
    for index in [DEPOSIT, DEPOSIT_IN_ORDER, CONCERN] {
        let embedded = Embedded::found();
        let session = session(&embedded);
        let mut owner = Owner::enrolled(&session, 1);
        let statements = [owner.deposit(2), owner.deposit(3)];
        for statement in &statements {
            submit(&session, statement);
        }
        let before = session.holdings(owner.id).unwrap();
        let map = Map::of(&embedded);
        let rows = map.all(&[]);
        // Gone, or another's: the last of them.
        let (last, value) = map.all(&[index]).pop().unwrap();
        for is_gone in [true, false] {
            if is_gone || value.is_empty() {
                map.remove_all(&last);
            } else {
                map.change(&last, |row| row[7] ^= 1);
            }
            let listed = session.entries(Select::Owner(owner.id), 0).unwrap();
            let told = listed.damaged == [3] || (index == CONCERN && listed.items.len() == 3);
            assert!(told, "{index:x}: {:?}", listed.damaged);
            assert_eq!(shown(&session, &mut owner), [2, 0], "{index:x}");
            let again = submit(&session, &statements[1]);
            assert_eq!(again.index(), 3);
            assert_eq!(map.all(&[]), rows, "{index:x}");
        }
        assert_eq!(session.holdings(owner.id).unwrap(), before);
        assert_eq!(shown(&session, &mut owner), [2, 3]);
        embedded.service.verify_log().unwrap();
    }
}

/// How many deposits of the second and of the third entry the authority shows to have.
fn shown(session: &Session, owner: &mut Owner) -> [usize; 2] {
    let serials: Vec<_> = owner.keys.keys().copied().collect();
    let challenge = Challenge::generate(&mut owner.rng);
    let shown = session.prove_possession(owner.id, &challenge, &serials);
    let shown = shown.unwrap().proofs;
    assert_eq!(shown.len(), serials.len());
    [2, 3].map(|entry| {
        let of_entry = shown.iter().flatten().filter(|proof| proof.entry == entry);
        of_entry.count()
    })
}

#[test]
fn what_is_shown_to_be_there_is_shown_by_all_of_its_bytes() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut owner = Owner::enrolled(&session, 1);
    let statement = owner.deposit(1);
    let receipt = session.submit(&statement).unwrap();
    let serial = *owner.keys.keys().next().unwrap();
    let ask = |challenge: &Challenge| {
        let shown = session.prove_possession(owner.id, challenge, &[serial]);
        shown.map(|shown| shown.proofs[0].map(|proof| proof.hash))
    };
    let challenges = [1, 2].map(|byte| Challenge::from_bytes([byte; Challenge::BYTES]));
    for challenge in &challenges {
        let right = receipt.challenged(statement.as_bytes(), challenge).unwrap();
        assert_eq!(ask(challenge).unwrap(), Some(right));
    }
    for edit in [
        "statement = x'00'",
        "attestation = x'00'",
        "salt = zeroblob(32)",
        "signature = zeroblob(64)",
        "leaf = zeroblob(32)",
        "id = zeroblob(32)",
        "time = 1",
        "kind = 4",
    ] {
        let sql = embedded.sql();
        sql.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM entry WHERE idx = 2")
            .unwrap();
        sql.execute_batch(&format!("UPDATE entry SET {edit} WHERE idx = 2"))
            .unwrap();
        // That the tree is not whole any more is no answer about this one alone.
        let answer = ask(&challenges[0]);
        assert!(
            matches!(answer, Ok(None) | Err(QueryError::Unavailable(_))),
            "{edit}"
        );
        sql.execute_batch(
            "DELETE FROM entry WHERE idx = 2; \
             INSERT INTO entry SELECT * FROM kept; DROP TABLE kept",
        )
        .unwrap();
        assert!(ask(&challenges[0]).unwrap().is_some(), "{edit}");
    }
    // Not for anybody.
    let other = Owner::enrolled(&session, 2);
    for caller in [
        Caller::Anybody,
        Caller::Device(other.device.verifying_key()),
    ] {
        let session = embedded.service.session(caller);
        let refused = session.prove_possession(owner.id, &challenges[0], &[serial]);
        assert!(matches!(refused, Err(QueryError::NotFound)));
    }
}

#[test]
fn whoever_has_an_entry_gives_it_back_whatever_was_done_to_its_row() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut owner = Owner::enrolled(&session, 1);
    for _ in 0..4 {
        submit(&session, &owner.deposit(1));
    }
    let head = embedded.service.verify_log().unwrap();
    let listed = session.entries(Select::Owner(owner.id), 0).unwrap().items;
    let anybody = embedded.service.session(Caller::Anybody);
    for edit in [
        "DELETE FROM entry WHERE idx = 3",
        "UPDATE entry SET attestation = x'00', statement = x'00' WHERE idx = 3",
        "UPDATE entry SET salt = x'00' WHERE idx = 3",
        "UPDATE entry SET leaf = zeroblob(32) WHERE idx >= 2",
        "UPDATE entry SET id = (SELECT id FROM entry WHERE idx = 3) || x'' WHERE idx = 99",
        "DELETE FROM entry WHERE idx IN (2, 3, 5)",
        "UPDATE entry SET id = randomblob(32)",
    ] {
        let changed = embedded.sql().execute(edit, []).unwrap();
        let given_back = anybody.mend(&listed).unwrap();
        // But for the founding, all are among those that are given back.
        assert_eq!(given_back, changed.min(listed.len()) as u64, "{edit}");
        if changed < 6 {
            assert_eq!(embedded.service.verify_log().unwrap(), head, "{edit}");
        }
        assert_eq!(anybody.mend(&listed).unwrap(), 0);
    }
}

#[test]
fn what_was_never_in_the_log_is_not_given_back() {
    let (embedded, other) = (Embedded::found(), Embedded::found_with(43));
    let (here, there) = (session(&embedded), session(&other));
    let mut owner = Owner::enrolled(&here, 1);
    submit(&here, &owner.deposit(1));
    let mut stranger = Owner::enrolled(&there, 1);
    submit(&there, &stranger.deposit(1));
    let listed = |session: &Session, owner: &Owner| -> Vec<Recorded> {
        session.entries(Select::Owner(owner.id), 0).unwrap().items
    };
    let (ours, theirs) = (listed(&here, &owner), listed(&there, &stranger));
    embedded
        .sql()
        .execute_batch("UPDATE entry SET statement = x'00' WHERE idx = 2")
        .unwrap();
    // Another authority's; and ours, with the receipt of another entry.
    let exchanged = Recorded {
        statement: ours[2].statement.clone(),
        receipt: ours[1].receipt.clone(),
    };
    let mut wrong = theirs;
    wrong.push(exchanged);
    assert_eq!(here.mend(&wrong).unwrap(), 0);
    assert!(embedded.service.verify_log().is_err());
    assert_eq!(here.mend(&ours).unwrap(), 1);
    embedded.service.verify_log().unwrap();
    // More than a page of them is none.
    let many = vec![ours[0].clone(); 257];
    assert!(matches!(here.mend(&many), Err(QueryError::NotFound)));
}

#[test]
fn an_entry_that_concerns_somebody_else_is_listed_to_nobody_by_a_row() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let (mut alice, mut mallory) = (Owner::enrolled(&session, 1), Owner::enrolled(&session, 2));
    let at = submit(&session, &alice.deposit(1)).index();
    let asked = alice.ask(alice.everything(&session), embedded.clock.now());
    let request = submit(&session, &asked.statement).index();
    submit(&session, &mallory.deposit(1));
    let as_mallory = embedded
        .service
        .session(Caller::Device(mallory.device.verifying_key()));
    let honest = as_mallory.entries(Select::Owner(mallory.id), 0).unwrap();
    let map = Map::of(&embedded);
    for entry in [at, request] {
        let row = [&[CONCERN], &mallory.id.as_bytes()[..], &entry.to_be_bytes()].concat();
        map.put(&row, &[]);
    }
    // What is no row of an index at all.
    map.put(
        &[&[CONCERN], &mallory.id.as_bytes()[..], &[0; 3]].concat(),
        &[],
    );
    let listed = as_mallory.entries(Select::Owner(mallory.id), 0).unwrap();
    assert_eq!(listed.items.len(), honest.items.len());
    assert!(listed.damaged.is_empty());
}

#[test]
fn a_check_of_all_names_every_row_that_is_not_what_the_entries_make_of_it() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut owner = Owner::enrolled(&session, 1);
    for _ in 0..3 {
        submit(&session, &owner.deposit(2));
    }
    let asked = owner.ask(owner.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    let check = || embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
    assert!(check().checked.is_clean());
    let map = Map::of(&embedded);
    let rows = map.all(&[]);
    for (key, value) in rows.clone() {
        map.remove_all(&key);
        assert_eq!(check().checked.differing, 1, "{key:x?} is gone");
        let index = key[0];
        map.put(&key, &[value.clone(), vec![7]].concat());
        assert_eq!(check().checked.differing, 1, "{key:x?} is longer");
        assert_eq!(
            embedded.service.repair(&mut |_, _| {}).unwrap().differing(),
            1
        );
        assert_eq!(map.get(&key), Some(value), "{index:x}");
        // What nothing accounts for.
        let planted = [&key[..], &[7]].concat();
        map.put(&planted, &[]);
        let report = check();
        assert_eq!(report.checked.differing, 1, "{key:x?} is planted");
        assert!(!report.checked.is_clean() && report.checked.is_complete());
        assert_eq!(
            embedded.service.repair(&mut |_, _| {}).unwrap().differing(),
            1
        );
        assert_eq!(map.get(&planted), None);
    }
    assert_eq!(
        embedded.service.repair(&mut |_, _| {}).unwrap().differing(),
        0
    );
    // What the checks have added is all that there is more.
    let checks = |key: &[u8]| key[0] == crate::map::EVERYBODY;
    let mut now = map.all(&[]);
    now.retain(|(key, _)| !checks(key));
    let mut before = rows;
    before.retain(|(key, _)| !checks(key));
    assert_eq!(now, before);
}

#[test]
fn a_deposit_that_can_not_be_read_keeps_its_rows_and_no_other_statement_takes_its_serial() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut owner = Owner::enrolled(&session, 1);
    let statement = owner.deposit(1);
    submit(&session, &statement);
    let serial = *owner.keys.keys().next().unwrap();
    let map = Map::of(&embedded);
    let before = map.all(&[DEPOSIT]);
    map.sql("UPDATE entry SET statement = x'00' WHERE idx = 2");
    let report = embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
    assert_eq!(report.checked.unread_named, [2]);
    assert_eq!(report.checked.differing, 0);
    assert_eq!(
        embedded.service.repair(&mut |_, _| {}).unwrap().differing(),
        0
    );
    assert_eq!(map.all(&[DEPOSIT]), before);
    let again = owner.draft_under(serial, &[1; 16]);
    let taken = submit(&session, &owner.deposit_of(&[again]));
    assert_eq!(
        taken.states(),
        [strongroom_protocol::receipt::DepositState::Conflict]
    );
    submit(&session, &statement);
    // One that is gone for good is not in the way of who has it still.
    map.sql("UPDATE entry SET statement = x'00', attestation = x'00', id = randomblob(32) WHERE idx = 2");
    let sent = submit(&session, &statement);
    assert!(sent.index() > 2);
    assert_eq!(
        sent.states(),
        [strongroom_protocol::receipt::DepositState::Verified]
    );
    assert_eq!(shown(&session, &mut owner), [0, 0]);
}

#[test]
fn tiles_that_are_damaged_are_made_again_from_the_leaves() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(1));
    let serial = *owner.keys.keys().next().unwrap();
    for number in 0_u64..300 {
        let digest = strongroom_protocol::id::Digest::of(&[&number.to_be_bytes()]);
        let about = embedded.service.about();
        let said = strongroom_testkit::own_blob(about, owner.id, serial, digest, &owner.device);
        submit(&session, &said);
    }
    let head = embedded.service.verify_log().unwrap();
    for edit in [
        "DELETE FROM tile",
        "UPDATE tile SET hashes = zeroblob(8192)",
        "UPDATE tile SET root = zeroblob(32)",
    ] {
        embedded.sql().execute_batch(edit).unwrap();
        assert!(embedded.service.verify_log().is_err(), "{edit}");
        let repaired = embedded.service.repair(&mut |_, _| {}).unwrap();
        assert_eq!(repaired.differing.len(), 1, "{edit}");
        assert_eq!(embedded.service.verify_log().unwrap(), head, "{edit}");
    }
}

/// Whoever can write the folder, without its keys, lets nobody join: by no row that no invitation bears out, and by none that is
/// gone.
#[test]
fn an_invitation_is_read_where_its_row_says_and_its_use_is_asked_of_the_log() {
    let embedded = Embedded::found();
    let session = session(&embedded);
    let mut alice = Owner::enrolled(&session, 1);
    submit(&session, &alice.deposit(1));
    let [planted, invitation, first, second] =
        [0x51, 0x52, 0x53, 0x54].map(|byte| SigningKey::from_seed(&[byte; 32]));
    let map = Map::of(&embedded);
    let owner = alice.id;
    let row = |index: u8, key: &SigningKey| {
        let key = key.verifying_key();
        [&[index], &owner.as_bytes()[..], key.as_bytes()].concat()
    };
    let until = embedded.clock.now().plus_millis(60_000);
    for entry in [1_u64, 2, 99] {
        map.put(&row(INVITATION, &planted), &entry.to_be_bytes());
        is_damage(session.submit(&alice.joining(&first, &planted)));
    }
    map.remove_all(&row(INVITATION, &planted));
    submit(
        &session,
        &alice.invitation(&invitation, &alice.device, until),
    );
    submit(&session, &alice.joining(&first, &invitation));
    // As if nobody had used it, and as if the machine that did were none.
    let used = row(JOINED, &invitation);
    assert_eq!(map.all(&used).len(), 1);
    map.remove_all(&used);
    let again = session.submit(&alice.joining(&second, &invitation));
    assert!(
        matches!(again, Err(SubmitError::Refused(Refusal::Used))),
        "{again:?}"
    );
    map.remove_all(&row(DEVICE, &first));
    let report = embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
    assert_eq!(report.checked.differing, 2);
    embedded.service.repair(&mut |_, _| {}).unwrap();
    submit(&session, &alice.deposit_by(&first));
    // What was sent once puts its rows back when it comes again.
    map.remove_all(&used);
    map.remove_all(&row(INVITATION, &invitation));
    map.remove_all(&row(DEVICE, &first));
    submit(
        &session,
        &alice.invitation(&invitation, &alice.device, until),
    );
    submit(&session, &alice.joining(&first, &invitation));
    let report = embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
    assert_eq!(report.checked.differing, 0);
}

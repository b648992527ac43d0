//! SIMPLEBLOBs: proven, unproven, claimed by others, and given back.

use strongroom_capi::{Algorithm, Padding};
use strongroom_protocol::Authority;
use strongroom_protocol::id::{Digest, Serial};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Policy, Rule};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{OpenedKey, Particulars, Statement, Word};

use super::people::{code_and, group, say};
use super::{Setting, assert_refused};
use crate::blob::{Program, own_blob};
use crate::listing;
use crate::owner::{Asked, Owner, PageRelease, submit};
use crate::person::Person;

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    an_rsa_key_is_made_once_and_is_in_the_log(&found(Policy::code_alone()));
    a_proven_blob_comes_back_as_its_key(&found(Policy::code_alone()));
    an_unproven_blob_takes_an_officer(&found(desk()));
    an_unproven_blob_never_leaves_where_there_is_no_officer(&found(Policy::code_alone()));
    who_proved_a_blob_has_it(&found(desk()));
    a_file_is_found_by_the_blob_it_has_now(&found(Policy::code_alone()));
}

/// The recovery code, with an officer or without, at once.
fn desk() -> Policy {
    let mut policy = Policy::code_alone();
    policy.officers = vec![Person::new("ann", 1).officer()];
    policy.groups = vec![group("desk", 1, &["ann"])];
    policy.rules = vec![code_and("desk"), Rule::code_alone("code")];
    policy.change.codes = false;
    policy.change.approvals = Some("desk".to_owned());
    policy
}

fn an_rsa_key_is_made_once_and_is_in_the_log(setting: &Setting) {
    let authority = setting.operator();
    let rsa_key = |authority: &dyn Authority| authority.about().unwrap().rsa_key;
    assert!(rsa_key(&*authority).is_none());
    (setting.make_rsa_key)();
    let made = rsa_key(&*authority).unwrap().statement;
    assert_eq!(Program::import(&*authority).bits(), 2048);
    (setting.make_rsa_key)();
    let again = rsa_key(&*authority).unwrap().statement;
    assert_eq!(again.id(), made.id());
    // Whoever meets the authority may wrap to it, and nobody else says which key that is.
    let somebody = SigningKey::from_seed(&[7; 32]);
    let met = setting.device(somebody.verifying_key());
    assert_eq!(rsa_key(&*met).unwrap().statement.id(), made.id());
    let Statement::RsaKey(key) = made.statement() else {
        panic!()
    };
    let own = strongroom_protocol::statement::SignedStatement::sign(key.clone(), &somebody);
    assert_refused!(authority.submit(&own), AuthoritysOwn);
    assert_refused!(authority.submit(&made), AuthoritysOwn);
}

fn a_proven_blob_comes_back_as_its_key(setting: &Setting) {
    (setting.make_rsa_key)();
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let keys = [
        (Algorithm::Rc4, 5),
        (Algorithm::Rc4, 16),
        (Algorithm::Rc2, 16),
        (Algorithm::Des, 8),
        (Algorithm::TripleDes, 24),
        (Algorithm::TripleDes112, 16),
        (Algorithm::Aes128, 16),
        (Algorithm::Aes192, 24),
        (Algorithm::Aes256, 32),
    ];
    let mut programs = Vec::new();
    let mut drafts = Vec::new();
    for (algorithm, bytes) in keys {
        for padding in [Padding::Pkcs1, Padding::Oaep] {
            let program = Program::new(&*authority, algorithm, bytes, padding, &mut owner.rng);
            let draft = program.draft(program.known(), &mut owner.rng);
            programs.push((draft.serial, program));
            drafts.push(draft);
        }
    }
    let deposit = owner.deposit_blobs(drafts);
    let states = submit(&*authority, &deposit).states().to_vec();
    assert_eq!(states, [DepositState::Verified; 18]);
    let asked = ask(setting, &mut owner);
    submit(&*authority, &owner.evidence(&asked));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    let mut opened = asked.open_any(&setting.about(), &page);
    for (serial, program) in programs {
        let Some(OpenedKey::Matched(key)) = opened.remove(&serial) else {
            panic!("{} did not come back", program.algorithm);
        };
        let key = key.into_key();
        assert_eq!(key.expose(), program.released_key());
        let alg_id = key.algorithm().alg_id().map(u32::from);
        assert_eq!(alg_id, Some(program.algorithm.alg_id()));
    }
    assert!(opened.is_empty() && page.release().withheld().is_empty());
}

fn an_unproven_blob_takes_an_officer(setting: &Setting) {
    (setting.make_rsa_key)();
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let program = program(&*authority, &mut owner);
    let draft = program.draft(program.unknown(), &mut owner.rng);
    let unproven = draft.serial;
    let states = submit(&*authority, &owner.deposit_blobs(vec![draft]))
        .states()
        .to_vec();
    assert_eq!(states, [DepositState::Deposited]);
    submit(&*authority, &owner.deposit(1));
    // On the code alone the others come back.
    let asked = ask(setting, &mut owner);
    submit(&*authority, &owner.evidence(&asked));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    assert_eq!(page.release().withheld(), [unproven]);
    assert_eq!(asked.open(&setting.about(), &page), owner.keys);
    // An officer's word after the decision is none that it rests on.
    let late = ask(setting, &mut owner);
    submit(&*authority, &owner.evidence(&late));
    say(&*authority, &[&Person::new("ann", 1)], Word::Approve, &late);
    let page = authority.release(late.statement.id(), 0).unwrap();
    assert_eq!(page.release().withheld(), [unproven]);
    let asked = ask(setting, &mut owner);
    say(
        &*authority,
        &[&Person::new("ann", 1)],
        Word::Approve,
        &asked,
    );
    submit(&*authority, &owner.evidence(&asked));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    assert!(page.release().withheld().is_empty());
    let mut opened = asked.open_any(&setting.about(), &page);
    let Some(OpenedKey::Unproven(key)) = opened.remove(&unproven) else {
        panic!("it came back as if it were proven, or not");
    };
    assert_eq!(key.into_key().expose(), program.key);
}

fn an_unproven_blob_never_leaves_where_there_is_no_officer(setting: &Setting) {
    (setting.make_rsa_key)();
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let program = program(&*authority, &mut owner);
    let draft = program.draft(program.unknown(), &mut owner.rng);
    let serial = draft.serial;
    submit(&*authority, &owner.deposit_blobs(vec![draft]));
    let asked = ask(setting, &mut owner);
    submit(&*authority, &owner.evidence(&asked));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    assert_eq!(page.release().withheld(), [serial]);
    assert!(page.release().keys().is_empty());
}

fn who_proved_a_blob_has_it(setting: &Setting) {
    (setting.make_rsa_key)();
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let mut thief = Owner::enrolled(&*authority, 2);
    let program = program(&*authority, &mut owner);
    // Before its owner: kept, and no claim.
    let copied = program.draft(program.unknown(), &mut thief.rng);
    let stolen = copied.serial;
    let states = submit(&*authority, &thief.deposit_blobs(vec![copied]))
        .states()
        .to_vec();
    assert_eq!(states, [DepositState::Deposited]);
    let own = program.draft(program.known(), &mut owner.rng);
    let proven = own.serial;
    let states = submit(&*authority, &owner.deposit_blobs(vec![own]))
        .states()
        .to_vec();
    assert_eq!(states, [DepositState::Verified]);
    // After: the same answer whether they know the key or not, and its owner may again.
    for key in [program.known(), program.unknown()] {
        let draft = program.draft(key, &mut thief.rng);
        let states = submit(&*authority, &thief.deposit_blobs(vec![draft]))
            .states()
            .to_vec();
        assert_eq!(states, [DepositState::Mismatch]);
        let key = program.known();
        let draft = program.draft(key, &mut owner.rng);
        let states = submit(&*authority, &owner.deposit_blobs(vec![draft]))
            .states()
            .to_vec();
        assert_eq!(states, [DepositState::Verified]);
    }
    // An officer who was taken in does not release it.
    let asked = ask(setting, &mut thief);
    say(
        &*authority,
        &[&Person::new("ann", 1)],
        Word::Approve,
        &asked,
    );
    submit(&*authority, &thief.evidence(&asked));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    assert_eq!(page.release().withheld(), [stolen]);
    let asked = ask(setting, &mut owner);
    submit(&*authority, &owner.evidence(&asked));
    let page = authority.release(asked.statement.id(), 0).unwrap();
    let opened = asked.open_any(&setting.about(), &page);
    assert!(matches!(&opened[&proven], OpenedKey::Matched(_)));
}

fn a_file_is_found_by_the_blob_it_has_now(setting: &Setting) {
    (setting.make_rsa_key)();
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = Owner::enrolled(&*authority, 1);
    let stranger = Owner::enrolled(&*authority, 2);
    let digest = |number| Digest::from_bytes([number; 32]);
    let program = program(&*authority, &mut owner);
    let mut draft = program.draft(program.known(), &mut owner.rng);
    let serial = draft.serial;
    let particulars = Particulars::default().with_blob(program.claim()).unwrap();
    draft.particulars = particulars.with_own_blob(digest(0)).unwrap();
    submit(&*authority, &owner.deposit_blobs(vec![draft]));
    submit(&*authority, &owner.deposit(1));
    let own_blobs = || listing::own_blobs(&*authority, owner.id, serial);
    assert_eq!(own_blobs(), [digest(0)]);
    let now = own_blob(&about, owner.id, serial, digest(1), &owner.device);
    submit(&*authority, &now);
    assert_eq!(own_blobs(), [digest(1), digest(0)]);
    // The same statement again is the same entry.
    submit(&*authority, &now);
    assert_eq!(own_blobs(), [digest(1), digest(0)]);

    let strange = own_blob(&about, owner.id, serial, digest(2), &stranger.device);
    assert_refused!(authority.submit(&strange), Author);
    let of_none = Serial::from_bytes([9; 16]);
    let none = own_blob(&about, owner.id, of_none, digest(2), &owner.device);
    assert_refused!(authority.submit(&none), Holdings);
    for number in 10..40 {
        let next = own_blob(&about, owner.id, serial, digest(number), &owner.device);
        submit(&*authority, &next);
    }
    let newest: Vec<_> = (10..40).rev().chain([1, 0]).map(digest).collect();
    assert_eq!(own_blobs(), newest);
}

fn program(authority: &dyn Authority, owner: &mut Owner) -> Program {
    Program::new(
        authority,
        Algorithm::Aes256,
        32,
        Padding::Pkcs1,
        &mut owner.rng,
    )
}

/// Asks for everything of an owner's.
fn ask(setting: &Setting, owner: &mut Owner) -> Asked {
    let authority = setting.operator();
    let asked = owner.ask(owner.everything(&*authority), setting.now());
    submit(&*authority, &asked.statement);
    asked
}

//! Statements that are recorded, and what becomes of them.

use strongroom_protocol::id::Serial;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::{DepositState, Outcome};
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{
    Content, DepositLabel, Particulars, SealedKey, SignedStatement, Statement,
};
use strongroom_protocol::{QueryError, Select};

use super::Setting;
use crate::forge::{Forged, forge_deposit};
use crate::listing::{ListedDeposit, deposits};
use crate::owner::{Owner, submit};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let mut setting = || found(Policy::code_alone());
    an_enrolment_and_deposits_are_recorded(&setting());
    the_same_statement_again_gets_the_same_entry(&setting());
    a_key_that_disagrees_with_its_commitment_costs_itself_alone(&setting());
    a_used_serial_is_a_conflict_and_overwrites_nothing(&setting());
    serials_of_different_owners_do_not_meet(&setting());
    a_deposit_relabelled_for_another_owner_does_not_open(&setting());
    deposits_are_listed_for_their_owner_alone(&setting());
    a_listing_comes_in_pages(&setting());
}

fn an_enrolment_and_deposits_are_recorded(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::new(&setting.about(), 1);
    let enrolled = submit(&*authority, &owner.enrolment());
    assert_eq!(enrolled.outcome(), &Outcome::Recorded);
    assert_eq!((enrolled.index(), enrolled.time()), (1, setting.now()));
    setting.clock.advance_millis(5);
    let deposited = submit(&*authority, &owner.deposit(3));
    assert_eq!(deposited.states(), [DepositState::Verified; 3]);
    assert_eq!((deposited.index(), deposited.time()), (2, setting.now()));
    assert_eq!(deposited.checkpoint().checkpoint().size, 3);
    let held = authority.holdings(owner.id).unwrap();
    assert_eq!((held.tree_size, held.count), (3, 3));
}

fn the_same_statement_again_gets_the_same_entry(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let deposit = owner.deposit(2);
    let first = submit(&*authority, &deposit);
    submit(&*authority, &owner.deposit(1));
    setting.clock.advance_millis(1000);
    let again = submit(&*authority, &deposit);
    assert_eq!(again.index(), first.index());
    assert_eq!(again.time(), first.time());
    assert_eq!(again.states(), first.states());
    assert_eq!(
        again.checkpoint().checkpoint().size,
        4,
        "nothing was added, and the proof is the newest"
    );
    let enrolment = owner.enrolment();
    assert_eq!(submit(&*authority, &enrolment).index(), 1);
}

fn a_key_that_disagrees_with_its_commitment_costs_itself_alone(setting: &Setting) {
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = Owner::enrolled(&*authority, 1);
    let wrap_key = &about.found().wrap_key;
    let sealing = wrap_key.seal_deposits(about.authority(), &mut owner.rng);
    let particulars = Particulars::default();
    let mut seal = |sealed: &[u8; 16], committed: &[u8; 16], own_serial: bool| {
        let serial = Serial::generate(&mut owner.rng);
        let sealed = BlindedKey::new(SessionKey::age_file_key(sealed), &mut owner.rng);
        let committed = if committed == sealed.to_plaintext().last_chunk::<16>().unwrap() {
            sealed.commitment(serial)
        } else {
            let other = SessionKey::age_file_key(committed);
            BlindedKey::new(other, &mut owner.rng).commitment(serial)
        };
        let label = DepositLabel {
            authority: about.authority(),
            owner: owner.id,
            serial,
            content: Content::SessionKey,
            algorithm: sealed.algorithm(),
            bits: sealed.bits(),
            commitment: committed,
            particulars: particulars.digest(),
        };
        let under = if own_serial {
            serial
        } else {
            Serial::generate(&mut owner.rng)
        };
        SealedKey {
            label,
            particulars: particulars.clone(),
            sealed: sealing.seal(under, label.digest(), &sealed.to_plaintext()),
        }
    };
    let good = seal(&[1; 16], &[1; 16], true);
    let another_key = seal(&[2; 16], &[3; 16], true);
    let another_serial = seal(&[4; 16], &[4; 16], false);
    let mut garbled = seal(&[5; 16], &[5; 16], true);
    garbled.sealed[7] ^= 1;
    let mut cut = seal(&[6; 16], &[6; 16], true);
    cut.sealed.truncate(3);
    let last = seal(&[7; 16], &[7; 16], true);
    let kept = [good.label.serial, last.label.serial];
    let forged = Forged {
        authority: about.authority(),
        owner: owner.id,
        wrap_key: wrap_key.id(),
        encapsulation: sealing.encapsulation().clone(),
        keys: vec![good, another_key, another_serial, garbled, cut, last],
    };
    let statement = forge_deposit(forged, &owner.device);
    let (yes, no) = (DepositState::Verified, DepositState::Mismatch);
    let states = submit(&*authority, &statement).states().to_vec();
    assert_eq!(states, [yes, no, no, no, no, yes]);
    let listed = serials(&deposits(&*authority, owner.id));
    assert_eq!(listed.len(), 2);
    assert!(kept.iter().all(|serial| listed.contains(serial)));
}

fn a_used_serial_is_a_conflict_and_overwrites_nothing(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let first = owner.deposit(2);
    submit(&*authority, &first);
    let before = deposits(&*authority, owner.id);
    let serial = before[0].label.serial;
    // The very same key under new randomness is another deposit, too.
    let key = owner.keys[&serial];
    let drafts = [
        owner.draft_under(serial, &key),
        owner.draft(),
        owner.draft_under(before[1].label.serial, &[9; 16]),
    ];
    let second = owner.deposit_of(&drafts);
    let states = submit(&*authority, &second).states().to_vec();
    let conflict = DepositState::Conflict;
    assert_eq!(states, [conflict, DepositState::Verified, conflict]);
    // The same deposits signed by somebody else are nobody's.
    let Statement::Deposit(deposit) = first.statement().clone() else {
        panic!("a deposit");
    };
    let stranger = SigningKey::generate(&mut owner.rng);
    let resigned = SignedStatement::sign(deposit, &stranger);
    super::assert_refused!(authority.submit(&resigned), Author);
    let after = deposits(&*authority, owner.id);
    assert_eq!(after.len(), 3);
    for old in &before {
        let new = after
            .iter()
            .find(|new| new.label.serial == old.label.serial)
            .unwrap();
        assert_eq!(new.label, old.label);
        assert_eq!(new.statement, first.id());
    }
    // The refused ones stay refused when the statement comes again.
    let again = submit(&*authority, &second).states().to_vec();
    assert_eq!(again, states);
}

fn serials_of_different_owners_do_not_meet(setting: &Setting) {
    let authority = setting.operator();
    let mut one = Owner::enrolled(&*authority, 1);
    let mut other = Owner::enrolled(&*authority, 2);
    submit(&*authority, &one.deposit(1));
    let serial = *one.keys.keys().next().unwrap();
    let draft = other.draft_under(serial, &[8; 16]);
    let deposited = submit(&*authority, &other.deposit_of(&[draft]));
    assert_eq!(deposited.states(), [DepositState::Verified]);
}

fn a_deposit_relabelled_for_another_owner_does_not_open(setting: &Setting) {
    let authority = setting.operator();
    let about = setting.about();
    let mut victim = Owner::enrolled(&*authority, 1);
    let thief = Owner::enrolled(&*authority, 2);
    let stolen = victim.deposit(2);
    submit(&*authority, &stolen);
    let Statement::Deposit(stolen) = stolen.statement() else {
        panic!("a deposit");
    };
    let mut keys = stolen.keys().to_vec();
    for key in &mut keys {
        key.label.owner = thief.id;
    }
    let forged = Forged {
        authority: about.authority(),
        owner: thief.id,
        wrap_key: stolen.wrap_key(),
        encapsulation: stolen.encapsulation().clone(),
        keys,
    };
    let statement = forge_deposit(forged, &thief.device);
    let states = submit(&*authority, &statement).states().to_vec();
    assert_eq!(states, [DepositState::Mismatch; 2]);
    assert!(deposits(&*authority, thief.id).is_empty());
    // Under its own label it is not the thief's to deposit.
    let copied = SignedStatement::sign(stolen.clone(), &thief.device);
    super::assert_refused!(authority.submit(&copied), Author);
}

fn deposits_are_listed_for_their_owner_alone(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let other = Owner::enrolled(&*authority, 2);
    let statement = owner.deposit(2);
    submit(&*authority, &statement);
    let mine = setting.device(owner.device.verifying_key());
    let listed = deposits(&*mine, owner.id);
    assert_eq!(listed.len(), 2);
    for deposited in &listed {
        assert_eq!(deposited.state, DepositState::Verified);
        assert_eq!(deposited.time, setting.now());
        assert_eq!(deposited.statement, statement.id());
        let serial = deposited.label.serial;
        assert_eq!(
            deposited.particulars.description(),
            format!("file {serial}")
        );
    }
    let theirs = setting.device(other.device.verifying_key());
    let unknown = Owner::new(&setting.about(), 3);
    for (session, owner) in [
        (&theirs, &owner),
        (&theirs, &unknown),
        (&authority, &unknown),
    ] {
        let refused = session.entries(Select::Owner(owner.id), 0);
        assert!(matches!(refused, Err(QueryError::NotFound)));
    }
}

fn a_listing_comes_in_pages(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    for count in [256, 200, 144] {
        submit(&*authority, &owner.deposit(count));
    }
    let first = authority.entries(Select::Owner(owner.id), 0).unwrap();
    assert_eq!(first.next, setting.size());
    let mut listed = serials(&deposits(&*authority, owner.id));
    listed.sort_unstable();
    assert_eq!(listed, owner.keys.keys().copied().collect::<Vec<_>>());
}

fn serials(listed: &[ListedDeposit]) -> Vec<Serial> {
    let serials = listed.iter().map(|deposited| deposited.label.serial);
    serials.collect()
}

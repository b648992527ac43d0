//! The RSA key: made once, kept sealed, and finished after a crash.

use std::fs;
use std::sync::Barrier;
use std::thread;

use strongroom_authority::{Caller, Keys, RsaKeyError, Service};
use strongroom_capi::{Algorithm, Padding, PublicKey};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::Clock;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{OpenedKey, SignedStatement, Statement};
use strongroom_protocol::{Authority, ReleaseError};
use strongroom_testkit::{Owner, PageRelease, Program, TestRng, submit};

use crate::Embedded;

#[test]
fn it_has_the_length_asked_for_and_is_made_once() {
    for bits in Service::RSA_KEY_BITS {
        let embedded = Embedded::found();
        for wrong in [0, 1024, 2047, 2560, 8192] {
            let refused = embedded.service.make_rsa_key(wrong);
            assert!(matches!(refused, Err(RsaKeyError::Bits { bits }) if bits == wrong));
        }
        assert!(embedded.service.rsa_key().unwrap().is_none());
        let made = embedded.service.make_rsa_key(bits).unwrap();
        assert_eq!(public(&made).bits(), bits);
        for again in [
            embedded.service.make_rsa_key(2048).unwrap(),
            embedded.service.rsa_key().unwrap().unwrap(),
            embedded.open_again(7).make_rsa_key(4096).unwrap(),
        ] {
            assert_eq!(again.as_bytes(), made.as_bytes());
        }
        assert_eq!(embedded.service.verify_log().unwrap().size, 2);
        assert_opens(&embedded.open_again(8));
    }
}

#[test]
fn two_who_make_one_at_a_time_have_one() {
    let embedded = Embedded::found();
    let services = [
        embedded.open_again(5),
        embedded.open_again(6),
        embedded.open_again(7),
    ];
    let barrier = Barrier::new(services.len());
    let make = |service: &Service| {
        barrier.wait();
        service.make_rsa_key(2048).unwrap().id()
    };
    let make = &make;
    let made: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = services
            .iter()
            .map(|service| scope.spawn(move || make(service)))
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(made.iter().all(|id| *id == made[0]));
    assert_eq!(embedded.service.verify_log().unwrap().size, 2);
    assert_opens(&embedded.service);
}

#[test]
fn a_crash_between_the_key_file_and_the_log_is_finished_by_the_next_call() {
    let embedded = Embedded::found();
    let store = embedded.folder().join("store.db");
    let flush = "PRAGMA wal_checkpoint(TRUNCATE)";
    embedded.sql().query_row(flush, [], |_| Ok(())).unwrap();
    let before = fs::read(&store).unwrap();
    let made = embedded.service.make_rsa_key(2048).unwrap();
    let Embedded {
        service,
        clock,
        parent,
    } = embedded;
    drop(service);
    for file in ["store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(parent.path().join("authority").join(file));
    }
    fs::write(&store, before).unwrap();
    let folder = parent.path().join("authority");
    let service = Service::open(&folder, clock, TestRng::new(5)).unwrap();
    assert!(service.rsa_key().unwrap().is_none());
    // The key that was kept, though another length is asked for.
    let again = service.make_rsa_key(3072).unwrap();
    assert_eq!(public(&again), public(&made));
    assert_opens(&service);
}

#[test]
fn it_is_in_the_key_file_sealed_and_goes_where_the_keys_go() {
    let embedded = Embedded::found();
    embedded.service.make_rsa_key(2048).unwrap();
    let text = fs::read_to_string(embedded.folder().join("keys.txt")).unwrap();
    assert!(text.starts_with("strongroom-authority-keys v2\n") && text.contains("\nrsa-key "));
    // `RSA2`, as a PRIVATEKEYBLOB in clear would have it.
    assert!(!text.contains("52534132"));
    let backup = embedded.parent.path().join("backup");
    embedded.service.backup(&backup, Keys::Included).unwrap();
    let restored = embedded.parent.path().join("restored");
    let clock = embedded.clock.clone();
    let (service, _) = Service::restore(&backup, None, &restored, clock, TestRng::new(5)).unwrap();
    assert_opens(&service);
}

#[test]
fn a_key_that_is_not_the_logs_is_not_used() {
    let one = Embedded::found();
    one.service.make_rsa_key(2048).unwrap();
    // The same authority, restored from before, makes another.
    let two = Embedded::found();
    two.service.make_rsa_key(3072).unwrap();
    assert_eq!(
        one.service.about().authority(),
        two.service.about().authority()
    );
    fs::copy(two.folder().join("keys.txt"), one.folder().join("keys.txt")).unwrap();
    let service = one.open_again(5);
    let session = service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    assert_eq!(deposit(&session, &mut owner), [DepositState::Deposited]);
}

#[test]
fn sealed_custody_seals_it_too() {
    let embedded = Embedded::found();
    let code = RecoveryCode::generate(&mut TestRng::new(5));
    embedded.service.seal(&code).unwrap();
    let sealed = embedded.open_again(6);
    let refused = sealed.make_rsa_key(2048);
    assert!(matches!(refused, Err(RsaKeyError::Sealed)), "{refused:?}");
    sealed.unlock(&code).unwrap();
    sealed.make_rsa_key(2048).unwrap();
    assert_opens(&sealed);

    let service = embedded.open_again(7);
    let session = service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    assert_eq!(deposit(&session, &mut owner), [DepositState::Deposited]);
    let asked = owner.ask(owner.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    let refused = session.release(asked.statement.id(), 0);
    assert!(matches!(refused, Err(ReleaseError::Unavailable(_))));
    service.unlock(&code).unwrap();
    let page = session.release(asked.statement.id(), 0).unwrap();
    let opened = asked.open_any(service.about(), &page);
    assert!(matches!(
        opened.values().next(),
        Some(OpenedKey::Matched(_))
    ));
}

/// What was taken unopened claims nothing, also when somebody else proves it later.
#[test]
fn an_unopened_blob_is_no_claim() {
    let embedded = Embedded::found();
    embedded.service.make_rsa_key(2048).unwrap();
    let code = RecoveryCode::generate(&mut TestRng::new(5));
    embedded.service.seal(&code).unwrap();
    let service = embedded.open_again(6);
    let session = service.session(Caller::Operator);
    let mut squatter = Owner::enrolled(&session, 1);
    let mut owner = Owner::enrolled(&session, 2);
    let program = program(&session, &mut owner);
    let mut draft = program.draft(program.unknown(), &mut squatter.rng);
    draft.key = Program::under(
        program.rsa.clone(),
        Algorithm::Aes128,
        16,
        Padding::Pkcs1,
        &mut squatter.rng,
    )
    .known();
    let squatted = draft.serial;
    submit(&session, &squatter.deposit_blobs(vec![draft]));
    service.unlock(&code).unwrap();
    // Opened for the first time when it is to be released, it is not what it was committed to.
    let asked = squatter.ask(squatter.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &squatter.evidence(&asked));
    let page = session.release(asked.statement.id(), 0).unwrap();
    assert_eq!(page.release().withheld(), [squatted]);
    let draft = program.draft(program.known(), &mut owner.rng);
    let states = submit(&session, &owner.deposit_blobs(vec![draft]))
        .states()
        .to_vec();
    assert_eq!(states, [DepositState::Verified]);
}

fn assert_opens(service: &Service) {
    let session = service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 99);
    assert_eq!(deposit(&session, &mut owner), [DepositState::Verified]);
}

/// Deposits a proven blob, and tells what became of it.
fn deposit(authority: &dyn Authority, owner: &mut Owner) -> Vec<DepositState> {
    let program = program(authority, owner);
    let draft = program.draft(program.known(), &mut owner.rng);
    let statement = owner.deposit_blobs(vec![draft]);
    submit(authority, &statement).states().to_vec()
}

fn program(authority: &dyn Authority, owner: &mut Owner) -> Program {
    Program::new(
        authority,
        Algorithm::Aes128,
        16,
        Padding::Oaep,
        &mut owner.rng,
    )
}

fn public(statement: &SignedStatement) -> PublicKey {
    let Statement::RsaKey(key) = statement.statement() else {
        panic!("an RSA key is no {statement:?}");
    };
    PublicKey::from_blob(&key.public_key).unwrap()
}

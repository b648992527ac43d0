//! Depositing SIMPLEBLOBs: what is checked before anything is sent, what is believed, what comes back.

use strongroom_authority::{Caller, Extent};
use strongroom_capi::{Algorithm, KeySpec, Padding, PrivateKey, PublicKey};
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::Home;
use strongroom_client::recover::Wanted;
use strongroom_client::released::ReleasedKeys;
use strongroom_client::simple_blob::{DepositBlobError, DepositedBlob, NewBlob, RsaKeyError};
use strongroom_client::spare::DepositError;
use strongroom_client::{Client, ConnectError};
use strongroom_protocol::id::{Digest, Serial, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::{self, SessionKey};
use strongroom_protocol::statement::{BlobKey, BlobPadding, Particulars, RsaKey, SignedStatement};
use strongroom_protocol::{About, Authority, Recorded, Select};
use strongroom_testkit::{HostileAuthority, Program, TestRng, Trick};

use crate::fixture::{HOME, World};
use crate::hostile::lying;
use crate::liar::Liar;

/// An owner whose authority has an RSA key, and a program that exported a key for it.
fn world() -> (World, Program) {
    let mut world = World::new();
    let service = world.service(20);
    service.make_rsa_key(2048).unwrap();
    let session = service.session(Caller::Operator);
    let program = Program::new(&session, Algorithm::Rc4, 16, Padding::Pkcs1, &mut world.rng);
    (world, program)
}

fn new(program: &Program, key: BlobKey) -> NewBlob {
    NewBlob {
        blob: program.blob.clone(),
        padding: BlobPadding::Pkcs1,
        key,
        particulars: Particulars::default(),
        own_blob: None,
        matches: false,
        mark: None,
    }
}

fn deposit(world: &mut World, new: NewBlob) -> Result<DepositedBlob, DepositBlobError> {
    world
        .with_client(|client| client.deposit_simple_blob(new))
        .unwrap()
}

/// A function of its own: as a method it is for one lifetime, and as a closure clippy wants the method.
fn rsa_key(client: &mut Client<'_>) -> Result<PublicKey, RsaKeyError> {
    client.rsa_key()
}

fn log_size(world: &World) -> u64 {
    world.service(21).verify_log().unwrap().size
}

fn own_blobs(world: &World, serial: Serial) -> Vec<Digest> {
    let session = world.service(22).session(Caller::Operator);
    strongroom_testkit::own_blobs(&session, world.owner, serial)
}

#[test]
fn a_proven_blob_is_verified_and_comes_back_as_its_key() {
    let (mut world, program) = world();
    let made = deposit(&mut world, new(&program, program.known())).unwrap();
    assert_eq!(
        (made.spare.state, made.is_proven),
        (DepositState::Verified, true)
    );
    world.recover(&Wanted::Everything).unwrap();
    let home: Home = world.home();
    let released = ReleasedKeys::of(&home)
        .key(made.spare.serial)
        .unwrap()
        .unwrap();
    assert!(!released.label.content.is_unproven());
    assert_eq!(released.key.into_key().expose(), program.key);
}

#[test]
fn an_unproven_blob_is_deposited_and_no_check_makes_it_verified() {
    let (mut world, program) = world();
    let made = deposit(&mut world, new(&program, program.unknown())).unwrap();
    assert_eq!(
        (made.spare.state, made.is_proven),
        (DepositState::Deposited, false)
    );
    let report = world
        .service(23)
        .check(Extent::All, &mut |_, _| {})
        .unwrap();
    assert!(report.checked.is_complete());
    world.with_client(|_| ()).unwrap();
    let state = world
        .home()
        .deposit(made.spare.serial)
        .unwrap()
        .unwrap()
        .state;
    assert_eq!(state, DepositState::Deposited);
    // With the code alone it stays, and all that was asked is answered.
    let collected = world.recover(&Wanted::Everything).unwrap();
    assert_eq!(collected.keys, 0);
}

#[test]
fn what_anybody_can_see_is_said_before_anything_is_sent() {
    let (mut world, program) = world();
    let before = log_size(&world);
    let other = PrivateKey::generate(2048, KeySpec::Exchange, &mut TestRng::new(3)).unwrap();
    let foreign = Program::under(
        other.public().clone(),
        Algorithm::Rc4,
        16,
        Padding::Pkcs1,
        &mut world.rng,
    );
    let mut high = foreign;
    high.blob[12..].fill(0xff);
    let refused = deposit(&mut world, new(&high, high.known()));
    assert!(matches!(refused, Err(DepositBlobError::Misfit(_))));
    let mut none = new(&program, program.known());
    none.blob.truncate(11);
    let refused = deposit(&mut world, none);
    assert!(matches!(refused, Err(DepositBlobError::Blob(_))));
    let aes = BlobKey::Known(SessionKey::capi(0x660e, &program.key).unwrap());
    let short = BlobKey::Known(SessionKey::capi(0x6801, &[1; 4]).unwrap());
    let odd = BlobKey::Unknown(session_key::Algorithm::capi(0x6801), 41);
    for key in [aes, short, odd] {
        let refused = deposit(&mut world, new(&program, key));
        assert!(matches!(refused, Err(DepositBlobError::Key)));
    }
    assert_eq!(log_size(&world), before);
    // What only the authority finds out is a mismatch, and the home keeps none of it.
    let wrong = BlobKey::Known(SessionKey::capi(0x6801, &[1; 16]).unwrap());
    let refused = deposit(&mut world, new(&program, wrong));
    let mismatch = DepositState::Mismatch;
    assert!(
        matches!(
            refused,
            Err(DepositBlobError::Deposit(DepositError::NotKept { state })) if state == mismatch
        ),
        "{refused:?}"
    );
}

#[test]
fn an_rsa_key_that_is_not_shown_to_be_the_authoritys_is_not_wrapped_to() {
    let mut world = World::new();
    let none = world.with_client(rsa_key).unwrap();
    assert!(matches!(none, Err(RsaKeyError::None)));
    let thiefs = PrivateKey::generate(2048, KeySpec::Exchange, &mut TestRng::new(3)).unwrap();
    let log_key = HostileAuthority::steal_log_key(&world.path("authority"));
    let key = RsaKey {
        authority: world.authority,
        public_key: thiefs.public().to_blob(),
        time: Time::from_millis(1),
    };
    let stranger = SigningKey::from_seed(&[9; 32]);
    // By somebody else; and by the authority itself, which has not put it into its log.
    let forged = SignedStatement::sign(key.clone(), &stranger);
    let hidden = SignedStatement::sign(key, &log_key);
    for (statement, is_theirs) in [(forged, false), (hidden.clone(), true)] {
        let honest = world.session_of(HOME);
        let founding = honest.entries(Select::Owner(world.owner), 0);
        let receipt = founding.unwrap().items.remove(0).receipt;
        let liar = Liar::before(honest).about(move |about| {
            let (statement, receipt) = (statement.clone(), receipt.clone());
            let rsa_key = Some(Recorded { statement, receipt });
            About { rsa_key, ..about }
        });
        let refused = world.with_authority(&liar, rsa_key).unwrap();
        match refused {
            Err(RsaKeyError::Wrong) => assert!(!is_theirs),
            Err(RsaKeyError::Exchange(ExchangeError::Receipt(_))) => assert!(is_theirs),
            other => panic!("{other:?}"),
        }
    }
    // Put into another log, it is found out when the true one is shown.
    let liar = lying(&mut world, Trick::OtherRsaKey(Box::new(hidden)));
    world.with_authority(&liar, rsa_key).unwrap().unwrap();
    let found_out = world.with_client(|_| ()).unwrap_err();
    assert!(
        matches!(
            found_out,
            ConnectError::Exchange(ExchangeError::LogShrunk { .. })
        ),
        "{found_out:?}"
    );
}

#[test]
fn the_authority_is_told_which_blob_a_file_has() {
    let (mut world, program) = world();
    let (first, second) = (Digest::of(&[b"first"]), Digest::of(&[b"second"]));
    let mut blob = new(&program, program.known());
    blob.own_blob = Some(first);
    let made = deposit(&mut world, blob).unwrap();
    assert_eq!(own_blobs(&world, made.spare.serial), [first]);
    let told = world.with_client(|client| client.state_own_blob(made.spare.serial, second));
    told.unwrap().unwrap();
    assert_eq!(own_blobs(&world, made.spare.serial), [second, first]);
    let none = Serial::from_bytes([9; 16]);
    let refused = world.with_client(|client| client.state_own_blob(none, second));
    assert!(refused.unwrap().is_err());
}

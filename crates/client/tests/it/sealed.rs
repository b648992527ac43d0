//! Sealed identities and sealed custody: encrypting takes no secret, and `verified` waits for a check.

use std::fs;
use std::path::Path;

use strongroom_agefile::{KeyType, Passphrase};
use strongroom_authority::{Caller, CheckReport, Extent, Service};
use strongroom_client::checked::{CheckedHere, RecordCheckError};
use strongroom_client::home::{Home, KeysError};
use strongroom_client::status::{Doubt, Inspector, SpareState};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::Clock;
use strongroom_protocol::statement::SignedStatement;
use strongroom_testkit::TestRng;

use crate::fixture::{World, parts};

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse".to_owned().into()).unwrap()
}

impl World {
    /// Seals the authority's key under the owner's code.
    fn seal(&self) {
        self.service(40).seal(&self.code).unwrap();
    }

    /// Opens custody and checks.
    fn check(&self, extent: Extent) -> CheckReport {
        let service = self.service(41);
        let code = RecoveryCode::parse(&self.code.to_text()).unwrap();
        service.unlock(&code).unwrap();
        service.check(extent).unwrap()
    }

    fn record(&mut self, report: &CheckReport) -> Result<CheckedHere, RecordCheckError> {
        self.with_client(|client| client.record_check(&report.statement, &report.receipt))
            .unwrap()
    }

    fn state(&mut self, file: &Path) -> (Option<SpareState>, Option<Doubt>) {
        let inspect = |client: &mut strongroom_client::Client<'_>| {
            let mut inspector = Inspector::new(client.home(), Some(client.connection())).unwrap();
            let status = inspector.inspect(file).unwrap();
            (status.state, status.doubt)
        };
        self.with_client(inspect).unwrap()
    }
}

#[test]
fn a_sealed_identity_is_made_once_and_its_public_key_needs_no_passphrase() {
    let world = World::new();
    world.lose_identity();
    let mut home = world.home();
    let mut rng = TestRng::new(3);
    let now = world.clock.now();
    let (kind, sealed) = (KeyType::Hybrid, passphrase());
    home.ensure_sealed_identity(kind, now, &sealed, &mut rng)
        .unwrap();
    assert!(home.is_identity_sealed().unwrap());
    let bytes = fs::read(home.identity_path()).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(!text.contains("SECRET"));
    let public = home.recipient(&mut |_| panic!("it was asked for")).unwrap();
    let opened = home.identities(&mut |_| Ok(passphrase())).unwrap();
    assert_eq!(public.to_string(), opened.recipient().unwrap().to_string());
    home.ensure_sealed_identity(kind, now, &sealed, &mut rng)
        .unwrap();
    assert_eq!(fs::read(home.identity_path()).unwrap(), bytes);
}

#[test]
fn a_remembered_public_key_is_that_of_this_very_file() {
    let world = World::new();
    let mut rng = TestRng::new(3);
    let now = world.clock.now();
    let make = |home: &mut Home, rng: &mut TestRng| {
        fs::remove_file(home.identity_path()).unwrap();
        home.ensure_sealed_identity(KeyType::X25519, now, &passphrase(), rng)
            .unwrap();
        fs::read(home.identity_path()).unwrap()
    };
    let mut home = world.home();
    let first = make(&mut home, &mut rng);
    let remembered = home.recipient(&mut |_| panic!("it was asked for")).unwrap();
    make(&mut home, &mut rng);
    // The owner puts an older file back: what is remembered is another's.
    fs::write(home.identity_path(), &first).unwrap();
    let mut asked = 0;
    for _ in 0..2 {
        let public = home.recipient(&mut |_| {
            asked += 1;
            Ok(passphrase())
        });
        assert_eq!(public.unwrap().to_string(), remembered.to_string());
    }
    assert_eq!(asked, 1, "it is remembered again");
    fs::remove_file(home.identity_path()).unwrap();
    let missing = home.recipient(&mut |_| Ok(passphrase()));
    assert!(matches!(
        missing.err(),
        Some(KeysError::IdentityMissing { .. })
    ));
}

#[test]
fn what_sealed_custody_took_is_verified_by_a_check_of_all() {
    let mut world = World::new();
    world.seal();
    let files = ["a", "b"].map(|name| world.encrypt(name, name));
    for file in &files {
        let deposited = (Some(SpareState::Deposited), Some(Doubt::NotVerified));
        assert_eq!(world.state(file), deposited);
    }
    // Of a sample nothing is known of any one deposit.
    let sample = world.check(Extent::Sample(1));
    assert_eq!(world.record(&sample).unwrap(), CheckedHere::default());
    assert_eq!(world.state(&files[0]).1, Some(Doubt::NotVerified));

    let all = world.check(Extent::All);
    let later = world.encrypt("c", "c");
    let here = world.record(&all).unwrap();
    assert_eq!((here.verified, here.mismatched), (2, 0));
    for file in &files {
        assert_eq!(world.state(file), (Some(SpareState::Matched), None));
    }
    // It came after what was checked.
    assert_eq!(world.state(&later).1, Some(Doubt::NotVerified));
    assert_eq!(world.record(&all).unwrap(), CheckedHere::default());
}

#[test]
fn a_deposit_that_a_check_names_is_not_protected_any_more() {
    let mut world = World::new();
    let (good, bad) = (world.encrypt("a", "a"), world.encrypt("b", "b"));
    assert_eq!(world.state(&bad).1, None);
    let serial = world
        .home()
        .matched(&parts(&bad).0)
        .unwrap()
        .unwrap()
        .serial;
    // An authority that has gone bad says so itself: with its own keys, in its own log.
    let report = {
        let service = world.service(43);
        let mut report = service.check(Extent::All).unwrap();
        report.checked.failed = 1;
        report.checked.named = vec![strongroom_protocol::statement::CheckedDeposit {
            owner: world.home().membership().unwrap().unwrap().owner,
            serial,
        }];
        report
    };
    // What it did not sign is not believed.
    let device = world
        .home()
        .ensure_device_key(&mut TestRng::new(1))
        .unwrap();
    let forged = CheckReport {
        statement: SignedStatement::sign(report.checked.clone(), &device),
        ..report
    };
    assert!(matches!(
        world.record(&forged),
        Err(RecordCheckError::Exchange(_))
    ));
    assert_eq!(world.state(&bad).1, None);
    // What it finds is kept, until a check of all finds it well again.
    let mismatch = strongroom_protocol::receipt::DepositState::Mismatch;
    assert_eq!(
        world.home().record_states(&[(serial, mismatch)]).unwrap(),
        1
    );
    assert_eq!(world.state(&bad).1, Some(Doubt::Mismatch));
    assert_eq!(world.state(&good).1, None);
    let all = world.service(44).check(Extent::All).unwrap();
    assert_eq!(world.record(&all).unwrap().verified, 1);
    assert_eq!(world.state(&bad).1, None);
}

#[test]
fn a_recovery_from_sealed_custody_takes_the_code_twice_over() {
    let mut world = World::new();
    world.seal();
    let file = world.encrypt("a", "text");
    world.lose_identity();
    let without = world.recover(&strongroom_client::recover::Wanted::Everything);
    assert!(without.unwrap_err().to_string().contains("sealed"));
    // The request is approved and waits; the same one goes on when custody is open.
    let service: Service = world.service(45);
    let code = RecoveryCode::parse(&world.code.to_text()).unwrap();
    service.unlock(&code).unwrap();
    let device = world
        .home()
        .ensure_device_key(&mut TestRng::new(1))
        .unwrap();
    let session = service.session(Caller::Device(device.verifying_key()));
    let collected = world
        .with_authority(&session, |client| {
            let grounds = strongroom_protocol::statement::Grounds::default();
            let wanted = strongroom_client::recover::Wanted::Everything;
            let request = client
                .request_recovery(&wanted, &grounds, KeyType::Hybrid)
                .unwrap();
            client.collect(&request, &mut |_| {}).unwrap()
        })
        .unwrap();
    assert_eq!(collected.keys, 1);
    world.rewrap(&file).unwrap();
    assert_eq!(world.decrypt(&file).unwrap(), "text");
}

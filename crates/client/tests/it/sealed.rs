//! Sealed identities and sealed custody: encrypting takes no secret, and `verified` waits for a check.

use std::fs;
use std::path::{Path, PathBuf};

use strongroom_agefile::{FileKey, Header, KeyType, Passphrase, PassphraseIdentity};
use strongroom_authority::{Caller, CheckReport, Extent, Service};
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::{Home, KeysError, Matched};
use strongroom_client::status::{Doubt, SpareState};
use strongroom_client::{ConnectError, Pointer};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{Clock, Serial};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{
    Checked, CheckedDeposit, Deposit, Draft, Particulars, SignedStatement,
};
use strongroom_testkit::{Forged, TestRng, Trick, forge_deposit, submit};

use crate::fixture::{HOME, World, inspect, parts};
use crate::hostile::lying;

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
        service.check(extent, &mut |_, _| {}).unwrap()
    }

    /// Deposits a file's key in a way that only opening it shows to be wrong: another one's ciphertext in its place.
    fn encrypt_badly(&mut self, name: &str) -> PathBuf {
        let owner = self.identities(&self.home()).recipient().unwrap();
        let founding = self.home().membership().unwrap().unwrap().founding;
        let (authority, wrap_key) = (self.authority, &founding.found().wrap_key);
        let file_key = FileKey::generate(&mut self.rng);
        let drafts = [&file_key, &FileKey::from_bytes(&[5; 16])].map(|key| Draft {
            serial: Serial::generate(&mut self.rng),
            key: BlindedKey::new(SessionKey::age_file_key(key.expose()), &mut self.rng),
            particulars: Particulars::default(),
        });
        let deposit =
            Deposit::seal(authority, wrap_key, self.owner, &drafts, &mut self.rng).unwrap();
        let mut keys = deposit.keys().to_vec();
        let other = keys.pop().unwrap();
        keys[0].sealed = other.sealed;
        let forged = Forged {
            authority,
            owner: self.owner,
            wrap_key: deposit.wrap_key(),
            encapsulation: deposit.encapsulation().clone(),
            keys,
        };
        let device = self.home().ensure_device_key(&mut self.rng).unwrap();
        submit(&self.session_of(HOME), &forge_deposit(forged, &device));

        let serial = drafts[0].serial;
        let mut stanzas = vec![owner.wrap(&file_key, &mut self.rng)];
        stanzas.push(Pointer { authority, serial }.to_stanza());
        let header = Header::seal(stanzas, &file_key).unwrap();
        let path = self.path(name);
        fs::write(&path, header.as_bytes()).unwrap();
        let matched = Matched::new(&header, serial, Some(0));
        self.home().record_matched(&matched).unwrap();
        path
    }

    fn verified(&mut self) -> u64 {
        self.with_client(|client| client.home().verified_count().unwrap())
            .unwrap()
    }

    fn state(&mut self, file: &Path) -> (Option<SpareState>, Option<Doubt>) {
        let status = self.with_client(|client| inspect(client, file)).unwrap();
        (status.state, status.doubt)
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
    let opened = home
        .identities(&mut |_| Ok(PassphraseIdentity::new(passphrase())))
        .unwrap();
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
            Ok(PassphraseIdentity::new(passphrase()))
        });
        assert_eq!(public.unwrap().to_string(), remembered.to_string());
    }
    assert_eq!(asked, 1, "it is remembered again");
    fs::remove_file(home.identity_path()).unwrap();
    let missing = home.recipient(&mut |_| Ok(PassphraseIdentity::new(passphrase())));
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
    assert_eq!(world.check(Extent::Sample(1)).checked.opened, 1);
    assert_eq!(world.verified(), 0);
    assert_eq!(world.state(&files[0]).1, Some(Doubt::NotVerified));

    world.check(Extent::All);
    assert_eq!(world.verified(), 2);
    for file in &files {
        assert_eq!(world.state(file), (Some(SpareState::Matched), None));
    }
    // It came after what was checked.
    let later = world.encrypt("c", "c");
    assert_eq!(world.state(&later).1, Some(Doubt::NotVerified));
    assert_eq!(world.verified(), 2);
}

#[test]
fn a_deposit_that_a_check_names_is_not_protected_any_more() {
    let mut world = World::new();
    world.seal();
    let (good, bad) = (world.encrypt("a", "a"), world.encrypt_badly("b.age"));
    for file in [&good, &bad] {
        assert_eq!(world.state(file).1, Some(Doubt::NotVerified));
    }
    assert_eq!(world.check(Extent::All).checked.failed, 1);
    assert_eq!(world.state(&good).1, None);
    assert_eq!(world.state(&bad).1, Some(Doubt::Mismatch));
    assert_eq!(world.verified(), 1);
}

#[test]
fn what_a_check_found_is_kept_until_a_check_of_all_finds_it_well_again() {
    let mut world = World::new();
    let file = world.encrypt("a", "a");
    let database = rusqlite::Connection::open(world.path("home/home.db")).unwrap();
    database
        .execute("UPDATE deposit SET state = 'mismatch'", ())
        .unwrap();
    drop(database);
    assert_eq!(world.state(&file).1, Some(Doubt::Mismatch));
    world
        .service(44)
        .check(Extent::All, &mut |_, _| {})
        .unwrap();
    assert_eq!(world.state(&file), (Some(SpareState::Matched), None));
}

#[test]
fn a_check_that_the_authority_did_not_sign_is_not_believed() {
    let mut world = World::new();
    let file = world.encrypt("a", "a");
    let serial = {
        let header = parts(&file).0;
        world.home().matched(&header).unwrap().unwrap().serial
    };
    let entry = world
        .home()
        .deposit(serial)
        .unwrap()
        .unwrap()
        .entry
        .unwrap();
    let checked = Checked {
        named: vec![CheckedDeposit { entry, place: 0 }],
        failed: 1,
        ..world
            .service(43)
            .check(Extent::All, &mut |_, _| {})
            .unwrap()
            .checked
    };
    let device = world.home().device_key().unwrap();
    let forged = SignedStatement::sign(checked, &device);
    let liar = lying(&mut world, Trick::ListingWithStrangers(vec![forged]));
    let refused = world.with_authority(&liar, |_| ()).unwrap_err();
    assert!(
        matches!(refused, ConnectError::Exchange(ExchangeError::Wrong { .. })),
        "{refused:?}"
    );
    let state = world.home().deposit(serial).unwrap().unwrap().state;
    assert_eq!(state, DepositState::Verified);
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
            let request = client.request_recovery(&wanted, &grounds).unwrap();
            client.collect(&request, &mut |_| {}).unwrap()
        })
        .unwrap();
    assert_eq!(collected.keys, 1);
    world.rewrap(&file).unwrap();
    assert_eq!(world.decrypt(&file).unwrap(), "text");
}

//! Devices that were revoked: what they said before stays, what an authority shows of them behind that is not believed, and
//! every home of the owner's tells once of what others came to have.

use std::fs;

use strongroom_authority::Caller;
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::{DeviceId, Home};
use strongroom_client::officer::Desk;
use strongroom_client::recover::Wanted;
use strongroom_client::{Client, ConnectError};
use strongroom_protocol::id::{Clock, Digest};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Device, DeviceName, DeviceWord, Grounds, OwnBlob, SignedStatement, Veto, Word,
};
use strongroom_protocol::{Authority, Refusal, Select, SubmitError};
use strongroom_testkit::{Owner, Trick, say, submit};

use crate::fixture::{HOME, World};
use crate::hostile::lying;

const SECOND: &str = "second";

/// An owner with a file and a second machine, which recovered.
fn two_machines() -> World {
    let mut world = World::new();
    world.encrypt("letter", "dear reader");
    world.rejoin(SECOND);
    world.recover_at(SECOND, &Wanted::Everything).unwrap();
    world
}

impl World {
    fn id_of(&mut self, home: &str) -> DeviceId {
        DeviceId::from(&self.device_at(home).verifying_key())
    }

    fn revoke(&mut self, of: &str, by: &str) {
        let of = self.id_of(of);
        self.with_client_at(by, |client| client.revoke_device(of).unwrap())
            .unwrap();
    }

    fn word_on(&mut self, of: &SigningKey, word: DeviceWord, by: &SigningKey) -> SignedStatement {
        let said = Device {
            authority: self.authority,
            owner: self.owner,
            device_key: of.verifying_key(),
            word,
            created: self.clock.now(),
        };
        SignedStatement::sign(said, by)
    }

    /// Connects, and returns the devices and the requests that the owner is told of; they are told then.
    fn told_at(&mut self, home: &str) -> (usize, usize) {
        let tell = |client: &mut Client<'_>| {
            let news = client.news().unwrap();
            client.record_told(&news).unwrap();
            (news.devices.len(), news.requests.len())
        };
        self.with_client_at(home, tell).unwrap()
    }
}

fn name(text: &str) -> DeviceWord {
    DeviceWord::Name(DeviceName::new(text.to_owned()).unwrap())
}

/// Shows the home what no honest authority takes, and expects it to be refused.
#[track_caller]
fn is_refused(world: &mut World, shown: SignedStatement, expected: &str) {
    let before = world.contents(HOME);
    let liar = lying(world, Trick::ListingWithStrangers(vec![shown]));
    let _ = liar.entries(Select::Owner(world.owner), 0);
    let refused = world.with_authority(&liar, |_| ()).unwrap_err();
    let ConnectError::Exchange(ExchangeError::Wrong { what, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(what.contains(expected), "{what}");
    assert_eq!(world.contents(HOME), before);
}

#[test]
fn what_a_device_said_before_it_was_revoked_stays_and_nothing_behind_that_is_believed() {
    let mut world = two_machines();
    let second = world.device_at(SECOND);
    let kept = world.deposit_signed_by(&second, 1);
    submit(&world.session_of(SECOND), &kept);
    let other = world.deposit_signed_by(&second, 1);
    let mut stranger = Owner::new(&world.operator().about().unwrap().founding, 4);
    let asked = crate::devices::ask(&world, &mut stranger);
    world.revoke(SECOND, HOME);
    let deposits = world.contents(HOME).deposits;
    assert_eq!(deposits.len(), 2);
    assert!(
        deposits
            .iter()
            .all(|deposit| deposit.2 == DepositState::Verified)
    );
    assert!(!world.home().is_device(&second.verifying_key()).unwrap());
    let own = OwnBlob {
        authority: world.authority,
        owner: world.owner,
        serial: deposits[0].0,
        digest: Digest::from_bytes([1; 32]),
    };
    let veto = Veto {
        authority: world.authority,
        request: asked.request().digest(),
        grounds: Grounds::default(),
        created: world.clock.now(),
    };
    let first = world.device_at(HOME);
    for shown in [
        other,
        SignedStatement::sign(own, &second),
        SignedStatement::sign(veto, &second),
        world.word_on(&second, name("mine"), &second),
        world.word_on(&first, DeviceWord::Revoke, &second),
    ] {
        is_refused(&mut world, shown, "after it was revoked");
    }
    let stranger = SigningKey::from_seed(&[5; 32]);
    for shown in [
        world.word_on(&first, DeviceWord::Revoke, &stranger),
        world.word_on(&stranger, name("mine"), &first),
    ] {
        is_refused(&mut world, shown, "can't be true");
    }
}

#[test]
fn a_revocation_that_comes_to_light_behind_what_it_forbids_is_not_believed() {
    let mut world = two_machines();
    world.with_client(|_| ()).unwrap();
    let (first, second) = (world.device_at(HOME), world.device_at(SECOND));
    let revoked = world.word_on(&second, DeviceWord::Revoke, &first);
    let index = submit(&world.operator(), &revoked).index();
    // The authority leaves it out, and shows what is not to be behind it.
    let hidden = world.damage(index);
    let forbidden = world.deposit_signed_by(&second, 1);
    let liar = lying(&mut world, Trick::ListingWithStrangers(vec![forbidden]));
    let _ = liar.entries(Select::Owner(world.owner), 0);
    world.with_authority(&liar, |_| ()).unwrap();
    world.put(index.cast_signed(), &hidden);
    let shown = world.with_authority(&liar, |client| client.read_again(&mut |_, _| {}));
    let Ok(Err(ExchangeError::Wrong { what, .. })) = shown else {
        panic!("{shown:?}");
    };
    assert!(what.contains("can't be true"), "{what}");
}

#[test]
fn every_home_knows_the_same_of_devices_however_late_it_reads() {
    let mut world = two_machines();
    let second = world.id_of(SECOND);
    let names = ["one", "two", "one"];
    for text in names {
        world.clock.advance_millis(1);
        let name = DeviceName::new(text.to_owned()).unwrap();
        world
            .with_client(|client| client.name_device(second, name).unwrap())
            .unwrap();
    }
    let first = world.id_of(HOME);
    let name = DeviceName::new("the desk".to_owned()).unwrap();
    world
        .with_client_at(SECOND, |client| client.name_device(first, name).unwrap())
        .unwrap();
    world.revoke(SECOND, HOME);
    world.rejoin("third");
    world.recover_at("third", &Wanted::Everything).unwrap();
    world.with_client_at("third", |_| ()).unwrap();
    world.with_client(|_| ()).unwrap();
    assert_eq!(world.contents("third"), world.contents(HOME));
    let devices = world.home_at("third").devices().unwrap();
    let known: Vec<_> = devices
        .iter()
        .map(|device| (device.name.as_deref(), device.revoked.is_some()))
        .collect();
    assert_eq!(
        known,
        [
            (Some("the desk"), false),
            (Some("one"), true),
            (None, false)
        ]
    );
    let revocation = devices[1].revoked.unwrap();
    assert_eq!(revocation.by, first);
    let request = devices[1].request().unwrap();
    assert!(request.by_code && request.by_officers.is_empty());
    assert_eq!((request.keys, request.answered), (1, 1));
    assert!(devices[0].request().is_none());
}

#[test]
fn each_home_tells_once_of_what_others_came_to_have() {
    let mut world = World::new();
    world.encrypt("letter", "dear reader");
    assert_eq!(world.told_at(HOME), (0, 0));
    // A thief is quick: all is released before the owner looks.
    world.rejoin("thief");
    world.recover_at("thief", &Wanted::Everything).unwrap();
    assert_eq!(
        world
            .with_client(|client| client.requests_by_others().unwrap().len())
            .unwrap(),
        0
    );
    // What was looked at and not said is told still.
    let seen = world.with_client(|client| client.news().unwrap()).unwrap();
    assert_eq!(seen.devices[0].id, world.id_of("thief"));
    assert_eq!(world.told_at(HOME), (1, 0));
    assert_eq!(world.told_at(HOME), (0, 0));
    // Once more by the same device makes no device, and takes keys.
    world.clock.advance_millis(1);
    let serial = world.contents(HOME).deposits[0].0;
    world
        .recover_at("thief", &Wanted::Serials(vec![serial]))
        .unwrap();
    assert_eq!(world.told_at(HOME), (0, 1));
    assert_eq!(world.told_at(HOME), (0, 0));
    // Its own recoveries are no news to a home, nor its own device; those of the others are.
    world.recover(&Wanted::Everything).unwrap();
    assert_eq!(world.told_at(HOME), (0, 0));
    assert_eq!(world.told_at("thief"), (1, 1));
    assert_eq!(world.told_at("thief"), (0, 0));
    // It is told of, though it was revoked before this home looked.
    world.rejoin(SECOND);
    world.recover_at(SECOND, &Wanted::Everything).unwrap();
    world.revoke(SECOND, "thief");
    assert_eq!(world.told_at(HOME), (1, 0));
}

#[test]
fn keys_that_officers_gave_to_a_colleague_are_told_of_once() {
    let officer = SigningKey::from_seed(&[9; 32]);
    let mut world = World::under(crate::devices::policy(&officer));
    world.encrypt("letter", "dear reader");
    let operator = world.operator();
    let mut colleague = Owner::enrolled(&operator, crate::devices::COLLEAGUE);
    let asked = crate::devices::ask(&world, &mut colleague);
    submit(&operator, &say(Word::Approve, &asked, &officer));
    operator.release(asked.statement.id(), 0).unwrap();
    let news = world.with_client(|client| client.news().unwrap()).unwrap();
    assert!(news.devices.is_empty());
    let [told] = &news.requests[..] else {
        panic!("{news:?}");
    };
    assert_eq!(told.asker, Some(colleague.id));
    assert_eq!(told.by_officers, ["ada"]);
    assert_eq!((told.by_code, told.keys, told.answered), (false, 1, 1));
    assert_eq!(world.told_at(HOME), (0, 1));
    assert_eq!(world.told_at(HOME), (0, 0));
}

#[test]
fn officers_are_shown_that_a_revoked_device_asks() {
    let officer = SigningKey::from_seed(&[9; 32]);
    let mut world = World::under(crate::devices::policy(&officer));
    world.encrypt("letter", "dear reader");
    let operator = world.operator();
    let mut other = Owner::new(&operator.about().unwrap().founding, 4);
    let asked = crate::devices::ask(&world, &mut other);
    world.clock.advance_millis(1);
    for officer in [&officer, &crate::devices::other_officer()] {
        submit(&operator, &say(Word::Approve, &asked, officer));
    }
    operator.release(asked.statement.id(), 0).unwrap();
    let device = DeviceId::from(&other.device.verifying_key());
    let again = crate::devices::ask(&world, &mut other);
    let is_by_revoked = |world: &World| {
        let session = world
            .service(40)
            .session(Caller::Device(officer.verifying_key()));
        let desk = Desk::open(&session, None, &officer, world.clock.now()).unwrap();
        let open = desk.subjects(false).unwrap().read;
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].digest(), again.request().digest());
        open[0].is_by_revoked()
    };
    assert!(!is_by_revoked(&world));
    world
        .with_client(|client| client.revoke_device(device).unwrap())
        .unwrap();
    assert!(is_by_revoked(&world));
}

#[test]
fn a_home_that_a_thief_revoked_says_so_and_comes_back_with_another_key() {
    let mut world = two_machines();
    let old = world.device_at(HOME);
    world.revoke(HOME, SECOND);
    let refused = world.with_client(|_| ()).unwrap_err();
    assert!(
        matches!(refused, ConnectError::Exchange(ExchangeError::Hidden)),
        "{refused:?}"
    );
    let mut rng = strongroom_testkit::TestRng::new(80);
    let aside = world.home().renew_device_key(&mut rng).unwrap();
    assert!(fs::read_to_string(aside).unwrap().contains("DEVICE-KEY"));
    let new = world.device_at(HOME);
    assert_ne!(new.verifying_key(), old.verifying_key());
    world.recover(&Wanted::Everything).unwrap();
    world.revoke(SECOND, HOME);
    let by_thief = world.device_at(SECOND);
    let deposit = world.deposit_signed_by(&by_thief, 1);
    let refused = world.operator().submit(&deposit);
    assert!(matches!(
        refused,
        Err(SubmitError::Refused(Refusal::Author))
    ));
    let deposit = world.deposit_signed_by(&new, 1);
    submit(&world.session_of(HOME), &deposit);
    world.with_client(|_| ()).unwrap();
    assert!(world.home().is_device(&new.verifying_key()).unwrap());
    // The thief's device was told of, and this machine's own old one needs no telling.
    assert_eq!(world.told_at(HOME), (1, 0));
}

#[test]
fn a_home_knows_that_it_revoked_itself() {
    let mut world = two_machines();
    world.revoke(SECOND, SECOND);
    let is_revoked = |client: &mut Client<'_>| {
        assert!(!client.is_caught_up());
        client.is_revoked().unwrap()
    };
    assert!(world.with_client_at(SECOND, is_revoked).unwrap());
    let home: Home = world.home_at(SECOND);
    let device = home.device_id().unwrap();
    assert!(home.is_revoked(device).unwrap());
}

#[test]
fn what_a_restored_log_lost_of_devices_is_sent_again() {
    let mut world = two_machines();
    let backup = world.back_up("backup");
    world.rejoin("third");
    world.recover_at("third", &Wanted::Everything).unwrap();
    let (second, third) = (world.device_at(SECOND), world.device_at("third"));
    let kept = world.deposit_signed_by(&second, 1);
    submit(&world.session_of(SECOND), &kept);
    let first = world.id_of(HOME);
    let call = |world: &mut World, text: &str| {
        world.clock.advance_millis(1);
        let name = DeviceName::new(text.to_owned()).unwrap();
        world
            .with_client(|client| client.name_device(first, name).unwrap())
            .unwrap();
    };
    call(&mut world, "old");
    world.revoke(SECOND, HOME);
    // The log will not have the third as the owner's: there is nothing to revoke of it.
    world.revoke("third", HOME);
    world.restore(&backup);
    world.accept_at(HOME);
    world.with_client(|_| ()).unwrap();
    assert!(world.home().is_device(&second.verifying_key()).unwrap());
    call(&mut world, "new");
    let synced = world.sync_at(HOME).unwrap();
    assert_eq!((synced.sent, synced.moot), (2, 2));
    let devices = world.home().devices().unwrap();
    assert_eq!(devices[0].name.as_deref(), Some("new"));
    assert!(synced.unsent.is_empty(), "{:?}", synced.unsent);
    assert_eq!(synced.by_others, 1);
    for device in [&second, &third] {
        assert!(!world.home().is_device(&device.verifying_key()).unwrap());
    }
    let deposit = world.deposit_signed_by(&second, 1);
    assert!(world.operator().submit(&deposit).is_err());
    let again = world.sync_at(HOME).unwrap();
    assert_eq!((again.sent, again.moot), (0, 2));
}

//! An authority that was put back from a backup: noticed, accepted by its owner, and filled again.

use std::fs;
use std::path::Path;

use strongroom_authority::{Caller, Keys, Service};
use strongroom_client::ConnectError;
use strongroom_client::connection::ExchangeError;
use strongroom_client::restored::RestoredLog;
use strongroom_client::status::Doubt;
use strongroom_client::sync::Unsent;
use strongroom_protocol::id::Clock;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::{Authority, Refusal, Select};
use strongroom_testkit::{TestRng, listed};

use crate::fixture::{HOME, World, inspect};

impl World {
    fn doubt(&mut self, file: &Path) -> Option<Doubt> {
        let status = self.with_client(|client| inspect(client, file));
        status.unwrap().doubt
    }
}

#[test]
fn nothing_is_done_with_a_restored_authority_before_it_is_accepted() {
    let mut world = World::new();
    world.encrypt("old", "1");
    let backup = world.back_up("backup");
    for name in ["new", "newer"] {
        world.encrypt(name, "2");
    }
    world.restore(&backup);
    let refused = world.with_client(|_| ()).unwrap_err();
    assert!(
        matches!(
            refused,
            ConnectError::Exchange(ExchangeError::LogShrunk { seen: 5, now: 4 })
        ),
        "{refused:?}"
    );
    let restored = world.restored_log(HOME).unwrap();
    assert_eq!((restored.seen().size, restored.now().size), (5, 4));
    assert!(world.home().accepted().unwrap().is_empty());
    let before = world.home().seen().unwrap().unwrap();
    world.accept_at(HOME);
    assert!(world.restored_log(HOME).is_none(), "it is accepted once");
    let [accepted] = &world.home().accepted().unwrap()[..] else {
        panic!("one was accepted");
    };
    assert_eq!(accepted.seen.as_text(), before.as_text());
    assert_eq!(accepted.now.checkpoint().size, 4);
    assert_eq!(accepted.time, world.clock.now());
}

#[test]
fn a_log_that_was_restored_and_grew_again_is_noticed_too() {
    let mut world = World::new();
    let backup = world.back_up("backup");
    world.encrypt("new", "1");
    // The restored log is as long as the one that was seen, and another.
    world.restore(&backup);
    let refused = world.with_client(|_| ()).unwrap_err();
    assert!(
        matches!(
            refused,
            ConnectError::Exchange(ExchangeError::LogForked { .. })
        ),
        "{refused:?}"
    );
    world.accept_at(HOME);
    world.sync_at(HOME).unwrap();
}

#[test]
fn a_log_that_only_grew_is_not_to_be_accepted() {
    let mut world = World::new();
    let backup = world.back_up("backup");
    // Nothing came after the backup: restoring it took nothing back.
    world.restore(&backup);
    assert!(world.restored_log(HOME).is_none());
    let file = world.encrypt("new", "1");
    assert!(world.restored_log(HOME).is_none());
    assert_eq!(world.doubt(&file), None);
}

#[test]
fn another_authority_is_never_accepted() {
    let world = World::new();
    let other = World::new();
    let policy = strongroom_protocol::policy::Policy::code_alone();
    let place = other.path("second");
    let service = Service::found(&place, policy, other.clock.clone(), TestRng::new(99)).unwrap();
    let found = RestoredLog::find(&world.home(), &service.session(Caller::Operator));
    assert!(matches!(
        found.err(),
        Some(ConnectError::Exchange(ExchangeError::OtherAuthority { .. }))
    ));
}

#[test]
fn what_a_restored_authority_lacks_is_said_and_sent_again() {
    let mut world = World::new();
    let old = world.encrypt("old", "1");
    let backup = world.back_up("backup");
    let new = world.encrypt("new", "2");
    let receipt = |world: &World, file: &Path| {
        let header = crate::fixture::parts(file).0;
        let serial = world.home().matched(&header).unwrap().unwrap().serial;
        let record = world.home().deposit(serial).unwrap().unwrap();
        let (statement, receipt) = world.home().statement(record.statement).unwrap();
        assert_eq!(record.entry, Some(receipt.index()));
        (statement.id(), receipt.index())
    };
    let before = [receipt(&world, &old), receipt(&world, &new)];
    world.restore(&backup);
    world.accept_at(HOME);
    assert_eq!(world.doubt(&old), None);
    assert_eq!(world.doubt(&new), Some(Doubt::Lost));

    let synced = world.sync_at(HOME).unwrap();
    assert_eq!((synced.present, synced.sent), (1, 1));
    assert!(!synced.enrolled && synced.unsent.is_empty());
    assert_eq!(world.doubt(&new), None);
    let after = [receipt(&world, &old), receipt(&world, &new)];
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1].0, before[1].0, "it is the same statement");
    assert_ne!(after[1].1, before[1].1, "and another entry");

    let again = world.sync_at(HOME).unwrap();
    assert_eq!((again.present, again.sent), (2, 0));
    // And it comes back from there.
    world.lose_identity();
    world
        .recover(&strongroom_client::recover::Wanted::Everything)
        .unwrap();
    world.rewrap(&new).unwrap();
    assert_eq!(world.decrypt(&new).unwrap(), "2");
}

#[test]
fn an_owner_whose_enrolment_was_lost_is_enrolled_again_by_the_same_statement() {
    let mut world = World::new();
    let enrolment = world.home().enrolment().unwrap();
    let enrolment = enrolment.unwrap();
    let files = ["a", "b", "c"].map(|name| world.encrypt(name, name));
    // A backup from before anybody was enrolled.
    let policy = strongroom_protocol::policy::Policy::code_alone();
    let (place, clock) = (world.path("young"), world.clock.clone());
    let young = Service::found(&place, policy, clock, TestRng::new(8)).unwrap();
    let backup = world.path("backup");
    young.backup(&backup, Keys::Included).unwrap();
    world.restore(&backup);
    world.accept_at(HOME);
    let mut watched = Vec::new();
    let synced = world
        .with_client(|client| client.sync(&mut |done, total| watched.push((done, total))))
        .unwrap()
        .unwrap();
    assert!(synced.enrolled);
    assert_eq!((synced.present, synced.sent), (0, 3));
    assert_eq!(watched, [(1, 3), (2, 3), (3, 3)]);
    let session = world.service(30).session(Caller::Operator);
    assert!(listed(&session, Select::Owner(world.owner)).contains(&enrolment.id()));
    for file in files {
        assert_eq!(world.doubt(&file), None);
    }
}

#[test]
fn what_the_authority_will_not_have_back_is_named_and_the_rest_is_sent() {
    let mut world = World::new();
    let backup = world.back_up("backup");
    let lost = world.encrypt("lost", "1");
    let serial = {
        let header = crate::fixture::parts(&lost).0;
        world.home().matched(&header).unwrap().unwrap().serial
    };
    world.encrypt("other", "2");
    world.restore(&backup);
    world.accept_at(HOME);
    // Another deposit has come under that serial since.
    let device = world
        .home()
        .ensure_device_key(&mut TestRng::new(1))
        .unwrap();
    let membership = world.home().membership().unwrap().unwrap();
    let draft = strongroom_protocol::statement::Draft {
        serial,
        key: strongroom_protocol::session_key::BlindedKey::new(
            strongroom_protocol::session_key::SessionKey::age_file_key(&[7; 16]),
            &mut TestRng::new(2),
        ),
        particulars: strongroom_protocol::statement::Particulars::default(),
    };
    let founding = &membership.founding;
    let deposit = strongroom_protocol::statement::Deposit::seal(
        founding.authority(),
        &founding.found().wrap_key,
        membership.owner,
        &[draft],
        &mut TestRng::new(3),
    )
    .unwrap();
    let statement = strongroom_protocol::statement::SignedStatement::sign(deposit, &device);
    let service = world.service(31);
    service
        .session(Caller::Operator)
        .submit(&statement)
        .unwrap();
    let synced = world.sync_at(HOME).unwrap();
    assert_eq!(synced.sent, 2);
    let [
        Unsent::NotKept {
            serial: named,
            state,
        },
    ] = &synced.unsent[..]
    else {
        panic!("{:?}", synced.unsent);
    };
    assert_eq!((*named, *state), (serial, DepositState::Conflict));
    assert_eq!(world.doubt(&lost), Some(Doubt::UnknownDeposit));
}

#[test]
fn deposits_of_a_device_that_the_restored_log_does_not_know_are_refused_by_name() {
    let mut world = World::new();
    world.encrypt("zero", "0");
    let backup = world.back_up("backup");
    // The device is lost and a recovery makes another the owner's: a decision that the backup has not.
    world.encrypt("one", "1");
    fs::remove_file(world.path("home/device.key")).unwrap();
    world
        .recover(&strongroom_client::recover::Wanted::Everything)
        .unwrap();
    world.encrypt("two", "2");
    world.restore(&backup);
    world.accept_at(HOME);
    let synced = world.sync_at(HOME).unwrap();
    // What the log has, it is shown only by sending it.
    assert!(!synced.enrolled);
    assert_eq!((synced.present, synced.sent), (1, 1));
    assert!(
        matches!(
            synced.unsent[..],
            [Unsent::Refused {
                refusal: Refusal::Author,
                ..
            }]
        ),
        "{:?}",
        synced.unsent
    );
    // Recovering makes the device the owner's again.
    world
        .recover(&strongroom_client::recover::Wanted::Everything)
        .unwrap();
    let synced = world.sync_at(HOME).unwrap();
    assert_eq!((synced.sent, synced.unsent.len()), (1, 0));
}

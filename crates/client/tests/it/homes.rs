//! Several homes of one owner: lost, copied, second, stopped half way. Each catches up by connecting, and then they are alike.

use std::fs;
use std::sync::{Arc, Mutex};

use strongroom_client::ConnectError;
use strongroom_client::connection::ExchangeError;
use strongroom_client::recover::Wanted;
use strongroom_protocol::{Authority, QueryError, Select, Unavailable, UnavailableKind};
use strongroom_testkit::{listed, submit};

use crate::fixture::{Contents, HOME, World};
use crate::liar::Liar;

/// What the homes have, once each has connected.
fn caught_up(world: &mut World, homes: &[&str]) -> Contents {
    let contents = homes.iter().map(|home| {
        world.with_client_at(home, |_| ()).unwrap();
        world.contents(home)
    });
    let contents: Vec<Contents> = contents.collect();
    for (home, other) in homes.iter().zip(&contents) {
        assert_eq!(contents[0], *other, "{home} is not as {}", homes[0]);
    }
    let truth = listed(&world.operator(), Select::Owner(world.owner));
    let ids: Vec<_> = contents[0].entries.iter().map(|(_, id)| &id[..]).collect();
    let truth: Vec<_> = truth.iter().map(|id| &id.as_bytes()[..]).collect();
    assert_eq!(ids, truth);
    let order: Vec<_> = contents[0]
        .deposits
        .iter()
        .map(|deposit| deposit.1)
        .collect();
    assert!(order.is_sorted(), "deposits stand in the log's order");
    contents.into_iter().next().unwrap()
}

/// An owner with files and secrets.
fn settled() -> World {
    let mut world = World::new();
    world.encrypt("letter", "dear reader");
    for (name, secret) in [("door", "rose"), ("disk", "key"), ("door", "lily")] {
        world.deposit_secret_at(HOME, name, secret);
    }
    world
}

#[test]
fn a_home_that_was_lost_has_all_again_once_it_is_the_owners() {
    let mut world = settled();
    let before = caught_up(&mut world, &[HOME]);
    fs::remove_dir_all(world.path(HOME)).unwrap();
    world.rejoin(HOME);
    // Not the owner's yet: it is shown nothing.
    world.with_client(|_| ()).unwrap();
    assert!(world.contents(HOME).entries.is_empty());
    world.recover(&Wanted::Everything).unwrap();
    let after = caught_up(&mut world, &[HOME]);
    assert_eq!(after.deposits, before.deposits);
    assert_eq!(after.secrets, before.secrets);
    assert_eq!(after.newest, before.newest);
    assert_eq!(after.entries[..before.entries.len()], before.entries[..]);
    assert_eq!(after.devices.len(), before.devices.len() + 1);
}

#[test]
fn a_home_and_its_copy_are_used_in_turn() {
    let mut world = settled();
    world.copy_home(HOME, "copy");
    for round in ["1", "2", "3"] {
        world.deposit_secret_at(HOME, "door", round);
        world.deposit_secret_at("copy", "safe", round);
        world.deposit_secret_at("copy", "door", round);
    }
    let contents = caught_up(&mut world, &[HOME, "copy"]);
    assert_eq!(contents.deposits.len(), 4 + 3 * 3);
    // Each is told of what the other one made, once.
    for (home, made_elsewhere) in [(HOME, 6), ("copy", 3)] {
        for expected in [made_elsewhere, 0] {
            let told = world.with_client_at(home, |client| {
                let news = client.news().unwrap();
                client.record_told(&news).unwrap();
                news.elsewhere
            });
            assert_eq!(told.unwrap(), expected, "{home}");
        }
    }
    // They connect before they deposit, so that each knew what the other had made.
    assert!(contents.newest.values().all(|newest| newest.len() == 1));
}

#[test]
fn a_second_home_of_the_owner_has_what_the_first_has() {
    let mut world = settled();
    world.rejoin("second");
    world.recover_at("second", &Wanted::Everything).unwrap();
    let contents = caught_up(&mut world, &[HOME, "second"]);
    assert_eq!((contents.deposits.len(), contents.devices.len()), (4, 2));
    world.encrypt("another", "dear other");
    world.deposit_secret_at("second", "door", "tulip");
    world.deposit_secret_at(HOME, "disk", "other key");
    let contents = caught_up(&mut world, &[HOME, "second"]);
    assert_eq!((contents.deposits.len(), contents.secrets.len()), (7, 5));
    assert!(contents.newest.values().all(|newest| newest.len() == 1));
}

#[test]
fn a_home_that_is_stopped_while_it_catches_up_goes_on_where_it_was() {
    let mut world = settled();
    world.copy_home(HOME, "behind");
    let device = world.device_at(HOME);
    let session = world.session_of(HOME);
    let begin = world.contents("behind").read;
    for _ in 0..3 {
        let page = world.page_signed_by(&device);
        submit(&session, &page);
    }
    let small = world.deposit_signed_by(&device, 1);
    submit(&session, &small);
    // After the first page nobody answers.
    let first = begin.cast_unsigned();
    let stopping = Liar::before(world.session_of("behind")).entries(move |honest, select, from| {
        if from > first {
            let kind = UnavailableKind::OutOfReach;
            return Err(Unavailable::new(kind, "the disk was pulled out").into());
        }
        honest.entries(select, from)
    });
    let stopped = world.with_authority_at("behind", &stopping, |_| ());
    let unavailable = matches!(
        stopped,
        Err(ConnectError::Exchange(ExchangeError::Query(
            QueryError::Unavailable(_)
        )))
    );
    assert!(unavailable, "{stopped:?}");
    let half = world.contents("behind");
    assert_eq!(half.read, begin + 1);
    assert_eq!(half.deposits.len(), 4 + 256);

    let asked = Arc::new(Mutex::new(Vec::new()));
    let from_where = asked.clone();
    let watching = Liar::before(world.session_of("behind")).entries(move |honest, select, from| {
        from_where.lock().unwrap().push(from);
        honest.entries(select, from)
    });
    world
        .with_authority_at("behind", &watching, |_| ())
        .unwrap();
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked, [first + 1, first + 2, first + 3]);
    assert_eq!(world.contents("behind").deposits.len(), 4 + 3 * 256 + 1);
    caught_up(&mut world, &[HOME, "behind"]);
    // What is read is not asked for again.
    let quiet = Liar::before(world.session_of("behind")).entries(|_, _, _| panic!("it was asked"));
    world.with_authority_at("behind", &quiet, |_| ()).unwrap();
}

#[test]
fn how_far_a_home_has_read_is_told_while_it_reads() {
    let mut world = settled();
    world.copy_home(HOME, "behind");
    let device = world.device_at(HOME);
    let session = world.session_of(HOME);
    for _ in 0..2 {
        let page = world.page_signed_by(&device);
        submit(&session, &page);
    }
    let size = session.checkpoint().unwrap().checkpoint().size;
    let mut told = Vec::new();
    let session = world.session_of("behind");
    let mut home = world.home_at("behind");
    let mut watch = |read, of| told.push((read, of));
    let (clock, rng) = (&*world.clock, &mut world.rng);
    strongroom_client::Client::connect_watched(&mut home, &session, clock, rng, &mut watch)
        .unwrap();
    assert_eq!(told, [(size - 1, size), (size, size)]);
}

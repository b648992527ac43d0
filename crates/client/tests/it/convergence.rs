//! Whatever two homes of one owner do, and whatever happens to them and to the authority: once each has connected and synced
//! they have the same deposits with the same states, the same newest secrets, the same devices and the same entries.

use std::fs;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use strongroom_client::Client;
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::DeviceId;
use strongroom_client::join::Joined;
use strongroom_client::recover::Wanted;
use strongroom_client::secret::DepositSecretsError;
use strongroom_client::spare::DepositError;
use strongroom_client::sync::{Synced, Unsent};
use strongroom_protocol::id::Serial;
use strongroom_protocol::statement::{Particulars, Statement};
use strongroom_protocol::{Authority as _, Refusal, Select, SubmitError};
use strongroom_testkit::{TestRng, listed};

use crate::fixture::{Contents, HOME, Listed, World, named};

const SECOND: &str = "second";
const NAMES: [&str; 2] = ["disk", "door"];

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The authority is backed up.
    BackUp,
    /// A home connects.
    Connect(&'static str),
    /// A home deposits the keys of files.
    Files(&'static str, usize),
    /// A home is lost, and made again by the sheet.
    Lose(&'static str),
    /// A home deposits a secret, and the other one deposits another between its connecting and its depositing.
    Race(&'static str, &'static str),
    /// A home revokes the other one, which joins anew by an invitation of the first.
    Replace(&'static str),
    /// The authority is restored from the last backup; each home accepts that when it notices.
    Restore,
    /// A home deposits a secret under a name.
    Secret(&'static str, &'static str),
    /// A home syncs.
    Sync(&'static str),
}

/// What happens to two homes of which one joined the other's owner.
fn joined_events() -> impl Strategy<Value = Vec<Event>> {
    let home = || prop::sample::select(vec![HOME, SECOND]);
    let replaced = home().prop_map(Event::Replace);
    let event = prop_oneof![6 => event(), 2 => replaced];
    prop::collection::vec(event, 1..14)
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..14)
}

fn event() -> impl Strategy<Value = Event> {
    let home = || prop::sample::select(vec![HOME, SECOND]);
    let name = || prop::sample::select(NAMES.to_vec());
    prop_oneof![
        2 => Just(Event::BackUp),
        2 => home().prop_map(Event::Connect),
        2 => (home(), 1..4_usize).prop_map(|(home, keys)| Event::Files(home, keys)),
        1 => home().prop_map(Event::Lose),
        2 => (home(), name()).prop_map(|(home, name)| Event::Race(home, name)),
        2 => Just(Event::Restore),
        4 => (home(), name()).prop_map(|(home, name)| Event::Secret(home, name)),
        2 => home().prop_map(Event::Sync),
    ]
}

/// The owner's homes, and the authority with its backups.
struct Pair {
    world: World,
    backups: usize,
    /// Makes each secret another one, and the randomness of a home that is at work beside another.
    count: u64,
}

impl Pair {
    fn of(world: World) -> Self {
        Self {
            world,
            backups: 0,
            count: 0,
        }
    }

    fn go_through(&mut self, event: Event) {
        self.count += 1;
        self.world.clock.advance_millis(1000);
        match event {
            Event::BackUp => {
                self.backups += 1;
                self.world.back_up(&format!("backup {}", self.backups));
            }
            Event::Connect(home) => self.connect(home),
            Event::Files(home, keys) => self.as_owner(home, |pair| pair.files(home, keys)),
            Event::Lose(home) => {
                fs::remove_dir_all(self.world.path(home)).unwrap();
                self.world.rejoin(home);
                self.recover(home);
            }
            Event::Race(home, name) => self.race(home, name),
            Event::Replace(by) => self.replace(by),
            Event::Restore if self.backups == 0 => {}
            Event::Restore => {
                let backup = self.world.path(&format!("backup {}", self.backups));
                self.world.restore(&backup);
            }
            Event::Secret(home, name) => self.secret(home, name),
            Event::Sync(home) => {
                self.sync(home);
            }
        }
    }

    /// Accepts that the authority was restored, if this home sees that it was.
    fn accept(&self, home: &str) {
        if self.world.restored_log(home).is_some() {
            self.world.accept_at(home);
        }
    }

    fn connect(&mut self, home: &str) {
        self.accept(home);
        self.world.with_client_at(home, |_| ()).unwrap();
    }

    fn replace(&mut self, by: &str) {
        let other = if by == HOME { SECOND } else { HOME };
        // So that this home is one of the owner's, and can say of the other that it is none.
        self.secret(by, NAMES[0]);
        let gone = DeviceId::from(&self.world.device_at(other).verifying_key());
        let revoked = |client: &mut Client<'_>| {
            let known = client.home().devices().unwrap();
            if known.iter().any(|device| device.id == gone) {
                client.revoke_device(gone).unwrap();
            }
        };
        self.world.with_client_at(by, revoked).unwrap();
        fs::remove_dir_all(self.world.path(other)).unwrap();
        let invitation = self.world.invite_at(by);
        assert_eq!(self.world.join(other, &invitation).unwrap(), Joined::Now);
    }

    fn recover(&mut self, home: &str) {
        self.world.recover_at(home, &Wanted::Everything).unwrap();
    }

    fn sync(&mut self, home: &str) -> Synced {
        self.accept(home);
        self.world.sync_at(home).unwrap()
    }

    /// Has a home do something as a device of the owner's: a log that was put back may have forgotten that it is one.
    fn as_owner(&mut self, home: &str, mut act: impl FnMut(&mut Self) -> Result<(), DepositError>) {
        self.accept(home);
        let refused = match act(self) {
            Ok(()) => return,
            Err(DepositError::Exchange(ExchangeError::Submit(SubmitError::Refused(refusal)))) => {
                refusal
            }
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(refused, Refusal::Author);
        self.recover(home);
        act(self).unwrap();
    }

    fn files(&mut self, home: &str, keys: usize) -> Result<(), DepositError> {
        let owner = self.world.identities(&self.world.home_at(home)).recipient();
        let (owner, all) = (owner.unwrap(), vec![Particulars::default(); keys]);
        let deposited = self
            .world
            .with_client_at(home, |client| client.deposit(&owner, &[], all).map(|_| ()));
        deposited.unwrap()
    }

    fn secret(&mut self, home: &str, name: &str) {
        self.as_owner(home, |pair| {
            let owner = pair.world.identities(&pair.world.home_at(home)).recipient();
            let (owner, text) = (owner.unwrap(), format!("secret {}", pair.count));
            let new = vec![named(name, text.as_bytes())];
            let deposited = pair
                .world
                .with_client_at(home, |client| client.deposit_secrets(&owner, new));
            deposited.unwrap().map(|_| ()).map_err(of_deposit)
        });
    }

    fn race(&mut self, home: &str, name: &str) {
        // Both are the owner's devices, so that neither has to recover in between.
        self.secret(home, name);
        let other = if home == HOME { SECOND } else { HOME };
        self.secret(other, name);
        let owner = self.world.identities(&self.world.home_at(home)).recipient();
        let session = self.world.session_of(home);
        let (clock, mut rng) = (self.world.clock.clone(), TestRng::new(1000 + self.count));
        let mut open = self.world.home_at(home);
        let mut client = Client::connect(&mut open, &session, &*clock, &mut rng).unwrap();
        self.count += 1;
        self.secret(other, name);
        let new = vec![named(name, b"at the same time")];
        client.deposit_secrets(&owner.unwrap(), new).unwrap();
    }

    /// Connects and syncs each home once more; returns what they have then, and what could not be put back.
    fn settle(&mut self) -> ([Contents; 2], Vec<Serial>) {
        let homes = [HOME, SECOND];
        let mut refused = Vec::new();
        for home in homes {
            self.connect(home);
            let device = self.world.device_at(home).verifying_key();
            if !self.world.home_at(home).is_device(&device).unwrap() {
                self.recover(home);
            }
            let synced = self.sync(home);
            assert_eq!(synced.unread, 0);
            for unsent in synced.unsent {
                // Of a device that a log that was put back does not know, and whose home is lost.
                let Unsent::Refused { statement, refusal } = unsent else {
                    panic!("{unsent:?}");
                };
                assert_eq!(refusal, Refusal::Author);
                let (statement, _) = self.world.home_at(home).statement(statement).unwrap();
                assert_ne!(*statement.author(), device);
                if let Statement::Deposit(deposit) = statement.statement() {
                    refused.extend(deposit.keys().iter().map(|key| key.label.serial));
                } else {
                    assert!(matches!(statement.statement(), Statement::Device(_)));
                }
            }
        }
        let contents = homes.map(|home| {
            self.connect(home);
            self.world.contents(home)
        });
        (contents, refused)
    }
}

/// Takes the error of a deposit out of that of a deposit of secrets.
fn of_deposit(error: DepositSecretsError) -> DepositError {
    let DepositSecretsError::Deposit(error) = error else {
        panic!("{error:?}");
    };
    error
}

/// What is in the log, of what a home has.
fn in_log(contents: &Contents) -> Vec<&Listed> {
    let deposits = contents.deposits.iter();
    deposits.filter(|deposit| deposit.1.is_some()).collect()
}

/// How many histories: a twentieth of what is asked for, as each has an authority and two homes, and no more than there is
/// time for.
fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig {
        cases: asked.cases.div_ceil(20).min(100),
        failure_persistence: None,
        ..asked
    }
}

/// An owner with two homes, and a deposit that every backup has.
fn beginning() -> World {
    let mut world = World::new();
    world.deposit_secret_at(HOME, NAMES[0], "the first");
    world.rejoin(SECOND);
    world.recover_at(SECOND, &Wanted::Everything).unwrap();
    world
}

/// An owner with two homes, of which the second was invited, and a deposit that every backup has.
fn beginning_with_invited() -> World {
    let mut world = World::new();
    world.deposit_secret_at(HOME, NAMES[0], "the first");
    let invitation = world.invite_at(HOME);
    world.join(SECOND, &invitation).unwrap();
    world
}

#[test]
fn homes_of_one_owner_are_alike_once_each_has_connected_and_synced() {
    let beginning = beginning();
    let alike = |events| are_alike(&beginning, events).map(drop);
    TestRunner::new(config()).run(&events(), alike).unwrap();
}

#[test]
fn homes_that_joined_and_were_revoked_are_alike_and_all_that_is_kept_comes_back() {
    let beginning = beginning_with_invited();
    let alike = |events| {
        let mut pair = are_alike(&beginning, events)?;
        let kept = pair.world.operator().holdings(pair.world.owner).unwrap();
        pair.world.rejoin("third");
        let recovered = pair.world.recover_at("third", &Wanted::Everything).unwrap();
        prop_assert_eq!(recovered.keys, kept.count);
        prop_assert!(recovered.withheld.is_empty());
        Ok(())
    };
    let events = joined_events();
    TestRunner::new(config()).run(&events, alike).unwrap();
}

fn are_alike(beginning: &World, events: Vec<Event>) -> Result<Pair, TestCaseError> {
    let mut pair = Pair::of(beginning.copy_of(&[HOME, SECOND]));
    for event in events {
        pair.go_through(event);
    }
    let ([first, second], refused) = pair.settle();
    let truth = listed(&pair.world.operator(), Select::Owner(pair.world.owner));
    let ids: Vec<_> = first.entries.iter().map(|(_, id)| &id[..]).collect();
    let truth: Vec<_> = truth.iter().map(|id| &id.as_bytes()[..]).collect();
    prop_assert_eq!(ids, truth);
    prop_assert_eq!(&first.entries, &second.entries);
    prop_assert_eq!(&first.devices, &second.devices);
    prop_assert_eq!(&first.subjects, &second.subjects);
    prop_assert_eq!(in_log(&first), in_log(&second));
    for contents in [&first, &second] {
        let lost = contents
            .deposits
            .iter()
            .filter(|deposit| deposit.1.is_none());
        for (serial, ..) in lost {
            prop_assert!(refused.contains(serial), "{} is lost", serial);
        }
    }
    if refused.is_empty() {
        prop_assert_eq!(first, second);
    }
    Ok(pair)
}

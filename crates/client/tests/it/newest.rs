//! Which secret is the newest of a name, and which check is its: by what each says that it supersedes, in every home.

use strongroom_client::home::{Check, CheckRun};
use strongroom_client::recover::Wanted;
use strongroom_protocol::id::{Clock, Serial};

use crate::fixture::{HOME, World, named};

impl World {
    fn newest(&self, home: &str, name: &str) -> Vec<Serial> {
        let mut newest = self.home_at(home).newest_secrets().unwrap();
        newest.remove(name).unwrap_or_default()
    }

    fn check_of_newest(&self, name: &str) -> Option<Check> {
        let secrets = self.home().secrets().unwrap().into_iter();
        let mut newest =
            secrets.filter(|secret| secret.name.as_deref() == Some(name) && !secret.superseded);
        newest.next_back().unwrap().check
    }

    fn deposit_checked(&mut self, name: &str, secret: &str, check: Option<Check>) -> Serial {
        let owner = self.identities(&self.home()).recipient().unwrap();
        let mut new = named(name, secret.as_bytes());
        new.check = check;
        let deposited = self.with_client(|client| client.deposit_secrets(&owner, vec![new]));
        deposited.unwrap().unwrap()[0].spare.serial
    }

    /// The sealed secret opens in the home that made it.
    fn text(&self, home: &str, serial: Serial) -> String {
        let home = self.home_at(home);
        let identities = self.identities(&home);
        let secret = strongroom_client::secret::open(&home, &identities, serial).unwrap();
        String::from_utf8(secret.expose().to_vec()).unwrap()
    }
}

#[test]
fn an_older_secret_that_is_sent_again_after_a_restore_is_not_the_newest_in_any_home() {
    let mut world = World::new();
    world.deposit_secret_at(HOME, "disk", "one");
    let backup = world.back_up("backup");
    world.deposit_secret_at(HOME, "disk", "two");
    let three = world.deposit_secret_at(HOME, "disk", "three");
    world.copy_home(HOME, "copy");
    world.restore(&backup);
    world.accept_at(HOME);
    // Between the restoring and the sync comes the nightly deposit.
    let four = world.deposit_secret_at(HOME, "disk", "four");
    assert_eq!(world.newest(HOME, "disk"), [four]);
    let synced = world.sync_at(HOME).unwrap();
    assert_eq!((synced.sent, synced.unsent.len()), (2, 0));
    assert_eq!(world.newest(HOME, "disk"), [four]);
    assert_eq!(world.text(HOME, four), "four");
    // In a copy from before, in a home that is made again, and after the same once more.
    world.accept_at("copy");
    world.sync_at("copy").unwrap();
    assert_eq!(world.newest("copy", "disk"), [four]);
    world.rejoin("second");
    world.recover_at("second", &Wanted::Everything).unwrap();
    assert_eq!(world.newest("second", "disk"), [four]);
    for home in [HOME, "copy", "second"] {
        let synced = world.sync_at(home).unwrap();
        assert_eq!(synced.sent, 0);
        assert_eq!(world.newest(home, "disk"), [four]);
        let secrets = world.home_at(home).secrets().unwrap();
        let superseded = secrets.iter().filter(|secret| secret.superseded);
        assert_eq!((secrets.len(), superseded.count()), (4, 3));
    }
    // They stand in the log behind the one that is the newest.
    let place = |serial| world.home().deposit(serial).unwrap().unwrap().entry;
    assert!(place(three) > place(four));
}

#[test]
fn what_was_sent_again_shows_when_it_was_recorded_first() {
    let mut world = World::new();
    let backup = world.back_up("backup");
    let serial = world.deposit_secret_at(HOME, "disk", "one");
    let first = world.clock.now();
    world.restore(&backup);
    world.accept_at(HOME);
    world.clock.advance_millis(60_000);
    world.sync_at(HOME).unwrap();
    let deposit = world.home().deposit(serial).unwrap().unwrap();
    assert_eq!((deposit.first, deposit.time), (first, world.clock.now()));
}

#[test]
fn two_machines_that_superseded_the_same_one_leave_two_heads_until_one_has_seen_both() {
    let mut world = World::new();
    let one = world.deposit_secret_at(HOME, "disk", "one");
    world.rejoin("second");
    world.recover_at("second", &Wanted::Everything).unwrap();
    // Both are connected when the other deposits: neither has seen what the other makes.
    let owner = world.identities(&world.home_at("second")).recipient();
    let owner = owner.unwrap();
    let other_session = world.session_of("second");
    let mut other_home = world.home_at("second");
    let clock = world.clock.clone();
    let mut other_rng = strongroom_testkit::TestRng::new(77);
    let mut other = strongroom_client::Client::connect(
        &mut other_home,
        &other_session,
        &*clock,
        &mut other_rng,
    )
    .unwrap();
    let ours = world.deposit_secret_at(HOME, "disk", "ours");
    let theirs = vec![named("disk", b"theirs")];
    let theirs = other.deposit_secrets(&owner, theirs).unwrap()[0]
        .spare
        .serial;
    drop(other);
    drop(other_home);
    for home in [HOME, "second"] {
        world.with_client_at(home, |_| ()).unwrap();
        assert_eq!(world.newest(home, "disk"), [ours, theirs], "{home}");
        let secrets = world.home_at(home).secrets().unwrap();
        let superseded: Vec<_> = secrets.iter().filter(|secret| secret.superseded).collect();
        assert_eq!(superseded.len(), 1);
        assert_eq!(superseded[0].serial, one);
    }
    let both = world.deposit_secret_at("second", "disk", "both seen");
    for home in [HOME, "second"] {
        world.with_client_at(home, |_| ()).unwrap();
        assert_eq!(world.newest(home, "disk"), [both], "{home}");
    }
}

#[test]
fn a_secret_of_another_name_supersedes_nothing_of_this_one() {
    let mut world = World::new();
    let disk = world.deposit_secret_at(HOME, "disk", "one");
    let door = world.deposit_secret_at(HOME, "door", "one");
    assert_eq!(world.newest(HOME, "disk"), [disk]);
    assert_eq!(world.newest(HOME, "door"), [door]);
}

#[test]
fn a_check_stays_with_its_name_until_it_is_taken_away_and_its_run_is_of_one_secret() {
    let mut world = World::new();
    let run = CheckRun {
        time: world.clock.now(),
        opens: true,
    };
    let checked = Check {
        command: "grep -qx good".to_owned(),
        run: Some(run),
    };
    let not_run = Check {
        run: None,
        ..checked.clone()
    };
    let first = world.deposit_checked("disk", "good", Some(checked.clone()));
    assert_eq!(world.check_of_newest("disk"), Some(checked.clone()));
    // Deposited without one, by whichever home: it is the name's, and was not run for the new one.
    let second = world.deposit_checked("disk", "bad", None);
    assert_eq!(world.check_of_newest("disk"), Some(not_run.clone()));
    let command = world.home().check_of("disk").unwrap();
    assert_eq!(command.as_deref(), Some("grep -qx good"));
    // The run is still that of the one it was run for.
    let secrets = world.home().secrets().unwrap();
    let of_first = secrets.iter().find(|secret| secret.serial == first);
    assert_eq!(of_first.unwrap().check, Some(checked.clone()));

    let failed = CheckRun {
        opens: false,
        ..run
    };
    let mut home = world.home();
    home.record_check(second, "grep -qx good", failed).unwrap();
    drop(home);
    assert_eq!(world.check_of_newest("disk").unwrap().run, Some(failed));
    // Through a sync, a restoring and another machine's deposit it stays.
    let backup = world.back_up("backup");
    let third = world.deposit_secret_at(HOME, "disk", "other");
    world.restore(&backup);
    world.accept_at(HOME);
    world.sync_at(HOME).unwrap();
    assert_eq!(world.newest(HOME, "disk"), [third]);
    assert_eq!(world.check_of_newest("disk"), Some(not_run));

    world.home().forget_check("disk").unwrap();
    assert_eq!(world.check_of_newest("disk"), None);
    world.deposit_checked("disk", "again", None);
    assert_eq!(world.check_of_newest("disk"), None);
    assert_eq!(world.home().check_of("disk").unwrap(), None);
}

//! Entries that the authority can't read: each costs itself and what rests on it, is told, and is read once it is mended.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use strongroom_authority::Extent;
use strongroom_client::ConnectError;
use strongroom_client::connection::ExchangeError;
use strongroom_client::recover::Wanted;
use strongroom_client::status::Doubt;
use strongroom_client::sync::give_back_all;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::statement::{Particulars, SignedStatement};
use strongroom_protocol::{Authority, Select};
use strongroom_testkit::{Trick, listed, submit};

use crate::fixture::{HOME, World, inspect, parts};
use crate::hostile::lying;
use crate::liar::Liar;

impl World {
    fn store(&self) -> Connection {
        Connection::open(self.path("authority/store.db")).unwrap()
    }

    /// Damages an entry; returns what stood there.
    pub(crate) fn damage(&self, entry: u64) -> Vec<u8> {
        let store = self.store();
        let entry = entry.cast_signed();
        let sql = "SELECT statement FROM entry WHERE idx = ?1";
        let statement = store.query_row(sql, (entry,), |row| row.get(0)).unwrap();
        self.put(entry, b"gone");
        statement
    }

    pub(crate) fn put(&self, entry: i64, statement: &[u8]) {
        let sql = "UPDATE entry SET statement = ?2 WHERE idx = ?1";
        let changed = self.store().execute(sql, (entry, statement)).unwrap();
        assert_eq!(changed, 1);
    }

    fn doubt_at(&mut self, home: &str, file: &Path) -> Option<Doubt> {
        let status = self.with_client_at(home, |client| inspect(client, file));
        status.unwrap().doubt
    }

    fn unread(&self, home: &str) -> u64 {
        self.home_at(home).unread_count().unwrap()
    }

    /// A file that this home encrypted while another program deposited: its receipt is ahead of what the home has read.
    fn encrypt_ahead(&mut self) -> (PathBuf, u64) {
        let device = self.device_at(HOME);
        let owner = self.identities(&self.home()).recipient().unwrap();
        let session = self.session_of(HOME);
        let between = self.deposit_signed_by(&device, 1);
        let path = self.path("ahead.age");
        let target = path.clone();
        let source = self.path("ahead");
        std::fs::write(&source, "dear reader").unwrap();
        self.with_authority(&session, |client| {
            submit(&session, &between);
            let spares = client.deposit(&owner, &[], vec![Particulars::default()]);
            let spare = spares.unwrap().pop().unwrap();
            let options = strongroom_client::encrypt::EncryptOptions::new(&owner);
            let encrypted = spare
                .encrypt(
                    strongroom_client::encrypt::Source::File(source),
                    strongroom_client::encrypt::Target::File(
                        target,
                        strongroom_files::output::Overwrite::Refuse,
                    ),
                    &options,
                    &mut |_| {},
                    client.rng(),
                )
                .unwrap();
            client.record_written(&encrypted).unwrap();
        })
        .unwrap();
        let header = parts(&path).0;
        let serial = self.home().matched(&header).unwrap().unwrap().serial;
        let entry = self.home().deposit(serial).unwrap().unwrap().entry.unwrap();
        assert!(self.contents(HOME).read < entry.cast_signed());
        (path, entry)
    }
}

#[test]
fn a_deposit_that_the_authority_can_not_read_is_told_and_the_others_are_there() {
    let mut world = World::new();
    let before = world.encrypt("before", "1");
    let (file, entry) = world.encrypt_ahead();
    let device = world.device_at(HOME);
    let behind = world.deposit_signed_by(&device, 1);
    submit(&world.session_of(HOME), &behind);
    let statement = world.damage(entry);

    assert_eq!(world.doubt_at(HOME, &file), Some(Doubt::Unreadable));
    assert_eq!(world.doubt_at(HOME, &before), None);
    assert_eq!(world.unread(HOME), 1);
    let contents = world.contents(HOME);
    // Before, between, the damaged one with its receipt, behind.
    assert_eq!(contents.deposits.len(), 4);
    // The home has what was damaged, and sends it: it stands where it stood.
    let synced = world.sync_at(HOME).unwrap();
    assert_eq!((synced.unread, synced.mended, synced.sent), (0, 1, 0));
    assert_eq!(world.doubt_at(HOME, &file), None);
    assert_eq!(world.damage(entry), statement);
    // What was read once is asked for again, and found damaged.
    assert_eq!(world.doubt_at(HOME, &file), Some(Doubt::Unreadable));
    assert_eq!(world.doubt_at(HOME, &before), None);
    let synced = world.sync_at(HOME).unwrap();
    assert_eq!((synced.unread, synced.mended, synced.sent), (0, 1, 0));
    let synced = world.sync_at(HOME).unwrap();
    assert_eq!((synced.unread, synced.mended, synced.sent), (0, 0, 0));
    assert_eq!(world.unread(HOME), 0);
}

/// Everything that can stand in an owner's part of the log, and a home from the beginning that has read none of it.
fn eventful() -> World {
    let mut world = World::new();
    world.copy_home(HOME, "early");
    world.encrypt("letter", "dear reader");
    world.deposit_secret_at(HOME, "door", "rose");
    world.service(30).make_rsa_key(2048).unwrap();
    world.rejoin("second");
    world.recover_at("second", &Wanted::Everything).unwrap();
    world.deposit_secret_at("second", "door", "lily");
    world
        .service(31)
        .check(Extent::All, &mut |_, _| {})
        .unwrap();
    world.deposit_secret_at(HOME, "door", "tulip");
    world.with_client_at(HOME, |_| ()).unwrap();
    world
}

#[test]
fn whichever_entry_is_damaged_the_home_connects_and_has_all_once_it_is_mended() {
    let mut world = eventful();
    let whole = world.contents(HOME);
    // Without its founding an authority is none.
    let size = listed(&world.operator(), Select::Owner(world.owner)).len() as u64;
    for entry in 1..size {
        let trial = format!("trial {entry}");
        world.copy_home("early", &trial);
        let statement = world.damage(entry);
        let mut connected = world.with_client_at(&trial, |_| ());
        if entry == 1 {
            // Without their enrolment nobody is shown anything as its owner, who has it.
            assert!(connected.is_err());
            let session = world.session_of(&trial);
            let given_back = give_back_all(&world.home_at(&trial), &session);
            assert_eq!(given_back.unwrap(), 1);
            connected = world.with_client_at(&trial, |_| ());
            assert_eq!(world.contents(&trial), whole);
            connected.unwrap();
            continue;
        }
        assert!(connected.is_ok(), "entry {entry}: {connected:?}");
        let contents = world.contents(&trial);
        assert_eq!(contents.read, whole.read);
        let missing = world.unread(&trial);
        assert!(missing >= 1, "entry {entry}");
        let there = whole.entries.len() as u64 - missing;
        assert_eq!(contents.entries.len() as u64, there, "entry {entry}");
        // Nothing changes while it is damaged.
        world.sync_at(&trial).unwrap();
        assert_eq!(world.contents(&trial), contents, "entry {entry}");
        world.put(entry.cast_signed(), &statement);
        let synced = world.sync_at(&trial).unwrap();
        assert_eq!((synced.unread, synced.sent), (0, 0), "entry {entry}");
        assert_eq!(world.contents(&trial), whole, "entry {entry}");
    }
}

#[test]
fn what_is_read_late_is_as_what_came_behind_it_says() {
    let mut world = World::new();
    world.service(40).seal(&world.code).unwrap();
    world.copy_home(HOME, "early");
    let file = world.encrypt("letter", "dear reader");
    world.encrypt("other", "dear other");
    let code = RecoveryCode::parse(&world.code.to_text()).unwrap();
    let unlocked = world.service(41);
    unlocked.unlock(&code).unwrap();
    unlocked.check(Extent::All, &mut |_, _| {}).unwrap();
    let header = parts(&file).0;
    let serial = world.home().matched(&header).unwrap().unwrap().serial;
    let entry = world.home().deposit(serial).unwrap().unwrap().entry;
    let statement = world.damage(entry.unwrap());
    world.with_client_at("early", |_| ()).unwrap();
    assert_eq!(world.home_at("early").verified_count().unwrap(), 1);
    world.put(entry.unwrap().cast_signed(), &statement);
    world.sync_at("early").unwrap();
    world.with_client_at(HOME, |_| ()).unwrap();
    assert_eq!(world.home_at("early").verified_count().unwrap(), 2);
    assert_eq!(world.contents("early"), world.contents(HOME));
}

#[test]
fn what_is_false_is_refused_whatever_is_damaged_beside_it() {
    let mut world = eventful();
    let device = world.device_at(HOME);
    let deposit = world.deposit_signed_by(&device, 1);
    let entry = submit(&world.session_of(HOME), &deposit).index();
    world.damage(entry);
    let stranger = SigningKey::from_seed(&[9; 32]);
    // In the authority's name, by somebody else: no entry that could not be read would make this true.
    let checked = world
        .service(32)
        .check(Extent::All, &mut |_, _| {})
        .unwrap()
        .checked;
    let forged = SignedStatement::sign(checked, &stranger);
    let trick = Trick::ListingWithStrangers(vec![forged]);
    let liar = lying(&mut world, trick);
    let refused = world.with_authority(&liar, |_| ()).unwrap_err();
    assert!(
        matches!(refused, ConnectError::Exchange(ExchangeError::Wrong { .. })),
        "{refused:?}"
    );
}

#[test]
fn what_a_stranger_signed_is_not_taken_because_something_could_not_be_read() {
    let mut world = eventful();
    let device = world.device_at(HOME);
    let deposit = world.deposit_signed_by(&device, 1);
    let entry = submit(&world.session_of(HOME), &deposit).index();
    let stranger = SigningKey::from_seed(&[9; 32]);
    let forged = world.deposit_signed_by(&stranger, 1);
    let trick = Trick::ListingWithStrangers(vec![forged]);
    let before = world.contents(HOME);
    // The authority calls an entry damaged, so that it might have made the stranger a device.
    let liar = Liar::before(lying(&mut world, trick)).entries(move |lying, select, from| {
        let mut page = lying.entries(select, from)?;
        page.items.retain(|item| item.receipt.index() != entry);
        page.damaged = vec![entry];
        Ok(page)
    });
    let liar: &dyn Authority = &liar;
    // It has put it into its log, and shows it.
    let log = liar.entries(Select::Owner(world.owner), before.read.cast_unsigned());
    assert_eq!(log.unwrap().items.len(), 1);
    world.with_authority(liar, |_| ()).unwrap();
    let after = world.contents(HOME);
    assert_eq!(after.deposits, before.deposits);
    assert_eq!(after.devices, before.devices);
    assert_eq!(world.unread(HOME), 2);
}

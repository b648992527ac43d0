//! What is done about rewrites that were interrupted, and about journals that somebody planted.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use strongroom_agefile::{FileKey, Header, Identity, KeyType};
use strongroom_client::file::rewrite::Foreign;
use strongroom_client::recover::Wanted;
use strongroom_client::rewrap::Repair;
use strongroom_protocol::id::Clock;
use strongroom_testkit::TestRng;

use crate::fixture::{World, parts};

/// A file with its header before and after a rewrite.
struct Rewritten {
    world: World,
    file: PathBuf,
    old: Vec<u8>,
    new: Vec<u8>,
    payload: Vec<u8>,
}

impl Rewritten {
    fn new() -> Self {
        let mut world = World::new();
        let file = world.encrypt("letter", "dear reader");
        world.lose_identity();
        world.recover(&Wanted::Everything).unwrap();
        let (old, payload) = parts(&file);
        world.rewrap(&file).unwrap();
        let (new, _) = parts(&file);
        Self {
            world,
            file,
            old: old.as_bytes().to_vec(),
            new: new.as_bytes().to_vec(),
            payload,
        }
    }

    /// Lets the disk hold this header, as a crash may leave it.
    fn crash_with(&self, header: &[u8]) {
        fs::write(&self.file, [header, &self.payload].concat()).unwrap();
    }

    /// Puts a record into the journal, as a command that was killed leaves it, or an attacker.
    fn record(&self, new: &[u8]) {
        let metadata = fs::symlink_metadata(&self.file).unwrap();
        let database = rusqlite::Connection::open(self.world.path("home/home.db")).unwrap();
        database
            .execute(
                "INSERT INTO rewrite (path, device, inode, length, old, new) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    self.file.canonicalize().unwrap().as_os_str().as_bytes(),
                    metadata.dev().cast_signed(),
                    metadata.ino().cast_signed(),
                    i64::try_from(self.old.len() + self.payload.len()).unwrap(),
                    &self.old,
                    new,
                ),
            )
            .unwrap();
    }

    /// A header of the same length with another session key, for the owner.
    fn planted(&mut self) -> Vec<u8> {
        let home = self.world.home();
        let owner = self.world.identities(&home).recipient().unwrap();
        drop(home);
        let key = FileKey::generate(&mut self.world.rng);
        let pointer = parts(&self.file).0.stanzas()[1].clone();
        let stanzas = vec![owner.wrap(&key, &mut self.world.rng), pointer];
        let planted = Header::seal(stanzas, &key).unwrap();
        assert_eq!(planted.as_bytes().len(), self.old.len());
        planted.as_bytes().to_vec()
    }

    /// Puts into the record which deposit it is of, as a command that rewrites does.
    fn name_serial(&self) {
        let serial = self.world.home().released_serials().unwrap()[0];
        let database = rusqlite::Connection::open(self.world.path("home/home.db")).unwrap();
        let named = database.execute("UPDATE rewrite SET serial = ?1", (serial.as_bytes(),));
        assert_eq!(named.unwrap(), 1);
    }

    fn repair(&self) -> Vec<Repair> {
        let mut home = self.world.home();
        let identities = self.world.identities(&home);
        let repaired = home.repair(&identities).unwrap();
        assert!(home.interrupted().unwrap().is_empty());
        repaired
            .into_iter()
            .map(|repaired| repaired.repair.unwrap())
            .collect()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap()
    }
}

#[test]
fn a_rewrite_is_finished_whatever_part_of_it_reached_the_disk() {
    let rewritten = Rewritten::new();
    let half = rewritten.old.len() / 2;
    let torn = [&rewritten.new[..half], &rewritten.old[half..]].concat();
    let sectors = [&rewritten.old[..512], &rewritten.new[512..]].concat();
    for header in [&rewritten.old, &rewritten.new, &torn, &sectors] {
        rewritten.crash_with(header);
        rewritten.record(&rewritten.new);
        assert_eq!(rewritten.repair(), [Repair::Finished]);
        let text = rewritten.world.decrypt(&rewritten.file);
        assert_eq!(text.unwrap(), "dear reader");
    }
    assert_eq!(rewritten.repair(), []);
}

#[test]
fn a_planted_record_that_would_give_the_file_to_another_key_does_nothing() {
    let mut rewritten = Rewritten::new();
    rewritten.crash_with(&rewritten.old);
    let thief = Identity::generate(KeyType::Hybrid, &mut rewritten.world.rng).recipient();
    let key = FileKey::generate(&mut rewritten.world.rng);
    let pointer = parts(&rewritten.file).0.stanzas()[1].clone();
    let stanzas = vec![thief.wrap(&key, &mut rewritten.world.rng), pointer];
    let planted = Header::seal(stanzas, &key).unwrap();
    assert_eq!(planted.as_bytes().len(), rewritten.old.len());
    let before = rewritten.bytes();
    rewritten.record(planted.as_bytes());
    assert_eq!(rewritten.repair(), [Repair::NotOurs]);
    assert_eq!(rewritten.bytes(), before);
}

/// Planted: a session key of the attacker's own, wrapped to the owner's public key. The header opens for the owner, and the
/// payload does not.
#[test]
fn a_planted_record_with_another_session_key_for_the_owner_does_nothing() {
    let mut rewritten = Rewritten::new();
    rewritten.crash_with(&rewritten.old);
    let planted = rewritten.planted();
    let before = rewritten.bytes();
    rewritten.record(&planted);
    assert_eq!(rewritten.repair(), [Repair::NotOurs]);
    assert_eq!(rewritten.bytes(), before);
}

/// Nor does it help to plant an old header that makes the file's own seem torn, or one that the planted key is right for.
#[test]
fn a_planted_record_with_another_old_header_does_nothing() {
    let mut rewritten = Rewritten::new();
    let header = rewritten.old.clone();
    rewritten.crash_with(&header);
    let planted = rewritten.planted();
    let before = rewritten.bytes();
    // Whatever the planted header lacks of the file's.
    rewritten.old = std::iter::zip(&header, &planted)
        .map(|(there, planted)| if there == planted { b'?' } else { *there })
        .collect();
    rewritten.record(&planted);
    let mut home = rewritten.world.home();
    let identities = rewritten.world.identities(&home);
    let repaired = home.repair(&identities).unwrap();
    assert_eq!(*repaired[0].repair.as_ref().unwrap(), Repair::NoKey);
    assert_eq!(rewritten.bytes(), before);
}

/// Where the header is torn, the payload says whose key it is; where both headers are, the payload may be damaged.
#[test]
fn a_torn_header_is_finished_by_the_payload_and_a_whole_one_by_itself() {
    let rewritten = Rewritten::new();
    let half = rewritten.old.len() / 2;
    let torn = [&rewritten.new[..half], &rewritten.old[half..]].concat();
    let mut damaged = rewritten.payload.clone();
    damaged[20] ^= 1;
    fs::write(&rewritten.file, [&rewritten.old[..], &damaged].concat()).unwrap();
    rewritten.record(&rewritten.new);
    assert_eq!(rewritten.repair(), [Repair::Finished]);
    assert_eq!(rewritten.bytes(), [&rewritten.new[..], &damaged].concat());

    fs::write(&rewritten.file, [&torn[..], &damaged].concat()).unwrap();
    rewritten.record(&rewritten.new);
    let mut home = rewritten.world.home();
    let identities = rewritten.world.identities(&home);
    let repaired = home.repair(&identities).unwrap();
    assert_eq!(*repaired[0].repair.as_ref().unwrap(), Repair::NoKey);
    assert_eq!(home.interrupted().unwrap().len(), 1, "the record stays");
}

#[test]
fn a_planted_record_with_a_header_whose_mac_is_wrong_does_nothing() {
    let rewritten = Rewritten::new();
    rewritten.crash_with(&rewritten.old);
    let mut planted = rewritten.new.clone();
    let mac = planted.len() - 10;
    planted[mac] = if planted[mac] == b'A' { b'B' } else { b'A' };
    let before = rewritten.bytes();
    rewritten.record(&planted);
    assert_eq!(rewritten.repair(), [Repair::NotOurs]);
    assert_eq!(rewritten.bytes(), before);
}

#[test]
fn a_record_of_a_file_that_is_another_now_does_nothing() {
    let rewritten = Rewritten::new();
    let other = vec![b'x'; rewritten.old.len() + rewritten.payload.len()];
    fs::write(&rewritten.file, &other).unwrap();
    rewritten.record(&rewritten.new);
    assert_eq!(rewritten.repair(), [Repair::Foreign(Foreign::Header)]);
    assert_eq!(rewritten.bytes(), other);

    rewritten.crash_with(&rewritten.old);
    rewritten.record(&rewritten.new);
    let moved = rewritten.world.path("moved.age");
    fs::rename(&rewritten.file, &moved).unwrap();
    symlink(&moved, &rewritten.file).unwrap();
    let before = fs::read(&moved).unwrap();
    assert_eq!(rewritten.repair(), [Repair::Foreign(Foreign::SymbolicLink)]);
    assert_eq!(fs::read(&moved).unwrap(), before);
}

#[test]
fn a_torn_header_is_mended_even_if_its_new_key_is_lost_too() {
    let mut rewritten = Rewritten::new();
    let half = rewritten.old.len() / 2;
    let torn = [&rewritten.new[..half], &rewritten.old[half..]].concat();
    rewritten.crash_with(&torn);
    rewritten.record(&rewritten.new);
    rewritten.world.lose_identity();
    let (clock, mut rng) = (rewritten.world.clock.clone(), TestRng::new(40));
    let mut home = rewritten.world.home();
    home.ensure_identity(KeyType::Hybrid, clock.now(), &mut rng)
        .unwrap();
    drop(home);
    // What was released before is for the record's serial, and this record has none: it waits.
    let mut home = rewritten.world.home();
    let identities = rewritten.world.identities(&home);
    let repaired = home.repair(&identities).unwrap();
    assert_eq!(*repaired[0].repair.as_ref().unwrap(), Repair::NoKey);
    assert_eq!(home.interrupted().unwrap().len(), 1);
    drop(home);
    rewritten.name_serial();
    assert_eq!(rewritten.repair(), [Repair::Finished]);
    rewritten.world.rewrap(&rewritten.file).unwrap();
    let text = rewritten.world.decrypt(&rewritten.file);
    assert_eq!(text.unwrap(), "dear reader");
}

#[test]
fn a_torn_header_on_a_disk_that_is_away_is_mended_when_it_is_back() {
    let rewritten = Rewritten::new();
    let half = rewritten.old.len() / 2;
    rewritten.crash_with(&[&rewritten.new[..half], &rewritten.old[half..]].concat());
    rewritten.record(&rewritten.new);
    let away = rewritten.world.path("away");
    fs::rename(&rewritten.file, &away).unwrap();
    let mut home = rewritten.world.home();
    let identities = rewritten.world.identities(&home);
    let repaired = home.repair(&identities).unwrap();
    assert_eq!(*repaired[0].repair.as_ref().unwrap(), Repair::Missing);
    drop(home);
    fs::rename(&away, &rewritten.file).unwrap();
    assert_eq!(rewritten.repair(), [Repair::Finished]);
    let text = rewritten.world.decrypt(&rewritten.file);
    assert_eq!(text.unwrap(), "dear reader");
}

#[test]
fn a_file_that_can_not_be_read_keeps_no_other_from_its_repair() {
    let rewritten = Rewritten::new();
    rewritten.record(&rewritten.new);
    let database = rusqlite::Connection::open(rewritten.world.path("home/home.db")).unwrap();
    let unreadable = format!("/{}", "x".repeat(300));
    database
        .execute("UPDATE rewrite SET path = ?1", (unreadable.as_bytes(),))
        .unwrap();
    rewritten.crash_with(&rewritten.old);
    rewritten.record(&rewritten.new);
    let mut home = rewritten.world.home();
    let identities = rewritten.world.identities(&home);
    let repaired = home.repair(&identities).unwrap();
    assert_eq!(repaired.len(), 2);
    for repaired in repaired {
        let finished = repaired.path == rewritten.file.canonicalize().unwrap();
        assert_eq!(repaired.repair.is_ok(), finished, "{repaired:?}");
    }
    assert_eq!(home.interrupted().unwrap().len(), 1);
}

//! Files that others encrypted get a spare: what changes in them, what does not, and how each comes back.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use strongroom_agefile::armor::ArmoredWriter;
use strongroom_agefile::{
    FileKey, Header, Identity, KeyType, Passphrase, PassphraseIdentity, Recipient, Stanza,
    WorkFactor, identity_file, payload, wrap_to,
};
use strongroom_authority::Caller;
use strongroom_client::Pointer;
use strongroom_client::home::Identities;
use strongroom_client::protect::{Job, ProtectError, ProtectOptions, Protected, Standing, Watch};
use strongroom_client::recover::Wanted;
use strongroom_client::rewrap::{How, RewrapError};
use strongroom_client::status::{FileStatus, read_header};
use strongroom_protocol::id::{AuthorityId, Digest, Serial};
use strongroom_protocol::statement::Particulars;
use strongroom_testkit::TestRng;
use zeroize::Zeroizing;

use crate::fixture::{HOME, World, inspect, parts, tamper};

/// What became of each file, in the order that it was told.
#[derive(Default)]
struct Told {
    results: Vec<(usize, Result<Protected, ProtectError>)>,
    /// Stop dead while the copy of this one is made.
    stop_at: Option<usize>,
}

impl Watch for Told {
    fn progress(&mut self, job: usize, _: u64, _: u64) {
        assert_ne!(Some(job), self.stop_at, "killed");
    }

    fn done(&mut self, job: usize, result: Result<Protected, ProtectError>) {
        self.results.push((job, result));
    }
}

impl World {
    fn owner(&self) -> Recipient {
        self.identities(&self.home()).recipient().unwrap()
    }

    /// A file as any age program makes it, with these stanzas.
    fn age_file(&mut self, name: &str, text: &str, stanzas: &[Stanza], key: &FileKey) -> PathBuf {
        let path = self.path(name);
        let header = Header::seal(stanzas.to_vec(), key).unwrap();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(sealed(key, text));
        fs::write(&path, bytes).unwrap();
        path
    }

    fn age_file_for(&mut self, name: &str, text: &str, recipients: &[Recipient]) -> PathBuf {
        let key = FileKey::generate(&mut self.rng);
        let stanzas = wrap_to(recipients, &key, &mut self.rng).unwrap();
        self.age_file(name, text, &stanzas, &key)
    }

    fn own_age_file(&mut self, name: &str, text: &str) -> PathBuf {
        let owner = self.owner();
        self.age_file_for(name, text, &[owner])
    }

    fn passphrase_file(&mut self, name: &str, text: &str) -> PathBuf {
        let key = FileKey::generate(&mut self.rng);
        let work_factor = WorkFactor::from_log_n(2).unwrap();
        let stanza = passphrase("open")
            .wrap(&key, work_factor, &mut self.rng)
            .unwrap();
        self.age_file(name, text, &[stanza], &key)
    }

    fn protect_with(
        &mut self,
        paths: &[PathBuf],
        others: &[Identities],
        detached: bool,
        told: &mut Told,
    ) {
        let home = self.home();
        let identities = home.has_identity().unwrap().then(|| self.identities(&home));
        drop(home);
        let options = ProtectOptions {
            identities: identities.as_ref(),
            others,
            detached,
        };
        let jobs = paths.iter().map(|path| Job {
            path: path.clone(),
            particulars: Particulars::default(),
        });
        let jobs: Vec<Job> = jobs.collect();
        let ask = &mut |_: &Path| Ok(PassphraseIdentity::new(passphrase("open")));
        self.with_client(|client| client.protect(jobs, &options, ask, told))
            .unwrap()
            .unwrap();
    }

    fn protect(&mut self, paths: &[PathBuf], detached: bool) -> Vec<Protected> {
        let mut told = Told::default();
        self.protect_with(paths, &[], detached, &mut told);
        told.results.sort_by_key(|(job, _)| *job);
        let results = told.results.into_iter();
        results.map(|(_, result)| result.unwrap()).collect()
    }

    fn protect_one(&mut self, path: &Path, detached: bool) -> Protected {
        self.protect(&[path.to_path_buf()], detached).pop().unwrap()
    }

    fn refused(&mut self, path: &Path) -> ProtectError {
        let before = (fs::read(path).unwrap(), self.deposits());
        let mut told = Told::default();
        self.protect_with(&[path.to_path_buf()], &[], false, &mut told);
        assert_eq!(before, (fs::read(path).unwrap(), self.deposits()));
        told.results.pop().unwrap().1.unwrap_err()
    }

    fn deposits(&self) -> u64 {
        self.home().deposits_count().unwrap()
    }

    fn status(&mut self, path: &Path) -> FileStatus {
        self.with_client(|client| inspect(client, path)).unwrap()
    }

    #[track_caller]
    fn is_protected(&mut self, path: &Path, detached: bool) {
        let status = self.status(path);
        assert!(status.is_protected(true), "{status:?}");
        assert_eq!(status.detached, detached, "{status:?}");
    }

    /// Loses the home altogether and makes it again from what is on the sheet.
    fn lose_home(&mut self) {
        fs::remove_dir_all(self.path(HOME)).unwrap();
        self.rejoin(HOME);
    }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
}

fn sealed(key: &FileKey, text: &str) -> Vec<u8> {
    let digest = Digest::of(&[text.as_bytes()]);
    let nonce = *digest.as_bytes().first_chunk().unwrap();
    let mut bytes = Vec::new();
    let one = std::num::NonZeroUsize::MIN;
    payload::seal(key, nonce, text.as_bytes(), &mut bytes, one, &mut |_| {}).unwrap();
    bytes
}

fn pointers(header: &Header) -> Vec<Pointer> {
    let stanzas = header.stanzas().iter();
    stanzas.filter_map(Pointer::from_stanza).collect()
}

#[test]
fn a_pointer_is_put_in_last_and_all_else_of_the_file_stays() {
    let mut world = World::new();
    let colleague = Identity::generate(KeyType::Hybrid, &mut world.rng);
    let file = world.age_file_for("a.age", "to both", &[colleague.recipient(), world.owner()]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let (before, payload) = parts(&file);
    let protected = world.protect_one(&file, false);
    assert_eq!(protected.before, Standing::Bare);
    let (after, same_payload) = parts(&file);
    assert_eq!(payload, same_payload);
    let (pointer, stanzas) = after.stanzas().split_last().unwrap();
    assert_eq!(stanzas, before.stanzas());
    let (authority, serial) = (world.authority, protected.spare.serial);
    assert_eq!(*pointer, Pointer { authority, serial }.to_stanza());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(after.unwrap(&[&colleague]).is_ok());
    assert_eq!(world.decrypt(&file).unwrap(), "to both");
    world.is_protected(&file, false);

    // The owner's stanza is known to be the second, so that the colleague's is not the one replaced.
    world.lose_identity();
    let serials = Wanted::Serials(vec![protected.spare.serial]);
    assert_eq!(world.recover(&serials).unwrap().keys, 1);
    assert_eq!(world.rewrap(&file).unwrap(), How::InPlace);
    assert_eq!(parts(&file).0.stanzas()[0], before.stanzas()[0]);
    assert_eq!(world.decrypt(&file).unwrap(), "to both");
    world.is_protected(&file, false);
}

#[test]
fn a_file_that_has_its_spare_is_passed_over() {
    let mut world = World::new();
    let (ours, theirs) = (world.encrypt("ours", "1"), world.own_age_file("b.age", "2"));
    let silent = world.own_age_file("c.age", "3");
    world.protect_one(&theirs, false);
    let serial = world.protect_one(&silent, true).spare.serial;
    let files = [ours, theirs, silent];
    let bytes = files.clone().map(|file| fs::read(file).unwrap());
    let deposits = world.deposits();
    for detached in [false, true] {
        for protected in world.protect(&files, detached) {
            assert!(matches!(protected.before, Standing::Spared { .. }));
            assert_eq!(protected.detached, protected.spare.serial == serial);
        }
    }
    assert_eq!(world.deposits(), deposits);
    assert_eq!(files.map(|file| fs::read(file).unwrap()), bytes);
}

#[test]
fn an_armored_file_stays_text() {
    let mut world = World::new();
    let key = FileKey::generate(&mut world.rng);
    let stanza = world.owner().wrap(&key, &mut world.rng);
    let header = Header::seal(vec![stanza], &key).unwrap();
    let mut armored = ArmoredWriter::new(Vec::new());
    armored.write_all(header.as_bytes()).unwrap();
    armored.write_all(&sealed(&key, "text")).unwrap();
    let file = world.path("a.age");
    fs::write(&file, armored.finish().unwrap()).unwrap();
    world.protect_one(&file, false);
    assert!(fs::read_to_string(&file).unwrap().starts_with("-----BEGIN"));
    assert_eq!(pointers(&read_header(&file).unwrap()).len(), 1);
    assert_eq!(world.decrypt(&file).unwrap(), "text");
    world.is_protected(&file, false);
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    world.rewrap(&file).unwrap();
    assert_eq!(world.decrypt(&file).unwrap(), "text");
}

#[test]
fn a_detached_spare_changes_no_byte_and_comes_back_by_its_serial() {
    let mut world = World::new();
    let file = world.own_age_file("a.age", "on a disc");
    let before = fs::read(&file).unwrap();
    let protected = world.protect_one(&file, true);
    assert!(protected.detached);
    assert!(fs::read(&file).unwrap() == before);
    world.is_protected(&file, true);
    world.lose_identity();
    // Its header says nothing: this home knows the serial, and asks for it alone.
    world.recover(&Wanted::Serials(Vec::new())).unwrap_err();
    let identity = |world: &mut World| {
        let collected = world.recover(&Wanted::Serials(vec![protected.spare.serial]));
        assert_eq!(collected.unwrap().keys, 1);
    };
    identity(&mut world);
    let copy = world.path("copy.age");
    world.rewrap_to(&file, Some(copy.clone())).unwrap();
    assert!(fs::read(&file).unwrap() == before);
    for file in [copy, file] {
        world.rewrap(&file).unwrap();
        assert_eq!(world.decrypt(&file).unwrap(), "on a disc");
        // The header changed in any case, and says now where its spare is.
        world.is_protected(&file, false);
    }
}

#[test]
fn without_key_at_hand_the_home_names_the_serial_of_a_detached_spare() {
    let mut world = World::new();
    let file = world.own_age_file("a.age", "on a disc");
    let silent = world.passphrase_file("b.age", "with a passphrase");
    let unknown = world.own_age_file("c.age", "nobody's");
    let serials: Vec<Serial> = [&file, &silent]
        .map(|file| world.protect_one(file, true).spare.serial)
        .to_vec();
    world.lose_identity();
    let rng = &mut TestRng::new(77);
    let now = strongroom_protocol::id::Clock::now(&*world.clock);
    world
        .home()
        .ensure_identity(KeyType::Hybrid, now, rng)
        .unwrap();
    let named = |error| match error {
        Err(RewrapError::NoKey { serial }) => serial,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(world.rewrap(&file)), Some(serials[0]));
    assert_eq!(named(world.rewrap(&silent)), Some(serials[1]));
    assert_eq!(named(world.rewrap(&unknown)), None);
    let unknown = world.passphrase_file("d.age", "nobody's");
    assert!(matches!(
        world.rewrap(&unknown),
        Err(RewrapError::Passphrase)
    ));
}

#[test]
fn a_lost_home_finds_detached_spares_by_what_they_are_labelled_with() {
    let mut world = World::new();
    let files = [
        world.own_age_file("a.age", "1"),
        world.own_age_file("b.age", "2"),
        world.passphrase_file("c.age", "3"),
    ];
    let protected = world.protect(&files, true);
    let headers = files.clone().map(|file| parts(&file).0);
    world.lose_home();
    world.recover(&Wanted::Everything).unwrap();
    let authority = world.authority;
    let home = world.home();
    for (header, protected) in headers.iter().zip(&protected) {
        let serials = home.serials_of(header, Some(authority)).unwrap();
        assert_eq!(serials, [protected.spare.serial]);
    }
    drop(home);
    // The label is a claim: nothing shows as protected before the key was seen to be the file's.
    let status = world.status(&files[0]);
    assert!(status.detached && !status.is_protected(true), "{status:?}");
    for (file, text) in files.iter().zip(["1", "2", "3"]) {
        world.rewrap(file).unwrap();
        assert_eq!(world.decrypt(file).unwrap(), text);
        world.is_protected(file, false);
    }
}

#[test]
fn a_passphrases_file_stays_as_it_is_and_comes_back_with_a_key_instead() {
    let mut world = World::new();
    let file = world.passphrase_file("a.age", "with a passphrase");
    let before = fs::read(&file).unwrap();
    let protected = world.protect_one(&file, false);
    assert!(protected.detached);
    assert!(fs::read(&file).unwrap() == before);
    world.is_protected(&file, true);
    // The label is the digest of the stanza as it stands in the header.
    let header = parts(&file).0;
    let (stanza, _) = header.as_bytes()["age-encryption.org/v1\n".len()..]
        .split_at(header.stanzas()[0].encoded_len());
    let authority = world.authority;
    let session = world.service(21).session(Caller::Operator);
    let deposited = strongroom_testkit::deposits(&session, world.owner)
        .pop()
        .unwrap();
    assert_eq!(deposited.particulars.header(), Some(Digest::of(&[stanza])));

    world.lose_identity();
    world
        .recover(&Wanted::Serials(vec![protected.spare.serial]))
        .unwrap();
    assert_eq!(world.rewrap(&file).unwrap(), How::Copied);
    let after = parts(&file).0;
    assert!(!after.is_for_passphrase());
    let serial = protected.spare.serial;
    assert_eq!(pointers(&after), [Pointer { authority, serial }]);
    assert_eq!(after.stanzas().len(), 2);
    assert_eq!(world.decrypt(&file).unwrap(), "with a passphrase");
    world.is_protected(&file, false);
}

#[test]
fn a_wrong_passphrase_deposits_nothing() {
    let mut world = World::new();
    let key = FileKey::generate(&mut world.rng);
    let work_factor = WorkFactor::from_log_n(2).unwrap();
    let stanza = passphrase("another")
        .wrap(&key, work_factor, &mut world.rng)
        .unwrap();
    let file = world.age_file("a.age", "text", &[stanza], &key);
    let error = world.refused(&file);
    assert!(matches!(error, ProtectError::WrongPassphrase), "{error:?}");
}

#[test]
fn a_pointer_that_this_home_cannot_vouch_for_is_replaced_by_one_to_a_new_deposit() {
    let mut world = World::new();
    let other = world.encrypt("other", "dear other");
    let theirs = pointers(&parts(&other).0)[0];
    let (authority, owner) = (world.authority, world.owner());
    let stranger = Pointer {
        authority,
        serial: Serial::from_bytes([1; 16]),
    };
    for (pointer, known) in [(theirs, true), (stranger, false)] {
        let key = FileKey::generate(&mut world.rng);
        let stanzas = [owner.wrap(&key, &mut world.rng), pointer.to_stanza()];
        let file = world.age_file("a.age", "dear reader", &stanzas, &key);
        let length = file.metadata().unwrap().len();
        let inode = std::os::unix::fs::MetadataExt::ino(&file.metadata().unwrap());
        assert!(!world.status(&file).is_protected(true));
        let serial = pointer.serial;
        let protected = world.protect_one(&file, false);
        assert_eq!(protected.before, Standing::Doubtful { serial, known });
        let serial = protected.spare.serial;
        assert_eq!(pointers(&parts(&file).0), [Pointer { authority, serial }]);
        // As long as before, and so in place.
        let metadata = file.metadata().unwrap();
        assert_eq!(metadata.len(), length);
        assert_eq!(std::os::unix::fs::MetadataExt::ino(&metadata), inode);
        assert!(world.home().interrupted().unwrap().is_empty());
        world.is_protected(&file, false);
    }
}

#[test]
fn a_detached_spare_of_a_file_that_points_elsewhere_is_the_one_that_counts() {
    let mut world = World::new();
    let key = FileKey::generate(&mut world.rng);
    let authority = world.authority;
    let serial = Serial::from_bytes([1; 16]);
    let pointer = Pointer { authority, serial };
    let stanzas = [
        world.owner().wrap(&key, &mut world.rng),
        pointer.to_stanza(),
    ];
    let file = world.age_file("a.age", "text", &stanzas, &key);
    let protected = world.protect_one(&file, true);
    world.is_protected(&file, true);
    world.lose_identity();
    world
        .recover(&Wanted::Serials(vec![protected.spare.serial]))
        .unwrap();
    world.rewrap(&file).unwrap();
    assert_eq!(world.decrypt(&file).unwrap(), "text");
    let serial = protected.spare.serial;
    assert_eq!(pointers(&parts(&file).0), [Pointer { authority, serial }]);
    world.is_protected(&file, false);
}

#[test]
fn another_authoritys_pointer_stays_beside_ours() {
    let mut world = World::new();
    let key = FileKey::generate(&mut world.rng);
    let elsewhere = Pointer {
        authority: AuthorityId::from_bytes([1; 32]),
        serial: Serial::from_bytes([1; 16]),
    };
    let own = world.owner().wrap(&key, &mut world.rng);
    let file = world.age_file("a.age", "text", &[own, elsewhere.to_stanza()], &key);
    let (authority, serial) = (
        world.authority,
        world.protect_one(&file, false).spare.serial,
    );
    let ours = Pointer { authority, serial };
    assert_eq!(pointers(&parts(&file).0), [elsewhere, ours]);
    world.is_protected(&file, false);
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    world.rewrap(&file).unwrap();
    assert_eq!(pointers(&parts(&file).0), [elsewhere, ours]);
    assert_eq!(world.decrypt(&file).unwrap(), "text");
}

#[test]
fn padding_that_leaves_room_keeps_the_file_where_it_lies() {
    let mut world = World::new();
    let key = FileKey::generate(&mut world.rng);
    let own = world.owner().wrap(&key, &mut world.rng);
    let pad = Stanza::new("strongroom/pad", ["0".repeat(200)], []).unwrap();
    let file = world.age_file("a.age", "text", &[own.clone(), pad], &key);
    let before = file.metadata().unwrap();
    world.protect_one(&file, false);
    let after = file.metadata().unwrap();
    assert_eq!(before.len(), after.len());
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(before.ino(), after.ino());
    let header = parts(&file).0;
    assert_eq!(header.stanzas()[0], own);
    assert_eq!(header.stanzas()[1].tag(), "strongroom/pad");
    assert!(Pointer::from_stanza(&header.stanzas()[2]).is_some());
    assert_eq!(world.decrypt(&file).unwrap(), "text");
    world.is_protected(&file, false);
}

#[test]
fn what_does_not_hold_or_does_not_open_is_not_deposited() {
    let mut world = World::new();
    let altered = world.own_age_file("altered.age", "text");
    tamper(&altered, |stanzas| {
        stanzas.push(Stanza::new("stranger", ["argument"], []).unwrap());
    });
    let error = world.refused(&altered);
    let wrong_mac = strongroom_agefile::UnwrapError::Altered;
    assert!(matches!(error, ProtectError::Unwrap(error) if error == wrong_mac));
    let stranger = Identity::generate(KeyType::Hybrid, &mut world.rng).recipient();
    let foreign = world.age_file_for("foreign.age", "text", &[stranger]);
    assert!(matches!(world.refused(&foreign), ProtectError::Unwrap(_)));
    let plain = world.path("plain");
    fs::write(&plain, "no age file").unwrap();
    assert!(matches!(world.refused(&plain), ProtectError::Header(_)));
    let link = world.path("link.age");
    let file = world.own_age_file("a.age", "text");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert!(matches!(world.refused(&link), ProtectError::Create(_)));
}

#[test]
fn a_file_that_another_identity_opens_is_protected_too() {
    let mut world = World::new();
    let older = Identity::generate(KeyType::X25519, &mut world.rng);
    let file = world.age_file_for("a.age", "text", &[older.recipient()]);
    let path = world.path("older.txt");
    fs::write(&path, &*identity_file::identity_text(&older, "now")).unwrap();
    let others = [Identities::read(&path, &mut |_| panic!("not sealed")).unwrap()];
    let mut told = Told::default();
    world.protect_with(std::slice::from_ref(&file), &others, false, &mut told);
    told.results.pop().unwrap().1.unwrap();
    world.is_protected(&file, false);
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    world.rewrap(&file).unwrap();
    assert_eq!(world.decrypt(&file).unwrap(), "text");
}

#[test]
fn copies_of_a_file_share_a_deposit_and_a_file_named_twice_is_done_once() {
    let mut world = World::new();
    let file = world.own_age_file("a.age", "text");
    let copy = world.path("copy.age");
    fs::copy(&file, &copy).unwrap();
    let protected = world.protect(&[file.clone(), copy.clone(), file.clone()], false);
    assert_eq!(world.deposits(), 1);
    assert!(
        protected
            .iter()
            .all(|each| each.spare.serial == protected[0].spare.serial)
    );
    assert_eq!(fs::read(&file).unwrap(), fs::read(&copy).unwrap());
    world.is_protected(&copy, false);
}

#[test]
fn a_hard_link_keeps_the_old_header() {
    let mut world = World::new();
    let file = world.own_age_file("a.age", "text");
    let link = world.path("link.age");
    fs::hard_link(&file, &link).unwrap();
    let before = fs::read(&link).unwrap();
    world.protect_one(&file, false);
    assert!(fs::read(&link).unwrap() == before);
    world.is_protected(&file, false);
    assert!(!world.status(&link).is_protected(true));
}

#[test]
fn more_files_than_a_statement_takes_are_deposited_in_groups_and_one_that_fails_stops_none() {
    let mut world = World::new();
    let owner = [world.owner()];
    let mut files: Vec<PathBuf> = (0..260)
        .map(|number| world.age_file_for(&format!("{number}.age"), "text", &owner))
        .collect();
    files.insert(3, world.path("missing.age"));
    let mut told = Told::default();
    // Detached, which spares the disk 260 syncs.
    world.protect_with(&files, &[], true, &mut told);
    assert_eq!(told.results.len(), 261);
    let failed: Vec<usize> = told
        .results
        .iter()
        .filter(|(_, result)| result.is_err())
        .map(|(job, _)| *job)
        .collect();
    assert_eq!(failed, [3]);
    assert_eq!(world.deposits(), 260);
    let entries = world
        .with_client(|client| client.home().seen().unwrap().unwrap().checkpoint().size)
        .unwrap();
    // The founding, the enrolment, and two deposits.
    assert_eq!(entries, 4);
}

#[test]
fn what_was_stopped_goes_on_and_leaves_nothing_behind() {
    let mut world = World::new();
    let folder = world.path("folder");
    fs::create_dir(&folder).unwrap();
    let files: Vec<PathBuf> = (0..6)
        .map(|number| world.own_age_file(&format!("folder/{number}.age"), "text"))
        .collect();
    let mut told = Told {
        stop_at: Some(2),
        ..Told::default()
    };
    let killed = catch_unwind(AssertUnwindSafe(|| {
        world.protect_with(&files, &[], false, &mut told);
    }));
    assert!(killed.is_err());
    assert_eq!(world.deposits(), 6);
    // They appear together.
    let protected = world.protect(&files, false);
    let is_spared = |each: &Protected| matches!(each.before, Standing::Spared { .. });
    assert!(!protected.iter().any(is_spared));
    // What was deposited before is named by none.
    assert_eq!(world.deposits(), 12);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 6);
    for file in &files {
        world.is_protected(file, false);
        assert_eq!(world.decrypt(file).unwrap(), "text");
    }
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    for file in &files {
        world.rewrap(file).unwrap();
        assert_eq!(world.decrypt(file).unwrap(), "text");
    }
}

//! Files of CryptoAPI's example programs: receipts before files, journals, and what an authority is not believed.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use strongroom_capi::cipher::Parameters;
use strongroom_capi::file::FileHeader;
use strongroom_capi::{Padding, PrivateKey};
use strongroom_client::capi::decrypt::{
    DecryptError, UnlockError, UnlockedCapiFile, parameters, verify,
};
use strongroom_client::capi::encrypt::{CapiOptions, prepare};
use strongroom_client::capi::rewrap::{self, CapiRewrapOptions};
use strongroom_client::capi::{CipherName, Known, Source as WhoseWord};
use strongroom_client::encrypt::{Job, Source, Target};
use strongroom_client::home::{Home, read_exchange_key};
use strongroom_client::recover::Wanted;
use strongroom_client::rewrap::{How, Repair, RewrapError, Rewrapping};
use strongroom_client::status::{Inspector, SpareState};
use strongroom_files::output::Overwrite;
use strongroom_protocol::statement::Particulars;

use crate::fixture::World;

const TEXT: &[u8] = b"dear reader";

/// A world with an encrypted file, `a.capi`.
struct Scene {
    world: World,
    file: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let (source, file) = (world.path("a"), world.path("a.capi"));
        fs::write(&source, TEXT).unwrap();
        let mut home = world.home();
        let ask = &mut |_: &Path| panic!("the identity is not sealed");
        let (owner, made) = home
            .ensure_exchange_key(Home::EXCHANGE_BITS, ask, &mut world.rng)
            .unwrap();
        assert!(made);
        drop(home);
        let spool = world.path("");
        let options = CapiOptions {
            owner: &owner,
            padding: Padding::Oaep,
            cipher: CipherName::DEFAULT,
            spool: &spool,
        };
        let job = Job {
            source: Source::File(source),
            target: Target::File(file.clone(), Overwrite::Refuse),
            particulars: Particulars::default(),
        };
        let prepared = prepare(job, &options, &mut |_| {}, &mut world.rng).unwrap();
        assert!(!file.exists(), "no file before its receipt");
        let deposited = world
            .with_client(|client| client.deposit_capi(vec![prepared]).unwrap())
            .unwrap();
        assert!(!file.exists());
        deposited.into_iter().next().unwrap().appear().unwrap();
        Self { world, file }
    }

    fn header(&self) -> FileHeader {
        FileHeader::read(&mut fs::File::open(&self.file).unwrap()).unwrap()
    }

    fn header_bytes(&self) -> usize {
        usize::try_from(self.header().bytes()).unwrap()
    }

    fn key(&self) -> PrivateKey {
        let ask = &mut |_: &Path| panic!("the identity is not sealed");
        read_exchange_key(&self.world.path("home"), ask).unwrap()
    }

    fn decrypt(&mut self) -> Result<Vec<u8>, DecryptError> {
        let header = self.header();
        let known = self.world.home().known_capi_file(&header).unwrap().unwrap();
        let key = self.key();
        let padding = known.padding.unwrap();
        let unlocked = UnlockedCapiFile::unlock(
            &header,
            &key,
            padding,
            known.parameters.unwrap(),
            &mut self.world.rng,
        )
        .unwrap();
        let bytes = fs::read(&self.file).unwrap();
        let payload = &bytes[self.header_bytes()..];
        verify(payload, known.payload.unwrap())?;
        let mut text = Vec::new();
        unlocked.decrypt(payload, &mut text, known.payload, &mut |_| {})?;
        Ok(text)
    }

    /// Loses the exchange key and gets the session key back.
    fn recover(&mut self) {
        fs::remove_file(self.world.path("home/exchange.priv")).unwrap();
        self.world.recover(&Wanted::Everything).unwrap();
    }

    fn rewrap(&mut self, bits: usize) -> Result<How, RewrapError> {
        let mut home = self.world.home();
        let ask = &mut |_: &Path| panic!("the identity is not sealed");
        let rng = &mut self.world.rng;
        let ensured = home.recover_exchange_key(bits, ask, rng).unwrap();
        let options = CapiRewrapOptions {
            current: Some(&ensured.key),
            target: ensured.key.public(),
            padding: None,
            output: None,
        };
        let prepared = rewrap::prepare(&mut home, &self.file, &options, rng)?;
        let mut rewrapping = Rewrapping::new();
        let mut told = rewrapping.add_capi(&mut home, prepared, (), rng, &mut |_, _| {});
        told.extend(rewrapping.finish(&mut home));
        let ((), rewrapped) = told.pop().unwrap();
        rewrapped.map(|rewrapped| rewrapped.how)
    }

    fn state(&self) -> Option<SpareState> {
        let home = self.world.home();
        let inspector = Inspector::new(&home, false).unwrap();
        inspector.inspect(&self.file).unwrap().state
    }
}

#[test]
fn a_file_is_recovered_in_place_and_its_payload_is_not_touched() {
    let mut scene = Scene::new();
    assert_eq!(scene.decrypt().unwrap(), TEXT);
    assert_eq!(scene.state(), Some(SpareState::Matched));
    let before = fs::read(&scene.file).unwrap();
    assert_eq!(scene.rewrap(2048).unwrap(), How::Current);
    scene.recover();
    assert_eq!(scene.rewrap(2048).unwrap(), How::InPlace);
    let after = fs::read(&scene.file).unwrap();
    let header = scene.header_bytes();
    assert!(before[..header] != after[..header] && before[header..] == after[header..]);
    assert_eq!(scene.decrypt().unwrap(), TEXT);
    assert_eq!(scene.state(), Some(SpareState::Matched));
}

#[test]
fn a_file_without_a_released_key_says_which_deposit_to_ask_for() {
    let mut scene = Scene::new();
    let known = scene.world.home().known_capi_file(&scene.header()).unwrap();
    let serial = known.unwrap().serial;
    fs::remove_file(scene.world.path("home/exchange.priv")).unwrap();
    let before = fs::read(&scene.file).unwrap();
    let error = scene.rewrap(2048).unwrap_err();
    assert!(matches!(error, RewrapError::NoKey { serial: Some(named) } if named == serial));
    assert_eq!(fs::read(&scene.file).unwrap(), before);
}

#[test]
fn a_header_whose_digest_nobody_signed_is_found_by_its_payload() {
    let mut scene = Scene::new();
    let mut bytes = fs::read(&scene.file).unwrap();
    bytes[40] ^= 1;
    fs::write(&scene.file, &bytes).unwrap();
    assert_eq!(scene.state(), None);
    scene.recover();
    assert_eq!(scene.rewrap(2048).unwrap(), How::InPlace);
    assert_eq!(scene.decrypt().unwrap(), TEXT);
    assert_eq!(scene.state(), Some(SpareState::Matched));
    // With its payload changed as well, nothing says whose it is.
    let mut scene = Scene::new();
    let header = scene.header_bytes();
    let mut bytes = fs::read(&scene.file).unwrap();
    bytes[40] ^= 1;
    bytes[header] ^= 1;
    fs::write(&scene.file, &bytes).unwrap();
    scene.recover();
    let error = scene.rewrap(2048).unwrap_err();
    assert!(matches!(error, RewrapError::NoKey { serial: None }));
}

#[test]
fn a_changed_payload_is_refused_before_and_while_it_is_decrypted() {
    let mut scene = Scene::new();
    let header = scene.header();
    let known = scene
        .world
        .home()
        .known_capi_file(&header)
        .unwrap()
        .unwrap();
    let key = scene.key();
    let unlocked = UnlockedCapiFile::unlock(
        &header,
        &key,
        Padding::Oaep,
        Parameters::default(),
        &mut scene.world.rng,
    )
    .unwrap();
    let mut payload = fs::read(&scene.file)
        .unwrap()
        .split_off(scene.header_bytes());
    payload[0] ^= 1;
    assert!(matches!(
        verify(payload.as_slice(), known.payload.unwrap()),
        Err(DecryptError::Changed)
    ));
    let mut text = Vec::new();
    let decrypted = unlocked.decrypt(payload.as_slice(), &mut text, known.payload, &mut |_| {});
    assert!(matches!(decrypted, Err(DecryptError::Changed)));
    // Too short to end well: that it was changed is what is said.
    payload.truncate(7);
    let decrypted = unlocked.decrypt(payload.as_slice(), &mut text, known.payload, &mut |_| {});
    assert!(matches!(decrypted, Err(DecryptError::Changed)));
    let decrypted = unlocked.decrypt(payload.as_slice(), &mut text, None, &mut |_| {});
    assert!(matches!(decrypted, Err(DecryptError::Cipher(_))));
}

#[test]
fn what_a_deposit_says_is_set_on_a_key_holds_unless_something_else_is_said() {
    let scene = Scene::new();
    let header = scene.header();
    let known = scene
        .world
        .home()
        .known_capi_file(&header)
        .unwrap()
        .unwrap();
    let said: Parameters = "iv=000102030405060708090a0b0c0d0e0f".parse().unwrap();
    let nothing = Parameters::default();
    let deposited = Known {
        parameters: Ok(said),
        ..known
    };
    for (given, known, found) in [
        (None, None, (nothing, WhoseWord::Assumed)),
        (None, Some(known), (nothing, WhoseWord::Assumed)),
        (None, Some(deposited), (said, WhoseWord::Deposit)),
        (Some(said), Some(known), (said, WhoseWord::Said)),
        (Some(nothing), Some(deposited), (nothing, WhoseWord::Said)),
    ] {
        assert_eq!(parameters(given, known).unwrap(), found);
    }
    // What a later version may have written is never read as nothing.
    let newer = Known {
        parameters: "later=1".parse(),
        ..known
    };
    let refused = parameters(None, Some(newer));
    assert!(matches!(refused, Err(UnlockError::UnknownParameters(_))));
    assert!(parameters(Some(said), Some(newer)).is_ok());
}

#[test]
fn a_header_torn_by_a_crash_is_finished_and_a_planted_one_is_not() {
    let mut scene = Scene::new();
    let old = fs::read(&scene.file).unwrap();
    scene.recover();
    scene.rewrap(2048).unwrap();
    let new = fs::read(&scene.file).unwrap();
    let header = scene.header_bytes();
    let serial = scene.world.home().released_serials().unwrap()[0];
    let record = |scene: &Scene, new: &[u8]| {
        let metadata = fs::metadata(&scene.file).unwrap();
        let database = rusqlite::Connection::open(scene.world.path("home/home.db")).unwrap();
        database
            .execute(
                "INSERT INTO rewrite (path, device, inode, length, old, new, serial) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (
                    scene.file.canonicalize().unwrap().as_os_str().as_bytes(),
                    metadata.dev().cast_signed(),
                    metadata.ino().cast_signed(),
                    i64::try_from(old.len()).unwrap(),
                    &old[..header],
                    new,
                    serial.as_bytes(),
                ),
            )
            .unwrap();
    };
    let repair = |scene: &Scene| {
        let mut home = scene.world.home();
        let identities = scene.world.identities(&home);
        let mut repaired = home.repair(&identities).unwrap();
        assert!(home.interrupted().unwrap().is_empty());
        repaired.pop().unwrap().repair.unwrap()
    };
    let torn = [&new[..100], &old[100..]].concat();
    fs::write(&scene.file, &torn).unwrap();
    record(&scene, &new[..header]);
    assert_eq!(repair(&scene), Repair::Finished);
    assert!(fs::read(&scene.file).unwrap() == new);
    assert_eq!(scene.decrypt().unwrap(), TEXT);
    // A blob that this home never made.
    let mut planted = new[..header].to_vec();
    planted[header - 1] ^= 1;
    fs::write(&scene.file, &old).unwrap();
    record(&scene, &planted);
    assert_eq!(repair(&scene), Repair::NotOurs);
    assert!(fs::read(&scene.file).unwrap() == old);
}

#[test]
fn an_exchange_key_is_never_made_over_another() {
    let mut scene = Scene::new();
    let before = fs::read(scene.world.path("home/exchange.priv")).unwrap();
    let public = scene.world.path("home/exchange.pub");
    let path = scene.world.path("home/exchange.priv");
    let mut home = scene.world.home();
    let ask = &mut |_: &Path| panic!("the identity is not sealed");
    let rng = &mut scene.world.rng;
    assert!(!home.ensure_exchange_key(3072, ask, rng).unwrap().1);
    assert!(!home.recover_exchange_key(3072, ask, rng).unwrap().made);
    // The public half is made from it where it is missing or another's.
    let known = fs::read(&public).unwrap();
    for damage in [
        None,
        Some(&include_bytes!("../../../../spec/vectors/capi/keys/own2048.pub")[..]),
    ] {
        match damage {
            None => fs::remove_file(&public).unwrap(),
            Some(other) => fs::write(&public, other).unwrap(),
        }
        home.ensure_exchange_key(2048, ask, rng).unwrap();
        assert_eq!(fs::read(&public).unwrap(), known);
    }
    // One that can't be read is no lost one. Without its private exponent it can be.
    fs::write(&path, &before[..before.len() - 256]).unwrap();
    assert!(!home.ensure_exchange_key(2048, ask, rng).unwrap().1);
    let cut = &before[..before.len() - 257];
    fs::write(&path, cut).unwrap();
    assert!(home.ensure_exchange_key(2048, ask, rng).is_err());
    assert!(home.recover_exchange_key(2048, ask, rng).is_err());
    assert_eq!(fs::read(&path).unwrap(), cut);
}

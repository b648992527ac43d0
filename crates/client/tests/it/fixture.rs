//! An owner with a home, an authority in a folder, and files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_agefile::{Header, KeyType, Recipient, Stanza};
use strongroom_authority::{Caller, Keys, Service, Session};
use strongroom_client::decrypt::SealedFile;
use strongroom_client::encrypt::{EncryptOptions, Source, Target};
use strongroom_client::enroll::{self, Enrolling};
use strongroom_client::file::output::Overwrite;
use strongroom_client::home::{Home, Identities};
use strongroom_client::recover::{Collected, RecoverError, Wanted};
use strongroom_client::restored::RestoredLog;
use strongroom_client::rewrap::{RewrapError, RewrapOptions, Rewrapped, rewrap};
use strongroom_client::sync::{SyncError, Synced};
use strongroom_client::{Address, Client, ConnectError};
use strongroom_protocol::Authority;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{AuthorityId, Clock, OwnerId};
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Grounds, Particulars};
use strongroom_testkit::{TestClock, TestRng};
use tempfile::TempDir;

pub(crate) struct World {
    folder: TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) rng: TestRng,
    pub(crate) code: RecoveryCode,
    /// The authority and the owner, as they are on the sheet.
    pub(crate) authority: AuthorityId,
    pub(crate) owner: OwnerId,
}

/// The folder of the home that the world begins with.
pub(crate) const HOME: &str = "home";

impl World {
    /// An owner enrolled with an embedded authority.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, mut rng) = (TestClock::new(), TestRng::new(7));
        let place = folder.path().join("authority");
        let policy = Policy::code_alone();
        let service = Service::found(&place, policy, clock.clone(), TestRng::new(8)).unwrap();
        let mut home = Home::create(&folder.path().join("home")).unwrap();
        let device = home.ensure_device_key(&mut rng).unwrap();
        let authority = service.session(Caller::Device(device.verifying_key()));
        let (hybrid, clock_) = (KeyType::Hybrid, &*clock);
        let place = Address::Folder(place);
        let mut enrolling =
            Enrolling::begin(&mut home, &place, &authority, hybrid, clock_, &mut rng).unwrap();
        let code = RecoveryCode::generate(&mut rng);
        enrolling
            .settle_code(&mut home, &code, &*clock, &mut rng)
            .unwrap();
        enrolling.finish(&mut home, &authority).unwrap();
        let membership = home.membership().unwrap().unwrap();
        Self {
            folder,
            clock,
            rng,
            code,
            authority: membership.founding.authority(),
            owner: membership.owner,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> Home {
        self.home_at(HOME)
    }

    pub(crate) fn home_at(&self, name: &str) -> Home {
        Home::open(&self.path(name)).unwrap()
    }

    /// Makes a home of the owner's by what is on the sheet: a device that the log does not know yet.
    pub(crate) fn rejoin(&mut self, name: &str) {
        let mut home = Home::create(&self.path(name)).unwrap();
        let device = home.ensure_device_key(&mut self.rng).unwrap();
        let service = self.service(20);
        let session = service.session(Caller::Device(device.verifying_key()));
        let place = Address::Folder(self.path("authority"));
        let (owner, expected) = (self.owner, self.authority);
        let other = AuthorityId::from_bytes([1; 32]);
        let refused = enroll::rejoin(&mut home, &place, &session, owner, other);
        assert!(refused.is_err());
        enroll::rejoin(&mut home, &place, &session, owner, expected).unwrap();
    }

    pub(crate) fn service(&self, seed: u64) -> Service {
        Service::open(
            &self.path("authority"),
            self.clock.clone(),
            TestRng::new(seed),
        )
        .unwrap()
    }

    pub(crate) fn identities(&self, home: &Home) -> Identities {
        home.identities(&mut |_| panic!("the identity is not sealed"))
            .unwrap()
    }

    /// Lets the owner do something with their authority.
    pub(crate) fn with_client<T>(
        &mut self,
        act: impl FnOnce(&mut Client<'_>) -> T,
    ) -> Result<T, ConnectError> {
        self.with_client_at(HOME, act)
    }

    /// The same, from another home of the owner's.
    pub(crate) fn with_client_at<T>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Client<'_>) -> T,
    ) -> Result<T, ConnectError> {
        let session = self.session_of(name);
        self.with_authority_at(name, &session, act)
    }

    /// The authority as the device of a home meets it.
    pub(crate) fn session_of(&mut self, name: &str) -> Session {
        let device = self.home_at(name).ensure_device_key(&mut self.rng).unwrap();
        let service = self.service(9);
        service.session(Caller::Device(device.verifying_key()))
    }

    pub(crate) fn with_authority<T>(
        &mut self,
        authority: &dyn Authority,
        act: impl FnOnce(&mut Client<'_>) -> T,
    ) -> Result<T, ConnectError> {
        self.with_authority_at(HOME, authority, act)
    }

    pub(crate) fn with_authority_at<T>(
        &mut self,
        name: &str,
        authority: &dyn Authority,
        act: impl FnOnce(&mut Client<'_>) -> T,
    ) -> Result<T, ConnectError> {
        let mut home = self.home_at(name);
        let mut client = Client::connect(&mut home, authority, &*self.clock, &mut self.rng)?;
        Ok(act(&mut client))
    }

    /// Encrypts a text as `name.age`.
    pub(crate) fn encrypt(&mut self, name: &str, text: &str) -> PathBuf {
        self.encrypt_for(name, text, &[])
    }

    pub(crate) fn encrypt_for(&mut self, name: &str, text: &str, others: &[Recipient]) -> PathBuf {
        let (source, target) = (self.path(name), self.path(&format!("{name}.age")));
        fs::write(&source, text).unwrap();
        let owner = self.identities(&self.home()).recipient().unwrap();
        let encrypted = target.clone();
        self.with_client(|client| {
            let spares = client.deposit(&owner, others, vec![Particulars::default()]);
            let spare = spares.unwrap().pop().unwrap();
            let target = Target::File(target, Overwrite::Refuse);
            let options = EncryptOptions::new(&owner);
            spare
                .encrypt(
                    Source::File(source),
                    target,
                    &options,
                    &mut |_| {},
                    client.rng(),
                )
                .unwrap();
        })
        .unwrap();
        encrypted
    }

    pub(crate) fn lose_identity(&self) {
        fs::remove_file(self.path("home/identity.txt")).unwrap();
    }

    /// Gets keys back with the recovery code.
    pub(crate) fn recover(&mut self, wanted: &Wanted) -> Result<Collected, RecoverError> {
        self.recover_at(HOME, wanted)
    }

    /// The same, to another home of the owner's.
    pub(crate) fn recover_at(
        &mut self,
        name: &str,
        wanted: &Wanted,
    ) -> Result<Collected, RecoverError> {
        let code = RecoveryCode::parse(&self.code.to_text()).unwrap();
        self.with_client_at(name, |client| {
            let request = client.request_recovery(wanted, &Grounds::default(), KeyType::Hybrid)?;
            client.show_code(&request, &code)?;
            client.collect(&request, &mut |_| {})
        })
        .unwrap()
    }

    /// Backs the authority up into a new folder.
    pub(crate) fn back_up(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        self.service(20).backup(&to, Keys::Included).unwrap();
        to
    }

    /// Loses the authority's folder and puts it back from a backup.
    pub(crate) fn restore(&self, from: &Path) {
        fs::remove_dir_all(self.path("authority")).unwrap();
        let (folder, clock) = (self.path("authority"), self.clock.clone());
        Service::restore(from, None, &folder, clock, TestRng::new(21)).unwrap();
    }

    /// Accepts that the authority was restored.
    pub(crate) fn accept_at(&self, name: &str) {
        let restored = self.restored_log(name).expect("nothing is to be accepted");
        let mut home = self.home_at(name);
        restored.accept(&mut home, self.clock.now()).unwrap();
    }

    /// Holds the authority's log against what a home saw of it.
    pub(crate) fn restored_log(&self, name: &str) -> Option<RestoredLog> {
        let service = self.service(22);
        RestoredLog::find(&self.home_at(name), &service.session(Caller::Operator)).unwrap()
    }

    pub(crate) fn sync_at(&mut self, name: &str) -> Result<Synced, SyncError> {
        self.with_client_at(name, |client| client.sync(&mut |_, _| {}))
            .unwrap()
    }

    pub(crate) fn rewrap(&mut self, path: &Path) -> Result<Rewrapped, RewrapError> {
        self.rewrap_to(path, None)
    }

    pub(crate) fn rewrap_to(
        &mut self,
        path: &Path,
        output: Option<PathBuf>,
    ) -> Result<Rewrapped, RewrapError> {
        let mut home = self.home();
        let identities = self.identities(&home);
        let mut options = RewrapOptions::new(&identities);
        options.output = output.map(|output| (output, Overwrite::Refuse));
        rewrap(&mut home, path, &options, &mut self.rng, &mut |_, _| {})
    }

    /// Decrypts a file with the home's identity; none when it does not open.
    pub(crate) fn decrypt(&self, path: &Path) -> Option<String> {
        let identities = self.identities(&self.home());
        let bytes = fs::read(path).unwrap();
        let mut text = Vec::new();
        SealedFile::read(bytes.as_slice())
            .ok()?
            .unlock(&identities.as_unwraps())
            .ok()?
            .decrypt(&mut text, std::num::NonZeroUsize::MIN, &mut |_| {})
            .ok()?;
        Some(String::from_utf8(text).unwrap())
    }
}

/// Reads a file's header, and what follows it.
pub(crate) fn parts(path: &Path) -> (Header, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let mut rest = bytes.as_slice();
    let header = Header::read(&mut rest).unwrap();
    (header, rest.to_vec())
}

/// Changes a file's stanzas and leaves its MAC and payload as they are, as somebody without the key can.
pub(crate) fn tamper(path: &Path, change: impl FnOnce(&mut Vec<Stanza>)) {
    let (header, payload) = parts(path);
    let mut stanzas = header.stanzas().to_vec();
    change(&mut stanzas);
    let any_key = strongroom_agefile::FileKey::from_bytes(&[0; 16]);
    let changed = Header::seal(stanzas, &any_key).unwrap();
    // The MAC of another key has the same length.
    let mac = |header: &Header| header.as_bytes().len() - 44;
    let mut bytes = changed.as_bytes()[..mac(&changed)].to_vec();
    bytes.extend_from_slice(&header.as_bytes()[mac(&header)..]);
    bytes.extend_from_slice(&payload);
    fs::write(path, bytes).unwrap();
}

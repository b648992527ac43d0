//! An owner with a home, an authority in a folder, and files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_agefile::{Header, KeyType, Recipient, Stanza};
use strongroom_authority::{Caller, Keys, Service, Session};
use strongroom_client::decrypt::SealedFile;
use strongroom_client::encrypt::{EncryptOptions, Source, Target};
use strongroom_client::enroll::{self, Enrolling};
use strongroom_client::home::{DepositRecord, Home, HomeError, Identities};
use strongroom_client::join::{self, JoinError, Joined};
use strongroom_client::recover::{Collected, RecoverError, Wanted};
use strongroom_client::restored::RestoredLog;
use strongroom_client::rewrap::{How, RewrapError, RewrapOptions, rewrap};
use strongroom_client::secret::{NewSecret, Secret};
use strongroom_client::status::{FileStatus, Inspector};
use strongroom_client::sync::{SyncError, Synced};
use strongroom_client::{Address, Client, ConnectError};
use strongroom_files::output::Overwrite;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{AuthorityId, Clock, OwnerId, Serial, Time};
use strongroom_protocol::invitation::Invitation;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{Deposit, Draft, Grounds, Particulars, SignedStatement};
use strongroom_protocol::{Authority, Listed as _, Recorded};
use strongroom_testkit::{TestClock, TestRng};
use tempfile::TempDir;
use zeroize::Zeroizing;

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
        Self::under(Policy::code_alone())
    }

    /// The same, under a policy.
    pub(crate) fn under(policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, mut rng) = (TestClock::new(), TestRng::new(7));
        let place = folder.path().join("authority");
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

    /// Copies an authority and homes into a world of their own. It takes less time than to make them, and where there is a disk
    /// in memory, what is done in the copy waits for none: hundreds of `fsync`s.
    pub(crate) fn copy_of(&self, homes: &[&str]) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        for name in homes.iter().chain(&["authority"]) {
            copy_folder(&self.path(name), &folder.path().join(name));
        }
        Self {
            folder,
            clock: TestClock::new(),
            rng: TestRng::new(70),
            code: RecoveryCode::parse(&self.code.to_text()).unwrap(),
            authority: self.authority,
            owner: self.owner,
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

    /// Makes an invitation from a home.
    pub(crate) fn invite_at(&mut self, name: &str) -> Invitation {
        let invited = self.with_client_at(name, |client| {
            let invitation = client.draft_invitation(None).unwrap();
            client.invite(&invitation).map(|()| invitation)
        });
        invited.unwrap().unwrap()
    }

    /// Has a home join by an invitation.
    pub(crate) fn join(
        &mut self,
        name: &str,
        invitation: &Invitation,
    ) -> Result<Joined, JoinError> {
        let path = self.path(name);
        let mut home = match Home::exists(&path).unwrap() {
            true => Home::open(&path).unwrap(),
            false => Home::create(&path).unwrap(),
        };
        let session = self.service(20).session(Caller::Anybody);
        let to = (&Address::Folder(self.path("authority")), None);
        join::join(
            &mut home,
            invitation,
            to,
            &session,
            &*self.clock,
            &mut self.rng,
        )
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

    /// The authority as its operator meets it.
    pub(crate) fn operator(&self) -> Session {
        self.service(23).session(Caller::Operator)
    }

    pub(crate) fn device_at(&mut self, name: &str) -> SigningKey {
        self.home_at(name).ensure_device_key(&mut self.rng).unwrap()
    }

    /// Copies a home's folder, as somebody with a new disk does.
    pub(crate) fn copy_home(&self, from: &str, to: &str) {
        copy_folder(&self.path(from), &self.path(to));
    }

    /// Makes a deposit of so many keys in the owner's name.
    pub(crate) fn deposit_signed_by(
        &mut self,
        device: &SigningKey,
        keys: usize,
    ) -> SignedStatement {
        self.deposit_described(device, keys, "")
    }

    /// Makes a deposit that makes a page of a listing full, alone.
    pub(crate) fn page_signed_by(&mut self, device: &SigningKey) -> SignedStatement {
        let description = "x".repeat(Particulars::DESCRIPTION_BYTES_MAX);
        let statement = self.deposit_described(device, Deposit::KEYS_MAX, &description);
        assert!(statement.as_bytes().len() >= Recorded::PAGE_BYTES);
        statement
    }

    fn deposit_described(
        &mut self,
        device: &SigningKey,
        keys: usize,
        description: &str,
    ) -> SignedStatement {
        let founding = self.home().membership().unwrap().unwrap().founding;
        let wrap_key = &founding.found().wrap_key;
        let rng = &mut self.rng;
        let draft = |_| Draft {
            serial: Serial::generate(rng),
            key: BlindedKey::new(SessionKey::age_file_key(&[6; 16]), rng),
            particulars: Particulars::new(description.to_owned(), BTreeMap::new()).unwrap(),
        };
        let drafts: Vec<Draft> = (0..keys).map(draft).collect();
        let (authority, owner) = (self.authority, self.owner);
        let deposit = Deposit::seal(authority, wrap_key, owner, &drafts, &mut self.rng).unwrap();
        SignedStatement::sign(deposit, device)
    }

    /// Deposits a secret under a name, from a home.
    pub(crate) fn deposit_secret_at(&mut self, home: &str, name: &str, secret: &str) -> Serial {
        let owner = self.identities(&self.home_at(home)).recipient().unwrap();
        let new = vec![named(name, secret.as_bytes())];
        let deposited = self.with_client_at(home, |client| client.deposit_secrets(&owner, new));
        deposited.unwrap().unwrap()[0].spare.serial
    }

    /// Returns what is in a home, as everybody who knows the owner's log must have it.
    pub(crate) fn contents(&self, name: &str) -> Contents {
        let home = self.home_at(name);
        let mut deposits = Vec::new();
        home.each_deposit::<HomeError>(&mut |deposit| {
            let DepositRecord {
                serial,
                entry,
                state,
                time,
                ..
            } = deposit.record;
            deposits.push((serial, entry, state, time));
            Ok(())
        })
        .unwrap();
        let newest = home.newest_secrets().unwrap();
        let secrets = home.secrets().unwrap();
        let secrets = secrets.into_iter().map(|secret| secret.serial).collect();
        drop(home);
        let database = rusqlite::Connection::open(self.path(name).join("home.db")).unwrap();
        let rows = |sql: &str| {
            let mut rows = database.prepare(sql).unwrap();
            let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?)));
            rows.unwrap().map(Result::unwrap).collect()
        };
        Contents {
            read: database
                .query_row("SELECT read FROM authority", (), |row| row.get(0))
                .unwrap(),
            entries: rows("SELECT entry, id FROM statement WHERE entry IS NOT NULL ORDER BY entry"),
            devices: rows(
                "SELECT entry, CAST(hex(key) || coalesce(revoked, '') || coalesce(name, '')
                                    || coalesce(hex(invitation), '') AS BLOB)
                 FROM device
                 UNION SELECT entry, CAST(hex(key) || coalesce(revoked, '') || until AS BLOB) FROM invitation
                 ORDER BY entry, 2",
            ),
            subjects: rows(
                "SELECT entry, CAST(hex(digest) || answered || coalesce(verdict, '') AS BLOB) FROM subject
                 JOIN statement ON statement.number = subject.statement ORDER BY entry",
            ),
            deposits,
            secrets,
            newest,
        }
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
            let encrypted = spare
                .encrypt(
                    Source::File(source),
                    target,
                    &options,
                    &mut |_| {},
                    client.rng(),
                )
                .unwrap();
            client.record_written(&encrypted).unwrap();
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
        let collected = self.with_client_at(name, |client| {
            let request = client.request_recovery(wanted, &Grounds::default())?;
            client.show_code(&request, &code)?;
            client.collect(&request, &mut |_| {})
        });
        let collected = collected.unwrap()?;
        self.ensure_identity_at(name);
        Ok(collected)
    }

    /// Makes the key that files are to open with after a recovery, where it is lost.
    pub(crate) fn ensure_identity_at(&mut self, name: &str) {
        let now = self.clock.now();
        let mut home = self.home_at(name);
        home.ensure_identity(KeyType::Hybrid, now, &mut self.rng)
            .unwrap();
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

    pub(crate) fn rewrap(&mut self, path: &Path) -> Result<How, RewrapError> {
        self.rewrap_to(path, None)
    }

    pub(crate) fn rewrap_to(
        &mut self,
        path: &Path,
        output: Option<PathBuf>,
    ) -> Result<How, RewrapError> {
        self.ensure_identity_at(HOME);
        let mut home = self.home();
        let identities = self.identities(&home);
        let mut options = RewrapOptions::new(&identities);
        options.output = output.map(|output| (output, Overwrite::Refuse));
        let rewrapped = rewrap(&mut home, path, &options, &mut self.rng, &mut |_, _| {})?;
        assert_eq!(rewrapped.changed, None);
        Ok(rewrapped.how)
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

/// A deposit, where the log has it, what the authority says of it, and since when.
pub(crate) type Listed = (Serial, Option<u64>, DepositState, Time);

/// What a home has of its owner's log, and what follows from it.
#[derive(Debug, PartialEq)]
pub(crate) struct Contents {
    /// Up to where the log was read.
    pub(crate) read: i64,
    pub(crate) entries: Vec<(i64, Vec<u8>)>,
    pub(crate) devices: Vec<(i64, Vec<u8>)>,
    pub(crate) subjects: Vec<(i64, Vec<u8>)>,
    /// In the order in which they are listed.
    pub(crate) deposits: Vec<Listed>,
    pub(crate) secrets: Vec<Serial>,
    pub(crate) newest: BTreeMap<String, Vec<Serial>>,
}

pub(crate) fn named(name: &str, secret: &[u8]) -> NewSecret {
    NewSecret {
        secret: Secret::new(Zeroizing::new(secret.to_vec())).unwrap(),
        particulars: Particulars::default().with_name(name).unwrap(),
        check: None,
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Looks at a file, and has the authority show the deposit that it rests on.
pub(crate) fn inspect(client: &mut Client<'_>, file: &Path) -> FileStatus {
    let inspector = Inspector::new(client.home(), client.is_caught_up()).unwrap();
    let mut status = inspector.inspect(file).unwrap();
    client.confirm([&mut status], &mut |_, _| {}).unwrap();
    status
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

//! A store with something of everything in it, whose is what in there, and what is tried with a copy of it.

use std::fs;
use std::path::PathBuf;

use strongroom_authority::{Caller, Extent, Service};
use strongroom_client::ConnectError;
use strongroom_client::officer::Desk;
use strongroom_client::recover::Wanted;
use strongroom_client::status::Inspector;
use strongroom_client::sync::give_back_all;
use strongroom_protocol::id::{Clock, Serial};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Asker, Group, Policy, Rule};
use strongroom_protocol::statement::{Evidence, EvidenceKind, Grounds, SignedStatement, Word};
use strongroom_protocol::{Authority, Recorded, Select};
use strongroom_testkit::{Owner, Person, TestRng, ask_change, submit};

use super::edits::Edit;
use crate::fixture::{HOME, World, copy_folder};

const SECOND: &str = "second";
/// What the files are named, and what is in them.
const FILES: [(&str, &str); 3] = [
    ("one", "dear one"),
    ("two", "dear two"),
    ("three", "dear 3"),
];

/// The world before anything was edited.
pub(super) struct Story {
    pub(super) world: World,
    files: Vec<(String, Serial)>,
    secret: Serial,
    code: SigningKey,
    officer: Person,
    /// Another owner of the same authority, whose home is what was recorded of theirs.
    other: OtherOwner,
    /// Stores as they were before, in the order of the story.
    pub(super) older: Vec<PathBuf>,
}

struct OtherOwner {
    owner: Owner,
    recorded: Vec<Recorded>,
}

fn policy(officer: &Person) -> Policy {
    let mut policy = Policy::code_alone();
    policy.officers = vec![officer.officer()];
    policy.groups = vec![Group {
        name: "board".to_owned(),
        need: 1,
        of: vec![officer.name.clone()],
    }];
    policy.rules.push(Rule {
        evidence: Vec::new(),
        approvals: Some("board".to_owned()),
        asker: Asker::Group("board".to_owned()),
        ..Rule::code_alone("board")
    });
    policy.departed = Some("board".to_owned());
    policy.change.codes = false;
    policy.change.approvals = Some("board".to_owned());
    policy
}

impl Story {
    pub(super) fn new() -> Self {
        let officer = Person::new("ada", 1);
        let first = policy(&officer);
        let mut world = World::under(first.clone());
        let mut older = vec![keep(&world, 0)];
        world.back_up("backup");
        let operator = world.operator();
        let mut other = Owner::enrolled(&operator, 77);
        submit(&operator, &other.deposit(2));
        let mut files = Vec::new();
        for (name, text) in FILES {
            let path = world.encrypt(name, text);
            let header = crate::fixture::parts(&path).0;
            let serial = world.home().matched(&header).unwrap().unwrap().serial;
            files.push((format!("{name}.age"), serial));
        }
        let secret = world.deposit_secret_at(HOME, "door", "rose");
        older.push(keep(&world, 1));
        world.service(30).make_rsa_key(2048).unwrap();
        world.rejoin(SECOND);
        world.recover_at(SECOND, &Wanted::Everything).unwrap();
        world.deposit_secret_at(SECOND, "door", "lily");

        // Another policy, and one that is only asked for; a stranger's request that was denied, and one for the other's keys.
        let about = operator.about().unwrap().founding;
        let session = world.service(31).session(Caller::Operator);
        let now = world.clock.now();
        let asker = &other.device;
        let second = Policy {
            lapse_millis: first.lapse_millis + 1,
            ..first.clone()
        };
        let change = ask_change(&about, &first, second.clone(), now, asker);
        submit(&session, &change);
        submit(&session, &officer.say_of_change(Word::Approve, &change));
        let third = Policy {
            lapse_millis: first.lapse_millis + 2,
            ..first
        };
        submit(&session, &ask_change(&about, &second, third, now, asker));
        let everything = other.everything(&session);
        let asked = other.ask_by(
            SigningKey::from_seed(&[3; 32]),
            everything,
            now,
            |request| {
                request.policy = second.digest();
            },
        );
        submit(&session, &asked.statement);
        submit(&session, &officer.say(Word::Deny, &asked));
        submit(&session, &officer.say_departed(&about, other.id, true));
        submit(&session, &other.deposit(1));
        world
            .service(32)
            .check(Extent::All, &mut |_, _| {})
            .unwrap();
        older.push(keep(&world, 2));
        for home in [HOME, SECOND] {
            world.with_client_at(home, |_| ()).unwrap();
        }
        let recorded = session.entries(Select::Owner(other.id), 0).unwrap();
        let authority = world.authority;
        Self {
            code: world.code.signing_key(authority).unwrap(),
            files,
            secret,
            officer,
            other: OtherOwner {
                owner: other,
                recorded: recorded.items,
            },
            older,
            world,
        }
    }
}

/// Keeps the store as it is.
fn keep(world: &World, number: u64) -> PathBuf {
    let store = world.path("authority/store.db");
    let sql = rusqlite::Connection::open(&store).unwrap();
    let kept = world.path(&format!("older-{number}.db"));
    sql.execute("VACUUM INTO ?1", [kept.to_str().unwrap()])
        .unwrap();
    kept
}

/// A copy of the story's world, to be edited.
pub(super) struct Trial<'s> {
    story: &'s Story,
    world: World,
}

/// What came of an edited store.
pub(super) struct Outcome {
    /// Whether anything was called protected before it was mended.
    pub(super) protected: bool,
    /// Whether homes and a repair could not mend it, and a backup was needed.
    pub(super) restored: bool,
}

type Checked<T = ()> = Result<T, String>;

impl<'s> Trial<'s> {
    pub(super) fn of(story: &'s Story) -> Self {
        let world = story.world.copy_of(&[HOME, SECOND]);
        for (file, _) in &story.files {
            fs::copy(story.world.path(file), world.path(file)).unwrap();
        }
        copy_folder(&story.world.path("backup"), &world.path("backup"));
        Self { story, world }
    }

    fn copy(&self) -> Self {
        let world = self.world.copy_of(&[HOME, SECOND]);
        for (file, _) in &self.story.files {
            fs::copy(self.story.world.path(file), world.path(file)).unwrap();
        }
        let story = self.story;
        Self { story, world }
    }

    pub(super) fn edit(&self, edits: &[Edit]) {
        let store = self.world.path("authority/store.db");
        for edit in edits {
            edit.make(&store);
        }
    }

    pub(super) fn run(&mut self) -> Checked<Outcome> {
        let protected = self.ask_everything();
        let mut copy = self.copy();
        copy.recover(&protected)
            .map_err(|error| format!("of what was protected: {error}"))?;
        copy.impersonate()?;
        let restored = match self.mend() {
            Ok(()) => false,
            Err(_) => {
                self.restore()
                    .map_err(|error| format!("restored: {error}"))?;
                true
            }
        };
        Ok(Outcome {
            protected: !protected.is_empty(),
            restored,
        })
    }

    fn open(&self) -> Option<Service> {
        let folder = self.world.path("authority");
        Service::open(&folder, self.world.clock.clone(), TestRng::new(90)).ok()
    }

    /// Asks all that owners, officers and the operator can ask; returns the files that are said to be protected.
    fn ask_everything(&mut self) -> Vec<(String, Serial)> {
        let Some(service) = self.open() else {
            return Vec::new();
        };
        self.ask_as_officer(&service);
        let operator = service.session(Caller::Operator);
        for select in [
            Select::Open,
            Select::Subjects,
            Select::Owner(self.world.owner),
        ] {
            let _ = operator.entries(select, 0);
        }
        let _ = operator.leaves(0);
        let _ = service.verify_log();
        let _ = service.statements(0, 100);
        let mut protected = Vec::new();
        for home in [HOME, SECOND] {
            let seen = self.statuses(home);
            for (name, is_protected) in self.story.files.iter().zip(seen) {
                if is_protected && !protected.contains(name) {
                    protected.push(name.clone());
                }
            }
        }
        protected
    }

    fn ask_as_officer(&self, service: &Service) {
        let key = &self.story.officer.keys[0];
        let session = service.session(Caller::Device(key.verifying_key()));
        let Ok(desk) = Desk::open(&session, None, key, self.world.clock.now()) else {
            return;
        };
        let _ = desk.policy();
        for all in [false, true] {
            for subject in desk.subjects(all).into_iter().flat_map(|known| known.read) {
                let _ = desk.find(&subject.id().to_string());
            }
        }
    }

    /// Tells of each file whether it is protected, as a home says.
    fn statuses(&mut self, home: &str) -> Vec<bool> {
        let files: Vec<PathBuf> = self
            .story
            .files
            .iter()
            .map(|(file, _)| self.world.path(file))
            .collect();
        let secret = self.story.secret;
        let Some(service) = self.open() else {
            return Vec::new();
        };
        let device = self.world.device_at(home);
        let session = service.session(Caller::Device(device.verifying_key()));
        let seen = self.world.with_authority_at(home, &session, |client| {
            let _ = client.requests_by_others();
            let _ = client.history();
            let _ = client.home().failed_checks().unwrap();
            let inspector = Inspector::new(client.home(), client.is_caught_up()).unwrap();
            let mut seen: Vec<_> = files
                .iter()
                .map(|file| inspector.inspect(file).unwrap())
                .collect();
            seen.push(inspector.inspect_secret(secret).unwrap());
            let _ = client.confirm(&mut seen, &mut |_, _| {});
            seen
        });
        let seen = seen.unwrap_or_default();
        let of_files = seen.iter().take(files.len());
        of_files.map(|status| status.is_protected(true)).collect()
    }

    /// Really gets files back with the code, at the home that has lost its identity, and compares every byte.
    fn recover(&mut self, files: &[(String, Serial)]) -> Checked {
        if files.is_empty() {
            return Ok(());
        }
        self.world.lose_identity();
        let serials = files.iter().map(|(_, serial)| *serial).collect();
        self.collect(HOME, Wanted::Serials(serials))?;
        let world = &mut self.world;
        for (name, _) in files {
            let path = world.path(name);
            world
                .rewrap(&path)
                .map_err(|error| format!("{name} is not rewrapped: {error}"))?;
            let (_, text) = FILES
                .into_iter()
                .find(|(file, _)| name.starts_with(file))
                .unwrap();
            if world.decrypt(&path).as_deref() != Some(text) {
                return Err(format!("{name} does not open"));
            }
        }
        Ok(())
    }

    /// Has keys released to a home, with the code.
    fn collect(&mut self, home: &str, wanted: Wanted) -> Checked {
        let session = self.world.session_of(home);
        let code = &self.story.code;
        let collected = self.world.with_authority_at(home, &session, |client| {
            let request = client
                .request_recovery(&wanted, &Grounds::default())
                .map_err(|error| format!("it is not asked for: {error}"))?;
            let evidence = Evidence {
                authority: request.request().authority,
                request: request.request().digest(),
                kind: EvidenceKind::RecoveryCode,
            };
            session
                .submit(&SignedStatement::sign(evidence, code))
                .map_err(|error| format!("the code is not taken: {error}"))?;
            client
                .collect(&request, &mut |_| {})
                .map_err(|error| format!("it is not released: {error}"))
        });
        let collected = collected.map_err(|error| format!("no connection: {error}"))??;
        if !collected.withheld.is_empty() {
            return Err(format!("{:?} are withheld", collected.withheld));
        }
        Ok(())
    }

    /// Nobody deposits in another's name, nor takes their id.
    fn impersonate(&mut self) -> Checked {
        let Some(service) = self.open() else {
            return Ok(());
        };
        let session = service.session(Caller::Operator);
        let other = SigningKey::from_seed(self.story.other.owner.device.expose_seed());
        for key in [other, SigningKey::from_seed(&[3; 32])] {
            let forged = self.world.deposit_signed_by(&key, 1);
            if session.submit(&forged).is_ok() {
                return Err("somebody else deposits in the owner's name".to_owned());
            }
            let enroll = strongroom_protocol::statement::Enroll {
                authority: self.world.authority,
                owner: self.world.owner,
                device_key: key.verifying_key(),
                code_key: key.verifying_key(),
                created: self.world.clock.now(),
            };
            if session.submit(&SignedStatement::sign(enroll, &key)).is_ok() {
                return Err("somebody else takes the owner's id".to_owned());
            }
        }
        Ok(())
    }

    /// Has the homes give back what they have, and the operator repair the rest.
    fn mend(&mut self) -> Checked {
        self.sync()?;
        if let Some(service) = self.open() {
            let repaired = service.repair(&mut |_, _| {});
            self.sync()?;
            // What could not be told before may be known by now.
            if repaired.is_err() {
                service
                    .repair(&mut |_, _| {})
                    .map_err(|error| format!("it is not repaired: {error}"))?;
            }
            service
                .verify_log()
                .map_err(|error| format!("its log is not whole: {error}"))?;
            let checked = service.check(Extent::All, &mut |_, _| {});
            let checked = checked.map_err(|error| format!("it is not checked: {error}"))?;
            if !checked.checked.is_clean() {
                return Err(format!("it is not well: {checked:?}"));
            }
        }
        self.is_whole()
    }

    fn sync(&mut self) -> Checked {
        for home in [HOME, SECOND] {
            let Some(service) = self.open() else {
                return Err("the store can't be opened".to_owned());
            };
            let device = self.world.device_at(home);
            let session = service.session(Caller::Device(device.verifying_key()));
            let connected = self.world.with_authority_at(home, &session, |_| ());
            if connected.is_err() {
                give_back_all(&self.world.home_at(home), &session)
                    .map_err(|error| format!("{home} gives nothing back: {error}"))?;
            }
            let synced = self
                .world
                .with_authority_at(home, &session, |client| client.sync(&mut |_, _| {}));
            // What can't be put back yet may be once the other has given back, too.
            let _: Result<_, ConnectError> = synced;
            let _ = session.mend(&self.story.other.recorded);
        }
        Ok(())
    }

    /// Everything that the homes keep is there, protected, and comes back.
    fn is_whole(&mut self) -> Checked {
        for home in [HOME, SECOND] {
            let statuses = self.statuses(home);
            // Only where it was encrypted it was seen to match.
            if home == HOME && (statuses.len() != FILES.len() || statuses.contains(&false)) {
                return Err(format!("{home} says {statuses:?}"));
            }
            if self.world.home_at(home).unread_count().unwrap() > 0 {
                return Err(format!("{home} has unread entries"));
            }
        }
        let other = &self.story.other;
        let holdings = self.world.operator().holdings(other.owner.id);
        let count = holdings.map_err(|error| error.to_string())?.count;
        if count != other.owner.keys.len() as u64 {
            return Err(format!("the other owner has {count} deposits"));
        }
        let files = self.story.files.clone();
        self.copy().recover(&files)
    }

    /// Restores an old backup, and has the homes fill it.
    fn restore(&mut self) -> Checked {
        let backup = self.world.path("backup");
        self.world.restore(&backup);
        for home in [HOME, SECOND] {
            if self.world.restored_log(home).is_some() {
                self.world.accept_at(home);
            }
        }
        let operator = self.world.operator();
        for recorded in &self.story.other.recorded {
            // What the authority said itself, it says itself.
            let _ = operator.submit(&recorded.statement);
        }
        // The second home's device became the owner's by a decision that is lost: what it deposited is taken once it is again.
        let filled = |error| format!("it is not filled: {error}");
        self.world.sync_at(HOME).map_err(filled)?;
        self.collect(SECOND, Wanted::Everything)?;
        let synced = self.world.sync_at(SECOND).map_err(filled)?;
        if !synced.unsent.is_empty() {
            return Err(format!("{:?}", synced.unsent));
        }
        let statuses = self.statuses(HOME);
        if statuses.len() != FILES.len() || statuses.contains(&false) {
            return Err(format!("{statuses:?}"));
        }
        let files = self.story.files.clone();
        self.copy().recover(&files)
    }
}

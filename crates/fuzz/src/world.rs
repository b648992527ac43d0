//! An owner with a home and an authority in folders, with something in most of their tables; and copies of them to spoil.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use strongroom_agefile::KeyType;
use strongroom_authority::{Caller, Service};
use strongroom_client::enroll::Enrolling;
use strongroom_client::home::{Check, Home};
use strongroom_client::recover::Wanted;
use strongroom_client::secret::{NewSecret, Secret};
use strongroom_client::{Address, Client};
use strongroom_protocol::Authority;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{Clock, OwnerId, Serial, StatementId};
use strongroom_protocol::policy::Policy;
use strongroom_protocol::policy::file::{officer_key_text, parse};
use strongroom_protocol::statement::{Grounds, Particulars, SignedStatement, Word};
use strongroom_testkit::{Owner, Person, TestClock, TestRng, ask_change, submit};
use tempfile::TempDir;
use zeroize::Zeroizing;

pub(crate) struct World {
    folder: TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) owner: OwnerId,
    /// What was said to the authority, by its id.
    pub(crate) said: BTreeMap<StatementId, SignedStatement>,
    pub(crate) secrets: BTreeMap<Serial, Vec<u8>>,
}

impl World {
    /// Lends the world of this thread, which is made once.
    pub(crate) fn with<T>(act: impl FnOnce(&Self) -> T) -> T {
        thread_local! {
            static WORLD: World = World::new();
        }
        WORLD.with(act)
    }

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, mut rng) = (TestClock::new(), TestRng::new(7));
        let place = folder.path().join("authority");
        let service = Service::found(&place, policy(), clock.clone(), TestRng::new(8)).unwrap();
        service.make_rsa_key(2048).unwrap();
        let mut home = Home::create(&folder.path().join("home")).unwrap();
        let device = home.ensure_device_key(&mut rng).unwrap();
        let operator = service.session(Caller::Operator);
        strangers(&operator, &clock);
        let authority = service.session(Caller::Device(device.verifying_key()));
        let address = Address::Folder(place.clone());
        let kind = KeyType::X25519;
        let mut enrolling =
            Enrolling::begin(&mut home, &address, &authority, kind, &*clock, &mut rng).unwrap();
        let code = RecoveryCode::generate(&mut rng);
        enrolling
            .settle_code(&mut home, &code, &*clock, &mut rng)
            .unwrap();
        enrolling.finish(&mut home, &authority).unwrap();
        let recipient = home.recipient(&mut |_| panic!("it is not sealed")).unwrap();
        let owner = home.membership().unwrap().unwrap().owner;
        let mut client = Client::connect(&mut home, &authority, &*clock, &mut rng).unwrap();
        let mut secrets = BTreeMap::new();
        for words in ["one", "two", "three"] {
            // The last takes the place of the one before.
            let name = if words == "one" {
                "disk/one"
            } else {
                "disk/two"
            };
            let new = NewSecret {
                secret: Secret::new(Zeroizing::new(words.into())).unwrap(),
                particulars: Particulars::default().with_name(name).unwrap(),
                check: Some(Check {
                    command: "true".to_owned(),
                    run: None,
                }),
            };
            let deposited = client.deposit_secrets(&recipient, vec![new]).unwrap();
            secrets.insert(deposited[0].spare.serial, words.into());
        }
        let wanted = Wanted::Everything;
        let request = client
            .request_recovery(&wanted, &Grounds::default())
            .unwrap();
        client.show_code(&request, &code).unwrap();
        client.collect(&request, &mut |_| {}).unwrap();
        let said = service.statements(0, 1000).unwrap().into_iter();
        let said = said
            .map(|(_, statement)| (statement.id(), statement))
            .collect();
        drop((authority, operator, service, home));
        // So that the files are all there is.
        for file in [place.join("store.db"), folder.path().join("home/home.db")] {
            let database = Connection::open(file).unwrap();
            database
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .unwrap();
        }
        Self {
            folder,
            clock,
            owner,
            said,
            secrets,
        }
    }

    /// Puts a fresh copy of the home or of the authority where the last one of this name was, and returns its folder.
    pub(crate) fn copy(&self, of: &str, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        let _ = fs::remove_dir_all(&copy);
        copy_folder(&self.folder.path().join(of), &copy);
        copy
    }

    pub(crate) fn open_authority(&self, folder: &Path) -> Option<Service> {
        Service::open(folder, self.clock.clone(), TestRng::new(9)).ok()
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.path().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// The code at once, or two officers for anybody's keys.
fn policy() -> Policy {
    let key = |name: &str| officer_key_text(&Person::new(name, 1).keys[0].verifying_key());
    let (ann, ben, id) = (key("ann"), key("ben"), Owner::id_of(1));
    parse(&format!(
        r#"
        lapse = "30 days"
        departed = "either"
        [[officer]]
        name = "ann"
        keys = ["{ann}"]
        owner = "{id}"
        [[officer]]
        name = "ben"
        keys = ["{ben}"]
        [[group]]
        name = "either"
        need = 1
        of = ["ann", "ben"]
        [[rule]]
        name = "code"
        evidence = ["recovery code"]
        [[rule]]
        name = "others"
        asker = "either"
        approvals = "either"
        [change]
        approvals = "either"
        wait = "1 hour"
        "#
    ))
    .unwrap()
}

/// Another owner, who is an officer too, asks for the keys of a third; and a policy is asked for.
fn strangers(operator: &dyn Authority, clock: &TestClock) {
    let mut ann = Owner::enrolled(operator, 1);
    let mut cid = Owner::enrolled(operator, 2);
    submit(operator, &cid.deposit(2));
    submit(operator, &ann.deposit(1));
    let (scope, now) = (cid.everything(operator), clock.now());
    let asked = ann.ask_for(&cid, scope, now);
    submit(operator, &asked.statement);
    let own = cid.ask(cid.everything(operator), now);
    submit(operator, &own.statement);
    let ben = Person::new("ben", 1);
    submit(operator, &ben.say(Word::Approve, &asked));
    let about = operator.about().unwrap().founding;
    submit(operator, &ben.say_departed(&about, cid.id, true));
    submit(operator, &cid.veto_by(&own, &cid.device));
    let change = ask_change(&about, &policy(), Policy::code_alone(), now, &ann.device);
    submit(operator, &change);
    submit(operator, &ben.say_of_change(Word::Approve, &change));
}

//! What a home takes up of a log that anybody may have written but for its signatures: the authority has its own key, and
//! says that the log has any statements, in any order.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use strongroom_client::home::Home;
use strongroom_client::status::Inspector;
use strongroom_client::{Address, Client};
use strongroom_protocol::id::{OwnerId, StatementId, Time};
use strongroom_protocol::log::{
    Checkpoint, ConsistencyProof, LeafSalt, NodeHash, SignedCheckpoint,
};
use strongroom_protocol::receipt::{
    Attestation, DepositState, Outcome, Receipt, SignedAttestation,
};
use strongroom_protocol::statement::{Kind, SignedStatement, Statement};
use strongroom_protocol::{
    About, Authority, Holdings, Page, QueryError, Recorded, ReleaseError, ReleasePage, Select,
    SubjectView, SubmitError,
};
use strongroom_testkit::{TestClock, TestRng};
use tempfile::TempDir;

use crate::cast::{DEVICE, Drawn, NOW, cast, statements};
use crate::cbor::Item;
use crate::draw::{Draw, Seed};
use crate::{rows, tree};

/// The statements of the vectors, which belong together: an enrolment, a deposit, a request with all that follows.
static STORY: LazyLock<Vec<SignedStatement>> = LazyLock::new(statements);

thread_local! {
    static HOMES: Homes = Homes::new();
}

/// A home of the owner's that has read nothing yet, and copies of it.
struct Homes {
    folder: TempDir,
}

impl Homes {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut home = Home::create(&folder.path().join("new")).unwrap();
        let device = home.ensure_device_key(&mut Fill(4)).unwrap();
        assert_eq!(device.expose_seed(), cast().keys[DEVICE].expose_seed());
        let nowhere = Address::Folder(PathBuf::from("/nowhere"));
        home.join(&nowhere, &cast().founding, cast().owner, true)
            .unwrap();
        Self { folder }
    }

    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        let _ = std::fs::remove_dir_all(&copy);
        crate::world::copy_folder(&self.folder.path().join("new"), &copy, |_| true);
        copy
    }
}

/// A source of one byte.
struct Fill(u8);

impl rand_core::TryRng for Fill {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_be_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_be_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Fill {}

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let first = draw.below(32);
    let mut log = Log::default();
    while !draw.is_empty() && log.entries.len() < 32 {
        log.append(&mut draw);
    }
    let first = first.min(log.entries.len());
    HOMES.with(|homes| {
        let (once, twice) = (homes.copy("once"), homes.copy("twice"));
        let at_once = connect(&once, &log, log.entries.len());
        let begun = connect(&twice, &log, first);
        let in_two = begun.and_then(|()| connect(&twice, &log, log.entries.len()));
        // What a home knows does not depend on when it looked.
        assert_eq!(at_once, in_two);
        at_once?;
        log.check_authors();
        assert_eq!(dump(&once), dump(&twice));
        let before = dump(&once);
        connect(&once, &log, log.entries.len()).unwrap();
        assert_eq!(dump(&once), before);
        Some(())
    })
}

/// Has a home read the first `size` entries of the log, and all again.
fn connect(folder: &Path, log: &Log, size: usize) -> Option<()> {
    let mut home = Home::open(folder).unwrap();
    let shown = Shown { log, size };
    let (clock, rng) = (TestClock::new(), &mut TestRng::new(3));
    let mut client = Client::connect(&mut home, &shown, &*clock, rng).ok()?;
    let _ = client.history().unwrap();
    client.read_again(&mut |_, _| {}).unwrap();
    drop(client);
    let _ = (home.secrets().unwrap(), home.newest_secrets().unwrap());
    let inspector = Inspector::new(&home, true).unwrap();
    let mut serials = Vec::new();
    home.each_deposit::<strongroom_client::home::HomeError>(&mut |deposit| {
        serials.push(deposit.record.serial);
        Ok(())
    })
    .unwrap();
    for serial in serials {
        inspector.inspect_secret(serial).unwrap();
    }
    let membership = home.membership().unwrap().unwrap();
    let _ = home.open_requests(&membership, None, NOW).unwrap();
    Some(())
}

fn dump(folder: &Path) -> Vec<String> {
    // A receipt is of the checkpoint at which it was shown.
    rows::dump(
        &folder.join("home.db"),
        &[
            ("statement", "receipt"),
            ("statement", "number"),
            ("deposit", "statement"),
            ("subject", "statement"),
        ],
    )
}

#[derive(Default)]
struct Log {
    entries: Vec<Entry>,
    leaves: Vec<NodeHash>,
    /// Which it says that it can't read.
    damaged: Vec<u64>,
}

struct Entry {
    statement: SignedStatement,
    attestation: SignedAttestation,
}

const SALT: LeafSalt = LeafSalt::from_bytes([7; 32]);

impl Log {
    /// Draws an entry: what it says, what became of it, and when.
    fn append(&mut self, draw: &mut Draw<'_>) {
        let how = draw.byte();
        let (state, later) = (draw.byte(), draw.byte());
        let statement = if how & 1 == 0 {
            draw.pick(&STORY).clone()
        } else {
            let drawn = Drawn::from(Draw::new(draw.bytes())).map(|drawn| drawn.sign());
            match drawn.and_then(|bytes| SignedStatement::parse(&bytes).ok()) {
                Some(statement) => statement,
                None => return,
            }
        };
        let is_known = self
            .entries
            .iter()
            .any(|entry| entry.statement.id() == statement.id());
        // No authority has one statement twice, nor another's.
        if is_known || statement.authority() != cast().authority() {
            return;
        }
        let outcome = match statement.statement() {
            Statement::Deposit(deposit) => {
                let states = (0..deposit.keys().len()).map(|place| state_of(state, place));
                Outcome::Deposited(states.collect())
            }
            _ => Outcome::Recorded,
        };
        let last = self
            .entries
            .last()
            .map_or(NOW, |last| last.attestation.attestation().time);
        let time = match how & 0x80 {
            0 => last.plus_millis(later.into()),
            _ => Time::from_millis(last.as_millis() - u64::from(later)),
        };
        let attestation = Attestation {
            authority: cast().authority(),
            statement: statement.id(),
            outcome,
            time,
        };
        let attestation = SignedAttestation::sign(attestation, cast().log_key());
        self.leaves
            .push(attestation.leaf(statement.kind(), &SALT).hash());
        if how & 0x40 != 0 {
            self.damaged.push(self.entries.len() as u64);
        }
        self.entries.push(Entry {
            statement,
            attestation,
        });
    }

    /// What is deposited in the owner's name is by a key that something before it names: a stranger's is not taken.
    fn check_authors(&self) {
        for (index, Entry { statement, .. }) in self.entries.iter().enumerate() {
            let author = statement.author().as_bytes();
            let names = |entry: &Entry| {
                let wire = Item::read(entry.statement.as_bytes()).unwrap();
                let body = wire.as_array().unwrap()[2].as_bytes().unwrap().to_vec();
                body.windows(author.len()).any(|window| window == author)
            };
            let is_deposit = matches!(statement.statement(), Statement::Deposit(_));
            // What can't be read may name it.
            let is_named = self.entries[..index].iter().any(names) || !self.damaged.is_empty();
            assert!(!is_deposit || is_named, "a stranger's deposit was taken");
        }
    }

    fn checkpoint(&self, size: usize) -> SignedCheckpoint {
        let head = Checkpoint {
            authority: cast().authority(),
            size: size as u64,
            root: tree::root(&self.leaves[..size]),
        };
        head.sign(cast().log_key())
    }
}

fn state_of(drawn: u8, place: usize) -> DepositState {
    let states = [
        DepositState::Verified,
        DepositState::Deposited,
        DepositState::Conflict,
        DepositState::Mismatch,
    ];
    states[usize::from(drawn >> (2 * (place % 4)) & 3)]
}

/// The log up to a size, as an authority shows it. It takes nothing.
struct Shown<'l> {
    log: &'l Log,
    size: usize,
}

impl Authority for Shown<'_> {
    fn about(&self) -> Result<About, QueryError> {
        Ok(About {
            founding: cast().founding.clone(),
            policy: None,
            rsa_key: None,
        })
    }

    fn submit(&self, _: &SignedStatement) -> Result<Receipt, SubmitError> {
        panic!("whoever only looks submits nothing");
    }

    fn entries(&self, _: Select, from: u64) -> Result<Page<Recorded>, QueryError> {
        let checkpoint = self.log.checkpoint(self.size);
        let from = usize::try_from(from).unwrap();
        let is_damaged = |index: &usize| self.log.damaged.contains(&(*index as u64));
        let (damaged, shown): (Vec<usize>, Vec<usize>) = (from..self.size).partition(is_damaged);
        let recorded = |index: usize| {
            let Entry {
                statement,
                attestation,
            } = &self.log.entries[index];
            let inclusion = tree::inclusion(index, &self.log.leaves[..self.size]);
            Recorded {
                statement: statement.clone(),
                receipt: Receipt::new(SALT, attestation, index as u64, inclusion, &checkpoint),
            }
        };
        Ok(Page {
            items: shown.into_iter().map(recorded).collect(),
            damaged: damaged.into_iter().map(|index| index as u64).collect(),
            next: self.size as u64,
        })
    }

    fn subject(&self, _: StatementId) -> Result<SubjectView, QueryError> {
        Err(QueryError::NotFound)
    }

    fn holdings(&self, _: OwnerId) -> Result<Holdings, QueryError> {
        Err(QueryError::NotFound)
    }

    fn release(&self, _: StatementId, _: u64) -> Result<ReleasePage, ReleaseError> {
        Err(QueryError::NotFound.into())
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError> {
        Ok(self.log.checkpoint(self.size))
    }

    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError> {
        let [old, new] = [old, new].map(|size| usize::try_from(size).unwrap());
        Ok(tree::consistency(old, &self.log.leaves[..new]))
    }

    fn leaves(&self, _: u64) -> Result<Page<Vec<u8>>, QueryError> {
        Err(QueryError::NotFound)
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    assert_eq!(STORY[0].id(), cast().founding.statement().id());
    // What an owner is shown, in the order of the story: who has departed is nobody's to see, and a release and a decision
    // are on the request before them.
    let place = |kind: Kind| {
        let place = STORY.iter().position(|statement| statement.kind() == kind);
        u8::try_from(place.unwrap()).unwrap()
    };
    let of_story = |seed: Seed, kind: Kind| seed.raw(&[0, 0, 9, place(kind)]);
    let story = |first: u8, kinds: &[Kind]| kinds.iter().copied().fold(Seed::of([first]), of_story);
    let begun = [Kind::Found, Kind::Enroll, Kind::Deposit];
    let asked = [Kind::Request, Kind::Evidence, Kind::Decision, Kind::Release];
    let others = [
        Kind::PolicyChange,
        Kind::OwnBlob,
        Kind::RsaKey,
        Kind::Checked,
        Kind::Restored,
    ];
    let all = [&begun[..], &asked, &others].concat();
    // A deposit that is drawn, of which one key was refused and the other is not verified.
    let deposit = STORY
        .iter()
        .find(|statement| statement.kind() == Kind::Deposit)
        .unwrap();
    let drawn = Drawn::seed(Seed::default(), deposit.as_bytes());
    vec![
        story(2, &begun).done(),
        story(5, &all).done(),
        story(3, &[&begun[..], &[Kind::Request, Kind::Veto]].concat()).done(),
        story(2, &begun[..2])
            .raw(&[1, 0b1001, 3])
            .bytes(&drawn)
            .done(),
        // The deposit can't be read, and what rests on it can.
        story(1, &begun[..2])
            .raw(&[0x40, 0, 9, place(Kind::Deposit)])
            .raw(&[0, 0, 9, place(Kind::OwnBlob)])
            .done(),
    ]
}

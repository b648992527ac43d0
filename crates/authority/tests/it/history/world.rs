//! The authority under test, with whatever is done to it watched: each answer is held against the model, and the log
//! is read behind the authority's back after every act.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use strongroom_authority::{Caller, Service};
use strongroom_protocol::id::{Clock, Digest, OwnerId, Serial, StatementId, Time};
use strongroom_protocol::log::Checkpoint;
use strongroom_protocol::policy::{Policy, SubjectState};
use strongroom_protocol::receipt::Receipt;
use strongroom_protocol::statement::{Kind, SignedStatement, Statement};
use strongroom_protocol::{Authority, Founding, QueryError, ReleaseError, Select, SubmitError};
use strongroom_testkit::{Asked, PageRelease, TestClock, TestRng, change_of, list, listed, look};
use tempfile::TempDir;

use super::model::{Model, Ruling};
use crate::map::{DUE, DUE_OF, LAPSE};

/// Where the authority is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Folder,
    Memory,
}

/// An authority, open as two processes would have it; in memory, as two callers.
pub(super) struct World {
    place: Place,
    parent: TempDir,
    pub(super) about: Founding,
    pub(super) clock: Arc<TestClock>,
    services: Vec<Service>,
    openings: u64,
    log: Option<rusqlite::Connection>,
    pub(super) model: Model,
    /// The newest checkpoint that was seen.
    seen: Checkpoint,
    /// Who got a receipt, and for which entry.
    receipts: BTreeMap<StatementId, (u64, Time)>,
    /// The pages that left, byte for byte.
    pages: BTreeMap<(StatementId, u64), Vec<u8>>,
    backup: Option<(u64, Checkpoint)>,
    pub(super) released: u64,
}

impl World {
    pub(super) fn found(place: Place, policy: Policy, seed: u64) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let folder = parent.path().join("authority");
        let rng = TestRng::new(seed);
        let service = match place {
            Place::Folder => Service::found(&folder, policy, clock.clone(), rng).unwrap(),
            Place::Memory => Service::found_in_memory(policy, clock.clone(), rng).unwrap(),
        };
        let about = service.about().clone();
        let seen = service.verify_log().unwrap();
        let services = match place {
            Place::Folder => Vec::new(),
            Place::Memory => vec![service.clone(), service],
        };
        let mut world = Self {
            place,
            parent,
            clock,
            services,
            openings: seed << 16,
            log: None,
            model: Model::new(about.found().log_key),
            about,
            seen,
            receipts: BTreeMap::new(),
            pages: BTreeMap::new(),
            backup: None,
            released: 0,
        };
        if place == Place::Folder {
            world.open();
        }
        world.catch_up();
        world
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Submits a statement at one of the open services. Tells whether it was recorded.
    pub(super) fn submit(&mut self, at: usize, said: &SignedStatement) -> bool {
        let known = self.model.find(said.id());
        let answer = self.services[at].session(Caller::Operator).submit(said);
        let rests_on_policy = rests_on_policy(said);
        self.catch_up();
        if rests_on_policy && (known.is_some() || answer.is_err()) {
            self.is_settled();
        }
        match answer {
            Ok(receipt) => {
                assert!(!is_own(said), "the authority takes its own words");
                let index = self.hold(said, &receipt);
                assert!(
                    known.is_none_or(|known| known == index),
                    "it has a second entry"
                );
                true
            }
            Err(SubmitError::Refused(_)) if is_own(said) => false,
            Err(SubmitError::Refused(refusal)) => {
                let judged = self.model.judge(self.now(), said);
                assert!(judged.is_err(), "it was refused ({refusal}) and may be");
                assert!(
                    self.model.find(said.id()).is_none(),
                    "it is refused and recorded"
                );
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Several clients at once, each at a service of its own: they submit statements, and ask for one request's keys.
    pub(super) fn act_at_once(
        &mut self,
        each: &[Vec<SignedStatement>],
        request: Option<StatementId>,
    ) {
        let before = self.model.clone();
        let services = &self.services;
        let answers: Vec<Vec<_>> = thread::scope(|scope| {
            let clients: Vec<_> = each
                .iter()
                .zip(services.iter().cycle())
                .map(|(statements, service)| {
                    scope.spawn(move || {
                        let session = service.session(Caller::Operator);
                        let submit = |said| session.submit(said);
                        let answers = statements.iter().map(submit).collect();
                        // That it may leave, and left once, is for the log to show.
                        if let Some(request) = request {
                            let page = session.release(request, 0);
                            assert!(!matches!(page, Err(ReleaseError::Unavailable(_))));
                        }
                        answers
                    })
                })
                .collect();
            let join = |client: thread::ScopedJoinHandle<'_, _>| client.join().unwrap();
            clients.into_iter().map(join).collect()
        });
        self.catch_up();
        for (said, answer) in each.iter().flatten().zip(answers.into_iter().flatten()) {
            match answer {
                Ok(receipt) => {
                    self.hold(said, &receipt);
                }
                Err(SubmitError::Refused(refusal)) => {
                    let mut then = before.clone();
                    let mut refused = then.judge(self.now(), said).is_err();
                    for (time, next) in &self.model.log[before.log.len()..] {
                        then.apply(*time, next.clone());
                        refused |= then.judge(self.now(), said).is_err();
                    }
                    assert!(refused, "{said:?} was refused ({refusal}) and may be");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Looks at a request, which decides nothing; then asks for the same again, which decides it where that can be done.
    pub(super) fn look(&mut self, at: usize, asked: &SignedStatement) {
        let session = self.services[at].session(Caller::Operator);
        let size = self.model.size();
        let seen = look(&session, asked.id());
        self.catch_up();
        assert_eq!(self.model.size(), size, "looking recorded something");
        if self.asked(asked.id()).is_none() {
            assert!(matches!(seen, Err(QueryError::NotFound)));
            return;
        }
        self.submit(at, asked);
        let (state, _) = look(&session, asked.id()).unwrap().standing(self.now());
        let request = self.asked(asked.id()).unwrap();
        assert_eq!(state, self.model.state(request, self.now()));
    }

    /// Asks for a page; returns the keys on it, if it is released.
    pub(super) fn release(
        &mut self,
        at: usize,
        asked: &Asked,
        page: u64,
        keys: &BTreeMap<Serial, [u8; 16]>,
    ) -> bool {
        let id = asked.statement.id();
        let answer = self.services[at]
            .session(Caller::Operator)
            .release(id, page);
        self.catch_up();
        let (now, model) = (self.now(), &self.model);
        let request = model.requests.iter().find(|known| known.signed.id() == id);
        let Some(request) = request else {
            assert!(matches!(answer, Err(ReleaseError::NotFound)));
            return false;
        };
        let serials = model.page(&request.what, page);
        let released = match answer {
            Ok(released) => released,
            Err(ReleaseError::NotFound) => {
                assert!(serials.is_none() || !model.is_next(request, page));
                assert!(!model.has_left(request, page));
                return false;
            }
            Err(ReleaseError::NotApproved { state }) => {
                let may = model.may_have(request, page, now);
                assert!(!may, "it is not released: {state:?}");
                assert_eq!(state, model.state(request, now));
                return false;
            }
            Err(error) => panic!("{error}"),
        };
        assert!(
            model.may_have(request, page, now),
            "a page left that may not"
        );
        let opened = asked.open(&self.about, &released);
        let expected = serials.unwrap().into_iter();
        let expected: BTreeMap<_, _> = expected.map(|serial| (serial, keys[&serial])).collect();
        assert!(opened == expected, "other keys left than were asked for");
        for key in released.release().keys() {
            let said = model.said_of(released.release().owner(), key.label.serial);
            assert!(key.particulars == *said, "what rides along is another's");
        }
        assert_eq!(released.release().page(), page);
        let (release, decision) = (&released.release.statement, &released.decision.statement);
        assert!(model.find(release.id()) > model.find(decision.id()));
        let bytes = released.release.statement.as_bytes();
        let first = self.pages.entry((id, page)).or_insert(bytes.to_vec());
        assert!(first == bytes, "the page left twice, and not the same");
        self.released += 1;
        true
    }

    /// Nobody but those who have a part in a request gets anything.
    pub(super) fn is_hidden_from_strangers(&self, asked: &Asked, stranger: Caller) {
        let session = self.services[0].session(stranger);
        let page = session.release(asked.statement.id(), 0);
        assert!(matches!(page, Err(ReleaseError::NotFound)));
    }

    /// The power goes: what is on the disk at this moment is all that there is when it comes back.
    pub(super) fn crash(&mut self) {
        if self.place == Place::Memory {
            return;
        }
        let image = self.parent.path().join("image");
        copy(&self.folder(), &image);
        self.close();
        copy(&image, &self.folder());
        self.open();
        self.catch_up();
    }

    pub(super) fn back_up(&mut self) {
        if self.place == Place::Memory {
            return;
        }
        self.close();
        copy(&self.folder(), &self.parent.path().join("backup"));
        self.backup = Some((self.model.size(), self.seen));
        self.open();
        self.catch_up();
    }

    /// Puts the backup in the folder's place. Returns what was in the log and is not any more, the authority's own
    /// aside: clients keep what they sent.
    pub(super) fn restore(&mut self) -> Option<Vec<SignedStatement>> {
        let (size, seen) = self.backup?;
        let size = usize::try_from(size).unwrap();
        self.close();
        copy(&self.parent.path().join("backup"), &self.folder());
        let old = std::mem::replace(&mut self.model, Model::new(self.about.found().log_key));
        self.model = old.cut(size);
        self.seen = seen;
        self.open();
        let kept = self.entries(0);
        let kept: Vec<_> = kept.iter().map(|(_, said)| said.id()).collect();
        let before: Vec<_> = old.log.iter().map(|(_, said)| said.id()).collect();
        assert_eq!(kept, before[..size], "the copy is not the log's beginning");
        self.catch_up();
        let lost: Vec<_> = old
            .log
            .into_iter()
            .skip(size)
            .map(|(_, lost)| lost)
            .collect();
        for lost in &lost {
            self.receipts.remove(&lost.id());
        }
        let model = &self.model;
        let is_there = |request: &StatementId| model.find(*request).is_some();
        // A page that was lost with its release may be made anew, with other wraps.
        let lost_ids: Vec<_> = lost.iter().map(|lost| lost.as_bytes().to_vec()).collect();
        self.pages
            .retain(|(request, _), page| is_there(request) && !lost_ids.contains(page));
        Some(lost.into_iter().filter(|said| !is_own(said)).collect())
    }

    /// What must hold of every history, when it is over.
    pub(super) fn check(&mut self, owners: &[OwnerId]) {
        self.catch_up();
        for service in &self.services {
            assert_eq!(service.verify_log().unwrap().size, self.model.size());
        }
        let session = self.services[0].session(Caller::Operator);
        let mut ids: Vec<_> = self.model.log.iter().map(|(_, said)| said.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), self.model.log.len(), "an act has two entries");
        for owner in owners {
            if self.model.is_enrolled(*owner) {
                self.is_listed_whole(&session, *owner);
            }
        }
        drop(session);
        let before = self.map();
        self.services[0].rebuild().unwrap();
        assert!(self.map() == before, "the map is not the log's");
        let session = self.services[0].session(Caller::Operator);
        let about = session.about().unwrap();
        let in_force = match &about.policy {
            None => &about.found().policy,
            Some(succession) => &change_of(&succession.change).policy,
        };
        assert_eq!(in_force, self.model.policy());
        let model = &self.model;
        let ids = |open: bool| -> Vec<StatementId> {
            let requests = model.requests.iter();
            let requests = requests.filter(|asked| !open || model.is_open(asked));
            let requests = requests.map(|asked| (asked.index, asked.signed.id()));
            let changes = model
                .changes
                .iter()
                .filter(|asked| !open || asked.decision.is_none() && !model.is_superseded(asked));
            let changes = changes.map(|asked| (asked.index, asked.signed.id()));
            let mut all: Vec<_> = requests.chain(changes).collect();
            all.sort_unstable();
            all.into_iter().map(|(_, id)| id).collect()
        };
        assert_eq!(listed(&session, Select::Subjects), ids(false));
        assert_eq!(listed(&session, Select::Open), ids(true));
        for asked in &model.requests {
            let id = asked.signed.id();
            let (state, _) = look(&session, id).unwrap().standing(self.now());
            self.stands(id, state);
        }
    }

    /// An owner's listing has what concerns the owner, in order, each entry with the place and the time that the first
    /// receipt said.
    fn is_listed_whole(&self, session: &dyn Authority, owner: OwnerId) {
        let entries = list(session, Select::Owner(owner)).unwrap();
        let ids: Vec<_> = entries.iter().map(|entry| entry.statement.id()).collect();
        assert_eq!(ids, self.model.concerning(owner), "an entry is gone");
        for entry in &entries {
            let (index, time) = (entry.receipt.index(), entry.receipt.time());
            let place = usize::try_from(index).unwrap();
            let (recorded, said) = &self.model.log[place];
            assert_eq!((said.id(), *recorded), (entry.statement.id(), time));
            if let Some(first) = self.receipts.get(&said.id()) {
                assert_eq!(*first, (index, time));
            }
        }
    }

    fn stands(&self, request: StatementId, state: SubjectState) {
        let asked = self.asked(request).unwrap();
        // One that may be decided since another was is decided when it is looked at next.
        let next_time = asked.decision.is_none() && state == SubjectState::Requested;
        assert!(next_time || state == self.model.state(asked, self.now()));
    }

    fn asked(
        &self,
        id: StatementId,
    ) -> Option<&super::model::Subject<strongroom_protocol::statement::Request>> {
        let mut requests = self.model.requests.iter();
        requests.find(|asked| asked.signed.id() == id)
    }

    /// No change of the policy that can be decided was left undecided.
    fn is_settled(&self) {
        self.is_settled_at(self.now());
    }

    fn is_settled_at(&self, now: Time) {
        for change in &self.model.changes {
            let ruling = self.model.change_ruling(change, now);
            let is_over = change.decision.is_some() || self.model.is_superseded(change);
            assert!(
                is_over || ruling == Ruling::Pending,
                "a change is {ruling:?} and not decided"
            );
        }
    }

    /// Verifies a receipt, and holds it against the log and whatever receipt there was before.
    fn hold(&mut self, said: &SignedStatement, receipt: &Receipt) -> u64 {
        let log_key = self.about.found().log_key;
        let receipt = receipt.verify(said, &log_key).unwrap();
        let entry = (receipt.index(), receipt.time());
        let index = usize::try_from(receipt.index()).unwrap();
        let (time, logged) = &self.model.log[index];
        assert_eq!((logged.id(), *time), (said.id(), receipt.time()));
        let first = self.receipts.entry(said.id()).or_insert(entry);
        assert_eq!(*first, entry);
        if let Statement::Deposit(deposit) = said.statement() {
            let then = self.model.cut(index);
            assert_eq!(receipt.states(), then.states(said.id(), deposit));
        }
        receipt.index()
    }

    /// Reads what the log has grown by: it is the old one and more, and the model may take each entry.
    fn catch_up(&mut self) {
        let session = self.services[0].session(Caller::Operator);
        let head = *session.checkpoint().unwrap().checkpoint();
        let (old, new) = (self.seen, head);
        let proof = session.consistency(old.size, new.size).unwrap();
        let extends = proof.verify(old.size, old.root, new.size, new.root);
        assert!(extends.is_ok(), "the log is not the one that was seen");
        drop(session);
        self.seen = head;
        let mut due: Option<Digest> = None;
        for (time, said) in self.entries(self.model.size()) {
            if let Some(request) = due.take() {
                let decides = matches!(said.statement(), Statement::Decision(decision)
                    if decision.request == request);
                assert!(
                    decides,
                    "what can be decided is not, with what was said to it"
                );
            }
            if rests_on_policy(&said) && !is_own(&said) {
                self.is_settled_at(time);
            }
            let judged = self.model.judge(time, &said);
            let index = self.model.size();
            assert!(judged.is_ok(), "entry {index}, {said:?}: {judged:?}");
            self.model.apply(time, said.clone());
            due = self.model.decided_by(&said, time);
        }
        assert_eq!(
            due, None,
            "what can be decided is not, with what was said to it"
        );
        assert_eq!(self.model.size(), head.size, "entries behind the head");
    }

    fn entries(&self, from: u64) -> Vec<(Time, SignedStatement)> {
        let Some(log) = &self.log else {
            return self.services[0].statements(from, u64::MAX).unwrap();
        };
        let query = "SELECT time, statement FROM entry WHERE idx >= ?1 ORDER BY idx";
        let mut query = log.prepare_cached(query).unwrap();
        let rows = query.query_map([i64::try_from(from).unwrap()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        });
        let entry = |(time, said): (i64, Vec<u8>)| {
            let time = Time::from_millis(u64::try_from(time).unwrap());
            (time, SignedStatement::parse(&said).unwrap())
        };
        rows.unwrap().map(|row| entry(row.unwrap())).collect()
    }

    /// Every pair of the map, which follows from the entries, but for when changes are looked at next; in memory nobody can
    /// see them.
    fn map(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Some(log) = &self.log else {
            return Vec::new();
        };
        let mut pairs = log.prepare("SELECT key, value FROM map").unwrap();
        let pairs = pairs.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = pairs.unwrap().map(Result::unwrap).collect();
        assert!(!pairs.is_empty());
        pairs.retain(|(key, _)| !matches!(key[0], DUE | LAPSE | DUE_OF));
        pairs
    }

    fn folder(&self) -> PathBuf {
        self.parent.path().join("authority")
    }

    fn close(&mut self) {
        self.log = None;
        self.services.clear();
    }

    fn open(&mut self) {
        let folder = self.folder();
        for _ in 0..2 {
            self.openings += 1;
            let rng = TestRng::new(self.openings);
            let service = Service::open(&folder, self.clock.clone(), rng).unwrap();
            self.services.push(service);
        }
        let log = rusqlite::Connection::open(folder.join("store.db")).unwrap();
        self.log = Some(log);
    }
}

fn rests_on_policy(said: &SignedStatement) -> bool {
    !matches!(said.kind(), Kind::Deposit | Kind::Device | Kind::Enroll)
}

/// Tells whether only the authority itself may say so.
fn is_own(said: &SignedStatement) -> bool {
    matches!(said.kind(), Kind::Found | Kind::Decision | Kind::Release)
}

/// Makes a folder a copy of another, file by file.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(to).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        // What SQLite keeps in shared memory is not on the disk.
        if file.file_name() == "store.db-shm" {
            continue;
        }
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

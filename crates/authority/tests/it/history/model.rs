//! What a history is held against: the log as it is read, and what follows from it by the rules of spec/policy.md,
//! told as plainly as they are there. It decides nothing with the code that it judges.

mod ruling;

use std::collections::{BTreeMap, BTreeSet};

use strongroom_protocol::id::{Digest, OwnerId, Serial, StatementId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Officer, Policy, SubjectState};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Approval, Decision, Deposit, Device, DeviceWord, Evidence, Particulars, PolicyChange, Release,
    Request, Scope, SignedStatement, Statement, Verdict, Veto, Word,
};

pub(super) use ruling::Ruling;
use ruling::{Marks, marks};

/// How far an asker's clock may be ahead.
const CLOCK_SLACK_MILLIS: u64 = 15 * 60 * 1000;

/// The log so far, and what it comes to.
#[derive(Clone)]
pub(super) struct Model {
    pub(super) log: Vec<(Time, SignedStatement)>,
    log_key: VerifyingKey,
    reigns: Vec<Reign>,
    owners: BTreeMap<OwnerId, Person>,
    pub(super) requests: Vec<Subject<Request>>,
    pub(super) changes: Vec<Subject<PolicyChange>>,
    /// The pages that left: of which request (by its index), and which.
    pages: BTreeSet<(u64, u64)>,
    departed: Vec<(OwnerId, VerifyingKey, bool)>,
    /// The deposits whose first key was spoilt when they were made: that is not in the log.
    spoilt: BTreeSet<StatementId>,
}

/// A policy, from an entry on.
#[derive(Clone)]
struct Reign {
    since: u64,
    policy: Policy,
    /// Who came in through whom, here and before: what both were known by.
    sponsors: BTreeSet<(Marks, Marks)>,
}

#[derive(Clone)]
struct Person {
    enrolled: u64,
    code: VerifyingKey,
    /// Since which entry each is theirs.
    devices: Vec<(u64, VerifyingKey)>,
    /// Since which entry some are theirs no more.
    revoked: BTreeMap<VerifyingKey, u64>,
    kept: BTreeMap<Serial, Kept>,
}

#[derive(Clone)]
struct Kept {
    index: u64,
    place: usize,
    particulars: Particulars,
}

/// A request or a change, and what was said to it.
#[derive(Clone)]
pub(super) struct Subject<T> {
    pub(super) index: u64,
    time: Time,
    pub(super) signed: SignedStatement,
    pub(super) what: T,
    pub(super) digest: Digest,
    words: Vec<SignedStatement>,
    pub(super) decision: Option<Decision>,
}

impl<T> Subject<T> {
    fn approved(&self) -> bool {
        let decision = self.decision.as_ref();
        decision.is_some_and(|decision| decision.verdict == Verdict::Approved)
    }
}

impl Model {
    pub(super) fn new(log_key: VerifyingKey) -> Self {
        Self {
            log: Vec::new(),
            log_key,
            reigns: Vec::new(),
            owners: BTreeMap::new(),
            requests: Vec::new(),
            changes: Vec::new(),
            pages: BTreeSet::new(),
            departed: Vec::new(),
            spoilt: BTreeSet::new(),
        }
    }

    /// The model of a log that goes no further than `size`.
    pub(super) fn cut(&self, size: usize) -> Self {
        let mut cut = Self::new(self.log_key);
        cut.spoilt.clone_from(&self.spoilt);
        for (time, said) in self.log.iter().take(size) {
            cut.apply(*time, said.clone());
        }
        cut
    }

    pub(super) fn spoil(&mut self, deposit: StatementId) {
        self.spoilt.insert(deposit);
    }

    pub(super) fn size(&self) -> u64 {
        self.log.len() as u64
    }

    pub(super) fn find(&self, id: StatementId) -> Option<u64> {
        let place = self.log.iter().position(|(_, said)| said.id() == id);
        place.map(|place| place as u64)
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.reigns.last().unwrap().policy
    }

    pub(super) fn is_enrolled(&self, owner: OwnerId) -> bool {
        self.owners.contains_key(&owner)
    }

    /// How many requests were approved for somebody who asked for another.
    pub(super) fn approved_for_others(&self) -> usize {
        let approved = self.requests.iter().filter(|asked| asked.approved());
        approved.filter(|asked| self.asker(asked).is_some()).count()
    }

    /// How many devices were revoked.
    pub(super) fn revoked(&self) -> usize {
        self.owners
            .values()
            .map(|person| person.revoked.len())
            .sum()
    }

    /// What is kept of an owner's among the first `size` entries, sorted.
    pub(super) fn serials(&self, owner: OwnerId, size: u64) -> Vec<Serial> {
        let kept = self.owners.get(&owner).into_iter();
        let kept = kept.flat_map(|person| &person.kept);
        let kept = kept.filter(|(_, kept)| kept.index < size);
        kept.map(|(serial, _)| *serial).collect()
    }

    /// What an owner said of a key that is kept.
    pub(super) fn said_of(&self, owner: OwnerId, serial: Serial) -> &Particulars {
        &self.owners[&owner].kept[&serial].particulars
    }

    /// What becomes of the keys of a deposit that is recorded next.
    pub(super) fn states(&self, id: StatementId, deposit: &Deposit) -> Vec<DepositState> {
        let kept = &self.owners[&deposit.owner()].kept;
        let keys = deposit.keys().iter().enumerate();
        keys.map(|(place, key)| {
            if kept.contains_key(&key.label.serial) {
                DepositState::Conflict
            } else if place == 0 && self.spoilt.contains(&id) {
                DepositState::Mismatch
            } else {
                DepositState::Verified
            }
        })
        .collect()
    }

    /// Tells whether a statement may be recorded now, behind what is in the log.
    pub(super) fn judge(&self, now: Time, said: &SignedStatement) -> Result<(), String> {
        let by = said.author();
        let may = match said.statement() {
            Statement::Approval(word) => self.may_say(now, by, word)?,
            Statement::Decision(decision) => self.may_decide(now, by, decision)?,
            Statement::Departed(departed) => {
                let policy = self.policy();
                let group = policy.departed.as_ref();
                let people = group.map(|group| ruling::people(policy, group));
                let officer = policy.officer(by).map(|officer| &officer.name);
                people
                    .zip(officer)
                    .is_some_and(|(people, officer)| people.contains(officer))
                    && self.is_enrolled(departed.owner)
            }
            Statement::Deposit(deposit) => self.is_device(by, deposit.owner()),
            Statement::Device(device) => {
                self.is_device(by, device.owner) && self.may_be_said_of(device)
            }
            Statement::Enroll(enroll) => !self.is_enrolled(enroll.owner),
            Statement::Evidence(evidence) => self.may_prove(now, by, evidence)?,
            Statement::Found(_) => self.log.is_empty(),
            Statement::PolicyChange(change) => {
                let known = self.policy().officer(by).is_some()
                    || self.owners.keys().any(|owner| self.is_device(by, *owner));
                known
                    && change.replaces == self.policy().digest()
                    && self.is_timely(change.expires, now)
                    && self.change(change.digest()).is_none()
            }
            Statement::Release(release) => self.may_release_now(now, by, release)?,
            Statement::Request(request) => {
                request.policy == self.policy().digest()
                    && self.is_timely(request.expires, now)
                    && self.scope(request).is_some()
                    && self.request(request.digest()).is_none()
            }
            Statement::Veto(veto) => self.may_veto(now, by, veto)?,
            // Nobody backs up or checks in these histories.
            Statement::Checked(_) | Statement::Restored(_) | _ => false,
        };
        if may {
            Ok(())
        } else {
            Err("it is not theirs to say, or not so".to_owned())
        }
    }

    /// Takes what is in the log next.
    pub(super) fn apply(&mut self, now: Time, said: SignedStatement) {
        let index = self.size();
        let by = *said.author();
        match said.statement() {
            Statement::Approval(word) => self.hear(word.subject, &said),
            Statement::Decision(decision) => self.decided(index, decision),
            Statement::Departed(departed) => {
                self.departed.push((departed.owner, by, departed.departed));
            }
            Statement::Deposit(deposit) => {
                let states = self.states(said.id(), deposit);
                let kept = &mut self.owners.get_mut(&deposit.owner()).unwrap().kept;
                for (place, (key, state)) in deposit.keys().iter().zip(states).enumerate() {
                    if state == DepositState::Verified {
                        let kept_now = Kept {
                            index,
                            place,
                            particulars: key.particulars.clone(),
                        };
                        kept.insert(key.label.serial, kept_now);
                    }
                }
            }
            Statement::Device(device) => {
                let person = self.owners.get_mut(&device.owner).unwrap();
                if device.word == DeviceWord::Revoke {
                    person.revoked.entry(device.device_key).or_insert(index);
                }
            }
            Statement::Enroll(enroll) => {
                let person = Person {
                    enrolled: index,
                    code: enroll.code_key,
                    devices: vec![(index, enroll.device_key)],
                    revoked: BTreeMap::new(),
                    kept: BTreeMap::new(),
                };
                self.owners.insert(enroll.owner, person);
            }
            Statement::Evidence(evidence) => self.hear(evidence.request, &said),
            Statement::Found(found) => self.reigns.push(Reign {
                since: 0,
                policy: found.policy.clone(),
                sponsors: BTreeSet::new(),
            }),
            Statement::PolicyChange(change) => {
                let (digest, change) = (change.digest(), (**change).clone());
                self.changes
                    .push(Subject::new(index, now, &said, change, digest));
            }
            Statement::Release(release) => {
                let request = self.request(release.request()).unwrap().index;
                self.pages.insert((request, release.page()));
            }
            Statement::Request(request) => {
                let (digest, request) = (request.digest(), (**request).clone());
                self.requests
                    .push(Subject::new(index, now, &said, request, digest));
            }
            Statement::Veto(veto) => self.hear(veto.request, &said),
            other @ (Statement::Checked(_) | Statement::Restored(_) | _) => panic!("{other:?}"),
        }
        self.log.push((now, said));
    }

    pub(super) fn request(&self, digest: Digest) -> Option<&Subject<Request>> {
        self.requests.iter().find(|asked| asked.digest == digest)
    }

    pub(super) fn change(&self, digest: Digest) -> Option<&Subject<PolicyChange>> {
        self.changes.iter().find(|asked| asked.digest == digest)
    }

    /// Where a request stands, once what can be decided is.
    pub(super) fn state(&self, asked: &Subject<Request>, now: Time) -> SubjectState {
        let verdict = asked.decision.as_ref().map(|decision| decision.verdict);
        match (verdict, self.ruling(asked, now)) {
            (Some(Verdict::Approved), _) if self.is_all_released(asked) => SubjectState::Released,
            (Some(Verdict::Approved) | None, Ruling::Pending) => SubjectState::Requested,
            (Some(Verdict::Approved) | None, Ruling::Approved) => {
                SubjectState::Decided(Verdict::Approved)
            }
            (Some(Verdict::Approved) | None, Ruling::Ended(verdict)) | (Some(verdict), _) => {
                SubjectState::Decided(verdict)
            }
        }
    }

    /// Whether a page can be had: it left already, or may leave now.
    pub(super) fn may_have(&self, asked: &Subject<Request>, page: u64, now: Time) -> bool {
        self.has_left(asked, page)
            || self.is_next(asked, page)
                && asked.approved()
                && self.ruling(asked, now) == Ruling::Approved
    }

    /// Whether a page left already.
    pub(super) fn has_left(&self, asked: &Subject<Request>, page: u64) -> bool {
        self.pages.contains(&(asked.index, page))
    }

    /// Whether all pages before one left already.
    pub(super) fn is_next(&self, asked: &Subject<Request>, page: u64) -> bool {
        (0..page).all(|before| self.has_left(asked, before))
    }

    /// The serials of a page, as their deposits stand in the log.
    pub(super) fn page(&self, asked: &Request, page: u64) -> Option<Vec<Serial>> {
        let mut all = self.scope(asked)?;
        let kept = &self.owners[&asked.owner].kept;
        all.sort_by_key(|serial| (kept[serial].index, kept[serial].place));
        let page = all
            .chunks(Release::KEYS_MAX)
            .nth(usize::try_from(page).unwrap());
        page.map(<[_]>::to_vec)
    }

    /// The request or the change that is to be decided at once, with what was said to it, or with itself.
    pub(super) fn decided_by(&self, said: &SignedStatement, now: Time) -> Option<Digest> {
        let subject = match said.statement() {
            Statement::Approval(word) => word.subject,
            Statement::Evidence(evidence) => evidence.request,
            Statement::PolicyChange(change) => change.digest(),
            Statement::Request(request) => request.digest(),
            Statement::Veto(veto) => veto.request,
            Statement::Checked(_)
            | Statement::Decision(_)
            | Statement::Departed(_)
            | Statement::Deposit(_)
            | Statement::Enroll(_)
            | Statement::Found(_)
            | Statement::OwnBlob(_)
            | Statement::Release(_)
            | Statement::Restored(_)
            | Statement::RsaKey(_)
            | _ => return None,
        };
        let (decision, ruling) = if let Some(asked) = self.request(subject) {
            (&asked.decision, self.ruling(asked, now))
        } else {
            let asked = self.change(subject)?;
            (&asked.decision, self.change_ruling(asked, now))
        };
        (decision.is_none() && ruling != Ruling::Pending).then_some(subject)
    }

    /// Whether another policy came into force behind a change: it needs no decision of its own then.
    pub(super) fn is_superseded(&self, asked: &Subject<PolicyChange>) -> bool {
        self.reigns.last().unwrap().since > asked.index
    }

    /// Whether a request is still open: not decided, or approved, with keys that are not out.
    pub(super) fn is_open(&self, asked: &Subject<Request>) -> bool {
        asked.decision.is_none() || asked.approved() && !self.is_all_released(asked)
    }

    /// Which entries concern an owner, and everybody.
    pub(super) fn concerning(&self, owner: OwnerId) -> Vec<StatementId> {
        let theirs = |digest: Digest| match self.request(digest) {
            Some(asked) => asked.what.owner == owner || self.asker(asked) == Some(owner),
            // What is said to a change is said to everybody.
            None => true,
        };
        let log = self.log.iter().map(|(_, said)| said);
        let concerning = log.filter(|said| match said.statement() {
            Statement::Approval(word) => theirs(word.subject),
            Statement::Decision(decision) => theirs(decision.request),
            Statement::Deposit(deposit) => deposit.owner() == owner,
            Statement::Device(device) => device.owner == owner,
            Statement::Enroll(enroll) => enroll.owner == owner,
            Statement::Evidence(evidence) => theirs(evidence.request),
            Statement::Found(_) | Statement::PolicyChange(_) => true,
            Statement::Release(release) => theirs(release.request()),
            Statement::Request(request) => theirs(request.digest()),
            Statement::Veto(veto) => theirs(veto.request),
            // Who has departed is nobody's to see; of the others there are none in these histories.
            Statement::Checked(_)
            | Statement::Departed(_)
            | Statement::OwnBlob(_)
            | Statement::Restored(_)
            | Statement::RsaKey(_)
            | _ => false,
        });
        concerning.map(SignedStatement::id).collect()
    }

    fn may_say(&self, now: Time, by: &VerifyingKey, word: &Approval) -> Result<bool, String> {
        let is_officer = |policy: &Policy| {
            let policies = [policy, self.policy()];
            policies.iter().all(|policy| policy.officer(by).is_some())
                && policy.digest() == word.policy
        };
        if let Some(asked) = self.request(word.subject) {
            let to_overrule = word.word != Word::Overrule || self.is_vetoed(asked);
            Ok(is_officer(self.policy_of(asked.index)) && !self.is_over(asked, now) && to_overrule)
        } else {
            let asked = self.change(word.subject).ok_or("nothing was asked")?;
            let of_change = word.word != Word::Overrule;
            let may = is_officer(self.policy_of(asked.index));
            Ok(may && !self.is_change_over(asked, now) && of_change)
        }
    }

    fn is_vetoed(&self, asked: &Subject<Request>) -> bool {
        asked.words.iter().any(|word| {
            matches!(word.statement(), Statement::Veto(_))
                && *word.author() != asked.what.device_key
                && self.is_device(word.author(), asked.what.owner)
        })
    }

    fn may_prove(&self, now: Time, by: &VerifyingKey, proof: &Evidence) -> Result<bool, String> {
        if let Some(asked) = self.request(proof.request) {
            let code = self.owners[&asked.what.owner].code;
            let ended = matches!(self.ruling(asked, now), Ruling::Ended(_));
            Ok(code == *by && asked.decision.is_none() && !ended)
        } else {
            let asked = self.change(proof.request).ok_or("nothing was asked")?;
            Ok(self.codes_of(asked).contains(by) && !self.is_change_over(asked, now))
        }
    }

    fn may_veto(&self, now: Time, by: &VerifyingKey, veto: &Veto) -> Result<bool, String> {
        let asked = self.request(veto.request).ok_or("nothing was asked")?;
        Ok(self.is_device(by, asked.what.owner) && !self.is_over(asked, now))
    }

    fn may_decide(&self, now: Time, by: &VerifyingKey, made: &Decision) -> Result<bool, String> {
        let (ruling, open, words, policy) = if let Some(asked) = self.request(made.request) {
            if made.asker != self.asker(asked) {
                return Err("it names another asker".to_owned());
            }
            let ruling = self.ruling(asked, now);
            (ruling, asked.decision.is_none(), &asked.words, asked.index)
        } else {
            let asked = self.change(made.request).ok_or("nothing was asked")?;
            let ruling = self.change_ruling(asked, now);
            (ruling, asked.decision.is_none(), &asked.words, asked.index)
        };
        let decided = match ruling {
            Ruling::Approved => made.verdict == Verdict::Approved,
            Ruling::Ended(verdict) => made.verdict == verdict,
            Ruling::Pending => false,
        };
        if !decided {
            return Err(format!("it is {ruling:?}, and decided {:?}", made.verdict));
        }
        let mut cited = made.evidence.iter().chain(&made.approvals);
        let was_said = cited.all(|id| words.iter().any(|word| word.id() == *id));
        let policy = self.policy_of(policy).digest() == made.policy;
        Ok(*by == self.log_key && open && was_said && policy)
    }

    fn may_release_now(&self, now: Time, by: &VerifyingKey, out: &Release) -> Result<bool, String> {
        let asked = self.request(out.request()).ok_or("nothing was asked")?;
        let decision = asked.decision.as_ref().ok_or("nothing was decided")?;
        let ruling = self.ruling(asked, now);
        if decision.verdict != Verdict::Approved || ruling != Ruling::Approved {
            return Err(format!("decided {:?}, now {ruling:?}", decision.verdict));
        }
        let serials: Vec<Serial> = out.keys().iter().map(|key| key.label.serial).collect();
        Ok(*by == self.log_key
            && out.owner() == asked.what.owner
            && out.decision() == decision.digest()
            && out.withheld().is_empty()
            && self.page(&asked.what, out.page()) == Some(serials)
            && self.is_next(asked, out.page())
            && !self.has_left(asked, out.page()))
    }

    fn hear(&mut self, subject: Digest, said: &SignedStatement) {
        let requests = self.requests.iter_mut();
        let words = requests.map(|asked| (asked.digest, &mut asked.words));
        let changes = self.changes.iter_mut();
        let words = words.chain(changes.map(|asked| (asked.digest, &mut asked.words)));
        for (digest, words) in words {
            if digest == subject {
                words.push(said.clone());
            }
        }
    }

    fn decided(&mut self, index: u64, decision: &Decision) {
        let is_it = |digest| digest == decision.request;
        if let Some(asked) = self.requests.iter().position(|asked| is_it(asked.digest)) {
            self.requests[asked].decision = Some(decision.clone());
            let asked = &self.requests[asked];
            if asked.approved() && self.asker(asked).is_none() {
                let device = (index, asked.what.device_key);
                let person = self.owners.get_mut(&asked.what.owner).unwrap();
                person.devices.push(device);
            }
            return;
        }
        let changes = &mut self.changes;
        let asked = changes.iter_mut().find(|asked| is_it(asked.digest));
        let asked = asked.unwrap();
        asked.decision = Some(decision.clone());
        if !asked.approved() {
            return;
        }
        let before = self.reigns.last().unwrap();
        let policy = asked.what.policy.clone();
        let author = asked.signed.author();
        let mut asking = Marks::from([format!("{author:?}")]);
        for (owner, person) in &self.owners {
            let mut devices = person.devices.iter();
            if devices.any(|(since, device)| device == author && *since < asked.index) {
                asking.insert(format!("{owner:?}"));
            }
        }
        let old = before.policy.officers.iter();
        let askers = old
            .filter(|old| !marks(old).is_disjoint(&asking))
            .map(marks);
        let askers: Vec<Marks> = askers.chain([asking.clone()]).collect();
        let mut sponsors = before.sponsors.clone();
        for officer in &policy.officers {
            let known = |old: &Officer| old.name == officer.name;
            let old = before.policy.officers.iter().find(|old| known(old));
            let old = old.map(|old| old.keys.clone()).unwrap_or_default();
            if officer.keys.iter().any(|key| !old.contains(key)) {
                sponsors.extend(askers.iter().map(|by| (marks(officer), by.clone())));
            }
            // Who was known otherwise is who they were.
            let earlier = before.policy.officers.iter().map(marks);
            let earlier = earlier.filter(|old| !old.is_disjoint(&marks(officer)));
            sponsors.extend(earlier.map(|old| (marks(officer), old)));
        }
        self.reigns.push(Reign {
            since: index,
            policy,
            sponsors,
        });
    }

    fn is_timely(&self, expires: Time, now: Time) -> bool {
        let most = self.policy().lapse_millis + CLOCK_SLACK_MILLIS;
        expires > now && expires <= now.plus_millis(most)
    }

    /// What a request is for, sorted, if all of it was there when it was asked.
    fn scope(&self, request: &Request) -> Option<Vec<Serial>> {
        match &request.scope {
            Scope::Everything {
                tree_size,
                count,
                serials,
            } => {
                let held = self.serials(request.owner, *tree_size);
                let same = *serials == Scope::serials_digest(&held) && *count == held.len() as u64;
                (*tree_size <= self.size() && same && !held.is_empty()).then_some(held)
            }
            Scope::Serials(serials) => {
                let held = self.serials(request.owner, u64::MAX);
                let all = serials.iter().all(|serial| held.contains(serial));
                all.then(|| serials.clone())
            }
        }
    }

    pub(super) fn is_device(&self, key: &VerifyingKey, owner: OwnerId) -> bool {
        self.is_device_before(key, owner, self.size())
    }

    fn is_device_before(&self, key: &VerifyingKey, owner: OwnerId, index: u64) -> bool {
        self.owners.get(&owner).is_some_and(|person| {
            let mut devices = person.devices.iter();
            devices.any(|(since, device)| *since < index && device == key)
                && person.revoked.get(key).is_none_or(|gone| *gone >= index)
        })
    }

    /// Whether a key is an owner's device, or was once.
    fn was_device(&self, key: &VerifyingKey, owner: OwnerId) -> bool {
        let person = self.owners.get(&owner);
        person.is_some_and(|person| person.devices.iter().any(|(_, device)| device == key))
    }

    /// Whether a device is one that its owner can speak of, and another is left if it is revoked.
    fn may_be_said_of(&self, said: &Device) -> bool {
        let person = &self.owners[&said.owner];
        let mut left = person.devices.iter().map(|(_, device)| device);
        let is_left = |device: &VerifyingKey| {
            *device != said.device_key && !person.revoked.contains_key(device)
        };
        self.was_device(&said.device_key, said.owner)
            && (said.word != DeviceWord::Revoke || left.any(is_left))
    }

    fn is_over(&self, asked: &Subject<Request>, now: Time) -> bool {
        let refused = asked.decision.is_some() && !asked.approved();
        let ended = matches!(self.ruling(asked, now), Ruling::Ended(_));
        refused || ended || self.is_all_released(asked)
    }

    fn is_change_over(&self, asked: &Subject<PolicyChange>, now: Time) -> bool {
        let ended = matches!(self.change_ruling(asked, now), Ruling::Ended(_));
        asked.decision.is_some() || ended
    }

    fn is_all_released(&self, asked: &Subject<Request>) -> bool {
        let count = self.scope(&asked.what).unwrap().len();
        let pages = count.div_ceil(Release::KEYS_MAX) as u64;
        (0..pages).all(|page| self.pages.contains(&(asked.index, page)))
    }

    fn reign(&self, index: u64) -> &Reign {
        let reigns = self.reigns.iter().rev();
        let mut reigns = reigns.filter(|reign| reign.since == 0 || reign.since < index);
        reigns.next().unwrap()
    }

    pub(super) fn policy_of(&self, index: u64) -> &Policy {
        &self.reign(index).policy
    }

    /// The other owner whose device asks.
    fn asker(&self, asked: &Subject<Request>) -> Option<OwnerId> {
        let is_theirs = |owner: OwnerId| {
            let person = &self.owners[&owner];
            let gone = person.revoked.get(&asked.what.device_key);
            if gone.is_some_and(|gone| *gone < asked.index) {
                return None;
            }
            let devices = person.devices.iter();
            let mut since = devices
                .filter(|(since, device)| *since < asked.index && *device == asked.what.device_key);
            since.next().map(|(since, _)| *since)
        };
        if is_theirs(asked.what.owner).is_some() {
            return None;
        }
        let owners = self.owners.keys().copied();
        let theirs = owners.filter_map(|owner| Some((is_theirs(owner)?, owner)));
        theirs.min().map(|(_, owner)| owner)
    }

    /// The codes that a change asks for.
    fn codes_of(&self, asked: &Subject<PolicyChange>) -> BTreeSet<VerifyingKey> {
        let has_deposit = |owner: &Person| owner.kept.values().any(|kept| kept.index < asked.index);
        let has_any = self.owners.values().any(has_deposit);
        let owners = self.owners.values();
        // Who has nothing there has no say; while nobody has, all have.
        let owners = owners.filter(|owner| match has_any {
            true => has_deposit(owner),
            false => owner.enrolled < asked.index,
        });
        let codes = self.policy_of(asked.index).change.codes;
        owners.filter(|_| codes).map(|owner| owner.code).collect()
    }
}

impl<T> Subject<T> {
    fn new(index: u64, time: Time, signed: &SignedStatement, what: T, digest: Digest) -> Self {
        Self {
            index,
            time,
            signed: signed.clone(),
            what,
            digest,
            words: Vec::new(),
            decision: None,
        }
    }
}

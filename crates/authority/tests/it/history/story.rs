//! The operations of a history, as chance has them, in the order they come. What goes wrong is found by the world.

use std::collections::BTreeMap;

use strongroom_authority::Caller;
use strongroom_protocol::id::{Digest, OwnerId, RequestId, Serial, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::statement::{
    Approval, Departed, DeviceName, DeviceWord, Draft, Evidence, EvidenceKind, Grounds,
    Particulars, PolicyChange, Request, Scope, SignedStatement, Statement, Verdict, Veto, Word,
};
use strongroom_protocol::wrap::SecretKey;
use strongroom_testkit::{Asked, Forged, Owner, TestRng, forge_deposit};

use super::cast::{self, Clerk, DAY, Dice};
use super::world::{Place, World};

/// A history that goes on.
pub(super) struct Story {
    seed: u64,
    dice: Dice,
    pub(super) world: World,
    owners: Vec<Owner>,
    clerks: Vec<Clerk>,
    asked: Vec<Asking>,
    /// What was done, for whoever has to find out.
    told: Vec<String>,
}

struct Asking {
    asked: Asked,
    owner: usize,
    /// The seed of the key that it is to be released to.
    release_seed: [u8; 32],
}

impl Story {
    pub(super) fn begin(place: Place, seed: u64) -> Self {
        let mut dice = Dice(TestRng::new(seed << 8));
        let owner_seed = |number: u64| (seed << 8) + 1 + number;
        // An owner's id is the first that an owner's randomness gives.
        let ids: Vec<OwnerId> = (0..3)
            .map(|number| OwnerId::generate(&mut TestRng::new(owner_seed(number))))
            .collect();
        let clerks = Clerk::all(ids[0], &mut dice.0);
        let policy = cast::policy(&clerks[..4], &ids, &mut dice);
        let world = World::found(place, policy, seed);
        let owners = (0..3).map(|number| Owner::new(&world.about, owner_seed(number)));
        let owners: Vec<Owner> = owners.collect();
        assert!(owners.iter().map(|owner| owner.id).eq(ids));
        let mut story = Self {
            seed,
            dice,
            owners,
            clerks,
            asked: Vec::new(),
            told: Vec::new(),
            world,
        };
        for owner in 0..2 {
            story.enroll(owner);
            story.deposit(owner);
        }
        story
    }

    pub(super) fn go_on(&mut self) {
        match self.dice.below(100) {
            0..3 => self.enroll_somebody(),
            3..7 => {
                let owner = self.dice.below(3);
                self.deposit(owner);
            }
            7..21 => self.ask(),
            21..24 => self.grow(),
            24..31 => self.prove(),
            31..39 => self.say(),
            39..43 => self.say_twice(),
            43..51 => self.push(),
            51..53 => self.bring_in(),
            53..57 => self.veto(),
            57 | 74 | 87 => self.speak_of_a_device(),
            58..63 => self.depart(),
            63..70 => self.ask_for_a_change(),
            70..74 => self.wait(),
            75..79 => self.look(),
            79..87 | 88 => self.release(),
            89 => self.say_again(),
            90..94 => self.at_once(),
            94..96 => {
                self.tell("the power goes");
                self.world.crash();
            }
            96..98 => {
                self.tell("a backup is made");
                self.world.back_up();
            }
            _ => self.restore(),
        }
    }

    pub(super) fn end(&mut self) {
        self.tell("it is over");
        let owners: Vec<OwnerId> = self.owners.iter().map(|owner| owner.id).collect();
        self.world.check(&owners);
    }

    fn tell(&mut self, what: impl Into<String>) {
        self.told.push(what.into());
    }

    fn submit(&mut self, what: &str, said: &SignedStatement) -> bool {
        let at = self.dice.below(2);
        self.tell(format!("{what} ({said:?}, at {at})"));
        let recorded = self.world.submit(at, said);
        let outcome = if recorded { "recorded" } else { "refused" };
        self.told.last_mut().unwrap().push_str(outcome);
        recorded
    }

    fn enroll(&mut self, owner: usize) {
        let enrolment = self.owners[owner].enrolment();
        self.submit(&format!("owner {owner} enrolls"), &enrolment);
    }

    /// Somebody new, or somebody under another's id.
    fn enroll_somebody(&mut self) {
        let owner = self.dice.below(3);
        if self.dice.percent(60) {
            return self.enroll(owner);
        }
        let mut thief = Owner::new(&self.world.about, 77);
        thief.id = self.owners[owner].id;
        if self.world.model.is_enrolled(thief.id) {
            self.submit("a thief enrolls as somebody", &thief.enrolment());
        }
    }

    fn deposit(&mut self, owner: usize) {
        let (what, statement) = self.make_deposit(owner);
        self.submit(&what, &statement);
    }

    fn make_deposit(&mut self, owner: usize) -> (String, SignedStatement) {
        let count = match self.dice.below(150) {
            // A page of a release and, with what else there is, more.
            0 => 255,
            few => 1 + few % 3,
        };
        let archive = self.dice.percent(50);
        let mut drafts: Vec<Draft> = (0..count)
            .map(|_| {
                let mut draft = self.owners[owner].draft();
                if archive {
                    let labels = BTreeMap::from([("team".to_owned(), "archive".to_owned())]);
                    draft.particulars = Particulars::new("a file".to_owned(), labels).unwrap();
                }
                // Without the dice, which would make other histories.
                if let [length @ 0..64, byte, ..] = *draft.serial.as_bytes() {
                    let secret = vec![byte; 1 + usize::from(length)];
                    let named = draft.particulars.with_name("a secret").unwrap();
                    draft.particulars = named.with_attachment(secret).unwrap();
                }
                draft
            })
            .collect();
        let held = self.held(owner);
        if !held.is_empty() && self.dice.percent(15) {
            let used = *self.dice.pick(&held);
            drafts.push(self.owners[owner].draft_under(used, &[9; 16]));
        }
        let good = self.owners[owner].deposit_of(&drafts);
        let what = format!("owner {owner} deposits {}", drafts.len());
        if self.dice.percent(12) {
            let other = self.dice.below(3);
            let Statement::Deposit(deposit) = good.statement() else {
                panic!("a deposit");
            };
            let by = &self.owners[other].device;
            let by_other = SignedStatement::sign(deposit.clone(), by);
            return (format!("{what}, by owner {other}'s device"), by_other);
        }
        if self.dice.percent(15) {
            return (format!("{what}, one spoilt"), self.spoil(owner, &good));
        }
        (what, good)
    }

    fn spoil(&mut self, owner: usize, good: &SignedStatement) -> SignedStatement {
        let Statement::Deposit(deposit) = good.statement() else {
            panic!("a deposit");
        };
        let mut keys = deposit.keys().to_vec();
        keys[0].sealed[5] ^= 1;
        let forged = Forged {
            authority: deposit.authority(),
            owner: deposit.owner(),
            wrap_key: deposit.wrap_key(),
            encapsulation: deposit.encapsulation().clone(),
            keys,
        };
        let spoilt = forge_deposit(forged, &self.owners[owner].device);
        self.world.model.spoil(spoilt.id());
        spoilt
    }

    /// An owner, mostly one who has deposited something.
    fn somebody(&mut self) -> usize {
        let owner = self.dice.below(3);
        if self.held(owner).is_empty() && self.dice.percent(85) {
            return self.dice.below(2);
        }
        owner
    }

    /// An officer, mostly one of the policy in force.
    fn clerk(&mut self) -> usize {
        let clerk = self.dice.below(self.clerks.len());
        let officers = &self.world.model.policy().officers;
        let in_office = |clerk: usize| {
            let name = self.clerks[clerk].name;
            officers.iter().any(|officer| officer.name == name)
        };
        if in_office(clerk) || self.dice.percent(10) {
            return clerk;
        }
        self.dice.below(4)
    }

    fn held(&self, owner: usize) -> Vec<Serial> {
        self.world.model.serials(self.owners[owner].id, u64::MAX)
    }

    /// Somebody asks for keys: the owner from a new device or an old one, another owner, an officer; for some, for all,
    /// for what is not there; under the policy in force or another; for as long as it lets them, or not.
    fn ask(&mut self) {
        let rules = &self.world.model.policy().rules;
        let for_others = rules.iter().any(|rule| rule.asker.group().is_some());
        let owner = if for_others { 1 } else { self.somebody() };
        self.ask_for(owner);
        if self.dice.percent(30) {
            self.look();
        }
    }

    fn ask_for(&mut self, owner: usize) {
        let held = self.held(owner);
        let size = self.world.model.size();
        let scope = if held.is_empty() || self.dice.percent(5) {
            Scope::of([Serial::generate(&mut self.dice.0)]).unwrap()
        } else if self.dice.percent(35) {
            let size = if self.dice.percent(80) {
                size
            } else {
                size / 2
            };
            let held = self.world.model.serials(self.owners[owner].id, size);
            Scope::Everything {
                tree_size: size,
                count: held.len() as u64,
                serials: Scope::serials_digest(&held),
            }
        } else {
            let count = 1 + self.dice.below(3);
            Scope::of((0..count).map(|_| *self.dice.pick(&held))).unwrap()
        };
        let other = (owner + 1 + self.dice.below(2)) % 3;
        let rules = &self.world.model.policy().rules;
        let for_others = rules.iter().any(|rule| rule.asker.group().is_some());
        let (who, device) = match self.dice.below(20) {
            // The officer who is an owner, for somebody else, where there is a rule for that.
            0..9 if for_others => ("ada's device", copy(&self.owners[0].device)),
            0..9 => ("a new device", SigningKey::generate(&mut self.dice.0)),
            9..11 => ("the owner's device", copy(&self.owners[owner].device)),
            11 => ("another's device", copy(&self.owners[other].device)),
            12..16 => ("a new device", SigningKey::generate(&mut self.dice.0)),
            16..18 => {
                let clerk = self.dice.below(self.clerks.len());
                let keys = &self.clerks[clerk].keys;
                ("an officer's key", copy(self.dice.pick(keys)))
            }
            _ => match self.asked.last() {
                Some(last) => ("the last device that asked", copy(&last.asked.device)),
                None => ("a new device", SigningKey::generate(&mut self.dice.0)),
            },
        };
        let mut release_seed = [0; 32];
        rand_core::Rng::fill_bytes(&mut self.dice.0, &mut release_seed);
        let policy = self.world.model.policy();
        let (digest, lapse) = (policy.digest(), policy.lapse_millis);
        let now = self.world.now();
        let request = Request {
            authority: self.world.about.authority(),
            request: RequestId::generate(&mut self.dice.0),
            owner: self.owners[owner].id,
            scope,
            release_key: SecretKey::from_seed(&release_seed).public_key(),
            device_key: device.verifying_key(),
            grounds: grounds(),
            policy: match (self.dice.below(20), self.world.model.changes.last()) {
                (0, _) => self.world.about.found().policy.digest(),
                (1, _) => Digest::of(&[]),
                (2, Some(change)) => change.what.policy.digest(),
                _ => digest,
            },
            created: now,
            expires: match self.dice.below(12) {
                0 => now.plus_millis(2 * lapse),
                1 => now,
                2..4 => now.plus_millis(2 * DAY),
                _ => now.plus_millis(lapse),
            },
        };
        self.submit_request(
            &format!("{who} asks for owner {owner}"),
            request,
            owner,
            &device,
            release_seed,
        );
    }

    fn submit_request(
        &mut self,
        what: &str,
        request: Request,
        owner: usize,
        device: &SigningKey,
        release_seed: [u8; 32],
    ) {
        let statement = SignedStatement::sign(request, device);
        // Of the refused ones a few, too: what is said to them is for nothing.
        if !self.submit(what, &statement) && self.dice.percent(85) {
            return;
        }
        self.asked.push(Asking {
            asked: Asked {
                statement,
                release_key: SecretKey::from_seed(&release_seed),
                device: copy(device),
            },
            owner,
            release_seed,
        });
    }

    /// The same request once more, for more than before: approvals of the old one are not its own.
    fn grow(&mut self) {
        let Some(last) = self.asked.last() else {
            return;
        };
        let (owner, seed, device) = (last.owner, last.release_seed, copy(&last.asked.device));
        let mut request = last.asked.request().clone();
        let held = self.held(owner);
        if held.is_empty() {
            return;
        }
        request.scope = Scope::of(held).unwrap();
        self.submit_request("the last request grows", request, owner, &device, seed);
    }

    /// The request, or the change, that things are said to: its digest and policy.
    fn subject(&mut self) -> Option<(Digest, Digest)> {
        let open = self.dice.percent(75);
        let (changes, requests) = (&self.world.model.changes, &self.world.model.requests);
        let changes = changes
            .iter()
            .filter(|asked| !open || asked.decision.is_none());
        let changes: Vec<_> = changes
            .map(|asked| (asked.digest, asked.what.replaces))
            .collect();
        let requests = requests
            .iter()
            .filter(|asked| !open || asked.decision.is_none());
        let requests: Vec<_> = requests
            .map(|asked| (asked.digest, asked.what.policy))
            .collect();
        let of_change = requests.is_empty() || self.dice.percent(30);
        let from = match (changes.is_empty(), requests.is_empty()) {
            (true, true) => return None,
            (false, _) if of_change => changes,
            (false, true) => changes,
            (_, false) => requests,
        };
        Some(from[self.dice.late(from.len())])
    }

    fn prove(&mut self) {
        let Some((subject, _)) = self.subject() else {
            return;
        };
        let whose = self.world.model.request(subject);
        let whose = whose.map(|asked| asked.what.owner);
        let owner = self.owners.iter().position(|owner| Some(owner.id) == whose);
        let owner = match owner {
            Some(owner) if self.dice.percent(85) => owner,
            _ => self.dice.below(3),
        };
        self.show_code(owner, subject);
    }

    fn say(&mut self) {
        let Some((subject, policy)) = self.subject() else {
            return;
        };
        let word = match self.dice.below(20) {
            0..2 => Word::Deny,
            2..7 => Word::Overrule,
            _ => Word::Approve,
        };
        let clerk = self.clerk();
        let key = self.dice.below(self.clerks[clerk].keys.len());
        // Sometimes of a policy that does not decide it.
        let policy = match self.dice.below(12) {
            0 => self.world.model.policy().digest(),
            1 => Digest::of(&[]),
            _ => policy,
        };
        self.say_word(clerk, key, word, subject, policy);
    }

    fn say_word(&mut self, clerk: usize, key: usize, word: Word, subject: Digest, policy: Digest) {
        let approval = Approval {
            authority: self.world.about.authority(),
            subject,
            policy,
            word,
            grounds: Grounds::new(word.as_str().to_owned()).unwrap(),
            created: self.world.now(),
        };
        let clerk = &self.clerks[clerk];
        let said = SignedStatement::sign(approval, &clerk.keys[key]);
        self.submit(&format!("{} says {}", clerk.name, word.as_str()), &said);
    }

    /// One person says yes with two keys, and waits for what they want.
    fn say_twice(&mut self) {
        let model = &self.world.model;
        let by_board = model.requests.iter().rev().find(|asked| {
            let mut rules = model.policy_of(asked.index).rules.iter();
            let board = rules.any(|rule| rule.approvals.as_deref() == Some("board"));
            board && asked.decision.is_none() && asked.what.owner != self.owners[0].id
        });
        let by_board = by_board.map(|asked| (asked.digest, asked.what.policy));
        let Some((subject, policy)) = by_board.or_else(|| self.subject()) else {
            return;
        };
        let clerk = *self.dice.pick(&[0, 0, 3]);
        for key in 0..2 {
            self.say_word(clerk, key, Word::Approve, subject, policy);
        }
        if self.dice.percent(70) {
            self.tell("four days pass");
            self.world.clock.advance_millis(4 * DAY);
        }
        self.look_at(subject);
    }

    /// Somebody talks people into something: several say yes, with all their keys; then time passes, and it is asked
    /// for.
    fn push(&mut self) {
        let Some((subject, policy)) = self.subject() else {
            return;
        };
        let whose = self.world.model.request(subject);
        let whose = whose.map(|asked| asked.what.owner);
        for owner in 0..3 {
            let is_asked = whose.is_none_or(|whose| whose == self.owners[owner].id);
            if is_asked
                && self.world.model.is_enrolled(self.owners[owner].id)
                && self.dice.percent(60)
            {
                self.show_code(owner, subject);
            }
        }
        let overrule = self.dice.percent(40);
        for clerk in 0..self.clerks.len() {
            for key in 0..self.clerks[clerk].keys.len() {
                let knows = clerk < 4 || self.clerk() == clerk;
                if knows && self.dice.percent(45) {
                    self.say_word(clerk, key, Word::Approve, subject, policy);
                    if overrule {
                        self.say_word(clerk, key, Word::Overrule, subject, policy);
                    }
                }
            }
        }
        if self.dice.percent(70) {
            self.wait();
        }
        self.look_at(subject);
        // Too late to end it, and not too late to keep the keys.
        match self.dice.below(6) {
            0 => self.veto(),
            1 => {
                let clerk = self.dice.below(4);
                self.say_word(clerk, 0, Word::Deny, subject, policy);
            }
            _ => {}
        }
        if self.dice.percent(60) {
            self.release_of(subject);
        }
    }

    fn veto(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        // Mostly of what is open.
        let model = &self.world.model;
        let is_open = |asking: &Asking| {
            let asked = model.request(asking.asked.request().digest());
            asked.is_some_and(|asked| asked.decision.is_none())
        };
        let open = self.asked.iter().rposition(is_open);
        let place = match open {
            Some(open) if self.dice.percent(75) => open,
            _ => self.dice.late(self.asked.len()),
        };
        let (request, owner) = (self.asked[place].asked.request(), self.asked[place].owner);
        let veto = Veto {
            authority: self.world.about.authority(),
            request: request.digest(),
            grounds: grounds(),
            created: self.world.now(),
        };
        let (who, key) = match self.dice.below(8) {
            0 => ("another's device", &self.owners[(owner + 1) % 3].device),
            1 => ("the device that asks", &self.asked[place].asked.device),
            2 => ("the first device that asked", &self.asked[0].asked.device),
            _ => ("the owner", &self.owners[owner].device),
        };
        let veto = SignedStatement::sign(veto, key);
        self.submit(&format!("{who} vetoes request {place}"), &veto);
    }

    /// Somebody names or revokes a device: mostly one of the owner's, by another; now and then the owner's first.
    fn speak_of_a_device(&mut self) {
        let some = self.dice.below(3);
        let asked_by = |owner: usize| {
            let of = self
                .asked
                .iter()
                .filter(move |asking| asking.owner == owner);
            of.map(|asking| copy(&asking.asked.device))
        };
        // Mostly one that became the owner's, where one has.
        let became = |owner: usize| -> Vec<SigningKey> {
            let id = self.owners[owner].id;
            let is_theirs =
                |device: &SigningKey| self.world.model.is_device(&device.verifying_key(), id);
            asked_by(owner).filter(is_theirs).collect()
        };
        let owners = (0..3).map(|owner| (some + owner) % 3);
        let with_devices = owners.map(|owner| (owner, became(owner)));
        let (owner, asked) = with_devices
            .into_iter()
            .find(|(_, devices)| !devices.is_empty())
            .unwrap_or_else(|| (some, asked_by(some).collect()));
        let other = (owner + 1) % 3;
        let mut some_device = |first: usize| match self.dice.below(20) {
            0 => copy(&self.owners[other].device),
            1 => copy(&self.owners[owner].code),
            dice if asked.is_empty() || dice < first => copy(&self.owners[owner].device),
            _ => copy(self.dice.pick(&asked)),
        };
        let (of, by) = (some_device(4), some_device(12));
        let revokes = self.dice.percent(60);
        let word = if revokes {
            DeviceWord::Revoke
        } else {
            DeviceWord::Name(DeviceName::new("the laptop".to_owned()).unwrap())
        };
        let now = self.world.now();
        let said = self.owners[owner].word_on(of.verifying_key(), word, &by, now);
        let recorded = self.submit(&format!("a device of owner {owner} is spoken of"), &said);
        // What it says then is for nothing, and what it said is not.
        if recorded && revokes && self.dice.percent(60) {
            let made = self.owners[owner].deposit_by(&of);
            self.submit("and deposits", &made);
            self.ask_for(owner);
            self.veto();
        }
    }

    /// One or all say that somebody has departed, or has not, or take it back; and a colleague asks for their keys.
    fn depart(&mut self) {
        let rules = &self.world.model.policy().rules;
        let for_others = rules.iter().any(|rule| rule.asker.group().is_some());
        let owner = if for_others { 1 } else { self.dice.below(2) };
        let one = self.clerk();
        let words: &[bool] = match self.dice.below(4) {
            0 => &[false],
            1 | 2 => &[true, false],
            _ => &[true],
        };
        let everybody = words.len() > 1 || self.dice.percent(50);
        for departed in words {
            for clerk in 0..4 {
                if clerk == one || everybody {
                    self.say_departed(clerk, owner, *departed);
                }
            }
        }
        let before = self.asked.len();
        if words.len() > 1 || self.dice.percent(60) {
            self.ask_for(owner);
        }
        let Some(asking) = self.asked.get(before).filter(|_| self.dice.percent(70)) else {
            return;
        };
        let request = asking.asked.request();
        let (subject, policy) = (request.digest(), request.policy);
        for clerk in 1..4 {
            self.say_word(clerk, 0, Word::Approve, subject, policy);
        }
        self.tell("two days pass");
        self.world.clock.advance_millis(2 * DAY);
        self.release_of(subject);
    }

    fn say_departed(&mut self, clerk: usize, owner: usize, departed: bool) {
        let said = Departed {
            authority: self.world.about.authority(),
            owner: self.owners[owner].id,
            departed,
            grounds: grounds(),
            created: self.world.now(),
        };
        let clerk = &self.clerks[clerk];
        let said = SignedStatement::sign(said, self.dice.pick(&clerk.keys));
        let what = format!("{} says owner {owner} departed: {departed}", clerk.name);
        self.submit(&what, &said);
    }

    /// Somebody asks for another policy: any, a looser one, one with a new officer in it, or the first one put back.
    fn ask_for_a_change(&mut self) {
        for _ in 0..1 + self.dice.below(2) {
            self.ask_for_one_change();
        }
    }

    fn ask_for_one_change(&mut self) {
        let ids: Vec<OwnerId> = self.owners.iter().map(|owner| owner.id).collect();
        let (dice, now) = (&mut self.dice, self.world.now());
        let in_force = self.world.model.policy();
        let (what, policy) = match dice.below(6) {
            0 => ("any", cast::policy(&self.clerks[..4], &ids, dice)),
            1 => ("the first", self.world.about.found().policy.clone()),
            2..4 => ("a new officer", cast::policy(&self.clerks, &ids, dice)),
            _ => ("a looser", cast::loosened(in_force, dice)),
        };
        let change = PolicyChange {
            authority: self.world.about.authority(),
            policy,
            replaces: match dice.below(10) {
                0 => self.world.about.found().policy.digest(),
                _ => in_force.digest(),
            },
            grounds: grounds(),
            created: now,
            expires: now.plus_millis(*dice.pick(&[1, 8]) * DAY),
        };
        let (who, key) = match dice.below(10) {
            0..4 => {
                let clerk = dice.below(self.clerks.len());
                (self.clerks[clerk].name, &self.clerks[clerk].keys[0])
            }
            4 => ("somebody's code", &self.owners[1].code),
            5 if !self.asked.is_empty() => {
                let place = dice.late(self.asked.len());
                ("a device that asked", &self.asked[place].asked.device)
            }
            _ => ("an owner", &self.owners[dice.below(3)].device),
        };
        let change = SignedStatement::sign(change, key);
        self.submit(&format!("{who} asks for {what} policy"), &change);
    }

    /// Somebody brings in a friend, and asks for keys that the friend says yes to.
    fn bring_in(&mut self) {
        let Some(policy) = cast::with_friend(self.world.model.policy(), &self.clerks[4]) else {
            return;
        };
        let owner = self.dice.below(2);
        let now = self.world.now();
        let change = PolicyChange {
            authority: self.world.about.authority(),
            replaces: self.world.model.policy().digest(),
            policy,
            grounds: grounds(),
            created: now,
            expires: now.plus_millis(8 * DAY),
        };
        let (subject, digest) = (change.digest(), change.replaces);
        let change = SignedStatement::sign(change, &self.owners[owner].device);
        self.submit(
            &format!("owner {owner} asks for eve as an officer"),
            &change,
        );
        for clerk in 0..4 {
            self.say_word(clerk, 0, Word::Approve, subject, digest);
        }
        for owner in 0..3 {
            self.show_code(owner, subject);
        }
        self.tell("two days pass");
        self.world.clock.advance_millis(2 * DAY);
        self.look();
        let before = self.asked.len();
        self.ask_for(owner);
        let Some(asking) = self.asked.get(before) else {
            return;
        };
        let request = asking.asked.request();
        let (subject, digest) = (request.digest(), request.policy);
        self.show_code(owner, subject);
        self.say_word(4, 0, Word::Approve, subject, digest);
        let other = self.dice.below(4);
        if self.dice.percent(50) {
            self.say_word(other, 0, Word::Approve, subject, digest);
        }
        self.wait();
        self.look_at(subject);
    }

    fn show_code(&mut self, owner: usize, subject: Digest) {
        let evidence = Evidence {
            authority: self.world.about.authority(),
            request: subject,
            kind: EvidenceKind::RecoveryCode,
        };
        let code = SignedStatement::sign(evidence, &self.owners[owner].code);
        self.submit(&format!("owner {owner} shows the code"), &code);
    }

    fn wait(&mut self) {
        let millis = match self.dice.below(12) {
            0..3 => 60_000 * (1 + self.dice.below(90)),
            3..6 => 3_600_000 * (1 + self.dice.below(24)),
            6..11 => 86_400_000 * (1 + self.dice.below(4)),
            _ => 604_800_000 * (1 + self.dice.below(4)),
        };
        self.tell(format!("{} hours pass", millis / 3_600_000));
        self.world.clock.advance_millis(millis as u64);
    }

    fn look(&mut self) {
        if !self.asked.is_empty() {
            let place = self.dice.late(self.asked.len());
            let request = self.asked[place].asked.request().digest();
            self.look_at(request);
        }
    }

    fn look_at(&mut self, subject: Digest) {
        let of_it = |asking: &&Asking| asking.asked.request().digest() == subject;
        if let Some(asking) = self.asked.iter().find(of_it) {
            let request = asking.asked.statement.clone();
            let at = self.dice.below(2);
            self.tell(format!(
                "somebody looks at {request:?}, and asks again, at {at}"
            ));
            self.world.look(at, &request);
        }
    }

    fn release(&mut self) {
        if !self.asked.is_empty() {
            let place = self.dice.late(self.asked.len());
            self.release_at(place);
        }
    }

    fn release_of(&mut self, subject: Digest) {
        let of_it = |asking: &Asking| asking.asked.request().digest() == subject;
        if let Some(place) = self.asked.iter().position(of_it) {
            let request = self.asked[place].asked.statement.id();
            self.tell(format!("two at once ask for the keys of request {place}"));
            let nothing = [Vec::new(), Vec::new()];
            self.world.act_at_once(&nothing, Some(request));
            self.release_at(place);
        }
    }

    fn release_at(&mut self, place: usize) {
        let (at, page) = (self.dice.below(2), self.dice.below(10) / 9);
        self.tell(format!(
            "page {page} of request {place} is asked for, at {at}: "
        ));
        let Asking { asked, owner, .. } = &self.asked[place];
        let keys = &self.owners[*owner].keys;
        if self.world.release(at, asked, page as u64, keys) {
            self.told.last_mut().unwrap().push_str("released");
        }
        let stranger = SigningKey::generate(&mut self.dice.0).verifying_key();
        self.world
            .is_hidden_from_strangers(asked, Caller::Device(stranger));
    }

    /// The same bytes again.
    fn say_again(&mut self) {
        let log = &self.world.model.log;
        let (_, said) = self.dice.pick(log).clone();
        self.submit("again", &said);
    }

    /// Two clients at once, some with the same to say.
    fn at_once(&mut self) {
        let (_, first) = self.make_deposit(0);
        let (_, second) = self.make_deposit(1);
        let mut each = [vec![first], vec![second]];
        if let Some((subject, policy)) = self.subject() {
            for client in &mut each {
                for word in [Word::Approve, Word::Overrule] {
                    let approval = Approval {
                        authority: self.world.about.authority(),
                        subject,
                        policy,
                        word,
                        grounds: Grounds::new(word.as_str().to_owned()).unwrap(),
                        created: Time::from_millis(1),
                    };
                    let clerk = self.dice.pick(&self.clerks);
                    client.push(SignedStatement::sign(approval, &clerk.keys[0]));
                }
                let evidence = Evidence {
                    authority: self.world.about.authority(),
                    request: subject,
                    kind: EvidenceKind::RecoveryCode,
                };
                client.push(SignedStatement::sign(evidence, &self.owners[0].code));
            }
        }
        self.tell("two clients at once");
        let last = self.asked.last().map(|last| last.asked.statement.id());
        self.world.act_at_once(&each, last);
    }

    /// An old copy is put in the folder's place, and clients send what it misses.
    fn restore(&mut self) {
        let kept = |story: &Self| -> Vec<(usize, Vec<Serial>)> {
            (0..3).map(|owner| (owner, story.held(owner))).collect()
        };
        let before = kept(self);
        self.tell("an old copy is restored");
        let Some(lost) = self.world.restore() else {
            return;
        };
        for said in &lost {
            self.submit("sent again", said);
        }
        let devices: Vec<_> = self
            .owners
            .iter()
            .map(|owner| owner.device.verifying_key())
            .collect();
        let by_first_device = |said: &SignedStatement| devices.contains(said.author());
        assert!(lost.iter().all(
            |said| !matches!(said.statement(), Statement::Deposit(_)) || by_first_device(said)
        ),);
        assert_eq!(kept(self), before, "a deposit is gone");
    }
}

/// What histories were about, all together: where nothing is let through, nothing is found.
#[derive(Debug, Default)]
pub(super) struct Tally {
    released: u64,
    approved: usize,
    denied: usize,
    vetoed: usize,
    lapsed: usize,
    for_others: usize,
    changed: usize,
    revoked: usize,
}

impl Tally {
    pub(super) fn is_of_everything(&self) -> bool {
        let verdicts = [self.approved, self.denied, self.vetoed, self.lapsed];
        let others = [self.for_others, self.changed, self.revoked];
        self.released > 0 && verdicts.into_iter().chain(others).all(|count| count > 0)
    }

    pub(super) fn count(&mut self, story: &Story) {
        let model = &story.world.model;
        let decided = |verdict| {
            let decisions = model
                .requests
                .iter()
                .filter_map(|asked| asked.decision.as_ref());
            decisions
                .filter(|decision| decision.verdict == verdict)
                .count()
        };
        self.released += story.world.released;
        self.approved += decided(Verdict::Approved);
        self.denied += decided(Verdict::Denied);
        self.vetoed += decided(Verdict::Vetoed);
        self.lapsed += decided(Verdict::Lapsed);
        let made = model
            .changes
            .iter()
            .filter_map(|asked| asked.decision.as_ref());
        self.changed += made
            .filter(|made| made.verdict == Verdict::Approved)
            .count();
        self.revoked += model.revoked();
        self.for_others += model.approved_for_others();
    }
}

/// Tells what was done, if it went wrong.
impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the history of seed {}:", self.seed);
            for (place, what) in self.told.iter().enumerate() {
                eprintln!("{place:4} {what}");
            }
        }
    }
}

fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_seed(key.expose_seed())
}

fn grounds() -> Grounds {
    Grounds::new("so it goes".to_owned()).unwrap()
}

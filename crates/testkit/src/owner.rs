//! An owner as tests need one: with devices, a recovery code's key, and session keys to lose.

use std::collections::BTreeMap;

use strongroom_protocol::id::{Digest, OwnerId, RequestId, Serial, Time};
use strongroom_protocol::keys::{SigningKey, VerifyingKey};
use strongroom_protocol::receipt::Acknowledgement;
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{
    BlobDraft, Deposit, Device, DeviceWord, Draft, Enroll, Evidence, EvidenceKind, Grounds,
    OpenedKey, Particulars, Release, Request, Scope, SignedStatement, Statement, Veto,
};
use strongroom_protocol::wrap::SecretKey;
use strongroom_protocol::{Authority, Founding, ReleasePage};

use crate::TestRng;
use crate::person::change_of;

/// An owner, and what the owner deposited.
pub struct Owner {
    /// The owner's id.
    pub id: OwnerId,
    /// The key of the owner's device.
    pub device: SigningKey,
    /// The key that a recovery code would give, without the time it takes to derive it.
    pub code: SigningKey,
    /// Each session key that was made for a deposit, by its serial.
    pub keys: BTreeMap<Serial, [u8; 16]>,
    /// The randomness of all this.
    pub rng: TestRng,
    about: Founding,
}

/// A recovery request with the secrets of whoever asks.
pub struct Asked {
    /// The request, signed.
    pub statement: SignedStatement,
    /// The key it is to be released to.
    pub release_key: SecretKey,
    /// The key of the device that asks.
    pub device: SigningKey,
}

impl Owner {
    /// Makes an owner, whom the authority does not know yet.
    #[must_use]
    pub fn new(about: &Founding, seed: u64) -> Self {
        let mut rng = TestRng::new(seed);
        Self {
            id: OwnerId::generate(&mut rng),
            device: SigningKey::generate(&mut rng),
            code: SigningKey::generate(&mut rng),
            keys: BTreeMap::new(),
            about: about.clone(),
            rng,
        }
    }

    /// Returns the id of the owner that is made from a seed, for a policy that is written before.
    #[must_use]
    pub fn id_of(seed: u64) -> OwnerId {
        OwnerId::generate(&mut TestRng::new(seed))
    }

    /// Makes an owner and enrolls the owner.
    #[must_use]
    pub fn enrolled(authority: &dyn Authority, seed: u64) -> Self {
        let owner = Self::new(&authority.about().unwrap().founding, seed);
        submit(authority, &owner.enrolment());
        owner
    }

    /// Returns the owner's enrolment.
    #[must_use]
    pub fn enrolment(&self) -> SignedStatement {
        let enroll = Enroll {
            authority: self.about.authority(),
            owner: self.id,
            device_key: self.device.verifying_key(),
            code_key: self.code.verifying_key(),
            created: Time::from_millis(1),
        };
        SignedStatement::sign(enroll, &self.device)
    }

    /// Makes a statement that deposits `count` new session keys, by the owner's device.
    pub fn deposit(&mut self, count: usize) -> SignedStatement {
        let drafts: Vec<Draft> = (0..count).map(|_| self.draft()).collect();
        self.deposit_of(&drafts)
    }

    /// Makes a statement that deposits these session keys, by the owner's device.
    pub fn deposit_of(&mut self, drafts: &[Draft]) -> SignedStatement {
        let about = &self.about;
        let wrap_key = &about.found().wrap_key;
        let deposit =
            Deposit::seal(about.authority(), wrap_key, self.id, drafts, &mut self.rng).unwrap();
        SignedStatement::sign(deposit, &self.device)
    }

    /// Makes a statement that deposits these SIMPLEBLOBs, by the owner's device.
    pub fn deposit_blobs(&mut self, drafts: Vec<BlobDraft>) -> SignedStatement {
        let (authority, wrap_key) = (self.about.authority(), &self.about.found().wrap_key);
        let deposit =
            Deposit::seal_blobs(authority, wrap_key, self.id, drafts, &mut self.rng).unwrap();
        SignedStatement::sign(deposit, &self.device)
    }

    /// Makes a session key under a new serial.
    pub fn draft(&mut self) -> Draft {
        let serial = Serial::generate(&mut self.rng);
        let mut key = [0; 16];
        rand_core::Rng::fill_bytes(&mut self.rng, &mut key);
        self.keys.insert(serial, key);
        self.draft_under(serial, &key)
    }

    /// Makes a draft of this key under this serial.
    pub fn draft_under(&mut self, serial: Serial, key: &[u8; 16]) -> Draft {
        Draft {
            serial,
            key: BlindedKey::new(SessionKey::age_file_key(key), &mut self.rng),
            particulars: Particulars::new(format!("file {serial}"), BTreeMap::new()).unwrap(),
        }
    }

    /// Makes a session key under a new serial, with labels.
    pub fn draft_labelled(&mut self, labels: &[(&str, &str)]) -> Draft {
        let draft = self.draft();
        let labels = labels.iter();
        let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let particulars = Particulars::new(String::new(), labels.collect()).unwrap();
        Draft {
            particulars,
            ..draft
        }
    }

    /// Returns the scope of all that the authority keeps of the owner's now.
    #[must_use]
    pub fn everything(&self, authority: &dyn Authority) -> Scope {
        let held = authority.holdings(self.id).unwrap();
        Scope::Everything {
            tree_size: held.tree_size,
            count: held.count,
            serials: held.serials,
        }
    }

    /// Asks for deposits from a new device.
    pub fn ask(&mut self, scope: Scope, now: Time) -> Asked {
        self.ask_with(scope, now, |_| {})
    }

    /// Asks for deposits from a new device, with the request changed before it is signed.
    pub fn ask_with(
        &mut self,
        scope: Scope,
        now: Time,
        change: impl FnOnce(&mut Request),
    ) -> Asked {
        let device = SigningKey::generate(&mut self.rng);
        self.ask_by(device, scope, now, change)
    }

    /// Asks for somebody else's deposits from the owner's device.
    pub fn ask_for(&mut self, other: &Self, scope: Scope, now: Time) -> Asked {
        let device = SigningKey::from_seed(self.device.expose_seed());
        self.ask_by(device, scope, now, |request| request.owner = other.id)
    }

    /// Asks for deposits from this device, with the request changed before it is signed.
    pub fn ask_by(
        &mut self,
        device: SigningKey,
        scope: Scope,
        now: Time,
        change: impl FnOnce(&mut Request),
    ) -> Asked {
        let release_key = SecretKey::generate(&mut self.rng);
        let policy = &self.about.found().policy;
        let mut request = Request {
            authority: self.about.authority(),
            request: RequestId::generate(&mut self.rng),
            owner: self.id,
            scope,
            release_key: release_key.public_key(),
            device_key: device.verifying_key(),
            grounds: Grounds::new("the laptop is gone".to_owned()).unwrap(),
            policy: policy.digest(),
            created: now,
            expires: now.plus_millis(policy.lapse_millis),
        };
        change(&mut request);
        Asked {
            statement: SignedStatement::sign(request, &device),
            release_key,
            device,
        }
    }

    /// Makes the evidence of the recovery code for a request.
    #[must_use]
    pub fn evidence(&self, asked: &Asked) -> SignedStatement {
        self.evidence_by(asked, &self.code)
    }

    /// Makes what looks like evidence of the recovery code, signed by any key.
    #[must_use]
    pub fn evidence_by(&self, asked: &Asked, key: &SigningKey) -> SignedStatement {
        self.evidence_of(asked.request().digest(), key)
    }

    /// Makes the evidence of the recovery code for a change of the policy.
    #[must_use]
    pub fn evidence_for(&self, change: &SignedStatement) -> SignedStatement {
        self.evidence_of(change_of(change).digest(), &self.code)
    }

    fn evidence_of(&self, subject: Digest, key: &SigningKey) -> SignedStatement {
        let evidence = Evidence {
            authority: self.about.authority(),
            request: subject,
            kind: EvidenceKind::RecoveryCode,
        };
        SignedStatement::sign(evidence, key)
    }

    /// Makes a veto of a request, signed by any key.
    #[must_use]
    pub fn veto_by(&self, asked: &Asked, key: &SigningKey) -> SignedStatement {
        let veto = Veto {
            authority: self.about.authority(),
            request: asked.request().digest(),
            grounds: Grounds::new("it was not me".to_owned()).unwrap(),
            created: Time::from_millis(1),
        };
        SignedStatement::sign(veto, key)
    }

    /// Makes a word on a device in the owner's name, signed by any key.
    #[must_use]
    pub fn word_on(
        &self,
        device: VerifyingKey,
        word: DeviceWord,
        by: &SigningKey,
        created: Time,
    ) -> SignedStatement {
        let said = Device {
            authority: self.about.authority(),
            owner: self.id,
            device_key: device,
            word,
            created,
        };
        SignedStatement::sign(said, by)
    }

    /// Makes a revocation of a device in the owner's name, signed by any key.
    #[must_use]
    pub fn revocation(&self, device: &SigningKey, by: &SigningKey) -> SignedStatement {
        let created = Time::from_millis(1);
        self.word_on(device.verifying_key(), DeviceWord::Revoke, by, created)
    }

    /// Makes an invitation in the owner's name, signed by any key.
    #[must_use]
    pub fn invitation(&self, key: &SigningKey, by: &SigningKey, until: Time) -> SignedStatement {
        let word = DeviceWord::Invite { until };
        self.word_on(key.verifying_key(), word, by, Time::from_millis(1))
    }

    /// Makes the word by which a device joins this owner with the key of an invitation.
    #[must_use]
    pub fn joining(&self, device: &SigningKey, invitation: &SigningKey) -> SignedStatement {
        let whom = (self.about.authority(), self.id);
        let (key, created) = (device.verifying_key(), Time::from_millis(1));
        SignedStatement::sign(Device::join(whom, key, invitation, None, created), device)
    }

    /// Gives the owner another device, by a recovery with the code. Returns its key.
    pub fn recover_device(&mut self, authority: &dyn Authority, now: Time) -> SigningKey {
        let asked = self.ask(self.everything(authority), now);
        submit(authority, &asked.statement);
        submit(authority, &self.evidence(&asked));
        asked.device
    }

    /// Makes a statement that deposits a new session key, by any device.
    pub fn deposit_by(&mut self, device: &SigningKey) -> SignedStatement {
        let own = std::mem::replace(
            &mut self.device,
            SigningKey::from_seed(device.expose_seed()),
        );
        let deposit = self.deposit(1);
        self.device = own;
        deposit
    }
}

impl Asked {
    /// Returns the request.
    #[must_use]
    pub fn request(&self) -> &Request {
        match self.statement.statement() {
            Statement::Request(request) => request,
            other => panic!("a request is no {other:?}"),
        }
    }

    /// Opens a page of a release, as the one who asked; checks all that a client must.
    #[must_use]
    pub fn open(&self, about: &Founding, page: &ReleasePage) -> BTreeMap<Serial, [u8; 16]> {
        let opened = self.open_any(about, page).into_iter();
        let matched = |opened| match opened {
            OpenedKey::Matched(key) => key.into_key().expose().try_into().unwrap(),
            OpenedKey::Unproven(_) => panic!("nothing shows that this key is the right one"),
        };
        opened.map(|(serial, key)| (serial, matched(key))).collect()
    }

    /// Opens a page of a release with keys that need not be of 16 bytes, nor proven.
    #[must_use]
    pub fn open_any(&self, about: &Founding, page: &ReleasePage) -> BTreeMap<Serial, OpenedKey> {
        let log_key = &about.found().log_key;
        for recorded in [&page.decision, &page.release] {
            let receipt = &recorded.receipt;
            receipt.verify(&recorded.statement, log_key).unwrap();
            assert_eq!(recorded.statement.author(), log_key);
        }
        let Statement::Decision(decision) = page.decision.statement.statement() else {
            panic!("no decision");
        };
        assert_eq!(decision.request, self.request().digest());
        let release = page.release();
        assert_eq!(release.request(), self.request().digest());
        assert_eq!(release.decision(), decision.digest());
        let Some(encapsulation) = release.encapsulation() else {
            return BTreeMap::new();
        };
        let opening = self
            .release_key
            .open_release(
                about.authority(),
                release.request(),
                release.decision(),
                encapsulation,
            )
            .unwrap();
        let keys = release.keys().iter();
        keys.map(|key| (key.label.serial, key.open_released(&opening).unwrap()))
            .collect()
    }
}

/// What is in a page.
pub trait PageRelease {
    /// Returns the page's release.
    fn release(&self) -> &Release;
}

impl PageRelease for ReleasePage {
    fn release(&self) -> &Release {
        match self.release.statement.statement() {
            Statement::Release(release) => release,
            other => panic!("a release is no {other:?}"),
        }
    }
}

/// Submits a statement, verifies the receipt, and returns what it says.
pub fn submit(authority: &dyn Authority, statement: &SignedStatement) -> Acknowledgement {
    let log_key = authority.about().unwrap().found().log_key;
    let receipt = authority.submit(statement).unwrap();
    receipt.verify(statement, &log_key).unwrap()
}

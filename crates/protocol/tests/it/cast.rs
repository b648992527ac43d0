//! Who is in these tests, from fixed seeds: an authority, an owner with a device, a code and a lost device.

use std::collections::BTreeMap;

use strongroom_protocol::id::{AuthorityId, Digest, OwnerId, RequestId, Serial, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::NodeHash;
use strongroom_protocol::policy::{
    Asker, Change, Group, LoggedWord, Officer, OwnerKeys, Owners, Policy, Rule,
};
use strongroom_protocol::session_key::{Algorithm, BlindedKey, SessionKey};
use strongroom_protocol::simple_blob::BlindedBlob;
use strongroom_protocol::statement::{
    Approval, BlobDraft, BlobKey, BlobPadding, Checked, CheckedDeposit, Decision, Departed,
    Deposit, Device, DeviceName, DeviceWord, Draft, Enroll, Evidence, EvidenceKind, Found, Grounds,
    Kind, OwnBlob, Particulars, PolicyChange, Release, ReleaseOrigin, Request, Restored, RsaKey,
    Scope, SealedKey, SignedStatement, Statement, Verdict, Veto, Word,
};
use strongroom_protocol::wrap::SecretKey;

use crate::rng::Counting;

pub(crate) const NOW: Time = Time::from_millis(1_790_000_000_000);
pub(crate) const DAY: u64 = 24 * 60 * 60 * 1000;

pub(crate) struct Cast {
    pub(crate) log_key: SigningKey,
    pub(crate) wrap_key: SecretKey,
    pub(crate) authority: AuthorityId,
    pub(crate) found: SignedStatement,
    pub(crate) owner: OwnerId,
    /// The device that was enrolled, and signs deposits and vetoes.
    pub(crate) device: SigningKey,
    /// The device that asks.
    pub(crate) asking: SigningKey,
    pub(crate) code: SigningKey,
    pub(crate) stranger: SigningKey,
    /// An officer's, of [`two_officers`].
    pub(crate) officer: SigningKey,
    pub(crate) release_key: SecretKey,
}

impl Cast {
    pub(crate) fn new() -> Self {
        Self::under(Policy::code_alone())
    }

    /// Everybody, with an authority of this policy.
    pub(crate) fn under(policy: Policy) -> Self {
        let log_key = SigningKey::from_seed(&[1; 32]);
        let wrap_key = SecretKey::from_seed(&[2; 32]);
        let found = SignedStatement::sign(
            Found {
                log_key: log_key.verifying_key(),
                wrap_key: wrap_key.public_key(),
                policy,
                created: NOW,
            },
            &log_key,
        );
        Self {
            authority: found.authority(),
            log_key,
            wrap_key,
            found,
            owner: OwnerId::from_bytes([3; 32]),
            device: SigningKey::from_seed(&[4; 32]),
            asking: SigningKey::from_seed(&[5; 32]),
            code: SigningKey::from_seed(&[6; 32]),
            stranger: SigningKey::from_seed(&[7; 32]),
            officer: officer_key("ada"),
            release_key: SecretKey::from_seed(&[8; 32]),
        }
    }

    /// The keys that speak for the owner: the code's, and the device's.
    pub(crate) fn owner_keys(&self) -> OwnerKeys {
        OwnerKeys {
            code_key: Some(self.code.verifying_key()),
            devices: vec![self.device.verifying_key()],
            revoked: Vec::new(),
        }
    }

    pub(crate) fn enroll(&self) -> Enroll {
        Enroll {
            authority: self.authority,
            owner: self.owner,
            device_key: self.device.verifying_key(),
            code_key: self.code.verifying_key(),
            created: NOW,
        }
    }

    /// A deposit of session keys 0 to `count` (without), as [`draft`] makes them.
    pub(crate) fn deposit(&self, count: usize) -> Deposit {
        let drafts: Vec<_> = (0..count).map(draft).collect();
        self.deposit_of(&drafts)
    }

    pub(crate) fn deposit_of(&self, drafts: &[Draft]) -> Deposit {
        let to = self.wrap_key.public_key();
        Deposit::seal(self.authority, &to, self.owner, drafts, &mut Counting(9)).unwrap()
    }

    pub(crate) fn request(&self) -> Request {
        Request {
            authority: self.authority,
            request: RequestId::from_bytes([10; 16]),
            owner: self.owner,
            scope: Scope::of([serial(0), serial(1)]).unwrap(),
            release_key: self.release_key.public_key(),
            device_key: self.asking.verifying_key(),
            grounds: Grounds::new("the disk broke".to_owned()).unwrap(),
            policy: Policy::code_alone().digest(),
            created: NOW,
            expires: NOW.plus_millis(30 * DAY),
        }
    }

    pub(crate) fn evidence(&self, request: &Request) -> Evidence {
        Evidence {
            authority: request.authority,
            request: request.digest(),
            kind: EvidenceKind::RecoveryCode,
        }
    }

    pub(crate) fn veto(&self, request: &Request) -> Veto {
        Veto {
            authority: request.authority,
            request: request.digest(),
            grounds: Grounds::new("this is not me".to_owned()).unwrap(),
            created: NOW,
        }
    }

    pub(crate) fn approval(&self, request: &Request, word: Word) -> Approval {
        Approval {
            authority: request.authority,
            subject: request.digest(),
            policy: request.policy,
            word,
            grounds: Grounds::new("we spoke on the phone".to_owned()).unwrap(),
            created: NOW,
        }
    }

    pub(crate) fn departed(&self) -> Departed {
        Departed {
            authority: self.authority,
            owner: self.owner,
            departed: true,
            grounds: Grounds::new("left in March".to_owned()).unwrap(),
            created: NOW,
        }
    }

    /// From the code alone to [`two_officers`].
    pub(crate) fn policy_change(&self) -> PolicyChange {
        PolicyChange {
            authority: self.authority,
            policy: two_officers(),
            replaces: Policy::code_alone().digest(),
            grounds: Grounds::new("there are two of us".to_owned()).unwrap(),
            created: NOW,
            expires: NOW.plus_millis(30 * DAY),
        }
    }

    pub(crate) fn decision(&self) -> Decision {
        let evidence = SignedStatement::sign(self.evidence(&self.request()), &self.code);
        Decision {
            authority: self.authority,
            request: self.request().digest(),
            policy: Policy::code_alone().digest(),
            evidence: vec![evidence.id()],
            approvals: Vec::new(),
            asker: None,
            verdict: Verdict::Approved,
            not_after: NOW.plus_millis(30 * DAY),
        }
    }

    pub(crate) fn origin(&self) -> ReleaseOrigin {
        ReleaseOrigin {
            authority: self.authority,
            owner: self.owner,
            request: self.request().digest(),
            decision: self.decision().digest(),
        }
    }

    /// The release of what [`Self::deposit`] deposits, as a custodian makes it.
    pub(crate) fn release(&self, count: usize) -> Release {
        let deposit = self.deposit(count);
        let opening = self
            .wrap_key
            .open_deposits(self.authority, deposit.encapsulation())
            .unwrap();
        let origin = self.origin();
        let sealing = self.release_key.public_key().seal_release(
            origin.authority,
            origin.request,
            origin.decision,
            &mut Counting(11),
        );
        let keys = deposit.keys().iter().map(|key| SealedKey {
            label: key.label,
            particulars: key.particulars.clone(),
            sealed: sealing.seal(
                key.label.serial,
                key.label.digest(),
                &key.open(&opening).unwrap().to_plaintext(),
            ),
        });
        let sealed = Some((sealing.encapsulation().clone(), keys.collect()));
        Release::new(origin, 0, sealed, Vec::new()).unwrap()
    }

    pub(crate) fn restored(&self) -> Restored {
        Restored {
            authority: self.authority,
            size: 12,
            root: NodeHash::from_bytes([12; 32]),
            time: NOW,
        }
    }

    pub(crate) fn checked(&self) -> Checked {
        let named = |entry, place| CheckedDeposit { entry, place };
        Checked {
            authority: self.authority,
            size: 13,
            kept: 5,
            opened: 5,
            failed: 2,
            named: vec![named(7, 0), named(7, 3)],
            unread: 0,
            unread_named: Vec::new(),
            differing: 1,
            time: NOW,
        }
    }

    pub(crate) fn own_blob(&self) -> OwnBlob {
        OwnBlob {
            authority: self.authority,
            owner: self.owner,
            serial: serial(0),
            digest: Digest::from_bytes([14; 32]),
        }
    }

    /// The key of an invitation of the owner's.
    pub(crate) fn invitation_key() -> SigningKey {
        SigningKey::from_seed(&[0x1f; 32])
    }

    /// The word that it is one.
    pub(crate) fn invite(&self) -> Device {
        Device {
            device_key: Self::invitation_key().verifying_key(),
            word: DeviceWord::Invite {
                until: NOW.plus_millis(7 * DAY),
            },
            ..self.device_word()
        }
    }

    /// The word of a device that joins by it.
    pub(crate) fn joining(&self) -> SignedStatement {
        let name = DeviceName::new("the desk".to_owned()).ok();
        let device = self.asking.verifying_key();
        let key = Self::invitation_key();
        let joins = Device::join((self.authority, self.owner), device, &key, name, NOW);
        SignedStatement::sign(joins, &self.asking)
    }

    pub(crate) fn device_word(&self) -> Device {
        let name = DeviceName::new("the laptop".to_owned());
        Device {
            authority: self.authority,
            owner: self.owner,
            device_key: self.asking.verifying_key(),
            word: DeviceWord::Name(name.unwrap()),
            created: NOW,
        }
    }

    /// What stands in the place of a PUBLICKEYBLOB is as long as one of 2,048 bits.
    pub(crate) fn rsa_key(&self) -> RsaKey {
        RsaKey {
            authority: self.authority,
            public_key: vec![15; 276],
            time: NOW,
        }
    }

    pub(crate) fn deposit_of_blobs(&self, drafts: Vec<BlobDraft>) -> Deposit {
        let to = self.wrap_key.public_key();
        Deposit::seal_blobs(self.authority, &to, self.owner, drafts, &mut Counting(9)).unwrap()
    }

    /// One statement of each kind, by whoever makes such statements.
    pub(crate) fn every_kind(&self) -> Vec<SignedStatement> {
        let kinds = (1..=22).filter_map(Kind::from_code);
        kinds.map(|kind| self.statement(kind)).collect()
    }

    /// The one of a kind.
    pub(crate) fn statement(&self, kind: Kind) -> SignedStatement {
        let by = author(self, kind);
        match kind {
            Kind::Found => self.found.clone(),
            Kind::Enroll => SignedStatement::sign(self.enroll(), by),
            Kind::Deposit => SignedStatement::sign(self.deposit(2), by),
            Kind::Request => SignedStatement::sign(self.request(), by),
            Kind::Evidence => SignedStatement::sign(self.evidence(&self.request()), by),
            Kind::Veto => SignedStatement::sign(self.veto(&self.request()), by),
            Kind::Decision => SignedStatement::sign(self.decision(), by),
            Kind::Release => SignedStatement::sign(self.release(2), by),
            Kind::Approval => {
                SignedStatement::sign(self.approval(&self.request(), Word::Approve), by)
            }
            Kind::Departed => SignedStatement::sign(self.departed(), by),
            Kind::PolicyChange => SignedStatement::sign(self.policy_change(), by),
            Kind::Restored => SignedStatement::sign(self.restored(), by),
            Kind::Checked => SignedStatement::sign(self.checked(), by),
            Kind::OwnBlob => SignedStatement::sign(self.own_blob(), by),
            Kind::Device => SignedStatement::sign(self.device_word(), by),
            Kind::RsaKey => SignedStatement::sign(self.rsa_key(), by),
            _ => unreachable!("there are sixteen kinds"),
        }
    }
}

/// What was said, one after another, as the log has it.
pub(crate) fn logged(statements: &[SignedStatement]) -> Vec<LoggedWord> {
    let words = (20..).zip(statements.iter().cloned());
    words
        .map(|(index, statement)| LoggedWord { index, statement })
        .collect()
}

/// The key of an officer of this name.
pub(crate) fn officer_key(name: &str) -> SigningKey {
    let mut seed = [0x0f; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_seed(&seed)
}

/// An officer of this name, with one key, who is no owner.
pub(crate) fn officer(name: &str) -> Officer {
    Officer {
        name: name.to_owned(),
        keys: vec![officer_key(name).verifying_key()],
        owner: None,
    }
}

pub(crate) fn group(name: &str, need: u64, of: &[&str]) -> Group {
    Group {
        name: name.to_owned(),
        need,
        of: of.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// A policy with something in each of its places.
pub(crate) fn two_officers() -> Policy {
    let ada = Officer {
        owner: Some(OwnerId::from_bytes([12; 32])),
        ..officer("ada")
    };
    let asked_for = Rule {
        owners: Owners::These(vec![OwnerId::from_bytes([3; 32])]),
        labels: BTreeMap::from([("team".to_owned(), "archive".to_owned())]),
        keys_max: Some(10),
        asker: Asker::Group("either".to_owned()),
        evidence: Vec::new(),
        approvals: Some("both".to_owned()),
        wait_millis: DAY,
        veto: true,
        overrule: Some("both".to_owned()),
        ..Rule::code_alone("asked for")
    };
    Policy {
        officers: vec![ada, officer("bob")],
        groups: vec![
            group("either", 1, &["ada", "bob"]),
            group("both", 2, &["ada", "bob"]),
        ],
        rules: vec![asked_for, Rule::code_alone("recovery code")],
        change: Change {
            codes: false,
            approvals: Some("both".to_owned()),
            wait_millis: 3 * DAY,
        },
        departed: Some("either".to_owned()),
        lapse_millis: 30 * DAY,
    }
}

/// Session key number `number`, about to be deposited.
pub(crate) fn draft(number: usize) -> Draft {
    let byte = u8::try_from(number % 256).unwrap();
    let mut rng = Counting(number as u64);
    let labels = BTreeMap::from([("team".to_owned(), "archive".to_owned())]);
    Draft {
        serial: serial(number),
        key: BlindedKey::new(SessionKey::age_file_key(&[byte; 16]), &mut rng),
        particulars: Particulars::new(format!("/srv/file {number}"), labels).unwrap(),
    }
}

/// What stands in the place of SIMPLEBLOB number `number`, as long as one to a key of 2,048 bits, about to be deposited
/// by who knows the AES-128 key in it, or does not.
pub(crate) fn blob_draft(number: usize, proven: bool) -> BlobDraft {
    let byte = u8::try_from(number % 256).unwrap();
    let claim = Digest::from_bytes([byte; 32]);
    BlobDraft {
        serial: serial(number),
        blob: BlindedBlob::new(&[byte; 268], &mut Counting(number as u64)).unwrap(),
        padding: BlobPadding::Pkcs1,
        key: if proven {
            BlobKey::Known(SessionKey::capi(0x660e, &[byte; 16]).unwrap())
        } else {
            BlobKey::Unknown(Algorithm::capi(0x660e), 128)
        },
        particulars: Particulars::default().with_blob(claim).unwrap(),
    }
}

pub(crate) fn serial(number: usize) -> Serial {
    Serial::from_bytes((number as u128).to_be_bytes())
}

/// Reads a deposit out of a statement.
pub(crate) fn deposit_in(statement: &SignedStatement) -> &Deposit {
    let Statement::Deposit(deposit) = statement.statement() else {
        panic!("{statement:?} is no deposit")
    };
    deposit
}

/// Reads a release out of a statement.
pub(crate) fn release_in(statement: &SignedStatement) -> &Release {
    let Statement::Release(release) = statement.statement() else {
        panic!("{statement:?} is no release")
    };
    release
}

/// Who makes statements of a kind.
pub(crate) fn author(cast: &Cast, kind: Kind) -> &SigningKey {
    if matches!(
        kind,
        Kind::Found
            | Kind::Decision
            | Kind::Release
            | Kind::Restored
            | Kind::Checked
            | Kind::RsaKey
    ) {
        &cast.log_key
    } else if kind == Kind::Request {
        &cast.asking
    } else if kind == Kind::Evidence {
        &cast.code
    } else if matches!(kind, Kind::Approval | Kind::Departed) {
        &cast.officer
    } else {
        &cast.device
    }
}

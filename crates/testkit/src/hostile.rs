//! An authority that lies in one chosen way, with its own log key to do it with. A client must not be taken in by any.

mod forged_log;
mod lying_listing;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use strongroom_protocol::id::{Digest, OwnerId, Serial, StatementId, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{ConsistencyProof, SignedCheckpoint};
use strongroom_protocol::receipt::{DepositState, Outcome, Receipt};
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{
    Kind, Release, ReleaseOrigin, Scope, SealedKey, SignedStatement, Statement,
};
use strongroom_protocol::wrap::{PublicKey, SecretKey};
use strongroom_protocol::{
    About, Authority, Challenge, Holdings, Page, Possession, QueryError, Recorded, ReleaseError,
    ReleasePage, Select, SubjectView, SubmitError, Unavailable, UnavailableKind,
};

use crate::TestRng;
use crate::owner::PageRelease;
use forged_log::ForgedLog;

/// How an authority lies. What it does not lie about it leaves to the authority that it stands before.
#[derive(Clone)]
pub enum Trick {
    /// It says of every deposited key that it was verified.
    FalseVerified,
    /// Its checkpoints, in receipts too, are those of another authority.
    ForeignCheckpoint(Arc<dyn Authority>),
    /// Its receipts are for another statement: the founding.
    ForeignReceipt,
    /// Its receipts are signed by another key, checkpoint and all.
    ForgedReceipt,
    /// From now on it answers from another history under the same keys.
    Forked(Arc<dyn Authority>),
    /// The inclusion proofs in its receipts are wrong in one bit.
    GarbledInclusion,
    /// It says of an owner that it holds these deposits and no other.
    HoldsOnly(Vec<Serial>),
    /// Pages of its listings have nothing in them, and each begins one entry behind the one before.
    ListingEmptyPages,
    /// The next page of its listings is always the same one again.
    ListingEndless,
    /// Its listings leave out what is of one kind.
    ListingLeavesOut(Kind),
    /// The entries of a page of its listings stand in another order than the log's.
    ListingReordered,
    /// Every page of its listings has the entries of the first.
    ListingRepeats,
    /// Pages of its listings are not full, though there is more: each has half of what it should.
    ListingShrinks,
    /// Its listings of an owner end with an entry that is older than those before it.
    ListingTimesGoBack,
    /// Its listings of an owner end with these statements, of which it made entries: a deposit in the owner's name that a
    /// stranger signed, say.
    ListingWithStrangers(Vec<SignedStatement>),
    /// It releases for another request than the one asked about.
    ReleaseForOtherRequest,
    /// It releases to another key than the request's.
    ReleaseToOtherKey,
    /// It releases other session keys, with labels that are true of those: all opens, and no file.
    ReleaseWrongCommitment,
    /// It releases other session keys under the labels of those deposited.
    ReleaseWrongKey,
    /// It says that this is its RSA key.
    OtherRsaKey(Box<SignedStatement>),
    /// It shows that it has deposits by what it once hashed of them.
    PossessionOfOld,
    /// It shows that it has deposits by others.
    PossessionOfOthers,
    /// It answers for fewer deposits than it was asked about.
    PossessionShort,
    /// Its checkpoints are the one it had when it began to lie.
    Shrunk,
    /// It can't be reached so many times, and is honest afterwards.
    Unreachable(u32),
    /// It says of every deposit that it did not open.
    Withheld,
}

/// An authority that stands before another and lies.
pub struct HostileAuthority {
    inner: Arc<dyn Authority>,
    trick: Trick,
    log_key: SigningKey,
    begun: SignedCheckpoint,
    forged: Mutex<Option<ForgedLog>>,
    /// What it added to the log that it forged and shows in its listings.
    planted: Mutex<Vec<Recorded>>,
    unreached: AtomicU32,
    rng: Mutex<TestRng>,
}

impl HostileAuthority {
    /// Stands before `inner`, whose log key it has.
    #[must_use]
    pub fn new(inner: Arc<dyn Authority>, trick: Trick, log_key: &SigningKey) -> Self {
        let unreached = match trick {
            Trick::Unreachable(times) => times,
            _ => 0,
        };
        Self {
            begun: inner.checkpoint().unwrap(),
            log_key: SigningKey::from_seed(log_key.expose_seed()),
            forged: Mutex::new(None),
            planted: Mutex::default(),
            unreached: AtomicU32::new(unreached),
            rng: Mutex::new(TestRng::new(666)),
            inner,
            trick,
        }
    }

    /// Takes the log key out of an embedded authority's folder, as a thief would.
    #[must_use]
    pub fn steal_log_key(folder: &Path) -> SigningKey {
        let keys = std::fs::read_to_string(folder.join("keys.txt")).unwrap();
        let seed = keys.lines().find_map(|line| line.strip_prefix("log-key "));
        let seed: Digest = seed.unwrap().parse().unwrap();
        SigningKey::from_seed(seed.as_bytes())
    }

    /// Returns who answers: the authority it stands before, or the fork.
    fn inner(&self) -> Result<&dyn Authority, Unavailable> {
        let count = |left: u32| left.checked_sub(1);
        let order = Ordering::SeqCst;
        if self.unreached.fetch_update(order, order, count).is_ok() {
            let kind = UnavailableKind::OutOfReach;
            return Err(Unavailable::new(kind, "nobody answers"));
        }
        Ok(match &self.trick {
            Trick::Forked(other) => &**other,
            _ => &*self.inner,
        })
    }

    /// Signs a receipt in a log that goes on from the real one, at the time of its last entry.
    fn forge_receipt(&self, statement: &SignedStatement, outcome: Outcome) -> Receipt {
        self.forge_receipt_at(statement, outcome, |last| last)
    }

    fn forge_receipt_at(
        &self,
        statement: &SignedStatement,
        outcome: Outcome,
        time: impl FnOnce(Time) -> Time,
    ) -> Receipt {
        let mut forged = self.forged.lock().unwrap();
        let log = forged.get_or_insert_with(|| ForgedLog::from(&*self.inner));
        log.append(statement, outcome, time(log.last()), &self.log_key)
    }

    fn corrupt_receipt(&self, receipt: Receipt, statement: &SignedStatement) -> Receipt {
        match &self.trick {
            Trick::FalseVerified => match statement.statement() {
                Statement::Deposit(deposit) => {
                    let states = vec![DepositState::Verified; deposit.keys().len()];
                    self.forge_receipt(statement, Outcome::Deposited(states))
                }
                _ => receipt,
            },
            Trick::ForeignCheckpoint(other) => {
                let foreign = other.checkpoint().unwrap();
                let text = receipt.to_text();
                let (head, _) = text.split_once("\n\n").unwrap();
                Receipt::parse(&format!("{head}\n\n{}", foreign.as_text())).unwrap()
            }
            Trick::ForeignReceipt => {
                let founding = self.inner.about().unwrap().founding;
                self.forge_receipt(founding.statement(), Outcome::Recorded)
            }
            Trick::ForgedReceipt => {
                let other = SigningKey::generate(&mut *self.rng.lock().unwrap());
                let outcome = match statement.statement() {
                    Statement::Deposit(deposit) => {
                        Outcome::Deposited(vec![DepositState::Verified; deposit.keys().len()])
                    }
                    _ => Outcome::Recorded,
                };
                let mut log = ForgedLog::from(&*self.inner);
                log.append(statement, outcome, log.last(), &other)
            }
            Trick::GarbledInclusion => garble_inclusion(&receipt),
            _ => receipt,
        }
    }

    fn corrupt_page(&self, request: StatementId, page: ReleasePage) -> ReleasePage {
        let view = self.inner.subject(request).unwrap();
        let Statement::Request(asked) = view.asked.statement.statement() else {
            panic!("a request");
        };
        let genuine = page.release();
        let mut origin = ReleaseOrigin {
            authority: genuine.authority(),
            owner: genuine.owner(),
            request: genuine.request(),
            decision: genuine.decision(),
        };
        let release = match &self.trick {
            Trick::ReleaseForOtherRequest => {
                origin.request = Digest::of(&[b"another request"]);
                self.draw(origin, genuine, &asked.release_key, false)
            }
            Trick::ReleaseToOtherKey => {
                let other = SecretKey::generate(&mut *self.rng.lock().unwrap());
                self.draw(origin, genuine, &other.public_key(), false)
            }
            Trick::ReleaseWrongCommitment => self.draw(origin, genuine, &asked.release_key, true),
            Trick::ReleaseWrongKey => self.draw(origin, genuine, &asked.release_key, false),
            Trick::Withheld => {
                let serials = genuine.keys().iter().map(|key| key.label.serial).collect();
                Release::new(origin, genuine.page(), None, serials).unwrap()
            }
            _ => return page,
        };
        let release = SignedStatement::sign(release, &self.log_key);
        ReleasePage {
            release: self.plant(&release, Outcome::Recorded, |last| last),
            ..page
        }
    }

    /// Seals keys of its own in the place of those released.
    fn draw(
        &self,
        origin: ReleaseOrigin,
        genuine: &Release,
        recipient: &PublicKey,
        commit: bool,
    ) -> Release {
        let rng = &mut *self.rng.lock().unwrap();
        let sealing =
            recipient.seal_release(origin.authority, origin.request, origin.decision, rng);
        let seal = |key: &SealedKey| {
            let other = BlindedKey::new(SessionKey::age_file_key(&[0xee; 16]), rng);
            let mut label = key.label;
            if commit {
                label.commitment = other.commitment(label.serial);
            }
            SealedKey {
                label,
                particulars: key.particulars.clone(),
                sealed: sealing.seal(label.serial, label.digest(), &other.to_plaintext()),
            }
        };
        let keys = genuine.keys().iter().map(seal).collect();
        let sealed = Some((sealing.encapsulation().clone(), keys));
        Release::new(origin, genuine.page(), sealed, genuine.withheld().to_vec()).unwrap()
    }
}

impl Authority for HostileAuthority {
    fn about(&self) -> Result<About, QueryError> {
        let about = self.inner()?.about()?;
        let Trick::OtherRsaKey(statement) = &self.trick else {
            return Ok(about);
        };
        Ok(About {
            rsa_key: Some(self.plant(statement, Outcome::Recorded, |last| last)),
            ..about
        })
    }

    fn submit(&self, statement: &SignedStatement) -> Result<Receipt, SubmitError> {
        let receipt = self.inner()?.submit(statement)?;
        Ok(self.corrupt_receipt(receipt, statement))
    }

    fn entries(&self, select: Select, from: u64) -> Result<Page<Recorded>, QueryError> {
        self.lying_page(self.inner()?, select, from)
    }

    fn prove_possession(
        &self,
        owner: OwnerId,
        challenge: &Challenge,
        serials: &[Serial],
    ) -> Result<Possession, QueryError> {
        let inner = self.inner()?;
        let honest = inner.prove_possession(owner, challenge, serials)?;
        let proofs = honest.proofs.into_iter();
        Ok(match self.trick {
            // It has the answer to another question.
            Trick::PossessionOfOld => {
                let old = Challenge::from_bytes([0; Challenge::BYTES]);
                inner.prove_possession(owner, &old, serials)?
            }
            Trick::PossessionOfOthers => Possession {
                proofs: proofs.rev().collect(),
            },
            Trick::PossessionShort => Possession {
                proofs: proofs.skip(1).collect(),
            },
            _ => Possession {
                proofs: proofs.collect(),
            },
        })
    }

    fn mend(&self, entries: &[Recorded]) -> Result<u64, QueryError> {
        self.inner()?.mend(entries)
    }

    fn subject(&self, asked: StatementId) -> Result<SubjectView, QueryError> {
        self.inner()?.subject(asked)
    }

    fn holdings(&self, owner: OwnerId) -> Result<Holdings, QueryError> {
        let holdings = self.inner()?.holdings(owner)?;
        Ok(match &self.trick {
            Trick::HoldsOnly(serials) => Holdings {
                count: serials.len() as u64,
                serials: Scope::serials_digest(serials),
                ..holdings
            },
            _ => holdings,
        })
    }

    fn release(&self, request: StatementId, page: u64) -> Result<ReleasePage, ReleaseError> {
        let page = self.inner()?.release(request, page)?;
        Ok(self.corrupt_page(request, page))
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError> {
        let inner = self.inner()?;
        match &self.trick {
            Trick::ForeignCheckpoint(other) => other.checkpoint(),
            Trick::Shrunk => Ok(self.begun.clone()),
            _ => match &*self.forged.lock().unwrap() {
                Some(log) => Ok(log.checkpoint(&self.log_key)),
                None => inner.checkpoint(),
            },
        }
    }

    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError> {
        let inner = self.inner()?;
        match &*self.forged.lock().unwrap() {
            Some(log) => log.consistency(old, new).ok_or(QueryError::NotFound),
            None => inner.consistency(old, new),
        }
    }

    fn leaves(&self, from: u64) -> Result<Page<Vec<u8>>, QueryError> {
        self.inner()?.leaves(from)
    }
}

/// Changes the first hash of a receipt's inclusion proof, or adds one where there is none.
fn garble_inclusion(receipt: &Receipt) -> Receipt {
    let text = receipt.to_text();
    let (head, checkpoint) = text.split_once("\n\n").unwrap();
    let mut lines: Vec<String> = head.split('\n').map(str::to_owned).collect();
    let first = lines
        .iter()
        .position(|line| line.starts_with("index "))
        .unwrap()
        + 1;
    match lines.get_mut(first) {
        Some(line) => {
            let changed = if line.starts_with('A') { "B" } else { "A" };
            line.replace_range(..1, changed);
        }
        None => lines.push(format!("{}=", "A".repeat(43))),
    }
    Receipt::parse(&format!("{}\n\n{checkpoint}", lines.join("\n"))).unwrap()
}

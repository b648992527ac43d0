//! Recovery: asking for session keys back, showing evidence, and collecting what is released (spec/recovery.md).
//! Not what is done with the keys: that is `rewrap`.
//!
//! In this order, each durable before the next: the request, before it is sent; what was released, page by page; the new
//! identity, if one is needed, never over an old one; then the headers. A command that is stopped anywhere is continued by the
//! next one: the request is the one that is pending, the pages those that are missing.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_protocol::code::{NoMemory, RecoveryCode};
use strongroom_protocol::cores::on_all_cores;
use strongroom_protocol::id::{Digest, OwnerId, RequestId, Serial};
use strongroom_protocol::policy::{Reason, SubjectState};
use strongroom_protocol::statement::{
    Evidence, EvidenceKind, Grounds, Release, Request, Scope, SignedStatement, Statement, Verdict,
    WrongScope,
};
use strongroom_protocol::wrap::{NotOpened, SecretKey};
use strongroom_protocol::{QueryError, Refusal, ReleaseError, ReleasePage, SubmitError};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{DeviceId, HomeError, KeysError, Matched, PendingRequest, VerifiedPage};
use crate::released::{open_page, release_by};
use crate::secret;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All that the owner has deposited.
    Everything,
    /// These deposits.
    Serials(Vec<Serial>),
}

/// Where a request stands.
#[derive(Clone, Debug)]
pub struct RequestStanding {
    /// The state.
    pub state: SubjectState,
    /// Why it is in that state.
    pub reasons: Vec<Reason>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// How many keys are in the home now.
    pub keys: u64,
    /// The deposits that the authority could not open to what they were labelled as.
    pub withheld: Vec<Serial>,
    /// Of everything: the deposits that the home knows to be in the log, and that the authority did not count among it.
    pub unlisted: Vec<Serial>,
}

impl Client<'_> {
    /// Returns the request for what is wanted: the one that is pending, or a new one.
    ///
    /// One that was denied or vetoed, or that lapsed, is returned until it is [forgotten](Self::forget), so that somebody is
    /// told. A new one is in the home before it is sent.
    ///
    /// # Errors
    ///
    /// Says what can't be made, or was refused.
    pub fn request_recovery(
        &mut self,
        wanted: &Wanted,
        grounds: &Grounds,
    ) -> Result<PendingRequest, RecoverError> {
        self.request_recovery_for(self.membership.owner, wanted, grounds)
    }

    /// The same for the keys of `owner`, who may be somebody else: they are released to this home all the same.
    ///
    /// # Errors
    ///
    /// Says what can't be made, or was refused.
    pub fn request_recovery_for(
        &mut self,
        owner: OwnerId,
        wanted: &Wanted,
        grounds: &Grounds,
    ) -> Result<PendingRequest, RecoverError> {
        if let Some(pending) = self.pending_request(owner, wanted)? {
            return Ok(pending);
        }
        let request = self.make_request(owner, wanted, grounds)?;
        self.home.record_request(&request)?;
        match self.send(&request) {
            Ok(()) => Ok(request),
            // It is in no log, and never will be.
            Err(
                refused @ RecoverError::Exchange(ExchangeError::Submit(SubmitError::Refused(_))),
            ) => {
                self.home.forget_request(&request)?;
                Err(refused)
            }
            Err(error) => Err(error),
        }
    }

    /// Finds the request for this that is under way, and sends it again: it may not have arrived.
    fn pending_request(
        &mut self,
        owner: OwnerId,
        wanted: &Wanted,
    ) -> Result<Option<PendingRequest>, RecoverError> {
        let now = self.clock.now();
        let device = self.home.device_id();
        for request in self.home.requests()? {
            // One that this machine made with a key which it has put aside is not shown to it any more.
            let by = DeviceId::from(&request.request().device_key);
            if request.request().owner != owner || device.is_some_and(|device| device != by) {
                continue;
            }
            let fits = match (&request.request().scope, wanted) {
                (Scope::Everything { .. }, Wanted::Everything) => !request.is_complete(),
                (Scope::Everything { .. }, Wanted::Serials(_))
                | (Scope::Serials(_), Wanted::Everything) => false,
                (Scope::Serials(have), Wanted::Serials(want)) => Scope::of(want.iter().copied())
                    .is_ok_and(|scope| scope == Scope::Serials(have.clone())),
            };
            if !fits {
                continue;
            }
            // Keys that left on it stay in the home, and with them the request, for what they are: there is nothing to tell.
            let is_used = self.home.release_pages(&request)? > 0;
            if is_used && now >= request.request().expires {
                continue;
            }
            match self.send(&request) {
                Ok(()) => {}
                // It never arrived, and what it asks for has changed since: another one is made.
                Err(RecoverError::Exchange(ExchangeError::Submit(SubmitError::Refused(_)))) => {
                    self.home.forget_request(&request)?;
                    continue;
                }
                Err(error) => return Err(error),
            }
            match self.standing(&request)?.state {
                SubjectState::Decided(verdict) if is_used && verdict != Verdict::Approved => {}
                SubjectState::Requested | SubjectState::Decided(_) | SubjectState::Released => {
                    return Ok(Some(request));
                }
            }
        }
        Ok(None)
    }

    /// Forgets a request on which nothing will come any more: what it asked for can be asked for anew.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn forget(&mut self, request: &PendingRequest) -> Result<(), RecoverError> {
        Ok(self.home.forget_request(request)?)
    }

    fn make_request(
        &mut self,
        owner: OwnerId,
        wanted: &Wanted,
        grounds: &Grounds,
    ) -> Result<PendingRequest, RecoverError> {
        let device = self.home.ensure_device_key(&mut self.rng)?;
        let authority = self.connection.founding().authority();
        let policy = self.connection.policy()?;
        let scope = match wanted {
            Wanted::Serials(serials) => Scope::of(serials.iter().copied())?,
            Wanted::Everything => {
                let holdings = self.connection.authority().holdings(owner)?;
                let seen = self.connection.seen().checkpoint().size;
                if holdings.tree_size < seen {
                    let now = holdings.tree_size;
                    return Err(ExchangeError::LogShrunk { seen, now }.into());
                }
                if holdings.count == 0 {
                    let is_own = owner == self.membership.owner;
                    let known = if is_own {
                        self.home.kept_before(seen)?.len() as u64
                    } else {
                        0
                    };
                    return Err(match known {
                        0 => RecoverError::Nothing,
                        known => RecoverError::LeftOut { known },
                    });
                }
                Scope::Everything {
                    tree_size: holdings.tree_size,
                    count: holdings.count,
                    serials: holdings.serials,
                }
            }
        };
        let release_key = SecretKey::generate(&mut self.rng);
        let created = self.clock.now();
        let statement = SignedStatement::sign(
            Request {
                authority,
                request: RequestId::generate(&mut self.rng),
                owner,
                scope,
                release_key: release_key.public_key(),
                device_key: device.verifying_key(),
                grounds: grounds.clone(),
                policy: policy.digest(),
                created,
                expires: created.plus_millis(policy.policy().lapse_millis),
            },
            &device,
        );
        PendingRequest::new(statement, release_key).ok_or(RecoverError::Nothing)
    }

    /// Sends a request. Sent again, it is decided if it can be by now: looking alone decides nothing.
    fn send(&mut self, request: &PendingRequest) -> Result<(), RecoverError> {
        self.submit(request.statement().clone())?;
        Ok(())
    }

    /// Returns where a request stands, as of now.
    ///
    /// # Errors
    ///
    /// The authority does not know it, or can't be reached.
    pub fn standing(&self, request: &PendingRequest) -> Result<RequestStanding, RecoverError> {
        let subject = self.connection.subject(request.statement().id())?;
        let (state, reasons) = subject.standing(self.clock.now());
        Ok(RequestStanding { state, reasons })
    }

    /// Shows that whoever asks has the owner's recovery code. The code signs, and does not leave this function.
    ///
    /// # Errors
    ///
    /// Says so when it is another code, or what the authority says does not hold.
    pub fn show_code(
        &mut self,
        request: &PendingRequest,
        code: &RecoveryCode,
    ) -> Result<(), RecoverError> {
        let authority = self.connection.founding().authority();
        let code_key = code.signing_key(authority)?;
        // A code that this home knows to be another's is told so here: what the authority acknowledges changes nothing.
        let known = self.membership.code_key;
        if known.is_some_and(|known| known != code_key.verifying_key()) {
            return Err(RecoverError::WrongCode);
        }
        let evidence = SignedStatement::sign(
            Evidence {
                authority,
                request: request.request().digest(),
                kind: EvidenceKind::RecoveryCode,
            },
            &code_key,
        );
        match self.submit(evidence) {
            Ok(_) => {}
            Err(ExchangeError::Submit(SubmitError::Refused(Refusal::Author))) => {
                return Err(RecoverError::WrongCode);
            }
            Err(error) => return Err(error.into()),
        }
        // From now on a sheet can be tested against it, if it is this home's.
        if request.request().owner == self.membership.owner {
            self.home.record_enrolled(Some(&code_key.verifying_key()))?;
        }
        Ok(())
    }

    /// Fetches the pages of a release, and verifies each before it is kept.
    ///
    /// How many there are follows from what was asked: every page but the last answers for as many deposits as a page can,
    /// and none of them twice.
    ///
    /// # Errors
    ///
    /// The request is not approved, or what the authority says does not hold.
    pub fn collect(
        &mut self,
        request: &PendingRequest,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Collected, RecoverError> {
        let id = request.statement().id();
        let is_own = request.request().owner == self.membership.owner;
        let count = request.request().scope.count();
        let mut collected = Collected {
            keys: 0,
            withheld: Vec::new(),
            unlisted: Vec::new(),
        };
        let mut answered = BTreeSet::new();
        let mut adopted = BTreeMap::new();
        // From the first page on, also those in the home already: what is missing in all is told.
        for number in 0..count.div_ceil(Release::KEYS_MAX as u64) {
            let released = self.connection.authority().release(id, number)?;
            let left = count - answered.len() as u64;
            let (release, matched) = self.verify_page(request, number, left, &released)?;
            let keys = release.keys();
            let serials: Vec<Serial> = keys.iter().map(|key| key.label.serial).collect();
            for serial in serials.iter().chain(release.withheld()) {
                if !answered.insert(*serial) {
                    return Err(RecoverError::Release);
                }
            }
            // Before it is kept: it would take the place of a key that was released before.
            if is_own {
                let labels = keys
                    .iter()
                    .map(|key| (key.label.serial, key.label.digest()));
                adopted.extend(self.compare(labels)?);
            }
            let page = VerifiedPage {
                number,
                is_last: answered.len() as u64 == count,
                released: &released,
                serials: &serials,
            };
            let matched = if is_own { &matched[..] } else { &[] };
            self.home.record_release(request, &page, matched)?;
            collected.keys += serials.len() as u64;
            collected.withheld.extend_from_slice(release.withheld());
            progress(collected.keys);
        }
        self.home.record_seen(&self.connection.seen())?;
        let serials: Vec<Serial> = answered.iter().copied().collect();
        let all = match &request.request().scope {
            Scope::Serials(asked) => serials == *asked,
            Scope::Everything {
                serials: digest, ..
            } => Scope::serials_digest(&serials) == *digest,
        };
        if !all {
            return Err(RecoverError::Incomplete);
        }
        // Somebody else's deposits are not this caller's to read, and this home has no statement of theirs to compare
        // with. What was released then is held against its own commitment alone, and in the end against the files.
        if is_own {
            // Now that the device is the owner's, the owner's entries are shown to it.
            self.catch_up(&mut |_, _| {})?;
            if !self.compare(adopted.into_iter())?.is_empty() {
                return Err(RecoverError::OtherStatement);
            }
            // The request froze what the authority said it holds. What this home has receipts of is more, if an index of
            // the authority's has lost some.
            if let Scope::Everything { tree_size, .. } = &request.request().scope {
                let known = self.home.kept_before(*tree_size)?.into_iter();
                collected.unlisted = known.filter(|serial| !answered.contains(serial)).collect();
            }
        }
        Ok(collected)
    }

    /// Checks that what was released is what the owner's statements deposited: under the commitment made then, and
    /// not one that an authority made to fit another key. Returns those of which the home has no statement.
    fn compare(
        &self,
        released: impl Iterator<Item = (Serial, Digest)>,
    ) -> Result<BTreeMap<Serial, Digest>, RecoverError> {
        let mut unknown = BTreeMap::new();
        for (serial, label) in released {
            match self.home.deposit(serial)? {
                None => {
                    unknown.insert(serial, label);
                }
                Some(deposit) if deposit.label == label => {}
                Some(_) => return Err(RecoverError::Key { serial }),
            }
        }
        Ok(unknown)
    }

    /// Checks a page as spec/recovery.md#collect says, and returns what is released in it, with the secrets among it that
    /// were seen to match their deposit.
    fn verify_page<'p>(
        &self,
        request: &PendingRequest,
        number: u64,
        left: u64,
        page: &'p ReleasePage,
    ) -> Result<(&'p Release, Vec<Matched>), RecoverError> {
        let founding = self.connection.founding();
        let (decision, released) = (&page.decision.statement, &page.release.statement);
        let release = release_by(founding, released).ok_or(RecoverError::Release)?;
        let decided = matches!(decision.statement(), Statement::Decision(decided)
            if *decision.author() == founding.found().log_key
                && decided.request == request.request().digest()
                && decided.policy == request.request().policy
                && decided.verdict == Verdict::Approved
                && decided.digest() == release.decision());
        let answered = release.keys().len() + release.withheld().len();
        let answers = release.request() == request.request().digest()
            && release.owner() == request.request().owner
            && release.page() == number
            && answered as u64 == left.min(Release::KEYS_MAX as u64);
        if !decided || !answers {
            return Err(RecoverError::Release);
        }
        // In the log: first the decision, then the release.
        let before = self
            .connection
            .acknowledge(decision, &page.decision.receipt)?;
        let after = self
            .connection
            .acknowledge(released, &page.release.receipt)?;
        if before.index() >= after.index() {
            return Err(RecoverError::Release);
        }
        let mut matched = Vec::new();
        if release.keys().is_empty() {
            return Ok((release, matched));
        }
        let opening =
            open_page(release, request.release_key()).map_err(|_| RecoverError::Release)?;
        let opened = on_all_cores(release.keys(), |key| {
            let opened = key.open_released(&opening)?;
            Ok::<_, NotOpened>(secret::matched(key, opened))
        });
        for (key, opened) in release.keys().iter().zip(opened) {
            let serial = key.label.serial;
            matched.extend(opened.map_err(|_| RecoverError::Key { serial })?);
        }
        Ok((release, matched))
    }
}

/// Why keys did not come back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Not all that was asked for was answered.
    #[error("the authority released less than it approved, without saying so")]
    Incomplete,
    /// There is not the memory that a code takes.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// A released key is not the one that was deposited.
    #[error("the released key of serial {serial} is not the one that was deposited")]
    Key {
        /// The deposit.
        serial: Serial,
    },
    /// A key of this home can't be read or made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The authority says that it holds nothing, and the home has receipts.
    #[error(
        "the authority says that it keeps nothing for this owner, and its log has {known} deposits of theirs"
    )]
    LeftOut {
        /// How many the home knows of.
        known: u64,
    },
    /// The owner has no deposits.
    #[error("the authority keeps nothing for this owner")]
    Nothing,
    /// The authority showed another statement.
    #[error("the authority answered with another statement")]
    OtherStatement,
    /// A question got no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// What was released is not for this request, or not by this authority.
    #[error("what the authority released is not an answer to this request")]
    Release,
    /// Nothing was released.
    #[error(transparent)]
    Released(#[from] ReleaseError),
    /// Too many serials.
    #[error(transparent)]
    Scope(#[from] WrongScope),
    /// The code is not this owner's.
    #[error("this is not the recovery code of this owner")]
    WrongCode,
}

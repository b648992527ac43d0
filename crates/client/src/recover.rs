//! Recovery: asking for session keys back, showing evidence, and collecting what is released (spec/recovery.md).
//! Not what is done with the keys: that is `rewrap`.
//!
//! In this order, each durable before the next: the new identity, never over an old one; the request, before it is
//! sent; what was released, page by page; then the headers. A command that is stopped anywhere is continued by the
//! next one: the request is the one that is pending, the pages those that are missing.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_agefile::KeyType;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{Digest, OwnerId, RequestId, Serial, StatementId};
use strongroom_protocol::statement::{
    Evidence, EvidenceKind, Grounds, Request, Scope, SignedStatement, Statement, Verdict,
    WrongScope,
};
use strongroom_protocol::wrap::SecretKey;
use strongroom_protocol::{
    QueryError, Refusal, ReleaseError, ReleasePage, RequestState, RequestView, SubmitError,
};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{Beside, Home, HomeError, KeysError, PendingRequest};
use crate::released::{ReleasedError, open_page, release_by};
use crate::secret;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All that the owner has deposited.
    Everything,
    /// These deposits.
    Serials(Vec<Serial>),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// How many keys are in the home now.
    pub keys: u64,
    /// The deposits that the authority could not open to what they were labelled as.
    pub withheld: Vec<Serial>,
}

impl Client<'_> {
    /// Returns the request for what is wanted: the one that is pending, or a new one.
    ///
    /// One that was denied or vetoed is returned until it is [forgotten](Self::forget), so that somebody is told. A new
    /// one comes with a new identity, where there is none; and it is in the home before it is sent.
    ///
    /// # Errors
    ///
    /// Says what can't be made, or was refused.
    pub fn request_recovery(
        &mut self,
        wanted: &Wanted,
        grounds: &Grounds,
        key_type: KeyType,
    ) -> Result<PendingRequest, RecoverError> {
        self.request_recovery_for(self.membership.owner, wanted, grounds, key_type)
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
        key_type: KeyType,
    ) -> Result<PendingRequest, RecoverError> {
        let now = self.clock.now();
        self.home.ensure_identity(key_type, now, &mut self.rng)?;
        if let Some(pending) = self.pending_request(owner, wanted)? {
            return Ok(pending);
        }
        let request = self.make_request(owner, wanted, grounds)?;
        self.home.record_request(&request)?;
        self.send(&request)?;
        Ok(request)
    }

    /// Finds the request for this that is under way, and sends it again: it may not have arrived.
    fn pending_request(
        &mut self,
        owner: OwnerId,
        wanted: &Wanted,
    ) -> Result<Option<PendingRequest>, RecoverError> {
        let now = self.clock.now();
        for request in self.home.requests()? {
            if request.request().owner != owner {
                continue;
            }
            let fits = match (&request.request().scope, wanted) {
                (Scope::Everything { .. }, Wanted::Everything) => !request.is_complete(),
                (Scope::Everything { .. }, Wanted::Serials(_))
                | (Scope::Serials(_), Wanted::Everything) => false,
                (Scope::Serials(have), Wanted::Serials(want)) => Scope::of(want.iter().copied())
                    .is_ok_and(|scope| scope == Scope::Serials(have.clone())),
            };
            if !fits || now >= request.request().expires {
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
            let view = self.view(&request)?;
            match view.state {
                RequestState::Decided(Verdict::Lapsed) => self.forget(&request)?,
                // Keys that left on it stay in the home, and with them the request, for what they are.
                RequestState::Decided(Verdict::Denied | Verdict::Vetoed)
                    if self.home.release_pages(&request)? > 0 => {}
                RequestState::Requested | RequestState::Decided(_) | RequestState::Released => {
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
        let authority = self.connection.about().authority();
        let policy = self.connection.policy(self.home)?;
        let scope = match wanted {
            Wanted::Serials(serials) => Scope::of(serials.iter().copied())?,
            Wanted::Everything => {
                let holdings = self.connection.authority().holdings(owner)?;
                if holdings.count == 0 {
                    return Err(RecoverError::Nothing);
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

    fn send(&mut self, request: &PendingRequest) -> Result<(), RecoverError> {
        let (_, acknowledgement) = self.connection.submit(self.home, request.statement())?;
        Ok(self.home.record_seen(acknowledgement.checkpoint())?)
    }

    /// Returns where a request stands.
    ///
    /// # Errors
    ///
    /// Says so when the authority does not know it, or can't be reached.
    pub fn view(&self, request: &PendingRequest) -> Result<RequestView, RecoverError> {
        let id = request.statement().id();
        let view = self.connection.authority().request(id)?;
        if view.request.id() != id {
            return Err(RecoverError::OtherRequest);
        }
        Ok(view)
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
        let authority = self.connection.about().authority();
        let code_key = code.signing_key(authority);
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
        match self.connection.submit(self.home, &evidence) {
            Ok((_, acknowledgement)) => self.home.record_seen(acknowledgement.checkpoint())?,
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

    /// Fetches the pages of a release that are not in the home yet, and verifies each before it is kept.
    ///
    /// # Errors
    ///
    /// Says so when the request is not approved, or what the authority says does not hold.
    pub fn collect(
        &mut self,
        request: &PendingRequest,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Collected, RecoverError> {
        let id = request.statement().id();
        let is_own = request.request().owner == self.membership.owner;
        let mut collected = Collected {
            keys: 0,
            withheld: Vec::new(),
        };
        let mut answered = BTreeSet::new();
        let mut adopted = BTreeMap::new();
        let mut deposited = DepositedLabels::default();
        // From the first page on, also those in the home already: what is missing in all is told.
        for page in 0.. {
            let released = self.connection.authority().release(id, page)?;
            let serials = self.verify_page(request, page, &released)?;
            let release = release_by(self.connection.about(), &released.release)
                .ok_or(RecoverError::Release)?;
            let mut labels: BTreeMap<_, _> = release
                .keys()
                .iter()
                .map(|key| (key.label.serial, key.label.digest()))
                .collect();
            for serial in serials.iter().chain(release.withheld()) {
                if !answered.insert(*serial) {
                    return Err(RecoverError::Release);
                }
            }
            // Before it is kept: it would take the place of a key that was released before.
            if is_own {
                let unknown = self.compare(&labels, &mut deposited)?;
                labels.retain(|serial, _| unknown.contains(serial));
                adopted.extend(labels);
            }
            self.home
                .record_release(request, page, &released, &serials)?;
            let secrets = release
                .keys()
                .iter()
                .filter(|key| is_own && !key.particulars.attachment().is_empty());
            secret::record_matches(self.home, secrets.map(|key| key.label.serial))?;
            collected.keys += serials.len() as u64;
            collected.withheld.extend_from_slice(release.withheld());
            progress(collected.keys);
            if !released.more {
                break;
            }
        }
        let serials: Vec<Serial> = answered.iter().copied().collect();
        let all = match &request.request().scope {
            Scope::Serials(asked) => serials == *asked,
            Scope::Everything {
                count,
                serials: digest,
                ..
            } => serials.len() as u64 == *count && Scope::serials_digest(&serials) == *digest,
        };
        if !all {
            return Err(RecoverError::Incomplete);
        }
        // Somebody else's deposits are not this caller's to list, and this home has no statement of theirs to compare
        // with. What was released then is held against its own commitment alone, and in the end against the files.
        if is_own {
            self.refill()?;
            if !self.compare(&adopted, &mut deposited)?.is_empty() {
                return Err(RecoverError::OtherStatement);
            }
        }
        Ok(collected)
    }

    /// Checks that what was released is what the owner's statements deposited: under the commitment made then, and
    /// not one that an authority made to fit another key. Returns those of which the home has no statement.
    fn compare(
        &self,
        released: &BTreeMap<Serial, Digest>,
        deposited: &mut DepositedLabels,
    ) -> Result<Vec<Serial>, RecoverError> {
        let mut unknown = Vec::new();
        for (serial, label) in released {
            let Some(record) = self.home.deposit(*serial)? else {
                unknown.push(*serial);
                continue;
            };
            if deposited.label(self.home, record.statement, *serial)? != Some(*label) {
                return Err(RecoverError::Key { serial: *serial });
            }
        }
        Ok(unknown)
    }

    /// Fills a home that was lost, or that another of the owner's goes beside: with each deposit statement of the owner's
    /// that is not in it, and its receipt.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached, or what it says does not hold.
    pub fn refill(&mut self) -> Result<(), RecoverError> {
        let mut after = None;
        loop {
            let authority = self.connection.authority();
            let page = authority.deposits(self.membership.owner, after)?;
            for deposited in &page.items {
                let serial = deposited.label.serial;
                // A listing that does not go on would be asked for without end.
                if after.is_some_and(|after| serial <= after) {
                    return Err(RecoverError::OtherStatement);
                }
                after = Some(serial);
                if self.home.deposit(serial)?.is_none() {
                    self.adopt_statement(deposited.statement)?;
                }
                self.home.record_marks(serial, &deposited.own_blobs)?;
            }
            if !page.more || page.items.is_empty() {
                return Ok(());
            }
        }
    }

    fn adopt_statement(&mut self, id: StatementId) -> Result<(), RecoverError> {
        let authority = self.connection.authority();
        let statement = authority.statement(id)?;
        let Statement::Deposit(deposit) = statement.statement() else {
            return Err(RecoverError::OtherStatement);
        };
        if statement.id() != id || deposit.owner() != self.membership.owner {
            return Err(RecoverError::OtherStatement);
        }
        let receipt = authority.receipt(id)?;
        let acknowledgement = self.connection.verify(self.home, &statement, &receipt)?;
        let kept: Vec<_> = deposit
            .keys()
            .iter()
            .map(|key| key.label.serial)
            .zip(acknowledgement.states().iter().copied())
            .filter(|(_, state)| state.is_kept())
            .collect();
        self.home.record_deposit(
            &statement,
            &receipt,
            &acknowledgement,
            &kept,
            Beside::default(),
        )?;
        Ok(())
    }

    /// Checks a page as spec/recovery.md#collect says, and returns the serials of the keys that opened.
    fn verify_page(
        &mut self,
        request: &PendingRequest,
        page: u64,
        released: &ReleasePage,
    ) -> Result<Vec<Serial>, RecoverError> {
        let about = self.connection.about().clone();
        let release = release_by(&about, &released.release).ok_or(RecoverError::Release)?;
        let decided = matches!(released.decision.statement(), Statement::Decision(decision)
            if released.decision.author() == &about.found().log_key
                && decision.request == request.request().digest()
                && decision.policy == request.request().policy
                && decision.verdict == Verdict::Approved
                && decision.digest() == release.decision());
        let answers = release.request() == request.request().digest()
            && release.owner() == request.request().owner
            && release.page() == page;
        if !decided || !answers {
            return Err(RecoverError::Release);
        }
        let acknowledgement =
            self.connection
                .verify(self.home, &released.release, &released.receipt)?;
        self.home.record_seen(acknowledgement.checkpoint())?;
        if release.keys().is_empty() {
            return Ok(Vec::new());
        }
        let opening =
            open_page(release, request.release_key()).map_err(|_| RecoverError::Release)?;
        release
            .keys()
            .iter()
            .map(|key| match key.open_released(&opening) {
                Ok(_) => Ok(key.label.serial),
                Err(_) => Err(RecoverError::Key {
                    serial: key.label.serial,
                }),
            })
            .collect()
    }
}

/// The labels under which statements in the home deposited keys. Each statement is read once: the keys of a page lie in
/// as many as there are.
#[derive(Default)]
struct DepositedLabels {
    read: BTreeSet<[u8; 32]>,
    labels: BTreeMap<([u8; 32], Serial), Digest>,
}

impl DepositedLabels {
    fn label(
        &mut self,
        home: &Home,
        statement: StatementId,
        serial: Serial,
    ) -> Result<Option<Digest>, HomeError> {
        let id = *statement.as_bytes();
        if self.read.insert(id) {
            let (statement, _) = home.statement(statement)?;
            if let Statement::Deposit(deposit) = statement.statement() {
                let keys = deposit.keys().iter();
                let labels = keys.map(|key| ((id, key.label.serial), key.label.digest()));
                self.labels.extend(labels);
            }
        }
        Ok(self.labels.get(&(id, serial)).copied())
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
    /// A released key is not the one that was deposited.
    #[error("the released key of serial {serial} is not the one that was deposited")]
    Key {
        /// The deposit.
        serial: Serial,
    },
    /// A key of this home can't be read or made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The owner has no deposits.
    #[error("the authority keeps nothing for this owner")]
    Nothing,
    /// The authority showed another statement.
    #[error("the authority answered with another statement")]
    OtherStatement,
    /// The authority showed another request.
    #[error("the authority answered with another request")]
    OtherRequest,
    /// A question got no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A key that was just released can't be read again.
    #[error(transparent)]
    Reread(#[from] ReleasedError),
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

//! The authority's service: every act checked, done and logged in one commit, on behalf of a caller.
//! Not how the caller got here.

mod audit;
mod backup;
mod change;
mod check;
mod commit;
mod custody;
mod decide;
mod deposit;
mod enrol;
mod entries;
mod evidence;
mod officer;
mod plan;
mod queue;
mod recent;
mod release;
mod request;
mod rsa_key;
mod scene;
mod session;
mod sight;
mod simple_blob;
mod subject;
mod succession;

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::{CryptoRng, Rng, TryCryptoRng, TryRng};
use strongroom_protocol::Founding;
use strongroom_protocol::id::{AuthorityId, Clock, Digest};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::LeafSalt;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Found, SignedStatement};
use strongroom_protocol::wrap::SecretKey;

use crate::custody::Custodian;
use crate::custody::key_file::{KeyFile, WrapKey};
use crate::folder;
use crate::index;
use crate::log::Log;
use crate::store::{Damage, Store, StoreError};
use crate::{Caller, FoundError, OpenError};

use commit::{Act, Answer};
use plan::Plan;
use queue::Queue;
use recent::Recent;
use succession::InForce;

pub use backup::Keys;
pub use check::{CheckError, CheckReport, Extent};
pub use custody::{SealError, WrongCode};
pub use rsa_key::RsaKeyError;
pub use session::Session;

/// An authority in a folder. A clone is the same one.
///
/// Any number of threads may use it, and any number of processes may have the same folder open.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

/// What all clones of a service share.
#[doc(hidden)]
#[expect(
    unnameable_types,
    reason = "outside nobody has a use for it: its fields are this module's"
)]
pub struct Inner {
    about: Founding,
    clock: Arc<dyn Clock>,
    /// The size that the log had when the last group was begun here, or when this was opened: what lies below was
    /// committed, and stays.
    committed: AtomicU64,
    custodian: Custodian,
    folder: PathBuf,
    log: Log,
    /// By H(Q) of the request. Nothing that was not committed goes into it.
    plans: Recent<Digest, Plan>,
    /// By the entry that put the policy in force. Nothing that was not committed goes into it.
    policies: Recent<u64, InForce>,
    queue: Queue<Act, Answer>,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    store: Store,
}

impl Deref for Service {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Service {
    /// Founds an authority in `folder`, which does not exist or is empty: its keys, its store, its founding entry.
    ///
    /// All of it, or nothing. The folder it lies in must exist.
    ///
    /// # Errors
    ///
    /// Says so when something is there already, or the folder can't be made.
    pub fn found(
        folder: &Path,
        policy: Policy,
        clock: Arc<dyn Clock>,
        mut rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, FoundError> {
        let log_key = SigningKey::generate(&mut rng);
        let wrap_key = SecretKey::generate(&mut rng);
        let now = clock.now();
        let found = Found {
            log_key: log_key.verifying_key(),
            wrap_key: wrap_key.public_key(),
            policy,
            created: now,
        };
        let founding = SignedStatement::sign(found, &log_key);
        let authority = founding.authority();
        let log = Log::new(authority, SigningKey::from_seed(log_key.expose_seed()));
        let keys = KeyFile {
            authority,
            log_key,
            wrap_key: WrapKey::Open(wrap_key),
            rsa_key: None,
        };
        let salt = LeafSalt::generate(&mut rng);
        folder::found(folder, &keys, |store| {
            store.write(|store| {
                let mut growth = log.grow(store)?;
                let entry = growth.append(founding, Outcome::Recorded, now, salt)?;
                index::add(store, &entry)?;
                growth.seal()
            })
        })?;
        Self::open(folder, clock, rng).map_err(|error| FoundError::Unopened {
            folder: folder.to_owned(),
            source: Box::new(error),
        })
    }

    /// Opens the authority in `folder`.
    ///
    /// # Errors
    ///
    /// Says what is missing, damaged or too new.
    pub fn open(
        folder: &Path,
        clock: Arc<dyn Clock>,
        rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, OpenError> {
        let (store, keys) = folder::open(folder)?;
        let store_error = |source| OpenError::Store {
            path: folder.to_owned(),
            source,
        };
        let about = store.read(read_founding).map_err(store_error)?;
        if !keys.are_of(&about) {
            return Err(OpenError::OtherKeys {
                folder: folder.to_owned(),
            });
        }
        let log = Log::new(about.authority(), keys.log_key);
        // A store whose head does not follow from its log is found here, before anything is added to it.
        let checkpoint = store
            .read(|store| log.checkpoint(store))
            .map_err(store_error)?;
        folder::migrate(folder, &store, |store| audit::rebuild(&log, store))
            .map_err(store_error)?;
        Ok(Self(Arc::new(Inner {
            clock,
            committed: AtomicU64::new(checkpoint.checkpoint().size),
            folder: folder.to_owned(),
            custodian: Custodian::new(about.authority(), &about.found().wrap_key, keys.wrap_key),
            log,
            plans: Recent::new(),
            policies: Recent::new(),
            queue: Queue::new(),
            rng: Mutex::new(Box::new(rng)),
            store,
            about,
        })))
    }

    /// Returns the authority as `caller` meets it.
    #[must_use]
    pub fn session(&self, caller: Caller) -> Session {
        Session::new(self.clone(), caller)
    }

    /// Returns who this is.
    #[must_use]
    pub fn about(&self) -> &Founding {
        &self.about
    }

    fn authority(&self) -> AuthorityId {
        self.about.authority()
    }

    fn rng(&self) -> MutexGuard<'_, Box<dyn CryptoRng + Send>> {
        // A source of randomness that panicked half-way has only lost some.
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the randomness for what takes long: it is held for each draw alone, and nobody waits for the work between.
    fn slow_rng(&self) -> SlowRng<'_> {
        SlowRng(self)
    }
}

struct SlowRng<'s>(&'s Service);

impl TryRng for SlowRng<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.rng().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.rng().next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.rng().fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for SlowRng<'_> {}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({})", self.authority())
    }
}

/// Reads the founding statement, from which all trust in the rest follows: the authority's id is its digest.
fn read_founding(store: &crate::store::Snapshot<'_>) -> Result<Founding, StoreError> {
    let damaged = |what| StoreError::from(Damage::of_entry(0, what));
    let row = store.entry(0)?.ok_or_else(|| damaged("it is missing"))?;
    let founding = SignedStatement::parse(&row.statement)
        .map_err(|_| damaged("its statement does not verify"))?;
    Founding::new(founding).ok_or_else(|| damaged("it is no founding statement"))
}

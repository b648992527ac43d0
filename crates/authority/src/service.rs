//! The authority's service: every act checked, done and logged in one commit, on behalf of a caller.
//! Not how the caller got here.

mod audit;
mod change;
mod check;
mod commit;
mod custody;
mod decide;
mod deposit;
mod device;
mod enrol;
mod entries;
mod evidence;
mod founding;
mod limit;
mod officer;
mod plan;
mod possession;
mod queue;
mod recent;
mod release;
mod replay;
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
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::{CryptoRng, Rng, TryCryptoRng, TryRng};
use strongroom_protocol::Founding;
use strongroom_protocol::id::{AuthorityId, Clock, Digest, OwnerId};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::SignedStatement;

use crate::Caller;
use crate::custody::{Custodian, KeyFileError, KeyPlace};
use crate::log::Log;
use crate::store::{Damage, Memory, Snapshot, Store, StoreError};

use commit::{Act, Answer};
use plan::Plan;
use queue::Queue;
use recent::Recent;
use replay::Replay;
use succession::InForce;

pub use audit::Indexes;
pub(crate) use audit::{rebuild, verify};
pub use check::{CheckError, CheckReport, Extent, NamedDeposit, Watch};
pub use custody::{SealError, UnlockError, WrongCode};
pub(crate) use founding::NewAuthority;
pub use rsa_key::RsaKeyError;
pub use session::Session;

/// An authority over its store and its keys, wherever these are. A clone is the same one.
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
    log: Log,
    /// By H(Q) of the request. Nothing that was not committed goes into it.
    plans: Recent<Digest, Plan>,
    /// Which key a committed entry made whose device.
    devices: Recent<(OwnerId, VerifyingKey, u64), ()>,
    /// By the entry that put the policy in force, and whether that was read from a replay. Nothing that was not committed
    /// goes into it.
    policies: Recent<(u64, bool), InForce>,
    queue: Queue<Act, Answer>,
    replay: Replay,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    store: Box<dyn Store>,
}

impl Deref for Service {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Service {
    /// Founds an authority in memory, for tests of who embeds this: whatever is deposited there is lost with it.
    ///
    /// # Errors
    ///
    /// Says so when what was founded is not an authority.
    pub fn found_in_memory(
        policy: Policy,
        clock: Arc<dyn Clock>,
        mut rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, StoreError> {
        let founding = NewAuthority::new(policy, clock.now(), &mut rng);
        let keys = KeyPlace::in_memory(founding.keys());
        let store = Memory::default();
        founding.record(&store)?;
        Self::over(Box::new(store), keys, clock, rng).map_err(|error| match error {
            NoService::Store(error) => error,
            NoService::Keys(error) => StoreError::Failed(error.into()),
            NoService::OtherKeys => Damage::of("the keys are another authority's").into(),
        })
    }

    /// Returns the authority whose store and keys these are.
    pub(crate) fn over(
        store: Box<dyn Store>,
        place: KeyPlace,
        clock: Arc<dyn Clock>,
        rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, NoService> {
        let keys = place.read()?;
        let about = store.read(read_founding)?;
        if !keys.are_of(&about) {
            return Err(NoService::OtherKeys);
        }
        let log = Log::new(about.authority(), keys.log_key);
        // A store whose head does not follow from its log is found here, before anything is added to it.
        let checkpoint = store.read(|store| log.checkpoint(store))?;
        let public_key = &about.found().wrap_key;
        Ok(Self(Arc::new(Inner {
            clock,
            committed: AtomicU64::new(checkpoint.checkpoint().size),
            custodian: Custodian::new(about.authority(), public_key, keys.wrap_key, place),
            log,
            devices: Recent::new(),
            plans: Recent::new(),
            policies: Recent::new(),
            queue: Queue::new(),
            replay: Replay::default(),
            rng: Mutex::new(Box::new(rng)),
            store,
            about,
        })))
    }

    /// Returns its store.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(crate) fn custodian(&self) -> &Custodian {
        &self.custodian
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
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

#[derive(Clone)]
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
pub(crate) fn read_founding(store: &Snapshot<'_>) -> Result<Founding, StoreError> {
    let damaged = |what| StoreError::from(Damage::of_entry(0, what));
    let row = store.entry(0)?.ok_or_else(|| damaged("it is missing"))?;
    let founding = SignedStatement::parse(&row.statement)
        .map_err(|_| damaged("its statement does not verify"))?;
    Founding::new(founding).ok_or_else(|| damaged("it is no founding statement"))
}

/// Why a store and keys are no authority.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoService {
    #[error("can't use the authority's keys")]
    Keys(#[from] KeyFileError),
    #[error("the store and the keys are of different authorities")]
    OtherKeys,
    #[error(transparent)]
    Store(#[from] StoreError),
}

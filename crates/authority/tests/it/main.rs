#![cfg(test)]
//! The embedded authority, from outside: through its library, and through the files of its folder.

mod backup;
mod check;
mod concurrency;
mod custody;
mod damage;
mod folder;
mod history;
mod hostile;
mod map;
mod office;
mod people;
mod replay;
mod rows;
mod rsa_key;
mod simple_blob;
mod suite;

use std::path::Path;
use std::sync::Arc;

use strongroom_authority::{FoundError, Service};
use strongroom_protocol::policy::Policy;
use strongroom_testkit::{TestClock, TestRng};
use tempfile::TempDir;

/// An authority in a folder of its own, which goes when this goes.
struct Embedded {
    parent: TempDir,
    clock: Arc<TestClock>,
    service: Service,
}

impl Embedded {
    fn found() -> Self {
        Self::found_with(42)
    }

    /// Founds it with other keys.
    fn found_with(seed: u64) -> Self {
        Self::found_under(Policy::code_alone(), seed)
    }

    /// Founds it under a policy.
    fn found_under(policy: Policy, seed: u64) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let folder = parent.path().join("authority");
        let rng = TestRng::new(seed);
        let service = Service::found(&folder, policy, clock.clone(), rng).unwrap();
        Self {
            parent,
            clock,
            service,
        }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.parent.path().join("authority")
    }

    /// Opens the folder once more, as another process would.
    fn open_again(&self, seed: u64) -> Service {
        Service::open(&self.folder(), self.clock.clone(), TestRng::new(seed)).unwrap()
    }

    /// Opens the store behind the authority's back.
    fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder().join("store.db")).unwrap()
    }
}

fn found(folder: &Path, clock: &Arc<TestClock>) -> Result<Service, FoundError> {
    let rng = TestRng::new(42);
    Service::found(folder, Policy::code_alone(), clock.clone(), rng)
}

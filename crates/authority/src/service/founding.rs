//! What a new authority begins with: its keys, and the entry that says so. Not where they are kept.

use rand_core::CryptoRng;
use strongroom_protocol::id::{AuthorityId, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::LeafSalt;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Found, SignedStatement};
use strongroom_protocol::wrap::SecretKey;

use crate::custody::key_file::{KeyFile, WrapKey};
use crate::index;
use crate::log::Log;
use crate::store::{Store, StoreError};

/// An authority that is nowhere yet.
pub(crate) struct NewAuthority {
    keys: KeyFile,
    statement: SignedStatement,
    now: Time,
    salt: LeafSalt,
}

impl NewAuthority {
    pub(crate) fn new(policy: Policy, now: Time, rng: &mut impl CryptoRng) -> Self {
        let log_key = SigningKey::generate(rng);
        let wrap_key = SecretKey::generate(rng);
        let found = Found {
            log_key: log_key.verifying_key(),
            wrap_key: wrap_key.public_key(),
            policy,
            created: now,
        };
        let statement = SignedStatement::sign(found, &log_key);
        Self {
            keys: KeyFile {
                authority: statement.authority(),
                log_key,
                wrap_key: WrapKey::Open(wrap_key),
                rsa_key: None,
            },
            statement,
            now,
            salt: LeafSalt::generate(rng),
        }
    }

    pub(crate) fn keys(&self) -> &KeyFile {
        &self.keys
    }

    /// Makes it the first entry of a store that has none.
    pub(crate) fn record(self, store: &dyn Store) -> Result<(), StoreError> {
        let authority: AuthorityId = self.keys.authority;
        let log_key = SigningKey::from_seed(self.keys.log_key.expose_seed());
        let log = Log::new(authority, log_key);
        store.write(|store| {
            let mut growth = log.grow(store)?;
            let entry = growth.append(self.statement, Outcome::Recorded, self.now, self.salt)?;
            index::add(store, &entry)?;
            growth.seal()
        })
    }
}

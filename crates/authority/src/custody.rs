//! Custody of the key that opens deposits: they are checked, and re-wrapped for whom a logged approval names.
//! Session keys are open here and nowhere else, and none is ever handed out.

pub(crate) mod key_file;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rand_core::CryptoRng;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{AuthorityId, Digest, Serial};
use strongroom_protocol::policy::Approved;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{Deposit, Scope, SealedKey};
use strongroom_protocol::wrap::{Encapsulation, NotOpened, PublicKey, SealedSecretKey, SecretKey};

use crate::log::Logged;
use key_file::WrapKey;

pub use key_file::KeyFileError;

/// Who can use the authority's wrapping key. Here it lies in a key file, and in memory while the authority is open; where
/// it is sealed, it is in memory from when somebody gives the recovery code on.
pub(crate) struct Custodian {
    authority: AuthorityId,
    public_key: PublicKey,
    wrap_key_id: Digest,
    sealed: Option<SealedSecretKey>,
    open: OnceLock<SecretKey>,
}

/// The wrapping key, at hand.
pub(crate) struct Opener<'c> {
    authority: AuthorityId,
    wrap_key: &'c SecretKey,
}

/// A deposited key, within the statement that deposited it.
pub(crate) struct Kept<'d> {
    pub(crate) deposit: &'d Deposit,
    pub(crate) key: &'d SealedKey,
}

/// What a custodian made of deposits: keys wrapped anew, and the serials of those that did not open.
pub(crate) struct Rewrapped {
    pub(crate) sealed: Option<(Encapsulation, Vec<SealedKey>)>,
    pub(crate) withheld: Vec<Serial>,
}

impl Custodian {
    /// Takes the key as it lies in the key file, and the public key that the authority was founded with.
    pub(crate) fn new(authority: AuthorityId, public_key: &PublicKey, wrap_key: WrapKey) -> Self {
        let (sealed, open) = match wrap_key {
            WrapKey::Open(key) => (None, OnceLock::from(key)),
            WrapKey::Sealed(sealed) => (Some(sealed), OnceLock::new()),
        };
        Self {
            authority,
            public_key: public_key.clone(),
            wrap_key_id: public_key.id(),
            sealed,
            open,
        }
    }

    /// Opens a sealed key, for as long as the authority is open here.
    pub(crate) fn unlock(&self, code: &RecoveryCode) -> Result<(), NotOpened> {
        if let (None, Some(sealed)) = (self.open.get(), &self.sealed) {
            let key = sealed.open(self.authority, &self.public_key, code)?;
            self.open.get_or_init(|| key);
        }
        Ok(())
    }

    /// Returns the key, unless it is sealed.
    pub(crate) fn opener(&self) -> Option<Opener<'_>> {
        let wrap_key = self.open.get()?;
        let authority = self.authority;
        Some(Opener {
            authority,
            wrap_key,
        })
    }

    /// Returns the id of the public key that deposits are to be sealed to.
    pub(crate) fn wrap_key_id(&self) -> Digest {
        self.wrap_key_id
    }

    /// Opens each key of a deposit and checks it against its commitment; where the key is sealed, takes them unopened.
    pub(crate) fn check(&self, deposit: &Deposit) -> Vec<DepositState> {
        match self.opener() {
            Some(opener) => opener.check(deposit),
            None => vec![DepositState::Deposited; deposit.keys().len()],
        }
    }
}

impl Opener<'_> {
    /// Opens each key of a deposit and checks it against its commitment.
    pub(crate) fn check(&self, deposit: &Deposit) -> Vec<DepositState> {
        let opening = self
            .wrap_key
            .open_deposits(self.authority, deposit.encapsulation());
        let state = |key: &SealedKey| match &opening {
            Ok(opening) if key.open(opening).is_ok() => DepositState::Verified,
            _ => DepositState::Mismatch,
        };
        deposit.keys().iter().map(state).collect()
    }

    /// Opens what a logged approval is for, checks each key again, and wraps it for the key the request named.
    ///
    /// The recipient, the owner and the scope are read from the approval: what is of another owner, or was not asked
    /// for, is withheld like what does not open.
    pub(crate) fn rewrap(
        &self,
        logged: &Logged<Approved>,
        kept: &[Kept<'_>],
        rng: &mut impl CryptoRng,
    ) -> Rewrapped {
        let approved = logged.approved();
        let sealing = approved.release_key().seal_release(
            self.authority,
            logged.request(),
            logged.decision(),
            rng,
        );
        let mut keys = Vec::with_capacity(kept.len());
        let mut withheld = Vec::new();
        // A page is in the order of serials, and its keys came in few statements or in many: each is opened once.
        let mut openings = BTreeMap::new();
        for Kept { deposit, key } in kept {
            let label = key.label;
            let encapsulation = deposit.encapsulation();
            let opening = openings
                .entry(encapsulation.digest())
                .or_insert_with(|| self.wrap_key.open_deposits(self.authority, encapsulation));
            let opened = match opening {
                Ok(opening) if is_asked_for(approved, self.authority, key) => {
                    key.open(opening).ok()
                }
                _ => None,
            };
            match opened {
                Some(opened) => keys.push(SealedKey {
                    label,
                    particulars: key.particulars.clone(),
                    sealed: sealing.seal(label.serial, label.digest(), &opened.to_plaintext()),
                }),
                None => withheld.push(label.serial),
            }
        }
        let sealed = (!keys.is_empty()).then(|| (sealing.encapsulation().clone(), keys));
        Rewrapped { sealed, withheld }
    }
}

fn is_asked_for(approved: &Approved, authority: AuthorityId, key: &SealedKey) -> bool {
    let label = &key.label;
    let asked = match approved.scope() {
        // Which these are is frozen by the digest of their serials, which the service compares.
        Scope::Everything { .. } => true,
        Scope::Serials(serials) => serials.binary_search(&label.serial).is_ok(),
    };
    asked && label.owner == approved.owner() && label.authority == authority
}

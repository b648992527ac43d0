//! Custody of the key that opens deposits: they are checked, and re-wrapped for whom a logged approval names.
//! Session keys are open here and nowhere else, and none is ever handed out.

pub(crate) mod key_file;
mod key_place;
mod simple_blob;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rand_core::CryptoRng;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::cores::on_all_cores;
use strongroom_protocol::id::{AuthorityId, Digest, Serial};
use strongroom_protocol::policy::Approved;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::BlindedKey;
use strongroom_protocol::statement::{Content, Deposit, Scope, SealedKey};
use strongroom_protocol::wrap::{
    Encapsulation, NotOpened, OpenSealedKeyError, Opening, PublicKey, SealedSecretKey, SecretKey,
};
use zeroize::Zeroizing;

use crate::log::Logged;
use key_file::WrapKey;

pub use key_file::KeyFileError;
pub(crate) use key_place::KeyPlace;
pub(crate) use simple_blob::RsaKeyPair;

/// Who can use the authority's wrapping key. Here it lies in a key file, and in memory while the authority is open; where
/// it is sealed, it is in memory from when somebody gives the recovery code on.
pub(crate) struct Custodian {
    place: KeyPlace,
    authority: AuthorityId,
    public_key: PublicKey,
    wrap_key_id: Digest,
    sealed: Option<SealedSecretKey>,
    open: OnceLock<SecretKey>,
    /// Set when it is first needed: it may be made while this is open, here or by another process.
    rsa: OnceLock<RsaKeyPair>,
}

/// The wrapping key, at hand, and the RSA key if there is one.
pub(crate) struct Opener<'c> {
    authority: AuthorityId,
    wrap_key: &'c SecretKey,
    rsa: Option<&'c RsaKeyPair>,
}

/// A deposited key, within the statement that deposited it.
pub(crate) struct Kept<'d> {
    pub(crate) deposit: &'d Deposit,
    pub(crate) key: &'d SealedKey,
    /// Whether it is a SIMPLEBLOB that another owner has proved.
    pub(crate) is_foreign: bool,
}

/// What a custodian made of deposits: keys wrapped anew, and the serials of those that did not open.
pub(crate) struct Rewrapped {
    pub(crate) sealed: Option<(Encapsulation, Vec<SealedKey>)>,
    pub(crate) withheld: Vec<Serial>,
}

impl Custodian {
    /// Takes the key as it lies in its place, and the public key that the authority was founded with.
    pub(crate) fn new(
        authority: AuthorityId,
        public_key: &PublicKey,
        wrap_key: WrapKey,
        place: KeyPlace,
    ) -> Self {
        let (sealed, open) = match wrap_key {
            WrapKey::Open(key) => (None, OnceLock::from(key)),
            WrapKey::Sealed(sealed) => (Some(sealed), OnceLock::new()),
        };
        Self {
            place,
            authority,
            public_key: public_key.clone(),
            wrap_key_id: public_key.id(),
            sealed,
            open,
            rsa: OnceLock::new(),
        }
    }

    /// Returns where the keys lie.
    pub(crate) fn place(&self) -> &KeyPlace {
        &self.place
    }

    /// Opens a sealed key, for as long as the authority is open here.
    pub(crate) fn unlock(&self, code: &RecoveryCode) -> Result<(), OpenSealedKeyError> {
        if let (None, Some(sealed)) = (self.open.get(), &self.sealed) {
            let key = sealed.open(self.authority, &self.public_key, code)?;
            self.open.get_or_init(|| key);
        }
        Ok(())
    }

    /// Returns the key, unless it is sealed.
    pub(crate) fn opener(&self) -> Option<Opener<'_>> {
        let wrap_key = self.open.get()?;
        Some(Opener {
            authority: self.authority,
            wrap_key,
            rsa: self.rsa.get(),
        })
    }

    /// Tells whether an RSA key is at hand.
    pub(crate) fn has_rsa(&self) -> bool {
        self.rsa.get().is_some()
    }

    /// Seals an RSA private key as it is to lie in the key file; none while the wrapping key is sealed itself.
    pub(crate) fn seal_rsa(&self, private_key: &[u8], rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
        let wrap_key = self.open.get()?;
        Some(wrap_key.seal_rsa_key(self.authority, private_key, rng))
    }

    /// Opens an RSA private key as it lies in the key file.
    pub(crate) fn open_rsa(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let wrap_key = self.open.get().ok_or(NotOpened)?;
        wrap_key.open_rsa_key(self.authority, sealed)
    }

    /// Takes the RSA key, for as long as the authority is open here.
    pub(crate) fn take_rsa(&self, rsa: RsaKeyPair) {
        self.rsa.get_or_init(|| rsa);
    }

    /// Returns the id of the public key that deposits are to be sealed to.
    pub(crate) fn wrap_key_id(&self) -> Digest {
        self.wrap_key_id
    }

    /// Opens each key of a deposit and checks it against its commitment; where the key is sealed, takes them unopened.
    pub(crate) fn check(
        &self,
        deposit: &Deposit,
        rng: &(impl CryptoRng + Clone + Sync),
    ) -> Vec<DepositState> {
        match self.opener() {
            Some(opener) => opener.check(deposit, rng),
            None => vec![DepositState::Deposited; deposit.keys().len()],
        }
    }
}

impl Opener<'_> {
    /// Tells whether such a thing can be opened with what is at hand.
    pub(crate) fn can_open(&self, content: Content) -> bool {
        self.rsa.is_some() || content == Content::SessionKey
    }

    /// Opens each key of a deposit and checks it against its commitment, on all cores, each of which draws from the one source of
    /// randomness.
    pub(crate) fn check(
        &self,
        deposit: &Deposit,
        rng: &(impl CryptoRng + Clone + Sync),
    ) -> Vec<DepositState> {
        let opening = self
            .wrap_key
            .open_deposits(self.authority, deposit.encapsulation());
        let opening = opening.as_ref().map_err(|error| *error);
        on_all_cores(deposit.keys(), |key| {
            self.state(key, opening, &mut rng.clone())
        })
    }

    fn state(
        &self,
        key: &SealedKey,
        opening: Result<&Opening, NotOpened>,
        rng: &mut impl CryptoRng,
    ) -> DepositState {
        let (is_good, good) = match (key.label.content, self.rsa) {
            (Content::SessionKey, _) => (
                opening.is_ok_and(|opening| key.open(opening).is_ok()),
                DepositState::Verified,
            ),
            (Content::SimpleBlob { .. }, None) => (true, DepositState::Deposited),
            (Content::SimpleBlob { proven: true, .. }, Some(rsa)) => (
                rsa.unwrap_proven(key, opening, rng).is_some(),
                DepositState::Verified,
            ),
            (Content::SimpleBlob { proven: false, .. }, Some(rsa)) => {
                (rsa.is_what_it_says(key, opening), DepositState::Deposited)
            }
        };
        if is_good {
            good
        } else {
            DepositState::Mismatch
        }
    }

    /// Opens what a logged approval is for, checks each key again, and wraps it for the key the request named: on all cores, each
    /// of which draws from the one source of randomness.
    ///
    /// The recipient, the owner and the scope are read from the approval: what is of another owner, or was not asked
    /// for, is withheld like what does not open.
    pub(crate) fn rewrap(
        &self,
        logged: &Logged<Approved>,
        kept: &[Kept<'_>],
        mut rng: impl CryptoRng + Clone + Sync,
    ) -> Rewrapped {
        let approved = logged.approved();
        let sealing = approved.release_key().seal_release(
            self.authority,
            logged.request(),
            logged.decision(),
            &mut rng,
        );
        let openings = self.openings(kept);
        let rewrapped = on_all_cores(kept, |kept| {
            let opening = openings.get(&kept.deposit.encapsulation().digest());
            let opening = opening.and_then(Option::as_ref).ok_or(NotOpened);
            let key = kept.key;
            let label = key.label;
            if !is_asked_for(approved, self.authority, key) {
                return Err(label.serial);
            }
            let opened = self.unwrap(kept, opening, logged.is_by_officers(), &mut rng.clone());
            let opened = opened.ok_or(label.serial)?;
            Ok(SealedKey {
                label,
                particulars: key.particulars.clone(),
                sealed: sealing.seal(label.serial, label.digest(), &opened.to_plaintext()),
            })
        });
        let (mut keys, mut withheld) = (Vec::with_capacity(kept.len()), Vec::new());
        for key in rewrapped {
            match key {
                Ok(key) => keys.push(key),
                Err(serial) => withheld.push(serial),
            }
        }
        let sealed = (!keys.is_empty()).then(|| (sealing.encapsulation().clone(), keys));
        Rewrapped { sealed, withheld }
    }

    /// Opens the encapsulations of a page's keys, on all cores. These came in few statements or in many: each is opened once.
    fn openings(&self, kept: &[Kept<'_>]) -> BTreeMap<Digest, Option<Opening>> {
        let encapsulations = kept.iter().map(|kept| kept.deposit.encapsulation());
        let encapsulations: BTreeMap<Digest, &Encapsulation> = encapsulations
            .map(|encapsulation| (encapsulation.digest(), encapsulation))
            .collect();
        let encapsulations: Vec<_> = encapsulations.into_iter().collect();
        let opened = on_all_cores(&encapsulations, |(digest, encapsulation)| {
            let opening = self.wrap_key.open_deposits(self.authority, encapsulation);
            (*digest, opening.ok())
        });
        opened.into_iter().collect()
    }

    /// Opens the session key of a deposit, to release it: only what matches its commitment, or is as far as it can be
    /// known and an officer has answered for (spec/simple-blob.md#release).
    fn unwrap(
        &self,
        kept: &Kept<'_>,
        opening: Result<&Opening, NotOpened>,
        is_by_officers: bool,
        rng: &mut impl CryptoRng,
    ) -> Option<BlindedKey> {
        let key = kept.key;
        match key.label.content {
            Content::SessionKey => key.open(opening.ok()?).ok(),
            Content::SimpleBlob { proven: true, .. } => self.rsa?.unwrap_proven(key, opening, rng),
            Content::SimpleBlob { proven: false, .. } => {
                let may = is_by_officers && !kept.is_foreign;
                may.then(|| self.rsa?.unwrap_unproven(key, opening, rng))?
            }
        }
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

//! Spare keys: a session key is deposited, and its receipt verified, before it encrypts anything (spec/deposit.md).

use rand_core::CryptoRng;
use strongroom_agefile::header::InvalidHeader;
use strongroom_agefile::recipient::MixedRecipients;
use strongroom_agefile::{FileKey, Header, Recipient, wrap_to};
use strongroom_protocol::id::{AuthorityId, Serial, Time};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{Deposit, Draft, Particulars, SignedStatement, WrongCount};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{HomeError, KeysError, Matched, Observations};
use crate::pointer::Pointer;

/// A session key of which the authority keeps a spare, as its verified receipt in the home shows: made by
/// [`Client::deposit`] alone, and needed to [encrypt](crate::encrypt) a file.
pub struct Spare {
    pub(crate) file_key: FileKey,
    pub(crate) header: Header,
    authority: AuthorityId,
    serial: Serial,
    state: DepositState,
    time: Time,
}

impl Spare {
    /// Returns the authority that keeps it.
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        self.authority
    }

    /// Returns its serial number.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// Returns what the authority said of it.
    #[must_use]
    pub fn state(&self) -> DepositState {
        self.state
    }

    /// Returns when it was deposited, by the authority's clock.
    #[must_use]
    pub fn time(&self) -> Time {
        self.time
    }
}

impl Client<'_> {
    /// The most session keys that one [`Self::deposit`] takes.
    pub const SPARES_MAX: usize = Deposit::KEYS_MAX;

    /// Makes a session key for each of `particulars`, wraps it to its owner, to the others and to the authority, and
    /// deposits them all in one statement.
    ///
    /// When this returns, the receipt is verified, and it and the statement are in the home.
    ///
    /// # Errors
    ///
    /// Says what failed; then no key was kept, and none of them may be used.
    pub fn deposit(
        &mut self,
        owner: &Recipient,
        others: &[Recipient],
        particulars: Vec<Particulars>,
    ) -> Result<Vec<Spare>, DepositError> {
        // Before any key is made.
        self.check_enrolled()?;
        let mut made = Vec::new();
        let mut drafts = Vec::new();
        for particulars in particulars {
            let new = self.make_key(owner, others)?;
            drafts.push(new.draft(particulars, &mut self.rng));
            made.push(new);
        }
        let matched: Vec<Matched> = made.iter().map(NewKey::matched).collect();
        let kept = self.deposit_keys(&drafts, Observations::matched(&matched))?;
        let spares = made.into_iter().zip(kept.states);
        Ok(spares
            .map(|(new, state)| Spare {
                file_key: new.file_key,
                header: new.header,
                authority: kept.authority,
                serial: new.serial,
                state,
                time: kept.time,
            })
            .collect())
    }

    /// Deposits 1 to [`Self::SPARES_MAX`] keys in one statement, whoever made them.
    ///
    /// When this returns, the receipt is verified; it, the statement and what was `observed` are in the home.
    pub(crate) fn deposit_keys(
        &mut self,
        drafts: &[Draft],
        observed: Observations<'_>,
    ) -> Result<Kept, DepositError> {
        self.check_enrolled()?;
        let founding = self.connection.founding();
        let deposit = Deposit::seal(
            founding.authority(),
            &founding.found().wrap_key,
            self.membership.owner,
            drafts,
            &mut self.rng,
        )?;
        self.submit_deposit(deposit, observed)
    }

    /// Signs and submits a deposit of this owner's.
    ///
    /// When this returns, the receipt is verified; it, the statement and what was `observed` are in the home.
    pub(crate) fn submit_deposit(
        &mut self,
        deposit: Deposit,
        observed: Observations<'_>,
    ) -> Result<Kept, DepositError> {
        let device = self.home.device_key()?;
        let authority = deposit.authority();
        let statement = SignedStatement::sign(deposit, &device);
        let entry = self.connection.submit(statement)?;
        let said = &entry.acknowledgement;
        if let Some(refused) = said.states().iter().find(|state| !state.is_kept()) {
            // That it was refused is in the log, and so in the home; what would match it is not.
            self.record(&entry, Observations::default())?;
            return Err(DepositError::NotKept { state: *refused });
        }
        self.record(&entry, observed)?;
        Ok(Kept {
            authority,
            states: said.states().to_vec(),
            time: said.time(),
        })
    }

    pub(crate) fn check_enrolled(&self) -> Result<(), DepositError> {
        if self.is_enrolled() {
            Ok(())
        } else {
            Err(DepositError::NotEnrolled)
        }
    }

    /// Makes one session key and the header of what it encrypts.
    pub(crate) fn make_key(
        &mut self,
        owner: &Recipient,
        others: &[Recipient],
    ) -> Result<NewKey, DepositError> {
        let file_key = FileKey::generate(&mut self.rng);
        let serial = self.generate_serial();
        let mut recipients = vec![owner.clone()];
        for other in others {
            if !recipients.contains(other) {
                recipients.push(other.clone());
            }
        }
        let mut stanzas = wrap_to(&recipients, &file_key, &mut self.rng)?;
        let authority = self.connection.founding().authority();
        stanzas.push(Pointer { authority, serial }.to_stanza());
        let header = Header::seal(stanzas, &file_key)?;
        Ok(NewKey {
            file_key,
            header,
            serial,
        })
    }
}

/// A session key that is made and not deposited yet: nothing may be encrypted with it that is to last.
pub(crate) struct NewKey {
    pub(crate) file_key: FileKey,
    /// Its first stanza is the owner's.
    pub(crate) header: Header,
    pub(crate) serial: Serial,
}

impl NewKey {
    pub(crate) fn draft(&self, particulars: Particulars, rng: &mut impl CryptoRng) -> Draft {
        let key = SessionKey::age_file_key(self.file_key.expose());
        Draft {
            serial: self.serial,
            key: BlindedKey::new(key, rng),
            particulars,
        }
    }

    pub(crate) fn matched(&self) -> Matched {
        Matched::new(&self.header, self.serial, Some(0))
    }
}

/// What became of keys that were deposited together: the authority keeps every one of them.
pub(crate) struct Kept {
    pub(crate) authority: AuthorityId,
    /// What it said of each, in their order.
    pub(crate) states: Vec<DepositState>,
    pub(crate) time: Time,
}

/// Why there is no spare key, and so no session key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DepositError {
    /// None at all, or too many at once.
    #[error(transparent)]
    Count(#[from] WrongCount),
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The stanzas make no header.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A key can't be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The recipients are not all of one kind.
    #[error(transparent)]
    Mixed(#[from] MixedRecipients),
    /// The owner is not enrolled with the authority.
    #[error("this home's owner is not enrolled with the authority yet")]
    NotEnrolled,
    /// The authority answered that it does not keep the key.
    #[error("the authority did not keep the spare key: {}", .state.as_str())]
    NotKept {
        /// What it said of it.
        state: DepositState,
    },
}

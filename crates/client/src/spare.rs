//! Spare keys: a session key is deposited, and its receipt verified, before it encrypts anything (spec/deposit.md).

use strongroom_agefile::header::InvalidHeader;
use strongroom_agefile::recipient::MixedRecipients;
use strongroom_agefile::{FileKey, Header, Recipient, wrap_to};
use strongroom_protocol::id::{AuthorityId, Serial, Time};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{Deposit, Draft, Particulars, SignedStatement, WrongCount};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{HomeError, KeysError, Matched};
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
        let drafted = particulars
            .into_iter()
            .map(|particulars| self.draft(owner, others, particulars))
            .collect::<Result<Vec<_>, _>>()?;
        let (headers, drafts): (Vec<_>, Vec<_>) = drafted.into_iter().unzip();
        // The owner's stanza is the first of each header.
        let matched: Vec<Matched> = headers
            .iter()
            .zip(&drafts)
            .map(|((_, header), draft)| Matched::new(header, draft.serial, Some(0)))
            .collect();
        let kept = self.deposit_keys(&drafts, &matched)?;
        let spares = headers.into_iter().zip(drafts.iter().zip(kept.states));
        Ok(spares
            .map(|((file_key, header), (draft, state))| Spare {
                file_key,
                header,
                authority: kept.authority,
                serial: draft.serial,
                state,
                time: kept.time,
            })
            .collect())
    }

    /// Deposits 1 to [`Self::SPARES_MAX`] keys in one statement, whoever made them.
    ///
    /// When this returns, the receipt is verified; it, the statement and what `matched` says are in the home.
    pub(crate) fn deposit_keys(
        &mut self,
        drafts: &[Draft],
        matched: &[Matched],
    ) -> Result<Kept, DepositError> {
        self.check_enrolled()?;
        let device = self.home.device_key()?;
        let about = self.connection.about();
        let authority = about.authority();
        let deposit = Deposit::seal(
            authority,
            &about.found().wrap_key,
            self.membership.owner,
            drafts,
            &mut self.rng,
        )?;
        let statement = SignedStatement::sign(deposit, &device);
        let (receipt, acknowledgement) = self.connection.submit(self.home, &statement)?;
        let states = acknowledgement.states();
        if let Some(refused) = states.iter().find(|state| !state.is_kept()) {
            return Err(DepositError::NotKept { state: *refused });
        }
        let kept: Vec<(Serial, DepositState)> = drafts
            .iter()
            .map(|draft| draft.serial)
            .zip(states.iter().copied())
            .collect();
        self.home
            .record_deposit(&statement, &receipt, &acknowledgement, &kept, matched)?;
        Ok(Kept {
            authority,
            states: states.to_vec(),
            time: acknowledgement.time(),
        })
    }

    fn check_enrolled(&self) -> Result<(), DepositError> {
        if self.is_enrolled() {
            Ok(())
        } else {
            Err(DepositError::NotEnrolled)
        }
    }

    /// Makes one session key, the header of its file and what is deposited of it.
    fn draft(
        &mut self,
        owner: &Recipient,
        others: &[Recipient],
        particulars: Particulars,
    ) -> Result<((FileKey, Header), Draft), DepositError> {
        let file_key = FileKey::generate(&mut self.rng);
        let serial = self.generate_serial();
        let mut recipients = vec![owner.clone()];
        for other in others {
            if !recipients.contains(other) {
                recipients.push(other.clone());
            }
        }
        let mut stanzas = wrap_to(&recipients, &file_key, &mut self.rng)?;
        let authority = self.connection.about().authority();
        stanzas.push(Pointer { authority, serial }.to_stanza());
        let header = Header::seal(stanzas, &file_key)?;
        let key = BlindedKey::new(SessionKey::age_file_key(file_key.expose()), &mut self.rng);
        let draft = Draft {
            serial,
            key,
            particulars,
        };
        Ok(((file_key, header), draft))
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

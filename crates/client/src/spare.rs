//! Spare keys: a session key is deposited, and its receipt verified, before it encrypts anything (spec/deposit.md).

use std::num::NonZeroUsize;

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng};
use strongroom_agefile::header::InvalidHeader;
use strongroom_agefile::recipient::MixedRecipients;
use strongroom_agefile::{FileKey, Header, Recipient, wrap_to};
use strongroom_protocol::id::{AuthorityId, Serial};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{Deposit, Draft, Particulars, WrongCount};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{HomeError, KeysError, Matched};
use crate::pointer::Pointer;
use crate::prepared::{Confirmation, Prepared};
use crate::threads;

/// A session key of which the authority keeps a spare, as its verified receipt in the home shows: made by
/// [`Client::deposit`] alone, and needed to [encrypt](crate::encrypt) a file.
pub struct Spare {
    pub(crate) file_key: FileKey,
    pub(crate) header: Header,
    pub(crate) confirmation: Confirmation,
}

impl Spare {
    /// Returns what the authority said of it.
    #[must_use]
    pub fn confirmation(&self) -> Confirmation {
        self.confirmation
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
        self.deposit_on(NonZeroUsize::MIN, owner, others, particulars)
    }

    /// Does as [`Self::deposit`], on several threads.
    pub(crate) fn deposit_on(
        &mut self,
        threads: NonZeroUsize,
        owner: &Recipient,
        others: &[Recipient],
        particulars: Vec<Particulars>,
    ) -> Result<Vec<Spare>, DepositError> {
        // Before any key is made.
        self.check_enrolled()?;
        let maker = self.key_maker(owner, others);
        // Drawn in the keys' order, so that they are the same on any number of threads.
        let seeded = particulars.into_iter().map(|particulars| {
            let rng = ChaCha20Rng::from_rng(&mut self.rng);
            (particulars, rng)
        });
        let made = threads::map(seeded.collect(), threads, |(particulars, mut rng)| {
            let new = maker.make(&mut rng)?;
            let draft = new.draft(particulars, &mut rng);
            Ok::<_, DepositError>((new, draft))
        });
        let mut prepared = Prepared::new();
        for made in made {
            let (new, draft) = made?;
            prepared.draft(draft);
            prepared.wait(new.serial, new.matched(), new);
        }
        let spares = self.deposit_prepared(prepared)?.into_iter();
        Ok(spares
            .map(|(new, confirmation)| Spare {
                file_key: new.file_key,
                header: new.header,
                confirmation,
            })
            .collect())
    }

    pub(crate) fn check_enrolled(&self) -> Result<(), DepositError> {
        if self.is_enrolled() {
            Ok(())
        } else {
            Err(DepositError::NotEnrolled)
        }
    }

    /// Takes up for whom keys are made.
    pub(crate) fn key_maker(&self, owner: &Recipient, others: &[Recipient]) -> KeyMaker {
        let mut recipients = vec![owner.clone()];
        for other in others {
            if !recipients.contains(other) {
                recipients.push(other.clone());
            }
        }
        KeyMaker {
            authority: self.connection.founding().authority(),
            recipients,
        }
    }
}

/// Makes session keys for the same people and the same authority.
pub(crate) struct KeyMaker {
    authority: AuthorityId,
    /// The owner's is the first.
    recipients: Vec<Recipient>,
}

impl KeyMaker {
    /// Makes one session key and the header of what it encrypts.
    pub(crate) fn make(&self, rng: &mut impl CryptoRng) -> Result<NewKey, DepositError> {
        let file_key = FileKey::generate(rng);
        let serial = Serial::generate(rng);
        let mut stanzas = wrap_to(&self.recipients, &file_key, rng)?;
        let authority = self.authority;
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
        draft(&self.file_key, self.serial, particulars, rng)
    }

    pub(crate) fn matched(&self) -> Matched {
        Matched::new(&self.header, self.serial, Some(0))
    }
}

/// Blinds the session key of an age file, to be deposited.
pub(crate) fn draft(
    key: &FileKey,
    serial: Serial,
    particulars: Particulars,
    rng: &mut impl CryptoRng,
) -> Draft {
    let key = SessionKey::age_file_key(key.expose());
    Draft {
        serial,
        key: BlindedKey::new(key, rng),
        particulars,
    }
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

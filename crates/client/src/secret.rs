//! Secrets: passwords, disk keys, tokens. Each is encrypted under a session key of its own, and rides along with that
//! key's deposit (spec/secret.md).

mod list;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::num::NonZeroUsize;

use rand_core::CryptoRng;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::payload::{self, OpenError};
use strongroom_agefile::{FileKey, Header, Recipient, UnwrapError};
use strongroom_protocol::id::{OwnerId, Serial, Time};
use strongroom_protocol::statement::{OpenedKey, Particulars, ParticularsError, SealedKey};
use strongroom_protocol::text::composed;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::home::{Check, Home, HomeError, Identities, Matched, ReleasedKey};
use crate::prepared::{Confirmation, Prepared};
use crate::released::{ReleasedError, ReleasedKeys};
use crate::spare::{DepositError, NewKey};

pub use list::{LineError, ListError, ListedSecret, parse as parse_list};

/// What is kept secret: 1 to [`Secret::BYTES_MAX`] bytes, as they were given.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The length in bytes of the longest secret. What is longer is a file.
    pub const BYTES_MAX: usize = 4096;

    /// Takes a secret.
    ///
    /// # Errors
    ///
    /// Says so when there is nothing, or too much.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Self, WrongLength> {
        match bytes.len() {
            0 => Err(WrongLength::Empty),
            1..=Self::BYTES_MAX => Ok(Self(bytes)),
            _ => Err(WrongLength::Long),
        }
    }

    /// Returns its bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for Secret {}

/// A secret about to be deposited.
pub struct NewSecret {
    /// The secret.
    pub secret: Secret,
    /// What the authority is told of it: the name and whether its check passed, too.
    pub particulars: Particulars,
    /// The check that it passed, which stays in the home.
    pub check: Option<Check>,
}

/// A secret that was deposited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositedSecret {
    /// What the authority said of it.
    pub spare: Confirmation,
    /// The deposits under its name that it takes the place of, with their times.
    pub supersedes: Vec<(Serial, Time)>,
}

impl Client<'_> {
    /// Encrypts 1 to [`Self::SPARES_MAX`] secrets to their owner, each under a session key of its own, and deposits them
    /// in one statement.
    ///
    /// When this returns, the receipt is verified, and it and the statement are in the home, with the secrets in it.
    ///
    /// # Errors
    ///
    /// Says what failed; then none of them was kept.
    pub fn deposit_secrets(
        &mut self,
        owner: &Recipient,
        secrets: Vec<NewSecret>,
    ) -> Result<Vec<DepositedSecret>, DepositSecretsError> {
        self.check_enrolled()?;
        let maker = self.key_maker(owner, &[]);
        let mut prepared = Prepared::new();
        let mut names = BTreeSet::new();
        for new in secrets {
            // Of two at one time neither would be the later.
            if let Some(name) = new.particulars.name()
                && !names.insert(name.to_owned())
            {
                let name = name.to_owned();
                return Err(DepositSecretsError::NameTwice { name });
            }
            let key = maker.make(&mut self.rng)?;
            let attachment = seal(&key, &new.secret, &mut self.rng);
            // What it takes the place of is what this home has seen to be the newest, and is signed with it: an order that
            // no sending again can change.
            let superseded = match new.particulars.name() {
                Some(name) => self.home.newest_under(name)?,
                None => Vec::new(),
            };
            let mut supersedes = Vec::new();
            for serial in &superseded {
                let known = self.home.deposit(*serial)?;
                supersedes.extend(known.map(|known| (*serial, known.first)));
            }
            let particulars = new
                .particulars
                .clone()
                .with_supersedes(&superseded)?
                .with_attachment(attachment)?;
            prepared.draft(key.draft(particulars, &mut self.rng));
            if let Some(check) = new.check {
                prepared.check(key.serial, check);
            }
            prepared.wait(key.serial, key.matched(), supersedes);
        }
        let deposited = self.deposit_prepared(prepared)?.into_iter();
        Ok(deposited
            .map(|(supersedes, spare)| DepositedSecret { spare, supersedes })
            .collect())
    }
}

/// Returns the attachment: an age file of the secret (spec/secret.md#attachment).
fn seal(key: &NewKey, secret: &Secret, rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut nonce = [0; payload::NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let mut attachment = key.header.as_bytes().to_vec();
    payload::seal(
        &key.file_key,
        nonce,
        secret.expose(),
        &mut attachment,
        NonZeroUsize::MIN,
        &mut |_| {},
    )
    .expect("neither reading nor writing memory fails");
    attachment
}

/// Opens a secret of this home's with its owner's key.
///
/// # Errors
///
/// Says whether another key is needed, the deposit is no secret's, or it is damaged.
pub fn open(
    home: &Home,
    identities: &Identities,
    serial: Serial,
) -> Result<Secret, OpenSecretError> {
    let particulars = home
        .particulars(serial)?
        .ok_or(OpenSecretError::Unknown { serial })?;
    open_with(particulars.attachment(), serial, |header| {
        header.unwrap(&identities.as_unwraps())
    })
}

/// Opens a secret of an owner's with the key that was released to this home, if it was.
///
/// # Errors
///
/// Says so when the deposit is no secret's, or it is damaged.
pub fn released(
    home: &Home,
    owner: OwnerId,
    serial: Serial,
) -> Result<Option<Secret>, OpenSecretError> {
    // Serials are unique among one owner's deposits only, and anybody may deposit under any.
    let released = ReleasedKeys::of(home).key(serial)?;
    let Some(released) = released.filter(|released| released.label.owner == owner) else {
        return Ok(None);
    };
    let (attachment, key) = attached(released);
    let key = key.ok_or(OpenSecretError::NotASecret { serial })?;
    Ok(Some(open_under(key, &attachment, serial)?))
}

/// Describes the secret that rides along with a key that was just released, if there is one and the key opens it.
pub(crate) fn matched(sealed: &SealedKey, opened: OpenedKey) -> Option<Matched> {
    let attachment = sealed.particulars.attachment();
    if attachment.is_empty() {
        return None;
    }
    let serial = sealed.label.serial;
    let key = opened.into_key().into_key();
    let key = FileKey::from_bytes(key.expose().try_into().ok()?);
    open_under(key, attachment, serial).ok()?;
    let header = Header::read(&mut Cursor::new(attachment)).ok()?;
    Some(Matched::new(&header, serial, None))
}

/// Returns what rides along with a released key, and the key, if it is an age file's.
fn attached(released: ReleasedKey) -> (Vec<u8>, Option<FileKey>) {
    let attachment = released.particulars.attachment().to_vec();
    let key = released.key.into_key();
    let key = key.expose().try_into().ok().map(FileKey::from_bytes);
    (attachment, key)
}

/// Opens a secret with the key that was deposited, and with no other.
fn open_under(key: FileKey, attachment: &[u8], serial: Serial) -> Result<Secret, OpenSecretError> {
    open_with(attachment, serial, |header| {
        if header.is_authentic(&key) {
            Ok(key)
        } else {
            Err(UnwrapError::Altered)
        }
    })
}

fn open_with(
    attachment: &[u8],
    serial: Serial,
    unwrap: impl FnOnce(&Header) -> Result<FileKey, UnwrapError>,
) -> Result<Secret, OpenSecretError> {
    if attachment.is_empty() {
        return Err(OpenSecretError::NotASecret { serial });
    }
    let mut file = Cursor::new(attachment);
    let header = Header::read(&mut file)?;
    let key = unwrap(&header)?;
    // Written where nothing is left behind: a vector that grows leaves its beginnings.
    let mut secret = Zeroizing::new(Vec::with_capacity(Particulars::ATTACHMENT_BYTES_MAX));
    payload::open(&key, file, &mut *secret, NonZeroUsize::MIN, &mut |_| {})?;
    Ok(Secret::new(secret)?)
}

/// Takes the name of a secret as it is typed, in an option or in a list: without white space around it, and its accents in the
/// one form, so that a name is found however it is typed.
///
/// # Errors
///
/// In a list of names it would be read as a remark.
pub fn parse_name(text: &str) -> Result<String, NoName> {
    let name = strongroom_text::trim(text);
    match name.starts_with('#') {
        true => Err(NoName),
        false => Ok(composed(name)),
    }
}

/// A name that no list could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name that begins with `#` is a remark in a list of names")]
pub struct NoName;

/// A secret of no length, or of too great a one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongLength {
    /// There is nothing.
    #[error("the secret is empty")]
    Empty,
    /// It is longer than a secret is.
    #[error("the secret is longer than {} bytes", Secret::BYTES_MAX)]
    Long,
}

/// Why secrets were not deposited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DepositSecretsError {
    /// A session key was not deposited.
    #[error(transparent)]
    Deposit(#[from] DepositError),
    /// The home can't be read.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Two of them go by one name.
    #[error("two secrets go by the name `{name}`")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// There is no room for a secret beside what is said of it.
    #[error(transparent)]
    Particulars(#[from] ParticularsError),
}

/// Why a secret can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenSecretError {
    /// It is no age file, or its header is damaged.
    #[error("the secret is damaged")]
    Header(#[from] ReadHeaderError),
    /// The home can't be read.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// What it opens to is no secret.
    #[error(transparent)]
    Length(#[from] WrongLength),
    /// The deposit is of a file's key.
    #[error("the deposit of serial {serial} is of a file's key: no secret rides along with it")]
    NotASecret {
        /// The deposit.
        serial: Serial,
    },
    /// Its payload is damaged.
    #[error("the secret is damaged")]
    Payload(#[from] OpenError),
    /// A released key can't be read.
    #[error(transparent)]
    Released(#[from] ReleasedError),
    /// This home knows no such deposit.
    #[error("this home knows no deposit of serial {serial}")]
    Unknown {
        /// The deposit.
        serial: Serial,
    },
    /// No key at hand opens it.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
}

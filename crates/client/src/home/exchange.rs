//! The owner's exchange key: the RSA key pair that CryptoAPI's session keys are wrapped to
//! (spec/capi-owner.md#the-exchange-key). Sealed to the identity where that is sealed itself.

use std::fs;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::payload::{self, OpenError};
use strongroom_agefile::{FileKey, Header, Recipient, UnwrapError};
use strongroom_capi::key::KeyError;
use strongroom_capi::private_key::NotGenerated;
use strongroom_capi::{Key, KeySpec, PrivateKey, PublicKey};
use strongroom_files::{self as files, WriteError};
use zeroize::Zeroizing;

use super::{AskPassphrase, Home, Identities, KeysError};
use crate::decrypt::SealedFile;

/// An exchange key that a recovery goes on with.
pub struct EnsuredExchangeKey {
    /// The key.
    pub key: PrivateKey,
    /// Whether it was made just now.
    pub made: bool,
    /// Where the one went that the lost identity took along.
    pub moved: Option<PathBuf>,
}

impl Home {
    /// The length in bits of an exchange key, where nobody says otherwise.
    pub const EXCHANGE_BITS: usize = 2048;

    /// Returns the exchange key's public half, or makes a key where there never was one, and tells whether it did.
    ///
    /// # Errors
    ///
    /// Says so when there was one and it is lost, or why it can't be read or made.
    pub fn ensure_exchange_key(
        &mut self,
        bits: usize,
        ask: &mut AskPassphrase<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(PublicKey, bool), ExchangeKeyError> {
        let public = read_public(&self.root.join(PUBLIC))?;
        let sealed = self.root.join(SEALED).exists();
        match public {
            // Its own file says which key it is as well as the private half does, and asks for no passphrase.
            Some(public) if sealed => Ok((public, false)),
            None if !sealed && !self.root.join(PLAIN).exists() => {
                let key = self.make_exchange_key(bits, ask, rng)?;
                Ok((key.public().clone(), true))
            }
            known => {
                let key = read_exchange_key(&self.root, ask)?;
                let public = key.public().clone();
                if known.is_none_or(|known| known.to_blob() != public.to_blob()) {
                    files::replace(&self.root.join(PUBLIC), &public.to_blob(), rng)?;
                }
                Ok((public, false))
            }
        }
    }

    /// Returns the length in bits of the exchange key that is there, or was.
    ///
    /// # Errors
    ///
    /// Says why that can't be read.
    pub fn exchange_bits(&self) -> Result<Option<usize>, ExchangeKeyError> {
        let public = read_public(&self.root.join(PUBLIC))?;
        Ok(public.map(|public| public.bits()))
    }

    /// Returns the exchange key, or makes a new one where it is lost: not there, or sealed to an identity that is lost.
    ///
    /// # Errors
    ///
    /// Says why it can't be read or made. One that opens, or can't be read for another reason, stays.
    pub fn recover_exchange_key(
        &mut self,
        bits: usize,
        ask: &mut AskPassphrase<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<EnsuredExchangeKey, ExchangeKeyError> {
        let moved = match read_exchange_key(&self.root, ask) {
            Ok(key) => {
                return Ok(EnsuredExchangeKey {
                    key,
                    made: false,
                    moved: None,
                });
            }
            Err(ExchangeKeyError::Missing { .. }) => None,
            Err(ExchangeKeyError::Unwrap {
                source: UnwrapError::NoMatch,
                ..
            }) => Some(self.move_lost_key_aside()?),
            Err(error) => return Err(error),
        };
        Ok(EnsuredExchangeKey {
            key: self.make_exchange_key(bits, ask, rng)?,
            made: true,
            moved,
        })
    }

    /// Makes an exchange key: never over another. What a crash leaves is in spec/capi-owner.md#the-exchange-key.
    fn make_exchange_key(
        &mut self,
        bits: usize,
        ask: &mut AskPassphrase<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<PrivateKey, ExchangeKeyError> {
        let recipient = match self.is_identity_sealed()? {
            true => Some(self.recipient(ask)?),
            false => None,
        };
        let key = PrivateKey::generate(bits, KeySpec::Exchange, rng)?;
        let blob = key.to_blob().expect("a key that is made has equal primes");
        let public = self.root.join(PUBLIC);
        match fs::remove_file(&public) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(ExchangeKeyError::Read {
                    path: public,
                    source,
                });
            }
            _ => {}
        }
        match recipient {
            Some(recipient) => {
                let sealed = seal(&blob, &recipient, rng);
                files::write_new(&self.root.join(SEALED), &sealed, rng)?;
            }
            None => files::write_new(&self.root.join(PLAIN), &blob, rng)?,
        }
        files::replace(&public, &key.public().to_blob(), rng)?;
        Ok(key)
    }

    /// Lets a sealed key that nothing opens out of the way, under a name that is free. The home's lock is held.
    fn move_lost_key_aside(&self) -> Result<PathBuf, ExchangeKeyError> {
        let path = self.root.join(SEALED);
        let mut names = (1_u32..).map(|number| format!("exchange.lost-{number}.priv.age"));
        let free = names.find(|name| !self.root.join(name).exists());
        let aside = self.root.join(free.unwrap_or_default());
        fs::rename(&path, &aside).map_err(|source| ExchangeKeyError::Read { path, source })?;
        Ok(aside)
    }
}

/// Reads the exchange key of the home in the folder `root`, without its lock: what decrypts waits for nobody.
///
/// # Errors
///
/// Tells a missing key from one that can't be read, and from one that is sealed to an identity that is lost.
pub fn read_exchange_key(
    root: &Path,
    ask: &mut AskPassphrase<'_>,
) -> Result<PrivateKey, ExchangeKeyError> {
    let path = root.join(SEALED);
    if let Some(sealed) = read(&path)? {
        let identities = Identities::read(&root.join(super::IDENTITY), ask)?;
        return parse(&path, &open(&path, &sealed, &identities)?);
    }
    let path = root.join(PLAIN);
    match read(&path)? {
        Some(bytes) => parse(&path, &bytes),
        None => Err(ExchangeKeyError::Missing { path }),
    }
}

/// Reads an RSA key pair from a file, a PRIVATEKEYBLOB or PEM. One for signatures is taken for what it is used for.
///
/// # Errors
///
/// Says why there is none.
pub fn read_private_key(path: &Path) -> Result<PrivateKey, ExchangeKeyError> {
    match read(path)? {
        Some(bytes) => parse(path, &bytes),
        None => Err(ExchangeKeyError::Read {
            path: path.to_path_buf(),
            source: io::ErrorKind::NotFound.into(),
        }),
    }
}

/// Reads an RSA public key from a file, a PUBLICKEYBLOB or PEM. Of a key pair, the public half is taken.
///
/// # Errors
///
/// Says why there is none.
pub fn read_public_key(path: &Path) -> Result<PublicKey, ExchangeKeyError> {
    read_public(path)?.ok_or_else(|| ExchangeKeyError::Read {
        path: path.to_path_buf(),
        source: io::ErrorKind::NotFound.into(),
    })
}

pub(super) const PLAIN: &str = "exchange.priv";
pub(super) const SEALED: &str = "exchange.priv.age";
pub(super) const PUBLIC: &str = "exchange.pub";

fn parse(path: &Path, bytes: &[u8]) -> Result<PrivateKey, ExchangeKeyError> {
    match Key::read(bytes) {
        Ok(Key::Private(key)) => Ok(key),
        Ok(Key::Public(_)) => Err(ExchangeKeyError::Public {
            path: path.to_path_buf(),
        }),
        Err(source) => Err(ExchangeKeyError::Key {
            path: path.to_path_buf(),
            source,
        }),
    }
}

fn read_public(path: &Path) -> Result<Option<PublicKey>, ExchangeKeyError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    let key = Key::read(&bytes).map_err(|source| ExchangeKeyError::Key {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(Some(key.public().clone()))
}

/// Reads a small file; none when there is none.
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, ExchangeKeyError> {
    let failed = |source| ExchangeKeyError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = match files::open_input(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Room first: what grows leaves its beginnings behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX));
    file.take(FILE_BYTES_MAX as u64)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(Some(bytes))
}

/// More than a key of 16,384 bits takes, as text and sealed.
const FILE_BYTES_MAX: usize = 64 << 10;

fn seal(blob: &[u8], recipient: &Recipient, rng: &mut impl CryptoRng) -> Vec<u8> {
    let key = FileKey::generate(rng);
    let stanza = recipient.wrap(&key, rng);
    let header = Header::seal(vec![stanza], &key).expect("one stanza of ours makes a header");
    let mut sealed = header.as_bytes().to_vec();
    let mut nonce = [0; payload::NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    payload::seal(
        &key,
        nonce,
        blob,
        &mut sealed,
        NonZeroUsize::MIN,
        &mut |_| {},
    )
    .expect("neither reading nor writing memory fails");
    sealed
}

fn open(
    path: &Path,
    sealed: &[u8],
    identities: &Identities,
) -> Result<Zeroizing<Vec<u8>>, ExchangeKeyError> {
    let path = || path.to_path_buf();
    let sealed = SealedFile::read(sealed).map_err(|source| ExchangeKeyError::Header {
        path: path(),
        source,
    })?;
    let unlocked =
        sealed
            .unlock(&identities.as_unwraps())
            .map_err(|source| ExchangeKeyError::Unwrap {
                path: path(),
                source,
            })?;
    let mut blob = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX));
    unlocked
        .decrypt(&mut *blob, NonZeroUsize::MIN, &mut |_| {})
        .map_err(|source| ExchangeKeyError::Damaged {
            path: path(),
            source,
        })?;
    Ok(blob)
}

/// Why an RSA key can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeKeyError {
    /// The sealed key is damaged.
    #[error("the exchange key `{path}` is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        source: OpenError,
    },
    /// What should be the sealed key is no age file.
    #[error("the exchange key `{path}` is damaged")]
    Header {
        /// The file.
        path: PathBuf,
        /// In which way.
        source: ReadHeaderError,
    },
    /// It is no RSA key.
    #[error("`{path}` is no RSA key")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: KeyError,
    },
    /// A key of the home can't be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It is not there.
    #[error("the exchange key `{path}` is missing")]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// No key of that length is made.
    #[error(transparent)]
    NotGenerated(#[from] NotGenerated),
    /// It is a public key, which opens nothing.
    #[error("`{path}` is a public key, which opens nothing")]
    Public {
        /// The file.
        path: PathBuf,
    },
    /// A file can't be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The sealed key does not open with the home's identity.
    #[error("the home's identity does not open the exchange key `{path}`")]
    Unwrap {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: UnwrapError,
    },
    /// The key can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

//! The owner's keys in the home: `identity.txt`, in age's own format, and `device.key`, which signs.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use rusqlite::OptionalExtension;
use strongroom_agefile::identity_file::{
    self, IdentityFile, IdentityList, OpenIdentitiesError, ReadIdentitiesError,
    SealIdentitiesError, UnusableIdentity,
};
use strongroom_agefile::{
    Identity, KeyType, Passphrase, PassphraseIdentity, Recipient, Unwrap, UnwrapError, WorkFactor,
};
use strongroom_files::{self as files, WriteError};
use strongroom_protocol::id::{Digest, Time};
use strongroom_protocol::keys::SigningKey;
use zeroize::Zeroizing;

use super::{DEVICE_KEY, DeviceId, Home, HomeError};
use crate::signing_key_text;

/// Identities from a file, the one in use first.
pub struct Identities {
    path: PathBuf,
    list: IdentityList,
}

/// Asks for the passphrase of a sealed file, and says how much work it may take.
pub type AskPassphrase<'a> = dyn FnMut(&Path) -> io::Result<PassphraseIdentity> + 'a;

impl Identities {
    /// Reads an identity file in age's format, sealed or not.
    ///
    /// # Errors
    ///
    /// Tells a missing file from one that can't be read, and from a wrong passphrase.
    pub fn read(path: &Path, ask: &mut AskPassphrase<'_>) -> Result<Self, KeysError> {
        let path_buf = || path.to_path_buf();
        let file = files::open_input(path).map_err(|source| {
            let path = path_buf();
            if source.kind() == io::ErrorKind::NotFound {
                KeysError::IdentityMissing { path }
            } else {
                KeysError::Read { path, source }
            }
        })?;
        let file = IdentityFile::read(file).map_err(|source| KeysError::Identity {
            path: path_buf(),
            source,
        })?;
        let list = match file {
            IdentityFile::Plain(list) => list,
            IdentityFile::Sealed(sealed) => {
                let passphrase = ask(path).map_err(|source| KeysError::Passphrase { source })?;
                sealed.open(&passphrase).map_err(|source| {
                    let path = path_buf();
                    if let OpenIdentitiesError::Unwrap(UnwrapError::NoMatch) = source {
                        KeysError::WrongPassphrase { path }
                    } else {
                        KeysError::Sealed { path, source }
                    }
                })?
            }
        };
        let path = path_buf();
        Ok(Self { path, list })
    }

    /// No identity: what opens with none.
    #[must_use]
    pub fn none() -> Self {
        Self {
            path: PathBuf::new(),
            list: IdentityList {
                identities: Vec::new(),
                unusable: Vec::new(),
            },
        }
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.identities.is_empty()
    }

    /// Returns the file that they were read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the lines of the file that can't be used, and hinder no other.
    #[must_use]
    pub fn unusable(&self) -> &[UnusableIdentity] {
        &self.list.unusable
    }

    /// Returns the recipient of the identity in use.
    ///
    /// # Errors
    ///
    /// The first line is one that can't be used: what is encrypted now would be for an older key.
    pub fn recipient(&self) -> Result<Recipient, KeysError> {
        self.check_usable(|unusable| unusable.place == 0)?;
        let first = self.list.identities.first().ok_or(KeysError::NoIdentity)?;
        Ok(first.recipient())
    }

    /// Returns the recipients of all of them.
    ///
    /// # Errors
    ///
    /// One can't be used: whoever has it could not open what is encrypted for all.
    pub fn recipients(&self) -> Result<Vec<Recipient>, KeysError> {
        self.check_usable(|_| true)?;
        Ok(self
            .list
            .identities
            .iter()
            .map(Identity::recipient)
            .collect())
    }

    fn check_usable(&self, is_needed: impl Fn(&UnusableIdentity) -> bool) -> Result<(), KeysError> {
        match self.unusable().iter().find(|unusable| is_needed(unusable)) {
            None => Ok(()),
            Some(unusable) => Err(KeysError::Unusable {
                path: self.path.clone(),
                source: *unusable,
            }),
        }
    }

    /// Returns them as what opens stanzas.
    #[must_use]
    pub fn as_unwraps(&self) -> Vec<&dyn Unwrap> {
        let identities = self.list.identities.iter();
        identities.map(|identity| identity as &dyn Unwrap).collect()
    }
}

impl Home {
    /// Reads `identity.txt`.
    ///
    /// # Errors
    ///
    /// Tells a missing one from one that can't be read.
    pub fn identities(&self, ask: &mut AskPassphrase<'_>) -> Result<Identities, KeysError> {
        Identities::read(&self.identity_path(), ask)
    }

    /// Tells whether `identity.txt` is there.
    ///
    /// # Errors
    ///
    /// Says why that can't be told.
    pub fn has_identity(&self) -> Result<bool, KeysError> {
        let path = self.identity_path();
        path.try_exists()
            .map_err(|source| KeysError::Read { path, source })
    }

    /// Makes `identity.txt` with a new identity, or leaves the one that is there.
    ///
    /// # Errors
    ///
    /// Says why it can't be made. One that is there is never replaced.
    pub fn ensure_identity(
        &mut self,
        key_type: KeyType,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<(), KeysError> {
        if self.has_identity()? {
            return Ok(());
        }
        let identity = Identity::generate(key_type, rng);
        let text = identity_file::identity_text(&identity, &now.to_string());
        files::write_new(&self.identity_path(), text.as_bytes(), rng)?;
        let digest = Digest::of(&[text.as_bytes()]);
        Ok(self.record_recipient(digest, &identity.recipient(), false)?)
    }

    /// Makes `identity.txt` with a new identity, sealed with a passphrase, or leaves the one that is there.
    ///
    /// # Errors
    ///
    /// Says why it can't be made. One that is there is never replaced.
    pub fn ensure_sealed_identity(
        &mut self,
        key_type: KeyType,
        now: Time,
        passphrase: &Passphrase,
        rng: &mut impl CryptoRng,
    ) -> Result<(), KeysError> {
        if self.has_identity()? {
            return Ok(());
        }
        let identity = Identity::generate(key_type, rng);
        let text = identity_file::identity_text(&identity, &now.to_string());
        let sealed = identity_file::seal_identities(&text, passphrase, WorkFactor::DEFAULT, rng)?;
        files::write_new(&self.identity_path(), sealed.as_bytes(), rng)?;
        let digest = Digest::of(&[sealed.as_bytes()]);
        Ok(self.record_recipient(digest, &identity.recipient(), true)?)
    }

    /// Tells whether `identity.txt` is sealed.
    ///
    /// # Errors
    ///
    /// Tells a missing one from one that can't be read.
    pub fn is_identity_sealed(&self) -> Result<bool, KeysError> {
        self.is_sealed(&self.identity_bytes()?)
    }

    /// Returns the public key of the identity in use. It is remembered, so that of a sealed one the passphrase is asked for
    /// at most once, and of one that is lost the kind is known.
    ///
    /// # Errors
    ///
    /// Tells a missing identity from one that can't be read.
    pub fn recipient(&mut self, ask: &mut AskPassphrase<'_>) -> Result<Recipient, KeysError> {
        // What it is known by is its bytes: they are not read as keys for nothing, which takes expanding them.
        let bytes = self.identity_bytes()?;
        let digest = Digest::of(&[bytes.as_slice()]);
        if let Some(known) = self.known_recipient(digest)? {
            return Ok(known);
        }
        let recipient = self.identities(ask)?.recipient()?;
        let is_sealed = self.is_sealed(&bytes)?;
        self.record_recipient(digest, &recipient, is_sealed)?;
        Ok(recipient)
    }

    fn is_sealed(&self, bytes: &[u8]) -> Result<bool, KeysError> {
        let file = IdentityFile::read(bytes).map_err(|source| KeysError::Identity {
            path: self.identity_path(),
            source,
        })?;
        Ok(matches!(file, IdentityFile::Sealed(_)))
    }

    /// Reads `identity.txt`.
    fn identity_bytes(&self) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let path = self.identity_path();
        // Sealed, it may be no text.
        let bytes = files::open(&path).and_then(|mut file| {
            // Room first: what grows leaves its beginnings behind.
            let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
            let mut bytes = Zeroizing::new(Vec::new());
            bytes.try_reserve_exact(length.saturating_add(1))?;
            file.read_to_end(&mut bytes).map(|_| bytes)
        });
        bytes.map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                KeysError::IdentityMissing { path }
            } else {
                KeysError::Read { path, source }
            }
        })
    }

    /// Returns the kind of the key that was in use last, where the home remembers it.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn known_key_type(&self) -> Result<Option<KeyType>, HomeError> {
        let sql = "SELECT recipient FROM recipient";
        let text: Option<String> = self
            .database
            .query_row(sql, (), |row| row.get(0))
            .optional()?;
        Ok(text
            .map(parse_recipient)
            .transpose()?
            .map(|known| match known.is_post_quantum() {
                true => KeyType::Hybrid,
                false => KeyType::X25519,
            }))
    }

    /// Tells whether the key that was in use last is known to have been sealed with a passphrase.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn was_identity_sealed(&self) -> Result<bool, HomeError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM recipient WHERE sealed)";
        Ok(self.database.query_row(sql, (), |row| row.get(0))?)
    }

    fn known_recipient(&self, file: Digest) -> Result<Option<Recipient>, HomeError> {
        let text: Option<String> = self
            .database
            .query_row(
                "SELECT recipient FROM recipient WHERE file = ?1",
                (file.as_bytes(),),
                |row| row.get(0),
            )
            .optional()?;
        text.map(parse_recipient).transpose()
    }

    fn record_recipient(
        &mut self,
        file: Digest,
        recipient: &Recipient,
        is_sealed: bool,
    ) -> Result<(), HomeError> {
        self.database.execute(
            "INSERT OR REPLACE INTO recipient (one, file, recipient, sealed) VALUES (1, ?1, ?2, ?3)",
            (file.as_bytes(), recipient.to_string(), is_sealed),
        )?;
        Ok(())
    }

    /// Reads `device.key`, or makes a new one where it is missing.
    ///
    /// # Errors
    ///
    /// Says why it can't be read or made.
    pub fn ensure_device_key(&self, rng: &mut impl CryptoRng) -> Result<SigningKey, KeysError> {
        let path = self.root().join(DEVICE_KEY);
        if let Some(text) = read_secret(&path)? {
            return parse_device_key(&text).ok_or(KeysError::Device { path });
        }
        let key = SigningKey::generate(rng);
        self.keep_device_key(&key, rng)?;
        Ok(key)
    }

    /// Makes `device.key`, which is not there yet.
    pub(crate) fn keep_device_key(
        &self,
        key: &SigningKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(), KeysError> {
        let path = self.root().join(DEVICE_KEY);
        Ok(files::write_new(
            &path,
            device_key_text(key).as_bytes(),
            rng,
        )?)
    }

    /// Puts `device.key` aside, as that of a device which was revoked, and makes a new one. Returns where the old one is.
    ///
    /// A crash between the two leaves none, and the next command that needs one makes it.
    ///
    /// # Errors
    ///
    /// Says why it can't be put aside or made.
    pub fn renew_device_key(&mut self, rng: &mut impl CryptoRng) -> Result<PathBuf, KeysError> {
        let path = self.root().join(DEVICE_KEY);
        let mut aside = self.root().join(format!("{DEVICE_KEY}.revoked"));
        let mut number = 1_u64;
        while aside.exists() {
            number += 1;
            aside = self.root().join(format!("{DEVICE_KEY}.revoked-{number}"));
        }
        // Its owner needs not be told of what was this machine's own.
        let old = DeviceId::from(&self.device_key()?.verifying_key());
        self.record_told_of_device(old)?;
        std::fs::rename(&path, &aside).map_err(|source| KeysError::Read {
            path: path.clone(),
            source,
        })?;
        self.ensure_device_key(rng)?;
        Ok(aside)
    }

    /// Returns which device this home is; none where it has no key yet, or one that can't be read.
    #[must_use]
    pub fn device_id(&self) -> Option<DeviceId> {
        let key = self.device_key().ok()?;
        Some(DeviceId::from(&key.verifying_key()))
    }

    /// Reads `device.key`.
    ///
    /// # Errors
    ///
    /// Tells a missing one from one that can't be read.
    pub fn device_key(&self) -> Result<SigningKey, KeysError> {
        let path = self.root().join(DEVICE_KEY);
        let Some(text) = read_secret(&path)? else {
            return Err(KeysError::DeviceMissing { path });
        };
        parse_device_key(&text).ok_or(KeysError::Device { path })
    }
}

fn parse_recipient(text: String) -> Result<Recipient, HomeError> {
    let parsed = text.parse();
    parsed.map_err(|_| HomeError::Damaged { what: "public key" })
}

const DEVICE_KEY_COMMENT: &str = "# The key with which this device signs its deposits. It opens nothing; keep it all the same.\n";
const DEVICE_KEY_PREFIX: &str = "STRONGROOM-DEVICE-KEY-1 ";

fn device_key_text(key: &SigningKey) -> Zeroizing<String> {
    signing_key_text::write(DEVICE_KEY_COMMENT, DEVICE_KEY_PREFIX, key)
}

fn parse_device_key(text: &str) -> Option<SigningKey> {
    signing_key_text::parse(DEVICE_KEY_PREFIX, text)
}

/// Reads a small secret file; `None` when there is none.
pub(crate) fn read_secret(path: &Path) -> Result<Option<Zeroizing<String>>, KeysError> {
    const BYTES_MAX: u64 = 1 << 20;
    let failed = |source| KeysError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = match files::open_input(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let text = strongroom_text::decode(&bytes)
        .map_err(|not_text| failed(io::Error::new(io::ErrorKind::InvalidData, not_text)))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// Why a key can't be had from the home.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// `device.key` is not what we write.
    #[error("`{path}` is not a device key")]
    Device {
        /// The file.
        path: PathBuf,
    },
    /// `device.key` is not there.
    #[error("the device key `{path}` is missing")]
    DeviceMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// `identity.txt` is no identity file.
    #[error("cannot read the identity file `{path}`")]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadIdentitiesError,
    },
    /// `identity.txt` is not there.
    #[error("the identity file `{path}` is missing")]
    IdentityMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// `identity.txt` holds no identity.
    #[error("the identity file holds no identity")]
    NoIdentity,
    /// No passphrase was given.
    #[error("no passphrase")]
    Passphrase {
        /// Why.
        source: io::Error,
    },
    /// A file can't be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A new identity can't be sealed.
    #[error("cannot seal the identity")]
    Seal(#[from] SealIdentitiesError),
    /// A sealed identity file does not open.
    #[error("cannot open the identity file `{path}`")]
    Sealed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OpenIdentitiesError,
    },
    /// A line of an identity file can't be used, and it is one that counts.
    #[error("cannot use the identity file `{path}`")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: UnusableIdentity,
    },
    /// A file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Another passphrase opens a sealed identity file.
    #[error("the passphrase does not open the identity file `{path}`")]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
}

//! The scrypt recipient and identity of age: a passphrase, alone in its header (spec/age.md#scrypt).

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::encoding::{base64_array, base64_encode};
use crate::file_key::FileKey;
use crate::stanza::Stanza;
use crate::unwrap::{Unwrap, UnwrapStanzaError};

/// The tag of a passphrase's stanza, which no other may stand beside.
pub(crate) const SCRYPT: &str = "scrypt";

const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
const SALT_BYTES: usize = 16;

/// A passphrase.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase as it was typed.
    ///
    /// # Errors
    ///
    /// Says so when it is empty.
    pub fn new(text: Zeroizing<String>) -> Result<Self, EmptyPassphrase> {
        if text.is_empty() {
            return Err(EmptyPassphrase);
        }
        Ok(Self(text))
    }

    /// Wraps `file_key`. The stanza stands alone in its header.
    ///
    /// # Errors
    ///
    /// Says so when there is not the memory for it.
    pub fn wrap(
        &self,
        file_key: &FileKey,
        work_factor: WorkFactor,
        rng: &mut impl CryptoRng,
    ) -> Result<Stanza, NoMemory> {
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let body = file_key.seal(&*self.wrap_key(&salt, work_factor)?);
        let args = [base64_encode(&salt), work_factor.log_n().to_string()];
        Ok(Stanza::wrapping(SCRYPT, args, body))
    }

    fn wrap_key(
        &self,
        salt: &[u8; SALT_BYTES],
        work_factor: WorkFactor,
    ) -> Result<Zeroizing<[u8; 32]>, NoMemory> {
        work_factor.ask_for_memory()?;
        let salt = [SALT_LABEL, salt].concat();
        let params = scrypt::Params::new(work_factor.log_n(), 8, 1)
            .expect("a work factor is within what scrypt takes");
        let mut key = Zeroizing::new([0; 32]);
        scrypt::scrypt(self.0.as_bytes(), &salt, &params, key.as_mut())
            .expect("scrypt gives 32 bytes");
        Ok(key)
    }
}

/// A passphrase that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase is empty")]
pub struct EmptyPassphrase;

/// How much work a guess of the passphrase costs: the base-two logarithm of scrypt's N. It takes 2^N KiB of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// What age takes: about a second, 256 MiB.
    pub const DEFAULT: Self = Self(18);

    /// The most that is done unless the reader allows more: four times what age writes, some seconds and 1 GiB, which a
    /// small machine has. Age itself reads up to 22, 4 GiB: more than whoever wrote a file should make others spend.
    pub const READ_MAX: Self = Self(20);

    /// Takes a base-two logarithm from 1 to 30; `None` for another.
    #[must_use]
    pub const fn from_log_n(log_n: u8) -> Option<Self> {
        match log_n {
            1..=30 => Some(Self(log_n)),
            _ => None,
        }
    }

    /// Returns the base-two logarithm.
    #[must_use]
    pub const fn log_n(self) -> u8 {
        self.0
    }

    /// Returns how much memory it takes, in MiB, of which a part counts as one.
    #[must_use]
    pub const fn mebibytes(self) -> u32 {
        (1_u32 << self.0).div_ceil(1024)
    }

    /// Asks for the memory, and gives it back: scrypt takes it for itself, and where it gets none the process ends.
    fn ask_for_memory(self) -> Result<(), NoMemory> {
        const BLOCK_BYTES: usize = 128 * 8;
        // Beside N blocks there are two more, and what the allocator adds.
        const MORE_BYTES: usize = 1 << 16;
        let bytes = 1_usize
            .checked_shl(self.0.into())
            .and_then(|blocks| blocks.checked_mul(BLOCK_BYTES))
            .and_then(|bytes| bytes.checked_add(MORE_BYTES));
        let asked = bytes.map(|bytes| {
            let mut memory = Vec::<u8>::new();
            let reserved = memory.try_reserve_exact(bytes);
            // What nobody looks at the compiler would not ask for.
            std::hint::black_box(&memory);
            reserved
        });
        match asked {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(NoMemory {
                mebibytes: self.mebibytes(),
            }),
        }
    }
}

impl Default for WorkFactor {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// There is not the memory that a passphrase takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase takes {mebibytes} MiB of memory, which is not to be had")]
pub struct NoMemory {
    /// How much it takes, in MiB.
    pub mebibytes: u32,
}

/// A passphrase that opens stanzas, up to a work factor: whoever wrote the file says how much work it takes.
pub struct PassphraseIdentity {
    passphrases: Vec<Passphrase>,
    work_factor_max: WorkFactor,
}

impl PassphraseIdentity {
    /// Opens with `passphrase`, up to [`WorkFactor::READ_MAX`].
    #[must_use]
    pub fn new(passphrase: Passphrase) -> Self {
        Self {
            passphrases: vec![passphrase],
            work_factor_max: WorkFactor::READ_MAX,
        }
    }

    /// Opens also with another one: the same, as another keyboard types it. Each is tried in turn, and costs the work anew.
    #[must_use]
    pub fn or(mut self, passphrase: Passphrase) -> Self {
        self.passphrases.push(passphrase);
        self
    }

    /// Opens up to another work factor.
    #[must_use]
    pub fn with_work_factor_max(mut self, work_factor_max: WorkFactor) -> Self {
        self.work_factor_max = work_factor_max;
        self
    }

    /// Unwraps the file key from `stanza`, or says `None` when it is not wrapped with this passphrase.
    ///
    /// # Errors
    ///
    /// Says so when the stanza is a passphrase's, but malformed, of too high a work factor, or of one that takes more memory
    /// than there is.
    pub fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, UnwrapStanzaError> {
        if stanza.tag() != SCRYPT {
            return Ok(None);
        }
        let [salt, log_n] = stanza.args() else {
            return Err(UnwrapStanzaError::Arguments);
        };
        let salt = base64_array(salt).ok_or(UnwrapStanzaError::Arguments)?;
        let log_n = parse_log_n(log_n).ok_or(UnwrapStanzaError::Arguments)?;
        let body = stanza
            .body()
            .try_into()
            .map_err(|_| UnwrapStanzaError::BodyLength)?;
        // Before the work is done.
        let work_factor = WorkFactor::from_log_n(log_n)
            .filter(|work_factor| *work_factor <= self.work_factor_max)
            .ok_or(UnwrapStanzaError::WorkFactor {
                log_n,
                log_n_max: self.work_factor_max.log_n(),
            })?;
        for passphrase in &self.passphrases {
            let wrap_key = passphrase.wrap_key(&salt, work_factor)?;
            if let Some(file_key) = FileKey::open(&wrap_key, body) {
                return Ok(Some(file_key));
            }
        }
        Ok(None)
    }
}

impl Unwrap for PassphraseIdentity {
    fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, UnwrapStanzaError> {
        self.unwrap(stanza)
    }
}

/// Digits without a sign or a leading zero, which `parse` alone would take.
fn parse_log_n(text: &str) -> Option<u8> {
    let canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    canonical.then(|| text.parse().ok()).flatten()
}

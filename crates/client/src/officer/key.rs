//! An officer's key file, which opens nothing and speaks for one person.

use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_files::{WriteError, write_new};
use strongroom_protocol::keys::SigningKey;

use crate::home::{KeysError, read_secret};
use crate::signing_key_text;

/// An officer's key.
pub struct OfficerKey(SigningKey);

impl OfficerKey {
    /// Generates a key.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(SigningKey::generate(rng))
    }

    /// Reads a key file.
    ///
    /// # Errors
    ///
    /// Tells a missing file from one that is no officer's key.
    pub fn read(path: &Path) -> Result<Self, OfficerKeyError> {
        let path_buf = || path.to_path_buf();
        let text =
            read_secret(path)?.ok_or_else(|| OfficerKeyError::Missing { path: path_buf() })?;
        let key = signing_key_text::parse(PREFIX, &text);
        key.map(Self)
            .ok_or_else(|| OfficerKeyError::Malformed { path: path_buf() })
    }

    /// Writes the key file, which must not exist, for its officer alone to read.
    ///
    /// # Errors
    ///
    /// Says why it was not written.
    pub fn write(
        &self,
        path: &Path,
        name: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<(), WriteError> {
        // A name is somebody's text; in a comment it stays on its line.
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let comment = format!(
            "{COMMENT}# Officer: {name}\n# Key: {}\n",
            self.0.verifying_key()
        );
        let text = signing_key_text::write(&comment, PREFIX, &self.0);
        write_new(path, text.as_bytes(), rng)
    }

    /// Returns the key.
    #[must_use]
    pub fn signing_key(&self) -> &SigningKey {
        &self.0
    }
}

const COMMENT: &str = "\
# The key with which an officer of a Strongroom authority approves and denies. Whoever has it speaks for that officer.\n";
const PREFIX: &str = "STRONGROOM-OFFICER-KEY-1 ";

/// Why there is no officer's key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfficerKeyError {
    /// The file holds something else.
    #[error("`{path}` is no officer's key file")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no officer's key in `{path}`")]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file can't be read.
    #[error(transparent)]
    Read(#[from] KeysError),
}

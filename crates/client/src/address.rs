//! Where an authority is: so far, a folder that this program opens itself. That it is the right one is never told by this,
//! but by the authority's id.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::file::same_disk;

/// Where an authority is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A folder on a disk that this machine sees.
    Folder(PathBuf),
}

impl Address {
    /// Reads an address, as it stands on a sheet or in an option.
    ///
    /// # Errors
    ///
    /// It is a URL, and not a folder.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        // Taken for a folder's name, it would be looked for, and even made, in the folder one happens to be in.
        if text.contains("://") {
            return Err(AddressError {
                text: text.to_owned(),
            });
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }

    /// Returns the same address, whatever folder one is in.
    ///
    /// # Errors
    ///
    /// The folder one is in can't be told.
    pub fn absolute(&self) -> std::io::Result<Self> {
        let Self::Folder(folder) = self;
        std::path::absolute(folder).map(Self::Folder)
    }

    /// Tells whether the authority lies on the disk that a path is on; yes, where that can't be told: the worse is said.
    #[must_use]
    pub fn is_on_disk_of(&self, path: &Path) -> bool {
        let Self::Folder(folder) = self;
        same_disk(path, folder).unwrap_or(true)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Folder(folder) = self;
        folder.display().fmt(f)
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// An address that this version can't go to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is the address of a service: this version reaches authorities in folders only")]
pub struct AddressError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_never_taken_for_a_folder() {
        for url in ["https://keys.example/", "http://[::1]:8443", "HTTPS://x"] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
        let folder = Address::parse("/mnt/other disk/authority").unwrap();
        assert_eq!(folder.to_string(), "/mnt/other disk/authority");
    }
}

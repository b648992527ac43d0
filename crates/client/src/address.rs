//! Where an authority is: so far, a folder that this program opens itself. That it is the right one is never told by this,
//! but by the authority's id.

use std::fmt;
use std::path::{Path, PathBuf};

use strongroom_protocol::text::is_plain;

use crate::file::{Disks, Distance};

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
            return Err(AddressError::Service {
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

    /// Checks that whoever reads this address on a recovery sheet, or types it from there, gets to the same place.
    ///
    /// # Errors
    ///
    /// The folder's path is not UTF-8, has characters that are not seen as themselves, line feeds among them, or white space
    /// at an end.
    pub fn check_written(&self) -> Result<(), AddressError> {
        let Self::Folder(folder) = self;
        let is_seen = |text: &str| text.chars().all(is_plain) && text.trim() == text;
        match folder.to_str().is_some_and(is_seen) {
            true => Ok(()),
            false => Err(AddressError::NotPlain {
                text: format!("{folder:?}"),
            }),
        }
    }

    /// Tells where the authority lies, seen from a path.
    #[must_use]
    pub fn distance(&self, disks: &Disks, path: &Path) -> Distance {
        let Self::Folder(folder) = self;
        disks.distance(folder, path).unwrap_or(Distance::CannotTell)
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

/// Why an address is none to use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Whoever reads it would go elsewhere.
    #[error("the path {text} can't be written on a recovery sheet so that it is read as the same")]
    NotPlain {
        /// The path, with what is not seen spelled out.
        text: String,
    },
    /// It is a service.
    #[error(
        "`{text}` is the address of a service: this version reaches authorities in folders only"
    )]
    Service {
        /// The address.
        text: String,
    },
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
        assert_eq!(folder.check_written(), Ok(()));
    }

    #[test]
    fn what_would_be_read_as_another_folder_is_not_written() {
        use std::os::unix::ffi::OsStrExt as _;

        let odd = [
            "/a\nOwner id: 1",
            "/a\r",
            "/a ",
            " /a",
            "/a\u{200b}",
            "/a\u{202e}b",
            "/a\u{2028}b",
        ];
        for path in odd {
            let folder = Address::Folder(PathBuf::from(path));
            let refused = folder.check_written().unwrap_err().to_string();
            assert!(refused.chars().all(is_plain), "{refused}");
        }
        let bytes = std::ffi::OsStr::from_bytes(b"/a\xff");
        assert!(
            Address::Folder(PathBuf::from(bytes))
                .check_written()
                .is_err()
        );
    }
}

//! The key file of an embedded authority: the seeds of its two keys, in clear, or that of the one which opens deposits
//! sealed under the recovery code.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use strongroom_files::{open_folder, readers, sync_folder};
use strongroom_protocol::Founding;
use strongroom_protocol::id::AuthorityId;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::wrap::{SealedSecretKey, SecretKey};
use zeroize::Zeroizing;

/// An authority's secret keys, with its name.
///
/// ```text
/// strongroom-authority-keys v1
/// # The secret keys of a Strongroom authority. Whoever reads this file can open every key deposited there.
/// authority 0505050505050505050505050505050505050505050505050505050505050505
/// log-key 0606060606060606060606060606060606060606060606060606060606060606
/// wrap-key 0707070707070707070707070707070707070707070707070707070707070707
/// ```
///
/// Sealed, the comment says so, and the last line is `sealed-wrap-key` with 80 bytes. With an RSA key, the first line
/// says `v2`, and a line `rsa-key` comes behind, sealed with the wrapping key (spec/simple-blob.md#custody).
pub(crate) struct KeyFile {
    pub(crate) authority: AuthorityId,
    pub(crate) log_key: SigningKey,
    pub(crate) wrap_key: WrapKey,
    /// Sealed with the wrapping key.
    pub(crate) rsa_key: Option<Vec<u8>>,
}

/// The key that opens deposits, as it lies in the file.
pub(crate) enum WrapKey {
    Open(SecretKey),
    Sealed(SealedSecretKey),
}

const FIRST_LINE: &str = "strongroom-authority-keys v1";
/// With an RSA key, which those who know the first version alone would not find.
const FIRST_LINE_RSA: &str = "strongroom-authority-keys v2";
const FIRST_WORD: &str = "strongroom-authority-keys ";
const COMMENT: &str = "# The secret keys of a Strongroom authority. \
    Whoever reads this file can open every key deposited there.";
const SEALED_COMMENT: &str = "# The secret keys of a Strongroom authority. \
    The one that opens deposits is sealed: it takes the recovery code.";
/// An RSA key of 4,096 bits takes 4,744 of them.
const BYTES_MAX: u64 = 8192;

impl KeyFile {
    /// Writes the file, which must not exist, and sees it onto the disk. Only its owner may read it.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(self.to_text().as_bytes())?;
        file.sync_all()?;
        Ok(file)
    }

    /// Writes the file in place of the one that is there, for those who could read that. A crash leaves the one or the other.
    pub(crate) fn replace(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("new");
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.create(&draft)?;
        readers::keep(&file, path)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        sync_folder(&open_folder(path.parent().unwrap_or(Path::new(".")))?)
    }

    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, KeyFileError> {
        let mut bytes = Zeroizing::new(Vec::new());
        strongroom_files::open(path)?
            .take(BYTES_MAX)
            .read_to_end(&mut bytes)?;
        let text = strongroom_text::decode(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Self::parse(text)
    }

    /// Tells whether these are the keys that an authority was founded with.
    pub(crate) fn are_of(&self, about: &Founding) -> bool {
        let found = about.found();
        self.authority == about.authority()
            && self.log_key.verifying_key() == found.log_key
            && match &self.wrap_key {
                WrapKey::Open(key) => key.public_key() == found.wrap_key,
                // Which key that is shows when it is opened.
                WrapKey::Sealed(_) => true,
            }
    }

    pub(super) fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut lines = strongroom_text::lines(text).map(|(_, line)| line);
        let first = lines.next().unwrap_or_default();
        if first != FIRST_LINE && first != FIRST_LINE_RSA {
            return Err(if first.starts_with(FIRST_WORD) {
                KeyFileError::Newer
            } else {
                KeyFileError::Malformed
            });
        }
        let authority = lines
            .next()
            .and_then(|line| line.strip_prefix("authority "));
        let authority = authority.and_then(|text| text.parse().ok());
        let log_key = lines.next().and_then(|line| field(line, "log-key"));
        let wrap_key = lines.next().and_then(|line| {
            let open = || {
                Some(WrapKey::Open(SecretKey::from_seed(&*field(
                    line, "wrap-key",
                )?)))
            };
            let sealed = || {
                let bytes = field(line, "sealed-wrap-key")?;
                Some(WrapKey::Sealed(SealedSecretKey::from_bytes(&bytes)))
            };
            open().or_else(sealed)
        });
        let rsa_key = (first == FIRST_LINE_RSA).then(|| {
            let line = lines.next().unwrap_or_default();
            bytes(line.strip_prefix("rsa-key ")?)
        });
        let is_whole = rsa_key != Some(None) && lines.next().is_none();
        match (authority, log_key, wrap_key) {
            (Some(authority), Some(log_key), Some(wrap_key)) if is_whole => Ok(Self {
                authority,
                log_key: SigningKey::from_seed(&log_key),
                wrap_key,
                rsa_key: rsa_key.flatten(),
            }),
            _ => Err(KeyFileError::Malformed),
        }
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        // As long as it gets from the start: a text that grows leaves copies behind.
        let rsa_digits = self.rsa_key.as_ref().map_or(0, |key| 2 * key.len());
        let mut text = Zeroizing::new(String::with_capacity(512 + rsa_digits));
        text.push_str(match &self.rsa_key {
            None => FIRST_LINE,
            Some(_) => FIRST_LINE_RSA,
        });
        text.push('\n');
        text.push_str(match &self.wrap_key {
            WrapKey::Open(_) => COMMENT,
            WrapKey::Sealed(_) => SEALED_COMMENT,
        });
        text.push_str("\nauthority ");
        push_hex(&mut text, self.authority.as_bytes());
        text.push_str("\nlog-key ");
        push_hex(&mut text, self.log_key.expose_seed());
        match &self.wrap_key {
            WrapKey::Open(key) => {
                text.push_str("\nwrap-key ");
                push_hex(&mut text, key.expose_seed());
            }
            WrapKey::Sealed(sealed) => {
                text.push_str("\nsealed-wrap-key ");
                push_hex(&mut text, &sealed.to_bytes());
            }
        }
        if let Some(sealed) = &self.rsa_key {
            text.push_str("\nrsa-key ");
            push_hex(&mut text, sealed);
        }
        text.push('\n');
        text
    }
}

/// A key file that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Not there, or not readable.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Not the text of a key file.
    #[error("not a Strongroom authority's key file, or damaged")]
    Malformed,
    /// Of a version that is not known here.
    #[error("made by a newer Strongroom")]
    Newer,
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for digit in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.extend(char::from_digit(digit.into(), 16));
    }
}

/// Reads the bytes of a line that begins with `name`.
fn field<const N: usize>(line: &str, name: &str) -> Option<Zeroizing<[u8; N]>> {
    from_hex(line.strip_prefix(name)?.strip_prefix(' ')?)
}

fn from_hex<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    if text.len() != bytes.len() * 2 {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        for digit in digits {
            let digit = char::from(*digit).to_digit(16)?;
            *byte = *byte << 4 | u8::try_from(digit).ok()?;
        }
    }
    Some(bytes)
}

/// Reads bytes of any number but none.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return None;
    }
    let byte = |pair: &[u8; 2]| {
        let text = std::str::from_utf8(pair).ok()?;
        let [byte] = *from_hex::<1>(text)?;
        Some(byte)
    };
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> KeyFile {
        KeyFile {
            authority: AuthorityId::from_bytes([5; 32]),
            log_key: SigningKey::from_seed(&[6; 32]),
            wrap_key: WrapKey::Open(SecretKey::from_seed(&[0x7f; 32])),
            rsa_key: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = sample().to_text();
        let read = KeyFile::parse(&text).unwrap();
        assert_eq!(read.authority, sample().authority);
        assert_eq!(read.log_key.expose_seed(), &[6; 32]);
        assert!(matches!(&read.wrap_key, WrapKey::Open(key) if key.expose_seed() == &[0x7f; 32]));
        assert_eq!(*read.to_text(), *text);
        assert!(text.len() <= 512, "it was copied while it grew");
    }

    #[test]
    fn a_sealed_key_is_read_as_it_was_written_and_is_not_there_in_clear() {
        let mut keys = sample();
        let sealed = [0x5a; SealedSecretKey::BYTES];
        keys.wrap_key = WrapKey::Sealed(SealedSecretKey::from_bytes(&sealed));
        let text = keys.to_text();
        let read = KeyFile::parse(&text).unwrap();
        assert!(matches!(&read.wrap_key, WrapKey::Sealed(key) if key.to_bytes() == sealed));
        assert!(!text.contains(&"7f".repeat(32)) && !text.contains("\nwrap-key"));
        assert!(text.len() <= 512, "it was copied while it grew");
    }

    #[test]
    fn an_rsa_key_is_read_as_it_was_written() {
        let mut keys = sample();
        // As long as that of 4,096 bits gets.
        keys.rsa_key = Some(vec![0xa5; 32 + 2324 + 16]);
        let text = keys.to_text();
        assert!(text.starts_with("strongroom-authority-keys v2\n"));
        assert!(text.len() as u64 <= BYTES_MAX);
        let read = KeyFile::parse(&text).unwrap();
        assert_eq!(read.rsa_key, keys.rsa_key);
        assert_eq!(*read.to_text(), *text);
        for wrong in [
            text.replace(" v2", " v1"),
            text.replace("\nrsa-key", ""),
            text.replace("rsa-key a", "rsa-key "),
            text.replace("rsa-key a5", "rsa-key xx"),
            format!("{}more\n", *text),
            text.lines().take(5).collect::<Vec<_>>().join("\n"),
            sample().to_text().replace(" v1", " v2"),
        ] {
            assert!(
                matches!(KeyFile::parse(&wrong), Err(KeyFileError::Malformed)),
                "{wrong}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let text = sample().to_text();
        let newer = text.replace(" v1", " v3");
        assert!(matches!(KeyFile::parse(&newer), Err(KeyFileError::Newer)));
        for wrong in [
            String::new(),
            text.replace("log-key", "log"),
            text.replace("06", "0x"),
            text.replace("wrap-key ", "wrap-key"),
            format!("{}more\n", *text),
            text.lines().take(4).collect::<Vec<_>>().join("\n"),
        ] {
            assert!(
                matches!(KeyFile::parse(&wrong), Err(KeyFileError::Malformed)),
                "{wrong}"
            );
        }
    }
}

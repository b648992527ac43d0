//! A file's header for another RSA key; its payload stays as it is (spec/capi-owner.md#recovery). The session key comes
//! from what was released, and the deposit says whose it is: no header here can show that itself.

use std::fs::File;
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_capi::cipher::Parameters;
use strongroom_capi::file::{FileHeader, digest};
use strongroom_capi::{Padding, PrivateKey, PublicKey, SessionKey};
use strongroom_files::open;
use strongroom_files::output::Overwrite;
use strongroom_protocol::id::{Digest, Serial};

use super::decrypt::UnlockedCapiFile;
use super::{Known, file_mark, key, mark, text};
use crate::file::copy::Copy;
use crate::file::same_file;
use crate::home::{Home, HomeError, Matched, Planned, ReleasedKey};
use crate::mark::{Changed, FileMark};
use crate::released::ReleasedKeys;
use crate::replace::{Group, Learned, Pending, plan_in_place, prepare_copy};
use crate::rewrap::{How, RewrapError, Rewrapped, Step};

/// How a file is rewrapped.
pub struct CapiRewrapOptions<'o> {
    /// The home's exchange key, if the file may open with it already.
    pub current: Option<&'o PrivateKey>,
    /// The key that the header is made for.
    pub target: &'o PublicKey,
    /// How the session key is padded; as before, or PKCS#1 v1.5, if this says nothing.
    pub padding: Option<Padding>,
    /// Where the result goes; in place of the file if this says nothing.
    pub output: Option<(PathBuf, Overwrite)>,
}

/// What is to be done to a file, by [`Rewrapping::add_capi`](crate::rewrap::Rewrapping::add_capi).
pub enum Prepared {
    /// Nothing: the exchange key in use opens it.
    Current,
    /// Its header is to be replaced.
    New(NewHeader),
}

/// A header that the home knows of already, and that is written nowhere yet.
pub struct NewHeader {
    path: PathBuf,
    old: FileHeader,
    new: FileHeader,
    serial: Option<Serial>,
    output: Option<(PathBuf, Overwrite)>,
}

/// Makes a file's new header, and leaves the file as it is.
///
/// # Errors
///
/// Says why there is none.
pub fn prepare(
    home: &mut Home,
    path: &Path,
    options: &CapiRewrapOptions<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Prepared, RewrapError> {
    if let Some((target, _)) = &options.output
        && same_file(path, target)
    {
        return Err(RewrapError::OntoItself {
            path: target.clone(),
        });
    }
    let (old, file) = read(path)?;
    let now = file_mark(&old, &file).map_err(|source| RewrapError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let found = find(home, path, &old, &now, options.current, rng)?;
    if found.is_current && options.output.is_none() {
        return Ok(Prepared::Current);
    }
    if found.is_unproven && options.output.is_none() {
        return Err(RewrapError::Unproven);
    }
    // Only the RSA key that is lost says where the wrapped key ends. What may be ciphertext is not written over.
    let beyond = old.beyond_usual();
    if beyond.iter().any(|byte| *byte != 0) && options.output.is_none() {
        let bytes = beyond.len();
        return Err(RewrapError::Tail { bytes });
    }
    let padding = options.padding.or(found.padding);
    let padding = padding.unwrap_or(Padding::Pkcs1);
    let blob = options.target.wrap(&found.key, padding, rng)?;
    let new = FileHeader::new(&blob.to_bytes())?;
    if let Some(serial) = found.serial {
        let own = Matched::detached(mark(&new), serial);
        let mark = now.with_header(own.header, old.bytes(), new.bytes());
        let mark = Some(mark).filter(|_| found.matches);
        home.record_own_blob(&own, text::padding(padding), mark.as_ref())?;
    }
    Ok(Prepared::New(NewHeader {
        path: path.to_path_buf(),
        old,
        new,
        serial: found.serial,
        output: options.output.clone(),
    }))
}

impl NewHeader {
    /// Returns the digest of the SIMPLEBLOB in it, with its deposit, if that is one of the owner's: the authority is told
    /// before the header is written ([`Client::state_own_blob`](crate::Client::state_own_blob)), so that a home that is
    /// lost then finds the file's deposit, too.
    #[must_use]
    pub fn own_blob(&self) -> Option<(Serial, Digest)> {
        self.serial.map(|serial| (serial, mark(&self.new)))
    }

    /// Plans to put it where the old one lies, if the length is the same, or makes a copy with it.
    pub(crate) fn prepare<T>(
        self,
        home: &mut Home,
        group: &mut Group<T, Rewrapped, RewrapError>,
        rng: &mut impl CryptoRng,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Step, RewrapError> {
        let (old, new) = (bytes(&self.old), bytes(&self.new));
        // What interrupts it is repaired by what the home remembers of the new header: of another owner's, nothing.
        let rewrite = match self.output.is_none() && self.serial.is_some() {
            true => plan_in_place(&self.path, &old, &new, home, group)?,
            false => None,
        };
        let pending = match rewrite {
            Some(rewrite) => {
                let (serial, mark) = (self.serial, None);
                let planned = Planned {
                    rewrite,
                    serial,
                    mark,
                };
                Pending::InPlace(planned, None)
            }
            None => {
                let output = self.output.as_ref();
                let output = output.map(|(path, overwrite)| (path.as_path(), *overwrite));
                let copy = prepare_copy(&self.path, output, home, group, rng, |output| {
                    Ok(Copy::write(&self.path, &old, &new, output, progress)?)
                })?;
                Pending::Copy(copy, Learned::default())
            }
        };
        let how = How::of(&pending, self.output.as_ref());
        Ok(Step::Waits(Box::new(pending), how.into()))
    }
}

/// Wraps a key that was released to another RSA key, if it was: the SIMPLEBLOB alone.
///
/// # Errors
///
/// Says so when the deposit is not of a key of CryptoAPI's, or the target can't be wrapped to.
pub fn released_blob(
    home: &Home,
    serial: Serial,
    target: &PublicKey,
    padding: Option<Padding>,
    rng: &mut impl CryptoRng,
) -> Result<Option<Vec<u8>>, RewrapError> {
    let Some(released) = ReleasedKeys::of(home).key(serial)? else {
        return Ok(None);
    };
    let said = Known::new(serial, &released.particulars, false).padding;
    let key = key::from_deposited(&released.key.into_key());
    let key = key.ok_or(RewrapError::NotCapi { serial })?;
    let padding = padding.or(said).unwrap_or(Padding::Pkcs1);
    Ok(Some(target.wrap(&key, padding, rng)?.to_bytes()))
}

/// Tells whether a key for a file is at hand, and leaves the file as it is.
///
/// # Errors
///
/// Says so when none is, with the deposit to ask for, where that is known.
pub fn look(
    home: &Home,
    path: &Path,
    current: Option<&PrivateKey>,
    rng: &mut impl CryptoRng,
) -> Result<(), RewrapError> {
    let (header, file) = read(path)?;
    let mark = file_mark(&header, &file).map_err(|source| RewrapError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    find(home, path, &header, &mark, current, rng).map(|_| ())
}

/// A session key, and why it is this file's.
struct Found {
    key: SessionKey,
    /// Its deposit, if it is one of the owner's own.
    serial: Option<Serial>,
    padding: Option<Padding>,
    /// Whether file and deposit are known to agree.
    matches: bool,
    /// Whether the exchange key in use opens the file.
    is_current: bool,
    /// Whether nobody has shown that the deposit held this key: it may be any (spec/simple-blob.md#release).
    is_unproven: bool,
}

fn find(
    home: &Home,
    path: &Path,
    header: &FileHeader,
    now: &FileMark,
    current: Option<&PrivateKey>,
    rng: &mut impl CryptoRng,
) -> Result<Found, RewrapError> {
    let mut payload = Payload::of(path);
    let by_header = home.known_capi_file(header)?;
    // A header can be copied; what follows it is then another deposit's, or nobody's.
    let mark = home.mark(now.header)?;
    let (is_as_it_was, is_others) = match (by_header.and_then(|known| known.payload), mark) {
        (_, Some(mark)) => {
            let changed = mark.compare(now);
            (changed.is_none(), changed == Some(Changed::OtherPayload))
        }
        (Some(deposited), None) => {
            let is_same = payload.digest()? == deposited;
            (is_same, !is_same)
        }
        (None, None) => (false, false),
    };
    let others = match is_others {
        true => home.serial_by_payload(payload.digest()?)?,
        false => None,
    };
    if others.is_none()
        && let Some(found) = opened(header, by_header, current, rng)
    {
        let matches = found.matches && is_as_it_was;
        return Ok(Found { matches, ..found });
    }
    let mut released = ReleasedKeys::of(home);
    let mut serial = others.or(by_header.map(|known| known.serial));
    if let Some(known) = by_header
        && others.is_none()
        && let Some((key, is_unproven)) = released_key(&mut released, known.serial)?
    {
        let agrees = known.payload.is_some() && known.payload == Some(payload.digest()?);
        let other = match known.payload {
            Some(_) if !agrees => home.serial_by_payload(payload.digest()?)?,
            _ => None,
        };
        if other.is_none() {
            return Ok(Found {
                is_unproven,
                ..found_by(
                    key,
                    known,
                    !is_unproven && (agrees || known.matches && is_as_it_was),
                )
            });
        }
        serial = other;
    } else if by_header.is_none() {
        // A header that this home does not know: changed, or made after the home that made it was lost.
        serial = home.serial_by_payload(payload.digest()?)?;
    }
    if let Some(serial) = serial
        && let Some(said) = home.particulars(serial)?
        && let Some((key, is_unproven)) = released_key(&mut released, serial)?
    {
        return Ok(Found {
            is_unproven,
            ..found_by(key, Known::new(serial, &said, true), !is_unproven)
        });
    }
    if by_header.is_none()
        && let Some(found) = anothers(home, &mut released, header, &mut payload)?
    {
        return Ok(found);
    }
    Err(RewrapError::NoKey { serial })
}

/// Returns the session key of a deposit, if it was released and is one of CryptoAPI's, and whether it is unproven.
fn released_key(
    released: &mut ReleasedKeys<'_>,
    serial: Serial,
) -> Result<Option<(SessionKey, bool)>, RewrapError> {
    let Some(released) = released.key(serial)? else {
        return Ok(None);
    };
    let key = key::from_deposited(&released.key.into_key());
    Ok(key.map(|key| (key, released.label.content.is_unproven())))
}

/// Opens a file with the exchange key in use, as its deposit says that it is padded.
fn opened(
    header: &FileHeader,
    known: Option<Known>,
    current: Option<&PrivateKey>,
    rng: &mut impl CryptoRng,
) -> Option<Found> {
    let known = known?;
    // The header alone is opened: what is set on the key does not matter to it.
    let nothing_set = Parameters::default();
    let unlocked =
        UnlockedCapiFile::unlock(header, current?, known.padding?, nothing_set, rng).ok()?;
    Some(Found {
        is_current: true,
        ..found_by(unlocked.into_key(), known, known.matches)
    })
}

fn found_by(key: SessionKey, known: Known, matches: bool) -> Found {
    Found {
        key,
        serial: Some(known.serial),
        padding: known.padding,
        matches,
        is_current: false,
        is_unproven: false,
    }
}

/// Looks among the keys that were released for somebody else, whose statements are not in this home.
fn anothers(
    home: &Home,
    released: &mut ReleasedKeys<'_>,
    header: &FileHeader,
    payload: &mut Payload<'_>,
) -> Result<Option<Found>, RewrapError> {
    let owner = home.membership()?.map(|membership| membership.owner);
    for serial in released.serials()? {
        let Some(ReleasedKey {
            label,
            particulars,
            key,
        }) = released.key(serial)?
        else {
            continue;
        };
        let known = Known::new(serial, &particulars, false);
        let is_it = particulars.header() == Some(mark(header))
            || (known.payload.is_some() && known.payload == Some(payload.digest()?));
        if Some(label.owner) == owner || !is_it {
            continue;
        }
        if let Some(key) = key::from_deposited(&key.into_key()) {
            return Ok(Some(Found {
                // Serials are unique among one owner's deposits only.
                serial: None,
                is_unproven: label.content.is_unproven(),
                ..found_by(key, known, false)
            }));
        }
    }
    Ok(None)
}

/// A file's payload, which is read to its end once it matters.
struct Payload<'p> {
    path: &'p Path,
    digest: Option<Digest>,
}

impl<'p> Payload<'p> {
    fn of(path: &'p Path) -> Self {
        Self { path, digest: None }
    }

    fn digest(&mut self) -> Result<Digest, RewrapError> {
        if let Some(digest) = self.digest {
            return Ok(digest);
        }
        let (_, file) = read(self.path)?;
        let found = digest(file).map_err(|source| RewrapError::Read {
            path: self.path.to_path_buf(),
            source,
        })?;
        Ok(*self.digest.insert(Digest::from_bytes(found)))
    }
}

/// Reads a file's header, and leaves the file to be read from behind it.
fn read(path: &Path) -> Result<(FileHeader, File), RewrapError> {
    let mut file = open(path).map_err(|source| RewrapError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    Ok((FileHeader::read(&mut file)?, file))
}

fn bytes(header: &FileHeader) -> Vec<u8> {
    let mut bytes = Vec::new();
    header
        .write(&mut bytes)
        .expect("writing into memory does not fail");
    bytes
}

/// Tells whether a header in the journal is one that this home made for a deposit: what stands in the place of a MAC.
pub(crate) fn is_ours(
    home: &Home,
    mut header: &[u8],
    serial: Option<Serial>,
) -> Result<bool, HomeError> {
    let parsed = FileHeader::read(&mut header);
    let Some(parsed) = parsed.ok().filter(|_| header.is_empty()) else {
        return Ok(false);
    };
    let made = home.own_blob(mark(&parsed))?;
    Ok(made.is_some_and(|(made, _)| Some(made) == serial))
}

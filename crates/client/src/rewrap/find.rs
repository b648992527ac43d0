//! Finds the session key of a file's payload, and how much of its header holds under it (spec/recovery.md#header, row by row).

use strongroom_agefile::{FileKey, Header, Stanza, Unwrap};
use strongroom_protocol::id::{AuthorityId, OwnerId, Serial};

use super::{RewrapError, RewrapOptions};
use crate::home::{Home, HomeError};
use crate::mark::{Ends, header_digest};
use crate::pointer::Pointer;
use crate::released::ReleasedKeys;

/// A session key, and what shows that it is this file's.
pub(super) struct Found {
    pub(super) file_key: FileKey,
    /// The deposit it has, if any.
    pub(super) serial: Option<Serial>,
    /// The stanza known to be the owner's.
    pub(super) own: Option<usize>,
    pub(super) evidence: Evidence,
    /// Whether the identity in use opened it.
    pub(super) is_current: bool,
    /// Whether file, deposit and commitment are known to agree.
    pub(super) matches: bool,
    /// Whether the key was deposited by somebody else, for whom the file was.
    pub(super) is_anothers: bool,
}

/// What shows that a header is a file's, whose payload the key opens.
pub(super) enum Evidence {
    /// The header's MAC.
    Mac,
    /// The MAC, once the pointer is put back that somebody removed or changed: these stanzas.
    MacRestored(Vec<Stanza>),
    /// Not the MAC, which is right under another key: the header is another file's, and so are its stanzas.
    OthersHeader,
    /// Not the MAC, but an end of the payload: the header was altered, or is another file's.
    Payload,
}

/// What was seen of keys that are not the file's.
#[derive(Default)]
struct Tried {
    /// The payload's key, under a header that does not hold: the first such.
    altered: Option<Found>,
    /// Whether the header holds under a key that the payload is none of.
    is_others_header: bool,
}

pub(super) struct Finder<'f> {
    home: &'f Home,
    /// The authority that this home is with, and as whom, if it is with one.
    known: Option<(AuthorityId, OwnerId)>,
    options: &'f RewrapOptions<'f>,
}

impl<'f> Finder<'f> {
    pub(super) fn new(home: &'f Home, options: &'f RewrapOptions<'f>) -> Result<Self, HomeError> {
        let membership = home.membership()?;
        Ok(Self {
            home,
            known: membership.map(|known| (known.founding.authority(), known.owner)),
            options,
        })
    }

    /// Tries the identities, then the keys that are named, then every released key. A key is the file's if an end of its
    /// payload opens: a header alone may be any.
    pub(super) fn find(&self, header: &Header, ends: &Ends) -> Result<Found, RewrapError> {
        let mut keys = Tried::default();
        if let Some(found) = self.by_identity(header, ends, &mut keys)? {
            return Ok(found);
        }
        if let Some(found) = self.by_released_key(header, ends, &mut keys)? {
            return Ok(found);
        }
        if let Some(altered) = keys.altered {
            return Ok(match keys.is_others_header {
                true => Found {
                    evidence: Evidence::OthersHeader,
                    own: None,
                    ..altered
                },
                false => altered,
            });
        }
        let of_payload = self.serials_of_payload(header, ends)?.first().copied();
        if keys.is_others_header {
            return Err(RewrapError::OtherPayload { serial: of_payload });
        }
        let serial = of_payload.or(self.serials_of(header)?.first().copied());
        if serial.is_none() && header.is_for_passphrase() {
            return Err(RewrapError::Passphrase);
        }
        Err(RewrapError::NoKey { serial })
    }

    /// Returns the pointer that belongs into the new header.
    pub(super) fn pointer_of(&self, found: &Found) -> Option<Pointer> {
        let ((authority, _), serial) = (self.known?, found.serial?);
        found.matches.then_some(Pointer { authority, serial })
    }

    fn by_identity(
        &self,
        header: &Header,
        ends: &Ends,
        tried: &mut Tried,
    ) -> Result<Option<Found>, RewrapError> {
        let mut unwraps: Vec<&dyn Unwrap> = self.options.identities.as_unwraps();
        for others in self.options.others {
            unwraps.extend(others.as_unwraps());
        }
        let named = self.serials_of(header)?;
        for (number, opened) in header.openings(&unwraps).enumerate() {
            if !ends.belong_to(&opened.file_key) {
                // Once: a header can be long, and have many stanzas that anybody put in.
                tried.is_others_header |= number == 0 && header.is_authentic(&opened.file_key);
                continue;
            }
            let mac = header.is_authentic(&opened.file_key);
            let restored = named.iter().filter(|_| !mac).find_map(|serial| {
                Some((*serial, self.restored(header, *serial, &opened.file_key)?))
            });
            let (serial, evidence) = if mac {
                (named.first().copied(), Evidence::Mac)
            } else if let Some((serial, stanzas)) = restored {
                (Some(serial), Evidence::MacRestored(stanzas))
            } else {
                let of_payload = self.serials_of_payload(header, ends)?;
                (of_payload.first().copied(), Evidence::Payload)
            };
            let found = Found {
                serial,
                own: Some(opened.stanza),
                matches: self.matches(header, serial, &evidence, opened.stanza)?,
                file_key: opened.file_key,
                evidence,
                is_current: opened.identity == 0,
                is_anothers: false,
            };
            match found.evidence {
                Evidence::Mac | Evidence::MacRestored(_) => return Ok(Some(found)),
                Evidence::OthersHeader | Evidence::Payload => {
                    tried.altered = tried.altered.take().or(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Tells whether the key of a stanza is known to be the deposit's.
    fn matches(
        &self,
        header: &Header,
        serial: Option<Serial>,
        evidence: &Evidence,
        stanza: usize,
    ) -> Result<bool, HomeError> {
        Ok(match evidence {
            Evidence::Mac => self
                .home
                .matched(header)?
                .is_some_and(|matched| Some(matched.serial) == serial),
            // Whoever made the file chose what its MAC covers, another file's pointer too. That the key is the
            // deposit's is known of a stanza that this home saw, if it is the one that opened.
            Evidence::MacRestored(_) | Evidence::OthersHeader | Evidence::Payload => {
                let opened_stanza = header.stanzas().get(stanza);
                let known = opened_stanza.map(|stanza| self.home.serial_of_own(stanza));
                serial.is_some() && known.transpose()?.flatten() == serial
            }
        })
    }

    fn by_released_key(
        &self,
        header: &Header,
        ends: &Ends,
        tried: &mut Tried,
    ) -> Result<Option<Found>, RewrapError> {
        let mut released = ReleasedKeys::of(self.home);
        let mut look = |serials: Vec<Serial>| {
            for serial in serials {
                let Some((file_key, is_anothers)) = self.released_key(&mut released, serial)?
                else {
                    continue;
                };
                if !ends.belong_to(&file_key) {
                    tried.is_others_header |= header.is_authentic(&file_key);
                    continue;
                }
                let evidence = self.evidence(header, serial, &file_key);
                let found = released_found(file_key, serial, is_anothers, evidence);
                match found.evidence {
                    Evidence::Mac | Evidence::MacRestored(_) => {
                        return Ok::<_, RewrapError>(Some(found));
                    }
                    Evidence::OthersHeader | Evidence::Payload => {
                        tried.altered = tried.altered.take().or(Some(found));
                    }
                }
            }
            Ok(None)
        };
        // Those that are named first: the others are for a header that names none, lost its pointer, or has another's.
        let named = [
            self.serials_of_payload(header, ends)?,
            self.serials_of(header)?,
        ]
        .concat();
        match look(named)? {
            Some(found) => Ok(Some(found)),
            None => look(self.home.released_serials()?),
        }
    }

    /// Opens a released key, and tells whether it is another owner's.
    fn released_key(
        &self,
        released: &mut ReleasedKeys<'_>,
        serial: Serial,
    ) -> Result<Option<(FileKey, bool)>, RewrapError> {
        let Some(key) = released.key(serial)? else {
            return Ok(None);
        };
        let is_anothers = self.known.is_some_and(|known| known.1 != key.label.owner);
        // A key of another length is not an age file's.
        let bytes = key.key.into_key();
        let file_key = bytes.expose().try_into().ok().map(FileKey::from_bytes);
        Ok(file_key.map(|file_key| (file_key, is_anothers)))
    }

    /// Tells how a header holds under the payload's key.
    fn evidence(&self, header: &Header, serial: Serial, file_key: &FileKey) -> Evidence {
        if header.is_authentic(file_key) {
            return Evidence::Mac;
        }
        let restored = self.restored(header, serial, file_key);
        restored.map_or(Evidence::Payload, Evidence::MacRestored)
    }

    /// Returns the deposits of the files of which this home knows that they had this payload.
    fn serials_of_payload(&self, header: &Header, ends: &Ends) -> Result<Vec<Serial>, HomeError> {
        match ends.nonce() {
            Some(nonce) => self.home.serials_of_payload(nonce, header_digest(header)),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the deposits that may be of a header's key, the likeliest first.
    fn serials_of(&self, header: &Header) -> Result<Vec<Serial>, HomeError> {
        let authority = self.known.map(|(authority, _)| authority);
        self.home.serials_of(header, authority)
    }

    /// Returns the header's stanzas with the right pointer put back, if the MAC is right then.
    fn restored(&self, header: &Header, serial: Serial, file_key: &FileKey) -> Option<Vec<Stanza>> {
        let (authority, _) = self.known?;
        let pointer = Pointer { authority, serial }.to_stanza();
        let mut stanzas = header.stanzas().to_vec();
        let place = stanzas
            .iter()
            .position(|stanza| Pointer::from_stanza(stanza).is_some());
        match place.and_then(|place| stanzas.get_mut(place)) {
            Some(stanza) => *stanza = pointer,
            None => stanzas.push(pointer),
        }
        let restored = Header::seal(stanzas.clone(), file_key).ok()?;
        (restored.mac() == header.mac()).then_some(stanzas)
    }
}

fn released_found(
    file_key: FileKey,
    serial: Serial,
    is_anothers: bool,
    evidence: Evidence,
) -> Found {
    Found {
        file_key,
        serial: Some(serial),
        own: None,
        // It matched its commitment when it was opened, and the payload opens under it. That somebody else's file has a spare is not this home's to
        // say: it knows deposits by their serials, which are unique among one owner's only.
        matches: !is_anothers,
        evidence,
        is_current: false,
        is_anothers,
    }
}

//! Opens a file's header, and shows that it holds: a key that somebody else put in is not deposited.

use std::path::Path;

use strongroom_agefile::{FileKey, Header, Unwrap, UnwrapError};

use super::{ProtectError, ProtectOptions};
use crate::home::{AskPassphrase, Identities};

/// A session key under which a header's MAC is right.
pub(super) struct Opened {
    pub(super) file_key: FileKey,
    /// The stanza that gave it: the owner's own.
    pub(super) stanza: usize,
    /// Whether an identity of the home opened it.
    pub(super) by_home: bool,
}

impl Opened {
    /// Tells whether what opened a header is a key that is not lost with the home's, and so stays in it. A passphrase
    /// stands alone, and gives way.
    pub(super) fn is_of_another_key(&self, header: &Header) -> bool {
        !self.by_home && !header.is_for_passphrase()
    }
}

pub(super) fn open(
    path: &Path,
    header: &Header,
    options: &ProtectOptions<'_>,
    ask: &mut AskPassphrase<'_>,
) -> Result<Opened, ProtectError> {
    if header.is_for_passphrase() {
        let passphrase = ask(path).map_err(|source| ProtectError::Passphrase { source })?;
        let opened = unwrap(header, &[&passphrase], 0);
        return match opened {
            Err(UnwrapError::NoMatch) => Err(ProtectError::WrongPassphrase),
            opened => Ok(opened?),
        };
    }
    let own = options.identities.map(Identities::as_unwraps);
    let mut unwraps = own.unwrap_or_default();
    let of_home = unwraps.len();
    unwraps.extend(options.others.iter().flat_map(Identities::as_unwraps));
    Ok(unwrap(header, &unwraps, of_home)?)
}

/// Unwraps with the first identity that a stanza is for, the home's being the first `of_home`.
fn unwrap(
    header: &Header,
    identities: &[&dyn Unwrap],
    of_home: usize,
) -> Result<Opened, UnwrapError> {
    let opened = header.unwrap_unauthenticated(identities)?;
    if !header.is_authentic(&opened.file_key) {
        return Err(UnwrapError::Altered);
    }
    Ok(Opened {
        file_key: opened.file_key,
        stanza: opened.stanza,
        by_home: opened.identity < of_home,
    })
}

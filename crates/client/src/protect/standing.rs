//! How a file stands before anything is done about it: what the home knows, without a key and without the authority.

use strongroom_agefile::Header;
use strongroom_protocol::id::{AuthorityId, Serial};

use super::Protected;
use crate::home::{Home, HomeError};
use crate::pointer::Pointer;
use crate::prepared::Confirmation;

/// How a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing says that its session key is with this authority.
    Bare,
    /// It points to a deposit of which this home cannot tell that it holds the file's key: the commitment shows that to
    /// those alone who have the blinding. The key is deposited anew.
    Doubtful {
        /// The deposit that it points to.
        serial: Serial,
        /// Whether this home knows such a deposit, and not of this header.
        known: bool,
    },
    /// This home saw that its key is the one deposited.
    Spared {
        /// What the authority said of it last.
        spare: Confirmation,
        /// Whether the file says nothing of it.
        detached: bool,
    },
}

impl Standing {
    /// Describes a file that has its spare, and is passed over.
    pub(crate) fn protected(self) -> Option<Protected> {
        let Self::Spared { spare, detached } = self else {
            return None;
        };
        Some(Protected {
            spare,
            detached,
            before: self,
            seen: None,
        })
    }
}

/// Tells how a file with this header stands.
///
/// # Errors
///
/// Says so when the home can't be read.
pub fn standing(
    home: &Home,
    authority: AuthorityId,
    header: &Header,
) -> Result<Standing, HomeError> {
    let pointer = Pointer::find(header, authority).map(|pointer| pointer.serial);
    if let Some(matched) = home.matched(header)?
        && let Some(record) = home.deposit(matched.serial)?
        // One that a check found not to match is no spare.
        && record.state.is_kept()
    {
        return Ok(Standing::Spared {
            spare: record.confirmation(authority),
            detached: pointer != Some(matched.serial),
        });
    }
    Ok(match pointer {
        None => Standing::Bare,
        Some(serial) => Standing::Doubtful {
            serial,
            known: home.deposit(serial)?.is_some(),
        },
    })
}

//! Keys that came back: how they are looked up in the home and opened. They stay there, sealed to the key of the
//! request they answer, for files that turn up later.

use std::collections::VecDeque;

use strongroom_protocol::Founding;
use strongroom_protocol::id::Serial;
use strongroom_protocol::statement::{DepositLabel, Release, SignedStatement, Statement};
use strongroom_protocol::wrap::{NotOpened, Opening, SecretKey};

use crate::home::{Home, HomeError, ReleasedKey};

/// The keys released to a home, opened one at a time.
pub struct ReleasedKeys<'h> {
    home: &'h Home,
}

/// The pages that a home keeps open while keys are looked for: to open one takes longer than to rewrite a file's header, and
/// files lie on their pages in any order.
#[derive(Default)]
pub(crate) struct OpenPages {
    // The oldest first.
    pages: VecDeque<OpenPage>,
    bytes: usize,
}

struct OpenPage {
    /// The request and the number of the page.
    of: ([u8; 32], u64),
    /// How long its statement is.
    bytes: usize,
    release: Release,
    opening: Opening,
}

impl OpenPages {
    /// How many bytes the statements of the pages have at most, the newest aside. What is kept of each takes a bit more: of
    /// 100,000 files' keys with short descriptions some 40 MiB, and all of them stay.
    const BYTES_MAX: usize = 32 << 20;

    fn find(&self, of: ([u8; 32], u64)) -> Option<&OpenPage> {
        self.pages.iter().find(|page| page.of == of)
    }

    fn keep(&mut self, page: OpenPage) {
        while self.bytes + page.bytes > Self::BYTES_MAX
            && let Some(oldest) = self.pages.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
        self.bytes += page.bytes;
        self.pages.push_back(page);
    }
}

impl<'h> ReleasedKeys<'h> {
    /// Looks at the keys of a home.
    #[must_use]
    pub fn of(home: &'h Home) -> Self {
        Self { home }
    }

    /// Returns the serials of all of them.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn serials(&self) -> Result<Vec<Serial>, ReleasedError> {
        Ok(self.home.released_serials()?)
    }

    /// Opens the key of a serial, if it was released.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read, or the key does not open to what it is labelled as.
    pub fn key(&mut self, serial: Serial) -> Result<Option<ReleasedKey>, ReleasedError> {
        let Some((request, page)) = self.home.released_on(serial)? else {
            return Ok(None);
        };
        let mut pages = self.home.open_pages.borrow_mut();
        let of = (request, page);
        if pages.find(of).is_none() {
            let (statement, secret) = self.home.release_page(&request, page)?;
            let release = release_of(&statement)?;
            pages.keep(OpenPage {
                of,
                bytes: statement.as_bytes().len(),
                release: release.clone(),
                opening: open_page(release, &secret)?,
            });
        }
        let Some(OpenPage {
            release, opening, ..
        }) = pages.find(of)
        else {
            return Ok(None);
        };
        let sealed = release.keys().iter().find(|key| key.label.serial == serial);
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        if !self.is_as_deposited(sealed.label)? {
            return Ok(None);
        }
        Ok(Some(ReleasedKey {
            label: sealed.label,
            particulars: sealed.particulars.clone(),
            key: sealed.open_released(opening)?.into_key(),
        }))
    }
}

impl ReleasedKeys<'_> {
    /// Tells whether a key of this home's owner is the one that the owner deposited. A page is kept before the deposits of
    /// a lost home are read: what it says is believed only when they are.
    fn is_as_deposited(&self, label: DepositLabel) -> Result<bool, HomeError> {
        let owner = self.home.membership()?.map(|membership| membership.owner);
        if owner != Some(label.owner) {
            return Ok(true);
        }
        let deposit = self.home.deposit(label.serial)?;
        Ok(deposit.is_some_and(|deposit| deposit.label == label.digest()))
    }
}

/// Opens what a release page is sealed under.
pub(crate) fn open_page(release: &Release, secret: &SecretKey) -> Result<Opening, NotOpened> {
    let encapsulation = release.encapsulation().ok_or(NotOpened)?;
    secret.open_release(
        release.authority(),
        release.request(),
        release.decision(),
        encapsulation,
    )
}

fn release_of(statement: &SignedStatement) -> Result<&Release, HomeError> {
    if let Statement::Release(release) = statement.statement() {
        Ok(release)
    } else {
        Err(HomeError::Damaged { what: "release" })
    }
}

/// Tells whether a statement is a release that this authority signed.
pub(crate) fn release_by<'s>(
    about: &Founding,
    statement: &'s SignedStatement,
) -> Option<&'s Release> {
    let Statement::Release(release) = statement.statement() else {
        return None;
    };
    let signed = statement.author() == &about.found().log_key;
    (signed && release.authority() == about.authority()).then_some(release)
}

/// Why a released key can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleasedError {
    /// The home can't be read.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// What was kept does not open any more.
    #[error("a released key that this home keeps does not open")]
    NotOpened(#[from] NotOpened),
}

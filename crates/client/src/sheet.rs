//! The recovery sheet: one page of text with all that an owner who lost everything needs (spec/home.md#sheet).
//! It is printed, or kept where the home is not: who has it and can reach the authority can open every file.

use std::fmt::Write as _;

use strongroom_protocol::code::{CodeError, RecoveryCode};
use strongroom_protocol::id::{AuthorityId, OwnerId, ParseIdError, Time};
use zeroize::Zeroizing;

use crate::address::{Address, AddressError};

/// What a recovery sheet says.
pub struct Sheet {
    /// Where the authority is.
    pub address: Address,
    /// Which authority that is: what answers there is held against it.
    pub authority: AuthorityId,
    /// Whose keys.
    pub owner: OwnerId,
    /// The recovery code.
    pub code: RecoveryCode,
}

const ADDRESS: &str = "Authority folder";
const AUTHORITY: &str = "Authority id";
const CODE: &str = "Recovery code";
const OWNER: &str = "Owner id";

impl Sheet {
    /// The length in bytes of the longest sheet that is read.
    pub const BYTES_MAX: u64 = 64 * 1024;

    /// Writes the sheet.
    ///
    /// # Errors
    ///
    /// It would be read as another: the address can't be written on it.
    pub fn to_text(&self, made: Time) -> Result<Zeroizing<String>, SheetError> {
        self.address.check_written()?;
        // Long enough from the start: a text that grows leaves its beginning behind in memory.
        let address = self.address.to_string();
        let mut text = Zeroizing::new(String::with_capacity(2048 + address.len()));
        let written = write!(
            text,
            "STRONGROOM RECOVERY SHEET\n\
             \n\
             Print this page, or move it to another place than the files. Whoever has it and can reach the\n\
             authority can open your files.\n\
             \n\
             {CODE}: {}\n\
             {ADDRESS}: {address}\n\
             {AUTHORITY}: {}\n\
             {OWNER}: {}\n\
             Made: {made}\n\
             \n\
             If you lost your key, and have this machine's Strongroom folder still:\n\
             \n\
             \x20   strongroom recover FILE.age        (it asks for the recovery code)\n\
             \n\
             If you lost that folder too, and have the authority's:\n\
             \n\
             \x20   strongroom recover --sheet THIS_FILE FILE.age\n\
             \n\
             where THIS_FILE holds the four lines above, typed or copied. To see that this sheet is good,\n\
             without using anything up:\n\
             \n\
             \x20   strongroom sheet test THIS_FILE\n",
            *self.code.to_text(),
            self.authority,
            self.owner,
        );
        debug_assert!(written.is_ok(), "a string takes all");
        // It is the only copy of the code, and read once all else is lost.
        let read = Self::parse(&text)?;
        let ids = |sheet: &Self| (sheet.authority, sheet.owner);
        if read.address != self.address || ids(&read) != ids(self) {
            return Err(SheetError::ReadsOtherwise);
        }
        Ok(text)
    }

    /// Reads a sheet: its four lines, among whatever else.
    ///
    /// # Errors
    ///
    /// Says which line is missing or wrong, and never repeats the code.
    pub fn parse(text: &str) -> Result<Self, SheetError> {
        let line = |name: &'static str| {
            text.lines()
                .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim)
                .ok_or(SheetError::Missing { name })
        };
        let id = |name, source| SheetError::Id { name, source };
        Ok(Self {
            code: RecoveryCode::parse(line(CODE)?)?,
            address: Address::parse(line(ADDRESS)?)?,
            authority: line(AUTHORITY)?
                .to_lowercase()
                .parse()
                .map_err(|source| id(AUTHORITY, source))?,
            owner: line(OWNER)?
                .to_lowercase()
                .parse()
                .map_err(|source| id(OWNER, source))?,
        })
    }
}

/// Why a text is no recovery sheet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// The authority is none that this version can go to.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The code has a typing error.
    #[error("the recovery code: {0}")]
    Code(#[from] CodeError),
    /// An id has a typing error.
    #[error("the line `{name}`: {source}")]
    Id {
        /// Which.
        name: &'static str,
        /// What is wrong.
        source: ParseIdError,
    },
    /// A line is missing.
    #[error("there is no line that begins with `{name}:`")]
    Missing {
        /// Which.
        name: &'static str,
    },
    /// What was written would be read as something else.
    #[error("the sheet would be read as another than it is")]
    ReadsOtherwise,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_reads_back_what_was_written() {
        let code = "NCMH-NWTL-FF7P-TUUU-CPS9-EMWG-XST6-TDK5";
        let sheet = Sheet {
            address: Address::parse("/mnt/other disk/authority").unwrap(),
            authority: AuthorityId::from_bytes([1; 32]),
            owner: OwnerId::from_bytes([2; 32]),
            code: RecoveryCode::parse(code).unwrap(),
        };
        let text = sheet.to_text(Time::from_millis(0)).unwrap();
        let read = Sheet::parse(&text).unwrap();
        assert_eq!(*read.code.to_text(), code);
        assert_eq!(read.address, sheet.address);
        assert_eq!(read.authority, sheet.authority);
        assert_eq!(read.owner, sheet.owner);
    }

    #[test]
    fn what_is_missing_or_mistyped_is_named_and_the_code_never_repeated() {
        assert!(matches!(
            Sheet::parse(""),
            Err(SheetError::Missing { name: CODE })
        ));
        let text = "Recovery code: NCMH-NWTL-FF7P-TUUU-CPS9-EMWG-XST6-TDKK";
        let error = Sheet::parse(text).err().unwrap().to_string();
        assert!(
            !error.contains("NCMH") && error.contains("recovery code"),
            "{error}"
        );
    }
}

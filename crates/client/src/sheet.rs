//! The recovery sheet: one page of text with all that an owner who lost everything needs (spec/home.md#sheet).
//! It is printed, or kept where the home is not: who has it and can reach the authority can open every file.

mod line;

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
const AUTHORITY_CHECK: &str = "Authority check";
const CODE: &str = "Recovery code";
const OWNER: &str = "Owner id";
const OWNER_CHECK: &str = "Owner check";

impl Sheet {
    /// The length in bytes of the longest sheet that is read.
    pub const BYTES_MAX: u64 = 64 * 1024;

    /// Writes the sheet.
    ///
    /// # Errors
    ///
    /// It would be read as another: the address can't be written on it.
    pub fn to_text(&self, made: Time) -> Result<Zeroizing<String>, SheetError> {
        let line = line::write(self);
        let drawn = line.as_ref().and_then(|line| line::draw(line));
        let mut text = self.write(&self.code.to_text(), made)?;
        if let Some(line) = line {
            text.push_str("\nThe same in one line, which THIS_FILE may hold instead:\n\n    ");
            text.push_str(&line);
            text.push('\n');
        }
        if let Some(drawn) = drawn {
            text.push_str("\nThat line as a picture, for a telephone that is yours:\n\n");
            text.push_str(&drawn);
            text.push('\n');
        }
        // It is the only copy of the code, and read once all else is lost.
        let read = Self::parse(&text)?;
        let ids = |sheet: &Self| (sheet.authority, sheet.owner);
        if read.address != self.address || ids(&read) != ids(self) {
            return Err(SheetError::ReadsOtherwise);
        }
        Ok(text)
    }

    /// Writes the sheet with `blank` where the code belongs, to be filled in by hand.
    ///
    /// # Errors
    ///
    /// The address can't be written on it.
    pub fn to_text_without_code(
        &self,
        blank: &str,
        made: Time,
    ) -> Result<Zeroizing<String>, SheetError> {
        self.write(blank, made)
    }

    fn write(&self, code: &str, made: Time) -> Result<Zeroizing<String>, SheetError> {
        /// Of the sentences, the line and its picture.
        const TEXT_BYTES_MAX: usize = 32 << 10;
        self.address.check_written()?;
        // Long enough from the start: a text that grows leaves its beginning behind in memory.
        let address = self.address.to_string();
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX + 3 * address.len()));
        let written = write!(
            text,
            "STRONGROOM RECOVERY SHEET\n\
             \n\
             Print this page, or move it to another place than the files. Whoever has it and can reach the\n\
             authority can open your files.\n\
             \n\
             {CODE}: {code}\n\
             {ADDRESS}: {address}\n\
             {AUTHORITY}: {}\n\
             {AUTHORITY_CHECK}: {}\n\
             {OWNER}: {}\n\
             {OWNER_CHECK}: {}\n\
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
             where THIS_FILE holds the lines above, typed or copied. If that folder is elsewhere now, add\n\
             `--authority DIR`. To see that this sheet is good, without using anything up:\n\
             \n\
             \x20   strongroom sheet test THIS_FILE\n",
            self.authority,
            line::check_of_authority(self.authority),
            self.owner,
            line::check_of_owner(self.owner),
        );
        debug_assert!(written.is_ok(), "a string takes all");
        Ok(text)
    }

    /// Reads a sheet: its lines, among whatever else, or the one line that says all of them.
    ///
    /// # Errors
    ///
    /// Says which line is missing or wrong, and never repeats the code.
    pub fn parse(text: &str) -> Result<Self, SheetError> {
        let lines = Lines::of(text);
        let whole = match lines.whole() {
            // What is said besides is said twice, and tells.
            Some(None) if !lines.is_complete() => return Err(SheetError::Line),
            whole => whole.flatten(),
        };
        let id = |name, source| SheetError::Id { name, source };
        let code = match (lines.find(CODE), &whole) {
            (Some(code), _) => RecoveryCode::parse(code)?,
            (None, Some(whole)) => RecoveryCode::from_bytes(*whole.code.expose()),
            (None, None) => return Err(SheetError::Missing { name: CODE }),
        };
        // It may have moved since, and been corrected by hand.
        let address = match (lines.find(ADDRESS), &whole) {
            (Some(address), _) => Address::parse(address)?,
            (None, Some(whole)) => whole.address.clone(),
            (None, None) => return Err(SheetError::Missing { name: ADDRESS }),
        };
        let authority: AuthorityId = match (lines.find(AUTHORITY), &whole) {
            (Some(text), _) => typed_id(text)
                .parse()
                .map_err(|source| id(AUTHORITY, source))?,
            (None, Some(whole)) => whole.authority,
            (None, None) => return Err(SheetError::Missing { name: AUTHORITY }),
        };
        let owner: OwnerId = match (lines.find(OWNER), &whole) {
            (Some(text), _) => typed_id(text).parse().map_err(|source| id(OWNER, source))?,
            (None, Some(whole)) => whole.owner,
            (None, None) => return Err(SheetError::Missing { name: OWNER }),
        };
        lines.check(
            AUTHORITY,
            AUTHORITY_CHECK,
            &line::check_of_authority(authority),
        )?;
        lines.check(OWNER, OWNER_CHECK, &line::check_of_owner(owner))?;
        if let Some(whole) = whole {
            for (name, is_same) in [
                (CODE, whole.code.expose() == code.expose()),
                (AUTHORITY, whole.authority == authority),
                (OWNER, whole.owner == owner),
            ] {
                if !is_same {
                    return Err(SheetError::Contradiction { name });
                }
            }
        }
        Ok(Self {
            address,
            authority,
            owner,
            code,
        })
    }
}

/// An id as somebody typed it.
fn typed_id(text: &str) -> String {
    let digits = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    digits.collect::<String>().to_ascii_lowercase()
}

/// What a text has of a sheet's.
struct Lines<'t> {
    text: &'t str,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self { text }
    }

    /// Reads the one line that says all, if there is one; it may be broken, up to the next empty line.
    fn whole(&self) -> Option<Option<Sheet>> {
        let mut lines = self.text.lines();
        let mut is_there = false;
        while let Some(line) = lines.next() {
            let Some(begun) = line::behind_prefix(line) else {
                continue;
            };
            is_there = true;
            let following = lines.clone();
            let following = following.take_while(|line| !strongroom_text::trim(line).is_empty());
            if let Some(sheet) = line::read(begun, following) {
                return Some(Some(sheet));
            }
        }
        is_there.then_some(None)
    }

    /// Finds the first line that begins with a name and a colon, whatever the case of its letters.
    fn find(&self, name: &str) -> Option<&'t str> {
        let words = |text: &str| -> Vec<String> {
            text.split_whitespace().map(str::to_lowercase).collect()
        };
        let wanted = words(name);
        self.text.lines().find_map(|line| {
            let (begins, value) = line.split_once(':')?;
            (words(strongroom_text::trim(begins)) == wanted).then(|| strongroom_text::trim(value))
        })
    }

    fn is_complete(&self) -> bool {
        [CODE, ADDRESS, AUTHORITY, OWNER]
            .iter()
            .all(|name| self.find(name).is_some())
    }

    /// Compares an id with its check digits, where they are there.
    fn check(&self, name: &'static str, check: &str, expected: &str) -> Result<(), SheetError> {
        match self.find(check) {
            Some(found) if line::typed_check(found) != line::typed_check(expected) => {
                Err(SheetError::Check { name })
            }
            _ => Ok(()),
        }
    }
}

/// Why a text is no recovery sheet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// The authority is none that this version can go to.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An id and its check digits do not belong together.
    #[error(
        "the line `{name}` has a mistake in it, or the line of its check digits: they do not fit"
    )]
    Check {
        /// Which.
        name: &'static str,
    },
    /// The code has a typing error.
    #[error("the recovery code: {0}")]
    Code(#[from] CodeError),
    /// The one line that says all says something else.
    #[error("the line `{name}` and the one line that says all do not say the same")]
    Contradiction {
        /// Which.
        name: &'static str,
    },
    /// An id has a typing error.
    #[error("the line `{name}`: {source}")]
    Id {
        /// Which.
        name: &'static str,
        /// What is wrong.
        source: ParseIdError,
    },
    /// The one line that says all has a typing error.
    #[error("the line that begins with `STRONGROOM1` has a mistake in it, or is not whole")]
    Line,
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

    const TEXT: &str = "NCMH-NWTL-FF7P-TUUU-CPS9-EMWG-XST6-TDK5";

    fn sheet() -> Sheet {
        Sheet {
            address: Address::parse("/mnt/other disk/authority").unwrap(),
            authority: AuthorityId::from_bytes([1; 32]),
            owner: OwnerId::from_bytes([2; 32]),
            code: RecoveryCode::parse(TEXT).unwrap(),
        }
    }

    fn written() -> String {
        sheet().to_text(Time::from_millis(0)).unwrap().to_string()
    }

    fn same(text: &str) {
        let read = Sheet::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(*read.code.to_text(), TEXT);
        assert_eq!(read.address, sheet().address);
        assert_eq!(read.authority, sheet().authority);
        assert_eq!(read.owner, sheet().owner);
    }

    fn whole_line() -> String {
        let text = written();
        let line = text.lines().find(|line| line.contains("STRONGROOM1"));
        line.unwrap().trim().to_owned()
    }

    /// Puts something between each four characters but those of the first word.
    fn in_groups(line: &str, between: &str) -> String {
        let (word, rest) = line.split_at("STRONGROOM1".len());
        let rest: Vec<char> = rest.chars().collect();
        let groups: Vec<String> = rest.chunks(4).map(|group| group.iter().collect()).collect();
        format!("{word}{}", groups.join(between))
    }

    #[test]
    fn a_sheet_reads_back_what_was_written() {
        same(&written());
        same(&written().replace('\n', "\r\n"));
        same(&written().to_lowercase());
        let typed = "  RECOVERY  CODE : ncmh nwtl ff7p tuuu cps9 emwg xst6 tdk5\n\
                     authority folder:/mnt/other disk/authority \n\
                     authority id: 0101 0101 0101 0101 0101 0101 0101 0101 0101 0101 0101 0101 0101 0101 0101 0101\n\
                     OWNER ID: 02020202-02020202-02020202-02020202-02020202-02020202-02020202-02020202\n";
        same(typed);
    }

    #[test]
    fn the_check_digits_are_those_of_the_specification() {
        let spec = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/home.md");
        let spec = std::fs::read_to_string(spec).unwrap();
        let text = written();
        for name in [
            CODE,
            ADDRESS,
            AUTHORITY,
            AUTHORITY_CHECK,
            OWNER,
            OWNER_CHECK,
        ] {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{name}: ")));
            let line = format!("\n    {}\n", line.unwrap());
            assert!(spec.contains(&line), "{line}");
        }
    }

    #[test]
    fn one_line_says_all() {
        let line = whole_line();
        same(&line);
        same(&line.to_lowercase());
        same(&format!("scanned\n\u{feff} {line}\r\n"));
        // As it is typed from paper, or comes by mail.
        let (begin, end) = line.split_at(70);
        for text in [
            format!("{begin}\n   {end}\n\nand so on"),
            format!("{begin}-\n{end}.\nKept in the safe\n"),
            format!("> {begin}=\r\n> {end}\r\n"),
            format!("The line: `{line}`."),
            in_groups(&line, " "),
            in_groups(&line, "-"),
            in_groups(&line, "\u{2013}"),
            in_groups(&line, "\u{a0}\u{2212} "),
            in_groups(&line, "\u{ad}"),
            in_groups(&line.to_lowercase(), "\n"),
            line.replace('0', "O").replace('L', "1"),
            line.replace('0', "o").replace('L', "I").replace('1', "l"),
            line.replace('O', "0").to_lowercase(),
            format!("Strongroom lets this in, and STRONGROOM1 is how it begins.\n\n{line}"),
        ] {
            same(&text);
        }
        // What is typed besides counts where it may have changed, and must say the same where it can't have.
        let moved = Sheet::parse(&format!("Authority folder: /elsewhere\n{line}")).unwrap();
        assert_eq!(moved.address, Address::parse("/elsewhere").unwrap());
        let other = format!("Owner id: {}\n{line}", "03".repeat(32));
        assert!(matches!(
            Sheet::parse(&other),
            Err(SheetError::Contradiction { name: OWNER })
        ));
        for place in [20, 60, line.len() - 1] {
            let mut mistyped = line.clone();
            let wrong = if line.as_bytes()[place] == b'Q' {
                "P"
            } else {
                "Q"
            };
            mistyped.replace_range(place..=place, wrong);
            assert!(matches!(Sheet::parse(&mistyped), Err(SheetError::Line)));
        }
        assert!(matches!(
            Sheet::parse(line.split_at(80).0),
            Err(SheetError::Line)
        ));
    }

    #[test]
    fn the_picture_says_the_line() {
        let text = written();
        let rows: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.contains('\u{2588}'))
            .collect();
        let is_dark = |x: usize, y: usize| {
            let half = rows.get(y / 2).and_then(|row| row.chars().nth(x));
            match half {
                Some('\u{2588}') => true,
                Some('\u{2580}') => y.is_multiple_of(2),
                Some('\u{2584}') => !y.is_multiple_of(2),
                _ => false,
            }
        };
        let width = rows.iter().map(|row| row.chars().count()).max().unwrap();
        // A telephone sees several points for each square.
        let scale = 4;
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(
            scale * width,
            scale * 2 * rows.len(),
            |x, y| {
                if is_dark(x / scale, y / scale) {
                    0
                } else {
                    255
                }
            },
        );
        let codes = picture.detect_grids();
        assert_eq!(codes.len(), 1);
        assert_eq!(codes[0].decode().unwrap().1, whole_line());
        assert!(width <= 80, "{width} columns");
    }

    #[test]
    fn a_mistyped_id_is_told_by_its_line() {
        let text = written();
        for (line, name) in [("Owner id: ", OWNER), ("Authority id: ", AUTHORITY)] {
            let start = text.find(line).unwrap() + line.len();
            for place in [0, 31, 63] {
                let mut mistyped = text.clone();
                mistyped.replace_range(start + place..=start + place, "7");
                let found = Sheet::parse(&mistyped);
                assert!(matches!(found, Err(SheetError::Check { name: found }) if found == name));
            }
        }
        let ids = text
            .replace("0101", "xxxx")
            .replace("0202", "0101")
            .replace("xxxx", "0202");
        assert!(matches!(Sheet::parse(&ids), Err(SheetError::Check { .. })));
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

    #[test]
    fn a_sheet_without_its_code_says_it_nowhere() {
        let blank = sheet()
            .to_text_without_code("____", Time::from_millis(0))
            .unwrap();
        assert!(blank.contains("Recovery code: ____\n"));
        assert!(!blank.contains("STRONGROOM1") && !blank.contains('\u{2588}'));
        same(&blank.replace("____", TEXT));
    }
}

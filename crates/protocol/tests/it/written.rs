//! `spec/vectors` of statements, deposits, receipts, recovery, policies and views: read as anybody would read them, and
//! held against what this code makes from the seeds of `cast`.

mod deposit;
mod invitation;
mod policy;
mod receipt;
mod recovery;
mod statement;
mod views;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use strongroom_protocol::statement::{ParseStatementError, SignedStatement};

/// With `STRONGROOM_WRITE_VECTORS=1` it writes them instead: a change of a format then shows in the diff.
#[test]
fn the_vectors_are_what_this_code_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors");
    let write = env::var_os("STRONGROOM_WRITE_VECTORS").is_some_and(|value| value == "1");
    let pages = [
        statement::pages(),
        deposit::pages(),
        invitation::pages(),
        receipt::pages(),
        recovery::pages(),
        policy::pages(),
        views::pages(),
    ];
    for (file, Page(text)) in pages.into_iter().flatten() {
        let path = folder.join(file);
        if write {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        } else {
            assert!(fs::read_to_string(path).unwrap() == text, "{file} differs");
        }
    }
}

/// A file of vectors.
struct Page(String);

impl Page {
    /// Begins a page; each line of `about` becomes a comment.
    fn new(about: &str) -> Self {
        let lines = about.lines().map(|line| format!("# {}\n", line.trim()));
        Self(lines.collect())
    }

    fn case(&mut self, name: &str) -> &mut Self {
        self.0.push('\n');
        self.field("case", name)
    }

    fn field(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        writeln!(self.0, "{}", format!("{key}: {value}").trim_end()).unwrap();
        self
    }

    fn hex(&mut self, key: &str, bytes: &[u8]) -> &mut Self {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        self.field(key, digits.collect::<String>())
    }

    /// Adds a text that ends with a newline.
    fn text(&mut self, text: &str) -> &mut Self {
        for line in text.lines() {
            self.field("line", line);
        }
        self
    }
}

/// The word for why bytes are no statement; "taken" if they are one.
fn word_of(bytes: &[u8]) -> &'static str {
    match SignedStatement::parse(bytes) {
        Ok(_) => "taken",
        Err(ParseStatementError::Author) => "author",
        Err(ParseStatementError::Malformed(_)) => "malformed",
        Err(ParseStatementError::Signature) => "signature",
        Err(error) => panic!("{error}"),
    }
}

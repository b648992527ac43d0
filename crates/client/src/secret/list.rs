//! Lists of secrets, as `deposit --from` takes them: a line of JSON for each. Text to values; where the text comes from is
//! the caller's.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use strongroom_protocol::statement::{Particulars, ParticularsError};
use zeroize::Zeroizing;

use super::{NoName, Secret, WrongLength, parse_name};

/// A secret on a list.
pub struct ListedSecret {
    /// The secret.
    pub secret: Secret,
    /// What is said of it, its name too.
    pub particulars: Particulars,
    /// The command that checks it.
    pub check: Option<String>,
}

/// Reads a list: all of its lines or none, each under a name of its own. Empty lines are passed over.
///
/// # Errors
///
/// Says which line is wrong. Nothing of a line is in it but a name.
pub fn parse(list: &str) -> Result<Vec<ListedSecret>, ListError> {
    let mut secrets = Vec::new();
    let mut names = BTreeSet::new();
    for (number, line) in (1..).zip(list.as_bytes().split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let secret = parse_line(line).and_then(|secret| match secret.particulars.name() {
            Some(name) if !names.insert(name.to_owned()) => {
                let name = name.to_owned();
                Err(LineError::NameTwice { name })
            }
            _ => Ok(secret),
        });
        secrets.push(secret.map_err(|error| ListError {
            line: number,
            error,
        })?);
    }
    Ok(secrets)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    check: Option<String>,
    secret: Option<String>,
    secret_base64: Option<String>,
}

/// Wipes what was secret, whatever became of the rest.
impl Drop for Line {
    fn drop(&mut self) {
        for secret in [self.secret.take(), self.secret_base64.take()] {
            drop(secret.map(Zeroizing::new));
        }
    }
}

fn parse_line(line: &[u8]) -> Result<ListedSecret, LineError> {
    // What serde_json says of an error can hold a part of the line, and so of the secret: its place is told alone.
    let mut parsed: Line = serde_json::from_slice(line).map_err(|error| {
        let column = error.column();
        if error.is_data() {
            LineError::Fields { column }
        } else {
            LineError::NotJson { column }
        }
    })?;
    let secret = match (parsed.secret.take(), parsed.secret_base64.take()) {
        (Some(text), None) => Zeroizing::new(text.into_bytes()),
        (None, Some(text)) => {
            let text = Zeroizing::new(text);
            // The error would say which character is wrong.
            let bytes = BASE64_STANDARD.decode(text.as_bytes());
            Zeroizing::new(bytes.map_err(|_| LineError::NotBase64)?)
        }
        (None, None) | (Some(_), Some(_)) => return Err(LineError::OneSecret),
    };
    let labels = std::mem::take(&mut parsed.labels);
    let particulars = Particulars::new(std::mem::take(&mut parsed.description), labels)?;
    Ok(ListedSecret {
        particulars: particulars.with_name(&parse_name(&parsed.name)?)?,
        secret: Secret::new(secret)?,
        check: parsed.check.take(),
    })
}

/// A line of a list that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct ListError {
    /// Which, from 1 on.
    pub line: u64,
    /// What is wrong with it.
    pub error: LineError,
}

/// What is wrong with a line of a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is JSON, and of something else.
    #[error(
        "not an object of `name`, `secret` or `secret_base64`, `description`, `labels`, `check` (column {column})"
    )]
    Fields {
        /// Where that shows.
        column: usize,
    },
    /// The secret has another length than secrets have.
    #[error(transparent)]
    Length(#[from] WrongLength),
    /// Two secrets have one name.
    #[error("the name `{name}` was on a line before")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// Its name could be on no list of names.
    #[error(transparent)]
    Name(#[from] NoName),
    /// What should be base64 is none.
    #[error("`secret_base64` is not base64")]
    NotBase64,
    /// It is no JSON.
    #[error("not JSON (column {column})")]
    NotJson {
        /// Where that shows.
        column: usize,
    },
    /// It has no secret, or two.
    #[error("it takes one of `secret` and `secret_base64`")]
    OneSecret,
    /// What is said of it is more than a deposit takes.
    #[error(transparent)]
    Particulars(#[from] ParticularsError),
}

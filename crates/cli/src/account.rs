//! What failed, told so that a person can read it: of each kind of failure the first five and how many more there are, and a
//! hint once, however many files there were. All of them are told with `--verbose`, and in JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Error;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, chain};
use crate::hint;
use crate::terminal::{self, escape, shown, tell, tell_wrapped};

/// How many failures of a kind are told one by one.
pub(crate) const TOLD: u64 = 5;
/// How many kinds are told apart.
const KINDS: usize = 6;

pub(crate) struct Account<'c> {
    context: &'c Context,
    json: bool,
    hints: bool,
    /// How often each kind happened, and what was said of the last.
    kinds: BTreeMap<String, (u64, String)>,
    /// Those that were told.
    hinted: BTreeSet<String>,
    pub(crate) exit: Exit,
}

#[derive(Serialize)]
struct Line<'l> {
    file: &'l str,
    error: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'l str>,
}

impl<'c> Account<'c> {
    pub(crate) fn new(context: &'c Context) -> Self {
        Self {
            context,
            json: false,
            hints: true,
            kinds: BTreeMap::new(),
            hinted: BTreeSet::new(),
            exit: Exit::Done,
        }
    }

    /// Prints a line of JSON for each failure, too.
    pub(crate) fn with_json(self, json: bool) -> Self {
        Self { json, ..self }
    }

    /// Says each failure in one line, for scripts that rely on that.
    pub(crate) fn without_hints(self) -> Self {
        Self {
            hints: false,
            ..self
        }
    }

    /// Takes what failed of a file.
    pub(crate) fn fail(&mut self, path: &Path, error: &Error) {
        let name = path.to_string_lossy();
        if self.json {
            let hint = hint::of(error.as_ref());
            // What can't be printed fails with the next line that matters.
            let _ = terminal::print_json(&Line {
                file: &name,
                error: &chain(error),
                hint: hint.as_deref(),
            });
        }
        self.fail_of(&shown(path), error);
    }

    /// Takes what failed of something that is shown so; of nothing in particular, if that is empty.
    pub(crate) fn fail_of(&mut self, name: &str, error: &Error) {
        self.exit = self.exit.and(Exit::of(error));
        let said = chain(error);
        let mut kind = kind_of(&said);
        if self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind) {
            kind = String::new();
        }
        let (number, last) = self.kinds.entry(kind).or_default();
        *number += 1;
        if *number > TOLD && !self.context.verbose {
            *last = said;
            return;
        }
        let about = match name {
            "" => String::new(),
            name => format!("{name}: "),
        };
        let line = format!("error: {about}{}", escape(&said));
        if self.hints {
            tell_wrapped(&line);
        } else {
            tell(line);
        }
        let hint = hint::of(error.as_ref()).filter(|_| self.hints);
        if let Some(hint) = hint
            && self.hinted.insert(hint.clone())
        {
            tell_wrapped(&format!("hint: {}", escape(&hint)));
        }
    }

    /// Says how many more there were, and how the command ends.
    pub(crate) fn end(&self) -> Exit {
        for (kind, (number, last)) in &self.kinds {
            let more = number.saturating_sub(TOLD);
            if more == 0 || self.context.verbose {
                continue;
            }
            if kind.is_empty() {
                tell(format_args!("error: and {more} more (`-v` tells of each)"));
            } else {
                tell(format_args!(
                    "error: and {more} more, the last: {} (`-v` tells of each)",
                    escape(last)
                ));
            }
        }
        self.exit
    }
}

/// Returns what failures of one kind have in common: what is said, without names and numbers.
pub(crate) fn kind_of(said: &str) -> String {
    let mut kind = String::new();
    for (number, part) in said.split('`').enumerate() {
        if number % 2 == 1 {
            kind.push('`');
            continue;
        }
        for word in part.split_whitespace() {
            let varies = word.bytes().any(|byte| byte.is_ascii_digit());
            kind.push_str(if varies { "#" } else { word });
            kind.push(' ');
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_kind_differ_in_names_and_numbers() {
        let same = |one, other| kind_of(one) == kind_of(other);
        assert!(same("`a/b` exists already", "`c d` exists already"));
        assert!(same(
            "cut short: 5 bytes are missing",
            "cut short: 17 bytes are missing"
        ));
        assert!(!same(
            "cannot open `a`: gone",
            "cannot open `a`: not allowed"
        ));
    }
}

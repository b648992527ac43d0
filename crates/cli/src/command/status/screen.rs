//! What `strongroom status` prints for people: what is wrong, each kind once with the first it is true of, and a line of totals.

use std::collections::HashMap;

use strongroom_client::file::Distance;
use strongroom_client::status::{Doubt, FileStatus};

use crate::account::{TOLD, kind_of};
use crate::terminal::{columns, count, fits, fitted, print, print_wrapped, tell, wrapped};
use crate::walk::PassedOver;

/// What is wrong, by kind, in the order in which it was found.
#[derive(Default)]
pub(super) struct Problems {
    kinds: HashMap<String, usize>,
    groups: Vec<Group>,
}

struct Group {
    title: String,
    /// What is said of the first alone.
    exact: String,
    advice: Option<&'static str>,
    /// The first few.
    first: Vec<String>,
    number: u64,
}

impl Problems {
    /// Takes what is wrong with something, which is shown as `what`: `title` says it of many, `exact` of this one.
    pub(super) fn add(
        &mut self,
        what: String,
        title: String,
        exact: String,
        advice: Option<&'static str>,
    ) {
        let groups = &mut self.groups;
        let place = *self.kinds.entry(kind_of(&title)).or_insert_with(|| {
            groups.push(Group {
                title,
                exact,
                advice,
                first: Vec::new(),
                number: 0,
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.number += 1;
            if group.number <= TOLD {
                group.first.push(what);
            }
        }
    }

    pub(super) fn print(&self) -> std::io::Result<()> {
        let columns = columns();
        for group in &self.groups {
            match &group.first[..] {
                [only] => print_one(only, &group.exact, columns)?,
                several => {
                    print_wrapped(&group.title, "", columns)?;
                    for what in several {
                        print(format_args!("  {}", fitted(what, columns - 2)))?;
                    }
                }
            }
            let more = group.number - group.first.len() as u64;
            if more > 0 {
                print(format_args!("  and {more} more (`-v` tells of each)"))?;
            }
            if let Some(advice) = group.advice {
                let hint = format!("hint: {advice}");
                wrapped(&hint, columns)
                    .iter()
                    .for_each(|line| tell(line.trim_end()));
            }
        }
        Ok(())
    }
}

/// Prints what is wrong with one thing: on one line, if there is room.
fn print_one(what: &str, exact: &str, columns: usize) -> std::io::Result<()> {
    let line = format!("{what}  {exact}");
    if fits(&line, columns) {
        return print(line);
    }
    print(fitted(what, columns))?;
    print_wrapped(exact, "  ", columns)
}

/// Prints what is told of one thing behind its name, filled into lines.
pub(super) fn print_details(name: &str, details: &[String]) -> std::io::Result<()> {
    print(name)?;
    let columns = columns();
    let mut line = String::new();
    for detail in details {
        if !line.is_empty() && line.chars().count() + detail.chars().count() + 6 > columns {
            print(format_args!("    {line}"))?;
            line.clear();
        }
        if !line.is_empty() {
            line += "  ";
        }
        line += detail;
    }
    if !line.is_empty() {
        print(format_args!("    {line}"))?;
    }
    Ok(())
}

#[derive(Default)]
pub(super) struct Totals {
    pub(super) protected: u64,
    pub(super) unprotected: u64,
    /// Those that would be protected, were the spare elsewhere: on another disk than theirs, not in memory, or where it can
    /// be told.
    near: u64,
    in_memory: u64,
    cannot_tell: u64,
    /// Files that could not be read to their ends.
    unread: u64,
    /// Files that are not what they were.
    changed: u64,
    pub(super) secrets: u64,
    pub(super) unprotected_secrets: u64,
    /// Secrets that do not open what they are for.
    pub(super) unopenable: u64,
    /// Secrets of which it can't be told whether they open.
    pub(super) unchecked: u64,
    /// Names that no secret goes by.
    pub(super) missing: u64,
}

impl Totals {
    /// Begins with so many files that could not be read to their ends.
    pub(super) fn of_unread(unread: u64) -> Self {
        Self {
            unread,
            ..Self::default()
        }
    }

    /// Counts a file.
    pub(super) fn count(&mut self, status: &FileStatus, protected: bool) {
        self.see(status);
        if protected {
            self.protected += 1;
            return;
        }
        self.unprotected += 1;
        // Only the place of its spare keeps it from being protected.
        if status.is_protected(true) {
            match status.distance {
                Distance::AnotherDisk => {}
                Distance::CannotTell => self.cannot_tell += 1,
                Distance::InMemory => self.in_memory += 1,
                Distance::SameDisk => self.near += 1,
            }
        }
    }

    /// Counts what is not what it was.
    pub(super) fn see(&mut self, status: &FileStatus) {
        let is_changed = matches!(status.doubt, Some(Doubt::Changed(_) | Doubt::Damaged));
        self.changed += u64::from(is_changed);
    }

    pub(super) fn is_well(&self) -> bool {
        let amiss = self.unprotected + self.unprotected_secrets + self.unopenable;
        amiss + self.unchecked + self.missing == 0
    }

    /// Tells whether something is amiss that no authority can help.
    pub(super) fn is_damaged(&self) -> bool {
        self.unopenable + self.unchecked + self.unread + self.changed > 0
    }

    pub(super) fn print(
        &self,
        of_files: bool,
        of_secrets: bool,
        passed: &PassedOver,
    ) -> std::io::Result<()> {
        // That there was none is said where it fails.
        if of_files && self.protected + self.unprotected > 0 {
            print_wrapped(&self.of_files(passed), "", columns())?;
        }
        if of_secrets {
            print_wrapped(&self.of_secrets(), "", columns())?;
        }
        Ok(())
    }

    fn of_files(&self, passed: &PassedOver) -> String {
        let files = self.protected + self.unprotected;
        let mut line = format!(
            "{}: {} protected, {} not",
            count(files, "file", "files"),
            self.protected,
            self.unprotected
        );
        let places = [
            (self.near, "with the spare key on the same disk"),
            (self.in_memory, "with the spare key in memory"),
            (self.cannot_tell, "of which that can't be told"),
        ];
        let places: Vec<String> = places
            .iter()
            // One that is the only reason was told above.
            .filter(|(number, _)| *number > 0 && *number < self.unprotected)
            .map(|(number, place)| format!("{number} {place}"))
            .collect();
        if !places.is_empty() {
            line += &format!(" ({})", places.join(", "));
        }
        if self.unread > 0 {
            line += &format!("; {} not read to the end", self.unread);
        }
        if let Some(passed) = passed.to_line() {
            line += &format!("; {passed}");
        }
        line
    }

    fn of_secrets(&self) -> String {
        let mut line = format!(
            "{}: {} protected, {} not",
            count(self.secrets, "secret", "secrets"),
            self.secrets - self.unprotected_secrets,
            self.unprotected_secrets
        );
        for (number, what) in [
            (self.unopenable, "not opening"),
            (self.unchecked, "not checked"),
            (self.missing, "missing"),
        ] {
            if number > 0 {
                line += &format!("; {number} {what}");
            }
        }
        line
    }
}

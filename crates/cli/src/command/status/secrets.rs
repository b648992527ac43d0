//! The secrets in `strongroom status`: whether they are protected, whether they open what they are for, and which are
//! missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use strongroom_client::home::{Check, CheckRun, Home, HomeError, SecretRecord};
use strongroom_client::status::{Doubt, FileStatus, Inspector, SpareState};
use strongroom_protocol::text::composed;

use super::files::protected_with;
use super::screen::{Problems, Totals, print_details};
use super::{Arguments, Reporting, words};
use crate::check::{self, Outcome};
use crate::devices::DeviceLine;
use crate::exit::chain;
use crate::input::EmptyList;
use crate::keys::SecretKeys;
use crate::place;
use crate::terminal::{self, escape, tell};
use crate::text;

/// The length in bytes of the longest list of names that is read.
const NAMES_BYTES_MAX: u64 = 1 << 26;

/// What is expected of a name, and what is known of its secret.
pub(super) struct Seen {
    name: Option<String>,
    /// Nothing, where no secret goes by the name.
    known: Option<(SecretRecord, FileStatus)>,
}

impl Seen {
    /// Returns what is known of its secret, for the authority to confirm.
    pub(super) fn status(&mut self) -> Option<&mut FileStatus> {
        self.known.as_mut().map(|(_, status)| status)
    }
}

#[derive(Serialize)]
struct Line<'l> {
    secret: Option<&'l str>,
    serial: Option<String>,
    authority: Option<String>,
    state: Option<&'static str>,
    protected: bool,
    same_disk: Option<bool>,
    spare_on: Option<&'static str>,
    since: Option<String>,
    /// The device of the owner's that deposited it.
    device: Option<DeviceLine>,
    reason: Option<String>,
    /// Whether it opens what it is for, where that was ever checked.
    opens: Option<bool>,
    checked: Option<String>,
}

/// Reads the names that must be there: one a line; empty lines and those that begin with `#` say nothing.
pub(super) fn read_names(path: &Path) -> anyhow::Result<Vec<String>> {
    let failed = || format!("cannot read the names in `{}`", path.display());
    let text = text::read(path, NAMES_BYTES_MAX).with_context(failed)?;
    let mut known = BTreeSet::new();
    let names = strongroom_text::lines(&text).map(|(_, name)| composed(name));
    let names: Vec<String> = names.filter(|name| known.insert(name.clone())).collect();
    ensure!(!names.is_empty(), EmptyList::of(path));
    Ok(names)
}

/// Looks at the secrets of these names, or at all that are not superseded.
pub(super) fn inspect(
    inspector: &Inspector<'_>,
    home: &Home,
    names: Option<&[String]>,
) -> anyhow::Result<Vec<Seen>> {
    let current = home
        .secrets()?
        .into_iter()
        .filter(|secret| !secret.superseded);
    let wanted: Vec<(Option<String>, Option<SecretRecord>)> = match names {
        None => current
            .map(|secret| (secret.name.clone(), Some(secret)))
            .collect(),
        Some(names) => {
            let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for secret in current {
                if let Some(name) = secret.name.clone() {
                    by_name.entry(name).or_default().push(secret);
                }
            }
            names
                .iter()
                .flat_map(|name| match by_name.remove(name) {
                    None => vec![(Some(name.clone()), None)],
                    // Machines that deposited side by side left more than one.
                    Some(newest) => newest
                        .into_iter()
                        .map(|secret| (Some(name.clone()), Some(secret)))
                        .collect(),
                })
                .collect()
        }
    };
    wanted
        .into_iter()
        .map(|(name, record)| {
            let known = match record {
                Some(record) => {
                    let status = inspector.inspect_secret(record.serial)?;
                    Some((record, status))
                }
                None => None,
            };
            Ok(Seen { name, known })
        })
        .collect()
}

/// Says of each secret how it stands, having run its check where that is asked for.
///
/// The home is let go while checks run: they may last, or use it themselves.
pub(super) fn report(
    home: Home,
    seen: Vec<Seen>,
    reporting: &Reporting<'_>,
    (problems, totals): (&mut Problems, &mut Totals),
) -> anyhow::Result<()> {
    let (context, arguments) = (reporting.context, reporting.arguments);
    let mut keys = SecretKeys::new(context);
    let opened: Vec<_> = seen
        .into_iter()
        .map(|seen| {
            let known = seen.known.as_ref().map(|(record, _)| record);
            let checked = known.filter(|record| arguments.check && record.check.is_some());
            let secret = checked.map(|record| keys.open(&home, record.serial));
            (seen, secret)
        })
        .collect();
    drop(home);
    let mut ran = Vec::new();
    for (seen, secret) in opened {
        let name = seen.name.as_deref();
        let Some((mut record, status)) = seen.known else {
            totals.missing += 1;
            if reporting.is_listing() {
                print_missing(name, arguments)?;
            } else {
                let missing = || "missing: no secret goes by this name".to_owned();
                let advice = Some("`strongroom deposit --name NAME` deposits one");
                problems.add(shown(name), missing(), missing(), advice);
            }
            continue;
        };
        let mut said = None;
        let mut is_unchecked = arguments.check && record.check.is_none();
        if let (Some(secret), Some(check)) = (secret, &record.check) {
            let outcome = secret.and_then(|secret| check::run(&check.command, &secret));
            match outcome {
                Ok(outcome @ Outcome::NotRun) => {
                    is_unchecked = true;
                    said = Some(outcome.to_string());
                }
                Ok(outcome) => {
                    let run = CheckRun {
                        time: context.clock.now(),
                        opens: outcome == Outcome::Opens,
                    };
                    ran.push((record.serial, check.command.clone(), run));
                    record.check = Some(Check {
                        command: check.command.clone(),
                        run: Some(run),
                    });
                    said = Some(outcome.to_string());
                }
                Err(error) => {
                    is_unchecked = true;
                    said = Some(format!("not checked: {}", chain(&error)));
                }
            }
        }
        let run = record.check.as_ref().and_then(|check| check.run);
        let is_unopenable = run.is_some_and(|run| !run.opens);
        totals.unopenable += u64::from(is_unopenable);
        totals.unchecked += u64::from(is_unchecked);
        let protected = status.is_protected(arguments.same_disk_ok);
        totals.secrets += 1;
        totals.unprotected_secrets += u64::from(!protected);
        totals.see(&status);
        if reporting.is_listing() {
            print(name, (&record, &status, protected), said, reporting)?;
            continue;
        }
        if let Some(reason) = reason(&status, protected) {
            let title = format!("not protected: {reason}");
            let advice = match status.doubt {
                Some(Doubt::NotMatched) => Some(
                    "`strongroom recover --all` has the keys of secrets released that this machine did not deposit: then they are known here",
                ),
                _ => words::advice(&status),
            };
            problems.add(shown(name), title.clone(), title, advice);
        }
        if is_unopenable {
            let last = || run.map(|run| format!("did not open on {}", run.time));
            let title = said.or_else(last).unwrap_or_default();
            let advice = "a secret that was changed is deposited again under its name: `strongroom deposit --name NAME`";
            problems.add(shown(name), title.clone(), title, Some(advice));
        } else if is_unchecked {
            // Whoever asks for the checks is told of what has none.
            let title = said.unwrap_or_else(|| "not checked: it has no check".to_owned());
            problems.add(shown(name), title.clone(), title, None);
        }
    }
    if !ran.is_empty() {
        match Home::try_open(&context.home) {
            Ok(Some(mut home)) => {
                for (serial, command, run) in &ran {
                    home.record_check(*serial, command, *run)?;
                }
            }
            Ok(None) => context.say(
                "another command is at work in your Strongroom folder: that the checks were run is not remembered",
            ),
            Err(HomeError::ReadOnly { .. }) => tell(
                "warning: your Strongroom folder can't be written: that the checks were run is not remembered",
            ),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn print(
    name: Option<&str>,
    (record, status, protected): (&SecretRecord, &FileStatus, bool),
    said: Option<String>,
    reporting: &Reporting<'_>,
) -> std::io::Result<()> {
    let reason = reason(status, protected);
    let run = record.check.as_ref().and_then(|check| check.run);
    let devices = reporting.devices;
    if reporting.arguments.json {
        return terminal::print_json(&Line {
            secret: name,
            serial: Some(record.serial.to_string()),
            authority: status.pointer.map(|pointer| pointer.authority.to_string()),
            state: status.state.map(SpareState::as_str),
            protected,
            same_disk: place::is_same_disk(status.distance),
            spare_on: Some(status.distance.as_str()),
            since: Some(record.since.to_string()),
            device: Some(devices.line(record.device)),
            reason: reason.or_else(|| said.filter(|said| said != "opens")),
            opens: run.map(|run| run.opens),
            checked: run.map(|run| run.time.to_string()),
        });
    }
    let stands = match reason {
        _ if protected => protected_with(status.distance),
        reason => format!("not protected: {}", reason.unwrap_or_default()),
    };
    let checked = match (said, run, &record.check) {
        (Some(said), _, _) => escape(&said),
        (None, Some(run), _) if run.opens => format!("opened on {}", run.time),
        (None, Some(run), _) => format!("did not open on {}", run.time),
        (None, None, Some(_)) => "its check has not run since it was deposited".to_owned(),
        (None, None, None) => "has no check".to_owned(),
    };
    let mut details = vec![
        checked,
        format!("since {}", record.since),
        format!("serial {}", record.serial),
    ];
    let other = devices.by_other(record.device);
    details.extend(other.map(|other| format!("deposited {other}")));
    print_details(&format!("{}  {stands}", shown(name)), &details)
}

/// Says what keeps a secret from being protected.
fn reason(status: &FileStatus, protected: bool) -> Option<String> {
    if status.doubt == Some(Doubt::NotMatched) {
        return Some(
            "this machine has no record of depositing it, and was not released its key".to_owned(),
        );
    }
    words::reason(status, protected)
}

fn print_missing(name: Option<&str>, arguments: &Arguments) -> std::io::Result<()> {
    let reason = "no secret goes by this name";
    if arguments.json {
        return terminal::print_json(&Line {
            secret: name,
            serial: None,
            authority: None,
            state: None,
            protected: false,
            same_disk: None,
            spare_on: None,
            since: None,
            device: None,
            reason: Some(reason.to_owned()),
            opens: None,
            checked: None,
        });
    }
    terminal::print(format_args!("{}  missing: {reason}", shown(name)))
}

fn shown(name: Option<&str>) -> String {
    name.map_or_else(|| "(no name)".to_owned(), escape)
}

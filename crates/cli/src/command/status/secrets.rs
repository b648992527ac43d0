//! The secrets in `strongroom status`: whether they are protected, whether they open what they are for, and which are
//! missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use strongroom_client::file::Distance;
use strongroom_client::home::{Check, CheckRun, Home, SecretRecord};
use strongroom_client::status::{Doubt, FileStatus, Inspector, SpareState};
use strongroom_protocol::text::composed;

use super::{Arguments, Totals, reason};
use crate::check::{self, Outcome};
use crate::command::deposit::NoLines;
use crate::context::Context;
use crate::devices::{DeviceLine, Devices};
use crate::exit::chain;
use crate::keys::SecretKeys;
use crate::place;
use crate::terminal::{self, escape};
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
    ensure!(!names.is_empty(), NoLines(path.to_path_buf()));
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
    context: &Context,
    home: Home,
    seen: Vec<Seen>,
    arguments: &Arguments,
    totals: &mut Totals,
) -> anyhow::Result<()> {
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
    let devices = Devices::of(&home)?;
    drop(home);
    let mut ran = Vec::new();
    for (seen, secret) in opened {
        let name = seen.name.as_deref();
        let Some((mut record, status)) = seen.known else {
            totals.missing += 1;
            print_missing(name, arguments)?;
            continue;
        };
        let mut said = None;
        if let (Some(secret), Some(check)) = (secret, &record.check) {
            let outcome = secret.and_then(|secret| check::run(&check.command, &secret));
            match outcome {
                Ok(outcome @ Outcome::NotRun) => {
                    totals.unchecked += 1;
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
                    totals.unchecked += 1;
                    said = Some(format!("not checked: {}", chain(&error)));
                }
            }
        }
        let run = record.check.as_ref().and_then(|check| check.run);
        totals.unopenable += u64::from(run.is_some_and(|run| !run.opens));
        // Whoever asks for the checks is told of what has none.
        totals.unchecked += u64::from(arguments.check && record.check.is_none());
        let protected = status.is_protected(arguments.same_disk_ok);
        totals.secrets += 1;
        totals.unprotected_secrets += u64::from(!protected);
        if status.doubt == Some(Doubt::NotMatched) {
            totals.hints.insert(
                "`strongroom recover --all` has the keys of secrets released that this machine did not deposit: then they are known here",
            );
        } else {
            totals.see(&status);
        }
        let spare = (&record, &status, protected);
        print(name, spare, said, &devices, arguments)?;
    }
    if !ran.is_empty() {
        let mut home = Home::open(&context.home)?;
        for (serial, command, run) in &ran {
            home.record_check(*serial, command, *run)?;
        }
    }
    Ok(())
}

fn print(
    name: Option<&str>,
    (record, status, protected): (&SecretRecord, &FileStatus, bool),
    said: Option<String>,
    devices: &Devices,
    arguments: &Arguments,
) -> std::io::Result<()> {
    let reason = status.doubt.as_ref().map(reason_of).or_else(|| {
        let doubt = place::doubt(status.distance).filter(|_| !protected);
        doubt.map(str::to_owned)
    });
    let run = record.check.as_ref().and_then(|check| check.run);
    if arguments.json {
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
    let mut line = format!("{}  ", shown(name));
    line += &match reason {
        _ if protected && status.distance != Distance::AnotherDisk => {
            format!("protected, with {}", place::with(status.distance))
        }
        _ if protected => "protected".to_owned(),
        // It would be, elsewhere; the two words are never said of it.
        Some(reason) if status.doubt.is_none() => reason,
        reason => format!("not protected: {}", reason.unwrap_or_default()),
    };
    line += &match (said, run, &record.check) {
        (Some(said), _, _) => format!("  {said}"),
        (None, Some(run), _) if run.opens => format!("  opened on {}", run.time),
        (None, Some(run), _) => format!("  did not open on {}", run.time),
        (None, None, Some(_)) => "  its check has not run since it was deposited".to_owned(),
        (None, None, None) => "  has no check".to_owned(),
    };
    line += &format!("  since {}  serial {}", record.since, record.serial);
    if let Some(other) = devices.by_other(record.device) {
        line += &format!("  deposited {other}");
    }
    terminal::print(escape(&line))
}

/// Says what keeps a secret from being protected.
fn reason_of(doubt: &Doubt) -> String {
    if *doubt == Doubt::NotMatched {
        return "this machine has no record of depositing it, and was not released its key"
            .to_owned();
    }
    reason(doubt)
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

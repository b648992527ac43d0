//! The files in `strongroom status`.

use std::path::Path;

use serde::Serialize;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::file::Distance;
use strongroom_client::status::{FileStatus, SpareState, StatusError};

use super::screen::{Problems, Totals, print_details};
use super::{Reporting, words};
use crate::devices::DeviceLine;
use crate::input::Input;
use crate::place;
use crate::terminal::{self, escape, shown};
use crate::walk::{PassedOver, Used};

#[derive(Serialize)]
struct Line<'l> {
    file: &'l str,
    serial: Option<String>,
    authority: Option<String>,
    state: Option<&'static str>,
    protected: bool,
    same_disk: Option<bool>,
    spare_on: Option<&'static str>,
    detached: bool,
    since: Option<String>,
    /// The device of the owner's that deposited it.
    device: Option<DeviceLine>,
    read_whole: Option<String>,
    reason: Option<String>,
}

/// Tells of each file how it stands: what is wrong, for people; all of it, with `--verbose` and in JSON.
pub(super) fn report<'f>(
    files: impl IntoIterator<Item = (&'f Input, Result<FileStatus, StatusError>)>,
    reporting: &Reporting<'_>,
    (problems, totals): (&mut Problems, &mut Totals),
    (used, passed): (&mut Used, &mut PassedOver),
) -> anyhow::Result<()> {
    for (file, status) in files {
        match status {
            Ok(status) => {
                used.add(file);
                let protected = status.is_protected(reporting.arguments.same_disk_ok);
                totals.count(&status, protected);
                if reporting.is_listing() {
                    print(&file.path, &status, protected, reporting)?;
                } else if !protected {
                    let mut exact = words::reason(&status, protected).unwrap_or_default();
                    let other = status
                        .device
                        .map(|device| reporting.devices.by_other(device));
                    if let Some(other) = other.flatten() {
                        exact += &format!("; deposited {other}");
                    }
                    problems.add(
                        shown(&file.path),
                        format!("not protected: {}", words::title(&status, protected)),
                        format!("not protected: {exact}"),
                        words::advice(&status),
                    );
                }
            }
            Err(StatusError::Header(ReadHeaderError::NotAge))
                if let Some(kind) = file.foreign() =>
            {
                passed.add(kind, file.path.clone());
            }
            Err(StatusError::Home(error)) => return Err(error.into()),
            Err(error) => {
                used.add(file);
                totals.unprotected += 1;
                let advice = words::on_unread(&file.path, &error);
                let reason = words::unread(&file.path, error);
                if reporting.is_listing() {
                    print_unread(&file.path, reason, reporting)?;
                } else {
                    let title = format!("not protected: {}", escape(&reason));
                    problems.add(shown(&file.path), title.clone(), title, advice);
                }
            }
        }
    }
    Ok(())
}

impl Reporting<'_> {
    /// Tells whether everything is listed, and not what is wrong alone.
    pub(super) fn is_listing(&self) -> bool {
        self.arguments.json || self.context.verbose
    }
}

fn print(
    path: &Path,
    status: &FileStatus,
    protected: bool,
    reporting: &Reporting<'_>,
) -> std::io::Result<()> {
    let state = status.state.map(SpareState::as_str);
    let reason = words::reason(status, protected);
    let devices = reporting.devices;
    if reporting.arguments.json {
        return terminal::print_json(&Line {
            file: &path.to_string_lossy(),
            serial: status.pointer.map(|pointer| pointer.serial.to_string()),
            authority: status.pointer.map(|pointer| pointer.authority.to_string()),
            state,
            protected,
            same_disk: place::is_same_disk(status.distance),
            spare_on: Some(status.distance.as_str()),
            detached: status.detached,
            since: status.since.map(|since| since.to_string()),
            device: status.device.map(|device| devices.line(device)),
            read_whole: status.read_whole.map(|read| read.to_string()),
            reason,
        });
    }
    let said = match reason {
        _ if protected => protected_with(status.distance),
        reason => format!("not protected: {}", reason.unwrap_or_default()),
    };
    let mut details = Vec::new();
    details.extend(state.map(str::to_owned));
    if status.detached {
        details.push("detached".to_owned());
    }
    details.extend(status.since.map(|since| format!("since {since}")));
    let other = status.device.and_then(|device| devices.by_other(device));
    details.extend(other.map(|other| format!("deposited {other}")));
    details.extend(status.read_whole.map(|read| format!("read whole {read}")));
    if let Some(pointer) = status.pointer {
        details.push(format!("serial {}", pointer.serial));
        details.push(format!("at {}", pointer.authority));
    }
    print_details(&format!("{}  {said}", shown(path)), &details)
}

/// Says that something is protected, and of which place that was said to do.
pub(super) fn protected_with(distance: Distance) -> String {
    if distance == Distance::AnotherDisk {
        return "protected".to_owned();
    }
    format!("protected, with {}", place::with(distance))
}

fn print_unread(path: &Path, reason: String, reporting: &Reporting<'_>) -> std::io::Result<()> {
    if reporting.arguments.json {
        return terminal::print_json(&Line {
            file: &path.to_string_lossy(),
            serial: None,
            authority: None,
            state: None,
            protected: false,
            same_disk: None,
            spare_on: None,
            detached: false,
            since: None,
            device: None,
            read_whole: None,
            reason: Some(reason),
        });
    }
    let reason = escape(&reason);
    terminal::print(format_args!("{}  not protected: {reason}", shown(path)))
}

//! What `strongroom deposit` says: of each secret's bytes before, and of its deposit after.

use anyhow::Error;
use serde::Serialize;
use strongroom_client::file::{Disks, Distance};
use strongroom_client::home::Home;
use strongroom_client::secret::DepositedSecret;
use strongroom_client::simple_blob::DepositedBlob;
use strongroom_client::status::SpareState;
use strongroom_protocol::receipt::DepositState;

use super::{Arguments, Entry};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::place;
use crate::progress::Progress;
use crate::terminal::{self, count, escape, tell};

pub(super) struct Report<'c> {
    context: &'c Context,
    json: bool,
    same_disk_ok: bool,
    /// Where the spares are.
    place: Distance,
    bar: Progress,
    total: u64,
    deposited: u64,
    unchanged: u64,
    /// Those that another machine deposited last.
    foreign: u64,
    /// Those that a sealed key kept from being compared.
    sealed: u64,
    failed: u64,
}

/// Why a secret was not compared with what is there under its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Another machine of the owner's deposited it, which was not said yet.
    Foreign,
    /// The same, and it was said before.
    ForeignAgain,
    /// The owner's key is sealed, and no passphrase is at hand.
    Sealed,
}

#[derive(Serialize)]
struct Line<'l> {
    name: Option<&'l str>,
    serial: String,
    authority: String,
    state: &'static str,
    protected: bool,
    same_disk: Option<bool>,
    spare_on: &'static str,
    since: String,
    /// The serials of those under its name that it takes the place of.
    supersedes: Vec<String>,
}

impl<'c> Report<'c> {
    pub(super) fn new(context: &'c Context, arguments: &Arguments, total: usize) -> Self {
        Self {
            context,
            json: arguments.json,
            same_disk_ok: arguments.same_disk_ok,
            place: Distance::CannotTell,
            bar: Progress::counted(context, "secret", "secrets"),
            total: total as u64,
            deposited: 0,
            unchanged: 0,
            foreign: 0,
            sealed: 0,
            failed: 0,
        }
    }

    /// Looks where the spares are.
    pub(super) fn see(&mut self, home: &Home) -> anyhow::Result<()> {
        let address = home.membership()?.map(|membership| membership.address);
        self.place = address.map_or(Distance::CannotTell, |address| {
            address.distance(&Disks::look(), home.root())
        });
        Ok(())
    }

    pub(super) fn deposited(
        &mut self,
        name: Option<&str>,
        deposited: &DepositedSecret,
    ) -> std::io::Result<()> {
        self.deposited += 1;
        self.step();
        // We have just encrypted it with the key that was deposited.
        let state = if deposited.spare.state == DepositState::Verified {
            SpareState::Matched
        } else {
            SpareState::Deposited
        };
        if self.json {
            let line = Line {
                name,
                serial: deposited.spare.serial.to_string(),
                authority: deposited.spare.authority.to_string(),
                state: state.as_str(),
                protected: state == SpareState::Matched && self.is_place_ok(),
                same_disk: place::is_same_disk(self.place),
                spare_on: self.place.as_str(),
                since: deposited.spare.time.to_string(),
                supersedes: deposited
                    .supersedes
                    .iter()
                    .map(|(serial, _)| serial.to_string())
                    .collect(),
            };
            return self.bar.aside(|| terminal::print_json(&line));
        }
        self.bar.aside(|| {
            let before = deposited.supersedes.iter();
            let before = before.map(|(serial, time)| format!("  supersedes {serial} of {time}"));
            self.context.say(format_args!(
                "{}{}  serial {}{}",
                shown(name),
                deposited.spare.state.as_str(),
                deposited.spare.serial,
                before.collect::<String>()
            ));
        });
        Ok(())
    }

    /// Says what became of a SIMPLEBLOB.
    pub(super) fn blob(
        &mut self,
        deposited: &DepositedBlob,
        state: &'static str,
    ) -> std::io::Result<()> {
        self.deposited += 1;
        self.step();
        if self.json {
            let matched = state == SpareState::Matched.as_str();
            return terminal::print_json(&Line {
                name: None,
                serial: deposited.spare.serial.to_string(),
                authority: deposited.spare.authority.to_string(),
                state,
                protected: matched && self.is_place_ok(),
                same_disk: place::is_same_disk(self.place),
                spare_on: self.place.as_str(),
                since: deposited.spare.time.to_string(),
                supersedes: Vec::new(),
            });
        }
        self.context
            .say(format_args!("{state}  serial {}", deposited.spare.serial));
        Ok(())
    }

    fn is_place_ok(&self) -> bool {
        self.place == Distance::AnotherDisk || self.same_disk_ok
    }

    pub(super) fn unchanged(&mut self) {
        self.unchanged += 1;
        self.step();
    }

    pub(super) fn not_compared(&mut self, name: Option<&str>, why: Why) {
        match why {
            Why::Foreign | Why::ForeignAgain => self.foreign += 1,
            Why::Sealed => self.sealed += 1,
        }
        self.step();
        if why == Why::Foreign {
            self.bar.aside(|| {
                tell(format_args!(
                    "{}another machine of yours deposited the newest under this name, and this one can't open it: not \
                     compared, not deposited. `--force` deposits yours; `strongroom recover --serial` gets that one.",
                    shown(name)
                ));
            });
        }
    }

    pub(super) fn failed(&mut self, name: Option<&str>, error: &Error) {
        self.failed += 1;
        self.step();
        self.bar
            .aside(|| exit::fail(name.unwrap_or_default(), error));
    }

    fn step(&self) {
        let done = self.deposited + self.unchanged + self.foreign + self.sealed + self.failed;
        self.bar.of(done, self.total);
    }

    /// Says what holds for all of them, and how the command ends.
    pub(super) fn end(self) -> anyhow::Result<Exit> {
        drop(self.bar);
        let not_compared = self.foreign + self.sealed;
        if self.unchanged + not_compared > 0 {
            let mut line = format!(
                "{} deposited, {} unchanged",
                count(self.deposited, "secret", "secrets"),
                self.unchanged
            );
            if not_compared > 0 {
                line += &format!(", {not_compared} not compared and not deposited");
            }
            self.context.say(line);
        }
        if self.sealed > 0 {
            tell(
                "error: your key is sealed, so what is there could not be compared\n\
                 hint: set STRONGROOM_PASSPHRASE; or `--force` deposits all of it anew",
            );
        }
        if self.deposited > 0
            && !self.same_disk_ok
            && let Some(warning) = place::warning(self.place)
        {
            self.context.say(format_args!(
                "{warning} (`strongroom status --check` says more)"
            ));
        }
        Ok(if self.failed + self.sealed > 0 {
            Exit::Failed
        } else {
            Exit::Done
        })
    }
}

fn shown(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("{}  ", escape(name)))
}

/// Warns of what a program or an editor adds to a secret, which the lock it opens may not know of.
pub(super) fn warn(context: &Context, entry: &Entry) {
    if context.quiet {
        return;
    }
    let secret = entry.secret.expose();
    let about = entry
        .name
        .as_deref()
        .map_or_else(String::new, |name| format!("{}: ", escape(name)));
    let say = |what: &str| tell(format_args!("warning: {about}the secret {what}"));
    if secret.starts_with(&[0xef, 0xbb, 0xbf]) {
        say("begins with a byte order mark, which is kept");
    }
    if secret.windows(2).any(|pair| pair == b"\r\n") {
        say("has lines that end as in Windows (CR LF), which is kept");
    } else if secret.ends_with(b"\n") {
        say("ends with a newline, which is kept: `printf %s` writes none");
    }
}

//! What `strongroom encrypt` says of each file, when it is there.

use std::path::{Path, PathBuf};

use serde::Serialize;
use strongroom_client::Address;
use strongroom_client::encrypt::{EncryptError, Encrypted, Watch};
use strongroom_client::file::{Disks, Distance};
use strongroom_client::status::SpareState;
use strongroom_protocol::receipt::DepositState;

use super::Arguments;
use super::choice::{Named, Tally};
use crate::account::Account;
use crate::context::Context;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::terminal::{self, shown};
use crate::walk::Walk;
use crate::{place, stream};

/// Watches the work, and says what came of it.
pub(super) struct Report<'c> {
    context: &'c Context,
    json: bool,
    same_disk_ok: bool,
    named: Vec<Named>,
    /// Where the spares are.
    address: Address,
    disks: Disks,
    bar: Progress,
    /// The job that is written: it is done only some time later.
    at: usize,
    done: u64,
    /// The worst place of a spare.
    place: Distance,
    again: u64,
    account: Account<'c>,
    /// Standard output failed.
    broken: Option<anyhow::Error>,
}

#[derive(Serialize)]
struct Line {
    file: String,
    source: Option<String>,
    serial: String,
    authority: String,
    state: &'static str,
    protected: bool,
    same_disk: Option<bool>,
    spare_on: &'static str,
    bytes: u64,
}

impl<'c> Report<'c> {
    pub(super) fn new(
        context: &'c Context,
        arguments: &Arguments,
        named: Vec<Named>,
        address: Address,
        account: Account<'c>,
    ) -> Self {
        let length = |named: &Named| {
            let metadata = named
                .source
                .as_deref()
                .and_then(|path| path.metadata().ok());
            metadata.map_or(0, |metadata| metadata.len())
        };
        Self {
            context,
            json: arguments.json,
            same_disk_ok: arguments.same_disk_ok,
            bar: Progress::files(context, named.len() as u64, named.iter().map(length).sum()),
            named,
            address,
            disks: Disks::look(),
            at: 0,
            done: 0,
            place: Distance::AnotherDisk,
            again: 0,
            account,
            broken: None,
        }
    }

    /// Tells whether any file was encrypted.
    pub(super) fn did_any(&self) -> bool {
        self.done > 0
    }

    /// Says what holds for all of them, and how the command ends.
    pub(super) fn end(self, hybrid: bool, mut tally: Tally, walk: &Walk) -> anyhow::Result<Exit> {
        drop(self.bar);
        if self.done > 0 && hybrid {
            self.context.say("opens with age 1.3 and later");
        }
        if let Some(warning) = place::warning(self.place).filter(|_| !self.same_disk_ok) {
            self.context
                .say(format_args!("{warning} (`strongroom status` says more)"));
        }
        if let Some(error) = self.broken {
            return Err(error);
        }
        tally.done = self.done;
        tally.again = self.again;
        tally.end(self.context, walk, self.account)
    }

    fn say(&mut self, named: usize, encrypted: &Encrypted) {
        let Some(named) = self.named.get(named) else {
            return;
        };
        // Where a pipe ends is not ours to say.
        let place = match named.target.as_deref() {
            Some(path) => self.address.distance(&self.disks, path),
            None => Distance::CannotTell,
        };
        self.done += 1;
        self.again += u64::from(named.again);
        if named.target.is_some() {
            self.place = place::worse(self.place, place);
        }
        // We have just written the header with the key that was deposited.
        let state = if encrypted.spare.state == DepositState::Verified {
            SpareState::Matched
        } else {
            SpareState::Deposited
        };
        let text = |path: &Option<PathBuf>| {
            path.as_deref()
                .map(|path| path.to_string_lossy().into_owned())
        };
        if self.json {
            let line = Line {
                file: text(&named.target).unwrap_or_else(|| "-".to_owned()),
                source: text(&named.source),
                serial: encrypted.spare.serial.to_string(),
                authority: encrypted.spare.authority.to_string(),
                state: state.as_str(),
                protected: state == SpareState::Matched
                    && (place == Distance::AnotherDisk || self.same_disk_ok),
                same_disk: place::is_same_disk(place),
                spare_on: place.as_str(),
                bytes: encrypted.bytes,
            };
            if let Err(error) = self.bar.aside(|| terminal::print_json(&line)) {
                self.broken.get_or_insert(error.into());
            }
            return;
        }
        if !named.is_named && !self.context.verbose {
            return;
        }
        let name = named.target.as_deref().map_or("-".to_owned(), shown);
        self.bar.aside(|| {
            self.context.say(format_args!(
                "{name}  {}  serial {}",
                encrypted.spare.state.as_str(),
                encrypted.spare.serial
            ));
        });
    }
}

impl Report<'_> {
    /// Warns of what is whole and may not be what was meant, also when little is to be said.
    fn warn(&mut self, job: usize, encrypted: &Encrypted) {
        let source = self
            .named
            .get(job)
            .and_then(|named| named.source.as_deref());
        if encrypted.changed {
            let name = source.map_or("standard input".to_owned(), shown);
            self.bar.aside(|| {
                terminal::tell(format_args!(
                    "warning: {name} changed while it was read: what was encrypted is of no one moment"
                ));
            });
            self.account.exit = self.account.exit.and(Exit::Failed);
        }
        let from_pipe = source.is_none_or(stream::is_read_once);
        if encrypted.bytes == 0 && from_pipe {
            self.bar.aside(|| {
                terminal::tell(
                    "warning: nothing came through the pipe: the encrypted file is of nothing",
                );
            });
        }
    }
}

impl Watch for Report<'_> {
    fn progress(&mut self, job: usize, bytes: u64) {
        if std::mem::replace(&mut self.at, job) != job {
            self.bar.next();
        }
        self.bar.bytes(bytes);
    }

    fn done(&mut self, job: usize, result: Result<Encrypted, EncryptError>) {
        self.bar.one();
        match result {
            Ok(encrypted) => {
                self.say(job, &encrypted);
                self.warn(job, &encrypted);
            }
            Err(error) => {
                let named = self.named.get(job);
                let source = named.and_then(|named| named.source.as_deref());
                let path = source.unwrap_or(Path::new("-"));
                let error = anyhow::Error::new(error);
                if crate::causes::is_closed_pipe(error.as_ref()) {
                    self.broken = Some(error);
                    return;
                }
                let account = &mut self.account;
                self.bar.aside(|| account.fail(path, &error));
            }
        }
    }
}

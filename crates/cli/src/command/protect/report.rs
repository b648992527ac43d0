//! What `strongroom protect` says of each file, when it has its spare.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::capi::{Seen, Source};
use strongroom_client::file::{Disks, Distance};
use strongroom_client::kind::FileKind;
use strongroom_client::protect::{Look, ProtectError, Protected, Standing, Watch};
use strongroom_client::status::SpareState;
use strongroom_client::{Address, Confirmation};
use strongroom_protocol::receipt::DepositState;

use super::Arguments;
use crate::account::Account;
use crate::cipher::{begins, judgement, warn_of_doubts};
use crate::context::Context;
use crate::exit::Exit;
use crate::input::{self, Input};
use crate::place;
use crate::progress::Progress;
use crate::terminal::{self, count, shown};
use crate::walk::{Kind, NOTHING_ENCRYPTED, Used, Walk};

/// Watches the work, and says what came of it.
pub(super) struct Report<'c> {
    context: &'c Context,
    json: bool,
    dry_run: bool,
    is_capi: bool,
    same_disk_ok: bool,
    files: &'c [Input],
    walk: Walk,
    used: Used,
    /// Where the spares are.
    address: Address,
    disks: Disks,
    bar: Progress,
    done: u64,
    before: u64,
    failed: u64,
    /// As what files were read of which no line says it, on nobody's word, and how many.
    assumed: BTreeMap<String, u64>,
    /// The worst place of a spare.
    place: Distance,
    account: Account<'c>,
    /// Standard output failed.
    broken: Option<io::Error>,
}

#[derive(Serialize)]
struct Line {
    file: String,
    serial: Option<String>,
    authority: Option<String>,
    state: Option<&'static str>,
    protected: bool,
    same_disk: Option<bool>,
    spare_on: &'static str,
    detached: bool,
    before: &'static str,
    dry_run: bool,
    /// Of a file of CryptoAPI's: what the program is taken to have set on its session key, and how the plaintext begins.
    read_as: Option<String>,
    assumed: Option<bool>,
    begins_with: Option<String>,
}

impl<'c> Report<'c> {
    pub(super) fn new(
        context: &'c Context,
        arguments: &Arguments,
        files: &'c [Input],
        mut walk: Walk,
        address: Address,
    ) -> Self {
        let mut account = Account::new(context).with_json(arguments.json);
        walk.tell_unreadable(&mut account);
        Self {
            context,
            json: arguments.json,
            dry_run: arguments.dry_run,
            is_capi: arguments.key.is_some(),
            same_disk_ok: arguments.same_disk_ok,
            files,
            walk,
            used: Used::default(),
            address,
            disks: Disks::look(),
            bar: Progress::files(context, files.len() as u64, 0),
            done: 0,
            before: 0,
            failed: 0,
            assumed: BTreeMap::new(),
            place: Distance::AnotherDisk,
            account,
            broken: None,
        }
    }

    /// Says what would be done about a file.
    pub(super) fn looked(&mut self, number: usize, look: Result<Look, ProtectError>) {
        match look {
            Ok(look) => {
                let (spare, detached) = match look.before {
                    Standing::Spared { spare, detached } => (Some(spare), detached),
                    Standing::Bare | Standing::Doubtful { .. } => (None, look.detached),
                };
                self.say(number, spare, detached, look.before, look.seen.as_ref());
            }
            Err(error) => self.fail(number, error),
        }
    }

    /// Says what holds for all of them, and how the command ends.
    pub(super) fn end(mut self) -> anyhow::Result<Exit> {
        drop(self.bar);
        let files = |number| count(number, "file", "files");
        let nothing = match self.is_capi {
            true => "no file of CryptoAPI's example programs was found",
            false => NOTHING_ENCRYPTED,
        };
        self.walk.tell_empty(&mut self.account, &self.used, nothing);
        let mut line = match self.dry_run {
            true => format!("{} would get a spare", files(self.done)),
            false => format!("{} got a spare", files(self.done)),
        };
        for (number, what) in [(self.before, "had one"), (self.failed, "failed")] {
            if number > 0 {
                line += &format!(", {number} {what}");
            }
        }
        self.context.say(line);
        for (read_as, number) in &self.assumed {
            let them = if *number == 1 { "it" } else { "them" };
            self.context.say(format_args!(
                "{} read as {read_as}: assumed, as nothing in {them} says it",
                files(*number)
            ));
        }
        self.walk.passed.tell(self.context);
        if let Some(warning) = place::warning(self.place).filter(|_| !self.same_disk_ok) {
            self.context
                .say(format_args!("{warning} (`strongroom status` says more)"));
        }
        match self.broken {
            Some(error) => Err(error.into()),
            None => Ok(self.account.end()),
        }
    }

    fn say(
        &mut self,
        number: usize,
        spare: Option<Confirmation>,
        detached: bool,
        before: Standing,
        seen: Option<&Seen>,
    ) {
        self.bar.file();
        let Some(file) = self.files.get(number) else {
            return;
        };
        self.used.add(file);
        let place = self.address.distance(&self.disks, &file.path);
        if spare.is_some() {
            self.place = place::worse(self.place, place);
        }
        match before {
            Standing::Spared { .. } => self.before += 1,
            Standing::Bare | Standing::Doubtful { .. } => self.done += 1,
        }
        // The session key was at hand when it was deposited, here or earlier.
        let state = spare.map(|spare| {
            if spare.state == DepositState::Verified {
                SpareState::Matched
            } else {
                SpareState::Deposited
            }
        });
        // What would be done is what is asked for.
        let is_told = file.named || self.dry_run || self.context.verbose;
        if let Some(seen) = seen {
            self.bar.aside(|| warn_of_doubts(&file.path, seen));
            if seen.source == Source::Assumed && (self.json || !is_told) {
                let read_as = seen.parameters.describe(seen.algorithm);
                *self.assumed.entry(read_as).or_default() += 1;
            }
        }
        if self.json {
            let line = Line {
                file: file.path.to_string_lossy().into_owned(),
                serial: spare.map(|spare| spare.serial.to_string()),
                authority: spare.map(|spare| spare.authority.to_string()),
                state: state.map(SpareState::as_str),
                protected: state == Some(SpareState::Matched)
                    && (place == Distance::AnotherDisk || self.same_disk_ok),
                same_disk: place::is_same_disk(place),
                spare_on: place.as_str(),
                detached,
                before: match before {
                    Standing::Bare => "bare",
                    Standing::Doubtful { .. } => "doubtful",
                    Standing::Spared { .. } => "spared",
                },
                dry_run: self.dry_run,
                read_as: seen.map(|seen| seen.parameters.describe(seen.algorithm)),
                assumed: seen.map(|seen| seen.source == Source::Assumed),
                begins_with: seen.map(|seen| begins(&seen.beginning)),
            };
            if let Err(error) = self.bar.aside(|| terminal::print_json(&line)) {
                self.broken.get_or_insert(error);
            }
            return;
        }
        if !is_told {
            return;
        }
        let mut line = shown(&file.path);
        match (before, spare) {
            (Standing::Spared { .. }, _) => line += "  has its spare already",
            (_, None) => line += "  would get a spare",
            (_, Some(spare)) => line += &format!("  its spare is {}", spare.state.as_str()),
        }
        if let Some(spare) = spare {
            line += &format!(", serial {}", spare.serial);
        }
        if detached {
            line += "  detached";
        }
        line += &doubt(before);
        for sentence in seen.map(judgement).into_iter().flatten() {
            line += &format!("\n    {sentence}");
        }
        self.bar.aside(|| self.context.say(line));
    }

    fn fail(&mut self, number: usize, error: ProtectError) {
        self.bar.file();
        let Some(file) = self.files.get(number) else {
            return;
        };
        if let ProtectError::CapiKey = error
            && !file.named
        {
            self.used.add(file);
            self.walk.passed.add(Kind::Capi, file.path.clone());
            return;
        }
        // It has neither of the two layouts, or not the one that is looked for.
        if let ProtectError::Header(ReadHeaderError::NotAge) | ProtectError::Capi(_) = error {
            let is_age = matches!(FileKind::of(&file.path), Ok(FileKind::Age));
            let passed = match is_age && !file.named {
                true => Some(Kind::NotEncrypted),
                false => file.foreign(),
            };
            if let Some(kind) = passed {
                self.walk.passed.add(kind, file.path.clone());
                return;
            }
        }
        self.used.add(file);
        self.failed += 1;
        let error = input::explained(&file.path, error.into());
        let account = &mut self.account;
        self.bar.aside(|| account.fail(&file.path, &error));
    }
}

/// Says why a file that named a deposit gets another one.
fn doubt(before: Standing) -> String {
    match before {
        Standing::Doubtful {
            serial,
            known: false,
        } => format!("  (its header named serial {serial}, which this home does not know)"),
        Standing::Doubtful {
            serial,
            known: true,
        } => format!("  (its header named serial {serial}, which need not be of this file)"),
        Standing::Bare | Standing::Spared { .. } => String::new(),
    }
}

impl Watch for Report<'_> {
    fn progress(&mut self, _: usize, _: u64, _: u64) {}

    fn done(&mut self, job: usize, result: Result<Protected, ProtectError>) {
        match result {
            Ok(protected) => {
                let seen = protected.seen.as_ref();
                let spare = Some(protected.spare);
                self.say(job, spare, protected.detached, protected.before, seen);
            }
            Err(error) => self.fail(job, error),
        }
    }
}

//! The files of a recovery: rewrapped as soon as a key for them is at hand.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Error, ensure};
use strongroom_agefile::KeyType;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::capi::is_capi_file;
use strongroom_client::home::{Home, Identities, KeysError};
use strongroom_client::recover::{Collected, Wanted};
use strongroom_client::rewrap::{RewrapError, RewrapOptions};
use strongroom_client::status::{StatusError, read_header};
use strongroom_files::output::Overwrite;
use strongroom_protocol::id::Serial;

use super::Arguments;
use crate::account::Account;
use crate::command::rewrap::capi::For;
use crate::command::rewrap::{self, Rewrapping, Tally, Told};
use crate::context::Context;
use crate::destination::Destination;
use crate::exit::{Exit, Usage};
use crate::input::{self, Input};
use crate::options::NewPassphrase;
use crate::prompt;
use crate::terminal::{shown, tell};
use crate::walk::{Kind, NOTHING_ENCRYPTED, Used, Walk};

pub(crate) use crate::command::rewrap::repair;

pub(super) struct Files<'c> {
    context: &'c Context,
    /// For which key headers of CryptoAPI's files are made.
    rsa: For,
    keys_only: bool,
    destination: Destination,
    overwrite: Overwrite,
    walk: Walk,
    /// The kind of a new key, where that was said, and its passphrase.
    key_type: Option<KeyType>,
    passphrase: Option<NewPassphrase>,
    /// All files that were meant.
    named: Vec<PathBuf>,
    /// Those that no key at hand has opened yet.
    open: Vec<Open>,
    /// Whether any files were named at all.
    any: bool,
    /// The deposit whose key the files are to get.
    serial: Option<Serial>,
    /// What was asked for: it did not help the files that are open still.
    asked: HashSet<Serial>,
    asked_for_everything: bool,
    /// Deposits that files name, and the authority does not hold.
    not_held: HashSet<Serial>,
    tally: Tally<'c>,
    account: Account<'c>,
}

/// A file that no key at hand has opened yet.
struct Open {
    file: Input,
    /// The deposit that its header names, or that is labelled with it, and that may help.
    serial: Option<Serial>,
    /// Whether it is a passphrase's, and nothing says that it has a spare.
    passphrase: bool,
    /// Whether its header is another file's.
    others_header: bool,
}

/// A file names a deposit that is not there.
#[derive(Debug, thiserror::Error)]
#[error(
    "no key at hand opens this file, and the authority has no deposit {serial}, which it names"
)]
pub(crate) struct NotHeld {
    serial: Serial,
}

/// A file that was found in a folder, or beside others, names no deposit of the owner's.
#[derive(Debug, thiserror::Error)]
#[error("no key at hand opens this file, and it names no deposit of yours")]
pub(crate) struct NotNamed;

/// The key that was asked for is another file's.
#[derive(Debug, thiserror::Error)]
#[error("the key of serial {serial} does not open this file")]
pub(crate) struct OtherKey {
    serial: Serial,
}

impl<'c> Files<'c> {
    pub(super) fn new(context: &'c Context, arguments: &Arguments) -> anyhow::Result<Self> {
        let mut walk = arguments.paths.walk(context)?;
        let any = !arguments.paths.is_empty();
        let secret = !any && arguments.serials.len() == 1;
        ensure!(
            arguments.output.is_none() || any || secret,
            Usage("`-o` is for files, or for the secret of one `--serial`")
        );
        let destination = match any {
            true => Destination::of(arguments.output.as_deref(), &walk)?,
            false => Destination::Beside,
        };
        let files = std::mem::take(&mut walk.files);
        let mut account = Account::new(context).with_json(arguments.json);
        walk.tell_unreadable(&mut account);
        if !arguments.dry_run {
            input::remove_leftovers(files.iter().map(|file| file.path.as_path()));
        }
        let rsa = match &arguments.to {
            Some(to) => For::program(to, arguments.padding.said(), arguments.legacy)?,
            None => For::recovered_home(arguments.key_bits.map(|bits| bits.0)),
        };
        Ok(Self {
            context,
            rsa,
            keys_only: arguments.keys_only,
            destination,
            overwrite: arguments.overwrite(),
            any,
            key_type: arguments.key_type.map(KeyType::from),
            passphrase: Some(arguments.passphrase).filter(|new| new.passphrase),
            named: files.iter().map(|file| file.path.clone()).collect(),
            open: files.into_iter().map(Open::new).collect(),
            walk,
            serial: arguments
                .serials
                .first()
                .copied()
                .filter(|_| arguments.serials.len() == 1),
            asked: HashSet::new(),
            asked_for_everything: false,
            not_held: HashSet::new(),
            tally: Tally::new(context, arguments.json, arguments.dry_run),
            account,
        })
    }

    /// Puts aside what is no encrypted file, or has a passphrase and was only found, and tells of folders that have no others. A
    /// file whose header was being replaced when a command was interrupted is one, whatever it looks like.
    ///
    /// Tells whether any is left that a key may be needed for. If not, what is wrong with those that were named is told.
    pub(super) fn sort_out(&mut self, interrupted: &[PathBuf]) -> bool {
        let mut used = Used::default();
        let mut wrong = Vec::new();
        let mut is_wanting = false;
        for open in std::mem::take(&mut self.open) {
            let path = &open.file.path;
            let is_interrupted = || {
                let path = path.canonicalize();
                path.is_ok_and(|path| interrupted.contains(&path))
            };
            if is_capi_file(path) || is_interrupted() {
                is_wanting = true;
            } else {
                match read_header(path) {
                    Ok(header) if header.is_for_passphrase() && !open.file.named => {
                        used.add(&open.file);
                        self.walk.passed.add(Kind::Passphrase, open.file.path);
                        continue;
                    }
                    Ok(_) => is_wanting = true,
                    Err(error) => {
                        if let StatusError::Header(ReadHeaderError::NotAge) = error
                            && let Some(kind) = open.file.foreign()
                        {
                            self.walk.passed.add(kind, open.file.path);
                            continue;
                        }
                        wrong.push((path.clone(), error));
                    }
                }
            }
            used.add(&open.file);
            self.open.push(open);
        }
        if !is_wanting {
            for (path, error) in wrong {
                let error = input::explained(&path, error.into());
                self.account.fail(&path, &error);
            }
            self.open.clear();
        }
        self.walk
            .tell_empty(&mut self.account, &used, NOTHING_ENCRYPTED);
        is_wanting
    }

    /// Says what would be done of each file, and does nothing.
    pub(super) fn would(&mut self, home: Option<&Home>) -> anyhow::Result<()> {
        let identities = match home {
            Some(home) => identities(self.context, home)?,
            None => Identities::none(),
        };
        for Open { file, .. } in std::mem::take(&mut self.open) {
            let Some(home) = home else {
                self.tally.would_ask(&file)?;
                continue;
            };
            let looked = match is_capi_file(&file.path) {
                true => self
                    .rsa
                    .look(self.context, home, &file.path)
                    .map(|()| false),
                false => {
                    rewrap::look(home, &file, &RewrapOptions::new(&identities)).map_err(Into::into)
                }
            };
            match looked {
                Ok(is_current) => self.tally.would(&file, is_current)?,
                Err(error) => match error.downcast_ref() {
                    Some(RewrapError::NoKey { .. } | RewrapError::OtherPayload { .. }) => {
                        self.tally.would_ask(&file)?;
                    }
                    _ => self.fail(&file, &input::explained(&file.path, error)),
                },
            }
        }
        Ok(())
    }

    /// Returns the kind of key that was lost: as the home remembers it, or else, in one that was lost itself, as the files
    /// tell, of which one may have been another key's. Headers then keep their length.
    fn key_type(&self, home: &Home) -> anyhow::Result<KeyType> {
        if let Some(named) = self.key_type {
            return Ok(named);
        }
        if let Some(known) = home.known_key_type()? {
            return Ok(known);
        }
        let mut is_classic = false;
        for path in &self.named {
            let Ok(header) = read_header(path) else {
                continue;
            };
            let has = |tag| header.stanzas().iter().any(|stanza| stanza.tag() == tag);
            if has("mlkem768x25519") {
                return Ok(KeyType::Hybrid);
            }
            is_classic |= has("X25519");
        }
        Ok(match is_classic {
            true => KeyType::X25519,
            false => KeyType::default(),
        })
    }

    /// Tells whether any file is to be made for the home's own key.
    pub(super) fn need_an_identity(&self) -> bool {
        self.open.iter().any(|open| self.is_for_own_key(&open.file))
    }

    fn is_for_own_key(&self, file: &Input) -> bool {
        !(is_capi_file(&file.path) && self.rsa.is_programs())
    }

    /// Makes the new key where there is none: a session key came back, or is here, that it is to open.
    pub(super) fn ensure_identity(&self, home: &mut Home) -> anyhow::Result<()> {
        if home.has_identity()? {
            return Ok(());
        }
        let key_type = self.key_type(home)?;
        let now = self.context.clock.now();
        let mut rng = self.context.rng();
        // Never weaker than the lost one: where nobody can be asked, nothing is made.
        let sealing = match self.passphrase {
            None if home.was_identity_sealed()? => {
                tell("the lost key was sealed with a passphrase: the new one takes one, too");
                Some(NewPassphrase {
                    passphrase: true,
                    any_passphrase: false,
                })
            }
            named => named,
        };
        match sealing {
            Some(wanted) => {
                let passphrase = prompt::new_passphrase(self.context, wanted)?;
                home.ensure_sealed_identity(key_type, now, &passphrase, &mut rng)?;
            }
            None => home.ensure_identity(key_type, now, &mut rng)?,
        }
        // Said in any case.
        tell(format_args!(
            "made a new key, {}, {}: {}",
            match key_type {
                KeyType::Hybrid => "for age 1.3 and later",
                KeyType::X25519 => "for every age",
            },
            match sealing {
                Some(_) => "sealed with a passphrase",
                None => "not sealed with a passphrase (`--passphrase` seals it)",
            },
            shown(&home.identity_path())
        ));
        Ok(())
    }

    /// Rewraps those that a key at hand opens.
    pub(super) fn rewrap(&mut self, home: &mut Home) -> anyhow::Result<()> {
        let released: HashSet<Serial> = home.released_serials()?.into_iter().collect();
        let mut rewrapping = Rewrapping::new();
        self.tally.begin(self.open.len());
        let walked = self.rewrap_each(home, &mut rewrapping, &released);
        // What was begun is finished, whatever ended the rest.
        self.take(rewrapping.finish(home), &released);
        self.tally.begin(0);
        walked
    }

    fn rewrap_each(
        &mut self,
        home: &mut Home,
        rewrapping: &mut Rewrapping,
        released: &HashSet<Serial>,
    ) -> anyhow::Result<()> {
        let mut identities = identities(self.context, home)?;
        for Open { file, .. } in std::mem::take(&mut self.open) {
            if self.wants_an_identity(home, &identities, &file) {
                // For all files: where it can't be made, that is said once, and nobody is asked again.
                self.tally.bar.aside(|| self.ensure_identity(home))?;
                identities = self::identities(self.context, home)?;
            }
            match self.rewrap_one(home, rewrapping, &identities, &file) {
                Ok(told) => self.take(told, released),
                Err(error) => {
                    self.tally.bar.file();
                    self.leave(file, error, released);
                }
            }
        }
        Ok(())
    }

    /// Counts what became of files.
    fn take(&mut self, told: Told, released: &HashSet<Serial>) {
        for (of, rewrapped) in told {
            self.tally.bar.file();
            let told = rewrapped
                .map_err(Into::into)
                .and_then(|rewrapped| self.tally.add(&of, &rewrapped));
            if let Err(error) = told {
                self.leave(of.file, error, released);
            }
        }
    }

    /// Leaves a file open for which a key may come, or says what is wrong with it.
    fn leave(&mut self, file: Input, error: Error, released: &HashSet<Serial>) {
        match error.downcast_ref() {
            Some(
                error @ (RewrapError::NoKey { serial } | RewrapError::OtherPayload { serial }),
            ) => {
                // A key that is here and does not open the file is another file's.
                let serial = serial.filter(|serial| !released.contains(serial));
                self.open.push(Open {
                    serial,
                    others_header: matches!(error, RewrapError::OtherPayload { .. }),
                    ..Open::new(file)
                });
            }
            Some(RewrapError::Passphrase) => self.open.push(Open {
                passphrase: true,
                ..Open::new(file)
            }),
            _ => self.fail(&file, &input::explained(&file.path, error)),
        }
    }

    /// Tells whether a released key opens a file, and there is no key of the home's to rewrap it for.
    fn wants_an_identity(&self, home: &Home, identities: &Identities, file: &Input) -> bool {
        if !identities.is_empty() || !self.is_for_own_key(file) {
            return false;
        }
        match is_capi_file(&file.path) {
            true => self.rsa.look(self.context, home, &file.path).is_ok(),
            false => rewrap::look(home, file, &RewrapOptions::new(identities)).is_ok(),
        }
    }

    fn rewrap_one(
        &mut self,
        home: &mut Home,
        rewrapping: &mut Rewrapping,
        identities: &Identities,
        file: &Input,
    ) -> anyhow::Result<Told> {
        let is_capi = is_capi_file(&file.path);
        // Nothing is made before a session key is here.
        let only_look = match is_capi {
            _ if self.keys_only => true,
            true => self.is_for_own_key(file) && !home.has_identity()?,
            false => identities.is_empty(),
        };
        if only_look {
            match is_capi {
                true => self.rsa.look(self.context, home, &file.path)?,
                false => {
                    rewrap::look(home, file, &RewrapOptions::new(identities))?;
                }
            }
            return Ok(Told::new());
        }
        let output = self.destination.rewritten(file)?;
        let output = output.map(|path| (path, self.overwrite));
        if is_capi {
            let output = output.as_ref();
            let bar = &self.tally.bar;
            return self
                .rsa
                .rewrap(self.context, home, rewrapping, file, output, bar);
        }
        let options = RewrapOptions {
            identities,
            others: &[],
            output,
        };
        Ok(rewrap::rewrap_one(
            self.context,
            home,
            rewrapping,
            file,
            &options,
            &self.tally.bar,
        ))
    }

    fn fail(&mut self, file: &Input, error: &Error) {
        let account = &mut self.account;
        self.tally.bar.aside(|| account.fail(&file.path, error));
    }

    /// Returns the serials that the files left over name, and that may help.
    pub(super) fn missing(&self) -> Vec<Serial> {
        let named = self.open.iter().filter_map(|open| open.serial);
        let mut serials: Vec<Serial> = named
            .filter(|serial| !self.asked.contains(serial) && !self.not_held.contains(serial))
            .collect();
        serials.sort_unstable();
        serials.dedup();
        serials
    }

    /// Tells whether there is a file to open, or no file is what the keys are for.
    pub(super) fn are_wanting(&self) -> bool {
        !self.any || !self.open.is_empty()
    }

    /// Tells whether a file that somebody named themselves says nothing of a deposit that is there.
    pub(super) fn have_nameless(&self) -> bool {
        let is_nameless = |open: &Open| {
            let held = open.serial.filter(|serial| !self.not_held.contains(serial));
            open.file.named && held.is_none()
        };
        self.open.iter().any(is_nameless)
    }

    pub(super) fn have_asked_for_everything(&self) -> bool {
        self.asked_for_everything
    }

    /// Remembers what came: of it, nothing is asked for again.
    pub(super) fn answered(&mut self, wanted: &Wanted) {
        match wanted {
            Wanted::Everything => self.asked_for_everything = true,
            Wanted::Serials(serials) => self.asked.extend(serials),
        }
    }

    pub(super) fn not_held(&mut self, serial: Serial) {
        self.not_held.insert(serial);
    }

    /// Says which keys the authority did not hand out.
    pub(super) fn not_released(
        &mut self,
        home: &Home,
        collected: &Collected,
    ) -> anyhow::Result<()> {
        for serial in &collected.withheld {
            if home.is_unproven(*serial)? {
                self.account.fail_of("", &anyhow::anyhow!(
                    "the deposit of serial {serial} is unproven: it takes an officer's approval to release it"
                ));
            } else {
                self.account.fail_of(
                    "",
                    &anyhow::anyhow!("the authority could not open the deposit of serial {serial}"),
                );
            }
        }
        for serial in &collected.unlisted {
            self.account.fail_of("", &anyhow::anyhow!(
                "the authority's log has the deposit of serial {serial}, and the authority left it out of what it holds"
            ));
        }
        if !collected.unlisted.is_empty() {
            tell(
                "hint: `strongroom recover --serial N` asks for one by its serial; the authority's folder may be damaged",
            );
        }
        Ok(())
    }

    /// Says what is left over, and how the command ends.
    pub(super) fn end(&mut self) -> Exit {
        for open in std::mem::take(&mut self.open) {
            let asked = self.asked_for_everything || !self.asked.is_empty();
            let error: Error = match (open.serial, self.serial.filter(|_| asked)) {
                _ if open.passphrase => RewrapError::Passphrase.into(),
                (_, Some(serial)) => OtherKey { serial }.into(),
                (serial, None) if open.others_header => RewrapError::OtherPayload { serial }.into(),
                (Some(serial), None) if self.not_held.contains(&serial) => {
                    NotHeld { serial }.into()
                }
                (None, None) if !self.asked_for_everything => NotNamed.into(),
                (serial, None) => RewrapError::NoKey { serial }.into(),
            };
            self.fail(&open.file, &error);
        }
        if self.any {
            self.tally.end(&self.walk);
        }
        self.account.end()
    }
}

/// Reads the home's identities; none where they are lost.
fn identities(context: &Context, home: &Home) -> Result<Identities, KeysError> {
    match home.identities(&mut prompt::passphrases(context)) {
        Err(KeysError::IdentityMissing { .. }) => Ok(Identities::none()),
        read => read,
    }
}

impl Open {
    fn new(file: Input) -> Self {
        Self {
            file,
            serial: None,
            passphrase: false,
            others_header: false,
        }
    }
}

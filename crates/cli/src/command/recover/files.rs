//! The files of a recovery: rewrapped as soon as a key for them is at hand.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Error, ensure};
use strongroom_agefile::KeyType;
use strongroom_client::capi::is_capi_file;
use strongroom_client::home::{Home, Identities, KeysError};
use strongroom_client::recover::{Collected, Wanted};
use strongroom_client::rewrap::{self as files, RewrapError, RewrapOptions};
use strongroom_client::status::read_header;
use strongroom_files::output::Overwrite;
use strongroom_protocol::id::Serial;

use super::Arguments;
use crate::command::rewrap::capi::For;
use crate::command::rewrap::{self, is_passed_over};
use crate::context::Context;
use crate::exit::{self, Exit, Usage};
use crate::input::{self, Input};
use crate::options::NewPassphrase;
use crate::prompt;
use crate::terminal::{shown, tell};

pub(crate) use crate::command::rewrap::repair;

pub(super) struct Files<'c> {
    context: &'c Context,
    /// For which key headers of CryptoAPI's files are made.
    rsa: For,
    keys_only: bool,
    output: Option<(PathBuf, Overwrite)>,
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
    rewritten: u64,
    /// Passphrases' files that were found in folders.
    left: u64,
    exit: Exit,
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
        let files = arguments.paths.files()?;
        let secret = files.is_empty() && arguments.serials.len() == 1;
        ensure!(
            arguments.output.is_none() || files.len() == 1 || secret,
            Usage("`-o` is for one file alone, or for the secret of one `--serial`")
        );
        input::remove_leftovers(files.iter().map(|file| file.path.as_path()));
        let overwrite = arguments.overwrite();
        let rsa = match &arguments.to {
            Some(to) => For::program(to, arguments.padding.said(), arguments.legacy)?,
            None => For::recovered_home(arguments.key_bits.map(|bits| bits.0)),
        };
        Ok(Self {
            context,
            rsa,
            keys_only: arguments.keys_only,
            key_type: arguments.key_type.map(KeyType::from),
            passphrase: Some(arguments.passphrase).filter(|new| new.passphrase),
            named: files.iter().map(|file| file.path.clone()).collect(),
            output: arguments.output.clone().map(|path| (path, overwrite)),
            any: !files.is_empty(),
            open: files.into_iter().map(Open::new).collect(),
            serial: arguments
                .serials
                .first()
                .copied()
                .filter(|_| arguments.serials.len() == 1),
            asked: HashSet::new(),
            asked_for_everything: false,
            not_held: HashSet::new(),
            rewritten: 0,
            left: 0,
            exit: Exit::Done,
        })
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

    /// Makes the new key where there is none: a session key came back, or is here, that it is to open.
    pub(super) fn ensure_identity(&self, home: &mut Home) -> anyhow::Result<KeyType> {
        let key_type = self.key_type(home)?;
        if home.has_identity()? {
            return Ok(key_type);
        }
        let now = self.context.clock.now();
        let mut rng = self.context.rng();
        match self.passphrase {
            Some(wanted) => {
                let passphrase = prompt::new_passphrase(self.context, wanted)?;
                home.ensure_sealed_identity(key_type, now, &passphrase, &mut rng)?;
            }
            None => home.ensure_identity(key_type, now, &mut rng)?,
        }
        // Said in any case.
        tell(format_args!(
            "made a new key, {}: {}",
            match key_type {
                KeyType::Hybrid => "for age 1.3 and later",
                KeyType::X25519 => "for every age",
            },
            shown(&home.identity_path())
        ));
        Ok(key_type)
    }

    /// Rewraps those that a key at hand opens.
    pub(super) fn rewrap(&mut self, home: &mut Home) -> anyhow::Result<()> {
        let mut identities = identities(self.context, home)?;
        let released: HashSet<Serial> = home.released_serials()?.into_iter().collect();
        for Open { file, .. } in std::mem::take(&mut self.open) {
            let done = self
                .prepare_identity(home, &mut identities, &file)
                .and_then(|()| self.rewrap_one(home, &identities, &file));
            let Err(error) = done else {
                continue;
            };
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
        Ok(())
    }

    /// Sees that a file which a released key opens gets a key to be rewrapped for.
    fn prepare_identity(
        &self,
        home: &mut Home,
        identities: &mut Identities,
        file: &Input,
    ) -> anyhow::Result<()> {
        if self.keys_only || !identities.is_empty() {
            return Ok(());
        }
        let opens = match is_capi_file(&file.path) {
            true => self.rsa.look(self.context, home, &file.path).is_ok(),
            false => look(home, file, &RewrapOptions::new(identities)).is_ok(),
        };
        if opens {
            self.ensure_identity(home)?;
            *identities = self::identities(self.context, home)?;
        }
        Ok(())
    }

    fn rewrap_one(
        &mut self,
        home: &mut Home,
        identities: &Identities,
        file: &Input,
    ) -> anyhow::Result<()> {
        if is_capi_file(&file.path) {
            return self.rewrap_capi(home, file);
        }
        let options = RewrapOptions {
            identities,
            others: &[],
            output: self.output.clone(),
        };
        let done = match self.keys_only || identities.is_empty() {
            // Looked at, and left as it is.
            true => look(home, file, &options).map(|()| None),
            false => rewrap::rewrap_one(self.context, home, file, &options).map(Some),
        };
        match done {
            Ok(None) => Ok(()),
            Ok(Some(rewrapped)) => {
                self.rewritten += u64::from(rewrapped.say(self.context, &file.path));
                self.exit = self.exit.and(rewrapped.exit(&file.path));
                Ok(())
            }
            Err(error) if is_passed_over(self.context, file, &error) => {
                self.left += u64::from(matches!(error, RewrapError::Passphrase));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn rewrap_capi(&mut self, home: &mut Home, file: &Input) -> anyhow::Result<()> {
        // Nothing is made for it before a session key is here.
        if self.keys_only || !home.has_identity()? {
            return self.rsa.look(self.context, home, &file.path);
        }
        let output = self.output.as_ref();
        let done = self.rsa.rewrap(self.context, home, file, output)?;
        self.rewritten += u64::from(done.say(self.context, &file.path));
        Ok(())
    }

    fn fail(&mut self, file: &Input, error: &Error) {
        self.exit = self.exit.and(exit::fail(&shown(&file.path), error));
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
                tell(format_args!(
                    "error: the deposit of serial {serial} is unproven: it takes an officer's approval to release it"
                ));
            } else {
                tell(format_args!(
                    "error: the authority could not open the deposit of serial {serial}"
                ));
            }
            self.exit = Exit::Failed;
        }
        for serial in &collected.unlisted {
            tell(format_args!(
                "error: the authority's log has the deposit of serial {serial}, and the authority left it out of what it holds"
            ));
            self.exit = Exit::Failed;
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
        rewrap::say_left(self.context, self.left);
        if self.rewritten > 0 {
            rewrap::say_no_revocation(self.context);
        }
        self.exit
    }
}

/// Reads the home's identities; none where they are lost.
fn identities(context: &Context, home: &Home) -> Result<Identities, KeysError> {
    match home.identities(&mut prompt::passphrases(context)) {
        Err(KeysError::IdentityMissing { .. }) => Ok(Identities::none()),
        read => read,
    }
}

/// Looks whether a key for a file is at hand, and leaves the file as it is.
fn look(home: &Home, file: &Input, options: &RewrapOptions<'_>) -> Result<(), RewrapError> {
    let passphrase = read_header(&file.path).is_ok_and(|header| header.is_for_passphrase());
    if passphrase && !file.named {
        return Err(RewrapError::Passphrase);
    }
    files::look(home, &file.path, options)
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

//! The files of a recovery: rewrapped as soon as a key for them is at hand.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Error, ensure};
use strongroom_agefile::KeyType;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::capi::is_capi_file;
use strongroom_client::home::{Home, Identities};
use strongroom_client::recover::Collected;
use strongroom_client::rewrap::{RewrapError, RewrapOptions};
use strongroom_client::status::{StatusError, read_header};
use strongroom_files::output::Overwrite;
use strongroom_protocol::id::Serial;

use super::Arguments;
use crate::command::rewrap::capi::For;
use crate::command::rewrap::{self, is_passed_over};
use crate::context::Context;
use crate::exit::{self, Exit, Usage};
use crate::input::{self, Input};
use crate::prompt;
use crate::terminal::{shown, tell};

pub(crate) use crate::command::rewrap::repair;

pub(super) struct Files<'c> {
    context: &'c Context,
    /// For which key headers of CryptoAPI's files are made.
    rsa: For,
    keys_only: bool,
    output: Option<(PathBuf, Overwrite)>,
    /// Those that no key at hand has opened yet.
    open: Vec<Open>,
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
            output: arguments.output.clone().map(|path| (path, overwrite)),
            open: files.into_iter().map(Open::new).collect(),
            rewritten: 0,
            left: 0,
            exit: Exit::Done,
        })
    }

    /// Returns the kind of key that was lost, as the first file tells that can: who chose one that every age opens
    /// gets another such, and headers keep their length.
    pub(super) fn key_type(&self, home: &Home) -> anyhow::Result<KeyType> {
        for Open { file, .. } in &self.open {
            let Ok(header) = read_header(&file.path) else {
                continue;
            };
            if header.is_for_passphrase() {
                continue;
            }
            let own = home.own_stanza(&header)?;
            let stanzas = header.stanzas().iter().enumerate();
            let mut tags = stanzas
                .filter(|(place, _)| own.is_none_or(|own| own == *place))
                .map(|(_, stanza)| stanza.tag());
            return Ok(if tags.any(|tag| tag == "X25519") {
                KeyType::X25519
            } else {
                KeyType::Hybrid
            });
        }
        Ok(KeyType::default())
    }

    /// Rewraps those that a key at hand opens.
    pub(super) fn rewrap(&mut self, home: &mut Home) -> anyhow::Result<()> {
        let identities = home.identities(&mut prompt::passphrases(self.context))?;
        let released: HashSet<Serial> = home.released_serials()?.into_iter().collect();
        for Open { file, .. } in std::mem::take(&mut self.open) {
            let Err(error) = self.rewrap_one(home, &identities, &file) else {
                continue;
            };
            match error.downcast_ref() {
                Some(RewrapError::NoKey { serial }) => {
                    // A key that is here and does not open the file is another file's.
                    let serial = serial.filter(|serial| !released.contains(serial));
                    self.open.push(Open {
                        serial,
                        ..Open::new(file)
                    });
                }
                Some(RewrapError::Passphrase) => self.open.push(Open {
                    passphrase: true,
                    ..Open::new(file)
                }),
                _ => self.fail(&file, &error),
            }
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
        if self.keys_only {
            // Looked at, and left as it is.
            return look(home, identities, file);
        }
        let options = RewrapOptions {
            identities,
            others: &[],
            output: self.output.clone(),
        };
        match rewrap::rewrap_one(self.context, home, file, &options) {
            Ok(rewrapped) => {
                self.rewritten += u64::from(rewrapped.say(self.context, &file.path));
                Ok(())
            }
            Err(error) if is_passed_over(file, &error) => {
                self.left += u64::from(matches!(error, RewrapError::Passphrase));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn rewrap_capi(&mut self, home: &mut Home, file: &Input) -> anyhow::Result<()> {
        if self.keys_only {
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

    /// Returns the serials that the files left over name; none if one of them names none, or one that did not help.
    pub(super) fn missing(&self) -> Option<Vec<Serial>> {
        self.open.iter().map(|open| open.serial).collect()
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
            let serial = open.serial;
            let error = if open.passphrase {
                RewrapError::Passphrase
            } else {
                RewrapError::NoKey { serial }
            };
            self.fail(&open.file, &error.into());
        }
        rewrap::say_left(self.context, self.left);
        if self.rewritten > 0 {
            rewrap::say_no_revocation(self.context);
        }
        self.exit
    }
}

/// Looks whether a key for a file is at hand, and leaves the file as it is.
fn look(home: &Home, identities: &Identities, file: &Input) -> anyhow::Result<()> {
    let header = match read_header(&file.path) {
        Err(StatusError::Header(ReadHeaderError::NotAge)) if !file.named => return Ok(()),
        header => header?,
    };
    let is_passed_over = header.is_for_passphrase() && !file.named;
    if is_passed_over || header.unwrap(&identities.as_unwraps()).is_ok() {
        return Ok(());
    }
    let membership = home.membership()?;
    let authority = membership.map(|membership| membership.founding.authority());
    let serials = home.serials_of(&header, authority)?;
    let released = home.released_serials()?;
    if serials.iter().any(|serial| released.contains(serial)) {
        return Ok(());
    }
    let serial = serials.first().copied();
    Err(RewrapError::NoKey { serial }.into())
}

impl Open {
    fn new(file: Input) -> Self {
        Self {
            file,
            serial: None,
            passphrase: false,
        }
    }
}

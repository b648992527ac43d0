//! Where secrets come from: a file, a command or a variable that was named, or else somebody who is asked at the terminal.
//! Never from the command's arguments, which others can read.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, ensure};
use strongroom_agefile::{Passphrase, PassphraseIdentity};
use strongroom_client::invitation::OpenInvitationError;
use strongroom_client::passphrase;
use strongroom_client::sheet::Sheet;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::invitation::{Invitation, InvitationCode};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::options::NewPassphrase;
use crate::terminal::{self, escape, tell};
use crate::{shell, signals, stream, text};

const CODE_VARIABLE: &str = "STRONGROOM_RECOVERY_CODE";
const INVITATION_VARIABLE: &str = "STRONGROOM_INVITATION_CODE";
const PASSPHRASE_VARIABLE: &str = "STRONGROOM_PASSPHRASE";
/// The variables that hold secrets.
pub(crate) const VARIABLES: [&str; 3] = [CODE_VARIABLE, INVITATION_VARIABLE, PASSPHRASE_VARIABLE];

/// The length in bytes of the longest file with a code that is read.
const CODE_FILE_BYTES_MAX: u64 = 4096;
/// The length in bytes of the longest passphrase that is read from somewhere.
const PASSPHRASE_BYTES_MAX: u64 = 64 << 10;
/// How often somebody is asked for a code.
pub(crate) const TRIES: u32 = 3;

/// There is nobody to ask.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NobodyToAsk {
    #[error("the recovery code is needed, and there is no terminal to ask for it")]
    Code,
    #[error("the invitation's code is needed, and there is no terminal to ask for it")]
    InvitationCode,
    #[error("the passphrase is needed, and there is no terminal to ask for it")]
    Passphrase,
}

/// A variable that has no text.
#[derive(Debug, thiserror::Error)]
#[error("what is in the variable {0} is no text: it is not UTF-8")]
pub(crate) struct VariableNotText(&'static str);

/// Where passphrases come from, unless somebody is asked.
pub(crate) struct PassphraseSource {
    file: Option<PathBuf>,
    command: Option<String>,
    /// What was read there, once it was.
    read: OnceLock<Zeroizing<String>>,
}

impl PassphraseSource {
    pub(crate) fn new(file: Option<PathBuf>, command: Option<String>) -> Self {
        Self {
            file,
            command,
            read: OnceLock::new(),
        }
    }

    /// Returns the file that it is read from, which may be standard input.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// Tells whether there is one to be had without asking.
    pub(crate) fn is_named(&self) -> bool {
        self.file.is_some() || self.command.is_some() || is_set(PASSPHRASE_VARIABLE)
    }

    /// Returns the passphrase that is to be had without asking, if there is one.
    fn text(&self, context: &Context) -> anyhow::Result<Option<Zeroizing<String>>> {
        let copy = |text: &Zeroizing<String>| Zeroizing::new(text.to_string());
        if let Some(read) = self.read.get() {
            return Ok(Some(copy(read)));
        }
        let text = if let Some(path) = &self.file {
            let failed = || format!("cannot read the passphrase from `{}`", path.display());
            if !stream::is_pipe(path) {
                context.warn_if_exposed(path);
            }
            text::read_opened(opened(path), PASSPHRASE_BYTES_MAX).with_context(failed)?
        } else if let Some(command) = &self.command {
            let failed = || format!("cannot have the passphrase from the command `{command}`");
            let printed = shell::output(command).with_context(failed)?;
            let text = strongroom_text::decode(&printed).with_context(failed)?;
            Zeroizing::new(text.to_owned())
        } else {
            return Ok(variable(PASSPHRASE_VARIABLE)?);
        };
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned());
        Ok(Some(copy(self.read.get_or_init(|| line))))
    }
}

/// Where a code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeFrom {
    /// A file or a variable: it is the same each time.
    Elsewhere,
    /// Somebody, who can type it again.
    Person,
}

/// Returns the recovery code: from `file`, from the variable, or by asking.
pub(crate) fn recovery_code(
    context: &Context,
    file: Option<&Path>,
) -> anyhow::Result<RecoveryCode> {
    Ok(recovery_code_from(context, file)?.0)
}

/// The same, with where it came from.
pub(crate) fn recovery_code_from(
    context: &Context,
    file: Option<&Path>,
) -> anyhow::Result<(RecoveryCode, CodeFrom)> {
    match named_code(context, file)? {
        Some(code) => Ok((code, CodeFrom::Elsewhere)),
        None if can_ask_secretly() => {
            let code = ask_for_code("Recovery code: ")?.ok_or(NobodyToAsk::Code)?;
            Ok((code, CodeFrom::Person))
        }
        None => Err(NobodyToAsk::Code.into()),
    }
}

/// Returns the recovery code where nobody has to be asked: from `file`, or from the variable.
pub(crate) fn named_code(
    context: &Context,
    file: Option<&Path>,
) -> anyhow::Result<Option<RecoveryCode>> {
    let text = match (file, variable(CODE_VARIABLE)?) {
        (Some(file), _) => {
            context.warn_if_exposed(file);
            code_file(file)?
        }
        (None, Some(text)) => text,
        (None, None) => return Ok(None),
    };
    let code = RecoveryCode::parse(strongroom_text::trim(&text))?;
    Ok(Some(code))
}

/// Returns the recovery code where there is one: from the variable, or by asking somebody who may not have it.
pub(crate) fn recovery_code_if_any() -> anyhow::Result<Option<(RecoveryCode, CodeFrom)>> {
    if let Some(text) = variable(CODE_VARIABLE)? {
        let code = RecoveryCode::parse(strongroom_text::trim(&text))?;
        return Ok(Some((code, CodeFrom::Elsewhere)));
    }
    if !can_ask_secretly() {
        return Ok(None);
    }
    let code = ask_for_code("Recovery code, or Enter to go on without it: ")?;
    Ok(code.map(|code| (code, CodeFrom::Person)))
}

/// Returns the code of an invitation, from the variable or by asking, and what it opens: asked for again where it was mistyped or
/// is another's.
pub(crate) fn invitation(
    mut open: impl FnMut(&InvitationCode) -> Result<Invitation, OpenInvitationError>,
) -> anyhow::Result<Invitation> {
    if let Some(text) = variable(INVITATION_VARIABLE)? {
        return Ok(open(&InvitationCode::parse(strongroom_text::trim(&text))?)?);
    }
    if !can_ask_secretly() {
        return Err(NobodyToAsk::InvitationCode.into());
    }
    let mut tries_left = TRIES;
    loop {
        tries_left -= 1;
        let text = ask("Code of the invitation: ")?;
        let error = match InvitationCode::parse(&text).map(|code| open(&code)) {
            Ok(Ok(invitation)) => return Ok(invitation),
            Ok(Err(error @ OpenInvitationError::Code)) => anyhow::Error::from(error),
            Ok(Err(error)) => return Err(error.into()),
            Err(error) => error.into(),
        };
        if tries_left == 0 {
            return Err(error);
        }
        tell(format_args!("{}. Once more:", escape(&error.to_string())));
    }
}

/// Asks for a code, and again where it is mistyped; none where nothing was typed.
fn ask_for_code(prompt: &str) -> anyhow::Result<Option<RecoveryCode>> {
    for tries_left in (0..TRIES).rev() {
        let text = ask(prompt)?;
        let text = strongroom_text::trim(&text);
        match RecoveryCode::parse(text) {
            _ if text.is_empty() => return Ok(None),
            Ok(code) => return Ok(Some(code)),
            Err(error) if tries_left == 0 => return Err(error.into()),
            Err(error) => tell(format_args!("{}. Once more:", escape(&error.to_string()))),
        }
    }
    Ok(None)
}

/// Returns the passphrase that opens `what`: from where it was named, or by asking.
pub(crate) fn passphrase(context: &Context, what: &str) -> io::Result<PassphraseIdentity> {
    let text = password(context, what)?;
    let identity = passphrase::to_open(&text).map_err(io::Error::other)?;
    Ok(identity.with_work_factor_max(context.work_factor_max))
}

/// Returns the same as a text, for what is no age file.
pub(crate) fn password(context: &Context, what: &str) -> io::Result<Zeroizing<String>> {
    let named = context.passphrase.text(context);
    // By its own type, so that what may help is found.
    let named = named.map_err(|error| match error.downcast::<VariableNotText>() {
        Ok(not_text) => io::Error::other(not_text),
        Err(error) => io::Error::other(error),
    });
    match named? {
        Some(text) => Ok(text),
        None if can_ask_secretly() => ask(&format!("Passphrase for {what}: ")),
        None => Err(io::Error::other(NobodyToAsk::Passphrase)),
    }
}

/// Asks for the passphrases of sealed files.
pub(crate) fn passphrases(
    context: &Context,
) -> impl FnMut(&Path) -> io::Result<PassphraseIdentity> + use<'_> {
    |path| passphrase(context, &terminal::shown(path))
}

/// Returns a new passphrase, if one is wanted: from where it was named, or by asking twice.
pub(crate) fn new_passphrase(
    context: &Context,
    wanted: NewPassphrase,
) -> anyhow::Result<Passphrase> {
    let text = match context.passphrase.text(context)? {
        Some(text) => text,
        None if can_ask_secretly() => {
            let text = ask("New passphrase: ")?;
            ensure!(
                *ask("The same again: ")? == *text,
                "the two passphrases differ"
            );
            text
        }
        None => return Err(NobodyToAsk::Passphrase.into()),
    };
    Ok(passphrase::new_passphrase(&text, wanted.any_passphrase)?)
}

/// Returns a secret that somebody types twice, if standard input is a terminal; otherwise it is to be read from there.
pub(crate) fn secret_if_asked() -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut text = ask("Secret: ")?;
    ensure!(*ask("The same again: ")? == *text, "the two secrets differ");
    Ok(Some(Zeroizing::new(
        std::mem::take(&mut *text).into_bytes(),
    )))
}

/// Asks a question at the terminal and returns the answer, which may be empty.
pub(crate) fn question(text: &str) -> io::Result<String> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{}", terminal::in_lines(text))?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Tells what may help where a passphrase does not open something.
pub(crate) fn wrong_passphrase_hint() -> Option<&'static str> {
    Some(match is_set(PASSPHRASE_VARIABLE) {
        true => "STRONGROOM_PASSPHRASE is set, and was used unless another place was named",
        false => "capitals count, and so does the keyboard's language",
    })
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn variable(name: &'static str) -> Result<Option<Zeroizing<String>>, VariableNotText> {
    let Some(value) = std::env::var_os(name) else {
        return Ok(None);
    };
    let text = value.into_string().map_err(|_| VariableNotText(name))?;
    Ok(Some(Zeroizing::new(text)).filter(|text| !text.is_empty()))
}

pub(crate) fn code_file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let failed = || format!("cannot read the recovery code from `{}`", path.display());
    text::read_opened(opened(path), CODE_FILE_BYTES_MAX).with_context(failed)
}

/// Tells whether there is a person at a terminal: the prompt itself goes to the terminal, past pipes. One that is not this process's
/// own, as in a container, can't be asked at.
fn can_ask_secretly() -> bool {
    let is_terminal = io::stdin().is_terminal() || io::stderr().is_terminal();
    is_terminal
        && File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .is_ok()
}

fn ask(prompt: &str) -> io::Result<Zeroizing<String>> {
    let _kept = signals::keep_terminal();
    let asked = rpassword::prompt_password(prompt).map(Zeroizing::new);
    if asked
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
    {
        signals::end_by_interrupt();
    }
    asked
}

/// Reads a recovery sheet, from a file or from standard input.
pub(crate) fn read_sheet(context: &Context, path: &Path) -> anyhow::Result<Sheet> {
    let text = sheet_text(context, path)?;
    Sheet::parse(&text).with_context(|| sheet_failed(path))
}

/// Reads the text of a recovery sheet.
pub(crate) fn sheet_text(context: &Context, path: &Path) -> anyhow::Result<Zeroizing<String>> {
    context.warn_if_exposed(path);
    text::read_opened(opened(path), Sheet::BYTES_MAX).with_context(|| sheet_failed(path))
}

/// Opens what a secret is read from. A home's own sheet is opened so, too: nothing that has its name is waited for.
fn opened(path: &Path) -> io::Result<File> {
    match stream::is_pipe(path) {
        true => stream::input(),
        false => strongroom_files::open_input(path),
    }
}

fn sheet_failed(path: &Path) -> String {
    format!("cannot read the recovery sheet `{}`", path.display())
}

/// Returns where a home's recovery sheet is put, unless its owner says otherwise.
pub(crate) fn sheet_path(home: &Path) -> PathBuf {
    home.join("recovery-sheet.txt")
}

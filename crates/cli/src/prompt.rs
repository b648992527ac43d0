//! Where secrets come from: a file or a variable that was named, or else somebody who is asked at the terminal.
//! Never from the command's arguments, which others can read.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use strongroom_agefile::{Passphrase, PassphraseIdentity};
use strongroom_protocol::code::RecoveryCode;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::{signals, stream};

const CODE_VARIABLE: &str = "STRONGROOM_RECOVERY_CODE";
const PASSPHRASE_VARIABLE: &str = "STRONGROOM_PASSPHRASE";
/// The variables that hold secrets.
pub(crate) const VARIABLES: [&str; 2] = [CODE_VARIABLE, PASSPHRASE_VARIABLE];

/// The length in bytes of the longest file with a code that is read.
const CODE_FILE_BYTES_MAX: u64 = 4096;

/// There is nobody to ask.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NobodyToAsk {
    #[error("the recovery code is needed, and there is no terminal to ask for it")]
    Code,
    #[error("the passphrase is needed, and there is no terminal to ask for it")]
    Passphrase,
}

/// Returns the recovery code: from `file`, from the variable, or by asking.
pub(crate) fn recovery_code(
    context: &Context,
    file: Option<&Path>,
) -> anyhow::Result<RecoveryCode> {
    let text = match (file, variable(CODE_VARIABLE)) {
        (Some(file), _) => {
            context.warn_if_exposed(file);
            code_file(file)?
        }
        (None, Some(text)) => text,
        (None, None) if can_ask_secretly() => ask("Recovery code: ")?,
        (None, None) => return Err(NobodyToAsk::Code.into()),
    };
    Ok(RecoveryCode::parse(text.trim())?)
}

/// Returns the recovery code where there is one: from the variable, or by asking somebody who may not have it.
pub(crate) fn recovery_code_if_any() -> anyhow::Result<Option<RecoveryCode>> {
    let text = match variable(CODE_VARIABLE) {
        Some(text) => text,
        None if can_ask_secretly() => ask("Recovery code, or Enter to go on without it: ")?,
        None => return Ok(None),
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    Ok(Some(RecoveryCode::parse(text.trim())?))
}

/// Returns the passphrase that opens `what`: from the variable, or by asking.
pub(crate) fn passphrase(context: &Context, what: &str) -> io::Result<PassphraseIdentity> {
    let passphrase = Passphrase::new(password(what)?).map_err(io::Error::other)?;
    Ok(PassphraseIdentity::new(passphrase).with_work_factor_max(context.work_factor_max))
}

/// Returns the same as a text, for what is no age file.
pub(crate) fn password(what: &str) -> io::Result<Zeroizing<String>> {
    match variable(PASSPHRASE_VARIABLE) {
        Some(text) => Ok(text),
        None if can_ask_secretly() => ask(&format!("Passphrase for {what}: ")),
        None => Err(io::Error::other(NobodyToAsk::Passphrase)),
    }
}

/// Tells whether the passphrase is there without asking.
pub(crate) fn has_passphrase() -> bool {
    variable(PASSPHRASE_VARIABLE).is_some()
}

/// Asks for the passphrases of sealed files.
pub(crate) fn passphrases(
    context: &Context,
) -> impl FnMut(&Path) -> io::Result<PassphraseIdentity> + use<'_> {
    |path| passphrase(context, &crate::terminal::shown(path))
}

/// Returns a new passphrase: from the variable, or by asking twice.
pub(crate) fn new_passphrase() -> anyhow::Result<Passphrase> {
    let text = match variable(PASSPHRASE_VARIABLE) {
        Some(text) => text,
        None if can_ask_secretly() => {
            let text = ask("New passphrase: ")?;
            anyhow::ensure!(
                *ask("The same again: ")? == *text,
                "the two passphrases differ"
            );
            text
        }
        None => return Err(NobodyToAsk::Passphrase.into()),
    };
    Ok(Passphrase::new(text)?)
}

/// Returns a secret that somebody types twice, if standard input is a terminal; otherwise it is to be read from there.
pub(crate) fn secret_if_asked() -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut text = ask("Secret: ")?;
    anyhow::ensure!(*ask("The same again: ")? == *text, "the two secrets differ");
    Ok(Some(Zeroizing::new(
        std::mem::take(&mut *text).into_bytes(),
    )))
}

/// Asks a question at the terminal and returns the answer, which may be empty.
pub(crate) fn question(text: &str) -> io::Result<String> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{text}")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

fn variable(name: &str) -> Option<Zeroizing<String>> {
    let text = Zeroizing::new(std::env::var(name).ok()?);
    (!text.is_empty()).then_some(text)
}

pub(crate) fn code_file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let failed = || format!("cannot read the recovery code from `{}`", path.display());
    let mut text = Zeroizing::new(String::with_capacity(128));
    strongroom_files::open_input(path)
        .with_context(failed)?
        .take(CODE_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(failed)?;
    Ok(text)
}

/// Tells whether there is a person at a terminal: the prompt itself goes to the terminal, past pipes.
fn can_ask_secretly() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
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
pub(crate) fn read_sheet(
    context: &Context,
    path: &Path,
) -> anyhow::Result<strongroom_client::sheet::Sheet> {
    use strongroom_client::sheet::Sheet;

    let failed = || format!("cannot read the recovery sheet `{}`", path.display());
    context.warn_if_exposed(path);
    let mut text = Zeroizing::new(String::with_capacity(8192));
    // A home's own sheet is read so, too: nothing that has its name is waited for.
    let opened = match stream::is_pipe(path) {
        true => stream::input(),
        false => strongroom_files::open_input(path),
    };
    opened
        .with_context(failed)?
        .take(Sheet::BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(failed)?;
    Sheet::parse(&text).with_context(failed)
}

/// Returns where a home's recovery sheet is put, unless its owner says otherwise.
pub(crate) fn sheet_path(home: &Path) -> PathBuf {
    home.join("recovery-sheet.txt")
}

//! How help is laid out: under which heading an option stands, and which variables a command reads. What an option does is
//! said where it is declared.

use clap::{Arg, Command};

use crate::terminal;

/// The heading of what every command takes.
const EVERYWHERE: &str = "Options of every command";
const FILES: &str = "Which files";
const CRYPTOAPI: &str = "Files and programs of CryptoAPI";
const OFFICER: &str = "The authority, and the officer's key";
const RECIPIENTS: &str = "Who else can open the files";
const TOLD: &str = "What the authority is told";

/// Commands of officers, and what may be done as one.
const OFFICERS: [&str; 3] = ["departed", "officer", "policy"];

/// The variables that no option shows in its own help.
const RECOVERY_CODE: &str = "  STRONGROOM_RECOVERY_CODE  the recovery code; else you are asked";
const INVITATION_CODE: &str =
    "  STRONGROOM_INVITATION_CODE  the code of an invitation; else you are asked";
const PASSPHRASE: &str =
    "  STRONGROOM_PASSPHRASE     a key's or file's passphrase; else you are asked";

/// Every variable, for the help of the program itself.
const ALL: &str = "  STRONGROOM_HOME             your Strongroom folder, as `--home`
  STRONGROOM_RECOVERY_CODE    the recovery code; else you are asked
  STRONGROOM_INVITATION_CODE  the code of an invitation; else you are asked
  STRONGROOM_PASSPHRASE       a key's or file's passphrase; else you are asked
  STRONGROOM_MAX_WORK_FACTOR  as `--max-work-factor`
  STRONGROOM_OFFICER_KEY      an officer's key, as `--key` of officers' commands
  XDG_DATA_HOME               where your Strongroom folder is, if none is named
  COLUMNS                     how wide help is where no terminal tells
  NO_COLOR                    if it is set, nothing is coloured";

/// Commands that read a recovery code.
const NEED_CODE: [&str; 5] = [
    "authority check",
    "authority rsa-key",
    "policy set",
    "recover",
    "sheet test",
];

/// Commands that open a key or a file which may have a passphrase, or make one.
const NEED_PASSPHRASE: [&str; 11] = [
    "capi convert",
    "capi decrypt",
    "decrypt",
    "deposit",
    "encrypt",
    "init",
    "keygen",
    "protect",
    "recover",
    "rewrap",
    "status",
];

/// Puts the options of the command and of those of its subcommands that are wanted under their headings, and the variables that are
/// read at the end.
pub(super) fn laid_out(command: Command, is_wanted: &dyn Fn(&Command) -> bool) -> Command {
    let text = format!(
        "Environment:\n{ALL}\n\n\
         What the words mean: docs/words.md, or strongroom-words(7)."
    );
    within(command, "", is_wanted).after_help(text)
}

/// Does so of a command with this name, of those before it too, and of its subcommands.
fn within(command: Command, name: &str, is_wanted: &dyn Fn(&Command) -> bool) -> Command {
    let command = command.mut_args(|arg| {
        // That a text is empty, where none is given, helps nobody.
        let is_empty = matches!(arg.get_default_values(), [value] if value.is_empty());
        let arg = if is_empty {
            arg.hide_default_value(true)
        } else {
            arg
        };
        match heading(&arg, name) {
            Some(heading) => arg.help_heading(heading),
            None => arg,
        }
    });
    let variables: Vec<&str> = [
        (&NEED_CODE[..], RECOVERY_CODE),
        (&["init"], INVITATION_CODE),
        (&NEED_PASSPHRASE, PASSPHRASE),
    ]
    .into_iter()
    .filter(|(commands, _)| commands.contains(&name))
    .map(|(_, variable)| variable)
    .collect();
    let command = with_variables(command, &variables);
    command.mut_subcommands(|below| {
        if !is_wanted(&below) {
            return below;
        }
        let name = format!("{name} {}", below.get_name());
        within(below, name.trim(), is_wanted)
    })
}

/// Returns what an option of a command stands under; nothing for what is its own.
fn heading(arg: &Arg, command: &str) -> Option<&'static str> {
    let of_cryptoapi = command.starts_with("capi");
    match arg.get_long()? {
        "authority" | "authority-id" | "key" if OFFICERS.contains(&command) => Some(OFFICER),
        "version" => Some(EVERYWHERE),
        _ if arg.is_global_set() => Some(EVERYWHERE),
        "exclude" | "files-from" | "null" => Some(FILES),
        "identity" | "recipient" | "recipients-file" if command == "encrypt" => Some(RECIPIENTS),
        "description" | "label" if ["encrypt", "protect"].contains(&command) => Some(TOLD),
        "bits" | "cipher" | "file" | "format" | "key" | "key-bits" | "legacy" | "oaep"
        | "own-blob" | "pkcs1" | "session-key" | "simple-blob" | "to"
            if !of_cryptoapi =>
        {
            Some(CRYPTOAPI)
        }
        _ => None,
    }
}

/// How wide examples and variables are written at most, and nearly every usage is.
const WRITTEN_COLUMNS: usize = 80;
/// How wide help is at most.
pub(super) const COLUMNS_MAX: usize = 100;
/// How far a remark stands in that is put below what it is about.
const REMARK_INDENT: &str = "      ";
const USAGE: &str = "Usage: ";

/// Lays out anew what clap breaks in the midst of a word, or at the right edge, where the terminal is narrow: usage, and the
/// remarks beside examples and variables.
pub(super) fn fitted(mut command: Command, is_asked_for: bool) -> Command {
    let columns = terminal::help_columns().unwrap_or(COLUMNS_MAX);
    // Whoever does not ask sees usage alone, where something is wrong with the command line.
    let enough = if is_asked_for {
        COLUMNS_MAX
    } else {
        WRITTEN_COLUMNS
    };
    if columns >= enough {
        return command;
    }
    // Usage names what comes from above, which a command has only then.
    command.build();
    narrowed(command, columns)
}

fn narrowed(mut command: Command, columns: usize) -> Command {
    let usage = command.render_usage().to_string();
    let mut lines = vec![String::new()];
    for word in usage.trim_start_matches(USAGE).split_whitespace() {
        let room = columns.saturating_sub(USAGE.len());
        match lines.last_mut() {
            Some(line) if line.is_empty() => word.clone_into(line),
            Some(line) if line.len() + 1 + word.len() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    if lines.len() > 1 {
        command = command.override_usage(lines.join(&format!("\n{}", " ".repeat(USAGE.len()))));
    }
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        let lines: Vec<String> = text
            .lines()
            .map(|line| remark_below(line, columns))
            .collect();
        command = command.after_help(lines.join("\n"));
    }
    command.mut_subcommands(|below| narrowed(below, columns))
}

/// Puts what stands in a second column below the first, where both do not fit.
fn remark_below(line: &str, columns: usize) -> String {
    let Some(entry) = line.strip_prefix("  ").filter(|_| line.len() > columns) else {
        return line.to_owned();
    };
    match entry.split_once("  ") {
        // Below its example already.
        Some(("", remark)) => format!("{REMARK_INDENT}{}", remark.trim_start()),
        Some((about, remark)) => format!("  {about}\n{REMARK_INDENT}{}", remark.trim_start()),
        None => line.to_owned(),
    }
}

fn with_variables(command: Command, variables: &[&str]) -> Command {
    if variables.is_empty() {
        return command;
    }
    let before = command.get_after_help().map(|text| format!("{text}\n\n"));
    let text = format!(
        "{}Environment:\n{}",
        before.unwrap_or_default(),
        variables.join("\n")
    );
    command.after_help(text)
}

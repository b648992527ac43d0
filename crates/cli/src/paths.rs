//! Paths as they are typed: a `~` that the shell left as it was, because it was quoted or stood behind `=`, is the home
//! directory. A path that only a shell could read is refused: it would become a folder of that name.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use clap::builder::{PathBufValueParser, StringValueParser, TypedValueParser as _, ValueParser};
use clap::{ArgMatches, Command};
use strongroom_client::Address;

/// A path that only a shell could read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unexpanded {
    #[error("`{0}` is for a shell to read, which it was not given to: write the path out")]
    ForShell(String),
    #[error("`~` is your home directory, and it can't be told where that is: write the path out")]
    NoHome,
    #[error("only a shell knows `{word}` in `{variable}`: write the path out")]
    InVariable { word: String, variable: String },
}

/// Puts the home directory in the place of a leading `~`.
pub(crate) fn expand(path: &Path) -> Result<PathBuf, Unexpanded> {
    let Some(word) = first_word(path) else {
        return Ok(path.to_path_buf());
    };
    if word != "~" {
        return Err(Unexpanded::ForShell(word));
    }
    let home = etcetera::home_dir().map_err(|_| Unexpanded::NoHome)?;
    let rest = path.strip_prefix("~").unwrap_or(path);
    Ok(match rest.as_os_str().is_empty() {
        true => home,
        false => home.join(rest),
    })
}

/// Returns the first part of a path, if it is one that a shell puts something else in the place of.
fn first_word(path: &Path) -> Option<String> {
    let mut parts = path.components();
    let Some(Component::Normal(first)) = parts.next() else {
        return None;
    };
    let word = first.to_string_lossy();
    let is_alone = parts.next().is_none();
    let is_variable = word
        .strip_prefix('$')
        .and_then(|name| name.chars().next())
        .is_some_and(|c| c == '{' || c.is_ascii_uppercase());
    // Names of files begin with `~` where nobody means a person's home: those of editors.
    let is_home = word == "~" || (word.starts_with('~') && !is_alone);
    (is_variable || is_home).then(|| word.into_owned())
}

/// Has all options of a command that take a path, and its subcommands', expand it.
pub(crate) fn expanding(command: Command) -> Command {
    let path = ValueParser::from(PathBufValueParser::new()).type_id();
    let address = ValueParser::from(StringValueParser::new().try_map(parse_address)).type_id();
    command
        .mut_args(|arg| {
            let kind = arg.get_value_parser().type_id();
            if kind == path {
                arg.value_parser(PathBufValueParser::new().try_map(|path| expand(&path)))
            } else if kind == address {
                arg.value_parser(StringValueParser::new().try_map(parse_address))
            } else {
                arg
            }
        })
        .mut_subcommands(expanding)
}

/// Reads an address that somebody typed.
pub(crate) fn parse_address(
    text: String,
) -> Result<Address, Box<dyn std::error::Error + Send + Sync>> {
    let Address::Folder(folder) = Address::parse(&text)?;
    Ok(Address::Folder(expand(&folder)?))
}

/// Refuses a path from a variable that a shell should have expanded: it is in a file that no shell reads.
pub(crate) fn check_variables(command: &Command, matches: &ArgMatches) -> Result<(), Unexpanded> {
    for arg in command.get_arguments() {
        let Some(variable) = arg.get_env() else {
            continue;
        };
        let id = arg.get_id().as_str();
        let is_from_variable =
            matches.value_source(id) == Some(clap::parser::ValueSource::EnvVariable);
        let Some(value) = std::env::var_os(variable).filter(|_| is_from_variable) else {
            continue;
        };
        if let Some(word) = first_word(Path::new(&value)) {
            let variable = OsStr::to_string_lossy(variable).into_owned();
            return Err(Unexpanded::InVariable { word, variable });
        }
    }
    match matches.subcommand() {
        Some((name, matches)) => match command.find_subcommand(name) {
            Some(command) => check_variables(command, matches),
            None => Ok(()),
        },
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_is_read_or_refused_and_never_taken_for_a_name() {
        let home = etcetera::home_dir().unwrap();
        assert_eq!(expand(Path::new("~")).unwrap(), home);
        assert_eq!(expand(Path::new("~/a/b")).unwrap(), home.join("a/b"));
        for as_it_is in ["a", "./~", "/~/a", "~lock.odt", "$", "$1", "a/$HOME", "a/~"] {
            let path = Path::new(as_it_is);
            assert_eq!(expand(path).unwrap(), path);
        }
        for refused in [
            "~ada/a",
            "$HOME",
            "$HOME/a",
            "${HOME}/a",
            "$XDG_DATA_HOME/a",
        ] {
            assert!(expand(Path::new(refused)).is_err(), "{refused}");
        }
    }
}

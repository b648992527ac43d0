//! Paths as they are typed: a `~` that the shell left as it was, because it was quoted or stood behind `=`, is the home
//! directory. A path that only a shell could read is refused: it would become a folder of that name.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use clap::builder::{PathBufValueParser, StringValueParser, TypedValueParser as _, ValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command};
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
fn expand(path: &Path, what: What) -> Result<PathBuf, Unexpanded> {
    let Some(word) = first_word(path, what) else {
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

/// What a path is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// A file of somebody's, which may be called anything.
    File,
    /// A home or an authority, which is made there: nobody calls one as a shell reads it.
    Place,
}

/// Returns the first part of a path, if it is one that a shell puts something else in the place of.
fn first_word(path: &Path, what: What) -> Option<String> {
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
    let is_shells = what == What::Place && word.starts_with(['~', '$']);
    (is_variable || is_home || is_shells).then(|| word.into_owned())
}

/// Has all options of a command that take a path, and those of its subcommands that are wanted, expand it.
pub(crate) fn expanding(command: Command, is_wanted: &dyn Fn(&Command) -> bool) -> Command {
    let path = ValueParser::from(PathBufValueParser::new()).type_id();
    let address = ValueParser::from(StringValueParser::new().try_map(parse_address)).type_id();
    command
        .mut_args(|arg| {
            let kind = arg.get_value_parser().type_id();
            if kind == path {
                let what = what_is(&arg);
                arg.value_parser(PathBufValueParser::new().try_map(move |path| expand(&path, what)))
            } else if kind == address {
                arg.value_parser(StringValueParser::new().try_map(parse_address))
            } else {
                arg
            }
        })
        .mut_subcommands(|below| match is_wanted(&below) {
            true => expanding(below, is_wanted),
            false => below,
        })
}

/// Tells what an option's path is of.
fn what_is(arg: &Arg) -> What {
    match arg.get_id() == "home" {
        true => What::Place,
        false => What::File,
    }
}

/// Reads an address that somebody typed.
pub(crate) fn parse_address(
    text: String,
) -> Result<Address, Box<dyn std::error::Error + Send + Sync>> {
    let Address::Folder(folder) = Address::parse(&text)?;
    Ok(Address::Folder(expand(&folder, What::Place)?))
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
        if let Some(word) = first_word(Path::new(&value), what_is(arg)) {
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

/// Names the variable that a value came from which an option refused: whoever reads that typed no such option.
pub(crate) fn in_variable(command: &Command, error: &clap::Error) -> Option<Unexpanded> {
    let Some(ContextValue::String(refused)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    let of_this = command.get_arguments().find_map(|arg| {
        let variable = arg.get_env()?;
        let value = std::env::var_os(variable).filter(|value| *value == **refused)?;
        let word = first_word(Path::new(&value), what_is(arg))?;
        let variable = OsStr::to_string_lossy(variable).into_owned();
        Some(Unexpanded::InVariable { word, variable })
    });
    of_this.or_else(|| {
        let mut below = command.get_subcommands();
        below.find_map(|command| in_variable(command, error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_is_read_or_refused_and_never_taken_for_a_name() {
        let home = etcetera::home_dir().unwrap();
        assert_eq!(expand(Path::new("~"), What::File).unwrap(), home);
        assert_eq!(
            expand(Path::new("~/a/b"), What::Place).unwrap(),
            home.join("a/b")
        );
        for as_it_is in ["a", "./~", "/~/a", "~lock.odt", "$", "$1", "a/$HOME", "a/~"] {
            let path = Path::new(as_it_is);
            assert_eq!(expand(path, What::File).unwrap(), path);
        }
        for refused in [
            "~ada/a",
            "$HOME",
            "$HOME/a",
            "${HOME}/a",
            "$XDG_DATA_HOME/a",
        ] {
            let path = Path::new(refused);
            assert!(expand(path, What::File).is_err(), "{refused}");
            assert!(expand(path, What::Place).is_err(), "{refused}");
        }
        for refused in ["~bob", "~bob/a", "$disk", "$disk/a", "$", "$1/a", "~+"] {
            let path = Path::new(refused);
            assert!(expand(path, What::Place).is_err(), "{refused}");
        }
        let path = Path::new("./~bob/$disk");
        assert_eq!(expand(path, What::Place).unwrap(), path);
    }
}

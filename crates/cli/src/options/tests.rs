//! What help, documents and messages say of the options.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use clap::error::{ContextKind, ErrorKind};
use walkdir::WalkDir;

use super::command;

/// All commands, with those below them.
fn all(command: &clap::Command) -> Vec<&clap::Command> {
    let below = command.get_subcommands();
    let below = below
        .filter(|below| below.get_name() != "help")
        .flat_map(all);
    std::iter::once(command).chain(below).collect()
}

#[test]
fn what_stands_below_the_options_fits_a_terminal() {
    let mut command = command();
    command.build();
    let mut wide = Vec::new();
    for command in all(&command) {
        let text = command.get_after_help().map(ToString::to_string);
        let text = text.unwrap_or_default();
        let lines = text.lines().filter(|line| line.chars().count() > 80);
        wide.extend(lines.map(|line| format!("{}: {line}", command.get_name())));
    }
    assert_eq!(wide, Vec::<String>::new());
}

#[test]
fn help_has_a_heading_for_what_is_not_the_commands_own() {
    let mut command = command();
    command.build();
    for command in all(&command) {
        let headings = |name: &str| {
            let mut found = command.get_arguments();
            let found = found.find(|arg| arg.get_long() == Some(name));
            found.map(|arg| arg.get_help_heading())
        };
        let name = command.get_display_name().unwrap_or_default();
        for option in ["help", "home", "max-work-factor", "quiet"] {
            assert_eq!(
                headings(option),
                Some(Some("Options of every command")),
                "{name} --{option}"
            );
        }
        for option in [
            "oaep",
            "pkcs1",
            "to",
            "cipher",
            "session-key",
            "simple-blob",
        ] {
            let expected = match name.starts_with("strongroom-capi") {
                true => None,
                false => Some("Files and programs of CryptoAPI"),
            };
            if let Some(heading) = headings(option) {
                assert_eq!(heading, expected, "{name} --{option}");
            }
        }
        // Where somebody may be asked, it is said how to answer beforehand.
        let text = command.get_after_help().map(ToString::to_string);
        let text = text.unwrap_or_default();
        let reads = ["recovery code", "Recovery code"].map(|words| {
            let code_file = command
                .get_arguments()
                .find(|arg| arg.get_long() == Some("code-file"));
            let help = code_file
                .and_then(|arg| arg.get_help())
                .map(ToString::to_string);
            help.is_some_and(|help| help.starts_with("Read") && help.contains(words))
        });
        if reads.contains(&true) {
            assert!(text.contains("STRONGROOM_RECOVERY_CODE"), "{name}");
        }
        if headings("passphrase").is_some() {
            assert!(text.contains("STRONGROOM_PASSPHRASE"), "{name}");
        }
    }
}

#[test]
fn every_variable_that_the_code_reads_is_in_the_help() {
    const READS: [&str; 4] = ["env = \"", "var(\"", "var_os(\"", "VARIABLE: &str = \""];
    let text = command().get_after_help().unwrap().to_string();
    let mut read = 0;
    for (path, code) in files("crates", "rs") {
        if !path.contains("/src/") || path.contains("testkit") || path.ends_with("tests.rs") {
            continue;
        }
        for part in READS.iter().flat_map(|reads| code.split(reads).skip(1)) {
            let name = part.split('"').next().unwrap();
            assert!(text.contains(&format!("  {name} ")), "{path}: {name}");
            read += 1;
        }
    }
    assert!(read >= 5, "{read}");
}

/// Commands in backticks, and those that stand in boxes.
#[test]
fn every_command_that_is_named_is_one() {
    let pages = files("docs", "md")
        .into_iter()
        .chain(files("docs/policies", "toml"))
        .chain(files("spec", "md"))
        .chain(files("crates/cli/src", "rs"));
    let readme = fs::read_to_string(Path::new(WORKSPACE).join("README.md")).unwrap();
    let pages = pages.chain([("README.md".to_owned(), readme)]);
    let mut known: Vec<String> = Vec::new();
    for command in command().get_subcommands() {
        known.push(command.get_name().to_owned());
    }
    let mut built = command();
    built.build();
    let examples = all(&built).into_iter().filter_map(|command| {
        let text = joined(&command.get_after_help()?.to_string());
        let lines = text.lines().filter_map(|line| line.strip_prefix("  "));
        // What an example does stands behind it.
        let lines = lines.map(|line| format!("$ {}\n", line.split("  ").next().unwrap()));
        Some((command.get_name().to_owned(), lines.collect::<String>()))
    });
    let pages = pages.chain(examples);
    let mut named = 0;
    let mut wrong = Vec::new();
    for (path, text) in pages {
        // A literal that goes on in the next line.
        let text = joined(&text);
        let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
        let boxed = lines.flat_map(|line| {
            let named = line.match_indices("strongroom ");
            let named = named.filter(|(at, _)| !line.get(..*at).unwrap().ends_with('/'));
            named.map(|(at, _)| line.get(at..).unwrap())
        });
        let inline = text.split('`').skip(1).step_by(2);
        for code in boxed.chain(inline.filter(|code| !code.contains('\n'))) {
            let words = shell_words(code);
            let bare = words.first().is_some_and(|word| known.contains(word));
            let full = words.first().is_some_and(|word| word == "strongroom");
            // A place to be filled in by the code, a path that ends so, and what the script on that page takes.
            let is_path = words
                .get(1)
                .is_some_and(|word| word.starts_with(['~', '/']));
            let is_scripts = !full && path.ends_with("without-strongroom.md");
            if code.contains('{') || is_path || is_scripts {
                continue;
            }
            let with_option = words.iter().any(|word| word.starts_with("--"));
            if !(full || bare && with_option) {
                continue;
            }
            let start = ["strongroom".to_owned()].into_iter().filter(|_| !full);
            named += 1;
            if let Err(error) = command().try_get_matches_from(start.chain(words))
                && is_wrong(&error)
            {
                wrong.push(format!("{path}: `{code}`: {}", error.kind()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(named > 200, "{named}");
}

/// Tells whether an error is more than that something was left out.
fn is_wrong(error: &clap::Error) -> bool {
    const LEFT_OUT: [ErrorKind; 5] = [
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::DisplayVersion,
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
    ];
    let value = error.get(ContextKind::InvalidValue);
    let is_empty = value.is_some_and(|value| value.to_string().is_empty());
    !(LEFT_OUT.contains(&error.kind()) || error.kind() == ErrorKind::InvalidValue && is_empty)
}

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The texts under a folder whose names end so.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let files = WalkDir::new(Path::new(WORKSPACE).join(folder));
    let files = files.into_iter().map(Result::unwrap);
    files
        .filter(|file| file.path().extension() == Some(OsStr::new(ending)))
        .map(|file| {
            let path = file.path().display().to_string();
            (path, fs::read_to_string(file.path()).unwrap())
        })
        .collect()
}

/// Puts lines together of which one ends in a backslash.
fn joined(text: &str) -> String {
    let mut parts = text.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |text, part| format!("{text}{}", part.trim_start()));
    text.replace("\\n", " ")
}

/// Splits a command into words, up to where the shell would see something else; with what can be parsed for what is to be put
/// in.
fn shell_words(code: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in code.chars() {
        match (quote, character) {
            (None, '|' | '&' | ';' | '>' | '<' | ')' | '#' | '(') => break,
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, ' ') => words.push(String::new()),
            (_, character) => words.last_mut().unwrap().push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    let mut before = String::new();
    for word in &mut words {
        let put_in = match (before.as_str(), word.as_str()) {
            ("--serial", _) => Some("00".repeat(16)),
            ("--for", "..") | (_, "OWNER") => Some("00".repeat(32)),
            (_, "N") => Some("20".to_owned()),
            (_, "..") => Some("x".to_owned()),
            _ => None,
        };
        before.clone_from(word);
        if let Some(put_in) = put_in {
            *word = put_in;
        }
    }
    words
}

//! What a person at a terminal sees: lines on standard error. What others wrote is shown so that it cannot pass for something else: names and paths by [`escape`], what people say in their own words by [`words`]
//! and [`print_words`].

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;

use strongroom_files::waiting::Waiting;
use strongroom_protocol::text;

use crate::stream::output_is_shown;

/// Says a line on standard error, in one piece. That it can't be said fails nothing.
pub(crate) fn tell(text: impl Display) {
    let _ = try_tell(text);
}

/// Says a sentence on standard error, in lines that fit if that is a terminal.
pub(crate) fn tell_wrapped(text: &str) {
    match console::Term::stderr().size_checked() {
        Some((_, columns)) => {
            let lines = wrapped(text, usize::from(columns).max(COLUMNS_MIN));
            lines.iter().for_each(|line| tell(line.trim_end()));
        }
        None => tell(text),
    }
}

/// Says a line on standard error, in one piece, where it matters that it was said. On a terminal it is one or more, which fit.
pub(crate) fn try_tell(text: impl Display) -> io::Result<()> {
    let line = format!("{}\n", in_lines(&text.to_string()));
    io::stderr().lock().write_all(line.as_bytes())
}

/// Breaks the lines of a text that do not fit where standard error is a terminal; not those that are set in by four, to be
/// copied.
pub(crate) fn in_lines(text: &str) -> String {
    let Some((_, columns)) = console::Term::stderr().size_checked() else {
        return text.to_owned();
    };
    let columns = usize::from(columns).max(COLUMNS_MIN);
    let lines = text.split('\n').map(|line| in_columns(line, columns));
    lines.collect::<Vec<_>>().join("\n")
}

fn in_columns(line: &str, columns: usize) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    if fits(line, columns) || indent >= COPIED_INDENT {
        return line.to_owned();
    }
    let indent = " ".repeat(indent);
    let lines = broken(line.trim_start(), columns - indent.len());
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("{indent}{}", line.trim_end()))
        .collect();
    lines.join("\n")
}

/// Says that another process holds a lock, also when little is to be said: a command that waits looks like one that hangs.
pub(crate) fn tell_waiting(waiting: &Waiting) {
    let path = shown(&waiting.path);
    // Arguments may be long, and what they name is nobody's business: the subcommand tells enough.
    match &waiting.holder {
        None => tell(format_args!(
            "waiting for another command, which has `{path}` locked"
        )),
        Some(holder) => {
            let program = holder.command.first().map(Path::new);
            let program = program.and_then(Path::file_name).unwrap_or_default();
            let is_ours = program == "strongroom";
            let subcommand = holder
                .command
                .iter()
                .skip(1)
                .find(|word| !word.starts_with('-'));
            let what = match subcommand.filter(|_| is_ours) {
                Some(subcommand) => format!("strongroom {subcommand}"),
                None if program.is_empty() => "another program".to_owned(),
                None => program.to_string_lossy().into_owned(),
            };
            tell(format_args!(
                "waiting for `{}` (process {}), which has `{path}` locked",
                escape(&what),
                holder.process
            ));
        }
    }
}

/// Prints a line on standard output.
pub(crate) fn print(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints a line that says something of one thing; on a terminal it is broken where it does not fit, and goes on set in.
pub(crate) fn print_item(text: impl Display) -> io::Result<()> {
    const INDENT: usize = 4;
    let text = text.to_string();
    if !output_is_shown(None) || fits(&text, columns()) {
        return print(text);
    }
    let mut indent = 0;
    broken(&text, columns() - INDENT)
        .iter()
        .try_for_each(|line| {
            print(format_args!("{:indent$}{}", "", line.trim_end()))?;
            indent = INDENT;
            Ok(())
        })
}

/// Prints a value as a line of JSON on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> io::Result<()> {
    let line = serde_json::to_string(value).map_err(io::Error::from)?;
    print(plain_json(&line))
}

/// Escapes, in JSON, what a terminal would follow or nobody would see. All of it is in strings, as all else is ASCII.
fn plain_json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for character in json.chars() {
        if text::is_plain(character) {
            plain.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(plain, "\\u{unit:04x}");
        }
    }
    plain
}

/// Shows a path.
pub(crate) fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

/// Spells out what a terminal would follow instead of show, and what nobody sees ([`text::is_plain`]).
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if text::is_plain(character) {
            shown.push(character);
        } else {
            let _ = write!(shown, "{}", character.escape_unicode());
        }
    }
    shown
}

/// Shows what somebody said in their own words, at the end of a line: in quotes, and without the white space by which it
/// could stand as a line of its own.
pub(crate) fn words(said: &str) -> String {
    format!("\"{}\"", one_line(said).replace('"', "\\\""))
}

/// Prints what somebody said in their own words, wrapped, with a mark at the beginning of each line.
pub(crate) fn print_words(said: &str) -> io::Result<()> {
    wrapped(said, WORDS_COLUMNS)
        .iter()
        .try_for_each(|line| print(format_args!("    > {line}")))
}

/// Shows a sentence that somebody's words are in, on one line.
pub(crate) fn one_line(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    escape(&words.join(" "))
}

/// How much of a line is for words that have a mark before them.
const WORDS_COLUMNS: usize = 72;
/// How far a line is set in that is a command to be copied.
const COPIED_INDENT: usize = 4;
/// How wide a line is where nothing tells.
const COLUMNS: usize = 80;
/// How narrow a terminal may be before lines do not fit.
const COLUMNS_MIN: usize = 24;

/// Returns how wide a line on standard output may be.
pub(crate) fn columns() -> usize {
    let size = console::Term::stdout().size_checked();
    let columns = size.map_or(COLUMNS, |(_, columns)| usize::from(columns));
    columns.max(COLUMNS_MIN)
}

/// Returns how wide a line on standard error may be.
pub(crate) fn error_columns() -> usize {
    let size = console::Term::stderr().size_checked();
    let columns = size.map_or(COLUMNS, |(_, columns)| usize::from(columns));
    columns.max(COLUMNS_MIN)
}

/// Returns how wide help may be, as clap finds it out; nothing where it can't be told.
pub(crate) fn help_columns() -> Option<usize> {
    let shown = [console::Term::stdout(), console::Term::stderr()];
    let size = shown.iter().find_map(console::Term::size_checked);
    let columns = size.map(|(_, columns)| usize::from(columns));
    columns.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok())
}

/// Cuts the middle out of what is shown on a terminal and does not fit there. What is read otherwise is whole.
pub(crate) fn fitted(shown: &str, columns: usize) -> String {
    const CUT: &str = "..";
    if !output_is_shown(None) || fits(shown, columns) {
        return shown.to_owned();
    }
    // More of the end, where names are.
    let before = (columns - CUT.len()) / 3;
    let after = columns - CUT.len() - before;
    let take = |characters: &mut dyn Iterator<Item = char>, columns: usize| {
        let mut left = columns;
        let fits = |character: &char| {
            let wide = width_of(*character);
            let fits = wide <= left;
            left = left.saturating_sub(wide);
            fits
        };
        characters.take_while(fits).collect::<String>()
    };
    let start = take(&mut shown.chars(), before);
    let end = take(&mut shown.chars().rev(), after);
    let end: String = end.chars().rev().collect();
    format!("{start}{CUT}{end}")
}

/// Tells whether a text fits into so many columns.
pub(crate) fn fits(text: &str, columns: usize) -> bool {
    width(text) <= columns
}

/// Returns how many columns a text takes at most: all that is not ASCII counts as wide.
fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

fn width_of(character: char) -> usize {
    1 + usize::from(!character.is_ascii())
}

/// Cuts a text into lines of so many columns. What is in backticks, to be typed, stays on a line where that is possible.
pub(crate) fn wrapped(said: &str, limit: usize) -> Vec<String> {
    broken(&one_line(said), limit)
}

/// Does so with the blanks between the words as they are.
fn broken(text: &str, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut columns) = (String::new(), 0);
    for word in words_of(text, limit) {
        let word = word.as_str();
        let length = width(word.trim_end());
        if columns + length > limit && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            columns = 0;
        }
        // A word that is longer than a line is cut.
        for character in word.chars() {
            if columns >= limit && character != ' ' {
                lines.push(std::mem::take(&mut line));
                columns = 0;
            }
            line.push(character);
            columns += width_of(character);
        }
    }
    lines.push(line);
    lines
}

/// Prints a text in as many lines as it takes, each behind the indent.
pub(crate) fn print_wrapped(text: &str, indent: &str, columns: usize) -> io::Result<()> {
    let mut lines = wrapped(text, columns.saturating_sub(indent.len())).into_iter();
    lines.try_for_each(|line| print(format_args!("{indent}{}", line.trim_end())))
}

/// Returns the words of a text, each with the blank behind it; what is in backticks is one, unless it is longer than a line.
fn words_of(text: &str, limit: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_inclusive(' ') {
        match words.last_mut() {
            Some(last) if is_open && width(last) + width(word.trim_end()) <= limit => {
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

/// Says `one` or `many`, with the number.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}

/// Tells whether somebody sits there who can be asked.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_follow_is_spelled_out() {
        assert_eq!(escape("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(escape("\u{202e}txt.exe"), "\\u{202e}txt.exe");
        assert_eq!(escape("Übersicht – 1"), "Übersicht – 1");
        assert_eq!(escape("a\u{200b}b\u{61c}"), "a\\u{200b}b\\u{61c}");
        let json = serde_json::to_string("\u{9b}\u{202e}\u{e0061}é\n").unwrap();
        let plain = plain_json(&json);
        assert_eq!(plain, "\"\\u009b\\u202e\\udb40\\udc61é\\n\"");
        let read: String = serde_json::from_str(&plain).unwrap();
        assert_eq!(read, "\u{9b}\u{202e}\u{e0061}é\n");
    }

    #[test]
    fn what_is_set_in_is_broken_set_in_and_what_is_copied_is_not() {
        let copied = "    mv /a/long/way/to/some/folder DIR";
        assert_eq!(in_columns(copied, 20), copied);
        let said = in_columns("  one two three four five six", 12);
        assert_eq!(said, "  one two\n  three four\n  five six");
        assert_eq!(in_columns("one two three", 8), "one two\nthree");
    }

    #[test]
    fn no_words_draw_a_line_of_their_own() {
        let drawn = format!("new{:80}  asked by     bob\n  stands  \"approved\"", "");
        assert_eq!(words(&drawn), r#""new asked by bob stands \"approved\"""#);
        let long = format!(
            "{} {} {}",
            "a".repeat(100),
            "é".repeat(50),
            "b c".repeat(30)
        );
        for line in wrapped(&long, WORDS_COLUMNS) {
            let columns: usize = line.chars().map(|c| 1 + usize::from(!c.is_ascii())).sum();
            assert!(columns <= 73 && columns > 0, "{line}");
        }
        assert_eq!(wrapped(&long, WORDS_COLUMNS).concat(), long);
        assert_eq!(wrapped("", WORDS_COLUMNS), [""]);
        assert_eq!(
            wrapped("say: `a b c` now", 10),
            ["say: ", "`a b c` ", "now"]
        );
    }
}

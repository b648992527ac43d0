//! `strongroom man`: manual pages, made from the options, and one of the words that are used.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::exit::Exit;
use crate::options;

/// The page of words, which everybody who reads the source has beside it.
const WORDS: &str = include_str!("../../../../docs/words.md");

/// Write the manual pages into a folder for them: one of each command, and strongroom-words(7).
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom man ~/.local/share/man

Then there are `man strongroom`, `man strongroom-recover` and so on.")]
pub(crate) struct Arguments {
    /// The folder, which gets the folders `man1` and `man7`. Pages of ours that are there are replaced.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let failed = || {
        format!(
            "cannot write manual pages into `{}`",
            arguments.folder.display()
        )
    };
    let [commands, words] = ["man1", "man7"].map(|section| arguments.folder.join(section));
    fs::create_dir_all(&commands).with_context(failed)?;
    fs::create_dir_all(&words).with_context(failed)?;
    let mut command = options::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, &commands).with_context(failed)?;
    fs::write(words.join("strongroom-words.7"), words_page()).with_context(failed)?;
    Ok(Exit::Done)
}

/// Writes the page of a command, and those of its subcommands.
fn write_pages(command: &Command, folder: &Path) -> std::io::Result<()> {
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        write_pages(below, folder)?;
    }
    let man = Man::new(command.clone()).manual("Strongroom");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        page.extend(after(&text.to_string()).into_bytes());
    }
    fs::write(folder.join(man.get_filename()), page)
}

/// Lays out what stands at the end of a command's help: a section for each line that ends in a colon, and what is indented as
/// it is.
fn after(text: &str) -> String {
    let mut roff = Roff::new();
    let mut indented = false;
    for line in text.lines() {
        if line.starts_with("  ") != indented && !line.is_empty() {
            indented = !indented;
            roff.control(if indented { "nf" } else { "fi" }, []);
        }
        match line.strip_suffix(':') {
            Some(heading) if !indented => roff.control("SH", [heading.to_uppercase().as_str()]),
            _ if line.is_empty() => roff.control("PP", []),
            _ => roff.text([roman(line)]),
        };
    }
    if indented {
        roff.control("fi", []);
    }
    roff.render()
}

/// Makes a page of docs/words.md: its headings, its paragraphs, and each `- **word**: what it is`.
fn words_page() -> String {
    let mut roff = Roff::new();
    roff.control(
        "TH",
        [
            "strongroom-words",
            "7",
            "",
            concat!("strongroom ", env!("CARGO_PKG_VERSION")),
            "Strongroom",
        ],
    );
    roff.control("SH", ["NAME"]);
    roff.text([roman(
        "strongroom-words - what the words mean that Strongroom uses",
    )]);
    roff.control("SH", ["DESCRIPTION"]);
    for line in WORDS.lines().skip(1) {
        if let Some(heading) = line.strip_prefix("## ") {
            roff.control("SH", [heading.to_uppercase().as_str()]);
        } else if let Some((word, meaning)) = line
            .strip_prefix("- **")
            .and_then(|line| line.split_once("**: "))
        {
            roff.control("TP", []);
            roff.text([bold(word)]);
            roff.text([roman(unmarked(meaning))]);
        } else if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(unmarked(line.trim()))]);
        }
    }
    roff.render()
}

/// Takes the marks of Markdown away.
fn unmarked(text: &str) -> String {
    text.replace(['*', '`'], "")
}

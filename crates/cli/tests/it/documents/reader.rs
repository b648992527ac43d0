//! Somebody who reads a page and types what it says, on a machine that has never seen Strongroom.
//!
//! Three things differ from a real one. All of its folders, `/home/you`, `/media`, `/mnt` and `/srv` as well, lie in one temporary
//! folder. As that is one disk, `strongroom status` is told not to mind. The recovery code is in the variable as soon as a sheet
//! was seen, as nobody is there to copy it from the paper; what is typed as an answer is typed at a terminal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::page::{Step, Typed};
use super::{ROOT, is_there};
use crate::machine::{Ran, ran};

/// Folders of the pages that lie in ours.
const FOLDERS: [&str; 4] = ["/home", "/media", "/mnt", "/srv"];

pub(super) struct Reader {
    page: String,
    machine: TempDir,
    /// Who reads, and what code is on the sheet of each.
    name: String,
    codes: BTreeMap<String, String>,
    /// What is typed for a word of the page.
    words: Vec<(String, String)>,
    /// How long it has been, for `faketime`.
    later: Option<String>,
}

impl Reader {
    pub(super) fn new(page: &str) -> Self {
        let machine = tempfile::tempdir().unwrap();
        for folder in FOLDERS {
            fs::create_dir(machine.path().join(folder.trim_start_matches('/'))).unwrap();
        }
        let mut reader = Self {
            page: page.to_owned(),
            machine,
            name: String::new(),
            codes: BTreeMap::new(),
            words: Vec::new(),
            later: None,
        };
        reader.becomes("you");
        reader
    }

    /// Does what a page says; tells whether it goes on.
    pub(super) fn does(&mut self, step: &Step) -> bool {
        match step {
            Step::As(name) => self.becomes(name),
            Step::Command(typed) => self.types(typed),
            Step::Cron(lines) => lines.lines().for_each(|line| self.is_cron(line)),
            Step::File { path, text, more } => self.writes(path, text, *more),
            Step::Later(offset) => {
                if !is_there("faketime") {
                    return false;
                }
                self.later = Some(offset.clone());
            }
            Step::Let { word, command } => {
                let said = self.shell(command).text().trim().to_owned();
                assert!(!said.is_empty(), "{}: nothing is {word}", self.page);
                self.words.retain(|(known, _)| known != word);
                self.words.push((word.clone(), said));
            }
            Step::Needs(program) => return is_there(program),
            Step::NotRun { .. } => {}
            Step::Run(commands) => drop(self.shell(commands)),
        }
        true
    }

    fn home(&self) -> PathBuf {
        self.machine.path().join("home").join(&self.name)
    }

    fn becomes(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        let bin = self.home().join(".cargo/bin");
        if !bin.exists() {
            fs::create_dir_all(&bin).unwrap();
            let program = env!("CARGO_BIN_EXE_strongroom");
            std::os::unix::fs::symlink(program, bin.join("strongroom")).unwrap();
        }
    }

    /// Writes a text of the page as what stands on this machine.
    fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (word, typed) in &self.words {
            text = text.replace(word, typed);
        }
        let machine = self.machine.path().to_str().unwrap();
        for folder in FOLDERS {
            for before in [" ", "=", "'", "\"", "\n", ":"] {
                let there = format!("{before}{folder}/");
                text = text.replace(&there, &format!("{before}{machine}{folder}/"));
            }
            if text.starts_with(&format!("{folder}/")) {
                text.insert_str(0, machine);
            }
        }
        match text.contains("--same-disk-ok") {
            true => text,
            false => text.replace("strongroom status", "strongroom status --same-disk-ok"),
        }
    }

    fn writes(&self, path: &str, text: &str, more: bool) {
        let path = self.here(path);
        let path = match path.strip_prefix("~/") {
            Some(path) => self.home().join(path),
            None => self.home().join(&path),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let before = match more {
            true => fs::read_to_string(&path).unwrap(),
            false => String::new(),
        };
        fs::write(&path, before + &self.here(text)).unwrap();
    }

    fn types(&mut self, typed: &Typed) {
        let command = self.here(&typed.command);
        let mut shell = match &typed.answer {
            Some(_) => {
                let mut terminal = Command::new("script");
                terminal.args(["-qec", &command, "/dev/null"]);
                terminal
            }
            None => self.sh(&command),
        };
        let answer = typed.answer.as_ref().map(|word| format!("{word}\n"));
        let ran = ran(
            self.on_this_machine(&mut shell),
            answer.unwrap_or_default().as_bytes(),
        );
        self.saw_sheet();
        assert_eq!(
            ran.status,
            Some(typed.status),
            "{}: `{command}` said\n{}{}",
            self.page,
            String::from_utf8_lossy(&ran.stdout),
            ran.stderr
        );
        self.printed(&typed.shown, &ran);
    }

    /// Sees that a command printed what the page shows, in this order: but for ids, keys and times.
    fn printed(&self, shown: &[String], ran: &Ran) {
        let machine = self.machine.path().to_str().unwrap();
        let said = format!("{}\n{}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
        let said = said.replace(machine, "").replace('\r', "");
        let mut left = said.lines().map(plain);
        for line in shown
            .iter()
            .filter(|line| !line.is_empty() && *line != "..")
        {
            let line = plain(line);
            assert!(
                left.any(|said| said == line),
                "{}: shows\n{line}\nand this was printed:\n{said}",
                self.page
            );
        }
    }

    fn saw_sheet(&mut self) {
        let sheets = [".local/share/strongroom/recovery-sheet.txt", "sheet.txt"];
        for sheet in sheets {
            let sheet = fs::read_to_string(self.home().join(sheet)).unwrap_or_default();
            let code = sheet
                .lines()
                .find_map(|line| line.strip_prefix("Recovery code: "));
            if let Some(code) = code.filter(|code| !code.contains("__")) {
                self.codes.insert(self.name.clone(), code.to_owned());
                return;
            }
        }
    }

    /// Runs commands that the page does not show.
    pub(super) fn shell(&mut self, commands: &str) -> Ran {
        let commands = self.here(commands);
        let ran = ran(self.on_this_machine(&mut self.sh(&commands)), b"");
        self.saw_sheet();
        assert_eq!(
            ran.status,
            Some(0),
            "{}: `{commands}` said\n{}",
            self.page,
            ran.stderr
        );
        ran
    }

    /// A shell for a command, under the clock of the page.
    fn sh(&self, command: &str) -> Command {
        let shell = match &self.later {
            Some(offset) => vec!["faketime", "-f", offset, "sh"],
            None => vec!["sh"],
        };
        let mut sh = Command::new(shell[0]);
        sh.args(&shell[1..]).args(["-ec", command]);
        sh
    }

    fn on_this_machine<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let bin = self.home().join(".cargo/bin");
        let path = std::env::var_os("PATH").unwrap();
        let path = std::iter::once(bin).chain(std::env::split_paths(&path));
        command
            .current_dir(self.home())
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("SOURCE", ROOT)
            .stdin(Stdio::piped());
        if let Some(code) = self.codes.get(&self.name) {
            command.env("STRONGROOM_RECOVERY_CODE", code);
        }
        command
    }

    /// Runs a line of a crontab as cron does, in an hour without a person.
    fn is_cron(&self, line: &str) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let mut fields = line.splitn(6, char::is_whitespace);
        for _ in 0..5 {
            let field = fields.next().unwrap();
            let is_time = |c: char| c.is_ascii_digit() || "*/,-".contains(c);
            assert!(field.chars().all(is_time), "{}: `{line}`", self.page);
        }
        let command = fields.next().unwrap().trim();
        // Cron takes it for the end of the line.
        let bare = command.replace("\\%", "");
        assert!(
            !bare.contains('%'),
            "{}: a bare percent sign in `{line}`",
            self.page
        );
        let command = self.here(&command.replace("\\%", "%"));
        let mut shell = self.sh(&command);
        shell
            .current_dir(self.home())
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null());
        let ran = ran(&mut shell, b"");
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
        assert_eq!(
            (ran.status, &*said),
            (Some(0), ""),
            "{}: `{command}`",
            self.page
        );
    }
}

/// Writes a line without what differs each time: ids, keys, times and how much white space there is.
fn plain(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let inner = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_hex = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase();
        let is_id = inner.len() >= 8 && inner.chars().all(is_hex);
        let is_time = inner.len() >= 10 && inner.starts_with("20") && inner.contains("-");
        let is_key = ["officer1", "age1"]
            .iter()
            .any(|kind| inner.starts_with(kind));
        match is_id || is_time || is_key {
            true => word.replace(inner, ".."),
            false => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_differs_each_time_is_not_compared() {
    assert_eq!(
        plain("x.age  since 2026-05-31T09:00:00Z  serial 6aa71f30e56c8dc2"),
        "x.age since .. serial .."
    );
    assert_eq!(plain("1 file: 0 protected"), "1 file: 0 protected");
    assert!(Path::new(ROOT).is_dir());
}

//! The sessions in the README and in `docs/`, run as they are printed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The commands in a page's `console` blocks, without their comments.
fn commands(page: &str) -> Vec<String> {
    let page = fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
    let blocks = page.split("```console\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    lines
        .filter_map(|line| line.strip_prefix("$ "))
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect()
}

/// Somebody who types the page, on a machine that has never seen Strongroom.
struct Reader {
    home: TempDir,
    /// Another disk, which the pages call `/media/usb`.
    usb: TempDir,
    /// On the sheet, which they have before them once it was printed.
    code: String,
}

impl Reader {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            usb: tempfile::tempdir().unwrap(),
            code: String::new(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.home.path().join(name), text).unwrap();
    }

    fn types(&mut self, command: &str) -> Output {
        let mut command = command.replace("/media/usb", self.usb.path().to_str().unwrap());
        if command.starts_with("strongroom status") {
            // There is no second disk to stand for the one of the page, and memory is none.
            command += " --same-disk-ok";
        }
        let sheet = ".local/share/strongroom/recovery-sheet.txt";
        let sheet = fs::read_to_string(self.home.path().join(sheet)).unwrap_or_default();
        let mut lines = sheet.lines();
        if let Some(code) = lines.find_map(|line| line.strip_prefix("Recovery code: ")) {
            self.code = code.to_owned();
        }
        let ran = self.shell(&command).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "`{command}` failed:\n{said}");
        ran
    }

    fn shell(&self, command: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_strongroom"));
        let path = std::env::join_paths(
            std::iter::once(program.parent().unwrap().to_owned())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .current_dir(&self.home)
            .env_clear()
            .env("PATH", path.unwrap())
            .env("HOME", self.home.path())
            .env("STRONGROOM_RECOVERY_CODE", &self.code);
        shell
    }
}

#[test]
fn the_readmes_session_brings_the_file_back_byte_for_byte() {
    let mut reader = Reader::new();
    reader.write("thesis.pdf", "a thesis");
    let thesis = reader.home.path().join("thesis.pdf");
    let session = commands("README.md");
    assert_eq!(session.len(), 4, "{session:?}");
    for command in &session {
        if command.contains("decrypt") {
            fs::remove_file(&thesis).unwrap();
        }
        reader.types(command);
    }
    assert_eq!(fs::read_to_string(&thesis).unwrap(), "a thesis");
}

#[test]
fn the_page_on_secrets_goes_as_it_is_printed() {
    let mut reader = Reader::new();
    let page = fs::read_to_string(Path::new(ROOT).join("docs/secrets.md")).unwrap();
    let list: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("    {"))
        .map(|line| format!("{{{line}\n"))
        .collect();
    assert_eq!(list.len(), 2, "{list:?}");
    reader.write("secrets.jsonl", &list.concat());
    reader.write("names.txt", "wifi\ndisk/host1\nbmc/host1\n");
    reader.types("strongroom init --authority /media/usb/strongroom-spare");
    let session = commands("docs/secrets.md");
    assert_eq!(session.len(), 6, "{session:?}");
    let typed: Vec<_> = session
        .iter()
        .map(|command| reader.types(command))
        .collect();
    assert_eq!(typed[2].stdout, *b"correct horse battery");
    let unchanged = String::from_utf8_lossy(&typed[4].stderr);
    assert!(
        unchanged.contains("0 secrets deposited, 2 unchanged"),
        "{unchanged}"
    );
}

#[test]
fn the_first_hour_goes_as_it_is_printed() {
    let mut reader = Reader::new();
    reader.write("thesis.pdf", "a thesis");
    let session = commands("docs/first-hour.md");
    assert!(session.len() > 15, "{session:?}");
    for command in &session {
        let ran = reader.types(command);
        if command == "strongroom sheet print" {
            let sheet = String::from_utf8(ran.stdout).unwrap();
            assert!(sheet.contains("Recovery code: ____"), "{sheet}");
        }
    }
}

#[test]
fn the_page_on_a_stolen_machine_goes_as_it_is_printed() {
    let mut reader = Reader::new();
    reader.types(
        "strongroom --home laptop init --authority /media/usb/strongroom-spare --sheet sheet.txt",
    );
    reader.types("printf right | strongroom --home laptop deposit --name wifi");
    let session = commands("docs/stolen.md");
    assert_eq!(session.len(), 5, "{session:?}");
    let typed: Vec<_> = session
        .iter()
        .map(|command| reader.types(command))
        .collect();
    let lines = String::from_utf8(typed[4].stdout.clone()).unwrap();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("revoked on"), "{lines:?}");
    assert!(
        lines[1].contains("\"the new laptop\"  this machine"),
        "{lines:?}"
    );
    let mut thief = reader.shell("printf wrong | strongroom --home laptop deposit --name wifi");
    assert!(!thief.output().unwrap().status.success());
}

//! The README's first session, run as it is printed.

use std::fs;
use std::path::Path;
use std::process::Command;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// The commands of the README's first session, without their comments.
fn session() -> Vec<String> {
    let readme = fs::read_to_string(README).unwrap();
    let session = readme.split("```console\n").nth(1).unwrap();
    let session = session.split("```").next().unwrap();
    let commands = session.lines().filter_map(|line| line.strip_prefix("$ "));
    commands
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect()
}

fn run(home: &Path, command: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_strongroom"));
    let path = std::env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let sheet = home.join(".local/share/strongroom/recovery-sheet.txt");
    let sheet = fs::read_to_string(sheet).unwrap_or_default();
    let code = sheet
        .lines()
        .find_map(|line| line.strip_prefix("Recovery code: "));
    let ran = Command::new("sh")
        .args(["-c", command])
        .current_dir(home)
        .env_clear()
        .env("PATH", path.unwrap())
        .env("HOME", home)
        // What somebody types who has the sheet before them.
        .env("STRONGROOM_RECOVERY_CODE", code.unwrap_or_default())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "`{command}` failed:\n{said}");
}

#[test]
fn the_readmes_session_brings_the_file_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let thesis = folder.path().join("thesis.pdf");
    fs::write(&thesis, "a thesis").unwrap();
    let session = session();
    assert_eq!(session.len(), 4, "{session:?}");
    for command in &session {
        if command.contains("decrypt") {
            fs::remove_file(&thesis).unwrap();
        }
        run(folder.path(), command);
    }
    assert_eq!(fs::read_to_string(&thesis).unwrap(), "a thesis");
}

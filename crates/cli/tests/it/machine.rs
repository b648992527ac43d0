//! A machine of its own for each test: a folder, in which the command runs with a home beside the files.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Machine {
    folder: TempDir,
    /// Where the home is, seen from the folder.
    home: &'static str,
}

/// Where a home is that nobody named.
const DEFAULT_HOME: &str = ".local/share/strongroom";

/// The file that a test writes the code of an invitation into.
const INVITATION_CODE: &str = "invitation-code";

/// What a command did.
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Machine {
    /// A machine that has never seen Strongroom.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            home: "home",
        }
    }

    /// A machine that has never seen Strongroom, on which the home is not named: the first `encrypt` makes one.
    pub(crate) fn at_first_use() -> Self {
        Self {
            home: DEFAULT_HOME,
            ..Self::new()
        }
    }

    /// Another machine, with the home in the same place.
    pub(crate) fn like(other: &Self) -> Self {
        Self {
            home: other.home,
            ..Self::new()
        }
    }

    /// The path of a file in the home.
    pub(crate) fn in_home(&self, name: &str) -> String {
        format!("{}/{name}", self.home)
    }

    /// A machine with a home, whose recovery code is in `code`.
    pub(crate) fn with_home() -> Self {
        let machine = Self::new();
        machine.run(["init", "--code-file", "code"]).done();
        machine
    }

    /// The same with a classic key.
    pub(crate) fn with_classic_home() -> Self {
        Self::new().and_classic_home()
    }

    /// The same in memory, where there is any: for thousands of files whose writes nobody waits for.
    pub(crate) fn with_classic_home_in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if !memory.is_dir() {
            return Self::with_classic_home();
        }
        let folder = tempfile::tempdir_in(memory).unwrap();
        let machine = Self {
            folder,
            home: "home",
        };
        machine.and_classic_home()
    }

    /// A machine that has never seen Strongroom, and keeps its home in this folder.
    pub(crate) fn keeping_home_in(home: &'static str) -> Self {
        Self {
            home,
            ..Self::new()
        }
    }

    /// The same once it has a home with a classic key.
    pub(crate) fn and_classic_home(self) -> Self {
        self.run(["init", "--code-file", "code", "--key-type", "x25519"])
            .done();
        self
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn read_text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Changes the bytes of a file.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(name);
        change(&mut bytes);
        self.write(name, bytes);
    }

    /// The names of what is in a folder, hidden ones too.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn code(&self) -> String {
        self.read_text("code").trim().to_owned()
    }

    /// The command, without its environment, and nobody at a terminal.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        if self.home != DEFAULT_HOME {
            command.env("STRONGROOM_HOME", self.path(self.home));
        }
        // Where a test wrote one down, as its owner remembers it.
        if let Ok(code) = fs::read_to_string(self.path(INVITATION_CODE)) {
            command.env("STRONGROOM_INVITATION_CODE", code);
        }
        command
    }

    /// Makes an invitation from a home, as `name`, and writes its code down.
    pub(crate) fn invite(&self, home: &str, name: &str) {
        let invite = ["--home", home, "device", "invite", "-o", name];
        let code = self.run(invite).done().stdout;
        self.write(INVITATION_CODE, code);
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        ran(&mut self.command(args), b"")
    }

    pub(crate) fn run_with<A: AsRef<OsStr>>(
        &self,
        variable: &str,
        value: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Ran {
        ran(self.command(args).env(variable, value), b"")
    }

    pub(crate) fn pipe<A: AsRef<OsStr>>(
        &self,
        input: &[u8],
        args: impl IntoIterator<Item = A>,
    ) -> Ran {
        ran(self.command(args).stdin(Stdio::piped()), input)
    }

    /// The command as somebody types it at a terminal, who answers with these lines, each a while after the one before. Nothing
    /// where there is no `script` to make a terminal, which is said loudly.
    pub(crate) fn at_terminal(&self, command: &str, typed: &[&str]) -> Option<String> {
        let has_script = Command::new("script")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok();
        if !has_script {
            assert!(std::env::var_os("CI").is_none(), "`script` is missing");
            eprintln!("SKIPPED: `script` is missing; nothing was typed at a terminal");
            return None;
        }
        let strongroom = env!("CARGO_BIN_EXE_strongroom");
        let typing: String = typed
            .iter()
            .map(|line| format!("sleep 4; echo '{line}'; "))
            .collect();
        let line = format!("({typing} sleep 4) | script -qec '{strongroom} {command}' /dev/null");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &line])
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env_remove("STRONGROOM_HOME")
            .env_remove("XDG_DATA_HOME")
            .env("TERM", "dumb");
        if self.home != DEFAULT_HOME {
            shell.env("STRONGROOM_HOME", self.path(self.home));
        }
        let said = ran(&mut shell, b"").stdout;
        Some(String::from_utf8_lossy(&said).into_owned())
    }

    /// Recovers with the code, as its owner does.
    pub(crate) fn recover<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        let mut command = self.command(["recover"]);
        command
            .args(args)
            .env("STRONGROOM_RECOVERY_CODE", self.code());
        ran(&mut command, b"")
    }

    /// What `status` says of one file.
    pub(crate) fn status(&self, file: &str) -> Value {
        let ran = self.run(["status", "--json", "--same-disk-ok", file]);
        let lines = ran.json();
        assert_eq!(lines.len(), 1, "{}", ran.stderr);
        lines.into_iter().next().unwrap()
    }

    pub(crate) fn is_protected(&self, file: &str) -> bool {
        self.status(file)["protected"] == true
    }

    /// Asserts that a file decrypts to these bytes.
    pub(crate) fn opens_to(&self, file: &str, plaintext: &[u8]) {
        let ran = self.run(["decrypt", "-o", "-", file]).done();
        assert!(ran.stdout == plaintext, "{file} opened to something else");
    }
}

pub(crate) fn ran(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            // A command that refuses does not read.
            scope.spawn(move || stdin.write_all(input));
        }
        let output = child.wait_with_output().unwrap();
        Ran {
            status: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    })
}

impl Ran {
    /// Asserts that all was done.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        self
    }

    /// Asserts that it ended with this status, and said each of these, and nothing secret.
    #[track_caller]
    pub(crate) fn refused(self, status: i32, said: &[&str]) -> Self {
        assert_eq!(self.status, Some(status), "{}", self.stderr);
        for said in said {
            assert!(
                self.stderr.contains(said),
                "expected `{said}` in:\n{}",
                self.stderr
            );
        }
        for secret in ["AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1"] {
            assert!(!self.stderr.contains(secret), "{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Asserts that it was refused in one line, as scripts rely on, which says this.
    #[track_caller]
    pub(crate) fn refused_in_a_line(self, said: &str) -> Self {
        let ran = self.refused(1, &[said]);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        ran
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }

    /// The lines of JSON that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap();
        self.text().lines().map(parse).collect()
    }
}

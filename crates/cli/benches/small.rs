//! How fast many small files are encrypted, on a disk that has to be waited for, beside a copy of them and a loop of `age`.
//! `just bench-small`; docs/performance.md has what came of it. Not how time grows: that is `just bench-growth`.
//!
//! Everything is in one run, in turn: `cp -r` and `sync -f` of a tree, the command for the same tree, and `age` for some of its files,
//! one after another, whose time is scaled. What is told is medians, and their ratios. As root on an ext4 of its own, with a journal, on
//! a loop device that reads and writes past the page cache; else in `/dev/shm`, where there is nothing to wait for.

#![expect(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use strongroom_testkit::Mount;

const PROGRAM: &str = env!("CARGO_BIN_EXE_strongroom");
/// How many files there are, unless a number is named; and how many of them `age` encrypts.
const FILES: usize = 20_000;
const FILES_OF_AGE: usize = 500;
const FILE_BYTES: usize = 4096;
const FILES_IN_A_FOLDER: usize = 200;
const ROUNDS: usize = 3;

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let named = std::env::args().find_map(|number| number.parse().ok());
    let files = if measures { named.unwrap_or(FILES) } else { 8 };
    let memory = Path::new("/dev/shm");
    let folder = match measures && !memory.is_dir() {
        true => tempfile::tempdir(),
        false => tempfile::tempdir_in(memory),
    };
    let folder = folder.unwrap();
    let at = folder.path().join("disk");
    fs::create_dir(&at).unwrap();
    let disk = measures.then(|| Mount::ext4(&at, 4 << 30)).flatten();
    let place = match &disk {
        Some(_) if past_the_cache(&at) => "ext4 on a loop device with direct I/O",
        Some(_) => "ext4 on a loop device",
        None => "in memory: no disk was waited for",
    };
    println!(
        "{files} files of {FILE_BYTES} bytes; {}; {place}\n",
        machine()
    );
    let bench = Bench { at, files };
    bench.prepare();
    let sample = files.min(FILES_OF_AGE);
    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..if measures { ROUNDS } else { 1 } {
        times[0].push(bench.copy(round));
        times[1].push(bench.encrypt("home", round));
        times[2].push(bench.encrypt("classic", round));
        times[3].push(
            bench
                .loop_of_age(sample, round)
                .mul_f64(files as f64 / sample as f64),
        );
    }
    let [copy, hybrid, classic, age] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    });
    println!(
        "| | seconds | files/s | to the copy | the loop of age takes |\n|---|---|---|---|---|"
    );
    for (what, time) in [
        ("`cp -r`, `sync -f`", copy),
        ("`strongroom encrypt`", hybrid),
        ("the same, with a classic key", classic),
        (&format!("`age -r`, {sample} of them, scaled"), age),
    ] {
        let rate = files as f64 / time;
        let (to_copy, to_age) = (time / copy, age / time);
        println!("| {what} | {time:.2} | {rate:.0} | {to_copy:.2} × | {to_age:.1} × as long |");
    }
}

struct Bench {
    at: PathBuf,
    files: usize,
}

impl Bench {
    fn prepare(&self) {
        for number in 0..self.files {
            let path = self.source(number);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!("file {number}, ");
            let bytes: Vec<u8> = text.bytes().cycle().take(FILE_BYTES).collect();
            fs::write(path, bytes).unwrap();
        }
        for (home, kind) in [("home", "hybrid"), ("classic", "x25519")] {
            let init = ["--home", home, "init", "-q", "--key-type", kind];
            self.run(Command::new(PROGRAM).args(init));
        }
        self.run(Command::new("age-keygen").args(["-o", "age.key"]));
    }

    fn source(&self, number: usize) -> PathBuf {
        let folder = number / FILES_IN_A_FOLDER;
        self.at.join(format!("tree/{folder}/{number}"))
    }

    fn copy(&self, round: usize) -> Duration {
        let script = "cp -r tree \"$0\" && sync -f \"$0\"";
        self.timed(Command::new("sh").args(["-c", script, &format!("copy{round}")]))
    }

    fn encrypt(&self, home: &str, round: usize) -> Duration {
        let out = format!("{home}{round}/");
        let encrypt = [
            "--home",
            home,
            "encrypt",
            "-q",
            "--same-disk-ok",
            "-o",
            &out,
        ];
        self.timed(Command::new(PROGRAM).args(encrypt).arg("tree"))
    }

    /// As people do who have `age` alone. It waits for no disk.
    fn loop_of_age(&self, files: usize, round: usize) -> Duration {
        let key = fs::read_to_string(self.at.join("age.key")).unwrap();
        let recipient = key
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "));
        let script = "mkdir \"$0\" && recipient=$1 && out=$0 && shift \
                      && for file; do age -r \"$recipient\" -o \"$out/${file##*/}.age\" \"$file\" || exit; done";
        let mut command = Command::new("sh");
        command.args(["-c", script, &format!("age{round}"), recipient.unwrap()]);
        command.args((0..files).map(|number| self.source(number)));
        self.timed(&mut command)
    }

    /// Runs a command when the disk has nothing to do. What it made goes afterwards, but for the homes, which grow.
    fn timed(&self, command: &mut Command) -> Duration {
        self.run(Command::new("sync").arg("-f").arg("."));
        let before: Vec<_> = self.entries();
        let began = Instant::now();
        self.run(command);
        let time = began.elapsed();
        for made in self.entries() {
            if !before.contains(&made) {
                fs::remove_dir_all(made).unwrap();
            }
        }
        time
    }

    fn entries(&self) -> Vec<PathBuf> {
        let entries = self.at.read_dir().unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn run(&self, command: &mut Command) {
        command
            .current_dir(&self.at)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "{command:?}");
    }
}

/// Lets a loop device pass the page cache by, so that the disk is not read and written twice.
fn past_the_cache(at: &Path) -> bool {
    let script = "losetup --direct-io=on \"$(findmnt -no SOURCE \"$0\")\"";
    let done = Command::new("sh").args(["-c", script]).arg(at).status();
    done.is_ok_and(|status| status.success())
}

fn machine() -> String {
    let output = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok();
        output.map_or_else(String::new, |output| {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        })
    };
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "commit {}; {processor}, {threads} threads, {}",
        output("git", &["describe", "--always", "--dirty"]),
        output("uname", &["-sr"]),
    )
}

//! How long one large file takes, in and out, beside what copies it and what else encrypts it: `cp` and `age` from file to file,
//! `cat` and `age` from pipe to pipe, in memory and, for root, on an ext4 with a journal. `just bench-payload`;
//! docs/performance.md has what came of it.
//!
//! Every time is of whole processes, and where a disk is under the file, of the sync after them. Programs take turns, so that
//! whatever else the machine does slows all alike; the median of the rounds counts.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use strongroom_testkit::Mount;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_strongroom");

/// The first round only warms up.
const ROUNDS: usize = 6;

/// What is measured, in groups whose first is what the others are held against: its name, and the shell's words for it. `$s` is
/// our program, which tells its peak memory, `$in` the plaintext, `$sealed` and `$aged` what was made of it.
const GROUPS: [&[(&str, &str)]; 2] = [
    &[
        ("`cp`", "cp $in $out && $sync $out"),
        (
            "`strongroom encrypt`",
            "$s encrypt -q --same-disk-ok -o $out $in",
        ),
        ("`age -r`", "age -r $recipient -o $out $in && $sync $out"),
        ("`strongroom decrypt`", "$s decrypt -q -o $out $sealed"),
        ("`age -d`", "age -d -i $key -o $out $aged && $sync $out"),
    ],
    &[
        ("`cat \\| cat`", "cat $in | cat | cat > /dev/null"),
        (
            "`strongroom encrypt`",
            "cat $in | $s encrypt -q --same-disk-ok | cat > /dev/null",
        ),
        ("`age -r`", "cat $in | age -r $recipient | cat > /dev/null"),
        (
            "`strongroom decrypt`",
            "cat $sealed | $s decrypt -q | cat > /dev/null",
        ),
        ("`age -d`", "cat $aged | age -d -i $key | cat > /dev/null"),
    ],
];

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let named = std::env::args().find_map(|mib| mib.parse().ok());
    let mib = if measures { named.unwrap_or(1024) } else { 1 };
    let has_age = succeeds(Command::new("age").arg("--version"));

    let setting = Setting::new(mib, has_age);
    let [files, pipes] = GROUPS;
    let here = setting.folder.path();
    report("From file to file, in memory", &setting, files, here, true);
    report("From pipe to pipe", &setting, pipes, here, true);
    let disk = tempfile::tempdir().unwrap();
    let needed = (mib << 20) * 5 + (64 << 20);
    if let Some(_mount) = Mount::ext4(disk.path(), needed) {
        let name = "From file to file, ext4 with a journal, synced";
        report(name, &setting, files, disk.path(), false);
    }
}

/// A home with its authority, and a file with what is made of it.
struct Setting {
    folder: TempDir,
    mib: u64,
    has_age: bool,
}

impl Setting {
    fn new(mib: u64, has_age: bool) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let setting = Self {
            folder: folder.unwrap(),
            mib,
            has_age,
        };
        let here = setting.folder.path();
        let mut file = File::create(here.join("in")).unwrap();
        // No zeros, which would be holes.
        let piece: Vec<u8> = (0..=250_u8).cycle().take(1 << 20).collect();
        for _ in 0..mib {
            file.write_all(&piece).unwrap();
        }
        let init = "$s init -q --authority authority --sheet sheet";
        setting.run(init, here);
        setting.run("$s encrypt -q --same-disk-ok -o $sealed $in", here);
        if has_age {
            setting.run("age-keygen -o key 2> /dev/null", here);
            setting.run("age -r $(age-keygen -y key) -o $aged $in", here);
        }
        setting
    }

    /// Runs a line of the shell's in this setting, with files in `place`; returns how long it took, and our peak memory in KiB.
    fn run(&self, line: &str, place: &Path) -> (Duration, Option<u64>) {
        let here = self.folder.path();
        let peak = here.join("peak");
        let timed = match Path::new("/usr/bin/time").exists() {
            true => format!("/usr/bin/time -f %M -o {} ", peak.display()),
            false => String::new(),
        };
        let _ = fs::remove_file(&peak);
        let _ = fs::remove_file(place.join("out"));
        let recipient = fs::read_to_string(here.join("key")).unwrap_or_default();
        let recipient = recipient
            .split("age1")
            .nth(1)
            .and_then(|key| key.lines().next());
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(here)
            .env("HOME", here)
            .env("s", format!("{timed}{PROGRAM} --home home"))
            .env("sync", "sync")
            .env("key", "key")
            .env(
                "recipient",
                format!("age1{}", recipient.unwrap_or_default()),
            );
        for file in ["in", "out", "sealed", "aged"] {
            command.env(file, place.join(file));
        }
        let began = Instant::now();
        let output = command.stdout(Stdio::null()).output().unwrap();
        let time = began.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        let peak = fs::read_to_string(peak).unwrap_or_default();
        (time, peak.lines().last().and_then(|line| line.parse().ok()))
    }
}

/// Measures a group of programs, and prints a table.
fn report(title: &str, setting: &Setting, group: &[(&str, &str)], place: &Path, is_home: bool) {
    eprintln!("{title}: {}", place.display());
    let group: Vec<_> = group
        .iter()
        .filter(|(name, _)| setting.has_age || !name.contains("age"))
        .collect();
    if !is_home {
        for file in ["in", "sealed", "aged"] {
            let from = setting.folder.path().join(file);
            if from.exists() {
                fs::copy(from, place.join(file)).unwrap();
            }
        }
    }
    let mut times = vec![Vec::new(); group.len()];
    let mut peaks = vec![None; group.len()];
    for round in 0..ROUNDS {
        for (((_, line), times), most) in group.iter().zip(&mut times).zip(&mut peaks) {
            let (time, peak) = setting.run(line, place);
            *most = peak.max(*most);
            if round > 0 {
                times.push(time.as_secs_f64());
            }
        }
    }
    println!(
        "**{title}**, {} MiB\n\n| | time | ratio | peak |\n|---|---|---|---|",
        setting.mib
    );
    let mut against = None;
    for (((name, _), times), peak) in group.iter().zip(&mut times).zip(peaks) {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        let ratio = median / *against.get_or_insert(median);
        let peak = peak.map_or(String::new(), |peak: u64| format!("{} MiB", peak / 1024));
        println!("| {name} | {median:.3} s | {ratio:.2} | {peak} |");
    }
    println!();
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

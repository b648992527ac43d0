//! How long it takes to give files that exist other headers, beside copying them and beside encrypting them again with `age`.
//! `just bench-rewrite`; docs/performance.md has what came of it.
//!
//! Every time is of one whole process, with what it waits for the disk: a new ext4 with a journal, on a loop device, where this
//! may be mounted, or else wherever temporary files go. Peers run in the same run, right behind.

#![expect(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use strongroom_testkit::Mount;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_strongroom");
const FILE_BYTES: usize = 4096;
/// How many files `age` decrypts and encrypts; the time is scaled to all.
const SAMPLE: usize = 300;

/// How much there is to do.
struct Sizes {
    recovered: [usize; 2],
    protected: usize,
    one_bytes: u64,
}

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let sizes = match measures {
        true => Sizes {
            recovered: [4_000, 16_000],
            protected: 20_000,
            one_bytes: 4 << 30,
        },
        false => Sizes {
            recovered: [8, 16],
            protected: 8,
            one_bytes: 1 << 20,
        },
    };
    let named: Vec<String> = std::env::args().skip(1).collect();
    let is_meant = |part: &str| {
        let parts = ["recover", "protect", "one"];
        !named.iter().any(|name| parts.contains(&name.as_str()))
            || named.iter().any(|name| name == part)
    };
    println!("| | | time | a file | beside it |\n|---|---|---|---|---|");
    if is_meant("recover") {
        for files in sizes.recovered {
            recover(files);
        }
    }
    if is_meant("protect") {
        protect(sizes.protected);
    }
    if is_meant("one") {
        one(sizes.one_bytes);
    }
}

/// Files whose owner lost the key, from the request on: the code releases the keys, and the headers are rewritten.
fn recover(files: usize) {
    let setting = Setting::new(&[]);
    setting.write_tree(files, |_| vec![7; FILE_BYTES]);
    setting.strongroom(&["encrypt", "-q", "tree"]);
    setting.shell("find tree -type f ! -name '*.age' -delete");
    fs::remove_file(setting.path("home/identity.txt")).unwrap();
    setting.sync();
    let recovered = setting.strongroom(&["recover", "-q", "--code-file", "code", "tree"]);
    let copied = setting.shell("cp -r tree copy && sync -f copy");
    let again = setting.age_loop().mul_f64(files as f64 / SAMPLE as f64);
    row(
        "recover",
        files,
        recovered,
        &[
            ("`cp -r` and `sync`", copied),
            ("`age -d | age` in a loop, of a sample", again),
        ],
    );
}

/// Files of another age program's.
fn protect(files: usize) {
    let setting = Setting::new(&["--key-type", "x25519"]);
    let identity = fs::read_to_string(setting.path("home/identity.txt")).unwrap();
    let recipient: age::x25519::Recipient = identity
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap()
        .parse()
        .unwrap();
    setting.write_tree(files, |_| {
        age::encrypt(&recipient, &[7; FILE_BYTES]).unwrap()
    });
    setting.shell("for f in tree/*/*; do mv $f $f.age; done");
    setting.sync();
    let copied = setting.shell("cp -r tree copy && sync -f copy");
    let protected = setting.strongroom(&["protect", "-q", "--same-disk-ok", "tree"]);
    row(
        "protect",
        files,
        protected,
        &[("`cp -r` and `sync`", copied)],
    );
}

/// One large file, whose key came back.
fn one(bytes: u64) {
    let setting = Setting::new(&[]);
    let mut file = fs::File::create(setting.path("one")).unwrap();
    let mut random = 0x5eed_u64;
    let mut block = vec![0; 1 << 20];
    for _ in 0..bytes / block.len() as u64 {
        for word in block.chunks_exact_mut(8) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            word.copy_from_slice(&random.to_le_bytes());
        }
        file.write_all(&block).unwrap();
    }
    drop(file);
    setting.strongroom(&["encrypt", "-q", "one"]);
    fs::remove_file(setting.path("one")).unwrap();
    fs::remove_file(setting.path("home/identity.txt")).unwrap();
    setting.strongroom(&["recover", "-q", "--code-file", "code", "--all"]);
    setting.sync();
    let rewrapped = setting.strongroom(&["rewrap", "-q", "one.age"]);
    let copied = setting.shell("cp one.age copy && sync -f copy");
    let what = format!("rewrap of {} MiB", bytes >> 20);
    row(&what, 1, rewrapped, &[("`cp` and `sync`", copied)]);
}

fn row(what: &str, files: usize, time: Duration, peers: &[(&str, Duration)]) {
    let seconds = time.as_secs_f64();
    let each = 1e6 * seconds / files as f64;
    let peers: Vec<String> = peers
        .iter()
        .map(|(name, peer)| {
            let peer = peer.as_secs_f64();
            let ratio = seconds / peer;
            match ratio < 1.0 {
                true => format!("1/{:.1} of {name}, {peer:.2} s", 1.0 / ratio),
                false => format!("{ratio:.2} × {name}, {peer:.2} s"),
            }
        })
        .collect();
    let peers = peers.join("; ");
    println!("| {what} | {files} | {seconds:.3} s | {each:.0} µs | {peers} |");
}

/// A folder with a home and its code, on a disk of its own where that can be.
struct Setting {
    // Before its folder goes.
    _disk: Option<Mount>,
    folder: TempDir,
}

impl Setting {
    fn new(init: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setting = Self {
            _disk: Mount::ext4(folder.path(), 16 << 30),
            folder,
        };
        let args = ["init", "-q", "--code-file", "code"];
        setting.strongroom(&[&args[..], init].concat());
        setting
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_tree(&self, files: usize, bytes: impl Fn(usize) -> Vec<u8>) {
        for number in 0..files {
            let folder = self.path("tree").join((number % 16).to_string());
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(number.to_string()), bytes(number)).unwrap();
        }
    }

    fn sync(&self) {
        self.shell("sync -f .");
    }

    fn strongroom(&self, args: &[&str]) -> Duration {
        let mut command = Command::new(PROGRAM);
        command.args(args).env("STRONGROOM_HOME", self.path("home"));
        self.run(&mut command)
    }

    fn shell(&self, script: &str) -> Duration {
        let mut command = Command::new("sh");
        self.run(command.args(["-ec", script]))
    }

    /// Decrypts files of `age`'s, and encrypts them again.
    fn age_loop(&self) -> Duration {
        let key = age::x25519::Identity::generate();
        let public = key.to_public();
        let secret = age::secrecy::ExposeSecret::expose_secret(&key.to_string()).to_owned();
        fs::write(self.path("key"), secret).unwrap();
        fs::create_dir(self.path("sample")).unwrap();
        for number in 0..SAMPLE {
            let sealed = age::encrypt(&public, &[7; FILE_BYTES]).unwrap();
            fs::write(self.path("sample").join(number.to_string()), sealed).unwrap();
        }
        self.sync();
        let script = format!(
            "for f in sample/*; do age -d -i key $f | age -r {public} -o $f.new; mv $f.new $f; done; sync -f sample"
        );
        self.shell(&script)
    }

    fn run(&self, command: &mut Command) -> Duration {
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        let began = Instant::now();
        let output = command.output().unwrap();
        let time = began.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        time
    }
}

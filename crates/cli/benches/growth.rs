//! Whether commands take time with the work and not with its square: homes of several sizes, and the same commands in each.
//! `just bench-growth`; docs/performance.md has what came of it. Not how fast a file is encrypted: that is `just bench`.
//!
//! Homes are filled by the library over one connection, and measured with the command. Every time is of one whole process, but
//! for that of a release, which is taken in this one; of what can be repeated the fastest of three is taken. Ratios are of the
//! time per deposit, to that of the smallest size; and, where there is a peer, to that of the peer.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rand_core::UnwrapErr;
use strongroom_authority::{Caller, Service};
use strongroom_client::Client;
use strongroom_client::home::Home;
use strongroom_client::recover::Wanted;
use strongroom_client::secret::{NewSecret, Secret};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::cores::on_all_cores;
use strongroom_protocol::id::{AuthorityId, Clock, Time};
use strongroom_protocol::statement::{Grounds, Particulars, Release};
use strongroom_protocol::wrap::SecretKey;
use tempfile::TempDir;
use zeroize::Zeroizing;

const PROGRAM: &str = env!("CARGO_BIN_EXE_strongroom");
/// How many files `status` looks at.
const FILES: usize = 100;
/// How many deposits homes have, unless sizes are named.
const SIZES: [usize; 2] = [2_000, 20_000];

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let named: Vec<usize> = std::env::args()
        .filter_map(|size| size.parse().ok())
        .collect();
    let sizes = match (measures, named.is_empty()) {
        (false, _) => vec![8],
        (true, true) => SIZES.to_vec(),
        (true, false) => named,
    };
    println!("{}\n", circumstances());
    for (title, keys) in [
        ("One deposit a statement", 1),
        ("256 deposits a statement", 256),
    ] {
        let mut table = Table::new(&sizes);
        for (column, size) in sizes.iter().enumerate() {
            files(*size, keys, &mut |row, ran| table.put(row, column, ran));
            secrets(*size, keys, &mut |row, ran| table.put(row, column, ran));
        }
        println!("**{title}**\n\n{}", table.to_markdown());
    }
    let mut table = Table::new(&sizes);
    // What was written just now may change without that it shows, and is looked at again until a moment later.
    let pause = Duration::from_secs(if measures { 2 } else { 0 });
    for (column, size) in sizes.iter().enumerate() {
        tree(*size, pause, &mut |row, ran| table.put(row, column, ran));
    }
    println!("**A folder of files**\n\n{}", table.to_markdown());
}

/// What was measured of one command.
struct Ran {
    time: Duration,
    /// In KiB, where there is a program that says so.
    memory: Option<u64>,
    /// What it is held against, and how long that took.
    peer: Option<(&'static str, Duration)>,
}

impl Ran {
    fn took(time: Duration) -> Self {
        Self {
            time,
            memory: None,
            peer: None,
        }
    }

    fn beside(self, peer: &'static str, time: Duration) -> Self {
        Self {
            peer: Some((peer, time)),
            ..self
        }
    }
}

/// Measures what is done with deposits of files' keys.
fn files(size: usize, keys: usize, put: &mut dyn FnMut(&'static str, Ran)) {
    let setting = Setting::new("files");
    for number in 0..FILES {
        setting.write(&format!("sample/{number}"), b"a file");
    }
    setting.run("home", &["encrypt", "sample"], b"");
    let sample = setting.path("sample");
    for number in 0..FILES {
        fs::remove_file(sample.join(number.to_string())).unwrap();
    }
    copy(&setting.path("home"), &setting.path("empty"));

    let began = Instant::now();
    setting.fill(
        size,
        |client, owner, first, last| {
            let particulars = (first..last)
                .map(|number| Particulars::new(format!("file {number}"), [].into()).unwrap());
            client.deposit(owner, &[], particulars.collect()).unwrap();
        },
        keys,
    );
    put("made by the library", Ran::took(began.elapsed()));

    put("`list`", setting.best("home", &["list"]));
    let status = ["status", "--same-disk-ok", "sample"];
    put("`status` of 100 files", setting.best("home", &status));
    put("`sync`", setting.best("home", &["sync"]));
    put("`log show`", setting.best("home", &["log", "show"]));
    put(
        "first connection",
        setting.run("empty", &["list", "--name", "none"], b""),
    );
    put("release and `collect`", setting.release(size, keys));
    let serial = setting.any_serial();
    let sheet = ["recover", "--sheet", "sheet", "--serial", &serial];
    put("a home from the sheet", setting.run("rebuilt", &sheet, b""));
    fs::remove_file(setting.path("home/identity.txt")).unwrap();
    let all = [
        "recover",
        "--all",
        "--code-file",
        "code",
        "--key-type",
        "x25519",
    ];
    put("`recover --all`", setting.run("home", &all, b""));
}

/// Measures what is done with a folder of so many encrypted files of 4 KiB.
fn tree(size: usize, pause: Duration, put: &mut dyn FnMut(&'static str, Ran)) {
    let setting = Setting::new("a folder of files");
    let path = |number: usize| format!("tree/{}/{number}", number / 1000);
    for number in 0..size {
        setting.write(&path(number), &[b'a'; 4096]);
    }
    put("`encrypt`", setting.run("home", &["encrypt", "tree"], b""));
    for number in 0..size {
        fs::remove_file(setting.path(&path(number))).unwrap();
    }
    std::thread::sleep(pause);
    let status = ["status", "--same-disk-ok", "tree"];
    setting.run("home", &status, b"");
    let find = (0..3).map(|_| setting.find("tree")).min().unwrap();
    let ran = setting.best("home", &status);
    put("`status`", ran.beside("`find` with `head`", find));
}

/// Measures what is done with secrets.
fn secrets(size: usize, keys: usize, put: &mut dyn FnMut(&'static str, Ran)) {
    let setting = Setting::new("secrets");
    let began = Instant::now();
    setting.fill(
        size,
        |client, owner, first, last| {
            let secrets = (first..last).map(|number| NewSecret {
                secret: Secret::new(Zeroizing::new(secret(number).into_bytes())).unwrap(),
                particulars: Particulars::new(String::new(), [].into())
                    .and_then(|said| said.with_name(&name(number)))
                    .unwrap(),
                check: None,
            });
            client.deposit_secrets(owner, secrets.collect()).unwrap();
        },
        keys,
    );
    put("secrets made by the library", Ran::took(began.elapsed()));
    let mut list = String::new();
    for number in 0..size {
        let (name, secret) = (name(number), secret(number));
        writeln!(list, "{{\"name\":\"{name}\",\"secret\":\"{secret}\"}}").unwrap();
    }
    put("`list` of secrets", setting.best("home", &["list"]));
    let names: Vec<String> = (0..size).map(name).collect();
    setting.write("names", names.join("\n").as_bytes());
    let status = ["status", "--same-disk-ok", "--expect", "names"];
    put("`status` of all secrets", setting.best("home", &status));
    let entries = setting.log_size();
    let unchanged = ["deposit", "--from", "-"];
    put(
        "unchanged `deposit --from`",
        setting.run("home", &unchanged, list.as_bytes()),
    );
    assert_eq!(setting.log_size(), entries, "it was not unchanged");
    put(
        "`deposit` of one more",
        setting.run("home", &["deposit", "--name", "more"], b"x"),
    );
}

fn name(number: usize) -> String {
    format!("disk/host{number}")
}

fn secret(number: usize) -> String {
    format!("correct horse {number}")
}

/// A folder with a home, its sheet and its authority.
struct Setting {
    folder: TempDir,
}

impl Setting {
    fn new(what: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let setting = Self {
            folder: folder.unwrap(),
        };
        let init = ["init", "--key-type", "x25519", "--authority", "authority"];
        setting.run("home", &[&init[..], &["--sheet", "sheet"]].concat(), b"");
        let sheet = fs::read_to_string(setting.path("sheet")).unwrap();
        let code = sheet
            .lines()
            .find_map(|line| line.strip_prefix("Recovery code: "));
        setting.write("code", code.unwrap().as_bytes());
        eprintln!("{what} in {}", setting.path("").display());
        setting
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Has `deposit` called over one connection, for so many numbers at a time, until there are `size` deposits more.
    fn fill(
        &self,
        size: usize,
        deposit: impl Fn(&mut Client<'_>, &strongroom_agefile::Recipient, usize, usize),
        keys: usize,
    ) {
        let rng = || UnwrapErr(getrandom::SysRng);
        let clock = Arc::new(SystemClock);
        let mut home = Home::open(&self.path("home")).unwrap();
        let owner = home
            .recipient(&mut |_| panic!("the identity is not sealed"))
            .unwrap();
        let service = Service::open(&self.path("authority"), clock.clone(), rng()).unwrap();
        let device = home.device_key().unwrap().verifying_key();
        let authority = service.session(Caller::Device(device));
        let mut rng = rng();
        let mut client = Client::connect(&mut home, &authority, &*clock, &mut rng).unwrap();
        for first in (0..size).step_by(keys) {
            deposit(&mut client, &owner, first, size.min(first + keys));
        }
    }

    /// Runs the command, which has to succeed, and measures it.
    fn run(&self, home: &str, args: &[&str], input: &[u8]) -> Ran {
        self.measured(home, args, input).0
    }

    /// The fastest of three times.
    fn best(&self, home: &str, args: &[&str]) -> Ran {
        let runs = (0..3).map(|_| self.run(home, args, b""));
        runs.min_by_key(|ran| ran.time).unwrap()
    }

    fn measured(&self, home: &str, args: &[&str], input: &[u8]) -> (Ran, String) {
        let timed = Path::new("/usr/bin/time");
        let mut command = if timed.exists() {
            let mut command = Command::new(timed);
            command.args(["-f", "peak %M", "-o", "peak", PROGRAM]);
            command
        } else {
            Command::new(PROGRAM)
        };
        self.write("input", input);
        command
            .args(["--home", home])
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(fs::File::open(self.path("input")).unwrap())
            .stdout(fs::File::create(self.path("output")).unwrap())
            .stderr(Stdio::piped());
        let began = Instant::now();
        let output = command.output().unwrap();
        let time = began.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        let peak = fs::read_to_string(self.path("peak")).unwrap_or_default();
        let memory = peak
            .lines()
            .find_map(|line| line.strip_prefix("peak ")?.parse().ok());
        let printed = fs::read_to_string(self.path("output")).unwrap();
        let ran = Ran {
            memory,
            ..Ran::took(time)
        };
        (ran, printed)
    }

    /// Reads the first 4 KiB of every file in a folder, and throws them away.
    fn find(&self, folder: &str) -> Duration {
        let began = Instant::now();
        let read = "find \"$0\" -type f -exec head -c 4096 {} + > /dev/null";
        let status = Command::new("sh")
            .args(["-c", read, folder])
            .current_dir(self.folder.path())
            .status();
        assert!(status.unwrap().success());
        began.elapsed()
    }

    /// Has all deposits of the home released by the library, in copies of the home and of its authority, and collected there.
    fn release(&self, size: usize, keys: usize) -> Ran {
        for name in ["home", "authority"] {
            copy(&self.path(name), &self.path(&format!("{name}-copy")));
        }
        let clock = Arc::new(SystemClock);
        let rng = || UnwrapErr(getrandom::SysRng);
        let mut home = Home::open(&self.path("home-copy")).unwrap();
        let folder = self.path("authority-copy");
        let service = Service::open(&folder, clock.clone(), rng()).unwrap();
        let device = home.device_key().unwrap().verifying_key();
        let authority = service.session(Caller::Device(device));
        let code = fs::read_to_string(self.path("code")).unwrap();
        let code = RecoveryCode::parse(&code).unwrap();
        let mut own = rng();
        let mut client = Client::connect(&mut home, &authority, &*clock, &mut own).unwrap();
        let grounds = Grounds::default();
        let request = client.request_recovery(&Wanted::Everything, &grounds);
        let request = request.unwrap();
        client.show_code(&request, &code).unwrap();
        forget_peak();
        let began = Instant::now();
        let collected = client.collect(&request, &mut |_| {});
        let time = began.elapsed();
        assert!(collected.unwrap().keys >= size as u64);
        let memory = peak();
        drop(client);
        drop(home);
        for name in ["home-copy", "authority-copy"] {
            fs::remove_dir_all(self.path(name)).unwrap();
        }
        let ran = Ran {
            memory,
            ..Ran::took(time)
        };
        ran.beside("its wraps alone", wraps(size, keys))
    }

    fn any_serial(&self) -> String {
        let (_, listed) = self.measured("home", &["list"], b"");
        listed.split(' ').next().unwrap().to_owned()
    }

    fn log_size(&self) -> String {
        let (_, said) = self.measured("home", &["log", "verify"], b"");
        said.split(',').next().unwrap().to_owned()
    }
}

/// Opens as many wraps on all cores as have to be opened for a release, and makes those that have to be made.
fn wraps(size: usize, keys: usize) -> Duration {
    let mut rng = UnwrapErr(getrandom::SysRng);
    let secret = SecretKey::generate(&mut rng);
    let public = secret.public_key();
    let authority = AuthorityId::from_bytes([1; AuthorityId::BYTES]);
    let made: Vec<_> = (0..64)
        .map(|_| public.seal_deposits(authority, &mut rng))
        .collect();
    let began = Instant::now();
    let statements: Vec<usize> = (0..size.div_ceil(keys)).collect();
    on_all_cores(&statements, |number| {
        let encapsulation = made[number % made.len()].encapsulation();
        assert!(secret.open_deposits(authority, encapsulation).is_ok());
    });
    let pages: Vec<usize> = (0..size.div_ceil(Release::KEYS_MAX)).collect();
    on_all_cores(&pages, |_| {
        let sealing = public.seal_deposits(authority, &mut UnwrapErr(getrandom::SysRng));
        let opening = secret.open_deposits(authority, sealing.encapsulation());
        assert!(opening.is_ok());
    });
    began.elapsed()
}

/// Begins to measure the peak memory of this process anew, where the system can.
fn forget_peak() {
    drop(fs::write("/proc/self/clear_refs", "5"));
}

/// Returns the peak memory of this process, in KiB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix(" kB")?.parse().ok()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Rows by command, columns by size.
struct Table {
    sizes: Vec<usize>,
    rows: Vec<(&'static str, Vec<Option<Ran>>)>,
}

impl Table {
    fn new(sizes: &[usize]) -> Self {
        Self {
            sizes: sizes.to_vec(),
            rows: Vec::new(),
        }
    }

    fn put(&mut self, row: &'static str, column: usize, ran: Ran) {
        eprintln!(
            "  {row}: {:.2} s at {}",
            ran.time.as_secs_f64(),
            self.sizes[column]
        );
        let place = self.rows.iter().position(|(known, _)| *known == row);
        let place = place.unwrap_or_else(|| {
            let cells = self.sizes.iter().map(|_| None).collect();
            self.rows.push((row, cells));
            self.rows.len() - 1
        });
        self.rows[place].1[column] = Some(ran);
    }

    fn to_markdown(&self) -> String {
        let mut text = String::from("| |");
        for size in &self.sizes {
            write!(text, " {size} |").unwrap();
        }
        text += "\n|---|";
        text += &"---|".repeat(self.sizes.len());
        for (row, cells) in &self.rows {
            write!(text, "\n| {row} |").unwrap();
            let each = |column: usize| {
                let ran = cells[column].as_ref()?;
                Some(ran.time.as_secs_f64() / self.sizes[column] as f64)
            };
            for (column, cell) in cells.iter().enumerate() {
                let (Some(ran), Some(now), Some(least)) = (cell, each(column), each(0)) else {
                    text += " |";
                    continue;
                };
                write!(
                    text,
                    " {:.2} s, {:.0} µs",
                    ran.time.as_secs_f64(),
                    now * 1e6
                )
                .unwrap();
                if column > 0 {
                    write!(text, ", {:.2} ×", now / least).unwrap();
                }
                if let Some(memory) = ran.memory {
                    write!(text, "; {} MiB", memory / 1024).unwrap();
                }
                if let Some((peer, time)) = ran.peer {
                    let ratio = ran.time.as_secs_f64() / time.as_secs_f64();
                    write!(text, "; {ratio:.2} × {peer}").unwrap();
                }
                text += " |";
            }
        }
        text + "\n"
    }
}

/// Says on what it was measured.
fn circumstances() -> String {
    let output = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.filter(|text| !text.is_empty())
            .unwrap_or_else(|| "unknown".to_owned())
    };
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    let place = if Path::new("/dev/shm").is_dir() {
        "in memory"
    } else {
        "on disk"
    };
    format!(
        "Commit {}; {processor}, {threads} threads, {}; homes and authorities {place}.",
        output("git", &["describe", "--always", "--dirty"]),
        output("uname", &["-sr"]),
    )
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Time::from_millis(since.unwrap().as_millis() as u64)
    }
}

//! The real binary, on a disk whose power is cut: at a random moment its file system is shut down with what it has in memory and
//! did not log. When it is mounted again, a file is absent or whole and openable, and what was reported is there.
//!
//! A few files, once for each kind of disk; `STRONGROOM_SOAK=1` cuts at fifty moments, and encrypts some groups of files. Needs root
//! and loop devices. What a disk keeps in a cache of its own is not simulated.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use strongroom_testkit::Mount;

use crate::crash::{Random, is_soak};
use crate::machine::{Machine, Ran};

/// Mounts a new disk at a path.
pub(crate) type Disk = fn(&Path) -> Option<Mount>;

/// The disks whose power is cut: as files lie on most machines.
pub(crate) const DISKS: [(&str, Disk); 2] = [
    ("ext4", |at| Mount::ext4(at, 256 << 20)),
    ("XFS", |at| Mount::xfs(at, 320 << 20)),
];

/// Runs a command, and cuts the disk's power meanwhile. When this returns, the command has ended, and the power is on again.
pub(crate) fn run_until_cut(
    machine: &Machine,
    disk: &Mount,
    args: &[&str],
    after: Duration,
) -> Ran {
    let mut command = machine.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    thread::sleep(after);
    disk.cut_power();
    let output = child.wait_with_output().unwrap();
    disk.power_on();
    Ran {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a command to its end, and returns how long that took.
#[expect(
    clippy::disallowed_methods,
    reason = "moments to cut the power at are real ones"
)]
fn time_of(machine: &Machine, args: &[&str]) -> Duration {
    let began = Instant::now();
    machine.run(args).done();
    began.elapsed()
}

/// Chooses moments within what a command takes when nothing comes in between.
pub(crate) fn moments(lasts: Duration) -> impl Iterator<Item = Duration> {
    let mut random = Random(0x5eed);
    let number = if is_soak() { 50 } else { 1 };
    (0..number).map(move |_| lasts.mul_f64(random.fraction()))
}

/// How many files are encrypted.
fn files() -> usize {
    if is_soak() { 600 } else { 60 }
}

/// Small files, and now and then one of several chunks.
fn contents(number: usize) -> Vec<u8> {
    let length = if number % 50 == 49 {
        200_000
    } else {
        100 + number
    };
    let text = format!("file {number}, ");
    text.bytes().cycle().take(length).collect()
}

fn name(number: usize) -> String {
    format!("{}/{number}", number % 3)
}

/// A machine with a disk, a home in this folder, and files beside it.
fn machine(home: &'static str, disk: Disk) -> Option<(Machine, Mount)> {
    let machine = Machine::keeping_home_in(home);
    fs::create_dir(machine.path("disk")).unwrap();
    let mount = disk(&machine.path("disk"))?;
    let machine = machine.and_classic_home();
    for number in 0..files() {
        machine.write(&format!("files/{}", name(number)), contents(number));
    }
    Some((machine, mount))
}

const ENCRYPT: [&str; 5] = ["encrypt", "--json", "-o", "disk/", "files"];

#[test]
fn files_encrypted_while_the_power_goes_are_whole_or_absent() {
    for (place, home) in ["home", "disk/home"].into_iter().enumerate() {
        for (number, (kind, disk)) in DISKS.into_iter().enumerate() {
            // Each disk and each place, if not both together.
            if is_soak() || place == number {
                encrypt_cut_at_random(kind, home, disk);
            }
        }
    }
}

fn encrypt_cut_at_random(kind: &str, home: &'static str, disk: Disk) {
    let Some((whole, _mount)) = machine(home, disk) else {
        return;
    };
    let lasts = time_of(&whole, &ENCRYPT);
    let (mut cuts, mut named, mut reported) = (0, 0, 0);
    for after in moments(lasts) {
        let Some((machine, mount)) = machine(home, disk) else {
            return;
        };
        let ran = run_until_cut(&machine, &mount, &ENCRYPT, after);
        cuts += usize::from(ran.status != Some(0));
        let said: BTreeSet<String> = ran.json().iter().filter_map(encrypted_file).collect();
        reported += said.len();
        named += check(&machine, &said);
        // The rest is encrypted by the next, and nothing twice.
        machine.run(ENCRYPT).done();
        assert_eq!(check(&machine, &BTreeSet::new()), files());
    }
    eprintln!(
        "{kind}, home in {home}: {cuts} commands cut, {named} files, {reported} of them reported"
    );
}

const REWRAP: [&str; 3] = ["rewrap", "--json", "disk/files"];

#[test]
fn headers_rewritten_while_the_power_goes_are_finished_by_the_next_command() {
    for (place, home) in ["home", "disk/home"].into_iter().enumerate() {
        for (number, (kind, disk)) in DISKS.into_iter().enumerate() {
            if is_soak() || place == number {
                rewrap_cut_at_random(kind, home, disk);
            }
        }
    }
}

fn rewrap_cut_at_random(kind: &str, home: &'static str, disk: Disk) {
    let Some((machine, mount)) = machine(home, disk) else {
        return;
    };
    machine.run(ENCRYPT).done();
    // What a file that was lost names is a new key's each time.
    let lose = || {
        machine.remove(&machine.in_home("identity.txt"));
        let recover = ["--key-type", "x25519", "--all"];
        machine.recover(recover).done();
    };
    lose();
    let lasts = time_of(&machine, &REWRAP);
    let (mut cuts, mut repaired, mut reported) = (0, 0, 0);
    for after in moments(lasts) {
        lose();
        let ran = run_until_cut(&machine, &mount, &REWRAP, after);
        cuts += usize::from(ran.status != Some(0));
        let lines = ran.json();
        let rewritten = lines.iter().filter(|line| line["how"].is_string());
        for line in rewritten {
            let file = line["file"].as_str().unwrap();
            let number =
                (0..files()).find(|number| file.ends_with(&format!("/{}.age", name(*number))));
            machine.opens_to(file, &contents(number.unwrap()));
            reported += 1;
        }
        let next = machine.run(REWRAP).done();
        repaired += next.stderr.matches("finished what was interrupted").count();
        assert_eq!(check(&machine, &BTreeSet::new()), files());
    }
    eprintln!(
        "{kind}, home in {home}: {cuts} commands cut, {reported} files reported, {repaired} repaired"
    );
}

/// The file that a line reports to be encrypted; what failed has no serial.
fn encrypted_file(line: &Value) -> Option<String> {
    line["serial"].as_str()?;
    Some(line["file"].as_str()?.to_owned())
}

/// Asserts that each file that is there is whole, and that those that were reported are. Returns how many there are.
fn check(machine: &Machine, reported: &BTreeSet<String>) -> usize {
    for file in reported {
        assert!(machine.exists(file), "{file} was reported, and is gone");
    }
    if !machine.exists("disk/files") {
        return 0;
    }
    let decrypted = machine.run(["decrypt", "--force", "-o", "opened/", "disk/files"]);
    let mut there = 0;
    for number in 0..files() {
        let name = name(number);
        if machine.exists(&format!("disk/files/{name}.age")) {
            there += 1;
            let path = format!("opened/files/{name}");
            assert!(machine.exists(&path), "{path}: {}", decrypted.stderr);
            assert!(machine.read(&path) == contents(number), "{name} is another");
        }
    }
    assert!(
        there == 0 || decrypted.status == Some(0),
        "{}",
        decrypted.stderr
    );
    if there > 0 {
        let status = ["status", "--json", "--same-disk-ok", "disk/files"];
        for line in machine.run(status).done().json() {
            assert!(line["protected"] == true, "{line}");
        }
    }
    if machine.exists("opened") {
        fs::remove_dir_all(machine.path("opened")).unwrap();
    }
    there
}

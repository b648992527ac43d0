//! Many headers rewritten together (spec/rewrite.md#groups), where there is little room for it: few descriptors, a full disk.

use std::fs;
use std::io;
use std::process::Command;

use strongroom_testkit::Mount;

use crate::crash::{can_trace, traced};
use crate::machine::{Machine, ran};

/// How many files: some groups of them where few can be open.
const FILES: usize = 100;

/// A machine with files alone, whose owner's key is lost and whose session keys came back.
fn recovered() -> Machine {
    let machine = Machine::with_classic_home_in_memory();
    for number in 0..FILES {
        machine.write(&format!("files/{number}"), number.to_string());
    }
    machine.run(["encrypt", "files"]).done();
    for number in 0..FILES {
        machine.remove(&format!("files/{number}"));
    }
    machine.remove("home/identity.txt");
    let recover = ["--key-type", "x25519", "--all"];
    machine.recover(recover).done();
    machine
}

fn all_open(machine: &Machine) {
    machine.run(["decrypt", "files"]).done();
    for number in 0..FILES {
        assert_eq!(
            machine.read_text(&format!("files/{number}")),
            number.to_string()
        );
    }
    machine.run(["status", "--same-disk-ok", "files"]).done();
}

#[test]
fn a_group_is_no_larger_than_the_descriptors_allow() {
    let machine = recovered();
    // Every third takes a copy.
    for number in (0..FILES).step_by(3) {
        let (file, link) = (format!("files/{number}.age"), format!("links/{number}"));
        fs::create_dir_all(machine.path("links")).unwrap();
        fs::hard_link(machine.path(&file), machine.path(&link)).unwrap();
    }
    let rewrap = machine.command(["rewrap", "files"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
        .arg(rewrap.get_program())
        .args(rewrap.get_args())
        .current_dir(machine.path("."))
        .env_clear()
        .envs(
            rewrap
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let said = ran(&mut shell, b"").done().stderr;
    assert!(
        said.contains("100 files made to open with your key"),
        "{said}"
    );
    all_open(&machine);
}

#[test]
fn a_group_waits_for_the_disk_as_often_as_a_file_does() {
    if !can_trace() {
        return;
    }
    let machine = recovered();
    let calls = "trace=fsync,fdatasync,?syncfs";
    let options = ["-o", "trace", "-e", calls, "-e", "signal=none"];
    let mut command = traced(&machine, &["rewrap", "-q", "files"], &options);
    ran(&mut command, b"").done();
    let trace = machine.read_text("trace");
    let waits = trace.lines().filter(|line| line.contains("sync")).count();
    // Two transactions of the home's, of some each, and one for all the headers.
    assert!(waits <= 20, "{waits} for {FILES} files:\n{trace}");
    all_open(&machine);
}

#[test]
fn a_full_disk_under_the_home_leaves_every_file_as_it_was() {
    let machine = recovered();
    fs::create_dir(machine.path("disk")).unwrap();
    let Some(_mount) = Mount::ext4(&machine.path("disk"), 8 << 20) else {
        return;
    };
    let copied = Command::new("cp")
        .args(["-a", "home", "disk/home"])
        .current_dir(machine.path("."))
        .status();
    assert!(copied.unwrap().success());
    let filling = machine.path("disk/full");
    let mut file = fs::File::create(&filling).unwrap();
    let _ = io::copy(&mut io::repeat(1), &mut file);
    drop(file);
    let before: Vec<_> = (0..FILES)
        .map(|number| machine.read(&format!("files/{number}.age")))
        .collect();
    let rewrap = ["--home", "disk/home", "rewrap", "files"];
    machine
        .run(rewrap)
        .refused(1, &["the disk of the home is full", "95 more"]);
    for (number, before) in before.into_iter().enumerate() {
        assert_eq!(machine.read(&format!("files/{number}.age")), before);
    }
    fs::remove_file(filling).unwrap();
    machine.run(rewrap).done();
    let key = "disk/home/identity.txt";
    machine.run(["decrypt", "-i", key, "files"]).done();
}

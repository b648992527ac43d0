//! Files that did not change since they were looked at with their key: `status` does not read them again, and sees every change.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::crash::{can_trace, traced};
use crate::machine::Machine;
use crate::marks::header_end;

/// A machine with an encrypted file that `status` looked at when its next change would show.
fn looked() -> Machine {
    let machine = Machine::with_home();
    machine.write("a", vec![b'a'; 3000]);
    machine.run(["encrypt", "a"]).done();
    std::thread::sleep(Duration::from_millis(200));
    assert!(machine.is_protected("a.age"));
    machine
}

/// Which system calls read the file.
fn readings(machine: &Machine) -> String {
    let whole = machine.path("a.age");
    let options = [
        "-e",
        "trace=read,pread64",
        "-P",
        whole.to_str().unwrap(),
        "-o",
        "trace",
    ];
    let options = options.map(|option| match option {
        "trace" => machine.path("trace").to_str().unwrap().to_owned(),
        option => option.to_owned(),
    });
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let status = ["status", "--same-disk-ok", whole.to_str().unwrap()];
    assert!(
        traced(machine, &status, &options)
            .status()
            .unwrap()
            .success()
    );
    machine.read_text("trace")
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    if !can_trace() {
        return;
    }
    let machine = looked();
    let whole = machine.path("a.age");
    assert_eq!(readings(&machine), "");
    // By another name, or touched, it is another one, until it was looked at.
    let now = fs::File::options().append(true).open(&whole).unwrap();
    now.set_modified(now.metadata().unwrap().modified().unwrap())
        .unwrap();
    drop(now);
    assert!(readings(&machine).contains("age-encryption.org"));
    std::thread::sleep(Duration::from_millis(200));
    readings(&machine);
    assert_eq!(readings(&machine), "");
    // What the authority lost is seen all the same.
    fs::rename(machine.path("home/authority"), machine.path("away")).unwrap();
    machine
        .run(["status", "--same-disk-ok", "a.age"])
        .refused(75, &[]);
}

#[test]
fn every_change_is_seen_though_its_times_are_put_back() {
    type Change = fn(&mut Vec<u8>, usize);
    let changes: [(&str, Change); 3] = [
        ("its beginning was changed", |bytes, begin| {
            bytes[begin + 100] ^= 1;
        }),
        ("its end was changed", |bytes, _| {
            *bytes.last_mut().unwrap() ^= 1;
        }),
        ("its header is another file's", |bytes, begin| {
            bytes[begin] ^= 1;
        }),
    ];
    for (said, change) in changes {
        let machine = looked();
        let path = machine.path("a.age");
        let before = path.metadata().unwrap();
        machine.change("a.age", |bytes| {
            let begin = header_end(bytes);
            change(bytes, begin);
        });
        put_back(&path, &before);
        let status = machine.status("a.age");
        assert_eq!(status["protected"], false, "{said}");
        let reason = status["reason"].as_str().unwrap();
        assert!(reason.contains(said), "{said}: {reason}");
    }
}

#[test]
fn a_file_in_the_place_of_another_is_another_one() {
    let machine = looked();
    machine.write("b", vec![b'b'; 3000]);
    machine.run(["encrypt", "b"]).done();
    let (a, b) = (machine.read("a.age"), machine.read("b.age"));
    // Its header before the other's payload, of the same length, moved into its place.
    let forged = [&a[..header_end(&a)], &b[header_end(&b)..]].concat();
    machine.write("forged", forged);
    let before = machine.path("a.age").metadata().unwrap();
    fs::rename(machine.path("forged"), machine.path("a.age")).unwrap();
    put_back(&machine.path("a.age"), &before);
    assert!(!machine.is_protected("a.age"));
}

fn put_back(path: &Path, before: &fs::Metadata) {
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
}

/// How many bytes of a file a command reads.
fn bytes_read(machine: &Machine, args: &[&str], name: &str) -> u64 {
    let (file, trace) = (machine.path(name), machine.path("trace"));
    let [file, trace] = [&file, &trace].map(|path| path.to_str().unwrap());
    let options = ["-e", "trace=read,pread64", "-P", file, "-o", trace];
    let status = traced(machine, args, &options).status().unwrap();
    assert!(status.success(), "{status:?}");
    let text = machine.read_text("trace");
    let read = text
        .lines()
        .filter_map(|line| line.rsplit_once("= ")?.1.parse().ok());
    read.collect::<Vec<u64>>().iter().sum()
}

#[test]
fn what_was_read_to_its_end_is_not_read_again_to_be_looked_at() {
    if !can_trace() {
        return;
    }
    let machine = looked();
    let length = machine.read("a.age").len() as u64;
    let whole = machine.path("a.age");
    let whole = whole.to_str().unwrap();
    let deep = ["status", "--deep", "--same-disk-ok", whole];
    // `--deep` reads it though it was looked at, each time.
    for _ in 0..2 {
        assert!(bytes_read(&machine, &deep, "a.age") >= length);
    }
    assert_eq!(readings(&machine), "");
    assert!(!machine.status("a.age")["read_whole"].is_null());
}

#[test]
fn a_reading_that_was_killed_goes_on_with_the_files_that_were_not_read() {
    if !can_trace() {
        return;
    }
    let machine = Machine::with_classic_home();
    // So long that each is recorded when it was read.
    for number in 0..5 {
        machine.write(&format!("files/{number}"), vec![0; 5 << 20]);
    }
    machine.run(["encrypt", "-q", "files"]).done();
    for number in 0..5 {
        machine.remove(&format!("files/{number}"));
    }
    let folder = machine.path("files");
    let folder = folder.to_str().unwrap();
    let deep = ["status", "--deep", "--same-disk-ok", folder];
    // It is opened for what is known of it, and then to be read.
    let third = format!("{folder}/3.age");
    let kill = [
        "-P",
        &third,
        "-o",
        "/dev/null",
        "-e",
        "inject=?open,?openat:signal=KILL:when=2",
    ];
    let killed = traced(&machine, &deep, &kill).status().unwrap();
    assert!(!killed.success());
    let length = machine.read("files/0.age").len() as u64;
    for (name, is_read) in [("files/2.age", false), ("files/3.age", true)] {
        // From the same place each time.
        let before = machine.read("home/home.db");
        let bytes = bytes_read(&machine, &deep, name);
        assert_eq!(bytes >= length, is_read, "{name}: {bytes} bytes");
        machine.write("home/home.db", before);
    }
    let ran = machine.run(deep).done();
    assert!(
        ran.stderr.contains("3 files read already"),
        "{}",
        ran.stderr
    );
    // Done: the next one begins anew.
    assert!(bytes_read(&machine, &deep, "files/2.age") >= length);
}

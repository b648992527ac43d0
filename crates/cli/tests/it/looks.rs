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

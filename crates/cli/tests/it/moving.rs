//! Pipes that nobody named, and an authority that moved.

use std::fs;

use crate::machine::Machine;

#[test]
fn a_pipe_need_not_be_named() {
    let machine = Machine::with_home();
    let encrypted = machine.pipe(b"through a pipe", ["encrypt"]).done();
    let decrypted = machine.pipe(&encrypted.stdout, ["decrypt"]).done();
    assert_eq!(decrypted.stdout, b"through a pipe");
}

#[test]
fn an_authority_that_moved_is_found_again_and_no_other_is_taken_for_it() {
    let machine = Machine::new();
    fs::create_dir(machine.path("disk")).unwrap();
    machine
        .run(["init", "--authority", "disk/spare", "--code-file", "code"])
        .done();
    machine.write("letter", "dear reader");
    machine.run(["encrypt", "letter"]).done();
    fs::rename(machine.path("disk"), machine.path("disc")).unwrap();

    let ran = machine.run(["encrypt", "-o", "again.age", "letter"]);
    ran.refused(75, &["init --authority"]);

    let mut other = machine.command(["init", "--authority", "other"]);
    assert!(
        other
            .env("STRONGROOM_HOME", machine.path("home2"))
            .status()
            .unwrap()
            .success()
    );
    let taken = machine.run(["init", "--authority", "other"]);
    taken.refused(1, &["another authority"]);

    machine.run(["init", "--authority", "disc/spare"]).done();
    machine
        .run(["status", "--same-disk-ok", "letter.age"])
        .done();
}

#[test]
fn a_broken_file_is_told_of_while_another_command_is_at_work() {
    let machine = Machine::with_home();
    machine.write("letter", "dear reader");
    machine.run(["encrypt", "letter"]).done();
    machine.change("letter.age", |bytes| bytes.truncate(100));
    let at_work = fs::File::open(machine.path("home/lock")).unwrap();
    at_work.lock().unwrap();
    let ran = machine.run(["decrypt", "-o", "-", "letter.age"]);
    ran.refused(1, &["ends within its header"]);
}

//! Whatever has a file's name, nothing waits for it. (A test that hangs is ended by the runner.)

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use strongroom_files::{NotAFile, open, open_folder, open_given, open_input, open_sink};
use tempfile::tempdir;

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

fn instead(opened: io::Result<File>) -> NotAFile {
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    *error.get_ref().unwrap().downcast_ref().unwrap()
}

#[test]
fn a_file_is_read_from_its_beginning() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"bytes").unwrap();
    for open in [open, open_input] {
        assert_eq!(io::read_to_string(open(&path).unwrap()).unwrap(), "bytes");
    }
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(open(&link).is_ok());
}

#[test]
fn pipes_sockets_devices_and_folders_are_no_files_and_are_not_waited_for() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    make_pipe(&pipe);
    let socket = folder.path().join("socket");
    let _socket = UnixListener::bind(&socket).unwrap();
    for open in [open, open_input] {
        assert_eq!(instead(open(&pipe)), NotAFile::Pipe);
        assert_eq!(instead(open(&socket)), NotAFile::Socket);
        assert_eq!(instead(open(Path::new("/dev/zero"))), NotAFile::Device);
        let error = open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }
    let error = open_folder(&pipe).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
}

/// As of `<(..)`: what was given is waited for, and read to its end.
#[test]
fn a_pipe_that_this_process_was_given_is_read() {
    let (reader, mut writer) = io::pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let mut opened = open_input(Path::new(&path)).unwrap();
    let slow = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        writer.write_all(b"late").unwrap();
    });
    let mut text = String::new();
    opened.read_to_string(&mut text).unwrap();
    assert_eq!(text, "late");
    slow.join().unwrap();
    let error = open(Path::new(&path)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_pipe_with_a_name_is_opened_once_and_waits_for_whoever_writes() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_pipe(&path);
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let mut pipe = File::options().write(true).open(path).unwrap();
            pipe.write_all(b"late").unwrap();
        })
    };
    let mut opened = open_given(&path).unwrap();
    assert_eq!(io::read_to_string(&mut opened).unwrap(), "late");
    writer.join().unwrap();
    assert_eq!(
        instead(open_given(Path::new("/dev/zero"))),
        NotAFile::Device
    );
}

#[test]
fn pipes_and_devices_take_what_is_written_and_files_and_folders_are_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_pipe(&path);
    let reader = {
        let path = path.clone();
        std::thread::spawn(move || fs::read(path).unwrap())
    };
    let mut sink = open_sink(&path).unwrap().unwrap();
    sink.write_all(b"bytes").unwrap();
    drop(sink);
    assert_eq!(reader.join().unwrap(), b"bytes");
    assert!(open_sink(Path::new("/dev/null")).unwrap().is_some());
    let file = folder.path().join("file");
    assert!(open_sink(&file).unwrap().is_none());
    fs::write(&file, b"old").unwrap();
    assert!(open_sink(&file).unwrap().is_none());
    assert!(open_sink(folder.path()).unwrap().is_none());
    assert_eq!(fs::read(&file).unwrap(), b"old");
}

#![cfg(test)]
//! What libFuzzer found and what it starts from, read again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use strongroom_fuzz::{TARGETS, Target};

/// With `STRONGROOM_WRITE_SEEDS=1` it writes them: after a change of a format, or of a target.
#[test]
fn every_seed_is_read_to_its_end_and_is_in_the_tree() {
    let write = std::env::var_os("STRONGROOM_WRITE_SEEDS").is_some_and(|value| value == "1");
    for Target { name, read, seeds } in TARGETS {
        let mut made = BTreeMap::new();
        for (number, seed) in (1..).zip(seeds()) {
            assert_eq!(read(&seed), Some(()), "{name}, seed {number}");
            made.insert(format!("{SEED}{number:02}"), seed);
        }
        assert!(!made.is_empty(), "{name} has no seed");
        let folder = corpus(name);
        if write {
            fs::create_dir_all(&folder).unwrap();
            for (name, _) in seeds_in(&folder) {
                fs::remove_file(folder.join(name)).unwrap();
            }
            for (name, seed) in &made {
                fs::write(folder.join(name), seed).unwrap();
            }
        }
        assert!(
            seeds_in(&folder) == made,
            "{name} has other seeds: CONTRIBUTING.md says how they are written"
        );
    }
    let mut folders: Vec<_> = fs::read_dir(corpus(""))
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    folders.sort();
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(folders, names, "a corpus for each target");
}

#[test]
fn what_was_found_once_is_read_again() {
    for Target { name, read, .. } in TARGETS {
        for (file, bytes) in files(&corpus(name)) {
            // A panic says what does not hold, and libtest which test; this says of what.
            println!("{name}/{file}");
            let _ = read(&bytes);
        }
    }
}

const SEED: &str = "seed-";

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name)
}

fn seeds_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(folder);
    files.retain(|name, _| name.starts_with(SEED));
    files
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(files) = fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    let files = files.map(|file| file.unwrap().path());
    let named = files.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    named.collect()
}

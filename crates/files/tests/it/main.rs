//! What the file layer promises, on real files.

#![cfg(test)]

mod opening;
mod output;
mod readers;

use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

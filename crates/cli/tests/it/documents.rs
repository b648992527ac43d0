//! The README and every page under `docs/`, read by somebody with a fresh account who types what is in the boxes.
//!
//! Every box is run, or has a mark that says why not; a page whose boxes are not all run is counted below, so that one that
//! is left out shows here. `documents/page.rs` says what marks there are, `documents/reader.rs` in what the reader's machine
//! differs from a real one.

mod page;
mod reader;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

use self::page::{Page, Step};
use self::reader::Reader;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A test for each page, and how many of its boxes are not run.
macro_rules! pages {
    ($($test:ident: $page:literal $(, $unrun:literal not run)?;)+) => {
        const PAGES: &[&str] = &[$($page),+];
        $(
            #[test]
            fn $test() {
                let unrun = 0 $(+ $unrun)?;
                goes_as_it_is_printed($page, unrun);
            }
        )+
    };
}

pages! {
    the_readme: "README.md", 2 not run;
    cryptoapi: "docs/cryptoapi.md", 2 not run;
    the_first_hour: "docs/first-hour.md", 1 not run;
    for_a_group: "docs/for-a-group.md", 1 not run;
    leavers: "docs/leavers.md";
    performance: "docs/performance.md", 2 not run;
    borg_and_restic: "docs/recipes/borg-and-restic.md";
    leaving: "docs/recipes/leaving.md";
    a_nas: "docs/recipes/nas.md", 1 not run;
    a_new_laptop: "docs/recipes/new-laptop.md";
    a_nightly_tar: "docs/recipes/nightly-tar.md", 1 not run;
    secrets: "docs/secrets.md";
    stolen: "docs/stolen.md";
    what_to_keep: "docs/what-to-keep.md";
    without_strongroom: "docs/without-strongroom.md", 1 not run;
    words: "docs/words.md";
}

#[test]
fn no_page_is_left_out() {
    let root = Path::new(ROOT);
    let docs = WalkDir::new(root.join("docs"))
        .into_iter()
        .map(Result::unwrap);
    let pages = docs.filter(|file| file.path().extension().is_some_and(|kind| kind == "md"));
    let name = |file: walkdir::DirEntry| {
        let path = file.path().strip_prefix(root).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut there: BTreeSet<String> = pages.map(name).collect();
    there.insert("README.md".to_owned());
    assert_eq!(there, PAGES.iter().map(|page| (*page).to_owned()).collect());
}

#[test]
fn every_link_in_a_page_leads_somewhere() {
    for page in PAGES {
        let path = Path::new(ROOT).join(page);
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{page}: {link}");
            if !section.is_empty() {
                let target = fs::read_to_string(&target).unwrap();
                let mut anchors = target.lines().filter_map(crate::citations::anchor);
                assert!(anchors.any(|anchor| anchor == section), "{page}: {link}");
            }
        }
    }
}

#[test]
fn each_word_is_defined_once() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/words.md")).unwrap();
    let lines = page.lines().filter_map(|line| line.strip_prefix("- **"));
    let terms = lines.flat_map(|line| line.split_once("**: ").expect(line).0.split(", "));
    let mut defined = BTreeSet::new();
    for term in terms {
        assert!(defined.insert(term), "{term}");
    }
    assert!(defined.len() > 50, "{defined:?}");
}

#[test]
fn the_commands_on_the_sheet_run_as_written() {
    let mut reader = Reader::new("the sheet");
    reader.shell(
        "mkdir /media/usb; strongroom init --authority /media/usb/spare
        echo kept > letter; strongroom encrypt letter; cp letter.age before.age
        cp ~/.local/share/strongroom/recovery-sheet.txt sheet.txt",
    );
    let sheet = reader.shell("cat sheet.txt");
    let commands = sheet.text().lines().map(str::trim);
    let commands: Vec<String> = commands
        .filter(|line| line.starts_with("strongroom "))
        .map(|line| {
            line.split("  ")
                .next()
                .unwrap()
                .replace("THIS_FILE", "sheet.txt")
        })
        .map(|command| command.replace("FILE.age", "letter.age"))
        .collect();
    assert!(commands.len() >= 3, "{commands:?}");
    let lost = "rm -rf ~/.local/share/strongroom";
    for command in &commands {
        if command.contains("recover") {
            let lost = match command.contains("--sheet") {
                true => lost,
                false => "rm ~/.local/share/strongroom/identity.txt",
            };
            reader.shell(&format!("cp before.age letter.age; {lost}; {command}"));
            reader.shell("strongroom decrypt -o - letter.age | cmp - letter");
        } else {
            // Whoever has the sheet alone tries that, and whoever has all.
            reader.shell(command);
            let kept = "mv ~/.local/share/strongroom ~/kept";
            let back = "mv ~/kept ~/.local/share/strongroom";
            let said = reader.shell(&format!("{kept}; {command}; {back}"));
            assert!(said.text().contains("answers in"), "{}", said.text());
        }
    }
}

/// Types what a page says, in its order.
fn goes_as_it_is_printed(name: &str, unrun: usize) {
    let text = fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let page = Page::parse(name, &text);
    let mut reader = Reader::new(name);
    let mut left_out = 0;
    for step in &page.steps {
        if let Step::NotRun { reason, .. } = step {
            left_out += 1;
            tell(&format!("NOT RUN, a box of {name}: {reason}"));
            continue;
        }
        if !reader.does(step) {
            return;
        }
    }
    assert_eq!(left_out, unrun, "{name}: so many boxes are not run");
}

fn tell(line: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).unwrap();
}

/// Tells whether a program is there that a page needs. In CI it has to be.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "`{program}` is missing: `./test` installs it"
    );
    tell(&format!(
        "SKIPPED from here on: there is no `{program}`; `./test` installs it"
    ));
    false
}

//! What the code cites of the specification is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn every_section_that_the_code_cites_has_its_heading() {
    let mut cited = BTreeSet::new();
    for file in WalkDir::new(Path::new(WORKSPACE).join("crates")) {
        let file = file.unwrap();
        if file.path().extension().is_some_and(|kind| kind == "rs") {
            cited.extend(citations(&fs::read_to_string(file.path()).unwrap()));
        }
    }
    assert!(cited.len() > 30, "{cited:?}");
    let missing = cited.iter().filter(|(page, section)| {
        let page = fs::read_to_string(Path::new(WORKSPACE).join("spec").join(page));
        !page.is_ok_and(|page| {
            page.lines()
                .any(|line| anchor(line).as_ref() == Some(section))
        })
    });
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

/// Finds each page and section that a text cites.
fn citations(text: &str) -> Vec<(String, String)> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let cited = text.split("spec/").skip(1).filter_map(|rest| {
        let (page, rest) = rest.split_once(".md#")?;
        let section: String = rest.chars().take_while(|at| is_name(*at)).collect();
        let named = !section.is_empty() && page.chars().all(is_name);
        named.then(|| (format!("{page}.md"), section))
    });
    cited.collect()
}

/// Returns the anchor of a line that is a heading.
pub(crate) fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' => Some('-'),
        other => other.is_alphanumeric().then(|| other.to_ascii_lowercase()),
    });
    Some(kept.collect())
}

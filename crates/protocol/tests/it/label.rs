//! The table of labels, in the code and in the specification.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use strongroom_protocol::label::Label;

#[test]
fn the_specification_has_the_same_table_in_the_same_order() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/labels.md");
    let page = fs::read_to_string(path).unwrap();
    let rows: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(label, _)| label)
        .collect();
    let labels: Vec<_> = Label::ALL.iter().map(|label| label.as_str()).collect();
    assert_eq!(rows, labels);
}

#[test]
fn none_passes_for_another() {
    let texts: BTreeSet<_> = Label::ALL.iter().map(|label| label.as_str()).collect();
    assert_eq!(texts.len(), Label::ALL.len());
    for label in &texts {
        let form = label
            .strip_prefix("strongroom/")
            .unwrap()
            .strip_suffix("/v1")
            .unwrap();
        assert!(
            form.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "{label}"
        );
        // Where a label is not followed by 00, what follows it must not make it another.
        let others = texts.iter().filter(|other| *other != label);
        assert!(
            others.clone().all(|other| !other.starts_with(label)),
            "{label}"
        );
    }
}

#[test]
fn what_is_signed_is_the_label_a_zero_and_the_bytes() {
    assert_eq!(Label::VETO.prefix(b"body"), b"strongroom/veto/v1\0body");
}

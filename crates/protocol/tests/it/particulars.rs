//! What is said of a deposit beside its key: what fits, and what the reserved labels say (spec/deposit.md#particulars).

use std::collections::BTreeMap;

use strongroom_protocol::id::Digest;
use strongroom_protocol::statement::{Particulars, ParticularsError, SignedStatement, Statement};

use crate::cast::{Cast, draft};

#[test]
fn particulars_have_limits() {
    let text = |length| "x".repeat(length);
    let labels = |pairs: &[(usize, usize)]| -> BTreeMap<_, _> {
        let pairs = pairs.iter().enumerate();
        pairs
            .map(|(number, (name, value))| {
                (
                    format!("{number:0>name$}").chars().take(*name).collect(),
                    text(*value),
                )
            })
            .collect()
    };
    let new = |description, pairs: &[_]| Particulars::new(text(description), labels(pairs)).err();
    assert_eq!(new(0, &[]), None);
    assert_eq!(new(4096, &[(1, 0); 1]), None);
    assert_eq!(new(4097, &[]), Some(ParticularsError::Description));
    assert_eq!(new(0, &[(2, 1); 64]), None);
    assert_eq!(new(0, &[(2, 1); 65]), Some(ParticularsError::Labels));
    assert_eq!(new(0, &[(1024, 1024)]), None);
    assert_eq!(new(0, &[(1025, 1)]), Some(ParticularsError::Label));
    assert_eq!(new(0, &[(1, 1025)]), Some(ParticularsError::Label));
    assert_eq!(new(0, &[(0, 1)]), Some(ParticularsError::Label));
    assert_eq!(new(4096, &[(1024, 1024); 3]), None);
    assert_eq!(
        new(4096, &[(1024, 1024); 4]),
        Some(ParticularsError::Together)
    );
}

#[test]
fn a_reserved_label_is_not_its_owners_to_give_and_reads_back_from_a_statement() {
    let label = |name: &str| BTreeMap::from([(name.to_owned(), "value".to_owned())]);
    for name in ["strongroom/header", "strongroom/", "strongroom/later"] {
        let refused = Particulars::new(String::new(), label(name)).err();
        assert_eq!(refused, Some(ParticularsError::Reserved), "{name}");
    }
    let header = Digest::of(&[b"header"]);
    let particulars = Particulars::new("tape 7".to_owned(), label("strongroom")).unwrap();
    assert_eq!(particulars.header(), None);
    let cast = Cast::new();
    let mut drafts = [draft(1)];
    drafts[0].particulars = particulars.with_header(header).unwrap();
    let signed = SignedStatement::sign(cast.deposit_of(&drafts), &cast.device);
    let read = SignedStatement::parse(signed.as_bytes()).unwrap();
    let Statement::Deposit(deposit) = read.statement() else {
        panic!("another statement");
    };
    let particulars = &deposit.keys()[0].particulars;
    assert_eq!(particulars.header(), Some(header));
    assert_eq!(particulars.labels().len(), 2);
    let full = (0..64).map(|number| (number.to_string(), String::new()));
    let full = Particulars::new(String::new(), full.collect()).unwrap();
    assert_eq!(
        full.with_header(header).err(),
        Some(ParticularsError::Labels)
    );
}

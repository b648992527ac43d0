//! What is said of a deposit beside its key: what fits, and what the reserved labels say (spec/deposit.md#particulars).

use std::collections::BTreeMap;

use proptest::prelude::*;
use strongroom_protocol::id::{Digest, Serial, Time};
use strongroom_protocol::statement::{Particulars, ParticularsError, SignedStatement, Statement};

use crate::cast::{Cast, NOW, draft, serial};
use crate::wire::{Item, e, h};

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

#[test]
fn each_reserved_label_says_its_own() {
    let digest = |byte| Digest::from_bytes([byte; 32]);
    let all = Particulars::default()
        .with_blob(digest(1))
        .and_then(|it| it.with_checked(NOW))
        .and_then(|it| it.with_header(digest(2)))
        .and_then(|it| it.with_name("disk/host1"))
        .and_then(|it| it.with_own_blob(digest(3)))
        .and_then(|it| it.with_padding("oaep"))
        .and_then(|it| it.with_payload(digest(4)))
        .and_then(|it| it.with_supersedes(&[serial(1)]))
        .unwrap();
    let all = Particulars::from_bytes(&all.to_bytes()).unwrap();
    assert_eq!(all.blob(), Some(digest(1)));
    assert_eq!(all.checked(), Some(NOW));
    assert_eq!(all.header(), Some(digest(2)));
    assert_eq!(all.name(), Some("disk/host1"));
    assert_eq!(all.own_blob(), Some(digest(3)));
    assert_eq!(all.padding(), Some("oaep"));
    assert_eq!(all.payload(), Some(digest(4)));
    assert_eq!(all.supersedes(), [serial(1)]);
    let names: Vec<_> = all.labels().keys().map(String::as_str).collect();
    let expected = [
        "blob",
        "checked",
        "header",
        "name",
        "own-blob",
        "padding",
        "payload",
        "supersedes",
    ];
    assert_eq!(
        names,
        expected.map(|name| format!("{}{name}", Particulars::RESERVED))
    );
    assert_eq!(all.own_labels().count(), 0);

    let none = Particulars::default();
    assert_eq!(
        (none.blob(), none.header(), none.own_blob()),
        (None, None, None)
    );
    assert_eq!((none.checked(), none.payload()), (None, None));
    assert_eq!((none.name(), none.padding()), (None, None));
    assert!(none.supersedes().is_empty());
    assert_eq!(none.with_name("").err(), Some(ParticularsError::Name));
}

#[test]
fn a_reserved_label_that_says_no_such_thing_says_nothing() {
    let blob = |value: &str| labelled("strongroom/blob", value).blob();
    assert_eq!(blob(&"ab".repeat(32)), Some(Digest::from_bytes([0xab; 32])));
    for wrong in ["", "ab", &"AB".repeat(32), &format!("{} ", "ab".repeat(32))] {
        assert_eq!(blob(wrong), None, "{wrong:?}");
    }
    let checked = |value: &str| labelled("strongroom/checked", value).checked();
    assert_eq!(checked("17"), Some(Time::from_millis(17)));
    for wrong in ["", "-1", "1.5", "18446744073709551616", "2026-09-21"] {
        assert_eq!(checked(wrong), None, "{wrong:?}");
    }
    // One of a later version is read as it is.
    let later = labelled("strongroom/later", "whatever");
    assert_eq!(later.labels().len(), 1);
}

#[test]
fn what_a_secret_supersedes_is_sorted_said_once_and_at_most_sixteen() {
    let with = |numbers: &[usize]| {
        let serials: Vec<_> = numbers.iter().map(|number| serial(*number)).collect();
        Particulars::default().with_supersedes(&serials).unwrap()
    };
    let of = |particulars: &Particulars| particulars.labels().get("strongroom/supersedes").cloned();
    assert_eq!(of(&with(&[])), None, "a label that says nothing is none");
    let (one, two) = (serial(1), serial(2));
    let text = format!("{one} {two}");
    for order in [&[1, 2][..], &[2, 1], &[2, 1, 2, 2, 1]] {
        assert_eq!(of(&with(order)), Some(text.clone()));
        assert_eq!(with(order).supersedes(), [one, two]);
        assert_eq!(with(order).digest(), with(&[1, 2]).digest());
    }
    let many: Vec<usize> = (0..40).rev().collect();
    let first: Vec<_> = (0..16).map(serial).collect();
    assert_eq!(with(&many).supersedes(), first);
    // Said twice is counted once.
    let twice: Vec<usize> = (0..16).chain(0..16).collect();
    assert_eq!(with(&twice).supersedes(), first);
}

/// Half of a list would hide a secret that nothing supersedes, or show one that something does.
#[test]
fn a_malformed_list_of_what_a_secret_supersedes_is_none() {
    let (one, two) = (serial(1), serial(2));
    let supersedes = |value: &str| labelled("strongroom/supersedes", value).supersedes();
    assert_eq!(supersedes(&format!("{one}")), [one]);
    assert_eq!(supersedes(&format!("{one} {two}")), [one, two]);
    let list = |count| -> Vec<_> { (0..count).map(|n| serial(n).to_string()).collect() };
    assert_eq!(supersedes(&list(16).join(" ")).len(), 16);
    for wrong in [
        String::new(),
        " ".to_owned(),
        format!("{two} {one}"),
        format!("{one} {one}"),
        format!("{one}  {two}"),
        format!(" {one}"),
        format!("{one} "),
        format!("{one},{two}"),
        format!("{one}\n{two}"),
        format!("{one} {}", two.to_string().trim_start_matches('0')),
        format!("{one} {}", Serial::from_bytes([0xab; 16])).to_uppercase(),
        format!("{one} the other"),
        list(17).join(" "),
        list(30).join(" "),
    ] {
        assert!(supersedes(&wrong).is_empty(), "{wrong:?}");
    }
}

#[test]
fn particulars_have_one_encoding() {
    let pair = |name: &'static str| Item::Items(vec![Item::Text(name), Item::Text("v")]);
    let of = |names: &[&'static str], attachment: &[u8]| {
        e(vec![
            Item::Text("tape 7"),
            Item::Items(names.iter().map(|name| pair(name)).collect()),
            Item::Bytes(attachment),
        ])
    };
    let good = of(&["a", "b"], &[7; 3]);
    let read = Particulars::from_bytes(&good).unwrap();
    assert_eq!(read.description(), "tape 7");
    assert_eq!(
        read.own_labels().collect::<Vec<_>>(),
        [("a", "v"), ("b", "v")]
    );
    assert_eq!(read.attachment(), [7; 3]);
    assert_eq!(read.to_bytes(), good);
    assert_eq!(read.digest().as_bytes(), &h(&[&good]));
    let nothing = Particulars::default().to_bytes();
    assert_eq!(nothing, [0x83, 0x60, 0x80, 0x40]);
    for bad in [
        of(&["b", "a"], &[]),
        of(&["a", "a"], &[]),
        of(&[""], &[]),
        of(&["a"; 65], &[]),
        of(&[], &[0; Particulars::ATTACHMENT_BYTES_MAX + 1]),
        [&good[..], &[0]].concat(),
        good[..good.len() - 1].to_vec(),
        [&[0x98, 0x03], &good[1..]].concat(),
        e(vec![Item::Text(""), Item::Items(vec![])]),
        Vec::new(),
    ] {
        assert!(Particulars::from_bytes(&bad).is_err(), "{bad:02x?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_of_a_deposit_is_read_again(
        description in ".{0,40}",
        labels in prop::collection::btree_map("[a-z]{1,8}", ".{0,20}", 0..5),
        attachment in prop::collection::vec(any::<u8>(), 0..100),
        numbers in prop::collection::vec(0..30_usize, 0..40),
    ) {
        let serials: Vec<_> = numbers.iter().map(|number| serial(*number)).collect();
        let made = Particulars::new(description, labels)
            .and_then(|it| it.with_supersedes(&serials))
            .and_then(|it| it.with_attachment(attachment))
            .unwrap();
        let read = Particulars::from_bytes(&made.to_bytes()).unwrap();
        prop_assert_eq!(&read, &made);
        let mut expected = serials;
        expected.sort_unstable();
        expected.dedup();
        expected.truncate(Particulars::SUPERSEDES_MAX);
        prop_assert_eq!(read.supersedes(), expected);
    }

    #[test]
    fn particulars_that_are_read_are_written_to_the_same_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        (place, byte) in any::<(prop::sample::Index, u8)>(),
    ) {
        let mut near = Particulars::default().with_name("disk").unwrap().to_bytes();
        let place = place.index(near.len());
        near[place] = byte;
        for bytes in [bytes, near] {
            if let Ok(read) = Particulars::from_bytes(&bytes) {
                prop_assert_eq!(read.to_bytes(), bytes);
            }
        }
    }
}

/// Particulars with one label, whatever its name, as they come from somebody else.
fn labelled(name: &str, value: &str) -> Particulars {
    let label = Item::Items(vec![Item::Text(name), Item::Text(value)]);
    let bytes = e(vec![
        Item::Text(""),
        Item::Items(vec![label]),
        Item::Bytes(&[]),
    ]);
    Particulars::from_bytes(&bytes).unwrap()
}

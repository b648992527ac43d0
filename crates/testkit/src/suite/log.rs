//! The log as anybody sees it: it only grows, and everything is in it.

use strongroom_protocol::QueryError;
use strongroom_protocol::log::{Frontier, NodeHash};
use strongroom_protocol::policy::Policy;

use super::Setting;
use crate::owner::{Owner, submit};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let mut setting = || found(Policy::code_alone());
    the_log_only_grows(&setting());
    the_leaves_hash_to_the_checkpoint(&setting());
    a_log_of_many_tiles_proves_every_entry(&setting());
}

fn the_log_only_grows(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let mut seen = vec![*authority.checkpoint().unwrap().checkpoint()];
    for _ in 0..5 {
        submit(&*authority, &owner.deposit(1));
        seen.push(*authority.checkpoint().unwrap().checkpoint());
    }
    for old in &seen {
        for new in seen.iter().filter(|new| new.size >= old.size) {
            let proof = authority.consistency(old.size, new.size).unwrap();
            proof
                .verify(old.size, old.root, new.size, new.root)
                .unwrap();
        }
    }
    let size = seen.last().unwrap().size;
    for (old, new) in [(1, size + 1), (size, 1), (size + 1, size + 1)] {
        let refused = authority.consistency(old, new);
        assert!(matches!(refused, Err(QueryError::NotFound)), "{old} {new}");
    }
}

fn the_leaves_hash_to_the_checkpoint(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    submit(&*authority, &owner.deposit(2));
    let page = authority.leaves(0).unwrap();
    assert_eq!(page.next, setting.size());
    let mut frontier = Frontier::empty();
    for leaf in &page.items {
        frontier.append(NodeHash::of_leaf(leaf)).unwrap();
    }
    let head = *authority.checkpoint().unwrap().checkpoint();
    assert_eq!((frontier.size(), frontier.root()), (head.size, head.root));
    assert_eq!(authority.leaves(2).unwrap().items, page.items[2..]);
    assert!(authority.leaves(3).unwrap().items.is_empty());
    assert!(authority.leaves(u64::MAX).unwrap().items.is_empty());
}

fn a_log_of_many_tiles_proves_every_entry(setting: &Setting) {
    let authority = setting.operator();
    let about = setting.about();
    let log_key = about.found().log_key;
    let statements: Vec<_> = (0..300)
        .map(|seed| Owner::new(&about, seed).enrolment())
        .collect();
    for (index, statement) in (1..).zip(&statements) {
        let receipt = submit(&*authority, statement);
        assert_eq!(receipt.index(), index);
    }
    let head = *authority.checkpoint().unwrap().checkpoint();
    assert_eq!(head.size, 301);
    for statement in statements.iter().step_by(23) {
        let receipt = authority.submit(statement).unwrap();
        let receipt = receipt.verify(statement, &log_key).unwrap();
        assert_eq!(*receipt.checkpoint().checkpoint(), head);
    }
}

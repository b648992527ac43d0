//! Listings in pages of any kind: walked, they come to an end, and show each entry once.

use std::cell::Cell;
use std::sync::LazyLock;

use strongroom_protocol::log::{Checkpoint, LeafSalt};
use strongroom_protocol::receipt::{Attestation, Outcome, Receipt, SignedAttestation};
use strongroom_protocol::{EndlessListing, Page, QueryError, Recorded, pages};

use crate::cast::{NOW, cast};
use crate::draw::{Draw, Seed};
use crate::tree;

#[derive(Debug)]
enum Stopped {
    Endless,
    Unavailable,
}

impl From<EndlessListing> for Stopped {
    fn from(_: EndlessListing) -> Self {
        Self::Endless
    }
}

impl From<QueryError> for Stopped {
    fn from(_: QueryError) -> Self {
        Self::Unavailable
    }
}

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let (from, size) = (draw.number(), draw.number());
    if draw.flag() {
        walk_leaves(draw, from, size)
    } else {
        walk_entries(draw, from, size)
    }
}

/// Leaves, of which a page has each.
fn walk_leaves(mut draw: Draw<'_>, from: u64, size: u64) -> Option<()> {
    let mut read = from;
    let fetched = Cell::new(0_u64);
    let fetch = |from| {
        fetched.set(fetched.get() + 1);
        if draw.is_empty() {
            return Err(Stopped::Unavailable);
        }
        let leaf = vec![7; usize::try_from(draw.number() % 3000).unwrap()];
        let count = draw.number() % 1100;
        let items = (0..count).map(|_| leaf.clone()).collect();
        let (damaged, next) = (damaged(&mut draw, from), next(&mut draw, from, count));
        Ok(Page {
            items,
            damaged,
            next,
        })
    };
    for page in pages(from, size, fetch) {
        let page: Page<Vec<u8>> = page.ok()?;
        assert!(page.next > read);
        assert_eq!(page.next - read, page.items.len() as u64, "each leaf once");
        assert!(page.is_full() || page.next >= size);
        read = page.next;
    }
    assert!(read >= size || from >= size);
    assert!(fetched.get() <= size.saturating_sub(from));
    Some(())
}

/// Entries, of which a page has some.
fn walk_entries(mut draw: Draw<'_>, from: u64, size: u64) -> Option<()> {
    let (mut read, mut least) = (from, from);
    let fetch = |from: u64| {
        if draw.is_empty() {
            return Err(Stopped::Unavailable);
        }
        let mut items = Vec::new();
        let mut index = from;
        for _ in 0..draw.number() % 300 {
            index = index.wrapping_add(draw.number());
            items.push(recorded(index % (1 << 40)));
        }
        let (damaged, next) = (damaged(&mut draw, from), next(&mut draw, index, 1));
        Ok(Page {
            items,
            damaged,
            next,
        })
    };
    for page in pages(from, size, fetch) {
        let page: Page<Recorded> = page.ok()?;
        for item in &page.items {
            let index = item.receipt.index();
            assert!(
                (least..page.next).contains(&index),
                "in the log's order, each once"
            );
            least = index + 1;
        }
        assert!(
            page.next > read
                && page
                    .damaged
                    .iter()
                    .all(|index| (read..page.next).contains(index))
        );
        (read, least) = (page.next, page.next);
    }
    assert!(read >= size);
    Some(())
}

fn damaged(draw: &mut Draw<'_>, from: u64) -> Vec<u64> {
    let count = draw.below(4);
    (0..count)
        .map(|_| from.wrapping_add(draw.number()))
        .collect()
}

/// Where the next page begins: mostly where it should.
fn next(draw: &mut Draw<'_>, from: u64, count: u64) -> u64 {
    match draw.below(4) {
        0 => draw.number(),
        1 => from.wrapping_add(draw.number()),
        _ => from.wrapping_add(count),
    }
}

/// An entry whose receipt says that it has this index; nothing of it holds.
fn recorded(index: u64) -> Recorded {
    let statement = cast().founding.statement().clone();
    let text = RECEIPT.replace("\nindex 0\n", &format!("\nindex {index}\n"));
    Recorded {
        statement,
        receipt: Receipt::parse(&text).unwrap(),
    }
}

static RECEIPT: LazyLock<String> = LazyLock::new(|| {
    let (statement, key) = (cast().founding.statement(), cast().log_key());
    let attestation = Attestation {
        authority: cast().authority(),
        statement: statement.id(),
        outcome: Outcome::Recorded,
        time: NOW,
    };
    let attestation = SignedAttestation::sign(attestation, key);
    let salt = LeafSalt::from_bytes([7; 32]);
    let leaves = [attestation.leaf(statement.kind(), &salt).hash()];
    let head = Checkpoint {
        authority: cast().authority(),
        size: 1,
        root: tree::root(&leaves),
    };
    let inclusion = tree::inclusion(0, &leaves);
    Receipt::new(salt, &attestation, 0, inclusion, &head.sign(key)).to_text()
});

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let leaves = |from: u64, size: u64| Seed::default().number(from).number(size).byte(1);
    let entries = |from: u64, size: u64| Seed::default().number(from).number(size).byte(0);
    vec![
        leaves(0, 3).raw(&[9, 3, 0, 2]).done(),
        // A full page, and the rest.
        leaves(5, 1030)
            .byte(9)
            .number(1024)
            .raw(&[0, 2])
            .raw(&[9, 1, 0, 2])
            .done(),
        leaves(9, 9).done(),
        // The first of them, one that is damaged, and one behind it.
        entries(0, 5).raw(&[2, 0, 3, 1, 2, 0, 5]).done(),
        entries(2, 4).raw(&[1, 1, 0, 2]).done(),
    ]
}

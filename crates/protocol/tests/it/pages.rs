//! Listings, page by page: honest ones are walked whole, and no other makes anybody fetch without end
//! (spec/authority-views.md#pages).

use proptest::prelude::*;
use strongroom_protocol::statement::Kind;
use strongroom_protocol::{
    EndlessListing, Listed, Page, QueryError, Recorded, Unavailable, UnavailableKind, pages,
};

use crate::cast::Cast;
use crate::receipt::Making;

#[test]
fn an_honest_listing_is_walked_whole() {
    // In each row: which entries there are, the size, from where, and the pages that come of it.
    for (entries, size, from, expected) in [
        (vec![], 0, 0, vec![]),
        (vec![], 9, 0, vec![vec![]]),
        (vec![0, 1], 2, 0, vec![vec![0, 1]]),
        (vec![3], 9, 4, vec![vec![]]),
        (vec![3], 9, 9, vec![]),
        (vec![3], 9, 10, vec![]),
        (
            (0..9).collect(),
            9,
            0,
            vec![vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8]],
        ),
        // A full page may end where the listing does, and then there may be an empty one.
        (vec![1, 3, 5, 7], 9, 0, vec![vec![1, 3, 5, 7], vec![]]),
        ((0..4).collect(), 4, 0, vec![vec![0, 1, 2, 3]]),
    ] {
        let log = Log::of(&entries, size);
        let walked = walk(from, size, |from| Ok(log.page(from)));
        let walked: Vec<Vec<u64>> = walked.pages.iter().map(indexes).collect();
        assert_eq!(walked, expected);
    }
}

#[test]
fn a_page_is_full_by_its_bytes_too() {
    let long = |index| Item { index, bytes: 60 };
    let log = Log {
        items: (0..3).map(long).collect(),
        size: 3,
    };
    let walked = walk(0, 3, |from| Ok(log.page(from)));
    let walked: Vec<_> = walked.pages.iter().map(indexes).collect();
    assert_eq!(walked, [vec![0, 1], vec![2]]);
}

/// The page that others' entries came into meanwhile goes further than was asked for, and is whole.
#[test]
fn a_log_that_grows_meanwhile_is_walked_to_where_it_was_at_least() {
    let mut fetched = 0;
    let walked = walk(0, 6, |from| {
        fetched += 1;
        let grown = Log::of(&(0..6 + fetched).collect::<Vec<_>>(), 6 + fetched);
        Ok(grown.page(from))
    });
    assert_eq!(walked.error, None);
    let indexes: Vec<u64> = walked.pages.iter().flat_map(indexes).collect();
    assert_eq!(indexes, (0..8).collect::<Vec<_>>());
}

#[test]
fn a_page_that_does_not_lead_on_is_the_last() {
    let of = |indexes: &[u64], next| Page {
        damaged: Vec::new(),
        items: indexes.iter().map(|index| item(*index)).collect(),
        next,
    };
    let full = |first: u64, next| of(&[first, first + 1, first + 2, first + 3], next);
    let good = full(0, 10);
    let second = full(10, 20);
    for (name, bad) in [
        ("an empty one that stays", of(&[], 10)),
        ("an empty one that goes back", of(&[], 0)),
        ("an empty one that goes on a little", of(&[], 11)),
        ("an empty one just before the end", of(&[], 39)),
        ("one that shrinks", of(&[10, 11, 12], 13)),
        ("the same again", good.clone()),
        ("the same items again", full(0, 20)),
        ("the same items again to the end", full(0, 40)),
        ("an item of the page before", of(&[9, 10, 11, 12], 20)),
        ("an item of the page behind", of(&[10, 11, 12, 20], 20)),
        ("an item twice", of(&[10, 11, 11, 12], 20)),
        ("items out of order", of(&[10, 12, 11, 13], 20)),
        ("a full one that stays", full(10, 10)),
        ("a full one that goes back", full(10, 9)),
        ("more items than entries", of(&[10, 11, 12, 13], 13)),
        ("more items than a page has", of(&[10, 11, 12, 13, 14], 20)),
        (
            "more bytes than a page has",
            Page {
                damaged: Vec::new(),
                items: vec![
                    Item {
                        index: 10,
                        bytes: 100,
                    },
                    Item {
                        index: 11,
                        bytes: 0,
                    },
                ],
                next: 20,
            },
        ),
    ] {
        let mut answers = [good.clone(), bad].into_iter();
        let walked = walk(0, 40, |_| Ok(answers.next().expect("it went on behind it")));
        assert_eq!(walked.error, Some(Stop::Endless(10)), "{name}");
        assert_eq!(walked.pages.len(), 1, "{name}");
    }
    // So that what is above is refused for what its name says.
    let mut answers = [good, second, full(20, 30), of(&[], 40)].into_iter();
    let walked = walk(0, 40, |_| Ok(answers.next().unwrap()));
    assert_eq!((walked.pages.len(), walked.error), (4, None));
}

#[test]
fn an_authority_that_does_not_answer_ends_the_walk() {
    let mut fetched = 0;
    let walked = walk(0, 40, |_| {
        fetched += 1;
        let busy = Unavailable::new(UnavailableKind::Busy, "others are at work");
        Err(QueryError::from(busy).into())
    });
    assert_eq!(walked.error, Some(Stop::Query));
    assert_eq!(fetched, 1);
}

#[test]
fn an_iterator_that_ended_stays_at_its_end() {
    let fail = |from| Err(Stop::from(EndlessListing { from }));
    let mut walk = pages::<Item, Stop>(0, 9, fail);
    assert!(matches!(walk.next(), Some(Err(_))));
    assert!(walk.next().is_none() && walk.next().is_none());
}

/// The log's leaves are hashed to its root: one that is left out is missed at once, and not at the end.
#[test]
fn leaves_are_of_every_entry() {
    let leaf = vec![7; 60];
    let page = |count, next| Page {
        damaged: Vec::new(),
        items: vec![leaf.clone(); count],
        next,
    };
    let walk = |page: Page<Vec<u8>>, size| {
        let mut answers = [page].into_iter();
        let walked: Result<Vec<_>, Stop> =
            pages(5, size, |_| Ok(answers.next().expect("one page"))).collect();
        walked.map(|pages| pages.iter().map(|page| page.items.len()).sum::<usize>())
    };
    assert_eq!(walk(page(10, 15), 15), Ok(10));
    assert_eq!(walk(page(12, 17), 15), Ok(12), "the log grew");
    for (page, size) in [
        (page(0, 15), 15),
        (page(9, 15), 15),
        (page(11, 15), 15),
        (page(1024, 1030), 1030),
        (page(1025, 1030), 1030),
    ] {
        assert_eq!(walk(page, size), Err(Stop::Endless(5)));
    }
    assert_eq!(walk(page(1024, 1029), 1029), Ok(1024));
}

#[test]
fn entries_are_placed_by_their_receipts() {
    let cast = Cast::new();
    let statement = cast.statement(Kind::Veto);
    let recorded = |index| Recorded {
        receipt: Making {
            index,
            ..Making::of(&cast, &statement)
        }
        .receipt(),
        statement: statement.clone(),
    };
    let walk = |indexes: &[u64]| {
        let items: Vec<_> = indexes.iter().map(|index| recorded(*index)).collect();
        let mut answers = [Page {
            items,
            damaged: Vec::new(),
            next: 9,
        }]
        .into_iter();
        let walked: Result<Vec<_>, Stop> =
            pages(2, 9, |_| Ok(answers.next().expect("one page"))).collect();
        walked.is_ok()
    };
    assert!(walk(&[]) && walk(&[2]) && walk(&[2, 3, 8]));
    assert!(!walk(&[1]) && !walk(&[9]) && !walk(&[3, 3]) && !walk(&[3, 2]));
}

proptest! {
    #[test]
    fn whatever_sizes_an_honest_authoritys_items_have_each_is_seen_once(
        items in prop::collection::vec((1..4_u64, 0..70_usize), 0..60),
        from in 0..200_u64,
        (behind, grown) in (0..20_u64, prop::collection::vec(0..3_usize, 64)),
    ) {
        let mut index = 0;
        let items: Vec<_> = items.into_iter().map(|(step, bytes)| {
            index += step;
            Item { index, bytes }
        }).collect();
        let size = index + 1 + behind;
        let mut log = Log { items: items.clone(), size };
        let mut fetched = 0;
        let walked = walk(from, size, |from| {
            let page = log.page(from);
            // Others add to the log between two pages.
            for _ in 0..grown[fetched % grown.len()] {
                log.items.push(item(log.size));
                log.size += 1;
            }
            fetched += 1;
            Ok(page)
        });
        prop_assert_eq!(walked.error, None);
        let seen: Vec<u64> = walked.pages.iter().flat_map(indexes).collect();
        let asked: Vec<u64> = items.iter().map(|item| item.index).filter(|index| *index >= from).collect();
        prop_assert_eq!(&seen[..asked.len()], &asked[..]);
        // What was added since may be seen, once too.
        prop_assert!(seen.is_sorted_by(|one, next| one < next));
        let bytes: usize = items.iter().map(|item| item.bytes).sum();
        prop_assert!(fetched <= items.len() / Item::PAGE_ITEMS + bytes / Item::PAGE_BYTES + 2);
    }

    #[test]
    fn no_authority_makes_anybody_fetch_without_end(
        answers in prop::collection::vec(
            (prop::collection::vec((0..40_u64, 0..110_usize), 0..6), 0..60_u64, any::<(bool, bool)>()),
            1..80,
        ),
        (from, size) in (0..30_u64, 0..60_u64),
    ) {
        let mut fetched = 0;
        let walked = walk(from, size, |from| {
            // Wild pages end at once; those that are made to look like honest ones get further.
            let (items, next, (follows, leads_on)) = &answers[fetched % answers.len()];
            fetched += 1;
            let items = items.iter().zip(from..).map(|((index, bytes), follow)| Item {
                index: if *follows { follow } else { *index },
                bytes: *bytes,
            });
            let items: Vec<_> = items.collect();
            let behind = from + items.len() as u64;
            Ok(Page { items, damaged: Vec::new(), next: if *leads_on { behind } else { *next } })
        });
        prop_assert!(fetched as u64 <= size.saturating_sub(from));
        let seen: Vec<u64> = walked.pages.iter().flat_map(indexes).collect();
        prop_assert!(seen.is_sorted_by(|one, next| one < next));
        prop_assert!(seen.iter().all(|index| *index >= from));
        for (number, page) in walked.pages.iter().enumerate() {
            let is_last = number + 1 == walked.pages.len() && walked.error.is_none();
            prop_assert!(page.is_full() || is_last);
            prop_assert!(page.items.len() <= Item::PAGE_ITEMS);
        }
    }
}

/// What is listed here: four items or a hundred bytes make a page full.
#[derive(Clone, Debug)]
struct Item {
    index: u64,
    bytes: usize,
}

impl Listed for Item {
    const PAGE_ITEMS: usize = 4;
    const PAGE_BYTES: usize = 100;

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn index(&self) -> Option<u64> {
        Some(self.index)
    }
}

fn item(index: u64) -> Item {
    Item { index, bytes: 1 }
}

fn indexes(page: &Page<Item>) -> Vec<u64> {
    page.items.iter().map(|item| item.index).collect()
}

/// What an honest authority lists.
struct Log {
    items: Vec<Item>,
    size: u64,
}

impl Log {
    fn of(indexes: &[u64], size: u64) -> Self {
        let items = indexes.iter().map(|index| item(*index)).collect();
        Self { items, size }
    }

    fn page(&self, from: u64) -> Page<Item> {
        let mut page = Page {
            damaged: Vec::new(),
            items: Vec::new(),
            next: self.size,
        };
        for item in self.items.iter().filter(|item| item.index >= from) {
            page.items.push(item.clone());
            if page.is_full() {
                page.next = item.index + 1;
                break;
            }
        }
        page
    }
}

/// How a walk ended.
#[derive(Debug, PartialEq)]
enum Stop {
    Endless(u64),
    Query,
}

impl From<EndlessListing> for Stop {
    fn from(endless: EndlessListing) -> Self {
        Self::Endless(endless.from)
    }
}

impl From<QueryError> for Stop {
    fn from(_: QueryError) -> Self {
        Self::Query
    }
}

struct Walked {
    pages: Vec<Page<Item>>,
    error: Option<Stop>,
}

fn walk(from: u64, size: u64, fetch: impl FnMut(u64) -> Result<Page<Item>, Stop>) -> Walked {
    let mut walked = Walked {
        pages: Vec::new(),
        error: None,
    };
    for page in pages(from, size, fetch) {
        match page {
            Ok(page) => walked.pages.push(page),
            Err(stop) => {
                assert_eq!(walked.error, None, "it went on behind an error");
                walked.error = Some(stop);
            }
        }
    }
    walked
}

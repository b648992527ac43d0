//! How many deposits an authority takes a second, beside SQLite that writes the same rows and does nothing else:
//! `just bench-authority [FOLDER]..`. docs/performance.md has what came of it.
//!
//! Statements are made before. The service takes them from its threads, each waiting for its receipt. What it wrote is then
//! read from its store, and written again to an empty one: the same bytes, in the same groups, with the same pragmas. Of some
//! rounds in turn the fastest of each counts.

#![expect(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use strongroom_authority::{Caller, Service};
use strongroom_protocol::Authority;
use strongroom_protocol::id::{Clock, Time};
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::SignedStatement;
use strongroom_testkit::{Owner, TestRng, submit};

const SCHEMA: &str = include_str!("../src/store/sqlite/schema.sql");

/// Keys a statement, statements, threads.
const CASES: [(usize, usize, usize); 4] =
    [(1, 4_000, 1), (1, 16_000, 16), (256, 150, 1), (256, 300, 4)];
const ROUNDS: usize = 3;

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let folders: Vec<PathBuf> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .map(PathBuf::from)
        .collect();
    let folders = match (measures, folders.is_empty()) {
        (true, true) => vec![PathBuf::from("/dev/shm"), std::env::temp_dir()],
        (true, false) => folders,
        (false, _) => vec![std::env::temp_dir()],
    };
    for folder in folders {
        println!("in {}", folder.display());
        for (keys, statements, threads) in CASES {
            let (statements, rounds) = match measures {
                true => (statements, ROUNDS),
                false => (2 * threads, 1),
            };
            let measured = measure(&folder, (keys, statements, threads), rounds);
            println!("    {keys:3} a statement, {threads:2} threads: {measured}");
        }
    }
}

fn measure(
    folder: &Path,
    (keys, statements, threads): (usize, usize, usize),
    rounds: usize,
) -> String {
    let folder = tempfile::tempdir_in(folder).unwrap();
    // The same seeds make the same authority and the same owner in each round, so that statements are made once.
    let made = {
        let service = found(&folder.path().join("first"));
        let mut owner = Owner::enrolled(&service.session(Caller::Operator), 1);
        (0..statements)
            .map(|_| owner.deposit(keys))
            .collect::<Vec<SignedStatement>>()
    };
    let (mut service, mut bare, mut groups) = (Duration::MAX, Duration::MAX, 0);
    for round in 0..rounds {
        let path = folder.path().join(format!("round-{round}"));
        service = service.min(deposit(&path, &made, threads));
        let written = Written::by_service(&path.join("store.db"));
        groups = written.groups.len();
        bare = bare.min(written.write_again(&folder.path().join(format!("bare-{round}"))));
    }
    let a_second = |time: Duration| (keys * statements) as f64 / time.as_secs_f64();
    format!(
        "{:7.0} keys/s, the bare store {:7.0}: {:.2} of it; {:.1} statements a commit",
        a_second(service),
        a_second(bare),
        a_second(service) / a_second(bare),
        statements as f64 / groups as f64,
    )
}

fn found(path: &Path) -> Service {
    let clock = Arc::new(Ticking(AtomicU64::new(1_767_225_600_000)));
    Service::found(path, Policy::code_alone(), clock, TestRng::new(1)).unwrap()
}

/// Deposits them all, from so many threads.
fn deposit(path: &Path, statements: &[SignedStatement], threads: usize) -> Duration {
    let service = found(path);
    let session = service.session(Caller::Operator);
    drop(Owner::enrolled(&session, 1));
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(statement) = statements.get(next.fetch_add(1, Ordering::Relaxed)) {
                    drop(session.submit(statement).unwrap());
                }
            });
        }
    });
    let time = start.elapsed();
    let states = submit(&session, &statements[0]).states().to_vec();
    assert!(states.iter().all(|state| *state == DepositState::Verified));
    time
}

/// A clock that shows another time whenever it is asked: what one commit recorded, and nothing else, has one time.
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Time {
        Time::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

type EntryRow = (
    (i64, i64, i64, Vec<u8>),
    (Vec<u8>, Vec<u8>, Vec<u8>),
    (Vec<u8>, Vec<u8>),
);

/// What one commit wrote.
#[derive(Default)]
struct Group {
    entries: Vec<EntryRow>,
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    tiles: Vec<(i64, i64, Vec<u8>, Vec<u8>)>,
}

/// All that a service wrote, commit by commit.
struct Written {
    groups: Vec<Group>,
    head: (Vec<u8>, String),
}

impl Written {
    fn by_service(store: &Path) -> Self {
        let store = Connection::open(store).unwrap();
        let mut groups: BTreeMap<i64, Group> = BTreeMap::new();
        let mut times: BTreeMap<i64, i64> = BTreeMap::new();
        let mut rows = store.prepare("SELECT * FROM entry ORDER BY idx").unwrap();
        let mut rows = rows.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let entry: EntryRow = (
                (
                    row.get(0).unwrap(),
                    row.get(1).unwrap(),
                    row.get(2).unwrap(),
                    row.get(3).unwrap(),
                ),
                (
                    row.get(4).unwrap(),
                    row.get(5).unwrap(),
                    row.get(6).unwrap(),
                ),
                (row.get(7).unwrap(), row.get(8).unwrap()),
            );
            let (index, time) = (entry.0.0, entry.0.2);
            times.insert(index, time);
            groups.entry(time).or_default().entries.push(entry);
        }
        let mut rows = store.prepare("SELECT * FROM map ORDER BY key").unwrap();
        let mut rows = rows.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let pair: (Vec<u8>, Vec<u8>) = (row.get(0).unwrap(), row.get(1).unwrap());
            let time = times[&entry_of(&pair)];
            groups.get_mut(&time).unwrap().pairs.push(pair);
        }
        let mut rows = store.prepare("SELECT * FROM tile ORDER BY idx").unwrap();
        let mut rows = rows.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let tile: (i64, i64, Vec<u8>, Vec<u8>) = (
                row.get(0).unwrap(),
                row.get(1).unwrap(),
                row.get(2).unwrap(),
                row.get(3).unwrap(),
            );
            let last = ((tile.1 + 1) << (8 * (tile.0 + 1))) - 1;
            groups.get_mut(&times[&last]).unwrap().tiles.push(tile);
        }
        let head = store.query_row("SELECT frontier, checkpoint FROM head", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        Self {
            groups: groups.into_values().collect(),
            head: head.unwrap(),
        }
    }

    fn write_again(&self, path: &Path) -> Duration {
        let mut store = Connection::open(path).unwrap();
        store.pragma_update(None, "journal_mode", "WAL").unwrap();
        store.pragma_update(None, "synchronous", "EXTRA").unwrap();
        store.pragma_update(None, "foreign_keys", "OFF").unwrap();
        store.execute_batch(SCHEMA).unwrap();
        let start = Instant::now();
        for group in &self.groups {
            let behavior = rusqlite::TransactionBehavior::Immediate;
            let transaction = store.transaction_with_behavior(behavior).unwrap();
            for ((index, kind, time, salt), (id, leaf, signature), (attestation, statement)) in
                &group.entries
            {
                let sql = "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
                let row = params![
                    index,
                    kind,
                    time,
                    salt,
                    id,
                    leaf,
                    signature,
                    attestation,
                    statement
                ];
                let mut insert = transaction.prepare_cached(sql).unwrap();
                insert.execute(row).unwrap();
            }
            for (key, value) in &group.pairs {
                let sql = "INSERT OR REPLACE INTO map VALUES (?1, ?2)";
                let mut insert = transaction.prepare_cached(sql).unwrap();
                insert.execute(params![key, value]).unwrap();
            }
            for (level, index, hashes, root) in &group.tiles {
                let sql = "INSERT OR REPLACE INTO tile VALUES (?1, ?2, ?3, ?4)";
                let mut insert = transaction.prepare_cached(sql).unwrap();
                insert.execute(params![level, index, hashes, root]).unwrap();
            }
            let sql = "INSERT OR REPLACE INTO head VALUES (1, ?1, ?2, ?3)";
            let size = group.entries.last().map(|entry| entry.0.0 + 1);
            let mut insert = transaction.prepare_cached(sql).unwrap();
            insert
                .execute(params![size, self.head.0, self.head.1])
                .unwrap();
            drop(insert);
            transaction.commit().unwrap();
        }
        start.elapsed()
    }
}

/// Returns the entry that a pair of the map follows from: of a deposit, by its keys and values (spec/authority.md#map); all
/// else is the founding's here.
fn entry_of((key, value): &(Vec<u8>, Vec<u8>)) -> i64 {
    const OWNER: usize = 32;
    let number = |bytes: &[u8]| i64::from_be_bytes(bytes[..8].try_into().unwrap());
    match key[0] {
        0x20 => number(value),
        0x21 | 0x51 => number(&key[1 + OWNER..]),
        _ => 0,
    }
}

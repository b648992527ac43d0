//! What every store must do, held against each; and the overlay, held against a map that it should be like.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rand_core::Rng;
use strongroom_protocol::id::{StatementId, Time};
use strongroom_protocol::keys::Signature;
use strongroom_protocol::log::{Frontier, LeafSalt, NodeHash, ReadTiles, Tile, TileId};
use strongroom_testkit::TestRng;

use super::*;

/// A new store of each kind, with the folder that it is in.
fn stores() -> Vec<(tempfile::TempDir, Box<dyn Store>)> {
    let folder = || tempfile::tempdir().unwrap();
    let sqlite = folder();
    let path = sqlite.path().join("store.db");
    Sqlite::create(&path).unwrap();
    vec![
        (sqlite, Box::new(Sqlite::open(&path).unwrap())),
        (folder(), Box::new(Memory::default())),
    ]
}

fn entry(index: u8) -> EntryRow {
    EntryRow {
        index: index.into(),
        kind: 4,
        time: Time::from_millis(index.into()),
        salt: LeafSalt::from_bytes([index; 32]),
        statement: vec![index; 3],
        attestation: vec![index; 2],
        signature: Signature::from_bytes([index; 64]),
        id: StatementId::from_bytes([index; 32]),
        leaf: NodeHash::from_bytes([index; 32]),
    }
}

fn tile(index: u64) -> Tile {
    let byte = u8::try_from(index + 1).unwrap();
    Tile::from_bytes(TileId { level: 0, index }, &[byte; Tile::BYTES]).unwrap()
}

fn indexes(rows: &[EntryRow]) -> Vec<u64> {
    rows.iter().map(|row| row.index).collect()
}

fn keys(pairs: &[(Key, Value)]) -> Vec<&[u8]> {
    pairs.iter().map(|(key, _)| &key[..]).collect()
}

fn get(store: &dyn Store, key: &[u8]) -> Option<Value> {
    store.read(|store| store.get(key.to_vec())).unwrap()
}

#[test]
fn what_is_written_is_read() {
    for (_folder, store) in stores() {
        store
            .write(|writing| {
                (0..4).for_each(|index| writing.append(entry(index)));
                (0..2).for_each(|index| writing.put_tile(tile(index)));
                writing.put(vec![7, 1], vec![9]);
                writing.put_head(Head {
                    frontier: Frontier::empty(),
                    checkpoint: "signed".to_owned(),
                });
                writing.count("refused");
                Ok(())
            })
            .unwrap();
        store
            .read(|store| {
                assert_eq!(store.head()?.unwrap().checkpoint, "signed");
                assert_eq!(indexes(&store.entries(&[3, 9, 1, 3])?), [1, 3]);
                let row = store.entry(2)?.unwrap();
                assert_eq!((row.statement, row.attestation), (vec![2; 3], vec![2; 2]));
                assert_eq!(store.entry_of(StatementId::from_bytes([2; 32]))?, Some(2));
                assert_eq!(store.entry_of(StatementId::from_bytes([9; 32]))?, None);
                let times: Vec<u64> = store
                    .leaf_rows(1, 2)?
                    .iter()
                    .map(|row| row.time.as_millis())
                    .collect();
                assert_eq!(times, [1, 2]);
                let leaves = [1, 2].map(|byte| NodeHash::from_bytes([byte; 32]));
                assert_eq!(store.leaves(1..3)?, leaves);
                assert_eq!(store.tile(tile(1).id())?, tile(1));
                assert!(store.tile(TileId { level: 1, index: 0 }).is_err());
                assert_eq!(store.tile_roots(0, 1..9)?, [tile(1).root()]);
                assert_eq!(store.get(vec![7, 1])?, Some(vec![9]));
                assert_eq!(store.get(vec![7])?, None);
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
}

#[test]
fn a_stretch_of_the_map_is_read_from_either_end() {
    for (_folder, store) in stores() {
        let put = |keys: &[&[u8]]| {
            store.write(|writing| {
                keys.iter()
                    .for_each(|key| writing.put(key.to_vec(), Value::new()));
                Ok(())
            })
        };
        put(&[
            &[6],
            &[7, 0],
            &[7, 5],
            &[7, 5, 1],
            &[7, 255],
            &[8, 0],
            &[255, 255],
        ])
        .unwrap();
        let read = |span: Span, order, limit| {
            store
                .read(|store| store.range(&span, order, limit))
                .unwrap()
        };
        let all = read(Span::of(vec![7]), Order::Forward, 9);
        assert_eq!(keys(&all), [&[7, 0][..], &[7, 5], &[7, 5, 1], &[7, 255]]);
        let last = read(Span::of(vec![7]), Order::Backward, 2);
        assert_eq!(keys(&last), [&[7, 255][..], &[7, 5, 1]]);
        let some = Span::of(vec![7]).after(vec![7, 0]).before(vec![7, 255]);
        assert_eq!(keys(&read(some, Order::Forward, 1)), [[7, 5]]);
        assert!(read(Span::of(vec![7]).before(vec![7]), Order::Forward, 9).is_empty());
        assert_eq!(
            read(Span::of(Key::new()), Order::Forward, u64::MAX).len(),
            7
        );
        assert_eq!(
            keys(&read(Span::of(vec![255]), Order::Backward, 9)),
            [[255, 255]]
        );
        store
            .write(|writing| {
                writing.remove(vec![7, 5]);
                writing.remove(vec![7, 77]);
                writing.put(vec![8, 0], vec![1]);
                Ok(())
            })
            .unwrap();
        assert_eq!(read(Span::of(vec![7]), Order::Forward, 9).len(), 3);
        assert_eq!(get(&*store, &[8, 0]), Some(vec![1]));
    }
}

#[test]
fn what_fails_or_panics_leaves_nothing() {
    for (_folder, store) in stores() {
        let spoil = |writing: &Writing<'_>| {
            writing.append(entry(0));
            writing.put(vec![1], vec![1]);
            writing.flush()?;
            writing.put(vec![2], vec![2]);
            Ok::<_, StoreError>(())
        };
        let failed = store.write(|writing| {
            spoil(writing)?;
            Err::<(), _>(StoreError::Full)
        });
        assert!(matches!(failed, Err(StoreError::Full)));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            store.write(|writing| {
                spoil(writing)?;
                panic!("a bug");
                #[expect(unreachable_code, reason = "it says what would come of it")]
                Ok::<(), StoreError>(())
            })
        }));
        assert!(panicked.is_err());
        assert_eq!((get(&*store, &[1]), get(&*store, &[2])), (None, None));
        store.write(spoil).unwrap();
        assert_eq!(get(&*store, &[2]), Some(vec![2]));
        assert!(store.read(|store| store.entry(0)).unwrap().is_some());
    }
}

#[test]
fn who_reads_sees_one_commit_and_who_comes_later_the_next() {
    for (_folder, store) in stores() {
        let write = |value| {
            store.write(|writing| {
                writing.put(vec![1], vec![value]);
                Ok(())
            })
        };
        write(1).unwrap();
        let rows = store.snapshot().unwrap();
        let read = || rows.get_many(&[vec![1]]).unwrap();
        assert_eq!(read(), [Some(vec![1])]);
        write(2).unwrap();
        assert_eq!(read(), [Some(vec![1])]);
        drop(rows);
        assert_eq!(get(&*store, &[1]), Some(vec![2]));
    }
}

#[test]
fn one_writes_at_a_time_and_sees_what_the_one_before_wrote() {
    for (_folder, store) in stores() {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let add = |writing: &Writing<'_>| {
                            let count = writing.get(vec![1])?.map_or(0, |value| value[0]);
                            writing.put(vec![1], vec![count + 1]);
                            Ok(())
                        };
                        store.write(add).unwrap();
                    }
                });
            }
        });
        assert_eq!(get(&*store, &[1]), Some(vec![80]));
    }
}

#[test]
fn so_many_read_at_a_time_and_the_others_wait() {
    let (_folder, store) = stores().remove(0);
    let (reading, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..30 {
            let (store, reading, most) = (&store, &reading, &most);
            scope.spawn(move || {
                let read = || {
                    store.read(|store| {
                        let now = reading.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        store.head()?;
                        thread::sleep(Duration::from_millis(20));
                        reading.fetch_sub(1, Ordering::SeqCst);
                        // Somebody's bug, or a damaged row: it is given back.
                        assert!(number % 3 != 0, "a bug");
                        match number % 3 {
                            1 => Err(StoreError::Full),
                            _ => Ok(()),
                        }
                    })
                };
                let outcome = catch_unwind(AssertUnwindSafe(read));
                assert_eq!(outcome.is_err(), number % 3 == 0);
            });
        }
    });
    let most = most.into_inner();
    assert!((2..=8).contains(&most), "{most} read at a time");
}

#[test]
fn an_act_stands_as_a_whole_or_leaves_nothing() {
    for (_folder, store) in stores() {
        store
            .write(|writing| {
                writing.put(vec![1], vec![1]);
                writing.append(entry(0));
                let spoil = || {
                    writing.put(vec![1], vec![2]);
                    writing.remove(vec![1]);
                    writing.put(vec![3], vec![3]);
                    writing.append(entry(1));
                    writing.count("refused");
                    assert_eq!(writing.get(vec![1])?, None);
                    assert_eq!(writing.entry(1)?.unwrap().index, 1);
                    Ok::<_, StoreError>(())
                };
                let failed = writing.apart(|| {
                    spoil()?;
                    Err::<(), _>(StoreError::Full)
                });
                assert!(failed.is_err());
                assert_eq!(writing.get(vec![1])?, Some(vec![1]));
                assert!(writing.entry(1)?.is_none());
                assert_eq!(writing.leaves(0..5)?.len(), 1);
                writing.apart(spoil)
            })
            .unwrap();
        assert_eq!(
            (get(&*store, &[1]), get(&*store, &[3])),
            (None, Some(vec![3]))
        );
        assert!(store.read(|store| store.entry(1)).unwrap().is_some());
    }
}

#[test]
fn the_log_is_read_across_what_is_stored_and_what_is_not() {
    for (_folder, store) in stores() {
        let write = |range: Range<u8>| {
            store.write(|writing| {
                range.for_each(|index| writing.append(entry(index)));
                writing.put_tile(tile(u64::from(writing.tile(tile(0).id()).is_ok())));
                Ok(())
            })
        };
        write(0..3).unwrap();
        store
            .write(|writing| {
                (3..6).for_each(|index| writing.append(entry(index)));
                writing.put_tile(tile(1));
                assert_eq!(indexes(&writing.entries(&[4, 1, 9])?), [1, 4]);
                writing.mend(1, b"mended".to_vec());
                assert_eq!(writing.entry(1)?.unwrap().statement, b"mended");
                assert_eq!(writing.leaves(2..5)?.len(), 3);
                assert_eq!(writing.leaves(4..5)?, [entry(4).leaf]);
                assert_eq!(writing.leaf_rows(1, 3)?.len(), 3);
                assert_eq!(writing.leaf_rows(4, 9)?.len(), 2);
                assert_eq!(writing.entry_of(entry(5).id)?, Some(5));
                assert_eq!(writing.entry_of(entry(1).id)?, Some(1));
                assert_eq!(writing.entry_of(entry(6).id)?, None);
                let roots = writing.tile_roots(0, 0..9)?;
                assert_eq!(roots, [tile(0).root(), tile(1).root()]);
                Ok(())
            })
            .unwrap();
        let mended = store.read(|store| store.entry(1)).unwrap().unwrap();
        assert_eq!(mended.statement, b"mended");
        assert_eq!(mended.attestation, entry(1).attestation);
    }
}

/// Random acts, some of which fail, in random transactions: whatever is asked, the answer is a map's.
#[test]
fn the_overlay_is_like_a_map() {
    let mut rng = TestRng::new(3);
    let mut dice = |sides: u64| rng.next_u64() % sides;
    for (_folder, store) in stores() {
        let mut committed: BTreeMap<Key, Value> = BTreeMap::new();
        for _ in 0..60 {
            let mut model = committed.clone();
            let outcome = store.write(|writing| {
                for _ in 0..dice(6) {
                    let before = model.clone();
                    let stands = dice(3) > 0;
                    let done = writing.apart(|| {
                        for _ in 0..dice(8) {
                            let key = vec![7, byte(dice(4)), byte(dice(6))];
                            if dice(3) == 0 {
                                writing.remove(key.clone());
                                model.remove(&key);
                            } else {
                                let value = vec![byte(dice(200))];
                                writing.put(key.clone(), value.clone());
                                model.insert(key, value);
                            }
                            ask(writing, &model, &mut dice);
                        }
                        if stands {
                            Ok(())
                        } else {
                            Err(StoreError::Full)
                        }
                    });
                    if done.is_err() {
                        model = before;
                    }
                    if dice(5) == 0 {
                        writing.flush()?;
                    }
                    ask(writing, &model, &mut dice);
                }
                if dice(4) == 0 {
                    return Err(StoreError::Full);
                }
                Ok(())
            });
            if outcome.is_ok() {
                committed = model;
            }
            store
                .read(|store| {
                    ask(store, &committed, &mut dice);
                    Ok::<_, StoreError>(())
                })
                .unwrap();
        }
    }
}

fn byte(value: u64) -> u8 {
    u8::try_from(value).unwrap()
}

fn ask(store: &Snapshot<'_>, model: &BTreeMap<Key, Value>, dice: &mut impl FnMut(u64) -> u64) {
    let asked: Vec<Key> = (0..3)
        .map(|_| vec![7, byte(dice(4)), byte(dice(6))])
        .collect();
    let found = store.get_many(&asked).unwrap();
    let expected: Vec<_> = asked.iter().map(|key| model.get(key).cloned()).collect();
    assert_eq!(found, expected);
    let prefix = vec![7, byte(dice(4))];
    let after = [&prefix[..], &[byte(dice(6))]].concat();
    let within = |key: &&Key| key.starts_with(&prefix) && **key > after;
    let expected: Vec<Key> = model.keys().filter(within).cloned().collect();
    let limit = dice(5);
    let span = Span::of(prefix.clone()).after(after.clone());
    let forward = store.range(&span, Order::Forward, limit).unwrap();
    let backward = store.range(&span, Order::Backward, limit).unwrap();
    let limit = usize::try_from(limit).unwrap();
    assert!(keys(&forward).into_iter().eq(expected.iter().take(limit)));
    assert!(
        keys(&backward)
            .into_iter()
            .eq(expected.iter().rev().take(limit))
    );
}

#[test]
#[should_panic(expected = "within a reading")]
fn nobody_reads_while_they_read() {
    let (_folder, store) = stores().remove(1);
    let _ = store.read(|_| store.read(|again| again.entry(0)));
}

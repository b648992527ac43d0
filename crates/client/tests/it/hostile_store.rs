//! A store that somebody edited, without any key: rows gone, zeroed, exchanged, planted or put back as they were, an older
//! store in its place, another schema. Whatever was done, owners and officers are told what is wrong, nothing is called
//! protected that does not come back, nobody deposits in another's name, and what homes keep comes back.
//!
//! Some hundred edits; `STRONGROOM_SOAK=1` makes each that there is, and ten thousand at random. What fails says by which
//! edits, and `STRONGROOM_STORE_SEED=7` makes those of a seed again, `STRONGROOM_STORE_SEED=2000..4000` those of some.

mod edits;
mod story;

use std::env;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use strongroom_testkit::TestRng;

use edits::{Edit, Store};
use story::{Story, Trial};

/// What came of the edits.
#[derive(Default)]
struct Tally {
    edits: AtomicUsize,
    /// In how many stores something was protected all the same.
    protected: AtomicUsize,
    /// How many were mended by homes and by a repair.
    mended: AtomicUsize,
    /// How many had to be restored from a backup, and were filled by homes.
    restored: AtomicUsize,
}

/// Makes each edit of a store of its own, on two threads.
fn try_each(story: &Story, jobs: Vec<(String, Vec<Edit>)>) -> Tally {
    let tally = Tally::default();
    let failures = Mutex::new(Vec::new());
    let jobs = Mutex::new(jobs.into_iter());
    let work = || {
        loop {
            let Some((name, edits)) = jobs.lock().unwrap().next() else {
                break;
            };
            tally.edits.fetch_add(1, Ordering::Relaxed);
            let tried = catch_unwind(AssertUnwindSafe(|| {
                let mut trial = Trial::of(story);
                trial.edit(&edits);
                trial.run()
            }));
            let what = match tried {
                Ok(Ok(outcome)) => {
                    let counted = if outcome.restored {
                        &tally.restored
                    } else {
                        &tally.mended
                    };
                    counted.fetch_add(1, Ordering::Relaxed);
                    let protected = usize::from(outcome.protected);
                    tally.protected.fetch_add(protected, Ordering::Relaxed);
                    continue;
                }
                Ok(Err(what)) => what,
                Err(_) => "it panicked".to_owned(),
            };
            let edits: Vec<String> = edits.iter().map(Edit::to_string).collect();
            let what = format!("{name}: {what}\n    {}", edits.join("\n    "));
            eprintln!("{what}");
            failures.lock().unwrap().push(what);
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {} edits:\n{}",
        failures.len(),
        tally.edits.load(Ordering::Relaxed),
        failures.join("\n")
    );
    eprintln!(
        "{:?} edits: {:?} left something protected, {:?} mended, {:?} restored",
        tally.edits, tally.protected, tally.mended, tally.restored
    );
    tally
}

fn is_soak() -> bool {
    env::var_os("STRONGROOM_SOAK").is_some_and(|value| value == "1")
}

/// One edit of each row of each table in each way; of all of them every so many, unless there is time for all.
#[test]
fn whichever_row_is_edited_nothing_is_protected_that_does_not_come_back() {
    let story = Story::new();
    let store = Store::read(&story);
    let all = store.single_edits();
    let step = if is_soak() { 1 } else { all.len() / 150 };
    let jobs = all.into_iter().enumerate();
    let jobs = jobs.filter(|(number, _)| number % step == 0);
    let jobs = jobs.map(|(number, edit)| (format!("edit {number}"), vec![edit]));
    let tally = try_each(&story, jobs.collect());
    // It is not that everything is refused.
    let edits = tally.edits.into_inner();
    assert!(tally.protected.into_inner() * 2 > edits);
    assert!(tally.mended.into_inner() * 4 > edits * 3);
}

#[test]
fn rows_edited_at_random_protect_nothing_that_does_not_come_back() {
    let story = Story::new();
    let store = Store::read(&story);
    let seeds = match env::var("STRONGROOM_STORE_SEED") {
        Ok(seeds) => seeds_of(&seeds),
        Err(_) if is_soak() => 0..10_000,
        Err(_) => 0..120,
    };
    let jobs = seeds.map(|seed| {
        let edits = store.random_edits(&mut TestRng::new(seed));
        (format!("STRONGROOM_STORE_SEED={seed}"), edits)
    });
    try_each(&story, jobs.collect());
}

/// One seed, or from one to before another.
fn seeds_of(text: &str) -> Range<u64> {
    let number = |text: &str| text.parse::<u64>().unwrap();
    match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(text)..number(text) + 1,
    }
}

/// What the map can say falsely so that somebody gains by it, made by who knows how.
#[test]
fn rows_that_somebody_planted_protect_and_give_nothing() {
    let story = Story::new();
    let store = Store::read(&story);
    let jobs = store.planted().into_iter();
    let jobs = jobs.map(|(name, edits)| (name.to_owned(), edits));
    try_each(&story, jobs.collect());
}

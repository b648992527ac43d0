//! Random histories: a few dozen things that owners, officers, thieves and disks do to an authority, from a seed, each
//! held against a model that knows the rules and none of the code.
//!
//! It is worth what it finds. Found when broken, one at a time, each within the first 40 seeds: approvals counted by key,
//! not by person; one's own request approved; a friend's whom one brought in; the wait; a veto; a denial, and that it
//! decides at once; an approval under another policy; the asker's rule, labels, the number of keys, who has departed, and
//! that this is taken back; a rival that freezes; the lapse; no new look at a decision before a release; a page made
//! twice, by one or by two at once; a used serial; a request under an old policy; anybody's code; a refusal that is
//! logged; a change of the policy without its approvals, by its author's own, by one code of many, or after another came
//! first; a device that becomes the owner's though somebody else asked.

mod cast;
mod model;
mod story;
mod world;

use std::sync::Mutex;
use std::thread;

use story::{Story, Tally};
use world::Place;

/// How many histories there are over each store, where nobody asks for more: what can be waited for. All but one of the
/// above are found in these.
const HISTORIES: u64 = 12;
const OPERATIONS: usize = 60;
const THREADS: usize = 2;

/// `STRONGROOM_SOAK=1000` makes as many; `STRONGROOM_SEED=7` makes the one of that seed.
#[test]
fn no_history_lets_a_key_leave_without_its_decision() {
    histories(Place::Folder);
}

/// The same, but that nobody takes the power away, or puts an old copy in the place of what is there.
#[test]
fn no_history_in_memory_does() {
    histories(Place::Memory);
}

fn histories(place: Place) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds = match number("STRONGROOM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("STRONGROOM_SOAK").unwrap_or(HISTORIES),
    };
    let enough = seeds.end - seeds.start >= HISTORIES;
    let tally = Mutex::new(Tally::default());
    let seeds = Mutex::new(seeds);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let next = || seeds.lock().unwrap().next();
                while let Some(seed) = next() {
                    let story = run(place, seed);
                    tally.lock().unwrap().count(&story);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    println!("{tally:?}");
    assert!(!enough || tally.is_of_everything(), "{tally:?}");
}

fn run(place: Place, seed: u64) -> Story {
    let mut story = Story::begin(place, seed);
    for _ in 0..OPERATIONS {
        story.go_on();
    }
    story.end();
    story
}

//! Work on many things at once, on all cores: for opening and sealing, where each knows nothing of the others and takes about as
//! long, so that every core gets an equal share. Where randomness is drawn, nobody may care which thing gets which. The threads
//! end with the call.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread::{self, available_parallelism};

/// Does something with each of some things, on all cores, and returns what came of it in their order.
pub fn on_all_cores<T: Sync, R: Send>(things: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let share = things.len().div_ceil(cores).max(SHARE_MIN);
    let mut shares = things.chunks(share);
    let own = shares.next().unwrap_or_default();
    let work = |share: &[T]| share.iter().map(&act).collect::<Vec<R>>();
    thread::scope(|scope| {
        let work = &work;
        let begin = |share| {
            let other = thread::Builder::new().spawn_scoped(scope, move || work(share));
            (share, other)
        };
        let others: Vec<_> = shares.map(begin).collect();
        let mut done = work(own);
        for (share, other) in others {
            done.extend(match other {
                Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // Where the system has no thread to give, it is done here.
                Err(_) => work(share),
            });
        }
        done
    })
}

/// Fewer than so many are not worth a thread of their own: to start one takes about as long as to open one key.
const SHARE_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_things_is_in_their_order() {
        for count in [0, 1, 3, 4, 5, 257] {
            let things: Vec<u64> = (0..count).collect();
            let done = on_all_cores(&things, |thing| thing * 2);
            assert_eq!(done, (0..count).map(|thing| thing * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "the last")]
    fn a_panic_on_another_core_is_the_callers() {
        on_all_cores(&[1; 64], |_| ());
        let things: Vec<u64> = (0..64).collect();
        on_all_cores(&things, |thing| assert!(*thing < 63, "the last"));
    }
}

//! Work that is the same for each of many things, on as many threads as the caller says. Not `cores::on_all_cores` of the protocol,
//! which takes all cores and lends the things: these are used up, as each brings the generator that its key is drawn from.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Returns what becomes of each thing, in their order.
pub(crate) fn map<T: Send, R: Send>(
    things: Vec<T>,
    threads: NonZeroUsize,
    map: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let helpers = threads.get().min(things.len()).saturating_sub(1);
    let mut made: Vec<Option<R>> = things.iter().map(|_| None).collect();
    let rest = Mutex::new(things.into_iter().zip(&mut made));
    let work = || {
        loop {
            let next = rest.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((thing, made)) = next else {
                return;
            };
            *made = Some(map(thing));
        }
    };
    thread::scope(|scope| {
        for _ in 0..helpers {
            // With fewer of them it takes longer, and no more.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    drop(rest);
    made.into_iter().flatten().collect()
}

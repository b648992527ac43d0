//! What the log came to, kept in the store under the log key's signature (spec/authority.md#kept-replay): who opens the
//! store anew goes on from there. Not a truth: where it does not lead to the signed head, the log is read from its beginning.

use strongroom_protocol::id::Digest;
use strongroom_protocol::keys::Signature;
use strongroom_protocol::label::Label;
use strongroom_protocol::log::{Frontier, NodeHash};

use super::State;
use crate::log::Log;
use crate::store::{Beside, Key, Snapshot, Span, StoreError, Value, Writing};

/// Whoever opens the store reads no more entries than so many by themselves, while what they come to is small.
const AT_MOST_BEHIND: u64 = 1024;
/// Of what is large, so many bytes are written anew for each entry, and no more.
const BYTES_FOR_AN_ENTRY: u64 = 1 << 14;

/// Tells whether so much was appended since a replay was kept that it is to be kept anew.
pub(super) fn is_due(store: &Snapshot<'_>, size: u64) -> Result<bool, StoreError> {
    // What was never written is as good as nothing.
    let (kept, bytes) = match store.kept_replay_size() {
        Err(StoreError::Damaged(_)) => (0, 0),
        kept => kept?,
    };
    Ok(size.saturating_sub(kept) >= AT_MOST_BEHIND.max(bytes / BYTES_FOR_AN_ENTRY))
}

/// Keeps it. What an unreadable entry said is not known, and may be given back: such a replay is not kept.
pub(super) fn keep(log: &Log, store: &Writing<'_>, state: &State) -> Result<(), StoreError> {
    if !state.holes.is_empty() {
        return Ok(());
    }
    let body = body(
        &state.frontier,
        &state.map.range(&Span::of(Key::new()), u64::MAX)?,
    );
    let signature = log.sign_replay(&Digest::of(&[&body]));
    let kept = [signature.as_bytes(), &body[..]].concat();
    store.keep_replay(state.frontier.size(), &kept)
}

/// Returns what is kept, if this authority signed it.
pub(super) fn read(log: &Log, store: &Snapshot<'_>) -> Result<Option<State>, StoreError> {
    let kept = match store.kept_replay() {
        Err(StoreError::Damaged(_)) => return Ok(None),
        kept => kept?,
    };
    let Some((signature, body)) = kept.split_first_chunk::<{ Signature::BYTES }>() else {
        return Ok(None);
    };
    let signature = Signature::from_bytes(*signature);
    let signed = Digest::of(&[body]);
    if !log
        .verifying_key()
        .verify(Label::REPLAY, signed.as_bytes(), &signature)
    {
        return Ok(None);
    }
    let Some((frontier, pairs)) = parse(body) else {
        return Ok(None);
    };
    Ok(Some(State {
        map: Beside::of(pairs)?,
        frontier,
        ..State::default()
    }))
}

fn body(frontier: &Frontier, pairs: &[(Key, Value)]) -> Vec<u8> {
    let mut body = frontier.size().to_be_bytes().to_vec();
    put(
        &mut body,
        &frontier
            .roots()
            .iter()
            .flat_map(NodeHash::as_bytes)
            .copied()
            .collect::<Vec<u8>>(),
    );
    for (key, value) in pairs {
        put(&mut body, key);
        put(&mut body, value);
    }
    body
}

fn put(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    body.extend_from_slice(bytes);
}

fn parse(mut body: &[u8]) -> Option<(Frontier, Vec<(Key, Value)>)> {
    let size = number(&mut body)?;
    let (roots, rest) = take(&mut body)?.as_chunks();
    let roots = roots.iter().copied().map(NodeHash::from_bytes).collect();
    let frontier = Frontier::from_roots(size, roots)
        .ok()
        .filter(|_| rest.is_empty())?;
    let mut pairs = Vec::new();
    while !body.is_empty() {
        let key = take(&mut body)?.to_vec();
        pairs.push((key, take(&mut body)?.to_vec()));
    }
    Some((frontier, pairs))
}

fn number(body: &mut &[u8]) -> Option<u64> {
    let (number, rest) = body.split_first_chunk()?;
    *body = rest;
    Some(u64::from_be_bytes(*number))
}

fn take<'b>(body: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(number(body)?).ok()?;
    let (bytes, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use strongroom_protocol::keys::SigningKey;
    use strongroom_protocol::policy::Policy;
    use strongroom_testkit::{Owner, TestClock, TestRng};

    use super::*;
    use crate::Caller;
    use crate::custody::KeyPlace;
    use crate::service::{NewAuthority, Service};
    use crate::store::Memory;
    use crate::store::watched::{Calls, Watched};

    /// An authority with owners in it and a replay that it kept, which counts what it asks its store.
    struct Kept {
        service: Service,
        calls: Calls,
        owners: u64,
    }

    impl Kept {
        fn of(owners: u64) -> Self {
            let (clock, mut rng) = (TestClock::new(), TestRng::new(1));
            let now = strongroom_protocol::id::Clock::now(&*clock);
            let founding = NewAuthority::new(Policy::code_alone(), now, &mut rng);
            let keys = KeyPlace::in_memory(founding.keys());
            let store = Memory::default();
            founding.record(&store).unwrap();
            let (watched, calls) = Watched::over(Box::new(store));
            let service = Service::over(Box::new(watched), keys, clock, rng).unwrap();
            let mut kept = Self {
                service,
                calls,
                owners: 0,
            };
            kept.enrol(owners);
            kept.keep();
            kept
        }

        fn enrol(&mut self, owners: u64) {
            for _ in 0..owners {
                self.owners += 1;
                let session = self.service.session(Caller::Operator);
                drop(Owner::enrolled(&session, self.owners));
            }
        }

        fn keep(&self) {
            let service = &self.service;
            let kept = service.store.write(|store| {
                let mut state = service.replay.lock();
                state.catch_up(&service.log, store, false)?;
                keep(&service.log, store, &state)
            });
            kept.unwrap();
        }

        fn kept(&self) -> Vec<u8> {
            fn read(store: &Snapshot<'_>) -> Result<Vec<u8>, StoreError> {
                store.kept_replay()
            }
            self.service.store.read(read).unwrap()
        }

        fn edit(&self, edit: impl FnOnce(&Writing<'_>) -> Result<(), StoreError>) {
            self.service.store.write(edit).unwrap();
        }

        /// Begins anew, as a process does; returns how many owners the log has then, and how many entries were read for it.
        fn read_anew(&self) -> (usize, usize) {
            self.service.replay.clear();
            self.calls.lock().unwrap().clear();
            let owners = self.service.store.read(|store| {
                let ask = |log: &Snapshot<'_>| log.owners(u64::MAX);
                self.service.by_the_log(store, (u64::MAX, 0), ask)
            });
            let calls = self.calls.lock().unwrap();
            let read = calls.get("entries").copied().unwrap_or_default();
            (owners.unwrap().len(), read)
        }
    }

    #[test]
    fn what_was_kept_is_not_read_again() {
        let mut kept = Kept::of(20);
        assert_eq!(kept.read_anew(), (20, 0));
        kept.enrol(3);
        assert_eq!(kept.read_anew(), (23, 3));
        kept.keep();
        assert_eq!(kept.read_anew(), (23, 0));
    }

    #[test]
    fn what_the_log_key_did_not_sign_is_not_believed() {
        let kept = Kept::of(20);
        let whole = kept.kept();
        let (_, body) = whole.split_first_chunk::<64>().unwrap();
        let mut edits = Vec::new();
        for at in [0, 63, 64, 71, 72, 80, body.len() / 2, whole.len() - 1] {
            let mut edited = whole.clone();
            *edited.get_mut(at).unwrap() ^= 1;
            edits.push(edited);
        }
        edits.extend([64, 70, whole.len() - 1].map(|end| whole[..end].to_vec()));
        edits.push(Vec::new());
        edits.push([&whole[..], &[0]].concat());
        // Signed by somebody, or by the authority as something else.
        let signed = Digest::of(&[body]);
        let other = SigningKey::generate(&mut TestRng::new(9));
        let other = other.sign(Label::REPLAY, signed.as_bytes());
        edits.push([other.as_bytes(), body].concat());
        for edited in edits {
            kept.edit(|store| store.keep_replay(21, &edited));
            assert_eq!(kept.read_anew(), (20, 20));
        }
        // What is said beside it of its length decides only when it is kept anew.
        kept.edit(|store| store.keep_replay(u64::MAX, &whole));
        assert_eq!(kept.read_anew(), (20, 0));
    }

    #[test]
    fn a_replay_that_does_not_lead_to_the_head_is_not_gone_on_from() {
        let kept = Kept::of(20);
        // The authority's own, of what came to be behind an older copy of the store.
        let longer = Kept::of(30).kept();
        kept.edit(|store| store.keep_replay(31, &longer));
        assert_eq!(kept.read_anew(), (20, 20));
    }

    #[test]
    fn a_replay_with_an_entry_that_can_not_be_read_is_not_kept() {
        let kept = Kept::of(20);
        let row = kept
            .service
            .store
            .read(|store| store.entry(7))
            .unwrap()
            .unwrap();
        kept.edit(|store| store.keep_replay(0, &[]));
        let mut damaged = row.clone();
        damaged.statement.truncate(100);
        kept.edit(|store| store.put_back(7, Some(&damaged)));
        kept.service.replay.clear();
        kept.keep();
        assert!(kept.kept().is_empty());
        kept.edit(|store| store.put_back(7, Some(&row)));
        assert_eq!(kept.read_anew(), (20, 20));
    }
}

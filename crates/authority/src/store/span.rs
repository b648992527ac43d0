//! A stretch of the map, by its keys alone.

use super::Key;

/// The keys from one on, up to another.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    from: Key,
    /// The first key behind it; none if it goes on to the end.
    to: Option<Key>,
}

/// Which way a stretch is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Backward,
}

impl Span {
    /// Returns the keys that begin with `prefix`.
    pub(crate) fn of(prefix: Key) -> Self {
        let mut to = prefix.clone();
        // Behind all keys that begin so is the prefix with its last byte one higher; where that is the highest there
        // is, the byte before it.
        while to.pop_if(|last| *last == u8::MAX).is_some() {}
        let to = to.last_mut().map(|last| *last += 1).map(|()| to);
        Self { from: prefix, to }
    }

    /// Leaves those that are behind `key`.
    pub(crate) fn after(mut self, key: Key) -> Self {
        let mut next = key;
        next.push(0);
        self.from = self.from.max(next);
        self
    }

    /// Leaves those that are before `key`.
    pub(crate) fn before(mut self, key: Key) -> Self {
        self.to = Some(match self.to {
            Some(to) => to.min(key),
            None => key,
        });
        self
    }

    /// Returns the first key that may be in it.
    pub(super) fn from(&self) -> &Key {
        &self.from
    }

    /// Returns the first key behind it.
    pub(super) fn to(&self) -> Option<&Key> {
        self.to.as_ref()
    }

    /// Tells whether no key can be in it.
    pub(super) fn is_empty(&self) -> bool {
        self.to.as_ref().is_some_and(|to| self.from >= *to)
    }

    /// Returns it as what a `BTreeMap` takes; it must not be [empty](Self::is_empty).
    pub(super) fn bounds(&self) -> (std::ops::Bound<&Key>, std::ops::Bound<&Key>) {
        use std::ops::Bound::{Excluded, Included, Unbounded};

        let to = self.to.as_ref().map_or(Unbounded, Excluded);
        (Included(&self.from), to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(span: &Span, key: &[u8]) -> bool {
        let key = key.to_vec();
        span.from <= key && span.to.as_ref().is_none_or(|to| key < *to)
    }

    #[test]
    fn a_span_has_the_keys_of_its_prefix_and_no_others() {
        for (prefix, within, without) in [
            (
                &[7][..],
                &[&[7][..], &[7, 0], &[7, 255, 255]][..],
                &[&[6, 255][..], &[8], &[]][..],
            ),
            (
                &[7, 255],
                &[&[7, 255], &[7, 255, 0]],
                &[&[7, 254], &[8], &[7]],
            ),
            (
                &[255, 255],
                &[&[255, 255], &[255, 255, 1]],
                &[&[255, 254], &[255]],
            ),
            (&[], &[&[], &[0], &[255, 255]], &[]),
        ] {
            let span = Span::of(prefix.to_vec());
            assert!(within.iter().all(|key| has(&span, key)), "{span:?}");
            assert!(!without.iter().any(|key| has(&span, key)), "{span:?}");
        }
    }

    #[test]
    fn what_is_after_or_before_a_key_is_without_it() {
        let span = Span::of(vec![7]).after(vec![7, 3]).before(vec![7, 5]);
        assert!(has(&span, &[7, 3, 0]) && has(&span, &[7, 4, 255]));
        assert!(!has(&span, &[7, 3]) && !has(&span, &[7, 5]));
        assert!(!span.is_empty());
        assert!(Span::of(vec![7]).before(vec![6]).is_empty());
        assert!(Span::of(vec![7]).after(vec![8]).is_empty());
        assert!(!Span::of(vec![7]).after(vec![6]).is_empty());
    }
}

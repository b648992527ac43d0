//! The store's map behind the authority's back: its keys as spec/authority.md#map says them, written once more.

use rusqlite::{Connection, OptionalExtension, params};

use crate::Embedded;

/// The indexes, by the first byte of their keys; but for when changes are to be looked at.
pub(crate) const INDEXES: [(u8, &str); 34] = [
    (OWNER, "owner"),
    (ENROLMENT, "enrolment"),
    (CODE, "code"),
    (DEVICE, "device"),
    (DEVICE_OWNER, "owner of a device"),
    (REVOKED, "revoked device"),
    (INVITATION, "invitation"),
    (JOINED, "used invitation"),
    (DEPOSIT, "deposit"),
    (DEPOSIT_IN_ORDER, "deposit in order"),
    (DEPOSITOR, "depositor"),
    (FIRST_DEPOSIT, "first deposit"),
    (BLOB_CLAIM, "claim of a blob"),
    (RSA_KEY, "RSA key"),
    (SUBJECT, "subject"),
    (REQUEST, "request"),
    (REQUEST_BY, "request by a key"),
    (REQUEST_OF, "request of an owner"),
    (DECIDED, "decided"),
    (WORD, "word"),
    (RELEASE_PAGE, "released page"),
    (OPEN_REQUEST, "open request"),
    (OPEN_REQUEST_BY, "open request by a key"),
    (OPEN_REQUEST_OF, "open request of an owner"),
    (PROVED_REQUEST_OF, "proved request of an owner"),
    (REQUEST_LAPSE, "lapse of a request"),
    (CHANGE, "change"),
    (CHANGE_TO, "change to a policy"),
    (OPEN_CHANGE_BY, "open change by a key"),
    (OPEN_CHANGE, "open change"),
    (POLICY, "policy"),
    (DEPARTED, "departed"),
    (EVERYBODY, "everybody"),
    (CONCERN, "concern"),
];

pub(crate) const OWNER: u8 = 0x10;
pub(crate) const ENROLMENT: u8 = 0x11;
pub(crate) const CODE: u8 = 0x12;
pub(crate) const DEVICE: u8 = 0x18;
pub(crate) const DEVICE_OWNER: u8 = 0x19;
pub(crate) const REVOKED: u8 = 0x1a;
pub(crate) const INVITATION: u8 = 0x1b;
pub(crate) const JOINED: u8 = 0x1c;
pub(crate) const DEPOSIT: u8 = 0x20;
pub(crate) const DEPOSIT_IN_ORDER: u8 = 0x21;
pub(crate) const DEPOSITOR: u8 = 0x22;
pub(crate) const FIRST_DEPOSIT: u8 = 0x23;
pub(crate) const BLOB_CLAIM: u8 = 0x28;
pub(crate) const RSA_KEY: u8 = 0x2a;
pub(crate) const SUBJECT: u8 = 0x30;
pub(crate) const REQUEST: u8 = 0x31;
pub(crate) const REQUEST_BY: u8 = 0x32;
pub(crate) const REQUEST_OF: u8 = 0x33;
pub(crate) const DECIDED: u8 = 0x35;
pub(crate) const WORD: u8 = 0x36;
pub(crate) const RELEASE_PAGE: u8 = 0x37;
pub(crate) const OPEN_REQUEST: u8 = 0x38;
pub(crate) const OPEN_REQUEST_BY: u8 = 0x39;
pub(crate) const OPEN_REQUEST_OF: u8 = 0x3a;
pub(crate) const PROVED_REQUEST_OF: u8 = 0x3b;
pub(crate) const REQUEST_LAPSE: u8 = 0x3c;
pub(crate) const CHANGE: u8 = 0x40;
pub(crate) const CHANGE_TO: u8 = 0x41;
pub(crate) const OPEN_CHANGE: u8 = 0x42;
pub(crate) const POLICY: u8 = 0x43;
pub(crate) const OPEN_CHANGE_BY: u8 = 0x47;
pub(crate) const DEPARTED: u8 = 0x48;
pub(crate) const EVERYBODY: u8 = 0x50;
pub(crate) const CONCERN: u8 = 0x51;

// When a change is to be looked at next: a replay has all looked at once, so that these are not what they were.
pub(crate) const DUE: u8 = 0x44;
pub(crate) const LAPSE: u8 = 0x45;
pub(crate) const DUE_OF: u8 = 0x46;

/// A key, and what the map has under it.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The map of a store that somebody has open.
pub(crate) struct Map(Connection);

impl Map {
    pub(crate) fn of(embedded: &Embedded) -> Self {
        Self(embedded.sql())
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let sql = "SELECT value FROM map WHERE key = ?1";
        let value = self.0.query_row(sql, [key], |row| row.get(0));
        value.optional().unwrap()
    }

    /// Returns the pairs whose keys begin with `prefix`.
    pub(crate) fn all(&self, prefix: &[u8]) -> Vec<Pair> {
        let mut query = self
            .0
            .prepare("SELECT key, value FROM map ORDER BY key")
            .unwrap();
        let pairs = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let pairs = pairs.unwrap().map(Result::unwrap);
        pairs
            .filter(|(key, _): &Pair| key.starts_with(prefix))
            .collect()
    }

    pub(crate) fn put(&self, key: &[u8], value: &[u8]) {
        let sql = "INSERT OR REPLACE INTO map (key, value) VALUES (?1, ?2)";
        assert_eq!(self.0.execute(sql, params![key, value]).unwrap(), 1);
    }

    /// Changes a value that is there.
    pub(crate) fn change(&self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        let before = self.get(key).unwrap();
        let mut value = before.clone();
        change(&mut value);
        assert_ne!(value, before);
        self.put(key, &value);
    }

    /// Changes each value whose key begins with `prefix`; there are some, and some are others then.
    pub(crate) fn change_all(&self, prefix: &[u8], change: impl Fn(&mut Vec<u8>)) {
        let before = self.all(prefix);
        for (key, value) in &before {
            let mut value = value.clone();
            change(&mut value);
            self.put(key, &value);
        }
        assert_ne!(self.all(prefix), before);
    }

    /// Removes the pairs whose keys begin with `prefix`; there are some. Returns them.
    pub(crate) fn remove_all(&self, prefix: &[u8]) -> Vec<Pair> {
        let pairs = self.all(prefix);
        assert!(!pairs.is_empty());
        for (key, _) in &pairs {
            let sql = "DELETE FROM map WHERE key = ?1";
            assert_eq!(self.0.execute(sql, [key]).unwrap(), 1);
        }
        pairs
    }

    pub(crate) fn sql(&self, sql: &str) {
        assert!(self.0.execute(sql, []).unwrap() > 0, "{sql}");
    }
}

/// Returns the key of an index that is found by numbers alone, or what several begin with.
pub(crate) fn key(index: u8, numbers: &[u64]) -> Vec<u8> {
    let mut key = vec![index];
    key.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    key
}

/// Makes a row of a request or a change say that it was decided: its decision stands behind `at` bytes.
pub(crate) fn decided(value: &mut [u8], at: usize, decision: u64) {
    value[at..at + 8].copy_from_slice(&decision.to_be_bytes());
}

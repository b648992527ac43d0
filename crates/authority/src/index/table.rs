//! The keys of the map and what it has under them, byte by byte. spec/authority.md#map is the table of all of them.
//!
//! A key is the number of its index and fields of fixed lengths, numbers with their highest byte first: so the order of
//! keys is that of the fields, and where the last is an entry it is the log's.

use strongroom_protocol::id::{OwnerId, Serial};
use strongroom_protocol::keys::VerifyingKey;

use crate::store::{Damage, Key, Span, StoreError, Value};

/// The indexes, by the first byte of their keys. A number is never used for something else again.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Index {
    /// owner → enrolment.
    Owner = 0x10,
    /// enrolment → owner.
    Enrolment = 0x11,
    /// code's key, enrolment → nothing.
    Code = 0x12,
    /// owner, key → the entry that made it the owner's device.
    Device = 0x18,
    /// key, entry, owner → nothing.
    DeviceOwner = 0x19,
    /// owner, key → the entry that revoked it.
    Revoked = 0x1a,
    /// owner, key of an invitation → the entry that made it one.
    Invitation = 0x1b,
    /// owner, key of an invitation → the entry by which a device joined with it.
    Joined = 0x1c,

    /// owner, serial → entry, place.
    Deposit = 0x20,
    /// owner, entry, place → serial.
    DepositInOrder = 0x21,
    /// first deposit that is kept, owner → nothing.
    Depositor = 0x22,
    /// owner → the first deposit that is kept.
    FirstDeposit = 0x23,
    /// claim → entry, place.
    BlobClaim = 0x28,
    /// entry → nothing.
    RsaKey = 0x2a,

    /// digest of a request or a change → its entry.
    Subject = 0x30,
    /// entry → owner, device, keys, expires, decision, asker.
    Request = 0x31,
    /// device, entry → nothing.
    RequestBy = 0x32,
    /// owner, entry → nothing; of the owner who asks for another's keys, too.
    RequestOf = 0x33,
    /// entry → nothing; this and the next two only while it is open.
    OpenRequest = 0x38,
    /// device, entry → nothing.
    OpenRequestBy = 0x39,
    /// owner, entry → nothing.
    OpenRequestOf = 0x3a,
    /// owner, entry → nothing: those that evidence was given for; this and the next only while it is not decided.
    ProvedRequestOf = 0x3b,
    /// expires, entry → nothing.
    RequestLapse = 0x3c,
    /// decision → the request or the change.
    Decided = 0x35,
    /// request or change, entry → nothing.
    Word = 0x36,
    /// request, page → release.
    ReleasePage = 0x37,

    /// entry → author, decision.
    Change = 0x40,
    /// digest of the new policy, entry → nothing.
    ChangeTo = 0x41,
    /// the entry that put the policy in force which it is to replace, or 0; entry → nothing; only while it is not decided.
    OpenChange = 0x42,
    /// the same, author, entry → nothing.
    OpenChangeBy = 0x47,
    /// the same, time, entry → nothing: from when on it can be decided, as far as is known.
    Due = 0x44,
    /// the same, time, entry → nothing: when it lapses, if what it lacks does not come.
    Lapse = 0x45,
    /// entry → the key in one of these two.
    DueOf = 0x46,
    /// decision → the change.
    Policy = 0x43,
    /// owner, officer's key → entry.
    Departed = 0x48,

    /// entry → nothing: what concerns everybody.
    Everybody = 0x50,
    /// owner, entry → nothing: what concerns an owner.
    Concern = 0x51,

    /// nothing → entries, bytes: of the replay that is kept, which follows from no entry.
    KeptReplay = 0x60,
    /// part → bytes: a part of it.
    ReplayPart = 0x61,
}

impl Index {
    /// All of them, with the names that people are told.
    const ALL: [(Self, &'static str); 39] = [
        (Self::Owner, "enrolments by owner"),
        (Self::Enrolment, "enrolments in order"),
        (Self::Code, "enrolments by recovery code"),
        (Self::Device, "devices by owner"),
        (Self::DeviceOwner, "owners by device"),
        (Self::Revoked, "revoked devices"),
        (Self::Invitation, "invitations"),
        (Self::Joined, "invitations that were used"),
        (Self::Deposit, "deposits by serial"),
        (Self::DepositInOrder, "deposits in order"),
        (Self::Depositor, "depositors in order"),
        (Self::FirstDeposit, "first deposits"),
        (Self::BlobClaim, "proofs of blobs"),
        (Self::RsaKey, "the RSA key"),
        (Self::Subject, "requests and changes by digest"),
        (Self::Request, "requests"),
        (Self::RequestBy, "requests by device"),
        (Self::RequestOf, "requests by owner"),
        (Self::OpenRequest, "open requests"),
        (Self::OpenRequestBy, "open requests by device"),
        (Self::OpenRequestOf, "open requests by owner"),
        (Self::ProvedRequestOf, "requests with evidence"),
        (Self::RequestLapse, "requests that lapse"),
        (Self::Decided, "decisions"),
        (Self::Word, "what was said"),
        (Self::ReleasePage, "released pages"),
        (Self::Change, "changes of the policy"),
        (Self::ChangeTo, "changes by what they are to"),
        (Self::OpenChange, "open changes"),
        (Self::OpenChangeBy, "open changes by author"),
        (Self::Due, "changes that are due"),
        (Self::Lapse, "changes that lapse"),
        (Self::DueOf, "when changes are due"),
        (Self::Policy, "policies in force"),
        (Self::Departed, "who has departed"),
        (Self::Everybody, "what concerns everybody"),
        (Self::Concern, "what concerns an owner"),
        (Self::KeptReplay, "what is kept of a replay"),
        (Self::ReplayPart, "parts of a replay"),
    ];

    /// Returns the index that a key is of, if it is of any.
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        let (index, _) = Self::named(key)?;
        Some(index)
    }

    /// Returns what people are told of the index that a key is of.
    pub(super) fn name_of(key: &[u8]) -> &'static str {
        Self::named(key).map_or("what is no index", |(_, name)| name)
    }

    fn named(key: &[u8]) -> Option<(Self, &'static str)> {
        let first = key.first()?;
        let mut all = Self::ALL.into_iter();
        all.find(|(index, _)| *index as u8 == *first)
    }

    /// Tells whether a key is of a replay that is kept, which is believed for its signature alone.
    pub(super) fn is_kept(key: &[u8]) -> bool {
        matches!(Self::of(key), Some(Self::KeptReplay | Self::ReplayPart))
    }

    /// Tells whether a key is of when a change is to be looked at, which a replay does not know.
    pub(super) fn is_when(key: &[u8]) -> bool {
        matches!(Self::of(key), Some(Self::Due | Self::Lapse | Self::DueOf))
    }

    /// Returns a key, or what many begin with.
    pub(super) fn key(self, fields: &[&[u8]]) -> Key {
        let mut key = vec![self as u8];
        fields.iter().for_each(|field| key.extend_from_slice(field));
        key
    }

    /// Returns the keys that begin with these fields.
    pub(super) fn span(self, fields: &[&[u8]]) -> Span {
        Span::of(self.key(fields))
    }
}

/// Returns the bytes of an entry's place, as they stand in keys and values.
pub(super) fn number(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

/// Returns the bytes of a place in a statement.
pub(super) fn place(value: u64) -> Result<[u8; 2], StoreError> {
    let value = u16::try_from(value);
    let value = value.map_err(|_| Damage::of("a statement has more keys than there can be"))?;
    Ok(value.to_be_bytes())
}

/// Returns the value of an index that only says that something is there.
pub(super) fn nothing() -> Value {
    Value::new()
}

/// The fields of a key or a value, read one after another.
pub(super) struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    pub(super) fn of(value: &'b Value) -> Self {
        Self(value)
    }

    /// Begins behind the index's number and what the key was found by.
    pub(super) fn behind(key: &'b Key, found_by: usize) -> Result<Self, StoreError> {
        let fields = key.get(1 + found_by..).ok_or_else(wrong)?;
        Ok(Self(fields))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (field, rest) = self.0.split_first_chunk().ok_or_else(wrong)?;
        self.0 = rest;
        Ok(*field)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn place(&mut self) -> Result<u64, StoreError> {
        self.array().map(u16::from_be_bytes).map(u64::from)
    }

    pub(super) fn owner(&mut self) -> Result<OwnerId, StoreError> {
        self.array().map(OwnerId::from_bytes)
    }

    pub(super) fn serial(&mut self) -> Result<Serial, StoreError> {
        self.array().map(Serial::from_bytes)
    }

    pub(super) fn verifying_key(&mut self) -> Result<VerifyingKey, StoreError> {
        VerifyingKey::from_bytes(self.array()?).map_err(|_| wrong())
    }

    /// Tells whether something is behind what was read.
    pub(super) fn go_on(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn end(self) -> Result<(), StoreError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(wrong())
        }
    }
}

/// Reads a value that is the place of an entry and no more.
pub(super) fn entry(value: &Value) -> Result<u64, StoreError> {
    let mut fields = Fields::of(value);
    let entry = fields.number()?;
    fields.end()?;
    Ok(entry)
}

/// Reads the entry that a key ends with, behind what it was found by.
pub(super) fn last_entry(key: &Key, found_by: usize) -> Result<u64, StoreError> {
    let mut fields = Fields::behind(key, found_by)?;
    let entry = fields.number()?;
    fields.end()?;
    Ok(entry)
}

/// Reads the entry that each key of a stretch ends with.
pub(super) fn last_entries(
    pairs: &[(Key, Value)],
    found_by: usize,
) -> Result<Vec<u64>, StoreError> {
    let keys = pairs.iter().map(|(key, _)| key);
    keys.map(|key| last_entry(key, found_by)).collect()
}

fn wrong() -> StoreError {
    Damage::of("a row of the map has bytes that were never written").into()
}

/// The lengths of what keys are found by.
pub(super) const OWNER: usize = OwnerId::BYTES;
pub(super) const KEY: usize = 32;
pub(super) const ENTRY: usize = 8;

//! What the map says, made from entries one after another: when an entry is appended, and again by replay. The only
//! writer of the map, and what is asked of it by its meaning. Not what rests on the answers: each is a claim, and is
//! checked against the entry it points at. When a change of the policy is to be looked at next is kept by `service`, too.

mod blobs;
mod changes;
mod deposits;
mod differences;
mod kept;
mod lacking;
mod owners;
mod requests;
mod streams;
mod subjects;
mod table;

use strongroom_protocol::id::{Digest, OwnerId};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Content, Decision, Deposit, DeviceWord, Kind, PolicyChange, Release, Request, Scope, SealedKey,
    SignedStatement, Statement, Verdict,
};

use crate::log::Entry;
use crate::store::{
    BlobClaimRow, ChangeRow, Damage, DepositRow, Due, Key, Order, PolicyRow, RequestRow, Snapshot,
    Span, StoreError, Stream, Subject, Value, Writing,
};

pub(crate) use changes::DueRow;
pub(crate) use differences::{Difference, differences};
pub(crate) use kept::kept_replay;
pub(crate) use lacking::{is_kept, lacking};

use table::{Fields, Index};

/// As many as there are.
const ALL: u64 = u64::MAX;

/// Tells whether a key is of what requests and changes are decided on: owners, their devices, what was asked and said, and
/// which policies came into force. Not of deposits and released pages, which are many, nor of what lists are made of.
pub(crate) fn is_decided_on(key: &Key) -> bool {
    matches!(key.first(), Some(0x10..=0x1f | 0x30..=0x36 | 0x38..=0x4f))
}

/// Tells whether nothing is decided on statements of a kind, so that [`is_decided_on`] tells of no key that follows from one.
pub(crate) fn is_undecisive(kind: u64) -> bool {
    [
        Kind::Checked,
        Kind::Deposit,
        Kind::Found,
        Kind::OwnBlob,
        Kind::Release,
        Kind::Restored,
        Kind::RsaKey,
    ]
    .iter()
    .any(|undecisive| undecisive.code() == kind)
}

/// Adds what follows from an entry to the map.
pub(crate) fn add(store: &Writing<'_>, entry: &Entry) -> Result<(), StoreError> {
    let index = entry.index();
    let signed = entry.statement();
    match signed.statement() {
        Statement::Approval(approval) => {
            add_word(store, approval.subject, index)?;
        }
        // Who has departed is between officers: it stands around requests, and is in nobody's listing.
        Statement::Departed(departed) => {
            store.put_departed(departed.owner, signed.author(), index);
        }
        Statement::Enroll(enroll) => {
            // What came later under the same id is nobody's.
            if store.put_owner(enroll.owner, &enroll.code_key, index)? {
                store.put_device(enroll.owner, &enroll.device_key, index)?;
                store.put_in(&Stream::Owner(enroll.owner), index);
            }
        }
        Statement::Deposit(deposit) => add_deposit(store, entry, deposit)?,
        Statement::Device(device) => {
            let (owner, key) = (device.owner, &device.device_key);
            match &device.word {
                DeviceWord::Invite { .. } => store.put_invitation(owner, key, index)?,
                DeviceWord::Join(joining) => {
                    store.put_joined(owner, &joining.invitation, index)?;
                    store.put_device(owner, key, index)?;
                }
                // What it is called is for its owner.
                DeviceWord::Name(_) => {}
                DeviceWord::Revoke => store.put_revoked(owner, key, index)?,
            }
            store.put_in(&Stream::Owner(device.owner), index);
        }
        Statement::Request(request) => add_request(store, request, index)?,
        Statement::PolicyChange(change) => add_change(store, entry, change)?,
        Statement::Evidence(evidence) => {
            let subject = add_word(store, evidence.request, index)?;
            if let Subject::Request(row) = subject
                && row.decision.is_none()
            {
                store.put_in(&Stream::ProvedRequestsOf(row.owner), row.entry);
            }
        }
        Statement::Veto(veto) => {
            add_word(store, veto.request, index)?;
        }
        Statement::Decision(decision) => add_decision(store, decision, index)?,
        Statement::OwnBlob(own) => store.put_in(&Stream::Owner(own.owner), index),
        Statement::Release(release) => add_release(store, release, index)?,
        Statement::RsaKey(_) => {
            store.put_rsa_key(index);
            store.put_in(&Stream::Everybody, index);
        }
        Statement::Checked(_) | Statement::Found(_) | Statement::Restored(_) => {
            store.put_in(&Stream::Everybody, index);
        }
        _ => return Err(Damage::of_entry(index, "its kind is not known").into()),
    }
    Ok(())
}

/// Tells whether nothing follows from statements of a kind but rows that speak of their own entry.
pub(crate) fn has_own_rows(kind: u64) -> bool {
    kind == Kind::Departed.code() || (is_undecisive(kind) && kind != Kind::Release.code())
}

/// Returns the rows that a recovery of an owner's would rest on, but for those of the deposits: who the owner is, which
/// policies came into force, whose the owner's devices are, who has said that the owner departed, and what else is asked for with what was said to it.
pub(crate) fn recovery_rows(
    store: &Snapshot<'_>,
    owner: OwnerId,
) -> Result<Vec<(Key, Value)>, StoreError> {
    let of_owner = [
        Index::Owner,
        Index::Device,
        Index::Revoked,
        Index::RequestOf,
        Index::ProvedRequestOf,
        Index::Departed,
    ];
    let mut spans: Vec<Span> = of_owner
        .iter()
        .map(|index| index.span(&[owner.as_bytes()]))
        .collect();
    spans.push(Index::Policy.span(&[]));
    // A request that one of them makes is held against whose it is.
    let devices = store.range(
        &Index::Device.span(&[owner.as_bytes()]),
        Order::Forward,
        ALL,
    )?;
    for (key, _) in &devices {
        let device = key.get(1 + table::OWNER..).unwrap_or_default();
        spans.push(Index::DeviceOwner.span(&[device]));
    }
    for entry in store.undecided(owner)? {
        let entry = table::number(entry);
        spans.push(Index::OpenRequestOf.span(&[owner.as_bytes(), &entry]));
        spans.extend([Index::Request, Index::Word].map(|index| index.span(&[&entry])));
    }
    let mut rows = Vec::new();
    for span in spans {
        rows.extend(store.range(&span, Order::Forward, ALL)?);
    }
    Ok(rows)
}

/// Returns the keys that recording a statement asks for, however many a deposit has: they are read together.
pub(crate) fn asked_for(signed: &SignedStatement) -> Vec<Key> {
    let Statement::Deposit(deposit) = signed.statement() else {
        return Vec::new();
    };
    let owner = deposit.owner();
    let mut keys = owners::rows_of_device(owner, signed.author()).to_vec();
    keys.push(owners::first_deposit(owner));
    for key in deposit.keys() {
        keys.push(deposits::deposit(deposit.owner(), key.label.serial));
        keys.extend(claimed(key).map(blobs::blob_claim));
    }
    keys
}

/// Only what is kept is found again; that a key was refused is in the entry.
fn add_deposit(store: &Writing<'_>, entry: &Entry, deposit: &Deposit) -> Result<(), StoreError> {
    let keys = deposit.keys().iter().zip(entry.states());
    let mut rows = Vec::new();
    for (place, (key, state)) in (0..).zip(keys) {
        if state.is_kept() {
            rows.push(DepositRow {
                serial: key.label.serial,
                entry: entry.index(),
                place,
            });
        }
        if let Some(claim) = proved(key, *state) {
            let entry = entry.index();
            store.put_blob_claim(claim, &BlobClaimRow { entry, place })?;
        }
    }
    if !rows.is_empty() {
        store.put_depositor(deposit.owner(), entry.index())?;
    }
    store.put_deposits(deposit.owner(), &rows)?;
    // Refused keys and all: an owner is shown whatever they sent.
    store.put_in(&Stream::Owner(deposit.owner()), entry.index());
    Ok(())
}

/// Returns which SIMPLEBLOB a deposit claims.
pub(crate) fn claimed(key: &SealedKey) -> Option<Digest> {
    match key.label.content {
        Content::SessionKey => None,
        Content::SimpleBlob { .. } => key.particulars.blob(),
    }
}

/// Returns which SIMPLEBLOB a deposit proved. One that was not opened proves nothing.
pub(crate) fn proved(key: &SealedKey, state: DepositState) -> Option<Digest> {
    let Content::SimpleBlob { proven: true, .. } = key.label.content else {
        return None;
    };
    (state == DepositState::Verified).then(|| key.particulars.blob())?
}

fn add_request(store: &Writing<'_>, request: &Request, index: u64) -> Result<(), StoreError> {
    let (owner, device) = (request.owner, request.device_key);
    let row = RequestRow {
        entry: index,
        owner,
        device,
        asker: asker(store, owner, &device, index)?,
        keys: deposit_count(request),
        expires: request.expires,
        decision: None,
    };
    store.put_request(&row, request.digest())?;
    for stream in listings(&row).iter().chain(&open_listings(&row)) {
        store.put_in(stream, index);
    }
    add_concern(store, &Subject::Request(row), index);
    Ok(())
}

fn add_change(store: &Writing<'_>, entry: &Entry, change: &PolicyChange) -> Result<(), StoreError> {
    let (index, reign) = (entry.index(), store.reign(entry.index())?);
    let row = ChangeRow {
        entry: index,
        author: *entry.statement().author(),
        decision: None,
    };
    store.put_change(&row, change.digest())?;
    for stream in open_change_listings(reign, &row) {
        store.put_in(&stream, index);
    }
    store.put_in(&Stream::ChangesTo(change.policy.digest()), index);
    store.put_due(reign, index, Due::Decision(entry.time()))?;
    add_concern(store, &Subject::Change(row), index);
    Ok(())
}

/// Adds what was said to a request or a change, and returns that.
fn add_word(store: &Writing<'_>, digest: Digest, index: u64) -> Result<Subject, StoreError> {
    let subject = subject(store, digest, index)?;
    store.put_word(&subject, index);
    add_concern(store, &subject, index);
    Ok(subject)
}

fn add_decision(store: &Writing<'_>, decision: &Decision, index: u64) -> Result<(), StoreError> {
    let subject = subject(store, decision.request, index)?;
    store.put_decision(&subject, index);
    add_concern(store, &subject, index);
    let approved = decision.verdict == Verdict::Approved;
    let wrong = || {
        StoreError::from(Damage::of_entry(
            index,
            "it names another asker than there was",
        ))
    };
    match subject {
        Subject::Change(_) if decision.asker.is_some() => Err(wrong()),
        Subject::Change(change) => {
            let reign = store.reign(change.entry)?;
            for stream in open_change_listings(reign, &change) {
                store.take_out(&stream, change.entry);
            }
            store.take_due(change.entry)?;
            if approved {
                store.put_policy(&PolicyRow {
                    entry: index,
                    change: change.entry,
                });
            }
            Ok(())
        }
        Subject::Request(request) if decision.asker != request.asker => Err(wrong()),
        // Whoever proved to be the owner has a device again. Who asked for somebody else has proved no such thing.
        Subject::Request(request) if approved && decision.asker.is_none() => {
            store.put_device(request.owner, &request.device, index)
        }
        Subject::Request(request) => {
            if !approved {
                close(store, &request);
            }
            Ok(())
        }
    }
}

fn add_release(store: &Writing<'_>, release: &Release, index: u64) -> Result<(), StoreError> {
    let subject = subject(store, release.request(), index)?;
    add_concern(store, &subject, index);
    let Subject::Request(request) = subject else {
        return Err(Damage::of_entry(index, "it releases for no request").into());
    };
    store.put_release_page(request.entry, release.page(), index)?;
    if release.page() + 1 >= page_count(request.keys) {
        close(store, &request);
    }
    Ok(())
}

/// A request is listed as open no more: it was refused, or all that it was approved for is out.
fn close(store: &Writing<'_>, request: &RequestRow) {
    for stream in open_listings(request) {
        store.take_out(&stream, request.entry);
    }
}

/// Puts an entry of a request, or of a change, into the listings of those whom that concerns.
fn add_concern(store: &Writing<'_>, subject: &Subject, index: u64) {
    match subject {
        Subject::Change(_) => store.put_in(&Stream::Everybody, index),
        Subject::Request(request) => {
            for owner in [Some(request.owner), request.asker].into_iter().flatten() {
                store.put_in(&Stream::Owner(owner), index);
            }
        }
    }
}

/// Returns the listings that a request is in, but for that of all, which its row makes.
fn listings(request: &RequestRow) -> Vec<Stream> {
    let by = Stream::RequestsBy(request.device);
    let owners = [Some(request.owner), request.asker].into_iter().flatten();
    let of = owners.map(Stream::RequestsOf);
    std::iter::once(by).chain(of).collect()
}

/// Returns the listings that a request is in while it is open.
fn open_listings(request: &RequestRow) -> Vec<Stream> {
    let all = [Stream::OpenRequests, Stream::OpenRequestsBy(request.device)];
    let owners = [Some(request.owner), request.asker].into_iter().flatten();
    let of = owners.map(Stream::OpenRequestsOf);
    all.into_iter().chain(of).collect()
}

/// Returns the listings that a change is in while it is not decided.
fn open_change_listings(reign: u64, change: &ChangeRow) -> [Stream; 2] {
    let by = Stream::OpenChangesBy(reign, change.author);
    [Stream::OpenChanges(reign), by]
}

/// Returns how many deposits a request is for.
pub(crate) fn deposit_count(request: &Request) -> u64 {
    match &request.scope {
        Scope::Everything { count, .. } => *count,
        Scope::Serials(serials) => serials.len() as u64,
    }
}

/// Returns how many pages so many deposits are released in.
pub(crate) fn page_count(keys: u64) -> u64 {
    keys.div_ceil(Release::KEYS_MAX as u64)
}

fn subject(store: &Writing<'_>, digest: Digest, index: u64) -> Result<Subject, StoreError> {
    let subject = store.subject(digest)?;
    subject.ok_or_else(|| Damage::of_entry(index, "what it is about is missing").into())
}

/// Returns the other owner whose device asked, as of the request's entry: none if the device was the owner's own, or
/// nobody's.
pub(crate) fn asker(
    store: &Snapshot<'_>,
    owner: OwnerId,
    device: &VerifyingKey,
    index: u64,
) -> Result<Option<OwnerId>, StoreError> {
    let whose = store.device_owner(device, owner, index)?;
    Ok(whose.filter(|whose| *whose != owner))
}

impl Writing<'_> {
    /// Puts a pair into the map, unless something is there: what was first stays.
    fn put_first(&self, key: Key, value: Value) -> Result<(), StoreError> {
        if self.get(key.clone())?.is_none() {
            self.put(key, value);
        }
        Ok(())
    }

    /// Makes the map empty, whatever is in it.
    pub(crate) fn clear_map(&self) -> Result<(), StoreError> {
        const AT_ONCE: u64 = 4096;
        let all = Span::of(Key::new());
        loop {
            let pairs = self.range(&all, Order::Forward, AT_ONCE)?;
            if pairs.is_empty() {
                return Ok(());
            }
            pairs.into_iter().for_each(|(key, _)| self.remove(key));
            self.flush()?;
        }
    }
}

/// Returns the decision of a request or a change, as a row has it: 0, which is the founding's place, for none.
fn decision_bytes(decision: Option<u64>) -> [u8; 8] {
    table::number(decision.unwrap_or(0))
}

fn read_decision(fields: &mut Fields<'_>) -> Result<Option<u64>, StoreError> {
    let decision = fields.number()?;
    Ok((decision != 0).then_some(decision))
}

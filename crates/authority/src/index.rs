//! What the indexes say, made from entries one after another: when an entry is appended, and again by replay.
//! The only writer of every index table, but for when a change of the policy is to be looked at next, which `service`
//! keeps up to date.

use strongroom_protocol::id::{Digest, OwnerId};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Content, Decision, Deposit, PolicyChange, Release, Request, Scope, SealedKey, Statement,
    Verdict,
};

use crate::log::Entry;
use crate::store::{
    BlobClaimRow, ChangeRow, Damage, DepositRow, PolicyRow, RequestRow, Snapshot, StoreError,
    Stream, Subject, Writing,
};

/// Adds what follows from an entry to the indexes.
pub(crate) fn add(store: &Writing<'_>, entry: &Entry) -> Result<(), StoreError> {
    let index = entry.index();
    let signed = entry.statement();
    let everybody = || store.put_in(&Stream::Everybody, index);
    match signed.statement() {
        Statement::Approval(approval) => add_word(store, approval.subject, index),
        // Who has departed is between officers: it stands around requests, and is in nobody's listing.
        Statement::Departed(departed) => store.put_departed(departed.owner, signed.author(), index),
        Statement::Enroll(enroll) => {
            store.put_owner(enroll.owner, &enroll.code_key, index)?;
            store.put_device(enroll.owner, &enroll.device_key, index)?;
            store.put_in(&Stream::Owner(enroll.owner), index)
        }
        Statement::Deposit(deposit) => add_deposit(store, entry, deposit),
        Statement::Request(request) => add_request(store, request, index),
        Statement::PolicyChange(change) => add_change(store, entry, change),
        Statement::Evidence(evidence) => add_word(store, evidence.request, index),
        Statement::Veto(veto) => add_word(store, veto.request, index),
        Statement::Decision(decision) => add_decision(store, decision, index),
        Statement::OwnBlob(own) => store.put_in(&Stream::Owner(own.owner), index),
        Statement::Release(release) => add_release(store, release, index),
        Statement::RsaKey(_) => {
            store.put_rsa_key(index)?;
            everybody()
        }
        Statement::Checked(_) | Statement::Found(_) | Statement::Restored(_) => everybody(),
        _ => Err(Damage::of_entry(index, "its kind is not known").into()),
    }
}

/// Only what is kept is found again; that a key was refused is in the entry.
fn add_deposit(store: &Writing<'_>, entry: &Entry, deposit: &Deposit) -> Result<(), StoreError> {
    let keys = deposit.keys().iter().zip(entry.states());
    for (place, (key, state)) in (0..).zip(keys) {
        if state.is_kept() {
            let row = DepositRow {
                serial: key.label.serial,
                entry: entry.index(),
                place,
            };
            store.put_deposit(deposit.owner(), row)?;
        }
        if let Some(claim) = proved(key, *state) {
            let entry = entry.index();
            store.put_blob_claim(claim, &BlobClaimRow { entry, place })?;
        }
    }
    // Refused keys and all: an owner is shown whatever they sent.
    store.put_in(&Stream::Owner(deposit.owner()), entry.index())
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
        decision: None,
    };
    store.put_request(&row, request.digest())?;
    for (all, open) in request_streams(&row) {
        store.put_in(&all, index)?;
        store.put_in(&open, index)?;
    }
    add_concern(store, &Subject::Request(row), index)
}

fn add_change(store: &Writing<'_>, entry: &Entry, change: &PolicyChange) -> Result<(), StoreError> {
    let (index, reign) = (entry.index(), store.reign(entry.index())?);
    let row = ChangeRow {
        entry: index,
        author: *entry.statement().author(),
        decision: None,
    };
    store.put_change(&row, change.digest())?;
    store.put_in(&Stream::Changes, index)?;
    store.put_in(&Stream::OpenChanges(reign), index)?;
    store.put_due(reign, index, entry.time())?;
    add_concern(store, &Subject::Change(row), index)
}

/// Adds what was said to a request or a change.
fn add_word(store: &Writing<'_>, digest: Digest, index: u64) -> Result<(), StoreError> {
    let subject = subject(store, digest, index)?;
    store.put_word(&subject, index)?;
    add_concern(store, &subject, index)
}

fn add_decision(store: &Writing<'_>, decision: &Decision, index: u64) -> Result<(), StoreError> {
    let subject = subject(store, decision.request, index)?;
    store.put_decision(&subject, index)?;
    add_concern(store, &subject, index)?;
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
            store.take_out(&Stream::OpenChanges(reign), change.entry)?;
            store.take_due(change.entry)?;
            if approved {
                store.put_policy(&PolicyRow {
                    entry: index,
                    change: change.entry,
                })?;
            }
            Ok(())
        }
        Subject::Request(request) if decision.asker != request.asker => Err(wrong()),
        // Whoever proved to be the owner has a device again. Who asked for somebody else has proved no such thing.
        Subject::Request(request) if approved && decision.asker.is_none() => {
            store.put_device(request.owner, &request.device, index)
        }
        Subject::Request(_) if approved => Ok(()),
        Subject::Request(request) => close(store, &request),
    }
}

fn add_release(store: &Writing<'_>, release: &Release, index: u64) -> Result<(), StoreError> {
    let subject = subject(store, release.request(), index)?;
    add_concern(store, &subject, index)?;
    let Subject::Request(request) = subject else {
        return Err(Damage::of_entry(index, "it releases for no request").into());
    };
    store.put_release_page(request.entry, release.page(), index)?;
    if release.page() + 1 >= page_count(request.keys) {
        return close(store, &request);
    }
    Ok(())
}

/// A request is listed as open no more: it was refused, or all that it was approved for is out.
fn close(store: &Writing<'_>, request: &RequestRow) -> Result<(), StoreError> {
    for (_, open) in request_streams(request) {
        store.take_out(&open, request.entry)?;
    }
    Ok(())
}

/// Puts an entry of a request, or of a change, into the listings of those whom that concerns.
fn add_concern(store: &Writing<'_>, subject: &Subject, index: u64) -> Result<(), StoreError> {
    match subject {
        Subject::Change(_) => store.put_in(&Stream::Everybody, index),
        Subject::Request(request) => {
            for owner in [Some(request.owner), request.asker].into_iter().flatten() {
                store.put_in(&Stream::Owner(owner), index)?;
            }
            Ok(())
        }
    }
}

/// Returns the listings of requests that one is in, each with that of the open ones.
fn request_streams(request: &RequestRow) -> Vec<(Stream, Stream)> {
    let owners = [Some(request.owner), request.asker].into_iter().flatten();
    let of = owners.map(|owner| (Stream::RequestsOf(owner), Stream::OpenRequestsOf(owner)));
    let by = request.device;
    let all = [
        (Stream::Requests, Stream::OpenRequests),
        (Stream::RequestsBy(by), Stream::OpenRequestsBy(by)),
    ];
    all.into_iter().chain(of).collect()
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

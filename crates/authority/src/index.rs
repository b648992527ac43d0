//! What the map says, made from entries one after another: when an entry is appended, and again by replay. The only
//! writer of the map, and what is asked of it by its meaning. Not what rests on the answers: each is a claim, and is
//! checked against the entry it points at.

mod blobs;
mod changes;
mod deposits;
mod owners;
mod requests;
mod subjects;
mod table;

use strongroom_protocol::id::{Digest, OwnerId};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Content, Decision, Deposit, Release, SealedKey, SignedStatement, Statement, Verdict,
};

use crate::log::Entry;
use crate::store::{
    BlobClaimRow, ChangeRow, Damage, DepositRow, Key, Order, PolicyRow, RequestRow, Snapshot,
    StoreError, Subject, Value, Writing,
};

use table::Fields;

/// As many as there are.
const ALL: u64 = u64::MAX;

/// Adds what follows from an entry to the map.
pub(crate) fn add(store: &Writing<'_>, entry: &Entry) -> Result<(), StoreError> {
    let index = entry.index();
    let signed = entry.statement();
    match signed.statement() {
        Statement::Approval(approval) => {
            store.put_word(&subject(store, approval.subject, index)?, index);
        }
        Statement::Departed(departed) => {
            store.put_departed(departed.owner, signed.author(), index);
        }
        Statement::Enroll(enroll) => {
            store.put_owner(enroll.owner, &enroll.code_key, index)?;
            store.put_device(enroll.owner, &enroll.device_key, index)?;
        }
        Statement::Deposit(deposit) => add_deposit(store, entry, deposit)?,
        Statement::Request(request) => {
            let (owner, device) = (request.owner, request.device_key);
            let row = RequestRow {
                entry: index,
                owner,
                device,
                asker: asker(store, owner, &device, index)?,
                decision: None,
            };
            store.put_request(&row, request.digest())?;
        }
        Statement::PolicyChange(change) => {
            let row = ChangeRow {
                entry: index,
                author: *signed.author(),
                decision: None,
            };
            store.put_change(&row, change.digest())?;
        }
        Statement::Evidence(evidence) => {
            store.put_word(&subject(store, evidence.request, index)?, index);
        }
        Statement::Veto(veto) => store.put_word(&subject(store, veto.request, index)?, index),
        Statement::Decision(decision) => add_decision(store, decision, index)?,
        Statement::OwnBlob(own) => store.put_own_blob(own.owner, own.serial, index),
        Statement::Release(release) => add_release(store, release, index)?,
        Statement::RsaKey(_) => store.put_rsa_key(index),
        // The founding is entry 0, and what was done to the authority concerns no owner: these need no index.
        Statement::Checked(_) | Statement::Found(_) | Statement::Restored(_) => {}
        _ => return Err(Damage::of_entry(index, "its kind is not known").into()),
    }
    Ok(())
}

/// Returns the keys that recording a statement asks for, however many a deposit has: they are read together.
pub(crate) fn asked_for(signed: &SignedStatement) -> Vec<Key> {
    let Statement::Deposit(deposit) = signed.statement() else {
        return Vec::new();
    };
    let mut keys = vec![owners::device(deposit.owner(), signed.author())];
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
    store.put_deposits(deposit.owner(), &rows)
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

fn add_decision(store: &Writing<'_>, decision: &Decision, index: u64) -> Result<(), StoreError> {
    let subject = subject(store, decision.request, index)?;
    store.put_decision(&subject, index);
    if decision.verdict != Verdict::Approved {
        return Ok(());
    }
    match subject {
        Subject::Change(change) => store.put_policy(&PolicyRow {
            entry: index,
            change: change.entry,
        }),
        // Whoever proved to be the owner has a device again. Who asked for somebody else has proved no such thing.
        Subject::Request(request) if request.asker.is_none() => {
            store.put_device(request.owner, &request.device, index)?;
        }
        Subject::Request(_) => {}
    }
    Ok(())
}

fn add_release(store: &Writing<'_>, release: &Release, index: u64) -> Result<(), StoreError> {
    match subject(store, release.request(), index)? {
        Subject::Request(request) => store.put_release_page(request.entry, release.page(), index),
        Subject::Change(_) => Err(Damage::of_entry(index, "it releases for no request").into()),
    }
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
        let all = crate::store::Span::of(Key::new());
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

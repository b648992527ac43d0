//! What the indexes say, made from entries one after another: when an entry is appended, and again by replay.
//! The only writer of every index table.

use strongroom_protocol::id::Digest;
use strongroom_protocol::statement::{Deposit, Release, SignedStatement, Statement, Verdict};

use crate::log::Entry;
use crate::store::{Damage, DepositRow, RequestRow, StoreError, Writing};

/// Adds what follows from an entry to the indexes.
pub(crate) fn add(store: &Writing<'_>, entry: &Entry) -> Result<(), StoreError> {
    let index = entry.index();
    let signed = entry.statement();
    match signed.statement() {
        Statement::Enroll(enroll) => {
            store.put_owner(enroll.owner, index)?;
            store.put_device(enroll.owner, &enroll.device_key, index)
        }
        Statement::Deposit(deposit) => add_deposit(store, entry, deposit),
        Statement::Request(request) => store.put_request(
            &RequestRow {
                entry: index,
                owner: request.owner,
                device: request.device_key,
                decision: None,
            },
            request.digest(),
        ),
        Statement::Evidence(evidence) => {
            let request = request_of(store, evidence.request, signed, index)?;
            store.put_request_statement(request.entry, index)
        }
        Statement::Veto(veto) => {
            let request = request_of(store, veto.request, signed, index)?;
            store.put_request_statement(request.entry, index)
        }
        Statement::Decision(decision) => {
            let request = request_of(store, decision.request, signed, index)?;
            store.put_decision(request.entry, index)?;
            if decision.verdict == Verdict::Approved {
                // Whoever proved to be the owner has a device again.
                store.put_device(request.owner, &request.device, index)?;
            }
            Ok(())
        }
        Statement::Release(release) => add_release(store, signed, release, index),
        // The founding is entry 0, and what was done to the authority concerns no owner: these need no index.
        Statement::Checked(_) | Statement::Found(_) | Statement::Restored(_) => Ok(()),
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
    }
    Ok(())
}

fn add_release(
    store: &Writing<'_>,
    signed: &SignedStatement,
    release: &Release,
    index: u64,
) -> Result<(), StoreError> {
    let request = request_of(store, release.request(), signed, index)?;
    store.put_release_page(request.entry, release.page(), index)
}

fn request_of(
    store: &Writing<'_>,
    digest: Digest,
    signed: &SignedStatement,
    index: u64,
) -> Result<RequestRow, StoreError> {
    debug_assert!(!matches!(signed.statement(), Statement::Request(_)));
    let request = store.request_of(digest)?;
    request.ok_or_else(|| Damage::of_entry(index, "its request is missing").into())
}

//! That the lies of testkit's hostile authority are lies: what a client checks finds each of them.

use std::sync::Arc;

use strongroom_authority::Caller;
use strongroom_protocol::id::{Clock, Digest};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{CheckpointError, ProofError};
use strongroom_protocol::receipt::{DepositState, ReceiptError};
use strongroom_protocol::statement::Kind;
use strongroom_protocol::{Authority, Recorded, Select, SubmitError};
use strongroom_testkit::{
    Asked, HostileAuthority, ListedEntry, ListingError, Owner, PageRelease, Trick, list, own_blob,
    submit,
};

use crate::Embedded;

/// An honest authority that a hostile one stands before, and an owner with deposits and an approved request.
struct Scene {
    honest: Arc<dyn Authority>,
    folder: std::path::PathBuf,
    owner: Owner,
    asked: Asked,
    _parent: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with(Embedded::found())
    }

    fn with(embedded: Embedded) -> Self {
        let folder = embedded.folder();
        let honest: Arc<dyn Authority> = Arc::new(embedded.service.session(Caller::Operator));
        let mut owner = Owner::enrolled(&*honest, 1);
        submit(&*honest, &owner.deposit(3));
        let scope = owner.everything(&*honest);
        let asked = owner.ask(scope, embedded.clock.now());
        submit(&*honest, &asked.statement);
        submit(&*honest, &owner.evidence(&asked));
        Self {
            honest,
            folder,
            owner,
            asked,
            _parent: embedded.parent,
        }
    }

    fn hostile(&self, trick: Trick) -> HostileAuthority {
        let key = HostileAuthority::steal_log_key(&self.folder);
        HostileAuthority::new(self.honest.clone(), trick, &key)
    }

    fn receipt_error(&mut self, trick: Trick) -> ReceiptError {
        let hostile = self.hostile(trick);
        let statement = self.owner.deposit(1);
        let log_key = self.honest.about().unwrap().found().log_key;
        let receipt = hostile.submit(&statement).unwrap();
        receipt.verify(&statement, &log_key).unwrap_err()
    }
}

#[test]
fn false_receipts_do_not_verify() {
    let mut scene = Scene::new();
    let other: Arc<dyn Authority> = {
        let other = Scene::with(Embedded::found_with(43));
        Arc::new(other.hostile(Trick::Unreachable(0)))
    };
    let foreign = scene.receipt_error(Trick::ForeignReceipt);
    assert!(matches!(foreign, ReceiptError::OtherStatement), "{foreign}");
    let forged = scene.receipt_error(Trick::ForgedReceipt);
    assert!(matches!(forged, ReceiptError::Signature), "{forged}");
    let garbled = scene.receipt_error(Trick::GarbledInclusion);
    assert!(matches!(garbled, ReceiptError::Proof(_)), "{garbled}");
    let error = scene.receipt_error(Trick::ForeignCheckpoint(other));
    let wrong = ProofError::Checkpoint(CheckpointError::WrongOrigin);
    assert!(matches!(error, ReceiptError::Proof(found) if found == wrong));
}

#[test]
fn a_false_verified_verifies_and_is_not_what_was_logged() {
    let mut scene = Scene::new();
    let hostile = scene.hostile(Trick::FalseVerified);
    let used = *scene.owner.keys.keys().next().unwrap();
    let draft = scene.owner.draft_under(used, &[1; 16]);
    let statement = scene.owner.deposit_of(&[draft]);
    let told = submit(&hostile, &statement);
    assert_eq!(told.states(), [DepositState::Verified]);
    let logged = submit(&*scene.honest, &statement);
    assert_eq!(logged.states(), [DepositState::Conflict]);
    // The false log is consistent with all that was seen before.
    let head = *hostile.checkpoint().unwrap().checkpoint();
    assert_eq!(head, *told.checkpoint().checkpoint());
    let founded = hostile.consistency(1, head.size).unwrap();
    assert!(founded.hashes().len() > 1);
}

#[test]
fn false_releases_verify_and_open_to_nothing() {
    let scene = Scene::new();
    let about = scene.honest.about().unwrap().founding;
    let log_key = about.found().log_key;
    let id = scene.asked.statement.id();
    let request = scene.asked.request().digest();
    for trick in [
        Trick::ReleaseForOtherRequest,
        Trick::ReleaseToOtherKey,
        Trick::ReleaseWrongCommitment,
        Trick::ReleaseWrongKey,
        Trick::Withheld,
    ] {
        let page = scene.hostile(trick.clone()).release(id, 0).unwrap();
        let Recorded { statement, receipt } = &page.release;
        receipt.verify(statement, &log_key).unwrap();
        let release = page.release();
        if matches!(trick, Trick::ReleaseForOtherRequest) {
            assert_ne!(release.request(), request);
        } else if matches!(trick, Trick::ReleaseWrongCommitment) {
            let opened = scene.asked.open(&about, &page);
            assert!(opened.keys().eq(scene.owner.keys.keys()));
            assert_ne!(opened, scene.owner.keys);
        } else if matches!(trick, Trick::Withheld) {
            assert_eq!(release.withheld().len(), 3);
        } else {
            let key = &scene.asked.release_key;
            let decision = release.decision();
            let encapsulation = release.encapsulation().unwrap();
            let opening = key.open_release(about.authority(), request, decision, encapsulation);
            let opening = opening.unwrap();
            for key in release.keys() {
                assert!(key.open(&opening).is_err());
            }
        }
    }
}

#[test]
fn a_shrunk_log_is_smaller_than_what_was_seen() {
    let mut scene = Scene::new();
    let hostile = scene.hostile(Trick::Shrunk);
    let seen = submit(&hostile, &scene.owner.deposit(1));
    let head = *hostile.checkpoint().unwrap().checkpoint();
    assert!(head.size < seen.checkpoint().checkpoint().size);
}

#[test]
fn who_is_unreachable_is_so_as_often_as_told() {
    let mut scene = Scene::new();
    let hostile = scene.hostile(Trick::Unreachable(2));
    let statement = scene.owner.deposit(1);
    for _ in 0..2 {
        let refused = hostile.submit(&statement);
        assert!(matches!(refused, Err(SubmitError::Unavailable(error)) if error.kind.may_pass()));
    }
    submit(&hostile, &statement);
}

#[test]
fn listings_that_lead_nowhere_are_not_walked_for_ever() {
    let scene = Scene::new();
    let (owner, about) = (&scene.owner, scene.honest.about().unwrap().founding);
    let serial = *owner.keys.keys().next().unwrap();
    for number in 0_u64..300 {
        let digest = Digest::of(&[&number.to_be_bytes()]);
        let said = own_blob(&about, owner.id, serial, digest, &owner.device);
        submit(&*scene.honest, &said);
    }
    let select = Select::Owner(scene.owner.id);
    assert_eq!(list(&*scene.honest, select).unwrap().len(), 303 + 3);
    for trick in [
        Trick::ListingEmptyPages,
        Trick::ListingEndless,
        Trick::ListingReordered,
        Trick::ListingRepeats,
        Trick::ListingShrinks,
    ] {
        let walked = list(&scene.hostile(trick), select);
        assert!(matches!(walked, Err(ListingError::Endless(_))));
    }
}

#[test]
fn listings_lie_about_what_there_is_and_every_receipt_verifies() {
    let mut scene = Scene::new();
    let select = Select::Owner(scene.owner.id);
    let honest = list(&*scene.honest, select).unwrap();
    let indexes = |entries: &[ListedEntry]| -> Vec<u64> {
        entries.iter().map(|entry| entry.receipt.index()).collect()
    };
    assert!(indexes(&honest).is_sorted());

    let left_out = scene.hostile(Trick::ListingLeavesOut(Kind::Deposit));
    assert_eq!(list(&left_out, select).unwrap().len(), honest.len() - 1);
    // What it is asked as a number it does not lie about.
    assert_eq!(left_out.holdings(scene.owner.id).unwrap().count, 3);

    let back = scene.hostile(Trick::ListingTimesGoBack);
    let times = list(&back, select).unwrap();
    assert_eq!(times.len(), honest.len() + 1);
    let times: Vec<_> = times.iter().map(|entry| entry.receipt.time()).collect();
    assert!(!times.is_sorted());
    extends(&scene, &back);

    let stranger = std::mem::replace(&mut scene.owner.device, SigningKey::from_seed(&[7; 32]));
    let strange = scene.owner.deposit(1);
    scene.owner.device = stranger;
    let with_stranger = scene.hostile(Trick::ListingWithStrangers(vec![strange]));
    let entries = list(&with_stranger, select).unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last.receipt.states(), [DepositState::Verified]);
    assert_ne!(*last.statement.author(), scene.owner.device.verifying_key());
    extends(&scene, &with_stranger);
    // Its other listings have nothing of it.
    assert!(list(&with_stranger, Select::Subjects).is_ok());
}

/// Sees that a false log goes on from the true one: no proof shows that it is false.
fn extends(scene: &Scene, hostile: &HostileAuthority) {
    let old = *scene.honest.checkpoint().unwrap().checkpoint();
    let new = *hostile.checkpoint().unwrap().checkpoint();
    let proof = hostile.consistency(old.size, new.size).unwrap();
    proof
        .verify(old.size, old.root, new.size, new.root)
        .unwrap();
    assert!(new.size > old.size);
}

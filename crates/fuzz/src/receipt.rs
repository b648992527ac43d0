//! Receipts: any attestation, signed, with a leaf of it in a tree under a checkpoint that holds.

use std::sync::LazyLock;

use strongroom_protocol::id::{Serial, StatementId, Time};
use strongroom_protocol::label::Label;
use strongroom_protocol::log::{Checkpoint, Leaf, LeafSalt, NodeHash, SignedCheckpoint, TlogProof};
use strongroom_protocol::receipt::{
    Acknowledgement, Attestation, DepositState, Outcome, Receipt, SignedAttestation,
};
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{
    Deposit, Draft, Evidence, EvidenceKind, Particulars, SignedStatement, Statement,
};
use strongroom_testkit::TestRng;

use crate::cast::{CODE, DEVICE, NOW, cast, flip};
use crate::cbor::Item;
use crate::draw::{Draw, Seed};
use crate::tree;

/// What receipts are given for: a statement of one key and one of three, and some that are no deposits.
static STATEMENTS: LazyLock<Vec<SignedStatement>> = LazyLock::new(|| {
    let deposit = |count: u8| {
        let draft = |number: u8| Draft {
            serial: Serial::from_bytes([number; 16]),
            key: BlindedKey::new(
                SessionKey::age_file_key(&[number; 16]),
                &mut TestRng::new(1),
            ),
            particulars: Particulars::default(),
        };
        let drafts: Vec<_> = (0..count).map(draft).collect();
        let wrap_key = cast().wrap_key.public_key();
        let rng = &mut TestRng::new(2);
        let deposit = Deposit::seal(cast().authority(), &wrap_key, cast().owner, &drafts, rng);
        SignedStatement::sign(deposit.unwrap(), &cast().keys[DEVICE])
    };
    let evidence = Evidence {
        authority: cast().authority(),
        request: cast().founding.found().policy.digest(),
        kind: EvidenceKind::RecoveryCode,
    };
    let founding = cast().founding.statement().clone();
    let evidence = SignedStatement::sign(evidence, &cast().keys[CODE]);
    vec![founding, deposit(1), deposit(3), evidence]
});

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let place = draw.number();
    let statement = draw.pick(&STATEMENTS);
    let label = *draw.pick(&[Label::RECORDED, Label::DEPOSITED]);
    let (before, behind) = (draw.below(40), draw.below(40));
    let (is_known, others) = (draw.flag(), draw.bytes());
    let salt = LeafSalt::from_bytes(draw.array());
    let attestation = draw.rest();
    let expected = expected(attestation, label, statement);

    let (authority, key) = (cast().authority(), cast().log_key());
    let signature = key.sign(label, attestation);
    let time = expected.as_ref().map_or(NOW, |expected| expected.time);
    let leaf = Leaf::new(
        statement.kind().code(),
        time,
        &salt,
        attestation,
        &signature,
    );
    let other = |number: usize| NodeHash::of_leaf(&number.to_be_bytes());
    let mut leaves: Vec<_> = (0..before).map(other).collect();
    leaves.push(leaf.hash());
    leaves.extend((0..behind).map(other));
    let head = Checkpoint {
        authority,
        size: leaves.len() as u64,
        root: tree::root(&leaves),
    };
    let checkpoint = head.sign(key);
    let extra = Item::Array(vec![
        Item::bytes(salt.as_bytes()),
        Item::bytes(attestation),
        Item::bytes(signature.as_bytes()),
    ]);
    let inclusion = tree::inclusion(before, &leaves);
    let proof = TlogProof::new(extra.write(), before as u64, inclusion, &checkpoint);
    let text = proof.to_string();
    let receipt = Receipt::parse(&text).ok()?;
    assert_eq!(receipt.to_text(), text);
    let known = is_known.then_some(&checkpoint);
    let acknowledged = receipt.verify_after(statement, &key.verifying_key(), known);
    // It holds if what it attests is right, and for no other reason.
    assert_eq!(acknowledged.is_ok(), expected.is_some(), "{acknowledged:?}");
    let (acknowledged, expected) = (acknowledged.ok()?, expected?);
    assert_eq!(acknowledged.outcome(), &expected.outcome);
    assert_eq!(
        (acknowledged.time(), acknowledged.index()),
        (expected.time, before as u64)
    );
    assert_eq!(acknowledged.checkpoint().as_text(), checkpoint.as_text());
    let typed = SignedAttestation::sign(expected, key);
    assert_eq!(typed.as_bytes(), attestation);
    let built = Receipt::new(
        salt,
        &typed,
        before as u64,
        tree::inclusion(before, &leaves),
        &checkpoint,
    );
    assert_eq!(built.to_text(), text);

    let verify = |text: &str, statement| verify(text, statement);
    let changed = String::from_utf8(flip(text.as_bytes(), place)).ok();
    assert!(changed.is_none_or(|text| verify(&text, statement).is_none()));
    for other in STATEMENTS
        .iter()
        .filter(|other| other.id() != statement.id())
    {
        assert!(verify(&text, other).is_none());
    }
    // Signatures of others are none of its own.
    if let Ok(others) = str::from_utf8(others)
        && let Some(witnessed) = verify(&(text + others), statement)
    {
        let seen: &SignedCheckpoint = witnessed.checkpoint();
        assert_eq!(seen.checkpoint(), &head);
    }
    Some(())
}

fn verify(text: &str, statement: &SignedStatement) -> Option<Acknowledgement> {
    let log_key = cast().founding.found().log_key;
    Receipt::parse(text).ok()?.verify(statement, &log_key).ok()
}

/// Reads an attestation by itself: what it attests, if it is right for a statement and signed under its own label.
fn expected(bytes: &[u8], label: Label, statement: &SignedStatement) -> Option<Attestation> {
    let item = Item::read(bytes).filter(|item| item.write() == bytes)?;
    let (authority, id, states, time) = match item.as_array()? {
        [authority, id, time] => (authority, id, None, time),
        [authority, id, states, time] => (authority, id, Some(states), time),
        _ => return None,
    };
    let keys = match statement.statement() {
        Statement::Deposit(deposit) => Some(deposit.keys().len()),
        _ => None,
    };
    let outcome = match states {
        None => Outcome::Recorded,
        Some(states) => {
            let states = states
                .as_array()?
                .iter()
                .map(|state| match state.as_number()? {
                    1 => Some(DepositState::Deposited),
                    2 => Some(DepositState::Verified),
                    3 => Some(DepositState::Conflict),
                    4 => Some(DepositState::Mismatch),
                    _ => None,
                });
            Outcome::Deposited(states.collect::<Option<_>>()?)
        }
    };
    let fits = match &outcome {
        Outcome::Deposited(states) => keys == Some(states.len()) && label == Label::DEPOSITED,
        Outcome::Recorded => keys.is_none() && label == Label::RECORDED,
    };
    let is_ours = authority.as_bytes()? == cast().authority().as_bytes()
        && id.as_bytes()? == statement.id().as_bytes();
    (fits && is_ours).then_some(Attestation {
        authority: cast().authority(),
        statement: StatementId::try_from(id.as_bytes()?).ok()?,
        outcome,
        time: Time::from_millis(time.as_number()?),
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let states = [
        DepositState::Verified,
        DepositState::Conflict,
        DepositState::Mismatch,
    ];
    let seed = |(number, statement): (u8, &SignedStatement)| {
        let outcome = match statement.statement() {
            Statement::Deposit(deposit) => {
                Outcome::Deposited(states[..deposit.keys().len()].to_vec())
            }
            _ => Outcome::Recorded,
        };
        let label = u8::from(outcome != Outcome::Recorded);
        let attestation = Attestation {
            authority: cast().authority(),
            statement: statement.id(),
            outcome,
            time: NOW,
        };
        let attestation = SignedAttestation::sign(attestation, cast().log_key());
        let witness = tree::sign_note("", "witness.example", &cast().keys[1]);
        Seed::of([5, number, label, number * 3, 7 - number, number & 1])
            .bytes(witness.trim_start_matches('\n').as_bytes())
            .raw(&[9; 32])
            .raw(attestation.as_bytes())
            .done()
    };
    (0..).zip(STATEMENTS.iter()).map(seed).collect()
}

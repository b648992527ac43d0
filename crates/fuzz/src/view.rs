//! What an authority answers, as JSON: whatever stands in it for a statement is signed anew, so that it is read to its end.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use strongroom_protocol::id::Time;
use strongroom_protocol::log::{Checkpoint, LeafSalt};
use strongroom_protocol::policy::SubjectState;
use strongroom_protocol::receipt::{
    Acknowledgement, Attestation, Outcome, Receipt, SignedAttestation,
};
use strongroom_protocol::statement::{Kind, SignedStatement, Statement};
use strongroom_protocol::{About, Holdings, Page, Possession, Recorded, ReleasePage, SubjectView};

use crate::cast::{NOW, cast, sign, vectors};
use crate::cbor::Item;
use crate::{statement, tree};

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let text = sign_anew(str::from_utf8(bytes).ok()?);
    let about = again(&text, About::from_json, About::to_json);
    let holdings = again(&text, Holdings::from_json, Holdings::to_json);
    let page = again(
        &text,
        Page::<Recorded>::from_json,
        Page::<Recorded>::to_json,
    );
    let possession = again(&text, Possession::from_json, Possession::to_json);
    let release = again(&text, ReleasePage::from_json, ReleasePage::to_json);
    let subject = again(&text, SubjectView::from_json, SubjectView::to_json);
    if let Some(about) = &about {
        assert_eq!(about.authority(), about.founding.authority());
        assert_eq!(
            Some(about.found().log_key),
            Some(*about.founding.statement().author())
        );
    }
    for recorded in page.iter().flat_map(|page| &page.items) {
        statement::look(&recorded.statement);
    }
    let is_any = about.is_some()
        || holdings.is_some()
        || page.is_some()
        || possession.is_some()
        || release.is_some();
    match subject {
        Some(view) => look_at_subject(view),
        None => is_any.then_some(()),
    }
}

/// Reads a view, and holds it against what it is written as.
fn again<T, E>(
    text: &str,
    read: impl Fn(&str) -> Result<T, E>,
    write: impl Fn(&T) -> String,
) -> Option<T> {
    let view = read(text).ok()?;
    let written = write(&view);
    let Ok(again) = read(&written) else {
        panic!("our own JSON can't be read: {written}");
    };
    assert_eq!(write(&again), written);
    Some(view)
}

/// Puts the subject together with receipts that hold, and asks where it stands.
fn look_at_subject(view: SubjectView) -> Option<()> {
    statement::look(&view.asked.statement);
    let asked = acknowledged(&view.asked.statement, NOW)?;
    let decided = view.decision.as_ref();
    let decided = decided.map(|decision| acknowledged(&decision.statement, NOW.plus_millis(1)));
    let decided = match decided {
        Some(none) => Some(none?),
        None => None,
    };
    let (digest, policy) = view.asked.statement.statement().asks()?;
    let subject = view.into_subject(&asked, decided.as_ref())?;
    assert_eq!(
        (subject.digest(), subject.policy().digest()),
        (digest, policy)
    );
    for now in [0, 1, 60 * 60 * 1000, u64::MAX / 2].map(|millis| NOW.plus_millis(millis)) {
        let (state, _) = subject.standing(now);
        let is_decided = subject.decided().is_some();
        assert!(!is_decided || subject.decision(now).is_none() && subject.due(now).is_none());
        let _ = (
            subject.is_over(now),
            subject.approved(now).is_some(),
            state.as_str(),
        );
        assert_eq!(state == SubjectState::Released, subject.is_released());
    }
    Some(())
}

/// Gives the receipt of a statement that is no deposit, in a log of its own.
fn acknowledged(statement: &SignedStatement, time: Time) -> Option<Acknowledgement> {
    if matches!(statement.statement(), Statement::Deposit(_)) {
        return None;
    }
    let attestation = Attestation {
        authority: statement.authority(),
        statement: statement.id(),
        outcome: Outcome::Recorded,
        time,
    };
    let (key, salt) = (cast().log_key(), LeafSalt::from_bytes([7; 32]));
    let attestation = SignedAttestation::sign(attestation, key);
    let leaves = [attestation.leaf(statement.kind(), &salt).hash()];
    let head = Checkpoint {
        authority: statement.authority(),
        size: 1,
        root: tree::root(&leaves),
    };
    let receipt = Receipt::new(
        salt,
        &attestation,
        0,
        tree::inclusion(0, &leaves),
        &head.sign(key),
    );
    Some(receipt.verify(statement, &key.verifying_key()).unwrap())
}

/// Signs every statement in a text anew that is by one of the cast, whatever it says.
fn sign_anew(text: &str) -> String {
    let parts = text
        .split('"')
        .map(|part| signed_anew(part).unwrap_or_else(|| part.to_owned()));
    parts.collect::<Vec<_>>().join("\"")
}

fn signed_anew(text: &str) -> Option<String> {
    if text.len() < 200 {
        return None;
    }
    let wire = Item::read(&BASE64_STANDARD.decode(text).ok()?)?;
    let [kind, author, body, _, carried] = wire.as_array()? else {
        return None;
    };
    let kind = Kind::from_code(kind.as_number()?)?;
    let author = author.as_bytes()?;
    let mut keys = cast().keys.iter();
    let key = keys.find(|key| key.verifying_key().as_bytes() == author)?;
    let statement = sign(kind, body.as_bytes()?, carried.as_bytes()?, key);
    Some(BASE64_STANDARD.encode(statement))
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = vectors("views/accept.txt", "json");
    texts.into_iter().map(String::into_bytes).collect()
}

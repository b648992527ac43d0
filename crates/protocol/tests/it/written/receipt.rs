use strongroom_protocol::id::AuthorityId;
use strongroom_protocol::keys::{SigningKey, VerifyingKey};
use strongroom_protocol::log::LeafSalt;
use strongroom_protocol::receipt::{DepositState, Outcome, Receipt, ReceiptError};
use strongroom_protocol::statement::{Kind, SignedStatement};

use super::Page;
use crate::cast::Cast;
use crate::receipt::Making;
use crate::vectors;

pub(super) fn pages() -> Vec<(&'static str, Page)> {
    vec![
        ("receipt/accept.txt", accept()),
        ("receipt/reject.txt", reject()),
    ]
}

const ABOUT: &str = "Receipts (spec/receipt.md) of `statement` under the log's public `key`. The text is made of each `line` with a
    newline after it, then of `rest`.";

fn accept() -> Page {
    let mut page = Page::new(&format!(
        "{ABOUT} It says `time` and `index`, and a `state` for each key of a deposit."
    ));
    let cast = Cast::new();
    for statement in cast.every_kind() {
        let made = Making::of(&cast, &statement);
        begin(&mut page, statement.kind().as_str(), &cast, &statement);
        if let Outcome::Deposited(states) = &made.outcome {
            for state in states {
                page.field("state", state.as_str());
            }
        }
        page.field("time", made.time.as_millis())
            .field("index", made.index)
            .text(&made.receipt().to_text());
    }
    page
}

fn reject() -> Page {
    let mut page = Page::new(&format!(
        "{ABOUT}
        It is refused: `malformed`, by another key (`signature`), for another statement (`other statement`), or not
        in the log as it says (`proof`)."
    ));
    let cast = Cast::new();
    let (deposit, veto) = (cast.statement(Kind::Deposit), cast.statement(Kind::Veto));
    let other = AuthorityId::from_bytes([99; 32]);
    let by_veto = Making::of(&cast, &veto);
    let text = by_veto.receipt().to_text();
    let states = |count| Making {
        outcome: Outcome::Deposited(vec![DepositState::Verified; count]),
        ..Making::of(&cast, &deposit)
    };
    let salted = Making {
        salt: LeafSalt::from_bytes([1; 32]),
        ..by_veto.clone()
    };
    let texts = [
        ("of another statement", &deposit, text.clone()),
        ("one state too few", &deposit, states(1).receipt().to_text()),
        (
            "one state too many",
            &deposit,
            states(3).receipt().to_text(),
        ),
        (
            "a deposit on record only",
            &deposit,
            Making {
                outcome: Outcome::Recorded,
                ..states(2)
            }
            .receipt()
            .to_text(),
        ),
        (
            "attested by another key",
            &veto,
            Making {
                attestation_key: &cast.stranger,
                ..by_veto.clone()
            }
            .receipt()
            .to_text(),
        ),
        (
            "attested for another authority",
            &veto,
            Making {
                authority: other,
                ..by_veto.clone()
            }
            .receipt()
            .to_text(),
        ),
        (
            "a checkpoint by another key",
            &veto,
            Making {
                checkpoint_key: &cast.stranger,
                ..by_veto.clone()
            }
            .receipt()
            .to_text(),
        ),
        (
            "in the log of another authority",
            &veto,
            Making {
                origin: other,
                ..by_veto.clone()
            }
            .receipt()
            .to_text(),
        ),
        (
            "another salt",
            &veto,
            salted.receipt_in(by_veto.log()).to_text(),
        ),
        (
            "another index",
            &veto,
            Making {
                index: 3,
                ..by_veto.clone()
            }
            .receipt_in(by_veto.log())
            .to_text(),
        ),
        (
            "another kind in the leaf",
            &veto,
            Making {
                kind: Kind::Evidence,
                ..by_veto.clone()
            }
            .receipt()
            .to_text(),
        ),
        (
            "no attestation",
            &veto,
            text.lines()
                .filter(|line| !line.starts_with("extra "))
                .map(|line| format!("{line}\n"))
                .collect(),
        ),
        ("cut", &veto, text.split_inclusive('\n').take(4).collect()),
        ("another version", &veto, text.replacen("@v1", "@v2", 1)),
    ];
    for (name, statement, text) in texts {
        begin(&mut page, name, &cast, statement);
        let key = cast.log_key.verifying_key();
        page.field("error", verdict(&text, statement, &key))
            .text(&text);
    }
    page
}

fn begin(page: &mut Page, name: &str, cast: &Cast, statement: &SignedStatement) {
    page.case(name)
        .field("key", cast.log_key.verifying_key())
        .hex("statement", statement.as_bytes());
}

fn verdict(text: &str, statement: &SignedStatement, key: &VerifyingKey) -> &'static str {
    match Receipt::parse(text).and_then(|receipt| receipt.verify(statement, key)) {
        Ok(_) => "taken",
        Err(ReceiptError::Malformed(_) | ReceiptError::MalformedText(_)) => "malformed",
        Err(ReceiptError::OtherStatement) => "other statement",
        Err(ReceiptError::Proof(_)) => "proof",
        Err(ReceiptError::Signature) => "signature",
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn vectors_of_receipts_verify() {
    for vector in vectors::read("receipt/accept.txt") {
        let statement = SignedStatement::parse(&vector.bytes("statement")).unwrap();
        let key = VerifyingKey::from_bytes(vector.array("key")).unwrap();
        let receipt = Receipt::parse(&vector.text()).unwrap();
        let told = receipt
            .verify(&statement, &key)
            .unwrap_or_else(|error| panic!("{vector}: {error}"));
        let states: Vec<_> = told.states().iter().map(|state| state.as_str()).collect();
        assert_eq!(states, vector.all("state"), "{vector}");
        assert_eq!(told.time().as_millis(), vector.number("time"), "{vector}");
        assert_eq!(told.index(), vector.number("index"), "{vector}");
        assert_eq!(receipt.to_text(), vector.text(), "{vector}");
    }
}

#[test]
fn vectors_of_receipts_to_refuse_are_refused_as_they_say() {
    for vector in vectors::read("receipt/reject.txt") {
        let statement = SignedStatement::parse(&vector.bytes("statement")).unwrap();
        let key = VerifyingKey::from_bytes(vector.array("key")).unwrap();
        assert_ne!(key, SigningKey::from_seed(&[0; 32]).verifying_key());
        let error = verdict(&vector.text(), &statement, &key);
        assert_ne!(error, "taken", "{vector}");
        assert_eq!(error, vector.one("error"), "{vector}");
    }
}

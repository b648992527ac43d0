//! Receipts: of this statement, by this authority, in this log, or of nothing (spec/receipt.md).

use base64::prelude::{BASE64_STANDARD, Engine};
use strongroom_protocol::id::{AuthorityId, StatementId, Time};
use strongroom_protocol::keys::{Signature, SigningKey};
use strongroom_protocol::label::Label;
use strongroom_protocol::log::{Checkpoint, InclusionProof, LeafSalt, NodeHash, SignedCheckpoint};
use strongroom_protocol::receipt::{
    Attestation, DepositState, Outcome, Receipt, ReceiptError, SignedAttestation,
};
use strongroom_protocol::statement::{Kind, SignedStatement};

use crate::cast::{Cast, NOW};
use crate::log::{mth, path};
use crate::wire::{Item, e, h};

#[test]
fn a_receipt_of_every_kind_reads_back_and_verifies() {
    let cast = Cast::new();
    for statement in cast.every_kind() {
        let made = Making::of(&cast, &statement);
        let receipt = made.receipt();
        let read = Receipt::parse(&receipt.to_text()).unwrap();
        assert_eq!(read, receipt);
        let acknowledged = read
            .verify(&statement, &cast.log_key.verifying_key())
            .unwrap();
        assert_eq!(acknowledged.outcome(), &made.outcome);
        assert_eq!(acknowledged.time(), NOW);
        assert_eq!(acknowledged.index(), 2);
        assert_eq!(acknowledged.checkpoint(), &made.log().1);
        let states = usize::from(statement.kind() == Kind::Deposit) * 2;
        assert_eq!(acknowledged.states().len(), states);
    }
}

#[test]
fn every_state_of_a_deposit_is_told() {
    let cast = Cast::new();
    let statement = SignedStatement::sign(cast.deposit(4), &cast.device);
    let states = [
        (DepositState::Deposited, "deposited", true),
        (DepositState::Verified, "verified", true),
        (DepositState::Conflict, "conflict", false),
        (DepositState::Mismatch, "mismatch", false),
    ];
    let outcome = Outcome::Deposited(states.iter().map(|(state, ..)| *state).collect());
    let made = Making {
        outcome,
        ..Making::of(&cast, &statement)
    };
    let acknowledged = made.verified().unwrap();
    for (told, (state, word, kept)) in acknowledged.states().iter().zip(states) {
        assert_eq!((*told, told.as_str(), told.is_kept()), (state, word, kept));
    }
}

#[test]
fn the_attestation_and_the_leaf_are_as_specified() {
    let cast = Cast::new();
    for statement in [cast.statement(Kind::Deposit), cast.statement(Kind::Veto)] {
        let made = Making::of(&cast, &statement);
        let id = statement.id();
        let mut items = vec![
            Item::Bytes(cast.authority.as_bytes()),
            Item::Bytes(id.as_bytes()),
        ];
        let label: &[u8] = if statement.kind() == Kind::Deposit {
            items.push(Item::Items(vec![Item::Uint(2), Item::Uint(1)]));
            b"strongroom/deposited/v1\0"
        } else {
            b"strongroom/recorded/v1\0"
        };
        items.push(Item::Uint(NOW.as_millis()));
        let attestation = e(items);
        let signed = made.attestation();
        assert_eq!(signed.as_bytes(), attestation);
        let note = [label, &attestation].concat();
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ED25519,
            cast.log_key.verifying_key().as_bytes().to_vec(),
        );
        assert!(key.verify(&note, signed.signature().as_bytes()).is_ok());

        let salted = h(&[
            b"strongroom/leaf-salt/v1",
            made.salt.as_bytes(),
            &attestation,
            signed.signature().as_bytes(),
        ]);
        let leaf = e(vec![
            Item::Text("strongroom/leaf/v1"),
            Item::Uint(statement.kind().code()),
            Item::Uint(NOW.as_millis()),
            Item::Bytes(&salted),
        ]);
        assert_eq!(signed.leaf(statement.kind(), &made.salt).to_bytes(), leaf);

        let extra = e(vec![
            Item::Bytes(made.salt.as_bytes()),
            Item::Bytes(&attestation),
            Item::Bytes(signed.signature().as_bytes()),
        ]);
        let line = format!("\nextra {}\n", BASE64_STANDARD.encode(extra));
        assert!(made.receipt().to_text().contains(&line));
    }
}

#[test]
fn a_receipt_of_another_statement_shows_nothing() {
    let cast = Cast::new();
    let log_key = cast.log_key.verifying_key();
    let statements = cast.every_kind();
    for (number, statement) in statements.iter().enumerate() {
        let receipt = Making::of(&cast, statement).receipt();
        for (other_number, other) in statements.iter().enumerate() {
            let verified = receipt.verify(other, &log_key);
            assert_eq!(
                verified.is_ok(),
                number == other_number,
                "{statement:?} for {other:?}"
            );
        }
    }
    // The same body, signed anew by another.
    let deposit = cast.statement(Kind::Deposit);
    let again = SignedStatement::sign(cast.deposit(2), &cast.stranger);
    let receipt = Making::of(&cast, &deposit).receipt();
    let verified = receipt.verify(&again, &log_key);
    assert!(matches!(verified, Err(ReceiptError::OtherStatement)));
}

#[test]
fn a_receipt_by_another_key_shows_nothing() {
    let cast = Cast::new();
    let statement = cast.statement(Kind::Veto);
    let made = Making::of(&cast, &statement);
    let verified = made
        .receipt()
        .verify(&statement, &cast.stranger.verifying_key());
    assert!(matches!(verified, Err(ReceiptError::Signature)));
    // The attestation by the right key and the checkpoint by another, and the other way round.
    let forged = Making {
        checkpoint_key: &cast.stranger,
        ..made.clone()
    };
    assert!(matches!(forged.verified(), Err(ReceiptError::Proof(_))));
    let forged = Making {
        attestation_key: &cast.stranger,
        ..made
    };
    assert!(matches!(forged.verified(), Err(ReceiptError::Signature)));
}

#[test]
fn a_receipt_of_another_authority_shows_nothing() {
    let cast = Cast::new();
    let statement = cast.statement(Kind::Veto);
    let other = AuthorityId::from_bytes([99; 32]);
    let made = Making::of(&cast, &statement);
    let attested = Making {
        authority: other,
        ..made.clone()
    };
    assert!(matches!(
        attested.verified(),
        Err(ReceiptError::OtherStatement)
    ));
    let logged = Making {
        origin: other,
        ..made
    };
    assert!(matches!(logged.verified(), Err(ReceiptError::Proof(_))));
}

#[test]
fn an_attestation_of_something_else_shows_nothing() {
    let cast = Cast::new();
    let deposit = cast.statement(Kind::Deposit);
    let veto = cast.statement(Kind::Veto);
    let states = |count| Outcome::Deposited(vec![DepositState::Verified; count]);
    for (statement, outcome) in [
        (&deposit, Outcome::Recorded),
        (&deposit, states(0)),
        (&deposit, states(1)),
        (&deposit, states(3)),
        (&veto, states(0)),
        (&veto, states(1)),
    ] {
        let made = Making {
            outcome,
            ..Making::of(&cast, statement)
        };
        assert!(matches!(made.verified(), Err(ReceiptError::OtherStatement)));
    }
    let id = StatementId::from_bytes([1; 32]);
    let made = Making {
        id,
        ..Making::of(&cast, &veto)
    };
    assert!(matches!(made.verified(), Err(ReceiptError::OtherStatement)));
}

#[test]
fn what_is_not_in_the_log_shows_nothing() {
    let cast = Cast::new();
    let statement = cast.statement(Kind::Veto);
    let made = Making::of(&cast, &statement);
    let not_included = |made: &Making<'_>| {
        let receipt = made.receipt_in(Making::of(&cast, &statement).log());
        let verified = receipt.verify(&statement, &cast.log_key.verifying_key());
        matches!(verified, Err(ReceiptError::Proof(_)))
    };
    assert!(!not_included(&made));
    // The leaf in the log is of another salt, time, kind or index.
    assert!(not_included(&Making {
        salt: LeafSalt::from_bytes([1; 32]),
        ..made.clone()
    }));
    assert!(not_included(&Making {
        time: NOW.plus_millis(1),
        ..made.clone()
    }));
    for index in [0, 1, 3, 4, 5] {
        assert!(not_included(&Making {
            index,
            ..made.clone()
        }));
    }
    let leaf_of_another_kind = Making {
        kind: Kind::Evidence,
        ..made
    };
    assert!(matches!(
        leaf_of_another_kind.verified(),
        Err(ReceiptError::Proof(_))
    ));
}

/// It says nothing but what was signed: all of it is checked, but the salt of what it does not name.
#[test]
fn a_receipt_cut_or_changed_anywhere_shows_nothing() {
    let cast = Cast::new();
    let statement = cast.statement(Kind::Veto);
    let text = Making::of(&cast, &statement).receipt().to_text();
    let log_key = cast.log_key.verifying_key();
    let shows = |text: &str| {
        Receipt::parse(text)
            .and_then(|receipt| receipt.verify(&statement, &log_key))
            .is_ok()
    };
    assert!(shows(&text));
    for (place, character) in text.char_indices() {
        assert!(!shows(text.get(..place).unwrap()), "cut at {place}");
        let other = if character == 'A' { 'B' } else { 'A' };
        let rest = text.get(place + character.len_utf8()..).unwrap();
        assert!(
            !shows(&format!("{}{other}{rest}", text.get(..place).unwrap())),
            "changed at {place}"
        );
    }
    for more in ["A", "\n", " ", "\n\n"] {
        assert!(!shows(&format!("{text}{more}")));
        assert!(!shows(&format!("{more}{text}")));
    }
}

#[test]
fn other_encodings_of_what_is_beside_the_proof_are_refused() {
    let cast = Cast::new();
    let statement = cast.statement(Kind::Veto);
    let made = Making::of(&cast, &statement);
    let signed = made.attestation();
    let with = |extra: &[u8]| {
        let text = made.receipt().to_text();
        let lines = text
            .split('\n')
            .map(|line| match line.strip_prefix("extra ") {
                Some(_) => format!("extra {}", BASE64_STANDARD.encode(extra)),
                None => line.to_owned(),
            });
        let receipt = Receipt::parse(&lines.collect::<Vec<_>>().join("\n")).unwrap();
        receipt.verify(&statement, &cast.log_key.verifying_key())
    };
    let (salt, attestation) = (made.salt.as_bytes(), signed.as_bytes());
    let items = || {
        vec![
            Item::Bytes(salt),
            Item::Bytes(attestation),
            Item::Bytes(signed.signature().as_bytes()),
        ]
    };
    let good = e(items());
    assert!(with(&good).is_ok());
    let mut more = items();
    more.push(Item::Uint(0));
    for bad in [
        [&good[..], &[0]].concat(),
        [&[0x98, 0x03], &good[1..]].concat(),
        [&[0x9f], &good[1..], &[0xff]].concat(),
        e(more),
        good[..good.len() - 1].to_vec(),
        vec![0],
    ] {
        assert!(
            matches!(with(&bad), Err(ReceiptError::Malformed(_))),
            "{bad:02x?}"
        );
    }
    // A state that is none, signed by the authority.
    let id = statement.id();
    let attestation = e(vec![
        Item::Bytes(cast.authority.as_bytes()),
        Item::Bytes(id.as_bytes()),
        Item::Items(vec![Item::Uint(5)]),
        Item::Uint(0),
    ]);
    let signature = cast.log_key.sign(Label::DEPOSITED, &attestation);
    let read = SignedAttestation::parse(&attestation, signature, &cast.log_key.verifying_key());
    assert!(matches!(read, Err(ReceiptError::Malformed(_))));
}

#[test]
fn an_attestation_of_deposits_is_none_of_a_record() {
    let cast = Cast::new();
    let statement = cast.statement(Kind::Veto);
    let log_key = cast.log_key.verifying_key();
    let signed = Making::of(&cast, &statement).attestation();
    let bytes = signed.as_bytes();
    assert!(SignedAttestation::parse(bytes, *signed.signature(), &log_key).is_ok());
    for label in Label::ALL.iter().filter(|label| **label != Label::RECORDED) {
        let signature = cast.log_key.sign(*label, bytes);
        let read = SignedAttestation::parse(bytes, signature, &log_key);
        assert!(
            matches!(read, Err(ReceiptError::Signature)),
            "{}",
            label.as_str()
        );
    }
    let nothing = Signature::from_bytes([0; 64]);
    assert!(SignedAttestation::parse(bytes, nothing, &log_key).is_err());
}

/// How a receipt is made: honestly, unless something of it is changed. Entry 2 of a log of 5.
#[derive(Clone)]
pub(crate) struct Making<'m> {
    pub(crate) attestation_key: &'m SigningKey,
    pub(crate) checkpoint_key: &'m SigningKey,
    pub(crate) authority: AuthorityId,
    pub(crate) origin: AuthorityId,
    pub(crate) statement: &'m SignedStatement,
    pub(crate) id: StatementId,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) time: Time,
    pub(crate) salt: LeafSalt,
    pub(crate) index: u64,
}

impl<'m> Making<'m> {
    pub(crate) fn of(cast: &'m Cast, statement: &'m SignedStatement) -> Self {
        Self {
            attestation_key: &cast.log_key,
            checkpoint_key: &cast.log_key,
            authority: cast.authority,
            origin: cast.authority,
            statement,
            id: statement.id(),
            kind: statement.kind(),
            outcome: if statement.kind() == Kind::Deposit {
                Outcome::Deposited(vec![DepositState::Verified, DepositState::Deposited])
            } else {
                Outcome::Recorded
            },
            time: NOW,
            salt: LeafSalt::from_bytes([42; 32]),
            index: 2,
        }
    }

    pub(crate) fn attestation(&self) -> SignedAttestation {
        let attestation = Attestation {
            authority: self.authority,
            statement: self.id,
            outcome: self.outcome.clone(),
            time: self.time,
        };
        SignedAttestation::sign(attestation, self.attestation_key)
    }

    pub(crate) fn log(&self) -> (InclusionProof, SignedCheckpoint) {
        let mut leaves: Vec<_> = (0..5_u8)
            .map(|number| NodeHash::of_leaf(&[number]))
            .collect();
        leaves[2] = self.attestation().leaf(self.kind, &self.salt).hash();
        let checkpoint = Checkpoint {
            authority: self.origin,
            size: 5,
            root: mth(&leaves),
        };
        let proof = InclusionProof::from_hashes(path(2, &leaves));
        (proof, checkpoint.sign(self.checkpoint_key))
    }

    pub(crate) fn receipt(&self) -> Receipt {
        self.receipt_in(self.log())
    }

    pub(crate) fn receipt_in(
        &self,
        (proof, checkpoint): (InclusionProof, SignedCheckpoint),
    ) -> Receipt {
        Receipt::new(
            self.salt,
            &self.attestation(),
            self.index,
            proof,
            &checkpoint,
        )
    }

    fn verified(&self) -> Result<strongroom_protocol::receipt::Acknowledgement, ReceiptError> {
        self.receipt().verify(
            self.statement,
            &SigningKey::from_seed(&[1; 32]).verifying_key(),
        )
    }
}

//! Statements that no honest program makes: signed as they should be, and wrong inside.

use strongroom_protocol::id::{AuthorityId, Digest, OwnerId};
use strongroom_protocol::keys::{Signature, SigningKey};
use strongroom_protocol::label::Label;
use strongroom_protocol::statement::{Kind, Release, ReleaseOrigin, SealedKey, SignedStatement};
use strongroom_protocol::wrap::Encapsulation;

/// What a forged deposit says.
pub struct Forged {
    /// For which authority.
    pub authority: AuthorityId,
    /// Whose.
    pub owner: OwnerId,
    /// Sealed to which key, as it says.
    pub wrap_key: Digest,
    /// What the keys are sealed under.
    pub encapsulation: Encapsulation,
    /// The keys, with any labels and ciphertexts.
    pub keys: Vec<SealedKey>,
}

/// Signs a deposit whose labels, commitments and ciphertexts need not agree.
///
/// A release encodes its keys just as a deposit does, and takes any: its encoding is taken apart for them.
#[must_use]
pub fn forge_deposit(forged: Forged, key: &SigningKey) -> SignedStatement {
    let origin = ReleaseOrigin {
        authority: forged.authority,
        owner: forged.owner,
        request: Digest::of(&[]),
        decision: Digest::of(&[]),
    };
    let sealed = Some((forged.encapsulation, forged.keys));
    let release = Release::new(origin, 0, sealed, Vec::new()).unwrap();
    let parts = Parts::of(SignedStatement::sign(release, key).as_bytes());
    // E(authority, owner, H(Q), H(decision), page, [], H(enc), [..]) becomes E(authority, owner, wrap_key, H(enc), [..]).
    const ID: usize = 2 + 32;
    let (names, keys) = (&parts.body[1..1 + 2 * ID], &parts.body[1 + 4 * ID + 2..]);
    let body = [
        &[0x85][..],
        names,
        &[0x58, 32],
        forged.wrap_key.as_bytes(),
        keys,
    ]
    .concat();
    Parts { body, ..parts }.sign(Kind::Deposit, Label::DEPOSIT, key)
}

/// A statement taken apart: `E(kind, author, body, signature, carried)`.
struct Parts {
    body: Vec<u8>,
    carried: Vec<u8>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let rest = &bytes[1 + 1 + 2 + 32..];
        let (body, rest) = split_bytes(rest);
        let (signature, rest) = split_bytes(rest);
        assert_eq!(signature.len(), Signature::BYTES);
        let (carried, rest) = split_bytes(rest);
        assert!(rest.is_empty());
        Self {
            body: body.to_vec(),
            carried: carried.to_vec(),
        }
    }

    fn sign(&self, kind: Kind, label: Label, key: &SigningKey) -> SignedStatement {
        let signature = key.sign(label, &self.body);
        let mut bytes = vec![0x85, u8::try_from(kind.code()).unwrap()];
        push_bytes(&mut bytes, key.verifying_key().as_bytes());
        push_bytes(&mut bytes, &self.body);
        push_bytes(&mut bytes, signature.as_bytes());
        push_bytes(&mut bytes, &self.carried);
        SignedStatement::parse(&bytes).unwrap()
    }
}

/// Splits a CBOR byte string off.
fn split_bytes(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = match bytes[0] {
        short @ 0x40..=0x57 => (usize::from(short - 0x40), &bytes[1..]),
        0x58 => (usize::from(bytes[1]), &bytes[2..]),
        0x59 => (
            usize::from(u16::from_be_bytes([bytes[1], bytes[2]])),
            &bytes[3..],
        ),
        0x5a => {
            let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap());
            (usize::try_from(length).unwrap(), &bytes[5..])
        }
        other => panic!("{other:02x} begins no byte string"),
    };
    rest.split_at(length)
}

fn push_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap();
    match length {
        0..=0x17 => into.push(0x40 + u8::try_from(length).unwrap()),
        0x18..=0xff => into.extend([0x58, u8::try_from(length).unwrap()]),
        0x100..=0xffff => {
            into.push(0x59);
            into.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            into.push(0x5a);
            into.extend(length.to_be_bytes());
        }
    }
    into.extend(bytes);
}

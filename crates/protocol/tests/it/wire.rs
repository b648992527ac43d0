//! Statements written by hand, as `spec/` says and without the code under test: what honest code never sends.

use aws_lc_rs::digest::{SHA256, digest};
use minicbor::{Decoder, Encoder};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::label::Label;
use strongroom_protocol::statement::{Kind, SignedStatement};

/// A CBOR item, for `E(..)`.
pub(crate) enum Item<'i> {
    Bytes(&'i [u8]),
    Items(Vec<Item<'i>>),
    /// Encoded already.
    Raw(&'i [u8]),
    Text(&'i str),
    Uint(u64),
}

/// `E(items..)`.
pub(crate) fn e(items: Vec<Item<'_>>) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, &Item::Items(items));
    encoder.into_writer()
}

fn write(encoder: &mut Encoder<Vec<u8>>, item: &Item<'_>) {
    match item {
        Item::Bytes(bytes) => encoder.bytes(bytes).unwrap(),
        Item::Items(items) => {
            encoder.array(items.len() as u64).unwrap();
            items.iter().for_each(|item| write(encoder, item));
            encoder
        }
        Item::Raw(bytes) => {
            encoder.writer_mut().extend_from_slice(bytes);
            encoder
        }
        Item::Text(text) => encoder.str(text).unwrap(),
        Item::Uint(value) => encoder.u64(*value).unwrap(),
    };
}

/// H of the parts, one after another.
pub(crate) fn h(parts: &[&[u8]]) -> [u8; 32] {
    digest(&SHA256, &parts.concat())
        .as_ref()
        .try_into()
        .unwrap()
}

/// The label that each kind is signed under.
pub(crate) fn label_of(kind: Kind) -> Label {
    match kind {
        Kind::Found => Label::FOUND,
        Kind::Enroll => Label::ENROLL,
        Kind::Deposit => Label::DEPOSIT,
        Kind::Request => Label::REQUEST,
        Kind::Evidence => Label::EVIDENCE,
        Kind::Veto => Label::VETO,
        Kind::Decision => Label::DECISION,
        Kind::Release => Label::RELEASE,
        Kind::Approval => Label::APPROVAL,
        Kind::Departed => Label::DEPARTED,
        Kind::PolicyChange => Label::POLICY_CHANGE,
        Kind::Restored => Label::RESTORED,
        Kind::Checked => Label::CHECKED,
        Kind::OwnBlob => Label::OWN_BLOB,
        Kind::Device => Label::DEVICE,
        Kind::RsaKey => Label::RSA_KEY,
        _ => unreachable!("every kind has a label"),
    }
}

/// A statement taken apart by hand.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) kind: u64,
    pub(crate) author: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) carried: Vec<u8>,
}

impl Parts {
    pub(crate) fn of(statement: &SignedStatement) -> Self {
        let mut decoder = Decoder::new(statement.as_bytes());
        assert_eq!(decoder.array().unwrap(), Some(5));
        let kind = decoder.u64().unwrap();
        let mut bytes = || decoder.bytes().unwrap().to_vec();
        Self {
            kind,
            author: bytes(),
            body: bytes(),
            signature: bytes(),
            carried: bytes(),
        }
    }

    /// Signs a body, whatever is in it, as a statement of this kind.
    pub(crate) fn sign(kind: Kind, key: &SigningKey, body: Vec<u8>, carried: Vec<u8>) -> Self {
        Self {
            kind: kind.code(),
            author: key.verifying_key().as_bytes().to_vec(),
            signature: key.sign(label_of(kind), &body).as_bytes().to_vec(),
            body,
            carried,
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        e(vec![
            Item::Uint(self.kind),
            Item::Bytes(&self.author),
            Item::Bytes(&self.body),
            Item::Bytes(&self.signature),
            Item::Bytes(&self.carried),
        ])
    }

    /// Returns what is said of the statement when it is parsed.
    pub(crate) fn error(&self) -> String {
        error_of(&self.to_bytes())
    }
}

/// Returns why bytes are no statement.
pub(crate) fn error_of(bytes: &[u8]) -> String {
    let error = SignedStatement::parse(bytes).expect_err("this is no statement");
    error.to_string()
}

/// A deposit or a release taken apart by hand.
#[derive(Clone)]
pub(crate) struct Batch {
    /// What stands before H(enc), each item encoded.
    pub(crate) head: Vec<Vec<u8>>,
    pub(crate) enc: Vec<u8>,
    pub(crate) keys: Vec<Key>,
}

/// One of its keys.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) serial: Vec<u8>,
    pub(crate) kind: u64,
    pub(crate) algorithm: u64,
    pub(crate) bits: u64,
    pub(crate) padding: u64,
    pub(crate) commitment: Vec<u8>,
    /// As carried, encoded.
    pub(crate) particulars: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
}

impl Batch {
    pub(crate) fn of(statement: &SignedStatement) -> Self {
        let parts = Parts::of(statement);
        let mut body = Decoder::new(&parts.body);
        let items = body.array().unwrap().unwrap();
        let head = (0..items - 2).map(|_| raw(&mut body)).collect();
        body.bytes().unwrap();
        let mut carried = Decoder::new(&parts.carried);
        assert_eq!(carried.array().unwrap(), Some(2));
        let enc = carried.bytes().unwrap().to_vec();
        let count = body.array().unwrap().unwrap();
        assert_eq!(carried.array().unwrap(), Some(count));
        let keys = (0..count).map(|_| Key::read(&mut body, &mut carried));
        let keys = keys.collect();
        Self { head, enc, keys }
    }

    /// `E(head.., H(enc), [(serial, kind, algorithm, bits, padding, commitment, H(particulars), H(sealed))..])`.
    pub(crate) fn body(&self) -> Vec<u8> {
        let enc = h(&[&self.enc]);
        let digests: Vec<_> = self
            .keys
            .iter()
            .map(|key| (h(&[&key.particulars]), h(&[&key.sealed])))
            .collect();
        let keys = self
            .keys
            .iter()
            .zip(&digests)
            .map(|(key, (particulars, sealed))| {
                let mut items = key.own(particulars);
                items.push(Item::Bytes(sealed));
                Item::Items(items)
            });
        let keys = Item::Items(keys.collect());
        let head = self.head.iter().map(|item| Item::Raw(item));
        e(head.chain([Item::Bytes(&enc), keys]).collect())
    }

    /// `E(enc, [(particulars, sealed)..])`.
    pub(crate) fn carried(&self) -> Vec<u8> {
        let keys = self
            .keys
            .iter()
            .map(|key| Item::Items(vec![Item::Raw(&key.particulars), Item::Bytes(&key.sealed)]));
        e(vec![Item::Bytes(&self.enc), Item::Items(keys.collect())])
    }

    pub(crate) fn sign(&self, kind: Kind, key: &SigningKey) -> Parts {
        Parts::sign(kind, key, self.body(), self.carried())
    }
}

impl Key {
    fn read(body: &mut Decoder<'_>, carried: &mut Decoder<'_>) -> Self {
        assert_eq!(body.array().unwrap(), Some(8));
        assert_eq!(carried.array().unwrap(), Some(2));
        let key = Self {
            serial: body.bytes().unwrap().to_vec(),
            kind: body.u64().unwrap(),
            algorithm: body.u64().unwrap(),
            bits: body.u64().unwrap(),
            padding: body.u64().unwrap(),
            commitment: body.bytes().unwrap().to_vec(),
            particulars: raw(carried),
            sealed: carried.bytes().unwrap().to_vec(),
        };
        body.skip().unwrap();
        body.skip().unwrap();
        key
    }

    /// The seven items of a label that differ within a statement.
    pub(crate) fn own<'i>(&'i self, particulars: &'i [u8; 32]) -> Vec<Item<'i>> {
        vec![
            Item::Bytes(&self.serial),
            Item::Uint(self.kind),
            Item::Uint(self.algorithm),
            Item::Uint(self.bits),
            Item::Uint(self.padding),
            Item::Bytes(&self.commitment),
            Item::Bytes(particulars),
        ]
    }
}

/// Returns the items of an array, each as it is encoded.
pub(crate) fn raw_items(array: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new(array);
    let items = decoder.array().unwrap().unwrap();
    (0..items).map(|_| raw(&mut decoder)).collect()
}

/// Reads one item, whatever it is, as it is encoded.
fn raw(decoder: &mut Decoder<'_>) -> Vec<u8> {
    let start = decoder.position();
    decoder.skip().unwrap();
    decoder.input()[start..decoder.position()].to_vec()
}

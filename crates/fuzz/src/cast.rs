//! Who signs what is made up: an authority, an owner and officers, of the seeds that the vectors have, and statements of
//! bytes that nobody vouches for.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use strongroom_protocol::Founding;
use strongroom_protocol::id::{AuthorityId, Digest, OwnerId, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::label::Label;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Found, Kind, SignedStatement};
use strongroom_protocol::wrap::SecretKey;

use crate::cbor::Item;
use crate::draw::{Draw, Seed};

pub(crate) const NOW: Time = Time::from_millis(1_790_000_000_000);

/// The signing keys there are. Which of them signs is drawn by its place.
pub(crate) struct Cast {
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) wrap_key: SecretKey,
    pub(crate) release_key: SecretKey,
    pub(crate) founding: Founding,
    pub(crate) owner: OwnerId,
}

pub(crate) const LOG: usize = 0;
pub(crate) const DEVICE: usize = 1;
pub(crate) const ASKING: usize = 2;
pub(crate) const CODE: usize = 3;
pub(crate) const STRANGER: usize = 4;
pub(crate) const OFFICERS: [(usize, &str); 3] = [(5, "ada"), (6, "bob"), (7, "cid")];

static CAST: LazyLock<Cast> = LazyLock::new(|| {
    let officer = |(_, name): &(usize, &str)| {
        let mut seed = [0x0f; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        seed
    };
    let seeds = [1, 4, 5, 6, 7].map(|byte| [byte; 32]);
    let seeds = seeds.into_iter().chain(OFFICERS.iter().map(officer));
    let keys: Vec<_> = seeds.map(|seed| SigningKey::from_seed(&seed)).collect();
    let wrap_key = SecretKey::from_seed(&[2; 32]);
    let found = Found {
        log_key: keys[LOG].verifying_key(),
        wrap_key: wrap_key.public_key(),
        policy: Policy::code_alone(),
        created: NOW,
    };
    let founding = SignedStatement::sign(found, &keys[LOG]);
    Cast {
        keys,
        wrap_key,
        release_key: SecretKey::from_seed(&[8; 32]),
        founding: Founding::new(founding).unwrap(),
        owner: OwnerId::from_bytes([3; 32]),
    }
});

pub(crate) fn cast() -> &'static Cast {
    &CAST
}

impl Cast {
    pub(crate) fn log_key(&self) -> &SigningKey {
        &self.keys[LOG]
    }

    pub(crate) fn authority(&self) -> AuthorityId {
        self.founding.authority()
    }
}

/// Signs any bytes as a statement of a kind: `E(kind, author, body, signature, carried)`.
pub(crate) fn sign(kind: Kind, body: &[u8], carried: &[u8], key: &SigningKey) -> Vec<u8> {
    Item::Array(vec![
        Item::Number(kind.code()),
        Item::bytes(key.verifying_key().as_bytes()),
        Item::bytes(body),
        Item::bytes(key.sign(label(kind), body).as_bytes()),
        Item::bytes(carried),
    ])
    .write()
}

/// The label of a kind, by its word: that of a kind that is new is found, too.
pub(crate) fn label(kind: Kind) -> Label {
    let text = format!("strongroom/{}/v1", kind.as_str().replace(' ', "-"));
    let label = Label::ALL.iter().find(|label| label.as_str() == text);
    *label.unwrap()
}

/// All kinds there are.
pub(crate) fn kinds() -> impl Iterator<Item = Kind> {
    (0..=255).filter_map(Kind::from_code)
}

/// A statement that is made up but for its signature.
pub(crate) struct Drawn {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
    pub(crate) carried: Vec<u8>,
    pub(crate) key: &'static SigningKey,
}

impl Drawn {
    /// The bits of how: whether the body and what is carried are written deterministically, and whether the body then has
    /// the digests of what is carried.
    const DETERMINISTIC: u8 = 1;
    const FITTED: u8 = 2;

    /// Draws a statement from all that is left.
    pub(crate) fn from(mut draw: Draw<'_>) -> Option<Self> {
        let kind = Kind::from_code(draw.byte().into())?;
        let key = draw.pick(&cast().keys);
        let how = draw.byte();
        let carried = draw.bytes().to_vec();
        let body = draw.rest().to_vec();
        let mut drawn = Self {
            kind,
            body,
            carried,
            key,
        };
        if how & Self::DETERMINISTIC != 0 {
            drawn.encode(how & Self::FITTED != 0);
        }
        Some(drawn)
    }

    fn encode(&mut self, fitted: bool) {
        let Some(mut body) = Item::read(&self.body) else {
            return;
        };
        if let Some(carried) = Item::read(&self.carried) {
            if fitted {
                fit(&mut body, &carried);
            }
            self.carried = carried.write();
        }
        self.body = body.write();
    }

    pub(crate) fn sign(&self) -> Vec<u8> {
        sign(self.kind, &self.body, &self.carried, self.key)
    }

    /// The seed that a statement is drawn from, whose author is one of the cast.
    pub(crate) fn seed(seed: Seed, statement: &[u8]) -> Vec<u8> {
        let wire = Item::read(statement).unwrap();
        let [kind, author, body, _, carried] = wire.as_array().unwrap() else {
            panic!("no statement");
        };
        let author = author.as_bytes().unwrap();
        let is_author = |key: &SigningKey| key.verifying_key().as_bytes() == author;
        let place = cast().keys.iter().position(is_author).unwrap();
        seed.number(kind.as_number().unwrap())
            .byte(u8::try_from(place).unwrap())
            .byte(Self::DETERMINISTIC | Self::FITTED)
            .bytes(&open(carried))
            .raw(&open(body))
            .done()
    }
}

/// Writes CBOR that is in a byte string open; nothing stays nothing.
fn open(item: &Item) -> Vec<u8> {
    let bytes = item.as_bytes().unwrap();
    Item::read(bytes).map_or_else(Vec::new, |item| item.write_open())
}

/// Puts the digests of ciphertexts and particulars into the body that speaks of them: `.., H(enc), [(.., H(particulars),
/// H(sealed))..]` beside `E(enc, [(particulars, sealed)..])`.
fn fit(body: &mut Item, carried: &Item) -> Option<()> {
    let digest = |bytes: &[u8]| Item::bytes(Digest::of(&[bytes]).as_bytes());
    let [encapsulation, carried] = carried.as_array()? else {
        return None;
    };
    let [.., encapsulation_digest, keys] = body.as_array_mut()? else {
        return None;
    };
    *encapsulation_digest = digest(encapsulation.as_bytes()?);
    for (key, carried) in keys.as_array_mut()?.iter_mut().zip(carried.as_array()?) {
        let ([.., particulars_digest, sealed_digest], [particulars, sealed]) =
            (key.as_array_mut()?, carried.as_array()?)
        else {
            return None;
        };
        *particulars_digest = digest(&particulars.write());
        *sealed_digest = digest(sealed.as_bytes()?);
    }
    Some(())
}

/// Reads a file of `spec/`.
pub(crate) fn read_spec(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    fs::read(folder.join(file)).unwrap()
}

/// Returns the values of a field in a file of vectors.
pub(crate) fn vectors(file: &str, field: &str) -> Vec<String> {
    let text = String::from_utf8(read_spec(&format!("vectors/{file}"))).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    let values = lines.filter(|(name, _)| *name == field);
    values.map(|(_, value)| value.to_owned()).collect()
}

/// Returns a statement of each kind, and some more, as the vectors have them.
pub(crate) fn statements() -> Vec<SignedStatement> {
    let texts = vectors("statement/accept.txt", "statement");
    let statements = texts
        .iter()
        .map(|text| SignedStatement::parse(&unhex(text)));
    statements.map(Result::unwrap).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let digits = digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16));
    digits.map(Result::unwrap).collect()
}

/// Changes one bit of bytes that are not empty.
pub(crate) fn flip(bytes: &[u8], place: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = usize::try_from(place % (bytes.len() as u64 * 8)).unwrap();
    bytes[place / 8] ^= 1 << (place % 8);
    bytes
}

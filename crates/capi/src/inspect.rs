//! What any BLOB says, field by field, or where it breaks: for people, so as data that can be printed or put in JSON.
//!
//! It reads as far as it can, where the readers stop at the first fault; whether a blob is good, they alone decide. What
//! they take beyond the form that is written is among the remarks. No private part and no session key is shown, nor a padded one that was never encrypted. Of a blob that is cut off, the two
//! can't be told apart.

mod rsa;
mod session;

use crate::blob::{BlobType, Header, Malformed};
use crate::{PrivateKey, PublicKey, SessionKey, SimpleBlob};

/// What a BLOB says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What it is, if its first byte says so.
    pub kind: Option<BlobType>,
    /// Its fields in their order, as far as there are bytes.
    pub fields: Vec<Field>,
    /// What follows from them, that no field says alone.
    pub remarks: Vec<String>,
    /// Where it breaks: the first thing that a strict reader refuses. Nothing, if the BLOB is good. Of a kind that
    /// this crate does not read, the header alone is judged.
    pub fault: Option<Malformed>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it begins.
    pub offset: usize,
    /// How many bytes it has; fewer than it should, if the BLOB ends within it.
    pub length: usize,
    /// Its name in CryptoAPI's documentation.
    pub name: &'static str,
    /// Its value, in hexadecimal or as a number. `not shown`, where it is secret.
    pub value: String,
    /// What it means.
    pub meaning: String,
}

/// Explains a BLOB.
#[must_use]
pub fn inspect(blob: &[u8]) -> Inspection {
    let mut walk = Walk::new(blob);
    let kind = walk.header();
    let fault = match kind {
        Some(BlobType::Simple) => {
            walk.simple_blob();
            SimpleBlob::from_bytes(blob).err()
        }
        Some(BlobType::PublicKey) => {
            walk.public_key();
            PublicKey::from_blob(blob).err()
        }
        Some(BlobType::PrivateKey) => {
            walk.private_key();
            PrivateKey::from_blob(blob).err()
        }
        Some(BlobType::PlaintextKey) => {
            walk.plaintext_key();
            SessionKey::from_plaintext_blob(blob).err()
        }
        Some(
            BlobType::Opaque
            | BlobType::PublicKeyEx
            | BlobType::SymmetricWrapKey
            | BlobType::KeyState,
        )
        | None => Header::read(blob).err(),
    };
    walk.end();
    Inspection {
        kind,
        fields: walk.fields,
        remarks: walk.remarks,
        fault,
    }
}

const NOT_SHOWN: &str = "not shown";

/// Takes a blob apart without minding what is in it.
struct Walk<'a> {
    rest: &'a [u8],
    offset: usize,
    fields: Vec<Field>,
    remarks: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(blob: &'a [u8]) -> Self {
        Self {
            rest: blob,
            offset: 0,
            fields: Vec::new(),
            remarks: Vec::new(),
        }
    }

    fn header(&mut self) -> Option<BlobType> {
        let kind = self
            .rest
            .first()
            .and_then(|number| BlobType::from_number(*number));
        self.number::<1>("bType", |_| match kind {
            Some(kind) => format!("{kind}: {}", kind.meaning()),
            None => "no type of BLOB".to_owned(),
        });
        self.number::<1>("bVersion", |version| match version {
            2 => "the version of all BLOBs".to_owned(),
            _ => "not 2, which all BLOBs have".to_owned(),
        });
        self.number::<2>("reserved", |reserved| match reserved {
            0 => "nothing, as it must be".to_owned(),
            _ => "not zero, which it must be".to_owned(),
        });
        self.number::<4>("aiKeyAlg", session::algorithm_name);
        kind
    }

    /// What follows in a buffer that was longer, behind a BLOB that is all there.
    fn tail(&mut self, after: &str) {
        let count = self.rest.len();
        if count > 0 {
            self.secret(
                "tail",
                count,
                "bytes behind the BLOB, which CryptImportKey ignores",
            );
            self.remark(format!(
                "{count} bytes follow {after}: the buffer was longer than the BLOB. They are ignored, and never written."
            ));
        }
    }

    /// Whatever is left belongs to nothing that is known.
    fn end(&mut self) {
        if !self.rest.is_empty() {
            let count = self.rest.len();
            self.secret("rest", count, "bytes that this program cannot read");
        }
    }

    /// A number of N bytes, if there are as many.
    fn number<const N: usize>(
        &mut self,
        name: &'static str,
        meaning: impl FnOnce(u32) -> String,
    ) -> Option<u32> {
        let (bytes, whole) = self.take(N);
        let number = bytes
            .iter()
            .rev()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        match (bytes.is_empty(), whole) {
            (true, _) => None,
            (false, false) => {
                self.field(name, bytes.len(), hex(bytes), CUT_OFF.to_owned());
                None
            }
            (false, true) => {
                let value = format!("0x{number:0width$x}", width = 2 * N);
                self.field(name, N, value, meaning(number));
                Some(number)
            }
        }
    }

    /// Bytes that may be seen, shown from the most significant one. Gives them back in the blob's order, if all are there.
    fn shown(&mut self, name: &'static str, length: usize, meaning: &str) -> Option<&'a [u8]> {
        let (bytes, whole) = self.take(length);
        let shown: Vec<u8> = bytes.iter().rev().copied().collect();
        self.bytes(name, bytes, hex(&shown), meaning, whole);
        whole.then_some(bytes)
    }

    /// Bytes that are nobody's business, or nobody's knowledge.
    fn secret(&mut self, name: &'static str, length: usize, meaning: &str) {
        let (bytes, whole) = self.take(length);
        self.bytes(name, bytes, NOT_SHOWN.to_owned(), meaning, whole);
    }

    fn bytes(
        &mut self,
        name: &'static str,
        bytes: &[u8],
        value: String,
        meaning: &str,
        whole: bool,
    ) {
        if bytes.is_empty() {
            return;
        }
        let meaning = if whole { meaning } else { CUT_OFF };
        self.field(name, bytes.len(), value, meaning.to_owned());
    }

    /// The next bytes, as many as there are, and whether these are all.
    fn take(&mut self, length: usize) -> (&'a [u8], bool) {
        let there = length.min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(there);
        self.rest = rest;
        self.offset += there;
        (bytes, there == length)
    }

    /// Notes the field just taken.
    fn field(&mut self, name: &'static str, length: usize, value: String, meaning: String) {
        self.fields.push(Field {
            offset: self.offset - length,
            length,
            name,
            value,
            meaning,
        });
    }

    fn remark(&mut self, remark: impl Into<String>) {
        self.remarks.push(remark.into());
    }
}

const CUT_OFF: &str = "cut off: the BLOB ends here";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

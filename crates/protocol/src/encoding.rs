//! The one deterministic encoding: CBOR, RFC 8949 §4.2.1, of arrays, unsigned integers, byte strings and
//! texts alone. Not a general CBOR codec: maps, floats, tags and indefinite lengths are refused.

use minicbor::decode::Decoder;
use minicbor::encode::Encoder;

/// Peers' bytes that are not the one encoding of what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what} near byte {position}")]
pub struct Malformed {
    what: &'static str,
    position: usize,
}

impl Malformed {
    /// Says that `what` could not be read at byte `position`.
    #[must_use]
    pub fn new(what: &'static str, position: usize) -> Self {
        Self { what, position }
    }
}

/// A value with exactly one encoding.
pub(crate) trait Canonical: Sized {
    fn write(&self, writer: &mut Writer);
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Implements [`Canonical`] for a struct as an array of its fields, in the order given.
macro_rules! canonical_struct {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::encoding::Canonical for $name {
            fn write(&self, writer: &mut $crate::encoding::Writer) {
                writer.array([$(stringify!($field)),+].len());
                $(writer.item(&self.$field);)+
            }

            fn read(
                reader: &mut $crate::encoding::Reader<'_>,
            ) -> Result<Self, $crate::encoding::Malformed> {
                reader.array([$(stringify!($field)),+].len() as u64, stringify!($name))?;
                Ok(Self { $($field: reader.item()?),+ })
            }
        }
    };
}
pub(crate) use canonical_struct;

/// Returns the one encoding of `value`.
pub(crate) fn encode(value: &impl Canonical) -> Vec<u8> {
    let mut writer = Writer::new();
    value.write(&mut writer);
    writer.into_bytes()
}

/// Reads a value from the whole of `bytes`.
///
/// What is read is encoded again and compared: whatever else CBOR allows (longer integers, trailing
/// bytes, indefinite lengths) is refused without a rule for each.
pub(crate) fn decode<T: Canonical>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut reader = Reader::new(bytes);
    let value = T::read(&mut reader)?;
    if encode(&value) != bytes {
        return Err(Malformed::new(
            "encoding (not deterministic)",
            reader.position(),
        ));
    }
    Ok(value)
}

/// Writes items one after another into memory; cannot fail.
pub(crate) struct Writer(Encoder<Vec<u8>>);

impl Writer {
    pub(crate) fn new() -> Self {
        Self(Encoder::new(Vec::new()))
    }

    /// Begins where so many bytes have room: a secret that is moved leaves a copy behind.
    pub(crate) fn behind(mut begun: Vec<u8>, room: usize) -> Self {
        begun.reserve_exact(room);
        Self(Encoder::new(begun))
    }

    pub(crate) fn array(&mut self, items: usize) -> &mut Self {
        self.put(|encoder| encoder.array(items as u64).is_ok())
    }

    pub(crate) fn uint(&mut self, value: u64) -> &mut Self {
        self.put(|encoder| encoder.u64(value).is_ok())
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.put(|encoder| encoder.bytes(value).is_ok())
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.put(|encoder| encoder.str(value).is_ok())
    }

    pub(crate) fn item(&mut self, value: &impl Canonical) -> &mut Self {
        value.write(self);
        self
    }

    pub(crate) fn items<T: Canonical>(&mut self, values: &[T]) -> &mut Self {
        self.array(values.len());
        for value in values {
            value.write(self);
        }
        self
    }

    pub(crate) fn uints(&mut self, values: &[u64]) -> &mut Self {
        self.array(values.len());
        for value in values {
            self.uint(*value);
        }
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_writer()
    }

    fn put(&mut self, write: impl FnOnce(&mut Encoder<Vec<u8>>) -> bool) -> &mut Self {
        let written = write(&mut self.0);
        debug_assert!(written, "writing into a vector does not fail");
        self
    }
}

/// Reads items one after another.
pub(crate) struct Reader<'b>(Decoder<'b>);

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self(Decoder::new(bytes))
    }

    pub(crate) fn position(&self) -> usize {
        self.0.position()
    }

    /// Reads the head of an array of exactly `items` items.
    pub(crate) fn array(&mut self, items: u64, what: &'static str) -> Result<(), Malformed> {
        if self.0.array().ok().flatten() == Some(items) {
            Ok(())
        } else {
            Err(self.malformed(what))
        }
    }

    pub(crate) fn uint(&mut self, what: &'static str) -> Result<u64, Malformed> {
        self.0.u64().map_err(|_| self.malformed(what))
    }

    pub(crate) fn bytes(&mut self, what: &'static str) -> Result<&'b [u8], Malformed> {
        self.0.bytes().map_err(|_| self.malformed(what))
    }

    pub(crate) fn byte_array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], Malformed> {
        self.bytes(what)?
            .try_into()
            .map_err(|_| self.malformed(what))
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<&'b str, Malformed> {
        self.0.str().map_err(|_| self.malformed(what))
    }

    pub(crate) fn item<T: Canonical>(&mut self) -> Result<T, Malformed> {
        T::read(self)
    }

    /// Reads a text of at most `most` bytes.
    pub(crate) fn short_text(
        &mut self,
        most: usize,
        what: &'static str,
    ) -> Result<String, Malformed> {
        let text = self.text(what)?;
        if text.len() > most {
            return Err(self.malformed(what));
        }
        Ok(text.to_owned())
    }

    /// Reads an array of at most `most` items. Memory grows with the items read, never with the number claimed.
    pub(crate) fn items<T: Canonical>(
        &mut self,
        most: u64,
        what: &'static str,
    ) -> Result<Vec<T>, Malformed> {
        let Some(count) = self.0.array().ok().flatten().filter(|count| *count <= most) else {
            return Err(self.malformed(what));
        };
        (0..count).map(|_| T::read(self)).collect()
    }

    /// Reads an array of at most `most` numbers.
    pub(crate) fn uints(&mut self, most: u64, what: &'static str) -> Result<Vec<u64>, Malformed> {
        let Some(count) = self.0.array().ok().flatten().filter(|count| *count <= most) else {
            return Err(self.malformed(what));
        };
        (0..count).map(|_| self.uint(what)).collect()
    }

    /// Reads the number of items of an array of at least one.
    pub(crate) fn count(&mut self, what: &'static str) -> Result<u64, Malformed> {
        let count = self.0.array().ok().flatten();
        count
            .filter(|count| *count > 0)
            .ok_or_else(|| self.malformed(what))
    }

    pub(crate) fn malformed(&self, what: &'static str) -> Malformed {
        Malformed::new(what, self.0.position())
    }
}

/// The length in bytes of the longest text that is an item by itself: a name. What may be longer says how long.
pub(crate) const NAME_BYTES_MAX: usize = 256;

impl Canonical for String {
    fn write(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.short_text(NAME_BYTES_MAX, "name")
    }
}

/// Nothing, or one thing: an array of none or one.
impl<T: Canonical> Canonical for Option<T> {
    fn write(&self, writer: &mut Writer) {
        match self {
            None => writer.array(0),
            Some(value) => writer.array(1).item(value),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(reader.items(1, "optional value")?.pop())
    }
}

impl Canonical for bool {
    fn write(&self, writer: &mut Writer) {
        writer.uint((*self).into());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.uint("yes or no")? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(reader.malformed("yes or no")),
        }
    }
}

impl Canonical for u64 {
    fn write(&self, writer: &mut Writer) {
        writer.uint(*self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.uint("number")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Pair {
        first: u64,
        second: Vec<u8>,
    }

    impl Canonical for Pair {
        fn write(&self, writer: &mut Writer) {
            writer.array(2).uint(self.first).bytes(&self.second);
        }

        fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
            reader.array(2, "pair")?;
            Ok(Self {
                first: reader.uint("first")?,
                second: reader.bytes("second")?.to_vec(),
            })
        }
    }

    #[test]
    fn other_encodings_of_the_same_value_are_refused() {
        assert!(decode::<Pair>(&[0x82, 0x01, 0x41, 0xaa]).is_ok());
        for other in [
            &[0x82, 0x18, 0x01, 0x41, 0xaa][..],   // a longer integer
            &[0x82, 0x01, 0x58, 0x01, 0xaa],       // a longer length
            &[0x9f, 0x01, 0x41, 0xaa, 0xff],       // an array without a length
            &[0x82, 0x01, 0x5f, 0x41, 0xaa, 0xff], // bytes in pieces
            &[0x82, 0x01, 0x41, 0xaa, 0x00],       // something behind
            &[0x82, 0x01, 0x41],                   // cut
            &[0xc1, 0x82, 0x01, 0x41, 0xaa],       // a tag
        ] {
            assert!(decode::<Pair>(other).is_err(), "{other:02x?}");
        }
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(pair) = decode::<Pair>(&bytes) {
                prop_assert_eq!(encode(&pair), bytes);
            }
        }
    }
}

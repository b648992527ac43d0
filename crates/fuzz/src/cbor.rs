//! The CBOR of arrays, numbers, byte strings and texts, taken apart without knowing what it is: read in whatever encoding,
//! written in the one that is deterministic. Written anew, so that it shares no mistake with the reader that it tests.
//!
//! Arrays and texts can also be open, ended by a byte of ones, so that libFuzzer makes them longer or shorter with one change
//! instead of two that fit.

/// An item of CBOR. A text need not be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Number(u64),
    Bytes(Vec<u8>),
    Text(Vec<u8>),
    Array(Vec<Item>),
}

impl Item {
    const DEPTH_MAX: u8 = 12;

    /// Reads an item from the whole of `bytes`.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let item = Self::take(&mut rest, Self::DEPTH_MAX)?;
        rest.is_empty().then_some(item)
    }

    fn take(rest: &mut &[u8], depth: u8) -> Option<Self> {
        let (head, behind) = rest.split_first()?;
        *rest = behind;
        match *head {
            OPEN_TEXT => return take_open_text(rest),
            OPEN_ARRAY => {
                let depth = depth.checked_sub(1)?;
                let mut items = Vec::new();
                while *rest.first()? != END {
                    items.push(Self::take(rest, depth)?);
                }
                take_array::<1>(rest)?;
                return Some(Self::Array(items));
            }
            _ => {}
        }
        let argument = match head & 0x1f {
            small @ 0..24 => small.into(),
            24 => u64::from(take_array::<1>(rest)?[0]),
            25 => u16::from_be_bytes(take_array(rest)?).into(),
            26 => u32::from_be_bytes(take_array(rest)?).into(),
            27 => u64::from_be_bytes(take_array(rest)?),
            _ => return None,
        };
        match head >> 5 {
            0 => Some(Self::Number(argument)),
            2 => take_string(rest, argument).map(Self::Bytes),
            3 => take_string(rest, argument).map(Self::Text),
            4 => {
                let depth = depth.checked_sub(1)?;
                // Each item takes a byte at least.
                let count = usize::try_from(argument).ok()?;
                let count = (count <= rest.len()).then_some(count)?;
                let items = (0..count).map(|_| Self::take(rest, depth));
                items.collect::<Option<_>>().map(Self::Array)
            }
            _ => None,
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        bytes
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Number(number) => put_head(bytes, 0, *number),
            Self::Bytes(string) => {
                put_head(bytes, 2, string.len() as u64);
                bytes.extend(string);
            }
            Self::Text(string) => {
                put_head(bytes, 3, string.len() as u64);
                bytes.extend(string);
            }
            Self::Array(items) => {
                put_head(bytes, 4, items.len() as u64);
                items.iter().for_each(|item| item.put(bytes));
            }
        }
    }

    /// Writes it with all that can be open.
    pub(crate) fn write_open(&self) -> Vec<u8> {
        match self {
            Self::Number(_) | Self::Bytes(_) => self.write(),
            Self::Text(string) => [&[OPEN_TEXT], &string[..], &[END]].concat(),
            Self::Array(items) => {
                let items: Vec<u8> = items.iter().flat_map(Self::write_open).collect();
                [&[OPEN_ARRAY], &items[..], &[END]].concat()
            }
        }
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            Self::Number(_) | Self::Bytes(_) | Self::Text(_) => None,
        }
    }

    pub(crate) fn as_array_mut(&mut self) -> Option<&mut [Self]> {
        match self {
            Self::Array(items) => Some(items),
            Self::Number(_) | Self::Bytes(_) | Self::Text(_) => None,
        }
    }

    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) | Self::Array(_) | Self::Text(_) => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Bytes(_) | Self::Array(_) | Self::Text(_) => None,
        }
    }
}

const OPEN_TEXT: u8 = 0x7f;
const OPEN_ARRAY: u8 = 0x9f;
const END: u8 = 0xff;

/// No text has the byte that ends it.
fn take_open_text(rest: &mut &[u8]) -> Option<Item> {
    let end = rest.iter().position(|byte| *byte == END)?;
    let (text, behind) = rest.split_at(end);
    *rest = &behind[1..];
    Some(Item::Text(text.to_vec()))
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*array)
}

fn take_string(rest: &mut &[u8], length: u64) -> Option<Vec<u8>> {
    let (string, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = behind;
    Some(string.to_vec())
}

fn put_head(bytes: &mut Vec<u8>, kind: u8, argument: u64) {
    let wide = argument.to_be_bytes();
    let (short, from) = match argument {
        0..24 => return bytes.push(kind << 5 | wide[7]),
        24..0x100 => (24, 7),
        0x100..0x1_0000 => (25, 6),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 0),
    };
    bytes.push(kind << 5 | short);
    bytes.extend(&wide[from..]);
}

//! Values drawn from made-up bytes, front to back, and the seeds that such values are drawn from. Not `arbitrary`, which
//! takes lengths from the end: what is drawn here is written by hand as well.

/// Made-up bytes that values are taken from. When they are used up, all is zero.
pub(crate) struct Draw<'b>(&'b [u8]);

impl<'b> Draw<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Takes a number below `most`, which is at most 256.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most
    }

    pub(crate) fn pick<'p, T>(&mut self, from: &'p [T]) -> &'p T {
        &from[self.below(from.len())]
    }

    /// Takes a number: small ones are one byte, and the largest are two.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            0xfc => u16::from_be_bytes(self.array()).into(),
            0xfd => u32::from_be_bytes(self.array()).into(),
            0xfe => u64::from_be_bytes(self.array()),
            0xff => u64::MAX - u64::from(self.byte()),
            small => small.into(),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        array.fill_with(|| self.byte());
        array
    }

    /// Takes as many bytes as a number before them says, or all there are.
    pub(crate) fn bytes(&mut self) -> &'b [u8] {
        let length = usize::try_from(self.number()).unwrap_or(usize::MAX);
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    pub(crate) fn rest(self) -> &'b [u8] {
        self.0
    }
}

/// Bytes that given values are drawn from.
#[derive(Default)]
pub(crate) struct Seed(Vec<u8>);

impl Seed {
    /// Draws as [`Draw::byte`], [`Draw::flag`], [`Draw::below`] or [`Draw::pick`], one after another.
    pub(crate) fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        Self(bytes.into_iter().collect())
    }

    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        match number {
            0..=0xfb => self.0.push(number.to_be_bytes()[7]),
            _ => {
                self.0.push(0xfe);
                self.0.extend(number.to_be_bytes());
            }
        }
        self
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        self.number(bytes.len() as u64).raw(bytes)
    }

    /// Draws as [`Draw::array`], or as [`Draw::rest`] at the end.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

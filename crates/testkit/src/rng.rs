//! Randomness that is the same each time: SHA-256 over a seed and a counter. For tests alone.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use strongroom_protocol::id::Digest;

/// A source of bytes that follow from its seed.
#[derive(Debug)]
pub struct TestRng {
    seed: u64,
    counter: u64,
}

impl TestRng {
    /// Returns the source of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }
}

impl TryRng for TestRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(Digest::BYTES) {
            self.counter += 1;
            let block = Digest::of(&[&self.seed.to_le_bytes(), &self.counter.to_le_bytes()]);
            chunk.copy_from_slice(&block.as_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for TestRng {}

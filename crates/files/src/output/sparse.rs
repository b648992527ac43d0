//! Zeros that need no place on a disk. Not whether the disk knows holes: where it does not, it writes the zeros itself.

/// As long as this is what becomes a hole, at least: a file of many small ones is slow to read.
const HOLE_BYTES: usize = 32 << 10;

static ZEROS: [u8; HOLE_BYTES] = [0; HOLE_BYTES];

/// Returns how many bytes at the beginning are zeros, in whole holes.
pub(super) fn leading_zeros(bytes: &[u8]) -> usize {
    bytes.chunks(HOLE_BYTES).take_while(is_hole).count() * HOLE_BYTES
}

/// Returns the beginning, up to the first hole.
pub(super) fn until_zeros(bytes: &[u8]) -> &[u8] {
    let before = bytes.chunks(HOLE_BYTES).take_while(|chunk| !is_hole(chunk));
    let length = before.map(<[u8]>::len).sum();
    bytes.get(..length).unwrap_or(bytes)
}

fn is_hole(chunk: &&[u8]) -> bool {
    *chunk == ZEROS
}

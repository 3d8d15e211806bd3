//! As the compiler sees fit.

#[cfg(any(test, not(target_arch = "x86_64")))]
use super::{CELL, Stencil};

/// The bytes of blocks that are NUL, by their high bits.
#[derive(Clone, Copy)]
#[cfg(any(test, not(target_arch = "x86_64")))]
pub struct Lowest(u64);

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Lowest {
    /// Of no block.
    #[inline]
    pub fn of_none() -> Self {
        Self(0)
    }

    /// Whether a NUL stands in one of the blocks.
    #[inline]
    pub fn is_nul(self) -> bool {
        self.0 != 0
    }
}

/// Bit n is set where byte n of `block` is `byte`. The block is added to the `lowest`.
#[inline]
#[cfg(any(test, not(target_arch = "x86_64")))]
pub fn find(block: &[u8; super::BLOCK], byte: u8, lowest: &mut Lowest) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    /// Gathers the lowest bits of eight bytes in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = block.as_chunks::<8>();
    // The high bit of each byte that is zero, exactly: no borrow crosses a byte.
    let zeros = |word: u64| !(((word & LOW) + LOW) | word | LOW);
    words.iter().rev().fold(0, |map, word| {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ u64::from_ne_bytes([byte; 8])) >> 7;
        lowest.0 |= zeros(word);
        (map << 8) | (found.wrapping_mul(GATHER) >> 56)
    })
}

/// The sum of `bytes` modulo 256.
#[inline]
pub fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

/// A keyed hash of the bytes that the masks keep: NH (RFC 4418, 5.2), with neighbours for its pairs of words.
#[inline]
#[cfg(any(test, not(target_arch = "x86_64")))]
pub fn mark(cells: &[[u8; CELL]], masks: &[[u8; CELL]], key: &[[u8; CELL]]) -> u64 {
    let words = |of: &[u8; CELL]| {
        let (words, _) = of.as_chunks();
        std::array::from_fn::<u32, 8, _>(|n| words.get(n).map_or(0, |word| u32::from_le_bytes(*word)))
    };
    let mut sum: u64 = 0;
    for ((cell, mask), key) in cells.iter().zip(masks).zip(key) {
        let mut keyed = words(cell);
        for ((word, mask), key) in keyed.iter_mut().zip(words(mask)).zip(words(key)) {
            *word = (*word & mask).wrapping_add(key);
        }
        let (pairs, _) = keyed.as_chunks();
        for [a, b] in pairs {
            sum = sum.wrapping_add(u64::from(*a) * u64::from(*b));
        }
    }
    sum
}

/// The sum of `bytes` modulo 256, if they fit: the first stencil the first [`CELL`] of them, the others the last ones,
/// whatever of those the first has as well. What holds a NUL does not fit.
#[inline]
#[cfg(any(test, not(target_arch = "x86_64")))]
pub fn fit(bytes: &[u8], stencils: &[Stencil]) -> Option<u8> {
    let (first, others) = stencils.split_first()?;
    let head = bytes.len().checked_sub(others.len() * CELL).filter(|head| *head <= CELL)?;
    let (cells, _) = bytes.get(head..)?.as_chunks::<CELL>();
    let fits = |(cell, stencil): (&[u8; CELL], &Stencil)| {
        let equal = cell.iter().zip(stencil.bytes).map(|(is, wanted)| u32::from(*is == wanted));
        equal.rev().fold(0, |map, bit| map << 1 | bit) == stencil.fixed
    };
    let all =
        fits((bytes.first_chunk()?, first)) && cells.iter().zip(others).all(fits) && !bytes.contains(&0);
    all.then(|| sum(bytes))
}

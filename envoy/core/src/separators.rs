//! The separators of a message, in order, found for 64 bytes at a time.
//!
//! A search for each field's end costs a call and leaves the next field waiting for its result. A map of 64 bytes costs
//! little more than one search, and the next separator is then one bit further on.

use crate::frame::SOH;

/// Walks over the offsets of SOH.
pub struct Separators<'a> {
    bytes: &'a [u8],
    /// Offset of the block that the map is of.
    block: usize,
    /// Bit n is set where byte n of the block is a separator not walked over yet.
    map: u64,
}

impl<'a> Separators<'a> {
    /// The separators of `bytes`.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, block: 0, map: map(bytes) }
    }

    /// The next one. (An `Iterator` would promise more than is used, and a cheap `next` is the purpose.)
    #[inline]
    pub fn next_offset(&mut self) -> Option<usize> {
        while self.map == 0 {
            self.block += 64;
            let rest = self.bytes.get(self.block..).filter(|rest| !rest.is_empty())?;
            self.map = map(rest);
        }
        let offset = self.block + self.map.trailing_zeros() as usize;
        self.map &= self.map - 1;
        Some(offset)
    }
}

/// Bit n is set where byte n of the first 64 is a separator.
#[inline]
fn map(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<64>() {
        Some(block) => map_block(block),
        None => {
            // Padding is no separator.
            let mut block = [0; 64];
            block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            map_block(&block)
        }
    }
}

#[inline]
fn map_block(block: &[u8; 64]) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    const SOHS: u64 = u64::from_ne_bytes([SOH; 8]);
    /// Gathers the lowest bits of eight bytes in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = block.as_chunks::<8>();
    words.iter().rev().fold(0, |map, word| {
        let differing = u64::from_le_bytes(*word) ^ SOHS;
        // The high bit of each byte that is zero, exactly: no borrow crosses a byte.
        let found = !(((differing & LOW) + LOW) | differing | LOW) >> 7;
        (map << 8) | (found.wrapping_mul(GATHER) >> 56)
    })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_separator_and_nothing_else() {
        for len in 0..200 {
            for step in 1..70 {
                let mut bytes: Vec<u8> = (0..len).map(|n| if n % 3 == 0 { 0x81 } else { 0 }).collect();
                let places: Vec<usize> = (step - 1..len).step_by(step).collect();
                places.iter().for_each(|place| bytes[*place] = SOH);
                let mut separators = Separators::of(&bytes);
                let found: Vec<usize> = std::iter::from_fn(|| separators.next_offset()).collect();
                assert_eq!(found, places, "{len} {step}");
            }
        }
    }

    #[test]
    fn every_other_byte_is_none() {
        let others: Vec<u8> = (0..=u8::MAX).filter(|byte| *byte != SOH).collect();
        assert_eq!(Separators::of(&others).next_offset(), None);
    }
}

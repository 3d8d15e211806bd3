//! The separators of a message, in order, found for 64 bytes at a time.
//!
//! A search for each field's end costs a call and leaves the next field waiting for its result. A map of 64 bytes costs
//! little more than one search, and the next separator is then one bit further on. On the way NUL is noticed, too.

use crate::frame::SOH;
use crate::simd::{BLOCK, Lowest, find};

/// Walks over the offsets of SOH.
pub struct Separators<'a> {
    bytes: &'a [u8],
    /// Offset of the block that the map is of.
    block: usize,
    /// Bit n is set where byte n of the block is a separator not walked over yet.
    map: u64,
    /// Of the blocks that were looked at.
    lowest: Lowest,
}

impl<'a> Separators<'a> {
    /// The separators of `bytes`.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        let mut lowest = Lowest::of_none();
        Self { bytes, block: 0, map: map(bytes, bytes, &mut lowest), lowest }
    }

    /// The next one. (An `Iterator` would promise more than is used, and a cheap `next` is the purpose.)
    #[inline]
    pub fn next_offset(&mut self) -> Option<usize> {
        while self.map == 0 {
            self.block += BLOCK;
            let rest = self.bytes.get(self.block..).filter(|rest| !rest.is_empty())?;
            self.map = map(rest, self.bytes, &mut self.lowest);
        }
        let offset = self.block + self.map.trailing_zeros() as usize;
        self.map &= self.map - 1;
        Some(offset)
    }

    /// Whether a NUL stands before the last separator that was given, or close behind it.
    #[inline]
    pub fn met_nul(&self) -> bool {
        self.lowest.is_nul()
    }
}

/// Bit n is set where byte n of the first 64 of `rest`, the end of `bytes`, is a separator.
#[inline]
fn map(rest: &[u8], bytes: &[u8], lowest: &mut Lowest) -> u64 {
    match (rest.first_chunk(), bytes.last_chunk()) {
        (Some(block), _) => find(block, SOH, lowest),
        // The last 64, less those that stand before the rest.
        (None, Some(block)) => find(block, SOH, lowest).unbounded_shr((BLOCK - rest.len()) as u32),
        (None, None) => map_short(rest, lowest),
    }
}

/// Less than a block in all.
#[cold]
fn map_short(bytes: &[u8], lowest: &mut Lowest) -> u64 {
    // Padding is neither separator nor NUL.
    let mut block = [0xff; BLOCK];
    block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    find(&block, SOH, lowest)
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
    fn notices_nul_in_every_place() {
        for len in 1..200 {
            let mut bytes = vec![b'x'; len];
            bytes[len - 1] = SOH;
            let met_nul = |bytes: &[u8]| {
                let mut separators = Separators::of(bytes);
                while separators.next_offset().is_some() {}
                separators.met_nul()
            };
            assert!(!met_nul(&bytes));
            for place in 0..len - 1 {
                let mut bytes = bytes.clone();
                bytes[place] = 0;
                assert!(met_nul(&bytes), "{len} {place}");
            }
        }
    }

    #[test]
    fn every_other_byte_is_none() {
        let others: Vec<u8> = (0..=u8::MAX).filter(|byte| *byte != SOH).collect();
        assert_eq!(Separators::of(&others).next_offset(), None);
    }
}

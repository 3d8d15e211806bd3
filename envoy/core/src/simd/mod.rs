//! Blocks of bytes at once: where a byte stands, the sum, whether they fit what is known, a hash of some.
//!
//! On x86-64 by SSE2, which every such processor has, so that nothing is chosen at run time; elsewhere as the compiler
//! sees fit. Both give the same.

mod portable;
#[cfg(target_arch = "x86_64")]
mod sse2;

#[cfg(not(target_arch = "x86_64"))]
pub use portable::{Lowest, find, fit, mark, sum};
#[cfg(target_arch = "x86_64")]
pub use sse2::{Lowest, find, fit, mark, sum};

use crate::frame::SOH;

/// Bytes of which [`find`] makes one map.
pub const BLOCK: usize = 64;
/// Bytes of a [`Stencil`], a mask and a key.
pub const CELL: usize = 32;

/// What [`CELL`] bytes of a message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stencil {
    /// Those that must be so; in the others' places, SOH.
    pub bytes: [u8; CELL],
    /// Bit n is set where byte n must be so; any other must be neither SOH nor NUL.
    pub fixed: u32,
}

impl Stencil {
    /// Anything but SOH and NUL, all over.
    pub const BLANK: Self = Self { bytes: [SOH; CELL], fixed: 0 };

    /// The byte in this place must be this one.
    pub fn fix(&mut self, place: usize, byte: u8) {
        if let Some(at) = self.bytes.get_mut(place) {
            *at = byte;
            self.fixed |= 1 << place;
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn both_find_every_byte_in_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                for filler in [0, 1, 0x81, 0xff] {
                    let mut block = [filler; BLOCK];
                    block[place] = byte;
                    let map = (0..BLOCK).fold(0, |map, n| map | u64::from(block[n] == 1) << n);
                    let plain = (map, block.contains(&0));
                    let (mut lowest, mut other) = (Lowest::of_none(), portable::Lowest::of_none());
                    let found = (find(&block, 1, &mut lowest), lowest.is_nul());
                    let portable = (portable::find(&block, 1, &mut other), other.is_nul());
                    assert_eq!((found, portable), (plain, plain), "{byte} {place}");
                }
            }
        }
    }

    /// For these bytes, with a blank in every third place.
    fn stencils(bytes: &[u8]) -> Vec<Stencil> {
        let mut stencils = vec![Stencil::BLANK; bytes.len().div_ceil(CELL)];
        let head = bytes.len() - (stencils.len() - 1) * CELL;
        for (n, stencil) in stencils.iter_mut().enumerate() {
            let start = if n == 0 { 0 } else { head + (n - 1) * CELL };
            for place in (0..CELL).filter(|place| (start + place) % 3 != 1) {
                stencil.fix(place, bytes[start + place]);
            }
        }
        stencils
    }

    #[test]
    fn both_fit_what_differs_in_blanks_alone() {
        for length in CELL as u8..=100 {
            let bytes: Vec<u8> = (0..length).map(|n| b'a' + n % 26).collect();
            let stencils = stencils(&bytes);
            let both = |bytes: &[u8]| (fit(bytes, &stencils), portable::fit(bytes, &stencils));
            assert_eq!(both(&bytes), (Some(sum(&bytes)), Some(sum(&bytes))));
            for place in 0..usize::from(length) {
                for byte in 0..=u8::MAX {
                    let mut other = bytes.clone();
                    other[place] = byte;
                    let fits = if place % 3 == 1 { byte > SOH } else { byte == bytes[place] };
                    let wanted = fits.then(|| sum(&other));
                    assert_eq!(both(&other), (wanted, wanted), "{length} {place} {byte}");
                }
            }
        }
    }

    #[test]
    fn what_has_not_the_length_of_the_stencils_does_not_fit() {
        let bytes: Vec<u8> = (0..100).map(|n| b'a' + n).collect();
        for length in CELL..=bytes.len() {
            let stencils = stencils(&bytes[..length]);
            for other in (0..=bytes.len()).filter(|other| other.div_ceil(CELL) != stencils.len()) {
                let both = (fit(&bytes[..other], &stencils), portable::fit(&bytes[..other], &stencils));
                assert_eq!(both, (None, None), "{length} {other}");
            }
        }
        assert_eq!((fit(&bytes, &[]), portable::fit(&bytes, &[])), (None, None));
    }

    #[test]
    fn a_mark_is_of_what_the_masks_keep() {
        let cells: [[u8; CELL]; 3] =
            std::array::from_fn(|n| std::array::from_fn(|m| (n * 37 + m * 11) as u8));
        let key: [[u8; CELL]; 4] =
            std::array::from_fn(|n| std::array::from_fn(|m| (n * 91 + m * 53 + 7) as u8));
        let masks: [[u8; CELL]; 2] =
            std::array::from_fn(|n| std::array::from_fn(|m| 0xff * u8::from((n + m) % 3 == 0)));
        let plain = mark(&cells, &masks, &key);
        assert_eq!(plain, portable::mark(&cells, &masks, &key));
        for place in 0..3 * CELL {
            for bit in 0..8 {
                let mut other = cells;
                other.as_flattened_mut()[place] ^= 1 << bit;
                let kept = masks.as_flattened().get(place) == Some(&0xff);
                let marks = (mark(&other, &masks, &key), portable::mark(&other, &masks, &key));
                assert_eq!(marks.0, marks.1);
                assert_eq!(marks.0 != plain, kept, "{place} {bit}");
            }
        }
        let mut another = key;
        another[0][0] ^= 1;
        assert_ne!(mark(&cells, &masks, &another), plain);
        assert_eq!(mark(&cells, &[], &key), 0);
    }

    #[test]
    fn both_sum_any_number_of_bytes() {
        let bytes: Vec<u8> = (0..200_u8).map(|n| n.wrapping_mul(151).wrapping_add(7)).collect();
        for end in 0..=bytes.len() {
            for start in 0..end.min(40) {
                let bytes = &bytes[start..end];
                let plain = bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>() as u8;
                assert_eq!((sum(bytes), portable::sum(bytes)), (plain, plain), "{start}..{end}");
            }
        }
    }
}

//! Blocks of bytes at once: where a byte stands, and the sum.
//!
//! On x86-64 by SSE2, which every such processor has, so that nothing is chosen at run time; elsewhere as the compiler
//! sees fit. Both give the same.

/// Bytes of which [`find`] makes one map.
pub const BLOCK: usize = 64;

#[cfg(target_arch = "x86_64")]
pub use sse2::{find, sum};

#[cfg(not(target_arch = "x86_64"))]
pub use portable::{find, sum};

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::BLOCK;
    use safe_arch::{
        add_i8_m128i, bitand_m128i, cmp_eq_mask_i8_m128i, load_unaligned_m128i, move_mask_i8_m128i,
        set_splat_i8_m128i, sum_of_u8_abs_diff_m128i, zeroed_m128i,
    };

    /// Bytes of a register.
    const LANES: usize = 16;

    /// Bit n is set where byte n of `block` is `byte`.
    #[inline]
    pub fn find(block: &[u8; BLOCK], byte: u8) -> u64 {
        let (quarters, _) = block.as_chunks::<LANES>();
        quarters.iter().rev().fold(0, |map, quarter| {
            let equal = cmp_eq_mask_i8_m128i(load_unaligned_m128i(quarter), set_splat_i8_m128i(byte as i8));
            (map << LANES) | u64::from(move_mask_i8_m128i(equal) as u32)
        })
    }

    /// The sum of `bytes` modulo 256.
    #[inline]
    pub fn sum(bytes: &[u8]) -> u8 {
        /// Read at n: n lanes that keep theirs, behind others that do not.
        const KEEP: [[u8; LANES]; 2] = [[0; LANES], [0xff; LANES]];
        let (chunks, rest) = bytes.as_chunks::<LANES>();
        let mut sums = zeroed_m128i();
        for chunk in chunks {
            sums = add_i8_m128i(sums, load_unaligned_m128i(chunk));
        }
        let keep = KEEP.as_flattened().get(rest.len()..).and_then(|keep| keep.first_chunk());
        match (bytes.last_chunk(), keep) {
            // The last sixteen, without those that are summed already.
            (Some(last), Some(keep)) => {
                let unsummed = bitand_m128i(load_unaligned_m128i(last), load_unaligned_m128i(keep));
                let sums = sum_of_u8_abs_diff_m128i(add_i8_m128i(sums, unsummed), zeroed_m128i());
                let [low, high]: [i64; 2] = sums.into();
                low.wrapping_add(high) as u8
            }
            _ => super::portable::sum(bytes),
        }
    }
}

mod portable {
    /// Bit n is set where byte n of `block` is `byte`.
    #[inline]
    #[cfg(any(test, not(target_arch = "x86_64")))]
    pub fn find(block: &[u8; super::BLOCK], byte: u8) -> u64 {
        const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
        /// Gathers the lowest bits of eight bytes in the highest byte.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let (words, _) = block.as_chunks::<8>();
        words.iter().rev().fold(0, |map, word| {
            let differing = u64::from_le_bytes(*word) ^ u64::from_ne_bytes([byte; 8]);
            // The high bit of each byte that is zero, exactly: no borrow crosses a byte.
            let found = !(((differing & LOW) + LOW) | differing | LOW) >> 7;
            (map << 8) | (found.wrapping_mul(GATHER) >> 56)
        })
    }

    /// The sum of `bytes` modulo 256.
    #[inline]
    pub fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
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
                    let plain = (0..BLOCK).fold(0, |map, n| map | u64::from(block[n] == 1) << n);
                    assert_eq!(
                        (find(&block, 1), portable::find(&block, 1)),
                        (plain, plain),
                        "{byte} {place}"
                    );
                }
            }
        }
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

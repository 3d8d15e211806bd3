//! Blocks of bytes at once: where a byte stands, the sum, whether they fit a pattern.
//!
//! On x86-64 by SSE2, which every such processor has, so that nothing is chosen at run time; elsewhere as the compiler
//! sees fit. Both give the same.

/// Bytes of which [`find`] makes one map.
pub const BLOCK: usize = 64;

#[cfg(target_arch = "x86_64")]
pub use sse2::{find, fit, sum};

#[cfg(not(target_arch = "x86_64"))]
pub use portable::{find, fit, sum};

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::BLOCK;
    use crate::frame::SOH;
    use safe_arch::{
        add_i8_m128i, bitand_m128i, bitandnot_m128i, bitor_m128i, cmp_eq_mask_i8_m128i, load_unaligned_m128i,
        m128i, move_mask_i8_m128i, set_splat_i8_m128i, sum_of_u8_abs_diff_m128i, zeroed_m128i,
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
        let (chunks, rest) = bytes.as_chunks::<LANES>();
        let mut sums = zeroed_m128i();
        for chunk in chunks {
            sums = add_i8_m128i(sums, load_unaligned_m128i(chunk));
        }
        match (bytes.last_chunk(), keep(rest.len())) {
            // The last sixteen, without those that are summed already.
            (Some(last), Some(keep)) => total(add_i8_m128i(
                sums,
                bitand_m128i(load_unaligned_m128i(last), load_unaligned_m128i(keep)),
            )),
            _ => super::portable::sum(bytes),
        }
    }

    /// The sum of `bytes` modulo 256, if they are those of `pattern` but where that has zeros, and no [`SOH`] is there.
    #[inline]
    pub fn fit(bytes: &[u8], pattern: &[u8]) -> Option<u8> {
        if bytes.len() != pattern.len() {
            return None;
        }
        let ((chunks, rest), (patterns, _)) = (bytes.as_chunks::<LANES>(), pattern.as_chunks::<LANES>());
        let (mut sums, mut all) = (zeroed_m128i(), set_splat_i8_m128i(-1));
        for (chunk, pattern) in chunks.iter().zip(patterns) {
            let chunk = load_unaligned_m128i(chunk);
            sums = add_i8_m128i(sums, chunk);
            all = bitand_m128i(all, fitting(chunk, load_unaligned_m128i(pattern)));
        }
        match (bytes.last_chunk(), pattern.last_chunk(), keep(rest.len())) {
            (Some(last), Some(pattern), Some(keep)) => {
                let last = load_unaligned_m128i(last);
                sums = add_i8_m128i(sums, bitand_m128i(last, load_unaligned_m128i(keep)));
                all = bitand_m128i(all, fitting(last, load_unaligned_m128i(pattern)));
                (move_mask_i8_m128i(all) == 0xffff).then(|| total(sums))
            }
            _ => super::portable::fit(bytes, pattern),
        }
    }

    /// Ones in the bytes that fit.
    #[inline]
    fn fitting(bytes: m128i, pattern: m128i) -> m128i {
        let blank = cmp_eq_mask_i8_m128i(pattern, zeroed_m128i());
        let separator = cmp_eq_mask_i8_m128i(bytes, set_splat_i8_m128i(SOH as i8));
        bitor_m128i(cmp_eq_mask_i8_m128i(bytes, pattern), bitandnot_m128i(separator, blank))
    }

    /// Lanes of which the last `rest` keep theirs.
    #[inline]
    fn keep(rest: usize) -> Option<&'static [u8; LANES]> {
        const KEEP: [[u8; LANES]; 2] = [[0; LANES], [0xff; LANES]];
        KEEP.as_flattened().get(rest..).and_then(|keep| keep.first_chunk())
    }

    /// The sum of all lanes.
    #[inline]
    fn total(sums: m128i) -> u8 {
        let [low, high]: [i64; 2] = sum_of_u8_abs_diff_m128i(sums, zeroed_m128i()).into();
        low.wrapping_add(high) as u8
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

    /// The sum of `bytes` modulo 256, if they are those of `pattern` but where that has zeros, and no SOH is there.
    #[inline]
    pub fn fit(bytes: &[u8], pattern: &[u8]) -> Option<u8> {
        let fits = |(byte, wanted): (&u8, &u8)| byte == wanted || *wanted == 0 && *byte != crate::frame::SOH;
        (bytes.len() == pattern.len() && bytes.iter().zip(pattern).all(fits)).then(|| sum(bytes))
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
    fn both_fit_what_differs_in_blanks_alone() {
        for length in 0..100 {
            let bytes: Vec<u8> = (0..length).map(|n| b'a' + n % 26).collect();
            let mut pattern = bytes.clone();
            pattern.iter_mut().skip(1).step_by(3).for_each(|byte| *byte = 0);
            assert_eq!(
                (fit(&bytes, &pattern), portable::fit(&bytes, &pattern)),
                (Some(sum(&bytes)), Some(sum(&bytes)))
            );
            assert_eq!(fit(&bytes, &[pattern.as_slice(), b"x"].concat()), None);
            for place in 0..usize::from(length) {
                for byte in 0..=u8::MAX {
                    let mut other = bytes.clone();
                    other[place] = byte;
                    let fits = if pattern[place] == 0 { byte != 1 } else { byte == bytes[place] };
                    let wanted = fits.then(|| sum(&other));
                    assert_eq!(
                        (fit(&other, &pattern), portable::fit(&other, &pattern)),
                        (wanted, wanted),
                        "{place} {byte}"
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

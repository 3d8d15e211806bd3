//! By the registers of 16 bytes that every x86-64 processor has.

use super::{BLOCK, CELL, Stencil};
use safe_arch::{
    add_i8_m128i, add_i32_m128i, add_i64_m128i, bitand_m128i, cmp_eq_mask_i8_m128i, load_unaligned_m128i,
    m128i, min_u8_m128i, move_mask_i8_m128i, mul_widen_u32_odd_m128i, set_splat_i8_m128i, shr_imm_u64_m128i,
    sum_of_u8_abs_diff_m128i, zeroed_m128i,
};

/// Bytes of a register.
const LANES: usize = 16;

/// The lowest bytes of blocks, in their lanes: what NUL is noticed by.
#[derive(Clone, Copy)]
pub struct Lowest(m128i);

impl Lowest {
    /// Of no block.
    #[inline]
    pub fn of_none() -> Self {
        Self(set_splat_i8_m128i(-1))
    }

    /// Whether a NUL stands in one of the blocks.
    #[inline]
    pub fn is_nul(self) -> bool {
        has_nul(self.0)
    }
}

/// Bit n is set where byte n of `block` is `byte`. The block is added to the `lowest`.
#[inline]
pub fn find(block: &[u8; BLOCK], byte: u8, lowest: &mut Lowest) -> u64 {
    let (quarters, _) = block.as_chunks::<LANES>();
    quarters.iter().rev().fold(0, |map, quarter| {
        let quarter = load_unaligned_m128i(quarter);
        let equal = cmp_eq_mask_i8_m128i(quarter, set_splat_i8_m128i(byte as i8));
        lowest.0 = min_u8_m128i(lowest.0, quarter);
        (map << LANES) | u64::from(move_mask_i8_m128i(equal) as u32)
    })
}

#[inline]
fn has_nul(bytes: m128i) -> bool {
    move_mask_i8_m128i(cmp_eq_mask_i8_m128i(bytes, zeroed_m128i())) != 0
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
        (Some(last), Some(keep)) => {
            total(add_i8_m128i(sums, bitand_m128i(load_unaligned_m128i(last), load_unaligned_m128i(keep))))
        }
        _ => super::portable::sum(bytes),
    }
}

/// The sum of `bytes` modulo 256, if they fit: the first stencil the first [`CELL`] of them, the others the last ones,
/// whatever of those the first has as well. What holds a NUL does not fit.
#[inline]
pub fn fit(bytes: &[u8], stencils: &[Stencil]) -> Option<u8> {
    let (first, others) = stencils.split_first()?;
    let head = bytes.len().checked_sub(others.len() * CELL)?;
    let (cells, _) = bytes.get(head..)?.as_chunks::<CELL>();
    let cell = halves(bytes.first_chunk()?);
    let [low, high] = halves(kept(head)?);
    let mut sums = [bitand_m128i(cell[0], low), bitand_m128i(cell[1], high)];
    let mut misfits = misfit(cell, first);
    let mut lowest = cell;
    for (cell, stencil) in cells.iter().zip(others) {
        let cell = halves(cell);
        sums = [add_i8_m128i(sums[0], cell[0]), add_i8_m128i(sums[1], cell[1])];
        misfits |= misfit(cell, stencil);
        lowest = [min_u8_m128i(lowest[0], cell[0]), min_u8_m128i(lowest[1], cell[1])];
    }
    let [low, high] = lowest;
    (misfits == 0 && !has_nul(min_u8_m128i(low, high))).then(|| total(add_i8_m128i(sums[0], sums[1])))
}

#[inline]
fn halves(cell: &[u8; CELL]) -> [m128i; 2] {
    let (halves, _) = cell.as_chunks();
    match halves {
        [low, high] => [load_unaligned_m128i(low), load_unaligned_m128i(high)],
        _ => [zeroed_m128i(); 2],
    }
}

/// Zero if all fits.
#[inline]
fn misfit([low, high]: [m128i; 2], stencil: &Stencil) -> u32 {
    let [l, h] = halves(&stencil.bytes);
    let equal = |a, b| move_mask_i8_m128i(cmp_eq_mask_i8_m128i(a, b)) as u32;
    (equal(low, l) | equal(high, h) << LANES) ^ stencil.fixed
}

/// Ones in the first `count` bytes.
#[inline]
fn kept(count: usize) -> Option<&'static [u8; CELL]> {
    const KEPT: [[u8; CELL]; 2] = [[0xff; CELL], [0; CELL]];
    KEPT.as_flattened().get(CELL.checked_sub(count)?..)?.first_chunk()
}

/// A keyed hash of the bytes that the masks keep: NH (RFC 4418, 5.2), with neighbours for its pairs of words.
#[inline]
pub fn mark(cells: &[[u8; CELL]], masks: &[[u8; CELL]], key: &[[u8; CELL]]) -> u64 {
    let mut sums = [zeroed_m128i(); 2];
    for ((cell, mask), key) in cells.iter().zip(masks).zip(key) {
        let (cell, mask, key) = (halves(cell), halves(mask), halves(key));
        for ((sum, half), (mask, key)) in sums.iter_mut().zip(cell).zip(mask.into_iter().zip(key)) {
            let words = add_i32_m128i(bitand_m128i(half, mask), key);
            *sum = add_i64_m128i(*sum, mul_widen_u32_odd_m128i(words, shr_imm_u64_m128i::<32>(words)));
        }
    }
    let [low, high]: [i64; 2] = add_i64_m128i(sums[0], sums[1]).into();
    low.wrapping_add(high) as u64
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

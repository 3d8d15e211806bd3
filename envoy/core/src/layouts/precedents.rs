//! Precedents: messages that passed by a kept decision, so that one like them in all that decides passes by it at a glance.
//!
//! A precedent is a layout with the fields that decide filled in. What fits it is laid out as that message was and says
//! the same where it matters, so the decision found for the one is the other's. It is looked for by a hash of the bytes
//! that decide. The hash only finds it: the whole message has to fit. It is keyed, so that nobody can make up messages
//! that share one and are looked through one by one.

use super::MAX_LENGTH;
use super::pattern::{Pattern, Shape};
use crate::msg_type::MsgType;
use crate::simd::{self, CELL, Stencil};
use crate::swar::Digits;
use hashbrown::HashTable;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::VecDeque;

/// What all may have; beyond it, those learnt first go first.
const MAX_STENCILS: usize = 8 * 1_024;

/// The precedents of one direction of a session; `H` is what a decision is held by.
#[derive(Debug)]
pub(super) struct Precedents<H> {
    known: HashTable<Precedent<H>>,
    /// The marks of all, in the order in which they were learnt.
    order: VecDeque<u64>,
    /// How many all have.
    stencils: usize,
    seed: u64,
    /// Made with the first precedent.
    key: Vec<[u8; CELL]>,
}

/// A message that passed.
#[derive(Debug)]
pub(super) struct Precedent<H> {
    mark: u64,
    held: H,
    msg_type: MsgType,
    shape: Shape,
    stencils: Box<[Stencil]>,
}

/// A message that is like an earlier one in all that decides.
#[derive(Debug, Clone, Copy)]
pub struct Alike<'a, H> {
    /// MsgType (35).
    pub msg_type: MsgType,
    /// The message, CheckSum included.
    pub message: &'a [u8],
    /// MsgSeqNum (34).
    pub number: Digits,
    /// The decision.
    pub held: H,
}

impl<H: Copy> Precedent<H> {
    /// `message`, if it is like this one in all that decides.
    #[inline]
    pub fn read<'a>(&self, message: &'a [u8]) -> Option<Alike<'a, H>> {
        let number = self.shape.read(&self.stencils, message)?;
        Some(Alike { msg_type: self.msg_type, message, number, held: self.held })
    }
}

/// Which bytes of a layout's messages tell precedents apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mask {
    /// Where the first of the cells stands.
    start: usize,
    /// Ones where bytes count.
    cells: Box<[[u8; CELL]]>,
    /// No other layout has it.
    salt: u64,
}

impl Mask {
    /// Of the bytes in these runs (where they start, and their lengths, in their order) of a message of `length` bytes. Those
    /// that no cell is left for do not count. `salt` is to be the layout's own.
    pub fn of(runs: &[(u16, u16)], length: usize, salt: u64) -> Self {
        let run = |run: Option<&(u16, u16)>| run.map_or((0, 0), |(start, length)| (*start, start + length));
        let ((first, _), (_, end)) = (run(runs.first()), run(runs.last()));
        let count = usize::from(end - first).div_ceil(CELL).min(length / CELL);
        let start = usize::from(first).min(length - count * CELL);
        let mut cells = vec![[0; CELL]; count];
        for (from, length) in runs {
            let from = usize::from(*from) - start;
            let counting = cells.as_flattened_mut().iter_mut().skip(from).take((*length).into());
            counting.for_each(|byte| *byte = 0xff);
        }
        Self { start, cells: cells.into(), salt }
    }
}

impl<H: Copy> Precedents<H> {
    /// None yet. `seed` must not be known to who sends messages.
    pub fn new(seed: u64) -> Self {
        let (known, order) = (HashTable::new(), VecDeque::new());
        Self { known, order, stencils: 0, seed, key: Vec::new() }
    }

    /// The hash of those bytes that tell.
    #[inline]
    pub fn mark(&self, message: &[u8], mask: &Mask) -> Option<u64> {
        let (cells, _) = message.get(mask.start..)?.as_chunks();
        let mark = simd::mark(cells.get(..mask.cells.len())?, &mask.cells, &self.key);
        // The table takes its places from the lowest bits, and tells those in a place apart by the highest.
        let mark = mark.wrapping_add(mask.salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Some(mark ^ (mark >> 32))
    }

    /// The one of this mark and shape.
    #[inline]
    pub fn find(&self, mark: u64, shape: Shape) -> Option<&Precedent<H>> {
        self.known.find(mark, |known| known.mark == mark && known.shape == shape)
    }

    /// `message` passed by this decision; this is its layout's mask, and its pattern with all that decides.
    pub fn add(&mut self, message: &[u8], mask: &Mask, pattern: Pattern, msg_type: MsgType, held: H) {
        if self.key.is_empty() {
            self.key = vec![[0; CELL]; MAX_LENGTH / CELL];
            ChaCha12Rng::seed_from_u64(self.seed).fill_bytes(self.key.as_flattened_mut());
        }
        let Some(mark) = self.mark(message, mask) else { return };
        self.stencils += pattern.stencils.len();
        let precedent =
            Precedent { mark, held, msg_type, shape: pattern.shape, stencils: pattern.stencils.into() };
        let is_it = |known: &Precedent<H>| known.mark == mark && known.shape == pattern.shape;
        if let Some(known) = self.known.find_mut(mark, is_it) {
            // It stays where it is in the order.
            self.stencils -= known.stencils.len();
            *known = precedent;
            return;
        }
        while self.stencils > MAX_STENCILS
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(oldest);
        }
        self.known.insert_unique(mark, precedent, |known| known.mark);
        self.order.push_back(mark);
    }

    fn remove(&mut self, mark: u64) {
        if let Ok(known) = self.known.find_entry(mark, |known| known.mark == mark) {
            let (gone, _) = known.remove();
            self.stencils -= gone.stencils.len();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::message::Field;

    const LENGTH: usize = 100;

    struct Added {
        message: Vec<u8>,
        pattern: Pattern,
        mask: Mask,
    }

    /// The `n`th of many messages, all of which decides.
    fn nth(n: usize) -> Added {
        let message = format!("{n:0LENGTH$}").into_bytes();
        let mut pattern = Pattern::blank(LENGTH, &Field { tag: 34, start: 0, value: 3, end: 4 }).unwrap();
        pattern.fix(&message, 0..LENGTH - 7);
        Added { message, pattern, mask: Mask::of(&[(68, 32)], LENGTH, 0) }
    }

    fn add(precedents: &mut Precedents<usize>, n: usize) {
        let Added { message, pattern, mask } = nth(n);
        precedents.add(&message, &mask, pattern, MsgType::LOGON, n);
    }

    fn find(precedents: &Precedents<usize>, n: usize) -> Option<usize> {
        let Added { message, pattern, mask } = nth(n);
        let mark = precedents.mark(&message, &mask)?;
        precedents.find(mark, pattern.shape).map(|known| known.held)
    }

    #[test]
    fn beyond_their_bound_those_learnt_first_go_first() {
        let each = nth(0).pattern.stencils.len();
        let most = MAX_STENCILS / each;
        let mut precedents = Precedents::new(7);
        (0..most).for_each(|n| add(&mut precedents, n));
        assert!((0..most).all(|n| find(&precedents, n) == Some(n)));
        // One that is learnt anew is none more, and keeps its turn.
        (0..3).for_each(|_| add(&mut precedents, 0));
        assert!((0..most).all(|n| find(&precedents, n) == Some(n)));
        add(&mut precedents, most);
        assert_eq!(find(&precedents, 0), None);
        assert!((1..=most).all(|n| find(&precedents, n) == Some(n)));
        assert_eq!((precedents.known.len(), precedents.order.len()), (most, most));
        assert_eq!(precedents.stencils, most * each);
    }

    #[test]
    fn a_mask_has_the_bytes_of_its_runs_as_far_as_cells_reach() {
        let of = |runs: &[(u16, u16)], length| {
            let mask = Mask::of(runs, length, 0);
            let ones = |(at, byte): (usize, &u8)| (*byte == 0xff).then_some(mask.start + at);
            let counting: Vec<usize> =
                mask.cells.as_flattened().iter().enumerate().filter_map(ones).collect();
            (mask.cells.len(), counting)
        };
        assert_eq!(of(&[], 100), (0, vec![]));
        assert_eq!(of(&[(40, 2), (60, 1)], 100), (1, vec![40, 41, 60]));
        assert_eq!(of(&[(40, 2), (90, 1)], 100), (2, vec![40, 41, 90]));
        // Moved to the front, so as not to reach beyond the message.
        assert_eq!(of(&[(95, 2)], 100), (1, vec![95, 96]));
        assert_eq!(of(&[(20, 1), (98, 2)], 100), (3, vec![20, 98, 99]));
        assert_eq!(of(&[(2, 1), (98, 2)], 100), (3, vec![2]));
    }
}

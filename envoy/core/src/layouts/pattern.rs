//! A pattern: what messages are alike in, and blanks for what may differ.

use super::MAX_LENGTH;
use crate::frame::{TRAILER, ends};
use crate::message::Field;
use crate::simd::{self, CELL, Stencil};
use crate::swar::{self, Digits};
use std::ops::Range;

/// A message's tags, separators and some of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub shape: Shape,
    /// Of all before CheckSum (10): see [`simd::fit`].
    pub stencils: Vec<Stencil>,
}

/// What of a pattern is not in its stencils: how long it is, and where the value of MsgSeqNum (34) starts and how long
/// that is. In one word, to be compared as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape(u64);

impl Shape {
    fn new(length: usize, number: &Field) -> Self {
        Self(length as u64 | u64::from(number.value) << 16 | u64::from(number.end - number.value) << 32)
    }

    /// Of the whole message.
    #[inline]
    fn length(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    /// The message at the head of `bytes`, if there are as many.
    #[inline]
    pub fn cut(self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(..self.length())
    }

    /// MsgSeqNum (34) of a message, if that has this length, fits the stencils and adds up.
    #[inline]
    pub fn read(self, stencils: &[Stencil], message: &[u8]) -> Option<Digits> {
        if message.len() != self.length() {
            return None;
        }
        let sum = simd::fit(message.get(..message.len().checked_sub(TRAILER)?)?, stencils)?;
        if message.last_chunk() != Some(&ends(sum)) {
            return None;
        }
        let word = swar::word_at(message, (self.0 >> 16 & 0xffff) as usize)?;
        swar::digits(word, (self.0 >> 32) as u32).filter(|digits| !digits.is_zero())
    }
}

impl Pattern {
    /// All blanks, for messages of this length; `None` for a length that no pattern is made for.
    pub fn blank(length: usize, number: &Field) -> Option<Self> {
        if !(CELL + TRAILER..=MAX_LENGTH).contains(&length) || number.end - number.value > 8 {
            return None;
        }
        let stencils = vec![Stencil::BLANK; (length - TRAILER).div_ceil(CELL)];
        Some(Self { shape: Shape::new(length, number), stencils })
    }

    /// What stands in this range of `message` stays as it is.
    pub fn fix(&mut self, message: &[u8], range: Range<usize>) {
        let Some((first, others)) = self.stencils.split_first_mut() else { return };
        let head = self.shape.length() - TRAILER - others.len() * CELL;
        let bytes = message.get(range.clone()).unwrap_or_default();
        for (at, byte) in range.zip(bytes) {
            first.fix(at, *byte);
            if let Some(at) = at.checked_sub(head)
                && let Some(stencil) = others.get_mut(at / CELL)
            {
                stencil.fix(at % CELL, *byte);
            }
        }
    }
}

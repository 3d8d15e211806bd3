//! Layouts: how messages that were read before are laid out, so that one like them is read again at a glance.
//!
//! Of two messages with the same tags and separators in the same places, the strict profile says the same, but for what it
//! asks of single values: that MsgSeqNum (34) is a number, and that identifiers are printable. So a message that was read
//! whole leaves a pattern behind: its frame, tags and separators as they stand, and blanks for its values. Whatever fits
//! the pattern, has no separator in a blank, and sums up to its CheckSum (10), is framed, and is read, as that one was. What
//! would need more leaves none: length and data fields, PossDupFlag (43).
//!
//! A layout also has the runs of fields that decide. [`Ground`] says how: by a decision that is kept under their bytes, or,
//! where nobody is asked, by being what they were, which makes them part of the pattern. Every identifying field is in them,
//! so what was said of the identifiers then holds now. A message of no known layout is read as ever.

use crate::frame::{TRAILER, ends};
use crate::message::{Field, Message};
use crate::msg_type::MsgType;
use crate::profile::Profile;
use crate::simd;
use crate::swar;
use crate::tags;

/// Layouts are kept in so many sets, told apart by how a message begins.
const SETS: usize = 64;
/// The most of a set; one more takes the place of the oldest.
const WAYS: usize = 8;
/// Longer messages are read as ever.
const MAX_LENGTH: usize = 1_024;
/// What all patterns may take.
const MAX_BYTES: usize = 64 * 1_024;
/// Where BodyLength (9) stands: what a message's set is told by begins there.
const BEGIN: usize = "8=FIX.4.4|9=".len();
/// A blank in a pattern; no part of a frame or tag.
const BLANK: u8 = 0;

/// Why messages of a layout pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// By a decision that is kept under the bytes of the runs.
    Kept,
    /// Nobody is asked about the type.
    Free,
}

/// How a message is laid out.
#[derive(Debug)]
pub struct Layout {
    /// MsgType (35).
    pub msg_type: MsgType,
    /// Why its messages pass.
    pub ground: Ground,
    /// The bytes from [`BEGIN`] on.
    begin: u64,
    /// All before CheckSum (10), [`BLANK`] where a value may be another.
    pattern: Box<[u8]>,
    /// Where the runs of fields that decide start, and their lengths.
    runs: Box<[(u16, u16)]>,
    /// The same of the value of MsgSeqNum (34).
    number: (u16, u16),
}

/// A message of a known layout.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'known, 'a> {
    /// Its layout.
    pub layout: &'known Layout,
    /// The message, CheckSum included.
    pub message: &'a [u8],
    /// MsgSeqNum (34).
    pub seq: u32,
}

/// Bytes of a message's and all that stands behind them there, so that they can be copied a block at a time.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// From the first byte on.
    pub bytes: &'a [u8],
    /// How many of them are meant.
    pub length: usize,
}

impl<'a> Part<'a> {
    /// The bytes of `message` from `start` to before `end`.
    #[inline]
    pub fn of(message: &'a [u8], start: u32, end: u32) -> Option<Self> {
        Some(Self { bytes: message.get(start as usize..)?, length: end.checked_sub(start)? as usize })
    }
}

impl<'known, 'a> Sighting<'known, 'a> {
    /// The runs of fields that decide.
    #[inline]
    pub fn parts(&self) -> impl Iterator<Item = Option<Part<'a>>> + use<'known, 'a> {
        let Self { layout, message, .. } = *self;
        layout.runs.iter().map(|(start, length)| {
            Some(Part { bytes: message.get(usize::from(*start)..)?, length: usize::from(*length) })
        })
    }
}

/// The layouts of one direction of a session.
#[derive(Debug, Default)]
pub struct Layouts {
    sets: Vec<Set>,
    /// The length of all patterns.
    bytes: usize,
    /// What may still be spent on learning: messages that pass earn it.
    credit: u32,
}

#[derive(Debug, Default)]
struct Set {
    layouts: Vec<Layout>,
    /// The oldest.
    next: usize,
}

impl Layouts {
    /// The message at the head of `bytes`, if its layout is known.
    #[inline]
    pub fn sight<'a>(&self, bytes: &'a [u8]) -> Option<Sighting<'_, 'a>> {
        let begin = swar::word_at(bytes, BEGIN)?;
        let set = self.sets.get(set_of(begin))?;
        set.layouts.iter().filter(|layout| layout.begin == begin).find_map(|layout| layout.sight(bytes))
    }

    /// So many messages passed at a glance.
    #[inline]
    pub fn earn(&mut self, passed: usize) {
        self.credit = self.credit.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
    }

    /// Learns the layout of a message that passed on this ground, and that the fields `decides` tells of decide.
    pub fn learn(
        &mut self,
        message: &Message<'_>,
        profile: &Profile,
        ground: Ground,
        decides: impl Fn(u32) -> bool,
    ) {
        if !self.affords() {
            return;
        }
        let Some(layout) = Layout::of(message, profile, ground, decides) else { return };
        if self.bytes + layout.pattern.len() > MAX_BYTES {
            self.forget();
        }
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, Set::default);
        }
        let Some(set) = self.sets.get_mut(set_of(layout.begin)) else { return };
        self.bytes += layout.pattern.len();
        self.bytes -= set.put(layout);
    }

    /// Where messages are hardly ever alike, only one in so many is learnt.
    fn affords(&mut self) -> bool {
        const PRICE: u32 = 16;
        /// Of the first ones, all are.
        const LOAN: u32 = 1_024 * PRICE;
        if self.sets.is_empty() {
            self.credit = LOAN;
        }
        let affords = self.credit >= PRICE;
        self.credit = if affords { self.credit - PRICE } else { self.credit + 1 };
        affords
    }

    fn forget(&mut self) {
        self.sets.iter_mut().for_each(|set| *set = Set::default());
        self.bytes = 0;
    }
}

impl Set {
    /// Adds a layout; the length of the pattern that had to go.
    fn put(&mut self, layout: Layout) -> usize {
        let known = self.layouts.iter().position(|known| known.pattern == layout.pattern);
        let at = known.unwrap_or(if self.layouts.len() < WAYS { self.layouts.len() } else { self.next });
        match self.layouts.get_mut(at) {
            None => {
                self.layouts.push(layout);
                0
            }
            Some(old) => {
                if known.is_none() {
                    self.next = (at + 1) % WAYS;
                }
                std::mem::replace(old, layout).pattern.len()
            }
        }
    }
}

impl Layout {
    fn of(
        message: &Message<'_>,
        profile: &Profile,
        ground: Ground,
        decides: impl Fn(u32) -> bool,
    ) -> Option<Self> {
        if message.bytes.len() > MAX_LENGTH {
            return None;
        }
        let (_, fields) = message.fields.split_last()?;
        let mut pattern = message.bytes.get(..message.bytes.len() - TRAILER)?.to_vec();
        let mut runs: Vec<(u16, u16)> = Vec::new();
        let mut number = None;
        for field in fields {
            let decisive = decides(field.tag);
            if decisive {
                extend(&mut runs, field);
            }
            let class = profile.class(field.tag);
            if class.is_length() || class.is_data() || field.tag == tags::POSS_DUP_FLAG {
                return None;
            }
            if field.tag == tags::MSG_SEQ_NUM {
                number = Some((field.value as u16, (field.end - field.value) as u16));
            }
            let stays = matches!(field.tag, tags::BEGIN_STRING | tags::BODY_LENGTH | tags::MSG_TYPE)
                || decisive && ground == Ground::Free;
            let value = pattern.get_mut(field.value as usize..field.end as usize)?;
            if !stays {
                value.fill(BLANK);
            } else if value.contains(&BLANK) {
                return None;
            }
        }
        Some(Self {
            msg_type: message.msg_type,
            ground,
            begin: swar::word_at(message.bytes, BEGIN)?,
            pattern: pattern.into(),
            runs: runs.into(),
            number: number.filter(|(_, length)| *length <= 8)?,
        })
    }

    #[inline]
    fn sight<'a>(&self, bytes: &'a [u8]) -> Option<Sighting<'_, 'a>> {
        let length = self.pattern.len() + TRAILER;
        let message = bytes.get(..length)?;
        let sum = simd::fit(message.get(..self.pattern.len())?, &self.pattern)?;
        if message.last_chunk() != Some(&ends(sum)) {
            return None;
        }
        let (start, digits) = self.number;
        let word = swar::word_at(message, usize::from(start))?;
        let seq = swar::number(word, digits.into()).filter(|seq| *seq > 0)?;
        Some(Sighting { layout: self, message, seq })
    }
}

/// Adds a field to the runs, to the last one if it stands right behind it.
fn extend(runs: &mut Vec<(u16, u16)>, field: &Field) {
    let (start, length) = (field.start as u16, (field.end + 1 - field.start) as u16);
    match runs.last_mut() {
        Some((from, so_far)) if *from + *so_far == start => *so_far += length,
        _ => runs.push((start, length)),
    }
}

/// Which set messages are in that begin so.
#[inline]
fn set_of(begin: u64) -> usize {
    (begin.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize
}

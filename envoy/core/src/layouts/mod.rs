//! Layouts: how messages that were read before are laid out, so that one like them is read again at a glance.
//!
//! Of two messages with the same tags and separators in the same places, the strict profile says the same, but for what it
//! asks of single values: that MsgSeqNum (34) is a number, and that identifiers are printable. So a message that was read
//! whole leaves a pattern behind: its frame, tags and separators as they stand, and blanks for its values. A
//! message that fits the pattern, has neither separator nor NUL in a blank, and has the right CheckSum (10), is framed and
//! read as the first message was. Messages that need more than that leave no pattern: those with length or data fields,
//! with fields that may hold a secret, or with PossDupFlag (43).
//!
//! A layout also has the runs of fields that decide. [`Ground`] says how: by a decision that is kept under their bytes, or,
//! where nobody is asked, by being what they were, which makes them part of the pattern. Every identifying field is in them,
//! so what was said of the identifiers then holds now. A message of no known layout is read as ever.
//!
//! A message that passed by a kept decision leaves a precedent besides: see `precedents`.

mod layout;
mod pattern;
mod precedents;

pub use layout::{Layout, Part, Sighting};
pub use precedents::Alike;

use crate::message::Message;
use crate::profile::Profile;
use crate::swar;
use arrayvec::ArrayVec;
use precedents::Precedents;

/// Layouts are kept in so many sets, told apart by how a message begins.
const SETS: usize = 64;
/// The most of a set; one more takes the place of the oldest.
const WAYS: usize = 8;
/// Longer messages are read as ever.
const MAX_LENGTH: usize = 1_024;
/// What all patterns may have.
const MAX_STENCILS: usize = 2 * 1_024;
/// Where BodyLength (9) stands: what a message's set is told by begins there.
const BEGIN: usize = "8=FIX.4.4|9=".len();
/// The most messages that are looked at together.
const AT_ONCE: usize = 16;

/// Why messages of a layout pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// By a decision that is kept under the bytes of the runs.
    Kept,
    /// Nobody is asked about the type.
    Free,
}

/// The layouts of one direction of a session; `H` is what a kept decision is held by.
#[derive(Debug)]
pub struct Layouts<H> {
    sets: Vec<Set>,
    /// How many all patterns have.
    stencils: usize,
    /// What may still be spent on learning: messages that pass earn it.
    credit: u32,
    precedents: Precedents<H>,
    /// How many were learnt, ever.
    learnt: u64,
    /// How many messages are looked at together.
    at_once: usize,
}

#[derive(Debug, Default)]
struct Set {
    layouts: Vec<Layout>,
    /// The oldest.
    next: usize,
}

impl<H: Copy> Layouts<H> {
    /// None yet. `seed` must not be known to who sends messages.
    pub fn new(seed: u64) -> Self {
        Self {
            sets: Vec::new(),
            stencils: 0,
            credit: 0,
            precedents: Precedents::new(seed),
            learnt: 0,
            at_once: 1,
        }
    }

    /// The message at the head of `bytes`, if its layout is known.
    #[inline]
    pub fn sight<'a>(&self, bytes: &'a [u8]) -> Option<Sighting<'_, 'a>> {
        like(&self.sets, bytes)?.find_map(|layout| layout.sight(bytes))
    }

    /// Hands the messages at the head of `bytes` to `pass` that are like such as passed by a kept decision, one after the
    /// other, as long as it says `true`: how many that were. There may be more.
    ///
    /// This goes in steps over some messages, not message by message: where one ends is known before it is looked at, so a
    /// processor works on several at once, and need not wait for what is far away in memory. How many depends on how many
    /// it was of late, as what is behind the last is looked at in vain.
    #[inline]
    pub fn sight_alike<'a>(&mut self, bytes: &'a [u8], pass: impl FnMut(Alike<'a, H>) -> bool) -> usize {
        let (passed, looked_at) = self.sight_some(bytes, pass);
        if passed < looked_at {
            self.at_once = 1;
        } else if passed == self.at_once {
            self.at_once = (2 * passed).min(AT_ONCE);
        }
        passed
    }

    /// Of as many as are looked at together: how many passed, and how many were looked at.
    #[inline]
    fn sight_some<'a>(&self, bytes: &'a [u8], mut pass: impl FnMut(Alike<'a, H>) -> bool) -> (usize, usize) {
        let mut cut = ArrayVec::<_, AT_ONCE>::new();
        let mut rest = bytes;
        while cut.len() < self.at_once
            && let Some((layout, message)) = self.cut(rest)
        {
            cut.push((layout, message));
            rest = rest.get(message.len()..).unwrap_or_default();
        }
        let mut marks = ArrayVec::<_, AT_ONCE>::new();
        for (layout, message) in &cut {
            let Some(mark) = self.mark(layout, message) else { break };
            marks.push(mark);
        }
        let mut known = ArrayVec::<_, AT_ONCE>::new();
        for (mark, (layout, _)) in marks.iter().zip(&cut) {
            known.push(self.precedents.find(*mark, layout.pattern.shape));
        }
        let mut passed = 0;
        for (one, (_, message)) in known.iter().zip(&cut) {
            let alike = one.and_then(|one| one.read(message)).or_else(|| self.sight_by_others(message));
            if !alike.is_some_and(&mut pass) {
                break;
            }
            passed += 1;
        }
        (passed, cut.len())
    }

    /// The first message of `bytes`, if it is as long as those of the first layout that begins so, and those have precedents.
    #[inline]
    fn cut<'a>(&self, bytes: &'a [u8]) -> Option<(&Layout, &'a [u8])> {
        let layout = like(&self.sets, bytes)?.next()?;
        layout.mask.as_ref()?;
        Some((layout, layout.pattern.shape.cut(bytes)?))
    }

    #[inline]
    fn mark(&self, layout: &Layout, message: &[u8]) -> Option<u64> {
        self.precedents.mark(message, layout.mask.as_ref()?)
    }

    /// The message as one that the first of the layouts that begin so has nothing like.
    #[cold]
    fn sight_by_others<'a>(&self, message: &'a [u8]) -> Option<Alike<'a, H>> {
        like(&self.sets, message)?.skip(1).find_map(|other| {
            let mark = self.mark(other, message)?;
            self.precedents.find(mark, other.pattern.shape)?.read(message)
        })
    }

    /// So many messages passed at a glance.
    #[inline]
    pub fn earn(&mut self, passed: usize) {
        self.credit = self.credit.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
    }

    /// `message`, seen to be of a known layout, passed by this decision.
    pub fn follow(&mut self, message: &[u8], held: H) {
        if !self.affords() {
            return;
        }
        let layout = like(&self.sets, message)
            .and_then(|mut layouts| layouts.find(|layout| layout.sight(message).is_some()));
        if let Some(layout) = layout {
            layout.add_precedent(message, held, &mut self.precedents);
        }
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
        self.learnt += 1;
        let Some(layout) = Layout::of(message, profile, ground, decides, self.learnt) else { return };
        if self.stencils + layout.pattern.stencils.len() > MAX_STENCILS {
            self.forget();
        }
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, Set::default);
        }
        let Some(set) = self.sets.get_mut(set_of(layout.begin)) else { return };
        self.stencils += layout.pattern.stencils.len();
        self.stencils -= set.put(layout);
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
        self.stencils = 0;
    }
}

impl Set {
    /// Adds a layout, if it is none of them; how many stencils had to go.
    fn put(&mut self, layout: Layout) -> usize {
        if self.layouts.iter().any(|known| known.equals(&layout)) {
            return layout.pattern.stencils.len();
        }
        if self.layouts.len() < WAYS {
            self.layouts.push(layout);
            return 0;
        }
        let at = self.next;
        self.next = (at + 1) % WAYS;
        let old = self.layouts.get_mut(at).map(|old| std::mem::replace(old, layout));
        old.map_or(0, |old| old.pattern.stencils.len())
    }
}

/// The layouts that begin as `bytes` does.
#[inline]
fn like<'known>(sets: &'known [Set], bytes: &[u8]) -> Option<impl Iterator<Item = &'known Layout>> {
    let begin = swar::word_at(bytes, BEGIN)?;
    let set = sets.get(set_of(begin))?;
    Some(set.layouts.iter().filter(move |layout| layout.begin == begin))
}

/// Which set messages are in that begin so.
#[inline]
fn set_of(begin: u64) -> usize {
    (begin.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize
}

#[cfg(test)]
mod tests;

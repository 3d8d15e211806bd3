//! How a message is laid out: its frame, tags and separators as they stand, and blanks for its values.

use super::pattern::Pattern;
use super::precedents::{Mask, Precedents};
use super::{BEGIN, Ground};
use crate::contract::request::IDENTIFIERS;
use crate::message::{Field, Message};
use crate::msg_type::MsgType;
use crate::profile::Profile;
use crate::swar::{self, Digits};
use crate::tags;

/// How a message is laid out.
#[derive(Debug)]
pub struct Layout {
    /// MsgType (35).
    pub msg_type: MsgType,
    /// Why its messages pass.
    pub ground: Ground,
    /// The bytes from [`BEGIN`] on.
    pub(super) begin: u64,
    pub(super) pattern: Pattern,
    /// Where the runs of fields that decide start, and their lengths.
    pub(super) runs: Box<[(u16, u16)]>,
    /// Which bytes tell precedents apart; `None`: there are none to be.
    pub(super) mask: Option<Mask>,
}

impl Layout {
    /// The one that `message` has; `serial` is to be no other's. `None` for what needs more than a glance.
    pub(super) fn of(
        message: &Message<'_>,
        profile: &Profile,
        ground: Ground,
        decides: impl Fn(u32) -> bool,
        serial: u64,
    ) -> Option<Self> {
        let number = message.fields.iter().find(|field| field.tag == tags::MSG_SEQ_NUM)?;
        let mut pattern = Pattern::blank(message.bytes.len(), number)?;
        let (mut runs, mut telling) = (Vec::new(), Vec::new());
        for field in message.fields {
            let class = profile.class(field.tag);
            if class.is_length() || class.is_data() || class.is_secret() || field.tag == tags::POSS_DUP_FLAG {
                return None;
            }
            let decides = decides(field.tag);
            if decides {
                extend(&mut runs, field);
                // Those are the same throughout a session.
                if !IDENTIFIERS.iter().any(|(tag, _)| *tag == field.tag) {
                    extend(&mut telling, field);
                }
            }
            let stays = matches!(field.tag, tags::BEGIN_STRING | tags::BODY_LENGTH | tags::MSG_TYPE)
                || decides && ground == Ground::Free;
            let (start, value, end) = (field.start as usize, field.value as usize, field.end as usize);
            pattern.fix(message.bytes, start..if stays { end } else { value });
            pattern.fix(message.bytes, end..end + 1);
        }
        let mask = (ground == Ground::Kept).then(|| Mask::of(&telling, message.bytes.len(), serial));
        let begin = swar::word_at(message.bytes, BEGIN)?;
        Some(Self { msg_type: message.msg_type, ground, begin, pattern, runs: runs.into(), mask })
    }

    /// Both say the same of messages.
    pub(super) fn equals(&self, other: &Self) -> bool {
        (&self.pattern, self.ground, &self.runs) == (&other.pattern, other.ground, &other.runs)
    }

    #[inline]
    pub(super) fn sight<'a>(&self, bytes: &'a [u8]) -> Option<Sighting<'_, 'a>> {
        let message = self.pattern.shape.cut(bytes)?;
        let number = self.pattern.shape.read(&self.pattern.stencils, message)?;
        Some(Sighting { layout: self, message, number })
    }

    /// `message`, of this layout, passed by this decision.
    pub(super) fn add_precedent<H: Copy>(&self, message: &[u8], held: H, to: &mut Precedents<H>) {
        let Some(mask) = &self.mask else { return };
        let mut pattern = self.pattern.clone();
        for (start, length) in &self.runs {
            let start = usize::from(*start);
            pattern.fix(message, start..start + usize::from(*length));
        }
        to.add(message, mask, pattern, self.msg_type, held);
    }
}

/// A message of a known layout.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'known, 'a> {
    /// Its layout.
    pub layout: &'known Layout,
    /// The message, CheckSum included.
    pub message: &'a [u8],
    /// MsgSeqNum (34).
    pub number: Digits,
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

/// Adds a field to the runs, to the last one if it stands right behind it.
fn extend(runs: &mut Vec<(u16, u16)>, field: &Field) {
    let (start, length) = (field.start as u16, (field.end + 1 - field.start) as u16);
    match runs.last_mut() {
        Some((from, so_far)) if *from + *so_far == start => *so_far += length,
        _ => runs.push((start, length)),
    }
}

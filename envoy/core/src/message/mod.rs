//! A message that keeps the strict profile, and its fields as they stand in it.
//!
//! A message lends its bytes; its fields are offsets into them, in the message's own order. [`parse`] makes one only of what
//! is read in one way by all: no tag, header field or data field of it could be taken for another.

mod parser;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod values;

pub use parser::{Departure, parse};
pub(crate) use values::number;

use crate::msg_type::MsgType;
use crate::tags;
use crate::version::Version;

/// One field: its tag and where its value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The tag, 1 to 999999.
    pub tag: u32,
    /// Offset of the tag's first digit.
    pub start: u32,
    /// Offset of the value's first byte.
    pub value: u32,
    /// Offset of the separator behind the value.
    pub end: u32,
}

impl Field {
    /// Offsets fit: a message is bounded far below 4 GiB by its seven-digit BodyLength.
    #[inline]
    fn at(tag: u32, start: usize, value: usize, end: usize) -> Self {
        Self { tag, start: start as u32, value: value as u32, end: end as u32 }
    }
}

/// A message that keeps the strict profile.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// All its bytes.
    pub bytes: &'a [u8],
    /// All its fields in order, 8 first and 10 last.
    pub fields: &'a [Field],
    /// BeginString (8).
    pub version: Version,
    /// MsgType (35).
    pub msg_type: MsgType,
    /// MsgSeqNum (34), from 1; 0 only where it is of no meaning, in a SequenceReset-Reset.
    pub seq: u64,
    /// SenderCompID (49).
    pub sender: &'a [u8],
    /// TargetCompID (56).
    pub target: &'a [u8],
    /// PossDupFlag (43) is Y.
    pub poss_dup: bool,
    /// It has one of [`tags::OPTIONAL_IDS`].
    pub has_optional_ids: bool,
    /// It has a field that holds a secret, at least in some messages.
    pub has_secrets: bool,
    /// A data field of it holds a separator.
    pub has_separators_in_data: bool,
}

impl<'a> Message<'a> {
    /// The value of `field`.
    #[inline]
    pub fn value(&self, field: &Field) -> &'a [u8] {
        self.bytes.get(field.value as usize..field.end as usize).unwrap_or_default()
    }

    /// `tag=value<SOH>` as it stands.
    #[inline]
    pub fn raw(&self, field: &Field) -> &'a [u8] {
        self.bytes.get(field.start as usize..=field.end as usize).unwrap_or_default()
    }

    /// The first value of `tag`.
    pub fn get(&self, tag: u32) -> Option<&'a [u8]> {
        self.fields.iter().find(|field| field.tag == tag).map(|field| self.value(field))
    }

    /// A SequenceReset (35=4) that is no GapFill (123=Y): the sender's numbers begin anew.
    #[inline]
    pub fn is_reset(&self) -> bool {
        self.msg_type == MsgType::SEQUENCE_RESET && self.get(tags::GAP_FILL_FLAG) != Some(b"Y")
    }

    /// How often `tag` stands in the message.
    pub fn count(&self, tag: u32) -> usize {
        self.fields.iter().filter(|field| field.tag == tag).count()
    }
}

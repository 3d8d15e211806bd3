//! The key of a kept decision: the very bytes that it rests on, and which those are.

use crate::command::Direction;
use crate::contract::request::IDENTIFIERS;
use crate::layouts::Part;
use crate::msg_type::MsgType;

/// Bytes that are copied in one piece, though fewer may be meant.
const BLOCK: usize = 32;

/// A key that is being written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The key, and blanks, so that whole blocks can be written.
    bytes: Vec<u8>,
    length: usize,
}

impl Draft {
    /// Begins one of at most `most` bytes. What all keys of a type begin with is of one length, so that what follows cannot be
    /// taken for it.
    #[inline]
    pub fn begin(&mut self, direction: Direction, msg_type: MsgType, most: usize) {
        if self.bytes.len() != most + BLOCK {
            self.bytes.resize(most + BLOCK, 0);
        }
        let prefix = prefix(direction, msg_type);
        if let Some(start) = self.bytes.first_chunk_mut() {
            *start = prefix;
        }
        self.length = prefix.len();
    }

    /// Adds a part; `None`: the key becomes too long.
    #[inline]
    pub fn add(&mut self, part: Part<'_>) -> Option<()> {
        let room = self.bytes.get_mut(self.length..)?;
        if room.len() < part.length + BLOCK {
            return None;
        }
        match (part.bytes.first_chunk::<BLOCK>(), room.first_chunk_mut()) {
            (Some(from), Some(to)) if part.length <= BLOCK => *to = *from,
            _ => room.get_mut(..part.length)?.copy_from_slice(part.bytes.get(..part.length)?),
        }
        self.length += part.length;
        Some(())
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The types that decisions are kept for, sorted, with the tags that those rest on.
#[derive(Debug, Default)]
pub(super) struct Types {
    inbound: Vec<(MsgType, Box<Vary>)>,
    outbound: Vec<(MsgType, Box<Vary>)>,
}

impl Types {
    #[inline]
    pub fn of(&mut self, direction: Direction) -> &mut Vec<(MsgType, Box<Vary>)> {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }

    #[inline]
    pub fn find(&self, direction: Direction, msg_type: MsgType) -> Option<&Vary> {
        let types = match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        };
        let at = types.binary_search_by_key(&msg_type, |(known, _)| *known).ok()?;
        types.get(at).map(|(_, vary)| vary.as_ref())
    }
}

#[inline]
pub(super) fn prefix(direction: Direction, msg_type: MsgType) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = msg_type.packed();
    [direction as u8, a, b, c, d, e, f, g, h]
}

/// The tags that a decision rests on.
#[derive(Debug)]
pub(super) struct Vary {
    /// As the service said, sorted.
    pub tags: Vec<u32>,
    /// Those, and the identifying ones: bit n of word m is tag 64 m + n.
    low: [u64; 16],
}

impl Vary {
    pub fn new(tags: &[u32]) -> Self {
        let mut low = [0; 16];
        for tag in tags.iter().copied().chain(IDENTIFIERS.iter().map(|(tag, _)| *tag)) {
            if let Some(word) = low.get_mut((tag / 64) as usize) {
                *word |= 1 << (tag % 64);
            }
        }
        Self { tags: tags.to_vec(), low }
    }

    #[inline]
    pub fn contains(&self, tag: u32) -> bool {
        match self.low.get((tag / 64) as usize) {
            Some(word) => word >> (tag % 64) & 1 == 1,
            None => self.tags.binary_search(&tag).is_ok(),
        }
    }
}

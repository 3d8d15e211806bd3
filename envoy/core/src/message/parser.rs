//! The strict profile: one reading of a message, or none.
//!
//! A framed message is walked once, field by field, into a caller's vector. Everything that two FIX engines are known to
//! read differently is refused here: signs, spaces and leading zeros in tags, tags beyond six digits, empty values,
//! repeated header fields and others that the filter acts on, NUL, data fields whose length does not hold or that hide a
//! separator. See `docs/strict-profile.md`.

use super::{Field, Message, values};
use crate::frame::{SOH, TRAILER};
use crate::msg_type::MsgType;
use crate::profile::{Class, Classified, Profile};
use crate::separators::Separators;
use crate::swar;
use crate::tags;
use crate::version::Version;
use crate::violation::Violation;

/// A departure from the strict profile, and where it was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// What it is.
    pub violation: Violation,
    /// The offset of the field that departs; 0 if that is no one field.
    pub at: usize,
}

impl From<Violation> for Departure {
    /// A departure of the message as a whole.
    fn from(violation: Violation) -> Self {
        Self { violation, at: 0 }
    }
}

impl Departure {
    /// Where in a framed message the violation was met that [`parse`] has returned for it. The message is walked once more: keeping
    /// the place on every walk would cost each good message.
    #[cold]
    pub fn locate(bytes: &[u8], profile: &Profile, max_fields: usize, violation: Violation) -> Self {
        let whole = matches!(
            violation,
            Violation::Nul | Violation::TooManyFields | Violation::MissingHeaderField | Violation::MsgSeqNum
        );
        let mut room = vec![Field { tag: 0, start: 0, value: 0, end: 0 }; max_fields];
        if whole || Walk::over(bytes, profile, &mut room).is_ok() {
            return violation.into();
        }
        // What was walked over stands in the room; the third field is looked at before the first three are written.
        let last = room.iter().rev().find(|field| field.end > 0);
        let third = bytes.iter().enumerate().filter(|(_, byte)| **byte == SOH).nth(1);
        let at = match last {
            Some(field) if field.tag == tags::MSG_TYPE && MsgType::new(value_of(bytes, field)).is_none() => {
                field.start
            }
            // Data that is not as its length says.
            Some(field) if violation == Violation::DataLength && profile.class(field.tag).is_length() => {
                field.start
            }
            Some(field) => field.end + 1,
            None => third.map_or(0, |(second, _)| second as u32 + 1),
        };
        Self { violation, at: at as usize }
    }
}

fn value_of<'a>(bytes: &'a [u8], field: &Field) -> &'a [u8] {
    bytes.get(field.value as usize..field.end as usize).unwrap_or_default()
}

/// Reads a framed message. `fields` is room that grows as needed and is worth keeping from message to message.
///
/// # Errors
/// The first departure from the strict profile.
#[inline]
pub fn parse<'a>(
    bytes: &'a [u8],
    version: Version,
    profile: &Profile,
    max_fields: usize,
    fields: &'a mut Vec<Field>,
) -> Result<Message<'a>, Violation> {
    let mut walk = loop {
        let room = fields.len().min(max_fields);
        match Walk::over(bytes, profile, fields.get_mut(..room).unwrap_or_default()) {
            Err(Violation::TooManyFields) if room < max_fields => grow(fields, max_fields),
            walked => break walked?,
        }
    };
    if walk.apart && may_pair_otherwise(fields.get(..walk.count).unwrap_or_default(), profile) {
        return Err(Violation::DataLength);
    }
    let (Some(msg_type), Some(seq), Some(sender), Some(target)) =
        (walk.msg_type, walk.seq.take(), walk.sender, walk.target)
    else {
        return Err(Violation::MissingHeaderField);
    };
    let fields = fields.get(..walk.count).unwrap_or_default();
    let message = Message {
        bytes,
        fields,
        version,
        msg_type,
        seq,
        sender,
        target,
        poss_dup: walk.poss_dup,
        has_optional_ids: walk.seen & profile.optional_ids() != 0,
        has_secrets: walk.met.is_secret() || walk.seen & profile.secret_singles() != 0,
        has_separators_in_data: walk.separators_in_data,
    };
    // The number of a SequenceReset-Reset is of no meaning.
    if seq == 0 && !message.is_reset() {
        return Err(Violation::MsgSeqNum);
    }
    Ok(message)
}

/// More room, for a message that is then walked again.
#[cold]
fn grow(fields: &mut Vec<Field>, max_fields: usize) {
    const FIRST: usize = 32;
    let len = (fields.len() * 2).max(FIRST).min(max_fields);
    fields.reserve_exact(len - fields.len());
    fields.resize(len, Field { tag: 0, start: 0, value: 0, end: 0 });
}

/// A data field whose length is not the tag before it, in a message that has that tag as well: QuickFIX and QuickFIX/J take
/// the length from there. All know that Signature (89) is announced by 93.
#[cold]
fn may_pair_otherwise(fields: &[Field], profile: &Profile) -> bool {
    let mut data = fields
        .iter()
        .filter_map(|length| profile.data_tag(length.tag).filter(|tag| is_apart(length.tag, *tag)));
    data.any(|data| fields.iter().any(|field| field.tag + 1 == data))
}

/// Who takes the tag before the data's for its length would be wrong.
fn is_apart(length: u32, data: u32) -> bool {
    length + 1 != data && data != tags::SIGNATURE
}

/// A walk over the fields, and what is picked up on the way.
struct Walk<'a> {
    bytes: &'a [u8],
    /// The bits of the fields met so far that may stand once only.
    seen: u64,
    /// The classes of the other fields, combined.
    met: Class,
    /// The data tag that must come next, or 0, and the length of its value.
    data: (u32, usize),
    /// Data holds a separator.
    separators_in_data: bool,
    /// A length was met that does not stand one below its data tag.
    apart: bool,
    count: usize,
    msg_type: Option<MsgType>,
    seq: Option<u64>,
    sender: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    poss_dup: bool,
}

impl<'a> Walk<'a> {
    /// Walks over a message. Where `room` ends before it does, there are too many fields.
    #[inline]
    fn over(bytes: &'a [u8], profile: &Profile, room: &mut [Field]) -> Result<Self, Violation> {
        let mut walk = Self {
            bytes,
            seen: profile.begun(),
            met: Class::NONE,
            data: (0, 0),
            separators_in_data: false,
            apart: false,
            count: 0,
            msg_type: None,
            seq: None,
            sender: None,
            target: None,
            poss_dup: false,
        };
        let counts = profile.takes_separators_in_data();
        let trailer = bytes.len().checked_sub(TRAILER).ok_or(Violation::BodyLength)?;
        let rooms = room.len();
        let mut room = room.iter_mut();
        let mut separators = Separators::of(bytes);
        let mut at = walk.begin(&mut separators, &mut room)?;
        while at < trailer {
            // Whatever stands before the trailer has eight bytes and more.
            let (classified, len) = walk.tag_at(at, profile)?;
            let value = at + len as usize + 1;
            let mut end = separators.next_offset().ok_or(Violation::Tag)?;
            if end <= value {
                no_value(profile, classified, value, end, walk.data.0 != 0)?;
            }
            let field = room.next().ok_or(Violation::TooManyFields)?;
            if !classified.class().is_plain() || walk.data.0 != 0 {
                if counts && walk.data.0 != 0 {
                    // The data ends where its length says.
                    while end - value < walk.data.1 {
                        end = separators.next_offset().ok_or(Violation::DataLength)?;
                        walk.separators_in_data = true;
                    }
                }
                walk.take(profile, classified, value, end)?;
            }
            *field = Field::at(classified.tag(), at, value, end);
            at = end + 1;
        }
        let field = room.next().ok_or(Violation::TooManyFields)?;
        if walk.data.0 != 0 {
            return Err(Violation::DataLength);
        }
        // The framing has seen to it.
        if at != trailer || !bytes.get(at..).unwrap_or_default().starts_with(b"10=") {
            return Err(Violation::BodyLength);
        }
        if separators.met_nul() {
            return Err(Violation::Nul);
        }
        *field = Field::at(tags::CHECK_SUM, at, at + 3, bytes.len() - 1);
        walk.count = rooms - room.len();
        Ok(walk)
    }

    /// The tag at `at`, and its length.
    #[inline]
    fn tag_at(&self, at: usize, profile: &Profile) -> Result<(Classified, u32), Violation> {
        // Nearly every tag has one to three digits.
        match swar::half_at(self.bytes, at).and_then(swar::short_tag) {
            Some((digits, len)) => Ok((profile.short(digits), len)),
            None => {
                // What stands before the trailer has at least eight bytes.
                let word = swar::word_at(self.bytes, at).ok_or(Violation::Tag)?;
                let (tag, len) = values::tag(word).ok_or(Violation::Tag)?;
                if tag > profile.max_tag() {
                    return Err(Violation::TagTooHigh);
                }
                Ok((profile.classified(tag), len))
            }
        }
    }

    /// The three fields that every message begins with: the offset behind them.
    #[inline]
    fn begin(
        &mut self,
        separators: &mut Separators<'_>,
        room: &mut std::slice::IterMut<'_, Field>,
    ) -> Result<usize, Violation> {
        let version = separators.next_offset().ok_or(Violation::BeginString)?;
        let length = separators.next_offset().ok_or(Violation::BodyLength)?;
        let msg_type = separators.next_offset().ok_or(Violation::MsgTypeNotThird)?;
        let starts = |at, prefix: &[u8]| self.bytes.get(at..).is_some_and(|rest| rest.starts_with(prefix));
        // The framing has seen to it.
        if !starts(0, b"8=") || !starts(version + 1, b"9=") || !starts(length + 1, b"35=") {
            return Err(Violation::MsgTypeNotThird);
        }
        let [Some(first), Some(second), Some(third)] = [(); 3].map(|()| room.next()) else {
            return Err(Violation::TooManyFields);
        };
        *first = Field::at(tags::BEGIN_STRING, 0, 2, version);
        *second = Field::at(tags::BODY_LENGTH, version + 1, version + 3, length);
        *third = Field::at(tags::MSG_TYPE, length + 1, length + 4, msg_type);
        let value = self.bytes.get(length + 4..msg_type).unwrap_or_default();
        if value.is_empty() {
            return Err(Violation::EmptyValue);
        }
        self.msg_type = Some(MsgType::new(value).ok_or(Violation::MsgType)?);
        Ok(msg_type + 1)
    }

    /// A field that is not plain, or what stands where data should.
    #[inline]
    fn take(
        &mut self,
        profile: &Profile,
        classified: Classified,
        value: usize,
        end: usize,
    ) -> Result<(), Violation> {
        let (tag, class) = (classified.tag(), classified.class());
        let data = std::mem::take(&mut self.data);
        if data.0 != 0 {
            if data != (tag, end - value) {
                return Err(Violation::DataLength);
            }
        } else if class.is_data() {
            return Err(Violation::DataWithoutLength);
        }
        if class.is_length() {
            let content = self.bytes.get(value..end).unwrap_or_default();
            let announced = values::data_length(content).ok_or(Violation::DataLength)?;
            self.data = (profile.data_tag(tag).unwrap_or_default(), announced as usize);
            self.apart |= is_apart(tag, self.data.0);
        }
        let bit = class.single_bit();
        if self.seen & bit != 0 {
            return Err(repeated(class));
        }
        self.seen |= bit;
        if bit != 0 {
            return self.take_single(tag, value, end);
        }
        self.met = self.met.with(class);
        Ok(())
    }

    #[inline(always)]
    fn take_single(&mut self, tag: u32, value: usize, end: usize) -> Result<(), Violation> {
        match tag {
            tags::MSG_SEQ_NUM => {
                self.seq = Some(values::seq_num(self.bytes, value, end).ok_or(Violation::MsgSeqNum)?)
            }
            tags::SENDER_COMP_ID => self.sender = Some(values::identifier(self.bytes, value, end)?),
            tags::TARGET_COMP_ID => self.target = Some(values::identifier(self.bytes, value, end)?),
            tags::POSS_DUP_FLAG => {
                self.poss_dup = match self.bytes.get(value..end) {
                    Some(b"Y") => true,
                    Some(b"N") => false,
                    _ => return Err(Violation::Flag),
                }
            }
            tags::SENDER_SUB_ID
            | tags::SENDER_LOCATION_ID
            | tags::TARGET_SUB_ID
            | tags::TARGET_LOCATION_ID
            | tags::ON_BEHALF_OF_COMP_ID
            | tags::ON_BEHALF_OF_SUB_ID
            | tags::ON_BEHALF_OF_LOCATION_ID
            | tags::DELIVER_TO_COMP_ID
            | tags::DELIVER_TO_SUB_ID
            | tags::DELIVER_TO_LOCATION_ID => {
                values::identifier(self.bytes, value, end)?;
            }
            tags::CHECK_SUM => return Err(Violation::CheckSumNotLast),
            _ => {}
        }
        Ok(())
    }
}

/// A field that may stand once only occurs again.
#[cold]
fn repeated(class: Class) -> Violation {
    match (class.is_header(), class.is_secret()) {
        (true, _) => Violation::RepeatedHeaderField,
        (false, true) => Violation::RepeatedCredential,
        (false, false) => Violation::RepeatedField,
    }
}

/// A separator stands where the value at `value` should, or before that, in the tag. The walk is not lent: it stays in registers.
#[cold]
fn no_value(
    profile: &Profile,
    classified: Classified,
    value: usize,
    end: usize,
    is_data: bool,
) -> Result<(), Violation> {
    let class = classified.class();
    let may_be_empty = profile.takes_empty_values()
        && class.single_bit() == 0
        && !(class.is_length() || class.is_data() || is_data);
    match end == value {
        true if may_be_empty => Ok(()),
        true => Err(Violation::EmptyValue),
        false => Err(Violation::Tag),
    }
}

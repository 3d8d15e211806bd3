//! The strict profile: one reading of a message, or none.
//!
//! A framed message is walked once, field by field, into a caller's vector. Everything that two FIX engines are known to
//! read differently is refused here: signs, spaces and leading zeros in tags, tags beyond six digits, empty values,
//! repeated header fields, data fields whose length does not hold or that hide a separator. See `docs/strict-profile.md`.

use crate::frame::TRAILER;
use crate::msg_type::MsgType;
use crate::profile::{Classified, Profile};
use crate::separators::Separators;
use crate::swar;
use crate::tags;
use crate::version::Version;
use crate::violation::Violation;

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
    /// MsgSeqNum (34), from 1.
    pub seq: u32,
    /// SenderCompID (49).
    pub sender: &'a [u8],
    /// TargetCompID (56).
    pub target: &'a [u8],
    /// PossDupFlag (43) is Y.
    pub poss_dup: bool,
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
    Ok(Message { bytes, fields, version, msg_type, seq, sender, target, poss_dup: walk.poss_dup })
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
    let data = fields
        .iter()
        .filter_map(|length| profile.data_tag(length.tag).filter(|tag| is_apart(length.tag, *tag)));
    data.into_iter().any(|data| fields.iter().any(|field| field.tag + 1 == data))
}

/// Who takes the tag before the data's for its length would be wrong.
fn is_apart(length: u32, data: u32) -> bool {
    length + 1 != data && data != tags::SIGNATURE
}

/// A walk over the fields, and what is picked up on the way.
struct Walk<'a> {
    bytes: &'a [u8],
    /// The single header fields that were met, by their bits.
    seen: u64,
    /// The data tag that must come next, or 0, and the length of its value.
    data: (u32, usize),
    /// A length was met that does not stand one below its data tag.
    apart: bool,
    count: usize,
    msg_type: Option<MsgType>,
    seq: Option<u32>,
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
            data: (0, 0),
            apart: false,
            count: 0,
            msg_type: None,
            seq: None,
            sender: None,
            target: None,
            poss_dup: false,
        };
        let trailer = bytes.len().checked_sub(TRAILER).ok_or(Violation::BodyLength)?;
        let rooms = room.len();
        let mut room = room.iter_mut();
        let mut separators = Separators::of(bytes);
        let mut at = walk.begin(&mut separators, &mut room)?;
        while at < trailer {
            // Whatever stands before the trailer has eight bytes and more.
            let (classified, len) = walk.tag_at(at, profile).ok_or(Violation::Tag)?;
            let value = at + len as usize + 1;
            let end = separators.next_offset().ok_or(Violation::Tag)?;
            if end <= value {
                return Err(no_value(value, end));
            }
            let field = room.next().ok_or(Violation::TooManyFields)?;
            if !classified.class().is_plain() || walk.data.0 != 0 {
                walk.take(profile, classified, value, end)?;
            }
            *field = Field::at(classified.tag(), at, value, end);
            at = end + 1;
        }
        let field = room.next().ok_or(Violation::TooManyFields)?;
        if walk.data.0 != 0 {
            return Err(Violation::DataLength);
        }
        // So the framing has found it.
        if at != trailer || !bytes.get(at..).unwrap_or_default().starts_with(b"10=") {
            return Err(Violation::BodyLength);
        }
        *field = Field::at(tags::CHECK_SUM, at, at + 3, bytes.len() - 1);
        walk.count = rooms - room.len();
        Ok(walk)
    }

    /// The tag at `at`, and its length.
    #[inline]
    fn tag_at(&self, at: usize, profile: &Profile) -> Option<(Classified, u32)> {
        // Nearly every tag has one to three digits.
        match swar::half_at(self.bytes, at).and_then(swar::short_tag) {
            Some((digits, len)) => Some((profile.short(digits), len)),
            // Whatever stands before the trailer has eight bytes and more.
            None => tag_of(swar::word_at(self.bytes, at)?).map(|(tag, len)| (profile.classified(tag), len)),
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
        // So the framing has found it.
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

    /// A field of the header, a length, data, or what stands where data should.
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
            let announced = canonical(content).ok_or(Violation::DataLength)?;
            self.data = (profile.data_tag(tag).unwrap_or_default(), announced as usize);
            self.apart |= is_apart(tag, self.data.0);
        }
        let bit = class.single_bit();
        if self.seen & bit != 0 {
            return Err(Violation::RepeatedHeaderField);
        }
        self.seen |= bit;
        if bit == 0 { Ok(()) } else { self.take_header(tag, value, end) }
    }

    #[inline]
    fn take_header(&mut self, tag: u32, value: usize, end: usize) -> Result<(), Violation> {
        match tag {
            tags::MSG_SEQ_NUM => self.seq = Some(self.seq_num(value, end).ok_or(Violation::MsgSeqNum)?),
            tags::SENDER_COMP_ID => self.sender = Some(self.identifier(value, end)?),
            tags::TARGET_COMP_ID => self.target = Some(self.identifier(value, end)?),
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
            | tags::DELIVER_TO_COMP_ID => {
                self.identifier(value, end)?;
            }
            tags::CHECK_SUM => return Err(Violation::CheckSumNotLast),
            _ => {}
        }
        Ok(())
    }

    /// MsgSeqNum (34): positive, at most nine digits; leading zeros are read alike by all and stay.
    #[inline]
    fn seq_num(&self, value: usize, end: usize) -> Option<u32> {
        let seq = match end - value {
            len @ 1..=8 => swar::number(swar::word_at(self.bytes, value)?, len as u32)?,
            9 => {
                let digits = swar::number(swar::word_at(self.bytes, value)?, 8)?;
                let last = self.bytes.get(end - 1).filter(|digit| digit.is_ascii_digit())?;
                digits * 10 + u32::from(last - b'0')
            }
            _ => return None,
        };
        (seq > 0).then_some(seq)
    }

    /// A value of printable ASCII.
    #[inline]
    fn identifier(&self, value: usize, end: usize) -> Result<&'a [u8], Violation> {
        let mut at = value;
        while at < end {
            let word = swar::word_at(self.bytes, at).ok_or(Violation::Identifier)?;
            if !swar::is_printable(word, (end - at).min(8) as u32) {
                return Err(Violation::Identifier);
            }
            at += 8;
        }
        self.bytes.get(value..end).ok_or(Violation::Identifier)
    }
}

/// `[1-9][0-9]{0,5}=` at the head of `word` → the tag and its length.
#[inline(never)]
fn tag_of(word: u64) -> Option<(u32, u32)> {
    let len = swar::index_of(word, b'=')?;
    let tag = swar::number(word, len)?;
    let is_canonical = word as u8 != b'0' && tag < 1_000_000;
    is_canonical.then_some((tag, len))
}

/// A separator stands where the value should, or before that, in the tag.
#[cold]
fn no_value(value: usize, end: usize) -> Violation {
    if end == value { Violation::EmptyValue } else { Violation::Tag }
}

/// A positive number of at most nine digits without leading zeros.
fn canonical(digits: &[u8]) -> Option<u32> {
    if digits.len() > 9 || digits.first() == Some(&b'0') {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |n: u32, digit| digit.is_ascii_digit().then(|| n * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::testing::{fix, read};

    const HEAD: &str = "34=7|49=ALGO|56=VENUE|52=20261120-10:00:00|";

    fn verdict(body: &str) -> Result<(), Violation> {
        let profile = Profile::new(&[(5001, 5002)], &[]);
        let mut fields = Vec::new();
        read(&fix("FIX.4.4", body), &profile, 64, &mut fields).map(|_| ())
    }

    #[test]
    fn reads_header_and_fields() {
        let bytes = fix("FIX.4.4", &format!("35=D|{HEAD}43=Y|11=a|55=X|11=b|"));
        let mut fields = Vec::new();
        let message = read(&bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
        assert_eq!((message.seq, message.sender, message.target), (7, &b"ALGO"[..], &b"VENUE"[..]));
        assert!(message.poss_dup);
        assert_eq!(message.msg_type.to_string(), "D");
        assert_eq!(message.get(55), Some(&b"X"[..]));
        assert_eq!(message.count(11), 2);
        assert_eq!(message.fields.first().map(|f| f.tag), Some(8));
        assert_eq!(message.fields.last().map(|f| f.tag), Some(10));
        let glued: Vec<u8> = message.fields.iter().flat_map(|f| message.raw(f).to_vec()).collect();
        assert_eq!(glued, bytes);
    }

    #[test]
    fn refuses_what_engines_read_differently() {
        for (body, violation) in [
            ("0167=CS|", Violation::Tag),
            ("65703167=CS|", Violation::Tag),
            ("+167=CS|", Violation::Tag),
            (" 167=CS|", Violation::Tag),
            ("1_67=CS|", Violation::Tag),
            ("-167=CS|", Violation::Tag),
            ("=CS|", Violation::Tag),
            ("0=CS|", Violation::Tag),
            ("167|", Violation::Tag),
            ("|", Violation::Tag),
            ("167=|", Violation::EmptyValue),
            ("35=D|", Violation::RepeatedHeaderField),
            ("34=8|", Violation::RepeatedHeaderField),
            ("49=OTHER|", Violation::RepeatedHeaderField),
            ("8=FIX.4.4|", Violation::RepeatedHeaderField),
            ("9=5|", Violation::RepeatedHeaderField),
            ("10=123|", Violation::CheckSumNotLast),
            ("95=6|96=a|167=CS|", Violation::DataLength),
            ("1526=20|1525=3|1527=abc|167=CS|1=abcdefg|", Violation::DataLength),
            ("1525=3|1527=abc|1526=20|", Violation::DataLength),
            ("95=2|96=a|", Violation::DataLength),
            ("95=1|58=x|96=a|", Violation::DataLength),
            ("95=01|96=a|", Violation::DataLength),
            ("95=-1|96=a|", Violation::DataLength),
            ("95=+1|96=a|", Violation::DataLength),
            ("95=4294967297|96=a|", Violation::DataLength),
            ("95=99999999999999999999|96=a|", Violation::DataLength),
            ("95=1|", Violation::DataLength),
            ("96=a|", Violation::DataWithoutLength),
            ("5002=a|", Violation::DataWithoutLength),
            ("43=X|", Violation::Flag),
            ("50=\u{7f}|", Violation::Identifier),
        ] {
            assert_eq!(verdict(&format!("35=D|{HEAD}{body}")), Err(violation), "{body}");
        }
    }

    #[test]
    fn sixteen_bits_are_not_enough_for_a_tag() {
        // 65703 is 167 to an engine that reads tags as 16 bits; here it is a tag of its own.
        let bytes = fix("FIX.4.4", &format!("35=D|{HEAD}65703=CS|"));
        let mut fields = Vec::new();
        let message = read(&bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
        assert_eq!(message.get(167), None);
        assert_eq!(message.get(65703), Some(&b"CS"[..]));
    }

    #[test]
    fn keeps_well_formed_data_and_hops() {
        assert_eq!(verdict(&format!("35=D|{HEAD}95=3|96=a=b|5001=1|5002=x|")), Ok(()));
        assert_eq!(verdict(&format!("35=D|{HEAD}627=2|628=A|628=B|")), Ok(()));
    }

    #[test]
    fn refuses_a_header_that_lacks_or_bends() {
        for (body, violation) in [
            ("35=D|49=A|56=B|", Violation::MissingHeaderField),
            ("35=D|34=1|56=B|", Violation::MissingHeaderField),
            ("35=D|34=1|49=A|", Violation::MissingHeaderField),
            ("35=D|34=0|49=A|56=B|", Violation::MsgSeqNum),
            ("35=D|34=-1|49=A|56=B|", Violation::MsgSeqNum),
            ("35=D|34=+1|49=A|56=B|", Violation::MsgSeqNum),
            ("35=D|34=4294967297|49=A|56=B|", Violation::MsgSeqNum),
            ("+35=D|34=1|49=A|56=B|", Violation::MsgTypeNotThird),
            ("34=1|35=D|49=A|56=B|", Violation::MsgTypeNotThird),
            ("35=D/../x|34=1|49=A|56=B|", Violation::MsgType),
        ] {
            assert_eq!(verdict(body), Err(violation), "{body}");
        }
        assert_eq!(verdict("35=D|34=007|49=A|56=B|"), Ok(()));
    }

    #[test]
    fn reads_every_tag_and_no_other() {
        let tag_of = |text: &[u8]| tag_of(swar::word_at(text, 0).unwrap());
        for tag in (1..2_000).chain([9_999, 10_000, 43_109, 65_535, 65_536, 99_999, 100_000, 999_999]) {
            for tail in ["=.......", "=1......", "=12345678", "========", "=\u{1}......"] {
                let text = format!("{tag}{tail}");
                assert_eq!(tag_of(text.as_bytes()), Some((tag, tag.to_string().len() as u32)), "{text}");
            }
        }
        for bad in [
            "=.......", "0=......", "01=.....", "0000001=", "1000000=", "12345678", "-1=.....", "+1=.....",
            " 1=.....", "1 =.....", "1_6=....",
        ] {
            assert_eq!(tag_of(bad.as_bytes()), None, "{bad}");
        }
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit() && *byte != b'=') {
            for place in 0..3 {
                let mut text = *b"123=45678";
                text[place] = byte;
                assert_eq!(tag_of(&text), None, "{text:?}");
            }
        }
    }

    #[test]
    fn bounds_the_number_of_fields() {
        let many = "58=x|".repeat(70);
        assert_eq!(verdict(&format!("35=D|{HEAD}{many}")), Err(Violation::TooManyFields));
    }
}

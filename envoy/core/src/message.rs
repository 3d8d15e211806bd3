//! The strict profile: one reading of a message, or none.
//!
//! A framed message is walked once, field by field, into a caller's vector. Everything that two FIX engines are known to
//! read differently is refused here: signs, spaces and leading zeros in tags, tags beyond six digits, empty values,
//! repeated header fields, data fields whose length does not hold or that hide a separator. See `docs/strict-profile.md`.

use crate::msg_type::MsgType;
use crate::profile::Profile;
use crate::separators::Separators;
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

/// Reads a framed message, filling `fields`.
///
/// # Errors
/// The first departure from the strict profile.
pub fn parse<'a>(
    bytes: &'a [u8],
    version: Version,
    profile: &Profile,
    max_fields: usize,
    fields: &'a mut Vec<Field>,
) -> Result<Message<'a>, Violation> {
    let mut head = Head::default();
    walk(bytes, profile, max_fields, fields, &mut head)?;
    let (Some(msg_type), Some(seq), Some(sender), Some(target)) =
        (head.msg_type, head.seq, head.sender, head.target)
    else {
        return Err(Violation::MissingHeaderField);
    };
    Ok(Message { bytes, fields, version, msg_type, seq, sender, target, poss_dup: head.poss_dup })
}

/// What the walk picks up on its way.
#[derive(Default)]
struct Head<'a> {
    seen: u64,
    msg_type: Option<MsgType>,
    seq: Option<u32>,
    sender: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    poss_dup: bool,
}

fn walk<'a>(
    bytes: &'a [u8],
    profile: &Profile,
    max_fields: usize,
    fields: &mut Vec<Field>,
    head: &mut Head<'a>,
) -> Result<(), Violation> {
    fields.clear();
    let mut expected: Option<(u32, usize)> = None;
    let mut separators = Separators::of(bytes);
    let mut at = 0;
    while at < bytes.len() {
        let (tag, value) = tag_at(bytes, at)?;
        let end = separators.next_offset().ok_or(Violation::Tag)?;
        // A separator before the value stands in the tag.
        let length = end.checked_sub(value).ok_or(Violation::Tag)?;
        if length == 0 {
            return Err(Violation::EmptyValue);
        }
        if fields.len() >= max_fields {
            return Err(Violation::TooManyFields);
        }
        let content = bytes.get(value..end).unwrap_or_default();
        let class = profile.class(tag);
        if let Some(pair) = expected.take() {
            if pair != (tag, length) {
                return Err(Violation::DataLength);
            }
        } else if class.is_data() {
            return Err(Violation::DataWithoutLength);
        }
        if !class.is_plain() {
            if class.is_length() {
                let announced = usize::try_from(number(content).ok_or(Violation::DataLength)?).ok();
                expected = profile.data_tag(tag).zip(announced);
            }
            let bit = class.single_bit();
            if head.seen & bit != 0 {
                return Err(Violation::RepeatedHeaderField);
            }
            head.seen |= bit;
            if bit != 0 {
                head.take(tag, content)?;
            }
            if tag == tags::CHECK_SUM && end + 1 != bytes.len() {
                return Err(Violation::CheckSumNotLast);
            }
        }
        // Offsets fit: a message is bounded far below 4 GiB by its seven-digit BodyLength.
        fields.push(Field { tag, start: at as u32, value: value as u32, end: end as u32 });
        at = end + 1;
    }
    if expected.is_some() { Err(Violation::DataLength) } else { Ok(()) }
}

impl<'a> Head<'a> {
    fn take(&mut self, tag: u32, content: &'a [u8]) -> Result<(), Violation> {
        match tag {
            tags::MSG_TYPE => self.msg_type = Some(MsgType::new(content).ok_or(Violation::MsgType)?),
            tags::MSG_SEQ_NUM => self.seq = Some(seq_num(content).ok_or(Violation::MsgSeqNum)?),
            tags::SENDER_COMP_ID => self.sender = Some(identifier(content)?),
            tags::TARGET_COMP_ID => self.target = Some(identifier(content)?),
            tags::POSS_DUP_FLAG => {
                self.poss_dup = match content {
                    b"Y" => true,
                    b"N" => false,
                    _ => return Err(Violation::Flag),
                }
            }
            tags::SENDER_SUB_ID
            | tags::SENDER_LOCATION_ID
            | tags::TARGET_SUB_ID
            | tags::TARGET_LOCATION_ID
            | tags::ON_BEHALF_OF_COMP_ID
            | tags::DELIVER_TO_COMP_ID => {
                identifier(content)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// `[1-9][0-9]{0,5}=` at `at` → the tag and the offset of its value.
#[inline]
fn tag_at(bytes: &[u8], at: usize) -> Result<(u32, usize), Violation> {
    // Nearly every tag has one to three digits, so a pattern for each is the fastest way to tell.
    match bytes.get(at..).unwrap_or_default() {
        [a @ b'1'..=b'9', b'=', ..] => Ok((digit(*a), at + 2)),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', b'=', ..] => Ok((digit(*a) * 10 + digit(*b), at + 3)),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'=', ..] => {
            Ok((digit(*a) * 100 + digit(*b) * 10 + digit(*c), at + 4))
        }
        rest => long_tag(rest).map(|(tag, len)| (tag, at + len + 1)),
    }
}

#[inline]
fn digit(byte: u8) -> u32 {
    u32::from(byte - b'0')
}

/// Any tag of up to six digits, and its length.
fn long_tag(rest: &[u8]) -> Result<(u32, usize), Violation> {
    let len = rest.iter().take(7).position(|byte| *byte == b'=').ok_or(Violation::Tag)?;
    let digits = rest.get(..len).unwrap_or_default();
    number(digits).map(|tag| (tag, len)).filter(|(tag, _)| *tag > 0).ok_or(Violation::Tag)
}

/// A canonical positive number of at most nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.len() > 9 || digits.first() == Some(&b'0') {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |n: u32, digit| digit.is_ascii_digit().then(|| n * 10 + u32::from(digit - b'0')))
}

/// MsgSeqNum (34): positive, at most nine digits; leading zeros are read alike by all and stay.
fn seq_num(digits: &[u8]) -> Option<u32> {
    let canonical = digits.iter().position(|digit| *digit != b'0').and_then(|first| digits.get(first..))?;
    if digits.len() > 9 { None } else { number(canonical) }
}

fn identifier(content: &[u8]) -> Result<&[u8], Violation> {
    if content.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        Ok(content)
    } else {
        Err(Violation::Identifier)
    }
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
        for tag in (1..2_000).chain([9_999, 10_000, 43_109, 65_535, 65_536, 99_999, 100_000, 999_999]) {
            for tail in ["=", "=1", "=12345678", "=====", "=\u{1}"] {
                let text = format!("{tag}{tail}");
                assert_eq!(tag_at(text.as_bytes(), 0), Ok((tag, tag.to_string().len() + 1)), "{text}");
            }
        }
        for bad in [
            "",
            "=",
            "1",
            "123456",
            "0=",
            "01=x",
            "1000000=x",
            "12345678",
            "-1=x",
            "+1=x",
            " 1=x",
            "1 =x",
            "1_6=x",
        ] {
            assert_eq!(tag_at(bad.as_bytes(), 0), Err(Violation::Tag), "{bad}");
        }
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit() && *byte != b'=') {
            for place in 0..3 {
                let mut text = *b"123=45678";
                text[place] = byte;
                assert_eq!(tag_at(&text, 0), Err(Violation::Tag), "{text:?}");
            }
        }
    }

    #[test]
    fn bounds_the_number_of_fields() {
        let many = "58=x|".repeat(70);
        assert_eq!(verdict(&format!("35=D|{HEAD}{many}")), Err(Violation::TooManyFields));
    }
}

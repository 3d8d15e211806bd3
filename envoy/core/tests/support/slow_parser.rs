//! The framing and the strict profile as plainly as they can be written: one byte, one field, one rule after the other.
//!
//! The core's parser reads many bytes at once to be fast. What it says of a message must be what this says, the fields as
//! much as the violation. The rules stand here in the order in which a departure is named.

use fix_authz_core::frame::{Frame, SOH};
use fix_authz_core::message::{Field, Message};
use fix_authz_core::msg_type::MsgType;
use fix_authz_core::profile::Profile;
use fix_authz_core::settings::Framing;
use fix_authz_core::tags;
use fix_authz_core::version::Version;
use fix_authz_core::violation::Violation;

/// All that a message says, comparable.
pub fn head(message: &Message<'_>) -> impl PartialEq + std::fmt::Debug + use<> {
    let ids = (message.sender.to_vec(), message.target.to_vec());
    let fields = message.fields.to_vec();
    let has = (message.has_optional_ids, message.has_secrets);
    (message.version, message.msg_type, message.seq, ids, message.poss_dup, has, fields)
}

/// As `next_frame_by` has it.
pub fn frame(bytes: &[u8], max: usize, framing: &Framing) -> Result<Frame, Violation> {
    let Some(end) = prefix(bytes, b"8=").map_err(|()| Violation::BeginString)? else {
        return Ok(Frame::Partial);
    };
    let versions: Vec<Version> =
        [Version::Fix40, Version::Fix41, Version::Fix42, Version::Fix43, Version::Fix44, Version::Fixt11]
            .into_iter()
            .filter(|version| version.as_str().as_bytes() == &bytes[2..end])
            .collect();
    let whole = bytes.get(end) == Some(&SOH);
    let version = match versions[..] {
        [version] if whole => version,
        _ if whole || end - 2 > 8 || !alike(&bytes[2..end], b"FIX") => return Err(Violation::BeginString),
        _ => return Ok(Frame::Partial),
    };
    let start = end + 1;
    let rest = &bytes[start..];
    let Some(end) = prefix(rest, b"9=").map_err(|()| Violation::BodyLength)? else {
        return Ok(Frame::Partial);
    };
    let digits = &rest[2..end];
    let is_padded = digits.first() == Some(&b'0') && !framing.padded_body_length;
    if digits.len() > 7 || is_padded || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Violation::BodyLength);
    }
    if rest.get(end) != Some(&SOH) {
        return Ok(Frame::Partial);
    }
    let body_length: usize =
        std::str::from_utf8(digits).unwrap().parse().map_err(|_| Violation::BodyLength)?;
    if body_length < "35=0|".len() {
        return Err(Violation::BodyLength);
    }
    let body = start + end + 1;
    let len = body + body_length + "10=000|".len();
    if len > max {
        return Err(Violation::TooLong);
    }
    if !alike(&bytes[body..], b"35=") {
        return Err(Violation::MsgTypeNotThird);
    }
    if bytes.len() < len {
        return Ok(Frame::Partial);
    }
    let (summed, trailer) = bytes[..len].split_at(len - 7);
    if summed.last() != Some(&SOH) || !trailer.starts_with(b"10=") || trailer.last() != Some(&SOH) {
        return Err(Violation::BodyLength);
    }
    let sum: u32 = summed.iter().map(|byte| u32::from(*byte)).sum();
    if trailer[3..6] != *format!("{:03}", sum % 256).as_bytes() {
        return Err(Violation::CheckSum);
    }
    Ok(Frame::Complete { len, body, version })
}

/// Where the value behind `prefix` ends, at its separator or with the bytes; nothing yet, or something else.
fn prefix(bytes: &[u8], prefix: &[u8]) -> Result<Option<usize>, ()> {
    if !alike(bytes, prefix) {
        return Err(());
    }
    let end = bytes.iter().position(|byte| *byte == SOH).unwrap_or(bytes.len());
    Ok((bytes.len() >= prefix.len()).then_some(end))
}

/// The one begins the other.
fn alike(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.iter().zip(expected).all(|(a, b)| a == b)
}

/// As `parse` has it.
pub fn parse<'a>(
    bytes: &'a [u8],
    version: Version,
    profile: &Profile,
    max_fields: usize,
    fields: &'a mut Vec<Field>,
) -> Result<Message<'a>, Violation> {
    walk(bytes, profile, max_fields, fields)?;
    for length in fields.iter() {
        // Some engines take the tag below the data's for its length, but for 89.
        if let Some(data) = profile.data_tag(length.tag).filter(|data| length.tag != data - 1 && *data != 89)
            && fields.iter().any(|field| field.tag == data - 1)
        {
            return Err(Violation::DataLength);
        }
    }
    let first = |tag| {
        let field: Option<&Field> = fields.iter().find(|field| field.tag == tag);
        field.map(|field| &bytes[field.value as usize..field.end as usize])
    };
    let seq = first(tags::MSG_SEQ_NUM).and_then(seq_num).ok_or(Violation::MissingHeaderField)?;
    let sender = first(tags::SENDER_COMP_ID).ok_or(Violation::MissingHeaderField)?;
    let target = first(tags::TARGET_COMP_ID).ok_or(Violation::MissingHeaderField)?;
    let msg_type = first(tags::MSG_TYPE).and_then(MsgType::new).ok_or(Violation::MissingHeaderField)?;
    let poss_dup = first(tags::POSS_DUP_FLAG) == Some(b"Y");
    let has_optional_ids = fields.iter().any(|field| tags::OPTIONAL_IDS.contains(&field.tag));
    let has_secrets = fields.iter().any(|field| profile.class(field.tag).is_secret());
    let message = Message {
        bytes,
        fields,
        version,
        msg_type,
        seq,
        sender,
        target,
        poss_dup,
        has_optional_ids,
        has_secrets,
        has_separators_in_data: false,
    };
    if seq == 0 && !message.is_reset() { Err(Violation::MsgSeqNum) } else { Ok(message) }
}

fn walk(
    bytes: &[u8],
    profile: &Profile,
    max_fields: usize,
    fields: &mut Vec<Field>,
) -> Result<(), Violation> {
    let mut announced: Option<(u32, usize)> = None;
    let mut start = 0;
    while start < bytes.len() {
        let field = field_at(bytes, start, profile.max_tag())?;
        if fields.len() == max_fields {
            return Err(Violation::TooManyFields);
        }
        let content = &bytes[field.value as usize..field.end as usize];
        match announced.take() {
            Some(pair) if pair != (field.tag, content.len()) => return Err(Violation::DataLength),
            Some(_) => {}
            None if profile.class(field.tag).is_data() => return Err(Violation::DataWithoutLength),
            None => {}
        }
        if profile.class(field.tag).is_length() {
            let length = number(content).ok_or(Violation::DataLength)?;
            announced = profile.data_tag(field.tag).map(|data| (data, length as usize));
        }
        if tags::SINGLE_HEADER.contains(&field.tag) {
            if fields.iter().any(|before| before.tag == field.tag) {
                return Err(Violation::RepeatedHeaderField);
            }
            check_header(field.tag, content)?;
        }
        if tags::SINGLE_BODY.contains(&field.tag) && fields.iter().any(|before| before.tag == field.tag) {
            let is_secret = profile.class(field.tag).is_secret();
            return Err(if is_secret { Violation::RepeatedCredential } else { Violation::RepeatedField });
        }
        start = field.end as usize + 1;
        if field.tag == tags::CHECK_SUM && start != bytes.len() {
            return Err(Violation::CheckSumNotLast);
        }
        fields.push(field);
    }
    if announced.is_some() {
        Err(Violation::DataLength)
    } else if bytes.contains(&0) {
        Err(Violation::Nul)
    } else {
        Ok(())
    }
}

/// `tag=value<SOH>`
fn field_at(bytes: &[u8], start: usize, max_tag: u32) -> Result<Field, Violation> {
    let end = bytes[start..].iter().position(|byte| *byte == SOH).ok_or(Violation::Tag)?;
    let text = &bytes[start..start + end];
    let equals = text.iter().position(|byte| *byte == b'=').ok_or(Violation::Tag)?;
    if equals > 6 {
        return Err(Violation::Tag);
    }
    let tag = number(&text[..equals]).filter(|tag| *tag > 0).ok_or(Violation::Tag)?;
    if tag > max_tag {
        return Err(Violation::TagTooHigh);
    }
    if equals + 1 == text.len() {
        return Err(Violation::EmptyValue);
    }
    let offset = |at: usize| u32::try_from(start + at).unwrap();
    Ok(Field { tag, start: offset(0), value: offset(equals + 1), end: offset(end) })
}

fn check_header(tag: u32, content: &[u8]) -> Result<(), Violation> {
    let is_printable = content.iter().all(|byte| (b' '..=b'~').contains(byte));
    match tag {
        tags::MSG_TYPE if MsgType::new(content).is_none() => Err(Violation::MsgType),
        tags::MSG_SEQ_NUM if seq_num(content).is_none() => Err(Violation::MsgSeqNum),
        tags::POSS_DUP_FLAG if !matches!(content, b"Y" | b"N") => Err(Violation::Flag),
        tags::SENDER_COMP_ID | tags::TARGET_COMP_ID if !is_printable => Err(Violation::Identifier),
        tag if tags::OPTIONAL_IDS.contains(&tag) && !is_printable => Err(Violation::Identifier),
        _ => Ok(()),
    }
}

/// At most nine digits, the first of which is no zero.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.first() == Some(&b'0') { None } else { number_with_zeros(digits) }
}

/// At most nine digits, not all zero.
fn number_with_zeros(digits: &[u8]) -> Option<u32> {
    if digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).unwrap().parse().ok().filter(|number| *number > 0)
}

/// At most nineteen digits, up to 2^63-1.
fn seq_num(digits: &[u8]) -> Option<u64> {
    if digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: i64 = std::str::from_utf8(digits).unwrap().parse().ok()?;
    u64::try_from(number).ok()
}

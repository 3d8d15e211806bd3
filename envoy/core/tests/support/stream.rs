//! What a side said, as the oracle reads it: messages, malformed ones and those of other sessions, without garbled bytes.
//!
//! It is written apart from the core: separators are split, prefixes compared, and rules stand one behind the other.

use super::law::Read;
use super::run::{MAX_FIELDS, MAX_MESSAGE};
use super::slow_parser;
use fix_authz_core::frame::{Frame, SOH};
use fix_authz_core::profile::Profile;
use fix_authz_core::settings::Framing;
use fix_authz_core::testing::show;
use fix_authz_core::violation::Violation;
use std::sync::LazyLock;

/// What a message that was said is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It keeps the profile, and is this session's.
    Good,
    /// A field of it departs from the profile.
    Bad,
    /// Its BeginString or a CompID is another's.
    Foreign,
}

static PROFILE: LazyLock<Profile> = LazyLock::new(|| Profile::new(&[], &[]));

/// The messages of a stream until something can be said of them no more. The first must be good.
pub fn said(mut bytes: &[u8]) -> Vec<Read> {
    let mut said: Vec<Read> = Vec::new();
    loop {
        let (len, read) = match next(bytes, said.first()) {
            Next::End => return said,
            Next::Garbled(len) => (len, None),
            Next::Message(len, read) => (len, Some(read)),
        };
        said.extend(read);
        bytes = &bytes[len..];
    }
}

enum Next {
    Message(usize, Read),
    Garbled(usize),
    /// There is no more, or nobody can tell.
    End,
}

fn next(bytes: &[u8], first: Option<&Read>) -> Next {
    let mut fields = Vec::new();
    match slow_parser::frame(bytes, MAX_MESSAGE, &Framing::STRICT) {
        Ok(Frame::Partial) => Next::End,
        Ok(Frame::Complete { len, version, .. }) => {
            let whole = &bytes[..len];
            match (slow_parser::parse(whole, version, &PROFILE, MAX_FIELDS, &mut fields), first) {
                (Ok(message), None) => Next::Message(len, Read::new(&message)),
                (Ok(message), Some(first)) => {
                    let mut read = Read::new(&message);
                    if !is_of(&read.bytes, first) {
                        read.kind = Kind::Foreign;
                    }
                    Next::Message(len, read)
                }
                (Err(_), Some(first)) => {
                    malformed(whole, first).map_or(Next::End, |read| Next::Message(len, read))
                }
                (Err(_), None) => Next::End,
            }
        }
        Err(Violation::TooLong) => match (first, claimed(bytes)) {
            (Some(first), Claim::End(len)) if len <= 16 * MAX_MESSAGE && len <= bytes.len() => {
                let head = &bytes[..len.min(4_096)];
                let head = &head[..head.iter().rposition(|byte| *byte == SOH).map_or(0, |last| last + 1)];
                match is_exact(&bytes[..len]) {
                    true => malformed(head, first).map_or(Next::End, |read| Next::Message(len, read)),
                    false => Next::Garbled(len),
                }
            }
            _ => Next::End,
        },
        Err(violation) => match (first, garbled(bytes)) {
            (Some(first), Some(len)) if violation == Violation::BeginString && is_exact(&bytes[..len]) => {
                malformed(&bytes[..len], first).map_or(Next::End, |read| Next::Message(len, read))
            }
            (Some(_), Some(len)) => Next::Garbled(len),
            _ => Next::End,
        },
    }
}

/// The first field with this tag, split at separators.
fn value<'a>(bytes: &'a [u8], tag: &str) -> Option<&'a [u8]> {
    let prefix = format!("{tag}=");
    bytes.split(|byte| *byte == SOH).find_map(|field| field.strip_prefix(prefix.as_bytes()))
}

fn is_readable(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// Its BeginString and CompIDs are those of the side's first message, as far as they can be read.
fn is_of(bytes: &[u8], first: &Read) -> bool {
    ["49", "56"].iter().all(|tag| {
        let id = value(bytes, tag).filter(|id| is_readable(id));
        id.is_none_or(|id| Some(id) == value(&first.bytes, tag))
    }) && value(bytes, "8") == value(&first.bytes, "8")
}

fn malformed(bytes: &[u8], first: &Read) -> Option<Read> {
    let digits = value(bytes, "34")?;
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seq: u64 = std::str::from_utf8(digits).unwrap().parse().unwrap();
    let kind = if is_of(bytes, first) { Kind::Bad } else { Kind::Foreign };
    let poss_dup = value(bytes, "43") == Some(b"Y");
    (1..=i64::MAX as u64).contains(&seq).then(|| Read::malformed(bytes, kind, seq, poss_dup))
}

/// Where bytes that are no message end.
pub fn garbled(bytes: &[u8]) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(MAX_MESSAGE)];
    let find = |from: usize, what: &[u8]| {
        (from..bytes.len()).find(|at| bytes[*at..].starts_with(what)).map(|at| at + what.len())
    };
    let claimed = match claimed(bytes) {
        Claim::Open => return None,
        Claim::End(end) if end <= MAX_MESSAGE => end,
        Claim::End(_) | Claim::Unreadable => {
            let ends = [find(1, b"8=FIX."), find(1, b"8=FIXT")];
            return ends.into_iter().flatten().min().map(|end| end - "8=FIX.".len());
        }
    };
    let value = find(claimed - "|10=000|".len(), b"\x0110=")?;
    find(value, &[SOH])
}

/// Where a message ends by its own BodyLength.
#[derive(PartialEq)]
enum Claim {
    End(usize),
    Unreadable,
    /// More bytes are needed.
    Open,
}

fn claimed(bytes: &[u8]) -> Claim {
    let mut fields = bytes.split(|byte| *byte == SOH);
    let version = fields.next().unwrap();
    let is_begun = version.starts_with(b"8=") || b"8=".starts_with(version);
    let Some(length) = fields.next() else {
        return if is_begun && version.len() <= 10 { Claim::Open } else { Claim::Unreadable };
    };
    if !version.starts_with(b"8=") || version.len() > 10 {
        return Claim::Unreadable;
    }
    let is_whole = fields.next().is_some();
    let is_begun = length.starts_with(b"9=") || b"9=".starts_with(length);
    let digits = length.get(2..).unwrap_or_default();
    let may_be = digits.len() <= 7 && digits.iter().all(u8::is_ascii_digit) && digits.first() != Some(&b'0');
    match is_begun && may_be {
        false => Claim::Unreadable,
        true if !is_whole => Claim::Open,
        true => match show(digits).parse::<usize>() {
            Ok(count) if count >= 5 => {
                Claim::End(version.len() + 1 + length.len() + 1 + count + "10=000|".len())
            }
            _ => Claim::Unreadable,
        },
    }
}

/// But for its BeginString.
fn is_exact(bytes: &[u8]) -> bool {
    let Some(at) = bytes.len().checked_sub("|10=000|".len()) else { return false };
    let sum: u32 = bytes[..at + 1].iter().map(|byte| u32::from(*byte)).sum();
    let end = [&[SOH][..], format!("10={:03}", sum % 256).as_bytes(), &[SOH]].concat();
    claimed(bytes) == Claim::End(bytes.len())
        && bytes[at..] == end
        && bytes.split(|byte| *byte == SOH).nth(2).is_some_and(|third| third.starts_with(b"35="))
}

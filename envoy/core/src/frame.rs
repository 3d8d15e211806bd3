//! Framing: where a message ends.
//!
//! A message is found by its BodyLength (9) alone, and only where CheckSum (10) stands right behind it and is exact.
//! There is no search for `8=` or `10=` and no resynchronization: two engines that seek differently would read
//! different messages. Bytes are complete, partial, or a violation; a violation shows as early as it can be known.

use crate::settings::Framing;
use crate::simd;
use crate::swar;
use crate::version::Version;
use crate::violation::Violation;
use memchr::memchr;

/// The field separator.
pub const SOH: u8 = 1;

/// The length of `10=ccc<SOH>`.
pub const TRAILER: usize = 7;

/// `8=` BeginString `<SOH>9=` and at most seven digits `<SOH>`
const MAX_PREFIX: usize = 2 + Version::MAX_LEN + 1 + 2 + 7 + 1;

/// The shortest body: `35=0<SOH>`.
const SHORTEST: u32 = 5;

/// What stands at the head of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A whole message of `len` bytes, whose body (35 first) starts at `body`.
    Complete {
        /// Length of the message, CheckSum included.
        len: usize,
        /// Offset of the byte after `9=…<SOH>`.
        body: usize,
        /// BeginString (8).
        version: Version,
    },
    /// More bytes are needed.
    Partial,
}

/// Finds the first message of `bytes`, which may be at most `max` bytes long, as the strict profile has it.
///
/// # Errors
/// The violation that makes the bytes no beginning of a message.
#[inline]
pub fn next_frame(bytes: &[u8], max: usize) -> Result<Frame, Violation> {
    next_frame_by(bytes, max, &Framing::STRICT)
}

/// As [`next_frame`], by what a listener was told.
///
/// # Errors
/// The same.
#[inline]
pub fn next_frame_by(bytes: &[u8], max: usize, framing: &Framing) -> Result<Frame, Violation> {
    let Some((version, rest)) = begin_string(bytes)? else { return Ok(Frame::Partial) };
    let Some((body_length, body)) = body_length(bytes, rest, framing)? else { return Ok(Frame::Partial) };
    let len = body + body_length + TRAILER;
    if len > max {
        return Err(Violation::TooLong);
    }
    // Before the end is looked at, so that the verdict is the same however much has arrived.
    if !begins_alike(bytes.get(body..).unwrap_or_default(), b"35=") {
        return Err(Violation::MsgTypeNotThird);
    }
    let Some(message) = bytes.get(..len) else { return Ok(Frame::Partial) };
    check_trailer(message)?;
    Ok(Frame::Complete { len, body, version })
}

/// Where a message with any BeginString (8) of up to eight characters would end by its BodyLength (9), CheckSum (10) included; `None`:
/// more bytes are needed.
///
/// # Errors
/// It cannot be read.
pub fn claimed_end(bytes: &[u8], framing: &Framing) -> Result<Option<usize>, Violation> {
    if !begins_alike(bytes, b"8=") {
        return Err(Violation::BeginString);
    }
    let value = bytes.get(2..bytes.len().min(2 + Version::MAX_LEN + 1)).unwrap_or_default();
    let start = match memchr(SOH, value) {
        Some(end) => 2 + end + 1,
        None if value.len() > Version::MAX_LEN => return Err(Violation::BeginString),
        None => return Ok(None),
    };
    let length = body_length(bytes, start, framing)?;
    Ok(length.map(|(body_length, body)| body + body_length + TRAILER))
}

/// Whether `message` is one exact frame, whatever its BeginString (8).
pub fn is_exact(message: &[u8], framing: &Framing) -> bool {
    claimed_end(message, framing) == Ok(Some(message.len()))
        && check_trailer(message).is_ok()
        && begins_with_msg_type(message)
}

/// Whether MsgType (35) is the third field.
pub fn begins_with_msg_type(message: &[u8]) -> bool {
    message.split(|byte| *byte == SOH).nth(2).is_some_and(|third| third.starts_with(b"35="))
}

/// `8=…<SOH>` → the version and the offset behind it. Whole ones are told by pattern, as this runs for every message.
#[inline]
fn begin_string(bytes: &[u8]) -> Result<Option<(Version, usize)>, Violation> {
    let version = match bytes {
        [b'8', b'=', b'F', b'I', b'X', b'.', b'4', b'.', b'4', SOH, ..] => Version::Fix44,
        [b'8', b'=', b'F', b'I', b'X', b'.', b'4', b'.', b'2', SOH, ..] => Version::Fix42,
        [b'8', b'=', b'F', b'I', b'X', b'T', b'.', b'1', b'.', b'1', SOH, ..] => Version::Fixt11,
        _ => return other_begin_string(bytes),
    };
    Ok(Some((version, "8=".len() + version.as_str().len() + 1)))
}

/// A version met less often, the beginning of one, or none.
fn other_begin_string(bytes: &[u8]) -> Result<Option<(Version, usize)>, Violation> {
    let head = bytes.get(..bytes.len().min(2 + Version::MAX_LEN + 1)).unwrap_or(bytes);
    if !begins_alike(head, b"8=FIX") {
        return Err(Violation::BeginString);
    }
    match memchr(SOH, head) {
        Some(end) => {
            let value = head.get(2..end).unwrap_or_default();
            let version = Version::from_bytes(value).ok_or(Violation::BeginString)?;
            Ok(Some((version, end + 1)))
        }
        None if head.len() == 2 + Version::MAX_LEN + 1 => Err(Violation::BeginString),
        None => Ok(None),
    }
}

/// `9=…<SOH>` at `start` → the length and the offset behind it. Whole ones of up to five digits are read at once.
#[inline]
fn body_length(bytes: &[u8], start: usize, framing: &Framing) -> Result<Option<(usize, usize)>, Violation> {
    let whole = swar::word_at(bytes, start).and_then(|word| {
        let [b'9', b'=', first, ..] = word.to_le_bytes() else { return None };
        let digits = word >> 16;
        let count = swar::index_of(digits, SOH)?;
        let length = swar::number(digits, count)?;
        (first != b'0' && length >= SHORTEST).then_some((length as usize, start + 2 + count as usize + 1))
    });
    if whole.is_some() { Ok(whole) } else { other_body_length(bytes, start, framing) }
}

/// A longer one, a padded one where that is allowed, the beginning of one, or none.
#[cold]
fn other_body_length(
    bytes: &[u8],
    start: usize,
    framing: &Framing,
) -> Result<Option<(usize, usize)>, Violation> {
    let field = bytes.get(start..bytes.len().min(MAX_PREFIX)).unwrap_or_default();
    if !begins_alike(field, b"9=") {
        return Err(Violation::BodyLength);
    }
    let mut length: u32 = 0;
    for (index, byte) in field.iter().enumerate().skip(2) {
        match byte {
            b'0' if index == 2 && !framing.padded_body_length => return Err(Violation::BodyLength),
            b'0'..=b'9' => length = length * 10 + u32::from(byte - b'0'),
            &SOH if length >= SHORTEST => return Ok(Some((length as usize, start + index + 1))),
            _ => return Err(Violation::BodyLength),
        }
        if index > 8 {
            return Err(Violation::BodyLength);
        }
    }
    Ok(None)
}

/// The one begins the other.
fn begins_alike(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.iter().zip(expected).all(|(a, b)| a == b)
}

/// The body ends in SOH, and `10=ccc<SOH>` with the sum of all bytes before it follows.
#[inline]
fn check_trailer(message: &[u8]) -> Result<(), Violation> {
    let Some((summed, trailer)) = message.split_last_chunk::<TRAILER>() else {
        return Err(Violation::BodyLength);
    };
    if message.last_chunk() == Some(&ends(check_sum(summed))) {
        return Ok(());
    }
    let is_framed = matches!(trailer, [b'1', b'0', b'=', _, _, _, SOH]) && summed.last() == Some(&SOH);
    Err(if is_framed { Violation::CheckSum } else { Violation::BodyLength })
}

/// The sum of `bytes` modulo 256, as CheckSum (10) holds it.
#[inline]
pub fn check_sum(bytes: &[u8]) -> u8 {
    simd::sum(bytes)
}

/// Three digits.
pub const fn digits(sum: u8) -> [u8; 3] {
    [b'0' + sum / 100, b'0' + sum / 10 % 10, b'0' + sum % 10]
}

/// The eight bytes that a message of this sum ends in.
#[inline]
pub(crate) fn ends(sum: u8) -> [u8; 8] {
    // What an index of a constant meets is known when it is compiled.
    #[allow(clippy::indexing_slicing)]
    static ENDS: [[u8; 8]; 256] = {
        let mut ends = [[0; 8]; 256];
        let mut sum = 0;
        while sum < ends.len() {
            let [hundreds, tens, ones] = digits(sum as u8);
            ends[sum] = [SOH, b'1', b'0', b'=', hundreds, tens, ones, SOH];
            sum += 1;
        }
        ends
    };
    ENDS.get(usize::from(sum)).copied().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::testing::{fix, padded, raw};

    const MAX: usize = 4096;

    #[test]
    fn finds_a_message_whole_with_trailing_bytes_and_never_in_a_part() {
        let message = fix("FIX.4.4", "35=0|34=1|49=A|56=B|");
        for end in 0..message.len() {
            assert_eq!(next_frame(&message[..end], MAX), Ok(Frame::Partial), "{end}");
        }
        let mut two = message.clone();
        two.extend_from_slice(&message);
        for bytes in [&message, &two] {
            let frame = next_frame(bytes, MAX).unwrap();
            assert_eq!(frame, Frame::Complete { len: message.len(), body: 15, version: Version::Fix44 });
        }
    }

    #[test]
    fn refuses_at_the_first_byte_that_cannot_be() {
        for (bytes, violation) in [
            ("G", Violation::BeginString),
            ("8=FIY", Violation::BeginString),
            ("8=FIX.4.9|", Violation::BeginString),
            ("8=FIX.4.44.4", Violation::BeginString),
            ("8=FIX.4.4|35", Violation::BodyLength),
            ("8=FIX.4.4|9=0", Violation::BodyLength),
            ("8=FIX.4.4|9=-", Violation::BodyLength),
            ("8=FIX.4.4|9= ", Violation::BodyLength),
            ("8=FIX.4.4|9=+5|", Violation::BodyLength),
            ("8=FIX.4.4|9=4|", Violation::BodyLength),
            ("8=FIX.4.4|9=12345678", Violation::BodyLength),
            ("8=FIX.4.4|9=99999999999999999999", Violation::BodyLength),
            ("8=FIX.4.4|9=5000|", Violation::TooLong),
            ("8=FIX.4.4|9=50|34", Violation::MsgTypeNotThird),
            ("8=FIX.4.4|9=5|34=0|10=000|", Violation::MsgTypeNotThird),
        ] {
            assert_eq!(next_frame(&raw(bytes), MAX), Err(violation), "{bytes}");
        }
    }

    #[test]
    fn refuses_a_wrong_length_or_sum() {
        for (bytes, violation) in [
            ("8=FIX.4.4|9=5|35=0|10=000|", Violation::CheckSum),
            ("8=FIX.4.4|9=5|35=0|10=1634", Violation::BodyLength),
            ("8=FIX.4.4|9=6|35=0|10=163|8", Violation::BodyLength),
            ("8=FIX.4.4|9=5|35=00|10=163|", Violation::BodyLength),
            ("8=FIX.4.4|9=5|35=0|10=16 |", Violation::CheckSum),
        ] {
            assert_eq!(next_frame(&raw(bytes), MAX), Err(violation), "{bytes}");
        }
    }

    #[test]
    fn takes_a_padded_body_length_where_that_is_allowed() {
        const PADDED: Framing = Framing { padded_body_length: true, ..Framing::STRICT };
        for zeros in 1..=5 {
            let message = padded("FIX.4.4", "35=0|34=1|49=A|56=B|", zeros);
            for end in 0..message.len() {
                assert_eq!(next_frame_by(&message[..end], MAX, &PADDED), Ok(Frame::Partial), "{end}");
            }
            let whole = Frame::Complete { len: message.len(), body: 15 + zeros, version: Version::Fix44 };
            assert_eq!(next_frame_by(&[&message[..], b"8=F"].concat(), MAX, &PADDED), Ok(whole));
            // As soon as the zero is seen.
            assert_eq!(next_frame(&message[..13], MAX), Err(Violation::BodyLength));
        }
        for length in ["0000000", "0000004", "00000050", "000000000005", "0 5", "0x5", "+05", "05 ", "0"] {
            let bytes = raw(&format!("8=FIX.4.4|9={length}|35=0|10=000|"));
            assert_eq!(next_frame_by(&bytes, MAX, &PADDED), Err(Violation::BodyLength), "{length}");
        }
        // Decimal, as it is without zeros: 16 is neither 14 nor 22.
        let sixteen = padded("FIX.4.4", "35=0|34=1|112=a|", 1);
        assert!(matches!(next_frame_by(&sixteen, MAX, &PADDED), Ok(Frame::Complete { .. })));
        let beyond = raw("8=FIX.4.4|9=0005000|");
        assert_eq!(next_frame_by(&beyond, MAX, &PADDED), Err(Violation::TooLong));
    }

    #[test]
    fn takes_a_body_length_of_one_to_seven_digits() {
        for length in [5, 99, 100, 1_000, 10_000, 99_999, 100_000, 1_000_000, 9_999_999] {
            let bytes = raw(&format!("8=FIX.4.4|9={length}|35=0|34=1"));
            assert_eq!(next_frame(&bytes, usize::MAX), Ok(Frame::Partial), "{length}");
            assert_eq!(next_frame(&bytes, length), Err(Violation::TooLong), "{length}");
        }
        for length in ["4", "05", "10000000", "", "1x", "\u{b1}5", "5 "] {
            let bytes = raw(&format!("8=FIX.4.4|9={length}|35=0|34=1"));
            assert_eq!(next_frame(&bytes, usize::MAX), Err(Violation::BodyLength), "{length}");
        }
    }
}

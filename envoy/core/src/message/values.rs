//! Tags, numbers and identifiers: what each may be written as, and no other way.
//!
//! Nearly all are read eight bytes at once, so a value is told by its offsets in the message: what stands behind it is read
//! too, and does not count.

use crate::swar;
use crate::violation::Violation;

/// `[1-9][0-9]{0,5}=` at the head of `word` → the tag and its length.
#[inline(never)]
pub(super) fn tag(word: u64) -> Option<(u32, u32)> {
    let len = swar::index_of(word, b'=')?;
    let tag = swar::number(word, len)?;
    let is_canonical = word as u8 != b'0' && tag < 1_000_000;
    is_canonical.then_some((tag, len))
}

/// A sequence number: digits up to 2^63-1, which engines hold in 64 bits; leading zeros are read alike by all and stay.
#[inline]
pub(super) fn seq_num(bytes: &[u8], value: usize, end: usize) -> Option<u64> {
    match end - value {
        len @ 1..=8 => swar::number(swar::word_at(bytes, value)?, len as u32).map(u64::from),
        _ => number(bytes.get(value..end)?),
    }
}

/// A sequence number of any length, as [`seq_num`] reads it.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    const MOST_DIGITS: usize = 19;
    if digits.is_empty() || digits.len() > MOST_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Nineteen digits fit 64 bits without a sign.
    let number = digits.iter().fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
    (number <= i64::MAX as u64).then_some(number)
}

/// The length of data: a positive number of at most nine digits without leading zeros.
pub(super) fn data_length(digits: &[u8]) -> Option<u32> {
    if digits.len() > 9 || digits.first() == Some(&b'0') {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |n: u32, digit| digit.is_ascii_digit().then(|| n * 10 + u32::from(digit - b'0')))
}

/// A value of printable ASCII.
#[inline]
pub(super) fn identifier(bytes: &[u8], value: usize, end: usize) -> Result<&[u8], Violation> {
    let mut at = value;
    while at < end {
        let word = swar::word_at(bytes, at).ok_or(Violation::Identifier)?;
        if !swar::is_printable(word, (end - at).min(8) as u32) {
            return Err(Violation::Identifier);
        }
        at += 8;
    }
    bytes.get(value..end).ok_or(Violation::Identifier)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn reads_sequence_numbers_up_to_63_bits() {
        let read = |text: &str| {
            let bytes = format!("34={text}\u{1}10=000\u{1}").into_bytes();
            seq_num(&bytes, 3, 3 + text.len())
        };
        for number in
            [0, 1, 9, 99_999_999, 100_000_000, 999_999_999, 1 << 31, 1 << 32, 1 << 62, i64::MAX as u64]
        {
            let text = number.to_string();
            assert_eq!(read(&text), Some(number));
            if text.len() < 19 {
                assert_eq!(read(&format!("0{text}")), Some(number), "leading zeros are read alike");
            }
        }
        for bad in [
            "",
            "9223372036854775808",
            "9999999999999999999",
            "00000000000000000001",
            "1234567x",
            "123456789x",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in ["-1", "+1", " 1", "1 ", "1_0", "1.0", "-123456789"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn reads_every_tag_and_no_other() {
        let tag_of = |text: &[u8]| tag(swar::word_at(text, 0).unwrap());
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
}

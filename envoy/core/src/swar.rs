//! Eight bytes at once, in one register: the first byte of a kind, numbers, printable text.
//!
//! A word holds its bytes in reading order from the lowest up, so a shift to the left pushes the unwanted ones behind a
//! number out at the top and fills in front of it. There is no branch but for what is refused.

/// `byte` in each of the eight places.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const HIGH: u64 = all(0x80);

/// The four bytes of `bytes` at `at`, if there are as many.
#[inline]
pub fn half_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|half| u32::from_le_bytes(*half))
}

/// One to three digits and a `=` at the head of `half` → the digits as three nibbles, and how many they were.
///
/// In its nibbles a number is told from every other, as in its value, but they cost one multiplication to gather.
#[inline]
pub fn short_tag(half: u32) -> Option<(Nibbles, u32)> {
    const HIGH: u32 = 0x8080_8080;
    let differing = half ^ u32::from_le_bytes([b'='; 4]);
    let zeros = differing.wrapping_sub(0x0101_0101) & !differing & HIGH;
    if zeros == 0 {
        return None;
    }
    let place = zeros.trailing_zeros();
    // A `=` that stands first is not shifted out, and no digit.
    let digits = (half ^ u32::from_le_bytes([b'0'; 4])).wrapping_shl(7_u32.wrapping_sub(place));
    if (digits.wrapping_add(0x7676_7676) | digits) & HIGH != 0 || half as u8 == b'0' {
        return None;
    }
    let nibbles = (u64::from(digits) * (1 | 16 << 8 | 256 << 16)) >> 24;
    Some((Nibbles(nibbles as u16 & 0xfff), place / 8))
}

/// Three decimal digits, each in four bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nibbles(u16);

impl Nibbles {
    /// How many there can be.
    pub const COUNT: usize = 1 << 12;

    /// Of a number below 1000.
    pub const fn of(number: u16) -> Self {
        Self(((number / 100 % 10) << 8) | ((number / 10 % 10) << 4) | (number % 10))
    }

    /// Below [`Self::COUNT`].
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0 & 0xfff)
    }
}

/// The eight bytes of `bytes` at `at`, if there are as many.
#[inline]
pub fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
}

/// How many bytes stand before the first `byte`.
#[inline]
pub fn index_of(word: u64, byte: u8) -> Option<u32> {
    let differing = word ^ all(byte);
    // Borrows spoil only what is above the first zero.
    let zeros = differing.wrapping_sub(all(1)) & !differing & HIGH;
    if zeros == 0 { None } else { Some(zeros.trailing_zeros() / 8) }
}

/// The number that the first `len` (1 to 8) bytes spell; leading zeros are digits as others.
#[inline]
pub fn number(word: u64, len: u32) -> Option<u32> {
    digits(word, len).map(Digits::value)
}

/// The first `len` (1 to 8) bytes, if they are digits.
#[inline]
pub fn digits(word: u64, len: u32) -> Option<Digits> {
    let digits = (word ^ all(b'0')).wrapping_shl(64_u32.wrapping_sub(8 * len));
    // A carry comes out of such a byte only as has its own high bit set.
    ((digits.wrapping_add(all(0x7f - 9)) | digits) & HIGH == 0).then_some(Digits(digits))
}

/// Eight decimal digits, each in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits(u64);

impl Digits {
    /// Nothing but zeros.
    #[inline]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The number that they spell.
    #[inline]
    pub fn value(self) -> u32 {
        const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
        const QUADS: u64 = 0x0000_00ff_0000_00ff;
        let pairs = (self.0.wrapping_mul(10 * 256 + 1) >> 8) & PAIRS;
        let upper = (pairs & QUADS).wrapping_mul(100 + (1_000_000 << 32));
        let lower = ((pairs >> 16) & QUADS).wrapping_mul(1 + (10_000 << 32));
        (upper.wrapping_add(lower) >> 32) as u32
    }
}

/// Whether the first `len` (1 to 8) bytes are printable ASCII.
#[inline]
pub fn is_printable(word: u64, len: u32) -> bool {
    let text = word.wrapping_shl(64_u32.wrapping_sub(8 * len));
    // What the shift filled in is zero: made spaces.
    let text = text | !(u64::MAX.wrapping_shl(64_u32.wrapping_sub(8 * len))) & all(b' ');
    let below_space = (text | HIGH).wrapping_sub(all(b' '));
    let above_tilde = text.wrapping_add(all(0x7f - b'~')) | text;
    (!below_space | above_tilde) & HIGH == 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn word(text: &[u8]) -> u64 {
        let mut bytes = *b"=\x01\xff9:/\x809";
        bytes[..text.len()].copy_from_slice(text);
        u64::from_le_bytes(bytes)
    }

    #[test]
    fn a_word_is_eight_bytes_or_none() {
        assert_eq!(word_at(b"x12345678y", 1), Some(u64::from_le_bytes(*b"12345678")));
        assert_eq!(word_at(b"x12345678", 2), None);
        assert_eq!(word_at(b"x", 9), None);
    }

    #[test]
    fn reads_short_tags_and_no_other() {
        for tag in 1..1_000_u16 {
            for tail in ["=..", "===", "=0=", "=\x019"] {
                let text = format!("{tag}{tail}");
                let len = tag.to_string().len() as u32;
                assert_eq!(
                    short_tag(half_at(text.as_bytes(), 0).unwrap()),
                    Some((Nibbles::of(tag), len)),
                    "{text}"
                );
            }
        }
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for [third, fourth] in [*b"==", *b"1=", *b"=1", *b"11", *b"\xbd=", *b"=\x00", *b"<=", *b"=>"]
                {
                    let bytes = [first, second, third, fourth];
                    let len = bytes.iter().position(|byte| *byte == b'=').unwrap_or_default();
                    let is_tag =
                        (b'1'..=b'9').contains(&first) && bytes[..len].iter().all(u8::is_ascii_digit);
                    assert_eq!(
                        short_tag(u32::from_le_bytes(bytes)).is_some(),
                        is_tag && len > 0,
                        "{bytes:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn each_number_has_nibbles_of_its_own() {
        let mut all: Vec<usize> = (0..1_000).map(|number| Nibbles::of(number).index()).collect();
        assert!(all.is_sorted());
        all.dedup();
        assert_eq!(all.len(), 1_000);
    }

    #[test]
    fn finds_the_first_byte_whatever_stands_around_it() {
        for other in (0..=u8::MAX).filter(|other| *other != b'=') {
            assert_eq!(index_of(all(other), b'='), None);
            for place in 0..8 {
                let mut bytes = [other; 8];
                bytes[place..].fill(b'=');
                assert_eq!(index_of(u64::from_le_bytes(bytes), b'='), Some(place as u32), "{other}");
                bytes[place + 1..].fill(other);
                assert_eq!(index_of(u64::from_le_bytes(bytes), b'='), Some(place as u32), "{other}");
            }
        }
    }

    #[test]
    fn reads_numbers_of_every_length() {
        for number_of in (0..100_000).chain([123_456, 999_999, 1_234_567, 12_345_678, 99_999_999]) {
            let text = format!("{number_of}");
            assert_eq!(number(word(text.as_bytes()), text.len() as u32), Some(number_of));
            let text = format!("{number_of:08}");
            assert_eq!(number(word(text.as_bytes()), 8), Some(number_of));
        }
    }

    #[test]
    fn a_byte_that_is_no_digit_is_seen_in_each_place() {
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
            for filler in [b'0', b'9'] {
                for len in 1..=8 {
                    for place in 0..len {
                        let mut text = [filler; 8];
                        text[place] = byte;
                        assert_eq!(number(word(&text[..len]), len as u32), None, "{byte} {place} {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn printable_is_from_space_to_tilde_in_each_place() {
        for byte in 0..=u8::MAX {
            for filler in [b' ', b'~', b'A'] {
                for len in 1..=8 {
                    for place in 0..len {
                        let mut text = [filler; 8];
                        text[place] = byte;
                        let expected = (b' '..=b'~').contains(&byte);
                        assert_eq!(
                            is_printable(word(&text[..len]), len as u32),
                            expected,
                            "{byte} {place} {len}"
                        );
                    }
                }
            }
        }
    }
}

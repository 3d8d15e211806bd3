//! A message that is longer than the limit: it passes by, and only its beginning is kept.
//!
//! Closing the connection for it would not end the trouble, since the client's engine sends it again after the next Logon. What an answer
//! needs, MsgSeqNum (34) first of all, stands at the beginning.

use crate::frame::{SOH, TRAILER, check_sum, ends};

/// How much of the beginning is kept.
const HEAD: usize = 4_096;

/// A message of which only the beginning is kept.
#[derive(Debug)]
pub struct Oversize {
    head: Vec<u8>,
    /// The last bytes so far: a separator and CheckSum (10), once it is whole.
    tail: Vec<u8>,
    /// The sum of the bytes before them.
    sum: u8,
    left: usize,
}

impl Oversize {
    /// How many times the limit such a message may be long: bytes that pass by are bytes of later messages if its BodyLength is
    /// wrong.
    pub const MOST_LIMITS: usize = 16;

    /// A message of `len` bytes by its own BodyLength (9).
    pub fn new(len: usize) -> Self {
        Self { head: Vec::new(), tail: Vec::new(), sum: 0, left: len }
    }

    /// Takes what of `bytes` is the message's, and says how many bytes that is.
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.left);
        let bytes = bytes.get(..taken).unwrap_or_default();
        self.left -= taken;
        let kept = taken.min(HEAD - self.head.len());
        self.head.extend_from_slice(bytes.get(..kept).unwrap_or_default());
        self.tail.extend_from_slice(bytes);
        let summed = self.tail.len().saturating_sub(TRAILER + 1);
        self.sum = self.sum.wrapping_add(check_sum(self.tail.get(..summed).unwrap_or_default()));
        self.tail.drain(..summed);
        taken
    }

    /// All its bytes have come.
    pub fn is_whole(&self) -> bool {
        self.left == 0
    }

    /// Its frame is exact.
    pub fn is_exact(&self) -> bool {
        self.tail.first().is_some_and(|separator| self.tail == ends(self.sum.wrapping_add(*separator)))
    }

    /// The whole fields of its beginning.
    pub fn head(&self) -> &[u8] {
        let end = self.head.iter().rposition(|byte| *byte == SOH).map_or(0, |last| last + 1);
        self.head.get(..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fix;

    fn taken(bytes: &[u8], step: usize) -> Oversize {
        let mut oversize = Oversize::new(bytes.len());
        for part in bytes.chunks(step) {
            assert!(!oversize.is_whole());
            assert_eq!(oversize.take(part), part.len());
        }
        oversize
    }

    #[test]
    fn keeps_the_beginning_and_tells_whether_the_frame_is_exact() {
        let message = fix("FIX.4.4", &format!("35=B|34=7|49=A|56=B|58={}|", "x".repeat(100_000)));
        for step in [1, 7, 8, 9, 4_095, 4_096, 1 << 20] {
            let oversize = taken(&message, step);
            assert!(oversize.is_whole() && oversize.is_exact(), "{step}");
            assert!(oversize.head().ends_with(b"56=B\x01"));
            assert!(oversize.tail.len() <= TRAILER + 1 && oversize.head.len() <= HEAD);
        }
        for at in [30, 50_000, message.len() - 4, message.len() - 1] {
            let mut other = message.clone();
            if let Some(byte) = other.get_mut(at) {
                *byte ^= 1;
            }
            assert!(!taken(&other, 1_000).is_exact(), "{at}");
        }
    }

    #[test]
    fn takes_no_more_than_its_own() {
        let mut oversize = Oversize::new(10);
        assert_eq!(oversize.take(&[0; 25]), 10);
        assert!(oversize.is_whole() && !oversize.is_exact());
    }
}

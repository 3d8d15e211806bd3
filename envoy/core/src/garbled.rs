//! Bytes that are no message: where they end, and the next message may begin.
//!
//! The session protocol has a garbled message ignored: the gap in the numbers shows it, and a ResendRequest heals that. Where 8 and 9
//! can be read, the garbled message ends with the first CheckSum (10) at or behind the end that its BodyLength (9) claims, which is how
//! engines find the next one. Otherwise it ends before the next BeginString (8) that may be one, wherever that stands.
//!
//! Whatever is taken for a message behind it is framed and read like any other, so nothing that engines read differently is
//! forwarded because of it.

use crate::frame::{SOH, TRAILER, claimed_end};
use crate::settings::Framing;
use crate::violation::Violation;
use memchr::{memchr, memmem};

/// Where bytes that are no message end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbled {
    /// So many bytes are to be ignored.
    Until(usize),
    /// More bytes are needed to tell.
    Partial,
}

/// Finds the end of the garbled message at the head of `bytes`. `max` bounds how far its end is looked for, in bytes.
///
/// # Errors
/// There is no end within the bound.
pub fn end_of_garbled(bytes: &[u8], max: usize, framing: &Framing) -> Result<Garbled, Violation> {
    let looked_at = bytes.get(..max).unwrap_or(bytes);
    let found = match claimed_end(looked_at, framing) {
        Ok(None) => None,
        Ok(Some(end)) if end <= max => check_sum_behind(looked_at, end - TRAILER),
        Ok(Some(_)) | Err(_) => next_beginning(looked_at),
    };
    match found {
        Some(end) => Ok(Garbled::Until(end)),
        None if bytes.len() >= max => Err(Violation::Unframed),
        None => Ok(Garbled::Partial),
    }
}

/// The offset behind the first `|10=…|` whose first separator is at `at - 1` or behind.
fn check_sum_behind(bytes: &[u8], at: usize) -> Option<usize> {
    let from = at.checked_sub(1)?;
    let value = from + memmem::find(bytes.get(from..)?, b"\x0110=")? + b"\x0110=".len();
    Some(value + memchr(SOH, bytes.get(value..)?)? + 1)
}

/// The offset of the next `8=FIX.` or `8=FIXT`, behind the first byte.
fn next_beginning(bytes: &[u8]) -> Option<usize> {
    let is_version = |at: &usize| matches!(bytes.get(at + b"8=FIX".len()), Some(b'.' | b'T'));
    memmem::find_iter(bytes, b"8=FIX").filter(|at| *at > 0).find(is_version)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::testing::{fix, raw};

    fn end(text: &str) -> Result<Garbled, Violation> {
        end_of_garbled(&raw(text), 256, &Framing::STRICT)
    }

    #[test]
    fn ends_where_the_next_check_sum_does_at_or_behind_the_claimed_length() {
        for (garbled, behind) in [
            // A wrong sum.
            ("8=FIX.4.4|9=5|35=0|10=000|", "8=FIX.4.4|9=5|35=0|10=163|"),
            // Too short a length.
            ("8=FIX.4.4|9=5|35=0|34=2|49=A|56=B|10=000|", "8=FIX.4.4|9=5|"),
            // Too long a length takes the next message with it.
            ("8=FIX.4.4|9=30|35=0|34=2|10=000|8=FIX.4.4|9=5|35=0|10=163|", "8="),
            // 35 is not the third field.
            ("8=FIX.4.4|9=10|34=3|35=0|10=000|", "x"),
            ("8=FIX.4.4|9=5|35=0|10=1|", "8=FIX.4.4|9"),
            ("8=FIX.9.9|9=5|35=0|10=1|", "8=FIX.4.4|9"),
        ] {
            let length = garbled.len();
            for cut in 0..length {
                assert_eq!(end(&garbled[..cut]), Ok(Garbled::Partial), "{garbled} {cut}");
            }
            assert_eq!(end(&format!("{garbled}{behind}")), Ok(Garbled::Until(length)), "{garbled}");
        }
    }

    #[test]
    fn ends_before_the_next_message_where_no_length_can_be_read() {
        for garbled in [
            "35=0|",
            "junk",
            "junk|58=FIX is down|",
            "\n",
            "|",
            "8=FIX.4.4|35=D|10=000|",
            "8=FIX.4.4|9=+5|35=0|10=163|",
            "8=FIX.4.4|9=999|35=0|",
        ] {
            assert_eq!(end(garbled), Ok(Garbled::Partial), "{garbled}");
            assert_eq!(
                end(&format!("{garbled}8=FIX.4.4|9=5|")),
                Ok(Garbled::Until(garbled.len())),
                "{garbled}"
            );
        }
        assert_eq!(end("junk|58=FIX"), Ok(Garbled::Partial));
    }

    #[test]
    fn is_not_looked_for_beyond_the_bound() {
        let bytes = vec![b'x'; 300];
        assert_eq!(end_of_garbled(&bytes[..255], 256, &Framing::STRICT), Ok(Garbled::Partial));
        assert_eq!(end_of_garbled(&bytes, 256, &Framing::STRICT), Err(Violation::Unframed));
        let mut far = vec![b'x'; 250];
        far.extend_from_slice(&fix("FIX.4.4", "35=0|"));
        far[249] = SOH;
        assert_eq!(end_of_garbled(&far, 256, &Framing::STRICT), Ok(Garbled::Until(250)));
    }
}

//! Messages for tests: `|` stands for SOH.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use crate::frame::{Frame, check_sum, digits, next_frame};
use crate::message::{Field, Message, parse};
use crate::profile::Profile;
use crate::violation::Violation;

/// The bytes as written.
pub fn raw(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| if byte == b'|' { 1 } else { byte }).collect()
}

/// A message with the right length and sum around `body`, which begins with 35.
pub fn fix(version: &str, body: &str) -> Vec<u8> {
    padded(version, body, 0)
}

/// As [`fix`], with so many zeros before the BodyLength (9).
pub fn padded(version: &str, body: &str, zeros: usize) -> Vec<u8> {
    let mut message = raw(&format!("8={version}|9={}{}|{body}", "0".repeat(zeros), body.len()));
    let sum = digits(check_sum(&message));
    message.extend_from_slice(b"10=");
    message.extend_from_slice(&sum);
    message.push(1);
    message
}

/// Frames and parses one whole message.
pub fn read<'a>(
    bytes: &'a [u8],
    profile: &Profile,
    max_fields: usize,
    fields: &'a mut Vec<Field>,
) -> Result<Message<'a>, Violation> {
    match next_frame(bytes, 1 << 20)? {
        Frame::Complete { len, version, .. } => parse(&bytes[..len], version, profile, max_fields, fields),
        Frame::Partial => Err(Violation::Truncated),
    }
}

/// The bytes with `|` for SOH.
pub fn show(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if *byte == 1 { '|' } else { char::from(*byte) }).collect()
}

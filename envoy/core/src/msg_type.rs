//! MsgType (35), packed into one word so that it copies and compares as a number.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A MsgType of 1 to 8 ASCII letters or digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MsgType([u8; 8]);

impl MsgType {
    /// Heartbeat.
    pub const HEARTBEAT: Self = Self::one(b'0');
    /// ResendRequest.
    pub const RESEND_REQUEST: Self = Self::one(b'2');
    /// SequenceReset.
    pub const SEQUENCE_RESET: Self = Self::one(b'4');
    /// Logout.
    pub const LOGOUT: Self = Self::one(b'5');
    /// Logon.
    pub const LOGON: Self = Self::one(b'A');
    /// TestRequest.
    pub const TEST_REQUEST: Self = Self::one(b'1');
    /// UserRequest.
    pub const USER_REQUEST: Self = Self([b'B', b'E', 0, 0, 0, 0, 0, 0]);
    /// UserResponse.
    pub const USER_RESPONSE: Self = Self([b'B', b'F', 0, 0, 0, 0, 0, 0]);

    const fn one(byte: u8) -> Self {
        Self([byte, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Reads the value of MsgType (35); `None` for anything but 1 to 8 letters or digits.
    #[inline]
    pub fn new(value: &[u8]) -> Option<Self> {
        if value.is_empty() || !value.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut packed = [0; 8];
        packed.get_mut(..value.len())?.copy_from_slice(value);
        Some(Self(packed))
    }

    /// Heartbeat, TestRequest, ResendRequest, Reject, SequenceReset, Logout: what keeps a session alive.
    #[inline]
    pub fn is_session_level(self) -> bool {
        matches!(self.0, [b'0'..=b'5', 0, 0, 0, 0, 0, 0, 0])
    }

    /// The session level and the Logon: what both sides' session layers read.
    #[inline]
    pub fn is_administrative(self) -> bool {
        self.is_session_level() || self == Self::LOGON
    }

    /// All of it in eight bytes, padded with zeros.
    #[inline]
    pub fn packed(self) -> [u8; 8] {
        self.0
    }

    /// The value of MsgType (35).
    pub fn as_bytes(&self) -> &[u8] {
        let len = self.0.iter().position(|byte| *byte == 0).unwrap_or(8);
        self.0.get(..len).unwrap_or_default()
    }
}

impl From<MsgType> for String {
    fn from(msg_type: MsgType) -> Self {
        msg_type.to_string()
    }
}

impl TryFrom<String> for MsgType {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text.as_bytes()).ok_or("is not a MsgType (35)")
    }
}

impl fmt::Display for MsgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for MsgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of message types, as an answer to a Logon names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MsgTypes(Vec<MsgType>);

impl MsgTypes {
    /// Whether `msg_type` is among them.
    #[inline]
    pub fn contains(&self, msg_type: MsgType) -> bool {
        self.0.binary_search(&msg_type).is_ok()
    }
}

impl FromIterator<MsgType> for MsgTypes {
    fn from_iter<I: IntoIterator<Item = MsgType>>(types: I) -> Self {
        let mut sorted: Vec<MsgType> = types.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self(sorted)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_letters_and_digits_only() {
        for good in ["D", "AB", "U12345ab"] {
            assert_eq!(MsgType::new(good.as_bytes()).unwrap().to_string(), good);
        }
        for bad in ["", "A B", "D\u{1}", "é", "ABCDEFGHI", "../D"] {
            assert_eq!(MsgType::new(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn knows_the_session_level() {
        for byte in b'0'..=b'5' {
            assert!(MsgType::one(byte).is_session_level());
        }
        for other in ["6", "A", "n", "00", "35"] {
            assert!(!MsgType::new(other.as_bytes()).unwrap().is_session_level(), "{other}");
        }
    }

    #[test]
    fn a_set_finds_its_members() {
        let set: MsgTypes = ["F", "AB", "F"].iter().filter_map(|t| MsgType::new(t.as_bytes())).collect();
        assert!(set.contains(MsgType::new(b"AB").unwrap()));
        assert!(!set.contains(MsgType::new(b"A").unwrap()));
    }
}

//! What was decided for a message, in the filter's own terms.

use crate::msg_type::{MsgType, MsgTypes};

/// BusinessRejectReason (380): other.
pub const OTHER: u8 = 0;
/// BusinessRejectReason (380): application not available.
pub const NOT_AVAILABLE: u8 = 4;
/// BusinessRejectReason (380): not authorized.
pub const NOT_AUTHORIZED: u8 = 6;
/// BusinessRejectReason (380): throttle limit exceeded.
pub const THROTTLED: u8 = 8;

/// Allow or deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Forward the message as it stands.
    Forward(Allowance),
    /// Replace this message; the session goes on.
    Reject(Denial),
    /// Replace this message with a Logout; the session ends.
    Logout(Denial),
    /// Close both connections at once, and send nothing more.
    Disconnect,
}

/// What comes with an allowance: of the answers to a Logon, a watch and a renewal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The session's terms; `None`: as they were.
    pub terms: Option<Terms>,
    /// Names the state of things that the session's decisions rest on.
    pub etag: Option<ETag>,
    /// The service answers a watch within so many seconds.
    pub watch_s: Option<u32>,
    /// An opaque name of the session's client, the same in all its sessions.
    pub client: Option<String>,
    /// The answer holds for other messages too; `None`: for this one alone.
    pub reuse: Option<Reuse>,
    /// Of the answer to a Logon: its Username (553) is the identity's.
    pub username: bool,
}

/// For how long and for which messages an answer holds (RFC 9111, said of decisions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reuse {
    /// `max-age`, in seconds, never 0.
    pub max_age_s: u32,
    /// `stale-if-error` (RFC 5861), in seconds behind it.
    pub stale_if_error_s: u32,
    /// It holds for messages of the same direction and type that are alike in these tags; sorted.
    pub vary: Vec<u32>,
    /// What granted it, for the accounts: printable ASCII, bounded.
    pub scope: String,
}

/// An entity tag (RFC 9110 8.8.3), kept as it came, quotes and all, to be sent back and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// The longest that is taken.
    pub const MAX: usize = 256;

    /// Printable ASCII, bounded, and not empty.
    pub fn new(value: &str) -> Option<Self> {
        let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (printable && (1..=Self::MAX).contains(&value.len())).then(|| Self(value.to_owned()))
    }

    /// As it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the counterparty is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Text (58): printable ASCII, bounded.
    pub text: Vec<u8>,
    /// BusinessRejectReason (380) as FIX 4.3 and later number it.
    pub reason: u8,
    /// SessionStatus (1409) for a Logout on FIXT 1.1.
    pub session_status: Option<u32>,
    /// The credential is the trouble.
    pub unauthenticated: bool,
}

impl Denial {
    /// The longest Text (58) that is passed on.
    const MAX_TEXT: usize = 256;

    /// Makes any text fit for 58: no separator, no control, no foreign byte.
    pub fn new(text: &[u8], reason: u8, session_status: Option<u32>) -> Self {
        let printable = |byte: &u8| if (b' '..=b'~').contains(byte) { *byte } else { b'?' };
        let mut text: Vec<u8> = text.iter().take(Self::MAX_TEXT).map(printable).collect();
        if text.is_empty() {
            text.extend_from_slice(b"Insufficient permissions");
        }
        Self { text, reason, session_status, unauthenticated: false }
    }
}

/// What to look at in a session, told with its allowed Logon and when it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Outbound types to ask about.
    pub guard_outbound: MsgTypes,
    /// Inbound types that need no scope.
    pub exempt: MsgTypes,
    /// Inbound types that may pass when no answer is to be had.
    pub risk_reducing: MsgTypes,
    /// Body tags to send, sorted; `None`: all that are no secret.
    pub want_tags: Option<Vec<u32>>,
    /// The most messages that one Check may be about; 0 where the service does not say.
    pub batch: usize,
}

impl Terms {
    /// Whether an inbound message of this type needs a scope.
    #[inline]
    pub fn asks_inbound(&self, msg_type: MsgType) -> bool {
        !msg_type.is_session_level() && !self.exempt.contains(msg_type)
    }

    /// Whether an outbound message of this type is asked about.
    #[inline]
    pub fn asks_outbound(&self, msg_type: MsgType) -> bool {
        !msg_type.is_session_level() && self.guard_outbound.contains(msg_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_printable_and_bounded() {
        let denial = Denial::new("a\u{1}10=000\u{1}é".as_bytes(), NOT_AUTHORIZED, None);
        assert_eq!(denial.text, b"a?10=000???");
        assert_eq!(Denial::new(&[b'x'; 4096], NOT_AUTHORIZED, None).text.len(), Denial::MAX_TEXT);
        assert!(!Denial::new(b"", NOT_AUTHORIZED, None).text.is_empty());
    }

    #[test]
    fn an_etag_is_printable_and_bounded() {
        for good in ["\"1\"", "W/\"a b\"", "\"\"", "x", &"e".repeat(256)] {
            assert_eq!(ETag::new(good).as_ref().map(ETag::as_str), Some(good));
        }
        for bad in ["", "\"\u{e9}\"", "a\u{1}", "a\r\nb", "\u{7f}", &"e".repeat(257)] {
            assert_eq!(ETag::new(bad), None, "{bad:?}");
        }
    }
}

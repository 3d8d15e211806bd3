//! What was decided for a message, in the filter's own terms.

use crate::msg_type::{MsgType, MsgTypes};
use serde::{Deserialize, Serialize};

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

/// What the answer says besides that the message is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The session's terms, in the answers to a Logon, a watch and a renewal; `None` if they stay as they were.
    pub terms: Option<Box<Terms>>,
    /// The state of the service that the answer was made in.
    pub state: State,
    /// The service answers a watch within this number of seconds.
    pub watch_s: Option<u32>,
    /// An opaque name of the session's client, the same in all its sessions.
    pub client: Option<String>,
    /// For which other messages the answer holds too; `None` if it holds for this message alone.
    pub reuse: Option<Reuse>,
    /// In the answer to a Logon: its Username (553) is a name of the client.
    pub username: bool,
}

/// For how long and for which messages an answer holds, in the terms of HTTP caching (RFC 9111).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reuse {
    /// `max-age`, in seconds, never 0.
    pub max_age_s: u32,
    /// `stale-if-error` (RFC 5861): seconds after `max-age`.
    pub stale_if_error_s: u32,
    /// The answer holds for messages of the same direction and type that have equal values in these tags; sorted.
    pub vary: Vec<u32>,
    /// What granted it, for the accounts: printable ASCII, bounded.
    pub scope: String,
}

/// The answer to a Check about messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service decided, in this state.
    Decided(Decision, State),
    /// The service has other terms than the ones that the Check names, and decided nothing.
    OtherTerms(Terms, State),
}

/// A state of the decision service: the mapping, the restrictions and the session's identity that decisions rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The entity tag: states with equal tags decide alike. `None` if the tag is not known.
    pub etag: Option<ETag>,
    /// The numbers of its mapping and restrictions. `None` if the service does not say.
    pub revision: Option<Revision>,
    /// The name of its terms. `None` if the service does not say.
    pub terms: Option<TermsName>,
}

impl State {
    /// Whether this state has another entity tag than `other`.
    pub fn differs_from(&self, other: &Self) -> bool {
        self.etag != other.etag
    }

    /// Whether the mapping of this state is certainly newer than that of `other`.
    pub fn has_newer_mapping_than(&self, other: &Self) -> bool {
        matches!((self.revision, other.revision), (Some(mine), Some(theirs)) if mine.mapping > theirs.mapping)
    }

    /// Whether the mapping of this state is not certainly older than that of `other`.
    pub fn has_mapping_of(&self, other: &Self) -> bool {
        match (self.revision, other.revision) {
            (Some(mine), Some(theirs)) => mine.mapping >= theirs.mapping,
            _ => true,
        }
    }

    /// Returns this state with the higher mapping number and the higher restriction number of both states.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let revision = match (self.revision, other.revision) {
            (Some(mine), Some(theirs)) => Some(mine.or_newer(theirs)),
            (mine, _) => mine,
        };
        Self { revision, ..self.clone() }
    }

    /// Whether this state is older or newer than `other`; `None` if one of them has no revision.
    pub fn age_against(&self, other: &Self) -> Option<Age> {
        Some(self.revision?.age_against(other.revision?))
    }
}

/// The numbers of the mapping and of the restrictions, `x-fix-revision: 3.17`. Higher numbers are newer, for all services that
/// share a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// Of the mapping in force.
    pub mapping: u64,
    /// Of the restrictions in force.
    pub restrictions: u64,
}

/// How one revision compares with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Neither number is higher, and one is lower.
    Older,
    /// Both numbers are equal.
    Same,
    /// Neither number is lower, and one is higher.
    Newer,
    /// One number is higher and one is lower: each state lacks a change that the other has.
    Mixed,
}

impl Revision {
    /// Whether this revision is older or newer than `other`.
    pub fn age_against(self, other: Self) -> Age {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match (self.mapping.cmp(&other.mapping), self.restrictions.cmp(&other.restrictions)) {
            (Equal, Equal) => Age::Same,
            (Less | Equal, Less | Equal) => Age::Older,
            (Greater | Equal, Greater | Equal) => Age::Newer,
            (Less, Greater) | (Greater, Less) => Age::Mixed,
        }
    }

    /// The higher number of each.
    #[must_use]
    pub fn or_newer(self, other: Self) -> Self {
        Self {
            mapping: self.mapping.max(other.mapping),
            restrictions: self.restrictions.max(other.restrictions),
        }
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.mapping, self.restrictions)
    }
}

/// An entity tag (RFC 9110, 8.8.3), kept byte for byte, with its quotes, to be sent back and compared.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Text (58): printable ASCII, bounded.
    pub text: Vec<u8>,
    /// BusinessRejectReason (380) as FIX 4.3 and later number it.
    pub reason: u8,
    /// SessionStatus (1409) for a Logout on FIXT 1.1.
    pub session_status: Option<u32>,
    /// Whether the credential is the reason.
    pub unauthenticated: bool,
}

impl Denial {
    /// The longest Text (58) that is passed on.
    const MAX_TEXT: usize = 256;

    /// Makes a denial whose text is fit for 58: bounded, and printable ASCII only.
    pub fn new(text: &[u8], reason: u8, session_status: Option<u32>) -> Self {
        let printable = |byte: &u8| if (b' '..=b'~').contains(byte) { *byte } else { b'?' };
        let mut text: Vec<u8> = text.iter().take(Self::MAX_TEXT).map(printable).collect();
        if text.is_empty() {
            text.extend_from_slice(b"Insufficient permissions");
        }
        Self { text, reason, session_status, unauthenticated: false }
    }
}

/// What the filter asks about in a session, as the service tells with the allowed Logon and whenever it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Outbound types to ask about.
    pub guard_outbound: Guard,
    /// Inbound types that need no scope.
    pub exempt: MsgTypes,
    /// Inbound types that may pass when the service gives no answer.
    pub risk_reducing: MsgTypes,
    /// Body tags to send, sorted; `None` for all tags that hold no secret.
    pub want_tags: Option<Vec<u32>>,
    /// The most messages that one Check may be about; 0 where the service does not say.
    pub batch: usize,
    /// Names these terms (`x-fix-terms`); `None` where the service does not name them.
    pub name: Option<TermsName>,
    /// Whether Checks have every body tag that holds no secret, and say so (`*`) instead of naming these terms.
    pub is_whole: bool,
    /// Whether the service's terms must not be followed: then everything but the session level is denied.
    pub is_refused: bool,
}

/// Which outbound types are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// These types alone.
    Only(MsgTypes),
    /// All types but these and the Logon, whether anybody knows the type or not.
    AllBut(MsgTypes),
}

impl Guard {
    /// Whether a message of this type is asked about.
    #[inline]
    pub fn asks(&self, msg_type: MsgType) -> bool {
        match self {
            Self::Only(types) => types.contains(msg_type),
            Self::AllBut(types) => !types.contains(msg_type) && msg_type != MsgType::LOGON,
        }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::Only(MsgTypes::default())
    }
}

/// The name of terms, kept byte for byte: printable ASCII without a blank or a comma, bounded, and not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermsName(String);

impl TermsName {
    /// The longest that is taken.
    pub const MAX: usize = 64;
    /// The name in a Check whose body is whole. A service with any terms can evaluate such a Check.
    pub const WHOLE: &'static str = "*";

    /// Returns `None` if `value` is not such a name.
    pub fn new(value: &str) -> Option<Self> {
        let printable = value.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b',');
        (printable && (1..=Self::MAX).contains(&value.len()) && value != Self::WHOLE)
            .then(|| Self(value.to_owned()))
    }

    /// As it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
        let refused = self.is_refused && msg_type != MsgType::LOGON;
        !msg_type.is_session_level() && (self.guard_outbound.asks(msg_type) || refused)
    }

    /// These terms, but with the whole body in each Check.
    pub fn whole(&self) -> Self {
        Self { want_tags: None, is_whole: true, ..self.clone() }
    }

    /// Returns the terms of a session whose service sent terms that must not be followed.
    pub fn refused() -> Self {
        Self { is_refused: true, ..Self::default() }
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
    fn a_guard_asks_about_some_types_or_about_all_but_some() {
        let types = || ["8", "AE"].iter().filter_map(|kind| MsgType::new(kind.as_bytes())).collect();
        let asked = |guard: Guard| {
            let terms = Terms { guard_outbound: guard, ..Terms::default() };
            ["8", "AE", "9", "XVEN", "A", "0", "3"]
                .into_iter()
                .filter(|kind| MsgType::new(kind.as_bytes()).is_some_and(|kind| terms.asks_outbound(kind)))
                .collect::<Vec<_>>()
        };
        assert_eq!(asked(Guard::Only(types())), ["8", "AE"]);
        assert_eq!(asked(Guard::AllBut(types())), ["9", "XVEN"]);
        assert!(asked(Guard::default()).is_empty());
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

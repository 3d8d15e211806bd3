//! What a peer can do against the strict profile, and against the session.

use std::fmt;

/// A departure from the strict profile. Its text is fit for the audit and holds nothing of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Violation {
    BeginString,
    BodyLength,
    TooLong,
    CheckSum,
    Tag,
    EmptyValue,
    MsgTypeNotThird,
    MsgType,
    RepeatedHeaderField,
    RepeatedField,
    Nul,
    TagTooHigh,
    CheckSumNotLast,
    TooManyFields,
    DataLength,
    DataWithoutLength,
    MissingHeaderField,
    MsgSeqNum,
    Flag,
    Identifier,
    NotALogon,
    SecondLogon,
    RepeatedCredential,
    ForeignIdentity,
    Truncated,
    Unframed,
    LogonTimeout,
}

impl Violation {
    /// One lowercase line.
    pub fn text(self) -> &'static str {
        match self {
            Self::BeginString => "the message does not begin with a known BeginString (8)",
            Self::BodyLength => "BodyLength (9) is not the second field, not canonical or not exact",
            Self::TooLong => "the message is longer than the limit",
            Self::CheckSum => "CheckSum (10) is not exact or not three digits",
            Self::Tag => "a tag is not a number from 1 to 999999 without sign, space or leading zero",
            Self::EmptyValue => "a field has no value",
            Self::MsgTypeNotThird => "MsgType (35) is not the third field",
            Self::MsgType => "MsgType (35) is not 1 to 8 letters or digits",
            Self::RepeatedHeaderField => "a header field stands twice",
            Self::RepeatedField => "a body field that the gateway acts on stands twice",
            Self::Nul => "a value holds a NUL byte",
            Self::TagTooHigh => "a tag is above `framing.max_tag`",
            Self::CheckSumNotLast => "CheckSum (10) is not the last field",
            Self::TooManyFields => "the message has more fields than the limit",
            Self::DataLength => "a data field does not follow its length field with exactly that many bytes",
            Self::DataWithoutLength => "a data field stands without its length field",
            Self::MissingHeaderField => "MsgSeqNum (34), SenderCompID (49) or TargetCompID (56) is missing",
            Self::MsgSeqNum => "MsgSeqNum (34) is not a positive number",
            Self::Flag => "PossDupFlag (43) is neither Y nor N",
            Self::Identifier => "a CompID, sub id or location id has bytes that are not printable ASCII",
            Self::NotALogon => "the first message is not a Logon",
            Self::SecondLogon => "a second Logon on a live session",
            Self::RepeatedCredential => "a credential field stands twice",
            Self::ForeignIdentity => "BeginString, SenderCompID or TargetCompID is not the Logon's",
            Self::Unframed => "no message begins within `limits.max_message_bytes`",
            Self::Truncated => "the connection ended in the middle of a message",
            Self::LogonTimeout => "no Logon was authorized in time",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

//! SessionRejectReason (373): why a message is answered with a session Reject (35=3), in the words of the FIX specification.

use crate::version::Version;
use serde::{Deserialize, Serialize};

/// A reason of a session Reject that the gateway gives itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionRejectReason {
    /// A tag is 0, negative, beyond the highest, or no number.
    InvalidTag,
    /// A field that must be there is missing.
    RequiredTagMissing,
    /// A field has no value.
    NoValue,
    /// A value is out of range.
    ValueIncorrect,
    /// A value is not written as its data type demands.
    DataFormat,
    /// MsgType (35) cannot be one.
    InvalidMsgType,
    /// A field that is in no repeating group stands twice.
    Repeated,
    /// A field stands where it must not.
    OutOfOrder,
    /// None of the others.
    Other,
}

impl SessionRejectReason {
    const fn number(self) -> u8 {
        match self {
            Self::InvalidTag => 0,
            Self::RequiredTagMissing => 1,
            Self::NoValue => 4,
            Self::ValueIncorrect => 5,
            Self::DataFormat => 6,
            Self::InvalidMsgType => 11,
            Self::Repeated => 13,
            Self::OutOfOrder => 14,
            Self::Other => 99,
        }
    }

    /// The value of SessionRejectReason (373), if the version has it: FIX 4.2 ends at 11, and 99 came with FIX 4.4.
    pub fn code(self, version: Version) -> Option<u8> {
        let number = self.number();
        let is_known = match version {
            Version::Fix40 | Version::Fix41 => false,
            Version::Fix42 => number <= 11,
            Version::Fix43 => number != 99,
            Version::Fix44 | Version::Fixt11 => true,
        };
        is_known.then_some(number)
    }

    /// Text (58): the description that the specification gives the value.
    pub fn text(self) -> &'static str {
        match self {
            Self::InvalidTag => "Invalid tag number",
            Self::RequiredTagMissing => "Required tag missing",
            Self::NoValue => "Tag specified without a value",
            Self::ValueIncorrect => "Value is incorrect (out of range) for this tag",
            Self::DataFormat => "Incorrect data format for value",
            Self::InvalidMsgType => "Invalid MsgType",
            Self::Repeated => "Tag appears more than once",
            Self::OutOfOrder => "Tag specified out of required order",
            Self::Other => "Other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_says_only_what_it_knows() {
        use SessionRejectReason::{InvalidTag, Other, Repeated};
        let codes = |version: Version| [InvalidTag, Repeated, Other].map(|reason| reason.code(version));
        assert_eq!(codes(Version::Fix40), [None, None, None]);
        assert_eq!(codes(Version::Fix41), [None, None, None]);
        assert_eq!(codes(Version::Fix42), [Some(0), None, None]);
        assert_eq!(codes(Version::Fix43), [Some(0), Some(13), None]);
        assert_eq!(codes(Version::Fix44), [Some(0), Some(13), Some(99)]);
        assert_eq!(codes(Version::Fixt11), [Some(0), Some(13), Some(99)]);
    }
}

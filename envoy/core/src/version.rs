//! BeginString (8) and what each version lets a reject say.

/// The FIX session protocol of a connection. 5.0 and later applications run over FIXT.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Version {
    Fix40,
    Fix41,
    Fix42,
    Fix43,
    Fix44,
    Fixt11,
}

impl Version {
    /// The longest BeginString.
    pub const MAX_LEN: usize = 8;

    /// Reads the value of BeginString (8).
    pub fn from_bytes(value: &[u8]) -> Option<Self> {
        Some(match value {
            b"FIX.4.0" => Self::Fix40,
            b"FIX.4.1" => Self::Fix41,
            b"FIX.4.2" => Self::Fix42,
            b"FIX.4.3" => Self::Fix43,
            b"FIX.4.4" => Self::Fix44,
            b"FIXT.1.1" => Self::Fixt11,
            _ => return None,
        })
    }

    /// The value of BeginString (8).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fix40 => "FIX.4.0",
            Self::Fix41 => "FIX.4.1",
            Self::Fix42 => "FIX.4.2",
            Self::Fix43 => "FIX.4.3",
            Self::Fix44 => "FIX.4.4",
            Self::Fixt11 => "FIXT.1.1",
        }
    }

    /// BusinessMessageReject (35=j) exists from 4.2; before it there is only the session's Reject (35=3).
    pub fn has_business_reject(self) -> bool {
        self >= Self::Fix42
    }

    /// BusinessRejectReason (380) as this version can say it: 4.2 ends at 5, 4.3 and 4.4 at 7. What is beyond, as 6 (not
    /// authorized) on 4.2, becomes 0 (other).
    pub fn reject_reason(self, reason: u8) -> u8 {
        let last = match self {
            Self::Fix40 | Self::Fix41 | Self::Fix42 => 5,
            Self::Fix43 | Self::Fix44 => 7,
            Self::Fixt11 => u8::MAX,
        };
        if reason > last { 0 } else { reason }
    }

    /// UserRequest (35=BE) and UserResponse (35=BF) exist from 4.4.
    pub fn has_user_request(self) -> bool {
        self >= Self::Fix44
    }

    /// UTC timestamps carry milliseconds from 4.2 on.
    pub fn has_milliseconds(self) -> bool {
        self >= Self::Fix42
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_a_version_does_not_know_is_other() {
        let said = |version: Version| [4, 5, 6, 7, 8, 18].map(|reason| version.reject_reason(reason));
        assert_eq!(said(Version::Fix42), [4, 5, 0, 0, 0, 0]);
        assert_eq!(said(Version::Fix43), [4, 5, 6, 7, 0, 0]);
        assert_eq!(said(Version::Fix44), [4, 5, 6, 7, 0, 0]);
        assert_eq!(said(Version::Fixt11), [4, 5, 6, 7, 8, 18]);
    }
}

//! What of the framing is not as strict as it could be.

use serde::Deserialize;

/// Ways to write the frame of a message that the strict profile refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Framing {
    /// BodyLength (9) may have leading zeros, within its seven digits.
    pub padded_body_length: bool,
}

impl Framing {
    /// None.
    pub const STRICT: Self = Self { padded_body_length: false };
}

//! Settings that make the framing less strict than the profile, or stricter.

use super::values::{whole, within};
use crate::tags;
use serde::Deserialize;

/// The lowest `max_tag`: the tags of the FIX standard up to 4.4 are below it.
const LEAST_MAX_TAG: u32 = 1_000;

/// How the frame and the tags of a message may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Framing {
    /// BodyLength (9) may have leading zeros, within its seven digits.
    pub padded_body_length: bool,
    /// The highest tag that a message may have. Set 65535 for venues whose engine keeps only the lower 16 bits of a tag.
    #[serde(deserialize_with = "whole")]
    pub max_tag: u32,
    /// Fields may have no value, but for those that the filter acts on. Engines differ in whether such a field is there.
    pub empty_values: bool,
    /// Data fields may hold separators, and end where their length says. Engines that do not count read other fields there.
    pub separators_in_data: bool,
}

impl Framing {
    /// The strict profile.
    pub const STRICT: Self = Self {
        padded_body_length: false,
        max_tag: tags::MAX,
        empty_values: false,
        separators_in_data: false,
    };

    pub(super) fn validate(&self) -> Result<(), String> {
        within("framing.max_tag", self.max_tag, LEAST_MAX_TAG..=tags::MAX)
    }
}

impl Default for Framing {
    fn default() -> Self {
        Self::STRICT
    }
}

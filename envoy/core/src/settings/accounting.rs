//! Whether, and how often, the service is told of what passed without a Check.

use super::values::{whole, within};
use serde::Deserialize;

/// The accounts of messages that no Check was made for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accounting {
    /// Off: nobody is told.
    pub enabled: bool,
    /// Told at most so often, in milliseconds, and at the end.
    #[serde(deserialize_with = "whole")]
    pub interval_ms: u32,
}

impl Default for Accounting {
    fn default() -> Self {
        Self { enabled: true, interval_ms: 5_000 }
    }
}

impl Accounting {
    pub(super) fn validate(&self) -> Result<(), String> {
        within("accounting.interval_ms", self.interval_ms, 10..=600_000)
    }
}

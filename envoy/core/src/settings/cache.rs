//! How many decisions are kept, and how long they may be.

use super::values::{whole, within};
use serde::Deserialize;

/// Decisions that are kept, as long as the service says that they hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Off: one Check for each message.
    pub enabled: bool,
    /// The most decisions of a session; beyond it the sixteenth longest unused goes.
    #[serde(deserialize_with = "whole")]
    pub max_entries: u32,
    /// The longest: the type and the fields that the decision rests on.
    #[serde(deserialize_with = "whole")]
    pub max_entry_bytes: u32,
}

impl Default for Cache {
    fn default() -> Self {
        Self { enabled: true, max_entries: 1_024, max_entry_bytes: 512 }
    }
}

impl Cache {
    pub(super) fn validate(&self) -> Result<(), String> {
        within("cache.max_entries", self.max_entries, 16..=65_536)?;
        within("cache.max_entry_bytes", self.max_entry_bytes, 16..=65_536)
    }
}

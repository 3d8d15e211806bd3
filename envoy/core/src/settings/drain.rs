//! How long sessions may take to end when the gateway goes down, or their listener.

use super::values::{whole, within};
use serde::Deserialize;

/// The end of sessions when the gateway goes down, or their listener; times in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drain {
    /// The listener's name, which Envoy tells no filter; empty: only the gateway's end is heard of.
    pub listener: String,
    /// When Envoy begins to drain, sessions begin to end at random moments within so long.
    #[serde(deserialize_with = "whole")]
    pub spread_ms: u32,
    /// So long a session waits for a message whose place a Logout may take; then it is disconnected.
    #[serde(deserialize_with = "whole")]
    pub wait_ms: u32,
    /// The same when Envoy is told to stop, which waits for it.
    #[serde(deserialize_with = "whole")]
    pub stop_ms: u32,
}

impl Default for Drain {
    fn default() -> Self {
        Self { listener: String::new(), spread_ms: 10_000, wait_ms: 60_000, stop_ms: 5_000 }
    }
}

impl Drain {
    pub(super) fn validate(&self) -> Result<(), String> {
        within("drain.spread_ms", self.spread_ms, 0..=86_400_000)?;
        within("drain.wait_ms", self.wait_ms, 0..=86_400_000)?;
        within("drain.stop_ms", self.stop_ms, 0..=600_000)
    }
}

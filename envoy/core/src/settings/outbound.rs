//! What becomes of the venue's messages.

use super::values::fault;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What becomes of the venue's messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// What follows when a message that the service could not decide was held for `limits.outbound_hold_ms`.
    #[serde(deserialize_with = "undecided")]
    pub undecided: Undecided,
}

/// What follows when a message was held for too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Undecided {
    /// The session ends before that message, so that the client asks for it after its next Logon.
    #[default]
    End,
    /// A GapFill takes its place, and nobody ever sees it.
    GapFill,
}

fn undecided<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Undecided, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(word) if word == "end" => Ok(Undecided::End),
        Value::String(word) if word == "gap_fill" => Ok(Undecided::GapFill),
        other => Err(fault(&other, "`end` or `gap_fill`")),
    }
}

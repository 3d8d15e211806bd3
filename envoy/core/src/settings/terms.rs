//! For how long messages pass by the session's terms while no decision service can be reached.

use super::values::{whole, within};
use serde::Deserialize;

/// The terms that the decision service told: which messages need a Check.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TermsSettings {
    /// How many seconds messages that need no Check still pass while no decision service can be reached. After that the
    /// filter asks about them, so they are denied until a service answers. The session level always passes. 0: no limit.
    #[serde(deserialize_with = "whole")]
    pub max_unconfirmed_s: u32,
}

impl TermsSettings {
    pub(super) fn validate(&self) -> Result<(), String> {
        within("terms.max_unconfirmed_s", self.max_unconfirmed_s, 0..=86_400)
    }
}

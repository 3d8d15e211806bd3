//! How long the session's terms count while no decision service confirms them.

use super::values::{whole, within};
use serde::Deserialize;

/// The terms that the decision service told: which messages need a Check.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TermsSettings {
    /// While no decision service can be reached, messages that need no Check pass for so many seconds; then they are asked
    /// about, and so denied until a service answers. The session level always passes. 0: no limit.
    #[serde(deserialize_with = "whole")]
    pub max_unconfirmed_s: u32,
}

impl TermsSettings {
    pub(super) fn validate(&self) -> Result<(), String> {
        within("terms.max_unconfirmed_s", self.max_unconfirmed_s, 0..=86_400)
    }
}

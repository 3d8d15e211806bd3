//! Where decisions come from, and how long the filter waits for one.

use super::values::{whole, within};
use serde::Deserialize;

/// Where decisions come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The Envoy cluster of the decision service.
    pub cluster: String,
    /// The `:authority` of the calls.
    #[serde(default = "default_authority")]
    pub authority: String,
    /// How long an answer may take, in milliseconds; after that the message is denied.
    #[serde(default = "default_timeout", deserialize_with = "whole")]
    pub timeout_ms: u32,
    /// The same for a Logon and a renewal, about which the service may have to ask an authorization server.
    #[serde(default = "default_logon_timeout", deserialize_with = "whole")]
    pub logon_timeout_ms: u32,
}

impl Check {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.cluster.is_empty() {
            return Err("`check.cluster` is empty; it must be the name of a cluster".to_owned());
        }
        within("check.timeout_ms", self.timeout_ms, 1..=60_000)?;
        within("check.logon_timeout_ms", self.logon_timeout_ms, 1..=60_000)
    }
}

fn default_authority() -> String {
    "authzsvc".to_owned()
}

fn default_timeout() -> u32 {
    500
}

fn default_logon_timeout() -> u32 {
    8_000
}

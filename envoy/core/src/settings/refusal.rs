//! How a Logon is refused.

use serde::Deserialize;

/// How a Logon is refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refusal {
    /// Without a Logout, unless the Logon begins the numbers anew (141=Y): most engines count a Logout, though the venue sent
    /// none.
    pub keep_numbers: bool,
}

impl Default for Refusal {
    fn default() -> Self {
        Self { keep_numbers: true }
    }
}

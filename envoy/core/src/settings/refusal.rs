//! How a Logon is refused.

use serde::Deserialize;

/// How a Logon is refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refusal {
    /// Without a Logout, unless the Logon begins the numbers anew (141=Y): most engines count one, though the venue did not.
    pub keep_numbers: bool,
}

//! Where the token, or the secret, stands in the Logon.

use super::values::{fault, tag, tags};
use crate::tags::{PASSWORD, RAW_DATA, USERNAME};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Where the token stands in the Logon.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Token {
    /// Tried in this order; the first one present counts.
    #[serde(deserialize_with = "tags")]
    pub tags: Vec<u32>,
    /// The token is cut from the Logon that goes upstream.
    pub strip: bool,
    /// What stands there.
    #[serde(deserialize_with = "scheme")]
    pub scheme: Scheme,
    /// With the Basic scheme, the tag of the client's id.
    #[serde(deserialize_with = "tag")]
    pub username_tag: u32,
}

impl Default for Token {
    fn default() -> Self {
        Self { tags: vec![PASSWORD, RAW_DATA], strip: true, scheme: Scheme::Bearer, username_tag: USERNAME }
    }
}

impl Token {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.tags.is_empty() {
            return Err("`token.tags` is empty; name the tag of the Logon that holds the token".to_owned());
        }
        Ok(())
    }
}

/// What a credential is, and so how the service is shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// An access token.
    Bearer,
    /// A client's secret, with its id beside it.
    Basic,
}

fn scheme<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scheme, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(scheme) if scheme == "bearer" => Ok(Scheme::Bearer),
        Value::String(scheme) if scheme == "basic" => Ok(Scheme::Basic),
        other => Err(fault(&other, "`bearer` or `basic`")),
    }
}

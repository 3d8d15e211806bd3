//! Whether the filter cuts, refuses or passes secret fields in messages to the venue.

use super::values::fault;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Whether the filter cuts, refuses or passes secret fields in messages to the venue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// For the secret fields of a Logon besides the credential itself, which `token.strip` is about.
    #[serde(deserialize_with = "in_logon")]
    pub in_logon: InLogon,
    /// For the secret fields of later messages.
    #[serde(deserialize_with = "in_messages")]
    pub in_messages: InMessages,
}

/// What becomes of the secret fields of a Logon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InLogon {
    /// All are cut, and so is a Username (553) unless the service has said that it is the client's.
    #[default]
    Cut,
    /// A Logon with a secret field besides the credential is refused.
    Refuse,
    /// They are the venue's own credentials and pass, unless they repeat the credential.
    Pass,
}

/// What becomes of the secret fields of a later message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InMessages {
    /// The message is denied.
    #[default]
    Refuse,
    /// The secret fields are cut, and the rest of the message is decided about as usual.
    Cut,
}

fn in_logon<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InLogon, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(word) if word == "cut" => Ok(InLogon::Cut),
        Value::String(word) if word == "refuse" => Ok(InLogon::Refuse),
        Value::String(word) if word == "pass" => Ok(InLogon::Pass),
        other => Err(fault(&other, "`cut`, `refuse` or `pass`")),
    }
}

fn in_messages<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InMessages, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(word) if word == "refuse" => Ok(InMessages::Refuse),
        Value::String(word) if word == "cut" => Ok(InMessages::Cut),
        other => Err(fault(&other, "`refuse` or `cut`")),
    }
}

//! A fresh credential in a running session: which requests bring it, and where it stands in them.

use super::values::tags;
use crate::msg_type::MsgType;
use serde::Deserialize;

/// A fresh credential in a running session: the requests that bring it are answered by the gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Renewal {
    /// UserRequest (35=BE) brings one, from FIX 4.4 on; else that is a message like others.
    pub user_request: bool,
    /// Where it stands, tried in this order; none: NewPassword (925), then the Logon's tags.
    #[serde(deserialize_with = "tags")]
    pub tags: Vec<u32>,
    /// Types of the counterparties' own, of the same fields, for versions that have no UserRequest.
    pub custom: Option<CustomTypes>,
}

impl Default for Renewal {
    fn default() -> Self {
        Self { user_request: true, tags: Vec::new(), custom: None }
    }
}

impl Renewal {
    pub(super) fn validate(&self) -> Result<(), String> {
        self.custom.as_ref().map_or(Ok(()), |custom| custom.types().map(drop))
    }
}

/// User-defined types in the place of UserRequest (35=BE) and UserResponse (35=BF).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomTypes {
    /// MsgType (35) of the request.
    pub request: String,
    /// MsgType (35) of the answer.
    pub response: String,
}

impl CustomTypes {
    /// The two types.
    ///
    /// # Errors
    /// One is not user-defined, or both are the same.
    pub fn types(&self) -> Result<(MsgType, MsgType), String> {
        let user_defined = |key: &str, value: &str| {
            MsgType::new(value.as_bytes()).filter(|_| value.starts_with('U')).ok_or_else(|| {
                format!("`renewal.custom.{key}` is `{value}`; it must be `U` and up to 7 letters or digits")
            })
        };
        let types = (user_defined("request", &self.request)?, user_defined("response", &self.response)?);
        if types.0 == types.1 {
            return Err(format!("`renewal.custom.response` is `{}`, as the request is", self.response));
        }
        Ok(types)
    }
}

//! Length and data fields beyond the dictionary's.

use super::values::{pairs, tags};
use crate::tags::{BEGIN_STRING, BODY_LENGTH, CHECK_SUM, MSG_TYPE};
use serde::Deserialize;

/// What frames a message: no such field holds data, or the length of data.
const FRAME: [u32; 4] = [BEGIN_STRING, BODY_LENGTH, MSG_TYPE, CHECK_SUM];

/// Length and data fields beyond the dictionary's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataFields {
    /// (length tag, data tag).
    #[serde(deserialize_with = "pairs")]
    pub pairs: Vec<(u32, u32)>,
    /// Data tags that this venue sends without their length.
    #[serde(deserialize_with = "tags")]
    pub without_length: Vec<u32>,
}

impl DataFields {
    pub(super) fn validate(&self) -> Result<(), String> {
        let paired = self.pairs.iter().flat_map(|(length, data)| [length, data]);
        match paired.chain(&self.without_length).find(|tag| FRAME.contains(tag)) {
            Some(tag) => Err(format!("`data_fields` has `{tag}`, which frames a message and holds no data")),
            None => Ok(()),
        }
    }
}

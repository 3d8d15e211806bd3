//! The filter's settings: JSON as Envoy hands over a `google.protobuf.Struct`, checked whole before anything starts.
//!
//! An unknown key, a value of the wrong type or out of its range is an error that names the key. A module here is a section
//! of the settings, with its defaults and its ranges; what spans sections is checked in this one.

mod accounting;
mod cache;
mod check;
mod data_fields;
mod drain;
mod framing;
mod limits;
mod outbound;
mod refusal;
mod rejects;
mod renewal;
mod secrets;
mod terms;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod token;
mod values;

pub use accounting::Accounting;
pub use cache::Cache;
pub use check::Check;
pub use data_fields::DataFields;
pub use drain::Drain;
pub use framing::Framing;
pub use limits::Limits;
pub use outbound::{Outbound, Undecided};
pub use refusal::Refusal;
pub use rejects::Rejects;
pub use renewal::{CustomTypes, Renewal};
pub use secrets::{InLogon, InMessages, Secrets};
pub use terms::TermsSettings;
pub use token::{Scheme, Token};

use crate::profile::Profile;
use crate::tags::{NEW_PASSWORD, SECRETS};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use values::tags;

/// What the filter can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where decisions come from.
    pub check: Check,
    /// Where the token stands in the Logon.
    #[serde(default)]
    pub token: Token,
    /// Whether secret fields in messages to the venue are cut, refused or passed.
    #[serde(default)]
    pub secrets: Secrets,
    /// How a Logon is refused.
    #[serde(default)]
    pub refusal: Refusal,
    /// Where rejects are remembered.
    #[serde(default)]
    pub rejects: Rejects,
    /// What becomes of the venue's messages that the service could not decide.
    #[serde(default)]
    pub outbound: Outbound,
    /// A fresh credential in a running session.
    #[serde(default)]
    pub renewal: Renewal,
    /// Decisions that are kept.
    #[serde(default)]
    pub cache: Cache,
    /// For how long messages pass without a Check while no service can be reached.
    #[serde(default)]
    pub terms: TermsSettings,
    /// The accounts of messages that no Check was made for.
    #[serde(default)]
    pub accounting: Accounting,
    /// Every bound.
    #[serde(default)]
    pub limits: Limits,
    /// How the frame and the tags of a message may be written.
    #[serde(default)]
    pub framing: Framing,
    /// The end of sessions when the gateway goes down.
    #[serde(default)]
    pub drain: Drain,
    /// Length and data fields beyond the dictionary's.
    #[serde(default)]
    pub data_fields: DataFields,
    /// Body tags that also travel as headers `x-fix-tag-N`.
    #[serde(default, deserialize_with = "tags")]
    pub tag_headers: Vec<u32>,
    /// `context_extensions` of every request.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// One line that names the key.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| format!("filter_config is no JSON object: {error}"))?;
        values::sections_are_objects(&value).map_err(|error| format!("filter_config{error}"))?;
        let settings: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            format!("filter_config: {}", values::plain(&error.path().to_string(), error.inner()))
        })?;
        settings.validate().map_err(|error| format!("filter_config: {error}"))?;
        Ok(settings)
    }

    fn validate(&self) -> Result<(), String> {
        self.check.validate()?;
        self.cache.validate()?;
        self.terms.validate()?;
        self.accounting.validate()?;
        self.drain.validate()?;
        self.token.validate()?;
        self.data_fields.validate()?;
        self.framing.validate()?;
        self.rejects.validate()?;
        if let Some(tag) = self.tag_headers.iter().find(|tag| self.is_secret(**tag)) {
            return Err(format!("`tag_headers` has `{tag}`, which is a secret"));
        }
        if self.token.scheme == Scheme::Basic && self.is_secret(self.token.username_tag) {
            return Err(format!("`token.username_tag` is `{}`, which is a secret", self.token.username_tag));
        }
        self.renewal.validate()?;
        self.limits.validate()
    }

    /// Where a renewal's credential may stand, in the order in which it is looked for.
    pub fn renewal_tags(&self) -> Vec<u32> {
        if self.renewal.tags.is_empty() {
            std::iter::once(NEW_PASSWORD).chain(self.token.tags.iter().copied()).collect()
        } else {
            self.renewal.tags.clone()
        }
    }

    /// The classes of tags under these settings.
    pub fn profile(&self) -> Profile {
        Profile::new(&self.data_fields.pairs, &self.data_fields.without_length)
            .with_secrets(&self.token.tags)
            .with_secrets(&self.renewal.tags)
            .with_framing(&self.framing)
    }

    /// Whether a tag holds a secret, at least in some messages. Its value is in no Check's body and in no log.
    pub fn is_secret(&self, tag: u32) -> bool {
        SECRETS.contains(&tag) || self.token.tags.contains(&tag) || self.renewal.tags.contains(&tag)
    }
}

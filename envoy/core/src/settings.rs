//! The filter's settings: JSON as Envoy hands over a `google.protobuf.Struct`, checked whole before anything starts.
//!
//! Every limit is here. An unknown key, a value of the wrong type or out of its range is an error that names the key.

use crate::profile::Profile;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the filter can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where decisions come from.
    pub check: Check,
    /// Where the token stands in the Logon.
    #[serde(default)]
    pub token: Token,
    /// Every bound.
    #[serde(default)]
    pub limits: Limits,
    /// Length and data fields beyond the dictionary's.
    #[serde(default)]
    pub data_fields: DataFields,
    /// Body tags that also travel as headers `x-fix-tag-N`.
    #[serde(default)]
    pub tag_headers: Vec<u32>,
    /// `context_extensions` of every request.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

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
}

/// Where the token stands in the Logon.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Token {
    /// Tried in this order; the first one present counts.
    pub tags: Vec<u32>,
    /// The token is cut from the Logon that goes upstream.
    pub strip: bool,
}

/// Length and data fields beyond the dictionary's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataFields {
    /// (length tag, data tag).
    pub pairs: Vec<(u32, u32)>,
    /// Data tags that this venue sends without their length.
    pub without_length: Vec<u32>,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $default:literal in $min:literal..=$max:literal,)*) => {
        /// Every bound; times in milliseconds.
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[$doc])* #[serde(deserialize_with = "whole")] pub $name: u32,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            fn check(&self) -> Result<(), String> {
                $(if !($min..=$max).contains(&self.$name) {
                    return Err(format!(
                        "`limits.{}` is `{}`; it must be from {} to {}",
                        stringify!($name), self.$name, $min, $max,
                    ));
                })*
                Ok(())
            }
        }
    };
}

limits! {
    /// From the connection to an authorized Logon.
    logon_timeout_ms = 10_000 in 10..=600_000,
    /// From a Logout that ends a session to the close, if the venue does not answer it.
    logout_timeout_ms = 2_000 in 10..=60_000,
    /// The longest message.
    max_message_bytes = 65_536 in 64..=8_388_608,
    /// The most fields in a message.
    max_fields = 2_048 in 8..=65_536,
    /// Checks out at once, for each direction of a connection.
    max_checks_in_flight = 256 in 1..=65_536,
    /// Bytes waiting for answers, for each direction of a connection.
    max_queued_bytes = 1_048_576 in 1_024..=268_435_456,
    /// Denied messages whose reject the venue's Heartbeat has not yet carried back.
    max_pending_rejects = 1_024 in 1..=65_536,
}

impl Limits {
    /// See `logon_timeout_ms`.
    pub fn logon_timeout(&self) -> Duration {
        Duration::from_millis(self.logon_timeout_ms.into())
    }

    /// See `logout_timeout_ms`.
    pub fn logout_timeout(&self) -> Duration {
        Duration::from_millis(self.logout_timeout_ms.into())
    }
}

impl Default for Token {
    fn default() -> Self {
        Self { tags: vec![crate::tags::PASSWORD, crate::tags::RAW_DATA], strip: true }
    }
}

fn default_authority() -> String {
    "authzsvc".to_owned()
}

fn default_timeout() -> u32 {
    500
}

/// A `Struct` has one kind of number, so a whole one may arrive as `500.0`.
fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        // The range was just checked.
        Ok(number as u32)
    } else {
        Err(serde::de::Error::custom(format_args!("`{number}` is not a whole number from 0 to {}", u32::MAX)))
    }
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// One line that names the key.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_slice(json)
            .map_err(|error| format!("filter_config is no JSON object: {error}"))?;
        let settings: Self = serde_json::from_value(whole_numbers(value))
            .map_err(|error| format!("filter_config: {error}"))?;
        settings.check().map_err(|error| format!("filter_config: {error}"))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        if self.check.cluster.is_empty() {
            return Err("`check.cluster` is empty".to_owned());
        }
        if !(1..=60_000).contains(&self.check.timeout_ms) {
            return Err(format!(
                "`check.timeout_ms` is `{}`; it must be from 1 to 60000",
                self.check.timeout_ms
            ));
        }
        if self.token.tags.is_empty() {
            return Err("`token.tags` is empty; name the tag of the Logon that holds the token".to_owned());
        }
        let pairs = self.data_fields.pairs.iter().flat_map(|(length, data)| [length, data]);
        let lists = [
            ("token.tags", &self.token.tags),
            ("tag_headers", &self.tag_headers),
            ("data_fields.without_length", &self.data_fields.without_length),
        ];
        let tags = lists.iter().flat_map(|(key, tags)| tags.iter().map(move |tag| (*key, tag)));
        for (key, tag) in tags.chain(pairs.map(|tag| ("data_fields.pairs", tag))) {
            if !(1..=999_999).contains(tag) {
                return Err(format!("`{key}` has `{tag}`, which is no tag"));
            }
        }
        if let Some(tag) = self.tag_headers.iter().find(|tag| self.is_secret(**tag)) {
            return Err(format!("`tag_headers` has `{tag}`, which is a secret"));
        }
        self.limits.check()
    }

    /// The classes of tags under these settings.
    pub fn profile(&self) -> Profile {
        Profile::new(&self.data_fields.pairs, &self.data_fields.without_length)
    }

    /// A tag whose value must not leave the filter but upstream.
    pub fn is_secret(&self, tag: u32) -> bool {
        crate::tags::SECRETS.contains(&tag) || self.token.tags.contains(&tag)
    }
}

/// A `Struct` writes whole numbers as `500` or `500.0`; integers inside lists want the former.
fn whole_numbers(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&float) => {
                Value::from(float as u64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(whole_numbers).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(k, v)| (k, whole_numbers(v))).collect()),
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn has_a_default_for_all_but_the_cluster() {
        let settings = Settings::from_json(br#"{"check":{"cluster":"authz"}}"#).unwrap();
        assert_eq!(settings.token.tags, [554, 96]);
        assert!(settings.token.strip);
        assert_eq!(settings.limits.logon_timeout(), Duration::from_secs(10));
        assert_eq!(settings.check.timeout_ms, 500);
    }

    #[test]
    fn takes_the_numbers_of_a_struct() {
        let json = br#"{"check":{"cluster":"a","timeout_ms":250.0},"token":{"tags":[5001.0]},
            "data_fields":{"pairs":[[5001.0,5002.0]]},"limits":{"max_fields":64.0}}"#;
        let settings = Settings::from_json(json).unwrap();
        assert_eq!((settings.check.timeout_ms, settings.limits.max_fields), (250, 64));
        assert_eq!(settings.token.tags, [5001]);
        assert_eq!(settings.data_fields.pairs, [(5001, 5002)]);
    }

    #[test]
    fn names_the_key_of_every_fault() {
        for (json, key) in [
            ("", "JSON"),
            ("[]", "filter_config"),
            ("{}", "check"),
            (r#"{"check":{}}"#, "cluster"),
            (r#"{"check":{"cluster":""}}"#, "check.cluster"),
            (r#"{"check":{"cluster":"a","timeout_ms":0}}"#, "check.timeout_ms"),
            (r#"{"check":{"cluster":"a","timeout":1}}"#, "timeout"),
            (r#"{"check":{"cluster":"a"},"limit":{}}"#, "limit"),
            (r#"{"check":{"cluster":"a"},"limits":{"max_fields":1}}"#, "limits.max_fields"),
            (r#"{"check":{"cluster":"a"},"limits":{"max_fields":-1}}"#, "-1"),
            (r#"{"check":{"cluster":"a"},"limits":{"max_fields":9.5}}"#, "9.5"),
            (r#"{"check":{"cluster":"a"},"token":{"tags":[]}}"#, "token.tags"),
            (r#"{"check":{"cluster":"a"},"token":{"tags":[0]}}"#, "token.tags"),
            (r#"{"check":{"cluster":"a"},"tag_headers":[554]}"#, "tag_headers"),
            (r#"{"check":{"cluster":"a"},"data_fields":{"pairs":[[1]]}}"#, "tuple"),
        ] {
            let error = Settings::from_json(json.as_bytes()).unwrap_err();
            assert!(error.contains(key), "{json}: {error}");
        }
    }
}
